/* Gradients made into one direction: known answers, and each method beside one that works on the vectors themselves. */
#include "testing.h"

#include <math.h>

#include "base/random.h"
#include "train/combine.h"

#define MOST 6 /* gradients */
#define DIM 7

typedef struct case_ {
    size_t n;
    double g[MOST][DIM];
    gw__balance_spec spec;
    double loss[MOST];
    uint64_t random;
    double alpha[MOST], d[DIM];
} case_;

static const struct { const char *name; gw__combiner *combine; } methods[] = {
    {"pcgrad", gw__combine_pcgrad}, {"mgda", gw__combine_mgda}, {"cagrad", gw__combine_cagrad}, {"imtl", gw__combine_imtl}, {"nash", gw__combine_nash}};
#define METHODS (sizeof methods / sizeof *methods)

static double dot(const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < DIM; i++) sum += a[i] * b[i];
    return sum;
}

static double length(const double *a) { return sqrt(dot(a, a)); }

static void run(case_ *c, gw__combiner *combine) {
    double gram[MOST * MOST], work[2 * MOST * MOST + 4 * MOST];
    assert_true(gw__combination_work(c->n) <= sizeof work / sizeof *work);
    for (size_t i = 0; i < c->n; i++)
        for (size_t j = 0; j < c->n; j++) gram[i * c->n + j] = dot(c->g[i], c->g[j]);
    const gw__combination in = {.n = c->n, .gram = gram, .loss = c->loss, .spec = &c->spec, .random = c->random, .work = work};
    combine(&in, c->alpha);
    memset(c->d, 0, sizeof c->d);
    for (size_t k = 0; k < c->n; k++)
        for (size_t i = 0; i < DIM; i++) c->d[i] += c->alpha[k] * c->g[k][i];
}

static double normal(uint64_t seed, uint64_t i) { return gw__random_normal(seed, GW__RANDOM_SYNTH, 9, i); }

/* Random gradients, some of them against each other, of lengths that differ by up to `spread`. */
static case_ random_case(uint64_t seed, size_t n, double spread) {
    case_ c = {.n = n, .random = seed, .spec = {.c = 0.5, .max_norm = 0}};
    for (size_t k = 0; k < n; k++) {
        const double scale = pow(spread, gw__random_uniform(seed, GW__RANDOM_SYNTH, 8, k));
        for (size_t i = 0; i < DIM; i++) c.g[k][i] = scale * (normal(seed, k * DIM + i) + (i == 0 ? 0.7 : 0));
        c.loss[k] = 0.5 + gw__random_uniform(seed, GW__RANDOM_SYNTH, 7, k);
    }
    return c;
}

static void assert_near(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) fail_msg("expected %.12g but found %.12g", expected, found);
}

static double worst_gain(const case_ *c, const double *d) {
    double worst = INFINITY;
    for (size_t k = 0; k < c->n; k++) worst = fmin(worst, dot(c->g[k], d));
    return worst;
}

/* ---- pcgrad ---- */

static void pcgrad_of_two(void **state) {
    (void)state;
    case_ c = {.n = 2, .g = {{1, 0}, {-1, 1}}};
    run(&c, gw__combine_pcgrad);
    assert_near(c.alpha[0], 2, 1e-15); /* (1,0) + (-1,1)/2 and (-1,1) + (1,0) */
    assert_near(c.alpha[1], 1.5, 1e-15);
    c = (case_){.n = 2, .g = {{1, 0.5}, {0, 3}}};
    run(&c, gw__combine_pcgrad);
    assert_true(c.alpha[0] == 1 && c.alpha[1] == 1);
}

/* The vectors themselves are projected. */
static void pcgrad_projects_vectors(void **state) {
    (void)state;
    int projected = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        case_ c = random_case(seed, 2 + seed % 5, 30);
        double d[DIM] = {0};
        for (size_t i = 0; i < c.n; i++) {
            gw__shuffle order = gw__shuffle_of(gw__random_bits(seed, GW__RANDOM_BALANCE, 0, i), 0, c.n);
            double v[DIM];
            memcpy(v, c.g[i], sizeof v);
            for (size_t k = 0; k < c.n; k++) {
                const double *other = c.g[gw__shuffle_at(&order, k)], along = dot(v, other);
                if (other == c.g[i] || along >= 0) continue;
                for (size_t m = 0; m < DIM; m++) v[m] -= along / dot(other, other) * other[m];
                projected++;
            }
            for (size_t m = 0; m < DIM; m++) d[m] += v[m];
        }
        run(&c, gw__combine_pcgrad);
        for (size_t m = 0; m < DIM; m++) assert_near(c.d[m], d[m], 1e-10 * (1 + length(d)));
    }
    assert_true(projected > 100);
}

/* Orders differ between seeds, and where they do so may the result. */
static void pcgrad_order_is_random(void **state) {
    (void)state;
    case_ c = {.n = 3, .g = {{1, 0, 0.1}, {-1, 0.4, 0.3}, {-0.6, -0.9, 0.2}}};
    run(&c, gw__combine_pcgrad);
    const double first = c.alpha[1];
    int other = 0;
    for (c.random = 1; c.random < 50; c.random++) {
        run(&c, gw__combine_pcgrad);
        other += c.alpha[1] != first;
    }
    assert_true(other > 5 && other < 49);
}

/* ---- mgda ---- */

static void mgda_of_two(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        case_ c = random_case(seed, 2, 100);
        double apart[DIM];
        for (size_t i = 0; i < DIM; i++) apart[i] = c.g[1][i] - c.g[0][i];
        const double closed = fmin(1, fmax(0, dot(apart, c.g[1]) / dot(apart, apart)));
        run(&c, gw__combine_mgda);
        assert_near(c.alpha[0], closed, 1e-12);
        assert_near(c.alpha[0] + c.alpha[1], 1, 1e-15);
    }
}

/* No point of a grid over the simplex is shorter; and d has a product with each gradient of at least its own square, which only the shortest has. */
static void mgda_is_shortest(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        case_ c = random_case(seed, 3 + seed % 4, 50);
        run(&c, gw__combine_mgda);
        const double square = dot(c.d, c.d);
        double sum = 0;
        for (size_t k = 0; k < c.n; k++) sum += c.alpha[k], assert_true(c.alpha[k] >= 0);
        assert_near(sum, 1, 1e-12);
        assert_true(worst_gain(&c, c.d) >= square * (1 - 1e-5));
        for (int a = 0; a <= 40 && c.n == 3; a++) {
            for (int b = 0; a + b <= 40; b++) {
                double v[DIM];
                for (size_t i = 0; i < DIM; i++) v[i] = (a * c.g[0][i] + b * c.g[1][i] + (40 - a - b) * c.g[2][i]) / 40;
                assert_true(dot(v, v) >= square * (1 - 1e-6));
            }
        }
    }
}

/* Normalised: the shares of gradients that were divided before. */
static void mgda_normalised(void **state) {
    (void)state;
    static const gw__balance_norm norms[] = {GW__BALANCE_NORM_LENGTH, GW__BALANCE_NORM_LOSS, GW__BALANCE_NORM_BOTH};
    for (uint64_t seed = 0; seed < 30; seed++) {
        for (size_t m = 0; m < 3; m++) {
            case_ c = random_case(seed, 3, 50), divided = c;
            for (size_t k = 0; k < 3; k++) {
                const double by = (m != 1 ? length(c.g[k]) : 1) * (m != 0 ? c.loss[k] : 1);
                for (size_t i = 0; i < DIM; i++) divided.g[k][i] /= by;
            }
            c.spec.normalise = norms[m];
            run(&c, gw__combine_mgda);
            run(&divided, gw__combine_mgda);
            for (size_t k = 0; k < 3; k++) assert_near(c.alpha[k], divided.alpha[k], 1e-6);
        }
    }
}

/* ---- cagrad ---- */

static void cagrad_without_radius_is_the_mean(void **state) {
    (void)state;
    case_ c = random_case(3, 4, 10);
    c.spec.c = 0;
    run(&c, gw__combine_cagrad);
    for (size_t k = 0; k < 4; k++) assert_near(c.alpha[k], 0.25, 1e-15);
}

/* In the plane: no point of a fine grid over the ball around the mean is better for the task that gains least. */
static void cagrad_is_best_for_the_worst(void **state) {
    (void)state;
    int gained = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        case_ c = random_case(seed, 2 + seed % 3, 10);
        c.spec.c = 0.2 + 0.15 * (double)(seed % 5);
        double mean[DIM] = {0};
        for (size_t k = 0; k < c.n; k++) {
            memset(c.g[k] + 2, 0, (DIM - 2) * sizeof(double));
            for (size_t i = 0; i < 2; i++) mean[i] += c.g[k][i] / (double)c.n;
        }
        run(&c, gw__combine_cagrad);
        double away[DIM];
        for (size_t i = 0; i < DIM; i++) away[i] = c.d[i] - mean[i];
        const double radius = c.spec.c * length(mean), found = worst_gain(&c, c.d);
        assert_true(length(away) <= radius * (1 + 1e-9));
        double best = -INFINITY;
        for (int r = 0; r <= 40; r++) {
            for (int a = 0; a < 720; a++) {
                double d[DIM] = {mean[0] + radius * r / 40 * cos(a * M_PI / 360), mean[1] + radius * r / 40 * sin(a * M_PI / 360)};
                best = fmax(best, worst_gain(&c, d));
            }
        }
        const double scale = length(mean) * (1 + length(c.g[0]) + length(c.g[1]));
        if (!(found >= best - 1e-5 * scale)) fail_msg("seed %d: found %.12g, grid %.12g", (int)seed, found, best);
        assert_true(found <= best + 1e-3 * scale);
        gained += found > worst_gain(&c, mean) + 1e-6;
    }
    assert_true(gained > 20);
}

/* ---- imtl ---- */

static void imtl_of_two(void **state) {
    (void)state;
    case_ c = {.n = 2, .g = {{3, 0}, {0, 1}}};
    run(&c, gw__combine_imtl);
    assert_near(c.alpha[0], 0.25, 1e-8); /* shares are as the other's length, whatever the angle */
    assert_near(c.alpha[1], 0.75, 1e-8);
    c = (case_){.n = 2, .g = {{3, 0}, {-0.8, 0.6}}};
    run(&c, gw__combine_imtl);
    assert_near(c.alpha[0], 0.25, 1e-7);
}

/* Equal projections; and the paper's own formula, alpha_2… = g_1 U' (D U')^-1, by Cramer's rule for three tasks. */
static void imtl_projects_equally(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        case_ c = random_case(seed, 3, 20);
        run(&c, gw__combine_imtl);
        double sum = 0;
        for (size_t k = 0; k < 3; k++) {
            sum += c.alpha[k];
            assert_near(dot(c.d, c.g[k]) / length(c.g[k]), dot(c.d, c.g[0]) / length(c.g[0]), 1e-6 * length(c.d));
        }
        if (fabs(sum - 1) > 1e-6) continue; /* both signs, and shortened */
        double u[2][DIM], d[2][DIM], m[2][2], r[2];
        for (size_t k = 0; k < 2; k++) {
            for (size_t i = 0; i < DIM; i++) {
                u[k][i] = c.g[0][i] / length(c.g[0]) - c.g[k + 1][i] / length(c.g[k + 1]);
                d[k][i] = c.g[0][i] - c.g[k + 1][i];
            }
        }
        for (size_t k = 0; k < 2; k++) {
            r[k] = dot(c.g[0], u[k]);
            for (size_t l = 0; l < 2; l++) m[k][l] = dot(d[l], u[k]);
        }
        const double det = m[0][0] * m[1][1] - m[0][1] * m[1][0];
        assert_near(c.alpha[1], (r[0] * m[1][1] - m[0][1] * r[1]) / det, 1e-5);
        assert_near(c.alpha[2], (m[0][0] * r[1] - r[0] * m[1][0]) / det, 1e-5);
    }
}

/* ---- nash ---- */

static void nash_of_orthogonal_gradients(void **state) {
    (void)state;
    case_ c = {.n = 3, .g = {{4}, {0, 1}, {0, 0, 0.5}}};
    run(&c, gw__combine_nash);
    const double scale = sqrt(sqrt(16 * 16 + 1 + 0.0625)); /* the root of the Gram matrix' norm; alpha_k = 1/|g_k| before it */
    assert_near(c.alpha[0], scale / 4, 1e-5);
    assert_near(c.alpha[1], scale, 1e-5);
    assert_near(c.alpha[2], scale * 2, 1e-5);
}

/* G alpha = 1/alpha: alpha_k <g_k, d> is the same for all tasks; and d is better than its neighbours by the sum of the gains' logarithms. */
static double log_gains(const case_ *c, const double *d) {
    double sum = 0;
    for (size_t k = 0; k < c->n; k++) sum += log(fmax(dot(c->g[k], d), 1e-300));
    return sum;
}

static void nash_is_the_bargain(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        case_ c = random_case(seed, 2 + seed % 4, 30);
        run(&c, gw__combine_nash);
        for (size_t k = 0; k < c.n; k++) {
            assert_true(c.alpha[k] > 0);
            assert_near(c.alpha[k] * dot(c.g[k], c.d) / (c.alpha[0] * dot(c.g[0], c.d)), 1, 1e-3);
        }
        const double best = log_gains(&c, c.d);
        for (uint64_t i = 0; i < 50; i++) {
            double d[DIM];
            for (size_t m = 0; m < DIM; m++) d[m] = c.d[m] + 0.05 * length(c.d) * normal(seed, 100 + i * DIM + m);
            const double shorten = length(c.d) / length(d); /* on the same sphere */
            for (size_t m = 0; m < DIM; m++) d[m] *= shorten;
            assert_true(log_gains(&c, d) <= best + 1e-6);
        }
    }
}

static void nash_is_cut(void **state) {
    (void)state;
    case_ c = random_case(1, 3, 10);
    run(&c, gw__combine_nash);
    double whole[DIM];
    memcpy(whole, c.d, sizeof whole);
    assert_true(length(whole) > 0.3);
    c.spec.max_norm = 0.3;
    run(&c, gw__combine_nash);
    assert_near(length(c.d), 0.3, 1e-9);
    assert_near(dot(c.d, whole), 0.3 * length(whole), 1e-9 * length(whole));
}

/* ---- what could go wrong ---- */

static void assert_sound(case_ *c, const char *what) {
    for (size_t m = 0; m < METHODS; m++) {
        run(c, methods[m].combine);
        double longest = 0;
        for (size_t k = 0; k < c->n; k++) {
            if (!isfinite(c->alpha[k])) fail_msg("%s, %s: coefficient %zu is %g", methods[m].name, what, k, c->alpha[k]);
            longest = fmax(longest, length(c->g[k]));
        }
        if (!(length(c->d) <= 12 * (double)c->n * longest)) fail_msg("%s, %s: length %g of gradients %g", methods[m].name, what, length(c->d), longest);
    }
}

static void one_gradient(void **state) {
    (void)state;
    case_ c = random_case(5, 1, 1);
    assert_sound(&c, "one");
    static const double expected[METHODS] = {1, 1, 1.5, 1, 1}; /* cagrad goes c further */
    for (size_t m = 0; m < METHODS; m++) {
        run(&c, methods[m].combine);
        assert_near(c.alpha[0], expected[m], 1e-6);
    }
}

static void equal_gradients(void **state) {
    (void)state;
    for (size_t n = 2; n <= MOST; n++) {
        case_ c = random_case(6, n, 1);
        for (size_t k = 1; k < n; k++) memcpy(c.g[k], c.g[0], sizeof c.g[0]);
        assert_sound(&c, "equal");
        for (size_t m = 0; m < METHODS; m++) {
            run(&c, methods[m].combine);
            for (size_t k = 1; k < n; k++) assert_near(c.alpha[k], c.alpha[0], 1e-7);
            assert_true(dot(c.d, c.g[0]) > 0);
        }
    }
}

/* What one task gains the other loses: nobody moves. */
static void opposite_gradients(void **state) {
    (void)state;
    case_ c = random_case(7, 2, 1);
    for (size_t i = 0; i < DIM; i++) c.g[1][i] = -c.g[0][i];
    assert_sound(&c, "opposite");
    for (size_t m = 0; m < METHODS; m++) {
        run(&c, methods[m].combine);
        assert_near(length(c.d), 0, 1e-6 * length(c.g[0]));
    }
    for (size_t i = 0; i < DIM; i++) c.g[1][i] = -1e-6 * c.g[0][i];
    assert_sound(&c, "opposite, of other lengths");
}

static void dependent_gradients(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        case_ c = random_case(seed, MOST, 10);
        for (size_t i = 0; i < DIM; i++) {
            c.g[3][i] = c.g[0][i] - 2 * c.g[1][i];
            c.g[4][i] = -c.g[0][i] * (1 + 1e-7);
            c.g[5][i] = c.g[1][i] + 1e-9 * c.g[2][i];
        }
        assert_sound(&c, "dependent");
    }
}

static void lengths_far_apart(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        case_ c = random_case(seed, 2 + seed % 4, 1);
        static const double scales[MOST] = {1e-18, 1, 1e18, 1e-6, 1e6, 1};
        for (size_t k = 0; k < c.n; k++)
            for (size_t i = 0; i < DIM; i++) c.g[k][i] *= scales[k];
        assert_sound(&c, "far apart");
    }
}

/* In other units the direction is the same. */
static void units_do_not_matter(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        for (size_t m = 0; m < METHODS; m++) {
            case_ c = random_case(seed, 3, 20), scaled = c;
            for (size_t k = 0; k < 3; k++)
                for (size_t i = 0; i < DIM; i++) scaled.g[k][i] *= 0x1p-40;
            run(&c, methods[m].combine);
            run(&scaled, methods[m].combine);
            for (size_t k = 0; k < 3; k++) assert_near(scaled.alpha[k], c.alpha[k], 1e-6 * (1 + fabs(c.alpha[k])));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcgrad_of_two),
        cmocka_unit_test(pcgrad_projects_vectors),
        cmocka_unit_test(pcgrad_order_is_random),
        cmocka_unit_test(mgda_of_two),
        cmocka_unit_test(mgda_is_shortest),
        cmocka_unit_test(mgda_normalised),
        cmocka_unit_test(cagrad_without_radius_is_the_mean),
        cmocka_unit_test(cagrad_is_best_for_the_worst),
        cmocka_unit_test(imtl_of_two),
        cmocka_unit_test(imtl_projects_equally),
        cmocka_unit_test(nash_of_orthogonal_gradients),
        cmocka_unit_test(nash_is_the_bargain),
        cmocka_unit_test(nash_is_cut),
        cmocka_unit_test(one_gradient),
        cmocka_unit_test(equal_gradients),
        cmocka_unit_test(opposite_gradients),
        cmocka_unit_test(dependent_gradients),
        cmocka_unit_test(lengths_far_apart),
        cmocka_unit_test(units_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
