/* Embedding tables in training: gradients of the touched rows only, gathered from the gradient of the dense input. */
#ifndef GW_TRAIN_EMBEDDING_H
#define GW_TRAIN_EMBEDDING_H

#include "kern/kernels.h"
#include "model/net.h"

typedef struct gw__touched {
    uint32_t table, dim;
    uint64_t rows;           /* of the table */
    const gw__input *input;
    uint32_t *slots;         /* [n_slots] the input's slots that read this table */
    size_t n_slots;
    uint32_t *mark;          /* [rows] 1 + its place in the list below, 0: not touched in this step */
    uint32_t *list;          /* [capacity] touched rows in the order of their first use */
    float *gradients;        /* [capacity,dim] */
    size_t n, capacity;
    float *none;             /* [dim] zeros: the gradient of an untouched row */
} gw__touched;

/* `capacity_per_batch`: most ids of this table that one batch can hold. */
gw_status gw__touched_init(gw__touched *touched, const gw__input *input, uint32_t table, size_t capacity_per_batch, gw_error *err);
void      gw__touched_clear(gw__touched *touched);

/* Most ids of a table that `batch` records can hold. */
size_t gw__touched_capacity(const gw__records *records, uint32_t table, size_t batch);

/* Add up the gradients of a batch, ddense [n, ld], in the order of its rows: the same for any number of threads. */
void   gw__touched_gather(gw__touched *touched, const gw__records *records, const uint64_t *rows, size_t n, const float *ddense, size_t ld);

/* Update touched rows (lazy) or all rows, and forget the touched ones. table, s0, s1 [rows,dim]; s0 and s1 may be NULL. */
void gw__touched_update(gw__touched *touched, const gw__kernels *kernels, gw__optimizer_name optimizer, const gw__update *u, bool lazy,
                        float *table, float *s0, float *s1);
/* Write the gradients into a whole table [rows,dim] of zeros, and forget them. */
void gw__touched_scatter(gw__touched *touched, float *table);

#endif
