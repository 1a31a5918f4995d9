/* A training run that ends in a report. */
#ifndef GW_LAB_REPORT_RUN_H
#define GW_LAB_REPORT_RUN_H

#include "gatewright.h"

/* See gw_train and report_path in gatewright.h, whose work this is. */
gw_status gw__report_train(const gw_train_options *options, gw_model **ret_model, gw_error *err);

#endif
