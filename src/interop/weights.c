#include "interop/weights.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "model/source.h"
#include "spec/spec.h"

#define SEAL_KEY "gatewright.header_checksum" /* a model file has it, parameters from elsewhere have not */
#define FEATURE_PREFIX "feature."

/* ---- a model without learning ---- */

/* What reading had to say goes to the listener, as in training. */
static void tell(const gw_train_options *options, const gw__read_report *report) {
    if (!options->listener) return;
    for (size_t i = 0; i < report->notes.n; i++)
        options->listener(options->listener_context, &(gw_event){.kind = GW_EVENT_NOTE, .text = report->notes.at[i]});
    if (report->skipped == 0) return;
    char text[64];
    snprintf(text, sizeof text, "%" PRId64 " rows could not be read and were passed over", report->skipped);
    options->listener(options->listener_context, &(gw_event){.kind = GW_EVENT_WARNING, .text = text});
}

/* The spec is moved in any case. */
static gw_status build(const gw_train_options *options, gw__spec *spec, gw_model **ret_model, gw_error *err) {
    gw__features *features = NULL;
    gw__dataset dataset = {0};
    gw__pool *pool = NULL;
    gw_status status = GW_OK;
    GW__TRY(gw__pool_new(options->threads, &pool, err));
    status = gw__dataset_read(spec, NULL, options->skip_bad_rows, pool, &features, &dataset, err);
    if (status == GW_E_CONFIG) gw__spec_blame(options, err);
    if (status != GW_OK) goto cleanup;
    tell(options, &dataset.report);
    GW__TRY(gw__model_new(spec, features, ret_model, err));
    spec = NULL; /* moved */
    features = NULL;
cleanup:
    gw__dataset_clear(&dataset);
    gw__features_free(features);
    gw__spec_free(spec);
    gw__pool_free(pool);
    return status;
}

gw_status gw__model_of_spec(const gw_train_options *options, gw_model **ret_model, gw_error *err) {
    gw__spec *spec = NULL;
    gw_status status = gw__options_spec(options, &spec, err);
    return status == GW_OK ? build(options, spec, ret_model, err) : status;
}

/* ---- reading ---- */

static void format_shape(const uint64_t *shape, size_t n_dims, char out[128]) {
    size_t n = 0;
    n += (size_t)snprintf(out, 128, "[");
    for (size_t i = 0; i < n_dims && n < 100; i++) n += (size_t)snprintf(out + n, 128 - n, "%s%" PRIu64, i > 0 ? ", " : "", shape[i]);
    snprintf(out + n, 128 - n, "]");
}

/* ", did you mean" of the nearest of names, or nothing. */
static gw_status fail_name(const char *path, const char *what, const char *name, const char *hint, const char *const *known, size_t n_known,
                           gw_error *err) {
    const char *near = gw__nearest(gw__slice_of(name), known, n_known);
    return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "%s '%s'%s%s%s%s", what, name, near ? "; hint: " : "", near ? hint : "", near ? near : "",
                       near ? "'" : "");
}

/* The names of all parameters, and of all tensors of the file: what messages suggest. */
static const char **parameter_names(const gw__net *net, gw__arena *arena) {
    size_t n = gw__net_parameter_count(net);
    const char **names = gw__arena_alloc(arena, n + 1, sizeof *names);
    for (size_t i = 0; names && i < n; i++) names[i] = gw__net_parameter_at(net, i).name;
    return names;
}

static const char **tensor_names(const gw__container *file, gw__arena *arena) {
    const char **names = gw__arena_alloc(arena, file->n_tensors + 1, sizeof *names);
    for (size_t i = 0; names && i < file->n_tensors; i++) names[i] = file->tensors[i].name;
    return names;
}

/* Every tensor of the file must be a parameter; in a model file of ours the fitted features stand beside them and do not count. */
static gw_status check_names(const gw__net *net, const gw__container *file, const char *path, gw_error *err) {
    gw__arena arena = {0};
    gw_status status = GW_OK;
    size_t n = gw__net_parameter_count(net);
    bool sealed = gw__container_metadata(file, SEAL_KEY).at != NULL;
    const char **parameters = parameter_names(net, &arena), **tensors = tensor_names(file, &arena);
    if (!parameters || !tensors) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < n; i++)
        if (!gw__container_tensor(file, parameters[i]))
            GW__FAIL(fail_name(path, "there is no tensor", parameters[i], "the file has '", tensors, file->n_tensors, err));
    for (size_t i = 0; i < file->n_tensors; i++) {
        if (sealed && strncmp(tensors[i], FEATURE_PREFIX, strlen(FEATURE_PREFIX)) == 0) continue;
        size_t k = 0;
        while (k < n && strcmp(parameters[k], tensors[i]) != 0) k++;
        if (k == n) GW__FAIL(fail_name(path, "the model has no parameter for tensor", tensors[i], "it has '", parameters, n, err));
    }
cleanup:
    gw__arena_clear(&arena);
    return status;
}

static gw_status check_tensor(const gw__parameter *parameter, const gw__tensor *tensor, const char *path, gw_error *err) {
    bool same = parameter->n_dims == tensor->n_dims;
    for (size_t i = 0; same && i < parameter->n_dims; i++) same = parameter->shape[i] == tensor->shape[i];
    if (!same) {
        char expected[128], found[128];
        format_shape(parameter->shape, parameter->n_dims, expected);
        format_shape(tensor->shape, tensor->n_dims, found);
        return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "tensor '%s': expected the shape %s but found %s", tensor->name, expected, found);
    }
    if (tensor->dtype == GW__F32 || tensor->dtype == GW__F64) return GW_OK;
    return gw__fail_at(err, GW_E_UNSUPPORTED, path, 0, 0, "tensor '%s': expected F32 or F64 but found %s", tensor->name,
                       gw__dtype_name(tensor->dtype));
}

/* The tensor's values as floats; its data has no alignment. */
static gw_status read_values(const gw__tensor *tensor, bool variance, const char *path, float *ret_values, gw_error *err) {
    size_t n = tensor->n_bytes / gw__dtype_bytes(tensor->dtype);
    const char *data = tensor->data;
    for (size_t i = 0; i < n; i++) {
        if (tensor->dtype == GW__F64) {
            double value;
            memcpy(&value, data + i * sizeof value, sizeof value);
            ret_values[i] = (float)value;
        } else {
            memcpy(&ret_values[i], data + i * sizeof(float), sizeof(float));
        }
        if (!isfinite(ret_values[i]))
            return gw__fail_at(err, GW_E_NONFINITE, path, 0, 0, "tensor '%s': value %zu is not a finite float", tensor->name, i);
        if (variance && ret_values[i] < 0)
            return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "tensor '%s': value %zu is a negative variance", tensor->name, i);
    }
    return GW_OK;
}

static gw_status read_tensors(const gw__net *net, const gw__container *file, const char *path, float *flat, gw_error *err) {
    gw_status status = GW_OK;
    float *values = NULL;
    for (size_t i = 0; i < gw__net_parameter_count(net); i++) {
        gw__parameter parameter = gw__net_parameter_at(net, i);
        const gw__tensor *tensor = gw__container_tensor(file, parameter.name);
        GW__TRY(check_tensor(&parameter, tensor, path, err));
        gw__aligned_free(values);
        values = gw__aligned_alloc(tensor->n_bytes / gw__dtype_bytes(tensor->dtype) + 1, sizeof *values);
        if (!values) GW__FAIL(gw__fail_nomem(err));
        GW__TRY(read_values(tensor, parameter.variance, path, values, err));
        gw__net_parameter_set(net, flat, i, values);
    }
cleanup:
    gw__aligned_free(values);
    return status;
}

gw_status gw__weights_read(gw_model *model, const char *path, gw_error *err) {
    gw__container file = {0};
    float *flat = NULL;
    size_t n = gw__net_parameter_floats(model->net);
    gw_status status = gw__container_read(path, &file, err);
    if (status != GW_OK) return status;
    if (gw__container_metadata(&file, SEAL_KEY).at) GW__TRY(gw__container_verify(&file, path, err));
    GW__TRY(check_names(model->net, &file, path, err));
    flat = gw__aligned_alloc(n, sizeof *flat);
    if (!flat) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(read_tensors(model->net, &file, path, flat, err));
    memcpy(model->parameters, flat, n * sizeof *flat);
cleanup:
    gw__aligned_free(flat);
    gw__container_clear(&file);
    return status;
}

gw_status gw__weights_import(const gw_train_options *options, const char *path, gw_model **ret_model, gw_error *err) {
    gw__spec *spec = NULL;
    gw_model *model = NULL;
    gw_status status = gw__options_spec(options, &spec, err);
    if (status != GW_OK) return status;
    GW__TRY(gw__source_check_outputs(options, spec, err));
    if (options->model_path && gw__file_same(options->model_path, path))
        GW__FAIL(gw__fail_at(err, GW_E_ARGUMENT, options->model_path, 0, 0, "the output is also the input '%s' (weights)", path));
    status = build(options, spec, &model, err);
    spec = NULL; /* moved */
    if (status != GW_OK) goto cleanup;
    GW__TRY(gw__weights_read(model, path, err));
    *ret_model = model;
    model = NULL;
cleanup:
    gw__model_free(model);
    gw__spec_free(spec);
    return status;
}

/* ---- writing ---- */

gw_status gw__weights_write(const gw_model *model, const char *path, gw_error *err) {
    gw__arena arena = {0};
    gw__tensor *tensors = NULL;
    size_t n = 0;
    gw__writer writer = {0};
    const char *architecture = gw__architecture_name(model->spec->model.architecture);
    gw__pair metadata[] = {{"format", GW__SLICE("gatewright")}, {"architecture", gw__slice_of(architecture)}};
    gw_status status = gw__parameters_write(model->net, GW__PART_ALL, model->parameters, "", &arena, &tensors, &n, err);
    if (status != GW_OK) goto cleanup;
    GW__TRY(gw__writer_open(&writer, path, err));
    GW__TRY(gw__container_write(tensors, n, metadata, GW__COUNT(metadata), false, &writer, err));
    GW__TRY(gw__writer_commit(&writer, err));
cleanup:
    gw__writer_cancel(&writer);
    gw__arena_clear(&arena);
    return status;
}
