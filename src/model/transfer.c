/* Adaptive information transfer (AITM, Xi et al. 2021): along a sequence of tasks, each hands on what it knows to the next,
 *     p_t-1 = info(z_t-1)      z_t = sum over u in {p_t-1, q_t} of w_u h1(u)      w_u = softmax over u of <h2(u), h3(u)> / sqrt(k)
 * q_t [B,k] is what the task's own expert makes, z_1 = q_1; info is a layer as the experts', h1, h2, h3 are linear maps without a bias that p and q
 * share. Here they are one product [3k,k] for each: h2 | h3 | h1, "query", "key" and "value". */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/net_builder.h"

#define SIDES 2 /* p and q */

/* ---- operator: from both sides' h2 | h3 | h1 [B,3k] to z [B,k]; w [B,2] ----------------------------------------------------------------- */

/* Where the values h1 of both sides are, or their gradients. */
static void values_of(const gw__op *op, const gw__pass *pass, float *const *spaces, float *ret[SIDES], size_t ld[SIDES]) {
    for (int u = 0; u < SIDES; u++) {
        ret[u] = gw__view_in(&op->experts[u], spaces, pass->chunk_rows) + 2 * op->y.width;
        ld[u] = op->experts[u].ld;
    }
}

static float scores_scale(const gw__op *op) { return 1.0f / sqrtf((float)op->y.width); }

/* <h2, h3> of a row, in double: a product of floats may be beyond a float. */
static double score_of(const float *h, size_t k) {
    double sum = 0;
    for (size_t j = 0; j < k; j++) sum += (double)h[j] * h[k + j];
    return sum;
}

#define MOST_APART 1e30 /* scores, of which the softmax sees differences only: finite, and far beyond what it tells apart */

void gw__attend_forward(const gw__op *op, const gw__pass *pass) {
    const size_t k = op->y.width, ldw = op->weights.ld;
    float *w = gw__pass_x(pass, &op->weights), *values[SIDES];
    size_t ld[SIDES];
    const float *p = gw__pass_x(pass, &op->experts[0]), *q = gw__pass_x(pass, &op->experts[1]);
    for (size_t r = 0; r < pass->rows; r++, p += op->experts[0].ld, q += op->experts[1].ld) {
        const double apart = (score_of(p, k) - score_of(q, k)) * scores_scale(op);
        w[r * ldw] = (float)(apart > MOST_APART ? MOST_APART : apart < -MOST_APART ? -MOST_APART : apart);
        w[r * ldw + 1] = 0;
    }
    pass->kernels->softmax(pass->rows, SIDES, w, ldw, w, ldw);
    values_of(op, pass, pass->space, values, ld);
    const float *x[SIDES] = {values[0], values[1]};
    pass->kernels->mix(pass->rows, SIDES, k, w, ldw, x, ld, gw__pass_x(pass, &op->y), op->y.ld, false);
}

/* Backward: dh1_u = w_u dz, dw_u = <dz, h1_u>, ds = w (dw - <w,dw>), dh2_u = ds_u h3_u / sqrt(k), dh3_u = ds_u h2_u / sqrt(k). */
void gw__attend_backward(const gw__op *op, const gw__pass *pass) {
    static const bool none[SIDES];
    const size_t k = op->y.width, ldw = op->weights.ld;
    const float *w = gw__pass_x(pass, &op->weights), *dy = gw__pass_dx(pass, &op->y);
    float *ds = gw__pass_dx(pass, &op->weights), *values[SIDES], *dvalues[SIDES];
    size_t ld[SIDES];
    values_of(op, pass, pass->dspace, dvalues, ld);
    values_of(op, pass, pass->space, values, ld);
    const float *x[SIDES] = {values[0], values[1]};
    pass->kernels->mix_back(pass->rows, SIDES, k, w, ldw, x, ld, dy, op->y.ld, ds, ldw, dvalues, ld, none);
    pass->kernels->softmax_back(pass->rows, SIDES, w, ldw, ds, ldw, ds, ldw);
    for (int u = 0; u < SIDES; u++) {
        const float *h = gw__pass_x(pass, &op->experts[u]);
        float *dh = gw__pass_dx(pass, &op->experts[u]);
        for (size_t r = 0; r < pass->rows; r++, h += ld[u], dh += ld[u]) {
            const float d = ds[r * ldw + (size_t)u] * scores_scale(op);
            for (size_t j = 0; j < k; j++) dh[j] = d * h[k + j];
            for (size_t j = 0; j < k; j++) dh[k + j] = d * h[j];
        }
    }
}

/* ---- planning ----------------------------------------------------------------------------------------------------------------------------- */

static uint64_t order_of(const gw__builder *b, uint32_t link, uint32_t part) {
    const gw__wiring *wiring = &b->net->wiring; /* behind the last level, before the towers */
    return gw__plan_order(2 * wiring->n_levels - 1, wiring->levels[wiring->n_levels - 1].n_gates + 4 * link + part);
}

static const char *name_of(gw__builder *b, const char *task, const char *part) {
    char text[512];
    snprintf(text, sizeof text, "transfer.%s.%s", task, part);
    return gw__arena_text(&b->net->arena, text, strlen(text));
}

/* p: what the task before hands on. */
static gw_status add_info(gw__builder *b, uint32_t link, const char *task, gw__view *x) {
    uint32_t *widths = gw__arena_alloc(&b->net->arena, 1, sizeof *widths);
    gw__mlp info = {.x = *x, .prefix = name_of(b, task, "info"), .widths = widths, .n_layers = 1, .spec = &b->spec->model.experts.mlp, .active_last = true,
                    .order = order_of(b, link, 0)};
    if (!widths || !info.prefix) return gw__fail_nomem(b->err);
    widths[0] = x->width;
    gw_status status = gw__plan_mlps(b, &info, 1);
    *x = info.x;
    return status;
}

static gw_status place_maps(gw__builder *b, uint32_t link, const char *task, const gw__op *maps) {
    static const char *const names[] = {"query.weight", "key.weight", "value.weight"};
    const uint32_t k = maps->x.width;
    gw_status status = GW_OK;
    for (uint32_t i = 0; status == GW_OK && i < GW__COUNT(names); i++) {
        gw__placement p = {.shown = {.n_dims = 2, .shape = {k, k}, .trained = true}, .at = maps->w_at, .column = i * k,
                           .storage = maps->narrow ? GW__STORED_NARROW : GW__STORED_PANEL, .k = k, .n = maps->y.width, .fan_in = k, .fan_out = k,
                           .order = order_of(b, link, 1 + i)};
        status = gw__plan_placement(b, p, name_of(b, task, names[i]));
    }
    return status;
}

static gw_status add_attention(gw__builder *b, uint32_t link, const char *task, gw__view p, gw__view q, gw__view *ret_z) {
    gw_status status = GW_OK;
    const uint32_t k = q.width;
    gw__view *sides = gw__arena_alloc(&b->net->arena, SIDES, sizeof *sides);
    if (!sides) return gw__fail_nomem(b->err);
    for (int u = 0; u < SIDES; u++) sides[u] = gw__plan_buffer(b, 3 * (size_t)k);
    const gw__op maps = gw__plan_product(b, p, sides[0]);
    GW__TRY(place_maps(b, link, task, &maps));
    GW__TRY(gw__plan_use(b, maps, p, sides[0], true));
    GW__TRY(gw__plan_use(b, maps, q, sides[1], false));
    gw__op op = {.kind = GW__OP_ATTEND, .x = sides[0], .experts = sides, .n_experts = SIDES, .weights = gw__plan_buffer(b, SIDES), .y = gw__plan_buffer(b, k)};
    b->net->multiply_adds += 4 * (uint64_t)k;
    *ret_z = op.y;
    GW__TRY(gw__plan_op(b, op));
cleanup:
    return status;
}

gw_status gw__plan_transfers(gw__builder *b, gw__view *streams) {
    gw_status status = GW_OK;
    const gw__wiring *wiring = &b->net->wiring;
    for (uint32_t i = 1; i < wiring->n_sequence; i++) {
        const char *task = wiring->levels[wiring->n_levels - 1].gates[wiring->sequence[i]].stream;
        gw__view p = streams[wiring->sequence[i - 1]], *z = &streams[wiring->sequence[i]];
        GW__TRY(add_info(b, i, task, &p));
        GW__TRY(add_attention(b, i, task, p, *z, z));
    }
cleanup:
    return status;
}
