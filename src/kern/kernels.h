/* The kernels: pure functions on arrays, one table of them per instruction set, all with the same meaning.
 *   m rows of a chunk, k inputs, n outputs, e experts, h width of an expert's output; ld*: floats from a row to the next.
 * Matrices of weights are kept in panels of 16 outputs: w[ceil(n/16)][k][16], zero where an output does not exist. A product then reads
 * its weights as one contiguous stream, and nothing is packed at run time (ARCHITECTURE.md, "Panels"). */
#ifndef GW_KERN_KERNELS_H
#define GW_KERN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kern/roster.h"

#define GW__PANEL 16
#define GW__NARROW 4 /* products of so few outputs would leave most of a panel empty */

/* Floats of a panel matrix. */
static inline size_t gw__panel_floats(size_t k, size_t n) { return (n + GW__PANEL - 1) / GW__PANEL * GW__PANEL * k; }
/* Where the weight from input i to output j stands. */
static inline size_t gw__panel_at(size_t k, size_t i, size_t j) { return (j / GW__PANEL * k + i) * GW__PANEL + j % GW__PANEL; }

#define GW__SETTLED 1e-30f /* a moment of a gradient of less magnitude is 0 */

/* What an optimizer's update needs besides the arrays; see kern/updates in kernels_body.h. */
typedef struct gw__update {
    float lr;            /* step size; Adam: bias correction included */
    float beta1, beta2, eps;
    float rest1, rest2;  /* 1 - beta: rounded from double, since 1.0f - 0.999f is off by 1e-5 of itself */
    float root_correction; /* Adam: 1 / sqrt(1 - beta2^t); 1 for SparseAdam, whose eps is outside the correction */
    float momentum;
    bool nesterov;
    float clip_scale;    /* gradient times this (clip by norm) */
    float decay;         /* then added to it: decay * w */
    float shrink;        /* w *= shrink before the update (decoupled decay); 1: none */
} gw__update;

/* One term of a sum of rows: scale * values[at …]. */
typedef struct gw__term {
    uint32_t at;
    float scale;
} gw__term;

typedef struct gw__kernels {
    const char *isa;

    /* Rounds of multiply-adds in registers; how many floating-point operations that was: over the time, the ceiling of this table. */
    double (*peak)(size_t rounds, float *ret_sum);

    /* y [m,n] = x [m,k] w + bias;  bias [n], readable to the end of its panel, or NULL;  add: y += instead;  then the first `relu` outputs become max(0, .). */
    void (*product)(size_t m, size_t k, size_t n, const float *x, size_t ldx, const float *w, const float *bias, size_t relu,
                    float *y, size_t ldy, bool add);
    /* The same for n <= GW__NARROW outputs, whose weights are the transposed matrix's panels: w [ceil(k/16)][n][16]. */
    void (*product_narrow)(size_t m, size_t k, size_t n, const float *x, size_t ldx, const float *w, const float *bias, float *y, size_t ldy);
    /* dw (panels) = x' dy;  db [n] = column sums of dy (NULL: not wanted);  add: += instead. */
    void (*product_dw)(size_t m, size_t k, size_t n, const float *x, size_t ldx, const float *dy, size_t ldy, float *dw, float *db, bool add);
    /* sums [n] = or, with add, += column sums of x [m,n]. */
    void (*column_sums)(size_t m, size_t n, const float *x, size_t ldx, float *sums, bool add);
    /* wt = panels of the transposed matrix: [ceil(k/16)][n][16]; outputs from panel_begin to panel_end of w only. */
    void (*transpose)(size_t k, size_t n, const float *w, float *wt, size_t panel_begin, size_t panel_end);

    /* y = act(x). x and y may be the same array. */
    void (*activate)(gw__activation act, size_t m, size_t n, const float *x, size_t ldx, float *y, size_t ldy);
    /* dx = dy * act'; `v` is y for none, relu, leaky_relu, tanh, sigmoid and x for gelu and swish. dx and dy may be the same array. */
    void (*activate_back)(gw__activation act, size_t m, size_t n, const float *v, size_t ldv, const float *dy, size_t lddy, float *dx, size_t lddx);
    /* y = x * mask / (1-p), mask a pure function of (key, row, column). x and y may be the same array. */
    void (*dropout)(uint64_t key, size_t first_row, float p, size_t m, size_t n, const float *x, size_t ldx, float *y, size_t ldy);

    /* g [m,e] = softmax(z [m,e]). z and g may be the same array. */
    void (*softmax)(size_t m, size_t e, const float *z, size_t ldz, float *g, size_t ldg);
    /* dz = g (dg - <g,dg>). */
    void (*softmax_back)(size_t m, size_t e, const float *g, size_t ldg, const float *dg, size_t lddg, float *dz, size_t lddz);
    /* Of each row of v [m,e] the k largest, by falling value and the first of equals first: top [m,k], and their columns at [m,k], both with rows `ld`
     * apart. NaN is larger than any number; where fewer than k are above minus infinity the column is e. */
    void (*largest)(size_t m, size_t e, size_t k, const float *v, size_t ldv, uint32_t *at, float *top, size_t ld);
    /* y [m,h] = sum_e g[.,e] x_e;  x_e = x[e], rows ldx[e] apart;  add: y += instead. */
    void (*mix)(size_t m, size_t e, size_t h, const float *g, size_t ldg, const float *const *x, const size_t *ldx, float *y, size_t ldy, bool add);
    /* dg[.,e] = <dy, x_e>; dx_e = or += g[.,e] dy as add[e] says. */
    void (*mix_back)(size_t m, size_t e, size_t h, const float *g, size_t ldg, const float *const *x, const size_t *ldx,
                     const float *dy, size_t lddy, float *dg, size_t lddg, float *const *dx, const size_t *lddx, const bool *add);

    /* y = gamma (x - mean)/sqrt(var + 1e-5) + beta over each row; stats [m,2] keeps mean and 1/sqrt(var+eps). */
    void (*layer_norm)(size_t m, size_t n, const float *x, size_t ldx, const float *gamma, const float *beta, float *stats, float *y, size_t ldy);
    /* dgamma, dbeta [n] += ; dx = */
    void (*layer_norm_back)(size_t m, size_t n, const float *x, size_t ldx, const float *gamma, const float *stats,
                            const float *dy, size_t lddy, float *dgamma, float *dbeta, float *dx, size_t lddx);

    /* out [n] = sum over s of parts[s * stride + i], s = 0, 1, … in this order. */
    void (*sum_parts)(size_t n, size_t parts, size_t stride, const float *values, float *out);
    /* out [n] = sum over the terms, in their order; at least one term. */
    void (*sum_rows)(size_t n, size_t n_terms, const gw__term *terms, const float *values, float *out);
    /* y += a x. */
    void (*add_scaled)(size_t n, float a, const float *x, float *y);
    /* Values beyond +-limit become +-limit. */
    void (*clamp)(size_t n, float limit, float *values);
    /* Sum of squares in double, in a fixed order; infinite or NaN if any value is. */
    double (*square_sum)(size_t n, const float *values);

    /* w -= step(g). s0, s1: state, as many as the optimizer has (gw__optimizer_states). */
    void (*update[GW__OPTIMIZERS])(const gw__update *u, size_t n, float *w, const float *g, float *s0, float *s1);
    /* The same for one row of an embedding table, with one number of state in all: s0 [1]; s1 is not used. */
    void (*update_rowwise)(const gw__update *u, size_t n, float *w, const float *g, float *s0, float *s1);
} gw__kernels;

/* The plain C definition, which the others are tested against. */
extern const gw__kernels gw__kernels_reference;

/* The tables that this machine and its system can run, best last; NULL past the end. */
const gw__kernels *gw__kernels_at(size_t i);
const gw__kernels *gw__kernels_best(void);
/* One of them by the name of its instruction set, NULL for the best; GW_E_ARGUMENT that lists them if there is none. */
gw_status gw__kernels_named(const char *isa, const gw__kernels **ret_kernels, gw_error *err);

#endif
