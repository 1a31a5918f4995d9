/* What an architecture adds to the objective beside the tasks' losses, with its gradient. Items touch different parameters, so that threads may share
 * them, and each is summed in one order.
 *   connections  lambda sum over z of P(z > 0)                                       Ma et al. 2019; Louizos et al. 2018, eq. 12
 *   distances    alpha sum over pairs of tasks |theta_t - theta_k|^2 = alpha T sum over t of |theta_t - mean|^2      Duong et al. 2015
 * Twins are the tensors of different tasks with the same place in their networks, and the same shape. */
#include <stdlib.h>

#include "model/hard_concrete.h"
#include "model/net_builder.h"

#define VALUES_OF_ITEM 4096

static size_t value_count(const gw__placement *p) { return (size_t)(p->shown.shape[0] * (p->shown.n_dims == 2 ? p->shown.shape[1] : 1)); }

/* The place in a network without whose it is: the index stands in the bits from 20 to 47. */
static uint64_t place_in_network(const gw__placement *p) { return p->order & ~(((UINT64_C(1) << 28) - 1) << 20); }

static int order_of(uint64_t a, uint64_t b) { return (a > b) - (a < b); }

static int twins_together(const void *a, const void *b) {
    const gw__placement *x = *(const gw__placement *const *)a, *y = *(const gw__placement *const *)b;
    int by = order_of(place_in_network(x), place_in_network(y));
    if (by == 0) by = order_of(x->shown.shape[0], y->shown.shape[0]);
    if (by == 0) by = order_of(x->shown.shape[1], y->shown.shape[1]);
    return by ? by : order_of(x->order, y->order);
}

static bool are_twins(const gw__placement *x, const gw__placement *y) {
    return place_in_network(x) == place_in_network(y) && x->shown.shape[0] == y->shown.shape[0] && x->shown.shape[1] == y->shown.shape[1];
}

static gw_status add_penalty(gw__builder *b, size_t *capacity, gw__penalty penalty) {
    gw_status status = gw__grow((void **)&b->net->penalties, capacity, b->net->n_penalties + 1, sizeof penalty, b->err);
    if (status == GW_OK) b->net->penalties[b->net->n_penalties++] = penalty;
    return status;
}

static gw_status plan_distances(gw__builder *b, size_t *capacity) {
    gw_status status = GW_OK;
    gw__net *net = b->net;
    const gw__placement **all = gw__arena_alloc(&net->arena, net->n_parameters, sizeof *all);
    size_t n = 0;
    if (!all) return gw__fail_nomem(b->err);
    for (size_t i = 0; i < net->n_parameters; i++) {
        if (net->parameters[i].shown.trained && !net->parameters[i].shown.table) all[n++] = &net->parameters[i];
    }
    qsort(all, n, sizeof *all, twins_together);
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && are_twins(all[first], all[end]); end++) {}
        const size_t values = value_count(all[first]);
        for (size_t v = 0; end - first > 1 && v < values; v += VALUES_OF_ITEM) {
            gw__penalty p = {.twins = all + first, .n_twins = end - first, .begin = v, .end = v + VALUES_OF_ITEM < values ? v + VALUES_OF_ITEM : values};
            GW__TRY(add_penalty(b, capacity, p));
        }
    }
cleanup:
    return status;
}

gw_status gw__plan_penalties(gw__builder *b) {
    gw_status status = GW_OK;
    gw__net *net = b->net;
    size_t capacity = 0;
    net->connections = b->spec->model.connections;
    net->alpha = b->spec->model.architecture == GW__ARCH_L2_CONSTRAINED ? b->spec->model.alpha : 0;
    for (size_t i = 0; i < net->n_ops; i++) {
        const gw__op *op = &net->ops[i];
        if (op->kind != GW__OP_COMBINE || op->gate != GW__GATE_CONNECT || net->connections.lambda == 0) continue;
        GW__TRY(add_penalty(b, &capacity, (gw__penalty){.begin = op->constants_at, .end = op->constants_at + op->n_experts}));
    }
    if (net->alpha > 0) GW__TRY(plan_distances(b, &capacity));
cleanup:
    return status;
}

static double connections(const gw__net *net, const gw__penalty *p, const float *flat, float *gradients) {
    const double lambda = net->connections.lambda;
    double sum = 0, slope;
    for (size_t i = p->begin; i < p->end; i++) {
        sum += gw__hard_concrete_open(&net->connections, flat[i], &slope);
        gradients[i] += (float)(lambda * slope);
    }
    return lambda * sum;
}

static double distances(const gw__net *net, const gw__penalty *p, const float *flat, float *gradients) {
    const double tasks = (double)p->n_twins;
    double sum = 0;
    for (size_t v = p->begin; v < p->end; v++) {
        double mean = 0;
        for (size_t t = 0; t < p->n_twins; t++) mean += flat[gw__placement_at(p->twins[t], v)];
        mean /= tasks;
        for (size_t t = 0; t < p->n_twins; t++) {
            const size_t at = gw__placement_at(p->twins[t], v);
            const double away = flat[at] - mean;
            sum += away * away;
            gradients[at] += (float)(2 * net->alpha * tasks * away);
        }
    }
    return net->alpha * tasks * sum;
}

double gw__penalty_add(const gw__net *net, size_t i, const float *flat, float *gradients) {
    const gw__penalty *p = &net->penalties[i];
    return p->n_twins ? distances(net, p, flat, gradients) : connections(net, p, flat, gradients);
}
