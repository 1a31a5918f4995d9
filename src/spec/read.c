/* Specs as users write them: YAML or JSON, with overrides. The only file here that needs YAML; models are read without it. */
#include <string.h>

#include "base/files.h"
#include "spec/override.h"
#include "spec/reading.h"
#include "spec/doc_yaml.h"

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

gw_status gw__spec_parse(const char *text, size_t n, const char *name, const char *const *overrides, size_t n_overrides,
                         gw__spec **ret_spec, gw_error *err) {
    if (n > GW__SPEC_TEXT_LIMIT) return gw__fail_at(err, GW_E_LIMIT, name, 0, 0, "a spec of %zu bytes is longer than %zu", n, GW__SPEC_TEXT_LIMIT);
    gw__arena scratch = {0};
    gw__doc *doc;
    gw__reading reading = {.name = name, .overrides = overrides, .n_overrides = n_overrides, .files = true, .scratch = &scratch, .err = err};
    gw_status status = GW_OK;
    GW__TRY((is_json(name) ? parse_json : gw__doc_parse_yaml)(text, n, name, &scratch, &doc, err));
    GW__TRY(gw__doc_override(doc, overrides, n_overrides, &scratch, err));
    GW__TRY(gw__spec_decode(doc, &reading, ret_spec));
cleanup:
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
    return gw__spec_parse(options->spec_text, strlen(options->spec_text), "spec", options->overrides, options->n_overrides, ret_spec, err);
}
