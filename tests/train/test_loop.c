/* The loop from the outside: what it tells, what it keeps, and that nothing but spec and data decides it. */
#include "testing.h"

#include <math.h>

#include "small_run.h"
#include "train/assess.h"
#include "train/evaluate.h"

#define TASKS                                                                                                     \
    "tasks:\n  click: binary\n  buy: {type: binary, given: click}\n  price: {type: regression}\n  kind: {type: multiclass}\n" \
    "features: {ignore: [part, user], columns: {c: {type: categorical, dim: 3}}}\n"                               \
    "model: {architecture: mmoe, experts: {count: 3, hidden: [8], dropout: 0.1}, towers: {hidden: [4]}}\n"
#define DATA "data: {train: t.csv, valid: {fraction: 0.2}}\n"

static const char spec[] = DATA TASKS "train: {epochs: 3, batch: 64}\n";
static const char no_valid[] = "data: {train: t.csv}\n" TASKS "train: {epochs: 3, batch: 64}\n";

static gw_model *train_ok(small_run run) {
    gw_model *model = NULL;
    gw_error err = {0};
    gw_status status = train_small(&run, &model, &err);
    if (status != GW_OK) fail_msg("%d: %s: %s", status, err.where, err.message);
    return model;
}

static void assert_fails(small_run run, gw_status expected, const char *part) {
    gw_model *model = NULL;
    gw_error err = {0};
    gw_status status = train_small(&run, &model, &err);
    if (status != expected || !strstr(err.message, part)) fail_msg("expected %d with '%s' but found %d: %s", expected, part, status, err.message);
    gw__model_free(model);
}

static void tells_each_epoch(void **state) {
    (void)state;
    story s = {0};
    write_table("t.csv", 500, 1);
    gw__model_free(train_ok((small_run){.spec = spec, .story = &s}));
    assert_int_equal(s.n_epochs, 3);
    assert_int_equal(s.n_reads, 1);
    assert_int_equal(s.n_tests, 0);
    static const char *const paths[] = {"train.loss", "train.tasks.click.loss", "train.tasks.buy.loss", "train.tasks.price.loss",
                                        "train.tasks.kind.loss", "valid.tasks.click.auc", "valid.tasks.click.loss", "valid.tasks.buy.log_loss",
                                        "valid.tasks.price.r2", "valid.tasks.kind.accuracy", "seconds"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < GW__COUNT(paths); k++) json_number(s.epochs[i], paths[k]);
        assert_true(json_number(s.epochs[i], "epoch") == (double)i + 1);
        double sum = 0;
        for (size_t k = 1; k <= 4; k++) sum += json_number(s.epochs[i], paths[k]);
        assert_float_equal(json_number(s.epochs[i], "train.loss"), sum, 1e-12);
        assert_null(json_at(s.epochs[i], "valid.tasks.click.gauc"));
        assert_int_equal(strncmp(s.epochs[i], "{\"epoch\":", 9), 0);
    }
    assert_true(json_number(s.epochs[2], "train.loss") < json_number(s.epochs[0], "train.loss"));
    assert_true(json_number(s.read, "rows") == 500);
    assert_true(json_number(s.read, "tasks.click.positives") > 0);
    assert_true(json_number(s.read, "tasks.price.labels") == 500 - 71);
    assert_null(json_at(s.read, "tasks.price.positives"));
    story_clear(&s);
}

static void without_validation(void **state) {
    (void)state;
    story s = {0};
    write_table("t.csv", 200, 1);
    gw_model *model = train_ok((small_run){.spec = no_valid, .story = &s});
    assert_int_equal(s.n_epochs, 3);
    assert_null(json_at(s.epochs[0], "valid"));
    assert_int_equal(s.n_warnings, 0);
    assert_true(json_number(model->record.at, "kept_epoch") == 3);
    assert_true(json_number(model->record.at, "train_rows") == 200);
    gw__model_free(model);
    story_clear(&s);
}

/* Training loss with a rate of 0 and no drop-out is the loss of an evaluation on the same rows: both are means over labelled rows. */
static void losses_are_means_over_labelled_rows(void **state) {
    (void)state;
    story s = {0};
    write_table("t.csv", 301, 2);
    static const char still[] = "data: {train: t.csv, valid: [t.csv]}\n" TASKS
                                "train: {epochs: 2, batch: 64, shuffle: false, optimizer: {name: sgd, lr: 0}}\n";
    gw__model_free(train_ok((small_run){.spec = still, .story = &s, .overrides = {"model.experts.dropout=0"}}));
    static const char *const tasks[] = {"click", "buy", "price", "kind"};
    for (size_t t = 0; t < 4; t++) {
        char train[64], valid[64];
        snprintf(train, sizeof train, "train.tasks.%s.loss", tasks[t]);
        snprintf(valid, sizeof valid, "valid.tasks.%s.loss", tasks[t]);
        double expected = json_number(s.epochs[0], valid);
        assert_float_equal(json_number(s.epochs[0], train), expected, 1e-6 * fabs(expected));
        assert_float_equal(json_number(s.epochs[1], train), expected, 1e-6 * fabs(expected));
    }
    story_clear(&s);
}

static void same_bytes_for_any_threads(void **state) {
    (void)state;
    write_table("t.csv", 700, 3);
    gw__model_free(train_ok((small_run){.spec = spec, .model_path = "1.gw", .threads = 1}));
    gw__model_free(train_ok((small_run){.spec = spec, .model_path = "2.gw", .threads = 2}));
    gw__model_free(train_ok((small_run){.spec = spec, .model_path = "5.gw", .threads = 5}));
    gw__model_free(train_ok((small_run){.spec = spec, .model_path = "again.gw", .threads = 1}));
    assert_same_files("1.gw", "2.gw");
    assert_same_files("1.gw", "5.gw");
    assert_same_files("1.gw", "again.gw");
}

static void keeps_the_best_epoch(void **state) {
    (void)state;
    story s = {0};
    write_table("t.csv", 600, 4);
    /* A rate that explodes makes later epochs worse. */
    gw_model *model = train_ok((small_run){.spec = spec, .story = &s, .model_path = "m.gw",
        .overrides = {"train.epochs=20", "train.early_stop={metric: click.loss, patience: 2}", "train.optimizer.lr=0.01",
                      "train.schedule={name: step, every: 3, gamma: 30}"}});
    size_t kept = (size_t)json_number(model->record.at, "kept_epoch"), best = 0;
    for (size_t i = 1; i < s.n_epochs; i++)
        if (json_number(s.epochs[i], "valid.tasks.click.loss") < json_number(s.epochs[best], "valid.tasks.click.loss")) best = i;
    assert_int_equal(kept, best + 1);
    assert_int_equal(s.n_epochs, kept + 2);
    assert_true(s.n_epochs < 20);
    assert_true(json_number(model->record.at, "epochs") == (double)s.n_epochs);
    assert_true(json_number(model->record.at, "valid.tasks.click.loss") == json_number(s.epochs[best], "valid.tasks.click.loss"));
    gw__model_free(model);
    /* The parameters are that epoch's: a run of so many epochs ends with them. */
    char epochs[32];
    story again = {0};
    snprintf(epochs, sizeof epochs, "train.epochs=%zu", kept);
    gw_model *shorter = train_ok((small_run){.spec = spec, .story = &again,
        .overrides = {epochs, "train.optimizer.lr=0.01", "train.schedule={name: step, every: 3, gamma: 30}"}});
    assert_int_equal(gw__model_read("m.gw", &model, NULL, NULL), GW_OK);
    assert_memory_equal(model->parameters, shorter->parameters, gw__net_parameter_floats(model->net) * sizeof(float));
    gw__model_free(model);
    gw__model_free(shorter);
    story_clear(&s);
    story_clear(&again);
}

static void cancel_keeps_what_there_is(void **state) {
    (void)state;
    story s = {.cancel_after_epochs = 2};
    write_table("t.csv", 300, 5);
    gw_model *model = NULL;
    gw_error err = {0};
    small_run run = {.spec = spec, .overrides = {"train.epochs=50"}, .story = &s, .model_path = "m.gw"};
    assert_int_equal(train_small(&run, &model, &err), GW_E_CANCELED);
    assert_non_null(strstr(err.message, "epoch 3"));
    assert_non_null(model);
    assert_int_equal(s.n_epochs, 2);
    assert_true(json_number(model->record.at, "kept_epoch") == 2);
    gw__model_free(model);
    assert_int_equal(gw__model_read("m.gw", &model, NULL, NULL), GW_OK);
    gw__model_free(model);
    story_clear(&s);
    model = NULL;
    s.cancel = 1; /* before the first step */
    run.model_path = "none.gw";
    assert_int_equal(train_small(&run, &model, &err), GW_E_CANCELED);
    assert_null(model);
    assert_false(file_exists("none.gw"));
    story_clear(&s);
}

static void stops_where_numbers_end(void **state) {
    (void)state;
    write_table("t.csv", 300, 6);
    static const char wild[] = "data: {train: t.csv}\ntasks: {price: regression}\nfeatures: {ignore: [click, buy, kind, user, part]}\n"
                               "model: {architecture: shared-bottom, experts: {hidden: [8]}}\n"
                               "train: {epochs: 9, batch: 32, optimizer: {name: sgd, lr: 0.001}}\n";
    small_run run = {.spec = wild, .model_path = "none.gw", .overrides = {"train.optimizer.lr=1e30"}};
    gw_model *model = NULL;
    gw_error err = {0};
    assert_int_equal(train_small(&run, &model, &err), GW_E_NONFINITE);
    assert_null(model);
    assert_false(file_exists("none.gw"));
    assert_non_null(strstr(err.message, "epoch 1, step "));
    assert_non_null(strstr(err.message, "; hint: lower train.optimizer.lr or set train.clip"));
    assert_non_null(strstr(err.message, "; first tensor: '"));
    /* Parameters that are finite but predict nothing finite are no model, even after the last epoch. */
    run.overrides[1] = "train.epochs=1";
    run.overrides[2] = "train.batch=full";
    assert_int_equal(train_small(&run, &model, &err), GW_E_NONFINITE);
    assert_non_null(strstr(err.message, "epoch 1, step 1, task 'price': predictions are not finite; first tensor: '"));
    assert_false(file_exists("none.gw"));
    /* The second time the rate explodes after a good epoch, which is kept. */
    run = (small_run){.spec = wild, .model_path = "m.gw", .overrides = {"train.schedule={name: step, every: 1, gamma: 1e35}"}};
    assert_int_equal(train_small(&run, &model, &err), GW_E_NONFINITE);
    assert_non_null(strstr(err.message, "epoch 2, step "));
    assert_non_null(strstr(err.message, "the model of epoch 1 is kept"));
    assert_non_null(model);
    assert_true(json_number(model->record.at, "kept_epoch") == 1);
    gw__model_free(model);
    gw_model *one = train_ok((small_run){.spec = wild, .overrides = {"train.epochs=1"}});
    assert_int_equal(gw__model_read("m.gw", &model, NULL, NULL), GW_OK);
    assert_memory_equal(one->parameters, model->parameters, gw__net_parameter_floats(one->net) * sizeof(float));
    gw__model_free(model);
    gw__model_free(one);
}

static void batches_of_all_sizes(void **state) {
    (void)state;
    write_table("t.csv", 130, 7);
    static const char *const batches[] = {"train.batch=1", "train.batch=129", "train.batch=130", "train.batch=100000", "train.batch=full"};
    for (size_t i = 0; i < GW__COUNT(batches); i++) {
        char path[32];
        story s = {0};
        snprintf(path, sizeof path, "%zu.gw", i);
        gw_model *model = train_ok((small_run){.spec = no_valid, .model_path = path, .story = &s, .overrides = {batches[i], "train.epochs=2"}});
        assert_true(json_number(model->record.at, "steps") == (i == 0 ? 260 : i == 1 ? 4 : 2));
        assert_true(isfinite(json_number(s.epochs[1], "train.loss")));
        gw__model_free(model);
        story_clear(&s);
    }
}

static void starts_from_a_model(void **state) {
    (void)state;
    write_table("t.csv", 300, 8);
    write_table("other.csv", 200, 9);
    gw_model *first = train_ok((small_run){.spec = spec, .model_path = "m.gw"});
    /* Other data, but a rate of 0: features and parameters must be the first model's. */
    gw_model *second = train_ok((small_run){.spec = spec, .init_path = "m.gw", .model_path = "n.gw",
        .overrides = {"data.train=other.csv", "train.optimizer={name: sgd, lr: 0}", "train.epochs=1",
                      "features={columns: {a: categorical}}"}}); /* what the spec says of features does not count */
    assert_memory_equal(first->parameters, second->parameters, gw__net_parameter_floats(first->net) * sizeof(float));
    gw__text a = {0}, b = {0};
    const char *paths[] = {"other.csv"};
    gw_data_options data = {.paths = paths, .n_paths = 1, .threads = 1};
    assert_int_equal(gw__assess(first, &data, false, &a, NULL), GW_OK);
    assert_int_equal(gw__assess(second, &data, false, &b, NULL), GW_OK);
    assert_string_equal(a.at, b.at);
    gw__text_clear(&a);
    gw__text_clear(&b);
    gw__model_free(first);
    gw__model_free(second);
    assert_fails((small_run){.spec = spec, .init_path = "m.gw", .overrides = {"model.towers.hidden=[5]"}}, GW_E_CONFIG, "'tower.click.0.weight': expected the shape [5,");
    assert_fails((small_run){.spec = spec, .init_path = "m.gw", .overrides = {"model.architecture=omoe"}}, GW_E_CONFIG, "gate.");
    assert_fails((small_run){.spec = spec, .init_path = "t.csv"}, GW_E_FORMAT, "");
    assert_fails((small_run){.spec = spec, .init_path = "nowhere.gw"}, GW_E_IO, "");
}

static void evaluates_the_test_table(void **state) {
    (void)state;
    story s = {0};
    write_table("t.csv", 300, 10);
    write_table("test.csv", 150, 11);
    gw_model *model = train_ok((small_run){.spec = spec, .story = &s, .overrides = {"data.test=test.csv"}});
    assert_int_equal(s.n_tests, 1);
    assert_true(json_number(s.test, "rows") == 150);
    json_number(s.test, "tasks.click.auc");
    gw__text json = {0};
    const char *paths[] = {"test.csv"};
    assert_int_equal(gw__assess(model, &(gw_data_options){.paths = paths, .n_paths = 1, .threads = 2}, false, &json, NULL), GW_OK);
    assert_string_equal(json.at, s.test);
    gw__text_clear(&json);
    gw__model_free(model);
    story_clear(&s);
    /* What is wrong with the test table is said before training. */
    FILE *f = fopen("test.csv", "w");
    fputs("a,b,c,d,click,buy,kind\n1,1,x,1,1,1,red\n", f);
    fclose(f);
    assert_fails((small_run){.spec = spec, .story = &s, .overrides = {"data.test=test.csv"}}, GW_E_DATA, "");
    assert_int_equal(s.n_epochs, 0);
    assert_fails((small_run){.spec = spec, .story = &s, .overrides = {"data.test=nowhere.csv"}}, GW_E_IO, "");
    assert_int_equal(s.n_epochs, 0);
    story_clear(&s);
}

static void says_what_cannot_be_measured(void **state) {
    (void)state;
    story s = {0};
    write_table("t.csv", 300, 12);
    FILE *f = fopen("v.csv", "w");
    fputs("a,b,c,d,click,buy,price,kind,user,part\n1,1,x,1,1,1,,red,1,1\n0,1,x,1,1,0,,red,1,1\n", f);
    fclose(f);
    gw__model_free(train_ok((small_run){.spec = spec, .story = &s,
        .overrides = {"data.valid=v.csv", "train.early_stop={metric: click.auc, patience: 1}"}}));
    assert_int_equal(s.n_epochs, 3); /* a value that does not exist stops nothing */
    assert_non_null(strstr(s.warnings, "task 'click': 'auc'"));
    assert_non_null(strstr(s.warnings, "task 'price': no labelled row"));
    assert_non_null(strstr(s.warnings, "'click.auc', which early stopping watches"));
    char *auc = json_at(s.epochs[0], "valid.tasks.click.auc"), *loss = json_at(s.epochs[0], "valid.tasks.price.loss");
    assert_string_equal(auc, "null");
    assert_string_equal(loss, "null");
    free(auc);
    free(loss);
    story_clear(&s);
}

static void watches_only_what_exists(void **state) {
    (void)state;
    write_table("t.csv", 100, 13);
    assert_fails((small_run){.spec = spec, .overrides = {"train.early_stop={metric: clock.auc}"}}, GW_E_CONFIG, "'clock'");
    assert_fails((small_run){.spec = spec, .overrides = {"train.early_stop={metric: click.calibration}"}}, GW_E_CONFIG, "'calibration'");
    static const char *const good[] = {"train.early_stop={metric: mean}", "train.early_stop={metric: loss}", "train.early_stop={metric: price.rmse}",
                                       "train.early_stop={metric: kind.accuracy}"};
    for (size_t i = 0; i < GW__COUNT(good); i++) {
        gw_model *model = train_ok((small_run){.spec = spec, .overrides = {good[i], "train.epochs=2"}});
        assert_true(json_number(model->record.at, "kept_epoch") >= 1);
        gw__model_free(model);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)
    const struct CMUnitTest tests[] = {
        TEST(tells_each_epoch), TEST(without_validation), TEST(losses_are_means_over_labelled_rows), TEST(same_bytes_for_any_threads),
        TEST(keeps_the_best_epoch), TEST(cancel_keeps_what_there_is), TEST(stops_where_numbers_end), TEST(batches_of_all_sizes),
        TEST(starts_from_a_model), TEST(evaluates_the_test_table), TEST(says_what_cannot_be_measured), TEST(watches_only_what_exists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
