/* Planning: from a wiring to buffers, operations and places for parameters, level by level, then the towers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/functions.h"
#include "model/net_builder.h"

/* ---- levels and towers ---------------------------------------------------------------------------------------------------------- */

static const char *format_name(gw__builder *b, const char *format, uint32_t level, const char *name, uint32_t index) {
    char text[768];
    snprintf(text, sizeof text, format, level, name, index);
    return gw__arena_text(&b->net->arena, text, strlen(text));
}

/* Hidden widths with the output behind them. */
static const uint32_t *with_output(gw__builder *b, gw__widths hidden, uint32_t output) {
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
    const uint32_t *widths = predicts ? with_output(b, spec->hidden[level], (uint32_t)b->net->rules[0].width) : spec->hidden[level].at;
    if (!prefix || !widths) return gw__fail_nomem(b->err);
    *ret_mlp = (gw__mlp){.x = x, .prefix = prefix, .widths = widths, .n_layers = spec->hidden[level].n + predicts, .spec = spec, .active_last = !predicts,
                     .order = gw__plan_order(2 * level, i)};
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
    const uint32_t *widths = with_output(b, spec->hidden[level], wire->n_experts);
    if (!prefix || !widths) return gw__fail_nomem(b->err);
    *ret_mlp = (gw__mlp){.x = x, .prefix = prefix, .widths = widths, .n_layers = spec->hidden[level].n + 1, .spec = spec, .order = gw__plan_order(2 * level + 1, i)};
    return GW_OK;
}

static gw_status plan_self_gate(gw__builder *b, uint32_t level, uint32_t i, gw__view x, gw__mlp *ret_mlp) {
    const gw__wire_level *wire = &b->net->wiring.levels[level];
    const char *prefix = format_name(b, "level%u.self_gate.%s", level, wire->gates[i].stream, 0);
    const uint32_t *widths = with_output(b, (gw__widths){0}, wire->gates[i].n_self);
    if (!prefix || !widths) return gw__fail_nomem(b->err);
    *ret_mlp = (gw__mlp){.x = x, .prefix = prefix, .widths = widths, .n_layers = 1, .spec = &b->spec->model.gates,
                         .order = gw__plan_order(2 * level + 1, wire->n_gates + i)};
    return GW_OK;
}

/* Whether the gates of a level are softmaxes and no more. */
static bool is_plain(const gw__builder *b, const gw__wire_level *level) {
    const gw__gating_spec *gating = &b->spec->model.gating;
    return level->predicts || (gating->temperature == 1 && gating->dropout == 0 && !gating->balance.on && !gw__is_routed(b->spec, level));
}

/* The linear map that makes the size of the noise: [E,D] zeros, without a bias, run in training only. */
static gw_status add_noise(gw__builder *b, gw__view input, uint32_t n, const gw__mlp *gate, gw__gating *gating) {
    static const gw__mlp_spec plain = {.activation = GW__ACT_NONE};
    const uint64_t work = b->net->multiply_adds;
    char prefix[768];
    snprintf(prefix, sizeof prefix, "%s.noise", gate->prefix);
    uint32_t *widths = gw__arena_alloc(&b->net->arena, 1, sizeof *widths);
    gw__mlp noise = {.x = input, .prefix = gw__arena_text(&b->net->arena, prefix, strlen(prefix)), .widths = widths, .n_layers = 1, .spec = &plain,
                     .order = gate->order | 1 << 16, .zero = true};
    if (!widths || !noise.prefix) return gw__fail_nomem(b->err);
    widths[0] = n;
    b->training_only = true;
    gw_status status = gw__plan_mlps(b, &noise, 1);
    b->training_only = false;
    b->net->multiply_adds = work;
    gating->noisy = true;
    gating->noise = noise.x;
    gating->drawn = gw__plan_buffer(b, n);
    gating->noisy_logits = gw__plan_buffer(b, n);
    return status;
}

/* What is added to an expert's probability when the k largest are looked for: no parameter that learns, but a statistic of training. */
static gw_status add_selection_bias(gw__builder *b, uint32_t n, const gw__mlp *gate) {
    char name[768];
    snprintf(name, sizeof name, "%s.selection.bias", gate->prefix);
    gw__placement p = {.shown = {.n_dims = 1, .shape = {n}}, .storage = GW__STORED_VECTOR, .at = b->net->norm_width, .order = gate->order | 1 << 17};
    b->net->norm_width += n;
    return gw__plan_placement(b, p, gw__arena_text(&b->net->arena, name, strlen(name)));
}

/* The losses that balance a gate's experts need sums over the batch, which are there for watching, too. */
static void plan_losses(gw__builder *b, gw__gating *gating, uint32_t n) {
    const gw__gating_spec *spec = &b->spec->model.gating;
    gating->stats_at = b->net->stats_width;
    b->net->stats_width += (size_t)GW__GATE_STATS * n;
    gating->balanced = spec->balance.on;
    gating->importance = spec->balance.importance;
    gating->load = spec->noise && gating->top_k < n ? spec->balance.load : 0;
    gating->even = spec->balance.even;
    gating->z = spec->balance.z;
    gating->bias_step = gating->top_k < n ? spec->balance.bias : 0;
    gating->biased = gating->bias_step > 0;
    gating->raw = gating->top_k < n && !spec->renormalise;
    if (spec->balance.on || gating->raw) gating->whole = gw__plan_buffer(b, n);
}

/* The weights of a gate whose weights are more than the softmax of its logits; others are left to the mixture, in place. */
static gw_status add_gate(gw__builder *b, const gw__wire_level *level, gw__view input, gw__mlp *gate) {
    const gw__gating_spec *spec = &b->spec->model.gating;
    const uint32_t n = gate->x.width;
    gw__gating *gating = gw__arena_alloc(&b->net->arena, 1, sizeof *gating);
    if (!gating) return gw__fail_nomem(b->err);
    *gating = (gw__gating){.scale = (float)(1 / spec->temperature), .dropout = (float)spec->dropout, .id = b->n_gates++,
                           .top_k = spec->top_k && spec->top_k < n ? spec->top_k : n};
    if (spec->dropout > 0) gating->kept = gw__plan_buffer(b, n);
    plan_losses(b, gating, n);
    gw_status status = spec->noise && gating->top_k < n ? add_noise(b, input, n, gate, gating) : GW_OK;
    if (status != GW_OK) return status;
    if (gw__is_routed(b->spec, level)) gating->picks = gw__plan_buffer(b, 1 + 2 * gating->top_k);
    if (gating->biased && (status = add_selection_bias(b, n, gate)) != GW_OK) return status;
    gw__op op = {.kind = GW__OP_GATE, .norm_at = b->net->norm_width - (gating->biased ? n : 0), .x = gate->x, .y = gw__plan_buffer(b, n), .n_experts = n, .gating = gating};
    gate->x = op.y;
    gate->gating = gating;
    return gw__plan_op(b, op);
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
            if (is_plain(b, &wiring->levels[l])) continue;
            GW__TRY(add_gate(b, &wiring->levels[l], input_view(b->net, streams, input), &gate_plans[l][i]));
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

/* Where an ordinal task of n + 1 classes begins: all classes alike, that is s(threshold k) = k / (n + 1). The first threshold stands as it is,
 * each other one as what softplus makes its distance from the one before. */
static const float *first_thresholds(gw__builder *b, size_t n) {
    float *start = gw__arena_alloc(&b->net->arena, n, sizeof *start);
    double below = 0;
    for (size_t k = 0; start && k < n; k++) {
        const double threshold = gw__log((double)(k + 1)) - gw__log((double)(n - k));
        start[k] = (float)(k ? gw__log(gw__exp(threshold - below) - 1) : threshold);
        below = threshold;
    }
    return start;
}

/* The thresholds behind an ordinal task's head, whose output is one score. */
static gw_status add_thresholds(gw__builder *b, const gw__mlp *tower, const char *task, size_t n, gw__view *ret_logits) {
    gw__op op = {.kind = GW__OP_THRESHOLDS, .x = tower->x, .y = gw__plan_buffer(b, n), .w_at = gw__plan_floats(b, n)};
    gw__placement p = {.shown = {.n_dims = 1, .shape = {n}, .trained = true}, .storage = GW__STORED_VECTOR, .at = op.w_at, .start = first_thresholds(b, n),
                       .order = tower->order | (uint64_t)tower->n_layers << 4};
    if (!p.start) return gw__fail_nomem(b->err);
    char name[512];
    snprintf(name, sizeof name, "tower.%s.thresholds", task);
    gw_status status = gw__plan_placement(b, p, gw__arena_text(&b->net->arena, name, strlen(name)));
    *ret_logits = op.y;
    return status == GW_OK ? gw__plan_op(b, op) : status;
}

static bool has_thresholds(const gw__net *net, size_t task) { return net->rules[task].loss == GW__LOSS_PROPORTIONAL_ODDS; }

static gw_status plan_tower(gw__builder *b, size_t i, const gw__view *streams, gw__mlp *ret_mlp) {
    gw__net *net = b->net;
    const gw__mlp_spec *spec = &b->spec->model.towers;
    const size_t task = net->tower_task[i];
    const bool thresholds = has_thresholds(net, task);
    char prefix[512];
    snprintf(prefix, sizeof prefix, "tower.%s", net->task_names[task]);
    *ret_mlp = (gw__mlp){.x = streams[net->wiring.tower_input[i]], .prefix = gw__arena_text(&net->arena, prefix, strlen(prefix)),
                         .widths = with_output(b, spec->hidden[0], thresholds ? 1 : (uint32_t)net->rules[task].width), .n_layers = spec->hidden[0].n + 1,
                         .spec = spec, .bare_last = thresholds, .order = gw__plan_order(2 * net->wiring.n_levels, (uint32_t)i)};
    return ret_mlp->prefix && ret_mlp->widths ? GW_OK : gw__fail_nomem(b->err);
}

/* A task without a tower: its logit is made of those of others, which are there by now. */
static gw_status add_chain(gw__builder *b, size_t task, const gw__chain *chain) {
    gw__net *net = b->net;
    gw__view *views = gw__arena_alloc(&net->arena, chain->n_sources, sizeof *views);
    double *shifts = gw__arena_alloc(&net->arena, chain->n_sources, sizeof *shifts);
    gw__chain *kept = gw__arena_alloc(&net->arena, 1, sizeof *kept);
    gw__path *paths = gw__arena_alloc(&net->arena, chain->n_yes + chain->n_no, sizeof *paths);
    if (!views || !shifts || !kept || !paths) return gw__fail_nomem(b->err);
    for (size_t i = 0; i < chain->n_sources; i++) {
        views[i] = net->outputs[chain->sources[i]];
        shifts[i] = net->rules[chain->sources[i]].correction;
    }
    memcpy(paths, chain->yes, chain->n_yes * sizeof *paths);
    memcpy(paths + chain->n_yes, chain->no, chain->n_no * sizeof *paths);
    *kept = (gw__chain){.n_sources = chain->n_sources, .yes = paths, .n_yes = chain->n_yes, .no = paths + chain->n_yes, .n_no = chain->n_no};
    net->outputs[task] = gw__plan_buffer(b, 1);
    return gw__plan_op(b, (gw__op){.kind = GW__OP_CHAIN, .y = net->outputs[task], .chain = kept, .sources = views, .shifts = shifts});
}

static gw_status add_towers(gw__builder *b, const gw__view *streams, const gw__spec *whole) {
    gw_status status = GW_OK;
    gw__net *net = b->net;
    if (net->blend != SIZE_MAX) return net->outputs[0] = streams[0], GW_OK;
    gw__mlp *members = calloc(net->n_towers, sizeof *members);
    if (!members) GW__FAIL(gw__fail_nomem(b->err));
    for (size_t i = 0; i < net->n_towers; i++) GW__TRY(plan_tower(b, i, streams, &members[i]));
    GW__TRY(gw__plan_mlps(b, members, net->n_towers));
    for (size_t i = 0; i < net->n_towers; i++) {
        const size_t t = net->tower_task[i];
        net->outputs[t] = members[i].x;
        if (has_thresholds(net, t)) GW__TRY(add_thresholds(b, &members[i], net->task_names[t], net->rules[t].width, &net->outputs[t]));
    }
    for (size_t t = 0; t < net->n_tasks; t++)
        if (!gw__task_has_tower(&whole->tasks[t])) GW__TRY(add_chain(b, t, &whole->tasks[t].chain.made));
cleanup:
    free(members);
    return status;
}

static gw_status add_levels_and_towers(gw__builder *b, const gw__spec *whole) {
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
    GW__TRY(add_towers(b, streams, whole));
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

/* ---- the whole ------------------------------------------------------------------------------------------------------------------- */

/* Whether the gradient of x, which others may read, too, is made. */
static bool reaches_input(const gw__op *op) {
    return ((op->kind == GW__OP_LINEAR || op->kind == GW__OP_FEATURE_GATE) && op->need_dx) || op->kind == GW__OP_TASK_SUM;
}

/* Backward, the first consumer of a value writes its gradient and the others add: decided here, in the order of the backward run. */
static gw_status mark_additions(gw__builder *b) {
    gw__net *net = b->net;
    size_t n_written = 0, capacity = 0;
    gw__view *written = NULL;
    gw_status status = GW_OK;
    for (size_t i = net->n_ops; i-- > 0;) {
        gw__op *op = &net->ops[i];
        const bool of_experts = op->expert_add != NULL;
        size_t n = of_experts ? op->n_experts : reaches_input(op) ? 1 : 0;
        for (size_t e = 0; e < n; e++) {
            const gw__view *target = of_experts ? &op->experts[e] : &op->x;
            bool add = false;
            for (size_t w = 0; w < n_written && !add; w++) add = gw__same_place(&written[w], target);
            if (of_experts) ((bool *)op->expert_add)[e] = add;
            else op->add = add;
            if (add) continue;
            GW__TRY(gw__grow((void **)&written, &capacity, n_written + 1, sizeof *written, b->err));
            written[n_written++] = *target;
        }
    }
cleanup:
    free(written);
    return status;
}

/* Numbers that are neighbours in the record and in the dense input are moved together. */
static bool joins(const gw__slot *last, const gw__slot *next) {
    return last->kind == GW__SLOT_NUMBER && next->kind == GW__SLOT_NUMBER && next->index == last->index + last->width &&
           next->dense_at == last->dense_at + last->width;
}

static gw_status copy_input(gw__builder *b, const gw__input *input) {
    gw__net *net = b->net;
    gw__input copies;
    if (net->wiring.copies) {
        gw_status status = gw__plan_copies(b, input, net->wiring.copies, &copies);
        if (status != GW_OK) return status;
        input = &copies;
    }
    gw__slot *slots = gw__arena_alloc(&net->arena, input->n_slots, sizeof *slots);
    gw__table_shape *tables = gw__arena_alloc(&net->arena, input->n_tables + 1, sizeof *tables);
    net->moves = gw__arena_alloc(&net->arena, input->n_slots, sizeof *net->moves);
    if (!slots || !tables || !net->moves) return gw__fail_nomem(b->err);
    memcpy(slots, input->slots, input->n_slots * sizeof *slots);
    for (size_t i = 0; i < input->n_slots; i++) {
        if (net->n_moves && joins(&net->moves[net->n_moves - 1], &slots[i])) net->moves[net->n_moves - 1].width += slots[i].width;
        else net->moves[net->n_moves++] = slots[i];
    }
    for (size_t i = 0; i < input->n_tables; i++) {
        tables[i] = input->tables[i];
        tables[i].name = gw__arena_text(&net->arena, input->tables[i].name, strlen(input->tables[i].name));
        if (!tables[i].name) return gw__fail_nomem(b->err);
    }
    net->input = *input;
    net->input.slots = slots;
    net->input.tables = tables;
    net->dense = (gw__view){.space = GW__SPACE_DENSE, .width = input->width, .ld = gw__row_floats(input->width)};
    return GW_OK;
}

static gw_status add_tables(gw__builder *b) {
    gw__net *net = b->net;
    net->table_at = gw__arena_alloc(&net->arena, net->input.n_tables + 1, sizeof *net->table_at);
    if (!net->table_at) return gw__fail_nomem(b->err);
    for (size_t i = 0; i < net->input.n_tables; i++) {
        const gw__table_shape *table = &net->input.tables[i];
        size_t floats;
        if (!gw__mul_size(table->rows, table->dim, &floats) || floats > SIZE_MAX / 64 - net->flat_floats) {
            return gw__fail_at(b->err, GW_E_LIMIT, table->name, 0, 0, "the embedding table has too many rows: %llu", (unsigned long long)table->rows);
        }
        net->table_at[i] = gw__plan_floats(b, floats);
        gw__placement p = {.shown = {.n_dims = 2, .shape = {table->rows, table->dim}, .trained = true, .table = true}, .storage = GW__STORED_TABLE, .at = net->table_at[i],
                           .order = i};
        gw__text name = {0}; /* a column's name may be of any length */
        gw__text_addf(&name, "embedding.%s.weight", table->name);
        gw_status status = gw__plan_placement(b, p, name.failed ? NULL : gw__arena_text(&net->arena, name.at, name.n));
        gw__text_clear(&name);
        if (status != GW_OK) return status;
    }
    return GW_OK;
}

/* Running statistics stand behind the trained dense parameters, in two rows of norm_width. */
static void place_statistics(gw__builder *b) {
    gw__net *net = b->net;
    net->dense_end = net->flat_floats;
    size_t mean_at = gw__plan_floats(b, net->norm_width), var_at = gw__plan_floats(b, net->norm_width);
    for (size_t i = 0; i < net->n_parameters; i++) {
        gw__placement *p = &net->parameters[i];
        if (!p->shown.trained) p->at += p->shown.variance ? var_at : mean_at;
    }
    for (size_t i = 0; i < net->n_ops; i++) {
        net->ops[i].mean_at = mean_at + net->ops[i].norm_at;
        net->ops[i].var_at = var_at + net->ops[i].norm_at;
    }
    net->n_segments = b->segment + 1;
}

static gw_status make_rule(gw__builder *b, const gw__task_spec *task, size_t outputs, gw__loss_rule *ret_rule) {
    double *quantiles = gw__arena_alloc(&b->net->arena, task->n_quantiles + 1, sizeof *quantiles);
    if (!quantiles) return gw__fail_nomem(b->err);
    if (task->n_quantiles) memcpy(quantiles, task->quantiles, task->n_quantiles * sizeof *quantiles);
    *ret_rule = (gw__loss_rule){.loss = task->loss, .activation = task->activation, .width = gw__loss_logits(task->loss, outputs), .outputs = outputs,
                                .huber_delta = task->huber_delta, .positive_weight = task->positive_weight,
                                .correction = gw__log(task->negative_rate) - gw__log(task->positive_weight),
                                .focal_gamma = task->focal_gamma, .focal_alpha = task->focal_alpha, .quantiles = quantiles};
    return GW_OK;
}

static gw_status copy_tasks(gw__builder *b, const size_t *output_widths) {
    gw_status status = GW_OK;
    gw__net *net = b->net;
    const size_t n = net->n_tasks = b->spec->n_tasks;
    net->task_names = gw__arena_alloc(&net->arena, n, sizeof *net->task_names);
    net->rules = gw__arena_alloc(&net->arena, n, sizeof *net->rules);
    net->outputs = gw__arena_alloc(&net->arena, n, sizeof *net->outputs);
    net->output_at = gw__arena_alloc(&net->arena, n + 1, sizeof *net->output_at);
    net->logit_at = gw__arena_alloc(&net->arena, n + 1, sizeof *net->logit_at);
    if (!net->task_names || !net->rules || !net->outputs || !net->output_at || !net->logit_at) return gw__fail_nomem(b->err);
    for (size_t t = 0; t < n; t++) {
        const gw__task_spec *task = &b->spec->tasks[t];
        net->task_names[t] = gw__arena_text(&net->arena, task->name, strlen(task->name));
        if (!net->task_names[t]) return gw__fail_nomem(b->err);
        GW__TRY(make_rule(b, task, output_widths[t], &net->rules[t]));
        net->output_at[t + 1] = net->output_at[t] + output_widths[t];
        net->logit_at[t + 1] = net->logit_at[t] + net->rules[t].width;
    }
cleanup:
    return status;
}

/* The spec as wirings see it: of the tasks that have a tower. */
static gw_status spec_of_towers(gw__builder *b, gw__spec *ret_spec) {
    const gw__spec *whole = b->spec;
    gw__net *net = b->net;
    gw__task_spec *tasks = gw__arena_alloc(&net->arena, whole->n_tasks, sizeof *tasks);
    uint32_t *per_task = gw__arena_alloc(&net->arena, whole->n_tasks, sizeof *per_task);
    net->tower_task = gw__arena_alloc(&net->arena, whole->n_tasks, sizeof *net->tower_task);
    const char **towers = gw__arena_alloc(&net->arena, whole->n_tasks, sizeof *towers);
    if (!towers || !tasks || !per_task || !net->tower_task) return gw__fail_nomem(b->err);
    for (size_t t = 0; t < whole->n_tasks; t++) {
        if (!gw__task_has_tower(&whole->tasks[t])) continue;
        tasks[net->n_towers] = whole->tasks[t];
        per_task[net->n_towers] = whole->model.experts.per_task[t];
        if (whole->model.wiring.towers) towers[net->n_towers] = whole->model.wiring.towers[t];
        net->tower_task[net->n_towers++] = t;
    }
    *ret_spec = *whole;
    ret_spec->tasks = tasks;
    ret_spec->n_tasks = net->n_towers;
    ret_spec->model.experts.per_task = per_task;
    ret_spec->model.wiring.towers = towers;
    return GW_OK;
}

static gw_status copy_orders(gw__builder *b) {
    gw__net *net = b->net;
    net->orders = gw__arena_alloc(&net->arena, net->n_tasks, sizeof *net->orders);
    if (!net->orders) return gw__fail_nomem(b->err);
    for (size_t t = 0; t < net->n_tasks; t++) {
        const gw__task_spec *task = &b->spec->tasks[t];
        if (task->after.on && task->after.weight > 0) net->orders[net->n_orders++] = (gw__order){t, task->after.at, task->after.weight};
    }
    return GW_OK;
}

static int by_order(const void *a, const void *b) {
    const gw__placement *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

gw_status gw__net_new_checked(const gw__spec *spec, const gw__input *input, const size_t *output_widths, const gw__parameter_check *check,
                              gw__net **ret_net, gw_error *err) {
    gw_status status = GW_OK;
    gw__net *net = calloc(1, sizeof *net);
    if (!net) return gw__fail_nomem(err);
    net->blend = SIZE_MAX;
    gw__builder b = {.net = net, .spec = spec, .check = check, .err = err};
    gw__spec towers;
    GW__TRY(copy_tasks(&b, output_widths));
    GW__TRY(copy_orders(&b));
    GW__TRY(spec_of_towers(&b, &towers));
    b.spec = &towers;
    GW__TRY(gw__wiring_new(&towers, &net->arena, &net->wiring, err));
    GW__TRY(copy_input(&b, input));
    GW__TRY(add_levels_and_towers(&b, spec));
    place_statistics(&b);
    GW__TRY(add_tables(&b));
    GW__TRY(mark_additions(&b));
    qsort(net->parameters, net->n_parameters, sizeof *net->parameters, by_order);
    GW__TRY(gw__plan_penalties(&b));
    net->kernels = gw__kernels_best();
    net->top_k = spec->model.gating.top_k;
    *ret_net = net;
    net = NULL;
cleanup:
    gw__net_free(net);
    return status;
}

gw_status gw__net_new(const gw__spec *spec, const gw__input *input, const size_t *output_widths, gw__net **ret_net, gw_error *err) {
    return gw__net_new_checked(spec, input, output_widths, NULL, ret_net, err);
}

gw_status gw__net_use_isa(gw__net *net, const char *isa, gw_error *err) { return gw__kernels_named(isa, &net->kernels, err); }
const char *gw__net_isa(const gw__net *net) { return net->kernels->isa; }

void gw__net_free(gw__net *net) {
    if (!net) return;
    free(net->ops);
    free(net->parameters);
    free(net->frozen);
    free(net->penalties);
    gw__arena_clear(&net->arena);
    free(net);
}

size_t gw__net_dense_width(const gw__net *net) { return net->dense.width; }
size_t gw__net_output_width(const gw__net *net) { return net->output_at[net->n_tasks]; }
size_t gw__net_output_at(const gw__net *net, size_t task) { return net->output_at[task]; }
size_t gw__net_logit_width(const gw__net *net) { return net->logit_at[net->n_tasks]; }
size_t gw__net_logit_at(const gw__net *net, size_t task) { return net->logit_at[task]; }
const gw__loss_rule *gw__net_rule(const gw__net *net, size_t task) { return &net->rules[task]; }
size_t gw__net_parameter_floats(const gw__net *net) { return net->flat_floats; }
uint64_t gw__net_multiply_adds(const gw__net *net) { return net->multiply_adds; }

uint64_t gw__net_training_multiply_adds(const gw__net *net) {
    uint64_t sum = 0;
    for (size_t i = 0; i < net->n_ops; i++) {
        const gw__op *op = &net->ops[i];
        uint64_t most = op->route ? op->route->most : 1, of = op->route ? op->route->n_experts : 1; /* of the experts, a row has so many */
        if (op->kind == GW__OP_LINEAR) sum += (uint64_t)op->x.width * op->y.width * (op->need_dx ? 3 : 2) * (op->routed ? most : 1) / (op->routed ? of : 1);
        if (op->kind == GW__OP_ATTEND) sum += (uint64_t)op->y.width * 12;
        const bool of_parts = gw__op_sums_experts(op) || op->kind == GW__OP_TASK_SUM || op->kind == GW__OP_FEATURE_GATE;
        if (of_parts) sum += (uint64_t)op->n_experts * op->y.width * 3 * most / of;
    }
    return sum;
}

size_t gw__net_gate_count(const gw__net *net) { return net->n_gates; }
gw__gate_view gw__net_gate_at(const gw__net *net, size_t i) { return net->gates[i]; }
size_t gw__net_gate_width(const gw__net *net) { return net->gate_width; }
