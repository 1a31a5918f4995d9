/* Fitted features as JSON (small) and tensors (large). Read by schema_read.c:
 *   {"features":[{"name":…,"type":…,"automatic":…,"large":…,"fill":…,"steps":[{"shift":…,"scale":…,"knots":n}]}],
 *    "tables":[{"name":…,"missing":…}],"classes":[[…]]}
 *   feature.TABLE.vocabulary U8, feature.TABLE.offsets U32 [entries+1], feature.NAME.quantiles F64: the knots of all steps end to end */
#include "feat/fitted.h"

typedef struct tensor_list {
    gw__tensor *at;
    size_t n;
    gw__arena *arena;
} tensor_list;

static gw_status add_tensor(tensor_list *list, const char *name, const char *what, gw__dtype dtype, size_t n, const void *data, gw_error *err) {
    gw__text text = {0};
    gw__text_addf(&text, "feature.%s.%s", name, what);
    const char *kept = text.failed ? NULL : gw__arena_text(list->arena, text.at, text.n);
    gw__text_clear(&text);
    if (!kept) return gw__fail_nomem(err);
    list->at[list->n++] = (gw__tensor){.name = kept, .dtype = dtype, .n_dims = 1, .shape = {n}, .data = data, .n_bytes = n * gw__dtype_bytes(dtype)};
    return GW_OK;
}

static gw_status add_vocabulary(tensor_list *list, const gw__embedding *embedding, gw_error *err) {
    const gw__lexicon *vocabulary = &embedding->vocabulary;
    if (vocabulary->n_bytes > UINT32_MAX) return gw__fail(err, GW_E_LIMIT, "vocabulary '%s' has more than 4 GiB of text", embedding->name);
    uint32_t *offsets = gw__arena_alloc(list->arena, vocabulary->n + 1, sizeof *offsets);
    if (!offsets) return gw__fail_nomem(err);
    for (size_t i = 0; i < vocabulary->n; i++) offsets[i + 1] = (uint32_t)vocabulary->ends[i];
    gw_status status = add_tensor(list, embedding->name, "vocabulary", GW__U8, vocabulary->n_bytes, vocabulary->bytes ? vocabulary->bytes : "", err);
    return status == GW_OK ? add_tensor(list, embedding->name, "offsets", GW__U32, vocabulary->n + 1, offsets, err) : status;
}

static gw_status add_quantiles(tensor_list *list, const gw__feature *feature, gw_error *err) {
    size_t n = 0;
    for (size_t k = 0; k < feature->spec->n_transforms; k++) n += feature->steps[k].n_knots;
    if (!n) return GW_OK;
    double *knots = gw__arena_alloc(list->arena, n, sizeof *knots);
    const char *name = gw__escape_name(list->arena, feature->name);
    if (!knots || !name) return gw__fail_nomem(err);
    n = 0;
    for (size_t k = 0; k < feature->spec->n_transforms; k++) {
        const gw__step *step = &feature->steps[k];
        if (step->n_knots) memcpy(knots + n, step->knots, step->n_knots * sizeof *knots);
        n += step->n_knots;
    }
    return add_tensor(list, name, "quantiles", GW__F64, n, knots, err);
}

static gw_status add_tensors(const gw__features *features, tensor_list *list, gw_error *err) {
    gw_status status = GW_OK;
    list->at = gw__arena_alloc(list->arena, features->n + 2 * features->n_embeddings + 1, sizeof *list->at);
    if (!list->at) return gw__fail_nomem(err);
    for (size_t i = 0; i < features->n; i++)
        if (features->at[i].type == GW__FEATURE_NUMERIC) GW__TRY(add_quantiles(list, &features->at[i], err));
    for (size_t e = 0; e < features->n_embeddings; e++)
        if (!features->embeddings[e].buckets) GW__TRY(add_vocabulary(list, &features->embeddings[e], err));
cleanup:
    return status;
}

static void write_feature(const gw__feature *feature, gw__json_writer *json) {
    gw__json_begin_object(json);
    gw__json_key(json, "name");
    gw__json_string(json, feature->name);
    gw__json_key(json, "type");
    gw__json_string(json, gw__feature_type_name(feature->type));
    gw__json_key(json, "automatic");
    gw__json_bool(json, feature->automatic);
    gw__json_key(json, "large");
    gw__json_bool(json, feature->large);
    if (feature->type == GW__FEATURE_NUMERIC) {
        gw__json_key(json, "fill");
        gw__json_double(json, feature->fill);
        gw__json_key(json, "steps");
        gw__json_begin_list(json);
        for (size_t k = 0; k < feature->spec->n_transforms; k++) {
            gw__json_begin_object(json);
            gw__json_key(json, "shift");
            gw__json_double(json, feature->steps[k].shift);
            gw__json_key(json, "scale");
            gw__json_double(json, feature->steps[k].scale);
            gw__json_key(json, "knots");
            gw__json_int(json, (int64_t)feature->steps[k].n_knots);
            gw__json_end_object(json);
        }
        gw__json_end_list(json);
    }
    gw__json_end_object(json);
}

static void write_all(const gw__features *features, gw__json_writer *json) {
    gw__json_begin_object(json);
    gw__json_key(json, "features");
    gw__json_begin_list(json);
    for (size_t i = 0; i < features->n; i++) write_feature(&features->at[i], json);
    gw__json_end_list(json);
    gw__json_key(json, "tables");
    gw__json_begin_list(json);
    for (size_t e = 0; e < features->n_embeddings; e++) {
        gw__json_begin_object(json);
        gw__json_key(json, "name");
        gw__json_string(json, features->embeddings[e].name);
        gw__json_key(json, "missing");
        gw__json_bool(json, features->embeddings[e].has_missing);
        gw__json_end_object(json);
    }
    gw__json_end_list(json);
    gw__json_key(json, "classes");
    gw__json_begin_list(json);
    for (size_t t = 0; t < features->n_tasks; t++) {
        gw__json_begin_list(json);
        for (size_t i = 0; i < features->tasks[t].class_names.n; i++) gw__json_string(json, features->tasks[t].class_names.at[i]);
        gw__json_end_list(json);
    }
    gw__json_end_list(json);
    gw__json_end_object(json);
}

gw_status gw__features_write(const gw__features *features, gw__json_writer *json, gw__tensor **tensors, size_t *n_tensors, gw__arena *arena, gw_error *err) {
    tensor_list list = {.arena = arena};
    gw_status status = add_tensors(features, &list, err);
    if (status != GW_OK) return status;
    write_all(features, json);
    if (json->out->failed) return gw__fail_nomem(err);
    *tensors = list.at;
    *n_tensors = list.n;
    return GW_OK;
}
