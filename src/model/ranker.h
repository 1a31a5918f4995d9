/* One user, many candidates: a forward pass in which the user's part of the first layers is computed once. */
#ifndef GW_MODEL_RANKER_H
#define GW_MODEL_RANKER_H

#include "model/net.h"

/* Packed weights and scratch of one thread, for one way to divide the features. */
typedef struct gw__ranker gw__ranker;

/* `of_user`: [features] which of them are the user's. Parameters and net are borrowed until the ranker is freed; the weights that read the dense
 * input are copied, so these must not change. */
gw_status gw__ranker_new(const gw__net *net, const float *flat, const bool *of_user, size_t max_rows, gw__ranker **ret_ranker, gw_error *err);
void      gw__ranker_free(gw__ranker *ranker);
/* The user of the runs that follow: the first record, of which only the user's features are looked at. Allocates nothing. */
void gw__ranker_set_user(gw__ranker *ranker, const gw__records *user);
/* Score n candidates, of which only their own features are looked at, into [n,O]; see gw__scorer_run. Allocates nothing. */
void gw__ranker_run(gw__ranker *ranker, const gw__records *candidates, size_t begin, size_t n, float *ret_outputs);

#endif
