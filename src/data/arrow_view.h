/* Single values out of Arrow arrays that others made: every count that the ABI states is checked before a buffer is touched. */
#ifndef GW_DATA_ARROW_VIEW_H
#define GW_DATA_ARROW_VIEW_H

#include "base/text.h"
#include "data/arrow.h"

typedef enum gw__arrow_value {
    GW__ARROW_NULL,
    GW__ARROW_BOOL,
    GW__ARROW_INT8,
    GW__ARROW_UINT8,
    GW__ARROW_INT16,
    GW__ARROW_UINT16,
    GW__ARROW_INT32,
    GW__ARROW_UINT32,
    GW__ARROW_INT64,
    GW__ARROW_UINT64,
    GW__ARROW_FLOAT,
    GW__ARROW_DOUBLE,
    GW__ARROW_UTF8,
    GW__ARROW_LARGE_UTF8,
} gw__arrow_value;

typedef struct gw__arrow_format {
    const char *format; /* one that ends in ':' stands for all that begin so */
    gw__arrow_value value;
    gw_column_type type; /* what it becomes */
} gw__arrow_format;

/* NULL: not one that is read. Dates, times and durations are their integers. */
const gw__arrow_format *gw__arrow_format_find(const char *format);
static inline bool gw__arrow_is_index(gw__arrow_value value) { return value >= GW__ARROW_INT8 && value <= GW__ARROW_UINT64; }

/* The values of one array; index i counts from the array's own offset. */
typedef struct gw__arrow_view {
    gw__arrow_value value;
    int64_t offset, length;
    const uint8_t *valid; /* NULL: all are */
    const void *values, *offsets;
} gw__arrow_view;

/* GW_E_FORMAT if the array's counts are not those of its format, with `name` as the column. */
gw_status gw__arrow_view_init(gw__arrow_view *view, gw__arrow_value value, const struct ArrowArray *array, const char *name,
                              gw_error *err);

bool     gw__arrow_has_value(const gw__arrow_view *view, int64_t i);
int64_t  gw__arrow_int_at(const gw__arrow_view *view, int64_t i);    /* BOOL to UINT64; the bits of a uint64 */
double   gw__arrow_double_at(const gw__arrow_view *view, int64_t i); /* FLOAT, DOUBLE */
/* False if the offsets run backwards. */
bool     gw__arrow_text_at(const gw__arrow_view *view, int64_t i, gw__slice *ret);

#endif
