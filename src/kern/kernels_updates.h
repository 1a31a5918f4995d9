/* Gradients: sums of slots, clipping, and the optimizers' updates. Part of kernels_body.h. */

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

/* A state that decays towards 0 gets there: of a unit that learns nothing more (a dead relu) it, or its product with a learning rate, would become
 * denormal and make every later step a hundred times slower for it. */
static inline float settled(float s) { return fabsf(s) < GW__SETTLED ? 0.0f : s; }
static inline float settled_square(float s) { return s < FLT_MIN ? 0.0f : s; }

/* SGD as torch.optim.SGD: s = momentum s + g; w -= lr s (Nesterov: g + momentum s). */
static void update_sgd(const gw__update *u, size_t n, float *w, const float *g, float *s0, float *s1) {
    const gw__update c = *u;
    (void)s1;
    for (size_t i = 0; i < n; i++) {
        float d = seen(&c, g[i], w[i]);
        if (s0) {
            s0[i] = settled(c.momentum * s0[i] + d);
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
        s0[i] = settled(c.beta1 * s0[i] + c.rest1 * d);
        s1[i] = settled_square(c.beta2 * s1[i] + c.rest2 * d * d);
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

