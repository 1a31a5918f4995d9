/* The weights of a gate where they are more than the softmax of its logits. Legend as in operators.c; E the experts that the gate sees. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "model/net_plan.h"

/* gate: g [B,E] = softmax(z / T) over the k largest of the logits that are not dropped, 0 for the others.
 *   ties go to the lower index; k = E is all             paper: Shazeer et al. 2017, eq. 3-5
 * In training each weight is dropped with probability p and the softmax renormalised over the rest (Zhao et al. 2019, against gates that polarise),
 * which is the softmax over the rest; a row that would lose all keeps all. The mask is a function of seed, step, gate, row and expert, as drop-out's.
 * Backward: dz = g (dg - <g,dg>) / T, which is 0 for what was left out. */

/* Not 0 where a weight is kept. */
static void draw_kept(const gw__op *op, const gw__pass *pass, float *kept) {
    const gw__gating *gating = op->gating;
    const uint64_t key = gw__random_bits(pass->seed, GW__RANDOM_GATE, pass->step, gating->id);
    for (size_t r = 0; r < pass->rows; r++) {
        for (uint32_t e = 0; e < op->n_experts; e++) kept[r * gating->kept.ld + e] = 1;
    }
    pass->kernels->dropout(key, pass->first_row, gating->dropout, pass->rows, op->n_experts, kept, gating->kept.ld, kept, gating->kept.ld);
}

/* One row's softmax over what is kept: the logits are moved together in place, and apart again from the end on. */
static void softmax_kept(const gw__kernels *kernels, uint32_t n_experts, const float *kept, float *g) {
    uint32_t n = 0;
    for (uint32_t e = 0; e < n_experts; e++) n += kept[e] != 0;
    if (n == 0 || n == n_experts) {
        kernels->softmax(1, n_experts, g, n_experts, g, n_experts);
        return;
    }
    n = 0;
    for (uint32_t e = 0; e < n_experts; e++) {
        if (kept[e] != 0) g[n++] = g[e];
    }
    kernels->softmax(1, n, g, n, g, n);
    for (uint32_t e = n_experts; e-- > 0;) g[e] = kept[e] != 0 ? g[--n] : 0;
}

static void drop_logits(const float *kept, uint32_t n_experts, float *z) {
    uint32_t n = 0;
    for (uint32_t e = 0; e < n_experts; e++) n += kept[e] != 0;
    for (uint32_t e = 0; n && e < n_experts; e++) {
        if (kept[e] == 0) z[e] = -INFINITY;
    }
}

static const float *whole_of(const gw__op *op, const gw__pass *pass, size_t row) {
    return gw__pass_x(pass, &op->gating->whole) + row * op->gating->whole.ld;
}

/* With a bias experts are selected by probability + bias (Wang et al. 2024), which their weights do not have. */
static void score_row(const gw__op *op, const gw__pass *pass, size_t row, float *ret_scores) {
    const float *p = whole_of(op, pass, row), *bias = pass->flat + op->mean_at;
    for (uint32_t e = 0; e < op->n_experts; e++) ret_scores[e] = p[e] + bias[e];
}

static void logits_of_picks(const gw__op *op, const gw__pass *pass, size_t row, gw__picks picks) {
    const gw__view *view = pass->training && op->gating->noisy ? &op->gating->noisy_logits : &op->x;
    const float *h = gw__pass_x(pass, view) + row * view->ld;
    for (uint32_t i = 0; i < *picks.n; i++) picks.weight[i] = h[picks.column[i]] * op->gating->scale;
}

/* Not renormalised: g_e = p_e (Dai et al. 2024, DeepSeekMoE, eq. 10; k = 1: Fedus et al. 2022, Switch, eq. 2). */
static void weights_of_whole(const gw__op *op, const gw__pass *pass, size_t row, gw__picks picks) {
    const float *p = whole_of(op, pass, row);
    for (uint32_t i = 0; i < *picks.n; i++) picks.weight[i] = p[picks.column[i]];
}

/* How many a row picked: fewer than k where the others are minus infinity. */
static void count_picks(uint32_t n_experts, uint32_t k, gw__picks picks) {
    uint32_t n = 0;
    while (n < k && picks.column[n] < n_experts) n++;
    if (n == 0) picks.column[0] = 0, picks.weight[n++] = NAN; /* no logit is finite: nor are the weights */
    *picks.n = n;
}

/* From scaled logits in g: what each row picks, and weights that are 0 elsewhere. Without drop-out all rows pick k, so one softmax does. */
static void pick_rows(const gw__op *op, const gw__pass *pass, const float *kept, float *g) {
    const gw__gating *gating = op->gating;
    const uint32_t n_experts = op->n_experts, k = gating->top_k;
    const size_t ld = gating->picks.ld;
    const gw__picks first = gw__picks_of(pass, gating, 0);
    bool whole = true;
    for (size_t r = 0; r < pass->rows && (gating->biased || kept); r++) {
        float *row = g + r * op->y.ld;
        if (gating->biased) score_row(op, pass, r, row);
        if (kept) drop_logits(kept + r * gating->kept.ld, n_experts, row);
    }
    pass->kernels->largest(pass->rows, n_experts, k, g, op->y.ld, first.column, first.weight, ld);
    for (size_t r = 0; r < pass->rows; r++) {
        const gw__picks picks = gw__picks_of(pass, gating, r);
        count_picks(n_experts, k, picks);
        if (gating->biased) logits_of_picks(op, pass, r, picks);
        whole &= *picks.n == k;
        memset(g + r * op->y.ld, 0, n_experts * sizeof *g);
    }
    if (whole) pass->kernels->softmax(pass->rows, k, first.weight, ld, first.weight, ld);
    for (size_t r = 0; r < pass->rows; r++) {
        const gw__picks picks = gw__picks_of(pass, gating, r);
        if (!whole) pass->kernels->softmax(1, *picks.n, picks.weight, ld, picks.weight, ld);
        if (gating->raw) weights_of_whole(op, pass, r, picks);
        for (uint32_t i = 0; i < *picks.n; i++) g[r * op->y.ld + picks.column[i]] = picks.weight[i];
    }
}

/* g = h / T, from logits h that have noise in training. */
static void scaled_logits(const gw__op *op, const gw__pass *pass, float *g) {
    const float *z = gw__pass_x(pass, &op->x), scale = op->gating->scale;
    for (size_t r = 0; r < pass->rows; r++) memcpy(g + r * op->y.ld, z + r * op->x.ld, op->n_experts * sizeof *g);
    if (pass->training && op->gating->noisy) gw__gate_noise(op, pass, g);
    for (size_t r = 0; r < pass->rows; r++) {
        for (uint32_t e = 0; e < op->n_experts; e++) g[r * op->y.ld + e] *= scale;
    }
}

void gw__gate_forward(const gw__op *op, const gw__pass *pass) {
    const gw__gating *gating = op->gating;
    const bool drops = pass->training && gating->dropout > 0;
    float *g = gw__pass_x(pass, &op->y), *kept = drops ? gw__pass_x(pass, &gating->kept) : NULL;
    scaled_logits(op, pass, g);
    if (gating->whole.width && (pass->training || gating->raw || gating->biased))
        pass->kernels->softmax(pass->rows, op->n_experts, g, op->y.ld, gw__pass_x(pass, &gating->whole), gating->whole.ld);
    if (drops) draw_kept(op, pass, kept);
    if (gating->picks.width) pick_rows(op, pass, kept, g);
    else if (!drops) pass->kernels->softmax(pass->rows, op->n_experts, g, op->y.ld, g, op->y.ld);
    else {
        for (size_t r = 0; r < pass->rows; r++) softmax_kept(pass->kernels, op->n_experts, kept + r * gating->kept.ld, g + r * op->y.ld);
    }
    if (pass->gate_part) gw__gate_sums(op, pass);
}

void gw__gate_backward(const gw__op *op, const gw__pass *pass) {
    const gw__view *softmax = op->gating->raw ? &op->gating->whole : &op->y; /* dg is 0 where nothing was kept */
    float *dg = gw__pass_dx(pass, &op->y), *dz = gw__pass_dx(pass, &op->x);
    gw__gate_importance_backward(op, pass, dg);
    pass->kernels->softmax_back(pass->rows, op->n_experts, gw__pass_x(pass, softmax), softmax->ld, dg, op->y.ld, dz, op->x.ld);
    for (size_t r = 0; r < pass->rows; r++) {
        for (uint32_t e = 0; e < op->n_experts; e++) dz[r * op->x.ld + e] *= op->gating->scale;
    }
    gw__gate_losses_backward(op, pass, dz);
}
