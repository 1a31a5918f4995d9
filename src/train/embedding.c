#include "train/embedding.h"

#include <stdlib.h>
#include <string.h>

#include "model/net_plan.h"

#define LINE 16          /* floats of a cache line */
#define AHEAD 8          /* touched rows that are on their way while one is updated: a few lines each */
#define RECORDS_AHEAD 16
#define PART_FLOATS 4096 /* of rows that one part updates: some ten microseconds */
#define MOST_PARTS 64    /* of a table */
#define COUNT_CLASSES 33

/* Hash table from rows to their numbers among the touched ones; where a table is small, a row is its own place. */
typedef struct place { uint32_t row, number; /* from 1; 0: free */ } place;

typedef struct use { gw__term term; uint32_t touched; } use; /* the row, then its number among the touched ones, from 0 */

/* Of each thread, for one table at a time. Places are free before and after. */
typedef struct scratch {
    place *places;
    uint32_t *taken; /* [touched] places that are not free */
    use *uses;
    float *sum; /* [dim] */
} scratch;

typedef struct table {
    uint32_t dim;
    uint64_t rows;
    size_t at, first_row;   /* in the flat buffer; among the rows of all tables */
    const uint32_t *slots;  /* the input's slots that read it */
    size_t n_slots;
    size_t capacity, most;  /* uses, touched rows of a batch */
    uint32_t place_bits;
    size_t first_part, n_parts;
    /* the index of the batch */
    size_t n;               /* touched rows */
    uint32_t *touched;      /* [most] in the order of their first use */
    uint32_t *ends;         /* [most] where a row's terms end; they begin where those of the row before end */
    gw__term *terms;        /* [capacity] places in ddense, in the order of the batch for each row */
    uint32_t *number;       /* [rows] 1 + the row's place in `touched`, 0: not touched. Only where all rows are updated, else NULL */
} table;

typedef void (*update_row)(const gw__update *u, size_t n, float *w, const float *g, float *s0, float *s1);

struct gw__embeddings {
    const gw__net *net;
    const gw__records *records;
    const gw__kernels *kernels;
    update_row update;
    bool lazy;
    float clip_value;
    table *tables;
    size_t n_tables;
    uint32_t *slots;        /* of all tables, one after another */
    uint32_t *part_table;   /* [n_parts] */
    size_t n_parts;
    scratch *scratch;       /* [threads] */
    size_t threads;
    size_t n_rows;          /* of all tables */
    float *row_sums, *zeros;
};

/* ---- plan ------------------------------------------------------------------------------------------------------------------------ */

static const uint32_t *bag_of(const gw__input *in, const uint32_t *record, const gw__slot *slot) { return record + in->bags_at + 2 * (size_t)slot->index; }

static gw_status list_slots(gw__embeddings *e, gw_error *err) {
    const gw__input *in = &e->net->input;
    e->slots = gw__aligned_alloc(in->n_slots, sizeof *e->slots);
    if (!e->slots) return gw__fail_nomem(err);
    for (size_t s = 0; s < in->n_slots; s++) {
        if (in->slots[s].kind != GW__SLOT_NUMBER) e->tables[in->slots[s].table].n_slots++;
    }
    uint32_t *at = e->slots;
    for (size_t i = 0; i < e->n_tables; i++) {
        e->tables[i].slots = at;
        at += e->tables[i].n_slots;
        e->tables[i].n_slots = 0;
    }
    for (uint32_t s = 0; s < in->n_slots; s++) {
        if (in->slots[s].kind == GW__SLOT_NUMBER) continue;
        table *t = &e->tables[in->slots[s].table];
        e->slots[(size_t)(t->slots - e->slots) + t->n_slots++] = s;
    }
    return GW_OK;
}

/* Records by how often they use a table: class c has counts of c binary digits. */
typedef struct classes {
    size_t n[COUNT_CLASSES], sum[COUNT_CLASSES], most[COUNT_CLASSES];
} classes;

static void count_uses(const gw__embeddings *e, const table *t, size_t row, classes *c) {
    const gw__input *in = &e->net->input;
    const uint32_t *record = gw__record_at(e->records, row);
    size_t uses = 0;
    for (size_t i = 0; i < t->n_slots; i++) {
        const gw__slot *slot = &in->slots[t->slots[i]];
        uses += slot->kind == GW__SLOT_EMBEDDING ? 1 : bag_of(in, record, slot)[1];
    }
    size_t class = 0;
    while (class < COUNT_CLASSES - 1 && uses >> class) class++;
    c->n[class]++;
    c->sum[class] += uses;
    if (uses > c->most[class]) c->most[class] = uses;
}

/* Most uses that `batch` different records can have: bags differ much, and the longest times `batch` may be more than there is memory for. */
static size_t plan_capacity(const gw__embeddings *e, const table *t, size_t batch) {
    const gw__input *in = &e->net->input;
    bool bags = false;
    for (size_t i = 0; i < t->n_slots; i++) bags = bags || in->slots[t->slots[i]].kind != GW__SLOT_EMBEDDING;
    if (!bags) return t->n_slots * batch;
    classes c = {{0}};
    for (size_t r = 0; r < e->records->n_rows; r++) count_uses(e, t, r, &c);
    size_t uses = 0, left = batch;
    for (size_t class = COUNT_CLASSES; class-- > 0; left -= c.n[class] < left ? c.n[class] : left) {
        size_t part = left * c.most[class];
        uses += part < c.sum[class] ? part : c.sum[class];
    }
    return uses;
}

/* A small table has a place for each row, a large one twice as many as rows can be touched. */
static uint32_t plan_place_bits(const table *t) {
    uint32_t bits = 4;
    while (bits < 32 && (size_t)1 << bits < 2 * t->most && (size_t)1 << bits < t->rows) bits++;
    return bits;
}

/* A row to update is as much work as two uses. */
static void plan_table_parts(gw__embeddings *e, table *t) {
    const double rows = e->lazy ? (double)t->most : (double)t->rows, work = (rows + (double)t->capacity / 2) * t->dim / PART_FLOATS;
    t->first_part = e->n_parts;
    t->n_parts = work < MOST_PARTS ? (size_t)work + 1 : MOST_PARTS;
    e->n_parts += t->n_parts;
}

static gw_status plan_table(gw__embeddings *e, uint32_t i, size_t batch, gw_error *err) {
    const gw__table_shape *shape = &e->net->input.tables[i];
    table *t = &e->tables[i];
    t->dim = shape->dim;
    t->rows = shape->rows;
    t->at = e->net->table_at[i];
    t->first_row = i ? e->tables[i - 1].first_row + (size_t)e->tables[i - 1].rows : 0;
    t->capacity = plan_capacity(e, t, batch);
    if (t->capacity > UINT32_MAX / 2) {
        return gw__fail_at(err, GW_E_LIMIT, shape->name, 0, 0, "a batch reads the embedding table up to %zu times; hint: lower train.batch", t->capacity);
    }
    t->most = t->rows < t->capacity ? (size_t)t->rows : t->capacity;
    t->place_bits = plan_place_bits(t);
    plan_table_parts(e, t);
    t->touched = gw__aligned_alloc(t->most, sizeof *t->touched);
    t->ends = gw__aligned_alloc(t->most, sizeof *t->ends);
    t->terms = gw__aligned_alloc(t->capacity, sizeof *t->terms);
    if (!e->lazy) t->number = gw__aligned_alloc((size_t)t->rows, sizeof *t->number);
    return t->touched && t->ends && t->terms && (e->lazy || t->number) ? GW_OK : gw__fail_nomem(err);
}

static gw_status plan_parts(gw__embeddings *e, gw_error *err) {
    e->part_table = gw__aligned_alloc(e->n_parts, sizeof *e->part_table);
    if (!e->part_table) return gw__fail_nomem(err);
    for (uint32_t i = 0; i < e->n_tables; i++) {
        for (size_t p = 0; p < e->tables[i].n_parts; p++) e->part_table[e->tables[i].first_part + p] = i;
    }
    return GW_OK;
}

static gw_status plan_scratch(gw__embeddings *e, gw_error *err) {
    size_t places = 0, touched = 0, uses = 0, dim = 0;
    for (size_t i = 0; i < e->n_tables; i++) {
        const table *t = &e->tables[i];
        if ((size_t)1 << t->place_bits > places) places = (size_t)1 << t->place_bits;
        if (t->most > touched) touched = t->most;
        if (t->capacity > uses) uses = t->capacity;
        if (t->dim > dim) dim = t->dim;
        e->n_rows += (size_t)t->rows;
    }
    e->scratch = calloc(e->threads, sizeof *e->scratch);
    e->zeros = gw__aligned_alloc(dim, sizeof *e->zeros);
    if (!e->scratch || !e->zeros) return gw__fail_nomem(err);
    for (size_t w = 0; w < e->threads; w++) {
        scratch *s = &e->scratch[w];
        s->places = gw__aligned_alloc(places, sizeof *s->places);
        s->taken = gw__aligned_alloc(touched, sizeof *s->taken);
        s->uses = gw__aligned_alloc(uses, sizeof *s->uses);
        s->sum = gw__aligned_alloc(dim, sizeof *s->sum);
        if (!s->places || !s->taken || !s->uses || !s->sum) return gw__fail_nomem(err);
    }
    if (e->update != e->kernels->update_rowwise) return GW_OK;
    e->row_sums = gw__aligned_alloc(e->n_rows, sizeof *e->row_sums);
    return e->row_sums ? GW_OK : gw__fail_nomem(err);
}

gw_status gw__embeddings_new(const gw__net *net, const gw__train_spec *train, const gw__records *records, size_t batch, size_t threads,
                             gw__embeddings **ret_embeddings, gw_error *err) {
    const gw__optimizer_spec *optimizer = &train->optimizer;
    gw_status status = GW_OK;
    gw__embeddings *e = calloc(1, sizeof *e);
    if (!e) return gw__fail_nomem(err);
    e->net = net;
    e->records = records;
    e->kernels = net->kernels;
    e->update = optimizer->embeddings.on ? e->kernels->update_rowwise : e->kernels->update[optimizer->name];
    e->lazy = optimizer->lazy;
    e->clip_value = (float)train->clip_value;
    e->n_tables = net->input.n_tables;
    e->threads = threads;
    e->tables = calloc(e->n_tables + 1, sizeof *e->tables);
    if (!e->tables) GW__FAIL(gw__fail_nomem(err));
    if (e->n_tables > 0 && batch > UINT32_MAX / net->dense.ld) {
        GW__FAIL(gw__fail(err, GW_E_LIMIT, "a batch of %zu rows of %u inputs is too large; hint: lower train.batch", batch, net->dense.width));
    }
    GW__TRY(list_slots(e, err));
    for (uint32_t i = 0; i < e->n_tables; i++) GW__TRY(plan_table(e, i, batch, err));
    GW__TRY(plan_parts(e, err));
    GW__TRY(plan_scratch(e, err));
    *ret_embeddings = e;
    e = NULL;
cleanup:
    gw__embeddings_free(e);
    return status;
}

void gw__embeddings_free(gw__embeddings *e) {
    if (!e) return;
    for (size_t i = 0; e->tables && i < e->n_tables; i++) {
        table *t = &e->tables[i];
        void *const blocks[] = {t->touched, t->ends, t->terms, t->number};
        for (size_t b = 0; b < GW__COUNT(blocks); b++) gw__aligned_free(blocks[b]);
    }
    for (size_t w = 0; e->scratch && w < e->threads; w++) {
        gw__aligned_free(e->scratch[w].places);
        gw__aligned_free(e->scratch[w].taken);
        gw__aligned_free(e->scratch[w].uses);
        gw__aligned_free(e->scratch[w].sum);
    }
    free(e->tables);
    free(e->scratch);
    gw__aligned_free(e->slots);
    gw__aligned_free(e->part_table);
    gw__aligned_free(e->row_sums);
    gw__aligned_free(e->zeros);
    free(e);
}

size_t gw__embeddings_tables(const gw__embeddings *e) { return e->n_tables; }
size_t gw__embeddings_parts(const gw__embeddings *e) { return e->n_parts; }
float *gw__embeddings_row_sums(const gw__embeddings *e) { return e->row_sums; }
size_t gw__embeddings_rows(const gw__embeddings *e) { return e->n_rows; }

/* ---- the index of a batch -------------------------------------------------------------------------------------------------------- */

/* A row is used: scale times its gradient at ddense[at …]. */
static inline void note_bag(const scratch *s, size_t *n_uses, const gw__records *records, const uint32_t *bag, bool mean, uint32_t at) {
    const float scale = mean && bag[1] ? 1.0f / (float)bag[1] : 1.0f;
    for (uint32_t i = 0; i < bag[1]; i++) s->uses[(*n_uses)++] = (use){{at, scale}, (uint32_t)records->bag_ids[bag[0] + i]};
}

/* The uses of a table in the order of the batch, each with its row; their number. */
static size_t collect_uses(const gw__embeddings *e, const table *t, const scratch *s, const uint64_t *rows, size_t n) {
    const gw__input *in = &e->net->input;
    const uint32_t ld = e->net->dense.ld;
    const gw__slot *first = &in->slots[t->slots[0]];
    const uint32_t first_at = first->kind == GW__SLOT_EMBEDDING ? in->ids_at + first->index : in->bags_at + 2 * first->index;
    size_t n_uses = 0;
    for (size_t r = 0; r < n; r++) {
        const uint32_t *record = gw__record_at(e->records, (size_t)rows[r]);
        if (r + RECORDS_AHEAD < n) __builtin_prefetch(gw__record_at(e->records, (size_t)rows[r + RECORDS_AHEAD]) + first_at);
        for (size_t i = 0; i < t->n_slots; i++) {
            const gw__slot *slot = &in->slots[t->slots[i]];
            const uint32_t at = (uint32_t)r * ld + slot->dense_at;
            if (slot->kind == GW__SLOT_EMBEDDING) s->uses[n_uses++] = (use){{at, 1}, record[in->ids_at + slot->index]};
            else note_bag(s, &n_uses, e->records, bag_of(in, record, slot), slot->kind == GW__SLOT_BAG_MEAN, at);
        }
    }
    return n_uses;
}

/* Open addressing, by Fibonacci hashing; a row of a small table is its own place, and nobody else's. */
static inline __attribute__((always_inline)) uint32_t place_of(const place *places, bool own, uint32_t bits, uint32_t row) {
    if (own) return row;
    const uint32_t mask = (uint32_t)(((uint64_t)1 << bits) - 1);
    uint32_t at = (row * 2654435769u) >> (32 - bits);
    while (places[at].number && places[at].row != row) at = (at + 1) & mask;
    return at;
}

/* Number the rows in the order of their first use, count the uses of each in `ends`, and give each use its row's number in place of the row. */
static inline __attribute__((always_inline)) void number_rows(table *t, const scratch *s, bool own, size_t n_uses) {
    place *places = s->places;
    uint32_t *touched = t->touched, *counts = t->ends;
    const uint32_t bits = t->place_bits;
    uint32_t n = 0;
    for (size_t u = 0; u < n_uses; u++) {
        const uint32_t row = s->uses[u].touched, at = place_of(places, own, bits, row);
        if (!places[at].number) {
            s->taken[n] = at;
            touched[n] = row;
            counts[n] = 0;
            places[at] = (place){row, ++n};
        }
        counts[places[at].number - 1]++;
        s->uses[u].touched = places[at].number - 1;
    }
    for (uint32_t k = 0; k < n; k++) places[s->taken[k]].number = 0;
    t->n = n;
}

void gw__embeddings_index(gw__embeddings *e, size_t i, size_t worker, const uint64_t *rows, size_t n) {
    table *t = &e->tables[i];
    const scratch *s = &e->scratch[worker];
    for (size_t k = 0; k < t->n && t->number; k++) t->number[t->touched[k]] = 0; /* of the batch before */
    const size_t n_uses = collect_uses(e, t, s, rows, n);
    if (t->rows <= (uint64_t)1 << t->place_bits) number_rows(t, s, true, n_uses);
    else number_rows(t, s, false, n_uses);
    uint32_t begin = 0;
    for (size_t k = 0; k < t->n; k++) {
        const uint32_t count = t->ends[k];
        t->ends[k] = begin;
        begin += count;
    }
    for (size_t u = 0; u < n_uses; u++) t->terms[t->ends[s->uses[u].touched]++] = s->uses[u].term;
    for (size_t k = 0; k < t->n && t->number; k++) t->number[t->touched[k]] = (uint32_t)k + 1;
}

/* ---- touched rows ---------------------------------------------------------------------------------------------------------------- */

static uint32_t first_term(const table *t, size_t k) { return k ? t->ends[k - 1] : 0; }

/* The gradient of touched row k: where it stands, or its sum in `sum`. */
static inline const float *gradient_of(const gw__embeddings *e, const table *t, size_t k, const float *ddense, float limit, float *sum) {
    const gw__term *terms = t->terms + first_term(t, k);
    const size_t n = t->ends[k] - first_term(t, k);
    if (n == 1 && terms->scale == 1 && limit == 0) return ddense + terms->at;
    e->kernels->sum_rows(t->dim, n, terms, ddense, sum);
    if (limit > 0) e->kernels->clamp(t->dim, limit, sum);
    return sum;
}

/* Touched rows before part p of n: parts have about as much to do each, whether rows are touched once or by half of the batch. */
static size_t part_begin(const table *t, size_t p) {
    if (t->n == 0 || p == 0) return 0;
    const uint64_t all = 2 * (uint64_t)t->n + t->ends[t->n - 1], share = all * p / t->n_parts;
    size_t begin = 0, end = t->n; /* the first row that ends behind the share */
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (2 * ((uint64_t)middle + 1) + t->ends[middle] > share) end = middle;
        else begin = middle + 1;
    }
    return begin;
}

static size_t part_end(const table *t, size_t p) { return p + 1 < t->n_parts ? part_begin(t, p + 1) : t->n; }

double gw__embeddings_squares(const gw__embeddings *e, size_t part, size_t worker, const float *ddense) {
    const table *t = &e->tables[e->part_table[part]];
    const size_t p = part - t->first_part, end = part_end(t, p);
    double squares = 0;
    for (size_t k = part_begin(t, p); k < end; k++) {
        squares += e->kernels->square_sum(t->dim, gradient_of(e, t, k, ddense, e->clip_value, e->scratch[worker].sum));
    }
    return squares;
}

/* ---- updates --------------------------------------------------------------------------------------------------------------------- */

static inline void fetch_to_write(const float *at, uint32_t n) {
    for (uint32_t i = 0; i < n; i += LINE) __builtin_prefetch(at + i, 1);
}

/* What an update reads and writes of one row. */
typedef struct row_view { float *w, *s0, *s1; uint32_t state_width; } row_view;

static inline row_view view_of(const gw__embeddings *e, const table *t, const gw__table_step *step, size_t row) {
    const size_t at = t->at + row * t->dim;
    if (e->row_sums) return (row_view){step->flat + at, e->row_sums + t->first_row + row, NULL, 1};
    return (row_view){step->flat + at, step->state[0] ? step->state[0] + at : NULL, step->state[1] ? step->state[1] + at : NULL, t->dim};
}

static inline void fetch_row(const gw__embeddings *e, const table *t, const gw__table_step *step, size_t k) {
    const row_view row = view_of(e, t, step, t->touched[k]);
    fetch_to_write(row.w, t->dim);
    if (row.s0) fetch_to_write(row.s0, row.state_width);
    if (row.s1) fetch_to_write(row.s1, row.state_width);
    const float *g = step->ddense + t->terms[first_term(t, k)].at;
    for (uint32_t i = 0; i < t->dim; i += LINE) __builtin_prefetch(g + i);
}

static void update_touched(const gw__embeddings *e, const table *t, size_t p, const gw__table_step *step, float *sum) {
    const size_t begin = part_begin(t, p), end = part_end(t, p);
    for (size_t k = begin; k < end && k < begin + AHEAD; k++) fetch_row(e, t, step, k);
    for (size_t k = begin; k < end; k++) {
        if (k + AHEAD < end) fetch_row(e, t, step, k + AHEAD);
        const row_view row = view_of(e, t, step, t->touched[k]);
        e->update(step->update, t->dim, row.w, gradient_of(e, t, k, step->ddense, e->clip_value, sum), row.s0, row.s1);
    }
}

static void update_all(const gw__embeddings *e, const table *t, size_t p, const gw__table_step *step, float *sum) {
    const size_t end = (size_t)t->rows * (p + 1) / t->n_parts;
    for (size_t r = (size_t)t->rows * p / t->n_parts; r < end; r++) {
        const row_view row = view_of(e, t, step, r);
        const float *g = t->number[r] ? gradient_of(e, t, t->number[r] - 1, step->ddense, e->clip_value, sum) : e->zeros;
        e->update(step->update, t->dim, row.w, g, row.s0, row.s1);
    }
}

void gw__embeddings_update(const gw__embeddings *e, size_t part, size_t worker, const gw__table_step *step) {
    const table *t = &e->tables[e->part_table[part]];
    if (e->lazy) update_touched(e, t, part - t->first_part, step, e->scratch[worker].sum);
    else update_all(e, t, part - t->first_part, step, e->scratch[worker].sum);
}

void gw__embeddings_scatter(const gw__embeddings *e, const float *ddense, float *ret_flat) {
    for (size_t i = 0; i < e->n_tables; i++) {
        const table *t = &e->tables[i];
        for (size_t k = 0; k < t->n; k++) {
            memcpy(ret_flat + t->at + (size_t)t->touched[k] * t->dim, gradient_of(e, t, k, ddense, 0, e->scratch[0].sum), t->dim * sizeof *ret_flat);
        }
    }
}
