/* First specs: guessed from tables, parsed back, trained. */
#include <unistd.h>

#include "gatewright.h"
#include "spec/spec.h"
#include "testing.h"

static char directory[64], table_path[96];

static int open_directory(void **state) {
    strcpy(directory, "/tmp/gw-init-XXXXXX");
    if (!mkdtemp(directory)) return -1;
    snprintf(table_path, sizeof table_path, "%s/t.csv", directory);
    return 0;
}

static int close_directory(void **state) {
    unlink(table_path);
    return rmdir(directory);
}

static void write_table(const char *text) {
    FILE *file = fopen(table_path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static gw_status init(const char *task, char **ret_yaml, gw_error *err) {
    const char *path = table_path;
    gw_data_options data = {.paths = &path, .n_paths = 1};
    return gw_spec_init(&data, &task, 1, ret_yaml, err);
}

/* The spec of tasks, parsed; the text must be YAML that the reader takes. */
static gw__spec *parsed(const char *const *tasks, size_t n_tasks, char **ret_yaml) {
    const char *path = table_path;
    gw_data_options data = {.paths = &path, .n_paths = 1};
    gw_error err = {0};
    char *yaml = NULL;
    gw__spec *spec = NULL;
    if (gw_spec_init(&data, tasks, n_tasks, &yaml, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    if (gw__spec_parse(yaml, strlen(yaml), "first.yaml", NULL, 0, &spec, &err) != GW_OK)
        fail_msg("line %d: %s\n%s", (int)err.line, err.message, yaml);
    if (ret_yaml)
        *ret_yaml = yaml;
    else
        gw_text_free(yaml);
    return spec;
}

static const gw__feature_spec *feature(const gw__spec *spec, const char *name) {
    for (size_t i = 0; i < spec->features.n_columns; i++)
        if (strcmp(spec->features.columns[i].name, name) == 0) return &spec->features.columns[i];
    return NULL;
}

static bool ignored(const gw__spec *spec, const char *name) {
    for (size_t i = 0; i < spec->features.ignore.n; i++)
        if (strcmp(spec->features.ignore.at[i], name) == 0) return true;
    return false;
}

/* 300 rows with a column of every kind. */
static void write_rich_table(void) {
    FILE *file = fopen(table_path, "wb");
    assert_non_null(file);
    fprintf(file, "row,order_id,age,gain,occupation_code,city,user_id,tags,constant,empty,leak,after,y,rank,price,kind\n");
    for (int i = 0; i < 300; i++) {
        int y = i % 5 == 0;
        fprintf(file, "%d,o-%d,%d,%d,%d,%s,%lld,%s,same,,%s,%s,%s,%d,%d.5,%s\n", i + 1, i * 7919 % 1000003, 20 + i * 7 % 50, i % 75 ? 0 : 9000 + i,
                i % 12, i % 9 ? i % 2 ? "Oslo" : "Lima" : "?", 9007199254740993LL + i % 40, i % 2 ? "a|b" : "c", y ? "T" : "F", y ? "3.5" : "",
                y ? "yes" : "no", i % 4, i * 13 % 97, i % 3 == 0 ? "red" : i % 3 == 1 ? "green" : "blue");
    }
    assert_int_equal(fclose(file), 0);
}

static void test_columns(void **state) {
    write_rich_table();
    const char *tasks[] = {"y", "price", "kind"};
    char *yaml = NULL;
    gw__spec *spec = parsed(tasks, 3, &yaml);
    static const char *const out[] = {"row", "order_id", "constant", "empty", "leak", "after"};
    for (size_t i = 0; i < 6; i++)
        if (!ignored(spec, out[i])) fail_msg("'%s' should be ignored:\n%s", out[i], yaml);
    assert_int_equal(spec->features.ignore.n, 6);
    static const struct { const char *name; gw__feature_type type; } in[] = {
        {"age", GW__FEATURE_NUMERIC},      {"gain", GW__FEATURE_NUMERIC},        {"occupation_code", GW__FEATURE_CATEGORICAL},
        {"city", GW__FEATURE_CATEGORICAL}, {"user_id", GW__FEATURE_CATEGORICAL}, {"tags", GW__FEATURE_BAG},
        {"rank", GW__FEATURE_NUMERIC},
    };
    assert_int_equal(spec->features.n_columns, 7);
    for (size_t i = 0; i < 7; i++) {
        const gw__feature_spec *found = feature(spec, in[i].name);
        if (!found || found->type != in[i].type) fail_msg("'%s' has another type:\n%s", in[i].name, yaml);
    }
    assert_int_equal(feature(spec, "gain")->n_transforms, 2);
    assert_int_equal(feature(spec, "gain")->transforms[0], GW__TRANSFORM_LOG1P);
    assert_int_equal(feature(spec, "age")->n_transforms, 1);
    assert_string_equal(feature(spec, "tags")->separator, "|");
    assert_int_equal(spec->data.missing.n, 1);
    assert_string_equal(spec->data.missing.at[0], "?");
    assert_non_null(strstr(yaml, "says the same as the label 'y'"));
    assert_non_null(strstr(yaml, "11.3 % missing"));
    gw__spec_free(spec);
    gw_text_free(yaml);
}

static void test_tasks(void **state) {
    write_rich_table();
    const char *tasks[] = {"y", "price", "kind", "rank:regression", "city:binary"};
    gw__spec *spec = parsed(tasks, 5, NULL);
    static const gw_task_type types[] = {GW_TASK_BINARY, GW_TASK_REGRESSION, GW_TASK_MULTICLASS, GW_TASK_REGRESSION, GW_TASK_BINARY};
    assert_int_equal(spec->n_tasks, 5);
    for (size_t i = 0; i < 5; i++) assert_int_equal(spec->tasks[i].type, types[i]);
    assert_string_equal(spec->tasks[0].positive, "yes");
    assert_true(spec->tasks[1].weight > 0.0011 && spec->tasks[1].weight < 0.0014); /* 1 over the variance of 0…96 */
    assert_string_equal(spec->tasks[3].name, "rank");
    assert_true(strcmp(spec->tasks[4].positive, "Oslo") == 0 || strcmp(spec->tasks[4].positive, "Lima") == 0);
    assert_int_equal(spec->model.architecture, GW__ARCH_MMOE);
    gw__spec_free(spec);
    const char *one[] = {"y"};
    spec = parsed(one, 1, NULL);
    assert_int_equal(spec->model.architecture, GW__ARCH_SHARED_BOTTOM);
    gw__spec_free(spec);
}

static void check_positive(const char *cells, const char *expected) {
    char text[512];
    snprintf(text, sizeof text, "x,z,y\n%s", cells);
    write_table(text);
    const char *tasks[] = {"y"};
    gw__spec *spec = parsed(tasks, 1, NULL);
    assert_int_equal(spec->tasks[0].type, GW_TASK_BINARY);
    if (expected)
        assert_string_equal(spec->tasks[0].positive, expected);
    else
        assert_null(spec->tasks[0].positive);
    gw__spec_free(spec);
}

static void test_positive_texts(void **state) {
    check_positive("1,a,0\n2,b,1\n2,a,1\n", NULL);
    check_positive("1,a,Yes\n2,b,No\n2,a,Yes\n", "Yes");
    check_positive("1,a,- 50000.\n2,b,50000+.\n2,a,- 50000.\n", "50000+.");
    check_positive("1,a,1\n2,b,2\n2,a,2\n", "1");
    check_positive("1,a,no\n2,b,maybe\n2,a,maybe\n", "maybe");
    check_positive("1,a,\"say \"\"hi\"\", \\n\"\n2,b,b\n2,a,b\n", "say \"hi\", \\n");
    check_positive("1,a,\"two\nlines\"\n2,b,b\n2,a,b\n", "two\nlines");
    check_positive("1,a,null\n2,b,b\n2,a,b\n", "null");
}

static void test_odd_names(void **state) {
    /* Names that YAML or tensors would take amiss: they must come back as they stand in the header. */
    static const char *const names[] = {"a: b", "#c", "no", "- d", "e.f", "\"q\"", "it's", "{g}", "1e3", "\xC3\xA9t\xC3\xA9", "\xE2\x80\xA8line", "null", "~",
                                        "tab\tbed", "back\\slash", "\xC2\x85next", "*h", "&i", "!j", "%k", "@l", "[m]", "true"};
    FILE *file = fopen(table_path, "wb");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fputc('"', file);
        for (const char *c = names[i]; *c; c++) fprintf(file, *c == '"' ? "\"\"" : "%c", *c);
        fputs("\",", file);
    }
    fputs("shared\n", file);
    for (int row = 0; row < 40; row++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) fprintf(file, "%d,", (int)((unsigned)(row + 1) * (unsigned)(2654435761u * (i + 1)) >> 24) % 7);
        fprintf(file, "%d\n", row % 3 == 0);
    }
    assert_int_equal(fclose(file), 0);
    const char *tasks[] = {"shared", "e.f:multiclass"};
    char *yaml = NULL;
    gw__spec *spec = parsed(tasks, 2, &yaml);
    assert_string_equal(spec->tasks[0].name, "shared_task");
    assert_string_equal(spec->tasks[0].label, "shared");
    assert_string_equal(spec->tasks[1].name, "e_f");
    assert_string_equal(spec->tasks[1].label, "e.f");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], "e.f") != 0 && !feature(spec, names[i])) fail_msg("'%s' was lost:\n%s", names[i], yaml);
    gw__spec_free(spec);
    gw_text_free(yaml);
}

static void refused(const char *task, gw_status expected, const char *part) {
    gw_error err = {0};
    char *yaml = NULL;
    assert_int_equal(init(task, &yaml, &err), expected);
    if (!strstr(err.message, part)) fail_msg("expected '%s' in: %s", part, err.message);
    assert_null(yaml);
}

static void test_errors(void **state) {
    write_rich_table();
    refused("prize", GW_E_ARGUMENT, "did you mean 'price'?");
    refused("price:regresion", GW_E_ARGUMENT, "did you mean 'regression'?");
    refused("order_id", GW_E_DATA, "300 distinct texts");
    refused("constant", GW_E_DATA, "one value only");
    refused("empty", GW_E_DATA, "no value");
    refused("city:regression", GW_E_DATA, "found 'Oslo'");
    write_table("a,y\n");
    refused("y", GW_E_DATA, "rows");
    write_table("a,y\n1,0\n1,1\n");
    refused("y", GW_E_DATA, "no column is left");
    unlink(table_path);
    refused("y", GW_E_IO, "");
}

static void test_semicolons(void **state) {
    write_table("a;b;y\n1,5;u;0\n2,5;v;1\n1,5;v;1\n");
    const char *tasks[] = {"y"};
    gw__spec *spec = parsed(tasks, 1, NULL);
    assert_int_equal(spec->data.separator, ';');
    assert_non_null(feature(spec, "b"));
    gw__spec_free(spec);
}

/* Wide tables get fewer distinct values told apart, and the guesses stay those of a narrow one. */
static void test_wide_tables(void **state) {
    enum { COLUMNS = 3000, ROWS = 2000 };
    FILE *file = fopen(table_path, "wb");
    assert_non_null(file);
    fputs("y,number,name,city,town", file);
    for (int c = 5; c < COLUMNS; c++) fprintf(file, ",c%d", c);
    for (int r = 0; r < ROWS; r++) {
        fprintf(file, "\n%d,%d.5,name %d,city %d,town %d", r * 7 % 5 < 2, r * 37 % ROWS, r, r * 17 % 30, r < 700 ? r : r * 31 % 700);
        for (int c = 5; c < COLUMNS; c++) fputs(r == 0 ? ",1" : ",", file);
    }
    fputs("\n", file);
    assert_int_equal(fclose(file), 0);
    const char *tasks[] = {"y"};
    char *yaml = NULL;
    gw__spec *spec = parsed(tasks, 1, &yaml);
    assert_non_null(strstr(yaml, "over 666 distinct"));
    assert_int_equal(feature(spec, "number")->type, GW__FEATURE_NUMERIC);
    assert_true(ignored(spec, "name"));
    assert_int_equal(feature(spec, "city")->type, GW__FEATURE_CATEGORICAL);
    assert_int_equal(feature(spec, "town")->type, GW__FEATURE_HASHED); /* the first 666 all differ, but they come again */
    gw__spec_free(spec);
    gw_text_free(yaml);
    refused("name", GW_E_DATA, "over 666 distinct texts");
    refused("name:multiclass", GW_E_DATA, "at most 666 classes but found over 666");
}

static void count_epochs(void *context, const gw_event *event) {
    *(int *)context += event->kind == GW_EVENT_EPOCH;
}

static void test_the_spec_trains(void **state) {
    write_rich_table();
    const char *tasks[] = {"y", "price", "kind"}, *overrides[] = {"train.epochs=2"}, *path = table_path;
    gw_data_options data = {.paths = &path, .n_paths = 1};
    gw_error err = {0};
    char *yaml = NULL;
    gw_model *model = NULL;
    int epochs = 0;
    assert_int_equal(gw_spec_init(&data, tasks, 3, &yaml, &err), GW_OK);
    gw_train_options options = {.spec_text = yaml, .overrides = overrides, .n_overrides = 1, .threads = 1, .listener = count_epochs, .listener_context = &epochs};
    if (gw_train(&options, &model, &err) != GW_OK) fail_msg("%s:%d: %s", err.where, (int)err.line, err.message);
    assert_int_equal(epochs, 2);
    assert_int_equal(gw_model_task_count(model), 3);
    assert_int_equal(gw_model_feature_count(model), 7);
    gw_model_free(model);
    gw_text_free(yaml);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns), cmocka_unit_test(test_tasks),      cmocka_unit_test(test_positive_texts),  cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_semicolons), cmocka_unit_test(test_the_spec_trains),
        cmocka_unit_test(test_wide_tables),
    };
    return cmocka_run_group_tests(tests, open_directory, close_directory);
}
