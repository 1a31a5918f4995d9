/* Rows of embedding tables: sums of their gradients, and their update. Part of kernels_body.h. */

#define TERMS_AHEAD 12 /* rows that are on their way while one is added */

static void sum_rows(size_t n, size_t n_terms, const gw__term *terms, const float *values, float *out) {
    size_t j = 0;
    for (; j + GW__PANEL <= n; j += GW__PANEL) {
        vec sum[VECS];
        for (int v = 0; v < VECS; v++) sum[v] = splat(terms[0].scale) * load(values + terms[0].at + j + v * GW__VECTOR);
        for (size_t t = 1; t < n_terms; t++) {
            const float *row = values + terms[t].at + j;
            if (t + TERMS_AHEAD < n_terms) __builtin_prefetch(values + terms[t + TERMS_AHEAD].at + j);
            for (int v = 0; v < VECS; v++) sum[v] += splat(terms[t].scale) * load(row + v * GW__VECTOR);
        }
        for (int v = 0; v < VECS; v++) store(out + j + v * GW__VECTOR, sum[v]);
    }
    for (; j < n; j++) {
        float sum = terms[0].scale * values[terms[0].at + j];
        for (size_t t = 1; t < n_terms; t++) sum += terms[t].scale * values[terms[t].at + j];
        out[j] = sum;
    }
}

/* Row-wise Adagrad, as in DLRM (Naumov et al. 2019) and FBGEMM (Khudia et al. 2021): s0 += mean of d^2 over the row; w -= lr d / (sqrt(s0) + eps). */
static void update_rowwise(const gw__update *u, size_t n, float *restrict w, const float *restrict g, float *restrict s0, float *s1) {
    const gw__update c = *u;
    const vec clip = splat(c.clip_scale), decay = splat(c.decay);
    vec squares = {0};
    size_t j = 0;
    (void)s1;
    for (; j + GW__VECTOR <= n; j += GW__VECTOR) {
        vec d = load(g + j) * clip + decay * load(w + j);
        squares += d * d;
    }
    float sum = horizontal(squares);
    for (; j < n; j++) sum += seen(&c, g[j], w[j]) * seen(&c, g[j], w[j]);
    *s0 += sum / (float)n;
    const float rate = c.lr / (sqrtf(*s0) + c.eps);
    for (j = 0; j + GW__VECTOR <= n; j += GW__VECTOR) {
        vec old = load(w + j), d = load(g + j) * clip + decay * old;
        store(w + j, old - splat(rate) * d);
    }
    for (; j < n; j++) w[j] -= rate * seen(&c, g[j], w[j]);
}
