/* Where something went wrong, and in which words. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec/reading.h"

const gw__doc *gw__frame_get(const gw__frame *frame, const char *key) {
    const gw__doc *node = frame->map == NULL ? NULL : gw__doc_get(frame->map, key);
    return node == NULL || gw__doc_is_null(node) ? NULL : node;
}

const gw__doc *gw__list_second(const gw__doc *list, const char *text) {
    size_t seen = 0;
    for (const gw__doc *item = list->first; item != NULL; item = item->next) {
        if (gw__slice_is(item->text, text) && ++seen == 2) return item;
    }
    return list;
}

static gw_status fail_at(const gw__reading *reading, int64_t line, int64_t column, const char *message) {
    if (line == 0 && column > 0 && (uint64_t)column <= reading->n_overrides) {
        char where[256];
        snprintf(where, sizeof where, "--set %s", reading->overrides[column - 1]);
        return gw__fail_at(reading->err, GW_E_CONFIG, where, 0, 0, "%s", message);
    }
    return gw__fail_at(reading->err, GW_E_CONFIG, reading->name, line, column, "%s", message);
}

/* The nearest map that was written, from the inside out. */
static const gw__doc *nearest_map(const gw__frame *frame) {
    while (frame->map == NULL && frame->outer != NULL) frame = frame->outer;
    return frame->map;
}

#define FORMAT_MESSAGE(message, format)                     \
    char message[sizeof((gw_error *)0)->message];           \
    va_list arguments;                                      \
    va_start(arguments, format);                            \
    vsnprintf(message, sizeof message, format, arguments);  \
    va_end(arguments)

gw_status gw__fail_value(const gw__frame *frame, const gw__doc *node, const char *format, ...) {
    FORMAT_MESSAGE(message, format);
    if (node == NULL) node = nearest_map(frame);
    return fail_at(frame->reading, node == NULL ? 0 : node->line, node == NULL ? 0 : node->column, message);
}

gw_status gw__fail_key(const gw__frame *frame, const gw__doc *node, const char *format, ...) {
    FORMAT_MESSAGE(message, format);
    return fail_at(frame->reading, node->key_line, node->key_column, message);
}

static void describe(const gw__doc *node, char *out, size_t size) {
    if (node->kind == GW__DOC_LIST) snprintf(out, size, node->n ? "a list" : "an empty list");
    else if (node->kind == GW__DOC_MAP) snprintf(out, size, "a map");
    else if (gw__doc_is_null(node)) snprintf(out, size, "nothing");
    else snprintf(out, size, "%s'%.*s'", node->quoted ? "the text " : "", GW__SLICE_ARG(node->text));
}

gw_status gw__fail_wanted(const gw__frame *frame, const char *key, const gw__doc *node, const char *wanted) {
    char found[128];
    describe(node, found, sizeof found);
    return gw__fail_value(frame, node, "key '%s': expected %s but found %s", key, wanted, found);
}

gw_status gw__fail_expected(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__text wanted = {0};
    gw__field_expect(field, &wanted);
    if (node->kind == GW__DOC_SCALAR && field->words != NULL) {
        const char *near = gw__nearest(node->text, field->words->at, field->words->n);
        if (near != NULL && near[0] != '\0') {
            gw_status status = gw__fail_value(frame, node, "key '%s': expected %s but found '%.*s'; hint: did you mean '%s'?", field->key,
                                              wanted.at == NULL ? "" : wanted.at, GW__SLICE_ARG(node->text), near);
            gw__text_clear(&wanted);
            return status;
        }
    }
    gw_status status = gw__fail_wanted(frame, field->key, node, wanted.at == NULL ? "another value" : wanted.at);
    gw__text_clear(&wanted);
    return status;
}

/* "tasks.income" of the frames down to this one. */
static void write_path(const gw__frame *frame, gw__text *out) {
    const gw__frame *chain[8]; /* deeper than any section of the table */
    size_t n = 0;
    for (; frame->outer != NULL && n < GW__COUNT(chain); frame = frame->outer) chain[n++] = frame;
    while (n > 0) gw__text_addf(out, "%s.", chain[--n]->key);
}

gw_status gw__fail_absent(const gw__frame *frame, const gw__field *field) {
    gw__text path = {0}, choices = {0};
    write_path(frame, &path);
    if (field->kind == GW__FIELD_CHOICE) gw__field_expect(field, &choices);
    gw_status status = gw__fail_value(frame, NULL, "key '%s%s' is missing%s%s", path.at == NULL ? "" : path.at, field->key,
                                      choices.n > 0 ? "; hint: it is " : "", choices.n > 0 ? choices.at : "");
    gw__text_clear(&path);
    gw__text_clear(&choices);
    return status;
}
