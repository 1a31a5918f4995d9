/* Planning, the whole: from a spec to buffers, operations and places for parameters; net_input.c, net_levels.c and net_towers.c plan the parts. */
#include <stdlib.h>
#include <string.h>

#include "kern/functions.h"
#include "model/net_builder.h"

/* Whether the gradient of x, which others may read, too, is made. */
static bool reaches_input(const gw__op *op) {
    return ((op->kind == GW__OP_LINEAR || op->kind == GW__OP_FEATURE_GATE) && op->need_dx) || op->kind == GW__OP_TASK_SUM;
}

/* Backward, the first consumer of a value writes its gradient and the others add: decided here, in the order of the backward run. */
static gw_status mark_additions(gw__builder *b) {
    gw__net *net = b->net;
    size_t n_written = 0, capacity = 0;
    gw__view *written = NULL;
    gw_status status = GW_OK;
    for (size_t i = net->n_ops; i-- > 0;) {
        gw__op *op = &net->ops[i];
        const bool of_experts = op->expert_add != NULL;
        size_t n = of_experts ? op->n_experts : reaches_input(op) ? 1 : 0;
        for (size_t e = 0; e < n; e++) {
            const gw__view *target = of_experts ? &op->experts[e] : &op->x;
            bool add = false;
            for (size_t w = 0; w < n_written && !add; w++) add = gw__same_place(&written[w], target);
            if (of_experts) ((bool *)op->expert_add)[e] = add;
            else op->add = add;
            if (add) continue;
            GW__TRY(gw__grow((void **)&written, &capacity, n_written + 1, sizeof *written, b->err));
            written[n_written++] = *target;
        }
    }
cleanup:
    free(written);
    return status;
}

static void place_statistics(gw__builder *b) {
    gw__net *net = b->net;
    net->dense_end = net->flat_floats;
    size_t mean_at = gw__plan_floats(b, net->norm_width), var_at = gw__plan_floats(b, net->norm_width);
    for (size_t i = 0; i < net->n_parameters; i++) {
        gw__placement *p = &net->parameters[i];
        if (!p->shown.trained) p->at += p->shown.variance ? var_at : mean_at;
    }
    for (size_t i = 0; i < net->n_ops; i++) {
        net->ops[i].mean_at = mean_at + net->ops[i].norm_at;
        net->ops[i].var_at = var_at + net->ops[i].norm_at;
    }
    net->n_segments = b->segment + 1;
}

static gw_status make_rule(gw__builder *b, const gw__task_spec *task, size_t outputs, gw__loss_rule *ret_rule) {
    double *quantiles = gw__arena_alloc(&b->net->arena, task->n_quantiles + 1, sizeof *quantiles);
    if (!quantiles) return gw__fail_nomem(b->err);
    if (task->n_quantiles) memcpy(quantiles, task->quantiles, task->n_quantiles * sizeof *quantiles);
    *ret_rule = (gw__loss_rule){.loss = task->loss, .activation = task->activation, .width = gw__loss_logits(task->loss, outputs), .outputs = outputs,
                                .huber_delta = task->huber_delta, .positive_weight = task->positive_weight,
                                .correction = gw__log(task->negative_rate) - gw__log(task->positive_weight),
                                .focal_gamma = task->focal_gamma, .focal_alpha = task->focal_alpha, .quantiles = quantiles};
    return GW_OK;
}

static gw_status copy_tasks(gw__builder *b, const size_t *output_widths) {
    gw_status status = GW_OK;
    gw__net *net = b->net;
    const size_t n = net->n_tasks = b->spec->n_tasks;
    net->task_names = gw__arena_alloc(&net->arena, n, sizeof *net->task_names);
    net->rules = gw__arena_alloc(&net->arena, n, sizeof *net->rules);
    net->outputs = gw__arena_alloc(&net->arena, n, sizeof *net->outputs);
    net->output_at = gw__arena_alloc(&net->arena, n + 1, sizeof *net->output_at);
    net->logit_at = gw__arena_alloc(&net->arena, n + 1, sizeof *net->logit_at);
    if (!net->task_names || !net->rules || !net->outputs || !net->output_at || !net->logit_at) return gw__fail_nomem(b->err);
    for (size_t t = 0; t < n; t++) {
        const gw__task_spec *task = &b->spec->tasks[t];
        net->task_names[t] = gw__arena_text(&net->arena, task->name, strlen(task->name));
        if (!net->task_names[t]) return gw__fail_nomem(b->err);
        GW__TRY(make_rule(b, task, output_widths[t], &net->rules[t]));
        net->output_at[t + 1] = net->output_at[t] + output_widths[t];
        net->logit_at[t + 1] = net->logit_at[t] + net->rules[t].width;
    }
cleanup:
    return status;
}

/* The spec as wirings see it: of the tasks that have a tower. */
static gw_status spec_of_towers(gw__builder *b, gw__spec *ret_spec) {
    const gw__spec *whole = b->spec;
    gw__net *net = b->net;
    gw__task_spec *tasks = gw__arena_alloc(&net->arena, whole->n_tasks, sizeof *tasks);
    uint32_t *per_task = gw__arena_alloc(&net->arena, whole->n_tasks, sizeof *per_task);
    net->tower_task = gw__arena_alloc(&net->arena, whole->n_tasks, sizeof *net->tower_task);
    const char **towers = gw__arena_alloc(&net->arena, whole->n_tasks, sizeof *towers);
    if (!towers || !tasks || !per_task || !net->tower_task) return gw__fail_nomem(b->err);
    for (size_t t = 0; t < whole->n_tasks; t++) {
        if (!gw__task_has_tower(&whole->tasks[t])) continue;
        tasks[net->n_towers] = whole->tasks[t];
        per_task[net->n_towers] = whole->model.experts.per_task[t];
        if (whole->model.wiring.towers) towers[net->n_towers] = whole->model.wiring.towers[t];
        net->tower_task[net->n_towers++] = t;
    }
    *ret_spec = *whole;
    ret_spec->tasks = tasks;
    ret_spec->n_tasks = net->n_towers;
    ret_spec->model.experts.per_task = per_task;
    ret_spec->model.wiring.towers = towers;
    return GW_OK;
}

static gw_status copy_orders(gw__builder *b) {
    gw__net *net = b->net;
    net->orders = gw__arena_alloc(&net->arena, net->n_tasks, sizeof *net->orders);
    if (!net->orders) return gw__fail_nomem(b->err);
    for (size_t t = 0; t < net->n_tasks; t++) {
        const gw__task_spec *task = &b->spec->tasks[t];
        if (task->after.on && task->after.weight > 0) net->orders[net->n_orders++] = (gw__order){t, task->after.at, task->after.weight};
    }
    return GW_OK;
}

static int by_order(const void *a, const void *b) {
    const gw__placement *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

gw_status gw__net_new_checked(const gw__spec *spec, const gw__input *input, const size_t *output_widths, const gw__parameter_check *check,
                              gw__net **ret_net, gw_error *err) {
    gw_status status = GW_OK;
    gw__net *net = calloc(1, sizeof *net);
    if (!net) return gw__fail_nomem(err);
    net->blend = SIZE_MAX;
    gw__builder b = {.net = net, .spec = spec, .check = check, .err = err};
    gw__spec towers;
    GW__TRY(copy_tasks(&b, output_widths));
    GW__TRY(copy_orders(&b));
    GW__TRY(spec_of_towers(&b, &towers));
    b.spec = &towers;
    GW__TRY(gw__wiring_new(&towers, &net->arena, &net->wiring, err));
    GW__TRY(gw__plan_input(&b, input));
    GW__TRY(gw__plan_levels_and_towers(&b, spec));
    place_statistics(&b);
    GW__TRY(gw__plan_tables(&b));
    GW__TRY(mark_additions(&b));
    qsort(net->parameters, net->n_parameters, sizeof *net->parameters, by_order);
    GW__TRY(gw__plan_penalties(&b));
    net->kernels = gw__kernels_best();
    net->top_k = spec->model.gating.top_k;
    *ret_net = net;
    net = NULL;
cleanup:
    gw__net_free(net);
    return status;
}

gw_status gw__net_new(const gw__spec *spec, const gw__input *input, const size_t *output_widths, gw__net **ret_net, gw_error *err) {
    return gw__net_new_checked(spec, input, output_widths, NULL, ret_net, err);
}

gw_status gw__net_use_isa(gw__net *net, const char *isa, gw_error *err) { return gw__kernels_named(isa, &net->kernels, err); }
const char *gw__net_isa(const gw__net *net) { return net->kernels->isa; }

void gw__net_free(gw__net *net) {
    if (!net) return;
    free(net->ops);
    free(net->parameters);
    free(net->frozen);
    free(net->layers);
    free(net->penalties);
    gw__arena_clear(&net->arena);
    free(net);
}

size_t gw__net_dense_width(const gw__net *net) { return net->dense.width; }
size_t gw__net_output_width(const gw__net *net) { return net->output_at[net->n_tasks]; }
size_t gw__net_output_at(const gw__net *net, size_t task) { return net->output_at[task]; }
size_t gw__net_logit_width(const gw__net *net) { return net->logit_at[net->n_tasks]; }
size_t gw__net_logit_at(const gw__net *net, size_t task) { return net->logit_at[task]; }
const gw__loss_rule *gw__net_rule(const gw__net *net, size_t task) { return &net->rules[task]; }
size_t gw__net_parameter_floats(const gw__net *net) { return net->flat_floats; }
uint64_t gw__net_multiply_adds(const gw__net *net) { return net->multiply_adds; }

uint64_t gw__net_training_multiply_adds(const gw__net *net) {
    uint64_t sum = 0;
    for (size_t i = 0; i < net->n_ops; i++) {
        const gw__op *op = &net->ops[i];
        uint64_t most = op->route ? op->route->most : 1, of = op->route ? op->route->n_experts : 1; /* of the experts, a row has so many */
        if (op->kind == GW__OP_LINEAR) sum += (uint64_t)op->x.width * op->y.width * (op->need_dx ? 3 : 2) * (op->routed ? most : 1) / (op->routed ? of : 1);
        if (op->kind == GW__OP_ATTEND) sum += (uint64_t)op->y.width * 12;
        const bool of_parts = gw__op_sums_experts(op) || op->kind == GW__OP_TASK_SUM || op->kind == GW__OP_FEATURE_GATE;
        if (of_parts) sum += (uint64_t)op->n_experts * op->y.width * 3 * most / of;
    }
    return sum;
}

size_t gw__net_gate_count(const gw__net *net) { return net->n_gates; }
gw__gate_view gw__net_gate_at(const gw__net *net, size_t i) { return net->gates[i]; }
size_t gw__net_gate_width(const gw__net *net) { return net->gate_width; }
