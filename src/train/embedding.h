/* Embedding tables in training. A batch reads few rows of a table, and those have a gradient: the sum over their uses in the batch, taken from the
 * gradient of the dense input in the order of the batch. A step first indexes each table: which rows are touched, and by which uses. When the
 * dense input's gradient is there, the touched rows are summed and updated, in parts whose number the plan fixes: neither depends on threads. */
#ifndef GW_TRAIN_EMBEDDING_H
#define GW_TRAIN_EMBEDDING_H

#include "kern/kernels.h"
#include "model/net.h"

typedef struct gw__embeddings gw__embeddings; /* the tables of one run */

/* What a step brings to the tables. All borrowed. */
typedef struct gw__table_step {
    const gw__update *update; /* constants of the optimizer */
    const float *ddense;      /* [batch, ld] gradient of the dense input */
    float *flat;              /* parameters */
    float *state[2];          /* as the parameters are laid out; not used with row-wise Adagrad, whose state is kept here. May be NULL */
} gw__table_step;

/* `batch`: most rows of a step; `threads`: workers of the pool. net, spec and records are borrowed. */
gw_status gw__embeddings_new(const gw__net *net, const gw__train_spec *train, const gw__records *records, size_t batch, size_t threads,
                             gw__embeddings **ret_embeddings, gw_error *err);
void      gw__embeddings_free(gw__embeddings *embeddings); /* NULL is fine */

size_t gw__embeddings_tables(const gw__embeddings *embeddings); /* items of gw__embeddings_index */
size_t gw__embeddings_parts(const gw__embeddings *embeddings);  /* items of what follows it */

/* Which rows of table `i` the records `rows` touch (none of them twice). Needs no gradient, so it may run beside the network. */
void   gw__embeddings_index(gw__embeddings *embeddings, size_t i, size_t worker, const uint64_t *rows, size_t n);
/* Squares of a part's gradient, clipped by value: what clipping by norm asks for. */
double gw__embeddings_squares(const gw__embeddings *embeddings, size_t part, size_t worker, const float *ddense);
/* Update the rows of a part: those touched (lazy), or all. */
void   gw__embeddings_update(const gw__embeddings *embeddings, size_t part, size_t worker, const gw__table_step *step);
/* Write the gradients of all tables into ret_flat, laid out as the parameters are; other places are left alone. */
void   gw__embeddings_scatter(const gw__embeddings *embeddings, const float *ddense, float *ret_flat);

/* State of row-wise Adagrad: a sum of squares per row, one table after another in the net's order; NULL with other optimizers. */
float *gw__embeddings_row_sums(const gw__embeddings *embeddings);
size_t gw__embeddings_rows(const gw__embeddings *embeddings); /* of all tables */

#endif
