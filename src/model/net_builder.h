/* Growing a plan: what net.c (levels, towers, the whole) and net_layers.c (multilayer perceptrons side by side) share. */
#ifndef GW_MODEL_NET_BUILDER_H
#define GW_MODEL_NET_BUILDER_H

#include "model/net_plan.h"

typedef struct gw__builder {
    gw__net *net;
    const gw__spec *spec;
    const gw__parameter_check *check; /* NULL: none */
    size_t op_capacity, parameter_capacity, frozen_capacity;
    uint32_t segment, n_dropouts;
    gw_error *err;
} gw__builder;

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
} gw__mlp;

static inline bool gw__same_place(const gw__view *a, const gw__view *b) {
    return a->space == b->space && a->before == b->before && a->column == b->column;
}

/* A new buffer of scratch. */
gw__view gw__plan_buffer(gw__builder *b, size_t width);
/* Room in the dense part of the flat buffer; every block begins on 64 bytes. */
size_t gw__plan_floats(gw__builder *b, size_t n);
gw_status gw__plan_op(gw__builder *b, gw__op op);
/* A parameter; `name` is the arena's, or NULL: out of memory. */
gw_status gw__plan_placement(gw__builder *b, gw__placement placement, const char *name);
/* Build all members layer by layer; each one's x becomes its output. */
gw_status gw__plan_mlps(gw__builder *b, gw__mlp *members, size_t n);

#endif
