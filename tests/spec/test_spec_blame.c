/* Errors that show when the table is known get the place of the key that caused them. */
#include "testing.h"

#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"
#include "specs.h"

static const char text[] = "data: {train: a.csv, valid: {column: dd, from: 3}}\n"
                           "features:\n"
                           "  ignore: [age, agee]\n"
                           "  columns:\n"
                           "    a.b: numeric\n"
                           "    a: {type: numeric}\n"
                           "tasks:\n"
                           "  yy: binary\n"
                           "  z:\n"
                           "    type: binary\n"
                           "    label: zz\n";

static const struct {
    const char *set, *path, *message, *where;
    int64_t line, column;
    const char *blamed;
} rows[] = {
    {NULL, "tasks.z.label", "'zz' is no column", "spec", 11, 12, "key 'tasks.z.label': 'zz' is no column"},
    {NULL, "tasks.yy.label", "'yy' is no column", "spec", 8, 3, "key 'tasks.yy.label': 'yy' is no column"},
    {NULL, "tasks.z.classes", "'r' is listed twice", "spec", 9, 3, "key 'tasks.z.classes': 'r' is listed twice"},
    {NULL, "features.ignore", "'agee' is no column", "spec", 3, 17, "key 'features.ignore': 'agee' is no column"},
    {NULL, "features.ignore", "'age' is no column", "spec", 3, 12, "key 'features.ignore': 'age' is no column"},
    {NULL, "features.columns.a.b", "'a.b' is no column", "spec", 5, 5, "key 'features.columns.a.b': 'a.b' is no column"},
    {NULL, "features.columns.a", "'a' is no column", "spec", 6, 5, "key 'features.columns.a': 'a' is no column"},
    {NULL, "features", "no column is left", "spec", 2, 1, "key 'features': no column is left"},
    {NULL, "data.valid.column", "'dd' is no column", "spec", 1, 38, "key 'data.valid.column': 'dd' is no column"},
    {NULL, "elsewhere", "wrong", "spec", 0, 0, "key 'elsewhere': wrong"},
    {"tasks.z.given=gg", "tasks.z.given", "'gg' is no column", "--set tasks.z.given=gg", 0, 0, "key 'tasks.z.given': 'gg' is no column"},
    {"tasks.z.label=ww", "tasks.z.label", "'ww' is no column", "--set tasks.z.label=ww", 0, 0, "key 'tasks.z.label': 'ww' is no column"},
    {"features.ignore=[age, x]", "features.ignore", "'x' is no column", "--set features.ignore=[age, x]", 0, 0, "key 'features.ignore': 'x' is no column"},
    {"tasks.q=binary", "tasks.q.label", "'q' is no column", "--set tasks.q=binary", 0, 0, "key 'tasks.q.label': 'q' is no column"},
    {"tasks.q=binary", "tasks.z.label", "'zz' is no column", "spec", 11, 12, "key 'tasks.z.label': 'zz' is no column"},
};

static void expect(const gw_error *err, size_t i) {
    if (strcmp(err->where, rows[i].where) == 0 && err->line == rows[i].line && err->column == rows[i].column &&
        strcmp(err->message, rows[i].blamed) == 0 && err->code == GW_E_CONFIG) return;
    fail_msg("row %zu: %s:%d:%d: %s", i, err->where, (int)err->line, (int)err->column, err->message);
}

static void test_places(void **state) {
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        gw_train_options options = {.spec_text = text, .overrides = &rows[i].set, .n_overrides = rows[i].set != NULL};
        gw_error err = {0};
        gw__fail_at(&err, GW_E_CONFIG, rows[i].path, 0, 0, "%s", rows[i].message);
        gw__spec_blame(&options, &err);
        expect(&err, i);
    }
}

static void test_files(void **state) {
    char path[] = "/tmp/gatewright-blame-XXXXXX";
    gw_error err = {0};
    gw_train_options options = {.spec_path = path};
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    gw__fail_at(&err, GW_E_CONFIG, "tasks.z.label", 0, 0, "'zz' is no column");
    gw__spec_blame(&options, &err);
    remove(path);
    assert_string_equal(err.where, path);
    assert_true(err.line == 11 && err.column == 12);
    gw__fail_at(&err, GW_E_CONFIG, "tasks.z.label", 0, 0, "'zz' is no column");
    gw__spec_blame(&options, &err); /* the file is gone */
    assert_string_equal(err.where, path);
    assert_true(err.line == 0 && err.column == 0);
    assert_string_equal(err.message, "key 'tasks.z.label': 'zz' is no column");
}

static void test_others_are_left(void **state) {
    gw_train_options options = {.spec_text = text};
    gw_error err = {0}, before;
    gw__spec_blame(&options, NULL);
    gw__fail_at(&err, GW_E_DATA, "tasks", 0, 0, "a file of this name");
    before = err;
    gw__spec_blame(&options, &err);
    assert_memory_equal(&err, &before, sizeof err);
    gw__fail_at(&err, GW_E_CONFIG, "names.txt", 3, 0, "a place already");
    before = err;
    gw__spec_blame(&options, &err);
    assert_memory_equal(&err, &before, sizeof err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_others_are_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
