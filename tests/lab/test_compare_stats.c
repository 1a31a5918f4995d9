/* Means, spreads and intervals against answers known beforehand. */
#include <math.h>

#include "base/random.h"
#include "lab/compare_stats.h"
#include "testing.h"

static double scratch[1600];

static void known_moments(void **state) {
    const double values[] = {2, NAN, 4, 4, 5, NAN, 5};
    const gw__moments m = gw__moments_of(values, 7);
    assert_int_equal(m.n, 5);
    assert_true(m.mean == 4);
    assert_true(fabs(m.deviation - sqrt(1.5)) < 1e-15); /* 4 + 0 + 0 + 1 + 1 over 4 */
    assert_true(m.least == 2 && m.most == 5);
}

static void few_values(void **state) {
    const double one[] = {0.1}, none[] = {NAN, NAN}, equal[] = {0.1, 0.1, 0.1};
    gw__moments m = gw__moments_of(one, 1);
    assert_true(m.n == 1 && m.mean == 0.1 && isnan(m.deviation) && m.least == 0.1);
    m = gw__moments_of(none, 2);
    assert_true(m.n == 0 && isnan(m.mean) && isnan(m.deviation) && isnan(m.most));
    m = gw__moments_of(equal, 3);
    assert_true(m.mean == 0.1 && m.deviation == 0); /* a sum of tenths would be off by a bit */
}

/* ---- intervals ------------------------------------------------------------------------------------------------------------------- */

static void draw_normal(double *values, size_t n, uint64_t round, uint64_t arm, double mean, double deviation) {
    for (size_t i = 0; i < n; i++) values[i] = mean + deviation * gw__random_normal(arm, GW__RANDOM_SYNTH, round, i);
}

/* How often, in percent, the interval covers the difference 1 of two normal groups. */
static double coverage(size_t n, size_t m, double deviation, bool two) {
    enum { ROUNDS = 300 };
    int covered = 0;
    for (uint64_t r = 0; r < ROUNDS; r++) {
        double a[16], b[16], low, high;
        draw_normal(a, n, r, 1, two ? 3 : 1, 1);
        draw_normal(b, m, r, 2, 2, deviation);
        assert_true(gw__bootstrap_difference(a, n, two ? b : NULL, two ? m : 0, r, scratch, &low, &high));
        assert_true(low < high);
        covered += low <= 1 && 1 <= high;
    }
    return 100.0 * covered / ROUNDS;
}

/* Of 300 rounds the share is off by 1.3 points (its standard error); a percentile interval covers 88 % of 5 and 5. */
static void intervals_cover(void **state) {
    static const struct { size_t n, m; double deviation; bool two; } cases[] = {{5, 5, 1, true}, {5, 5, 3, true}, {10, 5, 0.5, true}, {8, 0, 0, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double percent = coverage(cases[i].n, cases[i].m, cases[i].deviation, cases[i].two);
        if (percent < 91.5 || percent > 99) fail_msg("%zu and %zu: %g %%", cases[i].n, cases[i].m, percent);
    }
}

/* Large groups: the interval is that of the normal distribution, difference +- 1.96 standard errors. */
static void large_groups_are_normal(void **state) {
    double a[400], b[400], low, high;
    draw_normal(a, 400, 0, 3, 0, 1);
    draw_normal(b, 400, 0, 4, 0, 2);
    const gw__moments x = gw__moments_of(a, 400), y = gw__moments_of(b, 400);
    const double half = 1.96 * sqrt(x.deviation * x.deviation / 400 + y.deviation * y.deviation / 400);
    assert_true(gw__bootstrap_difference(a, 400, b, 400, 1, scratch, &low, &high));
    assert_true(fabs(low - (x.mean - y.mean - half)) < 0.06 * half);
    assert_true(fabs(high - (x.mean - y.mean + half)) < 0.06 * half);
}

static void sides_change_the_sign(void **state) {
    const double a[] = {0.70, 0.72, 0.71, 0.74, NAN}, b[] = {0.65, NAN, 0.69, 0.66, 0.61}, moved[] = {1.70, 1.72, 1.71, 1.74, NAN};
    double low, high, low2, high2;
    assert_true(gw__bootstrap_difference(a, 5, b, 5, 1, scratch, &low, &high));
    assert_true(low < 0.065 && 0.065 < high); /* 0.7175 - 0.6525 */
    assert_true(gw__bootstrap_difference(a, 5, b, 5, 1, scratch, &low2, &high2));
    assert_true(low == low2 && high == high2); /* the same seed */
    assert_true(gw__bootstrap_difference(a, 5, b, 5, 2, scratch, &low2, &high2));
    assert_true(low != low2 || high != high2);
    assert_true(gw__bootstrap_difference(moved, 5, b, 5, 1, scratch, &low2, &high2));
    assert_true(fabs(low2 - low - 1) < 1e-9 && fabs(high2 - high - 1) < 1e-9);
    assert_true(gw__bootstrap_difference(b, 5, a, 5, 1, scratch, &low2, &high2));
    assert_true(low2 < -0.065 && -0.065 < high2);
}

static void too_few_for_an_interval(void **state) {
    const double two[] = {1, 2}, others[] = {3, 5}, one[] = {1}, gaps[] = {NAN, 7, NAN}, equal[] = {2, 2, 2};
    double low = 0, high = 0;
    assert_false(gw__bootstrap_difference(two, 2, others, 2, 1, scratch, &low, &high));
    assert_true(isnan(low) && isnan(high));
    assert_false(gw__bootstrap_difference(one, 1, equal, 3, 1, scratch, &low, &high));
    assert_false(gw__bootstrap_difference(equal, 3, gaps, 3, 1, scratch, &low, &high));
    assert_false(gw__bootstrap_difference(two, 2, NULL, 0, 1, scratch, &low, &high));
    assert_false(gw__bootstrap_difference(NULL, 0, equal, 3, 1, scratch, &low, &high));
    assert_true(gw__bootstrap_difference(equal, 3, equal, 2, 1, scratch, &low, &high)); /* seeds that change nothing */
    assert_true(low == 0 && high == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments),         cmocka_unit_test(few_values),            cmocka_unit_test(intervals_cover),
        cmocka_unit_test(large_groups_are_normal), cmocka_unit_test(sides_change_the_sign), cmocka_unit_test(too_few_for_an_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
