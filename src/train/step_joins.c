/* Where all chunks of a batch meet: batch normalisation, and the sums of gates. */
#include <math.h>

#include "train/step.h"

/* The chunks' sums of the columns of `op`, in the order of the chunks, divided by the batch's rows. */
static void norm_means(const gw__step *s, const gw__op *op, size_t column, double *ret_first, double *ret_second) {
    const gw__trainer *t = s->trainer;
    const size_t nw = t->net->norm_width;
    double first = 0, second = 0;
    for (size_t c = 0; c < s->n_chunks; c++) {
        first += t->norm_parts[c * 2 * nw + op->norm_at + column];
        second += t->norm_parts[c * 2 * nw + nw + op->norm_at + column];
    }
    *ret_first = first / (double)s->n;
    *ret_second = second / (double)s->n;
}

/* Mean and variance of the batch; running statistics as PyTorch: momentum 0.1, the unbiased variance. */
void gw__step_join_forward(const gw__step *s, bool keep_statistics) {
    gw__trainer *t = s->trainer;
    for (size_t i = 0; i < t->net->n_ops; i++) {
        const gw__op *op = &t->net->ops[i];
        if (op->kind != GW__OP_BATCH_APPLY || op->segment != s->segment + 1) continue;
        for (size_t j = 0; j < op->x.width; j++) {
            double mean, square;
            norm_means(s, op, j, &mean, &square);
            double var = square - mean * mean > 0 ? square - mean * mean : 0;
            t->norm[op->norm_at + j] = (float)mean;
            t->norm[t->net->norm_width + op->norm_at + j] = (float)(1 / sqrt(var + 1e-5));
            if (!keep_statistics) continue;
            t->flat[op->mean_at + j] = (float)(0.9 * t->flat[op->mean_at + j] + 0.1 * mean);
            if (s->n > 1) t->flat[op->var_at + j] = (float)(0.9 * t->flat[op->var_at + j] + 0.1 * var * (double)s->n / (double)(s->n - 1));
        }
    }
}

/* Balance without a loss (Wang et al. 2024): b_e += u sign(mean load - load_e). */
static void move_bias(gw__trainer *t, const gw__op *op) {
    const double *rows = t->gate_sums + op->gating->stats_at + (size_t)GW__STAT_ROWS * op->n_experts;
    double all = 0; /* whole numbers, so that a load that is the mean is seen as such */
    for (uint32_t e = 0; e < op->n_experts; e++) all += rows[e];
    for (uint32_t e = 0; e < op->n_experts; e++) {
        const double load = rows[e] * op->n_experts, sign = (all > load) - (all < load);
        t->flat[op->mean_at + e] += (float)(op->gating->bias_step * sign);
    }
}

void gw__step_join_gates(const gw__step *s, bool keep_statistics) {
    gw__trainer *t = s->trainer;
    const size_t width = t->net->stats_width;
    for (size_t i = 0; i < t->net->n_ops; i++) {
        const gw__op *op = &t->net->ops[i];
        if (op->kind != GW__OP_GATE || op->segment != s->segment) continue;
        const size_t at = op->gating->stats_at, n = (size_t)GW__GATE_STATS * op->n_experts;
        for (size_t j = at; j < at + n; j++) {
            double sum = 0;
            for (size_t c = 0; c < s->n_chunks; c++) sum += t->gate_parts[c * width + j];
            t->gate_sums[j] = sum;
            t->gate_totals[j] += sum;
        }
        if (keep_statistics && op->gating->biased) move_bias(t, op);
        t->gate_loss += gw__gate_losses(op, t->gate_sums + at, s->n, t->gate_slopes + at);
    }
}

void gw__step_join_backward(const gw__step *s) {
    gw__trainer *t = s->trainer;
    for (size_t i = 0; i < t->net->n_ops; i++) {
        const gw__op *op = &t->net->ops[i];
        if (op->kind != GW__OP_BATCH_APPLY || op->segment != s->segment) continue;
        for (size_t j = 0; j < op->x.width; j++) {
            double d, along;
            norm_means(s, op, j, &d, &along);
            t->norm[2 * t->net->norm_width + op->norm_at + j] = (float)d;
            t->norm[3 * t->net->norm_width + op->norm_at + j] = (float)along;
        }
    }
}
