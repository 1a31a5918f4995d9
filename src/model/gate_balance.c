/* What keeps the experts of a gate busy: noise that gives others a chance, and losses on sums over the batch (docs/architectures.md). The sums are made
 * chunk by chunk and joined in the chunks' order; the gradient of a row follows from the slopes of the losses by them. Legend as in operators.c. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "kern/functions.h"
#include "model/net_plan.h"

static float *row_of(const gw__pass *pass, const gw__view *view, size_t row) { return gw__pass_x(pass, view) + row * view->ld; }

static double softplus_row(const float *r, uint32_t e) { return gw__softplus(r[e]); }

/* h = z + n softplus(r), n from N(0,1), a function of seed, step, gate, row of the batch and expert (Shazeer et al. 2017, eq. 4). */
void gw__gate_noise(const gw__op *op, const gw__pass *pass, float *h) {
    const gw__gating *gating = op->gating;
    for (size_t r = 0; r < pass->rows; r++, h += op->y.ld) {
        const float *size = row_of(pass, &gating->noise, r);
        float *drawn = row_of(pass, &gating->drawn, r);
        for (uint32_t e = 0; e < op->n_experts; e++) {
            const uint64_t what = (uint64_t)gating->id << 48 ^ (uint64_t)(pass->first_row + r) << 16 ^ e;
            drawn[e] = (float)gw__random_normal(pass->seed, GW__RANDOM_NOISE, pass->step, what);
            h[e] += (float)(drawn[e] * softplus_row(size, e));
        }
        memcpy(row_of(pass, &gating->noisy_logits, r), h, op->n_experts * sizeof *h);
    }
}

/* ---- load: the probability that an expert is among the k largest if its own noise is drawn again (eq. 8-9) --------------------------------- */

/* Places of the `k` largest, by falling size. */
static void largest(const float *h, uint32_t n, uint32_t k, uint32_t *at) {
    for (uint32_t e = 0, found = 0; e < n; e++) {
        uint32_t i = found < k ? found++ : k;
        for (; i > 0 && h[e] > h[at[i - 1]]; i--) {
            if (i < k) at[i] = at[i - 1];
        }
        if (i < k) at[i] = e;
    }
}

/* Of each expert of a row: the one whose noisy logit it has to exceed, and by how many deviations it does. */
typedef struct threshold {
    uint32_t at[GW__TOP_K_LIMIT + 1]; /* the k + 1 largest */
    uint32_t k;
    const float *z, *h, *size;
} threshold;

static threshold threshold_of(const gw__op *op, const gw__pass *pass, size_t row) {
    threshold t = {.k = op->gating->top_k, .z = row_of(pass, &op->x, row), .h = row_of(pass, &op->gating->noisy_logits, row),
                   .size = row_of(pass, &op->gating->noise, row)};
    largest(t.h, op->n_experts, t.k + 1, t.at);
    return t;
}

static uint32_t to_exceed(const threshold *t, uint32_t e) {
    for (uint32_t i = 0; i < t->k; i++) {
        if (t->at[i] == e) return t->at[t->k];
    }
    return t->at[t->k - 1];
}

#define LEAST_SIZE 1e-6 /* of the noise: a threshold without any would be a step */

static double size_of(const threshold *t, uint32_t e) { return softplus_row(t->size, e) + LEAST_SIZE; }
static double deviations(const threshold *t, uint32_t e) { return ((double)t->z[e] - t->h[to_exceed(t, e)]) / size_of(t, e); }

static void add_load(const gw__op *op, const gw__pass *pass, size_t row, double *load) {
    const threshold t = threshold_of(op, pass, row);
    for (uint32_t e = 0; e < op->n_experts; e++) load[e] += gw__phi_cdf((float)deviations(&t, e));
}

/* ---- sums -------------------------------------------------------------------------------------------------------------------------------- */

static double log_sum_exp(const float *z, uint32_t n) {
    double top = z[0], sum = 0;
    for (uint32_t e = 1; e < n; e++) top = z[e] > top ? z[e] : top;
    for (uint32_t e = 0; e < n; e++) sum += gw__exp(z[e] - top);
    return top + gw__log(sum);
}

static void add_values(const float *values, uint32_t n, double *sums) {
    for (uint32_t e = 0; e < n; e++) sums[e] += values[e];
}

void gw__gate_sums(const gw__op *op, const gw__pass *pass) {
    const gw__gating *gating = op->gating;
    const uint32_t n = op->n_experts;
    double *sums = pass->gate_part + gating->stats_at;
    memset(sums, 0, (size_t)GW__GATE_STATS * n * sizeof *sums);
    for (size_t r = 0; r < pass->rows; r++) {
        const float *g = row_of(pass, &op->y, r);
        add_values(g, n, sums + GW__STAT_IMPORTANCE * n);
        for (uint32_t e = 0; e < n; e++) sums[GW__STAT_ROWS * n + e] += g[e] != 0;
        if (gating->even > 0) add_values(row_of(pass, &gating->whole, r), n, sums + GW__STAT_PROBABILITY * n);
        if (gating->load > 0) add_load(op, pass, r, sums + GW__STAT_LOAD * n);
        if (gating->z > 0) {
            const double sum = log_sum_exp(row_of(pass, &op->x, r), n);
            sums[GW__STAT_Z * n] += sum * sum;
        }
    }
}

/* w CV(x)^2 = w (E sum x^2 / (sum x)^2 - 1), the variance over all E (eq. 7, 11). */
static double variation(double weight, uint32_t n, const double *x, double *slopes) {
    double sum = 0, squares = 0;
    for (uint32_t e = 0; e < n; e++) {
        sum += x[e];
        squares += x[e] * x[e];
    }
    if (weight == 0 || !(sum > 0)) return 0;
    for (uint32_t e = 0; e < n; e++) slopes[e] = weight * 2 * n / (sum * sum) * (x[e] - squares / sum);
    return weight * (n * squares / (sum * sum) - 1);
}

/* w E sum of f_e P_e: f_e the expert's share of all that was kept, without a gradient; P_e its mean probability (Fedus et al. 2022, eq. 4-6). */
static double evenness(double weight, uint32_t n, const double *rows, const double *probability, double n_rows, double *slopes) {
    double kept = 0, loss = 0;
    for (uint32_t e = 0; e < n; e++) kept += rows[e];
    for (uint32_t e = 0; weight > 0 && kept > 0 && e < n; e++) {
        slopes[e] = weight * n * (rows[e] / kept) / n_rows;
        loss += slopes[e] * probability[e];
    }
    return loss;
}

double gw__gate_losses(const gw__op *op, const double *sums, size_t n_rows, double *ret_slopes) {
    const gw__gating *gating = op->gating;
    const uint32_t n = op->n_experts;
    memset(ret_slopes, 0, (size_t)GW__GATE_STATS * n * sizeof *ret_slopes);
    return variation(gating->importance, n, sums + GW__STAT_IMPORTANCE * n, ret_slopes + GW__STAT_IMPORTANCE * n) +
           variation(gating->load, n, sums + GW__STAT_LOAD * n, ret_slopes + GW__STAT_LOAD * n) +
           evenness(gating->even, n, sums + GW__STAT_ROWS * n, sums + GW__STAT_PROBABILITY * n, (double)n_rows, ret_slopes + GW__STAT_PROBABILITY * n) +
           gating->z * sums[GW__STAT_Z * n] / (double)n_rows;
}

/* ---- backward ---------------------------------------------------------------------------------------------------------------------------- */

void gw__gate_importance_backward(const gw__op *op, const gw__pass *pass, float *dg) {
    const double *slopes = pass->gate_slopes + op->gating->stats_at + GW__STAT_IMPORTANCE * op->n_experts;
    if (!(op->gating->importance > 0) || pass->tasks_only) return;
    for (size_t r = 0; r < pass->rows; r++) {
        const float *g = row_of(pass, &op->y, r);
        for (uint32_t e = 0; e < op->n_experts; e++) dg[r * op->y.ld + e] += g[e] != 0 ? (float)slopes[e] : 0;
    }
}

/* dz += p (c - <c,p>) / T. */
static void even_back(const gw__op *op, const gw__pass *pass, size_t row, float *dz) {
    const double *c = pass->gate_slopes + op->gating->stats_at + GW__STAT_PROBABILITY * op->n_experts;
    const float *p = row_of(pass, &op->gating->whole, row);
    double mean = 0;
    for (uint32_t e = 0; e < op->n_experts; e++) mean += c[e] * p[e];
    for (uint32_t e = 0; e < op->n_experts; e++) dz[e] += (float)(op->gating->scale * p[e] * (c[e] - mean));
}

/* dz += 2 w / B log-sum-exp(z) softmax(z). */
static void z_back(const gw__op *op, const gw__pass *pass, size_t row, float *dz) {
    const float *z = row_of(pass, &op->x, row);
    const double sum = log_sum_exp(z, op->n_experts), slope = 2 * op->gating->z * sum / (double)pass->batch_rows;
    for (uint32_t e = 0; e < op->n_experts; e++) dz[e] += (float)(slope * gw__exp(z[e] - sum));
}

/* dz is that of the noisy logits h. Their noise: dr = dh n s(r). Load: what an expert has to exceed is another's h, its own z is without noise. */
static void noise_back(const gw__op *op, const gw__pass *pass, size_t row, float *dz) {
    const gw__gating *gating = op->gating;
    const uint32_t n = op->n_experts;
    const float *drawn = row_of(pass, &gating->drawn, row), *r = row_of(pass, &gating->noise, row);
    float *dr = gw__pass_dx(pass, &gating->noise) + row * gating->noise.ld;
    const double *c = pass->gate_slopes + gating->stats_at + GW__STAT_LOAD * n;
    threshold t = {0};
    const bool load = gating->load > 0 && !pass->tasks_only;
    if (load) t = threshold_of(op, pass, row);
    for (uint32_t e = 0; e < n && load; e++) dz[to_exceed(&t, e)] -= (float)(c[e] * gw__phi_pdf((float)deviations(&t, e)) / size_of(&t, e));
    for (uint32_t e = 0; e < n; e++) {
        const double u = load ? deviations(&t, e) : 0, a = load ? c[e] * gw__phi_pdf((float)u) / size_of(&t, e) : 0;
        dr[e] = (float)((dz[e] * (double)drawn[e] - a * u) * gw__sigmoid(r[e]));
        dz[e] += (float)a;
    }
}

void gw__gate_losses_backward(const gw__op *op, const gw__pass *pass, float *dz) {
    const gw__gating *gating = op->gating;
    for (size_t r = 0; r < pass->rows; r++, dz += op->x.ld) {
        if (gating->even > 0 && !pass->tasks_only) even_back(op, pass, r, dz);
        if (gating->noisy) noise_back(op, pass, r, dz);
        if (gating->z > 0 && !pass->tasks_only) z_back(op, pass, r, dz);
    }
}
