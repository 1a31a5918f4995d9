/* Specs as users write them: YAML or JSON, with overrides. The only file here that needs YAML; models are read without it. */
#include <string.h>

#include "base/files.h"
#include "spec/override.h"
#include "spec/reading.h"
#include "spec/doc_yaml.h"

#define TEXT_NAME "spec" /* of a spec that comes without a file */

static bool is_json(const char *name) {
    size_t n = strlen(name);
    return n >= 5 && memcmp(name + n - 5, ".json", 5) == 0;
}

/* A spec that is no JSON is wrong as a spec, not as a file of ours. */
static gw_status parse_json(const char *text, size_t n, const char *name, gw__arena *arena, gw__doc **ret_doc, gw_error *err) {
    gw_status status = gw__doc_parse_json(text, n, name, arena, ret_doc, err);
    if (status != GW_E_FORMAT) return status;
    if (err != NULL) err->code = GW_E_CONFIG;
    return GW_E_CONFIG;
}

/* The document that the text and the overrides make, in the reading's scratch memory. */
static gw_status read_document(const char *text, size_t n, const gw__reading *reading, gw__doc **ret_doc) {
    const char *name = reading->name;
    if (n > GW__SPEC_TEXT_LIMIT) {
        return gw__fail_at(reading->err, GW_E_LIMIT, name, 0, 0, "a spec of %zu bytes is longer than %zu", n, GW__SPEC_TEXT_LIMIT);
    }
    gw_status status = (is_json(name) ? parse_json : gw__doc_parse_yaml)(text, n, name, reading->scratch, ret_doc, reading->err);
    return status == GW_OK ? gw__doc_override(*ret_doc, reading->overrides, reading->n_overrides, reading->scratch, reading->err) : status;
}

gw_status gw__spec_parse(const char *text, size_t n, const char *name, const char *const *overrides, size_t n_overrides,
                         gw__spec **ret_spec, gw_error *err) {
    gw__arena scratch = {0};
    gw__doc *doc;
    gw__reading reading = {.name = name, .overrides = overrides, .n_overrides = n_overrides, .files = true, .scratch = &scratch, .err = err};
    gw_status status = read_document(text, n, &reading, &doc);
    if (status == GW_OK) status = gw__spec_decode(doc, &reading, ret_spec);
    gw__arena_clear(&scratch);
    return status;
}

gw_status gw__spec_read(const char *path, const char *const *overrides, size_t n_overrides, gw__spec **ret_spec, gw_error *err) {
    char *bytes;
    size_t n;
    gw_status status = gw__file_read(path, GW__SPEC_FILE_LIMIT, &bytes, &n, err);
    if (status != GW_OK) return status;
    status = gw__spec_parse(bytes, n, path, overrides, n_overrides, ret_spec, err);
    gw__aligned_free(bytes);
    return status;
}

gw_status gw__options_spec(const gw_train_options *options, gw__spec **ret_spec, gw_error *err) {
    if (options->spec_path) return gw__spec_read(options->spec_path, options->overrides, options->n_overrides, ret_spec, err);
    return gw__spec_parse(options->spec_text, strlen(options->spec_text), TEXT_NAME, options->overrides, options->n_overrides, ret_spec, err);
}

gw_status gw__options_keep(gw_train_options *options, char **ret_text, gw_error *err) {
    char *text;
    size_t n;
    if (options->spec_path == NULL || strcmp(options->spec_path, "-") != 0) return GW_OK;
    gw_status status = gw__file_read("-", GW__SPEC_FILE_LIMIT, &text, &n, err);
    if (status != GW_OK) return status;
    *ret_text = text;
    options->spec_path = NULL;
    options->spec_text = text;
    return strlen(text) == n ? GW_OK : gw__fail_at(err, GW_E_CONFIG, "-", 0, 0, "expected a spec but found a NUL character");
}

/* ---- errors that show when the table is known ---- */

/* The child that the beginning of `path` names, the longest such key: names of columns may contain dots. */
static const gw__doc *step_down(const gw__doc *map, gw__slice *path) {
    const gw__doc *best = NULL;
    for (const gw__doc *child = map->kind == GW__DOC_MAP ? map->first : NULL; child != NULL; child = child->next) {
        size_t n = child->key.n;
        bool begins = n > 0 && n <= path->n && memcmp(child->key.at, path->at, n) == 0 && (n == path->n || path->at[n] == '.');
        if (begins && (best == NULL || n > best->key.n)) best = child;
    }
    if (best == NULL) return NULL;
    size_t used = best->key.n + (best->key.n < path->n);
    *path = (gw__slice){path->at + used, path->n - used};
    return best;
}

/* Messages begin with the value they are about: 'agee' is no column … */
static bool is_subject(const gw__doc *node, const char *message) {
    size_t n = node->text.n;
    if (node->kind != GW__DOC_SCALAR || n == 0 || strlen(message) < n + 2) return false;
    return message[0] == '\'' && memcmp(message + 1, node->text.at, n) == 0 && message[n + 1] == '\'';
}

/* Give the error the place of its value, of the list's item that it is about, or else of the key that is nearest to its path. */
static gw_status fail_at_path(const gw__doc *doc, const gw__reading *reading, const gw_error *found) {
    gw__slice path = gw__slice_of(found->where);
    gw__frame frame = {.reading = (gw__reading *)reading};
    const gw__doc *node = NULL, *value = NULL;
    for (const gw__doc *next = doc; path.n > 0 && next != NULL;)
        if ((next = step_down(next, &path)) != NULL) node = next;
    if (node != NULL && path.n == 0) {
        if (is_subject(node, found->message)) value = node;
        for (const gw__doc *item = node->kind == GW__DOC_LIST ? node->first : NULL; item != NULL && value == NULL; item = item->next)
            if (is_subject(item, found->message)) value = item;
    }
    if (value == NULL && node != NULL) return gw__fail_key(&frame, node, "key '%s': %s", found->where, found->message);
    return gw__fail_value(&frame, value, "key '%s': %s", found->where, found->message);
}

void gw__spec_blame(const gw_train_options *options, gw_error *err) {
    if (err == NULL || err->code != GW_E_CONFIG || err->line != 0 || err->where[0] == '\0') return;
    const char *path = options->spec_path;
    gw_error found = *err;
    gw__arena scratch = {0};
    gw__reading reading = {.name = path ? path : TEXT_NAME, .overrides = options->overrides, .n_overrides = options->n_overrides,
                           .scratch = &scratch};
    char *bytes = NULL;
    size_t n = 0;
    gw__doc none = {0}, *doc = &none;
    bool lasts = path == NULL || strcmp(path, "-") != 0; /* the standard input is used up */
    if (path && lasts && gw__file_read(path, GW__SPEC_FILE_LIMIT, &bytes, &n, NULL) != GW_OK) lasts = false;
    if (!path) n = strlen(options->spec_text);
    if (!lasts || read_document(path ? bytes : options->spec_text, n, &reading, &doc) != GW_OK) doc = &none;
    reading.err = err;
    fail_at_path(doc, &reading, &found);
    gw__aligned_free(bytes);
    gw__arena_clear(&scratch);
}
