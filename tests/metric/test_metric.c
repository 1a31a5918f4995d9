/* Metrics against their definitions, written down once more in the plainest way. */
#include "testing.h"

#include <math.h>

#include "metric/metric.h"

#define N 400

typedef struct rows {
    float score[N], label[N];
    uint64_t group[N];
} rows;

static uint32_t next(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

/* Few distinct scores, so that there are many ties. */
static rows some_rows(uint32_t seed, unsigned distinct, unsigned groups) {
    rows r;
    for (int i = 0; i < N; i++) {
        r.score[i] = (float)((next(&seed) >> 8) % distinct) / (float)distinct;
        r.label[i] = (next(&seed) >> 8) % 3 == 0;
        r.group[i] = (uint64_t)((next(&seed) >> 8) % groups) * 0x9E3779B97F4A7C15u;
    }
    return r;
}

static double auc_of_pairs(const rows *r, const uint64_t *group, int64_t *ret_rows) {
    double good = 0, pairs = 0;
    *ret_rows = 0;
    for (int i = 0; i < N; i++) {
        if (group && r->group[i] != *group) continue;
        ++*ret_rows;
        for (int j = 0; j < N; j++) {
            if ((group && r->group[j] != *group) || r->label[i] != 1 || r->label[j] != 0) continue;
            pairs++;
            good += r->score[i] > r->score[j] ? 1 : r->score[i] == r->score[j] ? 0.5 : 0;
        }
    }
    return pairs > 0 ? good / pairs : NAN;
}

static double gauc_of_pairs(const rows *r) {
    double sum = 0, weight = 0;
    for (int i = 0; i < N; i++) { /* once per group: at its first row */
        bool first = true;
        for (int j = 0; j < i; j++) first = first && r->group[j] != r->group[i];
        int64_t n;
        double auc = first ? auc_of_pairs(r, &r->group[i], &n) : NAN;
        if (isnan(auc)) continue;
        sum += auc * (double)n;
        weight += (double)n;
    }
    return sum / weight;
}

static gw__meter *new_meter(gw_task_type type, size_t width, bool grouped) {
    gw__meter *meter;
    assert_int_equal(gw__meter_new(type, width, grouped, NULL, &meter, NULL), GW_OK);
    return meter;
}

static void add(gw__meter *meter, float output, float label) {
    assert_int_equal(gw__meter_add(meter, &output, label, 0, 0, 1, NULL), GW_OK);
}

static double value_of(gw__meter *meter, gw__metric metric) {
    double value;
    assert_true(gw__meter_value(meter, metric, &value));
    return value;
}

static void assert_none(gw__meter *meter, gw__metric metric) {
    double value = 0;
    assert_false(gw__meter_value(meter, metric, &value));
    assert_true(isnan(value));
}

static void assert_near(double got, double expected, double tolerance) {
    if (!(fabs(got - expected) <= tolerance)) fail_msg("expected %.17g but found %.17g", expected, got);
}

static void auc_counts_pairs(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= 12; seed++) {
        rows r = some_rows(seed, seed % 3 == 0 ? 5 : seed % 3 == 1 ? 60 : 100000, 25);
        gw__meter *meter = new_meter(GW_TASK_BINARY, 1, true);
        for (int i = 0; i < N; i++)
            assert_int_equal(gw__meter_add(meter, &r.score[i], r.label[i], r.group[i], 0, 1, NULL), GW_OK);
        int64_t n;
        assert_near(value_of(meter, GW__METRIC_AUC), auc_of_pairs(&r, NULL, &n), 1e-15);
        assert_near(value_of(meter, GW__METRIC_GAUC), gauc_of_pairs(&r), 1e-13);
        gw__meter_free(meter);
    }
}

static void auc_orders_all_floats(void **state) {
    (void)state;
    gw__meter *meter = new_meter(GW_TASK_BINARY, 1, false);
    add(meter, -INFINITY, 0);
    add(meter, -2, 0);
    add(meter, -1e-40f, 1);
    add(meter, 1e-40f, 0);
    add(meter, 3, 1);
    assert_near(value_of(meter, GW__METRIC_AUC), 5.0 / 6, 1e-15);
    gw__meter_reset(meter);
    add(meter, -0.0f, 1);
    add(meter, 0.0f, 0);
    assert_near(value_of(meter, GW__METRIC_AUC), 0.5, 0);
    gw__meter_free(meter);
}

static void rows_after_a_value_count(void **state) {
    (void)state;
    rows r = some_rows(99, 50, 7);
    gw__meter *meter = new_meter(GW_TASK_BINARY, 1, true), *whole = new_meter(GW_TASK_BINARY, 1, true);
    double partial;
    for (int i = 0; i < N; i++) {
        assert_int_equal(gw__meter_add(meter, &r.score[i], r.label[i], r.group[i], 0, 1, NULL), GW_OK);
        assert_int_equal(gw__meter_add(whole, &r.score[i], r.label[i], r.group[i], 0, 1, NULL), GW_OK);
        if (i % 37 == 0) gw__meter_value(meter, GW__METRIC_AUC, &partial);
        if (i % 41 == 0) gw__meter_value(meter, GW__METRIC_GAUC, &partial);
    }
    assert_true(value_of(meter, GW__METRIC_AUC) == value_of(whole, GW__METRIC_AUC));
    assert_true(value_of(meter, GW__METRIC_GAUC) == value_of(whole, GW__METRIC_GAUC));
    assert_int_equal(gw__meter_rows(meter), N);
    gw__meter_free(meter);
    gw__meter_free(whole);
}

static void binary_sums(void **state) {
    (void)state;
    gw__meter *meter = new_meter(GW_TASK_BINARY, 1, false);
    const float p[] = {0.03f, 0.09f, 0.55f, 0.5f, 1.0f, 0.0f, 0.97f}, y[] = {0, 1, 0, 1, 1, 1, 0};
    double log_loss = 0, predicted = 0, bins[10][2] = {{0}}, ece = 0;
    for (int i = 0; i < 7; i++) {
        add(meter, p[i], y[i]);
        double c = fmin(fmax(p[i], 1e-7), 1 - 1e-7);
        log_loss -= y[i] == 1 ? log(c) : log(1 - c);
        predicted += p[i];
        bins[p[i] == 1 ? 9 : (int)(p[i] * 10.0)][0] += p[i];
        bins[p[i] == 1 ? 9 : (int)(p[i] * 10.0)][1] += y[i];
    }
    for (int i = 0; i < 10; i++) ece += fabs(bins[i][0] - bins[i][1]) / 7;
    assert_near(value_of(meter, GW__METRIC_LOG_LOSS), log_loss / 7, 1e-14);
    assert_near(value_of(meter, GW__METRIC_CALIBRATION), predicted / 4, 1e-14);
    assert_near(value_of(meter, GW__METRIC_ECE), ece, 1e-14);
    assert_near(value_of(meter, GW__METRIC_ACCURACY), 3.0 / 7, 1e-15);
    assert_none(meter, GW__METRIC_RMSE);
    assert_none(meter, GW__METRIC_CLASS_ACCURACY);
    assert_none(meter, GW__METRIC_GAUC);
    gw__meter_free(meter);
}

static void what_does_not_exist(void **state) {
    (void)state;
    gw__meter *meter = new_meter(GW_TASK_BINARY, 1, true);
    for (int metric = 0; metric < GW__METRICS; metric++) assert_none(meter, (gw__metric)metric);
    assert_true(isnan(gw__meter_loss(meter)));
    add(meter, 0.25f, 0);
    add(meter, 0.5f, 0);
    assert_none(meter, GW__METRIC_AUC);
    assert_none(meter, GW__METRIC_GAUC);
    assert_none(meter, GW__METRIC_CALIBRATION);
    assert_near(value_of(meter, GW__METRIC_ACCURACY), 0.5, 0);
    gw__meter_free(meter);
    meter = new_meter(GW_TASK_REGRESSION, 1, false);
    for (int i = 0; i < 10; i++) add(meter, (float)i, 0.1f);
    assert_none(meter, GW__METRIC_R2);
    assert_true(value_of(meter, GW__METRIC_MAE) > 0);
    gw__meter_reset(meter);
    add(meter, NAN, 1);
    assert_none(meter, GW__METRIC_RMSE);
    gw__meter_free(meter);
}

static void regression_sums(void **state) {
    (void)state;
    gw__meter *meter = new_meter(GW_TASK_REGRESSION, 1, false);
    uint32_t seed = 7;
    double y[N], e[N], mean = 0, squared = 0, absolute = 0, spread = 0;
    for (int i = 0; i < N; i++) {
        float label = 1e4f + (float)(next(&seed) >> 8) / 1e6f, output = label + (float)(next(&seed) >> 8) / 3e7f - 0.2f;
        add(meter, output, label);
        y[i] = label;
        e[i] = (double)output - label;
        mean += y[i] / N;
    }
    for (int i = 0; i < N; i++) {
        squared += e[i] * e[i];
        absolute += fabs(e[i]);
        spread += (y[i] - mean) * (y[i] - mean);
    }
    assert_near(value_of(meter, GW__METRIC_RMSE), sqrt(squared / N), 1e-13);
    assert_near(value_of(meter, GW__METRIC_MAE), absolute / N, 1e-13);
    assert_near(value_of(meter, GW__METRIC_R2), 1 - squared / spread, 1e-10);
    assert_none(meter, GW__METRIC_AUC);
    gw__meter_free(meter);
}

static void multiclass_sums(void **state) {
    (void)state;
    gw__meter *meter = new_meter(GW_TASK_MULTICLASS, 3, false);
    const float p[4][3] = {{0.2f, 0.5f, 0.3f}, {0.4f, 0.4f, 0.2f}, {0, 0, 1}, {1, 0, 0}};
    const float y[4] = {1, 0, 2, 1};
    for (int i = 0; i < 4; i++) assert_int_equal(gw__meter_add(meter, p[i], y[i], 0, 0, 1, NULL), GW_OK);
    assert_near(value_of(meter, GW__METRIC_CLASS_ACCURACY), 0.75, 0);
    assert_near(value_of(meter, GW__METRIC_CLASS_LOG_LOSS), -(log(0.5) + log((double)0.4f) + log(1e-7)) / 4, 1e-12);
    gw_error err = {0};
    assert_int_equal(gw__meter_add(meter, p[0], 3, 0, 0, 1, &err), GW_E_INTERNAL);
    assert_int_equal(gw__meter_rows(meter), 4);
    gw__meter_free(meter);
}

static void count_sums(void **state) {
    (void)state;
    gw__meter *meter = new_meter(GW_TASK_COUNT, 1, false);
    const float m[4] = {0.5f, 2, 3, 0}, y[4] = {0, 1, 5, 2};
    double deviance = 0, null = 0;
    for (int i = 0; i < 4; i++) {
        const double mean = m[i] > 0 ? m[i] : 1e-7;
        add(meter, m[i], y[i]);
        deviance += 2 * ((y[i] > 0 ? y[i] * log(y[i] / mean) : 0) - y[i] + mean);
        null += 2 * (y[i] > 0 ? y[i] * log(y[i] / 2.0) : 0); /* 2 is the labels' mean */
    }
    assert_near(value_of(meter, GW__METRIC_COUNT_DEVIANCE), deviance / 4, 1e-12);
    assert_near(value_of(meter, GW__METRIC_COUNT_D2), 1 - deviance / null, 1e-12);
    assert_near(value_of(meter, GW__METRIC_COUNT_RMSE), sqrt(9.25 / 4), 1e-12);
    assert_near(value_of(meter, GW__METRIC_COUNT_MAE), 5.5 / 4, 1e-12);
    assert_none(meter, GW__METRIC_RMSE);
    gw__meter_reset(meter);
    for (int i = 0; i < 3; i++) add(meter, 1, 0);
    assert_none(meter, GW__METRIC_COUNT_D2); /* nothing to explain */
    gw__meter_free(meter);
}

static void ordinal_sums(void **state) {
    (void)state;
    gw__meter *meter = new_meter(GW_TASK_ORDINAL, 3, false);
    const float p[4][3] = {{0.6f, 0.3f, 0.1f}, {0.4f, 0.2f, 0.4f}, {0, 0.2f, 0.8f}, {0.45f, 0.25f, 0.3f}};
    const float y[4] = {0, 2, 2, 1};
    for (int i = 0; i < 4; i++) assert_int_equal(gw__meter_add(meter, p[i], y[i], 0, 0, 1, NULL), GW_OK);
    /* medians 0 1 2 1: one row is off by one. Expected disagreement: every prediction with every label, over 4. */
    const double medians[4] = {0, 1, 2, 1};
    double expected = 0;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) expected += (medians[i] - y[j]) * (medians[i] - y[j]) / 4;
    assert_near(value_of(meter, GW__METRIC_ORDINAL_MAE), 0.25, 0);
    assert_near(value_of(meter, GW__METRIC_ORDINAL_KAPPA), 1 - 1 / expected, 1e-12);
    assert_near(value_of(meter, GW__METRIC_ORDINAL_ACCURACY), 0.5, 0);
    assert_near(value_of(meter, GW__METRIC_ORDINAL_LOG_LOSS), -(log(0.6) + log(0.4) + log(0.8) + log(0.25)) / 4, 1e-7);
    gw_error err = {0};
    assert_int_equal(gw__meter_add(meter, p[0], 3, 0, 0, 1, &err), GW_E_INTERNAL);
    gw__meter_reset(meter);
    for (int i = 0; i < 3; i++) assert_int_equal(gw__meter_add(meter, p[0], 0, 0, 0, 1, NULL), GW_OK);
    assert_none(meter, GW__METRIC_ORDINAL_KAPPA); /* one class on both sides */
    gw__meter_free(meter);
}

static double pinball_of(double t, double r) { return fmax(t * r, (t - 1) * r); }

static void quantile_sums(void **state) {
    (void)state;
    static const double t[2] = {0.25, 0.9};
    gw__meter *meter;
    assert_int_equal(gw__meter_new(GW_TASK_QUANTILE, 2, false, t, &meter, NULL), GW_OK);
    const float y[5] = {3, -1, 4, 1, 5}, q[2] = {0, 4};
    double loss = 0, own = 0;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(gw__meter_add(meter, q, y[i], 0, 0, 1, NULL), GW_OK);
        loss += (pinball_of(t[0], y[i] - q[0]) + pinball_of(t[1], y[i] - q[1])) / 2;
    }
    for (int k = 0; k < 2; k++) { /* the best constant is one of the labels */
        double best = INFINITY;
        for (int c = 0; c < 5; c++) {
            double sum = 0;
            for (int i = 0; i < 5; i++) sum += pinball_of(t[k], y[i] - y[c]) / 2;
            best = fmin(best, sum);
        }
        own += best;
    }
    assert_near(value_of(meter, GW__METRIC_QUANTILE_PINBALL), loss / 5, 1e-12);
    assert_near(value_of(meter, GW__METRIC_QUANTILE_D2), 1 - loss / own, 1e-12);
    assert_near(value_of(meter, GW__METRIC_QUANTILE_COVERAGE), 0.6, 0);
    assert_none(meter, GW__METRIC_QUANTILE_MAE); /* no median among them */
    gw__meter_reset(meter);
    for (int i = 0; i < 3; i++) assert_int_equal(gw__meter_add(meter, q, 2, 0, 0, 1, NULL), GW_OK);
    assert_none(meter, GW__METRIC_QUANTILE_D2);
    gw__meter_free(meter);
    assert_int_equal(gw__meter_new(GW_TASK_QUANTILE, 1, false, (const double[]){0.5}, &meter, NULL), GW_OK);
    add(meter, 1, 3);
    add(meter, 1, 0);
    assert_near(value_of(meter, GW__METRIC_QUANTILE_MAE), 1.5, 0);
    assert_near(value_of(meter, GW__METRIC_QUANTILE_COVERAGE), 0.5, 0);
    gw__meter_free(meter);
}

static void loss_is_weighted(void **state) {
    (void)state;
    gw__meter *meter = new_meter(GW_TASK_REGRESSION, 1, false);
    float output = 1;
    gw__meter_add(meter, &output, 0, 0, 2.0, 3.0, NULL);
    gw__meter_add(meter, &output, 0, 0, 6.0, 1.0, NULL);
    assert_near(gw__meter_loss(meter), 3, 0);
    gw__meter_reset(meter);
    assert_true(isnan(gw__meter_loss(meter)));
    assert_int_equal(gw__meter_rows(meter), 0);
    gw__meter_free(meter);
}

static void roster_is_whole(void **state) {
    (void)state;
    for (int metric = 0; metric < GW__METRICS; metric++) {
        assert_non_null(gw__metric_name((gw__metric)metric));
        assert_in_range(gw__metric_better((gw__metric)metric) + 1, 0, 2);
    }
    assert_string_equal(gw__metric_name(GW__METRIC_R2), "r2");
    assert_int_equal(gw__metric_task_type(GW__METRIC_CLASS_LOG_LOSS), GW_TASK_MULTICLASS);
}

static void assert_bounds(gw__metric metric, double least, double most) {
    const gw__bounds bounds = gw__metric_bounds(metric);
    assert_true(bounds.least == least && bounds.most == most);
}

static void metrics_have_bounds(void **state) {
    (void)state;
    assert_bounds(GW__METRIC_AUC, 0, 1);
    assert_bounds(GW__METRIC_CLASS_ACCURACY, 0, 1);
    assert_bounds(GW__METRIC_LOG_LOSS, 0, INFINITY);
    assert_bounds(GW__METRIC_CALIBRATION, 0, INFINITY); /* a ratio */
    assert_bounds(GW__METRIC_R2, -INFINITY, 1);
    assert_bounds(GW__METRIC_ORDINAL_KAPPA, -1, 1);
    for (gw__metric metric = 0; metric < GW__METRICS; metric++) { /* what is better high has a best, what is better low, too */
        const gw__bounds bounds = gw__metric_bounds(metric);
        if (gw__metric_better(metric) > 0) assert_true(bounds.most == 1);
        if (gw__metric_better(metric) < 0) assert_true(bounds.least == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auc_counts_pairs),    cmocka_unit_test(auc_orders_all_floats), cmocka_unit_test(rows_after_a_value_count),
        cmocka_unit_test(binary_sums),         cmocka_unit_test(what_does_not_exist),   cmocka_unit_test(regression_sums),
        cmocka_unit_test(multiclass_sums),     cmocka_unit_test(count_sums),            cmocka_unit_test(ordinal_sums),
        cmocka_unit_test(quantile_sums),       cmocka_unit_test(loss_is_weighted),      cmocka_unit_test(roster_is_whole),
        cmocka_unit_test(metrics_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
