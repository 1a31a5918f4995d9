/* The tasks' gradients apart: which parameters are shared, what becomes of them and of all others, for any number of threads. */
#include "testing.h"

#include <math.h>

#include "base/random.h"
#include "small_run.h"
#include "train/combine.h"
#include "train/task_gradients.h"
#include "train/trainer.h"

#define ROWS 150
#define BATCH 140
#define TASKS 3

typedef struct made {
    gw__spec *spec;
    gw__features *features;
    gw__dataset data;
    gw__net *net;
    gw__pool *pool;
    gw__trainer *trainer;
    uint64_t rows[BATCH];
} made;

static const char with_tables[] = "features: {ignore: [part], columns: {c: {type: categorical, dim: 3}, user: {type: hashed, buckets: 16, dim: 2}}}\n";
static const char numbers_only[] = "features: {ignore: [part, c, user]}\n";

static void make_of(made *m, const char *features, const char *tasks, const char *model, const char *train, size_t threads) {
    char text[2048];
    gw_error err = {0};
    size_t widths[TASKS];
    memset(m, 0, sizeof *m);
    int n = snprintf(text, sizeof text, "data: {train: t.csv}\n%stasks: {%s}\nmodel: %s\ntrain: {seed: 3, batch: %d, %s}\n", features, tasks, model, BATCH, train);
    if (gw__spec_parse(text, (size_t)n, "s.yaml", NULL, 0, &m->spec, &err) != GW_OK) fail_msg("%s: %s", text, err.message);
    assert_int_equal(gw__pool_new(threads, &m->pool, &err), GW_OK);
    assert_int_equal(gw__dataset_read(m->spec, NULL, false, m->pool, &m->features, &m->data, &err), GW_OK);
    assert_true(m->spec->n_tasks <= TASKS);
    for (size_t t = 0; t < m->spec->n_tasks; t++) widths[t] = gw__features_output_width(m->features, t);
    assert_int_equal(gw__net_new(m->spec, gw__features_input(m->features), widths, &m->net, &err), GW_OK);
    assert_int_equal(gw__trainer_new(m->net, m->spec, &m->data.train, BATCH, m->pool, &m->trainer, &err), GW_OK);
    gw__net_initialise(m->net, m->spec, gw__trainer_parameters(m->trainer));
    for (uint64_t i = 0; i < BATCH; i++) m->rows[i] = (i * 41) % ROWS;
}

/* Tasks of the given weights. */
static void make(made *m, const char *features, const char *model, const char *train, const double *weights, size_t threads) {
    char tasks[512];
    snprintf(tasks, sizeof tasks, "click: {type: binary, weight: %g}, price: {type: regression, weight: %g}, kind: {type: multiclass, category: other, weight: %g}", weights[0],
             weights[1], weights[2]);
    make_of(m, features, tasks, model, train, threads);
}

static void unmake(made *m) {
    gw__trainer_free(m->trainer);
    gw__pool_free(m->pool);
    gw__net_free(m->net);
    gw__dataset_clear(&m->data);
    gw__features_free(m->features);
    gw__spec_free(m->spec);
}

static const double ones[TASKS] = {1, 1, 1}, uneven[TASKS] = {1.5, 0.02, 1};

#define PARTS "hidden: [6, 4], activation: tanh}, towers: {hidden: [5], activation: tanh}}"
#define NEVER_CLOSED "connections: {lambda: 0, gamma: -1e-9, zeta: 1.000000001}, " /* since a closed connection has no gradient */
static const char *const models[] = {
    "{architecture: single-task, experts: {" PARTS,
    "{architecture: shared-bottom, experts: {" PARTS,
    "{architecture: averaged, experts: {count: 3, " PARTS,
    "{architecture: omoe, experts: {count: 3, " PARTS,
    "{architecture: mmoe, experts: {count: 3, " PARTS,
    "{architecture: mmoe, levels: 2, gates: {hidden: [5]}, experts: {count: 3, " PARTS,
    "{architecture: cgc, gates: {bias: false}, experts: {shared: 2, per_task: 2, " PARTS,
    "{architecture: cgc, experts: {shared: 1, per_task: {click: 1, price: 0, kind: 2}, " PARTS,
    "{architecture: ple, experts: {shared: 1, per_task: 1, " PARTS,
    "{architecture: ple, levels: 3, experts: {shared: 2, per_task: 1, " PARTS,
    "{architecture: ple, ple: raw-gates, levels: 3, experts: {shared: 1, per_task: 1, " PARTS,
    "{architecture: ple, ple: no-shared-gate, levels: 3, experts: {shared: 2, per_task: 1, " PARTS,
    "{architecture: adatt-sp, experts: {per_task: 2, " PARTS,
    "{architecture: adatt, experts: {shared: 1, per_task: {click: 1, price: 0, kind: 2}, " PARTS,
    "{architecture: cross-stitch, experts: {" PARTS,
    "{architecture: snr-aver, " NEVER_CLOSED "experts: {count: 3, " PARTS,
    "{architecture: snr-trans, " NEVER_CLOSED "experts: {count: 3, " PARTS,
    "{architecture: l2-constrained, alpha: 0, experts: {" PARTS,
    "{architecture: tensor-factorization, ranks: {input: 5, output: 6, task: 2}, experts: {" PARTS,
    "{architecture: home, experts: {shared: 1, per_category: 1, per_task: 1, norm: none, " PARTS,
    "{architecture: stem, levels: 2, experts: {shared: 1, per_task: 1, " PARTS,
    "{architecture: aitm, sequence: [kind, click, price], experts: {" PARTS,
    /* with norms and drop-out */
    "{architecture: ple, experts: {shared: 1, per_task: 1, norm: layer, dropout: 0.2, " PARTS,
    "{architecture: mmoe, experts: {count: 2, hidden: [6, 4], activation: tanh, norm: batch, dropout: 0.2}, towers: {hidden: [5], norm: batch, activation: gelu}}",
};
#define PLAIN 22 /* of the models: no norm */

/* ---- each task's gradient, by making the others' weights 0 ---- */

static float *gradient_of(const char *features, const char *model, const char *train, const double *weights, double *ret_loss) {
    made m;
    make(&m, features, model, train, weights, 1);
    float *flat = calloc(gw__net_parameter_floats(m.net), sizeof *flat);
    gw__step_result result;
    gw__trainer_gradients(m.trainer, m.rows, BATCH, flat, &result);
    if (ret_loss) memcpy(ret_loss, result.task_loss, TASKS * sizeof(double));
    unmake(&m);
    return flat;
}

static void gradients_apart(const char *features, const char *model, const double *weights, float *ret[TASKS], double *ret_loss) {
    for (size_t t = 0; t < TASKS; t++) {
        double alone[TASKS] = {0};
        alone[t] = weights[t];
        ret[t] = gradient_of(features, model, "epochs: 1", alone, ret_loss);
    }
}

static double product(const float *a, const float *b, const float *shared, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += shared[i] != 0 ? (double)a[i] * b[i] : 0;
    return sum;
}

/* ---- which are shared ---- */

/* Shared is what at least two tasks have a gradient for, value by value, with smooth activations that let none vanish by chance. */
static void shared_by_gradient(void **state) {
    (void)state;
    write_table("t.csv", ROWS, 2);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        made m;
        float *own[TASKS];
        make(&m, with_tables, models[i], "epochs: 1", ones, 1);
        gradients_apart(with_tables, models[i], ones, own, NULL);
        const size_t p = gw__net_parameter_floats(m.net);
        float *shared = calloc(p, sizeof *shared);
        size_t n_shared = 0, n_own = 0;
        assert_int_equal(gw__net_shared(m.net, shared, NULL), GW_OK);
        for (size_t k = 0; k < gw__net_parameter_count(m.net); k++) {
            gw__parameter shown = gw__net_parameter_at(m.net, k);
            const size_t n = (size_t)(shown.shape[0] * (shown.n_dims == 2 ? shown.shape[1] : 1));
            if (!shown.trained || shown.table) continue;
            float *mask = calloc(n, 4), *g[TASKS];
            gw__net_parameter_get(m.net, shared, k, mask);
            for (size_t t = 0; t < TASKS; t++) gw__net_parameter_get(m.net, own[t], k, g[t] = calloc(n, 4));
            for (size_t v = 0; v < n; v++) {
                const int tasks = (g[0][v] != 0) + (g[1][v] != 0) + (g[2][v] != 0);
                const bool expected = tasks > 1;
                const bool wrong = i < PLAIN ? (mask[v] != 0) != expected : expected && mask[v] == 0;
                if (wrong) fail_msg("%s: '%s'[%zu]: %d tasks, mask %g", models[i], shown.name, v, tasks, (double)mask[v]);
                n_shared += mask[v] != 0;
                n_own += mask[v] == 0;
            }
            if (strncmp(shown.name, "tower.", 6) == 0) assert_true(mask[0] == 0);
            free(mask);
            for (size_t t = 0; t < TASKS; t++) free(g[t]);
        }
        const bool apart = strstr(models[i], "single-task") || strstr(models[i], "l2-constrained");
        assert_true(n_own > 0 && (n_shared > 0) == !apart);
        free(shared);
        for (size_t t = 0; t < TASKS; t++) free(own[t]);
        unmake(&m);
    }
}

/* ---- what becomes of the gradients ---- */

static void compare(const made *m, const char *what, const float *found, const double *expected, const float *shared) {
    double largest[2] = {0};
    for (size_t i = 0; i < gw__net_parameter_floats(m->net); i++) largest[shared[i] != 0] = fmax(largest[shared[i] != 0], fabs(expected[i]));
    for (size_t i = 0; i < gw__net_parameter_floats(m->net); i++) {
        if (fabs(found[i] - expected[i]) <= 2e-4 * largest[shared[i] != 0]) continue;
        fail_msg("%s: float %zu (%s): expected %g but found %g", what, i, shared[i] != 0 ? "shared" : "own", expected[i], (double)found[i]);
    }
}

/* PCGrad on the vectors themselves, in the step's order. */
static void project_vectors(float *const own[TASKS], const float *shared, size_t p, double *ret) {
    const uint64_t random = gw__random_bits(3, GW__RANDOM_BALANCE, 0, 0);
    double *v = calloc(p, sizeof *v);
    for (size_t t = 0; t < TASKS; t++) {
        const gw__shuffle order = gw__shuffle_of(gw__random_bits(random, GW__RANDOM_BALANCE, 0, t), 0, TASKS);
        for (size_t i = 0; i < p; i++) v[i] = own[t][i];
        for (size_t k = 0; k < TASKS; k++) {
            const float *other = own[gw__shuffle_at(&order, k)];
            double along = 0;
            for (size_t i = 0; i < p; i++) along += shared[i] != 0 ? v[i] * other[i] : 0;
            if (other == own[t] || along >= 0) continue;
            along /= product(other, other, shared, p);
            for (size_t i = 0; i < p; i++) v[i] -= shared[i] != 0 ? along * other[i] : 0;
        }
        for (size_t i = 0; i < p; i++) ret[i] += v[i];
    }
    free(v);
}

static void combine_vectors(gw__combiner *combine, const gw__balance_spec *spec, float *const own[TASKS], const double *loss, const float *shared, size_t p,
                            double *ret) {
    double gram[TASKS * TASKS], work[64], alpha[TASKS];
    for (size_t a = 0; a < TASKS; a++)
        for (size_t b = 0; b < TASKS; b++) gram[a * TASKS + b] = product(own[a], own[b], shared, p);
    combine(&(gw__combination){.n = TASKS, .gram = gram, .loss = loss, .spec = spec, .work = work}, alpha);
    for (size_t t = 0; t < TASKS; t++)
        for (size_t i = 0; i < p; i++) ret[i] += (shared[i] != 0 ? alpha[t] : 1) * own[t][i];
}

static const struct { const char *train; gw__combiner *combine; } combiners[] = {
    {"balance: pcgrad", NULL},
    {"balance: {method: mgda, normalise: both}", gw__combine_mgda},
    {"balance: {method: cagrad, c: 0.4}", gw__combine_cagrad},
    {"balance: imtl", gw__combine_imtl}, /* all scales are 1 in the first step */
    {"balance: {method: nash, max_norm: 0.5}", gw__combine_nash},
};

/* Shared parameters have the method's combination; each task's own, and the tables, the plain sum. */
static void combined_where_shared(void **state) {
    (void)state;
    write_table("t.csv", ROWS, 3);
    for (size_t i = 1; i < sizeof models / sizeof *models; i++) {
        float *own[TASKS];
        double loss[TASKS];
        gradients_apart(with_tables, models[i], uneven, own, loss);
        for (size_t t = 0; t < TASKS; t++) loss[t] *= uneven[t];
        for (size_t c = 0; c < sizeof combiners / sizeof *combiners; c++) {
            made m;
            make(&m, with_tables, models[i], combiners[c].train, uneven, 2);
            const size_t p = gw__net_parameter_floats(m.net);
            float *shared = calloc(p, sizeof *shared), *found = calloc(p, sizeof *found);
            double *expected = calloc(p, sizeof *expected);
            gw__step_result result;
            assert_int_equal(gw__net_shared(m.net, shared, NULL), GW_OK);
            if (combiners[c].combine) combine_vectors(combiners[c].combine, &m.spec->train.balance, own, loss, shared, p, expected);
            else project_vectors(own, shared, p, expected);
            gw__trainer_gradients(m.trainer, m.rows, BATCH, found, &result);
            assert_true(result.finite);
            for (size_t t = 0; t < TASKS; t++) assert_true(fabs(result.task_loss[t] * uneven[t] - loss[t]) < 1e-6 * loss[t]);
            compare(&m, combiners[c].train, found, expected, shared);
            free(shared), free(found), free(expected);
            unmake(&m);
        }
        for (size_t t = 0; t < TASKS; t++) free(own[t]);
    }
}

static float *trained(const char *features, const char *model, const char *train, size_t threads, size_t *ret_floats) {
    made m;
    make(&m, features, model, train, uneven, threads);
    gw__step_result result;
    for (int step = 0; step < 4; step++) {
        gw__trainer_step(m.trainer, m.rows, step == 2 ? 1 : step == 3 ? 61 : BATCH, (gw__rates){0.01, 0.01}, &result);
        assert_true(result.finite);
    }
    *ret_floats = gw__net_parameter_floats(m.net);
    float *copy = malloc(*ret_floats * sizeof *copy);
    memcpy(copy, gw__trainer_parameters(m.trainer), *ret_floats * sizeof *copy);
    unmake(&m);
    return copy;
}

/* Where nothing is shared, methods on gradients change nothing. */
static void nothing_shared_nothing_changed(void **state) {
    (void)state;
    write_table("t.csv", ROWS, 4);
    size_t n;
    float *fixed = trained(numbers_only, models[0], "balance: fixed", 1, &n);
    static const char *const trains[] = {"balance: pcgrad", "balance: mgda", "balance: cagrad", "balance: nash", "balance: {method: imtl, scale_losses: false}"};
    for (size_t i = 0; i < sizeof trains / sizeof *trains; i++) {
        float *other = trained(numbers_only, models[0], trains[i], 2, &n);
        for (size_t k = 0; k < n; k++) assert_true(fixed[k] == other[k]);
        free(other);
    }
    free(fixed);
}

/* What a tower's parameter has in a step's gradient; whether the parameter is shared. */
static void tower_gradient(const char *tasks, const char *train, const char *tower, float ret[8], bool *ret_shared) {
    made m;
    gw__step_result result;
    make_of(&m, numbers_only, tasks, "{architecture: single-task, experts: {" PARTS, train, 2);
    const size_t p = gw__net_parameter_floats(m.net);
    float *shared = calloc(p, sizeof *shared), *flat = calloc(p, sizeof *flat), *values = calloc(p, sizeof *values);
    assert_int_equal(gw__net_shared(m.net, shared, NULL), GW_OK);
    gw__trainer_gradients(m.trainer, m.rows, BATCH, flat, &result);
    for (size_t i = 0; i < gw__net_parameter_count(m.net); i++) {
        if (strcmp(gw__net_parameter_at(m.net, i).name, tower) != 0) continue;
        gw__net_parameter_get(m.net, shared, i, values);
        *ret_shared = values[0] != 0;
        gw__net_parameter_get(m.net, flat, i, values);
        memcpy(ret, values, 5 * sizeof *ret); /* its first units */
    }
    free(shared), free(flat), free(values);
    unmake(&m);
}

/* What relates tasks makes parameters shared, and counts once: an order with the later task, a chain with its own loss. */
static void related_tasks(void **state) {
    (void)state;
    static const char ordered[] = "click: binary, buy: {type: binary, after: {task: click, weight: 5}}", apart[] = "click: binary, buy: binary";
    static const char chain[] = "click: binary, back: {type: binary, label: buy}, buy: {type: binary, chain: [click, back]}";
    float fixed[8], found[8], without[8];
    bool shared;
    write_table("t.csv", ROWS, 8);
    tower_gradient(ordered, "balance: fixed", "tower.buy.1.weight", fixed, &shared);
    tower_gradient(ordered, "balance: pcgrad", "tower.buy.1.weight", found, &shared);
    assert_false(shared);
    for (int i = 0; i < 5; i++) assert_true(fabsf(found[i] - fixed[i]) <= 1e-6f);
    tower_gradient(apart, "balance: pcgrad", "tower.buy.1.weight", without, &shared);
    assert_true(memcmp(without, found, 5 * sizeof *found) != 0);
    tower_gradient(apart, "balance: pcgrad", "tower.click.1.weight", without, &shared);
    assert_false(shared);
    tower_gradient(ordered, "balance: pcgrad", "tower.click.1.weight", found, &shared);
    assert_true(shared);
    tower_gradient(chain, "balance: pcgrad", "tower.back.1.weight", found, &shared);
    assert_true(shared);
}

static const char *const all[] = {"{method: decayed, gamma: 0.9, every: 1}", "uncertainty", "dwa", "gradnorm", "pcgrad", "mgda", "cagrad", "imtl", "nash", "famo", "random"};
#define METHODS (sizeof all / sizeof *all)
_Static_assert(METHODS == GW__BALANCES - 1, "every method but fixed");

static void threads_do_not_move_a_bit(void **state) {
    (void)state;
    write_table("t.csv", ROWS, 5);
    for (size_t i = 0; i < METHODS; i++) {
        for (size_t k = 8; k < sizeof models / sizeof *models; k++) { /* without and with joins */
            char train[128];
            size_t n;
            snprintf(train, sizeof train, "clip: %d, l2: 0.01, balance: %s", k == 8, all[i]);
            float *one = trained(with_tables, models[k], train, 1, &n);
            for (size_t threads = 2; threads <= 5; threads += threads == 3 ? 2 : 1) {
                float *more = trained(with_tables, models[k], train, threads, &n);
                assert_memory_equal(one, more, n * sizeof *one);
                free(more);
            }
            free(one);
        }
    }
}

/* Looking back is no step: neither parameters nor running statistics move, and with a rate of 0 no loss has fallen. */
static void looking_back_moves_nothing(void **state) {
    (void)state;
    write_table("t.csv", ROWS, 6);
    const char *model = models[sizeof models / sizeof *models - 1];
    made m, fixed;
    gw__step_result result;
    make(&m, with_tables, model, "balance: famo", ones, 2);
    make(&fixed, with_tables, model, "epochs: 1", ones, 1);
    double loss[TASKS], before = 0;
    for (int step = 0; step < 3; step++) {
        gw__trainer_step(fixed.trainer, m.rows, BATCH, (gw__rates){0, 0}, &result);
        memcpy(loss, result.task_loss, sizeof loss);
        assert_true(loss[0] != before); /* other units are dropped in each step */
        before = loss[0];
        gw__trainer_step(m.trainer, m.rows, BATCH, (gw__rates){0, 0}, &result);
        assert_memory_equal(loss, result.task_loss, sizeof loss);
    }
    assert_memory_equal(gw__trainer_parameters(fixed.trainer), gw__trainer_parameters(m.trainer), gw__net_parameter_floats(m.net) * sizeof(float));
    const double *value = gw__balance_state_at(gw__trainer_balance(m.trainer), 0);
    for (size_t t = 0; t < TASKS; t++) assert_true(value[t] == 0);
    gw__trainer_step(m.trainer, m.rows, BATCH, (gw__rates){0.01, 0.01}, &result);
    for (size_t t = 0; t < TASKS; t++) assert_true(value[t] != 0);
    unmake(&fixed);
    unmake(&m);
}

/* Rows of which none has a label of some task, or of any. */
static void rows_without_labels(void **state) {
    (void)state;
    write_table("t.csv", ROWS, 7);
    for (size_t i = 0; i < METHODS; i++) {
        made m;
        char train[128];
        snprintf(train, sizeof train, "balance: %s", all[i]);
        make(&m, with_tables, models[4], train, ones, 2);
        const uint64_t rows[] = {3, 10, 17, 24}; /* no price */
        gw__step_result result;
        for (int step = 0; step < 3; step++) {
            gw__trainer_step(m.trainer, rows, 4, (gw__rates){0.01, 0.01}, &result);
            assert_true(result.finite && result.task_rows[1] == 0 && result.task_rows[0] == 4);
        }
        for (size_t r = 0; r < m.data.train.n_rows; r++) /* and now nobody has one */
            for (size_t t = 0; t < TASKS; t++) ((float *)gw__record_at(&m.data.train, r))[m.data.train.input->weights_at + t] = 0;
        gw__trainer_step(m.trainer, m.rows, BATCH, (gw__rates){0.01, 0.01}, &result);
        assert_true(result.finite && result.loss == 0);
        assert_null(gw__trainer_bad_tensor(m.trainer));
        unmake(&m);
    }
}

/* A task whose gradient is hardly there does no harm: what would make it as long as the others is no float. */
static void next_to_no_gradient(void **state) {
    (void)state;
    static const double weights[TASKS] = {1, 1e-40, 1};
    write_table("t.csv", ROWS, 9);
    for (size_t i = 0; i < METHODS; i++) {
        made m;
        char train[128];
        snprintf(train, sizeof train, "balance: %s", all[i]);
        make(&m, with_tables, models[4], train, weights, 2);
        gw__step_result result;
        for (int step = 0; step < 20; step++) {
            gw__trainer_step(m.trainer, m.rows + step, 1 + (size_t)step, (gw__rates){0.01, 0.01}, &result);
            if (!result.finite || gw__trainer_bad_tensor(m.trainer)) fail_msg("%s: step %d is not finite", all[i], step);
        }
        unmake(&m);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)
    const struct CMUnitTest tests[] = {
        TEST(shared_by_gradient), TEST(combined_where_shared), TEST(nothing_shared_nothing_changed), TEST(threads_do_not_move_a_bit),
        TEST(related_tasks), TEST(looking_back_moves_nothing), TEST(rows_without_labels), TEST(next_to_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
