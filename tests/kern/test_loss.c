/* Losses: known values, gradients by finite differences, and outputs. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kern/loss.h"

static const double quantiles[] = {0.1, 0.5, 0.75, 0.9};

static size_t width_of(gw__loss loss) {
    if (loss == GW__LOSS_ZILN) return GW__ZILN_LOGITS;
    return loss == GW__LOSS_CROSS_ENTROPY || loss == GW__LOSS_PROPORTIONAL_ODDS || loss == GW__LOSS_PINBALL ? 4 : 1;
}

static gw__loss_rule rule_of(gw__loss loss, gw__activation activation) {
    return (gw__loss_rule){.loss = loss, .activation = activation, .width = width_of(loss), .huber_delta = 1, .positive_weight = 1, .focal_gamma = 2,
                           .quantiles = quantiles};
}

static bool takes_classes(int loss) { return loss == GW__LOSS_CROSS_ENTROPY || loss == GW__LOSS_PROPORTIONAL_ODDS; }

static void known_values(void **state) {
    (void)state;
    gw__loss_rule rule = rule_of(GW__LOSS_MSE, GW__ACT_NONE);
    float z[4] = {2, 0, 0, 0};
    assert_true(gw__loss_value(&rule, z, 5) == 9);
    rule.loss = GW__LOSS_MAE;
    assert_true(gw__loss_value(&rule, z, 5) == 3);
    rule.loss = GW__LOSS_HUBER;
    assert_true(gw__loss_value(&rule, z, 5) == 2.5 && gw__loss_value(&rule, z, 2.5f) == 0.125);
    rule.loss = GW__LOSS_BCE;
    assert_true(fabs(gw__loss_value(&rule, z, 1) - log1p(exp(-2))) < 1e-15);
    z[0] = 1000;
    assert_true(gw__loss_value(&rule, z, 0) == 1000 && gw__loss_value(&rule, z, 1) == 0);
    rule = rule_of(GW__LOSS_CROSS_ENTROPY, GW__ACT_NONE);
    z[0] = 0;
    assert_true(fabs(gw__loss_value(&rule, z, 2) - log(4)) < 1e-15);
}

static void gradients_are_the_slopes(void **state) {
    (void)state;
    const float labels[] = {0, 1, 2.3f};
    for (int l = 0; l < GW__LOSSES; l++) {
        for (int a = 0; a < GW__ACTIVATIONS; a++) {
            gw__loss_rule rule = rule_of((gw__loss)l, (gw__activation)a);
            rule.positive_weight = 2.5;
            rule.huber_delta = 0.7;
            rule.focal_alpha = 0.3;
            for (int y = 0; y < (l == GW__LOSS_BCE || l == GW__LOSS_FOCAL ? 2 : l == GW__LOSS_PROPORTIONAL_ODDS ? 5 : 3); y++) {
                float z[4] = {0.37f, -1.2f, 0.8f, 2.1f}, dz[4];
                float label = takes_classes(l) ? (float)y : labels[y];
                if (l == GW__LOSS_PROPORTIONAL_ODDS) z[0] = -1.7f; /* in ascending order */
                double value = gw__loss_gradient(&rule, z, label, 3, dz);
                assert_true(value == gw__loss_value(&rule, z, label));
                for (size_t i = 0; i < rule.width; i++) {
                    float kept = z[i];
                    z[i] = kept + 1e-3f;
                    double high = gw__loss_value(&rule, z, label), at_high = z[i];
                    z[i] = kept - 1e-3f;
                    double low = gw__loss_value(&rule, z, label), slope = 3 * (high - low) / (at_high - z[i]);
                    z[i] = kept;
                    assert_true(fabs(slope - dz[i]) < 2e-3 * fmax(1, fabs(slope)));
                }
            }
        }
    }
}

/* The values of the papers' definitions, written down plainly. */
static void known_values_of_other_types(void **state) {
    (void)state;
    gw__loss_rule rule = rule_of(GW__LOSS_POISSON, GW__ACT_NONE);
    float z[4] = {0.7f, -0.4f, 1.2f, 2};
    const double z0 = z[0], s = 1 / (1 + exp(-z0));
    assert_true(fabs(gw__loss_value(&rule, z, 3) - (exp(z0) - 3 * z0)) < 1e-14);
    rule = rule_of(GW__LOSS_FOCAL, GW__ACT_SIGMOID);
    assert_true(fabs(gw__loss_value(&rule, z, 1) + (1 - s) * (1 - s) * log(s)) < 1e-14);
    assert_true(fabs(gw__loss_value(&rule, z, 0) + s * s * log(1 - s)) < 1e-14);
    rule.focal_gamma = 0;
    rule.focal_alpha = 0.25;
    assert_true(fabs(gw__loss_value(&rule, z, 1) + 0.25 * log(s)) < 1e-14 && fabs(gw__loss_value(&rule, z, 0) + 0.75 * log(1 - s)) < 1e-14);
    rule = rule_of(GW__LOSS_PINBALL, GW__ACT_NONE);
    double expected = 0;
    for (size_t i = 0; i < 4; i++) expected += fmax(quantiles[i] * (1.0 - z[i]), (quantiles[i] - 1) * (1.0 - z[i])) / 4;
    assert_true(fabs(gw__loss_value(&rule, z, 1) - expected) < 1e-14);
    rule = rule_of(GW__LOSS_ZILN, GW__ACT_NONE);
    const double sigma = log1p(exp((double)z[2])), mu = z[1], y = 5, r = (log(y) - mu) / sigma;
    assert_true(fabs(gw__loss_value(&rule, z, 0) + log(1 - s)) < 1e-14);
    assert_true(fabs(gw__loss_value(&rule, z, 5) + log(s) + log(exp(-r * r / 2) / (y * sigma * sqrt(2 * acos(-1.0))))) < 1e-13);
    rule = rule_of(GW__LOSS_PROPORTIONAL_ODDS, GW__ACT_NONE);
    z[0] = -1;
    const double above = 1 / (1 + exp(0.4)), below = 1 / (1 + exp(1.0));
    assert_true(fabs(gw__loss_value(&rule, z, 0) + log(below)) < 1e-14 && fabs(gw__loss_value(&rule, z, 1) + log(above - below)) < 1e-7);
}

/* Logits that no good network has: losses stay numbers, and what is right costs nothing. */
static void hostile_logits(void **state) {
    (void)state;
    float dz[4];
    gw__loss_rule rule = rule_of(GW__LOSS_FOCAL, GW__ACT_SIGMOID);
    assert_true(gw__loss_gradient(&rule, (float[]){1e30f}, 1, 1, dz) == 0 && dz[0] == 0);
    assert_true(gw__loss_gradient(&rule, (float[]){1e30f}, 0, 1, dz) == 1e30f && dz[0] == 1);
    rule = rule_of(GW__LOSS_POISSON, GW__ACT_NONE);
    assert_true(gw__loss_gradient(&rule, (float[]){-INFINITY}, 0, 1, dz) == 0 && dz[0] == 0);
    assert_true(isinf(gw__loss_gradient(&rule, (float[]){1e4f}, 0, 1, dz)) && isinf(dz[0])); /* to be seen by who trains */
    rule = rule_of(GW__LOSS_ZILN, GW__ACT_NONE);
    for (int y = 0; y < 2; y++) {
        assert_true(isfinite(gw__loss_gradient(&rule, (float[]){-1e4f, 0, -1e4f}, (float)y, 1, dz)));
        assert_true(isfinite(dz[0]) && isfinite(dz[1]) && dz[2] == 0);
    }
    rule = rule_of(GW__LOSS_PROPORTIONAL_ODDS, GW__ACT_NONE);
    for (int y = 0; y < 5; y++) {
        assert_true(isfinite(gw__loss_gradient(&rule, (float[]){1e9f, 1e9f, 1e9f, 1e9f}, (float)y, 1, dz)));
        for (int i = 0; i < 4; i++) assert_true(isfinite(dz[i]));
    }
}

static void outputs_of_other_types(void **state) {
    (void)state;
    float z[4] = {3, -1, 0, 2}, out[5];
    gw__loss_rule rule = rule_of(GW__LOSS_POISSON, GW__ACT_NONE);
    gw__loss_output(&rule, z, out);
    assert_true(fabs(out[0] / exp(3) - 1) < 1e-7);
    gw__loss_output(&rule, (float[]){INFINITY}, out);
    assert_true(out[0] == FLT_MAX);
    rule = rule_of(GW__LOSS_FOCAL, GW__ACT_SIGMOID);
    gw__loss_output(&rule, z, out);
    assert_true(fabs(out[0] - 1 / (1 + exp(-3))) < 1e-7);
    rule = rule_of(GW__LOSS_PINBALL, GW__ACT_NONE);
    gw__loss_output(&rule, z, out);
    assert_true(out[0] == -1 && out[1] == 0 && out[2] == 2 && out[3] == 3);
    rule = rule_of(GW__LOSS_ZILN, GW__ACT_NONE);
    const double sigma = log(2);
    gw__loss_output(&rule, z, out);
    assert_true(fabs(out[0] - exp(-1 + sigma * sigma / 2) / (1 + exp(-3))) < 1e-7);
    gw__loss_output(&rule, (float[]){0, 1e30f, 1e30f}, out);
    assert_true(out[0] == FLT_MAX);
    rule = rule_of(GW__LOSS_PROPORTIONAL_ODDS, GW__ACT_NONE);
    gw__loss_output(&rule, (float[]){-1, 0, 2, 30}, out);
    assert_true(fabs(out[0] - 1 / (1 + exp(1))) < 1e-7 && fabs(out[1] - (0.5 - 1 / (1 + exp(1)))) < 1e-7);
    assert_true(fabs(out[4] / exp(-30) - 1) < 1e-6); /* no difference from 1 */
    assert_true(fabs(out[0] + out[1] + out[2] + out[3] + out[4] - 1) < 1e-6);
    assert_true(gw__loss_logits(GW__LOSS_PROPORTIONAL_ODDS, 5) == 4 && gw__loss_logits(GW__LOSS_ZILN, 1) == 3 && gw__loss_logits(GW__LOSS_BCE, 1) == 1);
}

static void outputs(void **state) {
    (void)state;
    gw__loss_rule rule = rule_of(GW__LOSS_BCE, GW__ACT_NONE);
    float z[4] = {0.5f, 1, -1, 2}, out[4];
    rule.correction = log(0.1); /* one negative in ten was kept: the odds are a tenth of what was learnt */
    gw__loss_output(&rule, z, out);
    double odds = exp(0.5) * 0.1;
    assert_true(fabs(out[0] - odds / (1 + odds)) < 1e-7);
    rule = rule_of(GW__LOSS_CROSS_ENTROPY, GW__ACT_NONE);
    gw__loss_output(&rule, z, out);
    assert_true(fabs(out[0] + out[1] + out[2] + out[3] - 1) < 1e-6 && fabs(out[3] / out[1] - exp(1)) < 1e-5);
    rule = rule_of(GW__LOSS_MSE, GW__ACT_SIGMOID);
    gw__loss_output(&rule, z, out);
    assert_true(fabs(out[0] - 1 / (1 + exp(-0.5))) < 1e-7);
}

static void nan_stays_nan(void **state) {
    (void)state;
    const float z[4] = {NAN, 0, 0, 0};
    for (int l = 0; l < GW__LOSSES; l++) {
        for (int a = 0; a < GW__ACTIVATIONS; a++) {
            gw__loss_rule rule = rule_of((gw__loss)l, (gw__activation)a);
            float output[5] = {0};
            gw__loss_output(&rule, z, output);
            assert_true(isnan(output[0]) && isnan(gw__loss_value(&rule, z, 1)));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(known_values_of_other_types),
        cmocka_unit_test(hostile_logits),
        cmocka_unit_test(gradients_are_the_slopes),
        cmocka_unit_test(outputs),
        cmocka_unit_test(outputs_of_other_types),
        cmocka_unit_test(nan_stays_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
