/* ROC curves and bins of scores, against known answers and against counting row by row. */
#include "testing.h"

#include <math.h>

#include "metric/metric.h"

#define N 5000

static gw__meter *new_meter(gw_task_type type) {
    gw__meter *meter;
    assert_int_equal(gw__meter_new(type, 1, false, NULL, &meter, NULL), GW_OK);
    return meter;
}

static void add(gw__meter *meter, float output, float label) { assert_int_equal(gw__meter_add(meter, &output, label, 0, 0, 1, NULL), GW_OK); }

static uint32_t next(uint32_t *state) { return (*state = *state * 1664525u + 1013904223u) >> 8; }

/* Rows whose scores take one of so many values, and are higher where the label is 1. */
static gw__meter *some_rows(unsigned distinct, float score[N], float label[N]) {
    gw__meter *meter = new_meter(GW_TASK_BINARY);
    uint32_t state = distinct;
    for (int i = 0; i < N; i++) {
        label[i] = next(&state) % 4 == 0;
        const uint32_t a = next(&state) % distinct, b = next(&state) % distinct;
        score[i] = (float)(label[i] == 1 && b > a ? b : a) / (float)distinct;
        add(meter, score[i], label[i]);
    }
    return meter;
}

/* ---- ROC ---- */

static void roc_of_few_rows(void **state) {
    static const gw__roc_point expected[] = {{0, 0}, {0, 0.5}, {1.0 / 3, 1}, {1, 1}};
    gw__meter *meter = new_meter(GW_TASK_BINARY);
    gw__roc_point points[GW__ROC_POINTS];
    add(meter, 0.9f, 1);
    add(meter, 0.5f, 0); /* a tie: one step to the right and up */
    add(meter, 0.5f, 1);
    add(meter, 0.1f, 0);
    add(meter, 0.1f, 0);
    assert_int_equal(gw__meter_roc(meter, points), 4);
    for (int i = 0; i < 4; i++) assert_true(points[i].false_positives == expected[i].false_positives && points[i].true_positives == expected[i].true_positives);
    gw__meter_free(meter);
}

static void expect_on_curve(gw__roc_point point, const float score[N], const float label[N]) {
    int negatives = 0, positives = 0;
    for (int i = 0; i < N; i++) label[i] == 1 ? positives++ : negatives++;
    for (int k = 0; k <= N; k++) { /* some threshold has exactly these rates */
        const float threshold = k < N ? score[k] : INFINITY;
        int wrong = 0, right = 0;
        for (int i = 0; i < N; i++)
            if (score[i] >= threshold) label[i] == 1 ? right++ : wrong++;
        if ((double)wrong / negatives == point.false_positives && (double)right / positives == point.true_positives) return;
    }
    fail_msg("(%g, %g) is no point of the curve", point.false_positives, point.true_positives);
}

static void roc_is_thinned_and_exact(void **state) {
    static float score[N], label[N];
    static const unsigned distinct[] = {3, 150, 1000000};
    for (size_t d = 0; d < GW__COUNT(distinct); d++) {
        gw__meter *meter = some_rows(distinct[d], score, label);
        gw__roc_point points[GW__ROC_POINTS];
        const size_t n = gw__meter_roc(meter, points);
        assert_in_range(n, 3, GW__ROC_POINTS);
        assert_true(points[0].false_positives == 0 && points[0].true_positives == 0 && points[n - 1].false_positives == 1 && points[n - 1].true_positives == 1);
        double area = 0, exact;
        for (size_t i = 1; i < n; i++) {
            assert_true(points[i].false_positives >= points[i - 1].false_positives && points[i].true_positives >= points[i - 1].true_positives);
            area += (points[i].false_positives - points[i - 1].false_positives) * (points[i].true_positives + points[i - 1].true_positives) / 2;
        }
        for (size_t i = 0; i < n; i += 40) expect_on_curve(points[i], score, label);
        assert_true(gw__meter_value(meter, GW__METRIC_AUC, &exact));
        assert_true(fabs(area - exact) < 1e-3);
        gw__meter_free(meter);
    }
}

static void roc_needs_both_classes(void **state) {
    gw__meter *meter = new_meter(GW_TASK_BINARY), *other = new_meter(GW_TASK_REGRESSION);
    gw__roc_point points[GW__ROC_POINTS];
    assert_int_equal(gw__meter_roc(meter, points), 0);
    add(meter, 0.5f, 1);
    assert_int_equal(gw__meter_roc(meter, points), 0);
    add(other, 0.5f, 1);
    assert_int_equal(gw__meter_roc(other, points), 0);
    gw__meter_free(meter);
    gw__meter_free(other);
}

/* ---- bins ---- */

static void bins_of_few_rows(void **state) {
    static const float scores[] = {0.1f, 0.8f, 0.2f, 0.3f, 0.3f, 0.3f}, labels[] = {0, 1, 1, 0, 0, 1};
    gw__meter *meter = new_meter(GW_TASK_BINARY);
    gw__score_bin bins[3];
    assert_int_equal(gw__meter_score_bins(meter, 3, bins), 0);
    for (int i = 0; i < 6; i++) add(meter, scores[i], labels[i]);
    /* a third of rows and positives each, but that the three of 0.3 stay together with the one above them */
    assert_int_equal(gw__meter_score_bins(meter, 3, bins), 2);
    assert_true(bins[0].rows == 2 && fabs(bins[0].predicted - 0.15) < 1e-7 && bins[0].observed == 0.5);
    assert_true(bins[1].rows == 4 && fabs(bins[1].predicted - 0.425) < 1e-7 && bins[1].observed == 0.5);
    gw__meter_free(meter);
}

static void bins_hold_all_rows(void **state) {
    static float score[N], label[N];
    gw__meter *meter = some_rows(1000000, score, label);
    gw__score_bin bins[15];
    double predicted = 0, observed = 0, positives = 0, all[2] = {0, 0};
    int64_t rows = 0;
    for (int i = 0; i < N; i++) positives += label[i];
    const size_t n = gw__meter_score_bins(meter, 15, bins);
    assert_in_range(n, 14, 15);
    for (size_t i = 0; i < n; i++) {
        const double yes = bins[i].observed * (double)bins[i].rows, share = ((double)bins[i].rows / N + yes / positives) / 2;
        assert_true(share <= 1.0 / 15 + 1e-3 && (i == 0 || share >= 1.0 / 15 - 1e-12)); /* the lowest has what is left */
        assert_true(i == 0 || bins[i].predicted > bins[i - 1].predicted);
        rows += bins[i].rows;
        predicted += bins[i].predicted * (double)bins[i].rows;
        observed += yes;
    }
    for (int i = 0; i < N; i++) all[0] += score[i], all[1] += label[i];
    assert_int_equal(rows, N);
    assert_true(fabs(predicted - all[0]) < 1e-6 && fabs(observed - all[1]) < 1e-6);
    gw__meter_free(meter);
}

static void bins_of_one_class(void **state) {
    gw__meter *meter = new_meter(GW_TASK_BINARY);
    gw__score_bin bins[4];
    for (int i = 0; i < 8; i++) add(meter, (float)i / 8, 0);
    assert_int_equal(gw__meter_score_bins(meter, 4, bins), 4);
    for (int i = 0; i < 4; i++) assert_true(bins[i].rows == 2 && bins[i].observed == 0);
    gw__meter_free(meter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roc_of_few_rows),  cmocka_unit_test(roc_is_thinned_and_exact), cmocka_unit_test(roc_needs_both_classes),
        cmocka_unit_test(bins_of_few_rows), cmocka_unit_test(bins_hold_all_rows),
        cmocka_unit_test(bins_of_one_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
