/* Planning levels whose experts compute some rows only. Their first layers are no joint product: each takes rows of its own. */
#include <stdlib.h>

#include "model/net_builder.h"

bool gw__is_routed(const gw__spec *spec, const gw__wire_level *level) {
    const uint32_t k = spec->model.gating.top_k;
    for (uint32_t i = 0; k && !level->predicts && i < level->n_gates; i++) {
        if (level->gates[i].kind == GW__GATE_SOFTMAX && level->gates[i].n_experts > k) return true;
    }
    return false;
}

/* Experts of a row, at most: what the gates select, and what some stream takes from every row. */
static uint32_t most_experts(const gw__builder *b, const gw__wire_level *level) {
    uint64_t most = level->n_always;
    const uint32_t k = b->spec->model.gating.top_k;
    for (uint32_t i = 0; i < level->n_gates; i++) most += (level->gates[i].n_experts < k ? level->gates[i].n_experts : k) + level->gates[i].n_residual;
    return most < level->n_experts ? (uint32_t)most : level->n_experts;
}

/* What the route needs to know of the gates. One without weights passes its expert on, for every row. */
static gw_status add_gates(gw__builder *b, const gw__wire_level *level, const gw__mlp *plans, gw__route *route) {
    gw__route_gate *gates = gw__arena_alloc(&b->net->arena, level->n_gates, sizeof *gates);
    size_t n_always = level->n_gates + level->n_always;
    for (uint32_t i = 0; i < level->n_gates; i++) n_always += level->gates[i].n_residual;
    uint32_t *always = gw__arena_alloc(&b->net->arena, n_always, sizeof *always);
    if (!gates || !always) return gw__fail_nomem(b->err);
    for (uint32_t i = 0; i < level->n_always; i++) always[route->n_always++] = i;
    for (uint32_t i = 0; i < level->n_gates; i++) {
        const gw__wire_gate *wire = &level->gates[i];
        if (wire->kind == GW__GATE_SOFTMAX) gates[route->n_gates++] = (gw__route_gate){plans[i].gating, wire->experts};
        else always[route->n_always++] = wire->experts[0];
        for (uint32_t k = 0; k < wire->n_residual; k++) always[route->n_always++] = wire->residual[k];
        route->several |= wire->n_residual > 0;
    }
    route->gates = gates;
    route->always = always;
    route->several |= level->n_gates > 1;
    return GW_OK;
}

/* What `now - before` is more than what a row takes of it. */
static uint64_t idle(const gw__route *route, uint64_t before, uint64_t now) { return (now - before) / route->n_experts * (route->n_experts - route->most); }

gw_status gw__plan_routed(gw__builder *b, const gw__wire_level *level, const gw__mlp *gates, gw__mlp *experts, const gw__route **ret_route) {
    gw_status status = GW_OK;
    gw__net *net = b->net;
    gw__route *route = gw__arena_alloc(&net->arena, 1, sizeof *route);
    if (!route) return gw__fail_nomem(b->err);
    *route = (gw__route){.n_experts = level->n_experts, .most = most_experts(b, level)};
    route->lists = gw__plan_buffer(b, 3 * (size_t)level->n_experts);
    route->gathered = gw__plan_buffer(b, experts[0].x.width);
    GW__TRY(add_gates(b, level, gates, route));
    GW__TRY(gw__plan_op(b, (gw__op){.kind = GW__OP_ROUTE, .route = route}));
    const uint64_t width = net->scratch_width, work = net->multiply_adds;
    b->route = route;
    for (b->expert = 0; b->expert < level->n_experts; b->expert++) GW__TRY(gw__plan_mlps(b, &experts[b->expert], 1));
    net->idle_width += (size_t)idle(route, width, net->scratch_width);
    net->multiply_adds -= idle(route, work, net->multiply_adds);
    net->sparse = true;
    *ret_route = route;
cleanup:
    b->route = NULL;
    return status;
}
