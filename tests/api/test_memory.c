/* Every allocation of the public functions fails in turn: a status, nothing leaked, nothing half-written. */
#include <unistd.h>

#include "fail_alloc.h"
#include "testing.h"

#define ROWS 40

static char directory[64], table_path[96], model_path[96], output_path[96], weights_path[96], folder_path[96], truth_path[96], spec[512];
static const char *table = table_path;
static gw_model *model;

static void must(gw_status status, const gw_error *err) {
    if (status != GW_OK) fail_msg("%s: %s", err->where, err->message);
}

static int make_model(void **state) {
    gw_error err = {0};
    strcpy(directory, "/tmp/gw-mem-XXXXXX");
    if (!mkdtemp(directory)) return -1;
    snprintf(table_path, sizeof table_path, "%s/t.csv", directory);
    snprintf(model_path, sizeof model_path, "%s/m.gw", directory);
    snprintf(output_path, sizeof output_path, "%s/out", directory);
    snprintf(folder_path, sizeof folder_path, "%s/compared", directory);
    snprintf(weights_path, sizeof weights_path, "%s/w.safetensors", directory);
    snprintf(truth_path, sizeof truth_path, "%s/truth.json", directory);
    FILE *file = fopen(table_path, "wb");
    fprintf(file, "x,c,b,y,v\n");
    for (int i = 0; i < ROWS; i++) fprintf(file, "%d.5,%c,%s,%d,%d\n", i % 9, 'a' + i % 3, i % 2 ? "p|q" : "q", i % 4 == 0, i % 10);
    fclose(file);
    snprintf(spec, sizeof spec,
             "{\"data\":{\"train\":\"%s\"},\"features\":{\"columns\":{\"b\":{\"type\":\"bag\"}}},"
             "\"tasks\":{\"y\":{\"type\":\"binary\"},\"v\":{\"type\":\"regression\"}},"
             "\"model\":{\"architecture\":\"ple\",\"experts\":{\"hidden\":[4]},\"towers\":{\"hidden\":[]}},\"train\":{\"epochs\":1}}",
             table_path);
    gw_train_options options = {.spec_text = spec, .model_path = model_path, .threads = 1};
    must(gw_train(&options, &model, &err), &err);
    must(gw_export(model, "safetensors", weights_path, &err), &err);
    return 0;
}

static int remove_all(void **state) {
    gw_model_free(model);
    unlink(table_path);
    unlink(model_path);
    unlink(output_path);
    unlink(weights_path);
    unlink(truth_path);
    return rmdir(directory); /* fails if anything half-written was left */
}

static gw_status load(void *context, gw_error *err) {
    gw_model *loaded = NULL;
    gw_status status = gw_model_load(model_path, &loaded, err);
    gw_model_free(loaded);
    return status;
}

static gw_status save(void *context, gw_error *err) {
    return gw_model_save(model, output_path, err);
}

static gw_status describe(void *context, gw_error *err) {
    char *json = NULL;
    gw_status status = gw_model_describe(model, &json, err);
    gw_text_free(json);
    return status;
}

static gw_status evaluate(void *context, gw_error *err) {
    char *json = NULL;
    gw_data_options data = {.paths = &table, .n_paths = 1, .threads = 1};
    gw_status status = gw_evaluate(model, &data, true, &json, err);
    gw_text_free(json);
    return status;
}

static gw_status inspect(void *context, gw_error *err) {
    char *json = NULL;
    gw_data_options data = {.paths = &table, .n_paths = 1, .threads = 1};
    gw_status status = gw_inspect(model, &data, &json, err);
    gw_text_free(json);
    return status;
}

static gw_status predict(void *context, gw_error *err) {
    const char *keep[] = {"c"};
    gw_output_format format = *(gw_output_format *)context;
    gw_predict_options options = {.data = {.paths = &table, .n_paths = 1, .threads = 1}, .output_path = output_path, .format = format, .gates = true,
                                  .keep = keep, .n_keep = format == GW_OUTPUT_NPY ? 0 : 1};
    return gw_predict(model, &options, NULL, NULL, err);
}

static gw_status import(void *context, gw_error *err) {
    gw_model *imported = NULL;
    gw_train_options options = {.spec_text = spec, .threads = 1};
    gw_status status = gw_import(&options, weights_path, &imported, err);
    gw_model_free(imported);
    return status;
}

static gw_status export(void *context, gw_error *err) {
    return gw_export(model, "safetensors", output_path, err);
}

static gw_status init(void *context, gw_error *err) {
    const char *tasks[] = {"y", "v:multiclass"};
    gw_data_options data = {.paths = &table, .n_paths = 1};
    char *yaml = NULL;
    gw_status status = gw_spec_init(&data, tasks, 2, &yaml, err);
    gw_text_free(yaml);
    return status;
}

/* ---- comparing ---- */

static const char *const results[] = {"compare.json", "compare.csv", "runs.csv", "report.html", "single-task.html", "mmoe.html", "wide.html"};
enum { RESULTS = sizeof results / sizeof *results };

static gw_status compare(const gw_compare_entry *entries, gw_error *err) {
    const char *valid = "data.valid={fraction: 0.3}";
    char *json = NULL;
    const gw_compare_options options = {.base = {.spec_text = spec, .overrides = &valid, .n_overrides = 1, .threads = 1}, .entries = entries, .n_entries = 2,
                                        .runs = 1, .match_parameters = true, .output_dir = folder_path};
    gw_status status = gw_compare(&options, &json, err);
    assert_true(json || status != GW_OK);
    if (json) assert_string_equal(json + strlen(json) - 7, "}]}]}]}"); /* whole, also where the files could not be made */
    gw_text_free(json);
    return status;
}

/* How many there were; the folder goes with them. */
static int remove_results(void) {
    int n = 0;
    for (size_t i = 0; i < RESULTS; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", folder_path, results[i]);
        n += unlink(path) == 0;
    }
    assert_true((rmdir(folder_path) == 0) == (n > 0));
    return n;
}

/* An epoch's event may be left out for want of memory, which the comparison must see: either all is there, or it says so. */
static void test_comparisons(void **state) {
    const gw_compare_entry entries[] = {{.architecture = "mmoe"}, {.label = "wide", .architecture = "cgc"}};
    gw_error err = {0};
    size_t before = count_allocations(), n_failed = 0;
    must(compare(entries, &err), &err);
    assert_int_equal(remove_results(), RESULTS);
    const size_t n = count_allocations() - before;
    for (size_t i = 1; i <= n; i += 7) {
        const long blocks = count_live_blocks();
        fail_allocation(i);
        gw_status status = compare(entries, &err);
        fail_allocation(0);
        if (status != GW_OK && status != GW_E_NOMEM) fail_msg("allocation %zu of %zu: %d %s", i, n, (int)status, err.message);
        n_failed += status == GW_E_NOMEM;
        assert_int_equal(count_live_blocks(), blocks);
        assert_int_equal(remove_results(), status == GW_OK ? RESULTS : 0);
    }
    assert_true(n_failed > n / 7 / 2);
}

/* ---- a report ---- */

static gw_status report(void *context, gw_error *err) {
    gw_model *trained = NULL;
    const char *overrides[] = {"data.valid={fraction: 0.3}", "train.epochs=2"};
    const gw_train_options options = {.spec_text = spec, .overrides = overrides, .n_overrides = 2, .report_path = output_path, .threads = 1};
    gw_status status = gw_train(&options, &trained, err);
    gw_model_free(trained);
    return status;
}

/* The page, owned by the caller; NULL if there is none. */
static char *take_page(void) {
    char *page = NULL;
    size_t n;
    FILE *file = fopen(output_path, "rb");
    if (!file) return NULL;
    if (getdelim(&page, &n, 0, file) < 0) page[0] = '\0';
    fclose(file);
    unlink(output_path);
    return page;
}

/* Either the page is whole or it says so, and there is none. */
static void test_reports(void **state) {
    gw_error err = {0};
    const size_t before = count_allocations();
    must(report(NULL, &err), &err);
    const size_t n = count_allocations() - before;
    char *whole = take_page();
    size_t n_failed = 0;
    assert_non_null(strstr(whole, "</html>"));
    for (size_t i = 1; i <= n; i += 5) {
        const long blocks = count_live_blocks();
        fail_allocation(i);
        const gw_status status = report(NULL, &err);
        fail_allocation(0);
        if (status != GW_OK && status != GW_E_NOMEM) fail_msg("allocation %zu of %zu: %d %s", i, n, (int)status, err.message);
        assert_int_equal(count_live_blocks(), blocks);
        char *page = take_page();
        if ((status == GW_OK) != (page != NULL) || (page && strcmp(page, whole) != 0)) fail_msg("allocation %zu of %zu: the page is not whole", i, n);
        n_failed += status == GW_E_NOMEM;
        free(page);
    }
    assert_true(n_failed > n / 5 / 2);
    free(whole);
}

static gw_status synthesize(void *context, gw_error *err) {
    gw_synth_options options = {.kind = context, .output_path = output_path, .truth_path = truth_path, .rows = 3, .dim = 4};
    return gw_synth(&options, err);
}

static void test_generated(void **state) {
    assert_true(fail_each_allocation(synthesize, "mmoe") > 8);
    assert_true(fail_each_allocation(synthesize, "clusters") > 7);
}

static void test_models(void **state) {
    assert_true(fail_each_allocation(load, NULL) > 10);
    assert_true(fail_each_allocation(save, NULL) > 5);
    assert_true(fail_each_allocation(describe, NULL) > 0);
}

static void test_tables(void **state) {
    assert_true(fail_each_allocation(evaluate, NULL) > 10);
    assert_true(fail_each_allocation(inspect, NULL) > 10);
    for (int format = 0; format <= GW_OUTPUT_NPY; format++) assert_true(fail_each_allocation(predict, &format) > 10);
    assert_true(fail_each_allocation(init, NULL) > 10);
}

static void test_weights(void **state) {
    assert_true(fail_each_allocation(import, NULL) > 20);
    assert_true(fail_each_allocation(export, NULL) > 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models), cmocka_unit_test(test_tables), cmocka_unit_test(test_weights),
                                       cmocka_unit_test(test_comparisons), cmocka_unit_test(test_reports), cmocka_unit_test(test_generated)};
    return cmocka_run_group_tests(tests, make_model, remove_all);
}
