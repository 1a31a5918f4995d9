/* The plan behind gw__net: views, operations, parameters. Shared by the files that make it (net_builder.h and its files), run it (gather.c, operators.c, scorer.c, the trainer)
 * and tell of it (net_parameters.c, net_describe.c). */
#ifndef GW_MODEL_NET_PLAN_H
#define GW_MODEL_NET_PLAN_H

#include "kern/chain.h"
#include "kern/kernels.h"
#include "kern/loss.h"
#include "model/net.h"
#include "model/wiring.h"

/* Activations of a chunk live in two spaces: the dense input, and scratch, where buffers stand one after another, each [chunk,ld]. */
typedef enum gw__space { GW__SPACE_SCRATCH, GW__SPACE_DENSE } gw__space;

/* Floats from a row of a buffer to the next: an odd number of cache lines, since the products walk down columns, and rows that lie a power of two
 * apart would share a few sets of the cache. */
static inline uint32_t gw__row_floats(size_t width) { return (uint32_t)(gw__round_up(width, 16) | 16); }

/* Columns of a buffer. Its gradient has the same place in the gradients' spaces. */
typedef struct gw__view {
    gw__space space;
    uint32_t width, ld;
    uint32_t column; /* first, within the buffer */
    size_t before;   /* widths (ld) of the buffers before this one: the buffer begins at before * chunk_rows */
} gw__view;

/* The operators, one row each. gw__NAME_forward and gw__NAME_backward are what it does to a chunk; the third column is a rule of net_sharing.c:
 * what a column of y depends on. */
#define GW__OPERATOR_ROSTER(X) \
    X(LINEAR, linear, linear) \
    X(ACTIVATE, activate, same) \
    X(DROPOUT, dropout, same) \
    X(LAYER_NORM, layer_norm, layer_norm) \
    X(BATCH_SUM, batch_sum, nothing)        /* batch normalisation, first half: sums over the batch; ends a segment */ \
    X(BATCH_APPLY, batch_apply, batch_norm) /* second half */ \
    X(THRESHOLDS, thresholds, thresholds)   /* the head of an ordinal task: cumulative logits from a score */ \
    X(CHAIN, chain, chain)                  /* in place of a tower: a logit from other tasks' logits */ \
    X(FEATURE_GATE, feature_gate, feature_gate) /* an expert's own view of its input */ \
    X(SELF_GATE, self_gate, weighed)        /* experts added to a stream once more */ \
    X(ATTEND, attend, attend)               /* two values weighed by how well they answer to themselves */ \
    X(SUM, sum, experts)                    /* of two inputs */ \
    X(DETACH, detach, nothing)              /* a value that passes no gradient on */ \
    X(TASK_SUM, task_sum, task_sum)         /* a task's sum of maps that all tasks have */ \
    X(BLEND, blend, blend)                  /* in place of a gate and a tower: predictions of experts, mixed */ \
    X(COMBINE, combine, combine)            /* a sum of experts weighted by learned constants */ \
    X(GATE, gate, gate)                     /* a gate's weights from its logits, where they are more than a softmax */ \
    X(ROUTE, route, nothing)                /* which rows each expert of a level computes */ \
    X(MIX, mix, weighed)                    /* a gate: softmax of its logits (or a constant, or weights made before), and the weighted sum of experts */ \
    X(ADD, add, experts)                    /* to a mixture what is in every row's */ \
    X(MIX_ROUTED, mix_routed, weighed)      /* the same as mix of experts that computed some rows only */
#define X(NAME, name, depends) GW__OP_##NAME,
typedef enum gw__op_kind { GW__OPERATOR_ROSTER(X) GW__OPS } gw__op_kind;
#undef X

/* Sums over the rows of a batch: weights, rows with a weight, probabilities, expected rows, and in the first place of the last the z-loss. */
enum { GW__STAT_IMPORTANCE, GW__STAT_ROWS, GW__STAT_PROBABILITY, GW__STAT_LOAD, GW__STAT_Z, GW__GATE_STATS };

/* How a gate's weights come from its logits, beyond the softmax. */
typedef struct gw__gating {
    float scale;          /* 1 / temperature */
    float dropout;
    uint32_t top_k;       /* weights that are not 0; E: all */
    uint32_t id;          /* part of its random keys */
    gw__view kept;        /* [m,E] with dropout: not 0 where a weight is not dropped (training) */
    bool noisy, balanced;
    bool raw;             /* kept weights are those of the softmax over all */
    bool biased;          /* experts are selected by probability + bias, which is at the operation's mean_at */
    double bias_step;
    gw__view noise, drawn, noisy_logits; /* [m,E] with noise, in training: what makes its size, what was drawn from N(0,1), and the logits with it */
    gw__view whole;        /* [m,E] where something needs it: the softmax over all */
    double importance, load, even, z; /* weights of the losses */
    size_t stats_at;       /* of its GW__GATE_STATS sums over a batch, [.,E] each */
    gw__view picks;       /* [m,1+2k] of a routed level: how many weights are not 0, whose they are (uint32_t both), and the weights */
} gw__gating;

/* A level whose experts compute the rows that a gate selected for them: those where one of its weights is not 0. Rows of an expert stand without
 * gaps in its buffers, in their order. */
typedef struct gw__route_gate {
    const gw__gating *gating; /* its picks */
    const uint32_t *experts;  /* of its columns, in the level */
} gw__route_gate;

typedef struct gw__route {
    uint32_t n_experts;
    const gw__route_gate *gates;
    uint32_t n_gates;
    const uint32_t *always; /* experts of every row, whatever the gates say */
    uint32_t n_always;
    bool several;         /* a row of an expert may be there for something else than a given gate */
    uint32_t most;        /* experts that one row has, at most */
    gw__view lists;       /* uint32_t: rows of each expert [E], which they are [E,chunk], and where a row stands [chunk,E] */
    gw__view gathered;    /* [m,D] rows of an expert's input side by side, while they are needed */
} gw__route;

#define GW__NOT_ROUTED UINT32_MAX

typedef struct gw__op {
    gw__op_kind kind;
    uint32_t segment;
    gw__view x, y;
    bool add;                 /* backward: dx += instead of = */
    bool add_w;               /* another operation, which runs backward before, has the same weights: dw += instead of = */
    /* linear */
    bool need_dx;
    bool narrow;              /* so few outputs that the weights stand transposed (kernels.h) */
    size_t relu;              /* the first so many outputs become max(0, .) at once */
    size_t w_at, b_at;        /* in the flat buffer; b_at SIZE_MAX: no bias. w_at: of thresholds, and of a task sum the task's weights, too */
    size_t turned_at;         /* of the transposed panels, when need_dx and not narrow */
    /* activate, dropout */
    gw__activation activation;
    float rate;
    uint32_t id;              /* of the dropout, or the gate with connections: part of its random key */
    /* normalisation */
    size_t gamma_at, beta_at, mean_at, var_at; /* in the flat buffer */
    gw__view stats;           /* layer: [m,2]; feature gate: [m,D] what x is multiplied with, halved */
    size_t norm_at;           /* batch: first column among all batch-normalised ones */
    /* mix */
    gw__gate_kind gate;
    gw__view weights;         /* [m,E]: logits before, weights after */
    const gw__view *experts;
    const bool *expert_add;   /* backward: gradient of expert i += instead of = */
    uint32_t n_experts;       /* task sum: maps */
    /* chain */
    const gw__chain *chain;
    const gw__view *sources;  /* their logits, */
    const double *shifts;     /* and what is added to each before it is a probability */
    /* combine: `gate` says what the constants are; `weights` has room for their gradients row by row, and its first row for connections */
    size_t constants_at;      /* [E] in the flat buffer; SIZE_MAX: all 1 */
    bool onto;                /* forward: y += instead of = */
    /* blend: as mix; the activation is that of the predictions */
    gw__view blend_outputs;   /* [m,E,O] */
    bool blend_logit;         /* y is a logit */
    gw__local_error blend_error;
    const gw__gating *gating; /* gate: x logits, y weights; mix: the weights are made by such a one */
    /* routing */
    const gw__route *route;   /* route, mix_routed, and operations of an expert that computes some rows */
    const uint32_t *seen;     /* mix_routed: the experts, in the level */
    bool routed;              /* takes the rows of `expert` */
    uint32_t expert;
    bool gathered;            /* its x has all rows */
    bool training_only;
} gw__op;

/* Floats of an operation's weights, of those that have any. */
static inline size_t gw__op_weights(const gw__op *op) {
    if (op->kind == GW__OP_TASK_SUM) return op->n_experts;
    return op->narrow ? gw__panel_floats(op->y.width, op->x.width) : gw__panel_floats(op->x.width, op->y.width);
}

typedef enum gw__storage { GW__STORED_TABLE, GW__STORED_PANEL, GW__STORED_NARROW, GW__STORED_VECTOR } gw__storage;

typedef struct gw__placement {
    gw__parameter shown;
    gw__storage storage;
    size_t at;       /* of the matrix or vector that it is part of */
    uint32_t column; /* its first output in there */
    uint32_t k, n;   /* panel, narrow: inputs and outputs of the product that it is part of */
    uint32_t fan_in, fan_out; /* for the initial values; fan_out 0 for norms */
    float constant;  /* norms: the initial value */
    const float *start; /* initial values that are no draw; NULL: as above */
    bool inner;      /* one of several maps in a row: variance 1/fan_in, so that the product has the variance of its outermost */
    float half_width; /* constants: above 0 the initial values are uniform in +- it instead */
    uint64_t order;
} gw__placement;

/* Where in the flat buffer value `v` of the tensor, as a plain row-major array, stands. */
static inline size_t gw__placement_at(const gw__placement *p, size_t v) {
    if (p->storage == GW__STORED_PANEL) return p->at + gw__panel_at(p->k, v % p->k, p->column + v / p->k);
    if (p->storage == GW__STORED_NARROW) return p->at + gw__panel_at(p->n, p->column + v / p->k, v % p->k);
    return p->at + p->column + v;
}

typedef struct gw__range { size_t begin, end; } gw__range;

/* What one layer of an expert gives, after a forward run: it stays there until the next. */
typedef struct gw__layer_view {
    uint32_t level, expert, layer;
    bool last;                  /* what the gates see */
    gw__activation activation;  /* that it has been through */
    gw__view view;
    const gw__route *route;     /* NULL: it has all rows */
} gw__layer_view;

typedef struct gw__order { size_t later, earlier; double weight; } gw__order; /* indices of tasks */

/* A part of what the architecture adds to the objective: of connections, those in the flat buffer from `begin`; or of the distance between twins, their
 * values from `begin`. */
typedef struct gw__penalty {
    const gw__placement **twins; /* [n_twins] */
    size_t n_twins;
    size_t begin, end;
} gw__penalty;

struct gw__net {
    gw__arena arena;
    gw__input input;              /* copied, with its slots and tables */
    gw__slot *moves;              /* its slots as a record is moved: neighbouring numbers as one, `width` of them */
    size_t n_moves;
    gw__wiring wiring;
    size_t n_tasks;
    const char **task_names;
    size_t *tower_task;           /* [n_towers] the tasks that have a tower */
    size_t n_towers;
    gw__order *orders;            /* [n_orders] of events: held against the later one in training */
    size_t n_orders;
    gw__loss_rule *rules;         /* [T] */
    size_t *output_at;            /* [T+1]: the last is O */
    size_t *logit_at;             /* [T+1]: the last is Z */
    gw__view dense;               /* [D] */
    gw__view *outputs;            /* [T] logits of each task */

    gw__op *ops;
    size_t n_ops;
    uint32_t n_segments;
    size_t scratch_width;         /* floats of scratch per row */
    size_t idle_width;            /* of these, what experts that a row has not leave alone */
    bool sparse;                  /* some level is routed */
    uint32_t top_k;               /* of gates that see more experts; 0: they keep all */
    size_t norm_width;            /* batch-normalised columns */
    size_t stats_width;           /* sums of gates that are watched */

    gw__placement *parameters;
    size_t n_parameters;
    gw__layer_view *layers;       /* of the experts, for who watches them: level by level, layer by layer */
    size_t n_layers;
    size_t *table_at;             /* [tables] in the flat buffer; rows of dim floats */
    size_t dense_end;             /* flat: dense trained [0,dense_end) | running statistics | embedding tables */
    size_t flat_floats;
    size_t turned_floats;
    gw__range *frozen;            /* columns of bias vectors that stand for no bias */
    size_t n_frozen;

    size_t blend;                 /* the operation that mixes predictions; SIZE_MAX: there are towers */
    gw__connections_spec connections;
    double alpha;
    gw__penalty *penalties;
    size_t n_penalties;

    gw__gate_view *gates;         /* those with learned weights */
    gw__view *gate_weights;       /* their weights after a forward run */
    const gw__gating **gatings;   /* of these; NULL: a plain softmax */
    size_t n_gates, gate_width;
    uint64_t multiply_adds;
    const gw__kernels *kernels;   /* what scorers and trainers made of this net run on */
};

/* ---- running -------------------------------------------------------------------------------------------------------------------- */

/* One chunk on its way through the operations. */
typedef struct gw__pass {
    const gw__net *net;
    const gw__kernels *kernels;
    const float *flat;     /* parameters */
    const float *turned;   /* transposed panels (backward) */
    float *gradients;      /* [dense_end] where this chunk's part goes (backward) */
    bool add;              /* to what is there; else in its place */
    float *space[2];       /* by gw__space */
    float *dspace[2];
    size_t chunk_rows;     /* rows that a buffer of scratch has room for */
    size_t rows;           /* B of this chunk */
    size_t first_row;      /* position of its first row in the batch */
    uint64_t seed, step;
    bool training;
    bool tasks_only;       /* backward: without what the gates' balance costs */
    const uint32_t *chosen; /* which rows of the chunk these are; NULL: all, in order */
    double *norm_part;     /* this chunk's sums [2, norm_width]: forward x and x^2; backward dy and dy * unit */
    double *gate_part;     /* this chunk's sums [stats_width] */
    const double *gate_slopes; /* [stats_width] of the balance losses, by those sums, after the join */
    size_t batch_rows;
    const float *norm_mean, *norm_scale;     /* [norm_width] of the batch, after the join */
    const float *norm_sum_dy, *norm_sum_dyx; /* [norm_width] mean over the batch, after the backward join */
} gw__pass;

static inline float *gw__view_in(const gw__view *view, float *const *spaces, size_t chunk_rows) {
    return spaces[view->space] + view->before * chunk_rows + view->column;
}
static inline float *gw__pass_x(const gw__pass *pass, const gw__view *view) { return gw__view_in(view, pass->space, pass->chunk_rows); }
/* What a gate of a routed level picked for a row. */
typedef struct gw__picks {
    uint32_t *n, *column;
    float *weight;
} gw__picks;
static inline gw__picks gw__picks_of(const gw__pass *pass, const gw__gating *gating, size_t row) {
    float *at = gw__pass_x(pass, &gating->picks) + row * gating->picks.ld;
    return (gw__picks){(uint32_t *)(void *)at, (uint32_t *)(void *)(at + 1), at + 1 + gating->top_k};
}
static inline float *gw__pass_dx(const gw__pass *pass, const gw__view *view) { return gw__view_in(view, pass->dspace, pass->chunk_rows); }

#define GW__AT_ONCE 64 /* experts of one kernel call; more are taken in portions */

/* Where the experts of a sum from `first` on, at most GW__AT_ONCE, are; how many. */
static inline size_t gw__op_experts(const gw__op *op, const gw__pass *pass, size_t first, const float **x, size_t *ld) {
    const size_t n = op->n_experts - first < GW__AT_ONCE ? op->n_experts - first : GW__AT_ONCE;
    for (size_t e = 0; e < n; e++) {
        x[e] = gw__pass_x(pass, &op->experts[first + e]);
        ld[e] = op->experts[first + e].ld;
    }
    return n;
}

/* An operator: its name, what it does forward, and backward. */
typedef struct gw__operator {
    const char *name;
    void (*forward)(const gw__op *op, const gw__pass *pass);
    void (*backward)(const gw__op *op, const gw__pass *pass);
} gw__operator;

extern const gw__operator gw__operators[GW__OPS];

#define X(NAME, name, depends)                                   \
    void gw__##name##_forward(const gw__op *op, const gw__pass *pass); \
    void gw__##name##_backward(const gw__op *op, const gw__pass *pass);
GW__OPERATOR_ROSTER(X)
#undef X

/* Sum of weight x error over a chunk's rows, and scale x its gradient into those of the gate's logits and of the predictions. As gw__loss_rows. */
double gw__blend_rows(const gw__op *op, const gw__pass *pass, const float *labels, const float *weights, double scale);

/* Whether it sums experts: then it has `experts` and `expert_add`. */
static inline bool gw__op_sums_experts(const gw__op *op) {
    return op->kind == GW__OP_MIX || op->kind == GW__OP_MIX_ROUTED || op->kind == GW__OP_ADD || op->kind == GW__OP_COMBINE ||
           op->kind == GW__OP_SELF_GATE || op->kind == GW__OP_SUM;
}
/* One operation, of an expert with the rows that it has. */
void gw__op_forward(const gw__op *op, const gw__pass *pass);
void gw__op_backward(const gw__op *op, const gw__pass *pass);

/* ---- routing.c ---- */
/* The pass of an operation that is routed: its rows only. */
gw__pass gw__routed_pass(const gw__op *op, const gw__pass *pass);
/* How many rows of the chunk an expert has. */
size_t gw__routed_rows(const gw__route *route, const gw__pass *pass, uint32_t expert);
/* Of x [., width] all rows, those that `routed` has chosen, side by side in the route's buffer; x itself if it has all. */
const float *gw__routed_input(const gw__op *op, const gw__pass *routed, size_t all, const float *x, size_t width, size_t *ld);
void gw__routed_forward(const gw__op *op, const gw__pass *pass);
void gw__routed_backward(const gw__op *op, const gw__pass *pass);

/* ---- gate_balance.c ---- */
/* Noise of a chunk, drawn and added to its logits: h = z + n softplus(r). */
void gw__gate_noise(const gw__op *op, const gw__pass *pass, float *h);
/* What a chunk adds to the sums over the batch, from weights that are ready. */
void gw__gate_sums(const gw__op *op, const gw__pass *pass);
/* Losses of a batch of `n` rows from its sums; their slopes by the sums, but for the z-loss', into ret_slopes. */
double gw__gate_losses(const gw__op *op, const double *sums, size_t n, double *ret_slopes);
/* dg += those of the importance, before the softmax is gone through. */
void gw__gate_importance_backward(const gw__op *op, const gw__pass *pass, float *dg);
/* dz += those of the other losses; the noise's gradient from that of the noisy logits. */
void gw__gate_losses_backward(const gw__op *op, const gw__pass *pass, float *dz);

/* Rows of a batch into the dense input [n,D]: numbers, embeddings, pooled bags. rows NULL: records begin, begin+1, … */
void gw__gather(const gw__net *net, const float *flat, const gw__records *records, const uint64_t *rows, size_t begin, size_t n, float *dense);
/* The same of some slots, whose dense_at may be other than the net's, into rows `ld` apart. */
void gw__gather_slots(const gw__net *net, const gw__slot *slots, size_t n_slots, size_t ld, const float *flat, const gw__records *records,
                      const uint64_t *rows, size_t begin, size_t n, float *dense);

/* What the scorer's last run of at most GW__SCORER_ROWS rows left in its buffers. Borrowed until the next run. */
#define GW__SCORER_ROWS 64
const gw__pass *gw__scorer_pass(const gw__scorer *scorer);

/* Outputs [rows,O], logits [rows,Z] and gate weights [rows,gate_width] of a chunk, from where the operations left them; each may be NULL. */
void gw__pass_collect(const gw__pass *pass, float *ret_outputs, float *ret_logits, float *ret_gates);

/* Add the gradient of penalty `i` to `gradients` [dense_end]; its part of the objective. */
double gw__penalty_add(const gw__net *net, size_t i, const float *flat, float *gradients);

/* [dense_end]: 1 where a dense parameter gets a gradient from more than one task, 0 elsewhere. */
gw_status gw__net_shared(const gw__net *net, float *ret_shared, gw_error *err);

/* All operations of a segment, forward or backward. */
void gw__pass_forward(const gw__pass *pass, uint32_t segment);
void gw__pass_backward(const gw__pass *pass, uint32_t segment);

#endif
