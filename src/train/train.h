/* Training from a spec to a model: reading, epochs, validation, early stopping, checkpoints. */
#ifndef GW_TRAIN_TRAIN_H
#define GW_TRAIN_TRAIN_H

#include "model/model.h"

struct gw__run;

/* Who looks at a run that came to a model, while its rows are still there; those of data.test are kept in memory for it. Its failure is that of a run
 * that went well otherwise. */
typedef struct gw__witness {
    gw_status (*look)(void *context, const struct gw__run *run, const gw_model *model, gw_error *err);
    void *context;
} gw__witness;

/* See gw_train in gatewright.h, whose work this is. `witness` may be NULL. */
gw_status gw__train(const gw_train_options *options, const gw__witness *witness, gw_model **ret_model, gw_error *err);

/* Learning rate of a step (from 0): `lr`, the full rate, by the schedule. */
double gw__schedule_lr(const gw__train_spec *train, double lr, uint64_t step, uint64_t steps_per_epoch);

#endif
