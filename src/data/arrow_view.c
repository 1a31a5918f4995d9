#include "data/arrow_view.h"

#include <string.h>

#include "base/mem.h"

static const gw__arrow_format formats[] = {
    {"n", GW__ARROW_NULL, GW_COLUMN_TEXT},
    {"b", GW__ARROW_BOOL, GW_COLUMN_INT64},
    {"c", GW__ARROW_INT8, GW_COLUMN_INT64},
    {"C", GW__ARROW_UINT8, GW_COLUMN_INT64},
    {"s", GW__ARROW_INT16, GW_COLUMN_INT64},
    {"S", GW__ARROW_UINT16, GW_COLUMN_INT64},
    {"i", GW__ARROW_INT32, GW_COLUMN_INT64},
    {"I", GW__ARROW_UINT32, GW_COLUMN_INT64},
    {"l", GW__ARROW_INT64, GW_COLUMN_INT64},
    {"L", GW__ARROW_UINT64, GW_COLUMN_UINT64},
    {"f", GW__ARROW_FLOAT, GW_COLUMN_FLOAT},
    {"g", GW__ARROW_DOUBLE, GW_COLUMN_DOUBLE},
    {"u", GW__ARROW_UTF8, GW_COLUMN_TEXT},
    {"U", GW__ARROW_LARGE_UTF8, GW_COLUMN_TEXT},
    {"tdD", GW__ARROW_INT32, GW_COLUMN_INT64}, /* days since 1970 */
    {"tdm", GW__ARROW_INT64, GW_COLUMN_INT64}, /* milliseconds since 1970 */
    {"tts", GW__ARROW_INT32, GW_COLUMN_INT64}, /* times of the day */
    {"ttm", GW__ARROW_INT32, GW_COLUMN_INT64},
    {"ttu", GW__ARROW_INT64, GW_COLUMN_INT64},
    {"ttn", GW__ARROW_INT64, GW_COLUMN_INT64},
    {"tss:", GW__ARROW_INT64, GW_COLUMN_INT64}, /* timestamps; a time zone follows */
    {"tsm:", GW__ARROW_INT64, GW_COLUMN_INT64},
    {"tsu:", GW__ARROW_INT64, GW_COLUMN_INT64},
    {"tsn:", GW__ARROW_INT64, GW_COLUMN_INT64},
    {"tDs", GW__ARROW_INT64, GW_COLUMN_INT64}, /* durations */
    {"tDm", GW__ARROW_INT64, GW_COLUMN_INT64},
    {"tDu", GW__ARROW_INT64, GW_COLUMN_INT64},
    {"tDn", GW__ARROW_INT64, GW_COLUMN_INT64},
};

const gw__arrow_format *gw__arrow_format_find(const char *format) {
    for (size_t i = 0; i < GW__COUNT(formats); i++) {
        size_t n = strlen(formats[i].format);
        bool prefix = formats[i].format[n - 1] == ':';
        if (prefix ? strncmp(format, formats[i].format, n) == 0 : strcmp(format, formats[i].format) == 0) return &formats[i];
    }
    return NULL;
}

static bool is_text(gw__arrow_value value) {
    return value == GW__ARROW_UTF8 || value == GW__ARROW_LARGE_UTF8;
}

static gw_status format_failure(const char *name, gw_error *err, const char *what, int64_t expected, int64_t found) {
    return gw__fail_at(err, GW_E_FORMAT, name, 0, 0, "column '%.80s': expected an Arrow array with %lld %s but found %lld", name,
                       (long long)expected, what, (long long)found);
}

gw_status gw__arrow_view_init(gw__arrow_view *view, gw__arrow_value value, const struct ArrowArray *array, const char *name,
                              gw_error *err) {
    int64_t end, n_buffers = is_text(value) ? 3 : 2;
    if (array->n_children != 0) return format_failure(name, err, "children", 0, array->n_children);
    if (array->offset < 0 || array->length < 0 || __builtin_add_overflow(array->offset, array->length, &end) || end == INT64_MAX) {
        return gw__fail_at(err, GW_E_FORMAT, name, 0, 0, "column '%.80s': expected an Arrow array but found length %lld at offset %lld",
                           name, (long long)array->length, (long long)array->offset);
    }
    gw__arrow_view made = {.value = value, .offset = array->offset, .length = array->length};
    if (value != GW__ARROW_NULL) {
        if (array->n_buffers != n_buffers) return format_failure(name, err, "buffers", n_buffers, array->n_buffers);
        if (array->buffers == NULL || (array->length > 0 && array->buffers[1] == NULL)) {
            return format_failure(name, err, "buffers", n_buffers, 0);
        }
        made.valid = array->buffers[0];
        made.offsets = is_text(value) ? array->buffers[1] : NULL;
        made.values = array->buffers[n_buffers - 1];
        if (made.valid == NULL && array->null_count > 0) {
            return format_failure(name, err, "nulls for want of a bitmap", 0, array->null_count);
        }
    }
    *view = made;
    return GW_OK;
}

static bool bit_at(const uint8_t *bits, int64_t i) {
    return (bits[i / 8] >> (i % 8) & 1) != 0;
}

bool gw__arrow_has_value(const gw__arrow_view *view, int64_t i) {
    return view->value != GW__ARROW_NULL && (view->valid == NULL || bit_at(view->valid, view->offset + i));
}

/* Through memcpy: nobody promises that foreign buffers are aligned. */
#define LOAD(type, i)                                                      \
    do {                                                                   \
        type loaded;                                                       \
        memcpy(&loaded, (const char *)view->values + (size_t)(i) * sizeof loaded, sizeof loaded); \
        return (int64_t)loaded;                                            \
    } while (0)

int64_t gw__arrow_int_at(const gw__arrow_view *view, int64_t i) {
    int64_t at = view->offset + i;
    switch (view->value) {
    case GW__ARROW_BOOL: return bit_at(view->values, at);
    case GW__ARROW_INT8: LOAD(int8_t, at);
    case GW__ARROW_UINT8: LOAD(uint8_t, at);
    case GW__ARROW_INT16: LOAD(int16_t, at);
    case GW__ARROW_UINT16: LOAD(uint16_t, at);
    case GW__ARROW_INT32: LOAD(int32_t, at);
    case GW__ARROW_UINT32: LOAD(uint32_t, at);
    case GW__ARROW_INT64: LOAD(int64_t, at);
    case GW__ARROW_UINT64: LOAD(uint64_t, at);
    default: return 0;
    }
}

double gw__arrow_double_at(const gw__arrow_view *view, int64_t i) {
    float single;
    double value;
    if (view->value == GW__ARROW_FLOAT) {
        memcpy(&single, (const char *)view->values + (size_t)(view->offset + i) * sizeof single, sizeof single);
        return single;
    }
    memcpy(&value, (const char *)view->values + (size_t)(view->offset + i) * sizeof value, sizeof value);
    return value;
}

bool gw__arrow_text_at(const gw__arrow_view *view, int64_t i, gw__slice *ret) {
    const char *offsets = view->offsets;
    int64_t at = view->offset + i, begin, end;
    if (view->value == GW__ARROW_UTF8) {
        int32_t two[2];
        memcpy(two, offsets + (size_t)at * sizeof two[0], sizeof two);
        begin = two[0], end = two[1];
    } else {
        int64_t two[2];
        memcpy(two, offsets + (size_t)at * sizeof two[0], sizeof two);
        begin = two[0], end = two[1];
    }
    if (begin < 0 || end < begin || (end > begin && view->values == NULL)) return false;
    *ret = (gw__slice){end > begin ? (const char *)view->values + begin : "", (size_t)(end - begin)};
    return true;
}
