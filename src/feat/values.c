#include "feat/values.h"

#include "base/number.h"

gw_status gw__missing_texts_init(gw__missing_texts *missing, gw__texts texts, gw__arena *arena, gw_error *err) {
    gw_status status = GW_OK;
    double *numbers = gw__arena_alloc(arena, texts.n ? texts.n : 1, sizeof *numbers);
    if (!numbers) GW__FAIL(gw__fail_nomem(err));
    missing->numbers = numbers;
    for (size_t i = 0; i < texts.n; i++) {
        gw__slice text = gw__slice_of(texts.at[i]);
        uint32_t entry;
        GW__TRY(gw__lexicon_add(&missing->texts, text, &entry, err));
        if (gw__parse_double(text, &numbers[missing->n_numbers])) missing->n_numbers++;
    }
cleanup:
    return status;
}

void gw__missing_texts_clear(gw__missing_texts *missing) {
    gw__lexicon_clear(&missing->texts);
    missing->n_numbers = 0;
}

static size_t format_uint64(uint64_t value, char *out) {
    char digits[20];
    size_t n = 0;
    do digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    for (size_t i = 0; i < n; i++) out[i] = digits[n - 1 - i];
    return n;
}

static size_t format_int64(int64_t value, char *out) {
    if (value >= 0) return format_uint64((uint64_t)value, out);
    out[0] = '-';
    return 1 + format_uint64(0 - (uint64_t)value, out + 1);
}

static size_t format_number(double value, char buffer[GW__CELL_TEXT]) {
    if (isnan(value)) return 0;
    if (isinf(value)) return (size_t)(memcpy(buffer, value > 0 ? "+inf" : "-inf", 4), 4);
    return (size_t)gw__format_double(value, buffer);
}

gw__slice gw__cell_text(const gw__batch *batch, size_t index, size_t row, char buffer[GW__CELL_TEXT]) {
    const gw_column *column = &batch->columns[index];
    if (column->type == GW_COLUMN_TEXT) return gw__cell_slice(batch, index, row);
    size_t n = 0;
    if (gw__cell_valid(column, row)) {
        switch (column->type) {
        case GW_COLUMN_INT64: n = format_int64(((const int64_t *)column->values)[row], buffer); break;
        case GW_COLUMN_UINT64: n = format_uint64(((const uint64_t *)column->values)[row], buffer); break;
        case GW_COLUMN_FLOAT: n = format_number(((const float *)column->values)[row], buffer); break;
        case GW_COLUMN_DOUBLE: n = format_number(((const double *)column->values)[row], buffer); break;
        case GW_COLUMN_TEXT: break;
        }
    }
    return (gw__slice){buffer, n};
}

static bool text_number(gw__slice text, const gw__missing_texts *missing, double *ret) {
    if (text.n == 0 || (missing->n_numbers && gw__missing_has(missing, text))) return *ret = NAN, true;
    if (gw__parse_double(text, ret)) return true;
    if (gw__missing_has(missing, text)) return *ret = NAN, true;
    gw__slice trimmed = gw__slice_trim(text); /* quoted cells keep their blanks */
    return trimmed.n < text.n && text_number(trimmed, missing, ret);
}

bool gw__cell_number(const gw__batch *batch, size_t index, size_t row, const gw__missing_texts *missing, double *ret) {
    const gw_column *column = &batch->columns[index];
    if (column->type == GW_COLUMN_TEXT) return text_number(gw__cell_slice(batch, index, row), missing, ret);
    if (!gw__cell_valid(column, row)) return *ret = NAN, true;
    double value = NAN;
    switch (column->type) {
    case GW_COLUMN_INT64: value = (double)((const int64_t *)column->values)[row]; break;
    case GW_COLUMN_UINT64: value = (double)((const uint64_t *)column->values)[row]; break;
    case GW_COLUMN_FLOAT: value = ((const float *)column->values)[row]; break;
    case GW_COLUMN_DOUBLE: value = ((const double *)column->values)[row]; break;
    case GW_COLUMN_TEXT: break;
    }
    if (isinf(value)) return false;
    for (size_t i = 0; i < missing->n_numbers; i++)
        if (value == missing->numbers[i]) value = NAN;
    *ret = value;
    return true;
}

bool gw__bag_next(gw__slice *rest, gw__slice separator, gw__slice *ret_piece) {
    while (rest->n) {
        const char *hit = separator.n ? memmem(rest->at, rest->n, separator.at, separator.n) : NULL;
        gw__slice piece = {rest->at, hit ? (size_t)(hit - rest->at) : rest->n};
        size_t used = piece.n + (hit ? separator.n : 0);
        *rest = (gw__slice){rest->at + used, rest->n - used};
        *ret_piece = gw__slice_trim(piece);
        if (ret_piece->n) return true;
    }
    return false;
}

gw_status gw__fail_cell(gw_error *err, const char *column, const char *expected, gw__slice found, const char *hint) {
    const char *join = hint ? "; hint: " : "";
    if (found.n == 0) {
        return gw__fail(err, GW_E_DATA, "column '%s': expected %s but found no value%s%s", column, expected, join, hint ? hint : "");
    }
    return gw__fail(err, GW_E_DATA, "column '%s': expected %s but found '%.*s'%s%s", column, expected, GW__SLICE_ARG(found), join,
                    hint ? hint : "");
}
