/* The fast kernels, written once with compiler vectors and compiled once per instruction set: the including file defines
 *   GW__VECTOR   floats of a vector register (4, 8, 16; a divisor of 16)
 *   GW__ROWS     rows of a product's register tile: GW__ROWS * 16 / GW__VECTOR accumulators must fit beside two operands
 *   GW__TABLE    the name of the table
 *   GW__ISA      its instruction set in words
 * These files are compiled with -ffp-contract=fast, so that a * b + c is one fused operation where the machine has it, and with
 * -fno-math-errno -fno-trapping-math; order of summation is as written. */

#include <math.h>
#include <string.h>

#include "kern/functions.h"
#include "kern/kernels_tables.h"

typedef float vec __attribute__((vector_size(GW__VECTOR * 4)));
typedef float loose_vec __attribute__((vector_size(GW__VECTOR * 4), aligned(4), may_alias)); /* in memory, at any address */

#define VECS (GW__PANEL / GW__VECTOR) /* vectors of a panel's row */

static inline vec load(const float *p) { return *(const loose_vec *)p; }
static inline void store(float *p, vec v) { *(loose_vec *)p = v; }
static inline vec splat(float x) { return x - (vec){0}; }

static inline float horizontal(vec v) {
    float sum = 0;
    for (int i = 0; i < GW__VECTOR; i++) sum += v[i];
    return sum;
}

/* ---- products --------------------------------------------------------------------------------------------------------------- */

/* `rows` rows (a constant after inlining) of one panel: acc[r] = sum over k of x[r][k] w[k]. */
static inline __attribute__((always_inline)) void tile(const int rows, size_t k, const float *x, size_t ldx, const float *w, const float *bias,
                                                       float *y, size_t ldy, size_t columns, bool add) {
    vec acc[GW__ROWS][VECS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < VECS; v++) acc[r][v] = (vec){0};
    }
    for (size_t i = 0; i < k; i++, w += GW__PANEL) {
        vec b[VECS];
#pragma GCC unroll 16
        for (int v = 0; v < VECS; v++) b[v] = load(w + v * GW__VECTOR);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            vec a = splat(x[r * ldx + i]);
#pragma GCC unroll 16
            for (int v = 0; v < VECS; v++) acc[r][v] += a * b[v];
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        float *to = y + r * ldy, edge[GW__PANEL];
        if (columns == GW__PANEL) {
#pragma GCC unroll 16
            for (int v = 0; v < VECS; v++) {
                vec sum = acc[r][v];
                if (bias) sum += load(bias + v * GW__VECTOR);
                if (add) sum += load(to + v * GW__VECTOR);
                store(to + v * GW__VECTOR, sum);
            }
        } else {
#pragma GCC unroll 16
            for (int v = 0; v < VECS; v++) store(edge + v * GW__VECTOR, acc[r][v]);
            for (size_t j = 0; j < columns; j++) to[j] = edge[j] + (bias ? bias[j] : 0.0f) + (add ? to[j] : 0.0f);
        }
    }
}

static void product(size_t m, size_t k, size_t n, const float *x, size_t ldx, const float *w, const float *bias, float *y, size_t ldy, bool add) {
    for (size_t j = 0; j < n; j += GW__PANEL, w += k * GW__PANEL) {
        const size_t columns = n - j < GW__PANEL ? n - j : GW__PANEL;
        const float *b = bias ? bias + j : NULL;
        size_t i = 0;
        for (; i + GW__ROWS <= m; i += GW__ROWS) tile(GW__ROWS, k, x + i * ldx, ldx, w, b, y + i * ldy + j, ldy, columns, add);
        for (; i + 2 <= m; i += 2) tile(2, k, x + i * ldx, ldx, w, b, y + i * ldy + j, ldy, columns, add);
        if (i < m) tile(1, k, x + i * ldx, ldx, w, b, y + i * ldy + j, ldy, columns, add);
    }
}

/* `inputs` rows of one panel of dw: dw[i] += sum over the chunk's rows of x[row][i] dy[row]. */
static inline __attribute__((always_inline)) void tile_dw(const int inputs, size_t m, const float *x, size_t ldx, const float *dy, size_t lddy, float *dw) {
    vec acc[GW__ROWS][VECS];
#pragma GCC unroll 16
    for (int r = 0; r < inputs; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < VECS; v++) acc[r][v] = load(dw + r * GW__PANEL + v * GW__VECTOR);
    }
    for (size_t row = 0; row < m; row++, x += ldx, dy += lddy) {
        vec b[VECS];
#pragma GCC unroll 16
        for (int v = 0; v < VECS; v++) b[v] = load(dy + v * GW__VECTOR);
#pragma GCC unroll 16
        for (int r = 0; r < inputs; r++) {
            vec a = splat(x[r]);
#pragma GCC unroll 16
            for (int v = 0; v < VECS; v++) acc[r][v] += a * b[v];
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < inputs; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < VECS; v++) store(dw + r * GW__PANEL + v * GW__VECTOR, acc[r][v]);
    }
}

static void panel_dw(size_t m, size_t k, const float *x, size_t ldx, const float *dy, size_t lddy, float *dw) {
    size_t i = 0;
    for (; i + GW__ROWS <= k; i += GW__ROWS) tile_dw(GW__ROWS, m, x + i, ldx, dy, lddy, dw + i * GW__PANEL);
    for (; i + 2 <= k; i += 2) tile_dw(2, m, x + i, ldx, dy, lddy, dw + i * GW__PANEL);
    if (i < k) tile_dw(1, m, x + i, ldx, dy, lddy, dw + i * GW__PANEL);
}

/* The last, partial panel reads its dy through a padded copy, so that the panel's padding stays zero. */
#define EDGE_ROWS 64

static void product_dw(size_t m, size_t k, size_t n, const float *x, size_t ldx, const float *dy, size_t lddy, float *dw, float *db) {
    size_t whole = n / GW__PANEL * GW__PANEL;
    for (size_t j = 0; j < whole; j += GW__PANEL) panel_dw(m, k, x, ldx, dy + j, lddy, dw + j * k);
    if (whole < n) {
        float edge[EDGE_ROWS * GW__PANEL];
        memset(edge, 0, sizeof edge);
        for (size_t row = 0; row < m; row += EDGE_ROWS) {
            size_t rows = m - row < EDGE_ROWS ? m - row : EDGE_ROWS;
            for (size_t r = 0; r < rows; r++) memcpy(edge + r * GW__PANEL, dy + (row + r) * lddy + whole, (n - whole) * sizeof(float));
            panel_dw(rows, k, x + row * ldx, ldx, edge, GW__PANEL, dw + whole * k);
        }
    }
    if (!db) return;
    for (size_t row = 0; row < m; row++) {
        const float *d = dy + row * lddy;
        for (size_t j = 0; j < n; j++) db[j] += d[j];
    }
}

static void transpose(size_t k, size_t n, const float *w, float *wt, size_t panel_begin, size_t panel_end) {
    for (size_t p = panel_begin; p < panel_end; p++) {
        size_t columns = n - p * GW__PANEL < GW__PANEL ? n - p * GW__PANEL : GW__PANEL;
        for (size_t i = 0; i < k; i++) {
            const float *from = w + (p * k + i) * GW__PANEL;
            float *to = wt + (i / GW__PANEL * n + p * GW__PANEL) * GW__PANEL + i % GW__PANEL;
            for (size_t j = 0; j < columns; j++) to[j * GW__PANEL] = from[j];
        }
    }
}

/* ---- element by element ----------------------------------------------------------------------------------------------------- */

#define ROWS(expression)                                   \
    for (size_t r = 0; r < m; r++) {                       \
        const float *in = x + r * ldx;                     \
        float *out = y + r * ldy;                          \
        for (size_t j = 0; j < n; j++) {                   \
            float a = in[j];                               \
            out[j] = (expression);                         \
        }                                                  \
    }

static void activate(gw__activation act, size_t m, size_t n, const float *x, size_t ldx, float *y, size_t ldy) {
    switch (act) {
    case GW__ACT_RELU: ROWS(a > 0.0f ? a : a != a ? a : 0.0f) break;
    case GW__ACT_LEAKY_RELU: ROWS(a > 0.0f ? a : 0.01f * a) break;
    case GW__ACT_GELU: ROWS(a * gw__phi_cdf(a)) break;
    case GW__ACT_SWISH: ROWS(a * gw__sigmoidf(a)) break;
    case GW__ACT_TANH: ROWS(gw__tanhf(a)) break;
    case GW__ACT_SIGMOID: ROWS(gw__sigmoidf(a)) break;
    default: ROWS(a)
    }
}

#undef ROWS
#define ROWS(expression)                                   \
    for (size_t r = 0; r < m; r++) {                       \
        const float *value = v + r * ldv, *in = dy + r * lddy; \
        float *out = dx + r * lddx;                        \
        for (size_t j = 0; j < n; j++) {                   \
            float a = value[j], d = in[j];                 \
            out[j] = (expression);                         \
        }                                                  \
    }

static inline float gelu_slope(float a) { return gw__phi_cdf(a) + a * gw__phi_pdf(a); }
static inline float swish_slope(float a) {
    float s = gw__sigmoidf(a);
    return s * (1.0f + a * (1.0f - s));
}

static void activate_back(gw__activation act, size_t m, size_t n, const float *v, size_t ldv, const float *dy, size_t lddy, float *dx, size_t lddx) {
    switch (act) {
    case GW__ACT_RELU: ROWS(a > 0.0f ? d : 0.0f) break;
    case GW__ACT_LEAKY_RELU: ROWS(a > 0.0f ? d : 0.01f * d) break;
    case GW__ACT_GELU: ROWS(d * gelu_slope(a)) break;
    case GW__ACT_SWISH: ROWS(d * swish_slope(a)) break;
    case GW__ACT_TANH: ROWS(d * (1.0f - a * a)) break;
    case GW__ACT_SIGMOID: ROWS(d * a * (1.0f - a)) break;
    default: ROWS(((void)a, d))
    }
}

#undef ROWS

/* A 32-bit mixer with full avalanche: two multiplications, so that masks cost little beside the product before them. */
static inline uint32_t mix_bits(uint32_t h) {
    h ^= h >> 16;
    h *= 0x7feb352dU;
    h ^= h >> 15;
    h *= 0x846ca68bU;
    return h ^ h >> 16;
}

static void dropout(uint64_t key, size_t first_row, float p, size_t m, size_t n, const float *x, size_t ldx, float *y, size_t ldy) {
    const uint32_t threshold = (uint32_t)((double)p * 4294967296.0);
    const float scale = 1.0f / (1.0f - p);
    for (size_t r = 0; r < m; r++) {
        const float *in = x + r * ldx;
        float *out = y + r * ldy;
        const uint32_t row_key = mix_bits((uint32_t)(first_row + r) + (uint32_t)key) ^ (uint32_t)(key >> 32);
        for (size_t j = 0; j < n; j++) out[j] = mix_bits((uint32_t)j * 0x9e3779b9U ^ row_key) >= threshold ? in[j] * scale : 0.0f;
    }
}

/* ---- gates ------------------------------------------------------------------------------------------------------------------ */

static void softmax(size_t m, size_t e, const float *z, size_t ldz, float *g, size_t ldg) {
    for (size_t r = 0; r < m; r++, z += ldz, g += ldg) {
        float top = z[0], sum = 0;
        for (size_t i = 1; i < e; i++) top = z[i] > top ? z[i] : top;
        for (size_t i = 0; i < e; i++) g[i] = gw__expf(z[i] - top);
        for (size_t i = 0; i < e; i++) sum += g[i];
        float scale = 1.0f / sum;
        for (size_t i = 0; i < e; i++) g[i] *= scale;
    }
}

static void softmax_back(size_t m, size_t e, const float *g, size_t ldg, const float *dg, size_t lddg, float *dz, size_t lddz) {
    for (size_t r = 0; r < m; r++, g += ldg, dg += lddg, dz += lddz) {
        float mean = 0;
        for (size_t i = 0; i < e; i++) mean += g[i] * dg[i];
        for (size_t i = 0; i < e; i++) dz[i] = g[i] * (dg[i] - mean);
    }
}

static void mix(size_t m, size_t e, size_t h, const float *g, size_t ldg, const float *const *x, const size_t *ldx, float *y, size_t ldy, bool add) {
    for (size_t r = 0; r < m; r++, g += ldg, y += ldy) {
        size_t j = 0;
        for (; j + GW__VECTOR <= h; j += GW__VECTOR) {
            vec sum = add ? load(y + j) : (vec){0};
            for (size_t i = 0; i < e; i++) sum += splat(g[i]) * load(x[i] + r * ldx[i] + j);
            store(y + j, sum);
        }
        for (; j < h; j++) {
            float sum = add ? y[j] : 0.0f;
            for (size_t i = 0; i < e; i++) sum += g[i] * x[i][r * ldx[i] + j];
            y[j] = sum;
        }
    }
}

/* One expert of one row: <dy, x>, and dx = or += weight * dy. */
static inline __attribute__((always_inline)) float mix_back_row(const bool add, size_t h, float weight, const float *x, const float *dy, float *dx) {
    vec dot = {0}, w = splat(weight);
    size_t j = 0;
    for (; j + GW__VECTOR <= h; j += GW__VECTOR) {
        vec d = load(dy + j);
        dot += d * load(x + j);
        store(dx + j, add ? load(dx + j) + w * d : w * d);
    }
    float sum = horizontal(dot);
    for (; j < h; j++) {
        sum += dy[j] * x[j];
        dx[j] = add ? dx[j] + weight * dy[j] : weight * dy[j];
    }
    return sum;
}

static void mix_back(size_t m, size_t e, size_t h, const float *g, size_t ldg, const float *const *x, const size_t *ldx,
                     const float *dy, size_t lddy, float *dg, size_t lddg, float *const *dx, const size_t *lddx, const bool *add) {
    for (size_t r = 0; r < m; r++, g += ldg, dg += lddg, dy += lddy) {
        for (size_t i = 0; i < e; i++) {
            const float *from = x[i] + r * ldx[i];
            float *to = dx[i] + r * lddx[i];
            dg[i] = add[i] ? mix_back_row(true, h, g[i], from, dy, to) : mix_back_row(false, h, g[i], from, dy, to);
        }
    }
}

/* ---- layer normalisation ---------------------------------------------------------------------------------------------------- */

static inline float row_sum(size_t n, const float *x) {
    vec sum = {0};
    size_t j = 0;
    for (; j + GW__VECTOR <= n; j += GW__VECTOR) sum += load(x + j);
    float total = horizontal(sum);
    for (; j < n; j++) total += x[j];
    return total;
}

/* Sum of (x - mean)^2. */
static inline float row_spread(size_t n, const float *x, float mean) {
    vec sum = {0}, center = splat(mean);
    size_t j = 0;
    for (; j + GW__VECTOR <= n; j += GW__VECTOR) {
        vec d = load(x + j) - center;
        sum += d * d;
    }
    float total = horizontal(sum);
    for (; j < n; j++) total += (x[j] - mean) * (x[j] - mean);
    return total;
}

static void layer_norm(size_t m, size_t n, const float *x, size_t ldx, const float *gamma, const float *beta, float *stats, float *y, size_t ldy) {
    for (size_t r = 0; r < m; r++, x += ldx, y += ldy, stats += 2) {
        const float mean = row_sum(n, x) / (float)n, scale = 1.0f / sqrtf(row_spread(n, x, mean) / (float)n + 1e-5f);
        for (size_t j = 0; j < n; j++) y[j] = gamma[j] * ((x[j] - mean) * scale) + beta[j];
        stats[0] = mean;
        stats[1] = scale;
    }
}

static void layer_norm_back(size_t m, size_t n, const float *restrict x, size_t ldx, const float *restrict gamma, const float *restrict stats,
                            const float *restrict dy, size_t lddy, float *restrict dgamma, float *restrict dbeta, float *restrict dx, size_t lddx) {
    for (size_t r = 0; r < m; r++, x += ldx, dy += lddy, dx += lddx, stats += 2) {
        const float mean = stats[0], scale = stats[1];
        /* dx holds d = gamma dy until its mean and its mean along u are known. */
        for (size_t j = 0; j < n; j++) {
            float u = (x[j] - mean) * scale;
            dgamma[j] += dy[j] * u;
            dbeta[j] += dy[j];
            dx[j] = dy[j] * gamma[j];
        }
        vec dots = {0};
        size_t j = 0;
        for (; j + GW__VECTOR <= n; j += GW__VECTOR) dots += load(dx + j) * ((load(x + j) - splat(mean)) * splat(scale));
        float dot = horizontal(dots);
        for (; j < n; j++) dot += dx[j] * (x[j] - mean) * scale;
        const float sum = row_sum(n, dx) / (float)n, along = dot / (float)n;
        for (j = 0; j < n; j++) dx[j] = scale * (dx[j] - sum - (x[j] - mean) * scale * along);
    }
}

/* ---- gradients and updates -------------------------------------------------------------------------------------------------- */

static void sum_parts(size_t n, size_t parts, size_t stride, const float *values, float *out) {
    if (out != values) memcpy(out, values, n * sizeof(float));
    for (size_t s = 1; s < parts; s++) {
        const float *part = values + s * stride;
        for (size_t i = 0; i < n; i++) out[i] += part[i];
    }
}

static void add_scaled(size_t n, float a, const float *restrict x, float *restrict y) {
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void clamp(size_t n, float limit, float *values) {
    for (size_t i = 0; i < n; i++) {
        float v = values[i];
        values[i] = v > limit ? limit : v < -limit ? -limit : v;
    }
}

static double square_sum(size_t n, const float *values) {
    double lanes[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        for (int l = 0; l < 8; l++) lanes[l] += (double)values[i + l] * values[i + l];
    }
    for (; i < n; i++) lanes[0] += (double)values[i] * values[i];
    double sum = 0;
    for (int l = 0; l < 8; l++) sum += lanes[l];
    return sum;
}

/* The gradient as the update sees it: scaled, with decay. */
static inline float seen(const gw__update *u, float g, float w) { return g * u->clip_scale + u->decay * w; }

/* SGD as torch.optim.SGD: s = momentum s + g; w -= lr s (Nesterov: g + momentum s). */
static void update_sgd(const gw__update *u, size_t n, float *w, const float *g, float *s0, float *s1) {
    const gw__update c = *u;
    (void)s1;
    for (size_t i = 0; i < n; i++) {
        float d = seen(&c, g[i], w[i]);
        if (s0) {
            s0[i] = c.momentum * s0[i] + d;
            d = c.nesterov ? d + c.momentum * s0[i] : s0[i];
        }
        w[i] -= c.lr * d;
    }
}

/* Adam (Kingma & Ba 2015, algorithm 1, as torch.optim.Adam): s0, s1 first and second moments; lr carries 1/(1-beta1^t). */
static void update_adam(const gw__update *u, size_t n, float *restrict w, const float *restrict g, float *restrict s0, float *restrict s1) {
    const gw__update c = *u;
    for (size_t i = 0; i < n; i++) {
        float d = seen(&c, g[i], w[i]);
        s0[i] = c.beta1 * s0[i] + c.rest1 * d;
        s1[i] = c.beta2 * s1[i] + c.rest2 * d * d;
        w[i] = w[i] * c.shrink - c.lr * s0[i] / (sqrtf(s1[i]) * c.root_correction + c.eps);
    }
}

/* Adagrad (Duchi et al. 2011, as torch.optim.Adagrad): s0 sum of squares. */
static void update_adagrad(const gw__update *u, size_t n, float *restrict w, const float *restrict g, float *restrict s0, float *s1) {
    const gw__update c = *u;
    (void)s1;
    for (size_t i = 0; i < n; i++) {
        float d = seen(&c, g[i], w[i]);
        s0[i] += d * d;
        w[i] -= c.lr * d / (sqrtf(s0[i]) + c.eps);
    }
}

const gw__kernels GW__TABLE = GW__KERNEL_TABLE(GW__ISA);
