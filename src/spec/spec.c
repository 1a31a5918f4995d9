#include "spec/spec.h"

#include <stdlib.h>
#include <string.h>

#include "spec/reading.h"

void gw__spec_free(gw__spec *spec) {
    if (spec == NULL || __atomic_fetch_sub(&spec->holders, 1, __ATOMIC_ACQ_REL) > 0) return;
    gw__arena arena = spec->arena;
    gw__arena_clear(&arena);
    free(spec);
}

gw__spec *gw__spec_hold(const gw__spec *spec) {
    gw__spec *held = (gw__spec *)(uintptr_t)spec; /* the count is all that changes */
    __atomic_fetch_add(&held->holders, 1, __ATOMIC_RELAXED);
    return held;
}

gw_status gw__spec_decode(const gw__doc *doc, gw__reading *reading, gw__spec **ret_spec) {
    gw__spec *spec = calloc(1, sizeof *spec);
    if (spec == NULL) return gw__fail_nomem(reading->err);
    reading->spec = spec;
    gw__frame root = {.section = &gw__spec_section, .map = doc, .base = spec, .reading = reading};
    gw_status status = doc->kind == GW__DOC_MAP ? gw__section_decode(&root) : gw__fail_value(&root, doc, "expected a map of keys");
    if (status == GW_OK) *ret_spec = spec;
    else gw__spec_free(spec);
    return status;
}

gw_status gw__spec_restore(const char *json, size_t n, const char *name, gw__spec **ret_spec, gw_error *err) {
    if (n > GW__SPEC_TEXT_LIMIT) return gw__fail_at(err, GW_E_LIMIT, name, 0, 0, "a spec of %zu bytes is longer than %zu", n, GW__SPEC_TEXT_LIMIT);
    gw__arena scratch = {0};
    gw__doc *doc;
    gw__reading reading = {.name = name, .scratch = &scratch, .err = err};
    gw_status status = gw__doc_parse_json(json, n, name, &scratch, &doc, err);
    if (status == GW_OK) status = gw__spec_decode(doc, &reading, ret_spec);
    gw__arena_clear(&scratch);
    return status;
}
