/* The network: a wiring made into parameters, buffers and operations. The plan is immutable and shareable; a workspace is one run's memory.
 *   B rows of a chunk, D width of the dense input, O width of all outputs together, Z of all logits, P parameters. */
#ifndef GW_MODEL_NET_H
#define GW_MODEL_NET_H

#include "base/json.h"
#include "base/mem.h"
#include "feat/record.h"
#include "kern/loss.h"
#include "spec/spec.h"

typedef struct gw__net gw__net;

/* ---- plan ---- */

/* `output_widths`: [T], 1 or the number of classes or quantiles. Names of tasks are copied. */
gw_status gw__net_new(const gw__spec *spec, const gw__input *input, const size_t *output_widths, gw__net **ret_net, gw_error *err);
/* The same for a model from outside: each parameter is shown to `check` as soon as it is planned, and its failure ends planning, so that a
 * spec takes no more memory than the parameters that come with it. */
struct gw__parameter;
typedef struct gw__parameter_check {
    gw_status (*parameter)(void *context, const struct gw__parameter *parameter, gw_error *err);
    void *context;
} gw__parameter_check;
gw_status gw__net_new_checked(const gw__spec *spec, const gw__input *input, const size_t *output_widths, const gw__parameter_check *check,
                              gw__net **ret_net, gw_error *err);
void      gw__net_free(gw__net *net);

/* The instruction set whose kernels run this net, for what is made of it from now on: one of gw__kernels_at by name, NULL for the best (as a
 * new net has). GW_E_ARGUMENT if this machine has it not. */
gw_status   gw__net_use_isa(gw__net *net, const char *isa, gw_error *err);
const char *gw__net_isa(const gw__net *net);

size_t gw__net_dense_width(const gw__net *net);                /* D: all copies of the input together */
size_t gw__net_output_width(const gw__net *net);               /* O */
size_t gw__net_output_at(const gw__net *net, size_t task);     /* first output column of a task */
size_t gw__net_logit_width(const gw__net *net);                /* Z: what all losses see together */
size_t gw__net_logit_at(const gw__net *net, size_t task);      /* first logit of a task */
const gw__loss_rule *gw__net_rule(const gw__net *net, size_t task); /* borrowed until the net is freed */
size_t gw__net_parameter_floats(const gw__net *net);           /* length of the flat buffer, padding included */
uint64_t gw__net_multiply_adds(const gw__net *net);            /* a row */
uint64_t gw__net_trained_values(const gw__net *net, bool tables); /* values of what is trained: the embedding tables, or all else */
/* The same of a row in training: forward, the gradients of the weights, and those of inputs where anything needs them. */
uint64_t gw__net_training_multiply_adds(const gw__net *net);

/* Parameters by the names of docs/architectures.md, in a fixed order: embeddings, then levels, then towers. */
typedef struct gw__parameter {
    const char *name;
    size_t n_dims;
    uint64_t shape[2]; /* [out,in], [out], or [rows,dim] */
    bool trained;      /* false: running statistics */
    bool variance;     /* never below 0 */
    bool table;        /* of an embedding */
} gw__parameter;
size_t gw__net_parameter_count(const gw__net *net);
gw__parameter gw__net_parameter_at(const gw__net *net, size_t i);
/* Copy between the engine's layout (flat buffer) and plain row-major values of shape [out,in]. */
void gw__net_parameter_get(const gw__net *net, const float *flat, size_t i, float *ret_values);
void gw__net_parameter_set(const gw__net *net, float *flat, size_t i, const float *values);
/* Initial values: a pure function of seed and tensor names. */
void gw__net_initialise(const gw__net *net, const gw__spec *spec, float *flat);

/* Structure for inspect: gates in the order of their weights in a row of gate output. */
typedef struct gw__gate_view {
    uint32_t level;
    const char *stream;              /* task, "shared", "all", "expert0"… */
    const char *const *experts;      /* "shared.0", "income.1" … in the order of the gate's columns */
    size_t n_experts;
    size_t weights_at;               /* first column in the gate output */
    uint32_t top_k;                  /* weights of a row that are not 0; 0: all */
} gw__gate_view;
size_t gw__net_gate_count(const gw__net *net);
gw__gate_view gw__net_gate_at(const gw__net *net, size_t i);
size_t gw__net_gate_width(const gw__net *net); /* all gate weights of a row together */

/* Levels, experts, gates and towers with shapes, parameters and multiply-adds a row, as JSON members of an open object. */
void gw__net_describe(const gw__net *net, gw__json_writer *json);
/* "connections":[{"level":0,"stream":"income","kind":"stitch","experts":["income.0",…],"values":[0.9,…]},…]: what is learned of them for all rows alike; kind
 * "stitch" (cross-stitch), "connect" (SNR; z in prediction), "residual" (AdaTT). A member of an open object. */
void gw__net_write_connections(const gw__net *net, const float *flat, gw__json_writer *json);

/* ---- forward for prediction ---- */

typedef struct gw__scorer gw__scorer; /* scratch of one thread */

gw_status gw__scorer_new(const gw__net *net, size_t max_rows, gw__scorer **ret_scorer, gw_error *err);
void      gw__scorer_free(gw__scorer *scorer);
/* Score n <= max_rows records into [n,O]: probabilities of binary tasks (corrected for positive_weight and negative_rate), of classes, or values.
 * `ret_gates` may be NULL, else [n, gate_width]. `ret_logits` may be NULL, else [n,Z]: what the loss sees. Allocates nothing. */
void gw__scorer_run(gw__scorer *scorer, const float *flat, const gw__records *records, size_t begin, size_t n,
                    float *ret_outputs, float *ret_logits, float *ret_gates);
/* The same from a dense input [n,D]. */
void gw__scorer_run_dense(gw__scorer *scorer, const float *flat, const float *dense, size_t n, float *ret_outputs, float *ret_gates);

#endif
