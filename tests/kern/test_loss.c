/* Losses: known values, gradients by finite differences, and outputs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kern/loss.h"

static gw__loss_rule rule_of(gw__loss loss, gw__activation activation) {
    return (gw__loss_rule){.loss = loss, .activation = activation, .width = loss == GW__LOSS_CROSS_ENTROPY ? 4 : 1, .huber_delta = 1, .positive_weight = 1};
}

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
            for (int y = 0; y < (l == GW__LOSS_BCE ? 2 : 3); y++) {
                float z[4] = {0.37f, -1.2f, 0.8f, 2.1f}, dz[4];
                float label = l == GW__LOSS_CROSS_ENTROPY ? (float)y : labels[y];
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
            float output[4] = {0};
            gw__loss_output(&rule, z, output);
            assert_true(isnan(output[0]) && isnan(gw__loss_value(&rule, z, 1)));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(gradients_are_the_slopes),
        cmocka_unit_test(outputs),
        cmocka_unit_test(nan_stays_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
