#include "serve/incoming.h"

#include <string.h>

#include "feat/values.h"

/* ---- columns ---- */

static gw_status check_column(const gw_column *column, size_t at, size_t n_rows, gw_error *err) {
    if (!column->name) return gw__fail(err, GW_E_ARGUMENT, "column %zu has no name", at);
    if ((unsigned)column->type > GW_COLUMN_DOUBLE)
        return gw__fail_at(err, GW_E_ARGUMENT, column->name, 0, 0, "column '%s': expected a gw_column_type but found %d", column->name, (int)column->type);
    if (column->type != GW_COLUMN_TEXT) {
        if (column->values) return GW_OK;
        return gw__fail_at(err, GW_E_ARGUMENT, column->name, 0, 0, "column '%s': 'values' is NULL", column->name);
    }
    const int32_t *offsets = column->offsets;
    if (!offsets) return gw__fail_at(err, GW_E_ARGUMENT, column->name, 0, 0, "column '%s': text without 'offsets'", column->name);
    if (!column->values && offsets[n_rows] != 0)
        return gw__fail_at(err, GW_E_ARGUMENT, column->name, 0, 0, "column '%s': 'values' is NULL", column->name);
    bool ordered = offsets[0] >= 0;
    size_t row = 0;
    while (ordered && row < n_rows) {
        ordered = offsets[row] <= offsets[row + 1];
        row += ordered;
    }
    if (ordered) return GW_OK;
    return gw__fail_at(err, GW_E_ARGUMENT, column->name, (int64_t)row + 1, 0, "column '%s': 'offsets' decrease or are negative", column->name);
}

gw_status gw__incoming_check(const gw_column *columns, size_t n_columns, size_t n_rows, gw_error *err) {
    gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < n_columns; i++) status = check_column(&columns[i], i, n_rows, err);
    return status;
}

/* ---- text ---- */

/* The first byte with which no character can begin. */
static unsigned char bad_byte(gw__slice text) {
    size_t at = 0, n = 1;
    while (at + n <= text.n && n <= 4) {
        bool good = gw__utf8_valid(text.at + at, n);
        at += good ? n : 0;
        n = good ? 1 : n + 1;
    }
    return (unsigned char)text.at[at];
}

/* True if the cells together are UTF-8 and none begins inside a character; false may be the fault of cells without a value. */
static bool is_utf8(const gw_column *column, size_t n_rows) {
    const int32_t *offsets = column->offsets;
    const char *values = column->values;
    if (offsets[0] == offsets[n_rows]) return true;
    if (!gw__utf8_valid(values + offsets[0], (size_t)(offsets[n_rows] - offsets[0]))) return false;
    for (size_t i = 1; i < n_rows; i++)
        if (offsets[i] < offsets[n_rows] && ((unsigned char)values[offsets[i]] & 0xC0) == 0x80) return false;
    return true;
}

gw_status gw__incoming_check_text(const gw__features *features, const gw__encoder *encoder, const gw_column *columns, size_t n_rows, gw_error *err) {
    const size_t *used = gw__encoder_columns(encoder);
    const gw__batch batch = {.n_rows = n_rows, .columns = columns, .stride = 1};
    for (size_t f = 0; f < gw__features_count(features); f++) {
        if (used[f] == GW__NO_COLUMN) continue;
        const gw_column *column = &columns[used[f]];
        if (column->type != GW_COLUMN_TEXT || is_utf8(column, n_rows)) continue;
        for (size_t i = 0; i < n_rows; i++) {
            gw__slice cell = gw__cell_slice(&batch, used[f], i);
            if (cell.n == 0 || gw__utf8_valid(cell.at, cell.n)) continue;
            return gw__fail_at(err, GW_E_DATA, column->name, (int64_t)i + 1, 0, "column '%s': expected UTF-8 but found the byte 0x%02X", column->name,
                               bad_byte(cell));
        }
    }
    return GW_OK;
}

/* ---- names ---- */

static gw_status add_names(gw__incoming_names *names, gw__lexicon *seen, const gw_column *columns, size_t n_columns, gw_error *err) {
    for (size_t i = 0; i < n_columns; i++, names->n++) {
        const char *name = columns[i].name;
        uint32_t entry;
        gw_status status = gw__lexicon_add(seen, gw__slice_of(name), &entry, err);
        if (status != GW_OK) return status;
        if (entry != names->n) return gw__fail_at(err, GW_E_ARGUMENT, name, 0, 0, "column '%s' is there twice", name);
        if (!(names->at[names->n] = gw__arena_text(&names->arena, name, strlen(name)))) return gw__fail_nomem(err);
    }
    return GW_OK;
}

gw_status gw__incoming_names_init(gw__incoming_names *names, const gw_column *columns, size_t n_columns, const gw_column *more, size_t n_more,
                                  gw_error *err) {
    gw_status status = GW_OK;
    gw__lexicon seen = {0};
    size_t n;
    *names = (gw__incoming_names){0};
    if (!gw__add_size(n_columns, n_more, &n)) GW__FAIL(gw__fail_nomem(err));
    if (!(names->at = gw__arena_alloc(&names->arena, n, sizeof *names->at))) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(add_names(names, &seen, columns, n_columns, err));
    GW__TRY(add_names(names, &seen, more, n_more, err));
cleanup:
    gw__lexicon_clear(&seen);
    if (status != GW_OK) gw__incoming_names_clear(names);
    return status;
}

void gw__incoming_names_clear(gw__incoming_names *names) {
    gw__arena_clear(&names->arena);
    *names = (gw__incoming_names){0};
}

bool gw__incoming_names_are(const gw__incoming_names *names, size_t begin, const gw_column *columns, size_t n_columns) {
    for (size_t i = 0; i < n_columns; i++)
        if (strcmp(names->at[begin + i], columns[i].name) != 0) return false;
    return true;
}
