/* From a spec to scores through gatewright.h alone. */
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "base/doc.h"
#include "base/number.h"
#include "gatewright.h"
#include "testing.h"

#define ROWS 600

static char directory[64], table_path[96], model_path[96], output_path[96], weights_path[96], spec[1024];
static gw_model *model;

static void must(gw_status status, const gw_error *err) {
    if (status != GW_OK) fail_msg("%s:%d: %s", err->where, (int)err->line, err->message);
}

static int train_model(void **state) {
    gw_error err = {0};
    strcpy(directory, "/tmp/gw-api-XXXXXX");
    if (!mkdtemp(directory)) return -1;
    snprintf(table_path, sizeof table_path, "%s/t.csv", directory);
    snprintf(model_path, sizeof model_path, "%s/m.gw", directory);
    snprintf(output_path, sizeof output_path, "%s/out.csv", directory);
    snprintf(weights_path, sizeof weights_path, "%s/w.safetensors", directory);
    FILE *file = fopen(table_path, "wb");
    fprintf(file, "x,c,y,v,k\n");
    for (int i = 0; i < ROWS; i++) {
        double x = (double)(i * 37 % 101) / 50 - 1;
        int c = i % 4;
        fprintf(file, "%.3f,%c,%d,%.3f,%s\n", x, 'a' + c, x + 0.2 * c > 0.3, 2 * x - c, c == 0 ? "low" : c == 1 ? "mid" : "high");
    }
    fclose(file);
    snprintf(spec, sizeof spec,
             "data: {train: %s, valid: {fraction: 0.2}, test: %s}\n"
             "tasks:\n  y: {type: binary}\n  v: {type: regression}\n  k: {type: multiclass}\n"
             "model: {architecture: mmoe, experts: {count: 2, hidden: [8]}, towers: {hidden: [4]}}\n"
             "train: {epochs: 30, batch: 32, optimizer: {lr: 0.01}}\n",
             table_path, table_path);
    gw_train_options options = {.spec_text = spec, .model_path = model_path, .threads = 2};
    must(gw_train(&options, &model, &err), &err);
    return 0;
}

static int remove_all(void **state) {
    gw_model_free(model);
    unlink(table_path);
    unlink(model_path);
    unlink(output_path);
    unlink(weights_path);
    return rmdir(directory);
}

static void test_what_a_model_says(void **state) {
    gw_task_info task;
    gw_feature_info feature;
    assert_int_equal(gw_model_task_count(model), 3);
    assert_int_equal(gw_model_output_width(model), 5);
    assert_int_equal(gw_model_task_at(model, 2, &task, NULL), GW_OK);
    assert_string_equal(task.name, "k");
    assert_int_equal(task.type, GW_TASK_MULTICLASS);
    assert_int_equal(task.output_at, 2);
    assert_int_equal(task.output_width, 3);
    assert_string_equal(gw_model_class_name(model, 2, 0), "high");
    assert_null(gw_model_class_name(model, 2, 3));
    assert_null(gw_model_class_name(model, 0, 0));
    assert_null(gw_model_class_name(model, 3, 0));
    assert_int_equal(gw_model_task_at(model, 3, &task, NULL), GW_E_ARGUMENT);
    assert_int_equal(gw_model_feature_count(model), 2);
    assert_int_equal(gw_model_feature_at(model, 1, &feature, NULL), GW_OK);
    assert_string_equal(feature.name, "c");
    assert_string_equal(feature.type, "categorical");
    assert_int_equal(feature.dense_at, 1);
    assert_int_equal(feature.dense_width, 8);
    assert_int_equal(gw_model_dense_width(model), 9);
    assert_int_equal(gw_model_feature_at(model, 2, &feature, NULL), GW_E_ARGUMENT);
}

static double number(const gw__doc *doc, const char *key) {
    const gw__doc *child = gw__doc_get(doc, key);
    double value = NAN;
    if (!child || !gw__parse_double(child->text, &value)) fail_msg("no number '%s'", key);
    return value;
}

static gw__doc *json_of(const char *text, gw__arena *arena) {
    gw_error err = {0};
    gw__doc *doc = NULL;
    must(gw__doc_parse_json(text, strlen(text), "json", arena, &doc, &err), &err);
    return doc;
}

static void test_description(void **state) {
    gw_error err = {0};
    gw__arena arena = {0};
    char *text = NULL, *of_spec = NULL;
    must(gw_model_describe(model, &text, &err), &err);
    gw__doc *doc = json_of(text, &arena);
    assert_true(gw__slice_is(gw__doc_get(doc, "architecture")->text, "mmoe"));
    assert_int_equal(number(doc, "dense_width"), 9);
    /* embedding; experts 2x(9x8+8); gates 3x(9x2+2); towers 2x(8x4+4 + 4+1) + 8x4+4 + 4x3+3 */
    assert_int_equal(number(doc, "parameters"), 8 * (int)number(gw__doc_get(doc, "features")->last, "rows") + 160 + 60 + 82 + 51);
    assert_int_equal(number(doc, "multiply_adds"), 2 * 72 + 3 * 18 + 2 * 36 + 44 + 3 * 16);
    assert_int_equal(gw__doc_get(doc, "levels")->n, 1);
    assert_int_equal(gw__doc_get(doc, "features")->n, 2);
    assert_int_equal(gw__doc_get(doc, "tasks")->n, 3);
    assert_int_equal(gw__doc_get(gw__doc_get(doc, "tasks")->last, "classes")->n, 3);
    assert_false(gw__doc_is_null(gw__doc_get(doc, "training")));

    gw_train_options options = {.spec_text = spec, .threads = 1};
    must(gw_spec_describe(&options, &of_spec, &err), &err);
    gw__doc *same = json_of(of_spec, &arena);
    assert_int_equal(number(same, "parameters"), number(doc, "parameters"));
    assert_int_equal(number(same, "multiply_adds"), number(doc, "multiply_adds"));
    gw__arena_clear(&arena);
    gw_text_free(of_spec);
    gw_text_free(text);
}

static char *predictions(const gw_model *of) {
    gw_error err = {0};
    const char *path = table_path;
    gw_predict_options options = {.data = {.paths = &path, .n_paths = 1, .threads = 2}, .output_path = output_path};
    int64_t rows, skipped;
    must(gw_predict(of, &options, &rows, &skipped, &err), &err);
    assert_int_equal(rows, ROWS);
    assert_int_equal(skipped, 0);
    FILE *file = fopen(output_path, "rb");
    char *text = calloc(1, 1 << 20);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > ROWS);
    fclose(file);
    return text;
}

static void count_notes(void *context, const gw_event *event) {
    *(int *)context += event->kind == GW_EVENT_NOTE && strstr(event->text, "found by looking");
}

static void test_files_give_the_same_predictions(void **state) {
    gw_error err = {0};
    gw_model *loaded = NULL, *imported = NULL;
    must(gw_model_load(model_path, &loaded, &err), &err);
    must(gw_export(model, "safetensors", weights_path, &err), &err);
    int notes = 0;
    gw_train_options options = {.spec_text = spec, .threads = 1, .listener = count_notes, .listener_context = &notes};
    must(gw_import(&options, weights_path, &imported, &err), &err);
    assert_int_equal(notes, 2); /* both features were typed by looking */
    char *a = predictions(model), *b = predictions(loaded), *c = predictions(imported);
    assert_string_equal(a, b);
    assert_string_equal(a, c);
    free(a);
    free(b);
    free(c);
    gw_model_free(imported);
    gw_model_free(loaded);
}

/* Bytes at any address, which are the caller's again afterwards. */
static void test_parsed_is_equal(void **state) {
    gw_error err = {0};
    gw_model *parsed = NULL;
    FILE *file = fopen(model_path, "rb");
    char *bytes = malloc(1 << 20);
    size_t n = fread(bytes + 1, 1, (1 << 20) - 1, file);
    fclose(file);
    must(gw_model_parse(bytes + 1, n, NULL, &parsed, &err), &err);
    memset(bytes, 0, n + 1);
    char *a = predictions(model), *b = predictions(parsed);
    assert_string_equal(a, b);
    gw_model *none = NULL;
    assert_int_equal(gw_model_parse(bytes, n, "zeros", &none, &err), GW_E_FORMAT);
    assert_null(none);
    free(a);
    free(b);
    free(bytes);
    gw_model_free(parsed);
}

static void test_saved_twice_is_equal(void **state) {
    gw_error err = {0};
    must(gw_model_save(model, weights_path, &err), &err);
    FILE *a = fopen(model_path, "rb"), *b = fopen(weights_path, "rb");
    int x, y;
    size_t n = 0;
    do {
        x = fgetc(a);
        y = fgetc(b);
        assert_int_equal(x, y);
        n++;
    } while (x != EOF);
    assert_true(n > 1000);
    fclose(a);
    fclose(b);
}

/* The model goes nowhere where the spec reads; the table is still there afterwards. */
static void test_inputs_are_not_replaced(void **state) {
    gw_error err = {0};
    gw_model *none = NULL;
    gw_train_options options = {.spec_text = spec, .model_path = table_path, .threads = 1};
    must(gw_export(model, "safetensors", weights_path, &err), &err);
    assert_int_equal(gw_train(&options, NULL, &err), GW_E_ARGUMENT);
    assert_string_equal(err.where, table_path);
    assert_non_null(strstr(err.message, "data.train"));
    assert_int_equal(gw_import(&options, weights_path, &none, &err), GW_E_ARGUMENT);
    assert_string_equal(err.where, table_path);
    options.model_path = weights_path;
    assert_int_equal(gw_import(&options, weights_path, &none, &err), GW_E_ARGUMENT);
    assert_string_equal(err.where, weights_path);
    assert_null(none);
    free(predictions(model));
}

static void test_inspection(void **state) {
    gw_error err = {0};
    gw__arena arena = {0};
    const char *path = table_path;
    char *without = NULL, *one = NULL, *five = NULL;
    gw_data_options data = {.paths = &path, .n_paths = 1, .threads = 1};
    must(gw_model_describe(model, &without, &err), &err);
    must(gw_inspect(model, &data, &one, &err), &err);
    data.threads = 5;
    must(gw_inspect(model, &data, &five, &err), &err);
    assert_string_equal(one, five);
    gw__doc *doc = json_of(one, &arena), *bare = json_of(without, &arena);
    assert_int_equal(doc->n, bare->n + 1);
    assert_non_null(gw__doc_get(bare, "warnings"));
    const gw__doc *health = gw__doc_get(doc, "health");
    assert_int_equal(number(health, "rows"), ROWS < 1024 ? ROWS : 1024);
    assert_int_equal(gw__doc_get(health, "gates")->n, 3);
    assert_int_equal(gw__doc_get(health, "experts")->n, 2);
    path = "nowhere.csv";
    assert_int_equal(gw_inspect(model, &data, &one, &err), GW_E_IO);
    gw__arena_clear(&arena);
    gw_text_free(without);
    gw_text_free(one);
    gw_text_free(five);
}

static void test_evaluation(void **state) {
    gw_error err = {0};
    gw__arena arena = {0};
    const char *path = table_path;
    char *one = NULL, *five = NULL;
    gw_data_options data = {.paths = &path, .n_paths = 1, .threads = 1};
    must(gw_evaluate(model, &data, true, &one, &err), &err);
    data.threads = 5;
    must(gw_evaluate(model, &data, true, &five, &err), &err);
    assert_string_equal(one, five);
    gw__doc *doc = json_of(one, &arena);
    assert_int_equal(number(doc, "rows"), ROWS);
    const gw__doc *tasks = gw__doc_get(doc, "tasks"), *gates = gw__doc_get(doc, "gates");
    assert_true(number(gw__doc_get(tasks, "y"), "auc") > 0.9);
    assert_true(number(gw__doc_get(tasks, "v"), "r2") > 0.5);
    assert_true(number(gw__doc_get(tasks, "k"), "accuracy") > 0.8);
    assert_int_equal(gates->n, 3);
    for (const gw__doc *gate = gates->first; gate; gate = gate->next) {
        double sum = 0;
        for (const gw__doc *e = gw__doc_get(gate, "experts")->first; e; e = e->next) sum += number(e, "weight");
        assert_true(fabs(sum - 1) < 1e-5);
    }
    gw__arena_clear(&arena);
    gw_text_free(one);
    gw_text_free(five);
}

/* The AUC that evaluation gives is the AUC of the predictions that predict writes. */
static void test_evaluation_is_of_the_predictions(void **state) {
    gw_error err = {0};
    gw__arena arena = {0};
    const char *path = table_path;
    char *json = NULL, *text = predictions(model), *line = strchr(text, '\n') + 1;
    double *p = calloc(ROWS, sizeof *p), pairs = 0, won = 0;
    int *y = calloc(ROWS, sizeof *y);
    for (int i = 0; i < ROWS; i++) {
        double x = (double)(i * 37 % 101) / 50 - 1;
        y[i] = x + 0.2 * (i % 4) > 0.3;
        assert_true(gw__parse_double((gw__slice){line, strcspn(line, ",")}, &p[i]));
        line = strchr(line, '\n') + 1;
    }
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < ROWS; k++) {
            if (!y[i] || y[k]) continue;
            pairs++;
            won += p[i] > p[k] ? 1 : p[i] == p[k] ? 0.5 : 0;
        }
    gw_data_options data = {.paths = &path, .n_paths = 1};
    must(gw_evaluate(model, &data, false, &json, &err), &err);
    gw__doc *doc = json_of(json, &arena);
    assert_null(gw__doc_get(doc, "gates"));
    double auc = number(gw__doc_get(gw__doc_get(doc, "tasks"), "y"), "auc");
    assert_true(fabs(auc - won / pairs) < 1e-9);
    gw__arena_clear(&arena);
    gw_text_free(json);
    free(p);
    free(y);
    free(text);
}

static void test_evaluation_of_other_tables(void **state) {
    gw_error err = {0};
    char *json = NULL;
    const char *path = output_path;
    FILE *file = fopen(output_path, "wb");
    fputs("x,c,y,v,k\n0.5,a,1,1,low\nwrong,a,1,1,low\n0.1,b,0,,high\n", file);
    fclose(file);
    gw_data_options data = {.paths = &path, .n_paths = 1, .threads = 1};
    assert_int_equal(gw_evaluate(model, &data, false, &json, &err), GW_E_DATA);
    assert_string_equal(err.where, output_path);
    assert_int_equal(err.line, 3);
    data.skip_bad_rows = true;
    must(gw_evaluate(model, &data, true, &json, &err), &err);
    static const char beginning[] = "{\"rows\":2,\"skipped\":1,\"tasks\":{\"y\":{";
    if (strncmp(json, beginning, strlen(beginning)) != 0) fail_msg("%s", json);
    gw_text_free(json);
    file = fopen(output_path, "wb");
    fputs("x,c,v,k\n0.5,a,1,low\n", file);
    fclose(file);
    assert_int_equal(gw_evaluate(model, &data, false, &json, &err), GW_E_DATA);
    assert_non_null(strstr(err.message, "'y'"));
    assert_string_equal(err.where, output_path);
}

/* ---- comparing ---- */

typedef struct heard {
    size_t epochs, ends, last_ended;
    bool orderly;
} heard;

static void hear(void *context, const gw_compare_event *event) {
    heard *h = context;
    const bool wide = strcmp(event->label, "wide") == 0;
    h->orderly &= (wide || strcmp(event->label, "mmoe") == 0) && event->runs == 4 && event->ended >= h->last_ended && (event->seed == 1 || event->seed == 2);
    h->orderly &= event->event->run == 2 * (size_t)wide + (size_t)(event->seed - 1);
    h->epochs += event->event->kind == GW_EVENT_EPOCH;
    h->ends += event->event->kind == GW_EVENT_END;
    h->last_ended = event->ended;
}

static void test_comparison(void **state) {
    gw_error err = {0};
    char *json = NULL;
    heard h = {.orderly = true};
    const char *const epochs[] = {"train.epochs=2"}, *const wide[] = {"model.experts.hidden=[16]"};
    const gw_compare_entry entries[] = {{.architecture = "mmoe"}, {.label = "wide", .overrides = wide, .n_overrides = 1}};
    const gw_compare_options options = {.base = {.spec_text = spec, .overrides = epochs, .n_overrides = 1, .threads = 2}, .entries = entries, .n_entries = 2, .runs = 2,
                                  .baseline = "mmoe", .listener = hear, .listener_context = &h};
    must(gw_compare(&options, &json, &err), &err);
    assert_true(h.orderly);
    assert_int_equal(h.epochs, 8);
    assert_int_equal(h.ends, 4);
    assert_int_equal(h.last_ended, 4);
    gw__arena arena = {0};
    gw__doc *result;
    must(gw__doc_parse_json(json, strlen(json), "comparison", &arena, &result, &err), &err);
    const gw__doc *list = gw__doc_get(result, "architectures"), *label = gw__doc_get(list->last, "label"), *kind = gw__doc_get(list->last, "architecture");
    assert_int_equal(list->n, 2);
    assert_true(gw__slice_is(label->text, "wide") && gw__slice_is(kind->text, "mmoe")); /* the spec's own */
    gw__arena_clear(&arena);
    gw_text_free(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_model_says),
        cmocka_unit_test(test_comparison),
        cmocka_unit_test(test_description),
        cmocka_unit_test(test_files_give_the_same_predictions),
        cmocka_unit_test(test_parsed_is_equal),
        cmocka_unit_test(test_saved_twice_is_equal),
        cmocka_unit_test(test_inputs_are_not_replaced),
        cmocka_unit_test(test_inspection), cmocka_unit_test(test_evaluation),
        cmocka_unit_test(test_evaluation_is_of_the_predictions),
        cmocka_unit_test(test_evaluation_of_other_tables),
    };
    return cmocka_run_group_tests(tests, train_model, remove_all);
}
