/* Numeric columns: what stands for no value, and the transforms. */
#include "feat_fixture.h"

#include <math.h>

#include "feat/fitted.h"

static void near(double got, double expected, double tolerance) {
    if (fabs(got - expected) > tolerance) fail_msg("expected %.17g but got %.17g", expected, got);
}

/* One numeric column x with this entry; the numbers of the training rows must be these. */
static void expect_numbers(const char *csv, const char *entry, const char *missing, const double *expected, size_t n) {
    char features[400];
    snprintf(features, sizeof features, "{\"columns\":{\"x\":%s}}", entry);
    reading r = read_table((recipe){.csv = csv, .features = features, .missing = missing});
    assert_int_equal(r.dataset.train.n_rows, n);
    for (size_t i = 0; i < n; i++) near(number_at(&r.dataset.train, i, 0), expected[i], 1e-6);
    clear_reading(&r);
}

#define EXPECT(csv, entry, missing, ...)                        \
    do {                                                        \
        const double list[] = {__VA_ARGS__};                    \
        expect_numbers(csv, entry, missing, list, GW__COUNT(list)); \
    } while (0)

static void standard_uses_the_population(void **state) {
    EXPECT("x,y\n1,0\n2,1\n3,0\n6,1\n", "{\"type\":\"numeric\"}", NULL, -2 / sqrt(3.5), -1 / sqrt(3.5), 0, 3 / sqrt(3.5));
    EXPECT("x,y\n5,0\n5,1\n5,0\n", "{\"type\":\"numeric\",\"transform\":\"standard\"}", NULL, 0, 0, 0);
}

static void minmax_goes_from_0_to_1(void **state) {
    EXPECT("x,y\n-1,0\n0,1\n3,0\n", "{\"type\":\"numeric\",\"transform\":\"minmax\"}", NULL, 0, 0.25, 1);
    EXPECT("x,y\n7,0\n7,1\n", "{\"type\":\"numeric\",\"transform\":\"minmax\"}", NULL, 0, 0);
}

static void log1p_keeps_the_sign(void **state) {
    EXPECT("x,y\n-3,0\n0,1\n1e6,0\n", "{\"type\":\"numeric\",\"transform\":\"log1p\"}", NULL, -log1p(3), 0, log1p(1e6));
}

static void none_changes_nothing(void **state) {
    EXPECT("x,y\n-3.25,0\n1e-3,1\n+7,0\n.5,1\n", "{\"type\":\"numeric\",\"transform\":\"none\"}", NULL, -3.25, 1e-3, 7, 0.5);
}

static void a_quantile_is_the_share_below(void **state) {
    EXPECT("x,y\n30,0\n10,1\n20,0\n50,0\n40,1\n", "{\"type\":\"numeric\",\"transform\":\"quantile\"}", NULL, 0.5, 0, 0.25, 1, 0.75);
    /* ties stand in the middle of theirs */
    EXPECT("x,y\n0,0\n0,1\n0,0\n8,0\n9,1\n", "{\"type\":\"numeric\",\"transform\":\"quantile\"}", NULL, 0.25, 0.25, 0.25, 0.75, 1);
    EXPECT("x,y\n4,0\n4,1\n", "{\"type\":\"numeric\",\"transform\":\"quantile\"}", NULL, 0.5, 0.5);
}

static void later_transforms_see_the_earlier(void **state) {
    double a = log1p(1), b = log1p(3), mean = (a + b) / 2, deviation = (b - a) / 2;
    EXPECT("x,y\n1,0\n3,1\n", "{\"type\":\"numeric\",\"transform\":[\"log1p\",\"standard\"]}", NULL, (a - mean) / deviation, (b - mean) / deviation);
    EXPECT("x,y\n1,0\n3,1\n2,0\n", "{\"type\":\"numeric\",\"transform\":[\"standard\",\"minmax\"]}", NULL, 0, 1, 0.5);
    EXPECT("x,y\n1,0\n3,1\n", "{\"type\":\"numeric\",\"transform\":[\"quantile\",\"standard\",\"minmax\",\"log1p\"]}", NULL, 0, log1p(1));
}

static void missing_numbers_are_filled(void **state) {
    const char *csv = "x,y\n1,0\n,1\n2,0\n9,1\n?,0\n";
    EXPECT(csv, "{\"type\":\"numeric\",\"transform\":\"none\"}", "[\"?\"]", 1, 4, 2, 9, 4);
    EXPECT(csv, "{\"type\":\"numeric\",\"transform\":\"none\",\"missing\":\"median\"}", "[\"?\"]", 1, 2, 2, 9, 2);
    EXPECT(csv, "{\"type\":\"numeric\",\"transform\":\"none\",\"missing\":\"zero\"}", "[\"?\"]", 1, 0, 2, 9, 0);
    EXPECT(csv, "{\"type\":\"numeric\",\"transform\":\"none\",\"missing\":-7.5}", "[\"?\"]", 1, -7.5, 2, 9, -7.5);
    EXPECT("x,y\n1,0\n2,1\n4,0\n9,1\n,1\n", "{\"type\":\"numeric\",\"transform\":\"none\",\"missing\":\"median\"}", NULL, 1, 2, 4, 9, 3);
    /* before the transforms, which are fitted on what stands there */
    EXPECT(csv, "{\"type\":\"numeric\",\"transform\":\"minmax\",\"missing\":17}", "[\"?\"]", 0, 1, 0.0625, 0.5, 1);
    EXPECT("x,y\n,0\n,1\n", "{\"type\":\"numeric\"}", NULL, 0, 0);
    EXPECT("x,y\n,0\n,1\n", "{\"type\":\"numeric\",\"missing\":\"median\"}", NULL, 0, 0);
    refuse_table((recipe){.csv = csv, .features = "{\"columns\":{\"x\":{\"type\":\"numeric\",\"missing\":\"fail\"}}}"}, GW_E_DATA, "CSV", 3,
                 "column 'x': expected a number but found no value");
    refuse_table((recipe){.csv = "x,y\n1,0\n,1\n", .features = "{\"default\":{\"missing\":\"fail\"}}"}, GW_E_DATA, "CSV", 3,
                 "column 'x': expected a number but found no value");
}

static void missing_texts_may_be_numbers(void **state) {
    EXPECT("x,y\n1,0\n-1,1\n3,0\n-1.0,1\n", "{\"type\":\"numeric\",\"transform\":\"none\"}", "[\"-1\"]", 1, 1, 3, -1);
    EXPECT("x,y\n1,0\n999,1\n3,0\n", "{\"transform\":\"none\"}", "[\"999\"]", 1, 2, 3);
}

static void an_indicator_is_a_second_input(void **state) {
    reading r = read_table((recipe){.csv = "x,z,y\n1,5,0\n,6,1\n3,7,0\n",
                                    .features = "{\"columns\":{\"x\":{\"type\":\"numeric\",\"transform\":\"none\",\"indicator\":true}}}"});
    assert_int_equal(r.in->width, 3);
    assert_int_equal(r.in->n_slots, 3);
    assert_int_equal(r.in->n_numbers, 3);
    gw__feature_view view = view_of(r.features, "x");
    assert_int_equal(view.dense_at, 0);
    assert_int_equal(view.dense_width, 2);
    assert_int_equal(view_of(r.features, "z").dense_at, 2);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(r.in->slots[i].kind, GW__SLOT_NUMBER);
        assert_int_equal(r.in->slots[i].dense_at, i);
        assert_int_equal(r.in->slots[i].index, i);
    }
    assert_int_equal(r.in->slots[1].feature, 0);
    const float expected[] = {0, 1, 0};
    for (size_t row = 0; row < 3; row++) assert_true(number_at(&r.dataset.train, row, 1) == expected[row]);
    assert_true(number_at(&r.dataset.train, 1, 0) == 2);
    clear_reading(&r);
}

/* Only training rows are fitted on. */
static void validation_rows_move_nothing(void **state) {
    recipe table = {.csv = "x,d,y\n1,1,0\n3,1,1\n1000,2,0\n", .valid = "{\"column\":\"d\",\"from\":\"2\"}",
                     .features = "{\"ignore\":[\"d\"],\"columns\":{\"x\":{\"type\":\"numeric\"}}}"};
    reading r = read_table(table);
    assert_true(number_at(&r.dataset.train, 0, 0) == -1);
    assert_true(number_at(&r.dataset.train, 1, 0) == 1);
    assert_true(number_at(&r.dataset.valid, 0, 0) == 998);
    clear_reading(&r);
}

static void values_must_stay_finite(void **state) {
    const char *wide = "{\"columns\":{\"x\":{\"type\":\"numeric\",\"transform\":\"none\"}}}";
    refuse_table((recipe){.csv = "x,y\n1,0\n2,1\n1e39,0\n", .features = wide}, GW_E_DATA, "CSV", 4, "column 'x': '1e39' is not finite after its transform");
    refuse_table((recipe){.csv = "x,y\n1,0\n2,1\n1e308,0\n1e308,0\n", .features = "{\"columns\":{\"x\":{\"type\":\"numeric\"}}}"}, GW_E_DATA, "CSV", 0,
                 "column 'x': its values are too large to be transformed");
    reading r = read_table((recipe){.csv = "x,y\n1,0\n2,1\n1e39,0\n4,1\n", .features = wide, .skip = true});
    assert_int_equal(r.dataset.train.n_rows, 3);
    assert_int_equal(r.dataset.report.skipped, 1);
    assert_true(number_at(&r.dataset.train, 2, 0) == 4);
    clear_reading(&r);
}

static void bad_cells_have_a_place(void **state) {
    recipe table = {.csv = "x,w,y\n1,1,0\nN/A,1,1\n", .features = "{\"columns\":{\"x\":{\"type\":\"numeric\"}}}"};
    refuse_table(table, GW_E_DATA, "CSV", 3,
                 "column 'x': expected a number but found 'N/A'; hint: list it under data.missing, or make the column categorical");
    table.csv = "x,w,y\n1,1,0\n0x10,1,1\n";
    refuse_table(table, GW_E_DATA, "CSV", 3,
                 "column 'x': expected a number but found '0x10'; hint: list it under data.missing, or make the column categorical");
    table.csv = "x,w,y\n1,1,0\nN/A,1,1\n3,1,0\n";
    table.skip = true;
    reading r = read_table(table);
    assert_int_equal(r.dataset.train.n_rows, 2);
    assert_int_equal(r.dataset.report.skipped, 1);
    assert_true(number_at(&r.dataset.train, 0, 0) == -1);
    assert_true(number_at(&r.dataset.train, 1, 0) == 1); /* the bad row is not fitted on */
    clear_reading(&r);
}

static void quoted_blanks_do_no_harm(void **state) {
    EXPECT("x,y\n\" 2 \",0\n4,1\n\"  \",1\n", "{\"type\":\"numeric\",\"transform\":\"none\"}", NULL, 2, 4, 3);
}

/* Against the C library, which is within one unit in the last place. */
static void own_log1p_is_exact_enough(void **state) {
    double x = 1e-18;
    for (int i = 0; i < 20000; i++, x *= 1.0065) near(gw__log1p(x), log1p(x), 5e-16 * log1p(x));
    assert_true(gw__log1p(0) == 0);
    near(gw__log1p(1.7e308), log1p(1.7e308), 3e-13);
    for (double y = 1, last = 0; y < 3; y += 1.0 / 1024) {
        assert_true(gw__log1p(y) > last);
        last = gw__log1p(y);
    }
}

static void many_values_share_the_knots(void **state) {
    gw__text csv = {0};
    gw__text_puts(&csv, "x,y\n");
    for (int i = 0; i < 5000; i++) gw__text_addf(&csv, "%d,%d\n", i * 7 % 5000, i % 2);
    reading r = read_table((recipe){.csv = csv.at, .features = "{\"columns\":{\"x\":{\"type\":\"numeric\",\"transform\":\"quantile\"}}}"});
    assert_int_equal(r.features->at[0].steps[0].n_knots, GW__KNOTS);
    for (size_t i = 0; i < 5000; i++) near(number_at(&r.dataset.train, i, 0), (double)(i * 7 % 5000) / 4999, 1e-6);
    gw__step *step = &r.features->at[0].steps[0];
    assert_true(gw__steps_apply(step, 1, -1) == 0);
    assert_true(gw__steps_apply(step, 1, 6000) == 1);
    gw__text_clear(&csv);
    clear_reading(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_uses_the_population),
        cmocka_unit_test(minmax_goes_from_0_to_1),
        cmocka_unit_test(log1p_keeps_the_sign),
        cmocka_unit_test(none_changes_nothing),
        cmocka_unit_test(a_quantile_is_the_share_below),
        cmocka_unit_test(later_transforms_see_the_earlier),
        cmocka_unit_test(missing_numbers_are_filled),
        cmocka_unit_test(missing_texts_may_be_numbers),
        cmocka_unit_test(an_indicator_is_a_second_input),
        cmocka_unit_test(validation_rows_move_nothing),
        cmocka_unit_test(values_must_stay_finite),
        cmocka_unit_test(bad_cells_have_a_place),
        cmocka_unit_test(quoted_blanks_do_no_harm),
        cmocka_unit_test(own_log1p_is_exact_enough),
        cmocka_unit_test(many_values_share_the_knots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
