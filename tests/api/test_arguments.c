/* Every public function survives what it was not made for, and says what is wrong. */
#include "gatewright.h"
#include "testing.h"

/* Not a model: only its address is used, for checks that come before anybody looks inside. */
static char place[1];
#define MODEL ((gw_model *)(void *)place)
#define SESSION ((gw_session *)(void *)place)

static gw_error err;

static void refused(gw_status status, const char *subject) {
    assert_int_equal(status, GW_E_ARGUMENT);
    assert_int_equal(err.code, GW_E_ARGUMENT);
    if (!strstr(err.message, subject)) fail_msg("expected '%s' in: %s", subject, err.message);
    memset(&err, 0, sizeof err);
}

static void test_statuses(void **state) {
#define X(name, number, word, exit_code)                      \
    assert_string_equal(gw_status_word(name), word);          \
    assert_int_equal(gw_status_exit_code(name), exit_code);
    GW_STATUS_ROSTER(X)
#undef X
    assert_string_equal(gw_status_word((gw_status)99), "unknown");
    assert_int_equal(gw_status_exit_code((gw_status)99), 1);
    assert_string_equal(gw_version(), GW_VERSION);
    gw_text_free(NULL);
}

static void test_models(void **state) {
    gw_model *model = NULL;
    gw_task_info task;
    gw_feature_info feature;
    char *json = NULL;
    refused(gw_model_load(NULL, &model, &err), "'path'");
    refused(gw_model_load("x", NULL, &err), "'ret_model'");
    refused(gw_model_parse(NULL, 0, NULL, &model, &err), "'bytes'");
    refused(gw_model_parse("x", 1, NULL, NULL, &err), "'ret_model'");
    refused(gw_model_save(NULL, "x", &err), "'model'");
    refused(gw_model_save(MODEL, NULL, &err), "'path'");
    refused(gw_model_task_at(NULL, 0, &task, &err), "'model'");
    refused(gw_model_task_at(MODEL, 0, NULL, &err), "'ret_info'");
    refused(gw_model_feature_at(NULL, 0, &feature, &err), "'model'");
    refused(gw_model_feature_at(MODEL, 0, NULL, &err), "'ret_info'");
    refused(gw_model_describe(NULL, &json, &err), "'model'");
    refused(gw_model_describe(MODEL, NULL, &err), "'ret_json'");
    assert_int_equal(gw_model_task_count(NULL) + gw_model_feature_count(NULL) + gw_model_dense_width(NULL) + gw_model_output_width(NULL), 0);
    assert_null(gw_model_class_name(NULL, 0, 0));
    gw_model_free(NULL);
    assert_int_equal(gw_model_load("/no/such/file", &model, &err), GW_E_IO);
    assert_string_equal(err.where, "/no/such/file");
    assert_int_equal(gw_model_load("/no/such/file", &model, NULL), GW_E_IO);
    assert_int_equal(gw_model_parse("", 0, NULL, &model, &err), GW_E_FORMAT);
    assert_string_equal(err.where, "model");
    assert_int_equal(gw_model_parse("no model, but a text", 20, "a name", &model, &err), GW_E_FORMAT);
    assert_string_equal(err.where, "a name");
    assert_null(model);
}

static void test_sessions(void **state) {
    gw_session *session = NULL;
    gw_column column = {.name = "x"};
    float score[1], dense[1] = {0};
    refused(gw_session_new(NULL, 1, &session, &err), "'model'");
    refused(gw_session_new(MODEL, 1, NULL, &err), "'ret_session'");
    refused(gw_session_new(MODEL, 0, &session, &err), "'max_rows'");
    refused(gw_session_score(NULL, &column, 1, 1, score, &err), "'session'");
    refused(gw_session_score(SESSION, NULL, 1, 1, score, &err), "'columns'");
    refused(gw_session_score(SESSION, &column, 1, 0, score, &err), "'n_rows'");
    refused(gw_session_score(SESSION, &column, 1, 1, NULL, &err), "'ret_score'");
    refused(gw_session_score_candidates(NULL, &column, 1, &column, 1, 1, score, &err), "'session'");
    refused(gw_session_score_candidates(SESSION, NULL, 1, &column, 1, 1, score, &err), "'user'");
    refused(gw_session_score_candidates(SESSION, &column, 1, NULL, 1, 1, score, &err), "'candidates'");
    refused(gw_session_score_candidates(SESSION, &column, 1, &column, 1, 0, score, &err), "'n_candidates'");
    refused(gw_session_score_candidates(SESSION, &column, 1, &column, 1, 1, NULL, &err), "'ret_score'");
    refused(gw_session_score_dense(NULL, dense, 1, score, &err), "'session'");
    refused(gw_session_score_dense(SESSION, NULL, 1, score, &err), "'dense'");
    refused(gw_session_score_dense(SESSION, dense, 0, score, &err), "'n_rows'");
    refused(gw_session_score_dense(SESSION, dense, 1, NULL, &err), "'ret_score'");
    gw_session_free(NULL);
}

static void test_instruction_sets(void **state) {
    assert_string_equal(gw_isa_at(0), "reference");
    assert_non_null(gw_isa_at(1));
    assert_null(gw_isa_at(100));
    assert_int_equal(gw_isa_check(NULL, NULL), GW_OK);
    for (size_t i = 0; gw_isa_at(i); i++) assert_int_equal(gw_isa_check(gw_isa_at(i), NULL), GW_OK);
    refused(gw_isa_check("", &err), "(reference");
    refused(gw_isa_check("AVX2", &err), "'AVX2'");
    refused(gw_model_use_isa(NULL, NULL, &err), "'model'");
    assert_null(gw_model_isa(NULL));
}

static void test_training(void **state) {
    gw_model *model = NULL;
    char *json = NULL;
    const char *holes[] = {"a=1", NULL};
    gw_train_options both = {.spec_path = "a.yaml", .spec_text = "{}"}, neither = {0}, nowhere = {.spec_text = "{}"},
                     hollow = {.spec_text = "{}", .overrides = holes, .n_overrides = 2}, missing = {.spec_text = "{}", .n_overrides = 1},
                     foreign = {.spec_text = "{}", .isa = "sse9"}, crowd = {.spec_text = "{}", .threads = 100000}, hasty = {.spec_text = "{}", .health = (gw_health)9},
                     twice = {.spec_text = "{}", .init_path = "a", .resume_path = "b"};
    refused(gw_train(NULL, &model, &err), "'options'");
    refused(gw_train(&hasty, &model, &err), "'health'");
    refused(gw_train(&both, &model, &err), "both");
    refused(gw_train(&neither, &model, &err), "neither");
    refused(gw_train(&nowhere, NULL, &err), "'model_path'");
    refused(gw_train(&hollow, &model, &err), "'overrides[1]'");
    refused(gw_train(&missing, &model, &err), "'overrides'");
    refused(gw_train(&crowd, &model, &err), "'threads'");
    refused(gw_train(&foreign, &model, &err), "'sse9'");
    refused(gw_import(&foreign, "w", &model, &err), "(reference");
    refused(gw_train(&twice, &model, &err), "'resume_path'");
    refused(gw_import(NULL, "w", &model, &err), "'options'");
    refused(gw_import(&nowhere, NULL, &model, &err), "'weights_path'");
    refused(gw_import(&nowhere, "w", NULL, &err), "'ret_model'");
    refused(gw_spec_describe(&both, &json, &err), "both");
    refused(gw_spec_describe(&nowhere, NULL, &err), "'ret_json'");
    assert_null(model);
    assert_null(json);
}

static void test_many_runs(void **state) {
    const char *hole[] = {NULL};
    gw_run_options runs[2] = {{0}}, hollow = {.overrides = hole, .n_overrides = 1};
    gw_run_result results[2] = {{0}};
    gw_train_options base = {.spec_text = "{}"}, saved = {.spec_text = "{}", .model_path = "m"}, resumed = {.spec_text = "{}", .resume_path = "c"}, neither = {0};
    const gw_train_options shown = {.spec_text = "{}", .report_path = "r"};
    refused(gw_train_many(NULL, runs, 2, results, &err), "'options'");
    refused(gw_train_many(&neither, runs, 2, results, &err), "neither");
    refused(gw_train_many(&base, NULL, 2, results, &err), "'runs'");
    refused(gw_train_many(&base, runs, 2, NULL, &err), "'ret_results'");
    refused(gw_train_many(&saved, runs, 2, results, &err), "'base.model_path'");
    refused(gw_train_many(&base, &hollow, 1, results, &err), "'run.overrides[0]'");
    refused(gw_train_many(&shown, runs, 2, results, &err), "'base.report_path'");
    refused(gw_train_many(&resumed, runs, 2, results, &err), "'base.resume_path'");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(results[i].status, GW_E_ARGUMENT);
        assert_non_null(strstr(results[i].error.message, "'base.resume_path'"));
    }
    assert_int_equal(gw_train_many(&base, NULL, 0, NULL, &err), GW_OK);
    gw_run_results_clear(results, 2);
    assert_int_equal(results[0].status, GW_OK);
    gw_run_results_clear(NULL, 0);
}

static void hear_no_event(void *context, const gw_event *event) { fail_msg("something was trained"); }

static void test_comparisons(void **state) {
    char *json = NULL;
    const char *hole[] = {NULL};
    const gw_compare_entry entries[] = {{.architecture = "mmoe"}, {0}}, hollow = {.label = "a", .overrides = hole, .n_overrides = 1}, nameless = {.label = ""};
    const gw_train_options base = {.spec_text = "{}"};
    refused(gw_compare(NULL, &json, &err), "'options'");
    refused(gw_compare(&(gw_compare_options){.entries = entries, .n_entries = 1, .runs = 1}, &json, &err), "neither");
    refused(gw_compare(&(gw_compare_options){.base = base, .runs = 1}, &json, &err), "'entries' is empty");
    refused(gw_compare(&(gw_compare_options){.base = base, .n_entries = 1, .runs = 1}, &json, &err), "'entries' is NULL");
    refused(gw_compare(&(gw_compare_options){.base = base, .entries = entries, .n_entries = 1}, &json, &err), "'runs'");
    refused(gw_compare(&(gw_compare_options){.base = base, .entries = entries, .n_entries = 2, .runs = 1}, &json, &err), "'label' or 'architecture'");
    refused(gw_compare(&(gw_compare_options){.base = base, .entries = &hollow, .n_entries = 1, .runs = 1}, &json, &err), "'entry.overrides[0]'");
    refused(gw_compare(&(gw_compare_options){.base = base, .entries = &nameless, .n_entries = 1, .runs = 1}, &json, &err), "'entry.label'");
    refused(gw_compare(&(gw_compare_options){.base = base, .entries = entries, .n_entries = 1, .runs = 1}, NULL, &err), "'ret_json'");
    const gw_train_options saved[] = {{.spec_text = "{}", .model_path = "m"}, {.spec_text = "{}", .init_path = "m"}, {.spec_text = "{}", .resume_path = "c"},
                                      {.spec_text = "{}", .listener = hear_no_event}};
    for (size_t i = 0; i < sizeof saved / sizeof *saved; i++)
        refused(gw_compare(&(gw_compare_options){.base = saved[i], .entries = entries, .n_entries = 1, .runs = 1}, &json, &err), "'base'");
    assert_null(json);
}

static void test_files(void **state) {
    char *text = NULL;
    const char *paths[] = {"a.csv"}, *tasks[] = {"y"}, *hole[] = {NULL};
    gw_data_options data = {.paths = paths, .n_paths = 1}, empty = {0}, hollow = {.paths = hole, .n_paths = 1};
    gw_predict_options predict = {.data = data, .output_path = "o"}, no_output = {.data = data},
                       odd = {.data = data, .output_path = "o", .format = (gw_output_format)7},
                       no_keep = {.data = data, .output_path = "o", .n_keep = 1};
    refused(gw_evaluate(NULL, &data, false, &text, &err), "'model'");
    refused(gw_evaluate(MODEL, NULL, false, &text, &err), "'data'");
    refused(gw_evaluate(MODEL, &empty, false, &text, &err), "'data.paths'");
    refused(gw_evaluate(MODEL, &hollow, false, &text, &err), "'data.paths[0]'");
    refused(gw_evaluate(MODEL, &data, false, NULL, &err), "'ret_json'");
    refused(gw_inspect(NULL, &data, &text, &err), "'model'");
    refused(gw_inspect(MODEL, NULL, &text, &err), "'data'");
    refused(gw_inspect(MODEL, &empty, &text, &err), "'data.paths'");
    refused(gw_inspect(MODEL, &data, NULL, &err), "'ret_json'");
    refused(gw_predict(NULL, &predict, NULL, NULL, &err), "'model'");
    refused(gw_predict(MODEL, NULL, NULL, NULL, &err), "'options'");
    refused(gw_predict(MODEL, &no_output, NULL, NULL, &err), "'output_path'");
    refused(gw_predict(MODEL, &odd, NULL, NULL, &err), "'format'");
    refused(gw_predict(MODEL, &no_keep, NULL, NULL, &err), "'keep'");
    refused(gw_spec_init(NULL, tasks, 1, &text, &err), "'data'");
    refused(gw_spec_init(&data, tasks, 0, &text, &err), "'tasks'");
    refused(gw_spec_init(&data, hole, 1, &text, &err), "'tasks[0]'");
    refused(gw_spec_init(&data, tasks, 1, NULL, &err), "'ret_yaml'");
    assert_null(text);
}

static void test_exports(void **state) {
    refused(gw_export(NULL, "safetensors", "o", &err), "'model'");
    refused(gw_export(MODEL, NULL, "o", &err), "'format'");
    refused(gw_export(MODEL, "safetensors", NULL, &err), "'path'");
    refused(gw_export(MODEL, "safetensor", "o", &err), "did you mean 'safetensors'?");
    assert_int_equal(gw_export(MODEL, "onnx", "o", &err), GW_E_UNSUPPORTED);
    assert_int_equal(gw_export(MODEL, "c", "o", &err), GW_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "'c'"));
}

static void test_generated(void **state) {
    const double one = 1, not_a_number = 0.0 / 0.0;
    refused(gw_synth(NULL, &err), "'options'");
    refused(gw_synth(&(gw_synth_options){.output_path = "x"}, &err), "'kind'");
    refused(gw_synth(&(gw_synth_options){.kind = "mmoe"}, &err), "'output_path'");
    refused(gw_synth(&(gw_synth_options){.kind = "mmoe", .output_path = "x", .rows = -1}, &err), "'rows'");
    refused(gw_synth(&(gw_synth_options){.kind = "mmoe", .output_path = "x", .first_row = -1}, &err), "'first_row'");
    refused(gw_synth(&(gw_synth_options){.kind = "mmoe", .output_path = "x", .n_alpha = 1}, &err), "'alpha'");
    refused(gw_synth(&(gw_synth_options){.kind = "mmoe", .output_path = "x", .alpha = &one, .n_alpha = 1, .n_beta = 1}, &err), "'beta'");
    refused(gw_synth(&(gw_synth_options){.kind = "mmoe", .output_path = "x", .alpha = &not_a_number, .n_alpha = 1, .beta = &one, .n_beta = 1}, &err), "'alpha'");
    refused(gw_synth(&(gw_synth_options){.kind = "clusters", .output_path = "x", .scale = &not_a_number}, &err), "'scale'");
    refused(gw_synth(&(gw_synth_options){.kind = "clusters", .output_path = "x", .sines = 3, .has_sines = true}, &err), "'sines'");
}

static void hear_nothing(void *context, const gw_bench_event *event) { fail_msg("something was measured"); }

static void test_bench(void **state) {
    const char *unknown[] = {"no such shape", NULL};
    refused(gw_bench(NULL, &err), "'options'");
    refused(gw_bench(&(gw_bench_options){.threads = 1}, &err), "'listener'");
    refused(gw_bench(&(gw_bench_options){.listener = hear_nothing, .threads = 1025}, &err), "'threads'");
    refused(gw_bench(&(gw_bench_options){.listener = hear_nothing, .seconds = -1}, &err), "'seconds'");
    refused(gw_bench(&(gw_bench_options){.listener = hear_nothing, .seconds = 0.0 / 0.0}, &err), "'seconds'");
    refused(gw_bench(&(gw_bench_options){.listener = hear_nothing, .shapes = NULL, .n_shapes = 1}, &err), "'shapes'");
    refused(gw_bench(&(gw_bench_options){.listener = hear_nothing, .shapes = unknown, .n_shapes = 1}, &err), "no such shape");
    refused(gw_bench(&(gw_bench_options){.listener = hear_nothing, .shapes = unknown, .n_shapes = 2}, &err), "'shapes[1]'");
    refused(gw_bench(&(gw_bench_options){.listener = hear_nothing, .isa = "abacus"}, &err), "abacus");
    assert_string_equal(gw_bench_shape_at(0), "article-mmoe");
    assert_null(gw_bench_shape_at(99));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses), cmocka_unit_test(test_models), cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_instruction_sets), cmocka_unit_test(test_training), cmocka_unit_test(test_many_runs), cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_files), cmocka_unit_test(test_exports), cmocka_unit_test(test_generated), cmocka_unit_test(test_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
