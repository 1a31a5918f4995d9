/* Layers of multilayer perceptrons, side by side: all first layers that read the same input become one product; deeper layers follow one by
 * one; element-wise operations run over all neighbours at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/net_builder.h"

/* ---- growing the plan ---------------------------------------------------------------------------------------------------------- */

gw__view gw__plan_buffer(gw__builder *b, size_t width) {
    gw__view view = {.space = GW__SPACE_SCRATCH, .width = (uint32_t)width, .ld = gw__row_floats(width), .before = b->net->scratch_width};
    b->net->scratch_width += view.ld;
    return view;
}

static bool follows(const gw__view *next, const gw__view *view) {
    return next->space == view->space && next->before == view->before && next->column == view->column + view->width;
}

gw_status gw__plan_op(gw__builder *b, gw__op op) {
    gw__net *net = b->net;
    op.segment = b->segment;
    op.routed = b->route != NULL;
    op.training_only = b->training_only;
    if (op.routed) op.route = b->route, op.expert = b->expert;
    gw_status status = gw__grow((void **)&net->ops, &b->op_capacity, net->n_ops + 1, sizeof op, b->err);
    if (status == GW_OK) net->ops[net->n_ops++] = op;
    return status;
}

/* The product that `op`, a relu in place, can be part of: one of the layer just planned, whose outputs before these have their relu already. */
static gw__op *product_below(gw__net *net, const gw__op *op) {
    if (op->kind != GW__OP_ACTIVATE || op->activation != GW__ACT_RELU || !gw__same_place(&op->x, &op->y)) return NULL;
    for (size_t i = net->n_ops; i-- > 0 && net->ops[i].kind == GW__OP_LINEAR && net->ops[i].segment == op->segment;) {
        gw__op *linear = &net->ops[i];
        gw__view next = gw__columns_of(linear->y, (uint32_t)linear->relu, op->x.width);
        if (!linear->narrow && gw__same_place(&next, &op->x) && linear->relu + op->x.width <= linear->y.width) return linear;
    }
    return NULL;
}

/* An element-wise operation, joined to the one before where both are the same on neighbouring columns, or to the product before. */
static gw_status add_elementwise(gw__builder *b, gw__op op) {
    op.segment = b->segment;
    gw__op *linear = product_below(b->net, &op);
    if (linear) {
        linear->relu += op.x.width;
        return GW_OK;
    }
    gw__op *last = b->net->n_ops ? &b->net->ops[b->net->n_ops - 1] : NULL;
    if (last && last->kind == op.kind && last->segment == b->segment && last->activation == op.activation && last->rate == op.rate &&
        follows(&op.x, &last->x) && follows(&op.y, &last->y) && gw__same_place(&op.x, &op.y) == gw__same_place(&last->x, &last->y)) {
        last->x.width += op.x.width;
        last->y.width += op.y.width;
        return GW_OK;
    }
    if (op.kind == GW__OP_DROPOUT) op.id = b->n_dropouts++;
    return gw__plan_op(b, op);
}

gw_status gw__plan_placement(gw__builder *b, gw__placement placement, const char *name) {
    gw__net *net = b->net;
    if (!name) return gw__fail_nomem(b->err);
    placement.shown.name = name;
    gw_status status = b->check ? b->check->parameter(b->check->context, &placement.shown, b->err) : GW_OK;
    if (status == GW_OK) status = gw__grow((void **)&net->parameters, &b->parameter_capacity, net->n_parameters + 1, sizeof placement, b->err);
    if (status == GW_OK) net->parameters[net->n_parameters++] = placement;
    return status;
}

static gw_status add_parameter(gw__builder *b, gw__placement placement, const char *prefix, uint32_t layer, const char *part) {
    char name[1024]; /* a task's name has at most 255 bytes */
    snprintf(name, sizeof name, "%s.%u.%s", prefix, layer, part);
    return gw__plan_placement(b, placement, gw__arena_text(&b->net->arena, name, strlen(name)));
}

size_t gw__plan_floats(gw__builder *b, size_t n) {
    size_t at = b->net->flat_floats;
    b->net->flat_floats += gw__round_up(n, 16);
    return at;
}

/* ---- multilayer perceptrons, side by side --------------------------------------------------------------------------------------- */

enum { ORDER_WEIGHT, ORDER_BIAS, ORDER_NORM_WEIGHT, ORDER_NORM_BIAS, ORDER_NORM_MEAN, ORDER_NORM_VAR };

static uint64_t order_of(const gw__mlp *m, size_t layer, unsigned part) { return m->order | (uint64_t)layer << 4 | part; }

static bool has_layer(const gw__mlp *m, size_t layer) { return layer < m->n_layers; }
static bool has_bias(const gw__mlp *m, size_t layer) { return m->spec->bias && !(m->bare_last && layer + 1 == m->n_layers); }
static bool is_active(const gw__mlp *m, size_t layer) { return has_layer(m, layer) && (m->active_last || layer + 1 < m->n_layers); }

static gw_status freeze(gw__builder *b, size_t begin, size_t end) {
    gw_status status = gw__grow((void **)&b->net->frozen, &b->frozen_capacity, b->net->n_frozen + 1, sizeof(gw__range), b->err);
    if (status == GW_OK) b->net->frozen[b->net->n_frozen++] = (gw__range){begin, end};
    return status;
}

/* Weight and bias of one member of a fused product: some of its columns. */
static gw_status add_linear_parameters(gw__builder *b, const gw__mlp *m, size_t layer, const gw__op *op, uint32_t column) {
    gw_status status = GW_OK;
    const uint32_t k = op->x.width, n = m->widths[layer];
    gw__placement p = {.shown = {.n_dims = 2, .shape = {n, k}, .trained = true}, .at = op->w_at, .column = column,
                       .storage = op->narrow ? GW__STORED_NARROW : GW__STORED_PANEL, .k = k, .n = op->y.width, .fan_in = k, .fan_out = m->zero ? 0 : n,
                       .order = order_of(m, layer, ORDER_WEIGHT)};
    GW__TRY(add_parameter(b, p, m->prefix, (uint32_t)layer, "weight"));
    if (has_bias(m, layer)) {
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

gw__op gw__plan_product(gw__builder *b, gw__view x, gw__view y) {
    gw__op op = {.kind = GW__OP_LINEAR, .x = x, .y = y, .b_at = SIZE_MAX, .narrow = y.width <= GW__NARROW};
    op.w_at = gw__plan_floats(b, gw__op_weights(&op));
    op.need_dx = x.space != GW__SPACE_DENSE || b->net->input.n_tables > 0;
    if (op.need_dx && !op.narrow) {
        op.turned_at = b->net->turned_floats;
        b->net->turned_floats += gw__panel_floats(y.width, x.width);
    }
    return op;
}

gw_status gw__plan_use(gw__builder *b, gw__op product, gw__view x, gw__view y, bool more) {
    product.x = x;
    product.y = y;
    product.add_w = more;
    b->net->multiply_adds += (uint64_t)x.width * y.width;
    return gw__plan_op(b, product);
}

gw_status gw__plan_bias(gw__builder *b, const gw__mlp *m, size_t layer, uint32_t fan_in, size_t *ret_at) {
    const uint32_t n = m->widths[layer];
    *ret_at = SIZE_MAX;
    if (!has_bias(m, layer)) return GW_OK;
    *ret_at = gw__plan_floats(b, n);
    gw__placement p = {.shown = {.n_dims = 1, .shape = {n}, .trained = true}, .at = *ret_at, .storage = GW__STORED_VECTOR, .fan_in = fan_in, .fan_out = n,
                       .order = order_of(m, layer, ORDER_BIAS)};
    return add_parameter(b, p, m->prefix, (uint32_t)layer, "bias");
}

/* One product for the given layer of members that all read the same input; their outputs stand side by side in `y`. */
static gw_status add_linear(gw__builder *b, gw__mlp *const *group, size_t n_group, size_t layer, gw__view y) {
    gw_status status = GW_OK;
    const gw__view x = group[0]->x;
    gw__op op = gw__plan_product(b, x, y);
    op.gathered = b->route && layer == 0;
    for (size_t i = 0; i < n_group && op.b_at == SIZE_MAX; i++) {
        if (has_bias(group[i], layer)) op.b_at = gw__plan_floats(b, y.width);
    }
    GW__TRY(gw__plan_use(b, op, x, y, false));
    for (size_t i = 0, column = 0; i < n_group; i++) {
        GW__TRY(add_linear_parameters(b, group[i], layer, &op, (uint32_t)column));
        group[i]->x = gw__columns_of(y, (uint32_t)column, group[i]->widths[layer]);
        column += group[i]->widths[layer];
    }
cleanup:
    return status;
}

/* The products of one layer: one for each different input. */
static gw_status add_products(gw__builder *b, gw__mlp *const *set, size_t n_set, size_t layer) {
    gw_status status = GW_OK;
    bool *done = calloc(n_set, sizeof *done);
    gw__mlp **group = calloc(n_set, sizeof *group);
    if (!done || !group) GW__FAIL(gw__fail_nomem(b->err));
    uint32_t total = 0, column = 0;
    for (size_t i = 0; i < n_set; i++) total += set[i]->widths[layer];
    const gw__view buffer = gw__plan_buffer(b, total);
    for (size_t first = 0; first < n_set; first++) {
        if (done[first]) continue;
        const gw__view x = set[first]->x;
        size_t n_group = 0;
        uint32_t width = 0;
        for (size_t i = first; i < n_set; i++) {
            if (done[i] || !gw__same_place(&set[i]->x, &x)) continue;
            done[i] = true;
            width += set[i]->widths[layer];
            group[n_group++] = set[i];
        }
        GW__TRY(add_linear(b, group, n_group, layer, gw__columns_of(buffer, column, width)));
        column += width;
    }
cleanup:
    free(done);
    free(group);
    return status;
}

static gw_status add_norm_vector(gw__builder *b, const gw__mlp *m, size_t layer, size_t at, const char *part, unsigned order, float constant) {
    gw__placement p = {.shown = {.n_dims = 1, .shape = {m->x.width}, .trained = order <= ORDER_NORM_BIAS, .variance = order == ORDER_NORM_VAR},
                       .storage = GW__STORED_VECTOR, .at = at, .constant = constant, .order = order_of(m, layer, order)};
    return add_parameter(b, p, m->prefix, (uint32_t)layer, part);
}

/* The normalisation behind one layer of one member, from its x to `y`. Running statistics get their place later (place_statistics). */
static gw_status add_norm(gw__builder *b, gw__mlp *m, size_t layer, gw__view y) {
    gw_status status = GW_OK;
    bool batch = m->spec->norm == GW__NORM_BATCH;
    gw__op op = {.kind = batch ? GW__OP_BATCH_APPLY : GW__OP_LAYER_NORM, .x = m->x, .y = y};
    op.gamma_at = gw__plan_floats(b, y.width);
    op.beta_at = gw__plan_floats(b, y.width);
    GW__TRY(add_norm_vector(b, m, layer, op.gamma_at, "norm.weight", ORDER_NORM_WEIGHT, 1));
    GW__TRY(add_norm_vector(b, m, layer, op.beta_at, "norm.bias", ORDER_NORM_BIAS, 0));
    if (batch) {
        op.norm_at = b->net->norm_width;
        b->net->norm_width += y.width;
        GW__TRY(add_norm_vector(b, m, layer, op.norm_at, "norm.running_mean", ORDER_NORM_MEAN, 0));
        GW__TRY(add_norm_vector(b, m, layer, op.norm_at, "norm.running_var", ORDER_NORM_VAR, 1));
    } else {
        op.stats = gw__plan_buffer(b, 2);
    }
    GW__TRY(gw__plan_op(b, op));
    m->x = y;
cleanup:
    return status;
}

/* Batch normalisation needs sums over the whole batch: first the sums of all members, which end the segment, then their use. */
static gw_status add_norms(gw__builder *b, gw__mlp *const *set, size_t n_set, size_t layer) {
    gw_status status = GW_OK;
    uint32_t width = 0, column = 0;
    size_t norm_at = b->net->norm_width;
    bool batch = false;
    for (size_t i = 0; i < n_set; i++) {
        if (!is_active(set[i], layer) || set[i]->spec->norm == GW__NORM_NONE) continue;
        width += set[i]->x.width;
        if (set[i]->spec->norm != GW__NORM_BATCH) continue;
        GW__TRY(gw__plan_op(b, (gw__op){.kind = GW__OP_BATCH_SUM, .x = set[i]->x, .y = set[i]->x, .norm_at = norm_at}));
        norm_at += set[i]->x.width;
        batch = true;
    }
    if (!width) return GW_OK;
    if (batch) b->segment++;
    gw__view buffer = gw__plan_buffer(b, width);
    for (size_t i = 0; i < n_set; i++) {
        if (!is_active(set[i], layer) || set[i]->spec->norm == GW__NORM_NONE) continue;
        uint32_t w = set[i]->x.width;
        GW__TRY(add_norm(b, set[i], layer, gw__columns_of(buffer, column, w)));
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
static gw_status add_activations(gw__builder *b, gw__mlp *const *set, size_t n_set, size_t layer, bool dropout) {
    gw_status status = GW_OK;
    uint32_t width = 0, column = 0;
    for (size_t i = 0; i < n_set; i++) {
        bool in_place = dropout ? drops_in_place(set[i]->spec) : activates_in_place(set[i]->spec);
        bool wanted = dropout ? set[i]->spec->dropout > 0 : set[i]->spec->activation != GW__ACT_NONE;
        if (wanted && !in_place && is_active(set[i], layer)) width += set[i]->x.width;
    }
    gw__view buffer = {0};
    if (width) buffer = gw__plan_buffer(b, width);
    for (size_t i = 0; i < n_set; i++) {
        gw__mlp *m = set[i];
        if (!is_active(m, layer) || (dropout ? m->spec->dropout == 0 : m->spec->activation == GW__ACT_NONE)) continue;
        gw__op op = {.kind = dropout ? GW__OP_DROPOUT : GW__OP_ACTIVATE, .x = m->x, .y = m->x};
        if (dropout) op.rate = (float)m->spec->dropout;
        else op.activation = m->spec->activation;
        if (!(dropout ? drops_in_place(m->spec) : activates_in_place(m->spec))) {
            op.y = gw__columns_of(buffer, column, m->x.width);
            column += m->x.width;
        }
        GW__TRY(add_elementwise(b, op));
        m->x = op.y;
    }
cleanup:
    return status;
}

/* Where the layer of an expert is once it is complete. */
static gw_status watch(gw__builder *b, const gw__mlp *m, size_t layer) {
    gw__net *net = b->net;
    gw_status status = gw__grow((void **)&net->layers, &b->layer_capacity, net->n_layers + 1, sizeof *net->layers, b->err);
    if (status != GW_OK) return status;
    net->layers[net->n_layers++] = (gw__layer_view){.level = m->level, .expert = m->index, .layer = (uint32_t)layer, .last = layer + 1 == m->n_layers, .view = m->x,
                                                    .activation = is_active(m, layer) ? m->spec->activation : GW__ACT_NONE, .route = b->route};
    return GW_OK;
}

gw_status gw__plan_mlps(gw__builder *b, gw__mlp *members, size_t n) {
    gw_status status = GW_OK;
    size_t layers = 0;
    gw__mlp **set = calloc(n ? n : 1, sizeof *set);
    if (!set) GW__FAIL(gw__fail_nomem(b->err));
    for (size_t i = 0; i < n; i++) layers = members[i].n_layers > layers ? members[i].n_layers : layers;
    for (size_t layer = 0; layer < layers; layer++) {
        size_t n_set = 0;
        for (size_t i = 0; i < n; i++) {
            if (has_layer(&members[i], layer)) set[n_set++] = &members[i];
        }
        GW__TRY(set[0]->factors ? gw__plan_factored(b, set, n_set, layer) : add_products(b, set, n_set, layer));
        GW__TRY(add_norms(b, set, n_set, layer));
        GW__TRY(add_activations(b, set, n_set, layer, false));
        GW__TRY(add_activations(b, set, n_set, layer, true));
        for (size_t i = 0; i < n_set; i++) {
            if (set[i]->watched) GW__TRY(watch(b, set[i], layer));
        }
    }
cleanup:
    free(set);
    return status;
}
