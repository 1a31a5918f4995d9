#include "serve/candidates.h"

#include <stdlib.h>

#include "model/ranker.h"
#include "serve/incoming.h"

struct gw__candidates {
    const gw_model *model;
    gw__incoming_names names; /* the user's, then the candidates' */
    size_t n_user;
    gw__encoder *user, *candidates; /* of either's columns alone */
    gw__ranker *ranker;
};

/* An encoder of some of the names' columns. */
static gw_status new_encoder(const gw__candidates *bound, size_t begin, size_t n, size_t max_rows, gw__encoder **ret_encoder, gw_error *err) {
    gw__encoder *encoder;
    gw_status status = gw__encoder_new(bound->model->features, bound->names.at, bound->names.n, false, &encoder, err);
    if (status != GW_OK) return status;
    *ret_encoder = encoder;
    gw__encoder_narrow(encoder, begin, n);
    return gw__encoder_reserve(encoder, max_rows, err);
}

static gw_status new_ranker(const gw_model *model, const gw__encoder *user, size_t max_rows, gw__ranker **ret_ranker, gw_error *err) {
    const size_t n = gw__features_count(model->features), *columns = gw__encoder_columns(user);
    bool *of_user = calloc(n, sizeof *of_user);
    if (!of_user) return gw__fail_nomem(err);
    for (size_t f = 0; f < n; f++) of_user[f] = columns[f] != GW__NO_COLUMN;
    gw_status status = gw__ranker_new(model->net, model->parameters, of_user, max_rows, ret_ranker, err);
    free(of_user);
    return status;
}

gw_status gw__candidates_new(const gw_model *model, size_t max_rows, const gw__request *request, gw__candidates **ret_bound, gw_error *err) {
    gw_status status = GW_OK;
    gw__candidates *bound = calloc(1, sizeof *bound);
    if (!bound) return gw__fail_nomem(err);
    bound->model = model;
    bound->n_user = request->n_user;
    GW__TRY(gw__incoming_names_init(&bound->names, request->user, request->n_user, request->candidates, request->n_candidates, err));
    GW__TRY(new_encoder(bound, 0, request->n_user, 1, &bound->user, err));
    GW__TRY(new_encoder(bound, request->n_user, request->n_candidates, max_rows, &bound->candidates, err));
    GW__TRY(new_ranker(model, bound->user, max_rows, &bound->ranker, err));
    *ret_bound = bound;
    bound = NULL;
cleanup:
    gw__candidates_free(bound);
    return status;
}

void gw__candidates_free(gw__candidates *bound) {
    if (!bound) return;
    gw__ranker_free(bound->ranker);
    gw__encoder_free(bound->candidates);
    gw__encoder_free(bound->user);
    gw__incoming_names_clear(&bound->names);
    free(bound);
}

bool gw__candidates_fit(const gw__candidates *bound, const gw__request *request) {
    return bound->n_user == request->n_user && bound->names.n - bound->n_user == request->n_candidates &&
           gw__incoming_names_are(&bound->names, 0, request->user, request->n_user) &&
           gw__incoming_names_are(&bound->names, bound->n_user, request->candidates, request->n_candidates);
}

static gw_status encode(const gw_model *model, gw__encoder *encoder, const gw_column *columns, size_t n_columns, size_t n_rows, gw__records *ret_records,
                        gw_error *err) {
    gw__batch batch = {.n_rows = n_rows, .n_columns = n_columns, .columns = columns, .stride = 1};
    size_t bad_row = 0;
    gw_status status = gw__incoming_check_text(model->features, encoder, columns, n_rows, err);
    if (status != GW_OK) return status;
    status = gw__encoder_apply(encoder, &batch, 0, n_rows, NULL, ret_records, &bad_row, err);
    if (status == GW_E_DATA && err) err->line = (int64_t)bad_row + 1;
    return status;
}

gw_status gw__candidates_score(gw__candidates *bound, const gw__request *request, float *ret_score, gw_error *err) {
    gw__records user, candidates;
    gw_status status = encode(bound->model, bound->user, request->user, request->n_user, 1, &user, err);
    if (status == GW_OK) status = encode(bound->model, bound->candidates, request->candidates, request->n_candidates, request->n_rows, &candidates, err);
    if (status != GW_OK) return status;
    gw__ranker_set_user(bound->ranker, &user);
    gw__ranker_run(bound->ranker, &candidates, 0, request->n_rows, ret_score);
    return GW_OK;
}
