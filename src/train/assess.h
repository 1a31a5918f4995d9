/* Assessing a model on a table: what `gatewright evaluate` prints. */
#ifndef GW_TRAIN_ASSESS_H
#define GW_TRAIN_ASSESS_H

#include "model/model.h"
#include "train/labelled.h"

/* See gw_evaluate in gatewright.h, whose work this is. */
gw_status gw__assess(const gw_model *model, const gw_data_options *data, bool gates, gw__text *ret_json, gw_error *err);

/* The same, without gates, on a table that was kept in memory, made by the model's features; `skips`: bad rows were to be skipped. */
gw_status gw__assess_kept(const gw_model *model, const gw__labelled *labelled, bool skips, gw__pool *pool, gw__text *ret_json, gw_error *err);

#endif
