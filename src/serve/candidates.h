/* One user and many candidates: what a session keeps between requests whose columns have the same names. */
#ifndef GW_SERVE_CANDIDATES_H
#define GW_SERVE_CANDIDATES_H

#include "model/model.h"

/* A request's columns: one row of the user's, n_rows of the candidates'. Checked already, but for names and text. */
typedef struct gw__request {
    const gw_column *user, *candidates;
    size_t n_user, n_candidates; /* columns */
    size_t n_rows;
} gw__request;

typedef struct gw__candidates gw__candidates;

/* Bind to a request's names, for up to `max_rows` candidates. GW_E_ARGUMENT for a name that is there twice, GW_E_DATA for a missing one. */
gw_status gw__candidates_new(const gw_model *model, size_t max_rows, const gw__request *request, gw__candidates **ret_bound, gw_error *err);
void      gw__candidates_free(gw__candidates *bound); /* takes NULL */
/* True if the request's columns have the names that it was bound to. */
bool      gw__candidates_fit(const gw__candidates *bound, const gw__request *request);
/* [n_rows,O]. GW_E_DATA for a bad cell, scores untouched. Allocates nothing, but for bags larger than any before. */
gw_status gw__candidates_score(gw__candidates *bound, const gw__request *request, float *ret_score, gw_error *err);

#endif
