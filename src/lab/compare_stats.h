/* What several runs say together: their mean and spread, and how far apart two groups of runs are. */
#ifndef GW_LAB_COMPARE_STATS_H
#define GW_LAB_COMPARE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NaN is a value that does not exist: it counts nowhere. */
typedef struct gw__moments {
    size_t n;          /* values there are */
    double mean;       /* NaN without any */
    double deviation;  /* of the values, with n-1; NaN below two of them */
    double least, most;
} gw__moments;

gw__moments gw__moments_of(const double *values, size_t n);

#define GW__BOOTSTRAP_DRAWS 1999 /* so that (draws + 1) / 40 is whole */

/* A 95 % interval of mean(a) - mean(b) by the bootstrap-t for two independent groups: each is drawn from with replacement, and the quantiles are
 * those of t* = ((a* - b*) - (a - b)) / se*, where se^2 = var(a)/n + var(b)/m. It is taken rather than the percentile interval since runs are few:
 * of 5 and 5 normal values it covers the truth in 95 % of cases, the percentile interval in 88 %.
 *   paper: Efron & Tibshirani 1993, ch. 12; Hall 1988
 * Values that are NaN are left out. A pure function of values and seed. False, and both NaN, if there is none: with one value on a side there is no
 * error, and with two on both too many draws are constant, so that the quantiles have no end. With `b` NULL the interval is of mean(a).
 * `scratch`: [2 (n + m)]. */
bool gw__bootstrap_difference(const double *a, size_t n, const double *b, size_t m, uint64_t seed, double *scratch, double *ret_low, double *ret_high);

#endif
