#include "model/likeness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/net_plan.h"

uint32_t gw__net_level_count(const gw__net *net) { return net->wiring.n_levels; }
uint32_t gw__net_expert_count(const gw__net *net, uint32_t level) { return net->wiring.levels[level].n_experts; }
const char *gw__net_expert_name(const gw__net *net, uint32_t level, uint32_t expert) { return net->wiring.levels[level].experts[expert].label; }

bool gw__net_is_compared(const gw__net *net, uint32_t level) {
    return gw__net_expert_count(net, level) > 1 && gw__net_expert_count(net, level) <= GW__COMPARED_EXPERTS;
}

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

/* <a,b> of the trained parameters. */
static double product(const gw__net *net, const float *flat, span a, span b) {
    double sum = 0;
    for (size_t i = a.begin, k = b.begin; i < a.end; i++, k++) {
        const gw__placement *p = &net->parameters[i], *q = &net->parameters[k];
        for (size_t v = 0; p->shown.trained && v < value_count(&p->shown); v++) sum += (double)flat[gw__placement_at(p, v)] * (double)flat[gw__placement_at(q, v)];
    }
    return sum;
}

/* Whether the trained parameters are the same, with weights among them: as a rule it ends with the first value. */
static bool equal(const gw__net *net, const float *flat, span a, span b) {
    bool weights = false;
    if (!same_shapes(net, a, b)) return false;
    for (size_t i = a.begin, k = b.begin; i < a.end; i++, k++) {
        const gw__placement *p = &net->parameters[i], *q = &net->parameters[k];
        for (size_t v = 0; p->shown.trained && v < value_count(&p->shown); v++) {
            if (flat[gw__placement_at(p, v)] != flat[gw__placement_at(q, v)]) return false;
        }
        weights |= p->shown.n_dims == 2;
    }
    return weights;
}

/* [experts of the level], to be freed; NULL: no memory. */
static span *spans_of(const gw__net *net, uint32_t level) {
    const uint32_t n = gw__net_expert_count(net, level);
    span *spans = calloc(n + 1, sizeof *spans);
    for (uint32_t e = 0; spans && e < n; e++) spans[e] = parameters_of(net, level, e);
    return spans;
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

static bool are_twins(const gw__net *net, const float *flat, const gw__wire_level *level, const span *spans, uint32_t a, uint32_t b) {
    return level->experts[a].input == level->experts[b].input && equal(net, flat, spans[a], spans[b]) && met_by_a_gate(level, a, b);
}

gw_status gw__net_twins(const gw__net *net, const float *flat, gw__twins **ret_twins, size_t *ret_n, gw_error *err) {
    gw_status status = GW_OK;
    gw__twins *twins = NULL;
    span *spans = NULL;
    size_t n = 0, capacity = 0;
    for (uint32_t l = 0; l < net->wiring.n_levels; l++) {
        const gw__wire_level *level = &net->wiring.levels[l];
        free(spans);
        spans = spans_of(net, l);
        if (!spans) GW__FAIL(gw__fail_nomem(err));
        for (uint32_t b = 1; b < level->n_experts; b++) {
            uint32_t a = 0;
            while (a < b && !are_twins(net, flat, level, spans, a, b)) a++;
            if (a == b) continue;
            GW__TRY(gw__grow((void **)&twins, &capacity, n + 1, sizeof *twins, err));
            twins[n++] = (gw__twins){l, a, b};
        }
    }
    *ret_twins = twins;
    *ret_n = n;
    twins = NULL;
cleanup:
    free(spans);
    free(twins);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------------------- */

static double cosine(const gw__net *net, const float *flat, span a, span b, double norm_a, double norm_b) {
    if (!same_shapes(net, a, b) || !(norm_a > 0) || !(norm_b > 0)) return NAN;
    if (a.begin == b.begin) return 1;
    const double value = product(net, flat, a, b) / (norm_a * norm_b);
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
    span *spans = spans_of(net, level);
    double *norms = calloc(n, sizeof *norms);
    if (spans && norms) {
        for (uint32_t e = 0; e < n; e++) norms[e] = sqrt(product(net, flat, spans[e], spans[e]));
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
        if (gw__net_is_compared(net, l)) GW__TRY(write_level(net, flat, l, json, err));
    }
    gw__json_end_list(json);
    gw__json_key(json, "gate_biases");
    gw__json_begin_list(json);
    write_biases(net, flat, json);
    gw__json_end_list(json);
cleanup:
    return status;
}
