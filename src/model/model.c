#include "model/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static gw_status new_net(const gw__spec *spec, const gw__features *features, const gw__parameter_check *check, gw__net **ret_net, gw_error *err) {
    size_t *widths = calloc(spec->n_tasks, sizeof *widths);
    if (!widths) return gw__fail_nomem(err);
    for (size_t t = 0; t < spec->n_tasks; t++) widths[t] = gw__features_output_width(features, t);
    gw_status status = gw__net_new_checked(spec, gw__features_input(features), widths, check, ret_net, err);
    free(widths);
    return status;
}

gw_status gw__model_plan(gw__spec *spec, gw__features *features, const gw__parameter_check *check, gw_model **ret_model, gw_error *err) {
    gw_model *model = calloc(1, sizeof *model);
    if (!model) return gw__fail_nomem(err);
    gw_status status = new_net(spec, features, check, &model->net, err);
    if (status != GW_OK) {
        free(model);
        return status;
    }
    model->spec = spec;
    model->features = features;
    *ret_model = model;
    return GW_OK;
}

gw_status gw__model_allocate(gw_model *model, gw_error *err) {
    model->parameters = gw__aligned_alloc(gw__net_parameter_floats(model->net), sizeof(float));
    return model->parameters ? GW_OK : gw__fail_nomem(err);
}

gw_status gw__model_new(gw__spec *spec, gw__features *features, gw_model **ret_model, gw_error *err) {
    gw_model *model;
    gw_status status = gw__model_plan(spec, features, NULL, &model, err);
    if (status != GW_OK) return status;
    status = gw__model_allocate(model, err);
    if (status != GW_OK) { /* not moved */
        model->spec = NULL;
        model->features = NULL;
        gw__model_free(model);
        return status;
    }
    *ret_model = model;
    return GW_OK;
}

void gw__model_free(gw_model *model) {
    if (!model) return;
    gw__net_free(model->net);
    gw__aligned_free(model->parameters);
    gw__features_free(model->features);
    gw__spec_free(model->spec);
    gw__text_clear(&model->record);
    free(model);
}

/* ---- parameters as tensors ---- */

static size_t value_count(const gw__parameter *parameter) {
    size_t n = 1;
    for (size_t d = 0; d < parameter->n_dims; d++) n *= (size_t)parameter->shape[d];
    return n;
}

static char *joined(gw__arena *arena, const char *prefix, const char *name) {
    size_t p = strlen(prefix), n = strlen(name);
    char *text = gw__arena_alloc(arena, p + n + 1, 1);
    if (!text) return NULL;
    memcpy(text, prefix, p);
    memcpy(text + p, name, n);
    return text;
}

/* Whether a part has values of a parameter, which is made what they look like. */
static bool has_part(gw__part part, gw__parameter *parameter) {
    if (part != GW__PART_ALL && parameter->table != (part == GW__PART_ROWS)) return false;
    if (part == GW__PART_ROWS) parameter->n_dims = 1;
    return true;
}

gw_status gw__parameters_write(const gw__net *net, gw__part part, const float *values, const char *prefix, gw__arena *arena,
                               gw__tensor **ret_tensors, size_t *ret_n, gw_error *err) {
    size_t n = 0, rows_at = 0;
    gw__tensor *tensors = gw__arena_alloc(arena, gw__net_parameter_count(net), sizeof *tensors);
    if (!tensors) return gw__fail_nomem(err);
    for (size_t i = 0; i < gw__net_parameter_count(net); i++) {
        gw__parameter parameter = gw__net_parameter_at(net, i);
        if (!has_part(part, &parameter)) continue;
        size_t count = value_count(&parameter);
        float *copy = gw__arena_alloc(arena, count, sizeof *copy);
        char *name = joined(arena, prefix, parameter.name);
        if (!copy || !name) return gw__fail_nomem(err);
        if (part == GW__PART_ROWS) memcpy(copy, values + rows_at, count * sizeof *copy);
        else gw__net_parameter_get(net, values, i, copy);
        rows_at += count;
        tensors[n] = (gw__tensor){.name = name, .dtype = GW__F32, .n_dims = parameter.n_dims, .data = copy, .n_bytes = count * sizeof *copy};
        memcpy(tensors[n++].shape, parameter.shape, parameter.n_dims * sizeof parameter.shape[0]);
    }
    *ret_tensors = tensors;
    *ret_n = n;
    return GW_OK;
}

static void shape_text(char out[64], size_t n_dims, const uint64_t *shape) {
    size_t at = 0;
    out[at++] = '[';
    for (size_t d = 0; d < n_dims && at < 40; d++)
        at += (size_t)snprintf(out + at, 64 - at, "%s%llu", d ? "," : "", (unsigned long long)shape[d]);
    snprintf(out + at, 64 - at, "]");
}

gw_status gw__parameter_check_stored(const gw__parameter *parameter, const gw__container *container, const char *name, const char *where, gw_error *err) {
    const gw__tensor *tensor = gw__container_tensor(container, name);
    if (!tensor) return gw__fail_at(err, GW_E_FORMAT, where, 0, 0, "tensor '%s' is missing", name);
    if (tensor->dtype != GW__F32)
        return gw__fail_at(err, GW_E_FORMAT, where, 0, 0, "tensor '%s': expected F32 but found %s", name, gw__dtype_name(tensor->dtype));
    if (tensor->n_dims != parameter->n_dims || memcmp(tensor->shape, parameter->shape, tensor->n_dims * sizeof tensor->shape[0]) != 0) {
        char expected[64], found[64];
        shape_text(expected, parameter->n_dims, parameter->shape);
        shape_text(found, tensor->n_dims, tensor->shape);
        return gw__fail_at(err, GW_E_FORMAT, where, 0, 0, "tensor '%s': expected shape %s but found %s", name, expected, found);
    }
    for (size_t at = 0; at < tensor->n_bytes; at += sizeof(float)) {
        float value;
        memcpy(&value, (const char *)tensor->data + at, sizeof value); /* a foreign file aligns nothing */
        if (!isfinite(value))
            return gw__fail_at(err, GW_E_FORMAT, where, 0, 0, "tensor '%s': value %zu is not finite", name, at / sizeof(float));
        if (parameter->variance && value < 0)
            return gw__fail_at(err, GW_E_FORMAT, where, 0, 0, "tensor '%s': value %zu is a negative variance", name, at / sizeof(float));
    }
    return GW_OK;
}

gw_status gw__parameters_read(const gw__net *net, gw__part part, const gw__container *container, const char *prefix, const char *where,
                              float *values, gw_error *err) {
    gw_status status = GW_OK;
    gw__arena arena = {0};
    size_t rows_at = 0;
    for (size_t i = 0; i < gw__net_parameter_count(net); i++) {
        gw__parameter parameter = gw__net_parameter_at(net, i);
        if (!has_part(part, &parameter)) continue;
        char *name = joined(&arena, prefix, parameter.name);
        if (!name) GW__FAIL(gw__fail_nomem(err));
        GW__TRY(gw__parameter_check_stored(&parameter, container, name, where, err));
        const gw__tensor *tensor = gw__container_tensor(container, name);
        float *copy = gw__aligned_alloc(tensor->n_bytes, 1);
        if (!copy) GW__FAIL(gw__fail_nomem(err));
        memcpy(copy, tensor->data, tensor->n_bytes);
        if (part == GW__PART_ROWS) memcpy(values + rows_at, copy, tensor->n_bytes);
        else gw__net_parameter_set(net, values, i, copy);
        rows_at += value_count(&parameter);
        gw__aligned_free(copy);
    }
cleanup:
    gw__arena_clear(&arena);
    return status;
}
