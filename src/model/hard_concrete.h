/* Hard-concrete distributions (Louizos et al. 2018, eq. 10-13): a connection z in [0,1] that is 0 or 1 with a probability above 0, and has a slope
 * for what it is drawn from.   u uniform in (0,1); s: the logistic function
 *   drawn          z = cut(gamma + (zeta - gamma) s((log u - log(1-u) + log_alpha) / beta))        cut: to [0,1]
 *   in prediction  z = cut(gamma + (zeta - gamma) s(log_alpha))
 *   P(z > 0) = s(log_alpha - beta log(-gamma / zeta)) */
#ifndef GW_MODEL_HARD_CONCRETE_H
#define GW_MODEL_HARD_CONCRETE_H

#include "kern/functions.h"
#include "spec/spec.h"

static inline double gw__logistic(double x) { return x < 0 ? 1 - 1 / (1 + gw__exp(x)) : 1 / (1 + gw__exp(-x)); }

/* x: what stands in the logistic function. ret_slope, unless NULL: dz / dx. */
static inline double gw__hard_concrete(const gw__connections_spec *c, double x, double *ret_slope) {
    const double s = gw__logistic(x), z = c->gamma + (c->zeta - c->gamma) * s;
    const bool inside = z > 0 && z < 1;
    if (ret_slope) *ret_slope = inside ? (c->zeta - c->gamma) * s * (1 - s) : 0;
    return inside ? z : z > 0;
}

/* u is moved by half of its last place: 0 would have no logarithm. */
static inline double gw__hard_concrete_drawn(const gw__connections_spec *c, double log_alpha, double u) {
    u += 0x1p-54;
    return (gw__log(u) - gw__log(1 - u) + log_alpha) / c->beta;
}

static inline double gw__hard_concrete_open(const gw__connections_spec *c, double log_alpha, double *ret_slope) {
    const double p = gw__logistic(log_alpha - c->beta * gw__log(-c->gamma / c->zeta));
    *ret_slope = p * (1 - p);
    return p;
}

#endif
