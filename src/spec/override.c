#include "spec/override.h"

#include <stdio.h>
#include <string.h>

#include "spec/reading.h"
#include "spec/doc_yaml.h"

typedef struct change {
    const char *text;
    int64_t number; /* from 1 */
    gw__arena *arena;
    gw_error *err;
} change;

static gw_status fail(const change *c, const char *format, gw__slice subject) __attribute__((format(printf, 2, 0)));

/* `format` has one %.*s for the subject. */
static gw_status fail(const change *c, const char *format, gw__slice subject) {
    char where[256], message[512];
    snprintf(where, sizeof where, "--set %s", c->text);
    snprintf(message, sizeof message, format, GW__SLICE_ARG(subject));
    return gw__fail_at(c->err, GW_E_CONFIG, where, 0, 0, "%s", message);
}

/* Nested at most GW__DOC_DEPTH deep. */
static void mark_places(const change *c, gw__doc *node) {
    node->line = node->key_line = 0;
    node->column = node->key_column = c->number;
    for (gw__doc *child = node->first; child != NULL; child = child->next) mark_places(c, child);
}

/* What means a cell without a value in many tables, but in YAML a map, a list, a comment and so on, silently at worst. */
static bool means_something_else(gw__slice text) {
    if (text.n == 0) return false;
    if (text.n == 1) return strchr("?-:|>*&!%@`#,", text.at[0]) != NULL;
    return strchr("#%@`", text.at[0]) != NULL || (text.at[0] == '?' && text.at[1] == ' ');
}

static gw_status parse_value(const change *c, gw__slice text, gw__doc **ret) {
    gw__slice trimmed = gw__slice_trim(text);
    if (means_something_else(trimmed)) return fail(c, "'%.*s' is no text in YAML; hint: put it in quotes, behind those of the shell: 'key=\"?\"'", trimmed);
    if (trimmed.n == 0) {
        *ret = gw__doc_new_scalar(c->arena, "", 0, false);
        if (*ret == NULL) return gw__fail_nomem(c->err);
    } else {
        gw_error inner;
        gw_status status = gw__doc_parse_yaml(text.at, text.n, "--set", c->arena, ret, &inner);
        if (status == GW_E_NOMEM) return gw__fail_nomem(c->err);
        if (status != GW_OK) return fail(c, "%.*s", gw__slice_of(inner.message));
    }
    mark_places(c, *ret);
    return GW_OK;
}

/* The row that `key` names in a section, NULL where names are free or unknown. */
static const gw__field *find_field(const gw__section *section, gw__slice key) {
    for (size_t i = 0; section != NULL && i < section->n; i++) {
        if (gw__slice_is(key, section->fields[i].key)) return &section->fields[i];
    }
    return NULL;
}

/* Make `node` a map that can be stepped into: what stands for a map becomes one, nothing becomes an empty one. */
static gw_status open_map(const change *c, gw__doc *node, const char *shorthand, gw__slice key) {
    if (node->kind == GW__DOC_MAP) return GW_OK;
    if (node->kind == GW__DOC_LIST) return fail(c, "key '%.*s' holds a list, not keys; hint: set the whole list", key);
    if (!gw__doc_is_null(node) && shorthand == NULL) return fail(c, "key '%.*s' holds a value, not keys", key);
    gw__doc map = {.kind = GW__DOC_MAP};
    if (!gw__doc_is_null(node)) {
        gw__doc *wrapped = gw__shorthand_map(c->arena, &(gw__field){.shorthand = shorthand}, node);
        if (wrapped == NULL) return gw__fail_nomem(c->err);
        map = *wrapped;
    }
    node->kind = GW__DOC_MAP;
    node->n = map.n;
    node->first = map.first;
    node->last = map.last;
    return GW_OK;
}

static gw__doc *find_child(gw__doc *map, gw__slice key) {
    for (gw__doc *child = map->first; child != NULL; child = child->next) {
        if (gw__slice_equal(child->key, key)) return child;
    }
    return NULL;
}

static gw_status add_child(const change *c, gw__doc *map, gw__slice key, gw__doc *child) {
    const char *name = gw__arena_text(c->arena, key.at, key.n);
    if (child == NULL || name == NULL || !gw__doc_add(c->arena, map, name, child)) return gw__fail_nomem(c->err);
    child->line = child->key_line = 0;
    child->column = child->key_column = c->number;
    return GW_OK;
}

/* A replaced value keeps its place among its siblings: the order of tasks is part of the model. */
static gw_status set_child(const change *c, gw__doc *map, gw__slice key, gw__doc *value) {
    gw__doc *old = find_child(map, key);
    if (old == NULL) return add_child(c, map, key, value);
    gw__slice name = old->key;
    gw__doc *next = old->next;
    *old = *value;
    old->key = name;
    old->next = next;
    return GW_OK;
}

/* A task that is set to nothing is left out, as if the spec had never had it. */
static gw_status remove_task(const change *c, gw__doc *tasks, gw__slice name) {
    gw__doc *before = NULL, *task = tasks->first;
    for (; task != NULL && !gw__slice_equal(task->key, name); task = task->next) before = task;
    if (task == NULL) return fail(c, "there is no task '%.*s' to leave out", name);
    if (before == NULL) tasks->first = task->next;
    else before->next = task->next;
    if (tasks->last == task) tasks->last = before;
    if (--tasks->n == 0) { /* another --set may bring one; else this one is to blame */
        tasks->line = 0;
        tasks->column = c->number;
    }
    return GW_OK;
}

/* Step into `key` of a map, making it if need be. */
static gw_status step(const change *c, gw__doc *map, gw__slice key, const char *shorthand, gw__doc **ret) {
    gw__doc *child = find_child(map, key);
    if (child == NULL) {
        child = gw__doc_new(c->arena, GW__DOC_MAP);
        gw_status status = add_child(c, map, key, child);
        if (status != GW_OK) return status;
    }
    *ret = child;
    return open_map(c, child, shorthand, key);
}

static gw_status apply(const change *c, gw__doc *doc) {
    const char *equals = strchr(c->text, '=');
    if (equals == NULL || equals == c->text) return fail(c, "expected key.path=value but found '%.*s'", gw__slice_of(c->text));
    gw__doc *value, *map = doc;
    gw_status status = parse_value(c, gw__slice_of(equals + 1), &value);
    const gw__section *section = &gw__spec_section;
    const gw__field *names = NULL; /* in a map of names: its row */
    const char *at = c->text;
    for (size_t depth = 0; status == GW_OK; depth++) {
        const char *dot = memchr(at, '.', (size_t)(equals - at));
        gw__slice key = {at, (size_t)((dot == NULL ? equals : dot) - at)};
        if (key.n == 0) return fail(c, "expected key.path=value but found an empty key in '%.*s'", gw__slice_of(c->text));
        if (depth == GW__DOC_DEPTH) return fail(c, "nested deeper than 64 in '%.*s'", gw__slice_of(c->text));
        bool is_task = names != NULL && names->kind == GW__FIELD_TASKS;
        if (dot == NULL) return is_task && gw__doc_is_null(value) ? remove_task(c, map, key) : set_child(c, map, key, value);
        const gw__field *field = names != NULL ? NULL : find_field(section, key);
        status = step(c, map, key, names != NULL ? names->shorthand : field == NULL ? NULL : field->shorthand, &map);
        bool opens_names = field != NULL && (field->kind == GW__FIELD_TASKS || field->kind == GW__FIELD_COLUMNS);
        if (field != NULL) section = field->section;
        else if (names == NULL) section = NULL;
        names = opens_names ? field : NULL;
        at = dot + 1;
    }
    return status;
}

gw_status gw__doc_override(gw__doc *doc, const char *const *overrides, size_t n_overrides, gw__arena *arena, gw_error *err) {
    for (size_t i = 0; i < n_overrides; i++) {
        change c = {.text = overrides[i], .number = (int64_t)i + 1, .arena = arena, .err = err};
        gw_status status = doc->kind == GW__DOC_MAP ? apply(&c, doc) : GW_OK;
        if (status != GW_OK) return status;
    }
    return GW_OK;
}
