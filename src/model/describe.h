/* A model in words: what `gatewright inspect --json` prints. */
#ifndef GW_MODEL_DESCRIBE_H
#define GW_MODEL_DESCRIBE_H

#include "model/model.h"

/* Append one JSON object: architecture, parameters, multiply_adds, dense_width, levels, towers, gates, features, tasks, training. */
gw_status gw__model_describe(const gw_model *model, gw__text *ret_json, gw_error *err);
/* The same as members of an open object. */
gw_status gw__model_write_members(const gw_model *model, gw__json_writer *json, gw_error *err);
/* False for a model of a spec, which has no parameters yet: they are all 0. */
bool gw__model_is_set(const gw_model *model);

#endif
