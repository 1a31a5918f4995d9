/* Many runs on one copy of their rows, spread over cores. */
#ifndef GW_TRAIN_MANY_H
#define GW_TRAIN_MANY_H

#include "train/train.h"

/* See gw_train_many in gatewright.h, whose work this is. Results are {0} at the beginning. `witnesses`: NULL, or one for each run, of which those that
 * can look see their run if it is done; each is called by the thread of its run. */
gw_status gw__train_many(const gw_train_options *base, const gw_run_options *runs, size_t n_runs, const gw__witness *witnesses, gw_run_result *ret_results,
                         gw_error *err);
void gw__run_results_clear(gw_run_result *results, size_t n_runs);

#endif
