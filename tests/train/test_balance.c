/* What each method makes of losses and gradients over many steps: known answers, and the papers' updates once more with the C library's functions. */
#include "testing.h"

#include <math.h>

#include "base/random.h"
#include "train/balance.h"

#define MOST 4 /* tasks */

typedef struct bench {
    gw__spec *spec;
    gw__balance *balance;
    size_t n;
    double total[MOST], weights[MOST];
} bench;

/* Tasks a (binary), b, c (regressions), d (binary), as many as are wanted; `balance` as one writes it in the spec. */
static bench begin(size_t n, const char *balance, const char *more_of_a) {
    static const char *const rest[] = {"", ", b: regression", ", b: regression, c: regression", ", b: regression, c: regression, d: binary"};
    char text[512];
    gw_error err = {0};
    bench b = {.n = n};
    int length = snprintf(text, sizeof text, "data: {train: none.csv}\ntasks: {a: {type: binary%s}%s}\nmodel: shared-bottom\ntrain: {seed: 5, balance: %s}\n",
                          more_of_a, rest[n - 1], balance);
    if (gw__spec_parse(text, (size_t)length, "s.yaml", NULL, 0, &b.spec, &err) != GW_OK) fail_msg("%s: %s", text, err.message);
    assert_int_equal(gw__balance_new(b.spec, &b.balance, &err), GW_OK);
    for (size_t k = 0; k < n; k++) b.total[k] = 10;
    return b;
}

static void end(bench *b) {
    gw__balance_free(b->balance);
    gw__spec_free(b->spec);
}

/* A step of these losses and, for methods that see them, gradients at right angles with these lengths (before the factors). */
static const double *do_step(bench *b, uint64_t number, const double *loss, const double *lengths) {
    const double *alpha = NULL;
    gw__balance_begin(b->balance, number, b->total, b->weights);
    gw__balance_see(b->balance, loss, b->weights);
    if (lengths) {
        double gram[MOST * MOST] = {0};
        for (size_t k = 0; k < b->n; k++) gram[k * b->n + k] = b->total[k] > 0 ? pow(b->weights[k] * lengths[k], 2) : 0;
        alpha = gw__balance_combine(b->balance, gram);
    }
    gw__balance_learn(b->balance);
    return alpha;
}

static void assert_near(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) fail_msg("expected %.12g but found %.12g", expected, found);
}

/* Adam once more, as PyTorch writes it. */
typedef struct adam { double value, mean, square; int count; } adam;

static void adam_step(adam *a, double gradient, double lr, double decay) {
    gradient += decay * a->value;
    a->count++;
    a->mean = 0.9 * a->mean + 0.1 * gradient;
    a->square = 0.999 * a->square + 0.001 * gradient * gradient;
    const double step = lr / (1 - pow(0.9, a->count)), denominator = sqrt(a->square) / sqrt(1 - pow(0.999, a->count)) + 1e-8;
    a->value -= step * a->mean / denominator;
}

/* ---- weights by the clock ---- */

static void fixed_is_nothing(void **state) {
    (void)state;
    bench b = begin(2, "fixed", "");
    assert_null(b.balance);
    assert_int_equal(gw__balance_need(NULL), GW__BALANCE_BEFORE);
    assert_false(gw__balance_looks_back(NULL));
    gw__balance_free(NULL);
    end(&b);
}

static void decayed_by_epochs(void **state) {
    (void)state;
    bench b = begin(3, "{method: decayed, gamma: {a: 1, b: 0.5, c: 0.9}}", ", weight: 3");
    const double loss[] = {1, 1, 1};
    const int64_t rows[] = {5, 0, 5}; /* a task without rows decays, too */
    for (uint64_t epoch = 0; epoch < 4; epoch++) {
        for (uint64_t i = 0; i < 3; i++) do_step(&b, epoch * 3 + i, loss, NULL);
        assert_near(b.weights[0], 3, 0);
        assert_near(b.weights[1], pow(0.5, (double)epoch), 1e-15);
        assert_near(b.weights[2], pow(0.9, (double)epoch), 1e-15);
        assert_near(gw__balance_mean_factor(b.balance, 1), pow(0.5, (double)epoch), 1e-15);
        gw__balance_end_epoch(b.balance, loss, rows);
    }
    end(&b);
}

static void decayed_by_steps(void **state) {
    (void)state;
    bench b = begin(2, "{method: decayed, gamma: 0.8, every: 5}", "");
    const double loss[] = {1, 1};
    for (uint64_t i = 0; i < 23; i++) {
        do_step(&b, i, loss, NULL);
        assert_near(b.weights[0], pow(0.8, (double)(i / 5)), 1e-15);
    }
    end(&b);
}

/* ---- dwa ---- */

static void dwa_follows_the_rates(void **state) {
    (void)state;
    bench b = begin(3, "{method: dwa, temperature: 0.7}", "");
    const double epochs[][3] = {{2, 3, 1}, {1, 3, 1.5}, {0.9, 1, 1.5}}, none[3] = {1, 1, 1};
    const int64_t rows[] = {4, 4, 4};
    for (size_t e = 0; e < 4; e++) {
        double expected[3] = {1, 1, 1}, sum = 0;
        for (size_t k = 0; k < 3 && e >= 2; k++) sum += exp(epochs[e - 1][k] / epochs[e - 2][k] / 0.7);
        for (size_t k = 0; k < 3 && e >= 2; k++) expected[k] = 3 * exp(epochs[e - 1][k] / epochs[e - 2][k] / 0.7) / sum;
        do_step(&b, e, none, NULL);
        for (size_t k = 0; k < 3; k++) assert_near(b.weights[k], expected[k], 1e-12);
        if (e == 3) break;
        double sums[3];
        for (size_t k = 0; k < 3; k++) sums[k] = epochs[e][k] * (double)rows[k];
        gw__balance_end_epoch(b.balance, sums, rows);
    }
    end(&b);
}

/* An epoch without a labelled row says nothing of a task. */
static void dwa_without_rows(void **state) {
    (void)state;
    bench b = begin(2, "dwa", "");
    const double none[2] = {1, 1}, sums[2] = {4, 0};
    const int64_t rows[] = {4, 0};
    for (uint64_t e = 0; e < 5; e++) {
        do_step(&b, e, none, NULL);
        assert_near(b.weights[0] + b.weights[1], 2, 1e-12);
        assert_near(b.weights[1], 1, 1e-12);
        gw__balance_end_epoch(b.balance, sums, rows);
    }
    end(&b);
}

/* ---- random ---- */

static void random_is_a_function_of_the_step(void **state) {
    (void)state;
    bench b = begin(3, "random", ""), c = begin(3, "random", "");
    const double none[3] = {1, 1, 1};
    double mean = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        double z[3], sum = 0;
        do_step(&b, i, none, NULL);
        for (size_t k = 0; k < 3; k++) sum += z[k] = exp(gw__random_normal(5, GW__RANDOM_BALANCE, i, k));
        for (size_t k = 0; k < 3; k++) assert_near(b.weights[k], z[k] / sum, 1e-12);
        mean += b.weights[1] / 2000;
    }
    assert_near(mean, 1.0 / 3, 0.02);
    do_step(&c, 1999, none, NULL); /* whatever was before */
    assert_memory_equal(b.weights, c.weights, sizeof b.weights);
    end(&b);
    end(&c);
}

/* ---- uncertainty and the scales of imtl ---- */

static void uncertainty_step_by_step(void **state) {
    (void)state;
    bench b = begin(2, "{method: uncertainty, lr: 0.03}", ", weight: 2");
    adam s[2] = {{0}};
    for (uint64_t i = 0; i < 300; i++) {
        const double loss[] = {0.7 + 0.3 * sin((double)i), 40 / (1 + 0.1 * (double)i)}, share[] = {1, 0.5}, weight[] = {2, 1};
        do_step(&b, i, loss, NULL);
        for (size_t k = 0; k < 2; k++) {
            const double factor = share[k] * exp(-s[k].value);
            assert_near(b.weights[k], weight[k] * factor, 1e-10 * factor);
            adam_step(&s[k], 0.5 - factor * weight[k] * loss[k], 0.03, 0);
        }
    }
    end(&b);
}

/* At rest exp(s) is L of a distance and 2 L of a likelihood: each task's term is 1/2. */
static void uncertainty_at_rest(void **state) {
    (void)state;
    bench b = begin(2, "{method: uncertainty, lr: 0.01}", "");
    const double loss[] = {0.4, 25};
    for (uint64_t i = 0; i < 4000; i++) do_step(&b, i, loss, NULL);
    assert_near(b.weights[0] * loss[0], 0.5, 1e-3);
    assert_near(b.weights[1] * loss[1], 0.5, 1e-3);
    end(&b);
}

static void imtl_brings_losses_to_one(void **state) {
    (void)state;
    bench b = begin(2, "{method: imtl, lr: 0.01}", ""), alone = begin(2, "{method: imtl, scale_losses: false}", "");
    const double loss[] = {0.25, 8}, lengths[] = {1, 1};
    for (uint64_t i = 0; i < 4000; i++) {
        do_step(&b, i, loss, lengths);
        do_step(&alone, i, loss, lengths);
        assert_true(alone.weights[0] == 1 && alone.weights[1] == 1);
    }
    assert_near(b.weights[0] * loss[0], 1, 1e-3);
    assert_near(b.weights[1] * loss[1], 1, 1e-3);
    end(&b);
    end(&alone);
}

/* A loss of 0 for ever, and a huge one, leave ordinary numbers. */
static void logarithms_stay_ordinary(void **state) {
    (void)state;
    static const char *const methods[] = {"{method: uncertainty, lr: 1}", "{method: imtl, lr: 1}"};
    for (size_t m = 0; m < 2; m++) {
        bench b = begin(2, methods[m], "");
        const double loss[] = {0, 1e30}, lengths[] = {0, 1e20};
        for (uint64_t i = 0; i < 500; i++) do_step(&b, i, loss, m ? lengths : NULL);
        for (size_t k = 0; k < 2; k++) assert_true(b.weights[k] > 1e-10 && b.weights[k] < 1e10);
        end(&b);
    }
}

/* ---- famo ---- */

static void famo_step_by_step(void **state) {
    (void)state;
    bench b = begin(3, "{method: famo, lr: 0.05, decay: 0.01}", "");
    adam xi[3] = {{0}};
    double loss[] = {1, 30, 0.2};
    for (uint64_t i = 0; i < 200; i++) {
        double z[3], later[3], delta[3], sum = 0, inverse = 0;
        for (size_t k = 0; k < 3; k++) sum += z[k] = exp(xi[k].value);
        for (size_t k = 0; k < 3; k++) inverse += (z[k] /= sum) / (loss[k] + 1e-8);
        do_step(&b, i, loss, NULL);
        for (size_t k = 0; k < 3; k++) assert_near(b.weights[k], z[k] / (loss[k] + 1e-8) / inverse, 1e-9);
        for (size_t k = 0; k < 3; k++) {
            later[k] = loss[k] * (k == 1 ? 0.9 : 1 - 0.02 * cos((double)i));
            delta[k] = log(loss[k] + 1e-8) - log(later[k] + 1e-8);
        }
        assert_true(gw__balance_looks_back(b.balance));
        gw__balance_look_back(b.balance, later);
        for (size_t k = 0; k < 3; k++) { /* the softmax' Jacobian, entry by entry */
            double gradient = 0;
            for (size_t j = 0; j < 3; j++) gradient += z[j] * ((j == k) - z[k]) * delta[j];
            adam_step(&xi[k], gradient, 0.05, 0.01);
        }
        memcpy(loss, later, sizeof loss);
        if (loss[1] < 0.01) loss[1] = 30;
    }
    assert_true(xi[1].value < xi[0].value && xi[1].value < xi[2].value); /* falls fastest, weighs least */
    end(&b);
}

/* ---- gradnorm ---- */

static void gradnorm_step_by_step(void **state) {
    (void)state;
    bench b = begin(3, "{method: gradnorm, alpha: 0.9, lr: 0.01}", "");
    adam w[3] = {{.value = 1}, {.value = 1}, {.value = 1}};
    const double first[] = {1, 5, 0.5};
    for (uint64_t i = 0; i < 400; i++) {
        double loss[3], lengths[3], mean = 0, rate = 0, sum = 0;
        for (size_t k = 0; k < 3; k++) {
            loss[k] = first[k] * exp(-0.002 * (double)(k + 1) * (double)i);
            lengths[k] = (k == 1 ? 20 : 1 + (double)k) * (1 + 0.3 * sin(0.1 * (double)i));
            mean += w[k].value * lengths[k] / 3;
            rate += loss[k] / first[k] / 3;
        }
        const double *alpha = do_step(&b, i, loss, lengths);
        for (size_t k = 0; k < 3; k++) {
            assert_near(b.weights[k], w[k].value, 1e-9);
            assert_true(alpha[k] == 1);
        }
        for (size_t k = 0; k < 3; k++) {
            const double error = w[k].value * lengths[k] - mean * pow(loss[k] / first[k] / rate, 0.9);
            adam_step(&w[k], (error > 0) - (error < 0) == 0 ? 0 : (error > 0 ? 1 : -1) * lengths[k], 0.01, 0);
            w[k].value = fmax(w[k].value, 1e-3);
            sum += w[k].value;
        }
        for (size_t k = 0; k < 3; k++) w[k].value *= 3 / sum;
    }
    assert_true(w[1].value < 0.3); /* the long gradient weighs least */
    end(&b);
}

/* ---- what all share ---- */

static const char *const all[] = {"{method: decayed, gamma: 0.9}", "uncertainty", "dwa", "gradnorm", "pcgrad", "mgda", "cagrad", "imtl", "nash", "famo", "random"};
#define METHODS (sizeof all / sizeof *all)
_Static_assert(METHODS == GW__BALANCES - 1, "every method but fixed");

static bool sees_gradients(const bench *b) { return gw__balance_need(b->balance) == GW__BALANCE_GRADIENTS; }

/* Batches without a labelled row of some task or of all, tasks of weight 0, gradients of 0 and beyond float's range: every number stays finite. */
static void anything_is_defined(void **state) {
    (void)state;
    for (size_t m = 0; m < METHODS; m++) {
        for (size_t n = 1; n <= 4; n++) {
            bench b = begin(n, all[m], n == 3 ? ", weight: 0" : "");
            for (uint64_t i = 0; i < 60; i++) {
                double loss[MOST], lengths[MOST];
                for (size_t k = 0; k < n; k++) {
                    const bool labelled = (i + k) % 3 != 0 && i % 10 != 4;
                    static const double sizes[] = {1, 1e-30, 1e30, 0, 5e-3, INFINITY};
                    b.total[k] = labelled ? 3 : 0;
                    loss[k] = labelled ? (i % 7 == 2 ? 0 : 1.0 / (double)(k + 1)) : 0;
                    lengths[k] = labelled ? sizes[(i / 2 + k) % 6] : 0;
                }
                const double *alpha = do_step(&b, i, loss, sees_gradients(&b) ? lengths : NULL);
                if (gw__balance_looks_back(b.balance)) gw__balance_look_back(b.balance, loss);
                for (size_t k = 0; k < n; k++) {
                    assert_true(isfinite(b.weights[k]) && b.weights[k] >= 0);
                    if (alpha) assert_true(isfinite(alpha[k]));
                }
                if (i % 20 == 19) gw__balance_end_epoch(b.balance, loss, (const int64_t[]){1, 0, 1, 0});
            }
            for (size_t s = 0; s < gw__balance_state_count(); s++)
                for (size_t k = 0; k < n; k++)
                    if (!gw__balance_state_fits(s, gw__balance_state_at(b.balance, s)[k]))
                        fail_msg("%s: state '%s' of task %zu is %g", all[m], gw__balance_state_name(s), k, gw__balance_state_at(b.balance, s)[k]);
            end(&b);
        }
    }
}

/* What a method learned of a task stays where it is while the task has no labelled row. */
static void absent_tasks_are_left_alone(void **state) {
    (void)state;
    static const char *const learners[] = {"uncertainty", "imtl", "famo"};
    for (size_t m = 0; m < 3; m++) {
        bench b = begin(3, learners[m], "");
        const double loss[] = {1.3, 0, 7}, later[] = {0.9, 0, 6}, lengths[] = {1, 0, 2};
        b.total[1] = 0;
        for (uint64_t i = 0; i < 20; i++) {
            do_step(&b, i, loss, sees_gradients(&b) ? lengths : NULL);
            if (gw__balance_looks_back(b.balance)) gw__balance_look_back(b.balance, later);
        }
        for (size_t s = 0; s < gw__balance_state_count(); s++) assert_true(gw__balance_state_at(b.balance, s)[1] == 0);
        assert_true(gw__balance_state_at(b.balance, 0)[0] != 0);
        assert_true(isnan(gw__balance_mean_factor(b.balance, 1)));
        end(&b);
    }
}

/* The state is all there is: another balance with its numbers goes on the same way. */
static void the_state_is_all(void **state) {
    (void)state;
    for (size_t m = 0; m < METHODS; m++) {
        bench b = begin(4, all[m], ""), c = begin(4, all[m], "");
        for (uint64_t i = 0; i < 40; i++) {
            double loss[MOST], lengths[MOST], weights[MOST];
            for (size_t k = 0; k < 4; k++) {
                loss[k] = 0.2 + gw__random_uniform(1, GW__RANDOM_SYNTH, i, k);
                lengths[k] = 0.1 + gw__random_uniform(2, GW__RANDOM_SYNTH, i, k);
            }
            do_step(&b, i, loss, sees_gradients(&b) ? lengths : NULL);
            memcpy(weights, b.weights, sizeof weights);
            if (i > 20) do_step(&c, i, loss, sees_gradients(&c) ? lengths : NULL);
            if (i > 20) assert_memory_equal(weights, c.weights, sizeof weights);
            if (gw__balance_looks_back(b.balance)) {
                gw__balance_look_back(b.balance, lengths);
                if (i > 20) gw__balance_look_back(c.balance, lengths);
            }
            if (i % 10 == 9) gw__balance_end_epoch(b.balance, loss, (const int64_t[]){1, 1, 1, 1});
            if (i % 10 == 9 && i > 20) gw__balance_end_epoch(c.balance, loss, (const int64_t[]){1, 1, 1, 1});
            for (size_t s = 0; s < gw__balance_state_count() && i == 20; s++)
                memcpy(gw__balance_state_at(c.balance, s), gw__balance_state_at(b.balance, s), sizeof weights);
        }
        for (size_t s = 0; s < gw__balance_state_count(); s++)
            assert_memory_equal(gw__balance_state_at(c.balance, s), gw__balance_state_at(b.balance, s), MOST * sizeof(double));
        end(&b);
        end(&c);
    }
}

/* A gradient of next to no length takes no part, whatever the units are; what is short, but there, does. */
static void negligible_gradients_take_no_part(void **state) {
    (void)state;
    for (size_t m = 0; m < METHODS; m++) {
        bench b = begin(3, all[m], ""), two = begin(3, all[m], "");
        for (double unit = 1e-30; sees_gradients(&b) && unit < 1e31; unit *= 1e30) {
            const double loss[] = {1, 1, 1}, lengths[] = {2 * unit, 1e-14 * unit, unit}, none[] = {2 * unit, 0, unit}, short_one[] = {2 * unit, 1e-9 * unit, unit};
            double expected[MOST];
            memcpy(expected, do_step(&two, 0, loss, none), sizeof expected);
            const double *alpha = do_step(&b, 0, loss, lengths);
            const bool weighs = alpha[1] == 1; /* by factors alone */
            assert_true(weighs ? strcmp(all[m], "gradnorm") == 0 : alpha[1] == 0);
            for (size_t k = 0; k < 3; k++) assert_near(alpha[k], expected[k], 0);
            assert_true(do_step(&b, 0, loss, short_one)[1] > 0);
        }
        end(&b);
        end(&two);
    }
}

/* Gradients that are not finite are left to the loop: coefficients of 1. */
static void not_finite_is_not_hidden(void **state) {
    (void)state;
    bench b = begin(2, "pcgrad", "");
    const double loss[] = {1, 1}, grams[][4] = {{INFINITY, 0, 0, 1}, {1, NAN, NAN, 1}};
    for (size_t i = 0; i < 2; i++) {
        gw__balance_begin(b.balance, i, b.total, b.weights);
        gw__balance_see(b.balance, loss, b.weights);
        const double *alpha = gw__balance_combine(b.balance, grams[i]);
        assert_true(alpha[0] == 1 && alpha[1] == 1);
    }
    end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_is_nothing),
        cmocka_unit_test(decayed_by_epochs),
        cmocka_unit_test(decayed_by_steps),
        cmocka_unit_test(dwa_follows_the_rates),
        cmocka_unit_test(dwa_without_rows),
        cmocka_unit_test(random_is_a_function_of_the_step),
        cmocka_unit_test(uncertainty_step_by_step),
        cmocka_unit_test(uncertainty_at_rest),
        cmocka_unit_test(imtl_brings_losses_to_one),
        cmocka_unit_test(logarithms_stay_ordinary),
        cmocka_unit_test(famo_step_by_step),
        cmocka_unit_test(gradnorm_step_by_step),
        cmocka_unit_test(anything_is_defined),
        cmocka_unit_test(absent_tasks_are_left_alone),
        cmocka_unit_test(the_state_is_all),
        cmocka_unit_test(negligible_gradients_take_no_part),
        cmocka_unit_test(not_finite_is_not_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
