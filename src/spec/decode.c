#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "spec/reading.h"

/* ---- what a scalar says ---- */

static bool is_plain(const gw__doc *node) { return node->kind == GW__DOC_SCALAR && !node->quoted; }

bool gw__scalar_bool(const gw__doc *node, bool *ret) {
    if (!is_plain(node)) return false;
    static const char *const yes[] = {"true", "True", "TRUE"}, *const no[] = {"false", "False", "FALSE"};
    for (size_t i = 0; i < GW__COUNT(yes); i++) {
        if (gw__slice_is(node->text, yes[i])) return *ret = true, true;
        if (gw__slice_is(node->text, no[i])) return *ret = false, true;
    }
    return false;
}

bool gw__scalar_number(const gw__doc *node, double *ret) {
    double value;
    if (!is_plain(node) || !gw__parse_double(node->text, &value) || !isfinite(value)) return false;
    *ret = value;
    return true;
}

static bool parse_digits(gw__slice text, uint64_t *ret) {
    uint64_t value = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned digit = (unsigned)(unsigned char)text.at[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, digit, &value)) return false;
    }
    *ret = value;
    return text.n > 0;
}

/* Digits with all 64 bits, or a number such as 1e6 that is whole and exact. */
bool gw__scalar_count(const gw__doc *node, uint64_t *ret) {
    if (!is_plain(node)) return false;
    if (parse_digits(node->text, ret)) return true;
    double value;
    if (!gw__scalar_number(node, &value) || value < 0 || value > 0x1p53 || value != floor(value)) return false;
    *ret = (uint64_t)value;
    return true;
}

bool gw__scalar_word(const gw__doc *node, const gw__words *words, unsigned *ret) {
    if (node->kind != GW__DOC_SCALAR || node->text.n == 0) return false;
    for (size_t i = 0; i < words->n; i++) {
        if (gw__slice_is(node->text, words->at[i])) return *ret = (unsigned)i, true;
    }
    return false;
}

gw_status gw__scalar_text(const gw__frame *frame, const gw__field *field, const gw__doc *node, const char **ret) {
    if (node->kind != GW__DOC_SCALAR) return gw__fail_wanted(frame, field->key, node, "a text");
    if (node->text.n == 0 && !field->blank_ok) return gw__fail_wanted(frame, field->key, node, "a text that is not empty");
    if (node->text.n > 0 && memchr(node->text.at, '\0', node->text.n) != NULL) {
        return gw__fail_wanted(frame, field->key, node, "a text without NUL characters");
    }
    const char *copy = gw__arena_text(&frame->reading->spec->arena, node->text.at, node->text.n);
    if (copy == NULL) return gw__fail_nomem(frame->reading->err);
    *ret = copy;
    return GW_OK;
}

gw_status gw__node_texts(const gw__frame *frame, const gw__field *field, const gw__doc *node, gw__texts *ret) {
    if (node->kind == GW__DOC_MAP) return gw__fail_expected(frame, field, node);
    bool one = node->kind == GW__DOC_SCALAR;
    size_t n = one ? 1 : node->n;
    const char **at = gw__arena_alloc(&frame->reading->spec->arena, n + 1, sizeof *at);
    if (at == NULL) return gw__fail_nomem(frame->reading->err);
    const gw__doc *item = one ? node : node->first;
    for (size_t i = 0; i < n; i++, item = item->next) {
        gw_status status = gw__scalar_text(frame, field, item, &at[i]);
        if (status != GW_OK) return status;
    }
    *ret = (gw__texts){at, n};
    return GW_OK;
}

/* ---- plain kinds ---- */

static void *place_of(const gw__frame *frame, const gw__field *field) { return (char *)frame->base + field->offset; }

static gw_status decode_bool(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    return gw__scalar_bool(node, place_of(frame, field)) ? GW_OK : gw__fail_expected(frame, field, node);
}

static gw_status decode_count(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    uint64_t value;
    if (!gw__scalar_count(node, &value) || value < field->lo || value > field->hi) return gw__fail_expected(frame, field, node);
    if (field->kind == GW__FIELD_COUNT32) *(uint32_t *)place_of(frame, field) = (uint32_t)value;
    else *(uint64_t *)place_of(frame, field) = value;
    return GW_OK;
}

gw_status gw__field_number(const gw__frame *frame, const gw__field *field, const gw__doc *node, double *ret) {
    double value;
    const gw__range *range = &field->range;
    if (!gw__scalar_number(node, &value) || value < range->least || value > range->most ||
        (range->above && value == range->least) || (range->below && value == range->most)) {
        return gw__fail_expected(frame, field, node);
    }
    *ret = value;
    return GW_OK;
}

static gw_status decode_number(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    return gw__field_number(frame, field, node, place_of(frame, field));
}

static gw_status decode_choice(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    unsigned value;
    if (!gw__scalar_word(node, field->words, &value)) return gw__fail_expected(frame, field, node);
    _Static_assert(sizeof(gw__loss) == sizeof value, "an enum is an unsigned int");
    memcpy(place_of(frame, field), &value, sizeof value);
    return GW_OK;
}

static gw_status decode_text(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    return gw__scalar_text(frame, field, node, place_of(frame, field));
}

static gw_status decode_texts(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    return gw__node_texts(frame, field, node, place_of(frame, field));
}

typedef gw_status (*decoder)(const gw__frame *frame, const gw__field *field, const gw__doc *node);

static const decoder decoders[GW__FIELD_KINDS] = {
    [GW__FIELD_BOOL] = decode_bool,
    [GW__FIELD_COUNT32] = decode_count,
    [GW__FIELD_COUNT64] = decode_count,
    [GW__FIELD_NUMBER] = decode_number,
    [GW__FIELD_CHOICE] = decode_choice,
    [GW__FIELD_TEXT] = decode_text,
    [GW__FIELD_TEXTS] = decode_texts,
    [GW__FIELD_VALID] = gw__form_valid,
    [GW__FIELD_HEADER] = gw__form_header,
    [GW__FIELD_SEPARATOR] = gw__form_separator,
    [GW__FIELD_TRANSFORMS] = gw__form_transforms,
    [GW__FIELD_MISSING] = gw__form_missing,
    [GW__FIELD_COLUMNS] = gw__form_columns,
    [GW__FIELD_TASKS] = gw__form_tasks,
    [GW__FIELD_WIDTHS] = gw__form_widths,
    [GW__FIELD_LEVEL_WIDTHS] = gw__form_widths,
    [GW__FIELD_PER_TASK] = gw__form_per_task,
    [GW__FIELD_TASK_NUMBERS] = gw__form_task_numbers,
    [GW__FIELD_WIRING] = gw__form_wiring,
    [GW__FIELD_BETAS] = gw__form_betas,
    [GW__FIELD_QUANTILES] = gw__form_quantiles,
    [GW__FIELD_CHAIN] = gw__form_chain,
    [GW__FIELD_BATCH] = gw__form_batch,
    [GW__FIELD_EVERY] = gw__form_batch,
};

gw_status gw__field_decode(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    return decoders[field->kind](frame, field, node);
}

/* ---- defaults ---- */

/* The default goes the way of a written value, so that the table holds it as one would write it. */
static gw_status decode_preset(const gw__frame *frame, const gw__field *field) {
    gw__reading *reading = frame->reading;
    const char *preset = field->preset_of != NULL ? field->preset_of(frame) : field->preset;
    if (preset == NULL) return field->required && !(field->unstored && !reading->files) ? gw__fail_absent(frame, field) : GW_OK;
    gw__doc *node;
    if (preset[0] == '[' && field->kind != GW__FIELD_TEXT) {
        gw_status status = gw__doc_parse_json(preset, strlen(preset), "default", reading->scratch, &node, reading->err);
        if (status != GW_OK) return status;
    } else {
        node = gw__doc_new_scalar(reading->scratch, preset, strlen(preset), field->kind == GW__FIELD_TEXT);
        if (node == NULL) return gw__fail_nomem(reading->err);
    }
    return gw__field_decode(frame, field, node);
}

/* ---- sections ---- */

gw__doc *gw__shorthand_map(gw__arena *arena, const gw__field *field, const gw__doc *node) {
    gw__doc *map = gw__doc_new(arena, GW__DOC_MAP);
    gw__doc *value = gw__doc_new_scalar(arena, node->text.at, node->text.n, node->quoted);
    if (map == NULL || value == NULL || !gw__doc_add(arena, map, field->shorthand, value)) return NULL;
    map->line = value->line = value->key_line = node->line;
    map->column = value->column = value->key_column = node->column;
    return map;
}

static gw_status decode_section(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__reading *reading = frame->reading;
    if (node != NULL && node->kind == GW__DOC_SCALAR && field->shorthand != NULL) {
        node = gw__shorthand_map(reading->scratch, field, node);
        if (node == NULL) return gw__fail_nomem(reading->err);
    }
    if (node != NULL && node->kind != GW__DOC_MAP) return gw__fail_expected(frame, field, node);
    bool switched = field->kind == GW__FIELD_SWITCH;
    if (switched) *(bool *)place_of(frame, field) = node != NULL;
    gw__frame inner = {.outer = frame, .key = field->key, .section = field->section, .map = node,
                       .base = switched ? frame->base : place_of(frame, field), .reading = reading};
    return gw__section_decode(&inner);
}

/* The keys that take the place of one that does not apply, as its hint: those that depend on the same choice. */
static void hint_instead(const gw__frame *frame, const gw__field *foreign, gw__text *out) {
    size_t choice = strcspn(foreign->owner, " "); /* an owner's first word: "architecture", "type", … */
    for (size_t i = 0; i < frame->section->n; i++) {
        const gw__field *field = &frame->section->fields[i];
        if (field == foreign || field->applies == NULL || !field->applies(frame->reading->spec, frame->base)) continue;
        if (strncmp(field->owner, foreign->owner, choice) != 0) continue;
        gw__text_addf(out, "%s'%s'", out->n == 0 ? "; hint: what belongs here: " : ", ", field->key);
    }
}

static gw_status fail_foreign(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__text hint = {0};
    hint_instead(frame, field, &hint);
    gw_status status = gw__fail_key(frame, node, "key '%s' is only for %s%s", field->key, field->owner, hint.n > 0 ? hint.at : "");
    gw__text_clear(&hint);
    return status;
}

static gw_status decode_field(const gw__frame *frame, const gw__field *field) {
    const gw__doc *node = gw__frame_get(frame, field->key);
    if (node != NULL && field->applies != NULL && !field->applies(frame->reading->spec, frame->base)) {
        if (!field->idle_ok) return fail_foreign(frame, field, node);
        node = NULL;
    }
    if (field->kind == GW__FIELD_SECTION || field->kind == GW__FIELD_SWITCH) return decode_section(frame, field, node);
    if (node != NULL) return gw__field_decode(frame, field, node);
    return frame->inherits ? GW_OK : decode_preset(frame, field);
}

/* ---- unknown keys ---- */

typedef struct search {
    gw__slice key;
    char path[256];
} search;

static void match_elsewhere(void *context, const char *path, const gw__field *field) {
    search *s = context;
    if (s->path[0] == '\0' && gw__slice_is(s->key, field->key)) snprintf(s->path, sizeof s->path, "%s", path);
}

static gw_status fail_unknown(const gw__frame *frame, const gw__doc *node) {
    const char *keys[32];
    size_t n = 0;
    for (; n < frame->section->n && n < GW__COUNT(keys); n++) keys[n] = frame->section->fields[n].key;
    const char *near = gw__nearest(node->key, keys, n);
    search elsewhere = {.key = node->key};
    gw__fields_walk(match_elsewhere, &elsewhere);
    if (elsewhere.path[0] != '\0') {
        return gw__fail_key(frame, node, "unknown key '%.*s'; hint: did you mean '%s'?", GW__SLICE_ARG(node->key), elsewhere.path);
    }
    if (near != NULL) {
        return gw__fail_key(frame, node, "unknown key '%.*s'; hint: did you mean '%s'?", GW__SLICE_ARG(node->key), near);
    }
    char list[512] = "";
    for (size_t i = 0, at = 0; i < n && at < sizeof list; i++) {
        at += (size_t)snprintf(list + at, sizeof list - at, "%s'%s'", i == 0 ? "" : ", ", keys[i]);
    }
    return gw__fail_key(frame, node, "unknown key '%.*s'; hint: the keys here are %s", GW__SLICE_ARG(node->key), list);
}

static bool has_key(const gw__section *section, gw__slice key) {
    for (size_t i = 0; i < section->n; i++) {
        if (gw__slice_is(key, section->fields[i].key)) return true;
    }
    return false;
}

gw_status gw__section_decode(const gw__frame *frame) {
    const gw__doc *child = frame->map == NULL ? NULL : frame->map->first;
    for (; child != NULL; child = child->next) {
        if (!has_key(frame->section, child->key)) return fail_unknown(frame, child);
    }
    for (size_t i = 0; i < frame->section->n; i++) {
        gw_status status = decode_field(frame, &frame->section->fields[i]);
        if (status != GW_OK) return status;
    }
    return frame->section->check == NULL ? GW_OK : frame->section->check(frame);
}
