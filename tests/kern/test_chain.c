/* Chains: logits against the plain sums of products, slopes against finite differences, and where plain sums would lose everything. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kern/chain.h"

/* click x convert */
static const gw__path both[] = {{3, 0}}, not_both[] = {{0, 1}, {1, 2}};
static const gw__chain product = {.n_sources = 2, .yes = both, .n_yes = 1, .no = not_both, .n_no = 2};

/* Wen et al. 2020: y1 [(1 - y2) y4 + y2 y3] */
static const gw__path bought[] = {{1 | 8, 2}, {1 | 2 | 4, 0}}, not_bought[] = {{0, 1}, {1, 2 | 8}, {1 | 2, 4}};
static const gw__chain tree = {.n_sources = 4, .yes = bought, .n_yes = 2, .no = not_bought, .n_no = 3};

static double sigmoid(double z) { return 1 / (1 + exp(-z)); }
static double logit(double p) { return log(p) - log(1 - p); }

static void sums_of_products(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        double z[4], y[4];
        for (int k = 0; k < 4; k++) z[k] = 3 * sin(1 + 7 * i + 3 * k), y[k] = sigmoid(z[k]);
        assert_true(fabs(gw__chain_logit(&product, z, NULL) - logit(y[0] * y[1])) < 1e-12);
        assert_true(fabs(gw__chain_logit(&tree, z, NULL) - logit(y[0] * ((1 - y[1]) * y[3] + y[1] * y[2]))) < 1e-12);
    }
}

static void slopes(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        double z[4], dz[4];
        for (int k = 0; k < 4; k++) z[k] = 3 * sin(1 + 7 * i + 3 * k);
        gw__chain_logit(&tree, z, dz);
        for (int k = 0; k < 4; k++) {
            const double kept = z[k], h = 1e-5;
            z[k] = kept + h;
            const double high = gw__chain_logit(&tree, z, NULL);
            z[k] = kept - h;
            assert_true(fabs((high - gw__chain_logit(&tree, z, NULL)) / (2 * h) - dz[k]) < 1e-8);
            z[k] = kept;
        }
    }
}

/* s(-1000) is no double, but its logarithm is. */
static void far_out(void **state) {
    (void)state;
    double dz[4];
    assert_true(fabs(gw__chain_logit(&product, (double[]){-1000, -500}, dz) + 1500) < 1e-9 && dz[0] == 1 && dz[1] == 1);
    assert_true(fabs(gw__chain_logit(&product, (double[]){1000, 900}, dz) - 900) < 1e-9 && fabs(dz[0]) < 1e-40 && dz[1] == 1);
    assert_true(fabs(gw__chain_logit(&product, (double[]){1e6, 2}, dz) - 2) < 1e-9);
    assert_true(fabs(gw__chain_logit(&tree, (double[]){2000, -800, -700, 900}, dz) - 800) < 1e-9 && dz[1] == -1);
    assert_true(isnan(gw__chain_logit(&product, (double[]){NAN, 0}, dz)) && isnan(gw__chain_logit(&product, (double[]){0, NAN}, NULL)));
}

static void order_of_events(void **state) {
    (void)state;
    const float later[] = {1, 0, -1, 40}, earlier[] = {0, 1, -1, -40};
    float dlater[4] = {0.5f, 0.5f, 0.5f, 0.5f}, dearlier[4] = {0};
    const gw__ordered a = {later, dlater, 1, 0.25}, b = {earlier, dearlier, 1, 0};
    const double sum = gw__order_rows(4, &a, &b, 2), p = sigmoid(1.25), r = sigmoid(-0.75);
    assert_true(fabs(sum - (p - 0.5 + r - sigmoid(-1) + 1)) < 1e-12);
    assert_true(fabs(dlater[0] - (0.5 + 2 * p * (1 - p))) < 1e-6 && fabs(dearlier[0] + 2 * 0.25) < 1e-6);
    assert_true(dlater[1] == 0.5f && dearlier[1] == 0); /* in order */
    assert_true(fabs(dlater[3] - 0.5f) < 1e-6 && fabs(dearlier[3]) < 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_products),
        cmocka_unit_test(slopes),
        cmocka_unit_test(far_out),
        cmocka_unit_test(order_of_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
