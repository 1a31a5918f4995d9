#include "model/likeness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/net_plan.h"

uint32_t gw__net_level_count(const gw__net *net) { return net->wiring.n_levels; }
uint32_t gw__net_expert_count(const gw__net *net, uint32_t level) { return net->wiring.levels[level].n_experts; }
const char *gw__net_expert_name(const gw__net *net, uint32_t level, uint32_t expert) { return net->wiring.levels[level].experts[expert].label; }

/* ---- parameters of experts ------------------------------------------------------------------------------------------------------- */

static size_t value_count(const gw__parameter *p) { return (size_t)(p->shape[0] * (p->n_dims == 2 ? p->shape[1] : 1)); }

/* An expert's parameters stand one after another among all, since they have its order in common. */
typedef struct span { size_t begin, end; } span;

static span parameters_of(const gw__net *net, uint32_t level, uint32_t expert) {
    char prefix[768];
    const size_t n = (size_t)snprintf(prefix, sizeof prefix, "level%u.expert.%s.", level, gw__net_expert_name(net, level, expert));
    span s = {0};
    while (s.begin < net->n_parameters && strncmp(net->parameters[s.begin].shown.name, prefix, n) != 0) s.begin++;
    s.end = s.begin;
    while (s.end < net->n_parameters && strncmp(net->parameters[s.end].shown.name, prefix, n) == 0) s.end++;
    return s;
}

static bool same_shapes(const gw__net *net, span a, span b) {
    if (a.end - a.begin != b.end - b.begin) return false;
    for (size_t i = a.begin, k = b.begin; i < a.end; i++, k++) {
        const gw__parameter *p = &net->parameters[i].shown, *q = &net->parameters[k].shown;
        if (p->n_dims != q->n_dims || p->trained != q->trained || memcmp(p->shape, q->shape, p->n_dims * sizeof p->shape[0]) != 0) return false;
    }
    return true;
}

/* <a,b> of the trained parameters, and whether they are the same; stops at the first difference unless the product is wanted. */
static double product(const gw__net *net, const float *flat, span a, span b, bool *ret_same) {
    double sum = 0;
    bool same = true, weights = false;
    for (size_t i = a.begin, k = b.begin; i < a.end; i++, k++) {
        const gw__placement *p = &net->parameters[i], *q = &net->parameters[k];
        if (!p->shown.trained) continue;
        weights |= p->shown.n_dims == 2;
        for (size_t v = 0; v < value_count(&p->shown); v++) {
            const double x = flat[gw__placement_at(p, v)], y = flat[gw__placement_at(q, v)];
            same &= x == y;
            sum += x * y;
        }
        if (!same && ret_same) break;
    }
    if (ret_same) *ret_same = same && weights;
    return sum;
}

/* ---- twins ------------------------------------------------------------------------------------------------------------------------ */

static bool sees(const gw__wire_gate *gate, uint32_t expert) {
    for (uint32_t i = 0; i < gate->n_experts; i++) {
        if (gate->experts[i] == expert) return true;
    }
    return false;
}

static bool met_by_a_gate(const gw__wire_level *level, uint32_t a, uint32_t b) {
    for (uint32_t i = 0; i < level->n_gates; i++) {
        if (sees(&level->gates[i], a) && sees(&level->gates[i], b)) return true;
    }
    return false;
}

static bool are_twins(const gw__net *net, const float *flat, uint32_t l, uint32_t a, uint32_t b) {
    const gw__wire_level *level = &net->wiring.levels[l];
    bool same = false;
    if (level->experts[a].input != level->experts[b].input || !met_by_a_gate(level, a, b)) return false;
    const span x = parameters_of(net, l, a), y = parameters_of(net, l, b);
    if (same_shapes(net, x, y)) product(net, flat, x, y, &same);
    return same;
}

gw_status gw__net_twins(const gw__net *net, const float *flat, gw__twins **ret_twins, size_t *ret_n, gw_error *err) {
    gw__twins *twins = NULL;
    size_t n = 0, capacity = 0;
    for (uint32_t l = 0; l < net->wiring.n_levels; l++) {
        for (uint32_t b = 1; b < net->wiring.levels[l].n_experts; b++) {
            uint32_t a = 0;
            while (a < b && !are_twins(net, flat, l, a, b)) a++;
            if (a == b) continue;
            const gw_status status = gw__grow((void **)&twins, &capacity, n + 1, sizeof *twins, err);
            if (status != GW_OK) {
                free(twins);
                return status;
            }
            twins[n++] = (gw__twins){l, a, b};
        }
    }
    *ret_twins = twins;
    *ret_n = n;
    return GW_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------------------- */

static double cosine(const gw__net *net, const float *flat, span a, span b, double norm_a, double norm_b) {
    if (!same_shapes(net, a, b) || !(norm_a > 0) || !(norm_b > 0)) return NAN;
    if (a.begin == b.begin) return 1;
    const double value = product(net, flat, a, b, NULL) / (norm_a * norm_b);
    return value > 1 ? 1 : value < -1 ? -1 : value;
}

static void write_matrix(const gw__net *net, const float *flat, uint32_t n, const span *spans, const double *norms, gw__json_writer *json) {
    gw__json_key(json, "values");
    gw__json_begin_list(json);
    for (uint32_t a = 0; a < n; a++) {
        gw__json_begin_list(json);
        for (uint32_t b = 0; b < n; b++) gw__json_double(json, cosine(net, flat, spans[a < b ? a : b], spans[a < b ? b : a], norms[a < b ? a : b], norms[a < b ? b : a]));
        gw__json_end_list(json);
    }
    gw__json_end_list(json);
}

static gw_status write_level(const gw__net *net, const float *flat, uint32_t level, gw__json_writer *json, gw_error *err) {
    const uint32_t n = net->wiring.levels[level].n_experts;
    span *spans = calloc(n, sizeof *spans);
    double *norms = calloc(n, sizeof *norms);
    if (spans && norms) {
        for (uint32_t e = 0; e < n; e++) {
            spans[e] = parameters_of(net, level, e);
            norms[e] = sqrt(product(net, flat, spans[e], spans[e], NULL));
        }
        gw__json_begin_object(json);
        gw__json_key(json, "level");
        gw__json_int(json, level);
        gw__json_key(json, "measure");
        gw__json_string(json, "cosine");
        gw__json_key(json, "experts");
        gw__json_begin_list(json);
        for (uint32_t e = 0; e < n; e++) gw__json_string(json, gw__net_expert_name(net, level, e));
        gw__json_end_list(json);
        write_matrix(net, flat, n, spans, norms, json);
        gw__json_end_object(json);
    }
    const bool failed = !spans || !norms;
    free(spans);
    free(norms);
    return failed ? gw__fail_nomem(err) : GW_OK;
}

/* The last bias among a gate's parameters is that of its logits. */
static const gw__placement *logit_bias(const gw__net *net, const gw__gate_view *gate) {
    char prefix[768];
    const size_t n = (size_t)snprintf(prefix, sizeof prefix, "level%u.gate.%s.", gate->level, gate->stream);
    const gw__placement *found = NULL;
    for (size_t i = 0; i < net->n_parameters; i++) {
        const gw__placement *p = &net->parameters[i];
        const char *rest = p->shown.name + n;
        if (strncmp(p->shown.name, prefix, n) != 0 || *rest < '0' || *rest > '9') continue; /* noise, selection: no layer */
        if (strcmp(rest + strspn(rest, "0123456789"), ".bias") == 0 && p->shown.shape[0] == gate->n_experts) found = p;
    }
    return found;
}

static void write_biases(const gw__net *net, const float *flat, gw__json_writer *json) {
    for (size_t g = 0; g < net->n_gates; g++) {
        const gw__gate_view *gate = &net->gates[g];
        const gw__placement *bias = logit_bias(net, gate);
        if (!bias) continue;
        gw__json_begin_object(json);
        gw__json_key(json, "level");
        gw__json_int(json, gate->level);
        gw__json_key(json, "stream");
        gw__json_string(json, gate->stream);
        gw__json_key(json, "values");
        gw__json_begin_list(json);
        for (size_t e = 0; e < gate->n_experts; e++) gw__json_double(json, flat[gw__placement_at(bias, e)]);
        gw__json_end_list(json);
        gw__json_end_object(json);
    }
}

gw_status gw__net_write_likeness(const gw__net *net, const float *flat, gw__json_writer *json, gw_error *err) {
    gw_status status = GW_OK;
    gw__json_key(json, "similarity");
    gw__json_begin_list(json);
    for (uint32_t l = 0; l < net->wiring.n_levels; l++) {
        if (net->wiring.levels[l].n_experts > 1) GW__TRY(write_level(net, flat, l, json, err));
    }
    gw__json_end_list(json);
    gw__json_key(json, "gate_biases");
    gw__json_begin_list(json);
    write_biases(net, flat, json);
    gw__json_end_list(json);
cleanup:
    return status;
}
