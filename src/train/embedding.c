#include "train/embedding.h"

#include <string.h>

static bool reads(const gw__slot *slot, uint32_t table) { return slot->kind != GW__SLOT_NUMBER && slot->table == table; }

gw_status gw__touched_init(gw__touched *touched, const gw__input *input, uint32_t table, size_t capacity_per_batch, gw_error *err) {
    const gw__table_shape *shape = &input->tables[table];
    gw__touched t = {.table = table, .dim = shape->dim, .rows = shape->rows, .input = input};
    t.capacity = shape->rows < capacity_per_batch ? (size_t)shape->rows : capacity_per_batch;
    size_t floats;
    if (!gw__mul_size(t.capacity, t.dim, &floats)) return gw__fail_nomem(err);
    t.mark = gw__aligned_alloc((size_t)shape->rows, sizeof *t.mark);
    t.list = gw__aligned_alloc(t.capacity, sizeof *t.list);
    t.gradients = gw__aligned_alloc(floats, sizeof *t.gradients);
    t.none = gw__aligned_alloc(t.dim, sizeof *t.none);
    for (uint32_t s = 0; s < input->n_slots; s++) t.n_slots += reads(&input->slots[s], table);
    t.slots = gw__aligned_alloc(t.n_slots, sizeof *t.slots);
    for (uint32_t s = 0, n = 0; n < t.n_slots && t.slots; s++) {
        if (reads(&input->slots[s], table)) t.slots[n++] = s;
    }
    *touched = t;
    if (t.mark && t.list && t.gradients && t.none && t.slots) return GW_OK;
    gw__touched_clear(touched);
    return gw__fail_nomem(err);
}

void gw__touched_clear(gw__touched *touched) {
    gw__aligned_free(touched->mark);
    gw__aligned_free(touched->list);
    gw__aligned_free(touched->gradients);
    gw__aligned_free(touched->none);
    gw__aligned_free(touched->slots);
    *touched = (gw__touched){0};
}

static const uint32_t *bag_of(const gw__input *in, const uint32_t *record, const gw__slot *slot) { return record + in->bags_at + 2 * (size_t)slot->index; }

size_t gw__touched_capacity(const gw__records *records, uint32_t table, size_t batch) {
    const gw__input *in = records->input;
    size_t per_row = 0;
    for (size_t s = 0; s < in->n_slots; s++) {
        const gw__slot *slot = &in->slots[s];
        if (!reads(slot, table)) continue;
        size_t most = 1;
        for (size_t r = 0; slot->kind != GW__SLOT_EMBEDDING && r < records->n_rows; r++) {
            size_t count = bag_of(in, gw__record_at(records, r), slot)[1];
            most = count > most ? count : most;
        }
        per_row += most;
    }
    return per_row * batch;
}

/* gradient of `row` += scale * d */
static void add_row(gw__touched *touched, uint32_t row, const float *d, float scale) {
    const uint32_t dim = touched->dim;
    float *to;
    if (touched->mark[row] == 0) {
        touched->list[touched->n++] = row;
        touched->mark[row] = (uint32_t)touched->n;
        to = touched->gradients + (touched->n - 1) * dim;
        for (uint32_t j = 0; j < dim; j++) to[j] = scale * d[j];
    } else {
        to = touched->gradients + (size_t)(touched->mark[row] - 1) * dim;
        for (uint32_t j = 0; j < dim; j++) to[j] += scale * d[j];
    }
}

void gw__touched_gather(gw__touched *touched, const gw__records *records, const uint64_t *rows, size_t n, const float *ddense, size_t ld) {
    const gw__input *in = touched->input;
    for (size_t r = 0; r < n; r++, ddense += ld) {
        const uint32_t *record = gw__record_at(records, (size_t)rows[r]);
        for (size_t s = 0; s < touched->n_slots; s++) {
            const gw__slot *slot = &in->slots[touched->slots[s]];
            const float *d = ddense + slot->dense_at;
            if (slot->kind == GW__SLOT_EMBEDDING) {
                add_row(touched, record[in->ids_at + slot->index], d, 1);
                continue;
            }
            const uint32_t *bag = bag_of(in, record, slot);
            float scale = slot->kind == GW__SLOT_BAG_MEAN && bag[1] ? 1.0f / (float)bag[1] : 1.0f;
            for (uint32_t i = 0; i < bag[1]; i++) add_row(touched, (uint32_t)records->bag_ids[bag[0] + i], d, scale);
        }
    }
}

static float *row_of(float *table, size_t row, uint32_t dim) { return table ? table + row * dim : NULL; }

void gw__touched_update(gw__touched *touched, const gw__kernels *kernels, gw__optimizer_name optimizer, const gw__update *u, bool lazy,
                        float *table, float *s0, float *s1) {
    const uint32_t dim = touched->dim;
    for (size_t i = 0; i < (lazy ? touched->n : (size_t)touched->rows); i++) {
        size_t row = lazy ? touched->list[i] : i;
        const float *g = touched->mark[row] ? touched->gradients + (size_t)(touched->mark[row] - 1) * dim : touched->none;
        kernels->update[optimizer](u, dim, row_of(table, row, dim), g, row_of(s0, row, dim), row_of(s1, row, dim));
    }
    for (size_t i = 0; i < touched->n; i++) touched->mark[touched->list[i]] = 0;
    touched->n = 0;
}

void gw__touched_scatter(gw__touched *touched, float *table) {
    for (size_t i = 0; i < touched->n; i++) {
        memcpy(table + (size_t)touched->list[i] * touched->dim, touched->gradients + i * touched->dim, touched->dim * sizeof *table);
        touched->mark[touched->list[i]] = 0;
    }
    touched->n = 0;
}
