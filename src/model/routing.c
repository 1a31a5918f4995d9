/* Experts that compute some rows only (Shazeer et al. 2017): rows are grouped by expert, each expert's operations run over its rows, and a gate adds
 * up what it selected. A row's sums do not depend on which rows share its chunk: products give a row the same bits wherever it stands, and a
 * mixture adds the experts of a row by their weight. Legend as in operators.c; E experts of the level, D the width of their input. */
#include <string.h>

#include "model/net_plan.h"

/* ---- lists of rows ---------------------------------------------------------------------------------------------------------------- */

static uint32_t *counts_of(const gw__route *route, const gw__pass *pass) { return (uint32_t *)(void *)gw__pass_x(pass, &route->lists); }
static uint32_t *rows_of(const gw__route *route, const gw__pass *pass, size_t expert) {
    return counts_of(route, pass) + route->n_experts + expert * pass->chunk_rows;
}
static uint32_t *places_of(const gw__route *route, const gw__pass *pass, size_t row) {
    return counts_of(route, pass) + route->n_experts * (1 + pass->chunk_rows) + row * route->n_experts;
}

static void add_row(const gw__route *route, const gw__pass *pass, uint32_t *places, uint32_t expert, size_t row) {
    if (places[expert] != GW__NOT_ROUTED) return;
    const uint32_t place = counts_of(route, pass)[expert]++;
    places[expert] = place;
    rows_of(route, pass, expert)[place] = (uint32_t)row;
}

/* route: from what the gates picked to each expert's rows, in their order. Nothing flows back through it: what a gate did not pick has weight 0. */
void gw__route_forward(const gw__op *op, const gw__pass *pass) {
    const gw__route *route = op->route;
    memset(counts_of(route, pass), 0, route->n_experts * sizeof(uint32_t));
    memset(places_of(route, pass, 0), 0xff, pass->rows * route->n_experts * sizeof(uint32_t));
    for (size_t r = 0; r < pass->rows; r++) {
        uint32_t *places = places_of(route, pass, r);
        for (uint32_t i = 0; i < route->n_always; i++) add_row(route, pass, places, route->always[i], r);
        for (uint32_t i = 0; i < route->n_gates; i++) {
            const gw__picks picks = gw__picks_of(pass, route->gates[i].gating, r);
            for (uint32_t k = 0; k < *picks.n; k++) add_row(route, pass, places, route->gates[i].experts[picks.column[k]], r);
        }
    }
}

void gw__route_backward(const gw__op *op, const gw__pass *pass) {
    (void)op;
    (void)pass;
}

/* ---- operations of an expert ------------------------------------------------------------------------------------------------------ */

size_t gw__routed_rows(const gw__route *route, const gw__pass *pass, uint32_t expert) { return counts_of(route, pass)[expert]; }

gw__pass gw__routed_pass(const gw__op *op, const gw__pass *pass) {
    gw__pass own = *pass;
    own.rows = counts_of(op->route, pass)[op->expert];
    own.chosen = rows_of(op->route, pass, op->expert);
    return own;
}

const float *gw__routed_input(const gw__op *op, const gw__pass *routed, size_t all, const float *x, size_t width, size_t *ld) {
    if (routed->rows == all) return x;
    float *to = gw__pass_x(routed, &op->route->gathered);
    const size_t ldto = op->route->gathered.ld;
    for (size_t r = 0; r < routed->rows; r++) memcpy(to + r * ldto, x + routed->chosen[r] * *ld, width * sizeof *to);
    *ld = ldto;
    return to;
}

/* A first layer whose input is gathered reads the copy. */
static gw__op with_gathered(const gw__op *op) {
    gw__op own = *op;
    own.x = op->route->gathered;
    own.x.width = op->x.width;
    own.add = false;
    return own;
}

void gw__routed_forward(const gw__op *op, const gw__pass *pass) {
    const gw__pass own = gw__routed_pass(op, pass);
    if (own.rows == 0) return;
    if (!op->gathered || own.rows == pass->rows) {
        gw__operators[op->kind].forward(op, &own);
        return;
    }
    const gw__op gathered = with_gathered(op);
    size_t ld = op->x.ld;
    gw__routed_input(op, &own, pass->rows, gw__pass_x(pass, &op->x), op->x.width, &ld);
    gw__operators[op->kind].forward(&gathered, &own);
}

/* An expert without a row has no gradient: the first chunk of a slot says so. */
static void clear_gradients(const gw__op *op, const gw__pass *pass) {
    if (pass->add) return;
    memset(pass->gradients + op->w_at, 0, gw__op_weights(op) * sizeof(float));
    if (op->b_at != SIZE_MAX) memset(pass->gradients + op->b_at, 0, op->y.width * sizeof(float));
}

/* dx of all rows += that of the rows that were gathered. */
static void scatter(const gw__op *op, const gw__pass *own, size_t all) {
    float *dx = gw__pass_dx(own, &op->x);
    for (size_t r = 0; r < all && !op->add; r++) memset(dx + r * op->x.ld, 0, op->x.width * sizeof *dx);
    const float *from = gw__pass_dx(own, &op->route->gathered);
    for (size_t r = 0; r < own->rows; r++) own->kernels->add_scaled(op->x.width, 1, from + r * op->route->gathered.ld, dx + own->chosen[r] * op->x.ld);
}

void gw__routed_backward(const gw__op *op, const gw__pass *pass) {
    const gw__pass own = gw__routed_pass(op, pass);
    if (!op->gathered || own.rows == pass->rows) {
        if (own.rows > 0 || op->kind != GW__OP_LINEAR) gw__operators[op->kind].backward(op, &own);
        else clear_gradients(op, &own);
        return;
    }
    if (own.rows > 0) {
        const gw__op gathered = with_gathered(op);
        size_t ld = op->x.ld;
        gw__routed_input(op, &own, pass->rows, gw__pass_x(pass, &op->x), op->x.width, &ld);
        gw__operators[op->kind].backward(&gathered, &own);
    } else {
        clear_gradients(op, &own);
    }
    if (op->need_dx) scatter(op, &own, pass->rows);
}

/* ---- mixtures --------------------------------------------------------------------------------------------------------------------- */

/* Where the outputs are that a gate picked for a row. */
typedef struct picked {
    gw__picks gate;
    uint32_t n;
    const float *x[GW__TOP_K_LIMIT];
    size_t ld[GW__TOP_K_LIMIT];
} picked;

static void find_picked(const gw__op *op, const gw__pass *pass, size_t row, picked *ret) {
    const uint32_t *places = places_of(op->route, pass, row);
    ret->gate = gw__picks_of(pass, op->gating, row);
    ret->n = *ret->gate.n;
    for (uint32_t i = 0; i < ret->n; i++) {
        const uint32_t column = ret->gate.column[i];
        const gw__view *view = &op->experts[column];
        ret->x[i] = gw__pass_x(pass, view) + places[op->seen[column]] * view->ld;
        ret->ld[i] = view->ld;
    }
}

/* mix_routed: y [B,H] = sum of g_e x_e over the experts that the gate selected for the row.
 * Backward: dx_e = or += g_e dy; dg_e = <dy, x_e>, 0 for the others. */
void gw__mix_routed_forward(const gw__op *op, const gw__pass *pass) {
    float *y = gw__pass_x(pass, &op->y);
    picked p;
    for (size_t r = 0; r < pass->rows; r++, y += op->y.ld) {
        find_picked(op, pass, r, &p);
        pass->kernels->mix(1, p.n, op->y.width, p.gate.weight, p.n, p.x, p.ld, y, op->y.ld, false);
    }
}

/* Rows of an expert that are there for another gate get nothing from this one: the first that writes begins with zeros. */
static void clear_experts(const gw__op *op, const gw__pass *pass) {
    for (uint32_t e = 0; e < op->n_experts; e++) {
        const gw__view *view = &op->experts[e];
        float *dx = gw__pass_dx(pass, view);
        const uint32_t n = op->expert_add[e] ? 0 : counts_of(op->route, pass)[op->seen[e]];
        for (uint32_t r = 0; r < n; r++) memset(dx + r * view->ld, 0, view->width * sizeof *dx);
    }
}

void gw__mix_routed_backward(const gw__op *op, const gw__pass *pass) {
    const float *dy = gw__pass_dx(pass, &op->y);
    float *dg = gw__pass_dx(pass, &op->weights), *dx[GW__TOP_K_LIMIT], few[GW__TOP_K_LIMIT];
    bool add[GW__TOP_K_LIMIT];
    picked p;
    if (op->route->several) clear_experts(op, pass);
    for (size_t r = 0; r < pass->rows; r++, dy += op->y.ld, dg += op->weights.ld) {
        find_picked(op, pass, r, &p);
        for (uint32_t i = 0; i < p.n; i++) {
            const gw__view *view = &op->experts[p.gate.column[i]];
            dx[i] = gw__pass_dx(pass, view) + (p.x[i] - gw__pass_x(pass, view));
            add[i] = op->route->several || op->expert_add[p.gate.column[i]];
        }
        pass->kernels->mix_back(1, p.n, op->y.width, p.gate.weight, p.n, p.x, p.ld, dy, op->y.ld, few, p.n, dx, p.ld, add);
        memset(dg, 0, op->n_experts * sizeof *dg);
        for (uint32_t i = 0; i < p.n; i++) dg[p.gate.column[i]] = few[i];
    }
}
