/* From options to a run that is ready for its next step: fresh, from another model's features and parameters, or from a checkpoint. */
#include <stdlib.h>
#include <string.h>

#include "model/source.h"
#include "train/run.h"

#define PROBES 1024 /* rows that are scored at the end of an epoch to see that the model still predicts */

/* What the run starts from. */
typedef struct origin {
    gw_model *model;         /* of --init or --resume */
    gw__container container; /* its file */
} origin;

static void origin_clear(origin *from) {
    gw__model_free(from->model);
    gw__container_clear(&from->container);
}

/* ---- --init ---- */

static void describe_parameter(const gw__net *net, size_t i, char out[160]) {
    if (i >= gw__net_parameter_count(net)) {
        snprintf(out, 160, "none");
        return;
    }
    gw__parameter p = gw__net_parameter_at(net, i);
    if (p.n_dims == 2)
        snprintf(out, 160, "'%.100s' [%llu,%llu]", p.name, (unsigned long long)p.shape[0], (unsigned long long)p.shape[1]);
    else
        snprintf(out, 160, "'%.100s' [%llu]", p.name, (unsigned long long)p.shape[0]);
}

static bool same_parameter(const gw__net *a, const gw__net *b, size_t i) {
    if (i >= gw__net_parameter_count(a) || i >= gw__net_parameter_count(b)) return false;
    gw__parameter p = gw__net_parameter_at(a, i), q = gw__net_parameter_at(b, i);
    return strcmp(p.name, q.name) == 0 && p.n_dims == q.n_dims && memcmp(p.shape, q.shape, p.n_dims * sizeof p.shape[0]) == 0;
}

/* The names stand in a fixed order, so the first that differs is where the architectures part. */
static gw_status check_same_net(const gw__net *net, const gw__net *other, const char *path, gw_error *err) {
    size_t n = gw__net_parameter_count(net), m = gw__net_parameter_count(other);
    for (size_t i = 0; i < (n > m ? n : m); i++) {
        if (same_parameter(net, other, i)) continue;
        char mine[160], its[160];
        describe_parameter(net, i, mine);
        describe_parameter(other, i, its);
        return gw__fail_at(err, GW_E_CONFIG, path, 0, 0, "the model's architecture or widths are not the spec's: "
                           "expected tensor %s but found %s", mine, its);
    }
    return GW_OK;
}

/* Fitted features belong to a spec; those of the model are read once more for this run's. */
static gw_status refit(const origin *from, const gw__spec *spec, const char *path, gw__features **ret_features, gw_error *err) {
    gw_error inner = {0};
    gw_status status = gw__features_read(spec, gw__container_metadata(&from->container, "gatewright.features"), &from->container, ret_features, &inner);
    if (status == GW_OK || status == GW_E_NOMEM) return status == GW_OK ? GW_OK : gw__fail_nomem(err);
    return gw__fail_at(err, GW_E_CONFIG, path, 0, 0, "the features of this model do not fit the spec: %s", inner.message);
}

/* "features={…}": the model's features as a --set, which a spec that starts from it takes over whatever it says of its own. */
static gw_status features_override(const gw_model *model, gw__text *out, gw_error *err) {
    gw__text spec = {0};
    gw__json json;
    gw__json_token token;
    gw_status status = gw__spec_write_json(model->spec, &spec, err);
    if (status != GW_OK) goto cleanup;
    gw__json_init(&json, spec.at, spec.n);
    gw__json_next(&json); /* the object itself */
    while ((token = gw__json_next(&json)) == GW__JSON_KEY) {
        bool found = gw__slice_is(json.text, "features");
        const char *begin = json.at + 1; /* behind the colon */
        gw__json_skip(&json, gw__json_next(&json));
        if (!found) continue;
        gw__text_puts(out, "features=");
        gw__text_add(out, begin, (size_t)(json.at - begin));
    }
    if (out->failed) status = gw__fail_nomem(err);
cleanup:
    gw__text_clear(&spec);
    return status;
}

/* ---- the steps of beginning ---- */

static gw_status read_spec(const gw_train_options *options, const origin *from, gw__spec **ret_spec, gw_error *err) {
    if (!options->init_path) return gw__options_spec(options, ret_spec, err);
    gw_status status = GW_OK;
    gw_train_options with_features = *options;
    gw__text features = {0};
    const char **overrides = calloc(options->n_overrides + 1, sizeof *overrides);
    if (!overrides) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(features_override(from->model, &features, err));
    for (size_t i = 0; i < options->n_overrides; i++) overrides[i] = options->overrides[i];
    overrides[options->n_overrides] = features.at;
    with_features.overrides = overrides;
    with_features.n_overrides++;
    status = gw__options_spec(&with_features, ret_spec, err);
cleanup:
    free(overrides);
    gw__text_clear(&features);
    return status;
}

static gw_status read_checkpoint(const gw_train_options *options, const gw__spec *spec, origin *from, gw_error *err) {
    const char *path = options->resume_path;
    gw_status status = gw__model_read(path, &from->model, &from->container, err);
    if (status != GW_OK) return status;
    if (gw__container_metadata(&from->container, GW__CHECKPOINT_KEY).at) return gw__spec_same(spec, from->model->spec, path, err);
    return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "expected a checkpoint but found a finished model; hint: --init starts from a model's parameters");
}

/* Model and data. Spec and features are the model's from here on. */
static gw_status build(gw__run *run, gw__spec **spec, origin *from, gw_error *err) {
    const gw_train_options *options = run->options;
    gw__features *fitted = NULL, *found = NULL;
    gw_status status = GW_OK;
    const char *path = options->resume_path ? options->resume_path : options->init_path;
    if (from->model) GW__TRY(refit(from, *spec, path, &fitted, err));
    status = gw__dataset_read(*spec, fitted, options->skip_bad_rows, run->pool, &found, &run->dataset, err);
    if (status == GW_E_CONFIG) gw__spec_blame(options, err);
    if (status != GW_OK) goto cleanup;
    if (!fitted) fitted = found;
    GW__TRY(gw__model_new(*spec, fitted, &run->model, err));
    *spec = NULL;
    fitted = NULL;
    GW__TRY(gw__net_use_isa(run->model->net, options->isa, err));
    if (from->model) status = check_same_net(run->model->net, from->model->net, path, err);
cleanup:
    gw__features_free(fitted);
    return status;
}

static gw_status allocate(gw__run *run, gw_error *err) {
    gw_status status = GW_OK;
    const gw_model *model = run->model;
    const gw__spec *spec = model->spec;
    uint64_t n = run->dataset.train.n_rows;
    if (n == 0) return gw__fail_at(err, GW_E_DATA, "data.train", 0, 0, "expected rows to learn from but found none");
    run->batch = spec->train.batch == 0 || spec->train.batch > n ? n : spec->train.batch;
    run->steps_per_epoch = (n + run->batch - 1) / run->batch;
    run->rows = gw__aligned_alloc(run->batch, sizeof *run->rows);
    run->at.loss_sums = calloc(spec->n_tasks, sizeof *run->at.loss_sums);
    run->at.loss_rows = calloc(spec->n_tasks, sizeof *run->at.loss_rows);
    if (!run->rows || !run->at.loss_sums || !run->at.loss_rows) return gw__fail_nomem(err);
    run->n_probes = n < PROBES ? (size_t)n : PROBES;
    run->probe_scores = gw__aligned_alloc(run->n_probes * gw__net_output_width(model->net), sizeof *run->probe_scores);
    if (!run->probe_scores) return gw__fail_nomem(err);
    GW__TRY(gw__scorer_new(model->net, run->n_probes, &run->probe, err));
    GW__TRY(gw__trainer_new(model->net, spec, &run->dataset.train, run->batch, run->pool, &run->trainer, err));
    if (spec->data.valid.kind != GW__SPLIT_NONE)
        GW__TRY(gw__evaluation_new(spec, model->features, model->net, false, &run->validation, err));
cleanup:
    return status;
}

/* The parameters to start from: into the trainer; the model's own stay what is kept so far. */
static gw_status set_parameters(gw__run *run, const origin *from, gw_error *err) {
    const gw__net *net = run->model->net;
    float *flat = gw__trainer_parameters(run->trainer);
    if (run->options->resume_path) {
        memcpy(flat, from->model->parameters, gw__net_parameter_floats(net) * sizeof *flat);
        memcpy(run->model->parameters, flat, gw__net_parameter_floats(net) * sizeof *flat);
        return gw__checkpoint_restore(run, &from->container, run->options->resume_path, err);
    }
    if (from->model) return gw__parameters_read(net, &from->container, "", run->options->init_path, flat, err);
    gw__net_initialise(net, run->model->spec, flat);
    return GW_OK;
}

/* A test table that is not there or lacks a column should be said now and not after an hour. */
static gw_status check_test(const gw__run *run, gw_error *err) {
    const gw__data_spec *data = &run->model->spec->data;
    if (data->test.n == 0 || strcmp(data->test.at[0], "-") == 0) return GW_OK;
    const gw_data_options options = {.paths = data->test.at, .n_paths = data->test.n};
    gw_status status = GW_OK;
    gw__arena arena = {0};
    gw__table *table = NULL;
    gw__encoder *encoder = NULL;
    GW__TRY(gw__options_table(&options, data, &arena, &table, err));
    const char *const *names = gw__source_names(table, &arena);
    if (!names) GW__FAIL(gw__fail_nomem(err));
    status = gw__encoder_new(run->model->features, names, gw__table_column_count(table), true, &encoder, err);
    if (status == GW_E_DATA) gw__source_blame(&options, err);
cleanup:
    gw__encoder_free(encoder);
    gw__table_close(table);
    gw__arena_clear(&arena);
    return status;
}

static void warn_about_spec(const gw__run *run) {
    const char *path = run->options->model_path;
    if (run->model->spec->train.checkpoint.on && (!path || strcmp(path, "-") == 0))
        gw__report_text(run, GW_EVENT_WARNING, "'train.checkpoint' writes nothing: the model goes to no file");
}

gw_status gw__run_begin(gw__run *run, const gw_train_options *options, gw_error *err) {
    gw_status status = GW_OK;
    gw__spec *spec = NULL;
    origin from = {0};
    *run = (gw__run){.options = options};
    if (options->init_path) GW__TRY(gw__model_read(options->init_path, &from.model, &from.container, err));
    GW__TRY(read_spec(options, &from, &spec, err));
    GW__TRY(gw__source_check_outputs(options, spec, err));
    if (options->resume_path) GW__TRY(read_checkpoint(options, spec, &from, err));
    GW__TRY(gw__pool_new(options->threads, &run->pool, err));
    GW__TRY(build(run, &spec, &from, err));
    GW__TRY(check_test(run, err));
    GW__TRY(allocate(run, err));
    GW__TRY(set_parameters(run, &from, err));
    gw__report_read(run);
    warn_about_spec(run);
cleanup:
    origin_clear(&from);
    gw__spec_free(spec);
    return status;
}

void gw__run_clear(gw__run *run) {
    gw__evaluation_free(run->validation);
    gw__trainer_free(run->trainer);
    gw__dataset_clear(&run->dataset);
    gw__model_free(run->model);
    gw__scorer_free(run->probe);
    gw__aligned_free(run->probe_scores);
    gw__aligned_free(run->rows);
    free(run->at.loss_sums);
    free(run->at.loss_rows);
    gw__text_clear(&run->at.kept_valid);
    gw__pool_free(run->pool);
}
