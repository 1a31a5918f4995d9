/* Gates whose weights are more than the softmax of their logits: noise, what balances experts, drop-out of weights, and how many are kept. */
#include <stdio.h>
#include <string.h>

#include "model/net_builder.h"

/* Whether the gates of a level are softmaxes and no more. */
bool gw__gate_is_plain(const gw__builder *b, const gw__wire_level *level) {
    const gw__gating_spec *gating = &b->spec->model.gating;
    return level->predicts || (gating->temperature == 1 && gating->dropout == 0 && !gating->balance.on && !gw__is_routed(b->spec, level));
}

/* The linear map that makes the size of the noise: [E,D] zeros, without a bias, run in training only. */
static gw_status add_noise(gw__builder *b, gw__view input, uint32_t n, const gw__mlp *gate, gw__gating *gating) {
    static const gw__mlp_spec plain = {.activation = GW__ACT_NONE};
    const uint64_t work = b->net->multiply_adds;
    char prefix[768];
    snprintf(prefix, sizeof prefix, "%s.noise", gate->prefix);
    uint32_t *widths = gw__arena_alloc(&b->net->arena, 1, sizeof *widths);
    gw__mlp noise = {.x = input, .prefix = gw__arena_text(&b->net->arena, prefix, strlen(prefix)), .widths = widths, .n_layers = 1, .spec = &plain,
                     .order = gate->order | 1 << 16, .zero = true};
    if (!widths || !noise.prefix) return gw__fail_nomem(b->err);
    widths[0] = n;
    b->training_only = true;
    gw_status status = gw__plan_mlps(b, &noise, 1);
    b->training_only = false;
    b->net->multiply_adds = work;
    gating->noisy = true;
    gating->noise = noise.x;
    gating->drawn = gw__plan_buffer(b, n);
    gating->noisy_logits = gw__plan_buffer(b, n);
    return status;
}

/* What is added to an expert's probability when the k largest are looked for: no parameter that learns, but a statistic of training. */
static gw_status add_selection_bias(gw__builder *b, uint32_t n, const gw__mlp *gate) {
    char name[768];
    snprintf(name, sizeof name, "%s.selection.bias", gate->prefix);
    gw__placement p = {.shown = {.n_dims = 1, .shape = {n}}, .storage = GW__STORED_VECTOR, .at = b->net->norm_width, .order = gate->order | 1 << 17};
    b->net->norm_width += n;
    return gw__plan_placement(b, p, gw__arena_text(&b->net->arena, name, strlen(name)));
}

/* The losses that balance a gate's experts need sums over the batch, which are there for watching, too. */
static void plan_losses(gw__builder *b, gw__gating *gating, uint32_t n) {
    const gw__gating_spec *spec = &b->spec->model.gating;
    gating->stats_at = b->net->stats_width;
    b->net->stats_width += (size_t)GW__GATE_STATS * n;
    gating->balanced = spec->balance.on;
    gating->importance = spec->balance.importance;
    gating->load = spec->noise && gating->top_k < n ? spec->balance.load : 0;
    gating->even = spec->balance.even;
    gating->z = spec->balance.z;
    gating->bias_step = gating->top_k < n ? spec->balance.bias : 0;
    gating->biased = gating->bias_step > 0;
    gating->raw = gating->top_k < n && !spec->renormalise;
    if (spec->balance.on || gating->raw) gating->whole = gw__plan_buffer(b, n);
}

/* The weights of a gate whose weights are more than the softmax of its logits; others are left to the mixture, in place. */
gw_status gw__plan_weights(gw__builder *b, const gw__wire_level *level, gw__view input, gw__mlp *gate) {
    const gw__gating_spec *spec = &b->spec->model.gating;
    const uint32_t n = gate->x.width;
    gw__gating *gating = gw__arena_alloc(&b->net->arena, 1, sizeof *gating);
    if (!gating) return gw__fail_nomem(b->err);
    *gating = (gw__gating){.scale = (float)(1 / spec->temperature), .dropout = (float)spec->dropout, .id = b->n_gates++,
                           .top_k = spec->top_k && spec->top_k < n ? spec->top_k : n};
    if (spec->dropout > 0) gating->kept = gw__plan_buffer(b, n);
    plan_losses(b, gating, n);
    gw_status status = spec->noise && gating->top_k < n ? add_noise(b, input, n, gate, gating) : GW_OK;
    if (status != GW_OK) return status;
    if (gw__is_routed(b->spec, level)) gating->picks = gw__plan_buffer(b, 1 + 2 * gating->top_k);
    if (gating->biased && (status = add_selection_bias(b, n, gate)) != GW_OK) return status;
    gw__op op = {.kind = GW__OP_GATE, .norm_at = b->net->norm_width - (gating->biased ? n : 0), .x = gate->x, .y = gw__plan_buffer(b, n), .n_experts = n, .gating = gating};
    gate->x = op.y;
    gate->gating = gating;
    return gw__plan_op(b, op);
}
