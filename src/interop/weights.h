/* Parameters in from other programs and out to them, as safetensors under the names of docs/architectures.md. */
#ifndef GW_INTEROP_WEIGHTS_H
#define GW_INTEROP_WEIGHTS_H

#include "model/model.h"

/* See gw_import in gatewright.h. Reads data.train to fit the features; the file must hold every parameter and no other tensor. */
gw_status gw__weights_import(const gw_train_options *options, const char *path, gw_model **ret_model, gw_error *err);

/* Set a model's parameters from a file, all or none. */
gw_status gw__weights_read(gw_model *model, const char *path, gw_error *err);

/* Write the parameters alone. */
gw_status gw__weights_write(const gw_model *model, const char *path, gw_error *err);

/* A model of a spec with parameters zero: reads data.train to fit the features, hence the widths. */
gw_status gw__model_of_spec(const gw_train_options *options, gw_model **ret_model, gw_error *err);

#endif
