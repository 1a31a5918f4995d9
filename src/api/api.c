/* The definitions of gatewright.h: arguments are checked here, the work is done below. */
#include "gatewright.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "interop/weights.h"
#include "kern/kernels.h"
#include "train/assess.h"
#include "lab/bench.h"
#include "lab/compare.h"
#include "lab/init.h"
#include "lab/report_run.h"
#include "lab/synth.h"
#include "model/describe.h"
#include "model/model.h"
#include "serve/predict.h"
#include "serve/session.h"
#include "train/look.h"
#include "train/many.h"
#include "train/train.h"

#define MAX_THREADS 1024
#define MAX_BENCH_SECONDS 3600

/* ---- status ---- */

static const struct { const char *word; int exit_code; } statuses[] = {
#define X(name, number, word, exit_code) [number] = {word, exit_code},
    GW_STATUS_ROSTER(X)
#undef X
};

const char *gw_status_word(gw_status status) {
    size_t i = (size_t)status;
    return i < GW__COUNT(statuses) ? statuses[i].word : "unknown";
}

int gw_status_exit_code(gw_status status) {
    size_t i = (size_t)status;
    return i < GW__COUNT(statuses) ? statuses[i].exit_code : 1;
}

const char *gw_version(void) {
    return GW_VERSION;
}

void gw_text_free(char *text) {
    gw__text_clear(&(gw__text){.at = text});
}

/* Hand a finished text to the caller, or free it. */
static gw_status give_text(gw_status status, gw__text *text, char **ret_text, gw_error *err) {
    if (status == GW_OK && (text->failed || !text->at)) status = gw__fail_nomem(err);
    if (status == GW_OK)
        *ret_text = text->at;
    else
        gw__text_clear(text);
    return status;
}

/* ---- checks ---- */

static gw_status need(const void *argument, const char *name, gw_error *err) {
    return argument ? GW_OK : gw__fail(err, GW_E_ARGUMENT, "'%s' is NULL", name);
}

static gw_status need_list(const char *const *list, size_t n, const char *name, gw_error *err) {
    if (n > 0 && !list) return gw__fail(err, GW_E_ARGUMENT, "'%s' is NULL but %zu were promised", name, n);
    for (size_t i = 0; i < n; i++)
        if (!list[i]) return gw__fail(err, GW_E_ARGUMENT, "'%s[%zu]' is NULL", name, i);
    return GW_OK;
}

static gw_status check_threads(size_t threads, gw_error *err) {
    if (threads <= MAX_THREADS) return GW_OK;
    return gw__fail(err, GW_E_ARGUMENT, "'threads': expected at most %d but found %zu", MAX_THREADS, threads);
}

static gw_status check_data(const gw_data_options *data, gw_error *err) {
    gw_status status = need(data, "data", err);
    if (status == GW_OK) status = need_list(data->paths, data->n_paths, "data.paths", err);
    if (status == GW_OK && data->n_paths == 0) status = gw__fail(err, GW_E_ARGUMENT, "'data.paths' is empty");
    if (status == GW_OK) status = check_threads(data->threads, err);
    return status;
}

static gw_status check_training(const gw_train_options *options, gw_error *err) {
    gw_status status = need(options, "options", err);
    if (status != GW_OK) return status;
    if (!options->spec_path == !options->spec_text)
        return gw__fail(err, GW_E_ARGUMENT, "expected one of 'spec_path' and 'spec_text' but found %s", options->spec_path ? "both" : "neither");
    status = need_list(options->overrides, options->n_overrides, "overrides", err);
    if (status == GW_OK) status = check_threads(options->threads, err);
    if (status == GW_OK) status = gw_isa_check(options->isa, err);
    if (status == GW_OK && (unsigned)options->health > GW_HEALTH_OFF)
        status = gw__fail(err, GW_E_ARGUMENT, "'health': expected a gw_health but found %d", (int)options->health);
    return status;
}

/* ---- instruction sets ---- */

const char *gw_isa_at(size_t i) {
    const gw__kernels *kernels = gw__kernels_at(i);
    return kernels ? kernels->isa : NULL;
}

gw_status gw_isa_check(const char *isa, gw_error *err) {
    const gw__kernels *kernels;
    return gw__kernels_named(isa, &kernels, err);
}

gw_status gw_model_use_isa(gw_model *model, const char *isa, gw_error *err) {
    gw_status status = need(model, "model", err);
    return status == GW_OK ? gw__net_use_isa(model->net, isa, err) : status;
}

const char *gw_model_isa(const gw_model *model) {
    return model ? gw__net_isa(model->net) : NULL;
}

/* ---- models ---- */

gw_status gw_model_load(const char *path, gw_model **ret_model, gw_error *err) {
    gw_status status = need(path, "path", err);
    if (status == GW_OK) status = need(ret_model, "ret_model", err);
    return status == GW_OK ? gw__model_read(path, ret_model, NULL, err) : status;
}

gw_status gw_model_parse(const void *bytes, size_t n_bytes, const char *name, gw_model **ret_model, gw_error *err) {
    gw_status status = need(bytes, "bytes", err);
    if (status == GW_OK) status = need(ret_model, "ret_model", err);
    if (status != GW_OK) return status;
    char *copy = gw__aligned_alloc(n_bytes, 1);
    if (!copy) return gw__fail_nomem(err);
    if (n_bytes > 0) memcpy(copy, bytes, n_bytes);
    return gw__model_parse(copy, n_bytes, name ? name : "model", ret_model, err);
}

gw_status gw_model_save(const gw_model *model, const char *path, gw_error *err) {
    gw_status status = need(model, "model", err);
    if (status == GW_OK) status = need(path, "path", err);
    return status == GW_OK ? gw__model_write(model, NULL, path, err) : status;
}

void gw_model_free(gw_model *model) {
    gw__model_free(model);
}

size_t gw_model_task_count(const gw_model *model) {
    return model ? model->spec->n_tasks : 0;
}

gw_status gw_model_task_at(const gw_model *model, size_t i, gw_task_info *ret_info, gw_error *err) {
    gw_status status = need(model, "model", err);
    if (status == GW_OK) status = need(ret_info, "ret_info", err);
    if (status != GW_OK) return status;
    if (i >= model->spec->n_tasks)
        return gw__fail(err, GW_E_ARGUMENT, "task %zu: expected less than %zu", i, model->spec->n_tasks);
    *ret_info = (gw_task_info){
        .name = model->spec->tasks[i].name,
        .type = model->spec->tasks[i].type,
        .output_at = gw__net_output_at(model->net, i),
        .output_width = gw__features_output_width(model->features, i),
    };
    return GW_OK;
}

size_t gw_model_feature_count(const gw_model *model) {
    return model ? gw__features_count(model->features) : 0;
}

gw_status gw_model_feature_at(const gw_model *model, size_t i, gw_feature_info *ret_info, gw_error *err) {
    gw_status status = need(model, "model", err);
    if (status == GW_OK) status = need(ret_info, "ret_info", err);
    if (status != GW_OK) return status;
    size_t n = gw__features_count(model->features);
    if (i >= n) return gw__fail(err, GW_E_ARGUMENT, "feature %zu: expected less than %zu", i, n);
    gw__feature_view view = gw__features_at(model->features, i);
    *ret_info = (gw_feature_info){
        .name = view.name, .type = gw__feature_type_name(view.type), .dense_at = view.dense_at, .dense_width = view.dense_width};
    return GW_OK;
}

size_t gw_model_dense_width(const gw_model *model) {
    return model ? gw__net_dense_width(model->net) : 0;
}

size_t gw_model_output_width(const gw_model *model) {
    return model ? gw__net_output_width(model->net) : 0;
}

const char *gw_model_class_name(const gw_model *model, size_t task, size_t i) {
    if (!model || task >= model->spec->n_tasks) return NULL;
    gw__texts outputs = gw__features_outputs(model->features, task);
    return i < outputs.n ? outputs.at[i] : NULL;
}

gw_status gw_model_describe(const gw_model *model, char **ret_json, gw_error *err) {
    gw_status status = need(model, "model", err);
    if (status == GW_OK) status = need(ret_json, "ret_json", err);
    if (status != GW_OK) return status;
    gw__text text = {0};
    status = gw__look(model, NULL, &text, err);
    return give_text(status, &text, ret_json, err);
}

/* ---- scoring ---- */

gw_status gw_session_new(const gw_model *model, size_t max_rows, gw_session **ret_session, gw_error *err) {
    gw_status status = need(model, "model", err);
    if (status == GW_OK) status = need(ret_session, "ret_session", err);
    if (status == GW_OK && max_rows == 0) status = gw__fail(err, GW_E_ARGUMENT, "'max_rows': expected at least 1 but found 0");
    return status == GW_OK ? gw__session_new(model, max_rows, ret_session, err) : status;
}

void gw_session_free(gw_session *session) {
    gw__session_free(session);
}

gw_status gw_session_score(gw_session *session, const gw_column *columns, size_t n_columns, size_t n_rows, float *ret_score, gw_error *err) {
    gw_status status = need(session, "session", err);
    if (status == GW_OK) status = need(columns, "columns", err);
    if (status == GW_OK) status = need(ret_score, "ret_score", err);
    if (status == GW_OK && n_rows == 0) status = gw__fail(err, GW_E_ARGUMENT, "'n_rows': expected at least 1 but found 0");
    return status == GW_OK ? gw__session_score(session, columns, n_columns, n_rows, ret_score, err) : status;
}

gw_status gw_session_score_candidates(gw_session *session, const gw_column *user, size_t n_user_columns, const gw_column *candidates,
                                      size_t n_candidate_columns, size_t n_candidates, float *ret_score, gw_error *err) {
    gw_status status = need(session, "session", err);
    if (status == GW_OK && n_user_columns > 0) status = need(user, "user", err);
    if (status == GW_OK && n_candidate_columns > 0) status = need(candidates, "candidates", err);
    if (status == GW_OK) status = need(ret_score, "ret_score", err);
    if (status == GW_OK && n_candidates == 0) status = gw__fail(err, GW_E_ARGUMENT, "'n_candidates': expected at least 1 but found 0");
    if (status != GW_OK) return status;
    return gw__session_score_candidates(session, user, n_user_columns, candidates, n_candidate_columns, n_candidates, ret_score, err);
}

gw_status gw_session_score_dense(gw_session *session, const float *dense, size_t n_rows, float *ret_score, gw_error *err) {
    gw_status status = need(session, "session", err);
    if (status == GW_OK) status = need(dense, "dense", err);
    if (status == GW_OK) status = need(ret_score, "ret_score", err);
    if (status == GW_OK && n_rows == 0) status = gw__fail(err, GW_E_ARGUMENT, "'n_rows': expected at least 1 but found 0");
    return status == GW_OK ? gw__session_score_dense(session, dense, n_rows, ret_score, err) : status;
}

/* ---- training ---- */

gw_status gw_train(const gw_train_options *options, gw_model **ret_model, gw_error *err) {
    gw_status status = check_training(options, err);
    if (status != GW_OK) return status;
    if (!ret_model && !options->model_path)
        return gw__fail(err, GW_E_ARGUMENT, "the model goes nowhere: expected 'model_path' or 'ret_model'");
    if (options->init_path && options->resume_path)
        return gw__fail(err, GW_E_ARGUMENT, "expected at most one of 'init_path' and 'resume_path' but found both");
    return options->report_path ? gw__report_train(options, ret_model, err) : gw__train(options, NULL, ret_model, err);
}

static gw_status check_runs(const gw_train_options *base, const gw_run_options *runs, size_t n_runs, const gw_run_result *results, gw_error *err) {
    gw_status status = check_training(base, err);
    if (status == GW_OK && n_runs > 0) status = need(runs, "runs", err);
    if (status == GW_OK && n_runs > 0) status = need(results, "ret_results", err);
    if (status != GW_OK) return status;
    if (base->model_path) return gw__fail(err, GW_E_ARGUMENT, "'base.model_path': expected NULL, as every run has its own");
    if (base->report_path) return gw__fail(err, GW_E_ARGUMENT, "'base.report_path': expected NULL, as a report is of one run");
    if (base->resume_path) return gw__fail(err, GW_E_ARGUMENT, "'base.resume_path': expected NULL, as a checkpoint is of one run");
    for (size_t i = 0; i < n_runs && status == GW_OK; i++) status = need_list(runs[i].overrides, runs[i].n_overrides, "run.overrides", err);
    return status;
}

gw_status gw_train_many(const gw_train_options *base, const gw_run_options *runs, size_t n_runs, gw_run_result *ret_results, gw_error *err) {
    gw_status status = check_runs(base, runs, n_runs, ret_results, err);
    for (size_t i = 0; ret_results && i < n_runs; i++) {
        ret_results[i] = (gw_run_result){.status = status};
        if (status != GW_OK && err) ret_results[i].error = *err;
    }
    return status == GW_OK && n_runs > 0 ? gw__train_many(base, runs, n_runs, NULL, ret_results, err) : status;
}

void gw_run_results_clear(gw_run_result *results, size_t n_runs) {
    if (results) gw__run_results_clear(results, n_runs);
}

static gw_status check_entry(const gw_compare_entry *entry, gw_error *err) {
    if (!entry->label && !entry->architecture) return gw__fail(err, GW_E_ARGUMENT, "an entry needs 'label' or 'architecture'");
    if (entry->label && !*entry->label) return gw__fail(err, GW_E_ARGUMENT, "'entry.label' is empty");
    return need_list(entry->overrides, entry->n_overrides, "entry.overrides", err);
}

static gw_status check_comparison(const gw_compare_options *options, gw_error *err) {
    gw_status status = need(options, "options", err);
    if (status == GW_OK) status = check_training(&options->base, err);
    if (status != GW_OK) return status;
    const gw_train_options *base = &options->base;
    if (base->model_path || base->resume_path || base->init_path || base->listener)
        return gw__fail(err, GW_E_ARGUMENT, "'base': expected no model_path, resume_path, init_path and listener");
    if (options->n_entries == 0) return gw__fail(err, GW_E_ARGUMENT, "'entries' is empty: there is nothing to compare");
    if (options->runs == 0) return gw__fail(err, GW_E_ARGUMENT, "'runs': expected at least 1 but found 0");
    status = need(options->entries, "entries", err);
    for (size_t i = 0; i < options->n_entries && status == GW_OK; i++) status = check_entry(&options->entries[i], err);
    return status;
}

gw_status gw_compare(const gw_compare_options *options, char **ret_json, gw_error *err) {
    gw_status status = check_comparison(options, err);
    if (status == GW_OK && !options->output_dir) status = need(ret_json, "ret_json", err);
    if (status != GW_OK) return status;
    gw__text text = {0};
    status = gw__compare(options, &text, err);
    if (ret_json && text.at) *ret_json = text.at; /* whole, or there is none */
    else gw__text_clear(&text);
    return status;
}

/* ---- files in, files out ---- */

gw_status gw_evaluate(const gw_model *model, const gw_data_options *data, bool gates, char **ret_json, gw_error *err) {
    gw_status status = need(model, "model", err);
    if (status == GW_OK) status = check_data(data, err);
    if (status == GW_OK) status = need(ret_json, "ret_json", err);
    if (status != GW_OK) return status;
    gw__text text = {0};
    status = gw__assess(model, data, gates, &text, err);
    return give_text(status, &text, ret_json, err);
}

gw_status gw_inspect(const gw_model *model, const gw_data_options *data, char **ret_json, gw_error *err) {
    gw_status status = need(model, "model", err);
    if (status == GW_OK) status = check_data(data, err);
    if (status == GW_OK) status = need(ret_json, "ret_json", err);
    if (status != GW_OK) return status;
    gw__text text = {0};
    status = gw__look(model, data, &text, err);
    return give_text(status, &text, ret_json, err);
}

gw_status gw_predict(const gw_model *model, const gw_predict_options *options, int64_t *ret_rows, int64_t *ret_skipped, gw_error *err) {
    gw_status status = need(model, "model", err);
    if (status == GW_OK) status = need(options, "options", err);
    if (status == GW_OK) status = check_data(&options->data, err);
    if (status == GW_OK) status = need(options->output_path, "output_path", err);
    if (status == GW_OK) status = need_list(options->keep, options->n_keep, "keep", err);
    if (status != GW_OK) return status;
    if ((unsigned)options->format > GW_OUTPUT_NPY)
        return gw__fail(err, GW_E_ARGUMENT, "'format': expected a gw_output_format but found %d", (int)options->format);
    return gw__predict(model, options, ret_rows, ret_skipped, err);
}

gw_status gw_import(const gw_train_options *spec, const char *weights_path, gw_model **ret_model, gw_error *err) {
    gw_status status = check_training(spec, err);
    if (status == GW_OK) status = need(weights_path, "weights_path", err);
    if (status == GW_OK) status = need(ret_model, "ret_model", err);
    if (status == GW_OK) status = gw__weights_import(spec, weights_path, ret_model, err);
    return status == GW_OK ? gw_model_use_isa(*ret_model, spec->isa, err) : status;
}

/* What parameters can be written as. Formats that are planned get a word of their own, so that nobody looks for a typing error. */
static const struct { const char *word; gw_status (*write)(const gw_model *model, const char *path, gw_error *err); } exports[] = {
    {"safetensors", gw__weights_write},
    {"onnx", NULL},
    {"c", NULL},
};

gw_status gw_export(const gw_model *model, const char *format, const char *path, gw_error *err) {
    gw_status status = need(model, "model", err);
    if (status == GW_OK) status = need(format, "format", err);
    if (status == GW_OK) status = need(path, "path", err);
    if (status != GW_OK) return status;
    const char *words[GW__COUNT(exports)];
    for (size_t i = 0; i < GW__COUNT(exports); i++) {
        words[i] = exports[i].word;
        if (!gw__slice_is(gw__slice_of(format), words[i])) continue;
        if (exports[i].write) return exports[i].write(model, path, err);
        return gw__fail(err, GW_E_UNSUPPORTED, "export to '%s' is not in version %s; hint: 'safetensors' is", format, GW_VERSION);
    }
    const char *near = gw__nearest(gw__slice_of(format), words, GW__COUNT(words));
    return gw__fail(err, GW_E_ARGUMENT, "unknown export format '%s'; hint: did you mean '%s'?", format, near ? near : words[0]);
}

gw_status gw_spec_describe(const gw_train_options *spec, char **ret_json, gw_error *err) {
    gw_status status = check_training(spec, err);
    if (status == GW_OK) status = need(ret_json, "ret_json", err);
    if (status != GW_OK) return status;
    gw_model *model = NULL;
    gw__text text = {0};
    status = gw__model_of_spec(spec, &model, err);
    if (status == GW_OK) status = gw__model_describe(model, &text, err);
    gw__model_free(model);
    return give_text(status, &text, ret_json, err);
}

gw_status gw_spec_init(const gw_data_options *data, const char *const *tasks, size_t n_tasks, char **ret_yaml, gw_error *err) {
    gw_status status = check_data(data, err);
    if (status == GW_OK) status = need_list(tasks, n_tasks, "tasks", err);
    if (status == GW_OK && n_tasks == 0) status = gw__fail(err, GW_E_ARGUMENT, "'tasks' is empty; hint: name the columns to predict");
    if (status == GW_OK) status = need(ret_yaml, "ret_yaml", err);
    if (status != GW_OK) return status;
    gw__text text = {0};
    status = gw__spec_init(data, tasks, n_tasks, &text, err);
    return give_text(status, &text, ret_yaml, err);
}

/* ---- generated data ---- */

gw_status gw_synth(const gw_synth_options *options, gw_error *err) {
    gw_status status = need(options, "options", err);
    if (status == GW_OK) status = need(options->kind, "kind", err);
    if (status == GW_OK) status = need(options->output_path, "output_path", err);
    if (status == GW_OK && options->n_alpha) status = need(options->alpha, "alpha", err);
    if (status == GW_OK && options->n_beta) status = need(options->beta, "beta", err);
    return status == GW_OK ? gw__synth(options, err) : status;
}

/* ---- measuring the machine ---- */

const char *gw_bench_shape_at(size_t i) {
    return i < gw__shape_count() ? gw__shape_at(i)->name : NULL;
}

gw_status gw_bench(const gw_bench_options *options, gw_error *err) {
    gw_status status = need(options, "options", err);
    if (status == GW_OK) status = need_list(options->shapes, options->n_shapes, "shapes", err);
    if (status == GW_OK) status = check_threads(options->threads, err);
    if (status == GW_OK && !options->listener) status = gw__fail(err, GW_E_ARGUMENT, "'listener' is NULL, and nobody would hear the results");
    if (status == GW_OK && !(options->seconds >= 0 && options->seconds <= MAX_BENCH_SECONDS))
        status = gw__fail(err, GW_E_ARGUMENT, "'seconds': expected more than 0 and at most %d but found %g", MAX_BENCH_SECONDS, options->seconds);
    return status == GW_OK ? gw__bench(options, err) : status;
}
