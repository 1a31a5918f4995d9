#include "train/task_gradients.h"

#include <stdlib.h>
#include <string.h>

#define ITEM_FLOATS 4096 /* of the parameters: one item, fixed so that no sum depends on threads */
#define ITEM_ROWS 64     /* of the dense input's gradient */
#define LANES 8          /* partial sums of a product, added up in order: as fast as the compiler's vectors, and the same for any width of them */

struct gw__task_gradients {
    const gw__net *net;
    gw__pool *pool;
    size_t n_tasks, n_items;
    float *shared;   /* [P] 1 or 0 */
    float *own;      /* [T,P] */
    float *ddense;   /* [batch, ld] the sum over the tasks so far; NULL without tables */
    double *parts;   /* [n_items, T, T] */
    double *gram;    /* [T,T] */
};

/* What the threads need to know of the call under way. */
typedef struct call {
    gw__task_gradients *gradients;
    size_t task, n_slots, rows;
    bool more;
    const float *slots;
    float *ddense;
    const double *alpha;
    float *out;
} call;

gw_status gw__task_gradients_new(const gw__net *net, size_t batch, gw__pool *pool, gw__task_gradients **ret_gradients, gw_error *err) {
    gw_status status = GW_OK;
    const size_t n_tasks = net->n_tasks, p = net->dense_end, n_items = (p + ITEM_FLOATS - 1) / ITEM_FLOATS;
    size_t own, parts, dense;
    gw__task_gradients *g = calloc(1, sizeof *g);
    if (!g) return gw__fail_nomem(err);
    *g = (gw__task_gradients){.net = net, .pool = pool, .n_tasks = n_tasks, .n_items = n_items};
    bool fits = gw__mul_size(n_tasks, p, &own) && gw__mul_size(n_items, n_tasks * n_tasks, &parts) && gw__mul_size(batch, net->dense.ld, &dense);
    if (!fits) GW__FAIL(gw__fail_nomem(err));
    g->shared = gw__aligned_alloc(p, sizeof *g->shared);
    g->own = gw__aligned_alloc(own, sizeof *g->own);
    g->parts = gw__aligned_alloc(parts, sizeof *g->parts);
    g->gram = gw__aligned_alloc(n_tasks * n_tasks, sizeof *g->gram);
    if (net->input.n_tables && batch) g->ddense = gw__aligned_alloc(dense, sizeof *g->ddense);
    if (!g->shared || !g->own || !g->parts || !g->gram || (net->input.n_tables && batch && !g->ddense)) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(gw__net_shared(net, g->shared, err));
    *ret_gradients = g;
    g = NULL;
cleanup:
    gw__task_gradients_free(g);
    return status;
}

void gw__task_gradients_free(gw__task_gradients *gradients) {
    if (!gradients) return;
    void *const blocks[] = {gradients->shared, gradients->own, gradients->ddense, gradients->parts, gradients->gram};
    for (size_t i = 0; i < GW__COUNT(blocks); i++) gw__aligned_free(blocks[i]);
    free(gradients);
}

/* The floats of an item: from *ret_begin on; how many. */
static size_t item_of(const gw__task_gradients *g, size_t i, size_t *ret_begin) {
    const size_t p = g->net->dense_end, begin = i * ITEM_FLOATS;
    *ret_begin = begin;
    return p - begin < ITEM_FLOATS ? p - begin : ITEM_FLOATS;
}

/* ---- taking a task's gradient ---- */

/* The sum goes from task to task in the buffer kept here and, with the last, back to where it is used. */
static void add_dense(const call *c, size_t item) {
    gw__task_gradients *g = c->gradients;
    const size_t ld = g->net->dense.ld, first = item * ITEM_ROWS, rows = c->rows - first < ITEM_ROWS ? c->rows - first : ITEM_ROWS;
    float *sum = g->ddense + first * ld, *d = c->ddense + first * ld;
    const bool last = c->task + 1 == g->n_tasks;
    if (c->task > 0) g->net->kernels->add_scaled(rows * ld, 1, last ? sum : d, last ? d : sum);
    else if (!last) memcpy(sum, d, rows * ld * sizeof *d);
}

static void take_item(void *context, size_t i, size_t worker) {
    (void)worker;
    const call *c = context;
    gw__task_gradients *g = c->gradients;
    const size_t p = g->net->dense_end;
    if (i >= g->n_items) {
        add_dense(c, i - g->n_items);
        return;
    }
    size_t begin, n = item_of(g, i, &begin);
    float *own = g->own + c->task * p + begin;
    if (!c->more) g->net->kernels->sum_parts(n, c->n_slots, p, c->slots + begin, own);
    for (size_t s = 0; c->more && s < c->n_slots; s++) g->net->kernels->add_scaled(n, 1, c->slots + s * p + begin, own);
}

void gw__task_gradients_take(gw__task_gradients *gradients, size_t task, const float *slots, size_t n_slots, float *ddense, size_t rows) {
    call c = {.gradients = gradients, .task = task, .slots = slots, .n_slots = n_slots, .ddense = ddense, .rows = rows};
    const size_t dense_items = gradients->ddense ? (rows + ITEM_ROWS - 1) / ITEM_ROWS : 0;
    gw__pool_run(gradients->pool, gradients->n_items + dense_items, take_item, &c);
}

void gw__task_gradients_sample(gw__task_gradients *gradients, size_t task, const float *slots, size_t n_slots, bool more) {
    call c = {.gradients = gradients, .task = task, .slots = slots, .n_slots = n_slots, .more = more};
    gw__pool_run(gradients->pool, gradients->n_items, take_item, &c);
}

/* ---- products ---- */

static double product(size_t n, const float *a, const float *b, const float *mask) {
    double lanes[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) lanes[l] += (double)(a[i + l] * mask[i + l]) * (double)b[i + l];
    for (; i < n; i++) lanes[0] += (double)(a[i] * mask[i]) * (double)b[i];
    for (size_t l = 0; l < LANES; l++) sum += lanes[l];
    return sum;
}

static void gram_item(void *context, size_t i, size_t worker) {
    (void)worker;
    const call *c = context;
    gw__task_gradients *g = c->gradients;
    const size_t p = g->net->dense_end, n_tasks = g->n_tasks;
    size_t begin, n = item_of(g, i, &begin);
    double *part = g->parts + i * n_tasks * n_tasks;
    for (size_t a = 0; a < n_tasks; a++)
        for (size_t b = 0; b <= a; b++) part[a * n_tasks + b] = product(n, g->own + a * p + begin, g->own + b * p + begin, g->shared + begin);
}

const double *gw__task_gradients_gram(gw__task_gradients *gradients) {
    const size_t n_tasks = gradients->n_tasks;
    gw__pool_run(gradients->pool, gradients->n_items, gram_item, &(call){.gradients = gradients});
    for (size_t a = 0; a < n_tasks; a++) {
        for (size_t b = 0; b <= a; b++) {
            double sum = 0;
            for (size_t i = 0; i < gradients->n_items; i++) sum += gradients->parts[(i * n_tasks + a) * n_tasks + b];
            gradients->gram[a * n_tasks + b] = gradients->gram[b * n_tasks + a] = sum;
        }
    }
    return gradients->gram;
}

/* ---- putting together ---- */

static void combine_item(void *context, size_t i, size_t worker) {
    (void)worker;
    const call *c = context;
    gw__task_gradients *g = c->gradients;
    const size_t p = g->net->dense_end;
    size_t begin, n = item_of(g, i, &begin);
    const float *shared = g->shared + begin;
    float *out = c->out + begin;
    for (size_t k = 0; k < g->n_tasks; k++) {
        const float *own = g->own + k * p + begin, alpha = (float)c->alpha[k];
        for (size_t j = 0; j < n; j++) {
            const float value = (shared[j] != 0 ? alpha : 1) * own[j];
            out[j] = k == 0 ? value : out[j] + value;
        }
    }
}

void gw__task_gradients_combine(gw__task_gradients *gradients, const double *alpha, float *ret_gradient) {
    call c = {.gradients = gradients, .alpha = alpha, .out = ret_gradient};
    gw__pool_run(gradients->pool, gradients->n_items, combine_item, &c);
}
