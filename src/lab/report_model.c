#include "lab/report_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/number.h"
#include "model/describe.h"
#include "model/hard_concrete.h"

/* What a structure is made from. Out of memory is remembered in `failed`. */
typedef struct maker {
    const gw_model *model;
    const double *gate_means, *gate_loads;
    gw__arena *arena;
    bool failed;
} maker;

static void *take(maker *m, size_t n, size_t item) {
    void *p = gw__arena_alloc(m->arena, n + 1, item);
    m->failed |= !p;
    return p;
}

static const char *text_of(const gw__doc *map, const char *key) { return gw__doc_text(gw__doc_get(map, key)).at; }

static size_t count_of(const gw__doc *list) { return list ? list->n : 0; }

/* "64, 32" from [[64,28],[32,64]]; NULL without layers. */
static const char *layers_of(maker *m, const gw__doc *part) {
    const gw__doc *layers = gw__doc_get(part, "layers");
    gw__text text = {0};
    const char *kept = NULL;
    if (count_of(layers) == 0) return NULL;
    for (const gw__doc *layer = layers->first; layer; layer = layer->next) gw__text_addf(&text, "%s%s", layer == layers->first ? "" : ", ", layer->first->text.at);
    if (text.at) kept = gw__arena_text(m->arena, text.at, text.n);
    m->failed |= !kept;
    gw__text_clear(&text);
    return kept;
}

static size_t find_gate(const gw__report_level *level, const char *stream) {
    for (size_t g = 0; level && g < level->n_gates; g++)
        if (!level->gates[g].adds && strcmp(level->gates[g].stream, stream) == 0) return g;
    return GW__REPORT_NONE;
}

static size_t find_expert(const gw__report_level *level, const char *name) {
    size_t i = 0;
    while (i < level->n_experts && strcmp(level->experts[i].name, name) != 0) i++;
    return i;
}

/* ---- experts ---- */

/* "income" of "income.1". */
static const char *group_of(maker *m, const char *name) {
    const char *dot = strrchr(name, '.');
    const char *group = gw__arena_text(m->arena, name, dot ? (size_t)(dot - name) : strlen(name));
    m->failed |= !group;
    return group;
}

static void fill_experts(maker *m, const gw__doc *experts, const gw__report_level *below, gw__report_level *level) {
    gw__report_expert *made = take(m, count_of(experts), sizeof *made);
    size_t n = 0;
    for (const gw__doc *expert = experts ? experts->first : NULL; expert && !m->failed; expert = expert->next) {
        const char *name = text_of(expert, "name");
        made[n++] = (gw__report_expert){.name = name, .group = group_of(m, name), .layers = layers_of(m, expert), .input = find_gate(below, text_of(expert, "input"))};
    }
    level->experts = made;
    level->n_experts = n;
}

/* ---- gates ---- */

/* The gate's own in a row of gate weights; SIZE_MAX if it has none there. */
static size_t weights_at(const maker *m, size_t level, const char *stream) {
    const gw__net *net = m->model->net;
    for (size_t g = 0; g < gw__net_gate_count(net); g++) {
        const gw__gate_view view = gw__net_gate_at(net, g);
        if (view.level == level && strcmp(view.stream, stream) == 0) return g;
    }
    return SIZE_MAX;
}

/* Learned constants: stitches and residuals as they are, connections as far as they are open. */
static const double *constants_of(maker *m, size_t level, const char *stream, const char *kind, size_t n) {
    const gw__net *net = m->model->net;
    const bool connects = strcmp(kind, "connect") == 0;
    gw__text name = {0};
    double *weights = NULL;
    gw__text_addf(&name, "level%zu.gate.%s.%s", level, stream, connects ? "log_alpha" : strcmp(kind, "residual") == 0 ? "residual" : "alpha");
    float *values = take(m, n, sizeof *values);
    for (size_t i = 0; !m->failed && name.at && i < gw__net_parameter_count(net); i++) {
        const gw__parameter parameter = gw__net_parameter_at(net, i);
        if (strcmp(parameter.name, name.at) != 0 || parameter.n_dims != 1 || parameter.shape[0] != n || !m->model->parameters) continue;
        gw__net_parameter_get(net, m->model->parameters, i, values);
        weights = take(m, n, sizeof *weights);
        for (size_t k = 0; weights && k < n; k++) weights[k] = connects ? gw__hard_concrete(&m->model->spec->model.connections, values[k], NULL) : values[k];
    }
    m->failed |= name.failed;
    gw__text_clear(&name);
    return weights;
}

static const double *even_weights(maker *m, size_t n) {
    double *weights = take(m, n, sizeof *weights);
    for (size_t i = 0; weights && i < n; i++) weights[i] = 1 / (double)n;
    return weights;
}

static void fill_weights(maker *m, size_t level, gw__report_gate *gate) {
    const size_t at = strcmp(gate->kind, "softmax") == 0 ? weights_at(m, level, gate->stream) : SIZE_MAX;
    if (at != SIZE_MAX && m->gate_means) {
        const gw__gate_view view = gw__net_gate_at(m->model->net, at);
        gate->weights = m->gate_means + view.weights_at;
        if (view.top_k && m->gate_loads) gate->loads = m->gate_loads + view.weights_at;
    }
    if (strcmp(gate->kind, "average") == 0) gate->weights = even_weights(m, gate->n_experts);
    if (strcmp(gate->kind, "stitch") == 0 || strcmp(gate->kind, "connect") == 0) gate->weights = constants_of(m, level, gate->stream, gate->kind, gate->n_experts);
}

static gw__report_gate gate_of(maker *m, const gw__report_level *level, const gw__doc *gate, const char *list, const gw__report_level *below) {
    const gw__doc *experts = gw__doc_get(gate, list);
    size_t *seen = take(m, count_of(experts), sizeof *seen), n = 0;
    for (const gw__doc *expert = experts ? experts->first : NULL; expert && !m->failed; expert = expert->next) {
        const size_t at = find_expert(level, expert->text.at);
        if (at < level->n_experts) seen[n++] = at;
    }
    return (gw__report_gate){.stream = text_of(gate, "stream"), .kind = text_of(gate, "kind"), .input = find_gate(below, text_of(gate, "input")), .experts = seen, .n_experts = n};
}

static void fill_gates(maker *m, const gw__doc *gates, size_t l, const gw__report_level *below, gw__report_level *level) {
    gw__report_gate *made = take(m, 2 * count_of(gates), sizeof *made);
    size_t n = 0;
    for (const gw__doc *gate = gates ? gates->first : NULL; gate && !m->failed; gate = gate->next) {
        made[n] = gate_of(m, level, gate, "experts", below);
        made[n].adds = strncmp(made[n].kind, "self-", 5) == 0;
        if (!made[n].adds) fill_weights(m, l, &made[n]);
        n++;
        if (!gw__doc_get(gate, "residual")) continue;
        made[n] = gate_of(m, level, gate, "residual", below);
        made[n].kind = "residual";
        made[n].weights = constants_of(m, l, made[n].stream, made[n].kind, made[n].n_experts);
        made[n++].adds = true;
    }
    level->gates = made;
    level->n_gates = n;
}

/* ---- towers and what goes from task to task ---- */

static const gw__doc *tower_of(const gw__doc *towers, const char *task) {
    for (const gw__doc *tower = towers ? towers->first : NULL; tower; tower = tower->next)
        if (strcmp(text_of(tower, "task"), task) == 0) return tower;
    return NULL;
}

/* Every task has a row: without a tower it reads the last level's only gate, or other tasks. */
static void fill_towers(maker *m, const gw__doc *towers, const gw__report_level *last, gw__report_structure *structure) {
    const gw__spec *spec = m->model->spec;
    gw__report_tower *made = take(m, spec->n_tasks, sizeof *made);
    for (size_t t = 0; t < spec->n_tasks && !m->failed; t++) {
        const gw__doc *tower = tower_of(towers, spec->tasks[t].name);
        made[t] = (gw__report_tower){.task = spec->tasks[t].name, .layers = tower ? layers_of(m, tower) : NULL, .input = GW__REPORT_NONE};
        if (tower) made[t].input = find_gate(last, text_of(tower, "input"));
        else if (gw__task_has_tower(&spec->tasks[t]) && last && last->n_gates > 0) made[t].input = 0;
    }
    structure->towers = made;
    structure->n_towers = spec->n_tasks;
}

static void add_link(gw__report_link *links, gw__report_structure *structure, const char *from, const char *to) {
    for (size_t i = 0; i < structure->n_links; i++)
        if (strcmp(links[i].from, from) == 0 && strcmp(links[i].to, to) == 0) return;
    links[structure->n_links++] = (gw__report_link){from, to};
}

/* "not cart" is about cart. */
static const char *chained(const char *name) { return strncmp(name, "not ", 4) == 0 ? name + 4 : name; }

static void fill_links(maker *m, const gw__doc *model, gw__report_structure *structure) {
    size_t n = 0;
    const gw__spec *spec = m->model->spec;
    const gw__doc *levels = gw__doc_get(model, "levels"), *transfers = levels ? gw__doc_get(levels->last, "transfers") : NULL;
    for (size_t t = 0; t < spec->n_tasks; t++)
        for (size_t p = 0; p < spec->tasks[t].chain.n; p++) n += spec->tasks[t].chain.paths[p].n;
    gw__report_link *links = take(m, n + count_of(transfers), sizeof *links);
    structure->links = links;
    if (!links) return;
    for (const gw__doc *transfer = transfers ? transfers->first : NULL; transfer; transfer = transfer->next)
        add_link(links, structure, text_of(transfer, "from"), text_of(transfer, "task"));
    for (size_t t = 0; t < spec->n_tasks; t++)
        for (size_t p = 0; p < spec->tasks[t].chain.n; p++)
            for (size_t i = 0; i < spec->tasks[t].chain.paths[p].n; i++) add_link(links, structure, chained(spec->tasks[t].chain.paths[p].at[i]), spec->tasks[t].name);
}

/* ---- the whole ---- */

static void fill(maker *m, const gw__doc *model, gw__report_structure *structure) {
    const gw__doc *levels = gw__doc_get(model, "levels");
    gw__report_level *made = take(m, count_of(levels), sizeof *made);
    gw__text input = {0};
    structure->levels = made;
    for (const gw__doc *level = levels ? levels->first : NULL; level && !m->failed; level = level->next) {
        const size_t l = structure->n_levels++;
        const gw__report_level *below = l > 0 ? &made[l - 1] : NULL;
        fill_experts(m, gw__doc_get(level, "experts"), below, &made[l]);
        fill_gates(m, gw__doc_get(level, "gates"), l, below, &made[l]);
    }
    if (m->failed) return;
    fill_towers(m, gw__doc_get(model, "towers"), structure->n_levels ? &made[structure->n_levels - 1] : NULL, structure);
    fill_links(m, model, structure);
    const size_t n = gw__features_count(m->model->features), width = gw__net_dense_width(m->model->net);
    gw__text_addf(&input, "%zu feature%s make an input of %zu number%s", n, n == 1 ? "" : "s", width, width == 1 ? "" : "s");
    if (input.at) structure->input = gw__arena_text(m->arena, input.at, input.n);
    m->failed |= !structure->input;
    gw__text_clear(&input);
}

gw_status gw__report_structure_of(const gw_model *model, const double *gate_means, const double *gate_loads, const char *part, gw__arena *arena,
                                  const gw__report_structure **ret_structure, gw_error *err) {
    maker m = {.model = model, .gate_means = gate_means, .gate_loads = gate_loads, .arena = arena};
    gw__text json = {0};
    gw__doc *description;
    gw__report_structure *structure = take(&m, 1, sizeof *structure);
    gw_status status = gw__model_describe(model, &json, err);
    if (structure) structure->gates_of = part;
    if (status == GW_OK) status = gw__doc_parse_json(json.at, json.n, "description", arena, &description, err);
    if (status == GW_OK && !m.failed) fill(&m, description, structure);
    if (status == GW_OK && m.failed) status = gw__fail_nomem(err);
    if (status == GW_OK) *ret_structure = structure;
    gw__text_clear(&json);
    return status;
}
