/* Prediction from a table to a file: read, encode, score, write, in the input's order. */
#ifndef GW_SERVE_PREDICT_H
#define GW_SERVE_PREDICT_H

#include "model/model.h"

/* See gw_predict in gatewright.h, whose work this is. */
gw_status gw__predict(const gw_model *model, const gw_predict_options *options, int64_t *ret_rows, int64_t *ret_skipped, gw_error *err);

#endif
