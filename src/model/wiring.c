#include "model/wiring.h"

#include <stdio.h>
#include <string.h>

/* ---- the architectures: one row each -------------------------------------------------------------------------------------------- */

typedef enum below { BELOW_NONE, BELOW_PER_EXPERT, BELOW_MODULES } below;

typedef struct rule {
    bool shared, own;    /* groups of experts */
    bool per_task;       /* last level: one stream per task, else one "all" */
    gw__gate_kind gate;
    below below;         /* streams of the levels below the last: one per expert, or one per module (each task, and shared) */
    bool sees_all;       /* every gate sees every expert */
    bool residual;       /* a stream's own experts are added once more */
} rule;

static const rule rules[GW__ARCHITECTURES] = {
    [GW__ARCH_SINGLE_TASK] = {.own = true, .per_task = true, .gate = GW__GATE_PASS},
    [GW__ARCH_SHARED_BOTTOM] = {.shared = true, .gate = GW__GATE_PASS},                                                   /* Caruana 1993 */
    [GW__ARCH_AVERAGED] = {.shared = true, .gate = GW__GATE_AVERAGE},                                                     /* MMoE, gates off */
    [GW__ARCH_MOE] = {.shared = true, .gate = GW__GATE_SOFTMAX},                                                          /* Jacobs 1991; Ma 2018 eq. 5 */
    [GW__ARCH_OMOE] = {.shared = true, .gate = GW__GATE_SOFTMAX},                                                         /* Ma 2018, one gate */
    [GW__ARCH_MMOE] = {.shared = true, .per_task = true, .gate = GW__GATE_SOFTMAX, .below = BELOW_PER_EXPERT},            /* Ma 2018 eq. 6-8 */
    [GW__ARCH_CGC] = {.shared = true, .own = true, .per_task = true, .gate = GW__GATE_SOFTMAX},                           /* Tang 2020 eq. 2-5 */
    [GW__ARCH_PLE] = {.shared = true, .own = true, .per_task = true, .gate = GW__GATE_SOFTMAX, .below = BELOW_MODULES},   /* Tang 2020 eq. 6-7 */
    [GW__ARCH_ADATT_SP] = {.own = true, .per_task = true, .gate = GW__GATE_SOFTMAX, .below = BELOW_MODULES, .sees_all = true, .residual = true},
    [GW__ARCH_ADATT] = {.shared = true, .own = true, .per_task = true, .gate = GW__GATE_SOFTMAX, .below = BELOW_MODULES, .sees_all = true, .residual = true}, /* Li 2023 */
    [GW__ARCH_CROSS_STITCH] = {.own = true, .per_task = true, .gate = GW__GATE_STITCH, .below = BELOW_MODULES, .sees_all = true}, /* Misra 2016 */
};

/* ---- building ------------------------------------------------------------------------------------------------------------------- */

typedef struct builder {
    const gw__spec *spec;
    const rule *rule;
    gw__arena *arena;
    uint32_t n_shared;
    bool shared_stream; /* modules: the level below has a stream "shared", behind those of the tasks */
} builder;

static uint32_t own_count(const builder *b, size_t task) { return b->rule->own ? b->spec->model.experts.per_task[task] : 0; }

static const char *named(builder *b, const char *format, const char *name, uint32_t number) {
    char text[512];
    snprintf(text, sizeof text, format, name, number);
    return gw__arena_text(b->arena, text, strlen(text));
}

/* Groups in the order shared, then the tasks. At levels above the first an expert reads its module's stream, or the stream of its number. */
static bool add_experts(builder *b, uint32_t level, gw__wire_level *ret_level) {
    uint32_t n = b->n_shared, i = 0;
    for (size_t t = 0; t < b->spec->n_tasks; t++) n += own_count(b, t);
    gw__wire_expert *experts = gw__arena_alloc(b->arena, n, sizeof *experts);
    if (!experts) return false;
    for (size_t group = 0; group <= b->spec->n_tasks; group++) {
        const char *name = group ? b->spec->tasks[group - 1].name : "shared";
        uint32_t count = group ? own_count(b, group - 1) : b->n_shared;
        uint32_t module = group ? (uint32_t)group - 1 : (uint32_t)b->spec->n_tasks;
        for (uint32_t k = 0; k < count; k++, i++) {
            uint32_t above = b->rule->below == BELOW_MODULES ? module : k;
            experts[i] = (gw__wire_expert){.group = name, .index = k, .input = level ? above : GW__STREAM_DENSE, .label = named(b, "%s.%u", name, k)};
            if (!experts[i].label) return false;
        }
    }
    ret_level->experts = experts;
    ret_level->n_experts = n;
    return true;
}

/* The first expert of a task in a level, and of the next one behind the last task. */
static uint32_t first_own(const builder *b, size_t task) {
    uint32_t at = b->n_shared;
    for (size_t t = 0; t < task; t++) at += own_count(b, t);
    return at;
}

/* The own experts of stream `i` (behind those of the tasks: the shared ones) as a residual. They are neighbours. */
static bool add_residual(builder *b, gw__wire_gate *gate, size_t stream) {
    const bool of_task = stream < b->spec->n_tasks;
    const uint32_t n = of_task ? own_count(b, stream) : b->n_shared, first = of_task ? first_own(b, stream) : 0;
    uint32_t *residual = gw__arena_alloc(b->arena, n + 1, sizeof *residual);
    if (!residual) return false;
    for (uint32_t i = 0; i < n; i++) residual[i] = first + i;
    gate->residual = residual;
    gate->n_residual = n;
    return true;
}

/* A gate over the shared experts and those of `task` (SIZE_MAX: of every task). One expert to see needs no gate. */
static bool add_gate(builder *b, gw__wire_gate *gate, const char *stream, uint32_t input, size_t task) {
    uint32_t room = b->n_shared, n = 0, at = b->n_shared;
    for (size_t t = 0; t < b->spec->n_tasks; t++) room += task == t || task == SIZE_MAX ? own_count(b, t) : 0;
    uint32_t *seen = gw__arena_alloc(b->arena, room, sizeof *seen);
    if (!seen || !stream) return false;
    for (uint32_t i = 0; i < b->n_shared; i++) seen[n++] = i;
    for (size_t t = 0; t < b->spec->n_tasks; at += own_count(b, t), t++) {
        for (uint32_t k = 0; (task == t || task == SIZE_MAX) && k < own_count(b, t); k++) seen[n++] = at + k;
    }
    *gate = (gw__wire_gate){.kind = n == 1 ? GW__GATE_PASS : b->rule->gate, .stream = stream, .input = input, .experts = seen, .n_experts = n};
    return true;
}

/* The streams of a level: below the last one per expert or module, at the last one per task or one for all. */
static bool add_gates(builder *b, uint32_t level, gw__wire_level *ret_level) {
    const size_t n_tasks = b->spec->n_tasks;
    const bool last = level + 1 == b->spec->model.levels, modules = b->rule->below == BELOW_MODULES;
    const bool per_expert = !last && b->rule->below == BELOW_PER_EXPERT;
    size_t n = per_expert ? b->n_shared : !b->rule->per_task ? 1 : n_tasks + (!last && b->shared_stream);
    gw__wire_gate *gates = gw__arena_alloc(b->arena, n, sizeof *gates);
    if (!gates) return false;
    for (size_t i = 0; i < n; i++) {
        uint32_t input = modules && level ? (uint32_t)i : GW__STREAM_DENSE;
        const char *stream = per_expert ? named(b, "%s%u", "expert", (uint32_t)i) : !b->rule->per_task ? "all" : i < n_tasks ? b->spec->tasks[i].name : "shared";
        size_t task = !per_expert && b->rule->per_task && !b->rule->sees_all && i < n_tasks ? i : SIZE_MAX;
        if (!add_gate(b, &gates[i], stream, input, task)) return false;
        if (b->rule->residual && gates[i].n_experts > 1 && !add_residual(b, &gates[i], i)) return false;
        if (gates[i].kind == GW__GATE_STITCH) gates[i].own = first_own(b, i);
    }
    ret_level->gates = gates;
    ret_level->n_gates = (uint32_t)n;
    return true;
}

gw_status gw__wiring_new(const gw__spec *spec, gw__arena *arena, gw__wiring *ret_wiring, gw_error *err) {
    builder b = {.spec = spec, .rule = &rules[spec->model.architecture], .arena = arena};
    b.n_shared = b.rule->shared ? spec->model.experts.count : 0;
    b.shared_stream = b.n_shared > 0;
    gw__wire_level *levels = gw__arena_alloc(arena, spec->model.levels, sizeof *levels);
    uint32_t *towers = gw__arena_alloc(arena, spec->n_tasks, sizeof *towers);
    if (!levels || !towers) return gw__fail_nomem(err);
    for (uint32_t level = 0; level < spec->model.levels; level++) {
        if (!add_experts(&b, level, &levels[level]) || !add_gates(&b, level, &levels[level])) return gw__fail_nomem(err);
    }
    for (size_t t = 0; t < spec->n_tasks; t++) towers[t] = b.rule->per_task ? (uint32_t)t : 0;
    *ret_wiring = (gw__wiring){.levels = levels, .n_levels = spec->model.levels, .tower_input = towers};
    return GW_OK;
}
