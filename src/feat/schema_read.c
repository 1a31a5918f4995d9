/* Fitted features from a model file, whose every item is checked: the format is described in schema_write.c. */
#include "base/doc.h"
#include "base/number.h"
#include "feat/fitted.h"

typedef struct stored {
    const gw__doc *features, *tables, *classes;
    const gw__container *container;
} stored;

static gw_status fail_stored(gw_error *err, const char *what, const char *name) {
    return gw__fail_at(err, GW_E_FORMAT, "features", 0, 0, "%s '%s' is not as the spec wants it", what, name);
}

static const gw__doc *get_list(const gw__doc *map, const char *key) {
    const gw__doc *list = gw__doc_get(map, key);
    return list && list->kind == GW__DOC_LIST ? list : NULL;
}

/* A string without NUL bytes; NULL if it is anything else. */
static const char *get_text(const gw__doc *node) {
    return node && node->kind == GW__DOC_SCALAR && node->quoted && strlen(node->text.at) == node->text.n ? node->text.at : NULL;
}

static bool get_bool(const gw__doc *map, const char *key, bool *ret) {
    const gw__doc *node = gw__doc_get(map, key);
    if (!node || node->kind != GW__DOC_SCALAR || node->quoted) return false;
    *ret = gw__slice_is(node->text, "true");
    return *ret || gw__slice_is(node->text, "false");
}

static bool get_double(const gw__doc *map, const char *key, double *ret) {
    const gw__doc *node = gw__doc_get(map, key);
    return node && node->kind == GW__DOC_SCALAR && !node->quoted && gw__parse_double(node->text, ret) && isfinite(*ret);
}

static gw_status get_tensor(const gw__container *container, const char *name, const char *what, gw__dtype dtype, const gw__tensor **ret_tensor, gw_error *err) {
    gw__text text = {0};
    gw__text_addf(&text, "feature.%s.%s", name, what);
    const bool named = !text.failed;
    const gw__tensor *tensor = named ? gw__container_tensor(container, text.at) : NULL;
    gw__text_clear(&text);
    if (!named) return gw__fail_nomem(err);
    if (!tensor || tensor->dtype != dtype || tensor->n_dims != 1) return fail_stored(err, what, name);
    *ret_tensor = tensor;
    return GW_OK;
}

/* ---- numeric features ---- */

static gw_status read_knots(gw__step *step, const gw__tensor *tensor, size_t at, size_t n, const char *name, gw_error *err) {
    if (n > GW__KNOTS || !tensor || tensor->shape[0] < at || tensor->shape[0] - at < n) return fail_stored(err, "quantiles of", name);
    step->knots = gw__aligned_alloc(n, sizeof *step->knots);
    if (!step->knots) return gw__fail_nomem(err);
    step->n_knots = n;
    memcpy(step->knots, (const char *)tensor->data + at * sizeof *step->knots, n * sizeof *step->knots);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(step->knots[i]) || (i && step->knots[i] < step->knots[i - 1])) return fail_stored(err, "quantiles of", name);
    return GW_OK;
}

static gw_status read_step(gw__feature *feature, size_t k, const gw__doc *doc, const gw__tensor *quantiles, size_t *knots_at, gw_error *err) {
    gw__step *step = &feature->steps[k];
    double knots;
    step->kind = feature->spec->transforms[k];
    bool good = get_double(doc, "shift", &step->shift) && get_double(doc, "scale", &step->scale) && get_double(doc, "knots", &knots);
    bool has_knots = good && knots >= 1 && knots <= GW__KNOTS && knots == floor(knots);
    if (!good || step->scale < 0 || has_knots != (step->kind == GW__TRANSFORM_QUANTILE)) return fail_stored(err, "the transform of", feature->name);
    if (!has_knots) return GW_OK;
    gw_status status = read_knots(step, quantiles, *knots_at, (size_t)knots, feature->name, err);
    *knots_at += (size_t)knots;
    return status;
}

static gw_status read_number(gw__features *features, gw__feature *feature, const gw__doc *doc, const stored *s, gw_error *err) {
    gw_status status = GW_OK;
    const gw__doc *steps = get_list(doc, "steps"), *step;
    const gw__tensor *quantiles = NULL;
    size_t k = 0, knots_at = 0;
    bool good = get_double(doc, "fill", &feature->fill) && steps && steps->n == feature->spec->n_transforms;
    if (!good) return fail_stored(err, "the transform of", feature->name);
    for (size_t i = 0; i < feature->spec->n_transforms && !quantiles; i++) {
        if (feature->spec->transforms[i] != GW__TRANSFORM_QUANTILE) continue;
        const char *name = gw__escape_name(&features->arena, feature->name);
        if (!name) return gw__fail_nomem(err);
        GW__TRY(get_tensor(s->container, name, "quantiles", GW__F64, &quantiles, err));
    }
    for (step = steps->first; step; step = step->next, k++) GW__TRY(read_step(feature, k, step, quantiles, &knots_at, err));
    if (quantiles && knots_at != quantiles->shape[0]) return fail_stored(err, "quantiles of", feature->name);
cleanup:
    return status;
}

/* ---- all features ---- */

static bool find_type(const char *word, gw__feature_type *ret) {
    for (gw__feature_type type = GW__FEATURE_NUMERIC; word && type <= GW__FEATURE_BAG; type++) {
        if (strcmp(gw__feature_type_name(type), word) != 0) continue;
        *ret = type;
        return true;
    }
    return false;
}

static bool fits_spec(const gw__features *features, const gw__feature *feature) {
    for (size_t t = 0; t < features->n_tasks; t++)
        if (strcmp(features->tasks[t].spec->label, feature->name) == 0) return false;
    if (feature->spec->type != GW__FEATURE_AUTO) return !feature->automatic && !feature->large && feature->type == feature->spec->type;
    if (feature->type == GW__FEATURE_NUMERIC) return feature->automatic && !feature->large;
    return feature->automatic && feature->type == GW__FEATURE_CATEGORICAL;
}

static gw_status fail_misfit(gw_error *err, const gw__features *features, const gw__feature *feature) {
    const char *name = feature->name, *has = gw__feature_type_name(feature->type), *wants = gw__feature_type_name(feature->spec->type);
    bool found = feature->automatic && feature->spec->type != GW__FEATURE_AUTO;
    for (size_t t = 0; t < features->n_tasks; t++) {
        if (strcmp(features->tasks[t].spec->label, name) != 0) continue;
        return gw__fail_at(err, GW_E_FORMAT, "features", 0, 0, "feature '%s': it is the label of the task '%s'", name, features->tasks[t].spec->name);
    }
    return gw__fail_at(err, GW_E_FORMAT, "features", 0, 0, "feature '%s': the model has it as %s%s but the spec as %s", name, has,
                       found ? " (auto)" : "", wants);
}

static gw_status read_feature(gw__features *features, gw__feature *feature, const gw__doc *doc, const stored *s, gw_error *err) {
    const char *name = get_text(gw__doc_get(doc, "name"));
    if (!name) return fail_stored(err, "a feature's", "name");
    feature->name = gw__arena_text(&features->arena, name, strlen(name));
    if (!feature->name) return gw__fail_nomem(err);
    const gw__feature_spec *entry = gw__feature_entry(features, name);
    feature->spec = entry ? entry : &features->spec->features.defaults;
    bool good = find_type(get_text(gw__doc_get(doc, "type")), &feature->type) && get_bool(doc, "automatic", &feature->automatic) &&
                get_bool(doc, "large", &feature->large);
    if (!good) return fail_stored(err, "feature", name);
    if (!fits_spec(features, feature)) return fail_misfit(err, features, feature);
    return feature->type == GW__FEATURE_NUMERIC ? read_number(features, feature, doc, s, err) : GW_OK;
}

static gw_status read_features(gw__features *features, const stored *s, gw_error *err) {
    gw_status status = GW_OK;
    gw__lexicon seen = {0};
    if (!s->features->n) return fail_stored(err, "the list of", "features");
    features->at = gw__arena_alloc(&features->arena, s->features->n, sizeof *features->at);
    if (!features->at) GW__FAIL(gw__fail_nomem(err));
    for (const gw__doc *doc = s->features->first; doc; doc = doc->next) {
        gw__feature *feature = &features->at[features->n++];
        uint32_t entry;
        GW__TRY(read_feature(features, feature, doc, s, err));
        GW__TRY(gw__lexicon_add(&seen, gw__slice_of(feature->name), &entry, err));
        if (entry + 1 != features->n) GW__FAIL(fail_stored(err, "feature", feature->name));
    }
cleanup:
    gw__lexicon_clear(&seen);
    return status;
}

/* ---- tables ---- */

static gw_status read_vocabulary(gw__embedding *embedding, const gw__container *container, gw_error *err) {
    gw_status status = GW_OK;
    const gw__tensor *text = NULL, *offsets = NULL;
    uint32_t begin, end = 0, entry;
    GW__TRY(get_tensor(container, embedding->name, "vocabulary", GW__U8, &text, err));
    GW__TRY(get_tensor(container, embedding->name, "offsets", GW__U32, &offsets, err));
    if (offsets->shape[0] == 0) return fail_stored(err, "offsets", embedding->name);
    for (uint64_t i = 0; i < offsets->shape[0]; i++) {
        begin = end;
        memcpy(&end, (const char *)offsets->data + i * sizeof end, sizeof end);
        if (i == 0 && end == 0) continue;
        if (i == 0 || end <= begin || end > text->shape[0]) GW__FAIL(fail_stored(err, "offsets", embedding->name));
        GW__TRY(gw__lexicon_add(&embedding->vocabulary, (gw__slice){(const char *)text->data + begin, end - begin}, &entry, err));
        if (entry + 1 != i) GW__FAIL(fail_stored(err, "vocabulary", embedding->name));
    }
    if (end != text->shape[0]) GW__FAIL(fail_stored(err, "vocabulary", embedding->name));
cleanup:
    return status;
}

static gw_status read_tables(gw__features *features, const stored *s, gw_error *err) {
    gw_status status;
    const gw__doc *doc = s->tables->first;
    GW__TRY(gw__features_tables(features, err));
    if (s->tables->n != features->n_embeddings) GW__FAIL(fail_stored(err, "the list of", "tables"));
    for (size_t e = 0; e < features->n_embeddings; e++, doc = doc->next) {
        gw__embedding *embedding = &features->embeddings[e];
        const char *name = get_text(gw__doc_get(doc, "name"));
        if (!name || strcmp(name, embedding->name) != 0 || !get_bool(doc, "missing", &embedding->has_missing)) {
            GW__FAIL(fail_stored(err, "table", embedding->name));
        }
        if (!embedding->buckets) GW__TRY(read_vocabulary(embedding, s->container, err));
        else if (embedding->has_missing) GW__FAIL(fail_stored(err, "table", embedding->name));
    }
cleanup:
    return status;
}

/* ---- classes ---- */

static gw_status read_classes(gw__features *features, size_t t, const gw__doc *list, gw_error *err) {
    gw_status status = GW_OK;
    const gw__task *task = &features->tasks[t];
    gw__lexicon texts = {0};
    uint32_t *order = NULL;
    size_t n = list->kind == GW__DOC_LIST ? list->n : 0;
    bool fitted = gw__task_has_classes(task->spec) && task->class_names.n == 0;
    if (list->kind != GW__DOC_LIST || (fitted && n < 2) || (!fitted && n != task->class_names.n)) return fail_stored(err, "the classes of", task->spec->name);
    if (!fitted) return GW_OK;
    order = gw__aligned_alloc(n, sizeof *order);
    if (!order) GW__FAIL(gw__fail_nomem(err));
    size_t i = 0;
    for (const gw__doc *doc = list->first; doc; doc = doc->next, i++) {
        const char *text = get_text(doc);
        if (!text || !*text) GW__FAIL(fail_stored(err, "the classes of", task->spec->name));
        GW__TRY(gw__lexicon_add(&texts, gw__slice_of(text), &order[i], err));
        if (order[i] != i) GW__FAIL(fail_stored(err, "the classes of", task->spec->name));
    }
    GW__TRY(gw__classes_set(features, t, &texts, order, n, err));
cleanup:
    gw__lexicon_clear(&texts);
    gw__aligned_free(order);
    return status;
}

static gw_status read_all_classes(gw__features *features, const stored *s, gw_error *err) {
    const gw__doc *doc = s->classes->first;
    if (s->classes->n != features->n_tasks) return fail_stored(err, "the list of", "classes");
    for (size_t t = 0; t < features->n_tasks; t++, doc = doc->next) {
        gw_status status = read_classes(features, t, doc, err);
        if (status != GW_OK) return status;
    }
    return GW_OK;
}

gw_status gw__features_read(const gw__spec *spec, gw__slice json, const gw__container *container, gw__features **ret_features, gw_error *err) {
    gw_status status;
    gw__arena arena = {0};
    gw__features *features = NULL;
    gw__doc *doc;
    GW__TRY(gw__doc_parse_json(json.at, json.n, "features", &arena, &doc, err));
    stored s = {get_list(doc, "features"), get_list(doc, "tables"), get_list(doc, "classes"), container};
    if (!s.features || !s.tables || !s.classes) GW__FAIL(fail_stored(err, "the description of", "features"));
    GW__TRY(gw__features_new(spec, &features, err));
    GW__TRY(read_features(features, &s, err));
    GW__TRY(read_tables(features, &s, err));
    GW__TRY(read_all_classes(features, &s, err));
    GW__TRY(gw__features_layout(features, err));
    *ret_features = features;
    features = NULL;
cleanup:
    gw__features_free(features);
    gw__arena_clear(&arena);
    return status;
}
