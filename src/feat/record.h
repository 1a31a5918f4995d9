/* Records: rows ready for the network, packed one after another so that a shuffled row is one contiguous read.
 * A record is `stride` 4-byte words:  numbers float[n_numbers] | ids int32[n_ids] | bags {uint32 begin, uint32 count}[n_bags]
 *                                     | labels float[T] | weights float[T] | groups uint64[n_groups].
 * numbers are transformed; ids are rows of embedding tables; a weight of 0 says: not labelled, or outside the task's sample space. */
#ifndef GW_FEAT_RECORD_H
#define GW_FEAT_RECORD_H

#include <stddef.h>
#include <stdint.h>

typedef enum gw__slot_kind { GW__SLOT_NUMBER, GW__SLOT_EMBEDDING, GW__SLOT_BAG_SUM, GW__SLOT_BAG_MEAN } gw__slot_kind;

/* What one feature puts into the dense input. A numeric feature with an indicator has two NUMBER slots. */
typedef struct gw__slot {
    gw__slot_kind kind;
    uint32_t feature;  /* index of its feature */
    uint32_t dense_at; /* first column of the dense input */
    uint32_t width;    /* 1, or the table's dim */
    uint32_t index;    /* which number, id or bag of the record */
    uint32_t table;    /* embedding: which table */
} gw__slot;

typedef struct gw__table_shape {
    const char *name; /* of the tensor embedding.NAME.weight: the feature's, or the shared name */
    uint64_t rows;
    uint32_t dim;
} gw__table_shape;

/* The dense input: features in the file's column order. */
typedef struct gw__input {
    const gw__slot *slots;
    size_t n_slots;
    const gw__table_shape *tables;
    size_t n_tables;
    uint32_t width; /* D */
    uint32_t n_numbers, n_ids, n_bags, n_tasks, n_groups;
    uint32_t numbers_at, ids_at, bags_at, labels_at, weights_at, groups_at, stride; /* in words; groups_at is even, stride is even */
} gw__input;

/* Rows in memory. bag values live apart: bag k of a record is bag_ids[begin .. begin+count). */
typedef struct gw__records {
    const gw__input *input; /* borrowed */
    uint32_t *words;        /* n_rows * stride; 64-byte aligned */
    size_t n_rows;
    int32_t *bag_ids;
    size_t n_bag_ids;
} gw__records;

static inline const uint32_t *gw__record_at(const gw__records *r, size_t row) { return r->words + row * r->input->stride; }
static inline const float *gw__record_labels(const gw__input *in, const uint32_t *record) { return (const float *)(record + in->labels_at); }
static inline const float *gw__record_weights(const gw__input *in, const uint32_t *record) { return (const float *)(record + in->weights_at); }

void gw__records_clear(gw__records *records);

#endif
