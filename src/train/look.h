/* A model as it is, looked at with rows or without: what `gatewright inspect` prints of a model. */
#ifndef GW_TRAIN_LOOK_H
#define GW_TRAIN_LOOK_H

#include "model/model.h"

/* See gw_inspect in gatewright.h, whose work this is; without data (NULL) that of gw_model_describe. */
gw_status gw__look(const gw_model *model, const gw_data_options *data, gw__text *ret_json, gw_error *err);

#endif
