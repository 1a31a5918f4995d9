/* The dense input is the user's part and the candidate's, so a product that reads it is a sum of two:
 *     y = b + x W = (b + x_user W_user) + x_candidate W_candidate,
 * and what stands in brackets is one row for all candidates: it takes the bias' place. The parts interleave in the dense input; their rows of the
 * weights are packed apart once, so that both products run through contiguous panels. Everything behind these products differs by candidate.
 * Where something else than such products reads the dense input, nothing can be computed ahead: the user's columns are put into all rows once. */
#include "model/ranker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "model/net_plan.h"

#define CHUNK 64

enum { USER, CANDIDATE, PARTS };

/* One part of the dense input, gathered side by side. */
typedef struct side {
    gw__slot *slots; /* with places in this part */
    size_t n_slots;
    uint32_t *columns; /* [width] where each stands in the dense input */
    uint32_t width, ld;
    float *dense; /* user: [ld]; candidates: [chunk,ld] */
} side;

/* A product that reads the dense input, as two. */
typedef struct split {
    const gw__op *op;
    float *w[PARTS]; /* panels */
    float *shared;   /* [N] b + x_user W_user */
} split;

struct gw__ranker {
    const gw__net *net;
    const float *flat;
    const gw__kernels *kernels;
    bool whole; /* rows are put together */
    gw__arena arena;
    side parts[PARTS];
    split *splits;
    size_t n_splits, chunk_rows;
    float *scratch;
    float *floats; /* what parts and splits point to */
};

static gw_status divide_input(gw__ranker *ranker, const bool *of_user, gw_error *err) {
    const gw__input *in = &ranker->net->input;
    for (int p = 0; p < PARTS; p++) {
        side *part = &ranker->parts[p];
        part->slots = gw__arena_alloc(&ranker->arena, in->n_slots, sizeof *part->slots);
        part->columns = gw__arena_alloc(&ranker->arena, in->width, sizeof *part->columns);
        if (!part->slots || !part->columns) return gw__fail_nomem(err);
    }
    for (size_t s = 0; s < in->n_slots; s++) {
        side *part = &ranker->parts[of_user[in->slots[s].feature] ? USER : CANDIDATE];
        gw__slot *slot = &part->slots[part->n_slots++];
        *slot = in->slots[s];
        if (!ranker->whole) slot->dense_at = part->width;
        for (uint32_t i = 0; i < slot->width; i++) part->columns[part->width++] = in->slots[s].dense_at + i;
    }
    for (int p = 0; p < PARTS; p++) ranker->parts[p].ld = ranker->whole ? ranker->net->dense.ld : gw__row_floats(ranker->parts[p].width);
    return GW_OK;
}

static bool reads_dense(const gw__op *op) { return op->x.space == GW__SPACE_DENSE && !op->training_only; }

static bool needs_rows(const gw__net *net) {
    for (size_t i = 0; i < net->n_ops; i++) {
        const gw__op *op = &net->ops[i];
        if (reads_dense(op) && (op->kind != GW__OP_LINEAR || op->x.width != net->dense.width)) return true;
    }
    return false;
}

static gw_status find_products(gw__ranker *ranker, gw_error *err) {
    const gw__net *net = ranker->net;
    if (ranker->whole) return GW_OK;
    for (size_t i = 0; i < net->n_ops; i++) ranker->n_splits += reads_dense(&net->ops[i]);
    ranker->splits = gw__arena_alloc(&ranker->arena, ranker->n_splits, sizeof *ranker->splits);
    if (!ranker->splits) return gw__fail_nomem(err);
    for (size_t i = 0, n = 0; i < net->n_ops; i++) {
        if (!reads_dense(&net->ops[i])) continue;
        assert(net->ops[i].kind == GW__OP_LINEAR && net->ops[i].x.width == net->dense.width);
        ranker->splits[n++].op = &net->ops[i];
    }
    return GW_OK;
}

/* The rows of a product's weights that belong to one part, in panels however the product keeps them. */
static void pack(const gw__op *op, const float *w, const side *part, float *to) {
    const size_t k = op->x.width, n = op->y.width;
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < part->width; i++) {
            const size_t from = part->columns[i];
            to[gw__panel_at(part->width, i, j)] = w[op->narrow ? gw__panel_at(n, j, from) : gw__panel_at(k, from, j)];
        }
    }
}

/* No sum here overflows: the net holds as many weights already. */
static gw_status take_memory(gw__ranker *ranker, gw_error *err) {
    size_t floats = ranker->parts[USER].ld + ranker->chunk_rows * ranker->parts[CANDIDATE].ld;
    for (size_t i = 0; i < ranker->n_splits; i++) {
        const size_t n = ranker->splits[i].op->y.width;
        for (int p = 0; p < PARTS; p++) floats += gw__panel_floats(ranker->parts[p].width, n);
        floats += gw__round_up(n, GW__PANEL);
    }
    float *at = ranker->floats = gw__aligned_alloc(floats, sizeof *at);
    ranker->scratch = gw__aligned_alloc(ranker->net->scratch_width * ranker->chunk_rows, sizeof *ranker->scratch);
    if (!at || !ranker->scratch) return gw__fail_nomem(err);
    ranker->parts[USER].dense = at;
    ranker->parts[CANDIDATE].dense = at += ranker->parts[USER].ld;
    at += ranker->chunk_rows * ranker->parts[CANDIDATE].ld;
    for (size_t i = 0; i < ranker->n_splits; i++) {
        split *s = &ranker->splits[i];
        for (int p = 0; p < PARTS; p++) {
            s->w[p] = at;
            pack(s->op, ranker->flat + s->op->w_at, &ranker->parts[p], at);
            at += gw__panel_floats(ranker->parts[p].width, s->op->y.width);
        }
        s->shared = at;
        at += gw__round_up(s->op->y.width, GW__PANEL);
    }
    return GW_OK;
}

gw_status gw__ranker_new(const gw__net *net, const float *flat, const bool *of_user, size_t max_rows, gw__ranker **ret_ranker, gw_error *err) {
    gw_status status = GW_OK;
    gw__ranker *ranker = calloc(1, sizeof *ranker);
    if (!ranker) return gw__fail_nomem(err);
    ranker->net = net;
    ranker->flat = flat;
    ranker->kernels = net->kernels;
    ranker->chunk_rows = max_rows < CHUNK ? max_rows : CHUNK;
    ranker->whole = needs_rows(net);
    GW__TRY(divide_input(ranker, of_user, err));
    GW__TRY(find_products(ranker, err));
    GW__TRY(take_memory(ranker, err));
    *ret_ranker = ranker;
    ranker = NULL;
cleanup:
    gw__ranker_free(ranker);
    return status;
}

void gw__ranker_free(gw__ranker *ranker) {
    if (!ranker) return;
    gw__aligned_free(ranker->scratch);
    gw__aligned_free(ranker->floats);
    gw__arena_clear(&ranker->arena);
    free(ranker);
}

static void gather(const gw__ranker *ranker, const side *part, const gw__records *records, size_t begin, size_t n) {
    gw__gather_slots(ranker->net, part->slots, part->n_slots, part->ld, ranker->flat, records, NULL, begin, n, part->dense);
}

void gw__ranker_set_user(gw__ranker *ranker, const gw__records *user) {
    const side *part = &ranker->parts[USER];
    gather(ranker, part, user, 0, 1);
    for (size_t r = 0; ranker->whole && r < ranker->chunk_rows; r++) memcpy(ranker->parts[CANDIDATE].dense + r * part->ld, part->dense, part->ld * sizeof(float));
    for (size_t i = 0; i < ranker->n_splits; i++) {
        const split *s = &ranker->splits[i];
        const float *bias = s->op->b_at == SIZE_MAX ? NULL : ranker->flat + s->op->b_at;
        ranker->kernels->product(1, part->width, s->op->y.width, part->dense, part->ld, s->w[USER], bias, 0, s->shared, s->op->y.width, false);
    }
}

static void run_split(const split *s, const side *part, const gw__pass *pass) {
    const gw__op *op = s->op;
    const gw__pass own = op->routed ? gw__routed_pass(op, pass) : *pass;
    size_t ld = part->ld;
    const float *x = op->routed ? gw__routed_input(op, &own, pass->rows, part->dense, part->width, &ld) : part->dense;
    if (own.rows == 0) return;
    pass->kernels->product(own.rows, part->width, op->y.width, x, ld, s->w[CANDIDATE], s->shared, op->relu, gw__pass_x(pass, &op->y), op->y.ld, false);
}

static void run_chunk(const gw__ranker *ranker, size_t n, float *outputs) {
    const gw__net *net = ranker->net;
    const side *part = &ranker->parts[CANDIDATE];
    gw__pass pass = {.net = net, .kernels = ranker->kernels, .flat = ranker->flat, .chunk_rows = ranker->chunk_rows, .rows = n,
                     .space = {ranker->scratch, part->dense}};
    size_t done = 0;
    for (const gw__op *op = net->ops; op < net->ops + net->n_ops; op++) {
        if (done == ranker->n_splits || ranker->splits[done].op != op) {
            gw__op_forward(op, &pass);
            continue;
        }
        run_split(&ranker->splits[done++], part, &pass);
    }
    gw__pass_collect(&pass, outputs, NULL, NULL);
}

void gw__ranker_run(gw__ranker *ranker, const gw__records *candidates, size_t begin, size_t n, float *ret_outputs) {
    const size_t width = gw__net_output_width(ranker->net);
    for (size_t at = 0; at < n; at += ranker->chunk_rows) {
        const size_t rows = n - at < ranker->chunk_rows ? n - at : ranker->chunk_rows;
        gather(ranker, &ranker->parts[CANDIDATE], candidates, begin + at, rows);
        run_chunk(ranker, rows, ret_outputs + at * width);
    }
}
