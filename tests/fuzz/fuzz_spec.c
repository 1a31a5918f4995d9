/* Specs from outside. The first byte says: bit 0, JSON instead of YAML; bit 1, the last line is a --set. What is taken has canonical JSON
 * that is taken, too, and stays the same; what is refused has a message. Files that a spec names are not opened. */
#include <stdlib.h>
#include <string.h>

#include "spec/doc_yaml.h"
#include "spec/override.h"
#include "spec/reading.h"

static void require(bool so) {
    if (!so) abort();
}

static gw_status read_spec(gw__slice text, bool json, const char *set, gw__spec **ret_spec, gw_error *err) {
    gw__arena scratch = {0};
    gw__doc *doc;
    gw__reading reading = {.name = "spec", .overrides = &set, .n_overrides = set != NULL, .scratch = &scratch, .err = err};
    gw_status status = GW_OK;
    GW__TRY((json ? gw__doc_parse_json : gw__doc_parse_yaml)(text.at, text.n, "spec", &scratch, &doc, err));
    GW__TRY(gw__doc_override(doc, &set, set != NULL, &scratch, err));
    GW__TRY(gw__spec_decode(doc, &reading, ret_spec));
cleanup:
    gw__arena_clear(&scratch);
    return status;
}

static void check_taken(gw__spec *spec) {
    gw__text first = {0}, second = {0};
    gw__spec *again = NULL;
    require(gw__spec_write_json(spec, &first, NULL) == GW_OK);
    require(gw__spec_restore(first.at, first.n, "stored", &again, NULL) == GW_OK);
    require(gw__spec_write_json(again, &second, NULL) == GW_OK);
    require(first.n == second.n && memcmp(first.at, second.at, first.n) == 0);
    gw__spec_free(again);
    gw__text_clear(&first);
    gw__text_clear(&second);
}

/* The last line as a C string, cut off from `text`. */
static char *take_last_line(gw__slice *text) {
    const char *newline = text->n == 0 ? NULL : memrchr(text->at, '\n', text->n);
    if (newline == NULL) return NULL;
    size_t kept = (size_t)(newline - text->at);
    char *line = strndup(newline + 1, text->n - kept - 1);
    text->n = kept;
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    if (n == 0) return 0;
    gw__slice text = {(const char *)bytes + 1, n - 1};
    char *set = (bytes[0] & 2) != 0 ? take_last_line(&text) : NULL;
    gw__spec *spec = NULL;
    gw_error err = {0};
    gw_status status = read_spec(text, (bytes[0] & 1) != 0, set, &spec, &err);
    if (status == GW_OK) check_taken(spec);
    else require(spec == NULL && err.code == status && err.message[0] != '\0');
    gw__spec_free(spec);
    free(set);
    return 0;
}
