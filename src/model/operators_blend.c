/* blend: predictions of experts, mixed (Jacobs, Jordan, Nowlan & Hinton 1991).
 *   in  s [B,E] logits of the gate, z_i [B,O] outputs of expert i           p = softmax(s),  o_i = a(z_i),  m = sum_i p_i o_i
 *   out y [B,O] the logit (binary), the logarithm (classes) or the value of m, so that all else sees outputs as those of a tower
 *   a: logistic (binary), softmax over O (classes), or the head's activation
 * Error of a row with target d, one-of-O for classes; q_i = |d - o_i|^2:
 *   cooperative  |d - m|^2                           (1.1)
 *   competitive  sum_i p_i q_i                       (1.2)   dE/do_i = -2 p_i (d - o_i)                                        (1.4)
 *   mixture      -log sum_i p_i exp(-q_i / 2)        (1.3)   dE/do_i = -h_i (d - o_i), dE/ds_i = p_i - h_i,
 *                                                            h_i = p_i exp(-q_i / 2) / sum_j p_j exp(-q_j / 2)                 (1.5)
 * Errors need the labels, so the backward run has two halves: gw__blend_rows writes the gradients of s and o, and the operator takes those of o on to
 * z. The gradient of y is not used. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "kern/functions.h"
#include "model/net_plan.h"

static gw__view predictions(const gw__op *op, uint32_t e) {
    gw__view o = op->blend_outputs;
    o.column += e * op->y.width;
    o.width = op->y.width;
    return o;
}

static bool of_classes(const gw__op *op) { return op->y.width > 1; }

static void predict(const gw__op *op, const gw__pass *pass, uint32_t e) {
    const gw__view *z = &op->experts[e], o = predictions(op, e);
    if (of_classes(op)) pass->kernels->softmax(pass->rows, z->width, gw__pass_x(pass, z), z->ld, gw__pass_x(pass, &o), o.ld);
    else pass->kernels->activate(op->activation, pass->rows, 1, gw__pass_x(pass, z), z->ld, gw__pass_x(pass, &o), o.ld);
}

/* m of output k, in double: its logarithm must be that of what was summed. */
static double mean_of(const gw__op *op, const float *p, const float *o, size_t k) {
    double m = 0;
    for (uint32_t e = 0; e < op->n_experts; e++) m += (double)p[e] * o[e * op->y.width + k];
    return m;
}

static double linked(const gw__op *op, double m) {
    const double least = 1e-12;
    if (of_classes(op)) return gw__log(m > least ? m : least);
    if (!op->blend_logit) return m;
    m = m < least ? least : m > 1 - least ? 1 - least : m;
    return gw__log(m) - gw__log(1 - m);
}

void gw__blend_forward(const gw__op *op, const gw__pass *pass) {
    float *p = gw__pass_x(pass, &op->weights), *y = gw__pass_x(pass, &op->y);
    const float *o = gw__pass_x(pass, &op->blend_outputs);
    pass->kernels->softmax(pass->rows, op->n_experts, p, op->weights.ld, p, op->weights.ld);
    for (uint32_t e = 0; e < op->n_experts; e++) predict(op, pass, e);
    for (size_t r = 0; r < pass->rows; r++, p += op->weights.ld, o += op->blend_outputs.ld, y += op->y.ld) {
        for (size_t k = 0; k < op->y.width; k++) y[k] = (float)linked(op, mean_of(op, p, o, k));
    }
}

/* Some activations have their slope from what they give, others from what they take. */
void gw__blend_backward(const gw__op *op, const gw__pass *pass) {
    const bool from_input = op->activation == GW__ACT_GELU || op->activation == GW__ACT_SWISH;
    for (uint32_t e = 0; e < op->n_experts; e++) {
        const gw__view *z = &op->experts[e], o = predictions(op, e), *x = from_input ? z : &o;
        const float *d_o = gw__pass_dx(pass, &o);
        float *dz = gw__pass_dx(pass, z);
        if (of_classes(op)) pass->kernels->softmax_back(pass->rows, z->width, gw__pass_x(pass, &o), o.ld, d_o, o.ld, dz, z->ld);
        else pass->kernels->activate_back(op->activation, pass->rows, 1, gw__pass_x(pass, x), x->ld, d_o, o.ld, dz, z->ld);
    }
}

/* ---- errors of a row ---- */

typedef struct row {
    const float *p, *o; /* [E], [E,O] */
    float *ds, *d_o;
    uint32_t n_experts, width;
    float label;
    double scale;
} row;

static double target(const row *r, uint32_t k) { return r->width > 1 ? (double)k == r->label : r->label; }

static double squared(const row *r, uint32_t e) {
    double q = 0;
    for (uint32_t k = 0; k < r->width; k++) {
        const double away = target(r, k) - r->o[e * r->width + k];
        q += away * away;
    }
    return q;
}

/* dE/do_e = -factor (d - o_e) */
static void toward(const row *r, uint32_t e, double factor) {
    for (uint32_t k = 0; k < r->width; k++) {
        const size_t at = e * r->width + k;
        r->d_o[at] = (float)(-r->scale * factor * (target(r, k) - r->o[at]));
    }
}

/* From dE/dp, which stands in ds, to dE/ds. */
static void through_gate(const row *r) {
    double mean = 0;
    for (uint32_t e = 0; e < r->n_experts; e++) mean += (double)r->p[e] * r->ds[e];
    for (uint32_t e = 0; e < r->n_experts; e++) r->ds[e] = (float)(r->p[e] * (r->ds[e] - mean));
}

static double cooperative(const gw__op *op, const row *r) {
    double error = 0;
    for (uint32_t e = 0; e < r->n_experts; e++) r->ds[e] = 0;
    for (uint32_t k = 0; k < r->width; k++) {
        const double away = target(r, k) - mean_of(op, r->p, r->o, k);
        error += away * away;
        for (uint32_t e = 0; e < r->n_experts; e++) {
            const size_t at = e * r->width + k;
            r->d_o[at] = (float)(-2 * r->scale * r->p[e] * away);
            r->ds[e] += (float)(-2 * r->scale * away * r->o[at]);
        }
    }
    through_gate(r);
    return error;
}

static double competitive(const row *r) {
    double error = 0;
    for (uint32_t e = 0; e < r->n_experts; e++) {
        const double q = squared(r, e);
        error += r->p[e] * q;
        r->ds[e] = (float)(r->scale * q);
        toward(r, e, 2 * (double)r->p[e]);
    }
    through_gate(r);
    return error;
}

/* The nearest expert's exponent is taken out, so that experts that are all far away do not vanish together. h stands in ds until all are there. */
static double mixture(const row *r) {
    double least = INFINITY, sum = 0;
    for (uint32_t e = 0; e < r->n_experts; e++) least = fmin(least, squared(r, e));
    for (uint32_t e = 0; e < r->n_experts; e++) sum += r->p[e] * gw__exp(-0.5 * (squared(r, e) - least));
    for (uint32_t e = 0; e < r->n_experts; e++) {
        const double h = sum > 0 ? r->p[e] * gw__exp(-0.5 * (squared(r, e) - least)) / sum : r->p[e];
        toward(r, e, h);
        r->ds[e] = (float)(r->scale * (r->p[e] - h));
    }
    return 0.5 * least - gw__log(sum > 1e-300 ? sum : 1e-300);
}

static double error_of(const gw__op *op, const row *r) {
    switch (op->blend_error) {
    case GW__LOCAL_COOPERATIVE: return cooperative(op, r);
    case GW__LOCAL_COMPETITIVE: return competitive(r);
    default: return mixture(r);
    }
}

double gw__blend_rows(const gw__op *op, const gw__pass *pass, const float *labels, const float *weights, double scale) {
    const gw__loss_rule *rule = &pass->net->rules[0];
    double sum = 0;
    for (size_t i = 0; i < pass->rows; i++) {
        const size_t s_at = i * op->weights.ld, o_at = i * op->blend_outputs.ld;
        const bool positive = rule->loss == GW__LOSS_BCE && labels[i] > 0.5f;
        const double weight = weights[i] * (positive ? rule->positive_weight : 1);
        row r = {gw__pass_x(pass, &op->weights) + s_at, gw__pass_x(pass, &op->blend_outputs) + o_at, gw__pass_dx(pass, &op->weights) + s_at,
                 gw__pass_dx(pass, &op->blend_outputs) + o_at, op->n_experts, op->y.width, labels[i], scale * weight};
        if (weight > 0) {
            sum += weight * error_of(op, &r);
        } else {
            memset(r.ds, 0, r.n_experts * sizeof *r.ds);
            memset(r.d_o, 0, r.n_experts * r.width * sizeof *r.d_o);
        }
    }
    return sum;
}
