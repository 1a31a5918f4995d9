/* The model file: one safetensors container with everything from a raw row to every task's output. Files from outside are hostile: seals
 * first, then the content as if there were none, and parameters only when all names and shapes are those of the spec's network. */
#include <stdio.h>
#include <string.h>

#include "base/doc.h"
#include "base/number.h"
#include "model/model.h"

#define KEY_FORMAT "gatewright.format"
#define KEY_SPEC "gatewright.spec"
#define KEY_FEATURES "gatewright.features"
#define KEY_TRAINING "gatewright.training"
#define FEATURE_PREFIX "feature."

/* ---- writing ---- */

/* What a model file says beside its tensors. */
typedef struct heading {
    gw__text spec, features, training;
    char format[16];
} heading;

static void heading_clear(heading *h) {
    gw__text_clear(&h->spec);
    gw__text_clear(&h->features);
    gw__text_clear(&h->training);
}

static gw_status heading_fill(heading *h, const gw_model *model, gw__arena *arena, gw__tensor **ret_tensors, size_t *ret_n, gw_error *err) {
    snprintf(h->format, sizeof h->format, "%d", GW__MODEL_FORMAT);
    gw_status status = gw__spec_write_json(model->spec, &h->spec, err);
    gw__json_writer json = {.out = &h->features};
    if (status == GW_OK) status = gw__features_write(model->features, &json, ret_tensors, ret_n, arena, err);
    if (status != GW_OK) return status;
    gw__text_puts(&h->training, model->record.n ? model->record.at : "{}");
    return h->spec.failed || h->features.failed || h->training.failed ? gw__fail_nomem(err) : GW_OK;
}

/* Lists end to end in `arena`. */
static void *concatenated(gw__arena *arena, size_t item_bytes, const void *const *lists, const size_t *counts, size_t n_lists, size_t *ret_n) {
    size_t n = 0;
    for (size_t i = 0; i < n_lists; i++) n += counts[i];
    char *all = gw__arena_alloc(arena, n, item_bytes), *at = all;
    if (!all) return NULL;
    for (size_t i = 0; i < n_lists; i++) {
        if (counts[i]) memcpy(at, lists[i], counts[i] * item_bytes);
        at += counts[i] * item_bytes;
    }
    *ret_n = n;
    return all;
}

static gw_status write_file(const gw__tensor *tensors, size_t n_tensors, const gw__pair *pairs, size_t n_pairs, const char *path, gw_error *err) {
    gw__writer writer = {0};
    gw_status status = gw__writer_open(&writer, path, err);
    if (status == GW_OK) status = gw__container_write(tensors, n_tensors, pairs, n_pairs, true, &writer, err);
    if (status == GW_OK) status = gw__writer_commit(&writer, err);
    gw__writer_cancel(&writer);
    return status;
}

gw_status gw__model_write(const gw_model *model, const gw__model_extras *extras, const char *path, gw_error *err) {
    gw_status status = GW_OK;
    gw__arena arena = {0};
    heading h = {0};
    gw__tensor *parameters = NULL, *fitted = NULL;
    size_t n_parameters = 0, n_fitted = 0, n_tensors, n_pairs;
    static const gw__model_extras none = {0};
    if (!extras) extras = &none;
    GW__TRY(heading_fill(&h, model, &arena, &fitted, &n_fitted, err));
    GW__TRY(gw__parameters_write(model->net, GW__PART_ALL, model->parameters, "", &arena, &parameters, &n_parameters, err));
    const gw__pair own[] = {{KEY_FORMAT, gw__slice_of(h.format)},
                            {KEY_SPEC, {h.spec.at, h.spec.n}},
                            {KEY_FEATURES, {h.features.at, h.features.n}},
                            {KEY_TRAINING, {h.training.at, h.training.n}}};
    const gw__tensor *tensors = concatenated(&arena, sizeof *tensors, (const void *const[]){parameters, fitted, extras->tensors},
                                             (const size_t[]){n_parameters, n_fitted, extras->n_tensors}, 3, &n_tensors);
    const gw__pair *pairs = concatenated(&arena, sizeof *pairs, (const void *const[]){own, extras->metadata},
                                         (const size_t[]){GW__COUNT(own), extras->n_metadata}, 2, &n_pairs);
    if (!tensors || !pairs) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(write_file(tensors, n_tensors, pairs, n_pairs, path, err));
cleanup:
    heading_clear(&h);
    gw__arena_clear(&arena);
    return status;
}

/* ---- reading ---- */

/* The version comes before the seals: a later program may seal otherwise. */
static gw_status check_format(const gw__container *container, const char *path, gw_error *err) {
    gw__slice text = gw__container_metadata(container, KEY_FORMAT);
    int64_t format = 0;
    if (!text.at)
        return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "this safetensors file is not a model: metadata '%s' is missing; "
                           "hint: 'gatewright import' makes a model of parameters", KEY_FORMAT);
    if (!gw__parse_int64(text, &format) || format < 1)
        return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "metadata '%s': expected %d but found '%.*s'", KEY_FORMAT, GW__MODEL_FORMAT, GW__SLICE_ARG(text));
    if (format > GW__MODEL_FORMAT)
        return gw__fail_at(err, GW_E_VERSION, path, 0, 0, "the file is of format %.*s and this program reads up to %d; "
                           "hint: use a later version of gatewright", GW__SLICE_ARG(text), GW__MODEL_FORMAT);
    return GW_OK;
}

/* Metadata of a model file that is wrong is the file's fault, whatever the reader of that text calls it. */
static gw_status blame_file(gw_status status, const gw_error *inner, const char *key, const char *path, gw_error *err) {
    gw_status code = status == GW_E_NOMEM || status == GW_E_IO ? status : GW_E_FORMAT;
    return gw__fail_at(err, code, path, 0, 0, "metadata '%s': %s%s%s", key, inner->message,
                       inner->where[0] ? " at " : "", inner->where);
}

static gw_status get_metadata(const gw__container *container, const char *key, const char *path, gw__slice *ret_text, gw_error *err) {
    *ret_text = gw__container_metadata(container, key);
    if (ret_text->at) return GW_OK;
    return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "metadata '%s' is missing", key);
}

static gw_status read_spec(const gw__container *container, const char *path, gw__spec **ret_spec, gw_error *err) {
    gw__slice text;
    gw_error inner = {0};
    gw_status status = get_metadata(container, KEY_SPEC, path, &text, err);
    if (status != GW_OK) return status;
    status = gw__spec_restore(text.at, text.n, "spec.json", ret_spec, &inner);
    return status == GW_OK ? GW_OK : blame_file(status, &inner, KEY_SPEC, path, err);
}

static gw_status read_features(const gw__spec *spec, const gw__container *container, const char *path, gw__features **ret_features, gw_error *err) {
    gw__slice text;
    gw_error inner = {0};
    gw_status status = get_metadata(container, KEY_FEATURES, path, &text, err);
    if (status != GW_OK) return status;
    status = gw__features_read(spec, text, container, ret_features, &inner);
    return status == GW_OK ? GW_OK : blame_file(status, &inner, KEY_FEATURES, path, err);
}

/* As strict as with what is written here, for it becomes part of the description. */
static gw_status read_record(const gw__container *container, const char *path, gw__text *record, gw_error *err) {
    gw__slice text;
    gw__arena arena = {0};
    gw__doc *doc = NULL;
    gw_error inner = {0};
    gw_status status = get_metadata(container, KEY_TRAINING, path, &text, err);
    if (status != GW_OK) return status;
    status = gw__doc_parse_json(text.at, text.n, "training.json", &arena, &doc, &inner);
    if (status != GW_OK) GW__FAIL(blame_file(status, &inner, KEY_TRAINING, path, err));
    if (doc->kind != GW__DOC_MAP) GW__FAIL(gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "metadata '%s': expected a JSON object", KEY_TRAINING));
    gw__text_add(record, text.at, text.n);
    if (record->failed) status = gw__fail_nomem(err);
cleanup:
    gw__arena_clear(&arena);
    return status;
}

static bool begins_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

static bool is_parameter(const gw__net *net, const char *name) {
    for (size_t i = 0; i < gw__net_parameter_count(net); i++)
        if (strcmp(gw__net_parameter_at(net, i).name, name) == 0) return true;
    return false;
}

/* Every parameter was found, names are unique: so there is a tensor too many exactly if there are more. */
static gw_status check_no_more(const gw__net *net, const gw__container *container, const char *path, gw_error *err) {
    bool checkpoint = gw__container_metadata(container, GW__CHECKPOINT_KEY).at != NULL;
    size_t others = 0;
    const gw__tensor *extra = NULL;
    for (size_t i = 0; i < container->n_tensors; i++) {
        const gw__tensor *tensor = &container->tensors[i];
        if (begins_with(tensor->name, FEATURE_PREFIX)) continue;
        if (checkpoint && (begins_with(tensor->name, GW__CHECKPOINT_STATE) || begins_with(tensor->name, GW__CHECKPOINT_KEPT))) continue;
        others++;
    }
    if (others == gw__net_parameter_count(net)) return GW_OK;
    for (size_t i = 0; i < container->n_tensors && !extra; i++)
        if (!begins_with(container->tensors[i].name, FEATURE_PREFIX) && !is_parameter(net, container->tensors[i].name))
            extra = &container->tensors[i];
    return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "tensor '%s' does not belong to this model", extra ? extra->name : "?");
}

/* What a parameter of the spec's network is compared with. */
typedef struct stored {
    const gw__container *container;
    const char *path;
} stored;

static gw_status check_parameter(void *context, const gw__parameter *parameter, gw_error *err) {
    const stored *s = context;
    return gw__parameter_check_stored(parameter, s->container, parameter->name, s->path, err);
}

static gw_status read_model(const gw__container *container, const char *path, gw_model **ret_model, gw_error *err) {
    gw_status status = GW_OK;
    gw__spec *spec = NULL;
    gw__features *features = NULL;
    gw_model *model = NULL;
    gw_error inner = {0};
    stored parameters = {container, path};
    GW__TRY(read_spec(container, path, &spec, err));
    GW__TRY(read_features(spec, container, path, &features, err));
    status = gw__model_plan(spec, features, &(gw__parameter_check){check_parameter, &parameters}, &model, &inner);
    if (status == GW_E_FORMAT && err) *err = inner; /* a parameter, with its place */
    else if (status != GW_OK) status = blame_file(status, &inner, KEY_SPEC, path, err);
    if (status != GW_OK) goto cleanup;
    spec = NULL;
    features = NULL;
    GW__TRY(check_no_more(model->net, container, path, err));
    GW__TRY(gw__model_allocate(model, err));
    GW__TRY(gw__parameters_read(model->net, GW__PART_ALL, container, "", path, model->parameters, err));
    GW__TRY(read_record(container, path, &model->record, err));
    *ret_model = model;
    model = NULL;
cleanup:
    gw__model_free(model);
    gw__features_free(features);
    gw__spec_free(spec);
    return status;
}

/* `container` is moved on success if it is asked for. */
static gw_status read_checked(gw__container *container, const char *path, gw_model **ret_model, gw__container *ret_container, gw_error *err) {
    gw_status status = check_format(container, path, err);
    if (status == GW_OK) status = gw__container_verify(container, path, err);
    if (status == GW_OK) status = read_model(container, path, ret_model, err);
    if (status != GW_OK || !ret_container) {
        gw__container_clear(container);
        return status;
    }
    *ret_container = *container;
    return GW_OK;
}

gw_status gw__model_read(const char *path, gw_model **ret_model, gw__container *ret_container, gw_error *err) {
    gw__container container = {0};
    gw_status status = gw__container_read(path, &container, err);
    return status == GW_OK ? read_checked(&container, path, ret_model, ret_container, err) : status;
}

gw_status gw__model_parse(char *bytes, size_t n, const char *name, gw_model **ret_model, gw_error *err) {
    gw__container container = {0};
    gw_status status = gw__container_parse(bytes, n, name, &container, err);
    if (status != GW_OK) {
        gw__aligned_free(bytes);
        return status;
    }
    return read_checked(&container, name, ret_model, NULL, err);
}
