/* What a run needs before it is one: the model that it starts from, its spec, its rows. */
#include <stdlib.h>
#include <string.h>

#include "model/source.h"
#include "train/run.h"

/* ---- the model of --init, the checkpoint of --resume ---- */

gw_status gw__origin_read(const gw_train_options *options, gw__origin *ret_origin, gw_error *err) {
    gw__origin from = {.path = options->resume_path ? options->resume_path : options->init_path};
    if (!from.path) return GW_OK;
    gw_status status = gw__model_read(from.path, &from.model, &from.container, err);
    if (status == GW_OK) *ret_origin = from;
    return status;
}

void gw__origin_clear(gw__origin *from) {
    gw__model_free(from->model);
    gw__container_clear(&from->container);
    *from = (gw__origin){0};
}

/* Fitted features belong to a spec; those of the model are read once more for this run's. */
static gw_status refit(const gw__origin *from, const gw__spec *spec, gw__features **ret_features, gw_error *err) {
    gw_error inner = {0};
    gw_status status = gw__features_read(spec, gw__container_metadata(&from->container, "gatewright.features"), &from->container, ret_features, &inner);
    if (status == GW_OK || status == GW_E_NOMEM) return status == GW_OK ? GW_OK : gw__fail_nomem(err);
    return gw__fail_at(err, GW_E_CONFIG, from->path, 0, 0, "the features of this model do not fit the spec: %s", inner.message);
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

/* ---- the spec ---- */

static gw_status read_spec(const gw_train_options *options, const gw__origin *from, gw__spec **ret_spec, gw_error *err) {
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

static gw_status check_checkpoint(const gw__origin *from, const gw__spec *spec, gw_error *err) {
    if (gw__container_metadata(&from->container, GW__CHECKPOINT_KEY).at) return gw__spec_same(spec, from->model->spec, from->path, err);
    return gw__fail_at(err, GW_E_FORMAT, from->path, 0, 0,
                       "expected a checkpoint but found a finished model; hint: --init starts from a model's parameters");
}

/* A task of weight 0 is measured only, which cannot be meant of all of them. */
static gw_status check_weights(const gw__spec *spec, gw_error *err) {
    for (size_t t = 0; t < spec->n_tasks; t++) {
        if (spec->tasks[t].weight > 0) return GW_OK;
    }
    return gw__fail_at(err, GW_E_CONFIG, "tasks", 0, 0, "key 'weight': expected a task with a weight above 0 but found none, so that nothing would be learned; "
                       "hint: 'tasks.%s.weight: 1'", spec->tasks[0].name);
}

gw_status gw__run_spec(const gw_train_options *options, const gw__origin *from, gw__spec **ret_spec, gw_error *err) {
    gw__spec *spec = NULL;
    gw_status status = read_spec(options, from, &spec, err);
    if (status == GW_OK) status = check_weights(spec, err);
    if (status == GW_OK) status = gw__source_check_outputs(options, spec, err);
    if (status == GW_OK && options->resume_path) status = check_checkpoint(from, spec, err);
    if (status == GW_OK) *ret_spec = spec;
    else gw__spec_free(spec);
    return status;
}

/* ---- the rows ---- */

/* A test table that is not there or lacks a column should be said now and not after an hour. */
static gw_status check_test(const gw__features *features, const gw__data_spec *data, gw_error *err) {
    if (data->test.n == 0 || strcmp(data->test.at[0], "-") == 0) return GW_OK;
    const gw_data_options options = {.paths = data->test.at, .n_paths = data->test.n};
    gw_status status = GW_OK;
    gw__arena arena = {0};
    gw__table *table = NULL;
    gw__encoder *encoder = NULL;
    GW__TRY(gw__options_table(&options, data, NULL, &arena, &table, err));
    const char *const *names = gw__source_names(table, &arena);
    if (!names) GW__FAIL(gw__fail_nomem(err));
    status = gw__encoder_new(features, names, gw__table_column_count(table), true, &encoder, err);
    if (status == GW_E_DATA) gw__source_blame(&options, err);
cleanup:
    gw__encoder_free(encoder);
    gw__table_close(table);
    gw__arena_clear(&arena);
    return status;
}

gw_status gw__intake_read(const gw_train_options *options, const gw__spec *spec, const gw__origin *from, gw__pool *pool, gw__intake *ret_intake,
                          gw_error *err) {
    gw__intake intake = {0};
    gw__features *fitted = NULL;
    gw_status status = GW_OK;
    if (from->model) GW__TRY(refit(from, spec, &fitted, err));
    status = gw__dataset_read(spec, fitted, options->skip_bad_rows, pool, &intake.features, &intake.dataset, err);
    if (status == GW_E_CONFIG) gw__spec_blame(options, err);
    if (status != GW_OK) goto cleanup;
    if (fitted) intake.features = gw__features_hold(fitted);
    GW__TRY(check_test(intake.features, &spec->data, err));
    *ret_intake = intake;
    intake = (gw__intake){0};
cleanup:
    gw__features_free(fitted);
    gw__intake_clear(&intake);
    return status;
}

void gw__intake_keep_test(gw__intake *intake, const gw_train_options *options, const gw__spec *spec, gw__pool *pool) {
    const gw_data_options data = {.paths = spec->data.test.at, .n_paths = spec->data.test.n, .skip_bad_rows = options->skip_bad_rows};
    if (data.n_paths == 0) return;
    intake->has_test = true;
    intake->test_status = gw__labelled_keep(&intake->test, intake->features, &spec->data, &data, pool, &intake->test_err);
}

void gw__intake_clear(gw__intake *intake) {
    gw__labelled_clear(&intake->test);
    gw__dataset_clear(&intake->dataset);
    gw__features_free(intake->features); /* the records borrow from them */
    *intake = (gw__intake){0};
}
