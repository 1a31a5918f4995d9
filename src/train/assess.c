#include "train/assess.h"

#include <string.h>

#include "model/source.h"
#include "train/evaluate.h"

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

typedef struct assessment {
    const gw_model *model;
    const gw_data_options *data;
    gw__arena arena;
    gw__table *table;
    gw__pool *pool;
    slice *slices; /* [n_slices], as many as threads */
    size_t n_slices;
    gw__batch batch;
    size_t round_at;
    int64_t skipped;
    gw__evaluation *evaluation;
} assessment;

static gw_status open_slices(assessment *a, gw_error *err) {
    gw_status status = gw__pool_new(a->data->threads, &a->pool, err);
    if (status != GW_OK) return status;
    const char *const *names = gw__source_names(a->table, &a->arena);
    a->n_slices = gw__pool_threads(a->pool);
    a->slices = gw__arena_alloc(&a->arena, a->n_slices, sizeof *a->slices);
    if (!names || !a->slices) return gw__fail_nomem(err);
    for (size_t i = 0; i < a->n_slices; i++) {
        status = gw__encoder_new(a->model->features, names, gw__table_column_count(a->table), true, &a->slices[i].encoder, err);
        if (status == GW_E_DATA) gw__source_blame(a->data, err);
        if (status != GW_OK) goto cleanup;
        if (!(a->slices[i].skip = gw__arena_alloc(&a->arena, SLICE, 1))) GW__FAIL(gw__fail_nomem(err));
    }
cleanup:
    return status;
}

static void close_assessment(assessment *a) {
    for (size_t i = 0; a->slices && i < a->n_slices; i++) gw__encoder_free(a->slices[i].encoder);
    gw__evaluation_free(a->evaluation);
    gw__pool_free(a->pool);
    gw__table_close(a->table);
    gw__arena_clear(&a->arena);
}

static size_t rows_of(const assessment *a, size_t item) {
    size_t n = a->batch.n_rows - a->round_at - item * SLICE;
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
    assessment *a = context;
    slice *s = &a->slices[item];
    size_t n = rows_of(a, item);
    memset(s->skip, 0, n);
    s->status = gw__encoder_apply(s->encoder, &a->batch, a->round_at + item * SLICE, n, a->data->skip_bad_rows ? s->skip : NULL, &s->records,
                                  &s->bad_row, &s->err);
    if (s->status == GW_OK) drop_skipped(s);
}

static gw_status assess_batch(assessment *a, gw_error *err) {
    for (a->round_at = 0; a->round_at < a->batch.n_rows; a->round_at += a->n_slices * SLICE) {
        size_t n = (a->batch.n_rows - a->round_at + SLICE - 1) / SLICE;
        if (n > a->n_slices) n = a->n_slices;
        gw__pool_run(a->pool, n, encode_slice, a);
        for (size_t i = 0; i < n; i++) {
            slice *s = &a->slices[i];
            if (s->status != GW_OK) {
                if (s->status == GW_E_DATA) gw__source_locate(a->table, s->bad_row, &s->err);
                if (err) *err = s->err;
                return s->status;
            }
            a->skipped += (int64_t)(rows_of(a, i) - s->records.n_rows);
            gw_status status = gw__evaluation_add(a->evaluation, a->model->spec, a->model->net, a->model->parameters, &s->records, a->pool, err);
            if (status != GW_OK) return status;
        }
    }
    return GW_OK;
}

static void write_gates(const assessment *a, gw__json_writer *json) {
    const gw__net *net = a->model->net;
    gw__json_key(json, "gates");
    gw__json_begin_list(json);
    for (size_t g = 0; g < gw__net_gate_count(net); g++) {
        gw__gate_view gate = gw__net_gate_at(net, g);
        gw__json_begin_object(json);
        gw__json_key(json, "level");
        gw__json_int(json, gate.level);
        gw__json_key(json, "stream");
        gw__json_string(json, gate.stream);
        gw__json_key(json, "experts");
        gw__json_begin_list(json);
        for (size_t e = 0; e < gate.n_experts; e++) {
            gw__json_begin_object(json);
            gw__json_key(json, "name");
            gw__json_string(json, gate.experts[e]);
            gw__json_key(json, "weight");
            gw__json_double(json, a->evaluation->gate_sums[gate.weights_at + e] / (double)a->evaluation->rows);
            gw__json_end_object(json);
        }
        gw__json_end_list(json);
        gw__json_end_object(json);
    }
    gw__json_end_list(json);
}

static void write_json(const assessment *a, bool gates, gw__text *out) {
    gw__json_writer json = {.out = out};
    gw__json_begin_object(&json);
    gw__json_key(&json, "rows");
    gw__json_int(&json, a->evaluation->rows);
    if (a->data->skip_bad_rows) {
        gw__json_key(&json, "skipped");
        gw__json_int(&json, a->skipped + gw__table_skipped(a->table));
    }
    gw__json_key(&json, "tasks");
    gw__json_begin_object(&json);
    gw__evaluation_write_tasks(a->evaluation, a->model->spec, &json);
    gw__json_end_object(&json);
    if (gates) write_gates(a, &json);
    gw__json_end_object(&json);
}

gw_status gw__assess(const gw_model *model, const gw_data_options *data, bool gates, gw__text *ret_json, gw_error *err) {
    assessment a = {.model = model, .data = data};
    const gw__data_spec *rules = &model->spec->data;
    gw_status status = gw__options_table(data, rules, &a.arena, &a.table, err);
    if (status != GW_OK) goto cleanup;
    GW__TRY(open_slices(&a, err));
    GW__TRY(gw__evaluation_new(model->spec, model->features, model->net, gates, &a.evaluation, err));
    do {
        GW__TRY(gw__source_next(a.table, data, rules, &a.batch, err));
        GW__TRY(assess_batch(&a, err));
    } while (a.batch.n_rows > 0);
    write_json(&a, gates, ret_json);
    if (ret_json->failed) status = gw__fail_nomem(err);
cleanup:
    close_assessment(&a);
    return status;
}
