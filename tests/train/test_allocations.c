/* Memory while training: none is asked for in a step, and a run survives the failure of any single allocation. */
#include "testing.h"

#include <stdlib.h>
#include <unistd.h>

#include "fail_alloc.h"
#include "model/likeness.h"
#include "small_run.h"
#include "train/health.h"
#include "train/leak.h"
#include "train/many.h"
#include "train/trainer.h"

#define ROWS 90

static const char small_spec[] =
    "data: {train: t.csv, valid: {fraction: 0.2}}\n"
    "features: {ignore: [user, part], columns: {c: {type: categorical, dim: 3}}}\n"
    "tasks:\n"
    "  click: {type: binary}\n"
    "  buy: {type: binary, given: click}\n"
    "  kind: {type: multiclass}\n"
    "model: {architecture: ple, experts: {shared: 1, per_task: 1, hidden: [5], norm: batch, dropout: 0.1}, towers: {hidden: [4]}}\n"
    "train: {epochs: 2, batch: 32, optimizer: {name: adam, embeddings: rowwise-adagrad}, early_stop: {metric: mean, patience: 2}, checkpoint: {every: epoch}}\n";

/* Steps of full and of short batches, embeddings and joins included, and measurements of health between them. */
static void steps_allocate_nothing(const char *balance) {
    gw__spec *spec = NULL;
    gw__features *features = NULL;
    gw__dataset data;
    gw__net *net = NULL;
    gw__pool *pool = NULL;
    gw__trainer *trainer = NULL;
    gw_error err = {0};
    assert_int_equal(gw__spec_parse(small_spec, sizeof small_spec - 1, "small.yaml", &balance, 1, &spec, &err), GW_OK);
    assert_int_equal(gw__pool_new(2, &pool, &err), GW_OK);
    assert_int_equal(gw__dataset_read(spec, NULL, false, pool, &features, &data, &err), GW_OK);
    size_t widths[3];
    for (size_t t = 0; t < 3; t++) widths[t] = gw__features_output_width(features, t);
    assert_int_equal(gw__net_new(spec, gw__features_input(features), widths, &net, &err), GW_OK);
    assert_int_equal(gw__trainer_new(net, spec, &data.train, 32, pool, &trainer, &err), GW_OK);
    gw__net_initialise(net, spec, gw__trainer_parameters(trainer));
    gw__health *health = NULL;
    gw__task_gradients *gradients = NULL;
    assert_int_equal(gw__health_new(net, pool, &health, &err), GW_OK);
    assert_int_equal(gw__task_gradients_new(net, 0, pool, &gradients, &err), GW_OK);
    const size_t before = count_allocations();
    for (uint64_t step = 0; step < 20; step++) {
        uint64_t rows[32];
        gw__step_result result;
        for (uint64_t i = 0; i < 32; i++) rows[i] = (step * 32 + i) % data.train.n_rows;
        gw__trainer_step(trainer, rows, step % 3 ? 32 : 7, (gw__rates){0.01, 0.01}, &result);
        assert_true(result.finite);
        if (step % 8 != 3) continue;
        gw__health_begin(health);
        gw__health_add(health, gw__trainer_parameters(trainer), &data.train);
        gw__health_end(health);
        gw__trainer_sample_gradients(trainer, rows, 32, gradients);
        assert_true(gw__task_gradients_gram(gradients)[0] >= 0);
    }
    assert_int_equal(count_allocations() - before, 0);
    gw__task_gradients_free(gradients);
    gw__health_free(health);
    gw__trainer_free(trainer);
    gw__net_free(net);
    gw__dataset_clear(&data);
    gw__features_free(features);
    gw__pool_free(pool);
    gw__spec_free(spec);
}

static void a_step_allocates_nothing(void **state) {
    (void)state;
    static const char *const balances[] = {
        "train.balance=fixed", "train.balance={method: decayed, gamma: 0.9}", "train.balance=uncertainty", "train.balance=dwa", "train.balance=gradnorm",
        "train.balance=pcgrad", "train.balance=mgda", "train.balance=cagrad", "train.balance=imtl", "train.balance=nash", "train.balance=famo",
        "train.balance=random"};
    _Static_assert(GW__COUNT(balances) == GW__BALANCES, "every method");
    write_table("t.csv", ROWS, 1);
    for (size_t i = 0; i < GW__COUNT(balances); i++) steps_allocate_nothing(balances[i]);
    steps_allocate_nothing("model={architecture: mmoe, levels: 2, experts: {count: 5, hidden: [6], dropout: 0.1}, gates: {top_k: 2, weight_dropout: 0.2}}");
    steps_allocate_nothing("model={architecture: omoe, experts: {count: 5}, gates: {top_k: 2, noise: true, balance: {importance: 1, load: 1, even: 1, z: 1}}}");
}

/* The loop around the steps allocates nothing, either: more epochs ask for no more. */
static size_t allocations_of(const char *epochs, const char *balance) {
    static const char unwatched[] = "data: {train: t.csv}\nfeatures: {ignore: [user, part]}\ntasks: {click: binary, kind: multiclass, buy: binary}\n"
                                    "model: {architecture: cgc}\ntrain: {batch: 32}\n";
    gw_error err = {0};
    gw_model *model = NULL;
    const size_t before = count_allocations();
    small_run run = {.spec = unwatched, .overrides = {epochs, balance}};
    assert_int_equal(train_small(&run, &model, &err), GW_OK);
    gw__model_free(model);
    return count_allocations() - before;
}

static void more_epochs_allocate_no_more(void **state) {
    (void)state;
    write_table("t.csv", ROWS, 1);
    assert_int_equal(allocations_of("train.epochs=1", NULL), allocations_of("train.epochs=9", NULL));
    assert_int_equal(allocations_of("train.epochs=1", "train.balance=gradnorm"), allocations_of("train.epochs=9", "train.balance=gradnorm"));
}

/* What balancing on gradients adds to a trainer's plan. */
static gw_status balanced_run(void *context, gw_error *err) {
    (void)context;
    static const char spec[] = "data: {train: t.csv}\nfeatures: {ignore: [user, part, kind], columns: {c: {type: categorical, dim: 3}}}\n"
                               "tasks: {click: binary, buy: binary}\nmodel: {architecture: shared-bottom, experts: {hidden: [3]}, towers: {hidden: []}}\n"
                               "train: {epochs: 1, batch: 32, balance: cagrad, checkpoint: epoch}\n";
    return train_small(&(small_run){.spec = spec, .model_path = "b.gw", .threads = 1}, NULL, err);
}

static void every_allocation_of_a_balanced_run_may_fail(void **state) {
    (void)state;
    write_table("t.csv", 40, 1);
    assert_true(fail_each_allocation(balanced_run, NULL) > 100);
}

/* Reading, planning, training, checkpoint, saving: the whole run. Nothing half-written is left where the model would be. */
static gw_status whole_run(void *context, gw_error *err) {
    (void)context;
    gw_model *model = NULL;
    unlink("m.gw");
    small_run run = {.spec = small_spec, .model_path = "m.gw", .threads = 1};
    gw_status status = train_small(&run, &model, err);
    gw__model_free(model);
    return status;
}

static void every_allocation_of_a_run_may_fail(void **state) {
    (void)state;
    write_table("t.csv", ROWS, 1);
    assert_true(fail_each_allocation(whole_run, NULL) > 100);
    assert_true(file_exists("m.gw"));
}

/* Runs that share rows and a run that does not; every failure ends at least one of them, and no block is left. */
static gw_status many_runs(void *context, gw_error *err) {
    (void)context;
    static const char *const sets[] = {"model.architecture=mmoe", "tasks.click.weight=2", "train.seed=2"};
    gw_run_options runs[3];
    gw_run_result results[3] = {{0}};
    const gw_train_options base = {.spec_text = small_spec, .overrides = (const char *const[]){"data.test=t.csv", "train.checkpoint=null"},
                                   .n_overrides = 2, .threads = 1};
    for (size_t i = 0; i < 3; i++) runs[i] = (gw_run_options){.overrides = &sets[i], .n_overrides = 1, .keep_model = i == 0};
    gw_status status = gw__train_many(&base, runs, 3, NULL, results, err);
    size_t n_failed = 0;
    for (size_t i = 0; i < 3; i++) n_failed += results[i].status != GW_OK;
    assert_true((n_failed > 0) == (status != GW_OK));
    gw__run_results_clear(results, 3);
    return status;
}

static void every_allocation_of_many_runs_may_fail(void **state) {
    (void)state;
    write_table("t.csv", ROWS, 1);
    assert_true(fail_each_allocation(many_runs, NULL) > 300);
}

/* What a run needs to look at itself, of a net and rows that are there. */
typedef struct looked_at {
    gw__net *net;
    gw__dataset data;
    float *flat;
} looked_at;

static gw_status look(void *context, gw_error *err) {
    const looked_at *at = context;
    gw_status status = GW_OK;
    gw__health *health = NULL;
    gw__twins *twins = NULL;
    gw__text json = {0};
    size_t n_twins = 0;
    gw__suspect suspect;
    GW__TRY(gw__health_new(at->net, NULL, &health, err));
    GW__TRY(gw__net_twins(at->net, at->flat, &twins, &n_twins, err));
    GW__TRY(gw__net_write_likeness(at->net, at->flat, &(gw__json_writer){.out = &json}, err));
    if (json.failed) GW__FAIL(gw__fail_nomem(err));
    assert_int_equal(n_twins, 2); /* all parameters are 0: each task's expert is the shared one */
    GW__TRY(gw__leak_find(&at->data.train, &at->data.valid, GW_TASK_BINARY, 0, &suspect, err));
cleanup:
    free(twins);
    gw__text_clear(&json);
    gw__health_free(health);
    return status;
}

static void every_allocation_of_a_look_may_fail(void **state) {
    (void)state;
    gw__spec *spec = NULL;
    gw__features *features = NULL;
    looked_at at = {0};
    gw_error err = {0};
    static const char text[] = "data: {train: t.csv, valid: {fraction: 0.4}}\nfeatures: {ignore: [user, part, kind], columns: {c: {type: categorical, dim: 3}}}\n"
                               "tasks: {click: binary, buy: binary}\nmodel: {architecture: cgc, experts: {shared: 1, per_task: 1, hidden: [5]}}\n";
    write_table("t.csv", ROWS, 1);
    assert_int_equal(gw__spec_parse(text, sizeof text - 1, "s.yaml", NULL, 0, &spec, &err), GW_OK);
    assert_int_equal(gw__dataset_read(spec, NULL, false, NULL, &features, &at.data, &err), GW_OK);
    const size_t widths[] = {1, 1};
    assert_int_equal(gw__net_new(spec, gw__features_input(features), widths, &at.net, &err), GW_OK);
    at.flat = gw__aligned_alloc(gw__net_parameter_floats(at.net), sizeof *at.flat);
    assert_true(fail_each_allocation(look, &at) > 20);
    gw__aligned_free(at.flat);
    gw__net_free(at.net);
    gw__dataset_clear(&at.data);
    gw__features_free(features);
    gw__spec_free(spec);
}

static gw_status load(void *context, gw_error *err) {
    (void)context;
    gw_model *model = NULL;
    gw_status status = gw__model_read("m.gw", &model, NULL, err);
    gw__model_free(model);
    return status;
}

static void every_allocation_of_loading_may_fail(void **state) {
    (void)state;
    write_table("t.csv", ROWS, 1);
    gw_error err = {0};
    assert_int_equal(whole_run(NULL, &err), GW_OK);
    assert_true(fail_each_allocation(load, NULL) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_step_allocates_nothing, enter_directory, leave_directory),
        cmocka_unit_test_setup_teardown(more_epochs_allocate_no_more, enter_directory, leave_directory),
        cmocka_unit_test_setup_teardown(every_allocation_of_a_balanced_run_may_fail, enter_directory, leave_directory),
        cmocka_unit_test_setup_teardown(every_allocation_of_a_run_may_fail, enter_directory, leave_directory),
        cmocka_unit_test_setup_teardown(every_allocation_of_many_runs_may_fail, enter_directory, leave_directory),
        cmocka_unit_test_setup_teardown(every_allocation_of_a_look_may_fail, enter_directory, leave_directory),
        cmocka_unit_test_setup_teardown(every_allocation_of_loading_may_fail, enter_directory, leave_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
