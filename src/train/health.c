#include "train/health.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/likeness.h"
#include "model/net_plan.h"

#define BLOCK GW__SCORER_ROWS
#define BLOCKS (GW__HEALTH_ROWS / BLOCK)
#define LEAST_COMPARED 128                   /* rows, that a comparison is worth its while */
#define COMPARED_FLOATS ((size_t)1 << 24)    /* of outputs that are kept, at most */
#define COMPARED_WORK ((double)(1u << 31))   /* multiply-adds of a comparison, in about */
#define LEAST_ROWS 4                         /* below, the estimate does not exist */
#define NOT_COMPARED SIZE_MAX

/* A run of neighbouring records. */
typedef struct block {
    size_t begin, rows;
    size_t kept_at; /* where its outputs go for the comparison; NOT_COMPARED */
} block;

typedef struct watched {
    uint32_t level, index;
    const gw__layer_view *output;
    size_t n_units;   /* of its layers with relu */
    size_t rows;
    float *outputs;   /* [compared, ld] then centred; NULL: not compared */
    size_t width, ld;
    double *norms;    /* [compared] squares of the centred rows */
    double total;     /* their sum; 0: constant */
    size_t pair_at;   /* of its pairs, the first */
} watched;

typedef struct pair { uint32_t a, b; } pair; /* of watched experts; a = b: with itself */

struct gw__health {
    const gw__net *net;
    gw__pool *pool;
    gw__scorer **scorers;   /* [threads] */
    size_t n_scorers, n_threads;
    float *gates;           /* [threads, BLOCK, G] */
    watched *experts;
    size_t n_experts;
    uint32_t *first;        /* [levels] of the experts */
    size_t *units_at;       /* [layers of the net] of the units of a layer with relu */
    size_t n_units, use_width;
    double *use, *block_use;             /* [U], [BLOCKS, U] */
    uint8_t *active, *block_active;      /* [units], [BLOCKS, units] */
    uint32_t *block_rows;                /* [BLOCKS, experts] */
    block blocks[BLOCKS];
    size_t n_blocks, taken;              /* of the rows being added; blocks since the beginning */
    size_t rows, compared, most_compared;
    pair *pairs;
    size_t n_pairs;
    double *products;       /* [pairs] HSIC */
    float *crosses;         /* [threads, cross_floats] */
    size_t cross_floats;
    const float *flat;
    const gw__records *records;
};

/* ---- plan ------------------------------------------------------------------------------------------------------------------------ */

/* An identity has no output of its own. */
static bool has_every_row(const watched *expert) { return expert->output && !expert->output->route; }
static bool comparable(const gw__net *net, const watched *a, const watched *b) {
    return a->level == b->level && gw__net_is_compared(net, a->level) && has_every_row(a) && has_every_row(b);
}

static gw_status plan_experts(gw__health *h, gw_error *err) {
    const gw__net *net = h->net;
    const uint32_t n_levels = gw__net_level_count(net);
    h->first = calloc(n_levels + 1, sizeof *h->first);
    h->units_at = calloc(net->n_layers + 1, sizeof *h->units_at);
    if (!h->first || !h->units_at) return gw__fail_nomem(err);
    for (uint32_t l = 0; l < n_levels; l++) h->first[l + 1] = h->first[l] + gw__net_expert_count(net, l);
    h->n_experts = h->first[n_levels];
    h->experts = calloc(h->n_experts + 1, sizeof *h->experts);
    if (!h->experts) return gw__fail_nomem(err);
    for (uint32_t l = 0; l < n_levels; l++) {
        for (uint32_t e = 0; e < gw__net_expert_count(net, l); e++) h->experts[h->first[l] + e] = (watched){.level = l, .index = e};
    }
    for (size_t i = 0; i < net->n_layers; i++) {
        const gw__layer_view *layer = &net->layers[i];
        watched *expert = &h->experts[h->first[layer->level] + layer->expert];
        h->units_at[i] = h->n_units;
        if (layer->activation == GW__ACT_RELU) {
            expert->n_units += layer->view.width;
            h->n_units += layer->view.width;
        }
        if (!layer->last) continue;
        expert->output = layer;
        expert->width = layer->view.width;
        expert->ld = gw__row_floats(expert->width);
    }
    return GW_OK;
}

/* Pairs of a level, each expert with itself among them; and how many rows can be compared without its being noticed. */
static gw_status plan_pairs(gw__health *h, gw_error *err) {
    size_t capacity = 0, floats = 0;
    double work = 0;
    for (uint32_t a = 0; a < h->n_experts; a++) {
        const size_t before = h->experts[a].pair_at = h->n_pairs;
        for (uint32_t b = a; b < h->n_experts && h->experts[b].level == h->experts[a].level; b++) {
            const watched *x = &h->experts[a], *y = &h->experts[b];
            if (!comparable(h->net, x, y)) continue;
            gw_status status = gw__grow((void **)&h->pairs, &capacity, h->n_pairs + 1, sizeof *h->pairs, err);
            if (status != GW_OK) return status;
            h->pairs[h->n_pairs++] = (pair){a, b};
            work += (double)x->width * (double)y->width;
            const size_t cross = gw__panel_floats(x->width, y->width);
            h->cross_floats = cross > h->cross_floats ? cross : h->cross_floats;
        }
        if (h->n_pairs > before) floats += h->experts[a].ld;
    }
    size_t rows = GW__HEALTH_ROWS;
    if (floats * rows > COMPARED_FLOATS) rows = COMPARED_FLOATS / floats;
    if (work * (double)rows > COMPARED_WORK) rows = (size_t)(COMPARED_WORK / work);
    h->most_compared = rows < LEAST_COMPARED || h->n_pairs == h->n_experts ? 0 : rows / BLOCK * BLOCK; /* each with itself alone: nothing to compare */
    return GW_OK;
}

static gw_status plan_memory(gw__health *h, gw_error *err) {
    const size_t gates = gw__net_gate_width(h->net);
    h->scorers = calloc(h->n_threads, sizeof(gw__scorer *));
    h->gates = gw__aligned_alloc(h->n_threads * BLOCK, gates * sizeof(float));
    h->use = gw__aligned_alloc(h->use_width, sizeof(double));
    h->block_use = gw__aligned_alloc(BLOCKS * h->use_width, sizeof(double));
    h->active = gw__aligned_alloc(h->n_units, 1);
    h->block_active = gw__aligned_alloc(BLOCKS, h->n_units);
    h->block_rows = gw__aligned_alloc(BLOCKS * h->n_experts, sizeof(uint32_t));
    h->products = gw__aligned_alloc(h->n_pairs, sizeof(double));
    if (!h->scorers || !h->gates || !h->use || !h->block_use || !h->active || !h->block_active || !h->block_rows || !h->products) return gw__fail_nomem(err);
    for (; h->n_scorers < h->n_threads; h->n_scorers++) {
        gw_status status = gw__scorer_new(h->net, BLOCK, &h->scorers[h->n_scorers], err);
        if (status != GW_OK) return status;
    }
    if (!h->most_compared) return GW_OK;
    h->crosses = gw__aligned_alloc(h->n_threads, h->cross_floats * sizeof(float));
    if (!h->crosses) return gw__fail_nomem(err);
    for (size_t i = 0; i < h->n_experts; i++) {
        watched *expert = &h->experts[i];
        if (!comparable(h->net, expert, expert)) continue;
        expert->outputs = gw__aligned_alloc(h->most_compared, expert->ld * sizeof(float));
        expert->norms = gw__aligned_alloc(h->most_compared, sizeof(double));
        if (!expert->outputs || !expert->norms) return gw__fail_nomem(err);
    }
    return GW_OK;
}

gw_status gw__health_new(const gw__net *net, gw__pool *pool, gw__health **ret_health, gw_error *err) {
    gw_status status = GW_OK;
    gw__health *h = calloc(1, sizeof *h);
    if (!h) return gw__fail_nomem(err);
    *h = (gw__health){.net = net, .pool = pool, .n_threads = pool ? gw__pool_threads(pool) : 1, .use_width = gw__gate_use_width(net)};
    GW__TRY(plan_experts(h, err));
    GW__TRY(plan_pairs(h, err));
    GW__TRY(plan_memory(h, err));
    *ret_health = h;
    h = NULL;
cleanup:
    gw__health_free(h);
    return status;
}

void gw__health_free(gw__health *h) {
    if (!h) return;
    for (size_t i = 0; i < h->n_scorers; i++) gw__scorer_free(h->scorers[i]);
    for (size_t i = 0; h->experts && i < h->n_experts; i++) {
        gw__aligned_free(h->experts[i].outputs);
        gw__aligned_free(h->experts[i].norms);
    }
    void *const blocks[] = {h->gates, h->use, h->block_use, h->active, h->block_active, h->block_rows, h->products, h->crosses};
    for (size_t i = 0; i < GW__COUNT(blocks); i++) gw__aligned_free(blocks[i]);
    free(h->scorers);
    free(h->experts);
    free(h->first);
    free(h->units_at);
    free(h->pairs);
    free(h);
}

/* ---- rows through the network ---------------------------------------------------------------------------------------------------- */

void gw__health_begin(gw__health *h) {
    memset(h->use, 0, h->use_width * sizeof *h->use);
    memset(h->active, 0, h->n_units);
    for (size_t i = 0; i < h->n_experts; i++) h->experts[i].rows = 0;
    h->rows = h->compared = h->taken = 0;
}

static void see_units(const gw__pass *pass, const gw__layer_view *layer, size_t rows, uint8_t *active) {
    const float *x = gw__pass_x(pass, &layer->view);
    for (size_t r = 0; r < rows; r++, x += layer->view.ld) {
        for (uint32_t j = 0; j < layer->view.width; j++) active[j] |= x[j] > 0;
    }
}

static void keep_outputs(const gw__pass *pass, const watched *expert, size_t at) {
    const float *x = gw__pass_x(pass, &expert->output->view);
    for (size_t r = 0; r < pass->rows; r++) memcpy(expert->outputs + (at + r) * expert->ld, x + r * expert->output->view.ld, expert->width * sizeof *x);
}

/* One item is one block. */
static void run_block(void *context, size_t b, size_t worker) {
    gw__health *h = context;
    const block *rows = &h->blocks[b];
    const size_t width = gw__net_gate_width(h->net);
    float *gates = width ? h->gates + worker * BLOCK * width : NULL;
    double *use = h->block_use + b * h->use_width;
    uint8_t *active = h->block_active + b * h->n_units;
    gw__scorer_run(h->scorers[worker], h->flat, h->records, rows->begin, rows->rows, NULL, NULL, gates);
    memset(use, 0, h->use_width * sizeof *use);
    if (gates) gw__gate_use_add(h->net, gates, rows->rows, use);
    const gw__pass *pass = gw__scorer_pass(h->scorers[worker]);
    memset(active, 0, h->n_units);
    for (size_t e = 0; e < h->n_experts; e++) h->block_rows[b * h->n_experts + e] = (uint32_t)rows->rows; /* unless a layer knows better */
    for (size_t i = 0; i < h->net->n_layers; i++) {
        const gw__layer_view *layer = &h->net->layers[i];
        const size_t e = h->first[layer->level] + layer->expert;
        const size_t n = layer->route ? gw__routed_rows(layer->route, pass, layer->expert) : rows->rows;
        if (layer->last) h->block_rows[b * h->n_experts + e] = (uint32_t)n;
        if (layer->activation == GW__ACT_RELU) see_units(pass, layer, n, active + h->units_at[i]);
        if (layer->last && h->experts[e].outputs && rows->kept_at != NOT_COMPARED) keep_outputs(pass, &h->experts[e], rows->kept_at);
    }
}

/* Blocks of neighbours, spread evenly over the records; every so many of them are kept for the comparison. */
static void plan_blocks(gw__health *h, size_t n_records) {
    const size_t left = GW__HEALTH_ROWS - h->rows, n = n_records < left ? n_records : left;
    const size_t every = h->most_compared ? (GW__HEALTH_ROWS + h->most_compared - 1) / h->most_compared : 1;
    h->n_blocks = (n + BLOCK - 1) / BLOCK;
    for (size_t b = 0; b < h->n_blocks; b++) {
        const size_t rows = n - b * BLOCK < BLOCK ? n - b * BLOCK : BLOCK;
        const bool kept = h->taken++ % every == 0 && h->compared + rows <= h->most_compared;
        h->blocks[b] = (block){.begin = n == n_records ? b * BLOCK : b * n_records / h->n_blocks, .rows = rows,
                               .kept_at = kept ? h->compared : NOT_COMPARED};
        h->compared += kept ? rows : 0;
    }
    h->rows += n;
}

void gw__health_add(gw__health *h, const float *flat, const gw__records *records) {
    h->flat = flat;
    h->records = records;
    plan_blocks(h, records->n_rows);
    gw__pool_run(h->pool, h->n_blocks, run_block, h);
    for (size_t b = 0; b < h->n_blocks; b++) {
        for (size_t i = 0; i < h->use_width; i++) h->use[i] += h->block_use[b * h->use_width + i];
        for (size_t i = 0; i < h->n_units; i++) h->active[i] |= h->block_active[b * h->n_units + i];
        for (size_t e = 0; e < h->n_experts; e++) h->experts[e].rows += h->block_rows[b * h->n_experts + e];
    }
}

/* ---- comparing experts ------------------------------------------------------------------------------------------------------------ */

/* Columns get mean 0, and all together the mean square 1, which a similarity does not see. What hardly varies is constant but for rounding. */
static void centre(void *context, size_t e, size_t worker) {
    gw__health *h = context;
    watched *expert = &h->experts[e];
    const size_t n = h->compared, ld = expert->ld;
    double before = 0, after = 0;
    (void)worker;
    expert->total = 0;
    if (!expert->outputs) return;
    for (size_t j = 0; j < expert->width; j++) {
        double mean = 0;
        for (size_t r = 0; r < n; r++) mean += (double)expert->outputs[r * ld + j];
        mean /= (double)n;
        for (size_t r = 0; r < n; r++) {
            float *x = &expert->outputs[r * ld + j];
            before += (double)*x * (double)*x;
            *x = (float)((double)*x - mean);
            after += (double)*x * (double)*x;
        }
    }
    if (!(after > 1e-10 * before) || !isfinite(after)) return;
    const double scale = sqrt((double)n / after);
    for (size_t r = 0; r < n; r++) {
        double norm = 0;
        for (size_t j = 0; j < expert->width; j++) {
            float *x = &expert->outputs[r * ld + j];
            *x = (float)(*x * scale);
            norm += (double)*x * (double)*x;
        }
        expert->norms[r] = norm;
        expert->total += norm;
    }
}

/* The unbiased estimate of the Hilbert-Schmidt independence criterion with linear kernels (Song et al. 2012), times n (n - 3), of centred x and y:
 * |x'y|^2 - n/(n-2) sum of |x_i|^2 |y_i|^2 + sum of |x_i|^2 sum of |y_i|^2 / ((n-1)(n-2)). */
static void compare_pair(void *context, size_t i, size_t worker) {
    gw__health *h = context;
    const watched *x = &h->experts[h->pairs[i].a], *y = &h->experts[h->pairs[i].b];
    const size_t n = h->compared;
    const double rows = (double)n;
    const gw__kernels *kernels = h->net->kernels;
    float *cross = h->crosses + worker * h->cross_floats;
    double both = 0;
    h->products[i] = NAN;
    if (!(x->total > 0) || !(y->total > 0)) return;
    memset(cross, 0, h->cross_floats * sizeof *cross);
    kernels->product_dw(n, x->width, y->width, x->outputs, x->ld, y->outputs, y->ld, cross, NULL, false);
    for (size_t r = 0; r < n; r++) both += x->norms[r] * y->norms[r];
    h->products[i] = kernels->square_sum(gw__panel_floats(x->width, y->width), cross) - rows / (rows - 2) * both + x->total * y->total / ((rows - 1) * (rows - 2));
}

void gw__health_end(gw__health *h) {
    for (size_t i = 0; i < h->n_pairs; i++) h->products[i] = NAN;
    if (h->compared < LEAST_ROWS) return;
    gw__pool_run(h->pool, h->n_experts, centre, h);
    gw__pool_run(h->pool, h->n_pairs, compare_pair, h);
}

/* ---- what was found --------------------------------------------------------------------------------------------------------------- */

size_t gw__health_rows(const gw__health *health) { return health->rows; }

gw__gate_total gw__health_gate(const gw__health *health, size_t gate) { return gw__gate_use_of(health->net, gate, health->use, (double)health->rows); }

gw__expert_health gw__health_expert(const gw__health *h, uint32_t level, uint32_t expert) {
    const watched *w = &h->experts[h->first[level] + expert];
    gw__expert_health found = {.rows = w->rows, .units = w->n_units};
    for (size_t i = 0; w->rows && i < h->net->n_layers; i++) {
        const gw__layer_view *layer = &h->net->layers[i];
        if (layer->level != level || layer->expert != expert || layer->activation != GW__ACT_RELU) continue;
        for (uint32_t j = 0; j < layer->view.width; j++) found.dead += !h->active[h->units_at[i] + j];
    }
    return found;
}

/* Pairs of an expert stand in the order of the others, itself first. */
static double product_of(const gw__health *h, uint32_t a, uint32_t b) {
    return comparable(h->net, &h->experts[a], &h->experts[b]) ? h->products[h->experts[a].pair_at + (b - a)] : NAN;
}

double gw__health_similarity(const gw__health *h, uint32_t level, uint32_t a, uint32_t b) {
    const uint32_t x = h->first[level] + (a < b ? a : b), y = h->first[level] + (a < b ? b : a);
    const double xx = product_of(h, x, x), yy = product_of(h, y, y), least = 1e-9 * (double)h->compared * (double)h->compared;
    if (!(xx > least) || !(yy > least)) return NAN;
    if (x == y) return 1;
    const double value = product_of(h, x, y) / (sqrt(xx) * sqrt(yy));
    return value > 1 ? 1 : value < -1 ? -1 : value;
}

static void member_int(gw__json_writer *json, const char *key, size_t value) {
    gw__json_key(json, key);
    gw__json_int(json, (int64_t)value);
}

static void write_expert(const gw__health *h, const watched *expert, gw__json_writer *json) {
    const gw__expert_health found = gw__health_expert(h, expert->level, expert->index);
    gw__json_begin_object(json);
    member_int(json, "level", expert->level);
    gw__json_key(json, "name");
    gw__json_string(json, gw__net_expert_name(h->net, expert->level, expert->index));
    member_int(json, "rows", found.rows);
    member_int(json, "units", found.units);
    gw__json_key(json, "dead");
    if (found.rows && found.units) gw__json_int(json, (int64_t)found.dead);
    else gw__json_null(json);
    gw__json_end_object(json);
}

static void write_similarity(const gw__health *h, uint32_t level, gw__json_writer *json) {
    const uint32_t n = gw__net_expert_count(h->net, level);
    gw__json_begin_object(json);
    member_int(json, "level", level);
    gw__json_key(json, "measure");
    gw__json_string(json, "cka");
    gw__json_key(json, "experts");
    gw__json_begin_list(json);
    for (uint32_t e = 0; e < n; e++) gw__json_string(json, gw__net_expert_name(h->net, level, e));
    gw__json_end_list(json);
    gw__json_key(json, "values");
    gw__json_begin_list(json);
    for (uint32_t a = 0; a < n; a++) {
        gw__json_begin_list(json);
        for (uint32_t b = 0; b < n; b++) gw__json_double(json, gw__health_similarity(h, level, a, b));
        gw__json_end_list(json);
    }
    gw__json_end_list(json);
    gw__json_end_object(json);
}

void gw__health_write(const gw__health *h, bool gates, gw__json_writer *json) {
    member_int(json, "rows", h->rows);
    if (gates) {
        gw__json_key(json, "gates");
        gw__gate_use_write_all(h->net, h->use, (double)h->rows, json);
    }
    gw__json_key(json, "experts");
    gw__json_begin_list(json);
    for (size_t i = 0; i < h->n_experts; i++) write_expert(h, &h->experts[i], json);
    gw__json_end_list(json);
    gw__json_key(json, "similarity");
    gw__json_begin_list(json);
    for (uint32_t l = 0; l < gw__net_level_count(h->net); l++) {
        if (gw__net_is_compared(h->net, l)) write_similarity(h, l, json);
    }
    gw__json_end_list(json);
}
