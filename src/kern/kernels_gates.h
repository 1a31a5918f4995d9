/* Gates: softmax and mixtures. Part of kernels_body.h. */

/* Up to FEW experts, softmax runs along the rows: a block of rows is turned, so that each expert's weights are a vector. */
enum { BLOCK = 16, FEW = 32, MOST = 64 };

/* to [n,m] = from [m,n] turned, four by four. */
INLINE void turn4(const float *from, size_t ldf, float *to, size_t ldt) {
    const quad a = load4(from), b = load4(from + ldf), c = load4(from + 2 * ldf), d = load4(from + 3 * ldf);
    const quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const quad cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    store4(to, __builtin_shufflevector(ab, cd, 0, 1, 4, 5));
    store4(to + ldt, __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
    store4(to + 2 * ldt, __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5));
    store4(to + 3 * ldt, __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7));
}

INLINE void turn(size_t m, size_t n, const float *from, size_t ldf, float *to, size_t ldt) {
    const size_t m4 = m / 4 * 4, n4 = n / 4 * 4;
    for (size_t j = 0; j < n4; j += 4) {
        for (size_t i = 0; i < m4; i += 4) turn4(from + i * ldf + j, ldf, to + j * ldt + i, ldt);
    }
    for (size_t i = 0; i < m; i++) {
        for (size_t j = i < m4 ? n4 : 0; j < n; j++) to[j * ldt + i] = from[i * ldf + j];
    }
}

INLINE void turn_in(size_t m, size_t e, const float *z, size_t ldz, float (*block)[BLOCK]) { turn(m, e, z, ldz, block[0], BLOCK); }
INLINE void turn_out(size_t m, size_t e, float (*block)[BLOCK], float *z, size_t ldz) { turn(e, m, block[0], BLOCK, z, ldz); }

#define LANES for (int l = 0; l < BLOCK; l++)

INLINE void softmax_block(size_t m, size_t e, const float *z, size_t ldz, float *g, size_t ldg) {
    float block[FEW][BLOCK], top[BLOCK], sum[BLOCK] = {0};
    memset(block, 0, e * sizeof *block);
    turn_in(m, e, z, ldz, block);
    memcpy(top, block[0], sizeof top);
    for (size_t i = 1; i < e; i++) LANES top[l] = block[i][l] > top[l] ? block[i][l] : top[l];
    for (size_t i = 0; i < e; i++) {
        LANES block[i][l] = gw__expf(block[i][l] - top[l]);
        LANES sum[l] += block[i][l];
    }
    LANES sum[l] = 1.0f / sum[l];
    for (size_t i = 0; i < e; i++) LANES block[i][l] *= sum[l];
    turn_out(m, e, block, g, ldg);
}

/* gw__expf of a vector, in the same steps. */
INLINE vec exp_of(vec x) {
    vec low = splat(-87.3365f), high = splat(88.7228f), in = x;
    x = at_least(x, low);
    ivec above = x > high;
    x = (vec)((~above & (ivec)x) | (above & (ivec)high));
    vec shifted = x * 1.44269504088896f + 12582912.0f, n = shifted - 12582912.0f;
    vec r = (x - n * 0.693145751953125f) - n * 1.42860682030941723212e-6f;
    vec r2 = r * r, low_terms = (1.0f + r) + r2 * (0.5f + r * 1.66666667e-1f);
    vec high_terms = (4.16666667e-2f + r * 8.33333333e-3f) + r2 * (1.38888889e-3f + r * 1.98412698e-4f);
    vec p = low_terms + r2 * r2 * high_terms;
    ivec e = (ivec)shifted - 0x4B400000, half = e >> 1;
    vec y = p * (vec)((half + 127) << 23) * (vec)((e - half + 127) << 23);
    ivec known = in == in;
    return (vec)((known & (ivec)y) | (~known & (ivec)in));
}

/* One row of `e` logits, a constant after inlining. */
INLINE void softmax_few(const int e, const float *z, float *g) {
    enum { MOST_UNROLLED = 8 };
    float t[MOST_UNROLLED + GW__VECTOR], top = z[0], sum = 0;
    UNROLL for (int i = 1; i < e; i++) top = z[i] > top ? z[i] : top;
    UNROLL for (int v = 0; v < e; v += GW__VECTOR) {
        vec in;
        UNROLL for (int l = 0; l < GW__VECTOR; l++) in[l] = z[v + l < e ? v + l : 0];
        store(t + v, exp_of(in - top));
    }
    UNROLL for (int i = 0; i < e; i++) sum += t[i];
    const float scale = 1.0f / sum;
    UNROLL for (int i = 0; i < e; i++) g[i] = t[i] * scale;
}

static void softmax_row(size_t e, const float *z, float *g) {
    float top = z[0], sum = 0;
    switch (e) {
#define X(n) case n: softmax_few(n, z, g); return;
        X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#undef X
    }
    for (size_t i = 1; i < e; i++) top = z[i] > top ? z[i] : top;
    for (size_t i = 0; i < e; i++) g[i] = gw__expf(z[i] - top);
    for (size_t i = 0; i < e; i++) sum += g[i];
    const float scale = 1.0f / sum;
    for (size_t i = 0; i < e; i++) g[i] *= scale;
}

static void softmax(size_t m, size_t e, const float *z, size_t ldz, float *g, size_t ldg) {
    size_t r = 0;
    for (; e <= FEW && r + BLOCK <= m; r += BLOCK) softmax_block(BLOCK, e, z + r * ldz, ldz, g + r * ldg, ldg);
    if (e <= FEW && m - r > 3) {
        softmax_block(m - r, e, z + r * ldz, ldz, g + r * ldg, ldg);
        return;
    }
    for (; r < m; r++) softmax_row(e, z + r * ldz, g + r * ldg);
}

INLINE void softmax_back_block(size_t m, size_t e, const float *g, size_t ldg, const float *dg, size_t lddg, float *dz, size_t lddz) {
    float weight[FEW][BLOCK], block[FEW][BLOCK], mean[BLOCK] = {0};
    if (m < BLOCK) {
        memset(weight, 0, e * sizeof *weight);
        memset(block, 0, e * sizeof *block);
    }
    turn_in(m, e, g, ldg, weight);
    turn_in(m, e, dg, lddg, block);
    for (size_t i = 0; i < e; i++) LANES mean[l] += weight[i][l] * block[i][l];
    for (size_t i = 0; i < e; i++) LANES block[i][l] = weight[i][l] * (block[i][l] - mean[l]);
    turn_out(m, e, block, dz, lddz);
}

static void softmax_back(size_t m, size_t e, const float *g, size_t ldg, const float *dg, size_t lddg, float *dz, size_t lddz) {
    size_t r = 0;
    for (; e <= FEW && r + BLOCK <= m; r += BLOCK) softmax_back_block(BLOCK, e, g + r * ldg, ldg, dg + r * lddg, lddg, dz + r * lddz, lddz);
    if (e <= FEW && m > r) {
        softmax_back_block(m - r, e, g + r * ldg, ldg, dg + r * lddg, lddg, dz + r * lddz, lddz);
        return;
    }
    for (; r < m; r++) {
        const float *weight = g + r * ldg, *d = dg + r * lddg;
        float mean = 0;
        for (size_t i = 0; i < e; i++) mean += weight[i] * d[i];
        for (size_t i = 0; i < e; i++) dz[r * lddz + i] = weight[i] * (d[i] - mean);
    }
}

INLINE vec chosen(ivec which, vec one, vec other) { return (vec)((which & (ivec)one) | (~which & (ivec)other)); }

/* The largest of each lane's `e` values, which is taken out of them, and where it was. */
INLINE vec take_largest(size_t e, float (*block)[BLOCK], ivec *ret_at) {
    vec most = splat(-INFINITY);
    ivec at = (ivec){0} + (int)e;
    for (int j = 0; j < (int)e; j++) {
        const vec value = load(block[j]);
        const ivec more = (value > most) | (value != value);
        most = chosen(more, value, most);
        at = (more & j) | (~more & at);
    }
    for (int j = 0; j < (int)e; j++) store(block[j], chosen(at == j, splat(-INFINITY), load(block[j])));
    *ret_at = at;
    return most;
}

/* Up to MOST experts, as softmax. */
INLINE void largest_block(size_t e, size_t k, const float *v, size_t ldv, uint32_t *at, float *top, size_t ld) {
    float block[MOST][BLOCK];
    turn_in(BLOCK, e, v, ldv, block);
    for (int first = 0; first < BLOCK; first += GW__VECTOR) {
        for (size_t i = 0; i < k; i++) {
            ivec column;
            const vec most = take_largest(e, (float(*)[BLOCK])(block[0] + first), &column);
            UNROLL for (int l = 0; l < GW__VECTOR; l++) {
                top[(size_t)(first + l) * ld + i] = most[l];
                at[(size_t)(first + l) * ld + i] = (uint32_t)column[l];
            }
        }
    }
}

static void largest_row(size_t e, size_t k, const float *v, uint32_t *at, float *top) {
    for (size_t i = 0; i < k; i++) {
        top[i] = -INFINITY;
        at[i] = (uint32_t)e;
        for (uint32_t j = 0; j < e; j++) {
            bool left = true;
            for (size_t before = 0; before < i; before++) left &= at[before] != j;
            if (left && ((v[j] > top[i]) | (v[j] != v[j]))) top[i] = v[j], at[i] = j;
        }
    }
}

static void largest(size_t m, size_t e, size_t k, const float *v, size_t ldv, uint32_t *at, float *top, size_t ld) {
    size_t r = 0;
    for (; e <= MOST && r + BLOCK <= m; r += BLOCK) largest_block(e, k, v + r * ldv, ldv, at + r * ld, top + r * ld, ld);
    for (; r < m; r++) largest_row(e, k, v + r * ldv, at + r * ld, top + r * ld);
}

#undef LANES

/* ---- mixtures: experts in groups of at most GROUP, whose number is a constant of the loops ------------------------------------------- */

enum { GROUP = 8 };

/* What the rows of a mixture share. */
typedef struct mix_job {
    size_t m, h, ldg, ldy;
    const float *g, *const *x;
    const size_t *ldx;
    float *y;
} mix_job;

/* y = or += sum of g_i x_i over `e` experts, whose rows are all `ldx` apart. */
INLINE void mix_group(const int e, const mix_job *job, const float *g, const float *const *x, size_t ldx, bool add) {
    const float *from[GROUP];
    const size_t whole = job->h / GW__PANEL * GW__PANEL;
    for (int i = 0; i < e; i++) from[i] = x[i];
    float *y = job->y;
    for (size_t r = 0, at = 0; r < job->m; r++, at += ldx, g += job->ldg, y += job->ldy) {
        for (size_t j = 0; j < whole; j += GW__PANEL) {
            vec sum[VECS];
            UNROLL for (int v = 0; v < VECS; v++) sum[v] = add ? load(y + j + v * GW__VECTOR) : (vec){0};
            UNROLL for (int i = 0; i < e; i++) {
                vec weight = splat(g[i]);
                UNROLL for (int v = 0; v < VECS; v++) sum[v] += weight * load(from[i] + at + j + v * GW__VECTOR);
            }
            UNROLL for (int v = 0; v < VECS; v++) store(y + j + v * GW__VECTOR, sum[v]);
        }
        for (size_t j = whole; j < job->h; j++) {
            float sum = add ? y[j] : 0.0f;
            UNROLL for (int i = 0; i < e; i++) sum += g[i] * from[i][at + j];
            y[j] = sum;
        }
    }
}

/* How many experts from the first on, at most GROUP, have rows equally far apart and are added or not like it. */
static size_t alike(size_t e, const size_t *ldx, const size_t *lddx, const bool *add) {
    size_t n = 1;
    while (n < GROUP && n < e && ldx[n] == ldx[0] && (!lddx || lddx[n] == lddx[0]) && (!add || add[n] == add[0])) n++;
    return n;
}

#define EACH_GROUP(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)

static void mix(size_t m, size_t e, size_t h, const float *g, size_t ldg, const float *const *x, const size_t *ldx, float *y, size_t ldy, bool add) {
    const mix_job job = {.m = m, .h = h, .ldg = ldg, .ldy = ldy, .y = y};
    for (size_t i = 0, n; i < e; i += n) {
        n = alike(e - i, ldx + i, NULL, NULL);
        switch (n) {
#define X(n) case n: mix_group(n, &job, g + i, x + i, ldx[i], add || i > 0); break;
            EACH_GROUP(X)
#undef X
        }
    }
}

/* The gradients of a group's experts, and where their sums go. */
typedef struct mix_back_job {
    size_t m, h, ldg, lddy, lddg;
    const float *g, *dy;
    float *dg;
} mix_back_job;

/* dx = or += g dy of one expert for the part of a row that a panel covers; returns dy * x. */
INLINE void mix_back_panel(const vec *d, float weight, const float *x, float *dx, bool add, vec *dot) {
    const vec w = splat(weight);
    UNROLL for (int v = 0; v < VECS; v++) {
        *dot += d[v] * load(x + v * GW__VECTOR);
        vec product = w * d[v];
        store(dx + v * GW__VECTOR, add ? load(dx + v * GW__VECTOR) + product : product);
    }
}

/* dg_i = <dy, x_i>; dx_i = or += g_i dy, for `e` experts that are alike. */
INLINE void mix_back_group(const int e, const bool add, const mix_back_job *job, size_t first, const float *const *x, size_t ldx,
                           float *const *dx, size_t lddx) {
    const float *from[GROUP], *g = job->g + first, *dy = job->dy;
    float *to[GROUP], *dg = job->dg + first;
    const size_t whole = job->h / GW__PANEL * GW__PANEL;
    for (int i = 0; i < e; i++) from[i] = x[i], to[i] = dx[i];
    for (size_t r = 0, at = 0, at_dx = 0; r < job->m; r++, at += ldx, at_dx += lddx, g += job->ldg, dg += job->lddg, dy += job->lddy) {
        vec dot[GROUP] = {{0}};
        float sums[GROUP];
        for (size_t j = 0; j < whole; j += GW__PANEL) {
            vec d[VECS];
            UNROLL for (int v = 0; v < VECS; v++) d[v] = load(dy + j + v * GW__VECTOR);
            UNROLL for (int i = 0; i < e; i++) mix_back_panel(d, g[i], from[i] + at + j, to[i] + at_dx + j, add, &dot[i]);
        }
        sums4(dot, sums);
        if (e > 4) sums4(dot + 4, sums + 4);
        for (size_t j = whole; j < job->h; j++) {
            UNROLL for (int i = 0; i < e; i++) {
                float *target = to[i] + at_dx + j;
                sums[i] += dy[j] * from[i][at + j];
                *target = add ? *target + g[i] * dy[j] : g[i] * dy[j];
            }
        }
        UNROLL for (int i = 0; i < e; i++) dg[i] = sums[i];
    }
}

static void mix_back(size_t m, size_t e, size_t h, const float *g, size_t ldg, const float *const *x, const size_t *ldx,
                     const float *dy, size_t lddy, float *dg, size_t lddg, float *const *dx, const size_t *lddx, const bool *add) {
    const mix_back_job job = {.m = m, .h = h, .ldg = ldg, .lddy = lddy, .lddg = lddg, .g = g, .dy = dy, .dg = dg};
    for (size_t i = 0, n; i < e; i += n) {
        n = alike(e - i, ldx + i, lddx + i, add + i);
        switch (n * 2 + add[i]) {
#define X(n)                                                                                       \
    case (n) * 2: mix_back_group(n, false, &job, i, x + i, ldx[i], dx + i, lddx[i]); break;        \
    case (n) * 2 + 1: mix_back_group(n, true, &job, i, x + i, ldx[i], dx + i, lddx[i]); break;
            EACH_GROUP(X)
#undef X
        }
    }
}
