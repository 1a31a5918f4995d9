#include "serve/session.h"

#include <string.h>

#include "feat/values.h"

struct gw_session {
    const gw_model *model;
    size_t max_rows, chunk;
    gw__scorer *scorer;
    gw__encoder *encoder; /* bound to `names`; NULL before the first call */
    const char **names;   /* in `arena` */
    size_t n_names;
    gw__arena arena;
};

gw_status gw__session_new(const gw_model *model, size_t max_rows, gw_session **ret_session, gw_error *err) {
    gw_session *session = gw__aligned_alloc(1, sizeof *session);
    if (!session) return gw__fail_nomem(err);
    session->model = model;
    session->max_rows = max_rows;
    session->chunk = max_rows < GW__SCORE_CHUNK ? max_rows : GW__SCORE_CHUNK;
    gw_status status = gw__scorer_new(model->net, session->chunk, &session->scorer, err);
    if (status == GW_OK)
        *ret_session = session;
    else
        gw__session_free(session);
    return status;
}

void gw__session_free(gw_session *session) {
    if (!session) return;
    gw__scorer_free(session->scorer);
    gw__encoder_free(session->encoder);
    gw__arena_clear(&session->arena);
    gw__aligned_free(session);
}

static gw_status check_rows(const gw_session *session, size_t n_rows, gw_error *err) {
    if (n_rows <= session->max_rows) return GW_OK;
    return gw__fail(err, GW_E_LIMIT, "expected at most %zu rows, as this session was made for, but found %zu", session->max_rows, n_rows);
}

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

static bool is_bound(const gw_session *session, const gw_column *columns, size_t n_columns) {
    if (!session->encoder || session->n_names != n_columns) return false;
    for (size_t i = 0; i < n_columns; i++)
        if (strcmp(session->names[i], columns[i].name) != 0) return false;
    return true;
}

static gw_status check_unique(const gw_column *columns, size_t n_columns, gw_error *err) {
    gw_status status = GW_OK;
    gw__lexicon seen = {0};
    uint32_t entry;
    for (size_t i = 0; i < n_columns; i++) {
        GW__TRY(gw__lexicon_add(&seen, gw__slice_of(columns[i].name), &entry, err));
        if (entry != i) GW__FAIL(gw__fail_at(err, GW_E_ARGUMENT, columns[i].name, 0, 0, "column '%s' is there twice", columns[i].name));
    }
cleanup:
    gw__lexicon_clear(&seen);
    return status;
}

/* Find the features' columns among these. The names are copied, for the caller's may be gone at the next call. */
static gw_status bind(gw_session *session, const gw_column *columns, size_t n_columns, gw_error *err) {
    gw_status status = check_unique(columns, n_columns, err);
    if (status != GW_OK) return status;
    gw__arena arena = {0};
    gw__encoder *encoder = NULL;
    const char **names = gw__arena_alloc(&arena, n_columns + 1, sizeof *names);
    if (!names) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < n_columns; i++)
        if (!(names[i] = gw__arena_text(&arena, columns[i].name, strlen(columns[i].name)))) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(gw__encoder_new(session->model->features, names, n_columns, false, &encoder, err));
    GW__TRY(gw__encoder_reserve(encoder, session->max_rows, err));
    gw__encoder_free(session->encoder);
    gw__arena_clear(&session->arena);
    session->encoder = encoder;
    session->arena = arena;
    session->names = names;
    session->n_names = n_columns;
    return GW_OK;
cleanup:
    gw__encoder_free(encoder);
    gw__arena_clear(&arena);
    return status;
}

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

/* Of the columns that features are made of. Text of files is looked at where it is read, so this stands on the session's road alone. */
static gw_status check_utf8(const gw_session *session, const gw_column *columns, size_t n_rows, gw_error *err) {
    const size_t *used = gw__encoder_columns(session->encoder);
    for (size_t f = 0; f < gw__features_count(session->model->features); f++) {
        const gw_column *column = &columns[used[f]];
        if (column->type != GW_COLUMN_TEXT || is_utf8(column, n_rows)) continue;
        for (size_t i = 0; i < n_rows; i++) {
            gw__slice cell = gw__cell_slice(column, i);
            if (cell.n == 0 || gw__utf8_valid(cell.at, cell.n)) continue;
            return gw__fail_at(err, GW_E_DATA, column->name, (int64_t)i + 1, 0, "column '%s': expected UTF-8 but found the byte 0x%02X", column->name,
                               bad_byte(cell));
        }
    }
    return GW_OK;
}

gw_status gw__session_score(gw_session *session, const gw_column *columns, size_t n_columns, size_t n_rows, float *ret_score, gw_error *err) {
    gw_status status = check_rows(session, n_rows, err);
    for (size_t i = 0; status == GW_OK && i < n_columns; i++) status = check_column(&columns[i], i, n_rows, err);
    if (status == GW_OK && !is_bound(session, columns, n_columns)) status = bind(session, columns, n_columns, err);
    if (status == GW_OK) status = check_utf8(session, columns, n_rows, err);
    if (status != GW_OK) return status;

    /* All rows are encoded before the first is scored: a bad cell leaves the scores untouched. */
    gw__batch batch = {.n_rows = n_rows, .n_columns = n_columns, .columns = columns};
    gw__records records;
    size_t bad_row = 0;
    status = gw__encoder_apply(session->encoder, &batch, 0, n_rows, NULL, &records, &bad_row, err);
    if (status == GW_E_DATA && err) err->line = (int64_t)bad_row + 1;
    if (status != GW_OK) return status;
    size_t width = gw__net_output_width(session->model->net);
    for (size_t at = 0; at < n_rows; at += session->chunk) {
        size_t n = n_rows - at < session->chunk ? n_rows - at : session->chunk;
        gw__scorer_run(session->scorer, session->model->parameters, &records, at, n, ret_score + at * width, NULL, NULL);
    }
    return GW_OK;
}

gw_status gw__session_score_dense(gw_session *session, const float *dense, size_t n_rows, float *ret_score, gw_error *err) {
    gw_status status = check_rows(session, n_rows, err);
    if (status != GW_OK) return status;
    size_t in = gw__features_input(session->model->features)->width, out = gw__net_output_width(session->model->net);
    for (size_t at = 0; at < n_rows; at += session->chunk) {
        size_t n = n_rows - at < session->chunk ? n_rows - at : session->chunk;
        gw__scorer_run_dense(session->scorer, session->model->parameters, dense + at * in, n, ret_score + at * out, NULL);
    }
    return GW_OK;
}
