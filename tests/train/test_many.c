/* Many runs: each as if it were alone, on one copy of the rows, whatever becomes of the others. */
#include "testing.h"

#include <stdatomic.h>
#include <unistd.h>

#include "small_run.h"
#include "model/describe.h"
#include "train/many.h"
#include "train/train.h"

#define N 8
#define ROWS 700

/* Rows are drawn from the seed (fraction, unseen_rate), and there is a test table with other rows. */
static const char drawn_spec[] =
    "data: {train: t.csv, valid: {fraction: 0.2}, test: u.csv}\n"
    "features: {ignore: [user, part], columns: {c: {type: categorical, dim: 3, unseen_rate: 0.1}, d: {type: bag, separator: ., dim: 2}}}\n"
    "tasks:\n"
    "  click: {type: binary}\n"
    "  buy: {type: binary, given: click, negative_sampling: 0.9}\n"
    "  kind: {type: multiclass}\n"
    "  price: {type: regression}\n"
    "model: {experts: {hidden: [6]}, towers: {hidden: [4]}}\n"
    "train: {epochs: 3, batch: 64, early_stop: {metric: mean, patience: 2}}\n";

/* Whatever the seed, the rows are the same. */
static const char shared_spec[] =
    "data: {train: t.csv, valid: {column: part, from: 8}, test: u.csv}\n"
    "features: {ignore: [user]}\n"
    "tasks: {click: binary, kind: multiclass}\n"
    "model: {experts: {hidden: [6]}, towers: {hidden: [4]}}\n"
    "train: {epochs: 3, batch: 64}\n";

/* The overrides of a run, and where alone and with the others its model goes. */
typedef struct sample {
    const char *overrides[4];
    size_t n;
    char alone[16], together[16];
} sample;

static const sample samples[N] = {
    {{"model.architecture=mmoe"}, 1}, {{"model.architecture=ple", "train.seed=2"}, 2},   {{"model.architecture=cgc", "train.data_seed=1", "train.seed=3"}, 3},
    {{"train.seed=2"}, 1},            {{"model.experts.norm=batch"}, 1},                {{"tasks.click.weight=3"}, 1},
    {{"train.epochs=1"}, 1},          {{"features.columns.a={missing: zero}"}, 1},
};

/* ---- counting how often rows are read ---- */

gw_status __real_gw__dataset_read(const gw__spec *spec, const gw__features *fitted, bool skip_bad_rows, gw__pool *pool, gw__features **ret_features,
                                  gw__dataset *ret_dataset, gw_error *err);
gw_status __wrap_gw__dataset_read(const gw__spec *spec, const gw__features *fitted, bool skip_bad_rows, gw__pool *pool, gw__features **ret_features,
                                  gw__dataset *ret_dataset, gw_error *err);
static atomic_int n_readings;

gw_status __wrap_gw__dataset_read(const gw__spec *spec, const gw__features *fitted, bool skip_bad_rows, gw__pool *pool, gw__features **ret_features,
                                  gw__dataset *ret_dataset, gw_error *err) {
    atomic_fetch_add(&n_readings, 1);
    return __real_gw__dataset_read(spec, fitted, skip_bad_rows, pool, ret_features, ret_dataset, err);
}

/* ---- what runs tell ---- */

typedef struct stories {
    atomic_int inside;
    char *test[N];
    int n_epochs[N], n_reads[N], n_tests[N], n_ends[N];
    volatile int cancel;
    int cancel_after; /* epochs of any run; 0: never */
} stories;

static void listen(void *context, const gw_event *event) {
    stories *s = context;
    assert_int_equal(atomic_fetch_add(&s->inside, 1), 0); /* never two at once */
    assert_true(event->run < N);
    size_t i = event->run;
    assert_int_equal(s->n_ends[i], 0); /* nothing comes behind it */
    if (event->kind == GW_EVENT_READ) {
        assert_int_equal(s->n_reads[i]++, 0);
        assert_int_equal(s->n_epochs[i], 0);
    } else if (event->kind == GW_EVENT_EPOCH) {
        assert_int_equal(s->n_reads[i], 1);
        assert_int_equal(event->epoch, ++s->n_epochs[i]);
        if (s->cancel_after && --s->cancel_after == 0) __atomic_store_n(&s->cancel, 1, __ATOMIC_RELAXED);
    } else if (event->kind == GW_EVENT_TEST) {
        s->n_tests[i]++;
        free(s->test[i]);
        s->test[i] = strdup(event->text);
    } else if (event->kind == GW_EVENT_END) {
        assert_true((event->text == NULL) == (s->n_tests[i] == 1));
        s->n_ends[i]++;
    }
    atomic_fetch_sub(&s->inside, 1);
}

static void clear_stories(stories *s) {
    for (size_t i = 0; i < N; i++) free(s->test[i]);
}

/* ---- alone and together ---- */

static gw_train_options base_of(const char *spec, size_t threads, stories *s) {
    return (gw_train_options){.spec_text = spec, .threads = threads, .listener = s ? listen : NULL, .listener_context = s, .cancel = s ? &s->cancel : NULL};
}

static void name_paths(sample *runs) {
    memcpy(runs, samples, sizeof samples);
    for (size_t i = 0; i < N; i++) {
        snprintf(runs[i].alone, sizeof runs[i].alone, "a%zu.gw", i);
        snprintf(runs[i].together, sizeof runs[i].together, "b%zu.gw", i);
    }
}

static void train_alone(const char *spec, const char *init, const sample *run, char **ret_test) {
    stories s = {0};
    gw_error err = {0};
    gw_train_options options = base_of(spec, 1, &s);
    options.overrides = run->overrides;
    options.n_overrides = run->n;
    options.model_path = run->alone;
    options.init_path = init;
    if (gw__train(&options, NULL, NULL, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    assert_int_equal(s.n_tests[0], 1);
    *ret_test = strdup(s.test[0]);
    clear_stories(&s);
}

static void check_sizes(const char *path, const gw_run_result *result) {
    gw_model *model = NULL;
    gw_error err = {0};
    char *description = NULL;
    uint64_t tables = 0;
    assert_int_equal(gw__model_read(path, &model, NULL, &err), GW_OK);
    for (size_t i = 0; i < gw__net_parameter_count(model->net); i++) {
        const gw__parameter p = gw__net_parameter_at(model->net, i);
        if (strncmp(p.name, "embedding.", 10) == 0) tables += p.shape[0] * p.shape[1];
    }
    gw__text text = {0};
    assert_int_equal(gw__model_describe(model, &text, &err), GW_OK);
    description = json_at(text.at, "parameters");
    assert_true(tables > 0 && result->table_parameters == tables);
    assert_int_equal(result->dense_parameters + result->table_parameters, atoll(description));
    free(description);
    description = json_at(text.at, "multiply_adds");
    assert_int_equal(result->multiply_adds, atoll(description));
    free(description);
    gw__text_clear(&text);
    gw__model_free(model);
}

/* Runs `order[0..n)` together: their models are those of the runs alone, and so is what the test says. */
static void check_together(const char *spec, const char *init, const sample *runs, char *const *tests, const size_t *order, size_t n, size_t threads) {
    gw_error err = {0};
    stories s = {0};
    gw_run_options options[N];
    gw_run_result results[N] = {{0}};
    gw_train_options base = base_of(spec, threads, &s);
    base.init_path = init;
    for (size_t k = 0; k < n; k++) {
        const sample *run = &runs[order[k]];
        unlink(run->together);
        options[k] = (gw_run_options){.overrides = run->overrides, .n_overrides = run->n, .model_path = run->together};
    }
    if (gw__train_many(&base, options, n, NULL, results, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    for (size_t k = 0; k < n; k++) {
        const sample *run = &runs[order[k]];
        assert_int_equal(results[k].status, GW_OK);
        assert_null(results[k].model);
        assert_same_files(run->alone, run->together);
        assert_string_equal(results[k].test, tests[order[k]]);
        assert_string_equal(s.test[k], tests[order[k]]);
        char *epochs = json_at(results[k].training, "epochs"), *loss = json_at(results[k].training, "valid.tasks.click.loss");
        assert_non_null(epochs);
        assert_non_null(loss);
        assert_int_equal(s.n_epochs[k], atoi(epochs));
        assert_int_equal(s.n_ends[k], 1);
        check_sizes(run->together, &results[k]);
        free(epochs);
        free(loss);
    }
    gw__run_results_clear(results, n);
    clear_stories(&s);
}

static void tables(void) {
    write_table("t.csv", ROWS, 1);
    write_table("u.csv", ROWS / 2, 2);
}

static void each_as_alone(void **state) {
    tables();
    sample runs[N];
    char *tests[N];
    name_paths(runs);
    for (size_t i = 0; i < N; i++) train_alone(drawn_spec, NULL, &runs[i], &tests[i]);
    static const size_t forward[N] = {0, 1, 2, 3, 4, 5, 6, 7}, backward[N] = {7, 6, 5, 4, 3, 2, 1, 0}, mixed[N] = {3, 0, 6, 2};
    static const size_t threads[] = {1, 2, 3, 5, 16};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) check_together(drawn_spec, NULL, runs, tests, forward, N, threads[t]);
    check_together(drawn_spec, NULL, runs, tests, backward, N, 2);
    check_together(drawn_spec, NULL, runs, tests, mixed, 4, 3);
    check_together(drawn_spec, NULL, runs, tests, mixed, 1, 2);
    for (size_t i = 0; i < N; i++) free(tests[i]);
}

/* From one model's features and parameters, each with a seed of its own. */
static void from_a_model(void **state) {
    tables();
    sample runs[N];
    char *tests[3];
    name_paths(runs);
    train_alone(drawn_spec, NULL, &runs[0], &tests[0]);
    assert_int_equal(rename(runs[0].alone, "first.gw"), 0);
    free(tests[0]);
    static const char *const sets[] = {"train.seed=4", "train.optimizer.lr=0.01", "train.batch=100"};
    static const size_t order[] = {0, 1, 2};
    for (size_t i = 0; i < 3; i++) {
        runs[i].overrides[0] = sets[i];
        runs[i].n = 1;
        train_alone(drawn_spec, "first.gw", &runs[i], &tests[i]);
    }
    check_together(drawn_spec, "first.gw", runs, tests, order, 3, 2);
    for (size_t i = 0; i < 3; i++) free(tests[i]);
}

/* ---- sharing ---- */

static int readings_of(const char *spec, const char *const *sets, size_t n) {
    gw_error err = {0};
    gw_run_options options[N];
    gw_run_result results[N] = {{0}};
    gw_train_options base = base_of(spec, 2, NULL);
    for (size_t i = 0; i < n; i++) options[i] = (gw_run_options){.overrides = &sets[i], .n_overrides = 1};
    int before = atomic_load(&n_readings);
    if (gw__train_many(&base, options, n, NULL, results, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    gw__run_results_clear(results, n);
    return atomic_load(&n_readings) - before;
}

static void equal_rows_are_read_once(void **state) {
    tables();
    static const char *const seeds[] = {"train.seed=1", "train.seed=2", "train.seed=3", "model.architecture=ple", "tasks.click.weight=2"};
    assert_int_equal(readings_of(shared_spec, seeds, 5), 1);
    assert_int_equal(readings_of(drawn_spec, seeds, 5), 3); /* a split for each of three seeds */
    char with_seed[sizeof drawn_spec + 64];
    snprintf(with_seed, sizeof with_seed, "%.*sdata_seed: 9, %s", (int)(strstr(drawn_spec, "epochs: 3") - drawn_spec), drawn_spec, strstr(drawn_spec, "epochs: 3"));
    assert_int_equal(readings_of(with_seed, seeds, 5), 1);
}

/* Models live on their own, whatever became of the others and of the rows. */
static void models_outlive_the_runs(void **state) {
    tables();
    gw_error err = {0};
    gw_run_options options[3] = {{.keep_model = true}, {.keep_model = false}, {.keep_model = true, .model_path = "kept.gw"}};
    gw_run_result results[3] = {{0}};
    gw_train_options base = base_of(shared_spec, 2, NULL);
    assert_int_equal(gw__train_many(&base, options, 3, NULL, results, &err), GW_OK);
    assert_non_null(results[0].model);
    assert_null(results[1].model);
    assert_ptr_equal(results[0].model->features, results[2].model->features); /* one copy */
    gw__run_results_clear(results, 1);
    assert_int_equal(gw__model_write(results[2].model, NULL, "again.gw", &err), GW_OK);
    assert_same_files("kept.gw", "again.gw");
    gw__run_results_clear(results, 3);
}

/* ---- turns ---- */

typedef struct turns {
    size_t ended[6], n;
} turns;

static void note_end(void *context, const gw_event *event) {
    turns *t = context;
    if (event->kind == GW_EVENT_END) t->ended[t->n++] = event->run;
}

/* On the same rows: all runs of a seed before those of the next, and of a seed the costliest first, whatever the order in which they are given. */
static void seed_by_seed(void **state) {
    tables();
    static const char *const sets[6][2] = {{"train.seed=2", "train.epochs=1"}, {"train.seed=2", "train.epochs=3"}, {"train.seed=10", "train.epochs=2"},
                                           {"train.seed=1", "train.epochs=1"}, {"train.seed=1", "train.epochs=2"}, {"train.seed=10", "train.epochs=4"}};
    static const size_t expected[] = {4, 3, 1, 0, 5, 2};
    gw_run_options options[6];
    gw_run_result results[6] = {{0}};
    gw_error err = {0};
    turns t = {0};
    gw_train_options base = {.spec_text = shared_spec, .threads = 1, .listener = note_end, .listener_context = &t};
    for (size_t i = 0; i < 6; i++) options[i] = (gw_run_options){.overrides = sets[i], .n_overrides = 2};
    assert_int_equal(gw__train_many(&base, options, 6, NULL, results, &err), GW_OK);
    assert_int_equal(t.n, 6);
    assert_memory_equal(t.ended, expected, sizeof expected);
    gw__run_results_clear(results, 6);
}

/* ---- failures ---- */

static void failures_stay_alone(void **state) {
    tables();
    static const char *const sets[] = {"train.seed=1", "train.optimizer={name: sgd, lr: 1e30}", "model.architecture=mmoee", "data.train=none.csv", "train.seed=5",
                                       "data.test=none.csv"};
    gw_run_options options[6];
    gw_run_result results[6] = {{0}};
    gw_error err = {0};
    stories s = {0};
    gw_train_options base = base_of(shared_spec, 2, &s);
    for (size_t i = 0; i < 6; i++) options[i] = (gw_run_options){.overrides = &sets[i], .n_overrides = 1};
    assert_int_equal(gw__train_many(&base, options, 6, NULL, results, &err), GW_E_NONFINITE);
    assert_non_null(strstr(err.message, "run 2 of 6: epoch 1"));
    static const gw_status expected[] = {GW_OK, GW_E_NONFINITE, GW_E_CONFIG, GW_E_IO, GW_OK, GW_E_IO};
    for (size_t i = 0; i < 6; i++) {
        if (results[i].status != expected[i]) fail_msg("run %zu: %d %s", i, (int)results[i].status, results[i].error.message);
        assert_true((results[i].error.message[0] != '\0') == (expected[i] != GW_OK));
        assert_true((results[i].test != NULL) == (expected[i] == GW_OK));
        assert_true((results[i].training != NULL) == (expected[i] == GW_OK));
        assert_int_equal(s.n_ends[i], expected[i] != GW_E_CONFIG); /* that one was no run */
    }
    assert_string_equal(results[2].error.where, "--set model.architecture=mmoee");
    gw__run_results_clear(results, 6);
    clear_stories(&s);
}

/* A bad row of the test table is found at the end of every run, where gw_train finds it, too: the models are saved. */
static void bad_test_rows(void **state) {
    tables();
    FILE *f = fopen("u.csv", "a");
    fputs("1,1,x,1,0,0,1,yellow,1,1\n", f);
    fclose(f);
    gw_run_options options[2] = {{.model_path = "x.gw"}, {.model_path = "y.gw"}};
    gw_run_result results[2] = {{0}};
    gw_error err = {0}, alone = {0};
    gw_train_options base = base_of(shared_spec, 2, NULL);
    assert_int_equal(gw__train_many(&base, options, 2, NULL, results, &err), GW_E_DATA);
    base.model_path = "z.gw";
    assert_int_equal(gw__train(&base, NULL, NULL, &alone), GW_E_DATA);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(results[i].error.message, alone.message);
        assert_string_equal(results[i].error.where, alone.where);
        assert_int_equal(results[i].error.line, alone.line);
        assert_same_files(options[i].model_path, "z.gw");
        assert_null(results[i].training);
    }
}

static void one_path_for_two(void **state) {
    tables();
    gw_run_options options[2] = {{.model_path = "x.gw"}, {.model_path = "x.gw"}};
    gw_run_result results[2] = {{0}};
    gw_error err = {0};
    gw_train_options base = base_of(shared_spec, 2, NULL);
    assert_int_equal(gw__train_many(&base, options, 2, NULL, results, &err), GW_E_ARGUMENT);
    assert_string_equal(err.message, "'model_path': two runs are to be saved as 'x.gw'");
    assert_int_equal(results[0].status, GW_E_ARGUMENT);
    assert_int_equal(results[1].status, GW_E_ARGUMENT);
    assert_false(file_exists("x.gw"));
}

/* Those that run keep what they have, the others do not begin. */
static void canceled(void **state) {
    tables();
    gw_run_options options[N];
    gw_run_result results[N] = {{0}};
    gw_error err = {0};
    stories s = {.cancel_after = 2};
    static const char many_epochs[] = "train.epochs=1000000";
    static const char *const set = many_epochs;
    char paths[N][16];
    gw_train_options base = base_of(shared_spec, 2, &s);
    for (size_t i = 0; i < N; i++) {
        snprintf(paths[i], sizeof paths[i], "c%zu.gw", i);
        options[i] = (gw_run_options){.overrides = &set, .n_overrides = 1, .model_path = paths[i]};
    }
    assert_int_equal(gw__train_many(&base, options, N, NULL, results, &err), GW_E_CANCELED);
    size_t n_begun = 0;
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(results[i].status, GW_E_CANCELED);
        bool begun = results[i].training != NULL;
        n_begun += begun;
        assert_int_equal(file_exists(paths[i]), begun);
        assert_null(results[i].test);
    }
    gw__run_results_clear(results, N);
    assert_true(n_begun >= 1 && n_begun <= 2);
    clear_stories(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(each_as_alone), TEST(from_a_model), TEST(equal_rows_are_read_once), TEST(models_outlive_the_runs),
                                       TEST(seed_by_seed), TEST(failures_stay_alone), TEST(bad_test_rows), TEST(one_path_for_two), TEST(canceled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
