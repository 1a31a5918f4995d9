/* Feature gates (HoME, 2024): each expert reads its own view of the input v [B,D],
 *     v * sum over i of g_i Fea_LoRA_i(v)        Fea_LoRA_i(v) = 2 sigmoid(v B_i A_i), B_i [D,r], A_i [r,D]; g = softmax(v W + b) [B,L], 1 if L = 1
 * so that experts differ by what they look at, at the price of a low rank. The maps v B of all experts are one product. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/net_builder.h"

#define MOST 64 /* of an expert: GW__FIELD bounds of model.feature_gates.count */

/* ---- operator: y = 2 x m, m = sum of g_i s_i, s_i = sigmoid(z_i) in z's place.   backward: dx = or += 2 m dy, dm = 2 x dy, and on as a mix ---- */

static void places_of(const gw__op *op, const gw__pass *pass, const float **s, size_t *ld) {
    for (uint32_t i = 0; i < op->n_experts; i++) {
        s[i] = gw__pass_x(pass, &op->experts[i]);
        ld[i] = op->experts[i].ld;
    }
}

void gw__feature_gate_forward(const gw__op *op, const gw__pass *pass) {
    const gw__kernels *kernels = pass->kernels;
    const size_t n = op->n_experts, width = op->x.width;
    const float *x = gw__pass_x(pass, &op->x), *s[MOST];
    float *g = gw__pass_x(pass, &op->weights), *m = gw__pass_x(pass, &op->stats), *y = gw__pass_x(pass, &op->y);
    size_t ld[MOST];
    places_of(op, pass, s, ld);
    for (size_t i = 0; i < n; i++) {
        float *z = gw__pass_x(pass, &op->experts[i]);
        kernels->activate(GW__ACT_SIGMOID, pass->rows, width, z, ld[i], z, ld[i]);
    }
    if (n > 1) kernels->softmax(pass->rows, n, g, op->weights.ld, g, op->weights.ld);
    for (size_t r = 0; n == 1 && r < pass->rows; r++) g[r * op->weights.ld] = 1;
    kernels->mix(pass->rows, n, width, g, op->weights.ld, s, ld, m, op->stats.ld, false);
    for (size_t r = 0; r < pass->rows; r++) {
        const float *a = x + r * op->x.ld, *by = m + r * op->stats.ld;
        float *to = y + r * op->y.ld;
        for (size_t j = 0; j < width; j++) to[j] = 2 * by[j] * a[j];
    }
}

/* The gradients of both factors; dm stands in the place of m's gradient. */
static void product_backward(const gw__op *op, const gw__pass *pass) {
    const float *x = gw__pass_x(pass, &op->x), *m = gw__pass_x(pass, &op->stats), *dy = gw__pass_dx(pass, &op->y);
    float *dm = gw__pass_dx(pass, &op->stats), *dx = op->need_dx ? gw__pass_dx(pass, &op->x) : NULL;
    for (size_t r = 0; r < pass->rows; r++) {
        const float *d = dy + r * op->y.ld, *a = x + r * op->x.ld, *by = m + r * op->stats.ld;
        float *to_m = dm + r * op->stats.ld;
        for (size_t j = 0; j < op->x.width; j++) to_m[j] = 2 * a[j] * d[j];
        if (!dx) continue;
        float *to_x = dx + r * op->x.ld;
        if (op->add) for (size_t j = 0; j < op->x.width; j++) to_x[j] += 2 * by[j] * d[j];
        else for (size_t j = 0; j < op->x.width; j++) to_x[j] = 2 * by[j] * d[j];
    }
}

void gw__feature_gate_backward(const gw__op *op, const gw__pass *pass) {
    static const bool none[MOST];
    const gw__kernels *kernels = pass->kernels;
    const size_t n = op->n_experts, width = op->x.width;
    const float *g = gw__pass_x(pass, &op->weights), *s[MOST];
    float *dg = gw__pass_dx(pass, &op->weights), *ds[MOST];
    size_t ld[MOST];
    product_backward(op, pass);
    places_of(op, pass, s, ld);
    for (size_t i = 0; i < n; i++) ds[i] = gw__pass_dx(pass, &op->experts[i]);
    kernels->mix_back(pass->rows, n, width, g, op->weights.ld, s, ld, gw__pass_dx(pass, &op->stats), op->stats.ld, dg, op->weights.ld, ds, ld, none);
    if (n > 1) kernels->softmax_back(pass->rows, n, g, op->weights.ld, dg, op->weights.ld, dg, op->weights.ld);
    for (size_t i = 0; i < n; i++) kernels->activate_back(GW__ACT_SIGMOID, pass->rows, width, s[i], ld[i], ds[i], ld[i], ds[i], ld[i]);
}

/* ---- planning -------------------------------------------------------------------------------------------------------------------- */

static const gw__mlp_spec two_maps = {.activation = GW__ACT_NONE, .norm = GW__NORM_NONE};
static const gw__mlp_spec one_map = {.activation = GW__ACT_NONE, .norm = GW__NORM_NONE, .bias = true};

/* "level0.feature_gate.shared.0.lora1", or ".mix" for the softmax. */
static const char *name_of(gw__builder *b, uint32_t level, const gw__wire_expert *expert, const char *part, uint32_t i, bool numbered) {
    char text[640];
    int n = snprintf(text, sizeof text, "level%u.feature_gate.%s.%s", level, expert->label, part);
    if (numbered) snprintf(text + n, sizeof text - (size_t)n, "%u", i);
    return gw__arena_text(&b->net->arena, text, strlen(text));
}

static const uint32_t *widths_of(gw__builder *b, uint32_t first, uint32_t second) {
    uint32_t *widths = gw__arena_alloc(&b->net->arena, 2, sizeof *widths);
    if (widths) widths[0] = first, widths[1] = second;
    return widths;
}

/* What one expert's gates are made of: `count` pairs of maps and, if there are several, the logits of their softmax. */
static gw_status add_members(gw__builder *b, uint32_t level, uint32_t expert, gw__view x, uint32_t count, gw__mlp *members) {
    const gw__wire_level *wire = &b->net->wiring.levels[level];
    const uint32_t *maps = widths_of(b, b->spec->model.feature_gates.rank, x.width), *logits = widths_of(b, count, 0);
    if (!maps || !logits) return gw__fail_nomem(b->err);
    for (uint32_t i = 0; i < count + (count > 1); i++) {
        const bool lora = i < count;
        members[i] = (gw__mlp){.x = x, .widths = lora ? maps : logits, .n_layers = lora ? 2 : 1, .spec = lora ? &two_maps : &one_map,
                               .prefix = name_of(b, level, &wire->experts[expert], lora ? "lora" : "mix", i, lora),
                               .order = gw__plan_order(2 * level, wire->n_experts + expert * (count + 1) + i)};
        if (!members[i].prefix) return gw__fail_nomem(b->err);
    }
    return GW_OK;
}

static gw_status add_gate(gw__builder *b, gw__mlp *expert, const gw__mlp *members, uint32_t count) {
    gw__view *maps = gw__arena_alloc(&b->net->arena, count, sizeof *maps);
    if (!maps) return gw__fail_nomem(b->err);
    for (uint32_t i = 0; i < count; i++) maps[i] = members[i].x;
    gw__op op = {.kind = GW__OP_FEATURE_GATE, .x = expert->x, .y = gw__plan_buffer(b, expert->x.width), .experts = maps, .n_experts = count};
    op.stats = gw__plan_buffer(b, op.x.width);
    op.weights = count > 1 ? members[count].x : gw__plan_buffer(b, 1);
    op.need_dx = op.x.space != GW__SPACE_DENSE || b->net->input.n_tables > 0;
    b->net->multiply_adds += (uint64_t)(count + 1) * op.x.width;
    expert->x = op.y;
    return gw__plan_op(b, op);
}

gw_status gw__plan_feature_gates(gw__builder *b, uint32_t level, gw__mlp *experts, size_t n_experts, uint32_t count) {
    gw_status status = GW_OK;
    const size_t each = count + (count > 1);
    gw__mlp *members = calloc(n_experts * each + 1, sizeof *members);
    if (!members) return gw__fail_nomem(b->err);
    for (size_t e = 0; count && e < n_experts; e++) GW__TRY(add_members(b, level, (uint32_t)e, experts[e].x, count, members + e * each));
    if (count) GW__TRY(gw__plan_mlps(b, members, n_experts * each));
    for (size_t e = 0; count && e < n_experts; e++) GW__TRY(add_gate(b, &experts[e], members + e * each, count));
cleanup:
    free(members);
    return status;
}
