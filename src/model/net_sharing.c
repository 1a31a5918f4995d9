/* Which dense parameters learn from more than one task: followed through the operations from each task's output down, column by column, because one
 * product holds the columns of many experts and gates. So it holds for any wiring, and no name is looked at. */
#include <stdlib.h>
#include <string.h>

#include "model/net_plan.h"

#define SEVERAL UINT16_MAX /* tasks; there are fewer of them in a spec */

typedef struct walk {
    uint16_t task;   /* from 1 */
    bool *reached;   /* [scratch_width] columns that the task's output depends on */
    uint16_t *owner; /* [dense_end] 0: no task yet; the one task; SEVERAL */
} walk;

/* The dense input is where the walk ends. */
static bool *columns_of(const walk *w, const gw__view *view) {
    return view->space == GW__SPACE_SCRATCH ? w->reached + view->before + view->column : NULL;
}

static bool any_column(const walk *w, const gw__view *view) { return memchr(columns_of(w, view), true, view->width) != NULL; }

static void reach_all(const walk *w, const gw__view *view) {
    bool *columns = columns_of(w, view);
    if (columns) memset(columns, true, view->width);
}

/* Column for column. */
static void reach_same(const walk *w, const gw__view *from, const gw__view *to) {
    bool *columns = columns_of(w, to);
    const bool *above = columns_of(w, from);
    for (uint32_t j = 0; columns && j < to->width; j++) columns[j] |= above[j];
}

static void own(const walk *w, size_t at) {
    uint16_t *owner = &w->owner[at];
    *owner = *owner == 0 || *owner == w->task ? w->task : SEVERAL;
}

static size_t weight_at(const gw__op *op, uint32_t i, uint32_t j) {
    return op->w_at + (op->narrow ? gw__panel_at(op->y.width, j, i) : gw__panel_at(op->x.width, i, j));
}

/* ---- the rules of GW__OPERATOR_ROSTER: from what an operation gives to what it takes ---- */

static void depends_linear(const walk *w, const gw__op *op) {
    const bool *y = columns_of(w, &op->y);
    for (uint32_t j = 0; j < op->y.width; j++) {
        if (!y[j]) continue;
        for (uint32_t i = 0; i < op->x.width; i++) own(w, weight_at(op, i, j));
        if (op->b_at != SIZE_MAX) own(w, op->b_at + j);
    }
    reach_all(w, &op->x);
}

static void depends_same(const walk *w, const gw__op *op) { reach_same(w, &op->y, &op->x); }

/* Nothing behind it learns, or it has no output of its own. */
static void depends_nothing(const walk *w, const gw__op *op) {}

static void own_norm(const walk *w, const gw__op *op) {
    const bool *y = columns_of(w, &op->y);
    for (uint32_t j = 0; j < op->y.width; j++) {
        if (!y[j]) continue;
        own(w, op->gamma_at + j);
        own(w, op->beta_at + j);
    }
}

static void depends_layer_norm(const walk *w, const gw__op *op) {
    own_norm(w, op);
    reach_all(w, &op->x);
}

static void depends_batch_norm(const walk *w, const gw__op *op) {
    own_norm(w, op);
    reach_same(w, &op->y, &op->x);
}

static void depends_experts(const walk *w, const gw__op *op) {
    for (uint32_t e = 0; e < op->n_experts; e++) reach_same(w, &op->y, &op->experts[e]);
}

static void depends_weighed(const walk *w, const gw__op *op) {
    depends_experts(w, op);
    reach_all(w, &op->weights);
}

static void depends_feature_gate(const walk *w, const gw__op *op) {
    reach_same(w, &op->y, &op->x);
    depends_weighed(w, op);
}

static void depends_attend(const walk *w, const gw__op *op) {
    for (uint32_t e = 0; e < op->n_experts; e++) reach_all(w, &op->experts[e]);
}

static void depends_blend(const walk *w, const gw__op *op) {
    reach_all(w, &op->weights);
    depends_attend(w, op);
}

static void depends_combine(const walk *w, const gw__op *op) {
    depends_experts(w, op);
    for (uint32_t e = 0; e < op->n_experts && op->constants_at != SIZE_MAX; e++) own(w, op->constants_at + e);
}

/* The task's weights of the maps, and the same column of each. */
static void depends_task_sum(const walk *w, const gw__op *op) {
    for (uint32_t i = 0; i < op->n_experts; i++) {
        const gw__view map = {.space = op->x.space, .before = op->x.before, .column = op->x.column + i * op->y.width, .width = op->y.width};
        own(w, op->w_at + i);
        reach_same(w, &op->y, &map);
    }
}

static void depends_gate(const walk *w, const gw__op *op) {
    reach_all(w, &op->x);
    if (op->gating->noisy) reach_all(w, &op->gating->noise);
}

static void depends_thresholds(const walk *w, const gw__op *op) {
    for (uint32_t k = 0; k < op->y.width; k++) own(w, op->w_at + k);
    reach_all(w, &op->x);
}

static void depends_chain(const walk *w, const gw__op *op) {
    for (size_t i = 0; i < op->chain->n_sources; i++) reach_all(w, &op->sources[i]);
}

static void visit(const walk *w, const gw__op *op) {
    static void (*const rules[GW__OPS])(const walk *w, const gw__op *op) = {
#define X(NAME, name, depends) [GW__OP_##NAME] = depends_##depends,
        GW__OPERATOR_ROSTER(X)
#undef X
    };
    if (any_column(w, &op->y)) rules[op->kind](w, op);
}

gw_status gw__net_shared(const gw__net *net, float *ret_shared, gw_error *err) {
    gw_status status = GW_OK;
    walk w = {.reached = calloc(net->scratch_width, sizeof *w.reached), .owner = calloc(net->dense_end, sizeof *w.owner)};
    if (!w.reached || !w.owner) GW__FAIL(gw__fail_nomem(err));
    for (size_t t = 0; t < net->n_tasks; t++) {
        w.task = (uint16_t)(t + 1);
        memset(w.reached, false, net->scratch_width * sizeof *w.reached);
        reach_all(&w, &net->outputs[t]);
        for (size_t i = 0; i < net->n_orders; i++)
            if (net->orders[i].later == t) reach_all(&w, &net->outputs[net->orders[i].earlier]);
        for (size_t i = net->n_ops; i-- > 0;) visit(&w, &net->ops[i]);
    }
    for (size_t i = 0; i < net->dense_end; i++) ret_shared[i] = w.owner[i] == SEVERAL;
    for (size_t i = 0; i < net->n_frozen; i++)
        memset(ret_shared + net->frozen[i].begin, 0, (net->frozen[i].end - net->frozen[i].begin) * sizeof *ret_shared);
cleanup:
    free(w.reached);
    free(w.owner);
    return status;
}
