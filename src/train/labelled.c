#include "train/labelled.h"

#include <stdlib.h>
#include <string.h>

#include "model/source.h"

#define SLICE 4096 /* rows that one thread encodes at a time */

/* A slice of a batch made into records. */
typedef struct slice {
    gw__encoder *encoder;
    gw__records records;
    uint8_t *skip; /* [SLICE] */
    gw_status status;
    size_t bad_row;
    gw_error err;
} slice;

typedef struct reading {
    const gw__features *features;
    const gw_data_options *data;
    gw__arena arena;
    gw__table *table;
    gw__pool *pool;
    slice *slices; /* [n_slices], as many as threads */
    size_t n_slices;
    gw__batch batch;
    size_t round_at;
    int64_t skipped;
    gw__labelled_use use;
    void *context;
    bool labels;        /* they must be there */
    const bool *enough; /* NULL: all rows are wanted */
} reading;

static bool has_enough(const reading *r) { return r->enough && *r->enough; }

static gw_status open_slices(reading *r, gw_error *err) {
    gw_status status = GW_OK;
    const char *const *names = gw__source_names(r->table, &r->arena);
    r->n_slices = gw__pool_threads(r->pool);
    r->slices = gw__arena_alloc(&r->arena, r->n_slices, sizeof *r->slices);
    if (!names || !r->slices) return gw__fail_nomem(err);
    for (size_t i = 0; i < r->n_slices; i++) {
        status = gw__encoder_new(r->features, names, gw__table_column_count(r->table), r->labels, &r->slices[i].encoder, err);
        if (status == GW_E_DATA) gw__source_blame(r->data, err);
        if (status != GW_OK) goto cleanup;
        if (!(r->slices[i].skip = gw__arena_alloc(&r->arena, SLICE, 1))) GW__FAIL(gw__fail_nomem(err));
    }
cleanup:
    return status;
}

static void close_reading(reading *r) {
    for (size_t i = 0; r->slices && i < r->n_slices; i++) gw__encoder_free(r->slices[i].encoder);
    gw__table_close(r->table);
    gw__arena_clear(&r->arena);
}

static size_t rows_of(const reading *r, size_t item) {
    size_t n = r->batch.n_rows - r->round_at - item * SLICE;
    return n < SLICE ? n : SLICE;
}

/* Take the rows that were passed over out of the records, so that neither rows nor gates count them. */
static void drop_skipped(slice *s) {
    size_t stride = s->records.input->stride, kept = 0;
    for (size_t i = 0; i < s->records.n_rows; i++) {
        if (s->skip[i]) continue;
        if (kept < i) memcpy(s->records.words + kept * stride, s->records.words + i * stride, stride * sizeof *s->records.words);
        kept++;
    }
    s->records.n_rows = kept;
}

static void encode_slice(void *context, size_t item, size_t thread) {
    reading *r = context;
    slice *s = &r->slices[item];
    size_t n = rows_of(r, item);
    memset(s->skip, 0, n);
    s->status = gw__encoder_apply(s->encoder, &r->batch, r->round_at + item * SLICE, n, r->data->skip_bad_rows ? s->skip : NULL, &s->records,
                                  &s->bad_row, &s->err);
    if (s->status == GW_OK) drop_skipped(s);
}

static gw_status use_batch(reading *r, gw_error *err) {
    for (r->round_at = 0; r->round_at < r->batch.n_rows && !has_enough(r); r->round_at += r->n_slices * SLICE) {
        size_t n = (r->batch.n_rows - r->round_at + SLICE - 1) / SLICE;
        if (n > r->n_slices) n = r->n_slices;
        gw__pool_run(r->pool, n, encode_slice, r);
        for (size_t i = 0; i < n && !has_enough(r); i++) {
            slice *s = &r->slices[i];
            if (s->status != GW_OK) {
                if (s->status == GW_E_DATA) gw__source_locate(r->table, s->bad_row, &s->err);
                if (err) *err = s->err;
                return s->status;
            }
            r->skipped += (int64_t)(rows_of(r, i) - s->records.n_rows);
            gw_status status = r->use(r->context, &s->records, r->pool, err);
            if (status != GW_OK) return status;
        }
    }
    return GW_OK;
}

static gw_status read_table(reading *r, const gw__data_spec *rules, int64_t *ret_skipped, gw_error *err) {
    gw_status status = gw__options_table(r->data, rules, r->pool, &r->arena, &r->table, err);
    if (status != GW_OK) goto cleanup;
    GW__TRY(open_slices(r, err));
    do {
        GW__TRY(gw__source_next(r->table, r->data, rules, &r->batch, err));
        GW__TRY(use_batch(r, err));
    } while (r->batch.n_rows > 0 && !has_enough(r));
    *ret_skipped = r->skipped + gw__table_skipped(r->table);
cleanup:
    close_reading(r);
    return status;
}

gw_status gw__labelled_read(const gw__features *features, const gw__data_spec *rules, const gw_data_options *data, gw__pool *pool,
                            gw__labelled_use use, void *context, int64_t *ret_skipped, gw_error *err) {
    reading r = {.features = features, .data = data, .pool = pool, .use = use, .context = context, .labels = true};
    return read_table(&r, rules, ret_skipped, err);
}

gw_status gw__unlabelled_read(const gw__features *features, const gw__data_spec *rules, const gw_data_options *data, gw__pool *pool,
                              gw__labelled_use use, void *context, const bool *enough, int64_t *ret_skipped, gw_error *err) {
    reading r = {.features = features, .data = data, .pool = pool, .use = use, .context = context, .enough = enough};
    return read_table(&r, rules, ret_skipped, err);
}

/* ---- kept in memory ---- */

static gw_status keep_slice(void *context, const gw__records *records, gw__pool *pool, gw_error *err) {
    gw__labelled *labelled = context;
    (void)pool;
    if (!records->n_rows) return GW_OK;
    gw_status status = gw__grow((void **)&labelled->slices, &labelled->capacity, labelled->n_slices + 1, sizeof *labelled->slices, err);
    if (status != GW_OK) return status;
    gw__records copy = {.input = records->input, .n_rows = records->n_rows, .n_bag_ids = records->n_bag_ids};
    const size_t record_bytes = records->input->stride * sizeof *copy.words;
    copy.words = gw__aligned_alloc(records->n_rows, record_bytes);
    copy.bag_ids = gw__aligned_alloc(records->n_bag_ids, sizeof *copy.bag_ids);
    if (!copy.words || !copy.bag_ids) {
        gw__records_clear(&copy);
        return gw__fail_nomem(err);
    }
    memcpy(copy.words, records->words, records->n_rows * record_bytes);
    if (copy.n_bag_ids) memcpy(copy.bag_ids, records->bag_ids, copy.n_bag_ids * sizeof *copy.bag_ids);
    labelled->slices[labelled->n_slices++] = copy;
    return GW_OK;
}

gw_status gw__labelled_keep(gw__labelled *labelled, const gw__features *features, const gw__data_spec *rules, const gw_data_options *data,
                            gw__pool *pool, gw_error *err) {
    return gw__labelled_read(features, rules, data, pool, keep_slice, labelled, &labelled->skipped, err);
}

gw_status gw__labelled_all(const gw__labelled *labelled, gw__pool *pool, gw__labelled_use use, void *context, gw_error *err) {
    gw_status status = GW_OK;
    for (size_t i = 0; i < labelled->n_slices && status == GW_OK; i++) status = use(context, &labelled->slices[i], pool, err);
    return status;
}

void gw__labelled_clear(gw__labelled *labelled) {
    for (size_t i = 0; i < labelled->n_slices; i++) gw__records_clear(&labelled->slices[i]);
    free(labelled->slices);
    *labelled = (gw__labelled){0};
}
