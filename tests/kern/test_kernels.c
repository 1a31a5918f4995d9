/* Every table of kernels against the reference, and every backward kernel of the reference against finite differences. */
#include <math.h>

#include "kernels_check.h"
#include "kernels_wide.h"
#include "testing.h"

static void every_table_matches_the_reference(void **state) {
    const gw__kernels *kernels;
    for (size_t i = 0; (kernels = gw__kernels_at(i)) != NULL; i++) {
        const char *mismatch = kernels_mismatch(kernels);
        if (mismatch) fail_msg("%s", mismatch);
    }
    assert_non_null(gw__kernels_best());
}

static void vectors_of_16_match_the_reference(void **state) {
    const char *mismatch = kernels_mismatch(&gw__kernels_wide);
    if (mismatch) fail_msg("%s", mismatch);
}

static void clamp_nothing(size_t n, float limit, float *values) {}

static void a_wrong_kernel_is_found(void **state) {
    gw__kernels wrong = gw__kernels_reference;
    wrong.clamp = clamp_nothing;
    const char *mismatch = kernels_mismatch(&wrong);
    assert_non_null(mismatch);
    assert_non_null(strstr(mismatch, "clamp (reference)"));
}

/* The state of a weight that gets no gradient any more ends at 0, not in numbers that are slow to compute with. */
static void states_that_decay_end_at_zero(void **state) {
    enum { N = 37 };
    const gw__update u = {.lr = 0.1f, .beta1 = 0.9f, .beta2 = 0.9f, .rest1 = 0.1f, .rest2 = 0.1f, .eps = 1e-8f, .root_correction = 1, .momentum = 0.9f,
                          .clip_scale = 1, .shrink = 1};
    const gw__kernels *kernels;
    for (size_t i = 0; (kernels = gw__kernels_at(i)) != NULL; i++) {
        for (int o = 0; o < GW__OPTIMIZERS; o++) {
            float w[N] = {0}, g[N] = {0}, s0[N], s1[N];
            for (int j = 0; j < N; j++) s0[j] = s1[j] = j % 2 && o != GW__OPT_ADAGRAD ? 2e-38f : 1.0f; /* 2e-38: a little above the smallest normal number */
            for (int step = 0; step < 12; step++) kernels->update[o](&u, N, w, g, s0, s1);
            for (int j = 0; j < N; j++) {
                assert_true(isfinite(w[j]));
                assert_true(j % 2 && o != GW__OPT_ADAGRAD ? s0[j] == 0 : s0[j] > 0.1f);
            }
        }
    }
}

static bool from_input(gw__activation act) { return act == GW__ACT_GELU || act == GW__ACT_SWISH; }

/* d <dy, f(x)> / dx by central differences. */
static void softmax_back_is_the_gradient(void **state) {
    enum { E = 5 };
    float z[E] = {0.3f, -1, 2, 0.5f, 0}, dg[E] = {1, -2, 0.5f, 3, -1}, g[E], dz[E];
    gw__kernels_reference.softmax(1, E, z, E, g, E);
    gw__kernels_reference.softmax_back(1, E, g, E, dg, E, dz, E);
    for (int i = 0; i < E; i++) {
        double sides[2];
        for (int side = 0; side < 2; side++) {
            float moved[E], out[E];
            memcpy(moved, z, sizeof z);
            moved[i] += side ? 1e-2f : -1e-2f;
            gw__kernels_reference.softmax(1, E, moved, E, out, E);
            sides[side] = 0;
            for (int j = 0; j < E; j++) sides[side] += (double)dg[j] * out[j];
        }
        assert_true(fabs((sides[1] - sides[0]) / 2e-2 - dz[i]) < 1e-3);
    }
}

static void activation_slopes_are_the_gradient(void **state) {
    for (int a = 0; a < GW__ACTIVATIONS; a++) {
        for (float x = -3.03f; x < 3; x += 0.11f) {
            float y, slope, low, high, lower = x - 1e-2f, higher = x + 1e-2f, one = 1;
            gw__kernels_reference.activate((gw__activation)a, 1, 1, &x, 1, &y, 1);
            gw__kernels_reference.activate_back((gw__activation)a, 1, 1, from_input((gw__activation)a) ? &x : &y, 1, &one, 1, &slope, 1);
            gw__kernels_reference.activate((gw__activation)a, 1, 1, &lower, 1, &low, 1);
            gw__kernels_reference.activate((gw__activation)a, 1, 1, &higher, 1, &high, 1);
            assert_true(fabsf((high - low) / 2e-2f - slope) < 1e-3f);
        }
    }
}

static void layer_norm_back_is_the_gradient(void **state) {
    enum { N = 6 };
    float x[N] = {0.3f, -1, 2, 0.5f, 0, 1.5f}, gamma[N] = {1, 2, -1, 0.5f, 1, 3}, beta[N] = {0}, dy[N] = {1, -2, 0.5f, 3, -1, 0.7f};
    float stats[2], y[N], dx[N], dgamma[N] = {0}, dbeta[N] = {0};
    gw__kernels_reference.layer_norm(1, N, x, N, gamma, beta, stats, y, N);
    gw__kernels_reference.layer_norm_back(1, N, x, N, gamma, stats, dy, N, dgamma, dbeta, dx, N);
    for (int i = 0; i < N; i++) {
        double sides[2] = {0, 0};
        for (int side = 0; side < 2; side++) {
            float moved[N], unused[2];
            memcpy(moved, x, sizeof x);
            moved[i] += side ? 1e-2f : -1e-2f;
            gw__kernels_reference.layer_norm(1, N, moved, N, gamma, beta, unused, y, N);
            for (int j = 0; j < N; j++) sides[side] += (double)dy[j] * y[j];
        }
        assert_true(fabs((sides[1] - sides[0]) / 2e-2 - dx[i]) < 2e-3);
        assert_true(fabs(dbeta[i] - dy[i]) < 1e-6);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_matches_the_reference),
        cmocka_unit_test(vectors_of_16_match_the_reference),
        cmocka_unit_test(a_wrong_kernel_is_found),
        cmocka_unit_test(states_that_decay_end_at_zero),
        cmocka_unit_test(softmax_back_is_the_gradient),
        cmocka_unit_test(activation_slopes_are_the_gradient),
        cmocka_unit_test(layer_norm_back_is_the_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
