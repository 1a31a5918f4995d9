/* The structure for `inspect`: levels with their experts and gates, and towers; shapes, parameters and multiply-adds a row. */
#include <string.h>

#include "base/json.h"
#include "model/net_plan.h"

/* Parameters of tensors whose names begin with `named`, and the multiply-adds of their products; layers as [[out,in],…] into json. */
static void write_layers(const gw__net *net, const gw__text *named, gw__json_writer *json) {
    uint64_t parameters = 0, multiply_adds = 0;
    if (named->failed) { /* the writer's user asks its text once, at the end */
        json->out->failed = true;
        return;
    }
    const char *prefix = named->at;
    const size_t n = named->n;
    gw__json_key(json, "layers");
    gw__json_begin_list(json);
    for (size_t i = 0; i < net->n_parameters; i++) {
        const gw__parameter *p = &net->parameters[i].shown;
        if (strncmp(p->name, prefix, n) != 0 || p->name[n] != '.') continue;
        uint64_t values = p->shape[0] * (p->n_dims == 2 ? p->shape[1] : 1);
        if (p->trained) parameters += values;
        if (p->n_dims != 2 || strncmp(p->name + n, ".noise.", 7) == 0) continue; /* that runs in training only */
        multiply_adds += values;
        gw__json_begin_list(json);
        gw__json_int(json, (int64_t)p->shape[0]);
        gw__json_int(json, (int64_t)p->shape[1]);
        gw__json_end_list(json);
    }
    gw__json_end_list(json);
    gw__json_key(json, "parameters");
    gw__json_int(json, (int64_t)parameters);
    gw__json_key(json, "multiply_adds");
    gw__json_int(json, (int64_t)multiply_adds);
}

static const char *stream_name(const gw__net *net, uint32_t level, uint32_t input) {
    return gw__reads_input(input) ? "input" : net->wiring.levels[level - 1].gates[input].stream;
}

static void write_expert(const gw__net *net, uint32_t level, const gw__wire_expert *expert, gw__json_writer *json) {
    gw__text name = {0};
    gw__text_addf(&name, "level%u.expert.%s", level, expert->label);
    gw__json_begin_object(json);
    gw__json_key(json, "name");
    gw__json_string(json, expert->label);
    gw__json_key(json, "input");
    gw__json_string(json, stream_name(net, level, expert->input));
    if (expert->identity) {
        gw__json_key(json, "identity");
        gw__json_bool(json, true);
    }
    write_layers(net, &name, json);
    gw__json_end_object(json);
    gw__text_clear(&name);
}

/* The square maps of experts for streams, by stream and number of the expert. */
static void write_maps(const gw__net *net, uint32_t l, gw__json_writer *json) {
    const gw__wire_level *level = &net->wiring.levels[l];
    gw__json_key(json, "maps");
    gw__json_begin_list(json);
    for (uint32_t i = 0; i < level->n_gates * level->n_experts; i++) {
        gw__text name = {0}, label = {0};
        gw__text_addf(&label, "%s.%u", level->gates[i / level->n_experts].stream, i % level->n_experts);
        gw__text_addf(&name, "level%u.transform.%s", l, label.failed ? "" : label.at);
        gw__json_begin_object(json);
        gw__json_key(json, "name");
        gw__json_string(json, label.failed ? "" : label.at);
        write_layers(net, &name, json);
        gw__json_end_object(json);
        gw__text_clear(&name);
        gw__text_clear(&label);
    }
    gw__json_end_list(json);
}

static void write_gate(const gw__net *net, uint32_t level, const gw__wire_gate *gate, gw__json_writer *json) {
    static const char *const kinds[] = {[GW__GATE_SOFTMAX] = "softmax", [GW__GATE_AVERAGE] = "average", [GW__GATE_PASS] = "pass",
                                        [GW__GATE_STITCH] = "stitch", [GW__GATE_CONNECT] = "connect"};
    gw__text name = {0};
    gw__text_addf(&name, "level%u.gate.%s", level, gate->stream);
    gw__json_begin_object(json);
    gw__json_key(json, "stream");
    gw__json_string(json, gate->stream);
    gw__json_key(json, "kind");
    gw__json_string(json, kinds[gate->kind]);
    if (gate->kind == GW__GATE_SOFTMAX) {
        gw__json_key(json, "input");
        gw__json_string(json, stream_name(net, level, gate->input));
    }
    if (gate->kind == GW__GATE_SOFTMAX && net->top_k && net->top_k < gate->n_experts) {
        gw__json_key(json, "top_k");
        gw__json_int(json, net->top_k);
    }
    gw__json_key(json, "experts");
    gw__json_begin_list(json);
    for (uint32_t i = 0; i < gate->n_experts; i++) gw__json_string(json, net->wiring.levels[level].experts[gate->experts[i]].label);
    gw__json_end_list(json);
    if (gate->n_residual > 0) {
        gw__json_key(json, "residual");
        gw__json_begin_list(json);
        for (uint32_t i = 0; i < gate->n_residual; i++) gw__json_string(json, net->wiring.levels[level].experts[gate->residual[i]].label);
        gw__json_end_list(json);
    }
    write_layers(net, &name, json);
    gw__json_end_object(json);
    gw__text_clear(&name);
}

static void write_self_gate(const gw__net *net, uint32_t level, const gw__wire_gate *gate, gw__json_writer *json) {
    gw__text name = {0};
    gw__text_addf(&name, "level%u.self_gate.%s", level, gate->stream);
    gw__json_begin_object(json);
    gw__json_key(json, "stream");
    gw__json_string(json, gate->stream);
    gw__json_key(json, "kind");
    gw__json_string(json, gate->n_self == 1 ? "self-sigmoid" : "self-softmax");
    gw__json_key(json, "input");
    gw__json_string(json, stream_name(net, level, gate->input));
    gw__json_key(json, "experts");
    gw__json_begin_list(json);
    for (uint32_t i = 0; i < gate->n_self; i++) gw__json_string(json, net->wiring.levels[level].experts[gate->self[i]].label);
    gw__json_end_list(json);
    write_layers(net, &name, json);
    gw__json_end_object(json);
    gw__text_clear(&name);
}

static void write_feature_gates(const gw__net *net, uint32_t level, gw__json_writer *json) {
    gw__json_key(json, "feature_gates");
    gw__json_begin_list(json);
    for (uint32_t i = 0; i < net->wiring.levels[level].n_experts; i++) {
        gw__text name = {0};
        gw__text_addf(&name, "level%u.feature_gate.%s", level, net->wiring.levels[level].experts[i].label);
        gw__json_begin_object(json);
        gw__json_key(json, "name");
        gw__json_string(json, net->wiring.levels[level].experts[i].label);
        write_layers(net, &name, json);
        gw__json_end_object(json);
        gw__text_clear(&name);
    }
    gw__json_end_list(json);
}

/* What a task hands on to the next of the sequence, by the task that takes it. */
static void write_transfers(const gw__net *net, uint32_t level, gw__json_writer *json) {
    gw__json_key(json, "transfers");
    gw__json_begin_list(json);
    for (uint32_t i = 1; i < net->wiring.n_sequence; i++) {
        const gw__wire_gate *gates = net->wiring.levels[level].gates;
        gw__text name = {0};
        gw__text_addf(&name, "transfer.%s", gates[net->wiring.sequence[i]].stream);
        gw__json_begin_object(json);
        gw__json_key(json, "task");
        gw__json_string(json, gates[net->wiring.sequence[i]].stream);
        gw__json_key(json, "from");
        gw__json_string(json, gates[net->wiring.sequence[i - 1]].stream);
        write_layers(net, &name, json);
        gw__json_end_object(json);
        gw__text_clear(&name);
    }
    gw__json_end_list(json);
}

/* What the layers of a level's experts have in common, of those whose weights are factored. */
static void write_factors(const gw__net *net, uint32_t level, gw__json_writer *json) {
    gw__text name = {0};
    gw__text_addf(&name, "level%u.factors", level);
    gw__json_key(json, "factors");
    gw__json_begin_list(json);
    gw__json_begin_object(json);
    write_layers(net, &name, json);
    gw__json_end_object(json);
    gw__json_end_list(json);
    gw__text_clear(&name);
}

static void write_tower(const gw__net *net, size_t tower, gw__json_writer *json) {
    const size_t task = net->tower_task[tower];
    const gw__wire_level *last = &net->wiring.levels[net->wiring.n_levels - 1];
    gw__text name = {0};
    gw__text_addf(&name, "tower.%s", net->task_names[task]);
    gw__json_begin_object(json);
    gw__json_key(json, "task");
    gw__json_string(json, net->task_names[task]);
    gw__json_key(json, "input");
    gw__json_string(json, last->gates[net->wiring.tower_input[tower]].stream);
    write_layers(net, &name, json);
    gw__json_end_object(json);
    gw__text_clear(&name);
}

void gw__net_describe(const gw__net *net, gw__json_writer *json) {
    gw__json_key(json, "levels");
    gw__json_begin_list(json);
    for (uint32_t l = 0; l < net->wiring.n_levels; l++) {
        const gw__wire_level *level = &net->wiring.levels[l];
        gw__json_begin_object(json);
        gw__json_key(json, "experts");
        gw__json_begin_list(json);
        for (uint32_t i = 0; i < level->n_experts; i++) write_expert(net, l, &level->experts[i], json);
        gw__json_end_list(json);
        if (level->transforms) write_maps(net, l, json);
        gw__json_key(json, "gates");
        gw__json_begin_list(json);
        for (uint32_t i = 0; i < level->n_gates; i++) write_gate(net, l, &level->gates[i], json);
        for (uint32_t i = 0; i < level->n_gates; i++) {
            if (level->gates[i].n_self) write_self_gate(net, l, &level->gates[i], json);
        }
        gw__json_end_list(json);
        if (net->wiring.feature_gates) write_feature_gates(net, l, json);
        if (net->wiring.n_sequence && l + 1 == net->wiring.n_levels) write_transfers(net, l, json);
        if (net->wiring.factored) write_factors(net, l, json);
        gw__json_end_object(json);
    }
    gw__json_end_list(json);
    gw__json_key(json, "towers");
    gw__json_begin_list(json);
    for (size_t i = 0; i < net->n_towers; i++) write_tower(net, i, json);
    gw__json_end_list(json);
}
