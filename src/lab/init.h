/* A first spec from a table: look at the columns, guess what they are, and say so in comments. */
#ifndef GW_LAB_INIT_H
#define GW_LAB_INIT_H

#include "base/text.h"

/* See gw_spec_init in gatewright.h, whose work this is. */
gw_status gw__spec_init(const gw_data_options *data, const char *const *tasks, size_t n_tasks, gw__text *ret_yaml, gw_error *err);

#endif
