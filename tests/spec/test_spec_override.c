/* --set: what it changes, what it leaves alone, and how it is blamed. */
#include "testing.h"

#include "specs.h"

static void test_values(void **state) {
    gw__spec *s = spec_with(LEAST, "train.epochs=3");
    assert_int_equal(s->train.epochs, 3);
    gw__spec_free(s);
    s = spec_with(LEAST, "train.optimizer={name: sgd, momentum: 0.5}");
    assert_true(s->train.optimizer.name == GW__OPT_SGD && s->train.optimizer.momentum == 0.5);
    gw__spec_free(s);
    s = spec_with(LEAST, "model.experts.hidden=[7, 5]");
    assert_true(s->model.experts.mlp.hidden[0].n == 2 && s->model.experts.mlp.hidden[0].at[1] == 5);
    gw__spec_free(s);
    s = spec_with(LEAST, "tasks.y.positive=a=b");
    assert_string_equal(s->tasks[0].positive, "a=b");
    gw__spec_free(s);
    s = spec_with(LEAST, "features.columns.age.type=numeric");
    assert_string_equal(s->features.columns[0].name, "age");
    assert_int_equal(s->features.columns[0].type, GW__FEATURE_NUMERIC);
    gw__spec_free(s);
    static const char *const quoted[] = {"data.missing=\"?\"", "data.missing='-'", "data.missing=['?']", "data.missing=\"#N/A\"", "data.missing=-1", "data.missing=?x"};
    static const char *const texts[] = {"?", "-", "?", "#N/A", "-1", "?x"};
    for (size_t i = 0; i < GW__COUNT(quoted); i++) {
        s = spec_with(LEAST, quoted[i]);
        assert_int_equal(s->data.missing.n, 1);
        assert_string_equal(s->data.missing.at[0], texts[i]);
        gw__spec_free(s);
    }
    s = spec_with(LEAST, "data.train=[b.csv, c.csv]");
    assert_int_equal(s->data.train.n, 2);
    gw__spec_free(s);
}

/* null, or nothing, brings the default back. */
static void test_nothing(void **state) {
    static const char *const sets[] = {"train.epochs=", "train.epochs=null", "train.epochs=~", "train=", "train.epochs=  "};
    for (size_t i = 0; i < GW__COUNT(sets); i++) {
        gw__spec *s = spec_with(LEAST "train: {epochs: 3}\n", sets[i]);
        assert_int_equal(s->train.epochs, 10);
        gw__spec_free(s);
    }
    gw__spec *s = spec_with("data: {train: a, valid: v}\ntasks: {y: binary}\ntrain: {early_stop: {metric: y.auc}}\n", "train.early_stop=null");
    assert_false(s->train.early_stop.on);
    gw__spec_free(s);
}

/* A task that is set to nothing is left out, whichever it is; one of the same name may come back, at the end. */
static void test_tasks_left_out(void **state) {
    static const char three[] = "data: {train: a}\ntasks: {a: binary, b: {type: regression, loss: mae}, c: binary}\n";
    static const struct { const char *sets[4]; size_t n_sets; const char *left; } rows[] = {
        {{"tasks.a=null"}, 1, "bc"},
        {{"tasks.b="}, 1, "ac"},
        {{"tasks.c=~"}, 1, "ab"},
        {{"tasks.c=null", "tasks.a=null"}, 2, "b"},
        {{"tasks.c=null", "tasks.d=binary"}, 2, "abd"},
        {{"tasks.a=null", "tasks.b=null", "tasks.a=regression"}, 3, "ca"},
        {{"tasks.a=null", "tasks.b=null", "tasks.c=null", "tasks.d=binary"}, 4, "d"},
    };
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        gw__spec *s = NULL;
        assert_int_equal(gw__spec_parse(three, sizeof three - 1, "s.yaml", rows[i].sets, rows[i].n_sets, &s, NULL), GW_OK);
        assert_int_equal(s->n_tasks, strlen(rows[i].left));
        for (size_t t = 0; t < s->n_tasks; t++) assert_memory_equal(s->tasks[t].name, ((char[]){rows[i].left[t], 0}), 2);
        gw__spec_free(s);
    }
    refused("data: {train: a}\ntasks: {a: binary, b: binary}\nmodel: {architecture: cgc, experts: {per_task: {a: 1, b: 2}}}\n", "tasks.b=null", "s.yaml", 3, 55,
            "no task is named 'b'");
    gw__spec *s = spec_with(LEAST "features: {columns: {c: {type: categorical, dim: 3}}}\n", "features.columns.c=null"); /* a column stays one */
    assert_int_equal(s->features.n_columns, 1);
    assert_int_equal(s->features.columns[0].type, GW__FEATURE_AUTO);
    gw__spec_free(s);
}

/* A value that stands for a map becomes one when a key inside it is set. */
static void test_inside_shorthands(void **state) {
    gw__spec *s = spec_with(LEAST "train: {optimizer: adamw}\n", "train.optimizer.lr=0.5");
    assert_true(s->train.optimizer.name == GW__OPT_ADAMW && s->train.optimizer.lr == 0.5);
    gw__spec_free(s);
    s = spec_with("data: {train: a}\ntasks: {y: regression}\n", "tasks.y.loss=mae");
    assert_true(s->tasks[0].type == GW_TASK_REGRESSION && s->tasks[0].loss == GW__LOSS_MAE);
    gw__spec_free(s);
    s = spec_with(LEAST "features: {columns: {c: categorical}}\n", "features.columns.c.dim=3");
    assert_true(s->features.columns[0].type == GW__FEATURE_CATEGORICAL && s->features.columns[0].dim == 3);
    gw__spec_free(s);
    s = spec_with(LEAST "model: cgc\ntrain:\n", "train.batch=7");
    assert_true(s->model.architecture == GW__ARCH_CGC && s->train.batch == 7);
    gw__spec_free(s);
}

static void test_order_stays(void **state) {
    gw__spec *s = spec_with("data: {train: a}\ntasks: {a: binary, b: binary, c: binary}\n", "tasks.b=regression");
    assert_int_equal(s->n_tasks, 3);
    assert_string_equal(s->tasks[1].name, "b");
    assert_int_equal(s->tasks[1].type, GW_TASK_REGRESSION);
    assert_string_equal(s->tasks[2].name, "c");
    gw__spec_free(s);
    s = spec_with("data: {train: a}\ntasks: {a: binary}\n", "tasks.0=regression");
    assert_string_equal(s->tasks[1].name, "0");
    gw__spec_free(s);
}

static void test_several(void **state) {
    static const char *const sets[] = {"train.epochs=3", "train.epochs=4", "model.architecture=ple", "model.experts.per_task={y: 3}"};
    gw__spec *s = NULL;
    assert_int_equal(gw__spec_parse(LEAST, strlen(LEAST), "s.yaml", sets, 4, &s, NULL), GW_OK);
    assert_true(s->train.epochs == 4 && s->model.levels == 2 && s->model.experts.per_task[0] == 3);
    gw__spec_free(s);
    static const char *const second_wrong[] = {"train.epochs=3", "train.epoch=4"};
    gw_error err = {0};
    s = NULL;
    assert_int_equal(gw__spec_parse(LEAST, strlen(LEAST), "s.yaml", second_wrong, 2, &s, &err), GW_E_CONFIG);
    assert_string_equal(err.where, "--set train.epoch=4");
    assert_null(s);
}

static void test_json_too(void **state) {
    static const char json[] = "{\"data\":{\"train\":\"a\"},\"tasks\":{\"y\":\"binary\"}}", *set = "train.l2=.5";
    gw__spec *s = NULL;
    assert_int_equal(gw__spec_parse(json, sizeof json - 1, "s.json", &set, 1, &s, NULL), GW_OK);
    assert_true(s->train.l2 == 0.5);
    gw__spec_free(s);
}

#define NO_TEXT " is no text in YAML; hint: put it in quotes, behind those of the shell: 'key=\"?\"'"
#define HINT_EPOCHS "unknown key 'epochz'; hint: did you mean 'epochs'?"

static void test_blame(void **state) {
    static const struct { const char *set, *message; } rows[] = {
        {"train.epochz=3", HINT_EPOCHS},
        {"trian.epochs=3", "unknown key 'trian'; hint: did you mean 'train'?"},
        {"epochs=3", "unknown key 'epochs'; hint: did you mean 'train.epochs'?"},
        {"train.epochs=three", "key 'epochs': expected a whole number from 1 to 1000000 but found 'three'"},
        {"train.epochs='3'", "key 'epochs': expected a whole number from 1 to 1000000 but found the text '3'"},
        {"train.epochs", "expected key.path=value but found 'train.epochs'"},
        {"=3", "expected key.path=value but found '=3'"},
        {"train..epochs=3", "expected key.path=value but found an empty key in 'train..epochs=3'"},
        {"train.=3", "expected key.path=value but found an empty key in 'train.=3'"},
        {"train.epochs=[3", "no YAML: did not find expected ',' or ']' while parsing a flow sequence"},
        {"data.missing=?", "'?'" NO_TEXT},
        {"data.missing= - ", "'-'" NO_TEXT},
        {"data.missing=? a", "'? a'" NO_TEXT},
        {"data.missing=#N/A", "'#N/A'" NO_TEXT},
        {"data.missing=*", "'*'" NO_TEXT},
        {"tasks.y=null", "key 'tasks': expected at least one task"},
        {"tasks.z=null", "there is no task 'z' to leave out"},
        {"train.epochs=&a 3", "anchors (&name) are not supported; hint: write the value out"},
        {"train={epochs: 3, epochs: 4}", "key 'epochs' was given before, on line 1"},
        {"train.epochs.x=3", "key 'epochs': expected a whole number from 1 to 1000000 but found a map"},
        {"data.train.x=3", "key 'train' holds a value, not keys"},
        {"data.missing.x=3", "key 'missing' holds a list, not keys; hint: set the whole list"},
        {"train={optimizer: {name: sgd, eps: 0.1}}",
         "key 'eps' is only for name 'adam', 'adamw' or 'adagrad'; hint: what belongs here: 'momentum', 'nesterov'"},
        {"train.early_stop={}", "key 'early_stop' needs rows to measure on; hint: 'data.valid: {fraction: 0.1}'"},
        {"tasks.z={}", "key 'tasks.z.type' is missing; hint: it is one of binary, regression, multiclass, count, ordinal, quantile"},
    };
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        char where[128];
        snprintf(where, sizeof where, "--set %s", rows[i].set);
        refused("data: {train: a.csv, missing: [x]}\ntasks: {y: {type: binary}}\n", rows[i].set, where, 0, 0, rows[i].message);
    }
}

/* A conflict that --set causes elsewhere is shown where the other key stands. */
static void test_blame_in_the_file(void **state) {
    refused(LEAST "train: {optimizer: {eps: 0.1}}\n", "train.optimizer.name=sgd", "s.yaml", 3, 21,
            "key 'eps' is only for name 'adam', 'adamw' or 'adagrad'; hint: what belongs here: 'momentum', 'nesterov'");
}

static void test_deep_path(void **state) {
    char set[512] = "a";
    for (int i = 0; i < 200; i++) strcat(set, ".a");
    strcat(set, "=1");
    gw__spec *s = NULL;
    gw_error err = {0};
    const char *sets[] = {set};
    assert_int_equal(gw__spec_parse(LEAST, strlen(LEAST), "s.yaml", sets, 1, &s, &err), GW_E_CONFIG);
    assert_non_null(strstr(err.message, "nested deeper than 64"));
    assert_int_equal(strlen(err.where), sizeof err.where - 1); /* cut, and still text */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_nothing), cmocka_unit_test(test_tasks_left_out), cmocka_unit_test(test_inside_shorthands),
        cmocka_unit_test(test_order_stays), cmocka_unit_test(test_several), cmocka_unit_test(test_json_too),
        cmocka_unit_test(test_blame), cmocka_unit_test(test_blame_in_the_file), cmocka_unit_test(test_deep_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
