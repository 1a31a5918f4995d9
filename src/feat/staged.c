#include "feat/staged.h"

#include <stdlib.h>

#include "base/number.h"
#include "base/random.h"

#define NO_INTEGER INT64_MIN
#define EXACT_FLOAT (1 << 24) /* floats hold every integer up to here */

/* One lane's share of a batch. */
typedef struct lane_run {
    gw__staged *staged;
    gw__lane *lane;
    const gw__batch *batch;
    const uint8_t *parts; /* of the batch's rows */
    size_t n_rows;
    size_t first_row;     /* of the batch in the table, */
    size_t before;        /* and among those staged together */
} lane_run;

static size_t cell_bytes(const gw__lane *lane) {
    return lane->kind == GW__LANE_AUTO || lane->kind == GW__LANE_NUMBER || lane->kind == GW__LANE_HASH ? 8 : 4;
}

static void *cell_at(const gw__lane *lane, size_t row) {
    return (char *)lane->chunks[row / GW__CHUNK_ROWS] + row % GW__CHUNK_ROWS * cell_bytes(lane);
}

static gw_status reserve(gw__lane *lane, size_t n_rows, gw_error *err) {
    gw_status status = GW_OK;
    while (lane->n_chunks * GW__CHUNK_ROWS < n_rows) {
        GW__TRY(gw__grow((void **)&lane->chunks, &lane->chunks_capacity, lane->n_chunks + 1, sizeof *lane->chunks, err));
        void *chunk = malloc(GW__CHUNK_ROWS * cell_bytes(lane));
        if (!chunk) GW__FAIL(gw__fail_nomem(err));
        lane->chunks[lane->n_chunks++] = chunk;
    }
cleanup:
    return status;
}

static void drop_chunks(gw__lane *lane) {
    for (size_t i = 0; i < lane->n_chunks; i++) free(lane->chunks[i]);
    lane->n_chunks = 0;
}

static void mark_bad(lane_run *run, size_t i) {
    if (run->lane->bad_row == SIZE_MAX) run->lane->bad_row = run->before + i;
    __atomic_store_n(&run->staged->bad[run->before + i], 1, __ATOMIC_RELAXED); /* other lanes may say the same of this row */
}

/* ---- text: codes, buckets, hashes, bags ---- */

static gw_status intern_missing(gw__lane *lane, const gw__missing_texts *missing, gw_error *err) {
    gw_status status;
    uint32_t entry;
    GW__TRY(gw__lexicon_add(&lane->lexicon, (gw__slice){"", 0}, &entry, err));
    for (size_t i = 0; i < missing->texts.n; i++) GW__TRY(gw__lexicon_add(&lane->lexicon, gw__lexicon_at(&missing->texts, i), &entry, err));
    lane->n_missing = (uint32_t)lane->lexicon.n;
cleanup:
    return status;
}

static inline gw_status code_of(gw__lane *lane, gw__slice text, uint32_t *ret, gw_error *err) {
    uint32_t entry = 0;
    gw_status status = text.n ? gw__lexicon_add(&lane->lexicon, text, &entry, err) : GW_OK;
    *ret = entry < lane->n_missing ? 0 : entry;
    return status;
}

static inline gw__slice text_at(const lane_run *run, size_t i, char buffer[GW__CELL_TEXT]) {
    size_t column = run->lane->column;
    if (run->batch->columns[column].type == GW_COLUMN_TEXT) return gw__cell_slice(run->batch, column, i);
    return gw__cell_text(run->batch, column, i, buffer);
}

/* In most columns a value often follows itself, which is seen sooner than found. */
static gw_status stage_texts(lane_run *run, size_t begin) {
    gw__lane *lane = run->lane;
    char buffer[GW__CELL_TEXT];
    bool repeats = run->batch->columns[lane->column].type == GW_COLUMN_TEXT;
    gw__slice last = {"", 0};
    uint32_t code = 0;
    for (size_t i = begin; i < run->n_rows; i++) {
        gw__slice text = text_at(run, i, buffer);
        if (!repeats || text.n != last.n || !gw__same_bytes(text.at, last.at, text.n)) {
            gw_status status = code_of(lane, text, &code, &lane->problem);
            if (status != GW_OK) return status;
            last = text;
        }
        *(uint32_t *)cell_at(lane, run->first_row + i) = code;
    }
    return GW_OK;
}

static gw_status stage_buckets(lane_run *run) {
    gw__lane *lane = run->lane;
    char buffer[GW__CELL_TEXT];
    for (size_t i = 0; i < run->n_rows; i++) {
        gw__slice text = text_at(run, i, buffer);
        uint32_t bucket = gw__missing_has(run->staged->missing, text) ? 0 : 1 + (uint32_t)(gw__hash(text.at, text.n) % lane->buckets);
        *(uint32_t *)cell_at(lane, run->first_row + i) = bucket;
    }
    return GW_OK;
}

static gw_status stage_hashes(lane_run *run) {
    gw__lane *lane = run->lane;
    char buffer[GW__CELL_TEXT];
    for (size_t i = 0; i < run->n_rows; i++) {
        gw__slice text = text_at(run, i, buffer);
        *(uint64_t *)cell_at(lane, run->first_row + i) =
            gw__missing_has(run->staged->missing, text) ? 0 : gw__hash(text.at, text.n);
    }
    return GW_OK;
}

static gw_status stage_bag(gw__lane *lane, gw__slice text, gw_error *err) {
    gw_status status = GW_OK;
    gw__slice separator = gw__slice_of(lane->separator), piece;
    while (gw__bag_next(&text, separator, &piece)) {
        if (lane->n_pieces >= UINT32_MAX) GW__FAIL(gw__fail(err, GW_E_LIMIT, "more than %u values in bags", UINT32_MAX));
        GW__TRY(gw__grow((void **)&lane->pieces, &lane->pieces_capacity, lane->n_pieces + 1, sizeof *lane->pieces, err));
        uint32_t value;
        if (lane->kind == GW__LANE_BAG) GW__TRY(gw__lexicon_add(&lane->lexicon, piece, &value, err));
        else value = 1 + (uint32_t)(gw__hash(piece.at, piece.n) % lane->buckets);
        lane->pieces[lane->n_pieces++] = value;
    }
cleanup:
    return status;
}

static gw_status stage_bags(lane_run *run) {
    gw__lane *lane = run->lane;
    char buffer[GW__CELL_TEXT];
    for (size_t i = 0; i < run->n_rows; i++) {
        gw__slice text = text_at(run, i, buffer);
        *(uint32_t *)cell_at(lane, run->first_row + i) = (uint32_t)lane->n_pieces;
        if (gw__missing_has(run->staged->missing, text)) continue;
        gw_status status = stage_bag(lane, text, &lane->problem);
        if (status != GW_OK) return status;
    }
    return GW_OK;
}

/* ---- numbers, and columns that may be numbers ---- */

/* True for an integer written the one usual way, so that its text can be restored from its value. */
static inline bool plain_integer(gw__slice text, int64_t *ret) {
    const char *p = text.at;
    size_t n = text.n;
    bool negative = n > 0 && *p == '-';
    p += negative;
    n -= negative;
    if (n == 0 || n > 19 || (*p == '0' && (n > 1 || negative))) return false;
    if (n == 19) return gw__parse_int64(text, ret) && *ret != NO_INTEGER;
    int64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned char)p[i] - '0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    *ret = negative ? -value : value;
    return true;
}

static bool integer_text(gw__slice text) {
    size_t i = text.n && (text.at[0] == '-' || text.at[0] == '+');
    for (; i < text.n; i++)
        if (text.at[i] < '0' || text.at[i] > '9') return false;
    return true;
}

static void integers_to_doubles(gw__lane *lane, size_t n_rows) {
    for (size_t row = 0; row < n_rows; row++) {
        int64_t value;
        double *cell = cell_at(lane, row);
        memcpy(&value, cell, sizeof value);
        *cell = value == NO_INTEGER ? NAN : (double)value;
    }
    lane->integers = false;
}

/* Integers that turn out to be names: the rows so far become codes, in place of the old chunks. */
static gw_status integers_to_codes(gw__lane *lane, const gw__missing_texts *missing, size_t n_rows, gw_error *err) {
    gw_status status;
    void **old = lane->chunks;
    size_t n_old = lane->n_chunks, done = 0;
    lane->kind = GW__LANE_TEXT;
    lane->chunks = NULL;
    lane->n_chunks = lane->chunks_capacity = 0;
    GW__TRY(intern_missing(lane, missing, err));
    for (size_t row = 0; row < n_rows; row++) {
        GW__TRY(reserve(lane, row + 1, err));
        int64_t value = ((const int64_t *)old[row / GW__CHUNK_ROWS])[row % GW__CHUNK_ROWS];
        char buffer[GW__CELL_TEXT];
        gw_column column = {"", GW_COLUMN_INT64, &value, NULL, NULL};
        gw__batch one = {1, 1, &column, 1};
        gw__slice text = value == NO_INTEGER ? (gw__slice){"", 0} : gw__cell_text(&one, 0, 0, buffer);
        GW__TRY(code_of(lane, text, cell_at(lane, row), err));
        for (; done < row / GW__CHUNK_ROWS; done++) free(old[done]), old[done] = NULL;
    }
cleanup:
    for (size_t i = 0; i < n_old; i++) free(old[i]);
    free(old);
    return status;
}

/* An AUTO lane met a training cell that is no number: from row i of the batch on it holds texts. */
static gw_status turn_to_texts(lane_run *run, size_t i) {
    gw__lane *lane = run->lane;
    if (!lane->integers || lane->n_late) {
        lane->lost = true;
        drop_chunks(lane);
        return GW_OK;
    }
    gw_status status = integers_to_codes(lane, run->staged->missing, run->first_row + i, &lane->problem);
    if (status == GW_OK) status = reserve(lane, run->first_row + run->n_rows, &lane->problem);
    return status == GW_OK ? stage_texts(run, i) : status;
}

static gw_status add_late(lane_run *run, size_t i) {
    gw__lane *lane = run->lane;
    gw_status status = gw__grow((void **)&lane->late, &lane->late_capacity, lane->n_late + 1, sizeof *lane->late, &lane->problem);
    if (status == GW_OK) lane->late[lane->n_late++] = run->first_row + i;
    return status;
}

static void put_number(lane_run *run, size_t i, double value) {
    gw__lane *lane = run->lane;
    if (lane->integers && !isnan(value)) integers_to_doubles(lane, run->first_row + i);
    if (lane->integers) *(int64_t *)cell_at(lane, run->first_row + i) = NO_INTEGER;
    else *(double *)cell_at(lane, run->first_row + i) = value;
}

static void put_integer(lane_run *run, size_t i, int64_t value) {
    gw__lane *lane = run->lane;
    if (lane->integers) *(int64_t *)cell_at(lane, run->first_row + i) = value;
    else *(double *)cell_at(lane, run->first_row + i) = (double)value;
    if (run->parts[i] != GW__PART_TRAIN) return;
    lane->seen = true;
    if (value > EXACT_FLOAT || value < -EXACT_FLOAT) lane->beyond = true;
}

/* Everything but a plain integer. *ret_done: the lane turned to texts and took the rest of the batch. */
static gw_status stage_other(lane_run *run, size_t i, gw__slice text, bool *ret_done) {
    gw__lane *lane = run->lane;
    const gw__missing_texts *missing = run->staged->missing;
    bool trains = run->parts[i] == GW__PART_TRAIN;
    double value = NAN;
    bool number = gw__cell_number(run->batch, lane->column, i, missing, &value), absent = number && isnan(value);
    if (number && !absent) {
        put_number(run, i, value);
        if (!trains) return GW_OK;
        lane->seen = true;
        if (!integer_text(text)) lane->decimals = true;
        else if (fabs(value) > EXACT_FLOAT) lane->beyond = true;
        return GW_OK;
    }
    put_number(run, i, NAN);
    if (absent && !lane->fail_missing) return GW_OK;
    if (lane->kind == GW__LANE_NUMBER) return mark_bad(run, i), GW_OK;
    if (absent || !trains) return add_late(run, i);
    *ret_done = true;
    return turn_to_texts(run, i);
}

/* The column is known to hold decimals, so that a number changes nothing of the lane: those from row i on until something else comes,
 * whose row is the result. */
static size_t stage_decimals(lane_run *run, size_t i) {
    gw__lane *lane = run->lane;
    const gw_column *column = &run->batch->columns[lane->column];
    size_t stride = run->batch->stride;
    if (column->type != GW_COLUMN_TEXT || lane->integers || !lane->decimals || run->staged->missing->n_numbers) return i;
    while (i < run->n_rows && gw__cell_valid(column, i)) {
        size_t row = run->first_row + i, in_chunk = GW__CHUNK_ROWS - row % GW__CHUNK_ROWS, left = run->n_rows - i;
        size_t n = column->valid ? 1 : left < in_chunk ? left : in_chunk;
        size_t done = gw__parse_doubles(column->values, column->offsets + i * stride, stride, n, cell_at(lane, row));
        i += done;
        if (done < n) break;
    }
    return i;
}

static gw_status stage_numbers(lane_run *run) {
    const gw__missing_texts *missing = run->staged->missing;
    char buffer[GW__CELL_TEXT];
    bool done = false; /* the lane holds no numbers any more */
    for (size_t i = stage_decimals(run, 0); i < run->n_rows && !done; i = done ? i : stage_decimals(run, i + 1)) {
        gw__slice text = text_at(run, i, buffer);
        int64_t value;
        if (plain_integer(text, &value) && !(missing->n_numbers && gw__missing_has(missing, text))) {
            put_integer(run, i, value);
        } else {
            gw_status status = stage_other(run, i, text, &done);
            if (status != GW_OK) return status;
        }
    }
    return GW_OK;
}

/* ---- batches ---- */

static gw_status stage_lane(lane_run *run) {
    gw__lane *lane = run->lane;
    if (lane->lost) return GW_OK;
    gw_status status = reserve(lane, run->first_row + run->n_rows, &lane->problem);
    if (status != GW_OK) return status;
    switch (lane->kind) {
    case GW__LANE_AUTO:
    case GW__LANE_NUMBER: return stage_numbers(run);
    case GW__LANE_TEXT: return stage_texts(run, 0);
    case GW__LANE_BUCKET: return stage_buckets(run);
    case GW__LANE_BAG:
    case GW__LANE_BAG_BUCKET: return stage_bags(run);
    case GW__LANE_HASH: return stage_hashes(run);
    }
    return GW_OK;
}

static gw_status run_batch(const gw__staging *staging, lane_run *run) {
    if (!staging->again) return stage_lane(run);
    gw_status status = reserve(run->lane, run->first_row + run->n_rows, &run->lane->problem);
    return status == GW_OK ? stage_texts(run, 0) : status;
}

static void run_lane(void *context, size_t item, size_t worker) {
    (void)worker;
    gw__staged *staged = context;
    const gw__staging *staging = &staged->staging;
    gw__lane *lane = &staged->lanes[item];
    lane->status = GW_OK;
    lane->bad_row = SIZE_MAX;
    if (staging->again && !lane->lost) return;
    size_t before = 0;
    for (size_t i = 0; i < staging->n_batches && lane->status == GW_OK; i++) {
        const gw__batch *batch = &staging->batches[i];
        lane_run run = {staged, lane, batch, staging->parts + before, batch->n_rows, staging->first_row + before, before};
        lane->status = run_batch(staging, &run);
        before += batch->n_rows;
    }
}

static gw_status lanes_status(const gw__staged *staged, gw_error *err) {
    for (size_t i = 0; i < staged->n_lanes; i++) {
        const gw__lane *lane = &staged->lanes[i];
        if (lane->status == GW_OK) continue;
        if (err) *err = lane->problem;
        return lane->status;
    }
    return GW_OK;
}

static bool first_bad(const gw__staged *staged, size_t *ret_row, size_t *ret_lane) {
    size_t row = SIZE_MAX;
    for (size_t i = 0; i < staged->n_lanes; i++) {
        if (staged->lanes[i].bad_row >= row) continue;
        row = *ret_row = staged->lanes[i].bad_row;
        *ret_lane = i;
    }
    return row != SIZE_MAX;
}

gw_status gw__staged_begin(gw__staged *staged, const gw__batch *batches, size_t n_batches, const uint8_t *parts, gw__job *ret_job, gw_error *err) {
    gw_status status = GW_OK;
    gw__staging staging = {.batches = batches, .n_batches = n_batches, .parts = parts, .first_row = staged->n_rows};
    for (size_t i = 0; i < n_batches; i++) staging.n_rows += batches[i].n_rows;
    GW__TRY(gw__grow((void **)&staged->parts, &staged->parts_capacity, staging.first_row + staging.n_rows, 1, err));
    GW__TRY(gw__grow((void **)&staged->bad, &staged->bad_capacity, staging.n_rows, 1, err));
    if (staging.n_rows > 0) memset(staged->bad, 0, staging.n_rows);
    staged->staging = staging;
    *ret_job = (gw__job){.n_items = staged->n_lanes, .work = run_lane, .context = staged};
cleanup:
    return status;
}

gw_status gw__staged_end(gw__staged *staged, bool skip, size_t *ret_row, size_t *ret_lane, bool *ret_bad, gw_error *err) {
    const gw__staging *staging = &staged->staging;
    gw_status status = lanes_status(staged, err);
    if (status != GW_OK) return status;
    *ret_bad = !skip && first_bad(staged, ret_row, ret_lane);
    if (*ret_bad) return GW_OK;
    for (size_t i = 0; i < staging->n_rows; i++) staged->parts[staging->first_row + i] = staged->bad[i] ? GW__PART_BAD : staging->parts[i];
    staged->n_rows += staging->n_rows;
    return GW_OK;
}

gw_status gw__staged_again(gw__staged *staged, const gw__batch *batch, size_t first_row, gw__pool *pool, gw_error *err) {
    staged->staging = (gw__staging){batch, 1, batch->n_rows, staged->parts + first_row, first_row, true};
    gw__pool_run(pool, staged->n_lanes, run_lane, staged);
    return lanes_status(staged, err);
}

static gw_status settle_lane(gw__staged *staged, gw__lane *lane, gw_error *err) {
    bool large = lane->kind == GW__LANE_AUTO && lane->seen && lane->beyond && !lane->decimals;
    gw_status status = GW_OK;
    lane->large = large && !lane->lost;
    if (large && lane->integers && !lane->n_late && !lane->lost) {
        GW__TRY(integers_to_codes(lane, staged->missing, staged->n_rows, err));
    } else if (large || lane->lost) {
        drop_chunks(lane);
        lane->lost = true;
        lane->kind = GW__LANE_TEXT;
        GW__TRY(intern_missing(lane, staged->missing, err));
    } else {
        if (lane->integers) integers_to_doubles(lane, staged->n_rows);
        if (lane->kind == GW__LANE_AUTO) lane->kind = GW__LANE_NUMBER;
    }
cleanup:
    return status;
}

gw_status gw__staged_settle(gw__staged *staged, gw_error *err) {
    for (size_t i = 0; i < staged->n_lanes; i++) {
        gw__lane *lane = &staged->lanes[i];
        if (lane->kind != GW__LANE_AUTO && lane->kind != GW__LANE_NUMBER) continue;
        gw_status status = settle_lane(staged, lane, err);
        if (status != GW_OK) return status;
    }
    return GW_OK;
}

static bool same_lane(const gw__lane *a, const gw__lane *b) {
    bool separators = !b->separator || (a->separator && strcmp(a->separator, b->separator) == 0);
    return a->kind == b->kind && a->buckets == b->buckets && separators && a->fail_missing == b->fail_missing;
}

/* The place for the first lane of a column. */
static gw_status reach_column(gw__staged *staged, size_t column, gw_error *err) {
    if (column < staged->n_columns) return GW_OK;
    gw_status status = gw__grow((void **)&staged->first_of, &staged->first_capacity, column + 1, sizeof *staged->first_of, err);
    if (status != GW_OK) return status;
    memset(staged->first_of + staged->n_columns, 0, (column + 1 - staged->n_columns) * sizeof *staged->first_of);
    staged->n_columns = column + 1;
    return GW_OK;
}

gw_status gw__staged_lane(gw__staged *staged, gw__lane wanted, size_t *ret_lane, gw_error *err) {
    gw_status status = GW_OK;
    GW__TRY(reach_column(staged, wanted.column, err));
    for (size_t i = staged->first_of[wanted.column]; i; i = staged->lanes[i - 1].next)
        if (same_lane(&staged->lanes[i - 1], &wanted)) return *ret_lane = i - 1, GW_OK;
    GW__TRY(gw__grow((void **)&staged->lanes, &staged->lanes_capacity, staged->n_lanes + 1, sizeof *staged->lanes, err));
    gw__lane *lane = &staged->lanes[staged->n_lanes++];
    *lane = wanted;
    lane->next = staged->first_of[wanted.column];
    staged->first_of[wanted.column] = staged->n_lanes;
    lane->integers = wanted.kind == GW__LANE_AUTO || wanted.kind == GW__LANE_NUMBER;
    if (wanted.kind == GW__LANE_TEXT) GW__TRY(intern_missing(lane, staged->missing, err));
    *ret_lane = staged->n_lanes - 1;
cleanup:
    return status;
}

void gw__staged_clear_chunk(gw__staged *staged, size_t chunk) {
    for (size_t i = 0; i < staged->n_lanes; i++) {
        gw__lane *lane = &staged->lanes[i];
        if (chunk < lane->n_chunks) free(lane->chunks[chunk]), lane->chunks[chunk] = NULL;
    }
}

void gw__staged_clear(gw__staged *staged) {
    for (size_t i = 0; i < staged->n_lanes; i++) {
        gw__lane *lane = &staged->lanes[i];
        drop_chunks(lane);
        free(lane->chunks);
        free(lane->pieces);
        free(lane->late);
        gw__lexicon_clear(&lane->lexicon);
    }
    free(staged->lanes);
    free(staged->first_of);
    free(staged->parts);
    free(staged->bad);
    *staged = (gw__staged){0};
}
