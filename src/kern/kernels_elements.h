/* Element by element, and along rows: activations, drop-out, layer normalisation. Part of kernels_body.h. */

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

