/* Fitting: from staged lanes to features. Everything is a function of the training rows in their order. */
#ifndef GW_FEAT_FIT_H
#define GW_FEAT_FIT_H

#include "feat/fitted.h"

/* Which lanes hold what the features and tasks need. */
typedef struct gw__lanes {
    size_t *feature;                     /* [features] */
    size_t *label, *given, *row_weight;  /* [T]; GW__NO_LANE where there is none */
    size_t *group;                       /* [groups] */
} gw__lanes;

#define GW__NO_LANE SIZE_MAX

/* Statistics, knots and vocabularies of all features, whose types and tables are known. */
gw_status gw__features_fit(gw__features *features, const gw__staged *staged, const gw__lanes *lanes, gw__pool *pool, gw_error *err);

/* transform_fit.c: what stands for no value, and the chain, of one numeric feature. */
gw_status gw__number_fit(gw__feature *feature, const gw__staged *staged, const gw__lane *lane, gw_error *err);
/* vocabulary.c: one table, over the lanes of all its columns. */
gw_status gw__vocabulary_fit(gw__features *features, size_t embedding, const gw__staged *staged, const gw__lanes *lanes, gw_error *err);
/* vocabulary.c: embedding rows of a lane's codes. Owned by the caller (gw__aligned_free). */
gw_status gw__vocabulary_rows(const gw__embedding *embedding, const gw__lane *lane, uint32_t **ret_rows, gw_error *err);
/* vocabulary.c: the classes that a label lane has in the training part. */
gw_status gw__classes_fit(gw__features *features, size_t task, const gw__staged *staged, const gw__lane *lane, gw_error *err);

#endif
