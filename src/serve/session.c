#include "serve/session.h"

#include "serve/candidates.h"
#include "serve/incoming.h"

struct gw_session {
    const gw_model *model;
    size_t max_rows, chunk;
    gw__scorer *scorer;
    gw__encoder *encoder; /* bound to `names`; NULL before the first call */
    gw__incoming_names names;
    gw__candidates *candidates; /* the same of the last request for one user; NULL before the first */
};

gw_status gw__session_new(const gw_model *model, size_t max_rows, gw_session **ret_session, gw_error *err) {
    gw_session *session = gw__aligned_alloc(1, sizeof *session);
    if (!session) return gw__fail_nomem(err);
    session->model = model;
    session->max_rows = max_rows;
    session->chunk = max_rows < GW__SCORE_CHUNK ? max_rows : GW__SCORE_CHUNK;
    gw_status status = gw__scorer_new(model->net, session->chunk, &session->scorer, err);
    if (status == GW_OK)
        *ret_session = session;
    else
        gw__session_free(session);
    return status;
}

void gw__session_free(gw_session *session) {
    if (!session) return;
    gw__scorer_free(session->scorer);
    gw__encoder_free(session->encoder);
    gw__candidates_free(session->candidates);
    gw__incoming_names_clear(&session->names);
    gw__aligned_free(session);
}

static gw_status check_rows(const gw_session *session, size_t n_rows, gw_error *err) {
    if (n_rows <= session->max_rows) return GW_OK;
    return gw__fail(err, GW_E_LIMIT, "expected at most %zu rows, as this session was made for, but found %zu", session->max_rows, n_rows);
}

static bool is_bound(const gw_session *session, const gw_column *columns, size_t n_columns) {
    return session->encoder && session->names.n == n_columns && gw__incoming_names_are(&session->names, 0, columns, n_columns);
}

/* Find the features' columns among these. */
static gw_status bind(gw_session *session, const gw_column *columns, size_t n_columns, gw_error *err) {
    gw__encoder *encoder = NULL;
    gw__incoming_names names;
    gw_status status = gw__incoming_names_init(&names, columns, n_columns, NULL, 0, err);
    if (status != GW_OK) return status;
    GW__TRY(gw__encoder_new(session->model->features, names.at, n_columns, false, &encoder, err));
    GW__TRY(gw__encoder_reserve(encoder, session->max_rows, err));
    gw__encoder_free(session->encoder);
    gw__incoming_names_clear(&session->names);
    session->encoder = encoder;
    session->names = names;
    return GW_OK;
cleanup:
    gw__encoder_free(encoder);
    gw__incoming_names_clear(&names);
    return status;
}

gw_status gw__session_score(gw_session *session, const gw_column *columns, size_t n_columns, size_t n_rows, float *ret_score, gw_error *err) {
    gw_status status = check_rows(session, n_rows, err);
    if (status == GW_OK) status = gw__incoming_check(columns, n_columns, n_rows, err);
    if (status == GW_OK && !is_bound(session, columns, n_columns)) status = bind(session, columns, n_columns, err);
    if (status == GW_OK) status = gw__incoming_check_text(session->model->features, session->encoder, columns, n_rows, err);
    if (status != GW_OK) return status;

    /* All rows are encoded before the first is scored: a bad cell leaves the scores untouched. */
    gw__batch batch = {.n_rows = n_rows, .n_columns = n_columns, .columns = columns, .stride = 1};
    gw__records records;
    size_t bad_row = 0;
    status = gw__encoder_apply(session->encoder, &batch, 0, n_rows, NULL, &records, &bad_row, err);
    if (status == GW_E_DATA && err) err->line = (int64_t)bad_row + 1;
    if (status != GW_OK) return status;
    size_t width = gw__net_output_width(session->model->net);
    for (size_t at = 0; at < n_rows; at += session->chunk) {
        size_t n = n_rows - at < session->chunk ? n_rows - at : session->chunk;
        gw__scorer_run(session->scorer, session->model->parameters, &records, at, n, ret_score + at * width, NULL, NULL);
    }
    return GW_OK;
}

gw_status gw__session_score_candidates(gw_session *session, const gw_column *user, size_t n_user_columns, const gw_column *candidates,
                                       size_t n_candidate_columns, size_t n_candidates, float *ret_score, gw_error *err) {
    const gw__request request = {user, candidates, n_user_columns, n_candidate_columns, n_candidates};
    gw_status status = check_rows(session, n_candidates, err);
    if (status == GW_OK) status = gw__incoming_check(user, n_user_columns, 1, err);
    if (status == GW_OK) status = gw__incoming_check(candidates, n_candidate_columns, n_candidates, err);
    if (status != GW_OK) return status;
    if (!session->candidates || !gw__candidates_fit(session->candidates, &request)) {
        gw__candidates *bound;
        status = gw__candidates_new(session->model, session->max_rows, &request, &bound, err);
        if (status != GW_OK) return status;
        gw__candidates_free(session->candidates);
        session->candidates = bound;
    }
    return gw__candidates_score(session->candidates, &request, ret_score, err);
}

gw_status gw__session_score_dense(gw_session *session, const float *dense, size_t n_rows, float *ret_score, gw_error *err) {
    gw_status status = check_rows(session, n_rows, err);
    if (status != GW_OK) return status;
    size_t in = gw__net_dense_width(session->model->net), out = gw__net_output_width(session->model->net);
    for (size_t at = 0; at < n_rows; at += session->chunk) {
        size_t n = n_rows - at < session->chunk ? n_rows - at : session->chunk;
        gw__scorer_run_dense(session->scorer, session->model->parameters, dense + at * in, n, ret_score + at * out, NULL);
    }
    return GW_OK;
}
