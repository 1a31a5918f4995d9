/* Evaluation against scoring row by row. */
#include "testing.h"

#include <math.h>

#include "kern/loss.h"
#include "small_run.h"
#include "train/evaluate.h"

static const char spec_text[] =
    "data: {train: t.csv}\n"
    "tasks:\n"
    "  click: {type: binary, group: user, positive_weight: 3}\n"
    "  buy: {type: binary, given: click}\n"
    "  price: {type: regression, loss: huber, huber_delta: 0.5, row_weight: d}\n"
    "  kind: {type: multiclass}\n"
    "features: {ignore: [part, user]}\n"
    "model: {architecture: mmoe, experts: {count: 3, hidden: [8]}, gates: {hidden: [4]}, towers: {hidden: [4]}}\n";

/* A model with initial parameters and the rows it was fitted on, as many times as wanted. */
typedef struct bench {
    gw_model *model;
    gw__dataset dataset;
    gw__records many;
} bench;

static bench bench_of(size_t n_rows, size_t times) {
    bench b = {0};
    gw__spec *spec;
    gw__features *features;
    gw__pool *pool;
    gw_error err = {0};
    write_table("t.csv", n_rows, 21);
    if (gw__spec_parse(spec_text, strlen(spec_text), "spec", NULL, 0, &spec, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    assert_int_equal(gw__pool_new(1, &pool, NULL), GW_OK);
    if (gw__dataset_read(spec, NULL, false, pool, &features, &b.dataset, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    gw__pool_free(pool);
    assert_int_equal(gw__model_new(spec, features, &b.model, NULL), GW_OK);
    gw__net_initialise(b.model->net, spec, b.model->parameters);
    b.many = b.dataset.train;
    size_t bytes = n_rows * b.many.input->stride * sizeof *b.many.words;
    b.many.words = gw__aligned_alloc(times, bytes);
    b.many.n_rows = n_rows * times;
    for (size_t i = 0; i < times; i++) memcpy((char *)b.many.words + i * bytes, b.dataset.train.words, bytes);
    return b;
}

static void bench_clear(bench *b) {
    gw__aligned_free(b->many.words);
    gw__dataset_clear(&b->dataset);
    gw__model_free(b->model);
}

static gw__evaluation *evaluate(const bench *b, const gw__records *records, size_t threads, bool gates) {
    gw__pool *pool;
    gw__evaluation *evaluation;
    assert_int_equal(gw__pool_new(threads, &pool, NULL), GW_OK);
    assert_int_equal(gw__evaluation_new(b->model->spec, b->model->features, b->model->net, gates, &evaluation, NULL), GW_OK);
    assert_int_equal(gw__evaluation_add(evaluation, b->model->spec, b->model->net, b->model->parameters, records, pool, NULL), GW_OK);
    gw__pool_free(pool);
    return evaluation;
}

static void text_of(gw__evaluation *evaluation, const bench *b, gw__text *text) {
    gw__json_writer json = {.out = text};
    gw__json_begin_object(&json);
    gw__evaluation_write_tasks(evaluation, b->model->spec, &json);
    gw__json_end_object(&json);
}

static void same_for_any_threads(void **state) {
    (void)state;
    bench b = bench_of(1003, 150); /* more rows than a block */
    gw__text first = {0};
    double gate = 0;
    for (size_t threads = 1; threads <= 5; threads += 2) {
        gw__text text = {0};
        gw__evaluation *evaluation = evaluate(&b, &b.many, threads, true);
        text_of(evaluation, &b, &text);
        assert_int_equal(evaluation->rows, 150450);
        if (threads == 1) {
            first = text;
            gate = evaluation->gate_sums[1];
        } else {
            assert_string_equal(text.at, first.at);
            assert_true(evaluation->gate_sums[1] == gate);
            gw__text_clear(&text);
        }
        gw__evaluation_free(evaluation);
    }
    gw__text_clear(&first);
    bench_clear(&b);
}

/* One task's meter, filled from one call of the scorer. */
static gw__meter *meter_of(const bench *b, size_t task, gw__loss_rule rule, const float *outputs, const float *logits) {
    const gw__records *records = &b->dataset.train;
    const gw__input *in = records->input;
    size_t width = gw__net_output_width(b->model->net), at = gw__net_output_at(b->model->net, task);
    gw__meter *meter;
    const gw__task_spec *spec = &b->model->spec->tasks[task];
    assert_int_equal(gw__meter_new(spec->type, rule.width, spec->group != NULL, NULL, &meter, NULL), GW_OK);
    for (size_t row = 0; row < records->n_rows; row++) {
        const uint32_t *record = gw__record_at(records, row);
        float label = gw__record_labels(in, record)[task], weight = gw__record_weights(in, record)[task];
        uint64_t group = 0;
        if (spec->group) memcpy(&group, record + in->groups_at, sizeof group);
        if (weight == 0) continue;
        gw__meter_add(meter, outputs + row * width + at, label, group, gw__loss_value(&rule, logits + row * width + at, label), weight, NULL);
    }
    return meter;
}

static void equals_scoring(void **state) {
    (void)state;
    bench b = bench_of(600, 1);
    size_t width = gw__net_output_width(b.model->net);
    float *outputs = calloc(600 * width, sizeof *outputs), *logits = calloc(600 * width, sizeof *logits);
    gw__scorer *scorer;
    assert_int_equal(gw__scorer_new(b.model->net, 600, &scorer, NULL), GW_OK);
    gw__scorer_run(scorer, b.model->parameters, &b.dataset.train, 0, 600, outputs, logits, NULL);
    gw__scorer_free(scorer);
    const gw__loss_rule rules[] = {{.loss = GW__LOSS_BCE, .width = 1, .positive_weight = 3},
                                   {.loss = GW__LOSS_BCE, .width = 1, .positive_weight = 1},
                                   {.loss = GW__LOSS_HUBER, .width = 1, .huber_delta = 0.5},
                                   {.loss = GW__LOSS_CROSS_ENTROPY, .width = 3}};
    gw__evaluation *evaluation = evaluate(&b, &b.dataset.train, 2, false);
    for (size_t t = 0; t < 4; t++) {
        gw__meter *meter = meter_of(&b, t, rules[t], outputs, logits);
        assert_true(gw__meter_rows(meter) > 50 && (t != 1 || gw__meter_rows(meter) < 590));
        assert_int_equal(gw__meter_rows(meter), gw__meter_rows(evaluation->meters[t]));
        assert_true(gw__meter_loss(meter) == gw__meter_loss(evaluation->meters[t]));
        size_t exist = 0;
        for (int i = 0; i < GW__METRICS; i++) {
            double a, c;
            bool has = gw__meter_value(meter, (gw__metric)i, &a);
            assert_true(has == gw__meter_value(evaluation->meters[t], (gw__metric)i, &c));
            assert_true(!has || a == c);
            exist += has;
        }
        assert_true(exist >= 2);
        gw__meter_free(meter);
    }
    double gauc;
    assert_true(gw__meter_value(evaluation->meters[0], GW__METRIC_GAUC, &gauc));
    gw__evaluation_free(evaluation);
    free(outputs);
    free(logits);
    bench_clear(&b);
}

static void gates_sum_to_the_rows(void **state) {
    (void)state;
    bench b = bench_of(500, 1);
    gw__evaluation *evaluation = evaluate(&b, &b.dataset.train, 1, true);
    for (size_t g = 0; g < gw__net_gate_count(b.model->net); g++) {
        gw__gate_view gate = gw__net_gate_at(b.model->net, g);
        double sum = 0;
        for (size_t e = 0; e < gate.n_experts; e++) sum += evaluation->gate_sums[gate.weights_at + e];
        assert_float_equal(sum, 500, 1e-3);
    }
    assert_int_equal(gw__net_gate_count(b.model->net), 4);
    gw__evaluation_reset(evaluation);
    assert_int_equal(evaluation->rows, 0);
    assert_true(evaluation->gate_sums[0] == 0);
    assert_int_equal(gw__meter_rows(evaluation->meters[0]), 0);
    gw__evaluation_free(evaluation);
    bench_clear(&b);
}

static double watch(gw__evaluation *evaluation, const gw__spec *spec, const char *metric) {
    double value;
    assert_true(gw__evaluation_watch(evaluation, spec, metric, &value));
    return value;
}

static void watched_values(void **state) {
    (void)state;
    bench b = bench_of(400, 1);
    const gw__spec *spec = b.model->spec;
    gw__evaluation *evaluation = evaluate(&b, &b.dataset.train, 1, false);
    double auc, buy_auc, r2, accuracy, value;
    gw__meter_value(evaluation->meters[0], GW__METRIC_AUC, &auc);
    gw__meter_value(evaluation->meters[1], GW__METRIC_AUC, &buy_auc);
    gw__meter_value(evaluation->meters[2], GW__METRIC_R2, &r2);
    gw__meter_value(evaluation->meters[3], GW__METRIC_CLASS_ACCURACY, &accuracy);
    assert_float_equal(watch(evaluation, spec, "mean"), (auc + buy_auc + r2 + accuracy) / 4, 1e-12);
    double losses = 0;
    for (size_t t = 0; t < 4; t++) losses += gw__meter_loss(evaluation->meters[t]);
    assert_float_equal(watch(evaluation, spec, "loss"), -losses, 1e-12);
    assert_true(watch(evaluation, spec, "click.auc") == auc);
    assert_true(watch(evaluation, spec, "kind.loss") == -gw__meter_loss(evaluation->meters[3]));
    gw__meter_value(evaluation->meters[2], GW__METRIC_RMSE, &value);
    assert_true(watch(evaluation, spec, "price.rmse") == -value);
    watch(evaluation, spec, "click.gauc");
    assert_false(gw__evaluation_watch(evaluation, spec, "click.rmse", &value));
    assert_false(gw__evaluation_watch(evaluation, spec, "clock.auc", &value));
    gw__evaluation_reset(evaluation);
    assert_false(gw__evaluation_watch(evaluation, spec, "mean", &value));
    assert_false(gw__evaluation_watch(evaluation, spec, "loss", &value));
    assert_false(gw__evaluation_watch(evaluation, spec, "click.auc", &value));
    gw__evaluation_free(evaluation);
    bench_clear(&b);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)
    const struct CMUnitTest tests[] = {TEST(same_for_any_threads), TEST(equals_scoring), TEST(gates_sum_to_the_rows), TEST(watched_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
