/* The dense input [B,D] of a chunk: numbers, embedding rows and pooled bags of its records. A row of a table that is larger than the caches
 * takes as long to come as a hundred floats to add, so rows are asked for while those of earlier records are copied. */
#include <string.h>

#include "model/net_plan.h"

#define LINE 64        /* bytes of a cache line */
#define IN_FLIGHT 24   /* embedding rows that are on their way at once: more than a core has places for, so that none is idle */
#define MOST_AHEAD 16  /* records */

/* Where the records of a chunk are. */
typedef struct chunk {
    const gw__records *records;
    const uint64_t *rows; /* NULL: begin, begin + 1, … */
    size_t begin, n;
} chunk;

static const uint32_t *record_of(const chunk *c, size_t r) { return gw__record_at(c->records, c->rows ? (size_t)c->rows[r] : c->begin + r); }

/* ---- one slot ---------------------------------------------------------------------------------------------------------------------- */

/* Sizes known to the compiler are a few moves, others a call. */
static inline void copy(float *to, const float *from, uint32_t n) {
    switch (n) {
    case 1: *to = *from; break;
    case 4: memcpy(to, from, 4 * sizeof *to); break;
    case 8: memcpy(to, from, 8 * sizeof *to); break;
    case 16: memcpy(to, from, 16 * sizeof *to); break;
    case 32: memcpy(to, from, 32 * sizeof *to); break;
    default: memcpy(to, from, n * sizeof *to);
    }
}

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

static inline void gather_slot(const gw__net *net, const float *flat, const gw__records *records, const gw__slot *slot, const uint32_t *record, float *to) {
    if (slot->kind == GW__SLOT_NUMBER) {
        copy(to, (const float *)(record + net->input.numbers_at) + slot->index, slot->width);
        return;
    }
    const float *table = flat + net->table_at[slot->table];
    if (slot->kind == GW__SLOT_EMBEDDING) copy(to, table + (size_t)record[net->input.ids_at + slot->index] * slot->width, slot->width);
    else gather_bag(slot, table, records, record + net->input.bags_at + 2 * (size_t)slot->index, to);
}

/* ---- ahead ------------------------------------------------------------------------------------------------------------------------- */

static inline void fetch(const void *at, size_t bytes) {
    for (size_t b = 0; b < bytes; b += LINE) __builtin_prefetch((const char *)at + b);
}

static inline void fetch_record(const chunk *c, size_t r) {
    if (r < c->n) fetch(record_of(c, r), c->records->input->stride * sizeof(uint32_t));
}

/* Bags are asked for up to their first row: most are short, and the rows of a long one overlap with each other. */
static inline void fetch_slot(const gw__net *net, const float *flat, const gw__records *records, const gw__slot *slot, const uint32_t *record) {
    size_t row;
    if (slot->kind == GW__SLOT_NUMBER) return;
    if (slot->kind == GW__SLOT_EMBEDDING) {
        row = record[net->input.ids_at + slot->index];
    } else {
        const uint32_t *bag = record + net->input.bags_at + 2 * (size_t)slot->index;
        if (bag[1] == 0) return;
        row = (size_t)records->bag_ids[bag[0]];
    }
    fetch(flat + net->table_at[slot->table] + row * slot->width, slot->width * sizeof *flat);
}

/* How many records ahead: enough for IN_FLIGHT rows. */
static size_t records_ahead(const gw__slot *slots, size_t n_slots) {
    size_t looked_up = 0;
    for (size_t s = 0; s < n_slots; s++) looked_up += slots[s].kind != GW__SLOT_NUMBER;
    size_t ahead = looked_up ? (IN_FLIGHT + looked_up - 1) / looked_up : 1;
    return ahead < MOST_AHEAD ? ahead : MOST_AHEAD;
}

/* ---- a chunk ----------------------------------------------------------------------------------------------------------------------- */

void gw__gather_slots(const gw__net *net, const gw__slot *slots, size_t n_slots, size_t ld, const float *flat, const gw__records *records,
                      const uint64_t *rows, size_t begin, size_t n, float *dense) {
    const chunk c = {records, rows, begin, n};
    const size_t ahead = records_ahead(slots, n_slots);
    for (size_t r = 0; r < n && r < 2 * ahead; r++) fetch_record(&c, r);
    for (size_t r = 0; r < n && r < ahead; r++) {
        for (size_t s = 0; s < n_slots; s++) fetch_slot(net, flat, records, &slots[s], record_of(&c, r));
    }
    for (size_t r = 0; r < n; r++, dense += ld) {
        const uint32_t *record = record_of(&c, r), *later = r + ahead < n ? record_of(&c, r + ahead) : NULL;
        fetch_record(&c, r + 2 * ahead);
        for (size_t s = 0; s < n_slots; s++) {
            if (later) fetch_slot(net, flat, records, &slots[s], later);
            gather_slot(net, flat, records, &slots[s], record, dense + slots[s].dense_at);
        }
    }
}

void gw__gather(const gw__net *net, const float *flat, const gw__records *records, const uint64_t *rows, size_t begin, size_t n, float *dense) {
    gw__gather_slots(net, net->moves, net->n_moves, net->dense.ld, flat, records, rows, begin, n, dense);
}
