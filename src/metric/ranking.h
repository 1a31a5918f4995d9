/* Scores whose order matters: exact AUC, over a whole set or per group. */
#ifndef GW_METRIC_RANKING_H
#define GW_METRIC_RANKING_H

#include "base/mem.h"

/* Scores as integers of the same order; room for sorting is taken when they are added, so that asking for a value cannot fail. */
typedef struct gw__ranking {
    uint32_t *keys, *scratch;
    size_t n, capacity, scratch_capacity;
    bool sorted;
} gw__ranking;

gw_status gw__ranking_add(gw__ranking *ranking, float score, gw_error *err);
void      gw__ranking_reset(gw__ranking *ranking); /* keeps the memory */
void      gw__ranking_clear(gw__ranking *ranking);
/* The share of (negative, positive) pairs in the right order, ties one half. NaN when there is no pair. */
double    gw__ranking_auc(gw__ranking *negatives, gw__ranking *positives);

/* How many scores are higher than a bound, on a walk from the highest down. A step is one score with all that equal it. */
typedef struct gw__ranking_step {
    float score;
    size_t negatives, positives; /* that have this score */
} gw__ranking_step;

/* Begin with *at = {0}; false at the end. Sorts both when it begins. */
typedef struct gw__ranking_walk { size_t negatives, positives; } gw__ranking_walk; /* passed so far */
bool      gw__ranking_next(gw__ranking *negatives, gw__ranking *positives, gw__ranking_walk *at, gw__ranking_step *ret_step);

/* The sum over the scores x of max(t (x - c), (t - 1) (x - c)), where c is the scores' own quantile t, which makes it least. */
double    gw__ranking_pinball(gw__ranking *ranking, double t);

typedef struct gw__group_entry {
    uint64_t group;
    uint32_t key, positive;
} gw__group_entry;

typedef struct gw__group_ranking {
    gw__group_entry *entries, *scratch;
    size_t n, capacity, scratch_capacity;
    bool sorted;
} gw__group_ranking;

gw_status gw__group_ranking_add(gw__group_ranking *ranking, uint64_t group, float score, bool positive, gw_error *err);
void      gw__group_ranking_reset(gw__group_ranking *ranking);
void      gw__group_ranking_clear(gw__group_ranking *ranking);
/* Mean of the groups' AUC, weighted by their rows; groups with one class are skipped. NaN when none is left. */
double    gw__group_ranking_auc(gw__group_ranking *ranking);

#endif
