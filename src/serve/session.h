/* Sessions: one thread's scratch for scoring rows that are in memory. */
#ifndef GW_SERVE_SESSION_H
#define GW_SERVE_SESSION_H

#include "model/model.h"

/* Rows that pass through encoder and network at a time, whatever a caller hands over: what lies in cache together. */
#define GW__SCORE_CHUNK 512

/* See gw_session_new and so on in gatewright.h, whose work this is; arguments are checked already, contents are not. */
gw_status gw__session_new(const gw_model *model, size_t max_rows, gw_session **ret_session, gw_error *err);
void      gw__session_free(gw_session *session);
gw_status gw__session_score(gw_session *session, const gw_column *columns, size_t n_columns, size_t n_rows, float *ret_score, gw_error *err);
gw_status gw__session_score_candidates(gw_session *session, const gw_column *user, size_t n_user_columns, const gw_column *candidates,
                                       size_t n_candidate_columns, size_t n_candidates, float *ret_score, gw_error *err);
gw_status gw__session_score_dense(gw_session *session, const float *dense, size_t n_rows, float *ret_score, gw_error *err);

#endif
