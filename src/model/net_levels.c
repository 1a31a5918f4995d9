/* Planning a wiring, level by level: experts, the gates that are built beside them, and mixtures, which are the streams. Towers stand on the last. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/net_builder.h"

static const char *format_name(gw__builder *b, const char *format, uint32_t level, const char *name, uint32_t index) {
    char text[768];
    snprintf(text, sizeof text, format, level, name, index);
    return gw__arena_text(&b->net->arena, text, strlen(text));
}

const uint32_t *gw__with_output(gw__builder *b, gw__widths hidden, uint32_t output) {
    uint32_t *widths = gw__arena_alloc(&b->net->arena, hidden.n + 1, sizeof *widths);
    if (!widths) return NULL;
    if (hidden.n) memcpy(widths, hidden.at, hidden.n * sizeof *widths);
    widths[hidden.n] = output;
    return widths;
}

/* What a stream of the level below, or of the dense input, is. */
static gw__view input_view(const gw__net *net, const gw__view *streams, uint32_t input) {
    if (input == GW__STREAM_DENSE) return net->dense;
    if (!gw__reads_input(input)) return streams[input];
    const uint32_t width = net->dense.width / net->wiring.copies;
    return gw__columns_of(net->dense, (GW__STREAM_COPY(0) - input) * width, width);
}

static gw_status plan_expert(gw__builder *b, uint32_t level, uint32_t i, gw__view x, gw__mlp *ret_mlp) {
    const gw__wire_expert *wire = &b->net->wiring.levels[level].experts[i];
    const gw__mlp_spec *spec = &b->spec->model.experts.mlp;
    const char *prefix = format_name(b, "level%u.expert.%s.%u", level, wire->group, wire->index);
    const bool predicts = b->net->wiring.levels[level].predicts;
    const uint32_t *widths = predicts ? gw__with_output(b, spec->hidden[level], (uint32_t)b->net->rules[0].width) : spec->hidden[level].at;
    if (!prefix || !widths) return gw__fail_nomem(b->err);
    *ret_mlp = (gw__mlp){.x = x, .prefix = prefix, .widths = widths, .n_layers = wire->identity ? 0 : spec->hidden[level].n + predicts, .spec = spec,
                     .active_last = !predicts, .order = gw__plan_order(2 * level, i), .watched = true, .level = level, .index = i};
    return GW_OK;
}

/* What the experts of a level have in common if their weights are factored, else NULL. */
static gw_status plan_factors(gw__builder *b, uint32_t level, const gw__factors **ret_factors) {
    const gw__model_spec *model = &b->spec->model;
    if (!b->net->wiring.factored) return *ret_factors = NULL, GW_OK;
    gw__factors *factors = gw__arena_alloc(&b->net->arena, 1, sizeof *factors);
    const char *prefix = format_name(b, "level%u.factors", level, "", 0);
    if (!factors || !prefix) return gw__fail_nomem(b->err);
    *factors = (gw__factors){.input = model->ranks.input, .output = model->ranks.output, .task = model->ranks.task, .prefix = prefix,
                             .order = gw__plan_order(2 * level, b->net->wiring.levels[level].n_experts)};
    *ret_factors = factors;
    return GW_OK;
}

static gw_status plan_gate(gw__builder *b, uint32_t level, uint32_t i, gw__view x, gw__mlp *ret_mlp) {
    const gw__wire_gate *wire = &b->net->wiring.levels[level].gates[i];
    const gw__mlp_spec *spec = &b->spec->model.gates;
    const char *prefix = format_name(b, "level%u.gate.%s", level, wire->stream, 0);
    const uint32_t *widths = gw__with_output(b, spec->hidden[level], wire->n_experts);
    if (!prefix || !widths) return gw__fail_nomem(b->err);
    *ret_mlp = (gw__mlp){.x = x, .prefix = prefix, .widths = widths, .n_layers = spec->hidden[level].n + 1, .spec = spec, .order = gw__plan_order(2 * level + 1, i)};
    return GW_OK;
}

static gw_status plan_self_gate(gw__builder *b, uint32_t level, uint32_t i, gw__view x, gw__mlp *ret_mlp) {
    const gw__wire_level *wire = &b->net->wiring.levels[level];
    const char *prefix = format_name(b, "level%u.self_gate.%s", level, wire->gates[i].stream, 0);
    const uint32_t *widths = gw__with_output(b, (gw__widths){0}, wire->gates[i].n_self);
    if (!prefix || !widths) return gw__fail_nomem(b->err);
    *ret_mlp = (gw__mlp){.x = x, .prefix = prefix, .widths = widths, .n_layers = 1, .spec = &b->spec->model.gates,
                         .order = gw__plan_order(2 * level + 1, wire->n_gates + i)};
    return GW_OK;
}

/* The gate itself: weights from logits, and the mixture as a new stream. A gate with one expert to see is that expert. */
static gw_status add_mix(gw__builder *b, gw__gate_at at, const gw__mlp *gate, const gw__route *route, const gw__mlp *experts, gw__view *detached,
                         gw__view *ret_stream) {
    gw_status status = GW_OK;
    const gw__wire_gate *wire = gw__wire_gate_at(b, at);
    if (wire->kind == GW__GATE_PASS) {
        *ret_stream = experts[wire->experts[0]].x;
        return GW_OK;
    }
    if (wire->kind == GW__GATE_STITCH || wire->kind == GW__GATE_CONNECT) return gw__plan_combine(b, at, experts, ret_stream);
    if (b->net->wiring.levels[at.level].predicts) return gw__plan_blend(b, at, gate->x, experts, ret_stream);
    gw__op op = {.kind = route ? GW__OP_MIX_ROUTED : GW__OP_MIX, .gate = wire->kind, .route = route, .seen = wire->experts, .gating = gate->gating};
    GW__TRY(gw__plan_experts(b, &op, wire->experts, wire->n_experts, experts));
    GW__TRY(gw__plan_detached(b, wire, detached, (gw__view *)op.experts));
    op.y = gw__plan_buffer(b, op.experts[0].width);
    op.weights = wire->kind == GW__GATE_SOFTMAX ? gate->x : gw__plan_buffer(b, wire->n_experts);
    op.x = op.weights;
    *ret_stream = op.y;
    GW__TRY(gw__plan_op(b, op));
    if (wire->n_residual > 0) GW__TRY(gw__plan_residual(b, at, experts, op.y));
cleanup:
    return status;
}

/* The experts that are in every row's sum, to a mixture. */
static gw_status add_always(gw__builder *b, uint32_t n, const gw__mlp *experts, gw__view stream) {
    gw__view *views = gw__arena_alloc(&b->net->arena, n, sizeof *views);
    bool *add = gw__arena_alloc(&b->net->arena, n, sizeof *add);
    if (!views || !add) return gw__fail_nomem(b->err);
    for (uint32_t i = 0; i < n; i++) views[i] = experts[i].x;
    return gw__plan_op(b, (gw__op){.kind = GW__OP_ADD, .experts = views, .expert_add = add, .n_experts = n, .y = stream});
}

/* Which gates are built with level `now`: those of this level, and at level 0 also those above that read the dense input. */
static bool built_at(uint32_t now, uint32_t level, const gw__wire_gate *wire) {
    if (wire->kind != GW__GATE_SOFTMAX) return false;
    return wire->input == GW__STREAM_DENSE ? now == 0 : now == level;
}

static gw_status add_level(gw__builder *b, uint32_t level, gw__mlp **gate_plans, gw__view *streams, gw__mlp *members) {
    gw_status status = GW_OK;
    const gw__wiring *wiring = &b->net->wiring;
    const gw__wire_level *wire = &wiring->levels[level];
    gw__mlp *transforms = NULL;
    size_t n = 0;
    const gw__factors *factors = NULL;
    gw__view *detached = calloc(wire->n_experts, sizeof *detached);
    if (!detached) GW__FAIL(gw__fail_nomem(b->err));
    GW__TRY(plan_factors(b, level, &factors));
    for (uint32_t i = 0; i < wire->n_experts; i++, n++) {
        GW__TRY(plan_expert(b, level, i, input_view(b->net, streams, wire->experts[i].input), &members[n]));
        members[n].factors = factors;
    }
    if (wiring->feature_gates) GW__TRY(gw__plan_feature_gates(b, level, members, n, wiring->feature_gates));
    for (uint32_t l = level; l < wiring->n_levels; l++) {
        for (uint32_t i = 0; i < wiring->levels[l].n_gates; i++) {
            const gw__wire_gate *gate = &wiring->levels[l].gates[i];
            if (!built_at(level, l, gate)) continue;
            gw__view x = input_view(b->net, streams, gate->input);
            if (gate->summed) GW__TRY(gw__plan_sum(b, x, input_view(b->net, streams, gate->also), &x));
            GW__TRY(plan_gate(b, l, i, x, &members[n++]));
        }
    }
    for (uint32_t i = 0; i < wire->n_gates; i++) {
        if (wire->gates[i].n_self) GW__TRY(plan_self_gate(b, level, i, input_view(b->net, streams, wire->gates[i].input), &members[n++]));
    }
    const bool routed = gw__is_routed(b->spec, wire);
    const size_t first = routed ? wire->n_experts : 0; /* which rows an expert has follows from the gates */
    GW__TRY(gw__plan_mlps(b, members + first, n - first));
    n = wire->n_experts;
    for (uint32_t l = level; l < wiring->n_levels; l++) {
        for (uint32_t i = 0; i < wiring->levels[l].n_gates; i++) {
            if (!built_at(level, l, &wiring->levels[l].gates[i])) continue;
            gate_plans[l][i] = members[n++];
            const uint32_t input = wiring->levels[l].gates[i].input;
            if (gw__gate_is_plain(b, &wiring->levels[l])) continue;
            GW__TRY(gw__plan_weights(b, &wiring->levels[l], input_view(b->net, streams, input), &gate_plans[l][i]));
        }
    }
    if (b->spec->model.gating.balance.on && n > wire->n_experts) b->segment++; /* backward, the gates need what the batch sums up to */
    const gw__route *route = NULL;
    if (routed) GW__TRY(gw__plan_routed(b, wire, gate_plans[level], members, &route));
    const gw__mlp *seen = members;
    if (wire->transforms) GW__TRY(gw__plan_transforms(b, level, members, &transforms));
    for (uint32_t i = 0; i < wire->n_gates; i++) {
        if (transforms) seen = transforms + (size_t)i * wire->n_experts;
        GW__TRY(add_mix(b, (gw__gate_at){level, i}, &gate_plans[level][i], route, seen, detached, &streams[i]));
        if (wire->n_always) GW__TRY(add_always(b, wire->n_always, members, streams[i]));
    }
    for (uint32_t i = 0; i < wire->n_gates; i++) {
        if (wire->gates[i].n_self) GW__TRY(gw__plan_self_gate(b, &wire->gates[i], members[n++].x, members, streams[i]));
    }
cleanup:
    free(detached);
    free(transforms);
    return status;
}
gw_status gw__plan_levels_and_towers(gw__builder *b, const gw__spec *whole) {
    gw_status status = GW_OK;
    const gw__wiring *wiring = &b->net->wiring;
    size_t n_gates = 0, n_experts = 0, widest = 0;
    for (uint32_t l = 0; l < wiring->n_levels; l++) {
        n_gates += wiring->levels[l].n_gates;
        n_experts = wiring->levels[l].n_experts > n_experts ? wiring->levels[l].n_experts : n_experts;
        widest = wiring->levels[l].n_gates > widest ? wiring->levels[l].n_gates : widest;
    }
    gw__mlp *plans = calloc(n_gates, sizeof *plans), **gate_plans = calloc(wiring->n_levels, sizeof *gate_plans);
    gw__mlp *members = calloc(2 * n_gates + n_experts, sizeof *members);
    gw__view *streams = calloc(widest, sizeof *streams);
    if (!plans || !gate_plans || !members || !streams) GW__FAIL(gw__fail_nomem(b->err));
    for (size_t l = 0, at = 0; l < wiring->n_levels; at += wiring->levels[l].n_gates, l++) gate_plans[l] = plans + at;
    for (uint32_t l = 0; l < wiring->n_levels; l++) GW__TRY(add_level(b, l, gate_plans, streams, members));
    GW__TRY(gw__plan_transfers(b, streams));
    GW__TRY(gw__plan_towers(b, streams, whole));
    /* The gates that a reader may ask for, with the views that hold their weights after a run. */
    gw__net *net = b->net;
    net->gates = gw__arena_alloc(&net->arena, n_gates, sizeof *net->gates);
    net->gate_weights = gw__arena_alloc(&net->arena, n_gates, sizeof *net->gate_weights);
    net->gatings = gw__arena_alloc(&net->arena, n_gates, sizeof *net->gatings);
    if (!net->gates || !net->gate_weights || !net->gatings) GW__FAIL(gw__fail_nomem(b->err));
    for (uint32_t l = 0; l < wiring->n_levels; l++) {
        for (uint32_t i = 0; i < wiring->levels[l].n_gates; i++) {
            const gw__wire_gate *wire = &wiring->levels[l].gates[i];
            if (wire->kind != GW__GATE_SOFTMAX) continue;
            const char **labels = gw__arena_alloc(&net->arena, wire->n_experts, sizeof *labels);
            if (!labels) GW__FAIL(gw__fail_nomem(b->err));
            for (uint32_t e = 0; e < wire->n_experts; e++) labels[e] = wiring->levels[l].experts[wire->experts[e]].label;
            net->gates[net->n_gates] = (gw__gate_view){.level = l, .stream = wire->stream, .experts = labels, .n_experts = wire->n_experts, .weights_at = net->gate_width,
                                                        .top_k = b->spec->model.gating.top_k < wire->n_experts ? b->spec->model.gating.top_k : 0};
            net->gatings[net->n_gates] = gate_plans[l][i].gating;
            net->gate_weights[net->n_gates++] = gate_plans[l][i].x;
            net->gate_width += wire->n_experts;
        }
    }
cleanup:
    free(plans);
    free(gate_plans);
    free(members);
    free(streams);
    return status;
}
