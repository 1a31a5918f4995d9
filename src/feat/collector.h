/* Records that come one by one, of a number that is not known beforehand. */
#ifndef GW_FEAT_COLLECTOR_H
#define GW_FEAT_COLLECTOR_H

#include "base/error.h"
#include "feat/record.h"

/* {0} is empty and ready for use. */
typedef struct gw__collector {
    uint32_t **blocks; /* GW__CHUNK_ROWS records each */
    size_t n_blocks, blocks_capacity, n_rows;
    int32_t *bag_ids;
    size_t n_bag_ids, bag_capacity;
} gw__collector;

/* Copy one, its bags included. */
gw_status gw__collect(gw__collector *collector, const gw__records *records, size_t row, gw_error *err);
/* All of them; the collector is empty then. */
gw_status gw__collector_finish(gw__collector *collector, const gw__input *input, gw__records *ret_records, gw_error *err);
void gw__collector_clear(gw__collector *collector);

#endif
