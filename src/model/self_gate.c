/* Self-gates (HoME, 2024): the experts of a module are added to its stream once more, so that a task of few rows does not pass over its own:
 *     y += sum over e of s_e x_e        s [B,E] = softmax(z), or sigmoid(z) of a single expert
 * Backward: dx_e = or += s_e dy; ds_e = <dy, x_e>; dz by the slope. y and dy are the stream's, which a mix made. */
#include <string.h>

#include "model/net_builder.h"

void gw__self_gate_forward(const gw__op *op, const gw__pass *pass) {
    const gw__kernels *kernels = pass->kernels;
    float *s = gw__pass_x(pass, &op->weights), *y = gw__pass_x(pass, &op->y);
    const size_t lds = op->weights.ld;
    if (op->n_experts == 1) kernels->activate(GW__ACT_SIGMOID, pass->rows, 1, s, lds, s, lds);
    else kernels->softmax(pass->rows, op->n_experts, s, lds, s, lds);
    const float *x[GW__AT_ONCE];
    size_t ld[GW__AT_ONCE];
    for (size_t first = 0, n; first < op->n_experts; first += n) {
        n = gw__op_experts(op, pass, first, x, ld);
        kernels->mix(pass->rows, n, op->y.width, s + first, lds, x, ld, y, op->y.ld, true);
    }
}

void gw__self_gate_backward(const gw__op *op, const gw__pass *pass) {
    const gw__kernels *kernels = pass->kernels;
    const float *s = gw__pass_x(pass, &op->weights), *dy = gw__pass_dx(pass, &op->y), *x[GW__AT_ONCE];
    float *dz = gw__pass_dx(pass, &op->weights), *dx[GW__AT_ONCE];
    const size_t lds = op->weights.ld;
    size_t ld[GW__AT_ONCE];
    for (size_t first = 0, n; first < op->n_experts; first += n) {
        n = gw__op_experts(op, pass, first, x, ld);
        for (size_t e = 0; e < n; e++) dx[e] = gw__pass_dx(pass, &op->experts[first + e]);
        kernels->mix_back(pass->rows, n, op->y.width, s + first, lds, x, ld, dy, op->y.ld, dz + first, lds, dx, ld, op->expert_add + first);
    }
    if (op->n_experts == 1) kernels->activate_back(GW__ACT_SIGMOID, pass->rows, 1, s, lds, dz, lds, dz, lds);
    else kernels->softmax_back(pass->rows, op->n_experts, s, lds, dz, lds, dz, lds);
}

gw_status gw__plan_self_gate(gw__builder *b, const gw__wire_gate *wire, gw__view logits, const gw__mlp *experts, gw__view stream) {
    gw__view *own = gw__arena_alloc(&b->net->arena, wire->n_self, sizeof *own);
    bool *add = gw__arena_alloc(&b->net->arena, wire->n_self, sizeof *add);
    if (!own || !add) return gw__fail_nomem(b->err);
    for (uint32_t i = 0; i < wire->n_self; i++) own[i] = experts[wire->self[i]].x;
    b->net->multiply_adds += (uint64_t)wire->n_self * stream.width;
    return gw__plan_op(b, (gw__op){.kind = GW__OP_SELF_GATE, .x = logits, .weights = logits, .experts = own, .expert_add = add, .n_experts = wire->n_self, .y = stream});
}
