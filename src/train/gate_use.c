#include "train/gate_use.h"

#include "kern/functions.h"

size_t gw__gate_use_width(const gw__net *net) { return 2 * gw__net_gate_width(net) + gw__net_gate_count(net); }

/* -sum of p log p of n parts that sum to `whole`; a part of 0 adds nothing. */
static double entropy_of_floats(const float *g, size_t n) {
    double sum = 0;
    for (size_t e = 0; e < n; e++) sum -= g[e] > 0 ? (double)g[e] * gw__log((double)g[e]) : 0;
    return sum;
}

void gw__gate_use_add(const gw__net *net, const float *gates, size_t n, double *sums) {
    const size_t width = gw__net_gate_width(net), n_gates = gw__net_gate_count(net);
    double *kept = sums + width, *entropies = kept + width;
    for (size_t row = 0; row < n; row++, gates += width) {
        for (size_t i = 0; i < width; i++) sums[i] += (double)gates[i];
        for (size_t i = 0; i < width; i++) kept[i] += gates[i] != 0;
        for (size_t g = 0; g < n_gates; g++) {
            const gw__gate_view gate = gw__net_gate_at(net, g);
            entropies[g] += entropy_of_floats(gates + gate.weights_at, gate.n_experts);
        }
    }
}

gw__gate_total gw__gate_use_of(const gw__net *net, size_t gate, const double *sums, double rows) {
    const size_t width = gw__net_gate_width(net), at = gw__net_gate_at(net, gate).weights_at;
    return (gw__gate_total){.rows = rows, .weights = sums + at, .kept = sums + width + at, .entropy = sums[2 * width + gate]};
}

gw__gate_figures gw__gate_figures_of(const gw__gate_total *sums, size_t n_experts) {
    double total = 0, entropy = 0;
    for (size_t e = 0; e < n_experts; e++) total += sums->weights[e];
    if (!(sums->rows > 0) || !(total > 0)) return (gw__gate_figures){NAN, NAN, NAN, NAN};
    for (size_t e = 0; e < n_experts; e++) { /* weights need not sum to 1: those of `renormalise: false` do not */
        const double p = sums->weights[e] / total;
        entropy -= p > 0 ? p * gw__log(p) : 0;
    }
    if (entropy < 0) entropy = 0; /* by rounding */
    return (gw__gate_figures){.entropy = entropy,
                              .normalised = n_experts > 1 ? entropy / gw__log((double)n_experts) : NAN,
                              .effective = gw__exp(entropy),
                              .row_entropy = sums->entropy / sums->rows};
}

static void member(gw__json_writer *json, const char *key, double value) {
    gw__json_key(json, key);
    gw__json_double(json, value);
}

void gw__gate_use_write(const gw__net *net, size_t g, const gw__gate_total *sums, gw__json_writer *json) {
    const gw__gate_view gate = gw__net_gate_at(net, g);
    const gw__gate_figures figures = gw__gate_figures_of(sums, gate.n_experts);
    gw__json_begin_object(json);
    gw__json_key(json, "level");
    gw__json_int(json, gate.level);
    gw__json_key(json, "stream");
    gw__json_string(json, gate.stream);
    member(json, "entropy", figures.entropy);
    member(json, "normalised", figures.normalised);
    member(json, "effective", figures.effective);
    member(json, "row_entropy", figures.row_entropy);
    gw__json_key(json, "experts");
    gw__json_begin_list(json);
    for (size_t e = 0; e < gate.n_experts; e++) {
        gw__json_begin_object(json);
        gw__json_key(json, "name");
        gw__json_string(json, gate.experts[e]);
        member(json, "weight", sums->weights[e] / sums->rows);
        member(json, "load", sums->kept[e] / sums->rows);
        gw__json_end_object(json);
    }
    gw__json_end_list(json);
    gw__json_end_object(json);
}

void gw__gate_use_write_all(const gw__net *net, const double *sums, double rows, gw__json_writer *json) {
    gw__json_begin_list(json);
    for (size_t g = 0; g < gw__net_gate_count(net); g++) {
        const gw__gate_total gate = gw__gate_use_of(net, g, sums, rows);
        gw__gate_use_write(net, g, &gate, json);
    }
    gw__json_end_list(json);
}
