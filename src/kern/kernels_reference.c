/* The definition of correct: what each kernel means, in the plainest C. Sums in double, so that the others are judged against better than
 * themselves. Slow on purpose; the tests run it, and nothing else. */
#include <float.h>
#include <math.h>

#include "kern/functions.h"
#include "kern/kernels_tables.h"

#define GW__VECTOR 1
#include "kern/kernels_peak.h"

#define EACH(i, n) for (size_t i = 0; i < (n); i++)

static void product(size_t m, size_t k, size_t n, const float *x, size_t ldx, const float *w, const float *bias, size_t relu, float *y, size_t ldy,
                    bool add) {
    EACH(r, m) EACH(j, n) {
        double sum = (bias ? bias[j] : 0) + (add ? y[r * ldy + j] : 0);
        EACH(i, k) sum += (double)x[r * ldx + i] * w[gw__panel_at(k, i, j)];
        y[r * ldy + j] = j < relu && sum < 0 ? 0 : (float)sum;
    }
}

static void product_narrow(size_t m, size_t k, size_t n, const float *x, size_t ldx, const float *w, const float *bias, float *y, size_t ldy) {
    EACH(r, m) EACH(j, n) {
        double sum = bias ? bias[j] : 0;
        EACH(i, k) sum += (double)x[r * ldx + i] * w[gw__panel_at(n, j, i)];
        y[r * ldy + j] = (float)sum;
    }
}

static void column_sums(size_t m, size_t n, const float *x, size_t ldx, float *sums, bool add) {
    EACH(j, n) {
        double sum = add ? sums[j] : 0;
        EACH(r, m) sum += x[r * ldx + j];
        sums[j] = (float)sum;
    }
}

static void product_dw(size_t m, size_t k, size_t n, const float *x, size_t ldx, const float *dy, size_t lddy, float *dw, float *db, bool add) {
    for (size_t i = 0; !add && i < gw__panel_floats(k, n); i++) dw[i] = 0;
    EACH(j, n) {
        EACH(i, k) {
            double sum = dw[gw__panel_at(k, i, j)];
            EACH(r, m) sum += (double)x[r * ldx + i] * dy[r * lddy + j];
            dw[gw__panel_at(k, i, j)] = (float)sum;
        }
    }
    if (db) column_sums(m, n, dy, lddy, db, add);
}

static void transpose(size_t k, size_t n, const float *w, float *wt, size_t panel_begin, size_t panel_end) {
    for (size_t j = panel_begin * GW__PANEL; j < panel_end * GW__PANEL && j < n; j++) {
        EACH(i, k) wt[gw__panel_at(n, j, i)] = w[gw__panel_at(k, i, j)];
    }
}

static double phi_cdf(double x) { return 0.5 * erfc(-x * 0.70710678118654752440); }

static double act_value(gw__activation act, double a) {
    switch (act) {
    case GW__ACT_RELU: return a > 0 || a != a ? a : 0;
    case GW__ACT_LEAKY_RELU: return a > 0 ? a : 0.01 * a;
    case GW__ACT_GELU: return a * phi_cdf(a);
    case GW__ACT_SWISH: return a / (1 + exp(-a));
    case GW__ACT_TANH: return tanh(a);
    case GW__ACT_SIGMOID: return 1 / (1 + exp(-a));
    default: return a;
    }
}

/* The slope, from the output or the input as kernels.h says. */
static double act_slope(gw__activation act, double a) {
    double s;
    switch (act) {
    case GW__ACT_RELU: return a > 0;
    case GW__ACT_LEAKY_RELU: return a > 0 ? 1 : 0.01;
    case GW__ACT_GELU: return phi_cdf(a) + a * 0.39894228040143267794 * exp(-0.5 * a * a);
    case GW__ACT_SWISH: s = 1 / (1 + exp(-a)); return s * (1 + a * (1 - s));
    case GW__ACT_TANH: return 1 - a * a;
    case GW__ACT_SIGMOID: return a * (1 - a);
    default: return 1;
    }
}

static void activate(gw__activation act, size_t m, size_t n, const float *x, size_t ldx, float *y, size_t ldy) {
    EACH(r, m) EACH(j, n) y[r * ldy + j] = (float)act_value(act, x[r * ldx + j]);
}

static void activate_back(gw__activation act, size_t m, size_t n, const float *v, size_t ldv, const float *dy, size_t lddy, float *dx, size_t lddx) {
    EACH(r, m) EACH(j, n) dx[r * lddx + j] = (float)(dy[r * lddy + j] * act_slope(act, v[r * ldv + j]));
}

static uint32_t mix_bits(uint32_t h) {
    h = (h ^ h >> 16) * 0x7feb352dU;
    h = (h ^ h >> 15) * 0x846ca68bU;
    return h ^ h >> 16;
}

static void dropout(uint64_t key, size_t first_row, float p, size_t m, size_t n, const float *x, size_t ldx, float *y, size_t ldy) {
    EACH(r, m) EACH(j, n) {
        uint32_t row_key = mix_bits((uint32_t)(first_row + r) + (uint32_t)key) ^ (uint32_t)(key >> 32);
        bool keep = mix_bits((uint32_t)j * 0x9e3779b9U ^ row_key) >= (uint32_t)((double)p * 4294967296.0);
        y[r * ldy + j] = keep ? x[r * ldx + j] * (1.0f / (1.0f - p)) : 0.0f;
    }
}

static void softmax(size_t m, size_t e, const float *z, size_t ldz, float *g, size_t ldg) {
    EACH(r, m) {
        const float *in = z + r * ldz;
        double top = in[0], sum = 0;
        EACH(i, e) top = in[i] > top ? in[i] : top;
        EACH(i, e) sum += exp(in[i] - top);
        EACH(i, e) g[r * ldg + i] = (float)(exp(in[i] - top) / sum);
    }
}

static void largest(size_t m, size_t e, size_t k, const float *v, size_t ldv, uint32_t *at, float *top, size_t ld) {
    EACH(r, m) EACH(i, k) {
        float most = -INFINITY;
        size_t column = e;
        EACH(j, e) {
            const float value = v[r * ldv + j];
            bool taken = false;
            EACH(before, i) taken |= at[r * ld + before] == j;
            if (!taken && (value > most || value != value)) most = value, column = j;
        }
        top[r * ld + i] = most;
        at[r * ld + i] = (uint32_t)column;
    }
}

static void softmax_back(size_t m, size_t e, const float *g, size_t ldg, const float *dg, size_t lddg, float *dz, size_t lddz) {
    EACH(r, m) {
        double mean = 0;
        EACH(i, e) mean += (double)g[r * ldg + i] * dg[r * lddg + i];
        EACH(i, e) dz[r * lddz + i] = (float)(g[r * ldg + i] * (dg[r * lddg + i] - mean));
    }
}

static void mix(size_t m, size_t e, size_t h, const float *g, size_t ldg, const float *const *x, const size_t *ldx, float *y, size_t ldy, bool add) {
    EACH(r, m) EACH(j, h) {
        double sum = add ? y[r * ldy + j] : 0;
        EACH(i, e) sum += (double)g[r * ldg + i] * x[i][r * ldx[i] + j];
        y[r * ldy + j] = (float)sum;
    }
}

static void mix_back(size_t m, size_t e, size_t h, const float *g, size_t ldg, const float *const *x, const size_t *ldx,
                     const float *dy, size_t lddy, float *dg, size_t lddg, float *const *dx, const size_t *lddx, const bool *add) {
    EACH(r, m) EACH(i, e) {
        double dot = 0;
        EACH(j, h) {
            float *to = &dx[i][r * lddx[i] + j], d = dy[r * lddy + j];
            dot += (double)d * x[i][r * ldx[i] + j];
            *to = (add[i] ? *to : 0) + g[r * ldg + i] * d;
        }
        dg[r * lddg + i] = (float)dot;
    }
}

static void layer_norm(size_t m, size_t n, const float *x, size_t ldx, const float *gamma, const float *beta, float *stats, float *y, size_t ldy) {
    EACH(r, m) {
        double mean = 0, var = 0;
        EACH(j, n) mean += x[r * ldx + j] / (double)n;
        EACH(j, n) var += (x[r * ldx + j] - mean) * (x[r * ldx + j] - mean) / (double)n;
        double scale = 1 / sqrt(var + 1e-5);
        EACH(j, n) y[r * ldy + j] = (float)(gamma[j] * (x[r * ldx + j] - mean) * scale + beta[j]);
        stats[2 * r] = (float)mean;
        stats[2 * r + 1] = (float)scale;
    }
}

static void layer_norm_back(size_t m, size_t n, const float *x, size_t ldx, const float *gamma, const float *stats,
                            const float *dy, size_t lddy, float *dgamma, float *dbeta, float *dx, size_t lddx) {
    EACH(r, m) {
        double mean = stats[2 * r], scale = stats[2 * r + 1], sum = 0, dot = 0;
        EACH(j, n) {
            double unit = (x[r * ldx + j] - mean) * scale, d = dy[r * lddy + j];
            dgamma[j] += (float)(d * unit);
            dbeta[j] += (float)d;
            sum += d * gamma[j] / (double)n;
            dot += d * gamma[j] * unit / (double)n;
        }
        EACH(j, n) dx[r * lddx + j] = (float)(scale * (dy[r * lddy + j] * gamma[j] - sum - (x[r * ldx + j] - mean) * scale * dot));
    }
}

static void sum_parts(size_t n, size_t parts, size_t stride, const float *values, float *out) {
    EACH(i, n) {
        float sum = values[i];
        for (size_t s = 1; s < parts; s++) sum += values[s * stride + i];
        out[i] = sum;
    }
}

static void sum_rows(size_t n, size_t n_terms, const gw__term *terms, const float *values, float *out) {
    EACH(i, n) {
        double sum = 0;
        EACH(t, n_terms) sum += (double)terms[t].scale * values[terms[t].at + i];
        out[i] = (float)sum;
    }
}

static void add_scaled(size_t n, float a, const float *x, float *y) { EACH(i, n) y[i] = (float)(y[i] + (double)a * x[i]); }

static void clamp(size_t n, float limit, float *values) { EACH(i, n) values[i] = values[i] > limit ? limit : values[i] < -limit ? -limit : values[i]; }

static double square_sum(size_t n, const float *values) {
    double sum = 0;
    EACH(i, n) sum += (double)values[i] * values[i];
    return sum;
}

static double seen(const gw__update *u, double g, double w) { return g * u->clip_scale + u->decay * w; }

static float settled(double s) { return fabs(s) < GW__SETTLED ? 0.0f : (float)s; }
static float settled_square(double s) { return s < FLT_MIN ? 0.0f : (float)s; }

static void update_sgd(const gw__update *u, size_t n, float *w, const float *g, float *s0, float *s1) {
    (void)s1;
    EACH(i, n) {
        double d = seen(u, g[i], w[i]);
        if (s0) {
            s0[i] = settled(u->momentum * (double)s0[i] + d);
            d = u->nesterov ? d + (double)u->momentum * s0[i] : s0[i];
        }
        w[i] = (float)(w[i] - u->lr * d);
    }
}

static void update_adam(const gw__update *u, size_t n, float *w, const float *g, float *s0, float *s1) {
    EACH(i, n) {
        double d = seen(u, g[i], w[i]);
        s0[i] = settled(u->beta1 * (double)s0[i] + u->rest1 * d);
        s1[i] = settled_square(u->beta2 * (double)s1[i] + (double)u->rest2 * d * d);
        w[i] = (float)((double)w[i] * u->shrink - u->lr * s0[i] / (sqrt(s1[i]) * u->root_correction + u->eps));
    }
}

static void update_adagrad(const gw__update *u, size_t n, float *w, const float *g, float *s0, float *s1) {
    (void)s1;
    EACH(i, n) {
        double d = seen(u, g[i], w[i]);
        s0[i] = (float)(s0[i] + d * d);
        w[i] = (float)(w[i] - u->lr * d / (sqrt(s0[i]) + u->eps));
    }
}

static void update_rowwise(const gw__update *u, size_t n, float *w, const float *g, float *s0, float *s1) {
    double squares = 0;
    (void)s1;
    EACH(i, n) squares += seen(u, g[i], w[i]) * seen(u, g[i], w[i]);
    *s0 = (float)(*s0 + squares / (double)n);
    EACH(i, n) w[i] = (float)(w[i] - u->lr * seen(u, g[i], w[i]) / (sqrt(*s0) + u->eps));
}

const gw__kernels gw__kernels_reference = GW__KERNEL_TABLE("reference");
