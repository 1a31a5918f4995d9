/* Embedding tables in a step: row-wise Adagrad against its formula, duplicates, bags and shared tables, and the same bytes for any number of
 * threads where one table is all there is to do. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "train/trainer.h"

#define ROWS 1200
#define BAG 7 /* most values of a bag */

/* A table of many rows, a small one that an id and a bag share, and one that only a bag reads. */
static const gw__slot slots[] = {
    {.kind = GW__SLOT_EMBEDDING, .dense_at = 0, .width = 16, .index = 0, .table = 0},
    {.kind = GW__SLOT_NUMBER, .dense_at = 16, .width = 1, .index = 0},
    {.kind = GW__SLOT_NUMBER, .dense_at = 17, .width = 1, .index = 1},
    {.kind = GW__SLOT_EMBEDDING, .dense_at = 18, .width = 5, .index = 1, .table = 1},
    {.kind = GW__SLOT_BAG_MEAN, .dense_at = 23, .width = 5, .index = 0, .table = 1},
    {.kind = GW__SLOT_NUMBER, .dense_at = 28, .width = 1, .index = 2},
    {.kind = GW__SLOT_BAG_SUM, .dense_at = 29, .width = 33, .index = 1, .table = 2},
};
static const gw__table_shape tables[] = {{"user", 50000, 16}, {"city", 6, 5}, {"words", 300, 33}};
static const gw__input input = {.slots = slots, .n_slots = 7, .tables = tables, .n_tables = 3, .width = 62, .n_numbers = 3, .n_ids = 2, .n_bags = 2, .n_tasks = 1,
                                .ids_at = 3, .bags_at = 5, .labels_at = 9, .weights_at = 10, .groups_at = 12, .stride = 12};

/* Only the large table. */
static const gw__slot one_slot[] = {{.kind = GW__SLOT_EMBEDDING, .dense_at = 0, .width = 16, .index = 0, .table = 0}};
static const gw__input one_table = {.slots = one_slot, .n_slots = 1, .tables = tables, .n_tables = 1, .width = 16, .n_ids = 1, .n_tasks = 1,
                                    .ids_at = 0, .bags_at = 1, .labels_at = 1, .weights_at = 2, .groups_at = 4, .stride = 4};

static double uniform(uint64_t a, uint64_t b) { return gw__random_uniform(11, GW__RANDOM_SYNTH, a, b); }

/* Half of the records share a dozen ids of the large table; bags hold values twice, and some hold none. */
static uint32_t id_of(uint64_t r, uint64_t n) { return (uint32_t)(uniform(1, r) < 0.5 ? 12 * uniform(2, r) : (double)n * uniform(2, r)) % (uint32_t)n; }

static gw__records make_records(const gw__input *in) {
    gw__records records = {.input = in, .n_rows = ROWS, .n_bag_ids = 2 * BAG * ROWS};
    records.words = calloc(ROWS * in->stride, sizeof *records.words);
    records.bag_ids = calloc(records.n_bag_ids, sizeof *records.bag_ids);
    for (uint32_t r = 0; r < ROWS; r++) {
        uint32_t *record = records.words + r * in->stride;
        for (uint32_t i = 0; i < in->n_numbers; i++) ((float *)record)[i] = (float)(2 * uniform(3, r * 16 + i) - 1);
        for (uint32_t i = 0; i < in->n_ids; i++) record[in->ids_at + i] = id_of(r * 2 + i, tables[i].rows);
        for (uint32_t i = 0; i < in->n_bags; i++) {
            record[in->bags_at + 2 * i] = (2 * r + i) * BAG;
            record[in->bags_at + 2 * i + 1] = (uint32_t)(uniform(4, r * 2 + i) * (BAG + 1));
        }
        ((float *)record)[in->labels_at] = uniform(5, r) > 0.4;
        ((float *)record)[in->weights_at] = r % 9 ? 1 : 0;
    }
    for (uint64_t i = 0; i < records.n_bag_ids; i++) records.bag_ids[i] = (int32_t)((double)tables[1 + i / BAG % 2].rows * uniform(6, i / 2));
    return records;
}

typedef struct setup {
    gw__spec *spec;
    gw__net *net;
    gw__records records;
    gw__pool *pool;
    gw__trainer *trainer;
    uint64_t rows[ROWS];
} setup;

static void set_up(setup *s, const gw__input *in, const char *train, size_t threads) {
    char text[1024];
    int n = snprintf(text, sizeof text, "{\"data\":{\"train\":\"none.csv\"},\"tasks\":{\"y\":{\"type\":\"binary\"}},"
                     "\"model\":{\"architecture\":\"shared-bottom\",\"experts\":{\"hidden\":[6]},\"towers\":{\"hidden\":[]}},\"train\":%s}", train);
    gw_error err = {0};
    memset(s, 0, sizeof *s);
    if (gw__spec_parse(text, (size_t)n, "test.json", NULL, 0, &s->spec, &err) != GW_OK) fail_msg("%s: %s", text, err.message);
    s->records = make_records(in);
    const size_t width = 1;
    assert_int_equal(gw__net_new(s->spec, in, &width, &s->net, &err), GW_OK);
    assert_int_equal(gw__pool_new(threads, &s->pool, &err), GW_OK);
    assert_int_equal(gw__trainer_new(s->net, s->spec, &s->records, ROWS, s->pool, &s->trainer, &err), GW_OK);
    gw__net_initialise(s->net, s->spec, gw__trainer_parameters(s->trainer));
    for (uint64_t i = 0; i < ROWS; i++) s->rows[i] = (i * 577) % ROWS;
}

static void tear_down(setup *s) {
    gw__trainer_free(s->trainer);
    gw__pool_free(s->pool);
    gw__net_free(s->net);
    gw__spec_free(s->spec);
    free(s->records.words);
    free(s->records.bag_ids);
}

static gw__trainer_state state_named(const setup *s, const char *name) {
    for (size_t i = 0; i < gw__trainer_state_count(s->trainer); i++) {
        gw__trainer_state state = gw__trainer_state_at(s->trainer, i);
        if (strcmp(state.name, name) == 0) return state;
    }
    fail_msg("no state '%s'", name);
    return (gw__trainer_state){0};
}

/* ---- the formula ------------------------------------------------------------------------------------------------------------------ */

typedef struct values { float *w[3], *g[3]; double *sum[3]; } values; /* of the three tables */

static void take(const setup *s, const float *flat, float **into) {
    for (size_t t = 0; t < 3; t++) gw__net_parameter_get(s->net, flat, t, into[t]);
}

/* One row by the textbook, in double: a gradient that is scaled to the norm and decays, a sum for the row, and the step. */
static void textbook(float *w, const float *g, double *sum, uint32_t dim, double scale, double decay, double lr, double eps) {
    double squares = 0;
    for (uint32_t j = 0; j < dim; j++) squares += pow(g[j] * scale + decay * w[j], 2);
    *sum += squares / dim;
    for (uint32_t j = 0; j < dim; j++) w[j] = (float)(w[j] - lr * (g[j] * scale + decay * w[j]) / (sqrt(*sum) + eps));
}

static bool is_zero(const float *g, uint32_t n) {
    for (uint32_t j = 0; j < n; j++) {
        if (g[j] != 0) return false;
    }
    return true;
}

static void check_tables(const setup *s, const values *v) {
    float *got[3];
    const float *sums = state_named(s, "row_sum").values;
    for (size_t t = 0; t < 3; t++) got[t] = calloc(tables[t].rows * tables[t].dim, 4);
    take(s, gw__trainer_parameters(s->trainer), got);
    for (size_t t = 0; t < 3; t++, sums += tables[t - 1].rows) {
        for (size_t i = 0; i < tables[t].rows * tables[t].dim; i++) {
            if (fabs(got[t][i] - v->w[t][i]) > 2e-6) fail_msg("'%s': value %zu is %.9g, expected %.9g", tables[t].name, i, got[t][i], v->w[t][i]);
        }
        for (size_t r = 0; r < tables[t].rows; r++) {
            if (fabs(sums[r] - v->sum[t][r]) > 1e-5 * v->sum[t][r]) fail_msg("'%s': sum of row %zu is %g, expected %g", tables[t].name, r, sums[r], v->sum[t][r]);
        }
        free(got[t]);
    }
}

/* Three steps, each from the trainer's own gradient (which test_gradients checks) by the textbook. `clip`: of the gradient's norm, 0: none. */
static void check_formula(const char *train, double lr, double decay, double clip) {
    setup s;
    values v;
    set_up(&s, &input, train, 2);
    for (size_t t = 0; t < 3; t++) {
        v.w[t] = calloc(tables[t].rows * tables[t].dim, 4), v.g[t] = calloc(tables[t].rows * tables[t].dim, 4);
        v.sum[t] = calloc(tables[t].rows, sizeof(double));
    }
    take(&s, gw__trainer_parameters(s.trainer), v.w);
    const size_t p = gw__net_parameter_floats(s.net);
    float *gradient = calloc(p, 4);
    size_t moved = 0;
    for (int step = 0; step < 3; step++) {
        const size_t n = step == 1 ? 100 : ROWS;
        gw__step_result result;
        gw__trainer_gradients(s.trainer, s.rows + step, n - 2, gradient, &result);
        take(&s, gradient, v.g);
        double squares = 0;
        for (size_t i = 0; i < p; i++) squares += (double)gradient[i] * gradient[i];
        const double scale = clip > 0 && clip < sqrt(squares) ? clip / (sqrt(squares) + 1e-6) : 1;
        for (size_t t = 0; t < 3; t++) {
            for (size_t r = 0; r < tables[t].rows; r++) {
                const float *g = v.g[t] + r * tables[t].dim;
                if (is_zero(g, tables[t].dim)) continue; /* not touched: a touched row's gradient of exactly 0 would need decay 0, too */
                textbook(v.w[t] + r * tables[t].dim, g, &v.sum[t][r], tables[t].dim, scale, decay, lr, 1e-10);
                moved++;
            }
        }
        gw__trainer_step(s.trainer, s.rows + step, n - 2, (gw__rates){0.001, lr}, &result);
        check_tables(&s, &v);
    }
    assert_true(moved > 700);
    for (size_t t = 0; t < 3; t++) free(v.w[t]), free(v.g[t]), free(v.sum[t]);
    free(gradient);
    tear_down(&s);
}

static void rowwise_adagrad_is_its_formula(void **state) {
    (void)state;
    check_formula("{\"optimizer\":{\"name\":\"adam\",\"embeddings\":\"rowwise-adagrad\"}}", 0.01, 0, 0);
    check_formula("{\"optimizer\":{\"name\":\"sgd\",\"embeddings\":{\"lr\":0.05}},\"clip\":{\"norm\":0.02}}", 0.05, 0, 0.02);
}

/* Decay moves the rows that are updated: touched ones, or with `lazy: false` all. */
static void decay_of_rows(void **state) {
    (void)state;
    for (int lazy = 0; lazy < 2; lazy++) {
        setup s;
        char train[128];
        snprintf(train, sizeof train, "{\"optimizer\":{\"lazy\":%s,\"embeddings\":{\"lr\":0.1,\"weight_decay\":0.5}}}", lazy ? "true" : "false");
        set_up(&s, &one_table, train, 2);
        float *before = calloc(50000 * 16, 4), *after = calloc(50000 * 16, 4);
        gw__step_result result;
        gw__net_parameter_get(s.net, gw__trainer_parameters(s.trainer), 0, before);
        gw__trainer_step(s.trainer, s.rows, ROWS, (gw__rates){0.001, 0.1}, &result);
        gw__net_parameter_get(s.net, gw__trainer_parameters(s.trainer), 0, after);
        bool *touched = calloc(50000, 1);
        for (size_t r = 0; r < ROWS; r++) touched[gw__record_at(&s.records, r)[0]] = true;
        for (size_t r = 0; r < 50000; r++) {
            const bool moved = memcmp(before + r * 16, after + r * 16, 64) != 0;
            if (moved != (touched[r] || !lazy)) fail_msg("lazy %d: row %zu is %s", lazy, r, moved ? "moved" : "not moved");
            double sum = 0;
            if (touched[r]) continue;
            for (int j = 0; j < 16; j++) {
                double d = 0.5 * before[r * 16 + (size_t)j];
                sum += d * d / 16;
            }
            for (int j = 0; j < 16 && !lazy; j++) {
                double want = before[r * 16 + (size_t)j] - 0.1 * 0.5 * before[r * 16 + (size_t)j] / sqrt(sum);
                assert_true(fabs(after[r * 16 + (size_t)j] - want) < 1e-6);
            }
        }
        free(before), free(after), free(touched);
        tear_down(&s);
    }
}

/* ---- threads ---------------------------------------------------------------------------------------------------------------------- */

static void check_threads(const gw__input *in, const char *train) {
    const size_t counts[] = {1, 2, 3, 5};
    setup s[4];
    for (int c = 0; c < 4; c++) {
        set_up(&s[c], in, train, counts[c]);
        gw__step_result result;
        for (size_t step = 0; step < 4; step++) {
            gw__trainer_step(s[c].trainer, s[c].rows + step, step == 2 ? 1 : ROWS - 7 * step, (gw__rates){0.01, 0.02}, &result);
        }
        assert_true(result.finite);
    }
    for (int c = 1; c < 4; c++) {
        assert_memory_equal(gw__trainer_parameters(s[0].trainer), gw__trainer_parameters(s[c].trainer), gw__net_parameter_floats(s[0].net) * 4);
        for (size_t i = 0; i < gw__trainer_state_count(s[0].trainer); i++) {
            gw__trainer_state a = gw__trainer_state_at(s[0].trainer, i), b = gw__trainer_state_at(s[c].trainer, i);
            assert_memory_equal(a.values, b.values, a.n * 4);
        }
    }
    for (int c = 0; c < 4; c++) tear_down(&s[c]);
}

static void threads_do_not_move_a_bit(void **state) {
    (void)state;
    static const char *const trains[] = {
        "{\"optimizer\":{\"embeddings\":\"rowwise-adagrad\"}}", "{\"optimizer\":\"adam\"}", "{\"optimizer\":{\"name\":\"sgd\",\"momentum\":0.5}}",
        "{\"optimizer\":{\"name\":\"adagrad\",\"lazy\":false}}", "{\"optimizer\":{\"embeddings\":{\"weight_decay\":0.1}},\"clip\":{\"norm\":0.01,\"value\":0.001}}"};
    for (size_t i = 0; i < sizeof trains / sizeof *trains; i++) {
        check_threads(&input, trains[i]);
        check_threads(&one_table, trains[i]);
    }
}

/* ---- limits ----------------------------------------------------------------------------------------------------------------------- */

/* Places in the gradient of the dense input are 32 bits wide: a batch beyond that is said before memory is asked for. */
static void a_batch_beyond_32_bits_is_refused(void **state) {
    (void)state;
    setup s;
    gw__trainer *trainer = NULL;
    gw_error err = {0};
    set_up(&s, &one_table, "{\"optimizer\":{\"embeddings\":\"rowwise-adagrad\"}}", 1);
    assert_int_equal(gw__trainer_new(s.net, s.spec, &s.records, (size_t)1 << 29, s.pool, &trainer, &err), GW_E_LIMIT);
    assert_non_null(strstr(err.message, "lower train.batch"));
    assert_null(trainer);
    tear_down(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rowwise_adagrad_is_its_formula),
        cmocka_unit_test(decay_of_rows),
        cmocka_unit_test(threads_do_not_move_a_bit),
        cmocka_unit_test(a_batch_beyond_32_bits_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
