/* Training from a spec to a model: reading, epochs, validation, early stopping, checkpoints. */
#ifndef GW_TRAIN_TRAIN_H
#define GW_TRAIN_TRAIN_H

#include "model/model.h"

/* See gw_train in gatewright.h, whose work this is. */
gw_status gw__train(const gw_train_options *options, gw_model **ret_model, gw_error *err);

/* Learning rate of a step (from 0): `lr`, the full rate, by the schedule. */
double gw__schedule_lr(const gw__train_spec *train, double lr, uint64_t step, uint64_t steps_per_epoch);

#endif
