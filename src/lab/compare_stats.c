#include "lab/compare_stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"

gw__moments gw__moments_of(const double *values, size_t n) {
    gw__moments m = {.mean = NAN, .deviation = NAN, .least = NAN, .most = NAN};
    double first = 0, sum = 0, squares = 0; /* from the first value on, so that equal values have no spread at all */
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i])) continue;
        if (m.n++ == 0) first = values[i];
        sum += values[i] - first;
        if (!(values[i] >= m.least)) m.least = values[i];
        if (!(values[i] <= m.most)) m.most = values[i];
    }
    if (m.n == 0) return m;
    m.mean = first + sum / (double)m.n;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) squares += (values[i] - m.mean) * (values[i] - m.mean);
    if (m.n > 1) m.deviation = sqrt(squares / (double)(m.n - 1));
    return m;
}

/* ---- the bootstrap --------------------------------------------------------------------------------------------------------------- */

typedef struct group {
    double *values; /* [n] without NaN */
    double *drawn;  /* [n] */
    size_t n;
} group;

/* A mean and its squared error. */
typedef struct estimate { double mean, error; } estimate;

static estimate estimate_of(const double *values, size_t n) {
    const gw__moments m = gw__moments_of(values, n);
    return (estimate){m.mean, m.deviation * m.deviation / (double)n};
}

/* `scratch`: [2 n]. */
static group group_of(const double *values, size_t n, double *scratch) {
    group g = {.values = scratch, .drawn = scratch + n};
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) g.values[g.n++] = values[i];
    return g;
}

/* The mean of what is drawn; of no group 0, without an error. */
static estimate draw(group *g, uint64_t seed, uint64_t round, uint64_t first) {
    if (g->n == 0) return (estimate){0};
    for (size_t i = 0; i < g->n; i++)
        g->drawn[i] = g->values[(size_t)(gw__random_uniform(seed, GW__RANDOM_BOOTSTRAP, round, first + i) * (double)g->n)];
    return estimate_of(g->drawn, g->n);
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void find_interval(group *left, group *right, uint64_t seed, double *ret_low, double *ret_high) {
    double t[GW__BOOTSTRAP_DRAWS];
    const estimate x = estimate_of(left->values, left->n), y = right->n ? estimate_of(right->values, right->n) : (estimate){0};
    const double difference = x.mean - y.mean, error = sqrt(x.error + y.error);
    for (size_t i = 0; i < GW__BOOTSTRAP_DRAWS; i++) {
        const estimate p = draw(left, seed, i, 0), q = draw(right, seed, i, left->n);
        const double away = p.mean - q.mean - difference;
        t[i] = away == 0 ? 0 : away / sqrt(p.error + q.error); /* infinite where all that was drawn is equal */
    }
    qsort(t, GW__BOOTSTRAP_DRAWS, sizeof *t, by_value);
    const size_t k = (GW__BOOTSTRAP_DRAWS + 1) / 40; /* 2.5 %, counted from 1 on either side */
    *ret_low = error == 0 ? difference : difference - error * t[GW__BOOTSTRAP_DRAWS - k];
    *ret_high = error == 0 ? difference : difference - error * t[k - 1];
}

bool gw__bootstrap_difference(const double *a, size_t n, const double *b, size_t m, uint64_t seed, double *scratch, double *ret_low, double *ret_high) {
    group left = group_of(a, n, scratch), right = group_of(b, b ? m : 0, scratch + 2 * n);
    double low = NAN, high = NAN;
    if (left.n > 1 && (!b || right.n > 1)) find_interval(&left, &right, seed, &low, &high);
    const bool found = isfinite(low) && isfinite(high);
    *ret_low = found ? low : NAN;
    *ret_high = found ? high : NAN;
    return found;
}
