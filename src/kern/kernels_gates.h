/* Gates: softmax and mixtures. Part of kernels_body.h. */

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

