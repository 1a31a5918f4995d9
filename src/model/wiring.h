/* Wirings: which experts there are, what each reads, which experts each gate sees, and what streams on: the whole difference between the
 * architectures, as data. The engine below knows only levels of experts and gates. */
#ifndef GW_MODEL_WIRING_H
#define GW_MODEL_WIRING_H

#include "base/mem.h"
#include "spec/spec.h"

#define GW__STREAM_DENSE UINT32_MAX /* the dense input, readable at every level */
#define GW__STREAM_COPY(c) (UINT32_MAX - 1 - (c)) /* one of several copies of it (copies.c), of which there are fewer than GW__COPIES_LIMIT */
#define GW__COPIES_LIMIT 65536u
static inline bool gw__reads_input(uint32_t stream) { return stream >= GW__STREAM_COPY(GW__COPIES_LIMIT); }

typedef struct gw__wire_expert {
    const char *group; /* "shared", or the task that owns it */
    uint32_t index;    /* within its group */
    uint32_t input;    /* a stream of the level below, or GW__STREAM_DENSE */
    const char *label; /* "shared.0" */
    bool identity;     /* it is what it reads */
} gw__wire_expert;

typedef enum gw__gate_kind {
    GW__GATE_SOFTMAX, /* learned weights */
    GW__GATE_AVERAGE, /* constant 1/n */
    GW__GATE_PASS,    /* one expert: its output as it is */
    GW__GATE_STITCH,  /* learned constants: the same for every row */
    GW__GATE_CONNECT, /* connections that are open or closed, drawn in every step of training */
} gw__gate_kind;

/* A gate makes one stream of its level: stream i is gate i. */
typedef struct gw__wire_gate {
    gw__gate_kind kind;
    const char *stream; /* task, "shared", "all", "expert0"… */
    uint32_t input;     /* what its logits are computed from, */
    bool summed;        /* together with `also` */
    uint32_t also;
    const uint32_t *experts; /* indices into the level's experts: shared first, then the stream's own (a gate that sees all: tasks in the spec's order) */
    uint32_t n_experts;
    const bool *stopped;     /* [n_experts] or NULL: experts that this gate teaches nothing */
    const uint32_t *self;    /* experts that a gate of their own adds to the stream once more */
    uint32_t n_self;         /* 0: no such gate; 1: its weight is a sigmoid; else a softmax */
    const uint32_t *residual; /* experts that are added once more, by learned constants; one alone by 1 */
    uint32_t n_residual;
    uint32_t own;       /* stitch: which of `experts` is the stream's own */
} gw__wire_gate;

typedef struct gw__wire_level {
    const gw__wire_expert *experts;
    uint32_t n_experts;
    const gw__wire_gate *gates;
    uint32_t n_gates;
    bool predicts;   /* the experts have an output layer, and the one gate mixes predictions: there are no towers */
    bool transforms; /* every gate sees square maps of its own of the experts; then each sees all of them */
    uint32_t n_always; /* the first so many experts are in every stream, with weight 1 */
} gw__wire_level;

typedef struct gw__wiring {
    const gw__wire_level *levels;
    uint32_t n_levels;
    const uint32_t *tower_input; /* [T] a stream of the last level */
    bool factored;               /* layers of a level's experts are products of factors that all of them have (factored.c) */
    const uint32_t *sequence;    /* streams of the last level: each hands on to the next (transfer.c) */
    uint32_t n_sequence;
    uint32_t copies;             /* of the dense input: one per task and one that all share (copies.c); 0: the one */
    uint32_t feature_gates;      /* of each expert's input (feature_gate.c) */
} gw__wiring;

/* wiring_home.c */
gw_status gw__wiring_home(const gw__spec *spec, gw__arena *arena, gw__wiring *ret_wiring, gw_error *err);

/* The wiring that a spec asks for, in `arena`. */
gw_status gw__wiring_new(const gw__spec *spec, gw__arena *arena, gw__wiring *ret_wiring, gw_error *err);

/* The same of one that is written out (wiring_custom.c). */
gw_status gw__wiring_custom(const gw__spec *spec, gw__arena *arena, gw__wiring *ret_wiring, gw_error *err);

#endif
