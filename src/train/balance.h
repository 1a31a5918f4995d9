/* Task balancing: what factor each task's loss has in a step, and with which coefficients the tasks' gradients become one. Methods that only weigh
 * losses know the factors before the step, or when the losses are known; methods on gradients give coefficients from the gradients' Gram matrix
 * (combine.h). All is computed in double, by one thread, and is a function of spec, step and what the run has seen; nothing is allocated.
 *   T tasks;  factors do not contain the tasks' own weights: "loss" is the mean loss times the task's `weight` throughout */
#ifndef GW_TRAIN_BALANCE_H
#define GW_TRAIN_BALANCE_H

#include "spec/spec.h"

typedef struct gw__balance gw__balance; /* of one run */

typedef enum gw__balance_needs {
    GW__BALANCE_BEFORE,    /* factors are known before the step */
    GW__BALANCE_LOSSES,    /* factors follow from the losses of the whole batch */
    GW__BALANCE_GRADIENTS, /* each task's gradient apart */
} gw__balance_needs;

/* *ret_balance stays NULL if the tasks are balanced by their weights alone. The spec is borrowed. */
gw_status gw__balance_new(const gw__spec *spec, gw__balance **ret_balance, gw_error *err);
void      gw__balance_free(gw__balance *balance); /* NULL is fine */
gw__balance_needs gw__balance_need(const gw__balance *balance); /* of NULL: BEFORE */

/* ---- a step ---- */

/* Step `step` (from 0) on a batch with these sums of label weights [T]: ret_weights [T] = task's weight x factor. */
void gw__balance_begin(gw__balance *balance, uint64_t step, const double *task_total, double *ret_weights);
/* The mean losses of the batch [T], before task weights: needed by LOSSES for its factors, and by all before combining and learning. */
void gw__balance_see(gw__balance *balance, const double *task_loss, double *ret_weights);
/* Coefficients [T] of the tasks' gradients (of weight x factor x loss) over the shared parameters; `gram` [T,T] are their products. */
const double *gw__balance_combine(gw__balance *balance, const double *gram);
/* The step counts: learn from its losses and gradients. */
void gw__balance_learn(gw__balance *balance);
/* Whether the same batch's losses are wanted once more, after the update, and those losses. */
bool gw__balance_looks_back(const gw__balance *balance);
void gw__balance_look_back(gw__balance *balance, const double *task_loss);

/* ---- an epoch ---- */

/* Mean losses of the epoch are sums / rows, as the loop adds them up; 0 rows: none. */
void gw__balance_end_epoch(gw__balance *balance, const double *loss_sums, const int64_t *loss_rows);
/* What a task's gradient was multiplied by in the shared parameters, beside its weight: the mean over the steps of the epoch under way in which it
 * had a labelled row; NAN without any. */
double gw__balance_mean_factor(const gw__balance *balance, size_t task);

/* ---- for checkpoints: everything that a run has seen ---- */

size_t      gw__balance_state_count(void);
const char *gw__balance_state_name(size_t i);
double     *gw__balance_state_at(gw__balance *balance, size_t i); /* [T] */
/* Whether values that were read could be a state. */
bool        gw__balance_state_fits(size_t i, double value);

#endif
