/* The operators: what each does to a chunk forward, and backward to the gradients of its inputs and parameters. One row each in GW__OPERATOR_ROSTER.
 * Legend: B rows of the chunk; views are columns of buffers; d… is the gradient of …. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "kern/functions.h"
#include "model/net_plan.h"

/* linear: y [B,N] = x [B,K] W + b, with relu of the first outputs.   backward: dW += x' dy, db += sum dy, dx = or += dy W'. */
void gw__linear_forward(const gw__op *op, const gw__pass *pass) {
    const float *x = gw__pass_x(pass, &op->x), *w = pass->flat + op->w_at, *bias = op->b_at == SIZE_MAX ? NULL : pass->flat + op->b_at;
    float *y = gw__pass_x(pass, &op->y);
    if (op->narrow) pass->kernels->product_narrow(pass->rows, op->x.width, op->y.width, x, op->x.ld, w, bias, y, op->y.ld);
    else pass->kernels->product(pass->rows, op->x.width, op->y.width, x, op->x.ld, w, bias, op->relu, y, op->y.ld, false);
}

/* Transposed weights have a transposed gradient, (x' dy)' = dy' x, and are what dx is a product with. */
static void narrow_backward(const gw__op *op, const gw__pass *pass, const float *x, const float *dy, float *dw, float *db) {
    const gw__kernels *kernels = pass->kernels;
    kernels->product_dw(pass->rows, op->y.width, op->x.width, dy, op->y.ld, x, op->x.ld, dw, NULL, pass->add || op->add_w);
    if (db) kernels->column_sums(pass->rows, op->y.width, dy, op->y.ld, db, pass->add);
    if (!op->need_dx) return;
    kernels->product(pass->rows, op->y.width, op->x.width, dy, op->y.ld, pass->flat + op->w_at, NULL, 0, gw__pass_dx(pass, &op->x), op->x.ld, op->add);
}

/* The gradient of weights that several operations have is one sum; their biases are their own. */
static void linear_dw(const gw__op *op, const gw__pass *pass, const float *x, const float *dy, float *dw, float *db) {
    const gw__kernels *kernels = pass->kernels;
    const bool apart = op->add_w && db != NULL;
    kernels->product_dw(pass->rows, op->x.width, op->y.width, x, op->x.ld, dy, op->y.ld, dw, apart ? NULL : db, pass->add || op->add_w);
    if (apart) kernels->column_sums(pass->rows, op->y.width, dy, op->y.ld, db, pass->add);
}

void gw__linear_backward(const gw__op *op, const gw__pass *pass) {
    const gw__kernels *kernels = pass->kernels;
    const float *x = gw__pass_x(pass, &op->x);
    float *dy = gw__pass_dx(pass, &op->y), *dw = pass->gradients + op->w_at, *db = op->b_at == SIZE_MAX ? NULL : pass->gradients + op->b_at;
    if (op->narrow) {
        narrow_backward(op, pass, x, dy, dw, db);
        return;
    }
    if (op->relu) kernels->activate_back(GW__ACT_RELU, pass->rows, op->relu, gw__pass_x(pass, &op->y), op->y.ld, dy, op->y.ld, dy, op->y.ld);
    linear_dw(op, pass, x, dy, dw, db);
    if (!op->need_dx) return;
    kernels->product(pass->rows, op->y.width, op->x.width, dy, op->y.ld, pass->turned + op->turned_at, NULL, 0, gw__pass_dx(pass, &op->x), op->x.ld, op->add);
}

/* activate: y = a(x), in place but for gelu and swish, whose slope needs x. */
void gw__activate_forward(const gw__op *op, const gw__pass *pass) {
    pass->kernels->activate(op->activation, pass->rows, op->x.width, gw__pass_x(pass, &op->x), op->x.ld, gw__pass_x(pass, &op->y), op->y.ld);
}

void gw__activate_backward(const gw__op *op, const gw__pass *pass) {
    /* In place, x holds y by now. */
    pass->kernels->activate_back(op->activation, pass->rows, op->x.width, gw__pass_x(pass, &op->x), op->x.ld, gw__pass_dx(pass, &op->y), op->y.ld,
                                gw__pass_dx(pass, &op->x), op->x.ld);
}

/* dropout (Srivastava et al. 2014, inverted): y = x mask / (1-p) in training, x otherwise. The mask is a function of seed, step, operator, row of
 * the batch and column, so that the backward run makes it again and no thread count changes it. */
static void drop(const gw__op *op, const gw__pass *pass, const float *x, const gw__view *from, float *y, const gw__view *to) {
    const uint64_t key = gw__random_bits(pass->seed, GW__RANDOM_DROPOUT, pass->step, op->id);
    if (!pass->chosen) pass->kernels->dropout(key, pass->first_row, op->rate, pass->rows, op->x.width, x, from->ld, y, to->ld);
    for (size_t r = 0; pass->chosen && r < pass->rows; r++) {
        pass->kernels->dropout(key, pass->first_row + pass->chosen[r], op->rate, 1, op->x.width, x + r * from->ld, from->ld, y + r * to->ld, to->ld);
    }
}

void gw__dropout_forward(const gw__op *op, const gw__pass *pass) {
    const float *x = gw__pass_x(pass, &op->x);
    float *y = gw__pass_x(pass, &op->y);
    if (pass->training) drop(op, pass, x, &op->x, y, &op->y);
    else if (x != y) pass->kernels->activate(GW__ACT_NONE, pass->rows, op->x.width, x, op->x.ld, y, op->y.ld);
}

void gw__dropout_backward(const gw__op *op, const gw__pass *pass) {
    drop(op, pass, gw__pass_dx(pass, &op->y), &op->y, gw__pass_dx(pass, &op->x), &op->x);
}

/* layer_norm (Ba et al. 2016): y = gamma (x - mean) / sqrt(var + 1e-5) + beta over the columns of each row. */
void gw__layer_norm_forward(const gw__op *op, const gw__pass *pass) {
    pass->kernels->layer_norm(pass->rows, op->x.width, gw__pass_x(pass, &op->x), op->x.ld, pass->flat + op->gamma_at, pass->flat + op->beta_at,
                             gw__pass_x(pass, &op->stats), gw__pass_x(pass, &op->y), op->y.ld);
}

void gw__layer_norm_backward(const gw__op *op, const gw__pass *pass) {
    float *dgamma = pass->gradients + op->gamma_at, *dbeta = pass->gradients + op->beta_at;
    if (!pass->add) {
        memset(dgamma, 0, op->x.width * sizeof *dgamma);
        memset(dbeta, 0, op->x.width * sizeof *dbeta);
    }
    pass->kernels->layer_norm_back(pass->rows, op->x.width, gw__pass_x(pass, &op->x), op->x.ld, pass->flat + op->gamma_at, gw__pass_x(pass, &op->stats),
                                  gw__pass_dx(pass, &op->y), op->y.ld, dgamma, dbeta, gw__pass_dx(pass, &op->x), op->x.ld);
}

/* batch_sum, batch_apply (Ioffe & Szegedy 2015): y = gamma u + beta, u = (x - mean) / sqrt(var + 1e-5), mean and variance of the whole batch in
 * training, running ones otherwise. The first half adds up x and x^2 of its chunk; between the halves the chunks are joined in order.
 * Backward, with d = gamma dy: dx = (d - mean d - u mean(d u)) / sqrt(var + 1e-5); the means are joined between the halves, too. */
void gw__batch_sum_forward(const gw__op *op, const gw__pass *pass) {
    if (!pass->training) return;
    double *sum = pass->norm_part + op->norm_at, *squares = sum + pass->net->norm_width;
    memset(sum, 0, op->x.width * sizeof *sum);
    memset(squares, 0, op->x.width * sizeof *squares);
    const float *x = gw__pass_x(pass, &op->x);
    for (size_t r = 0; r < pass->rows; r++, x += op->x.ld) {
        for (size_t j = 0; j < op->x.width; j++) {
            sum[j] += x[j];
            squares[j] += (double)x[j] * x[j];
        }
    }
}

void gw__batch_apply_forward(const gw__op *op, const gw__pass *pass) {
    const float *x = gw__pass_x(pass, &op->x), *gamma = pass->flat + op->gamma_at, *beta = pass->flat + op->beta_at;
    float *y = gw__pass_x(pass, &op->y);
    for (size_t j = 0; j < op->x.width; j++) {
        float mean = pass->training ? pass->norm_mean[op->norm_at + j] : pass->flat[op->mean_at + j];
        float scale = pass->training ? pass->norm_scale[op->norm_at + j] : 1.0f / sqrtf(pass->flat[op->var_at + j] + 1e-5f);
        for (size_t r = 0; r < pass->rows; r++) y[r * op->y.ld + j] = gamma[j] * ((x[r * op->x.ld + j] - mean) * scale) + beta[j];
    }
}

void gw__batch_apply_backward(const gw__op *op, const gw__pass *pass) {
    const float *x = gw__pass_x(pass, &op->x), *gamma = pass->flat + op->gamma_at, *dy = gw__pass_dx(pass, &op->y);
    float *dx = gw__pass_dx(pass, &op->x), *dgamma = pass->gradients + op->gamma_at, *dbeta = pass->gradients + op->beta_at;
    double *sum = pass->norm_part + op->norm_at, *products = sum + pass->net->norm_width;
    for (size_t j = 0; j < op->x.width; j++) {
        const float mean = pass->norm_mean[op->norm_at + j], scale = pass->norm_scale[op->norm_at + j];
        double all = 0, along = 0;
        for (size_t r = 0; r < pass->rows; r++) {
            float d = dy[r * op->y.ld + j], u = (x[r * op->x.ld + j] - mean) * scale;
            all += d;
            along += (double)d * u;
            dx[r * op->x.ld + j] = d * gamma[j];
        }
        dgamma[j] = (pass->add ? dgamma[j] : 0) + (float)along;
        dbeta[j] = (pass->add ? dbeta[j] : 0) + (float)all;
        sum[j] = gamma[j] * all;
        products[j] = gamma[j] * along;
    }
}

void gw__batch_sum_backward(const gw__op *op, const gw__pass *pass) {
    const float *x = gw__pass_x(pass, &op->x);
    float *dx = gw__pass_dx(pass, &op->x);
    for (size_t j = 0; j < op->x.width; j++) {
        const size_t at = op->norm_at + j;
        const float mean = pass->norm_mean[at], scale = pass->norm_scale[at], all = pass->norm_sum_dy[at], along = pass->norm_sum_dyx[at];
        for (size_t r = 0; r < pass->rows; r++) {
            float *d = &dx[r * op->x.ld + j], u = (x[r * op->x.ld + j] - mean) * scale;
            *d = scale * (*d - all - u * along);
        }
    }
}

/* mix, a gate: g [B,E] = softmax(z) (Ma et al. 2018, eq. 8), or 1/E, or what an operation before made of z; y [B,H] = sum_e g_e x_e (eq. 7). z and g share their place.
 * Backward: dx_e = or += g_e dy; dg_e = <dy, x_e>; dz = g (dg - <g,dg>). */
void gw__mix_forward(const gw__op *op, const gw__pass *pass) {
    float *g = gw__pass_x(pass, &op->weights), *y = gw__pass_x(pass, &op->y);
    if (op->gate == GW__GATE_SOFTMAX) {
        if (!op->gating) pass->kernels->softmax(pass->rows, op->n_experts, g, op->weights.ld, g, op->weights.ld);
    } else {
        for (size_t r = 0; r < pass->rows; r++) {
            for (uint32_t e = 0; e < op->n_experts; e++) g[r * op->weights.ld + e] = 1.0f / (float)op->n_experts;
        }
    }
    const float *x[GW__AT_ONCE];
    size_t ld[GW__AT_ONCE];
    for (size_t first = 0, n; first < op->n_experts; first += n) {
        n = gw__op_experts(op, pass, first, x, ld);
        pass->kernels->mix(pass->rows, n, op->y.width, g + first, op->weights.ld, x, ld, y, op->y.ld, first > 0);
    }
}

void gw__mix_backward(const gw__op *op, const gw__pass *pass) {
    const float *g = gw__pass_x(pass, &op->weights), *dy = gw__pass_dx(pass, &op->y), *x[GW__AT_ONCE];
    float *dz = gw__pass_dx(pass, &op->weights), *dx[GW__AT_ONCE];
    size_t ld[GW__AT_ONCE];
    for (size_t first = 0, n; first < op->n_experts; first += n) {
        n = gw__op_experts(op, pass, first, x, ld);
        for (size_t e = 0; e < n; e++) dx[e] = gw__pass_dx(pass, &op->experts[first + e]);
        pass->kernels->mix_back(pass->rows, n, op->y.width, g + first, op->weights.ld, x, ld, dy, op->y.ld, dz + first, op->weights.ld, dx, ld,
                                op->expert_add + first);
    }
    if (op->gate == GW__GATE_SOFTMAX && !op->gating) pass->kernels->softmax_back(pass->rows, op->n_experts, g, op->weights.ld, dz, op->weights.ld, dz, op->weights.ld);
}

/* thresholds, the head of an ordinal task: y [B,K-1] = theta - x [B,1], where theta_1 = w_1 and theta_k = theta_{k-1} + softplus w_k, so that they stay in
 * order (McCullagh 1980; differs: distances by softplus).
 * Backward: dx = -sum_k dy_k, dw_1 = sum of all dy, dw_k = s(w_k) sum of dy_j over j >= k. */
void gw__thresholds_forward(const gw__op *op, const gw__pass *pass) {
    const float *x = gw__pass_x(pass, &op->x), *w = pass->flat + op->w_at;
    float *y = gw__pass_x(pass, &op->y);
    double theta = 0;
    for (size_t k = 0; k < op->y.width; k++) {
        theta += k ? gw__softplus(w[k]) : w[k];
        for (size_t r = 0; r < pass->rows; r++) y[r * op->y.ld + k] = (float)(theta - x[r * op->x.ld]);
    }
}

void gw__thresholds_backward(const gw__op *op, const gw__pass *pass) {
    const float *w = pass->flat + op->w_at, *dy = gw__pass_dx(pass, &op->y);
    float *dx = gw__pass_dx(pass, &op->x), *dw = pass->gradients + op->w_at;
    double above = 0;
    for (size_t r = 0; r < pass->rows; r++) dx[r * op->x.ld] = 0;
    for (size_t k = op->y.width; k-- > 0;) {
        for (size_t r = 0; r < pass->rows; r++) {
            above += dy[r * op->y.ld + k];
            dx[r * op->x.ld] -= dy[r * op->y.ld + k];
        }
        dw[k] = (pass->add ? dw[k] : 0) + (float)(k ? above * gw__sigmoid(w[k]) : above);
    }
}

/* chain: y [B,1], the logit of a product of probabilities s(x_i + shift_i), or of a sum of such products (kern/chain.h).
 * Backward: dx_i += dy dy/dx_i, behind what the loss of that task has written. */
static void chain_logits(const gw__op *op, const gw__pass *pass, size_t row, double *z) {
    for (size_t i = 0; i < op->chain->n_sources; i++) z[i] = gw__pass_x(pass, &op->sources[i])[row * op->sources[i].ld] + op->shifts[i];
}

void gw__chain_forward(const gw__op *op, const gw__pass *pass) {
    float *y = gw__pass_x(pass, &op->y);
    double z[GW__CHAIN_SOURCES];
    for (size_t r = 0; r < pass->rows; r++) {
        chain_logits(op, pass, r, z);
        y[r * op->y.ld] = (float)gw__chain_logit(op->chain, z, NULL);
    }
}

void gw__chain_backward(const gw__op *op, const gw__pass *pass) {
    const float *dy = gw__pass_dx(pass, &op->y);
    double z[GW__CHAIN_SOURCES], dz[GW__CHAIN_SOURCES];
    for (size_t r = 0; r < pass->rows; r++) {
        if (dy[r * op->y.ld] == 0) continue; /* not labelled */
        chain_logits(op, pass, r, z);
        gw__chain_logit(op->chain, z, dz);
        for (size_t i = 0; i < op->chain->n_sources; i++)
            gw__pass_dx(pass, &op->sources[i])[r * op->sources[i].ld] += (float)(dy[r * op->y.ld] * dz[i]);
    }
}

/* add: y += x_e of experts that are in every row's mixture (DeepSeekMoE's shared ones).   backward: dx_e = or += dy. */
void gw__add_forward(const gw__op *op, const gw__pass *pass) {
    float *y = gw__pass_x(pass, &op->y);
    for (uint32_t e = 0; e < op->n_experts; e++) {
        const float *x = gw__pass_x(pass, &op->experts[e]);
        for (size_t r = 0; r < pass->rows; r++) pass->kernels->add_scaled(op->y.width, 1, x + r * op->experts[e].ld, y + r * op->y.ld);
    }
}

void gw__add_backward(const gw__op *op, const gw__pass *pass) {
    const float *dy = gw__pass_dx(pass, &op->y);
    for (uint32_t e = 0; e < op->n_experts; e++) {
        float *dx = gw__pass_dx(pass, &op->experts[e]);
        for (size_t r = 0; r < pass->rows; r++) {
            if (op->expert_add[e]) pass->kernels->add_scaled(op->y.width, 1, dy + r * op->y.ld, dx + r * op->experts[e].ld);
            else memcpy(dx + r * op->experts[e].ld, dy + r * op->y.ld, op->y.width * sizeof *dx);
        }
    }
}

const gw__operator gw__operators[GW__OPS] = {
#define X(NAME, name, depends) [GW__OP_##NAME] = {#name, gw__##name##_forward, gw__##name##_backward},
    GW__OPERATOR_ROSTER(X)
#undef X
};

void gw__op_forward(const gw__op *op, const gw__pass *pass) {
    if (op->training_only && !pass->training) return;
    if (op->routed) gw__routed_forward(op, pass);
    else gw__operators[op->kind].forward(op, pass);
}

void gw__op_backward(const gw__op *op, const gw__pass *pass) {
    if (op->routed) gw__routed_backward(op, pass);
    else gw__operators[op->kind].backward(op, pass);
}

void gw__pass_forward(const gw__pass *pass, uint32_t segment) {
    const gw__net *net = pass->net;
    for (size_t i = 0; i < net->n_ops; i++) {
        if (net->ops[i].segment == segment) gw__op_forward(&net->ops[i], pass);
    }
}

void gw__pass_backward(const gw__pass *pass, uint32_t segment) {
    const gw__net *net = pass->net;
    for (size_t i = net->n_ops; i-- > 0;) {
        if (net->ops[i].segment == segment) gw__op_backward(&net->ops[i], pass);
    }
}
