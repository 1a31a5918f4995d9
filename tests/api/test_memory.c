/* Every allocation of the public functions fails in turn: a status, nothing leaked, nothing half-written. */
#include <unistd.h>

#include "fail_alloc.h"
#include "testing.h"

#define ROWS 40

static char directory[64], table_path[96], model_path[96], output_path[96], weights_path[96], spec[512];
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
    snprintf(weights_path, sizeof weights_path, "%s/w.safetensors", directory);
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

static void test_models(void **state) {
    assert_true(fail_each_allocation(load, NULL) > 10);
    assert_true(fail_each_allocation(save, NULL) > 5);
    assert_true(fail_each_allocation(describe, NULL) > 0);
}

static void test_tables(void **state) {
    assert_true(fail_each_allocation(evaluate, NULL) > 10);
    for (int format = 0; format <= GW_OUTPUT_NPY; format++) assert_true(fail_each_allocation(predict, &format) > 10);
    assert_true(fail_each_allocation(init, NULL) > 10);
}

static void test_weights(void **state) {
    assert_true(fail_each_allocation(import, NULL) > 20);
    assert_true(fail_each_allocation(export, NULL) > 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models), cmocka_unit_test(test_tables), cmocka_unit_test(test_weights)};
    return cmocka_run_group_tests(tests, make_model, remove_all);
}
