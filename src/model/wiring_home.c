/* HoME's hierarchy (2024): below the last level experts that all tasks share and experts of each category of tasks; at the last level also those of
 * each task. A stream is a module's: each category's, and the shared experts'; at the last level each task's. Experts and gates read the stream of
 * their module, at the first level the dense input. */
#include <stdio.h>
#include <string.h>

#include "model/wiring.h"

typedef struct hierarchy {
    const gw__spec *spec;
    gw__arena *arena;
    const char **categories; /* [n_categories] in the order of their first task */
    uint32_t n_categories;
    uint32_t *category;      /* [T] */
    uint32_t n_shared, per_category;
} hierarchy;

static const char *category_of(const gw__task_spec *task) { return task->category ? task->category : "all"; }

static bool find_categories(hierarchy *h) {
    const gw__spec *spec = h->spec;
    h->categories = gw__arena_alloc(h->arena, spec->n_tasks, sizeof *h->categories);
    h->category = gw__arena_alloc(h->arena, spec->n_tasks, sizeof *h->category);
    if (!h->categories || !h->category) return false;
    for (size_t t = 0; t < spec->n_tasks; t++) {
        const char *name = category_of(&spec->tasks[t]);
        uint32_t c = 0;
        while (c < h->n_categories && strcmp(h->categories[c], name) != 0) c++;
        if (c == h->n_categories) h->categories[h->n_categories++] = gw__arena_text(h->arena, name, strlen(name));
        if (!h->categories[c]) return false;
        h->category[t] = c;
    }
    return true;
}

/* ---- experts: shared, then those of the categories, then those of the tasks -------------------------------------------------------- */

static uint32_t first_of_category(const hierarchy *h, uint32_t c) { return h->n_shared + c * h->per_category; }

static uint32_t first_of_task(const hierarchy *h, size_t task) {
    uint32_t first = first_of_category(h, h->n_categories);
    for (size_t t = 0; t < task; t++) first += h->spec->model.experts.per_task[t];
    return first;
}

static bool add_group(hierarchy *h, gw__wire_expert *experts, uint32_t n, const char *group, uint32_t input) {
    for (uint32_t i = 0; i < n; i++) {
        char label[512];
        snprintf(label, sizeof label, "%s.%u", group, i);
        experts[i] = (gw__wire_expert){.group = group, .index = i, .input = input, .label = gw__arena_text(h->arena, label, strlen(label))};
        if (!experts[i].label) return false;
    }
    return true;
}

static bool add_experts(hierarchy *h, bool first, bool last, gw__wire_level *ret_level) {
    const gw__spec *spec = h->spec;
    const uint32_t n = last ? first_of_task(h, spec->n_tasks) : first_of_category(h, h->n_categories);
    gw__wire_expert *experts = gw__arena_alloc(h->arena, n, sizeof *experts);
    if (!experts || !add_group(h, experts, h->n_shared, "shared", first ? GW__STREAM_DENSE : h->n_categories)) return false;
    for (uint32_t c = 0; c < h->n_categories; c++) {
        if (!add_group(h, experts + first_of_category(h, c), h->per_category, h->categories[c], first ? GW__STREAM_DENSE : c)) return false;
    }
    for (size_t t = 0; last && t < spec->n_tasks; t++) {
        const uint32_t input = first ? GW__STREAM_DENSE : h->category[t];
        if (!add_group(h, experts + first_of_task(h, t), spec->model.experts.per_task[t], spec->tasks[t].name, input)) return false;
    }
    ret_level->experts = experts;
    ret_level->n_experts = n;
    return true;
}

/* ---- gates ------------------------------------------------------------------------------------------------------------------------- */

/* Some experts one after another. */
typedef struct span { uint32_t first, n; } span;

/* A gate over the shared experts and up to two spans more, with a gate over `self` beside it. */
static bool add_gate(hierarchy *h, gw__wire_gate *gate, const char *stream, uint32_t input, span near, span own, span self) {
    const uint32_t n = h->n_shared + near.n + own.n;
    uint32_t *seen = gw__arena_alloc(h->arena, n, sizeof *seen), *again = gw__arena_alloc(h->arena, self.n + 1, sizeof *again);
    if (!seen || !again) return false;
    uint32_t at = 0;
    for (uint32_t i = 0; i < h->n_shared; i++) seen[at++] = i;
    for (uint32_t i = 0; i < near.n; i++) seen[at++] = near.first + i;
    for (uint32_t i = 0; i < own.n; i++) seen[at++] = own.first + i;
    for (uint32_t i = 0; i < self.n; i++) again[i] = self.first + i;
    *gate = (gw__wire_gate){.kind = GW__GATE_SOFTMAX, .stream = stream, .input = input, .experts = seen, .n_experts = n, .self = again,
                            .n_self = h->spec->model.self_gates ? self.n : 0};
    return true;
}

static bool add_meta_gates(hierarchy *h, bool first, gw__wire_level *ret_level) {
    const uint32_t n = h->n_categories + 1;
    gw__wire_gate *gates = gw__arena_alloc(h->arena, n, sizeof *gates);
    if (!gates) return false;
    for (uint32_t c = 0; c < h->n_categories; c++) {
        const span own = {first_of_category(h, c), h->per_category};
        if (!add_gate(h, &gates[c], h->categories[c], first ? GW__STREAM_DENSE : c, own, (span){0}, own)) return false;
    }
    const span all = {h->n_shared, h->n_categories * h->per_category};
    ret_level->gates = gates;
    ret_level->n_gates = n;
    return add_gate(h, &gates[n - 1], "shared", first ? GW__STREAM_DENSE : n - 1, all, (span){0}, (span){0});
}

static bool add_task_gates(hierarchy *h, gw__wire_level *ret_level) {
    const gw__spec *spec = h->spec;
    gw__wire_gate *gates = gw__arena_alloc(h->arena, spec->n_tasks, sizeof *gates);
    if (!gates) return false;
    for (size_t t = 0; t < spec->n_tasks; t++) {
        const span near = {first_of_category(h, h->category[t]), h->per_category}, own = {first_of_task(h, t), spec->model.experts.per_task[t]};
        if (!add_gate(h, &gates[t], spec->tasks[t].name, h->category[t], near, own, own)) return false;
    }
    ret_level->gates = gates;
    ret_level->n_gates = (uint32_t)spec->n_tasks;
    return true;
}

gw_status gw__wiring_home(const gw__spec *spec, gw__arena *arena, gw__wiring *ret_wiring, gw_error *err) {
    const gw__model_spec *model = &spec->model;
    hierarchy h = {.spec = spec, .arena = arena, .n_shared = model->experts.count, .per_category = model->experts.per_category};
    gw__wire_level *levels = gw__arena_alloc(arena, model->levels, sizeof *levels);
    uint32_t *towers = gw__arena_alloc(arena, spec->n_tasks, sizeof *towers);
    if (!levels || !towers || !find_categories(&h)) return gw__fail_nomem(err);
    for (uint32_t l = 0; l < model->levels; l++) {
        const bool last = l + 1 == model->levels;
        if (!add_experts(&h, l == 0, last, &levels[l])) return gw__fail_nomem(err);
        if (!(last ? add_task_gates(&h, &levels[l]) : add_meta_gates(&h, l == 0, &levels[l]))) return gw__fail_nomem(err);
    }
    for (size_t t = 0; t < spec->n_tasks; t++) towers[t] = (uint32_t)t;
    *ret_wiring = (gw__wiring){.levels = levels, .n_levels = model->levels, .tower_input = towers, .feature_gates = model->feature_gates.count};
    return GW_OK;
}
