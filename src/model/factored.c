/* Layers whose weights of all tasks are one tensor, a Tucker product (Yang & Hospedales 2017; Ma et al. 2018, section 6.1):
 *     W[:, :, t] = sum over i1, i2, i3 of S(i1,i2,i3) U1(:,i1) o U2(:,i2) U3(t,i3)        W [M,N,T]
 * Never written down: a task's row goes through the factors one after another, x U1, times S, mixed by U3, times U2', which for small ranks is less
 * work than the product with W, and its gradients are those of plain products. U1, S and U2 are linear operations that all tasks use.
 *   B rows, M inputs and N outputs of the layer, T tasks, r1, r2, r3 ranks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/net_builder.h"

/* ---- task_sum: y [B,r2] = sum over i of u_i x_i, the columns i r2 … of x [B, r3 r2].   backward: du_i = sum <dy, x_i>, dx_i = or += u_i dy ---- */

void gw__task_sum_forward(const gw__op *op, const gw__pass *pass) {
    const float *x = gw__pass_x(pass, &op->x), *u = pass->flat + op->w_at;
    float *y = gw__pass_x(pass, &op->y);
    const size_t width = op->y.width;
    for (size_t r = 0; r < pass->rows; r++, x += op->x.ld, y += op->y.ld) {
        for (size_t j = 0; j < width; j++) y[j] = u[0] * x[j];
        for (size_t i = 1; i < op->n_experts; i++) {
            for (size_t j = 0; j < width; j++) y[j] += u[i] * x[i * width + j];
        }
    }
}

static double product_of_columns(const gw__op *op, size_t rows, const float *dy, const float *x) {
    double sum = 0;
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < op->y.width; j++) sum += (double)dy[r * op->y.ld + j] * x[r * op->x.ld + j];
    }
    return sum;
}

void gw__task_sum_backward(const gw__op *op, const gw__pass *pass) {
    const float *x = gw__pass_x(pass, &op->x), *u = pass->flat + op->w_at, *dy = gw__pass_dx(pass, &op->y);
    float *dx = gw__pass_dx(pass, &op->x), *du = pass->gradients + op->w_at;
    const size_t width = op->y.width;
    for (size_t i = 0; i < op->n_experts; i++, x += width, dx += width) {
        du[i] = (pass->add ? du[i] : 0) + (float)product_of_columns(op, pass->rows, dy, x);
        for (size_t r = 0; r < pass->rows; r++) {
            const float *d = dy + r * op->y.ld;
            float *to = dx + r * op->x.ld;
            if (op->add) for (size_t j = 0; j < width; j++) to[j] += u[i] * d[j];
            else for (size_t j = 0; j < width; j++) to[j] = u[i] * d[j];
        }
    }
}

/* ---- planning -------------------------------------------------------------------------------------------------------------------- */

enum { FACTOR_U1, FACTOR_CORE, FACTOR_U2, FACTOR_U3 };
static const char *const factor_names[] = {[FACTOR_U1] = "u1", [FACTOR_CORE] = "core", [FACTOR_U2] = "u2", [FACTOR_U3] = "u3"};

static uint32_t least(size_t a, size_t b) { return (uint32_t)(a < b ? a : b); }

static gw_status place_factor(gw__builder *b, const gw__factors *factors, size_t layer, int factor, gw__placement p) {
    char name[64];
    snprintf(name, sizeof name, "%s.%zu.%s.weight", factors->prefix, layer, factor_names[factor]);
    p.shown.n_dims = 2;
    p.shown.trained = true;
    p.inner = factor != FACTOR_U1;
    p.order = factors->order | (uint64_t)layer << 4 | (uint64_t)factor;
    return gw__plan_placement(b, p, gw__arena_text(&b->net->arena, name, strlen(name)));
}

/* A factor that is a product; `fan_out` is that of the layer, which the initial values may ask for. */
static gw_status place_map(gw__builder *b, const gw__factors *factors, size_t layer, int factor, const gw__op *map, uint32_t fan_out) {
    const uint32_t k = map->x.width, n = map->y.width;
    gw__placement p = {.shown = {.shape = {n, k}}, .at = map->w_at, .storage = map->narrow ? GW__STORED_NARROW : GW__STORED_PANEL, .k = k, .n = n, .fan_in = k,
                       .fan_out = fan_out};
    return place_factor(b, factors, layer, factor, p);
}

/* Each of n_from inputs through one map that all have; `from` becomes the outputs. */
static gw_status add_map(gw__builder *b, const gw__factors *factors, size_t layer, int factor, gw__view *from, size_t n_from, uint32_t width, uint32_t fan_out) {
    gw_status status = GW_OK;
    const gw__view buffer = gw__plan_buffer(b, n_from * width);
    const gw__op map = gw__plan_product(b, from[0], gw__columns_of(buffer, 0, width));
    GW__TRY(place_map(b, factors, layer, factor, &map, fan_out));
    for (size_t i = 0; i < n_from; i++) {
        const gw__view y = gw__columns_of(buffer, (uint32_t)i * width, width);
        GW__TRY(gw__plan_use(b, map, from[i], y, i + 1 < n_from));
        from[i] = y;
    }
cleanup:
    return status;
}

/* Each task's sum of the r3 maps of its row, or of the one row that all have; `views` [n_set] become the sums. */
static gw_status add_blends(gw__builder *b, const gw__factors *factors, size_t layer, gw__view *views, bool joint, size_t n_set, uint32_t r2, uint32_t r3) {
    gw_status status = GW_OK;
    const gw__view buffer = gw__plan_buffer(b, n_set * r2), one = views[0];
    const size_t at = gw__plan_floats(b, n_set * r3);
    gw__placement p = {.shown = {.shape = {n_set, r3}}, .at = at, .storage = GW__STORED_VECTOR, .fan_in = r3, .fan_out = r2};
    GW__TRY(place_factor(b, factors, layer, FACTOR_U3, p));
    for (size_t t = 0; t < n_set; t++) {
        gw__op op = {.kind = GW__OP_TASK_SUM, .x = joint ? one : views[t], .y = gw__columns_of(buffer, (uint32_t)t * r2, r2), .w_at = at + t * r3, .n_experts = r3};
        b->net->multiply_adds += (uint64_t)r2 * r3;
        GW__TRY(gw__plan_op(b, op));
        views[t] = op.y;
    }
cleanup:
    return status;
}

/* The last factor, with each task's own bias; products stand side by side, so that an activation can join them. */
static gw_status add_outputs(gw__builder *b, gw__mlp *const *set, size_t n_set, size_t layer, const gw__view *views, uint32_t fan_in) {
    gw_status status = GW_OK;
    const uint32_t width = set[0]->widths[layer];
    const gw__view buffer = gw__plan_buffer(b, n_set * width);
    gw__op map = gw__plan_product(b, views[0], gw__columns_of(buffer, 0, width));
    GW__TRY(place_map(b, set[0]->factors, layer, FACTOR_U2, &map, width));
    for (size_t t = 0; t < n_set; t++) {
        GW__TRY(gw__plan_bias(b, set[t], layer, fan_in, &map.b_at));
        set[t]->x = gw__columns_of(buffer, (uint32_t)t * width, width);
        GW__TRY(gw__plan_use(b, map, views[t], set[t]->x, t + 1 < n_set));
    }
cleanup:
    return status;
}

gw_status gw__plan_factored(gw__builder *b, gw__mlp *const *set, size_t n_set, size_t layer) {
    gw_status status = GW_OK;
    const gw__factors *factors = set[0]->factors;
    const uint32_t k = set[0]->x.width, n = set[0]->widths[layer];
    const uint32_t r1 = least(factors->input, k), r2 = least(factors->output, n), r3 = least(factors->task, n_set);
    gw__view *views = calloc(n_set, sizeof *views);
    if (!views) return gw__fail_nomem(b->err);
    for (size_t t = 0; t < n_set; t++) views[t] = set[t]->x;
    const bool joint = n_set > 1 && gw__same_place(&views[0], &views[1]); /* the first layer: all tasks read the same */
    GW__TRY(add_map(b, factors, layer, FACTOR_U1, views, joint ? 1 : n_set, r1, n));
    GW__TRY(add_map(b, factors, layer, FACTOR_CORE, views, joint ? 1 : n_set, r2 * r3, r2 * r3));
    GW__TRY(add_blends(b, factors, layer, views, joint, n_set, r2, r3));
    GW__TRY(add_outputs(b, set, n_set, layer, views, k));
cleanup:
    free(views);
    return status;
}
