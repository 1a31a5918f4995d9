/* What a net has learned of who takes how much of whom, the same for every row: stitches, connections that are open or closed, residuals. */
#include <stdio.h>
#include <string.h>

#include "model/hard_concrete.h"
#include "model/net_builder.h"

typedef struct taker {
    uint32_t level;
    const char *stream, *kind, *part; /* the tensor is level{l}.gate.{stream}.{part} */
    const uint32_t *experts;          /* [n] of the level */
    uint32_t n;
} taker;

static const gw__placement *constants_of(const gw__net *net, const taker *of) {
    char name[768];
    snprintf(name, sizeof name, "level%u.gate.%s.%s", of->level, of->stream, of->part);
    for (size_t i = 0; i < net->n_parameters; i++)
        if (strcmp(net->parameters[i].shown.name, name) == 0) return &net->parameters[i];
    return NULL;
}

static void write_constants(const gw__net *net, const float *flat, const taker *of, gw__json_writer *json) {
    const gw__placement *constants = constants_of(net, of);
    if (!constants) return; /* a single expert of one's own is added as it is */
    gw__json_begin_object(json);
    gw__json_key(json, "level");
    gw__json_int(json, of->level);
    gw__json_key(json, "stream");
    gw__json_string(json, of->stream);
    gw__json_key(json, "kind");
    gw__json_string(json, of->kind);
    gw__json_key(json, "experts");
    gw__json_begin_list(json);
    for (uint32_t e = 0; e < of->n; e++) gw__json_string(json, net->wiring.levels[of->level].experts[of->experts[e]].label);
    gw__json_end_list(json);
    gw__json_key(json, "values");
    gw__json_begin_list(json);
    for (uint32_t e = 0; e < of->n; e++) {
        const double value = flat[gw__placement_at(constants, e)];
        gw__json_double(json, strcmp(of->kind, "connect") == 0 ? gw__hard_concrete(&net->connections, value, NULL) : value);
    }
    gw__json_end_list(json);
    gw__json_end_object(json);
}

void gw__net_write_connections(const gw__net *net, const float *flat, gw__json_writer *json) {
    gw__json_key(json, "connections");
    gw__json_begin_list(json);
    for (uint32_t l = 0; l < net->wiring.n_levels; l++) {
        for (uint32_t g = 0; g < net->wiring.levels[l].n_gates; g++) {
            const gw__wire_gate *gate = &net->wiring.levels[l].gates[g];
            taker of = {.level = l, .stream = gate->stream, .kind = "stitch", .part = "alpha", .experts = gate->experts, .n = gate->n_experts};
            if (gate->kind == GW__GATE_CONNECT) of.kind = "connect", of.part = "log_alpha";
            if (gate->kind == GW__GATE_STITCH || gate->kind == GW__GATE_CONNECT) write_constants(net, flat, &of, json);
            of = (taker){.level = l, .stream = gate->stream, .kind = "residual", .part = "residual", .experts = gate->residual, .n = gate->n_residual};
            if (gate->n_residual > 0) write_constants(net, flat, &of, json);
        }
    }
    gw__json_end_list(json);
}
