/* Each task's gradient of the dense parameters, apart from the others', for the balancing methods that need them (balance.h). The tasks are run backward
 * one after another; here their gradients are kept, multiplied with each other, and put together. Shared parameters, those that several tasks
 * move, get the sum by the method's coefficients. All others get the plain sum: parameters of one task, and embedding tables, whose gradient
 * is that of the dense input.
 *   T tasks, P dense floats of the net */
#ifndef GW_TRAIN_TASK_GRADIENTS_H
#define GW_TRAIN_TASK_GRADIENTS_H

#include "base/pool.h"
#include "model/net_plan.h"

typedef struct gw__task_gradients gw__task_gradients;

/* `batch`: most rows of a step. T x P floats, and as many as the dense input of a batch if there are tables; 0: there will be samples only, and
 * no such floats. The net is borrowed. */
gw_status gw__task_gradients_new(const gw__net *net, size_t batch, gw__pool *pool, gw__task_gradients **ret_gradients, gw_error *err);
void      gw__task_gradients_free(gw__task_gradients *gradients); /* NULL is fine */

/* Task `task`, from 0 in this order, was run backward: slots [n_slots,P] hold its gradient in parts, ddense [rows,ld] that of the dense input
 * (NULL without tables), which after the last task is the sum over all. */
void gw__task_gradients_take(gw__task_gradients *gradients, size_t task, const float *slots, size_t n_slots, float *ddense, size_t rows);
/* The same of rows that are no step, for their products alone: the dense input's gradient is left out, and with `more` the gradient is added to that of
 * the rows before. */
void gw__task_gradients_sample(gw__task_gradients *gradients, size_t task, const float *slots, size_t n_slots, bool more);
/* Products of the tasks' gradients over the shared parameters, in double and in a fixed order: [T,T], until the next step. */
const double *gw__task_gradients_gram(gw__task_gradients *gradients);
/* ret_gradient [P]: by coefficients alpha [T] where parameters are shared, else the sum. */
void gw__task_gradients_combine(gw__task_gradients *gradients, const double *alpha, float *ret_gradient);

#endif
