/* The training step from the inside: shared by the files that plan a trainer (trainer.c, trainer_plan.c), look at its numbers (trainer_finite.c), run
 * a step (step.c), take its rows through the network (step_rows.c) and join what its chunks found (step_joins.c). */
#ifndef GW_TRAIN_STEP_H
#define GW_TRAIN_STEP_H

#include "model/net_plan.h"
#include "train/embedding.h"
#include "train/task_gradients.h"
#include "train/trainer.h"

#define GW__MOST_CHUNK 260 /* rows of a chunk */

/* A piece of the dense parameters that is summed and updated at once. Pieces of weights rebuild their part of the transposed panels. */
typedef struct gw__step_item {
    size_t begin, end;
    const gw__op *linear; /* whose weights they are; NULL: biases and norms */
    size_t panel_begin, panel_end;
} gw__step_item;

struct gw__trainer {
    const gw__net *net;
    const gw__records *records;
    const gw__kernels *kernels;
    gw__pool *pool;
    gw__train_spec train;
    double *task_weights;           /* [T] balancing included */
    gw__balance *balance;           /* NULL: the weights are the spec's */
    gw__task_gradients *apart;      /* NULL: the tasks run backward together */
    uint64_t step;
    bool turned_is_current;         /* false until the first step: the caller may set parameters before it */

    float *flat, *turned, *state[2];
    float *slots;                   /* [n_slots, dense_end] */
    gw__step_item *items;
    size_t n_items;
    double *item_squares;           /* [n_items + parts of the tables] */
    gw__embeddings *tables;

    size_t batch, chunk_rows, n_slots;
    bool keeps_chunks;              /* all chunks of a batch hold their activations at once: there is something to wait for before the backward run */
    size_t n_spaces;                /* chunks that do: all, or as many as threads */
    float *scratch, *dscratch, *dense;
    float *ddense;                  /* [batch, ld] */
    double *norm_parts;             /* [chunks, 2, norm_width] */
    float *norm;                    /* mean, scale, mean d, mean d u: [4, norm_width] */

    double *gate_parts;             /* [chunks, stats_width] sums of gates */
    double *gate_sums, *gate_slopes; /* [stats_width] of the batch, and of their losses by them */
    double *gate_totals;            /* [stats_width] of the steps since they were taken */
    double gate_loss;
    uint64_t gate_rows;

    double *slot_loss;              /* [n_slots, T] sums of weight x loss */
    double *slot_order;             /* [n_slots] what events out of order cost */
    double *penalties;              /* [penalties of the net] */
    double *task_total;             /* [T] sum of weights in the batch */
    double *task_loss;              /* [T] */
    double *later_loss;             /* [T] after the update */
    int64_t *task_rows;             /* [T] */
};

#define GW__ALL_TASKS SIZE_MAX

/* What the threads need to know of the step under way. */
typedef struct gw__step {
    gw__trainer *trainer;
    const uint64_t *rows;
    uint64_t number;          /* of the step, from 0 */
    size_t n, n_chunks, n_slots;
    uint32_t segment;
    double order;             /* what events out of order cost */
    double penalty;           /* what the architecture adds to the objective */
    bool in_turn;             /* forward first, for all rows; then backward */
    bool tasks_only;          /* backward: the tasks' losses, without those on gates */
    bool again;               /* forward once more: what follows from the rows alone is known */
    size_t task;              /* whose loss is run backward; GW__ALL_TASKS */
    gw__update dense, tables; /* updates of dense parameters, of embeddings */
} gw__step;

static inline size_t gw__trainer_chunks(const gw__trainer *trainer, size_t n) { return (n + trainer->chunk_rows - 1) / trainer->chunk_rows; }
/* Work items of an update: pieces of the dense parameters, then parts of the tables. */
static inline size_t gw__trainer_items(const gw__trainer *trainer) { return trainer->n_items + gw__embeddings_parts(trainer->tables); }

/* ---- trainer_plan.c ---- */
void      gw__trainer_plan_chunks(gw__trainer *trainer);
gw_status gw__trainer_plan_items(gw__trainer *trainer, gw_error *err);
gw_status gw__trainer_plan_memory(gw__trainer *trainer, gw_error *err);
/* Tables with an optimizer of their own have their state elsewhere. */
size_t    gw__trainer_state_floats(const gw__trainer *trainer);

/* ---- trainer_finite.c ---- */
/* The first dense tensor whose gradient in any of the slots is not finite. */
const char *gw__trainer_bad_gradient(const gw__trainer *trainer, size_t n_slots);

/* ---- step_rows.c ---- */
/* Forward through the step's segment; behind the last with losses and, unless that has its turn later, the backward run. One item is one slot. */
void gw__step_forward_item(void *context, size_t slot, size_t worker);
/* The same beside finding out which rows of the tables the batch touches: tables before slots, since those take longer. */
void gw__step_index_or_forward_item(void *context, size_t i, size_t worker);
void gw__step_backward_item(void *context, size_t slot, size_t worker);

/* ---- step_joins.c ---- */
/* What the chunks found of the batch's mean and variance, for the next segment. */
void gw__step_join_forward(const gw__step *s, bool keep_statistics);
void gw__step_join_backward(const gw__step *s);
/* The sums of the gates of the segment, chunk by chunk, and what the losses on them are. */
void gw__step_join_gates(const gw__step *s, bool keep_statistics);

#endif
