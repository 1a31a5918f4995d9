/* The training step: forward, losses, backward, update, bit-identical for any number of threads.
 *   P parameters, T tasks. */
#ifndef GW_TRAIN_TRAINER_H
#define GW_TRAIN_TRAINER_H

#include "base/pool.h"
#include "model/model.h"
#include "train/balance.h"
#include "train/gate_use.h"
#include "train/task_gradients.h"

typedef struct gw__trainer gw__trainer; /* parameters, gradients, optimizer state and scratch of one run */

typedef struct gw__step_result {
    double loss;          /* sum over tasks of task weight x mean loss */
    double *task_loss;    /* [T] mean loss of the labelled rows, before task weights; 0 without any. Borrowed until the next step */
    int64_t *task_rows;   /* [T] labelled rows */
    bool finite;          /* the loss is */
    const char *first_bad_tensor; /* when it is not: the first tensor that is not finite or has such a gradient, or NULL */
} gw__step_result;

/* Plan everything a run needs; `batch` is the largest batch. After this, a step allocates nothing. net, spec, records and pool are borrowed. */
gw_status gw__trainer_new(const gw__net *net, const gw__spec *spec, const gw__records *records, size_t batch, gw__pool *pool,
                          gw__trainer **ret_trainer, gw_error *err);
void gw__trainer_free(gw__trainer *trainer);

float *gw__trainer_parameters(gw__trainer *trainer); /* [P] flat; the caller may set it before the first step */
gw__balance *gw__trainer_balance(const gw__trainer *trainer); /* NULL: the tasks have their weights and nothing else */
/* The first tensor with a value that is not finite, NULL if all are: a look at every parameter, for the end of an epoch. */
const char *gw__trainer_bad_tensor(const gw__trainer *trainer);
/* The tensor with the value of greatest magnitude: the one to look at when all are finite and their products are not. */
const char *gw__trainer_largest_tensor(const gw__trainer *trainer);
/* Optimizer state, for checkpoints. */
typedef struct gw__trainer_state {
    const char *name; /* "exp_avg", … */
    gw__part part;
    float *values;    /* [n] */
    size_t n;
    bool square;      /* sums or means of squares: never below 0 */
} gw__trainer_state;
size_t gw__trainer_state_count(const gw__trainer *trainer);
gw__trainer_state gw__trainer_state_at(const gw__trainer *trainer, size_t i);
uint64_t gw__trainer_step_number(const gw__trainer *trainer);
void     gw__trainer_set_step_number(gw__trainer *trainer, uint64_t step);

typedef struct gw__rates { double dense, tables; } gw__rates; /* learning rates of a step: of dense parameters, of embedding tables */

/* One step on the rows rows[0..n), none of them twice: forward, losses, backward, update. Bit-identical for any number of threads. */
void gw__trainer_step(gw__trainer *trainer, const uint64_t *rows, size_t n, gw__rates rates, gw__step_result *ret_result);
/* The same without the update: gradients of the parameters in the engine's layout [P] (for tests); training mode, same dropout masks. */
void gw__trainer_gradients(gw__trainer *trainer, const uint64_t *rows, size_t n, float *ret_flat, gw__step_result *ret_result);

gw__task_gradients *gw__trainer_apart(const gw__trainer *trainer); /* the balancing method's, for others between steps; NULL: it has none */
size_t gw__trainer_gradient_floats(const gw__trainer *trainer);   /* of one task in there */
/* Each task's gradient of the shared parameters, of its weight x loss, the sum over the batches that the rows make: taken as in training, with the current
 * parameters, weights and the drop-out of the next step, but without the losses that gates have of their own. Changes nothing that a later step sees. */
void gw__trainer_sample_gradients(gw__trainer *trainer, const uint64_t *rows, size_t n, gw__task_gradients *into);

/* Of one of the net's gates, over the rows trained on since they were last forgotten. False, and nothing is written, if the gate is a plain softmax, which
 * nobody counts, or there were no rows. */
bool gw__trainer_gate_total(const gw__trainer *trainer, size_t gate, gw__gate_total *ret_total);
void gw__trainer_forget_gates(gw__trainer *trainer);

#endif
