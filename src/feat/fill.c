/* Staged lanes to records: chunk by chunk, a chunk's blocks in parallel, and then the chunk's lanes are freed. */
#include <stdlib.h>

#include "feat/load.h"

#define CHUNK_BLOCKS (GW__CHUNK_ROWS / GW__BLOCK_ROWS)

typedef struct filling {
    const gw__features *features;
    gw__staged *staged;
    const gw__lanes *lanes;
    uint32_t **rows_of;   /* [features] embedding rows by code; NULL: codes are rows, or numbers */
    float **labels_of;    /* [T] labels by code; NULL: the lane holds numbers */
    gw__records records[2]; /* by part: training, validation */
    size_t next[2];       /* first free record */
    size_t starts[CHUNK_BLOCKS][2];
    size_t first_row;     /* of the chunk */
    gw__task_count *counts[2];
    int64_t missing;
} filling;

static const void *cells_at(const gw__lane *lane, size_t row, size_t cell_bytes) {
    return (const char *)lane->chunks[row / GW__CHUNK_ROWS] + row % GW__CHUNK_ROWS * cell_bytes;
}

static void fill_number(filling *f, const gw__feature *feature, const gw__lane *lane, const gw__block *block, int64_t *missing) {
    const double *cells = gw__lane_numbers(lane, block->first_row);
    float applied[GW__BLOCK_ROWS];
    gw__numbers_apply(feature, cells, block->n, applied);
    for (size_t i = 0; i < block->n; i++) {
        if (!block->record[i]) continue;
        float *numbers = (float *)block->record[i] + f->features->input.numbers_at + feature->index;
        bool absent = isnan(cells[i]);
        numbers[0] = applied[i];
        if (feature->spec->indicator) numbers[1] = absent;
        *missing += absent;
    }
}

static void fill_id(filling *f, size_t index, const gw__lane *lane, const gw__block *block, int64_t *missing) {
    const gw__feature *feature = &f->features->at[index];
    const uint32_t *cells = cells_at(lane, block->first_row, sizeof *cells), *rows = f->rows_of[index];
    size_t at = f->features->input.ids_at + feature->index;
    bool replaces = rows && feature->spec->unseen_rate > 0;
    for (size_t i = 0; i < block->n; i++) {
        if (!block->record[i]) continue;
        uint32_t row = rows ? rows[cells[i]] : cells[i];
        if (replaces && cells[i] && block->part[i] == GW__PART_TRAIN && gw__unseen(f->features, index, block->first_row + i, 0)) row = 0;
        block->record[i][at] = row;
        *missing += cells[i] == 0;
    }
}

static void fill_label(filling *f, size_t task, const gw__block *block) {
    const gw__lane *lane = &f->staged->lanes[f->lanes->label[task]];
    for (size_t i = 0; i < block->n; i++) {
        if (!block->record[i]) continue;
        size_t row = block->first_row + i;
        float *label = (float *)(block->record[i] + f->features->input.labels_at) + task;
        if (f->labels_of[task]) *label = f->labels_of[task][gw__lane_code(lane, row)];
        else gw__label_number(f->features, task, gw__lane_number(lane, row), label);
    }
}

static const double *steering(const filling *f, size_t lane, const gw__block *block) {
    return lane == GW__NO_LANE ? NULL : cells_at(&f->staged->lanes[lane], block->first_row, sizeof(double));
}

static void fill_tasks(filling *f, const gw__block *block) {
    const gw__features *features = f->features;
    for (size_t t = 0; t < features->n_tasks; t++) fill_label(f, t, block);
    for (size_t t = 0; t < features->n_tasks; t++)
        gw__task_weights(features, t, block, steering(f, f->lanes->given[t], block), steering(f, f->lanes->row_weight[t], block), f->counts);
    gw__labels_finish(features, block);
    for (size_t g = 0; g < features->n_groups; g++) {
        const gw__lane *lane = &f->staged->lanes[f->lanes->group[g]];
        for (size_t i = 0; i < block->n; i++)
            if (block->record[i])
                ((uint64_t *)(void *)(block->record[i] + features->input.groups_at))[g] = gw__lane_hash(lane, block->first_row + i);
    }
}

static void start_block(const filling *f, size_t item, gw__block *block) {
    size_t next[2] = {f->starts[item][0], f->starts[item][1]}, first = f->first_row + item * GW__BLOCK_ROWS;
    size_t left = f->staged->n_rows - first;
    block->n = left < GW__BLOCK_ROWS ? left : GW__BLOCK_ROWS;
    block->first_row = first;
    block->training = true;
    for (size_t i = 0; i < block->n; i++) {
        uint8_t part = block->part[i] = f->staged->parts[first + i];
        block->record[i] = part == GW__PART_BAD ? NULL : f->records[part].words + next[part]++ * f->features->input.stride;
    }
}

static void fill_block(void *context, size_t item, size_t worker) {
    (void)worker;
    filling *f = context;
    gw__block block;
    int64_t missing = 0;
    start_block(f, item, &block);
    for (size_t i = 0; i < f->features->n; i++) {
        const gw__feature *feature = &f->features->at[i];
        const gw__lane *lane = &f->staged->lanes[f->lanes->feature[i]];
        if (feature->type == GW__FEATURE_NUMERIC) fill_number(f, feature, lane, &block, &missing);
        else if (feature->type != GW__FEATURE_BAG) fill_id(f, i, lane, &block, &missing);
    }
    fill_tasks(f, &block);
    __atomic_fetch_add(&f->missing, missing, __ATOMIC_RELAXED);
}

/* ---- bags: a row's values follow those of the row before, so one thread places them ---- */

static void fill_bag(filling *f, size_t index, size_t row, uint32_t *record, gw__records *records, bool trains) {
    const gw__feature *feature = &f->features->at[index];
    const gw__lane *lane = &f->staged->lanes[f->lanes->feature[index]];
    const uint32_t *rows = f->rows_of[index];
    size_t begin = gw__lane_code(lane, row), end = gw__lane_pieces_end(lane, row, f->staged->n_rows);
    uint32_t *bag = record + f->features->input.bags_at + 2 * feature->index;
    bag[0] = (uint32_t)records->n_bag_ids;
    bag[1] = (uint32_t)(end - begin);
    for (size_t i = begin; i < end; i++) {
        uint32_t id = rows ? rows[lane->pieces[i]] : lane->pieces[i];
        if (rows && trains && gw__unseen(f->features, index, row, i - begin)) id = 0;
        records->bag_ids[records->n_bag_ids++] = (int32_t)id;
    }
    f->missing += begin == end;
}

static void fill_bags(filling *f, size_t n_rows) {
    size_t next[2] = {f->starts[0][0], f->starts[0][1]};
    for (size_t row = f->first_row; row < f->first_row + n_rows; row++) {
        uint8_t part = f->staged->parts[row];
        if (part == GW__PART_BAD) continue;
        uint32_t *record = f->records[part].words + next[part]++ * f->features->input.stride;
        for (size_t i = 0; i < f->features->n; i++)
            if (f->features->at[i].type == GW__FEATURE_BAG) fill_bag(f, i, row, record, &f->records[part], part == GW__PART_TRAIN);
    }
}

static gw_status allocate_bags(filling *f, gw_error *err) {
    size_t n[2] = {0, 0};
    for (size_t i = 0; i < f->features->n; i++) {
        const gw__lane *lane = &f->staged->lanes[f->lanes->feature[i]];
        if (f->features->at[i].type != GW__FEATURE_BAG) continue;
        for (size_t row = 0; row < f->staged->n_rows; row++)
            if (f->staged->parts[row] != GW__PART_BAD)
                n[f->staged->parts[row]] += gw__lane_pieces_end(lane, row, f->staged->n_rows) - gw__lane_code(lane, row);
    }
    for (int part = 0; part < 2; part++) {
        if (n[part] > UINT32_MAX) return gw__fail(err, GW_E_LIMIT, "more than %u values in bags", UINT32_MAX);
        f->records[part].bag_ids = gw__aligned_alloc(n[part], sizeof(int32_t));
        if (!f->records[part].bag_ids) return gw__fail_nomem(err);
    }
    return GW_OK;
}

/* ---- all ---- */

static gw_status allocate_records(filling *f, gw_error *err) {
    size_t n[2] = {0, 0}, words;
    for (size_t row = 0; row < f->staged->n_rows; row++)
        if (f->staged->parts[row] != GW__PART_BAD) n[f->staged->parts[row]]++;
    for (int part = 0; part < 2; part++) {
        gw__records *records = &f->records[part];
        records->input = &f->features->input;
        records->n_rows = n[part];
        if (gw__mul_size(n[part], f->features->input.stride, &words)) records->words = gw__aligned_alloc(words, sizeof(uint32_t));
        if (!records->words) return gw__fail_nomem(err);
    }
    return f->features->input.n_bags ? allocate_bags(f, err) : GW_OK;
}

static gw_status map_codes(filling *f, gw_error *err) {
    gw_status status = GW_OK;
    const gw__features *features = f->features;
    f->rows_of = calloc(features->n + 1, sizeof *f->rows_of);
    f->labels_of = calloc(features->n_tasks + 1, sizeof *f->labels_of);
    if (!f->rows_of || !f->labels_of) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < features->n; i++) {
        const gw__lane *lane = &f->staged->lanes[f->lanes->feature[i]];
        if (lane->kind == GW__LANE_TEXT || lane->kind == GW__LANE_BAG)
            GW__TRY(gw__vocabulary_rows(&features->embeddings[features->at[i].table], lane, &f->rows_of[i], err));
    }
    for (size_t t = 0; t < features->n_tasks; t++) {
        const gw__lane *lane = &f->staged->lanes[f->lanes->label[t]];
        if (lane->kind != GW__LANE_TEXT) continue;
        float *labels = f->labels_of[t] = gw__aligned_alloc(lane->lexicon.n, sizeof *labels);
        if (!labels) GW__FAIL(gw__fail_nomem(err));
        for (size_t i = 0; i < lane->lexicon.n; i++)
            if (!gw__label_text(features, t, gw__lexicon_at(&lane->lexicon, i), &labels[i])) labels[i] = NAN; /* of bad rows only */
    }
cleanup:
    return status;
}

static void clear_filling(filling *f) {
    for (size_t i = 0; f->rows_of && i < f->features->n; i++) gw__aligned_free(f->rows_of[i]);
    for (size_t t = 0; f->labels_of && t < f->features->n_tasks; t++) gw__aligned_free(f->labels_of[t]);
    free(f->rows_of);
    free(f->labels_of);
    gw__records_clear(&f->records[0]);
    gw__records_clear(&f->records[1]);
}

static size_t plan_chunk(filling *f, size_t chunk) {
    f->first_row = chunk * GW__CHUNK_ROWS;
    size_t left = f->staged->n_rows - f->first_row, n_rows = left < GW__CHUNK_ROWS ? left : GW__CHUNK_ROWS;
    for (size_t i = 0; i < n_rows; i++) {
        if (i % GW__BLOCK_ROWS == 0) memcpy(f->starts[i / GW__BLOCK_ROWS], f->next, sizeof f->next);
        uint8_t part = f->staged->parts[f->first_row + i];
        if (part != GW__PART_BAD) f->next[part]++;
    }
    return n_rows;
}

gw_status gw__staged_fill(const gw__features *features, gw__staged *staged, const gw__lanes *lanes, gw__pool *pool, gw__dataset *dataset, gw_error *err) {
    gw_status status;
    filling f = {.features = features, .staged = staged, .lanes = lanes, .counts = {dataset->report.train_tasks, dataset->report.valid_tasks}};
    GW__TRY(map_codes(&f, err));
    GW__TRY(allocate_records(&f, err));
    for (size_t chunk = 0; chunk * GW__CHUNK_ROWS < staged->n_rows; chunk++) {
        size_t n_rows = plan_chunk(&f, chunk);
        gw__pool_run(pool, (n_rows + GW__BLOCK_ROWS - 1) / GW__BLOCK_ROWS, fill_block, &f);
        if (features->input.n_bags) fill_bags(&f, n_rows);
        gw__staged_clear_chunk(staged, chunk);
    }
    dataset->report.missing_cells += f.missing;
    dataset->train = f.records[0];
    dataset->valid = f.records[1];
    f.records[0] = f.records[1] = (gw__records){0};
cleanup:
    clear_filling(&f);
    return status;
}
