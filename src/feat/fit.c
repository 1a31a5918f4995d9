#include "feat/fit.h"

#include <stdlib.h>

/* Each numeric feature and each table is fitted on its own, on whichever thread. */
typedef struct fitting {
    gw__features *features;
    const gw__staged *staged;
    const gw__lanes *lanes;
    gw_status *status; /* [features + tables] */
    gw_error *problem;
} fitting;

static void fit_item(void *context, size_t item, size_t worker) {
    (void)worker;
    fitting *f = context;
    gw__features *features = f->features;
    gw_error *err = &f->problem[item];
    if (item >= features->n) {
        f->status[item] = gw__vocabulary_fit(features, item - features->n, f->staged, f->lanes, err);
    } else if (features->at[item].type == GW__FEATURE_NUMERIC) {
        f->status[item] = gw__number_fit(&features->at[item], f->staged, &f->staged->lanes[f->lanes->feature[item]], err);
    }
}

gw_status gw__features_fit(gw__features *features, const gw__staged *staged, const gw__lanes *lanes, gw__pool *pool, gw_error *err) {
    gw_status status = GW_OK;
    size_t n = features->n + features->n_embeddings;
    fitting f = {features, staged, lanes, calloc(n + 1, sizeof *f.status), calloc(n + 1, sizeof *f.problem)};
    if (!f.status || !f.problem) GW__FAIL(gw__fail_nomem(err));
    gw__pool_run(pool, n, fit_item, &f);
    for (size_t i = 0; i < n; i++) {
        if (f.status[i] == GW_OK) continue;
        if (err) *err = f.problem[i];
        GW__FAIL(f.status[i]);
    }
cleanup:
    free(f.status);
    free(f.problem);
    return status;
}
