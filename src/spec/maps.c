/* Maps whose keys are names of the user's: columns and tasks. And an index of names. */
#include <stdlib.h>
#include <string.h>

#include "spec/reading.h"

/* ---- columns ---- */

/* The map of names as a frame of its own, so that paths in messages have its key. */
static gw__frame frame_of_names(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    return (gw__frame){.outer = frame, .key = field->key, .section = field->section, .map = node, .base = frame->base, .reading = frame->reading};
}

/* A column's own entry as a map: `age: numeric` and `age:` stand for one. */
static gw_status entry_map(const gw__frame *frame, const gw__field *field, const gw__doc *node, const gw__doc **ret) {
    if (node->kind == GW__DOC_MAP) return *ret = node, GW_OK;
    if (node->kind == GW__DOC_LIST) {
        return gw__fail_value(frame, node, "'%.*s': expected a map of keys or a type but found a list", GW__SLICE_ARG(node->key));
    }
    if (gw__doc_is_null(node)) return *ret = NULL, GW_OK;
    *ret = gw__shorthand_map(frame->reading->scratch, field, node);
    return *ret != NULL ? GW_OK : gw__fail_nomem(frame->reading->err);
}

static bool has_nul(gw__slice s) { return s.n > 0 && memchr(s.at, '\0', s.n) != NULL; }

static gw_status decode_column(const gw__frame *frame, const gw__field *field, const gw__doc *node, gw__feature_spec *feature) {
    gw__reading *reading = frame->reading;
    if (node->key.n == 0 || has_nul(node->key)) return gw__fail_key(frame, node, "expected the name of a column");
    *feature = reading->spec->features.defaults;
    feature->name = gw__arena_text(&reading->spec->arena, node->key.at, node->key.n);
    if (feature->name == NULL) return gw__fail_nomem(reading->err);
    gw__frame inner = {.outer = frame, .key = feature->name, .section = field->section, .base = feature, .inherits = true, .reading = reading};
    gw_status status = entry_map(frame, field, node, &inner.map);
    return status == GW_OK ? gw__section_decode(&inner) : status;
}

gw_status gw__form_columns(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__spec *spec = frame->reading->spec;
    if (node->kind != GW__DOC_MAP) return gw__fail_expected(frame, field, node);
    if (node->n > GW__SPEC_COLUMNS_LIMIT) return gw__fail_value(frame, node, "more than %d columns; hint: 'default' holds for all", GW__SPEC_COLUMNS_LIMIT);
    gw__feature_spec *columns = gw__arena_alloc(&spec->arena, node->n + 1, sizeof *columns);
    if (columns == NULL) return gw__fail_nomem(frame->reading->err);
    gw__frame names = frame_of_names(frame, field, node);
    size_t n = 0;
    for (const gw__doc *child = node->first; child != NULL; child = child->next, n++) {
        gw_status status = decode_column(&names, field, child, &columns[n]);
        if (status != GW_OK) return status;
    }
    spec->features.columns = columns;
    spec->features.n_columns = n;
    return GW_OK;
}

/* ---- tasks ---- */

static bool is_expert_number(gw__slice name) {
    if (name.n < 7 || memcmp(name.at, "expert", 6) != 0) return false;
    for (size_t i = 6; i < name.n; i++) {
        if (name.at[i] < '0' || name.at[i] > '9') return false;
    }
    return true;
}

/* Names become parts of tensor names and columns, so some are taken and some characters cannot be told apart from the rest. */
static gw_status check_task_name(const gw__frame *frame, const gw__doc *node) {
    gw__slice name = node->key;
    if (name.n == 0) return gw__fail_key(frame, node, "expected the name of a task but found nothing");
    if (name.n > 255) return gw__fail_key(frame, node, "task name '%.*s…' is longer than 255 bytes", 40, name.at);
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.at[i];
        if (c == '.') return gw__fail_key(frame, node, "task name '%.*s' contains '.'; hint: '_' is allowed", GW__SLICE_ARG(name));
        if (c < 0x20 || c == 0x7F) return gw__fail_key(frame, node, "a task's name contains the control character %d", c);
    }
    if (gw__slice_is(name, "shared") || gw__slice_is(name, "all") || is_expert_number(name)) {
        return gw__fail_key(frame, node, "task name '%.*s' is taken by the model's own parts", GW__SLICE_ARG(name));
    }
    return GW_OK;
}

static gw_status fail_typeless(const gw__frame *frame, const gw__field *field, const gw__doc *node, const char *name) {
    gw__text types = {0};
    gw__field_expect(&field->section->fields[0], &types);
    gw_status status = gw__fail_value(frame, node, "task '%s' needs a type; hint: it is %s", name, types.failed ? "missing" : types.at);
    gw__text_clear(&types);
    return status;
}

/* A category's experts are named by it, beside those of the tasks. */
static gw_status check_category(const gw__frame *frame, const gw__doc *node, const char *category) {
    const gw__spec *spec = frame->reading->spec;
    const gw__slice name = gw__slice_of(category);
    bool taken = gw__slice_is(name, "shared") || is_expert_number(name);
    for (size_t t = 0; t < spec->n_tasks; t++) taken = taken || gw__slice_is(name, spec->tasks[t].name);
    if (taken) return gw__fail_value(frame, node, "key 'category': '%s' is taken by a task or the model's own parts", category);
    if (name.n > 255) return gw__fail_value(frame, node, "key 'category': '%.40s…' is longer than 255 bytes", category);
    for (size_t i = 0; i < name.n; i++) {
        if (category[i] == '.' || (unsigned char)category[i] < 0x20 || category[i] == 0x7F) {
            return gw__fail_value(frame, node, "key 'category': expected a name without '.' and control characters; hint: '_' is allowed");
        }
    }
    return GW_OK;
}

static gw_status check_categories(const gw__frame *frame, const gw__doc *tasks) {
    const gw__spec *spec = frame->reading->spec;
    const gw__doc *node = tasks->first;
    gw_status status = GW_OK;
    for (size_t t = 0; status == GW_OK && t < spec->n_tasks; t++, node = node->next) {
        if (spec->tasks[t].category != NULL) status = check_category(frame, gw__doc_get(node, "category"), spec->tasks[t].category);
    }
    return status;
}

static gw_status decode_task(const gw__frame *frame, const gw__field *field, const gw__doc *node, gw__task_spec *task) {
    gw__reading *reading = frame->reading;
    gw_status status = check_task_name(frame, node);
    if (status != GW_OK) return status;
    task->name = gw__arena_text(&reading->spec->arena, node->key.at, node->key.n);
    if (task->name == NULL) return gw__fail_nomem(reading->err);
    const gw__doc *map = NULL;
    status = entry_map(frame, field, node, &map);
    if (status != GW_OK) return status;
    if (map == NULL) return fail_typeless(frame, field, node, task->name);
    gw__frame inner = {.outer = frame, .key = task->name, .section = field->section, .map = map, .base = task, .reading = reading};
    return gw__section_decode(&inner);
}

gw_status gw__form_tasks(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__spec *spec = frame->reading->spec;
    if (node->kind != GW__DOC_MAP) return gw__fail_expected(frame, field, node);
    if (node->n == 0) return gw__fail_value(frame, node, "key 'tasks': expected at least one task");
    if (node->n > GW__SPEC_TASKS_LIMIT) return gw__fail_value(frame, node, "more than %d tasks", GW__SPEC_TASKS_LIMIT);
    gw__task_spec *tasks = gw__arena_alloc(&spec->arena, node->n, sizeof *tasks);
    if (tasks == NULL) return gw__fail_nomem(frame->reading->err);
    gw__frame names = frame_of_names(frame, field, node);
    size_t n = 0;
    gw_status status = GW_OK;
    for (const gw__doc *child = node->first; child != NULL; child = child->next, n++) {
        status = decode_task(&names, field, child, &tasks[n]);
        if (status != GW_OK) return status;
    }
    spec->tasks = tasks;
    spec->n_tasks = n;
    status = check_categories(frame, node);
    if (status == GW_OK) status = gw__check_given(frame, node);
    if (status == GW_OK) status = gw__make_chains(frame, node, tasks);
    return status == GW_OK ? gw__check_after(frame, node, tasks) : status;
}

/* ---- an index of names ---- */

static int compare(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

gw_status gw__name_index_init(gw__name_index *index, const gw__texts *names, gw_error *err) {
    const char **at = malloc((names->n + 1) * sizeof *at);
    if (at == NULL) return gw__fail_nomem(err);
    if (names->n > 0) memcpy(at, names->at, names->n * sizeof *at);
    qsort(at, names->n, sizeof *at, compare);
    *index = (gw__name_index){at, names->n};
    return GW_OK;
}

void gw__name_index_clear(gw__name_index *index) {
    free(index->at);
    *index = (gw__name_index){0};
}

bool gw__name_index_has(const gw__name_index *index, const char *name) {
    return index->n > 0 && bsearch(&name, index->at, index->n, sizeof *index->at, compare) != NULL;
}

const char *gw__name_index_twice(const gw__name_index *index) {
    for (size_t i = 1; i < index->n; i++) {
        if (strcmp(index->at[i - 1], index->at[i]) == 0) return index->at[i];
    }
    return NULL;
}
