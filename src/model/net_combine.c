/* Planning sums of experts: which they are, and those whose weights are learned constants (operators_combine.c). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/net_builder.h"

#define BEHIND_LAYERS 0xFFFFF /* among the parameters of a gate */
#define TRANSFORMS 0x80000

gw_status gw__plan_experts(gw__builder *b, gw__op *op, const uint32_t *which, uint32_t n, const gw__mlp *experts) {
    gw__view *seen = gw__arena_alloc(&b->net->arena, n, sizeof *seen);
    bool *add = gw__arena_alloc(&b->net->arena, n, sizeof *add);
    if (!seen || !add) return gw__fail_nomem(b->err);
    for (uint32_t i = 0; i < n; i++) seen[i] = experts[which[i]].x;
    op->experts = seen;
    op->expert_add = add;
    op->n_experts = n;
    b->net->multiply_adds += (uint64_t)n * seen[0].width;
    return GW_OK;
}

/* The learned constants of a gate, a tensor `level{l}.gate.{stream}.{part}`. */
static gw_status add_constants(gw__builder *b, gw__gate_at at, const char *part, gw__placement init, gw__op *op) {
    char name[768];
    snprintf(name, sizeof name, "level%u.gate.%s.%s", at.level, gw__wire_gate_at(b, at)->stream, part);
    op->constants_at = gw__plan_floats(b, op->n_experts);
    op->x = op->weights = gw__plan_buffer(b, op->n_experts);
    init.shown = (gw__parameter){.n_dims = 1, .shape = {op->n_experts}, .trained = true};
    init.storage = GW__STORED_VECTOR;
    init.at = op->constants_at;
    init.order = gw__plan_order(2 * at.level + 1, at.gate) | BEHIND_LAYERS;
    return gw__plan_placement(b, init, gw__arena_text(&b->net->arena, name, strlen(name)));
}

/* Misra et al. 2016 begin with 0.9 of the own and 0.1 of the other; of several others each has its part of that. */
static gw_status add_stitches(gw__builder *b, gw__gate_at at, gw__op *op) {
    const gw__wire_gate *wire = gw__wire_gate_at(b, at);
    float *start = gw__arena_alloc(&b->net->arena, wire->n_experts, sizeof *start);
    if (!start) return gw__fail_nomem(b->err);
    for (uint32_t e = 0; e < wire->n_experts; e++) start[e] = e == wire->own ? 0.9f : 0.1f / (float)(wire->n_experts - 1);
    return add_constants(b, at, "alpha", (gw__placement){.start = start}, op);
}

gw_status gw__plan_combine(gw__builder *b, gw__gate_at at, const gw__mlp *experts, gw__view *ret_stream) {
    gw_status status = GW_OK;
    const gw__wire_gate *wire = gw__wire_gate_at(b, at);
    gw__op op = {.kind = GW__OP_COMBINE, .gate = wire->kind};
    GW__TRY(gw__plan_experts(b, &op, wire->experts, wire->n_experts, experts));
    if (wire->kind == GW__GATE_CONNECT) {
        op.id = b->n_connected++;
        GW__TRY(add_constants(b, at, "log_alpha", (gw__placement){0}, &op)); /* each begins at 0: open for half of its weight */
    } else {
        GW__TRY(add_stitches(b, at, &op));
    }
    *ret_stream = op.y = gw__plan_buffer(b, op.experts[0].width);
    GW__TRY(gw__plan_op(b, op));
cleanup:
    return status;
}

/* Li et al. 2023: the stream's own experts once more, by constants that begin uniform in +-1/sqrt(n); a single one as it is. */
gw_status gw__plan_residual(gw__builder *b, gw__gate_at at, const gw__mlp *experts, gw__view stream) {
    gw_status status = GW_OK;
    const gw__wire_gate *wire = gw__wire_gate_at(b, at);
    gw__op op = {.kind = GW__OP_COMBINE, .gate = GW__GATE_STITCH, .y = stream, .onto = true, .constants_at = SIZE_MAX};
    GW__TRY(gw__plan_experts(b, &op, wire->residual, wire->n_residual, experts));
    if (op.n_experts == 1) op.x = op.weights = gw__plan_buffer(b, op.n_experts);
    else GW__TRY(add_constants(b, at, "residual", (gw__placement){.half_width = 1 / sqrtf((float)op.n_experts)}, &op));
    GW__TRY(gw__plan_op(b, op));
cleanup:
    return status;
}

gw_status gw__plan_blend(gw__builder *b, gw__gate_at at, gw__view logits, const gw__mlp *experts, gw__view *ret_output) {
    gw_status status = GW_OK;
    gw__net *net = b->net;
    const gw__loss_rule *rule = &net->rules[0];
    const gw__wire_gate *wire = gw__wire_gate_at(b, at);
    gw__op op = {.kind = GW__OP_BLEND, .x = logits, .weights = logits, .blend_error = b->spec->model.error};
    GW__TRY(gw__plan_experts(b, &op, wire->experts, wire->n_experts, experts));
    op.blend_logit = rule->width == 1 && rule->loss == GW__LOSS_BCE;
    op.activation = op.blend_logit ? GW__ACT_SIGMOID : net->rules[0].activation;
    op.blend_outputs = gw__plan_buffer(b, rule->width * op.n_experts);
    *ret_output = op.y = gw__plan_buffer(b, rule->width);
    net->blend = net->n_ops;
    GW__TRY(gw__plan_op(b, op));
    if (!op.blend_logit) net->rules[0].activation = GW__ACT_NONE; /* it is in the predictions */
cleanup:
    return status;
}

/* Ma et al. 2019, SNR-Trans: W_ij from expert j to stream i, a tensor `level{l}.transform.{stream}.{j}.0.weight`. */
static gw_status plan_transform(gw__builder *b, gw__gate_at at, uint32_t j, const gw__mlp *expert, gw__mlp *ret_mlp) {
    static const gw__mlp_spec linear = {.activation = GW__ACT_NONE};
    char prefix[768];
    snprintf(prefix, sizeof prefix, "level%u.transform.%s.%u", at.level, gw__wire_gate_at(b, at)->stream, j);
    uint32_t *width = gw__arena_alloc(&b->net->arena, 1, sizeof *width);
    *ret_mlp = (gw__mlp){.x = expert->x, .prefix = gw__arena_text(&b->net->arena, prefix, strlen(prefix)), .widths = width, .n_layers = 1, .spec = &linear,
                         .order = gw__plan_order(2 * at.level + 1, at.gate) | TRANSFORMS | (uint64_t)j << 4};
    if (!width || !ret_mlp->prefix) return gw__fail_nomem(b->err);
    *width = expert->x.width;
    return GW_OK;
}

gw_status gw__plan_transforms(gw__builder *b, uint32_t level, const gw__mlp *experts, gw__mlp **ret_transforms) {
    gw_status status = GW_OK;
    const gw__wire_level *wire = &b->net->wiring.levels[level];
    const size_t n = (size_t)wire->n_gates * wire->n_experts;
    gw__mlp *transforms = calloc(n, sizeof *transforms);
    if (!transforms) return gw__fail_nomem(b->err);
    for (size_t i = 0; i < n; i++) {
        const uint32_t gate = (uint32_t)(i / wire->n_experts), expert = (uint32_t)(i % wire->n_experts);
        GW__TRY(plan_transform(b, (gw__gate_at){level, gate}, expert, &experts[expert], &transforms[i]));
    }
    GW__TRY(gw__plan_mlps(b, transforms, n));
    *ret_transforms = transforms;
    transforms = NULL;
cleanup:
    free(transforms);
    return status;
}
