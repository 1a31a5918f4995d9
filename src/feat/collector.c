#include "feat/collector.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "feat/staged.h"

void gw__collector_clear(gw__collector *c) {
    for (size_t i = 0; i < c->n_blocks; i++) free(c->blocks[i]);
    free(c->blocks);
    free(c->bag_ids);
    *c = (gw__collector){0};
}

static gw_status collect_bags(gw__collector *c, const gw__records *records, uint32_t *record, gw_error *err) {
    gw_status status = GW_OK;
    for (uint32_t k = 0; k < records->input->n_bags; k++) {
        uint32_t *bag = record + records->input->bags_at + 2 * k;
        size_t need = c->n_bag_ids + bag[1];
        if (need > UINT32_MAX) return gw__fail(err, GW_E_LIMIT, "more than %u values in bags", UINT32_MAX);
        GW__TRY(gw__grow((void **)&c->bag_ids, &c->bag_capacity, need, sizeof *c->bag_ids, err));
        if (bag[1]) memcpy(c->bag_ids + c->n_bag_ids, records->bag_ids + bag[0], bag[1] * sizeof *c->bag_ids);
        bag[0] = (uint32_t)c->n_bag_ids;
        c->n_bag_ids = need;
    }
cleanup:
    return status;
}

gw_status gw__collect(gw__collector *c, const gw__records *records, size_t row, gw_error *err) {
    gw_status status = GW_OK;
    size_t stride = records->input->stride, bytes;
    if (c->n_rows == c->n_blocks * GW__CHUNK_ROWS) {
        GW__TRY(gw__grow((void **)&c->blocks, &c->blocks_capacity, c->n_blocks + 1, sizeof *c->blocks, err));
        uint32_t *block = gw__mul_size(stride, GW__CHUNK_ROWS * sizeof *block, &bytes) ? malloc(bytes) : NULL;
        if (!block) GW__FAIL(gw__fail_nomem(err));
        c->blocks[c->n_blocks++] = block;
    }
    uint32_t *record = c->blocks[c->n_rows / GW__CHUNK_ROWS] + c->n_rows % GW__CHUNK_ROWS * stride;
    memcpy(record, gw__record_at(records, row), stride * sizeof *record);
    GW__TRY(collect_bags(c, records, record, err));
    c->n_rows++;
cleanup:
    return status;
}

gw_status gw__collector_finish(gw__collector *c, const gw__input *input, gw__records *ret_records, gw_error *err) {
    gw__records made = {.input = input, .n_rows = c->n_rows, .n_bag_ids = c->n_bag_ids};
    size_t words;
    if (gw__mul_size(c->n_rows, input->stride, &words)) made.words = gw__aligned_alloc(words, sizeof *made.words);
    if (input->n_bags) made.bag_ids = gw__aligned_alloc(c->n_bag_ids, sizeof *made.bag_ids);
    if (!made.words || (input->n_bags && !made.bag_ids)) {
        gw__records_clear(&made);
        return gw__fail_nomem(err);
    }
    for (size_t i = 0; i < c->n_blocks; i++) {
        size_t first = i * GW__CHUNK_ROWS, n = c->n_rows - first < GW__CHUNK_ROWS ? c->n_rows - first : GW__CHUNK_ROWS;
        memcpy(made.words + first * input->stride, c->blocks[i], n * input->stride * sizeof *made.words);
        free(c->blocks[i]);
        c->blocks[i] = NULL;
    }
    if (c->n_bag_ids) memcpy(made.bag_ids, c->bag_ids, c->n_bag_ids * sizeof *made.bag_ids);
    gw__collector_clear(c);
    *ret_records = made;
    return GW_OK;
}
