/* Batches to records, feature by feature over blocks of rows. */
#include "feat/encoder.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"

#define BAG_VALUES 4 /* values of a bag that a reservation counts on */

struct gw__encoder {
    const gw__features *features; /* borrowed */
    bool labels;
    size_t *feature;                              /* [features] column of the table; GW__NO_COLUMN: left out */
    size_t *label, *given, *row_weight, *group;   /* [T], [groups]; GW__NO_COLUMN where there is none */
    gw__arena arena;

    uint32_t *words;
    size_t rows_capacity;
    int32_t *bag_ids;
    size_t n_bag_ids, bag_capacity;

    const uint8_t *parts;
    uint64_t first_row;
    bool training;
    gw__task_count *counts[2];
    int64_t *missing_cells;
};

/* A block of a batch under way. In a failing run `n` shrinks to the first bad row, so that the earliest is reported. */
typedef struct encoding {
    gw__encoder *encoder;
    const gw__batch *batch;
    size_t begin;   /* batch row of the block's first */
    gw__block *block;
    uint8_t *skip;  /* of the block's rows, or NULL */
    int64_t missing;
    gw_status status;
    size_t bad_row; /* in the block */
    gw_error *err;
} encoding;

/* ---- binding ---- */

static gw_status bind(const gw__columns *columns, const char *name, size_t *ret, gw_error *err) {
    uint32_t column = gw__columns_find(columns, name);
    if (column != GW__NO_ENTRY) return *ret = column, GW_OK;
    const char *near = gw__nearest(gw__slice_of(name), columns->names.at, columns->names.n);
    return gw__fail_at(err, GW_E_DATA, name, 0, 0, "column '%s' is missing%s%s%s", name, near ? "; hint: the nearest name is '" : "", near ? near : "",
                       near ? "'" : "");
}

static gw_status bind_optional(const gw__columns *columns, const char *name, size_t *ret, gw_error *err) {
    *ret = GW__NO_COLUMN;
    return name ? bind(columns, name, ret, err) : GW_OK;
}

static gw_status bind_tasks(gw__encoder *encoder, const gw__columns *columns, gw_error *err) {
    gw_status status = GW_OK;
    const gw__features *features = encoder->features;
    for (size_t t = 0; t < features->n_tasks; t++) {
        const gw__task *task = &features->tasks[t];
        GW__TRY(bind(columns, task->spec->label, &encoder->label[t], err));
        GW__TRY(bind_optional(columns, task->given_column, &encoder->given[t], err));
        GW__TRY(bind_optional(columns, task->spec->row_weight, &encoder->row_weight[t], err));
    }
    for (size_t g = 0; g < features->n_groups; g++) GW__TRY(bind(columns, features->groups[g], &encoder->group[g], err));
cleanup:
    return status;
}

gw_status gw__encoder_new(const gw__features *features, const char *const *names, size_t n_names, bool want_labels,
                          gw__encoder **ret_encoder, gw_error *err) {
    gw_status status = GW_OK;
    gw__columns columns = {0};
    gw__encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder) return gw__fail_nomem(err);
    encoder->features = features;
    encoder->labels = want_labels;
    size_t **lists[] = {&encoder->feature, &encoder->label, &encoder->given, &encoder->row_weight, &encoder->group};
    size_t lengths[] = {features->n, features->n_tasks, features->n_tasks, features->n_tasks, features->n_groups};
    for (size_t i = 0; i < GW__COUNT(lists); i++) {
        *lists[i] = gw__arena_alloc(&encoder->arena, lengths[i] ? lengths[i] : 1, sizeof **lists[i]);
        if (!*lists[i]) GW__FAIL(gw__fail_nomem(err));
    }
    GW__TRY(gw__columns_init(&columns, (gw__texts){names, n_names}, err));
    for (size_t i = 0; i < features->n; i++) GW__TRY(bind(&columns, features->at[i].name, &encoder->feature[i], err));
    if (want_labels) GW__TRY(bind_tasks(encoder, &columns, err));
    *ret_encoder = encoder;
    encoder = NULL;
cleanup:
    gw__columns_clear(&columns);
    gw__encoder_free(encoder);
    return status;
}

void gw__encoder_free(gw__encoder *encoder) {
    if (!encoder) return;
    gw__aligned_free(encoder->words);
    free(encoder->bag_ids);
    gw__arena_clear(&encoder->arena);
    free(encoder);
}

const size_t *gw__encoder_columns(const gw__encoder *encoder) {
    return encoder->feature;
}

void gw__encoder_narrow(gw__encoder *encoder, size_t begin, size_t n) {
    for (size_t f = 0; f < encoder->features->n; f++) {
        size_t *column = &encoder->feature[f];
        *column = *column >= begin && *column - begin < n ? *column - begin : GW__NO_COLUMN;
    }
}

void gw__encoder_rows(gw__encoder *encoder, const uint8_t *parts, uint64_t first_row, gw__task_count *counts[2], int64_t *missing_cells) {
    encoder->parts = parts;
    encoder->training = parts != NULL;
    encoder->first_row = first_row;
    encoder->counts[0] = counts[0];
    encoder->counts[1] = counts[1];
    encoder->missing_cells = missing_cells;
}

/* ---- bad cells ---- */

static void leave_out(encoding *e, size_t i) {
    e->skip[i] = 1;
    memset(e->block->record[i], 0, e->encoder->features->input.stride * sizeof(uint32_t));
    e->block->record[i] = NULL;
}

/* Take note of a bad cell; the caller goes on to the next row, which may be beyond block->n now. */
static void reject(encoding *e, size_t i, gw__flaw flaw, size_t task, size_t column) {
    char buffer[GW__CELL_TEXT];
    if (e->skip) {
        leave_out(e, i);
        return;
    }
    const char *name = e->batch->columns[column].name ? e->batch->columns[column].name : "";
    gw__bad_cell bad = {flaw, i, column, task};
    e->status = gw__fail_flaw(e->err, e->encoder->features, bad, name, gw__cell_text(e->batch, column, e->begin + i, buffer));
    if (e->err) snprintf(e->err->where, sizeof e->err->where, "%s", name);
    e->bad_row = i;
    e->block->n = i;
}

/* ---- features ---- */

bool gw__unseen(const gw__features *features, size_t feature, uint64_t row, size_t piece) {
    double rate = features->at[feature].spec->unseen_rate;
    uint64_t what = feature | (uint64_t)piece << 32;
    return rate > 0 && gw__random_uniform(features->spec->train.data_seed, GW__RANDOM_UNSEEN, what, row) < rate;
}

static void encode_number(encoding *e, const gw__feature *feature, size_t column) {
    const gw__block *block = e->block;
    for (size_t i = 0; i < block->n; i++) {
        double value;
        if (!block->record[i]) continue;
        bool number = gw__cell_number(e->batch, column, e->begin + i, &e->encoder->features->missing, &value), absent = number && isnan(value);
        if (!number || (absent && feature->spec->missing == GW__MISSING_FAIL)) {
            reject(e, i, GW__FLAW_NUMBER, 0, column);
            continue;
        }
        float *numbers = (float *)block->record[i] + feature->index; /* numbers_at is 0 */
        numbers[0] = gw__number_apply(feature, value);
        if (feature->spec->indicator) numbers[1] = absent;
        e->missing += absent;
        if (!isfinite(numbers[0])) reject(e, i, GW__FLAW_RANGE, 0, column);
    }
}

static int32_t id_of(const gw__features *features, const gw__embedding *embedding, gw__slice text, bool *ret_absent) {
    if (embedding->buckets) {
        *ret_absent = gw__missing_has(&features->missing, text);
        return *ret_absent ? 0 : (int32_t)(1 + gw__hash(text.at, text.n) % embedding->buckets);
    }
    uint32_t row = text.n ? gw__vocabulary_row(embedding, text) : 0;
    *ret_absent = row == 0 && gw__missing_has(&features->missing, text); /* the vocabulary holds no missing text */
    return *ret_absent ? embedding->has_missing : (int32_t)row;
}

static void encode_id(encoding *e, size_t f, size_t column) {
    const gw__features *features = e->encoder->features;
    const gw__feature *feature = &features->at[f];
    const gw__embedding *embedding = &features->embeddings[feature->table];
    const gw__block *block = e->block;
    char buffer[GW__CELL_TEXT];
    for (size_t i = 0; i < block->n; i++) {
        bool absent;
        if (!block->record[i]) continue;
        int32_t id = id_of(features, embedding, gw__cell_text(e->batch, column, e->begin + i, buffer), &absent);
        bool trains = block->training && block->part[i] == GW__PART_TRAIN && !absent && !embedding->buckets;
        if (trains && gw__unseen(features, f, block->first_row + i, 0)) id = 0;
        ((int32_t *)block->record[i])[features->input.ids_at + feature->index] = id;
        e->missing += absent;
    }
}

/* The values of one bag, behind those that are there. */
static gw_status add_bag(encoding *e, size_t f, gw__slice text, size_t i) {
    gw__encoder *encoder = e->encoder;
    const gw__feature *feature = &encoder->features->at[f];
    const gw__embedding *embedding = &encoder->features->embeddings[feature->table];
    gw__slice separator = gw__slice_of(feature->spec->separator), piece;
    bool trains = e->block->training && e->block->part[i] == GW__PART_TRAIN && !embedding->buckets;
    for (size_t k = 0; gw__bag_next(&text, separator, &piece); k++) {
        if (encoder->n_bag_ids >= UINT32_MAX) return gw__fail(e->err, GW_E_LIMIT, "more than %u values in bags", UINT32_MAX);
        gw_status status = gw__grow((void **)&encoder->bag_ids, &encoder->bag_capacity, encoder->n_bag_ids + 1, sizeof *encoder->bag_ids, e->err);
        if (status != GW_OK) return status;
        int32_t id = embedding->buckets ? (int32_t)(1 + gw__hash(piece.at, piece.n) % embedding->buckets) : (int32_t)gw__vocabulary_row(embedding, piece);
        if (trains && gw__unseen(encoder->features, f, e->block->first_row + i, k)) id = 0;
        encoder->bag_ids[encoder->n_bag_ids++] = id;
    }
    return GW_OK;
}

static void encode_bag(encoding *e, size_t f, size_t column) {
    const gw__features *features = e->encoder->features;
    const gw__feature *feature = &features->at[f];
    char buffer[GW__CELL_TEXT];
    for (size_t i = 0; i < e->block->n; i++) {
        if (!e->block->record[i]) continue;
        gw__slice text = gw__cell_text(e->batch, column, e->begin + i, buffer);
        uint32_t *bag = e->block->record[i] + features->input.bags_at + 2 * feature->index;
        bag[0] = (uint32_t)e->encoder->n_bag_ids;
        if (!gw__missing_has(&features->missing, text)) {
            gw_status status = add_bag(e, f, text, i);
            if (status != GW_OK) {
                e->status = status;
                return;
            }
        }
        bag[1] = (uint32_t)(e->encoder->n_bag_ids - bag[0]);
        e->missing += bag[1] == 0;
    }
}

/* ---- tasks ---- */

static void encode_label(encoding *e, size_t t) {
    const gw__features *features = e->encoder->features;
    size_t column = e->encoder->label[t];
    char buffer[GW__CELL_TEXT];
    for (size_t i = 0; i < e->block->n; i++) {
        double value;
        if (!e->block->record[i]) continue;
        float *label = (float *)(e->block->record[i] + features->input.labels_at) + t;
        bool good = features->tasks[t].by_text
                        ? gw__label_text(features, t, gw__cell_text(e->batch, column, e->begin + i, buffer), label)
                        : gw__cell_number(e->batch, column, e->begin + i, &features->missing, &value) && gw__label_number(features, t, value, label);
        if (!good) reject(e, i, GW__FLAW_LABEL, t, column);
    }
}

/* Numbers that steer a task: `given` (the flaw of what is neither 0 nor 1) and row weights. */
static void read_steering(encoding *e, size_t column, gw__flaw flaw, double *ret) {
    bool weights = flaw == GW__FLAW_WEIGHT;
    for (size_t i = 0; i < e->block->n; i++) {
        if (!e->block->record[i]) continue;
        bool number = gw__cell_number(e->batch, column, e->begin + i, &e->encoder->features->missing, &ret[i]);
        if (!number) reject(e, i, weights ? GW__FLAW_NUMBER : flaw, 0, column);
        else if (!(weights ? gw__row_weight_good(ret[i]) : gw__given_good(ret[i]))) reject(e, i, flaw, 0, column);
    }
}

static void encode_groups(encoding *e, size_t g) {
    const gw__features *features = e->encoder->features;
    size_t column = e->encoder->group[g];
    char buffer[GW__CELL_TEXT];
    for (size_t i = 0; i < e->block->n; i++) {
        if (!e->block->record[i]) continue;
        gw__slice text = gw__cell_text(e->batch, column, e->begin + i, buffer);
        uint64_t *groups = (uint64_t *)(void *)(e->block->record[i] + features->input.groups_at);
        groups[g] = gw__missing_has(&features->missing, text) ? 0 : gw__hash(text.at, text.n);
    }
}

/* All labels before any weight: a task's sample space may be another task's label. Bad cells are looked for before anything is counted. */
static void encode_tasks(encoding *e) {
    gw__encoder *encoder = e->encoder;
    const gw__features *features = encoder->features;
    double given[GW__BLOCK_ROWS], weights[GW__BLOCK_ROWS];
    for (size_t t = 0; t < features->n_tasks; t++) {
        encode_label(e, t);
        if (encoder->given[t] != GW__NO_COLUMN) read_steering(e, encoder->given[t], GW__FLAW_GIVEN, given);
        if (encoder->row_weight[t] != GW__NO_COLUMN) read_steering(e, encoder->row_weight[t], GW__FLAW_WEIGHT, weights);
    }
    for (size_t g = 0; g < features->n_groups; g++) encode_groups(e, g);
    if (e->status != GW_OK) return;
    for (size_t t = 0; t < features->n_tasks; t++) {
        bool has_given = encoder->given[t] != GW__NO_COLUMN, has_weights = encoder->row_weight[t] != GW__NO_COLUMN;
        if (has_given) read_steering(e, encoder->given[t], GW__FLAW_GIVEN, given);
        if (has_weights) read_steering(e, encoder->row_weight[t], GW__FLAW_WEIGHT, weights);
        gw__task_weights(features, t, e->block, has_given ? given : NULL, has_weights ? weights : NULL, encoder->counts);
    }
    gw__labels_finish(features, e->block);
}

/* ---- blocks ---- */

static void encode_block(encoding *e) {
    const gw__features *features = e->encoder->features;
    for (size_t f = 0; f < features->n; f++) {
        size_t column = e->encoder->feature[f];
        if (column == GW__NO_COLUMN) continue;
        switch (features->at[f].type) {
        case GW__FEATURE_NUMERIC: encode_number(e, &features->at[f], column); break;
        case GW__FEATURE_BAG: encode_bag(e, f, column); break;
        default: encode_id(e, f, column);
        }
        if (e->status != GW_OK && e->status != GW_E_DATA) return;
    }
    if (e->encoder->labels) encode_tasks(e);
}

static gw_status reserve_rows(gw__encoder *encoder, size_t n, gw_error *err) {
    size_t stride = encoder->features->input.stride, need;
    if (n > encoder->rows_capacity) {
        uint32_t *words = gw__mul_size(n, stride ? stride : 1, &need) ? gw__aligned_alloc(need, sizeof *words) : NULL;
        if (!words) return gw__fail_nomem(err);
        gw__aligned_free(encoder->words);
        encoder->words = words;
        encoder->rows_capacity = n;
    } else if (n && encoder->labels) { /* else every word is written again, or nobody's */
        memset(encoder->words, 0, n * stride * sizeof *encoder->words);
    }
    return GW_OK;
}

gw_status gw__encoder_reserve(gw__encoder *encoder, size_t n_rows, gw_error *err) {
    size_t values;
    gw_status status = reserve_rows(encoder, n_rows, err);
    if (status != GW_OK || encoder->features->input.n_bags == 0) return status;
    if (!gw__mul_size(n_rows, BAG_VALUES * (size_t)encoder->features->input.n_bags, &values)) return gw__fail_nomem(err);
    return gw__grow((void **)&encoder->bag_ids, &encoder->bag_capacity, values, sizeof *encoder->bag_ids, err);
}

static void start_block(const gw__encoder *encoder, gw__block *block, size_t begin, size_t at, size_t n) {
    size_t stride = encoder->features->input.stride;
    block->n = n;
    block->first_row = encoder->first_row + begin + at;
    block->training = encoder->training;
    for (size_t i = 0; i < n; i++) {
        block->part[i] = encoder->parts ? encoder->parts[begin + at + i] : GW__PART_VALID;
        block->record[i] = block->part[i] == GW__PART_BAD ? NULL : encoder->words + (at + i) * stride;
    }
}

gw_status gw__encoder_apply(gw__encoder *encoder, const gw__batch *batch, size_t begin, size_t n, uint8_t *skip,
                            gw__records *ret_records, size_t *ret_row, gw_error *err) {
    gw__block block;
    gw_status status = reserve_rows(encoder, n, err);
    if (status != GW_OK) return status;
    encoder->n_bag_ids = 0;
    if (skip) memset(skip, 0, n);
    for (size_t at = 0; at < n; at += GW__BLOCK_ROWS) {
        encoding e = {.encoder = encoder, .batch = batch, .begin = begin + at, .block = &block, .skip = skip ? skip + at : NULL, .err = err};
        start_block(encoder, &block, begin, at, n - at < GW__BLOCK_ROWS ? n - at : GW__BLOCK_ROWS);
        encode_block(&e);
        if (e.status != GW_OK) {
            if (ret_row) *ret_row = begin + at + e.bad_row;
            return e.status;
        }
        if (encoder->missing_cells) *encoder->missing_cells += e.missing;
    }
    *ret_records = (gw__records){&encoder->features->input, encoder->words, n, encoder->bag_ids, encoder->n_bag_ids};
    return GW_OK;
}
