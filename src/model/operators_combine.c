/* combine: y [B,H] = or += sum_e a_e x_e, with constants a [E] that are learned: the same for every row.
 *   cross-stitch units: Misra et al. 2016, eq. 1; residuals of AdaTT: Li et al. 2023
 * With connections (SNR, Ma et al. 2019) a_e is drawn in each step of training, from a distribution that is learned (hard_concrete.h).
 * Backward: dx_e = or += a_e dy; da_e += sum over rows of <dy, x_e>. A sum onto y leaves dy for what y was before. */
#include "base/random.h"
#include "model/hard_concrete.h"
#include "model/net_plan.h"

/* Rows of the kernels' weights are 0 apart: all rows have the same. */
static const float *constants_of(const gw__op *op, const gw__pass *pass) {
    static const float one = 1;
    if (op->gate == GW__GATE_CONNECT) return gw__pass_x(pass, &op->weights);
    return op->constants_at == SIZE_MAX ? &one : pass->flat + op->constants_at;
}

/* Connection e of this step: a function of seed, step, gate and expert, the same for all rows. */
static double connection(const gw__op *op, const gw__pass *pass, uint32_t e, double *ret_slope) {
    const gw__connections_spec *c = &pass->net->connections;
    const double log_alpha = pass->flat[op->constants_at + e];
    if (!pass->training) return gw__hard_concrete(c, log_alpha, ret_slope);
    const double u = gw__random_uniform(pass->seed, GW__RANDOM_CONNECT, pass->step, (uint64_t)op->id << 32 | e);
    const double z = gw__hard_concrete(c, gw__hard_concrete_drawn(c, log_alpha, u), ret_slope);
    if (ret_slope) *ret_slope /= c->beta;
    return z;
}

static void draw(const gw__op *op, const gw__pass *pass) {
    float *z = gw__pass_x(pass, &op->weights);
    for (uint32_t e = 0; e < op->n_experts; e++) z[e] = (float)connection(op, pass, e, NULL);
}

/* From the connections' gradients to those of what they are drawn from. */
static void through_connections(const gw__op *op, const gw__pass *pass, float *da) {
    for (uint32_t e = 0; e < op->n_experts; e++) {
        double slope;
        connection(op, pass, e, &slope);
        for (size_t r = 0; r < pass->rows; r++) da[r * op->weights.ld + e] *= (float)slope;
    }
}

void gw__combine_forward(const gw__op *op, const gw__pass *pass) {
    if (op->gate == GW__GATE_CONNECT) draw(op, pass);
    const float *a = constants_of(op, pass), *x[GW__AT_ONCE];
    size_t ld[GW__AT_ONCE];
    for (size_t first = 0, n; first < op->n_experts; first += n) {
        n = gw__op_experts(op, pass, first, x, ld);
        pass->kernels->mix(pass->rows, n, op->y.width, a + first, 0, x, ld, gw__pass_x(pass, &op->y), op->y.ld, op->onto || first > 0);
    }
}

void gw__combine_backward(const gw__op *op, const gw__pass *pass) {
    const float *a = constants_of(op, pass), *dy = gw__pass_dx(pass, &op->y), *x[GW__AT_ONCE];
    float *da = gw__pass_dx(pass, &op->weights), *dx[GW__AT_ONCE];
    size_t ld[GW__AT_ONCE];
    for (size_t first = 0, n; first < op->n_experts; first += n) {
        n = gw__op_experts(op, pass, first, x, ld);
        for (size_t e = 0; e < n; e++) dx[e] = gw__pass_dx(pass, &op->experts[first + e]);
        pass->kernels->mix_back(pass->rows, n, op->y.width, a + first, 0, x, ld, dy, op->y.ld, da + first, op->weights.ld, dx, ld, op->expert_add + first);
    }
    if (op->gate == GW__GATE_CONNECT) through_connections(op, pass, da);
    if (op->constants_at != SIZE_MAX)
        pass->kernels->column_sums(pass->rows, op->n_experts, da, op->weights.ld, pass->gradients + op->constants_at, pass->add);
}
