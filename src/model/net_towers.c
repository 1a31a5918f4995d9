/* Planning what stands behind the last level's streams: towers, the thresholds of ordinal tasks, and chains, which have no tower. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/functions.h"
#include "model/net_builder.h"

/* Where an ordinal task of n + 1 classes begins: all classes alike, that is s(threshold k) = k / (n + 1). The first threshold stands as it is,
 * each other one as what softplus makes its distance from the one before. */
static const float *first_thresholds(gw__builder *b, size_t n) {
    float *start = gw__arena_alloc(&b->net->arena, n, sizeof *start);
    double below = 0;
    for (size_t k = 0; start && k < n; k++) {
        const double threshold = gw__log((double)(k + 1)) - gw__log((double)(n - k));
        start[k] = (float)(k ? gw__log(gw__exp(threshold - below) - 1) : threshold);
        below = threshold;
    }
    return start;
}

/* The thresholds behind an ordinal task's head, whose output is one score. */
static gw_status add_thresholds(gw__builder *b, const gw__mlp *tower, const char *task, size_t n, gw__view *ret_logits) {
    gw__op op = {.kind = GW__OP_THRESHOLDS, .x = tower->x, .y = gw__plan_buffer(b, n), .w_at = gw__plan_floats(b, n)};
    gw__placement p = {.shown = {.n_dims = 1, .shape = {n}, .trained = true}, .storage = GW__STORED_VECTOR, .at = op.w_at, .start = first_thresholds(b, n),
                       .order = tower->order | (uint64_t)tower->n_layers << 4};
    if (!p.start) return gw__fail_nomem(b->err);
    char name[512];
    snprintf(name, sizeof name, "tower.%s.thresholds", task);
    gw_status status = gw__plan_placement(b, p, gw__arena_text(&b->net->arena, name, strlen(name)));
    *ret_logits = op.y;
    return status == GW_OK ? gw__plan_op(b, op) : status;
}

static bool has_thresholds(const gw__net *net, size_t task) { return net->rules[task].loss == GW__LOSS_PROPORTIONAL_ODDS; }

static gw_status plan_tower(gw__builder *b, size_t i, const gw__view *streams, gw__mlp *ret_mlp) {
    gw__net *net = b->net;
    const gw__mlp_spec *spec = &b->spec->model.towers;
    const size_t task = net->tower_task[i];
    const bool thresholds = has_thresholds(net, task);
    char prefix[512];
    snprintf(prefix, sizeof prefix, "tower.%s", net->task_names[task]);
    *ret_mlp = (gw__mlp){.x = streams[net->wiring.tower_input[i]], .prefix = gw__arena_text(&net->arena, prefix, strlen(prefix)),
                         .widths = gw__with_output(b, spec->hidden[0], thresholds ? 1 : (uint32_t)net->rules[task].width), .n_layers = spec->hidden[0].n + 1,
                         .spec = spec, .bare_last = thresholds, .order = gw__plan_order(2 * net->wiring.n_levels, (uint32_t)i)};
    return ret_mlp->prefix && ret_mlp->widths ? GW_OK : gw__fail_nomem(b->err);
}

/* A task without a tower: its logit is made of those of others, which are there by now. */
static gw_status add_chain(gw__builder *b, size_t task, const gw__chain *chain) {
    gw__net *net = b->net;
    gw__view *views = gw__arena_alloc(&net->arena, chain->n_sources, sizeof *views);
    double *shifts = gw__arena_alloc(&net->arena, chain->n_sources, sizeof *shifts);
    gw__chain *kept = gw__arena_alloc(&net->arena, 1, sizeof *kept);
    gw__path *paths = gw__arena_alloc(&net->arena, chain->n_yes + chain->n_no, sizeof *paths);
    if (!views || !shifts || !kept || !paths) return gw__fail_nomem(b->err);
    for (size_t i = 0; i < chain->n_sources; i++) {
        views[i] = net->outputs[chain->sources[i]];
        shifts[i] = net->rules[chain->sources[i]].correction;
    }
    memcpy(paths, chain->yes, chain->n_yes * sizeof *paths);
    memcpy(paths + chain->n_yes, chain->no, chain->n_no * sizeof *paths);
    *kept = (gw__chain){.n_sources = chain->n_sources, .yes = paths, .n_yes = chain->n_yes, .no = paths + chain->n_yes, .n_no = chain->n_no};
    net->outputs[task] = gw__plan_buffer(b, 1);
    return gw__plan_op(b, (gw__op){.kind = GW__OP_CHAIN, .y = net->outputs[task], .chain = kept, .sources = views, .shifts = shifts});
}

gw_status gw__plan_towers(gw__builder *b, const gw__view *streams, const gw__spec *whole) {
    gw_status status = GW_OK;
    gw__net *net = b->net;
    if (net->blend != SIZE_MAX) return net->outputs[0] = streams[0], GW_OK;
    gw__mlp *members = calloc(net->n_towers, sizeof *members);
    if (!members) GW__FAIL(gw__fail_nomem(b->err));
    for (size_t i = 0; i < net->n_towers; i++) GW__TRY(plan_tower(b, i, streams, &members[i]));
    GW__TRY(gw__plan_mlps(b, members, net->n_towers));
    for (size_t i = 0; i < net->n_towers; i++) {
        const size_t t = net->tower_task[i];
        net->outputs[t] = members[i].x;
        if (has_thresholds(net, t)) GW__TRY(add_thresholds(b, &members[i], net->task_names[t], net->rules[t].width, &net->outputs[t]));
    }
    for (size_t t = 0; t < net->n_tasks; t++)
        if (!gw__task_has_tower(&whole->tasks[t])) GW__TRY(add_chain(b, t, &whole->tasks[t].chain.made));
cleanup:
    free(members);
    return status;
}
