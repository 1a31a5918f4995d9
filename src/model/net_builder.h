/* Growing a plan: what net.c (the whole) and the files of its parts share: input, levels, gates, layers side by side, sums, towers. */
#ifndef GW_MODEL_NET_BUILDER_H
#define GW_MODEL_NET_BUILDER_H

#include "model/net_plan.h"

typedef struct gw__builder {
    gw__net *net;
    const gw__spec *spec;
    const gw__parameter_check *check; /* NULL: none */
    size_t op_capacity, parameter_capacity, frozen_capacity, layer_capacity;
    uint32_t segment, n_dropouts, n_connected, n_gates;
    const gw__route *route; /* of the expert that is being planned, if it computes some rows only */
    uint32_t expert;
    bool training_only;     /* of what is being planned */
    gw_error *err;
} gw__builder;

/* What the members of a factored set have in common: the ranks of their tensors, and the level that names them. */
typedef struct gw__factors {
    uint32_t input, output, task;
    const char *prefix; /* "level0.factors" */
    uint64_t order;
} gw__factors;

/* One multilayer perceptron on its way into the plan. */
typedef struct gw__mlp {
    gw__view x;             /* its input; while it is built, the output of the layer before */
    const char *prefix;     /* of its parameters: "level0.expert.shared.0" */
    const uint32_t *widths; /* outputs of its layers */
    size_t n_layers;
    const gw__mlp_spec *spec;
    bool active_last;       /* normalise and activate behind the last layer, too */
    bool bare_last;         /* no bias in the last layer, whatever `spec` says: something behind it has one */
    uint64_t order;
    bool zero;              /* begins with zeros */
    bool watched;           /* an expert: where its layers end up is kept in the net, */
    uint32_t level, index;  /* as those of this one */
    const gw__gating *gating; /* a gate: what made its x, its weights, from its logits; NULL: they are the logits yet */
    const gw__factors *factors; /* not NULL: the weights of this member are factored with those of its neighbours */
} gw__mlp;

static inline bool gw__same_place(const gw__view *a, const gw__view *b) {
    return a->space == b->space && a->before == b->before && a->column == b->column;
}

static inline gw__view gw__columns_of(gw__view buffer, uint32_t column, uint32_t width) {
    buffer.column += column;
    buffer.width = width;
    return buffer;
}

/* Where a gate stands in the wiring. */
typedef struct gw__gate_at { uint32_t level, gate; } gw__gate_at;

static inline const gw__wire_gate *gw__wire_gate_at(const gw__builder *b, gw__gate_at at) { return &b->net->wiring.levels[at.level].gates[at.gate]; }

/* Where parameters stand among all: experts of a level (phase 2 level), its gates (2 level + 1), towers. The low 20 bits are for the parts of one. */
static inline uint64_t gw__plan_order(uint32_t phase, uint32_t index) { return (uint64_t)(phase + 1) << 48 | (uint64_t)index << 20; }

/* A new buffer of scratch. */
gw__view gw__plan_buffer(gw__builder *b, size_t width);
/* Room in the dense part of the flat buffer; every block begins on 64 bytes. */
size_t gw__plan_floats(gw__builder *b, size_t n);
gw_status gw__plan_op(gw__builder *b, gw__op op);
/* A parameter; `name` is the arena's, or NULL: out of memory. */
gw_status gw__plan_placement(gw__builder *b, gw__placement placement, const char *name);
/* Whether a level's experts compute only the rows that a gate selected. */
bool gw__is_routed(const gw__spec *spec, const gw__wire_level *level);
/* The experts of such a level, whose gates are in the plan: which rows each has, then each with its own products. */
gw_status gw__plan_routed(gw__builder *b, const gw__wire_level *level, const gw__mlp *gates, gw__mlp *experts, const gw__route **ret_route);
/* One layer of members whose weights are factored together; each one's x becomes its output. */
gw_status gw__plan_factored(gw__builder *b, gw__mlp *const *set, size_t n_set, size_t layer);
/* A product of new weights, without a bias; not yet among the operations. */
gw__op gw__plan_product(gw__builder *b, gw__view x, gw__view y);
/* One more use of a product's weights. Backward, the last that is planned writes their gradient, and the others (`more`) add theirs. */
gw_status gw__plan_use(gw__builder *b, gw__op product, gw__view x, gw__view y, bool more);
/* The bias of one layer of a member, for `fan_in` inputs; SIZE_MAX where it has none. */
gw_status gw__plan_bias(gw__builder *b, const gw__mlp *member, size_t layer, uint32_t fan_in, size_t *ret_at);
/* Let the tasks of the wiring's sequence hand on what they know: each stream but the first becomes what came of it and the one before. */
gw_status gw__plan_transfers(gw__builder *b, gw__view *streams);
/* The input that a network of `copies` reads, in its arena: each copy has all slots, with embedding tables of its own. */
gw_status gw__plan_copies(gw__builder *b, const gw__input *input, uint32_t copies, gw__input *ret_input);
/* x + also. */
gw_status gw__plan_sum(gw__builder *b, gw__view x, gw__view also, gw__view *ret_sum);
/* What a gate sees, in place: outputs of experts that it teaches nothing become copies that pass no gradient on. `detached` [experts of the level] has
 * those that there are already, of width 0 where there is none. */
gw_status gw__plan_detached(gw__builder *b, const gw__wire_gate *wire, gw__view *detached, gw__view *seen);
/* Each expert's own view of its input, by `count` feature gates: the members' x become what they read. */
gw_status gw__plan_feature_gates(gw__builder *b, uint32_t level, gw__mlp *experts, size_t n_experts, uint32_t count);
/* Add the experts that a gate weighs, by `logits`, to its stream. */
gw_status gw__plan_self_gate(gw__builder *b, const gw__wire_gate *wire, gw__view logits, const gw__mlp *experts, gw__view stream);
/* Build all members layer by layer; each one's x becomes its output. */
gw_status gw__plan_mlps(gw__builder *b, gw__mlp *members, size_t n);

/* ---- the parts of the whole: net_input.c, net_levels.c, net_gates.c, net_towers.c ---- */

/* What the network reads: slots, copied; behind the dense parameters, the embedding tables. */
gw_status gw__plan_input(gw__builder *b, const gw__input *input);
gw_status gw__plan_tables(gw__builder *b);
/* All levels of the wiring and what stands on them; `whole` has also the tasks without a tower. */
gw_status gw__plan_levels_and_towers(gw__builder *b, const gw__spec *whole);
gw_status gw__plan_towers(gw__builder *b, const gw__view *streams, const gw__spec *whole);
/* Hidden widths with the output behind them; NULL: out of memory. */
const uint32_t *gw__with_output(gw__builder *b, gw__widths hidden, uint32_t output);
/* Whether the gates of a level are softmaxes and no more. */
bool gw__gate_is_plain(const gw__builder *b, const gw__wire_level *level);
/* The weights of a gate whose weights are more than the softmax of its logits; others are left to the mixture, in place. */
gw_status gw__plan_weights(gw__builder *b, const gw__wire_level *level, gw__view input, gw__mlp *gate);

/* What the architecture adds to the objective (penalty.c); last, when parameters and operations are complete. */
gw_status gw__plan_penalties(gw__builder *b);

/* ---- net_combine.c: sums of experts ---- */

/* The experts that an operation sums: `which` of them. */
gw_status gw__plan_experts(gw__builder *b, gw__op *op, const uint32_t *which, uint32_t n, const gw__mlp *experts);
/* The stream of a gate whose weights are learned constants. */
gw_status gw__plan_combine(gw__builder *b, gw__gate_at at, const gw__mlp *experts, gw__view *ret_stream);
/* The experts that are added to a gate's stream once more. */
gw_status gw__plan_residual(gw__builder *b, gw__gate_at at, const gw__mlp *experts, gw__view stream);
/* Predictions of experts, mixed: the output of the one task. */
gw_status gw__plan_blend(gw__builder *b, gw__gate_at at, gw__view logits, const gw__mlp *experts, gw__view *ret_output);
/* A square map of every expert for every gate of a level: [gates, experts]. To be freed. */
gw_status gw__plan_transforms(gw__builder *b, uint32_t level, const gw__mlp *experts, gw__mlp **ret_transforms);

#endif
