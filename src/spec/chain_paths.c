/* Chains: from the names that were written to paths over the tasks that have a tower, and to the paths of everything else. */
#include <string.h>

#include "spec/reading.h"

#define DEPTH_LIMIT 32
#define STEPS_LIMIT 10000 /* of taking names apart and finding out what is left; no chain that one would write comes near */

typedef struct paths { gw__path at[GW__CHAIN_PATHS]; size_t n; } paths;

/* One chain under way. */
typedef struct making {
    const gw__frame *frame;
    const gw__doc *node;   /* of the chain, for messages */
    const char *task;
    uint32_t sources[GW__CHAIN_SOURCES];
    size_t n_sources, depth, steps;
} making;

static gw_status count_step(making *m) {
    if (++m->steps <= STEPS_LIMIT) return GW_OK;
    return gw__fail_value(m->frame, m->node, "the chain of task '%s' has too many cases", m->task);
}

static gw_status add_path(making *m, paths *list, gw__path path) {
    if (list->n == GW__CHAIN_PATHS) return gw__fail_value(m->frame, m->node, "the chain of task '%s' has more than %d paths", m->task, GW__CHAIN_PATHS);
    list->at[list->n++] = path;
    return GW_OK;
}

static bool contradicts(gw__path a, gw__path b) { return (a.yes & b.no) != 0 || (a.no & b.yes) != 0; }

/* Both of two lists, one path of each: those that contradict themselves cannot happen. */
static gw_status multiply(making *m, const paths *a, const paths *b, paths *ret) {
    ret->n = 0;
    for (size_t i = 0; i < a->n; i++) {
        for (size_t k = 0; k < b->n; k++) {
            if (contradicts(a->at[i], b->at[k])) continue;
            gw_status status = add_path(m, ret, (gw__path){a->at[i].yes | b->at[k].yes, a->at[i].no | b->at[k].no});
            if (status != GW_OK) return status;
        }
    }
    return GW_OK;
}

/* What is left of the paths when `bit` has happened, or has not. */
static paths given_that(const paths *list, uint32_t bit, bool happened) {
    paths left = {.n = 0};
    for (size_t i = 0; i < list->n; i++) {
        const gw__path path = list->at[i];
        if ((happened ? path.no : path.yes) & bit) continue;
        left.at[left.n++] = (gw__path){path.yes & ~bit, path.no & ~bit};
    }
    return left;
}

/* Every way in which none of the paths happens, case by case (Shannon's expansion): `before` has been decided. */
static gw_status find_rest(making *m, const paths *list, gw__path before, paths *ret) {
    gw_status status = count_step(m);
    if (status != GW_OK) return status;
    if (list->n == 0) return add_path(m, ret, before);
    for (size_t i = 0; i < list->n; i++)
        if ((list->at[i].yes | list->at[i].no) == 0) return GW_OK;
    const uint32_t named = list->at[0].yes | list->at[0].no, bit = named & -named;
    const paths with = given_that(list, bit, true), without = given_that(list, bit, false);
    status = find_rest(m, &with, (gw__path){before.yes | bit, before.no}, ret);
    return status == GW_OK ? find_rest(m, &without, (gw__path){before.yes, before.no | bit}, ret) : status;
}

static gw_status fail_name(const making *m, gw__slice name) {
    const gw__spec *spec = m->frame->reading->spec;
    const char *names[GW__SPEC_TASKS_LIMIT];
    for (size_t t = 0; t < spec->n_tasks; t++) names[t] = spec->tasks[t].name;
    const char *near = gw__nearest(name, names, spec->n_tasks);
    return gw__fail_value(m->frame, m->node, "key 'chain': no task is named '%.*s'%s%s%s", GW__SLICE_ARG(name), near != NULL ? "; hint: did you mean '" : "",
                          near != NULL ? near : "", near != NULL ? "'?" : "");
}

/* "TASK" or "not TASK"; a task that is named so goes before. */
static gw_status find_name(const making *m, const char *text, size_t *ret_task, bool *ret_not) {
    const gw__spec *spec = m->frame->reading->spec;
    const char *const rest = strncmp(text, "not ", 4) == 0 ? text + 4 : text;
    size_t found = spec->n_tasks;
    for (size_t t = 0; t < spec->n_tasks && found == spec->n_tasks; t++)
        if (strcmp(spec->tasks[t].name, text) == 0) *ret_not = false, found = t;
    for (size_t t = 0; t < spec->n_tasks && found == spec->n_tasks; t++)
        if (strcmp(spec->tasks[t].name, rest) == 0) *ret_not = true, found = t;
    *ret_task = found;
    return found < spec->n_tasks ? GW_OK : fail_name(m, gw__slice_of(rest));
}

/* The bit of a task that has a tower; it is a source from now on. */
static gw_status find_source(making *m, size_t task, uint32_t *ret_bit) {
    const gw__task_spec *source = &m->frame->reading->spec->tasks[task];
    size_t i = 0;
    if (!gw__task_is_logit(source))
        return gw__fail_value(m->frame, m->node, "key 'chain': expected binary tasks with loss bce or focal but task '%s' is of type '%s' with loss '%s'", source->name,
                              gw__task_type_name(source->type), gw__loss_name(source->loss));
    while (i < m->n_sources && m->sources[i] != task) i++;
    if (i == GW__CHAIN_SOURCES) return gw__fail_value(m->frame, m->node, "the chain of task '%s' names more than %d tasks", m->task, GW__CHAIN_SOURCES);
    m->sources[i] = (uint32_t)task;
    m->n_sources += i == m->n_sources;
    *ret_bit = 1u << i;
    return GW_OK;
}

static gw_status expand(making *m, const gw__task_spec *task, paths *ret);

static gw_status read_name(making *m, const char *text, paths *ret) {
    size_t task;
    bool negated;
    paths yes = {.n = 0};
    uint32_t bit;
    gw_status status = count_step(m);
    if (status == GW_OK) status = find_name(m, text, &task, &negated);
    if (status != GW_OK) return status;
    ret->n = 0;
    const gw__task_spec *named = &m->frame->reading->spec->tasks[task];
    if (named->chain.on) {
        status = expand(m, named, negated ? &yes : ret);
        return status == GW_OK && negated ? find_rest(m, &yes, (gw__path){0, 0}, ret) : status;
    }
    status = find_source(m, task, &bit);
    return status == GW_OK ? add_path(m, ret, negated ? (gw__path){0, bit} : (gw__path){bit, 0}) : status;
}

static gw_status read_path(making *m, gw__texts names, paths *ret) {
    paths so_far = {.at = {{0, 0}}, .n = 1}, next, more;
    for (size_t i = 0; i < names.n; i++) {
        gw_status status = read_name(m, names.at[i], &next);
        if (status == GW_OK) status = multiply(m, &so_far, &next, &more);
        if (status != GW_OK) return status;
        so_far = more;
    }
    *ret = so_far;
    return GW_OK;
}

static gw_status check_exclusive(const making *m, const paths *list) {
    for (size_t i = 0; i < list->n; i++)
        for (size_t k = 0; k < i; k++)
            if (!contradicts(list->at[i], list->at[k]))
                return gw__fail_value(m->frame, m->node, "key 'chain': two paths may both happen; hint: one of them must have 'not TASK' where the other has TASK");
    return GW_OK;
}

static gw_status expand(making *m, const gw__task_spec *task, paths *ret) {
    gw_status status = GW_OK;
    if (m->depth == DEPTH_LIMIT || m->depth >= m->frame->reading->spec->n_tasks)
        return gw__fail_value(m->frame, m->node, "the chain of task '%s' leads back to itself, or over more than %d chains", m->task, DEPTH_LIMIT);
    m->depth++;
    ret->n = 0;
    for (size_t i = 0; i < task->chain.n && status == GW_OK; i++) {
        paths path;
        status = read_path(m, task->chain.paths[i], &path);
        for (size_t k = 0; status == GW_OK && k < path.n; k++) status = add_path(m, ret, path.at[k]);
    }
    m->depth--;
    return status == GW_OK ? check_exclusive(m, ret) : status;
}

static const gw__path *keep_paths(gw__arena *arena, const paths *list) {
    gw__path *at = gw__arena_alloc(arena, list->n, sizeof *at);
    if (at != NULL) memcpy(at, list->at, list->n * sizeof *at);
    return at;
}

static gw_status make_chain(making *m, gw__task_spec *task) {
    gw__arena *arena = &m->frame->reading->spec->arena;
    paths yes, no = {.n = 0};
    gw_status status = expand(m, task, &yes);
    if (status == GW_OK) status = find_rest(m, &yes, (gw__path){0, 0}, &no);
    if (status != GW_OK) return status;
    if (yes.n == 0 || no.n == 0)
        return gw__fail_value(m->frame, m->node, "the chain of task '%s' %s happens", m->task, yes.n == 0 ? "never" : "always");
    uint32_t *sources = gw__arena_alloc(arena, m->n_sources, sizeof *sources);
    task->chain.made = (gw__chain){.sources = sources, .n_sources = m->n_sources, .yes = keep_paths(arena, &yes), .n_yes = yes.n, .no = keep_paths(arena, &no),
                                   .n_no = no.n};
    if (sources == NULL || task->chain.made.yes == NULL || task->chain.made.no == NULL) return gw__fail_nomem(m->frame->reading->err);
    memcpy(sources, m->sources, m->n_sources * sizeof *sources);
    return GW_OK;
}

gw_status gw__make_chains(const gw__frame *frame, const gw__doc *nodes, gw__task_spec *tasks) {
    const gw__doc *node = nodes->first;
    for (size_t t = 0; t < frame->reading->spec->n_tasks; t++, node = node->next) {
        if (!tasks[t].chain.on) continue;
        making m = {.frame = frame, .node = gw__doc_get(node, "chain"), .task = tasks[t].name};
        if (tasks[t].loss != GW__LOSS_BCE)
            return gw__fail_value(frame, m.node, "task '%s': a chain has the loss 'bce' but found '%s'; hint: leave 'loss' out", tasks[t].name, gw__loss_name(tasks[t].loss));
        gw_status status = make_chain(&m, &tasks[t]);
        if (status != GW_OK) return status;
    }
    return GW_OK;
}

/* ---- the form ---- */

gw_status gw__form_chain(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__task_spec *task = frame->base;
    const bool nested = node->kind == GW__DOC_LIST && node->first != NULL && node->first->kind == GW__DOC_LIST;
    const size_t n = nested ? node->n : 1;
    if (node->kind != GW__DOC_LIST || node->n == 0) return gw__fail_expected(frame, field, node);
    if (n > GW__CHAIN_PATHS) return gw__fail_value(frame, node, "key 'chain': more than %d paths", GW__CHAIN_PATHS);
    gw__texts *paths_of = gw__arena_alloc(&frame->reading->spec->arena, n, sizeof *paths_of);
    if (paths_of == NULL) return gw__fail_nomem(frame->reading->err);
    const gw__doc *item = nested ? node->first : node;
    for (size_t i = 0; i < n; i++, item = item->next) {
        if (item->kind != GW__DOC_LIST || item->n == 0) return gw__fail_expected(frame, field, item);
        gw_status status = gw__node_texts(frame, field, item, &paths_of[i]);
        if (status != GW_OK) return status;
    }
    task->chain.on = true;
    task->chain.paths = paths_of;
    task->chain.n = n;
    return GW_OK;
}
