/* Several gradients made into one direction: each method as a pure function from their Gram matrix to coefficients, d = sum of alpha_k g_k. More than
 * the Gram matrix no method needs: lengths, angles, projections and the length of any combination are functions of it. Nothing is allocated and
 * all is finite, for gradients that are equal, opposite, dependent or of very different lengths, too.
 *   n gradients, none of them 0;  G [n,n] their products <g_i, g_j> */
#ifndef GW_TRAIN_COMBINE_H
#define GW_TRAIN_COMBINE_H

#include "spec/spec.h"

typedef struct gw__combination {
    size_t n;
    const double *gram;            /* [n,n] */
    const double *loss;            /* [n] */
    const gw__balance_spec *spec;
    uint64_t random;               /* of this step */
    double *work;                  /* [gw__combination_work(n)] */
} gw__combination;

static inline size_t gw__combination_work(size_t n) { return 2 * n * n + 4 * n; }

typedef void gw__combiner(const gw__combination *in, double *ret_alpha); /* [n] */

gw__combiner gw__combine_pcgrad, gw__combine_mgda, gw__combine_cagrad, gw__combine_imtl, gw__combine_nash;

#endif
