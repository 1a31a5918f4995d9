#include "model/wiring.h"

#include <stdio.h>
#include <string.h>

/* ---- the architectures: one row each -------------------------------------------------------------------------------------------- */

typedef enum below { BELOW_NONE, BELOW_PER_EXPERT, BELOW_MODULES } below;

typedef struct rule {
    bool shared, own;    /* groups of experts */
    bool per_task;       /* last level: one stream per task, else one "all" */
    gw__gate_kind gate;
    bool factored;       /* the weights of all tasks' experts are one tensor, layer by layer */
    bool sequence;       /* tasks hand on what they know to the next */
    bool copies;         /* each module reads its own copy of the dense input, and gates see all experts */
    below below;         /* streams of the levels below the last: one per expert, or one per module (each task, and shared) */
    bool sees_all;       /* every gate sees every expert */
    bool residual;       /* a stream's own experts are added once more */
    bool predicts;       /* experts have outputs, and there are no towers */
    bool transforms;     /* every stream has square maps of its own of the experts */
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
    [GW__ARCH_SNR_AVER] = {.shared = true, .per_task = true, .gate = GW__GATE_CONNECT, .below = BELOW_PER_EXPERT},
    [GW__ARCH_SNR_TRANS] = {.shared = true, .per_task = true, .gate = GW__GATE_CONNECT, .below = BELOW_PER_EXPERT, .transforms = true}, /* Ma 2019 */
    [GW__ARCH_L2_CONSTRAINED] = {.own = true, .per_task = true, .gate = GW__GATE_PASS}, /* Duong 2015 */
    [GW__ARCH_LOCAL_EXPERTS] = {.shared = true, .gate = GW__GATE_SOFTMAX, .predicts = true}, /* Jacobs 1991 */
    [GW__ARCH_TENSOR_FACTORIZATION] = {.own = true, .per_task = true, .gate = GW__GATE_PASS, .factored = true},           /* Yang & Hospedales 2017 */
    [GW__ARCH_STEM] = {.shared = true, .own = true, .per_task = true, .gate = GW__GATE_SOFTMAX, .below = BELOW_MODULES, .sees_all = true,
                        .copies = true}, /* STEM 2024 */
    [GW__ARCH_AITM] = {.own = true, .per_task = true, .gate = GW__GATE_PASS, .sequence = true},                           /* Xi 2021 */
};

/* ---- building ------------------------------------------------------------------------------------------------------------------- */

typedef struct builder {
    const gw__spec *spec;
    const rule *rule;
    gw__arena *arena;
    uint32_t n_shared;
    gw__ple variant;    /* of ple */
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
            uint32_t above = b->rule->below != BELOW_MODULES ? k : !group && b->variant == GW__PLE_NO_SHARED_GATE ? module + k : module;
            const uint32_t dense = b->rule->copies ? GW__STREAM_COPY(module) : GW__STREAM_DENSE;
            experts[i] = (gw__wire_expert){.group = name, .index = k, .input = level ? above : dense, .label = named(b, "%s.%u", name, k)};
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

/* Which experts a gate sees, besides the shared ones. */
typedef enum sight { SEES_SHARED, SEES_ITS_TASK, SEES_ALL } sight;

static bool sees_task(sight sees, size_t task, size_t t) { return sees == SEES_ALL || (sees == SEES_ITS_TASK && t == task); }

/* A gate over the shared experts and those of `task` or of every task. One expert to see needs no gate. */
static bool add_gate(builder *b, gw__wire_gate *gate, sight sees, size_t task) {
    uint32_t room = b->n_shared, n = 0, at = b->n_shared;
    for (size_t t = 0; t < b->spec->n_tasks; t++) room += sees_task(sees, task, t) ? own_count(b, t) : 0;
    uint32_t *seen = gw__arena_alloc(b->arena, room, sizeof *seen);
    if (!seen || !gate->stream) return false;
    for (uint32_t i = b->spec->model.experts.always; i < b->n_shared; i++) seen[n++] = i;
    for (size_t t = 0; t < b->spec->n_tasks; at += own_count(b, t), t++) {
        for (uint32_t k = 0; sees_task(sees, task, t) && k < own_count(b, t); k++) seen[n++] = at + k;
    }
    gate->kind = n == 1 && !b->rule->predicts ? GW__GATE_PASS : b->rule->gate;
    gate->experts = seen;
    gate->n_experts = n;
    return true;
}

/* Experts of other tasks learn nothing from a task; the logits of its gate are of its own and the shared input together. */
static bool keep_apart(builder *b, uint32_t level, size_t task, gw__wire_gate *gate) {
    const uint32_t n_tasks = (uint32_t)b->spec->n_tasks;
    bool *stopped = gw__arena_alloc(b->arena, gate->n_experts, sizeof *stopped);
    if (!stopped) return false;
    uint32_t at = b->n_shared;
    for (size_t t = 0; t < n_tasks; t++) {
        for (uint32_t k = 0; k < own_count(b, t); k++) stopped[at++] = t != task;
    }
    gate->stopped = stopped;
    gate->summed = true;
    gate->also = level ? n_tasks : GW__STREAM_COPY(n_tasks);
    return true;
}

/* The stream of a module: of a task, or behind those the shared one. */
static bool add_module(builder *b, uint32_t level, size_t i, gw__wire_gate *gate) {
    const bool of_task = i < b->spec->n_tasks, raw = b->variant == GW__PLE_RAW_GATES;
    const bool sees_all = b->rule->sees_all || (!of_task && b->variant != GW__PLE_SHARED_ONLY);
    gate->stream = of_task ? b->spec->tasks[i].name : "shared";
    gate->input = b->rule->below == BELOW_MODULES && level && !raw ? (uint32_t)i : GW__STREAM_DENSE;
    if (b->rule->copies && !level) gate->input = GW__STREAM_COPY((uint32_t)i);
    if (!add_gate(b, gate, sees_all ? SEES_ALL : of_task ? SEES_ITS_TASK : SEES_SHARED, i)) return false;
    if (b->rule->copies && of_task && !keep_apart(b, level, i, gate)) return false;
    if (gate->kind == GW__GATE_STITCH) gate->own = first_own(b, i);
    return !b->rule->residual || gate->n_experts == 1 || add_residual(b, gate, i);
}

/* A stream that is the shared expert k as it is. */
static bool add_unmixed(builder *b, uint32_t k, gw__wire_gate *gate) {
    uint32_t *seen = gw__arena_alloc(b->arena, 1, sizeof *seen);
    *gate = (gw__wire_gate){.kind = GW__GATE_PASS, .stream = named(b, "%s%u", "expert", k), .input = GW__STREAM_DENSE, .experts = seen, .n_experts = 1};
    if (!seen || !gate->stream) return false;
    *seen = k;
    return true;
}

/* How many streams follow those of the tasks: below the last level one for the shared experts, or one for each. */
static size_t streams_of_shared(const builder *b, bool last) {
    if (last || b->rule->below != BELOW_MODULES || (b->n_shared == 0 && !b->rule->copies)) return 0;
    return b->variant == GW__PLE_NO_SHARED_GATE ? b->n_shared : 1;
}

/* The streams of a level: below the last one per expert or module, at the last one per task or one for all. */
static bool add_gates(builder *b, uint32_t level, gw__wire_level *ret_level) {
    const size_t n_tasks = b->spec->n_tasks;
    const bool last = level + 1 == b->spec->model.levels, per_expert = !last && b->rule->below == BELOW_PER_EXPERT;
    size_t n = per_expert ? b->n_shared : !b->rule->per_task ? 1 : n_tasks + streams_of_shared(b, last);
    gw__wire_gate *gates = gw__arena_alloc(b->arena, n, sizeof *gates);
    if (!gates) return false;
    for (size_t i = 0; i < n; i++) {
        bool added;
        gates[i] = (gw__wire_gate){.input = GW__STREAM_DENSE};
        if (per_expert || !b->rule->per_task) {
            gates[i].stream = per_expert ? named(b, "%s%u", "expert", (uint32_t)i) : "all";
            added = add_gate(b, &gates[i], SEES_ALL, 0);
        } else if (i >= n_tasks && b->variant == GW__PLE_NO_SHARED_GATE) {
            added = add_unmixed(b, (uint32_t)(i - n_tasks), &gates[i]);
        } else {
            added = add_module(b, level, i, &gates[i]);
        }
        if (!added) return false;
    }
    ret_level->gates = gates;
    ret_level->n_gates = (uint32_t)n;
    ret_level->transforms = b->rule->transforms;
    ret_level->predicts = b->rule->predicts;
    ret_level->n_always = b->spec->model.experts.always;
    return true;
}

/* The tasks that hand on, as their streams. */
static bool add_sequence(builder *b, gw__wiring *wiring) {
    const gw__texts *names = &b->spec->model.sequence;
    const uint32_t n_tasks = (uint32_t)b->spec->n_tasks, n = names->n ? (uint32_t)names->n : n_tasks;
    uint32_t *sequence = gw__arena_alloc(b->arena, n, sizeof *sequence);
    if (!sequence) return false;
    for (uint32_t i = 0; i < n; i++) {
        sequence[i] = names->n ? 0 : i;
        while (names->n && sequence[i] + 1 < n_tasks && strcmp(b->spec->tasks[sequence[i]].name, names->at[i]) != 0) sequence[i]++;
    }
    wiring->sequence = sequence;
    wiring->n_sequence = n;
    return true;
}

gw_status gw__wiring_new(const gw__spec *spec, gw__arena *arena, gw__wiring *ret_wiring, gw_error *err) {
    if (spec->model.architecture == GW__ARCH_CUSTOM) return gw__wiring_custom(spec, arena, ret_wiring, err);
    if (spec->model.architecture == GW__ARCH_HOME) return gw__wiring_home(spec, arena, ret_wiring, err);
    builder b = {.spec = spec, .rule = &rules[spec->model.architecture], .arena = arena};
    b.n_shared = b.rule->shared ? spec->model.experts.count : 0;
    if (spec->model.architecture == GW__ARCH_PLE) b.variant = spec->model.ple;
    gw__wire_level *levels = gw__arena_alloc(arena, spec->model.levels, sizeof *levels);
    uint32_t *towers = gw__arena_alloc(arena, spec->n_tasks, sizeof *towers);
    if (!levels || !towers) return gw__fail_nomem(err);
    for (uint32_t level = 0; level < spec->model.levels; level++) {
        if (!add_experts(&b, level, &levels[level]) || !add_gates(&b, level, &levels[level])) return gw__fail_nomem(err);
    }
    for (size_t t = 0; t < spec->n_tasks; t++) towers[t] = b.rule->per_task ? (uint32_t)t : 0;
    *ret_wiring = (gw__wiring){.levels = levels, .n_levels = spec->model.levels, .tower_input = towers, .factored = b.rule->factored,
                                .copies = b.rule->copies ? (uint32_t)spec->n_tasks + 1 : 0};
    return !b.rule->sequence || add_sequence(&b, ret_wiring) ? GW_OK : gw__fail_nomem(err);
}
