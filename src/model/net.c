/* Planning: from a wiring to buffers, operations and places for parameters. All first layers that read the same input become one product;
 * deeper layers follow expert by expert; element-wise operations run over all neighbours at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/functions.h"
#include "model/net_plan.h"

/* ---- growing the plan ---------------------------------------------------------------------------------------------------------- */

typedef struct builder {
    gw__net *net;
    const gw__spec *spec;
    const gw__parameter_check *check; /* NULL: none */
    size_t op_capacity, parameter_capacity, frozen_capacity;
    uint32_t segment, n_dropouts;
    gw_error *err;
} builder;

static gw__view new_buffer(builder *b, size_t width) {
    gw__view view = {.space = GW__SPACE_SCRATCH, .width = (uint32_t)width, .ld = (uint32_t)gw__round_up(width, 16), .before = b->net->scratch_width};
    b->net->scratch_width += view.ld;
    return view;
}

static gw__view columns_of(gw__view buffer, uint32_t column, uint32_t width) {
    buffer.column += column;
    buffer.width = width;
    return buffer;
}

static bool same_place(const gw__view *a, const gw__view *b) { return a->space == b->space && a->before == b->before && a->column == b->column; }

static bool follows(const gw__view *next, const gw__view *view) {
    return next->space == view->space && next->before == view->before && next->column == view->column + view->width;
}

static gw_status add_op(builder *b, gw__op op) {
    gw__net *net = b->net;
    op.segment = b->segment;
    gw_status status = gw__grow((void **)&net->ops, &b->op_capacity, net->n_ops + 1, sizeof op, b->err);
    if (status == GW_OK) net->ops[net->n_ops++] = op;
    return status;
}

/* An element-wise operation, joined to the one before where both are the same on neighbouring columns. */
static gw_status add_elementwise(builder *b, gw__op op) {
    gw__op *last = b->net->n_ops ? &b->net->ops[b->net->n_ops - 1] : NULL;
    if (last && last->kind == op.kind && last->segment == b->segment && last->activation == op.activation && last->rate == op.rate &&
        follows(&op.x, &last->x) && follows(&op.y, &last->y) && same_place(&op.x, &op.y) == same_place(&last->x, &last->y)) {
        last->x.width += op.x.width;
        last->y.width += op.y.width;
        return GW_OK;
    }
    if (op.kind == GW__OP_DROPOUT) op.id = b->n_dropouts++;
    return add_op(b, op);
}

/* `name` is its own or NULL: out of memory. */
static gw_status add_placement(builder *b, gw__placement placement, const char *name) {
    gw__net *net = b->net;
    if (!name) return gw__fail_nomem(b->err);
    placement.shown.name = name;
    gw_status status = b->check ? b->check->parameter(b->check->context, &placement.shown, b->err) : GW_OK;
    if (status == GW_OK) status = gw__grow((void **)&net->parameters, &b->parameter_capacity, net->n_parameters + 1, sizeof placement, b->err);
    if (status == GW_OK) net->parameters[net->n_parameters++] = placement;
    return status;
}

static gw_status add_parameter(builder *b, gw__placement placement, const char *prefix, uint32_t layer, const char *part) {
    char name[1024]; /* a task's name has at most 255 bytes */
    snprintf(name, sizeof name, "%s.%u.%s", prefix, layer, part);
    return add_placement(b, placement, gw__arena_text(&b->net->arena, name, strlen(name)));
}

/* Room in the trained part of the flat buffer; every block begins on 64 bytes. */
static size_t new_floats(builder *b, size_t n) {
    size_t at = b->net->flat_floats;
    b->net->flat_floats += gw__round_up(n, 16);
    return at;
}

/* ---- multilayer perceptrons, side by side --------------------------------------------------------------------------------------- */

typedef struct mlp {
    gw__view x;             /* its input; while it is built, the output of the layer before */
    const char *prefix;     /* of its parameters: "level0.expert.shared.0" */
    const uint32_t *widths; /* outputs of its layers */
    size_t n_layers;
    const gw__mlp_spec *spec;
    bool active_last;       /* normalise and activate behind the last layer, too */
    uint64_t order;
} mlp;

enum { ORDER_WEIGHT, ORDER_BIAS, ORDER_NORM_WEIGHT, ORDER_NORM_BIAS, ORDER_NORM_MEAN, ORDER_NORM_VAR };

static uint64_t order_of(const mlp *m, size_t layer, unsigned part) { return m->order | (uint64_t)layer << 4 | part; }

static bool has_layer(const mlp *m, size_t layer) { return layer < m->n_layers; }
static bool is_active(const mlp *m, size_t layer) { return has_layer(m, layer) && (m->active_last || layer + 1 < m->n_layers); }

static gw_status freeze(builder *b, size_t begin, size_t end) {
    gw_status status = gw__grow((void **)&b->net->frozen, &b->frozen_capacity, b->net->n_frozen + 1, sizeof(gw__range), b->err);
    if (status == GW_OK) b->net->frozen[b->net->n_frozen++] = (gw__range){begin, end};
    return status;
}

/* Weight and bias of one member of a fused product: some of its columns. */
static gw_status add_linear_parameters(builder *b, const mlp *m, size_t layer, const gw__op *op, uint32_t column) {
    gw_status status = GW_OK;
    const uint32_t k = op->x.width, n = m->widths[layer];
    gw__placement p = {.shown = {.n_dims = 2, .shape = {n, k}, .trained = true}, .storage = GW__STORED_PANEL, .at = op->w_at, .column = column,
                       .k = k, .fan_in = k, .fan_out = n, .order = order_of(m, layer, ORDER_WEIGHT)};
    GW__TRY(add_parameter(b, p, m->prefix, (uint32_t)layer, "weight"));
    if (m->spec->bias) {
        p.shown = (gw__parameter){.n_dims = 1, .shape = {n}, .trained = true};
        p.storage = GW__STORED_VECTOR;
        p.at = op->b_at;
        p.order = order_of(m, layer, ORDER_BIAS);
        GW__TRY(add_parameter(b, p, m->prefix, (uint32_t)layer, "bias"));
    } else if (op->b_at != SIZE_MAX) {
        GW__TRY(freeze(b, op->b_at + column, op->b_at + column + n));
    }
cleanup:
    return status;
}

/* One product for the given layer of members that all read the same input; their outputs stand side by side in `y`. */
static gw_status add_linear(builder *b, mlp *const *group, size_t n_group, size_t layer, gw__view y) {
    gw_status status = GW_OK;
    const gw__view x = group[0]->x;
    gw__op op = {.kind = GW__OP_LINEAR, .x = x, .y = y, .b_at = SIZE_MAX};
    op.w_at = new_floats(b, gw__panel_floats(x.width, y.width));
    for (size_t i = 0; i < n_group && op.b_at == SIZE_MAX; i++) {
        if (group[i]->spec->bias) op.b_at = new_floats(b, y.width);
    }
    op.need_dx = x.space != GW__SPACE_DENSE || b->net->input.n_tables > 0;
    if (op.need_dx) {
        op.turned_at = b->net->turned_floats;
        b->net->turned_floats += gw__panel_floats(y.width, x.width);
    }
    b->net->multiply_adds += (uint64_t)x.width * y.width;
    GW__TRY(add_op(b, op));
    for (size_t i = 0, column = 0; i < n_group; i++) {
        GW__TRY(add_linear_parameters(b, group[i], layer, &op, (uint32_t)column));
        group[i]->x = columns_of(y, (uint32_t)column, group[i]->widths[layer]);
        column += group[i]->widths[layer];
    }
cleanup:
    return status;
}

/* The products of one layer: one for each different input. */
static gw_status add_products(builder *b, mlp *const *set, size_t n_set, size_t layer) {
    gw_status status = GW_OK;
    bool *done = calloc(n_set, sizeof *done);
    mlp **group = calloc(n_set, sizeof *group);
    if (!done || !group) GW__FAIL(gw__fail_nomem(b->err));
    uint32_t total = 0, column = 0;
    for (size_t i = 0; i < n_set; i++) total += set[i]->widths[layer];
    const gw__view buffer = new_buffer(b, total);
    for (size_t first = 0; first < n_set; first++) {
        if (done[first]) continue;
        const gw__view x = set[first]->x;
        size_t n_group = 0;
        uint32_t width = 0;
        for (size_t i = first; i < n_set; i++) {
            if (done[i] || !same_place(&set[i]->x, &x)) continue;
            done[i] = true;
            width += set[i]->widths[layer];
            group[n_group++] = set[i];
        }
        GW__TRY(add_linear(b, group, n_group, layer, columns_of(buffer, column, width)));
        column += width;
    }
cleanup:
    free(done);
    free(group);
    return status;
}

static gw_status add_norm_vector(builder *b, const mlp *m, size_t layer, size_t at, const char *part, unsigned order, float constant) {
    gw__placement p = {.shown = {.n_dims = 1, .shape = {m->x.width}, .trained = order <= ORDER_NORM_BIAS, .variance = order == ORDER_NORM_VAR},
                       .storage = GW__STORED_VECTOR, .at = at, .constant = constant, .order = order_of(m, layer, order)};
    return add_parameter(b, p, m->prefix, (uint32_t)layer, part);
}

/* The normalisation behind one layer of one member, from its x to `y`. Running statistics get their place later (place_statistics). */
static gw_status add_norm(builder *b, mlp *m, size_t layer, gw__view y) {
    gw_status status = GW_OK;
    bool batch = m->spec->norm == GW__NORM_BATCH;
    gw__op op = {.kind = batch ? GW__OP_BATCH_APPLY : GW__OP_LAYER_NORM, .x = m->x, .y = y};
    op.gamma_at = new_floats(b, y.width);
    op.beta_at = new_floats(b, y.width);
    GW__TRY(add_norm_vector(b, m, layer, op.gamma_at, "norm.weight", ORDER_NORM_WEIGHT, 1));
    GW__TRY(add_norm_vector(b, m, layer, op.beta_at, "norm.bias", ORDER_NORM_BIAS, 0));
    if (batch) {
        op.norm_at = b->net->norm_width;
        b->net->norm_width += y.width;
        GW__TRY(add_norm_vector(b, m, layer, op.norm_at, "norm.running_mean", ORDER_NORM_MEAN, 0));
        GW__TRY(add_norm_vector(b, m, layer, op.norm_at, "norm.running_var", ORDER_NORM_VAR, 1));
    } else {
        op.stats = new_buffer(b, 2);
    }
    GW__TRY(add_op(b, op));
    m->x = y;
cleanup:
    return status;
}

/* Batch normalisation needs sums over the whole batch: first the sums of all members, which end the segment, then their use. */
static gw_status add_norms(builder *b, mlp *const *set, size_t n_set, size_t layer) {
    gw_status status = GW_OK;
    uint32_t width = 0, column = 0;
    size_t norm_at = b->net->norm_width;
    bool batch = false;
    for (size_t i = 0; i < n_set; i++) {
        if (!is_active(set[i], layer) || set[i]->spec->norm == GW__NORM_NONE) continue;
        width += set[i]->x.width;
        if (set[i]->spec->norm != GW__NORM_BATCH) continue;
        GW__TRY(add_op(b, (gw__op){.kind = GW__OP_BATCH_SUM, .x = set[i]->x, .y = set[i]->x, .norm_at = norm_at}));
        norm_at += set[i]->x.width;
        batch = true;
    }
    if (!width) return GW_OK;
    if (batch) b->segment++;
    gw__view buffer = new_buffer(b, width);
    for (size_t i = 0; i < n_set; i++) {
        if (!is_active(set[i], layer) || set[i]->spec->norm == GW__NORM_NONE) continue;
        uint32_t w = set[i]->x.width;
        GW__TRY(add_norm(b, set[i], layer, columns_of(buffer, column, w)));
        column += w;
    }
cleanup:
    return status;
}

/* What the backward step needs must survive: gelu and swish keep their input; drop-out may overwrite only where signs are enough. */
static bool activates_in_place(const gw__mlp_spec *spec) { return spec->activation != GW__ACT_GELU && spec->activation != GW__ACT_SWISH; }
static bool drops_in_place(const gw__mlp_spec *spec) {
    return spec->activation == GW__ACT_NONE || spec->activation == GW__ACT_RELU || spec->activation == GW__ACT_LEAKY_RELU;
}

/* Activations (or drop-outs) behind one layer of every member that has them. */
static gw_status add_activations(builder *b, mlp *const *set, size_t n_set, size_t layer, bool dropout) {
    gw_status status = GW_OK;
    uint32_t width = 0, column = 0;
    for (size_t i = 0; i < n_set; i++) {
        bool in_place = dropout ? drops_in_place(set[i]->spec) : activates_in_place(set[i]->spec);
        bool wanted = dropout ? set[i]->spec->dropout > 0 : set[i]->spec->activation != GW__ACT_NONE;
        if (wanted && !in_place && is_active(set[i], layer)) width += set[i]->x.width;
    }
    gw__view buffer = {0};
    if (width) buffer = new_buffer(b, width);
    for (size_t i = 0; i < n_set; i++) {
        mlp *m = set[i];
        if (!is_active(m, layer) || (dropout ? m->spec->dropout == 0 : m->spec->activation == GW__ACT_NONE)) continue;
        gw__op op = {.kind = dropout ? GW__OP_DROPOUT : GW__OP_ACTIVATE, .x = m->x, .y = m->x};
        if (dropout) op.rate = (float)m->spec->dropout;
        else op.activation = m->spec->activation;
        if (!(dropout ? drops_in_place(m->spec) : activates_in_place(m->spec))) {
            op.y = columns_of(buffer, column, m->x.width);
            column += m->x.width;
        }
        GW__TRY(add_elementwise(b, op));
        m->x = op.y;
    }
cleanup:
    return status;
}

/* Build all members layer by layer; each one's x becomes its output. */
static gw_status add_mlps(builder *b, mlp *members, size_t n) {
    gw_status status = GW_OK;
    size_t layers = 0;
    mlp **set = calloc(n ? n : 1, sizeof *set);
    if (!set) GW__FAIL(gw__fail_nomem(b->err));
    for (size_t i = 0; i < n; i++) layers = members[i].n_layers > layers ? members[i].n_layers : layers;
    for (size_t layer = 0; layer < layers; layer++) {
        size_t n_set = 0;
        for (size_t i = 0; i < n; i++) {
            if (has_layer(&members[i], layer)) set[n_set++] = &members[i];
        }
        GW__TRY(add_products(b, set, n_set, layer));
        GW__TRY(add_norms(b, set, n_set, layer));
        GW__TRY(add_activations(b, set, n_set, layer, false));
        GW__TRY(add_activations(b, set, n_set, layer, true));
    }
cleanup:
    free(set);
    return status;
}

/* ---- levels and towers ---------------------------------------------------------------------------------------------------------- */

static const char *format_name(builder *b, const char *format, uint32_t level, const char *name, uint32_t index) {
    char text[768];
    snprintf(text, sizeof text, format, level, name, index);
    return gw__arena_text(&b->net->arena, text, strlen(text));
}

/* Hidden widths with the output behind them. */
static const uint32_t *with_output(builder *b, gw__widths hidden, uint32_t output) {
    uint32_t *widths = gw__arena_alloc(&b->net->arena, hidden.n + 1, sizeof *widths);
    if (!widths) return NULL;
    if (hidden.n) memcpy(widths, hidden.at, hidden.n * sizeof *widths);
    widths[hidden.n] = output;
    return widths;
}

static uint64_t order_base(uint32_t phase, uint32_t index) { return (uint64_t)(phase + 1) << 48 | (uint64_t)index << 20; }

typedef struct level_plan {
    mlp *experts, *gates; /* gates: [n_gates], n_layers 0 where there is nothing to learn */
    bool *built;          /* gates that were built together with level 0, because they read the dense input */
} level_plan;

static gw_status plan_expert(builder *b, uint32_t level, uint32_t i, gw__view x, mlp *ret_mlp) {
    const gw__wire_expert *wire = &b->net->wiring.levels[level].experts[i];
    const gw__mlp_spec *spec = &b->spec->model.experts.mlp;
    const char *prefix = format_name(b, "level%u.expert.%s.%u", level, wire->group, wire->index);
    if (!prefix) return gw__fail_nomem(b->err);
    *ret_mlp = (mlp){.x = x, .prefix = prefix, .widths = spec->hidden[level].at, .n_layers = spec->hidden[level].n, .spec = spec, .active_last = true,
                     .order = order_base(2 * level, i)};
    return GW_OK;
}

static gw_status plan_gate(builder *b, uint32_t level, uint32_t i, gw__view x, mlp *ret_mlp) {
    const gw__wire_gate *wire = &b->net->wiring.levels[level].gates[i];
    const gw__mlp_spec *spec = &b->spec->model.gates;
    const char *prefix = format_name(b, "level%u.gate.%s", level, wire->stream, 0);
    const uint32_t *widths = with_output(b, spec->hidden[level], wire->n_experts);
    if (!prefix || !widths) return gw__fail_nomem(b->err);
    *ret_mlp = (mlp){.x = x, .prefix = prefix, .widths = widths, .n_layers = spec->hidden[level].n + 1, .spec = spec, .order = order_base(2 * level + 1, i)};
    return GW_OK;
}

/* The gate itself: weights from logits, and the mixture as a new stream. A gate with one expert to see is that expert. */
static gw_status add_mix(builder *b, const gw__wire_gate *wire, gw__view logits, const mlp *experts, gw__view *ret_stream) {
    if (wire->kind == GW__GATE_PASS) {
        *ret_stream = experts[wire->experts[0]].x;
        return GW_OK;
    }
    gw__view *seen = gw__arena_alloc(&b->net->arena, wire->n_experts, sizeof *seen);
    bool *add = gw__arena_alloc(&b->net->arena, wire->n_experts, sizeof *add);
    if (!seen || !add) return gw__fail_nomem(b->err);
    for (uint32_t i = 0; i < wire->n_experts; i++) seen[i] = experts[wire->experts[i]].x;
    gw__op op = {.kind = GW__OP_MIX, .gate = wire->kind, .experts = seen, .expert_add = add, .n_experts = wire->n_experts, .y = new_buffer(b, seen[0].width)};
    op.weights = wire->kind == GW__GATE_SOFTMAX ? logits : new_buffer(b, wire->n_experts);
    op.x = op.weights;
    b->net->multiply_adds += (uint64_t)wire->n_experts * op.y.width;
    *ret_stream = op.y;
    return add_op(b, op);
}

/* Which gates are built with level `now`: those of this level, and at level 0 also those above that read the dense input. */
static bool built_at(uint32_t now, uint32_t level, const gw__wire_gate *wire) {
    if (wire->kind != GW__GATE_SOFTMAX) return false;
    return wire->input == GW__STREAM_DENSE ? now == 0 : now == level;
}

static gw_status add_level(builder *b, uint32_t level, mlp **gate_plans, gw__view *streams, mlp *members) {
    gw_status status = GW_OK;
    const gw__wiring *wiring = &b->net->wiring;
    const gw__wire_level *wire = &wiring->levels[level];
    size_t n = 0;
    for (uint32_t i = 0; i < wire->n_experts; i++, n++) {
        uint32_t input = wire->experts[i].input;
        GW__TRY(plan_expert(b, level, i, input == GW__STREAM_DENSE ? b->net->dense : streams[input], &members[n]));
    }
    for (uint32_t l = level; l < wiring->n_levels; l++) {
        for (uint32_t i = 0; i < wiring->levels[l].n_gates; i++) {
            const gw__wire_gate *gate = &wiring->levels[l].gates[i];
            if (!built_at(level, l, gate)) continue;
            GW__TRY(plan_gate(b, l, i, gate->input == GW__STREAM_DENSE ? b->net->dense : streams[gate->input], &members[n++]));
        }
    }
    GW__TRY(add_mlps(b, members, n));
    n = wire->n_experts;
    for (uint32_t l = level; l < wiring->n_levels; l++) {
        for (uint32_t i = 0; i < wiring->levels[l].n_gates; i++) {
            if (built_at(level, l, &wiring->levels[l].gates[i])) gate_plans[l][i] = members[n++];
        }
    }
    for (uint32_t i = 0; i < wire->n_gates; i++) GW__TRY(add_mix(b, &wire->gates[i], gate_plans[level][i].x, members, &streams[i]));
cleanup:
    return status;
}

static gw_status add_towers(builder *b, const gw__view *streams) {
    gw_status status = GW_OK;
    gw__net *net = b->net;
    const gw__mlp_spec *spec = &b->spec->model.towers;
    mlp *members = calloc(net->n_tasks, sizeof *members);
    if (!members) GW__FAIL(gw__fail_nomem(b->err));
    for (size_t t = 0; t < net->n_tasks; t++) {
        char prefix[512];
        snprintf(prefix, sizeof prefix, "tower.%s", net->task_names[t]);
        members[t] = (mlp){.x = streams[net->wiring.tower_input[t]], .prefix = gw__arena_text(&net->arena, prefix, strlen(prefix)),
                           .widths = with_output(b, spec->hidden[0], (uint32_t)net->rules[t].width), .n_layers = spec->hidden[0].n + 1, .spec = spec,
                           .order = order_base(2 * net->wiring.n_levels, (uint32_t)t)};
        if (!members[t].prefix || !members[t].widths) GW__FAIL(gw__fail_nomem(b->err));
    }
    GW__TRY(add_mlps(b, members, net->n_tasks));
    for (size_t t = 0; t < net->n_tasks; t++) net->outputs[t] = members[t].x;
cleanup:
    free(members);
    return status;
}

static gw_status add_levels_and_towers(builder *b) {
    gw_status status = GW_OK;
    const gw__wiring *wiring = &b->net->wiring;
    size_t n_gates = 0, n_experts = 0, widest = 0;
    for (uint32_t l = 0; l < wiring->n_levels; l++) {
        n_gates += wiring->levels[l].n_gates;
        n_experts = wiring->levels[l].n_experts > n_experts ? wiring->levels[l].n_experts : n_experts;
        widest = wiring->levels[l].n_gates > widest ? wiring->levels[l].n_gates : widest;
    }
    mlp *plans = calloc(n_gates, sizeof *plans), **gate_plans = calloc(wiring->n_levels, sizeof *gate_plans);
    mlp *members = calloc(n_gates + n_experts, sizeof *members);
    gw__view *streams = calloc(widest, sizeof *streams);
    if (!plans || !gate_plans || !members || !streams) GW__FAIL(gw__fail_nomem(b->err));
    for (size_t l = 0, at = 0; l < wiring->n_levels; at += wiring->levels[l].n_gates, l++) gate_plans[l] = plans + at;
    for (uint32_t l = 0; l < wiring->n_levels; l++) GW__TRY(add_level(b, l, gate_plans, streams, members));
    GW__TRY(add_towers(b, streams));
    /* The gates that a reader may ask for, with the views that hold their weights after a run. */
    gw__net *net = b->net;
    net->gates = gw__arena_alloc(&net->arena, n_gates, sizeof *net->gates);
    net->gate_weights = gw__arena_alloc(&net->arena, n_gates, sizeof *net->gate_weights);
    if (!net->gates || !net->gate_weights) GW__FAIL(gw__fail_nomem(b->err));
    for (uint32_t l = 0; l < wiring->n_levels; l++) {
        for (uint32_t i = 0; i < wiring->levels[l].n_gates; i++) {
            const gw__wire_gate *wire = &wiring->levels[l].gates[i];
            if (wire->kind != GW__GATE_SOFTMAX) continue;
            const char **labels = gw__arena_alloc(&net->arena, wire->n_experts, sizeof *labels);
            if (!labels) GW__FAIL(gw__fail_nomem(b->err));
            for (uint32_t e = 0; e < wire->n_experts; e++) labels[e] = wiring->levels[l].experts[wire->experts[e]].label;
            net->gates[net->n_gates] = (gw__gate_view){.level = l, .stream = wire->stream, .experts = labels, .n_experts = wire->n_experts, .weights_at = net->gate_width};
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

/* Backward, the first consumer of a value writes its gradient and the others add: decided here, in the order of the backward run. */
static gw_status mark_additions(builder *b) {
    gw__net *net = b->net;
    size_t n_written = 0, capacity = 0;
    gw__view *written = NULL;
    gw_status status = GW_OK;
    for (size_t i = net->n_ops; i-- > 0;) {
        gw__op *op = &net->ops[i];
        size_t n = op->kind == GW__OP_MIX ? op->n_experts : op->kind == GW__OP_LINEAR && op->need_dx ? 1 : 0;
        for (size_t e = 0; e < n; e++) {
            const gw__view *target = op->kind == GW__OP_MIX ? &op->experts[e] : &op->x;
            bool add = false;
            for (size_t w = 0; w < n_written && !add; w++) add = same_place(&written[w], target);
            if (op->kind == GW__OP_MIX) ((bool *)op->expert_add)[e] = add;
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

static gw_status copy_input(gw__net *net, const gw__input *input, gw_error *err) {
    gw__slot *slots = gw__arena_alloc(&net->arena, input->n_slots, sizeof *slots);
    gw__table_shape *tables = gw__arena_alloc(&net->arena, input->n_tables + 1, sizeof *tables);
    if (!slots || !tables) return gw__fail_nomem(err);
    memcpy(slots, input->slots, input->n_slots * sizeof *slots);
    for (size_t i = 0; i < input->n_tables; i++) {
        tables[i] = input->tables[i];
        tables[i].name = gw__arena_text(&net->arena, input->tables[i].name, strlen(input->tables[i].name));
        if (!tables[i].name) return gw__fail_nomem(err);
    }
    net->input = *input;
    net->input.slots = slots;
    net->input.tables = tables;
    net->dense = (gw__view){.space = GW__SPACE_DENSE, .width = input->width, .ld = (uint32_t)gw__round_up(input->width, 16)};
    return GW_OK;
}

static gw_status add_tables(builder *b) {
    gw__net *net = b->net;
    net->table_at = gw__arena_alloc(&net->arena, net->input.n_tables + 1, sizeof *net->table_at);
    if (!net->table_at) return gw__fail_nomem(b->err);
    for (size_t i = 0; i < net->input.n_tables; i++) {
        const gw__table_shape *table = &net->input.tables[i];
        size_t floats;
        if (!gw__mul_size(table->rows, table->dim, &floats) || floats > SIZE_MAX / 64 - net->flat_floats) {
            return gw__fail_at(b->err, GW_E_LIMIT, table->name, 0, 0, "the embedding table has too many rows: %llu", (unsigned long long)table->rows);
        }
        net->table_at[i] = new_floats(b, floats);
        gw__placement p = {.shown = {.n_dims = 2, .shape = {table->rows, table->dim}, .trained = true}, .storage = GW__STORED_TABLE, .at = net->table_at[i],
                           .order = i};
        gw__text name = {0}; /* a column's name may be of any length */
        gw__text_addf(&name, "embedding.%s.weight", table->name);
        gw_status status = add_placement(b, p, name.failed ? NULL : gw__arena_text(&net->arena, name.at, name.n));
        gw__text_clear(&name);
        if (status != GW_OK) return status;
    }
    return GW_OK;
}

/* Running statistics stand behind the trained dense parameters, in two rows of norm_width. */
static void place_statistics(builder *b) {
    gw__net *net = b->net;
    net->dense_end = net->flat_floats;
    size_t mean_at = new_floats(b, net->norm_width), var_at = new_floats(b, net->norm_width);
    for (size_t i = 0; i < net->n_parameters; i++) {
        gw__placement *p = &net->parameters[i];
        if (!p->shown.trained) p->at += (p->order & 15) == ORDER_NORM_VAR ? var_at : mean_at;
    }
    for (size_t i = 0; i < net->n_ops; i++) {
        net->ops[i].mean_at = mean_at + net->ops[i].norm_at;
        net->ops[i].var_at = var_at + net->ops[i].norm_at;
    }
    net->n_segments = b->segment + 1;
}

static gw_status copy_tasks(builder *b, const size_t *output_widths) {
    gw__net *net = b->net;
    const size_t n = net->n_tasks = b->spec->n_tasks;
    net->task_names = gw__arena_alloc(&net->arena, n, sizeof *net->task_names);
    net->rules = gw__arena_alloc(&net->arena, n, sizeof *net->rules);
    net->outputs = gw__arena_alloc(&net->arena, n, sizeof *net->outputs);
    net->output_at = gw__arena_alloc(&net->arena, n + 1, sizeof *net->output_at);
    if (!net->task_names || !net->rules || !net->outputs || !net->output_at) return gw__fail_nomem(b->err);
    for (size_t t = 0; t < n; t++) {
        const gw__task_spec *task = &b->spec->tasks[t];
        net->task_names[t] = gw__arena_text(&net->arena, task->name, strlen(task->name));
        if (!net->task_names[t]) return gw__fail_nomem(b->err);
        net->rules[t] = (gw__loss_rule){.loss = task->loss, .activation = task->activation, .width = output_widths[t], .huber_delta = task->huber_delta,
                                        .positive_weight = task->positive_weight, .correction = gw__log(task->negative_rate) - gw__log(task->positive_weight)};
        net->output_at[t + 1] = net->output_at[t] + output_widths[t];
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
    builder b = {.net = net, .spec = spec, .check = check, .err = err};
    GW__TRY(copy_input(net, input, err));
    GW__TRY(copy_tasks(&b, output_widths));
    GW__TRY(gw__wiring_new(spec, &net->arena, &net->wiring, err));
    GW__TRY(add_levels_and_towers(&b));
    place_statistics(&b);
    GW__TRY(add_tables(&b));
    GW__TRY(mark_additions(&b));
    qsort(net->parameters, net->n_parameters, sizeof *net->parameters, by_order);
    *ret_net = net;
    net = NULL;
cleanup:
    gw__net_free(net);
    return status;
}

gw_status gw__net_new(const gw__spec *spec, const gw__input *input, const size_t *output_widths, gw__net **ret_net, gw_error *err) {
    return gw__net_new_checked(spec, input, output_widths, NULL, ret_net, err);
}

void gw__net_free(gw__net *net) {
    if (!net) return;
    free(net->ops);
    free(net->parameters);
    free(net->frozen);
    gw__arena_clear(&net->arena);
    free(net);
}

size_t gw__net_output_width(const gw__net *net) { return net->output_at[net->n_tasks]; }
size_t gw__net_output_at(const gw__net *net, size_t task) { return net->output_at[task]; }
size_t gw__net_parameter_floats(const gw__net *net) { return net->flat_floats; }
uint64_t gw__net_multiply_adds(const gw__net *net) { return net->multiply_adds; }
size_t gw__net_gate_count(const gw__net *net) { return net->n_gates; }
gw__gate_view gw__net_gate_at(const gw__net *net, size_t i) { return net->gates[i]; }
size_t gw__net_gate_width(const gw__net *net) { return net->gate_width; }
