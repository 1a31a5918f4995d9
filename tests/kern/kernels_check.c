#include "kernels_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static char mismatch[200]; /* the first one; "" until then */

static float *random_values(size_t n, uint64_t seed) {
    float *values = malloc((n ? n : 1) * sizeof *values);
    for (size_t i = 0; i < n; i++) values[i] = (float)(2 * gw__random_uniform(seed, GW__RANDOM_SYNTH, 0, i) - 1);
    return values;
}

static void assert_that(const char *what, const char *isa, bool holds) {
    if (!holds && !*mismatch) snprintf(mismatch, sizeof mismatch, "%s (%s) is not what the reference gives", what, isa);
}

static float *copy_of(const float *values, size_t n) {
    float *copy = malloc(n * sizeof *copy);
    memcpy(copy, values, n * sizeof *copy);
    return copy;
}

static void assert_close(const char *what, const char *isa, const float *got, const float *want, size_t n, double tolerance) {
    for (size_t i = 0; i < n; i++) {
        double scale = fmax(1, fabs(want[i]));
        if (fabs(got[i] - want[i]) <= tolerance * scale || *mismatch) continue;
        snprintf(mismatch, sizeof mismatch, "%s (%s): value %zu is %g, expected %g", what, isa, i, got[i], want[i]);
    }
}

/* A random panel matrix whose padding is zero. */
static float *random_panels(size_t k, size_t n, uint64_t seed) {
    float *panels = calloc(gw__panel_floats(k, n), sizeof *panels), *values = random_values(k * n, seed);
    for (size_t i = 0; i < k; i++) {
        for (size_t j = 0; j < n; j++) panels[gw__panel_at(k, i, j)] = values[i * n + j];
    }
    free(values);
    return panels;
}

static const size_t sizes[][3] = {{1, 1, 1}, {2, 3, 5}, {7, 10, 16}, {6, 17, 33}, {13, 100, 144}, {65, 31, 7}, {64, 16, 80}, {5, 1, 17}};

static void check_products(const gw__kernels *kernels) {
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t m = sizes[s][0], k = sizes[s][1], n = sizes[s][2], ldx = k + 3, ldy = n + 5, panels = gw__panel_floats(k, n);
        float *x = random_values(m * ldx, 1), *w = random_panels(k, n, 2), *y = random_values(m * ldy, 4);
        float *bias = random_values((n + GW__PANEL - 1) / GW__PANEL * GW__PANEL, 3);
        for (int variant = 0; variant < 4; variant++) {
            float *got = copy_of(y, m * ldy), *want = copy_of(y, m * ldy);
            const size_t relu = (size_t)variant * n / 3; /* 0, parts of panels, all */
            kernels->product(m, k, n, x, ldx, w, variant & 1 ? bias : NULL, relu, got, ldy, variant & 2);
            gw__kernels_reference.product(m, k, n, x, ldx, w, variant & 1 ? bias : NULL, relu, want, ldy, variant & 2);
            assert_close("product", kernels->isa, got, want, m * ldy, 2e-6); /* the columns beyond n are not touched */
            free(got), free(want);
        }
        float *dw = copy_of(w, panels), *dw_want = copy_of(w, panels), *db = copy_of(bias, n), *db_want = copy_of(bias, n);
        for (int add = 1; add >= 0; add--) {
            kernels->product_dw(m, k, n, x, ldx, y, ldy, dw, db, add);
            gw__kernels_reference.product_dw(m, k, n, x, ldx, y, ldy, dw_want, db_want, add);
            assert_close("product_dw", kernels->isa, dw, dw_want, panels, 4e-6);
            assert_close("product_dw bias", kernels->isa, db, db_want, n, 4e-6);
        }
        size_t turned = gw__panel_floats(n, k);
        float *wt = calloc(turned, sizeof *wt), *wt_want = calloc(turned, sizeof *wt), *plain = malloc(n * k * sizeof *plain);
        kernels->transpose(k, n, w, wt, 0, 1);
        kernels->transpose(k, n, w, wt, 1, (n + 15) / 16);
        gw__kernels_reference.transpose(k, n, w, wt_want, 0, (n + 15) / 16);
        assert_that("transpose", kernels->isa, memcmp(wt, wt_want, turned * sizeof *wt) == 0);
        for (size_t i = 0; i < k; i++) {
            for (size_t j = 0; j < n; j++) assert_that("transpose", kernels->isa, wt[gw__panel_at(n, j, i)] == w[gw__panel_at(k, i, j)]);
        }
        free(x), free(w), free(bias), free(y), free(dw), free(dw_want), free(db), free(db_want), free(wt), free(wt_want), free(plain);
    }
}

static void check_narrow_products(const gw__kernels *kernels) {
    for (size_t m = 1; m <= 9; m += 4) {
        for (size_t k = 1; k < 70; k += 7) {
            for (size_t n = 1; n <= GW__NARROW; n++) {
                const size_t ldx = k + 3, ldy = n + 5;
                float *x = random_values(m * ldx, 1), *w = random_panels(n, k, 2), *bias = random_values(n, 3), *got = random_values(m * ldy, 4);
                float *want = copy_of(got, m * ldy);
                kernels->product_narrow(m, k, n, x, ldx, w, k % 2 ? bias : NULL, got, ldy);
                gw__kernels_reference.product_narrow(m, k, n, x, ldx, w, k % 2 ? bias : NULL, want, ldy);
                assert_close("product_narrow", kernels->isa, got, want, m * ldy, 2e-6);
                free(x), free(w), free(bias), free(got), free(want);
            }
        }
    }
}

static bool from_input(gw__activation act) { return act == GW__ACT_GELU || act == GW__ACT_SWISH; }

static void check_activations(const gw__kernels *kernels) {
    enum { M = 3, N = 37, LD = 41 };
    for (int a = 0; a < GW__ACTIVATIONS; a++) {
        gw__activation act = (gw__activation)a;
        float *x = random_values(M * LD, 5), *dy = random_values(M * LD, 6), got[M * LD], want[M * LD], back[M * LD], back_want[M * LD];
        for (int i = 0; i < M * LD; i++) x[i] *= 6;
        memcpy(got, x, sizeof got), memcpy(want, x, sizeof want);
        kernels->activate(act, M, N, x, LD, got, LD);
        gw__kernels_reference.activate(act, M, N, x, LD, want, LD);
        assert_close("activate", kernels->isa, got, want, M * LD, 2e-6);
        const float *v = from_input(act) ? x : want;
        memcpy(back, dy, sizeof back), memcpy(back_want, dy, sizeof back_want);
        kernels->activate_back(act, M, N, v, LD, back, LD, back, LD);
        gw__kernels_reference.activate_back(act, M, N, v, LD, dy, LD, back_want, LD);
        assert_close("activate_back", kernels->isa, back, back_want, M * LD, 2e-6);
        free(x), free(dy);
    }
}

static void check_dropout(const gw__kernels *kernels) {
    enum { M = 200, N = 150 };
    float *x = random_values(M * N, 7), *got = malloc(M * N * sizeof *got), *want = malloc(M * N * sizeof *want);
    kernels->dropout(0x123456789abcdefULL, 1000, 0.3f, M, N, x, N, got, N);
    gw__kernels_reference.dropout(0x123456789abcdefULL, 1000, 0.3f, M, N, x, N, want, N);
    assert_close("dropout", kernels->isa, got, want, M * N, 1e-6);
    size_t kept = 0;
    for (size_t i = 0; i < M * N; i++) kept += got[i] != 0;
    assert_that("dropout, share kept", kernels->isa, fabs((double)kept / (M * N) - 0.7) < 0.01); /* 3.8 standard deviations */
    float *part = malloc(N * sizeof *part);
    kernels->dropout(0x123456789abcdefULL, 1100, 0.3f, 1, N, x + 100 * N, N, part, N);
    assert_that("dropout, part", kernels->isa, memcmp(part, got + 100 * N, N * sizeof *part) == 0); /* a mask depends on the row, not on the chunk */
    free(x), free(got), free(want), free(part);
}

/* Exactly the reference's picks, among equal values, NaN and rows with too few numbers, too. */
static void check_largest(const gw__kernels *kernels, size_t m, size_t e, const float *z) {
    for (size_t k = 1; k <= e; k += k < 3 ? 1 : 5) {
        float *v = copy_of(z, m * e), *top = malloc(m * k * 4), *top_want = malloc(m * k * 4);
        uint32_t *at = malloc(m * k * 4), *at_want = malloc(m * k * 4);
        for (size_t i = 0; i < m * e; i++) v[i] = i % 5 == 4 ? -INFINITY : i % 97 == 33 ? NAN : roundf(v[i] / 8);
        kernels->largest(m, e, k, v, e, at, top, k);
        gw__kernels_reference.largest(m, e, k, v, e, at_want, top_want, k);
        assert_that("largest, columns", kernels->isa, memcmp(at, at_want, m * k * 4) == 0);
        for (size_t i = 0; i < m * k; i++) assert_that("largest, values", kernels->isa, top[i] == top_want[i] || (top[i] != top[i] && top_want[i] != top_want[i]));
        free(v), free(top), free(top_want), free(at), free(at_want);
    }
}

static void check_gates(const gw__kernels *kernels) {
    const size_t shapes[][3] = {{1, 1, 1}, {9, 2, 7}, {5, 4, 16}, {33, 8, 33}, {3, 19, 64}, {37, 19, 5}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t m = shapes[s][0], e = shapes[s][1], h = shapes[s][2], ld = h + 2;
        float *z = random_values(m * e, 8), *g = malloc(m * e * 4), *g_want = malloc(m * e * 4), *dz = malloc(m * e * 4), *dz_want = malloc(m * e * 4);
        for (size_t i = 0; i < m * e; i++) z[i] *= 20;
        kernels->softmax(m, e, z, e, g, e);
        gw__kernels_reference.softmax(m, e, z, e, g_want, e);
        assert_close("softmax", kernels->isa, g, g_want, m * e, 1e-6);
        kernels->softmax_back(m, e, g_want, e, z, e, dz, e);
        gw__kernels_reference.softmax_back(m, e, g_want, e, z, e, dz_want, e);
        assert_close("softmax_back", kernels->isa, dz, dz_want, m * e, 1e-5);
        check_largest(kernels, m, e, z);
        float *x = random_values(e * m * ld, 9), *y = random_values(m * ld, 10), *y_want = copy_of(y, m * ld), *dy = random_values(m * ld, 11);
        float *dx = random_values(e * m * ld, 12), *dx_want = copy_of(dx, e * m * ld), *dg = malloc(m * e * 4), *dg_want = malloc(m * e * 4);
        const float *xs[32];
        float *dxs[32], *dxs_want[32];
        size_t lds[32];
        bool add[32];
        for (size_t i = 0; i < e; i++) {
            xs[i] = x + i * m * ld, dxs[i] = dx + i * m * ld, dxs_want[i] = dx_want + i * m * ld;
            lds[i] = ld, add[i] = i % 2;
        }
        kernels->mix(m, e, h, g_want, e, xs, lds, y, ld, s % 2);
        gw__kernels_reference.mix(m, e, h, g_want, e, xs, lds, y_want, ld, s % 2);
        assert_close("mix", kernels->isa, y, y_want, m * ld, 2e-6);
        kernels->mix_back(m, e, h, g_want, e, xs, lds, dy, ld, dg, e, dxs, lds, add);
        gw__kernels_reference.mix_back(m, e, h, g_want, e, xs, lds, dy, ld, dg_want, e, dxs_want, lds, add);
        assert_close("mix_back dg", kernels->isa, dg, dg_want, m * e, 4e-6);
        assert_close("mix_back dx", kernels->isa, dx, dx_want, e * m * ld, 2e-6);
        free(z), free(g), free(g_want), free(dz), free(dz_want), free(x), free(y), free(y_want), free(dy), free(dx), free(dx_want), free(dg), free(dg_want);
    }
}

static void check_layer_norm(const gw__kernels *kernels) {
    enum { M = 4, N = 33 };
    float *x = random_values(M * N, 13), *gamma = random_values(N, 14), *beta = random_values(N, 15), *dy = random_values(M * N, 16);
    float y[M * N], y_want[M * N], stats[2 * M], stats_want[2 * M], dx[M * N], dx_want[M * N], dgamma[N] = {0}, dbeta[N] = {0}, dgamma_want[N] = {0}, dbeta_want[N] = {0};
    kernels->layer_norm(M, N, x, N, gamma, beta, stats, y, N);
    gw__kernels_reference.layer_norm(M, N, x, N, gamma, beta, stats_want, y_want, N);
    assert_close("layer_norm", kernels->isa, y, y_want, M * N, 4e-6);
    kernels->layer_norm_back(M, N, x, N, gamma, stats_want, dy, N, dgamma, dbeta, dx, N);
    gw__kernels_reference.layer_norm_back(M, N, x, N, gamma, stats_want, dy, N, dgamma_want, dbeta_want, dx_want, N);
    assert_close("layer_norm_back dx", kernels->isa, dx, dx_want, M * N, 4e-6);
    assert_close("layer_norm_back dgamma", kernels->isa, dgamma, dgamma_want, N, 4e-6);
    assert_close("layer_norm_back dbeta", kernels->isa, dbeta, dbeta_want, N, 4e-6);
    free(x), free(gamma), free(beta), free(dy);
}

static void check_updates(const gw__kernels *kernels) {
    enum { N = 77 };
    const gw__update u = {.lr = 0.1f, .beta1 = 0.9f, .beta2 = 0.99f, .rest1 = 0.1f, .rest2 = 0.01f, .eps = 1e-6f, .root_correction = 2, .momentum = 0.8f, .nesterov = true,
                          .decay = 0.01f, .shrink = 0.9f, .clip_scale = 0.5f};
    for (int o = 0; o < GW__OPTIMIZERS; o++) {
        float *w = random_values(N, 17), *g = random_values(N, 18), *s0 = random_values(N, 19), *s1 = random_values(N, 20);
        for (int i = 0; i < N; i++) s0[i] = fabsf(s0[i]), s1[i] = fabsf(s1[i]) + 0.1f;
        float *w2 = copy_of(w, N), *s02 = copy_of(s0, N), *s12 = copy_of(s1, N);
        kernels->update[o](&u, N, w, g, s0, s1);
        gw__kernels_reference.update[o](&u, N, w2, g, s02, s12);
        assert_close("update w", kernels->isa, w, w2, N, 2e-6);
        assert_close("update s0", kernels->isa, s0, s02, N, 2e-6);
        assert_close("update s1", kernels->isa, s1, s12, N, 2e-6);
        free(w), free(g), free(s0), free(s1), free(w2), free(s02), free(s12);
    }
}

static void check_rows(const gw__kernels *kernels) {
    enum { MOST = 50, TERMS = 40 };
    const gw__update u = {.lr = 0.1f, .eps = 1e-6f, .decay = 0.01f, .clip_scale = 0.5f};
    float *values = random_values(1000, 23), out[MOST], want[MOST];
    gw__term terms[TERMS];
    for (uint32_t t = 0; t < TERMS; t++) terms[t] = (gw__term){(t * 389) % 950, t % 3 ? 1.0f : 1.0f / (float)(t + 1)};
    for (size_t n = 1; n <= MOST; n++) {
        for (size_t n_terms = 1; n_terms <= TERMS; n_terms += 13) {
            kernels->sum_rows(n, n_terms, terms, values, out);
            gw__kernels_reference.sum_rows(n, n_terms, terms, values, want);
            assert_close("sum_rows", kernels->isa, out, want, n, 4e-6);
        }
        float *w = random_values(n, 24), *w2 = copy_of(w, n), sum = 0.25f, sum2 = 0.25f;
        kernels->update_rowwise(&u, n, w, want, &sum, NULL);
        gw__kernels_reference.update_rowwise(&u, n, w2, want, &sum2, NULL);
        assert_close("update_rowwise w", kernels->isa, w, w2, n, 2e-6);
        assert_close("update_rowwise sum", kernels->isa, &sum, &sum2, 1, 2e-6);
        free(w), free(w2);
    }
    free(values);
}

static void check_sums(const gw__kernels *kernels) {
    enum { N = 101, PARTS = 3 };
    float *values = random_values(PARTS * 128, 21), out[N], want[N];
    kernels->sum_parts(N, PARTS, 128, values, out);
    gw__kernels_reference.sum_parts(N, PARTS, 128, values, want);
    assert_that("sum_parts", kernels->isa, memcmp(out, want, sizeof out) == 0);
    assert_that("square_sum", kernels->isa, fabs(kernels->square_sum(N, values) - gw__kernels_reference.square_sum(N, values)) < 1e-12);
    float *other = random_values(N, 22), *moved = copy_of(other, N), *moved_want = copy_of(other, N);
    kernels->add_scaled(N, 0.3f, values, moved);
    gw__kernels_reference.add_scaled(N, 0.3f, values, moved_want);
    assert_close("add_scaled", kernels->isa, moved, moved_want, N, 1e-6);
    kernels->clamp(N, 0.5f, moved);
    gw__kernels_reference.clamp(N, 0.5f, moved_want);
    assert_close("clamp", kernels->isa, moved, moved_want, N, 1e-6);
    for (int i = 0; i < N; i++) assert_that("clamp", kernels->isa, fabsf(moved[i]) <= 0.5f);
    free(other), free(moved), free(moved_want);
    values[50] = NAN;
    assert_that("square_sum of NaN", kernels->isa, isnan(kernels->square_sum(N, values)));
    free(values);
}

/* Every sum goes to 1, so that their total is how many there are. */
static void check_peak(const gw__kernels *kernels) {
    float sum = 0, none = 0;
    double flops = kernels->peak(20, &sum);
    assert_that("peak", kernels->isa, sum >= 12 && floorf(sum) == sum && flops == 2.0 * 20 * 8 * (double)sum && kernels->peak(0, &none) == 0);
}

const char *kernels_mismatch(const gw__kernels *kernels) {
    *mismatch = 0;
    check_peak(kernels);
    check_products(kernels);
    check_narrow_products(kernels);
    check_activations(kernels);
    check_dropout(kernels);
    check_gates(kernels);
    check_layer_norm(kernels);
    check_updates(kernels);
    check_rows(kernels);
    check_sums(kernels);
    return *mismatch ? mismatch : NULL;
}
