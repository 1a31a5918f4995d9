/* The dense input [B,D] of a chunk: numbers and embedding rows of its records. */
#include <string.h>

#include "model/net_plan.h"

/* A bag's embeddings, pooled; an empty bag is zeros. */
static void gather_bag(const gw__slot *slot, const float *table, const gw__records *records, const uint32_t *bag, float *to) {
    const uint32_t begin = bag[0], count = bag[1];
    memset(to, 0, slot->width * sizeof *to);
    for (uint32_t i = 0; i < count; i++) {
        const float *row = table + (size_t)records->bag_ids[begin + i] * slot->width;
        for (uint32_t j = 0; j < slot->width; j++) to[j] += row[j];
    }
    if (slot->kind == GW__SLOT_BAG_MEAN && count > 1) {
        for (uint32_t j = 0; j < slot->width; j++) to[j] /= (float)count;
    }
}

void gw__gather(const gw__net *net, const float *flat, const gw__records *records, const uint64_t *rows, size_t begin, size_t n, float *dense) {
    gw__gather_slots(net, net->input.slots, net->input.n_slots, net->dense.ld, flat, records, rows, begin, n, dense);
}

void gw__gather_slots(const gw__net *net, const gw__slot *slots, size_t n_slots, size_t ld, const float *flat, const gw__records *records,
                      const uint64_t *rows, size_t begin, size_t n, float *dense) {
    const gw__input *in = &net->input;
    for (size_t r = 0; r < n; r++, dense += ld) {
        const uint32_t *record = gw__record_at(records, rows ? (size_t)rows[r] : begin + r);
        for (size_t s = 0; s < n_slots; s++) {
            const gw__slot *slot = &slots[s];
            float *to = dense + slot->dense_at;
            if (slot->kind == GW__SLOT_NUMBER) {
                *to = ((const float *)(record + in->numbers_at))[slot->index];
            } else if (slot->kind == GW__SLOT_EMBEDDING) {
                size_t row = ((const uint32_t *)(record + in->ids_at))[slot->index];
                memcpy(to, flat + net->table_at[slot->table] + row * slot->width, slot->width * sizeof *to);
            } else {
                gather_bag(slot, flat + net->table_at[slot->table], records, record + in->bags_at + 2 * (size_t)slot->index, to);
            }
        }
    }
}
