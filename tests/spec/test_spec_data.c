/* Which specs read the same records: what runs may share. */
#include "testing.h"

#include "specs.h"

static const char base[] =
    "data: {train: a.csv, valid: {fraction: 0.1}}\n"
    "features: {columns: {n: numeric, c: {type: categorical, dim: 4}}}\n"
    "tasks: {y: {type: binary}, z: {type: regression, loss: huber}}\n";

static char *data_of(const char *yaml, const char *set) {
    gw__spec *spec = set ? spec_with(yaml, set) : spec_of(yaml);
    gw__text text = {0};
    assert_int_equal(gw__spec_write_data(spec, &text, NULL), GW_OK);
    gw__spec_free(spec);
    return text.at;
}

static void check(const char *yaml, const char *set, bool same) {
    char *a = data_of(yaml, NULL), *b = data_of(yaml, set);
    if ((strcmp(a, b) == 0) != same) fail_msg("%s: expected %s data", set, same ? "the same" : "other");
    free(a);
    free(b);
}

static void test_training_is_no_data(void **state) {
    static const char *const sets[] = {"model.architecture=ple", "model.experts.hidden=[9]", "train.epochs=3", "train.batch=7", "train.data_seed=1",
                                       "train.optimizer=sgd", "tasks.y.weight=2", "tasks.y.positive_weight=3", "tasks.z.huber_delta=2",
                                       "tasks.z.loss=mse", "train.early_stop=loss", "train.balance=pcgrad"};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) check(base, sets[i], true);
}

static void test_what_rows_depend_on(void **state) {
    static const char *const sets[] = {"data.train=b.csv", "data.train=[a.csv, a.csv]", "data.test=t.csv", "data.valid=v.csv", "data.valid.fraction=0.2",
                                       "data.valid=null", "data.missing=['?']", "data.separator=';'", "data.header=[n, c, y, z]", "features.ignore=[q]",
                                       "features.columns.c.dim=5", "features.columns.n.missing=zero", "tasks.y.label=yy", "tasks.z.given=y",
                                       "tasks.y.row_weight=w", "tasks.y.negative_sampling=0.5", "tasks.y.group=u", "tasks.y.positive=yes",
                                       "tasks.x=binary", "train.seed=2", "train.data_seed=2"};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) check(base, sets[i], false);
}

/* A seed from which no row is drawn is nothing to the data. */
static void test_seeds(void **state) {
    check(LEAST, "train.seed=2", true);
    check("data: {train: a.csv, valid: v.csv}\ntasks: {y: {type: binary}}\n", "train.seed=2", true);
    check("data: {train: a.csv, valid: {column: d, from: 3}}\ntasks: {y: {type: binary}}\n", "train.seed=2", true);
    check("data: {train: a.csv, valid: {column: d, fraction: 0.5}}\ntasks: {y: {type: binary}}\n", "train.seed=2", false);
    check("data: {train: a.csv}\ntasks: {y: {type: binary, negative_sampling: 0.5}}\n", "train.seed=2", false);
    check("data: {train: a.csv}\ntasks: {y: binary}\nfeatures: {columns: {c: {type: categorical, unseen_rate: 0.1}}}\n", "train.seed=2", false);
    check("data: {train: a.csv}\ntasks: {y: binary}\nfeatures: {default: {unseen_rate: 0.1}}\n", "train.seed=2", false);
    check("data: {train: a.csv, valid: {fraction: 0.1}}\ntasks: {y: binary}\ntrain: {data_seed: 5}\n", "train.seed=2", true);
}

static void test_seed_of_data(void **state) {
    gw__spec *follows = spec_with(LEAST, "train.seed=7"), *differs = spec_with(LEAST "train: {seed: 7}\n", "train.data_seed=0");
    assert_int_equal(follows->train.data_seed, 7);
    assert_int_equal(differs->train.seed, 7);
    assert_int_equal(differs->train.data_seed, 0);
    gw__spec_free(follows);
    gw__spec_free(differs);
}

/* The last of its owners frees a spec (the sanitizers see the rest). */
static void test_hold(void **state) {
    gw__spec *spec = spec_of(LEAST), *held = gw__spec_hold(spec);
    assert_ptr_equal(spec, held);
    gw__spec_free(spec);
    assert_string_equal(held->tasks[0].name, "y");
    gw__spec_free(held);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_training_is_no_data), cmocka_unit_test(test_what_rows_depend_on), cmocka_unit_test(test_seeds),
                                       cmocka_unit_test(test_seed_of_data), cmocka_unit_test(test_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
