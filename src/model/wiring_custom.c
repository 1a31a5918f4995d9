/* A wiring that the spec has in full: names become indices. They were checked when the spec was read. */
#include <stdio.h>
#include <string.h>

#include "model/wiring.h"

static uint32_t stream_at(const gw__level_spec *below, const char *name) {
    for (size_t i = 0; below && i < below->n_streams; i++)
        if (strcmp(below->streams[i].name, name) == 0) return (uint32_t)i;
    return GW__STREAM_DENSE;
}

static bool add_experts(const gw__level_spec *level, const gw__level_spec *below, gw__arena *arena, gw__wire_level *ret_level) {
    uint32_t n = 0, i = 0;
    for (size_t g = 0; g < level->n_groups; g++) n += level->groups[g].count;
    gw__wire_expert *experts = gw__arena_alloc(arena, n, sizeof *experts);
    if (!experts) return false;
    for (size_t g = 0; g < level->n_groups; g++) {
        const gw__group_spec *group = &level->groups[g];
        for (uint32_t k = 0; k < group->count; k++, i++) {
            char label[512];
            snprintf(label, sizeof label, "%s.%u", group->name, k);
            const char *reads = group->reads.at[group->reads.n == 1 ? 0 : k];
            experts[i] = (gw__wire_expert){.group = group->name, .index = k, .input = stream_at(below, reads), .label = gw__arena_text(arena, label, strlen(label)),
                                           .identity = group->identity};
            if (!experts[i].label) return false;
        }
    }
    ret_level->experts = experts;
    ret_level->n_experts = n;
    return true;
}

static bool find_experts(const gw__level_spec *level, const gw__texts *names, gw__arena *arena, const uint32_t **ret_at, uint32_t *ret_n) {
    uint32_t n = 0, first, count;
    for (size_t i = 0; i < names->n; i++) n += gw__level_experts(level, names->at[i], &first, &count) ? count : 0;
    uint32_t *at = gw__arena_alloc(arena, n + 1, sizeof *at);
    if (!at) return false;
    *ret_at = at;
    *ret_n = n;
    for (size_t i = 0; i < names->n; i++) {
        if (!gw__level_experts(level, names->at[i], &first, &count)) continue;
        for (uint32_t e = 0; e < count; e++) *at++ = first + e;
    }
    return true;
}

/* Which of the experts that a stream sees is its own: the first of the group of its name. */
static uint32_t own_of(const gw__level_spec *level, const gw__wire_gate *gate) {
    uint32_t first, n;
    if (!gw__level_experts(level, gate->stream, &first, &n)) return 0;
    for (uint32_t e = 0; e < gate->n_experts; e++)
        if (gate->experts[e] == first) return e;
    return 0;
}

static bool add_gates(const gw__level_spec *level, const gw__level_spec *below, gw__arena *arena, gw__wire_level *ret_level) {
    static const gw__gate_kind kinds[] = {[GW__WIRED_SOFTMAX] = GW__GATE_SOFTMAX, [GW__WIRED_AVERAGE] = GW__GATE_AVERAGE, [GW__WIRED_STITCH] = GW__GATE_STITCH,
                                          [GW__WIRED_CONNECT] = GW__GATE_CONNECT};
    gw__wire_gate *gates = gw__arena_alloc(arena, level->n_streams, sizeof *gates);
    if (!gates) return false;
    for (size_t i = 0; i < level->n_streams; i++) {
        const gw__stream_spec *stream = &level->streams[i];
        gates[i] = (gw__wire_gate){.stream = stream->name, .input = stream_at(below, stream->reads)};
        if (!find_experts(level, &stream->sees, arena, &gates[i].experts, &gates[i].n_experts)) return false;
        if (!find_experts(level, &stream->residual, arena, &gates[i].residual, &gates[i].n_residual)) return false;
        gates[i].kind = gates[i].n_experts == 1 ? GW__GATE_PASS : kinds[stream->kind];
        gates[i].own = own_of(level, &gates[i]);
    }
    ret_level->gates = gates;
    ret_level->n_gates = (uint32_t)level->n_streams;
    return true;
}

gw_status gw__wiring_custom(const gw__spec *spec, gw__arena *arena, gw__wiring *ret_wiring, gw_error *err) {
    const gw__wiring_spec *wiring = &spec->model.wiring;
    gw__wire_level *levels = gw__arena_alloc(arena, wiring->n_levels, sizeof *levels);
    uint32_t *towers = gw__arena_alloc(arena, spec->n_tasks, sizeof *towers);
    if (!levels || !towers) return gw__fail_nomem(err);
    for (size_t l = 0; l < wiring->n_levels; l++) {
        const gw__level_spec *level = &wiring->levels[l], *below = l ? level - 1 : NULL;
        if (!add_experts(level, below, arena, &levels[l]) || !add_gates(level, below, arena, &levels[l])) return gw__fail_nomem(err);
    }
    for (size_t t = 0; t < spec->n_tasks; t++) towers[t] = stream_at(&wiring->levels[wiring->n_levels - 1], wiring->towers[t]);
    *ret_wiring = (gw__wiring){.levels = levels, .n_levels = (uint32_t)wiring->n_levels, .tower_input = towers};
    return GW_OK;
}
