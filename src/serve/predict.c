#include "serve/predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "model/source.h"
#include "serve/layout.h"
#include "serve/session.h"

/* What one thread scores with. */
typedef struct worker {
    gw__encoder *encoder;
    gw__scorer *scorer;
    float *outputs, *gates; /* [chunk,O], [chunk,gate_width] */
    uint8_t *skip;          /* [chunk] */
} worker;

/* Some rows of a batch, and what became of them. */
typedef struct chunk {
    const gw__batch *batch;
    size_t begin, n; /* at most GW__SCORE_CHUNK */
    size_t before;   /* rows of the batches before this one */
    gw__text text;
    int64_t rows;
    gw_status status;
    size_t bad_row;  /* of the batch */
    gw_error err;
} chunk;

typedef struct prediction {
    const gw_model *model;
    const gw_predict_options *options;
    gw__arena arena;
    gw__table *table;
    gw__layout layout;
    gw__pool *pool;
    worker *workers;
    size_t n_workers;
    chunk *chunks; /* of the batches that were read together */
    size_t n_chunks, chunk_capacity;
    gw__writer writer;
    gw__text held; /* npy to a pipe: all rows, for the header wants their number */
    int64_t rows, skipped;
} prediction;

static gw_status open_worker(const prediction *run, const char *const *names, worker *w, gw_error *err) {
    gw_status status = gw__encoder_new(run->model->features, names, gw__table_column_count(run->table), false, &w->encoder, err);
    if (status == GW_E_DATA) gw__source_blame(&run->options->data, err);
    if (status == GW_OK) status = gw__scorer_new(run->model->net, GW__SCORE_CHUNK, &w->scorer, err);
    if (status != GW_OK) return status;
    w->outputs = gw__aligned_alloc(run->layout.n_outputs * GW__SCORE_CHUNK, sizeof *w->outputs);
    w->gates = gw__aligned_alloc(run->layout.n_gates * GW__SCORE_CHUNK + 1, sizeof *w->gates);
    w->skip = gw__aligned_alloc(GW__SCORE_CHUNK, 1);
    return w->outputs && w->gates && w->skip ? GW_OK : gw__fail_nomem(err);
}

static gw_status open_workers(prediction *run, const char *const *names, gw_error *err) {
    gw_status status = GW_OK;
    run->n_workers = gw__pool_threads(run->pool);
    run->workers = gw__arena_alloc(&run->arena, run->n_workers, sizeof *run->workers);
    if (!run->workers) return gw__fail_nomem(err);
    for (size_t i = 0; status == GW_OK && i < run->n_workers; i++) status = open_worker(run, names, &run->workers[i], err);
    return status;
}

static void close_run(prediction *run) {
    for (size_t i = 0; run->workers && i < run->n_workers; i++) {
        gw__encoder_free(run->workers[i].encoder);
        gw__scorer_free(run->workers[i].scorer);
        gw__aligned_free(run->workers[i].outputs);
        gw__aligned_free(run->workers[i].gates);
        gw__aligned_free(run->workers[i].skip);
    }
    for (size_t i = 0; i < run->chunk_capacity; i++) gw__text_clear(&run->chunks[i].text);
    free(run->chunks);
    gw__text_clear(&run->held);
    gw__writer_cancel(&run->writer);
    gw__layout_clear(&run->layout);
    gw__table_close(run->table); /* before the pool that reads it */
    gw__pool_free(run->pool);
    gw__arena_clear(&run->arena);
}

/* The task that has no number for a row, as where sums of huge values of both signs overflow; n_tasks if all have. */
static size_t task_without_number(const gw_model *model, const float *outputs) {
    size_t t = 0;
    for (; t < model->spec->n_tasks; t++) {
        const size_t width = gw__features_output_width(model->features, t);
        for (size_t i = 0; i < width; i++)
            if (isnan(outputs[i])) return t;
        outputs += width;
    }
    return t;
}

/* A row that has no prediction is as bad as one that cannot be read. */
static gw_status check_outputs(const prediction *run, chunk *c, const float *outputs, uint8_t *skip) {
    const gw__spec *spec = run->model->spec;
    for (size_t i = 0; i < c->n; i++) {
        const size_t task = skip && skip[i] ? spec->n_tasks : task_without_number(run->model, outputs + i * run->layout.n_outputs);
        if (task == spec->n_tasks) continue;
        c->bad_row = c->begin + i;
        if (!skip)
            return gw__fail(&c->err, GW_E_DATA, "the prediction of task '%s' is not a number: values of this row are too large for the network", spec->tasks[task].name);
        skip[i] = 1;
    }
    return GW_OK;
}

/* One chunk from cells to text, by whichever thread. */
static void score_chunk(void *context, size_t item, size_t thread) {
    prediction *run = context;
    chunk *c = &run->chunks[item];
    worker *w = &run->workers[thread];
    uint8_t *skip = run->options->data.skip_bad_rows ? w->skip : NULL;
    gw__records records;
    c->status = gw__encoder_apply(w->encoder, c->batch, c->begin, c->n, skip, &records, &c->bad_row, &c->err);
    if (c->status != GW_OK) return;
    float *gates = run->layout.n_gates > 0 ? w->gates : NULL;
    gw__scorer_run(w->scorer, run->model->parameters, &records, 0, c->n, w->outputs, NULL, gates);
    c->status = check_outputs(run, c, w->outputs, skip);
    if (c->status != GW_OK) return;
    for (size_t i = 0; i < c->n; i++) {
        if (skip && skip[i]) continue;
        gw__layout_add(&run->layout, c->batch, c->begin + i, w->outputs + i * run->layout.n_outputs, w->gates + i * run->layout.n_gates, &c->text);
        c->rows++;
    }
    if (c->text.failed) c->status = gw__fail_nomem(&c->err);
}

static gw_status put(prediction *run, const char *bytes, size_t n, gw_error *err) {
    if (n == 0) return GW_OK;
    if (run->options->format != GW_OUTPUT_NPY || run->writer.temporary) return gw__writer_put(&run->writer, bytes, n, err);
    gw__text_add(&run->held, bytes, n);
    return run->held.failed ? gw__fail_nomem(err) : GW_OK;
}

/* Write the chunks in order. The first bad one in the rows' order is the one reported. */
static gw_status end_round(void *context, gw_error *err) {
    prediction *run = context;
    for (size_t i = 0; i < run->n_chunks; i++) {
        chunk *c = &run->chunks[i];
        if (c->status != GW_OK) {
            if (c->status == GW_E_DATA) gw__source_locate(run->table, c->before + c->bad_row, &c->err);
            if (err) *err = c->err;
            return c->status;
        }
        run->rows += c->rows;
        run->skipped += (int64_t)c->n - c->rows;
        gw_status status = put(run, c->text.at, c->text.n, err);
        if (status != GW_OK) return status;
    }
    return GW_OK;
}

/* Memory of earlier chunks, their text above all, is used again. */
static gw_status add_chunk(prediction *run, const gw__batch *batch, size_t begin, size_t before, gw_error *err) {
    const size_t had = run->chunk_capacity, left = batch->n_rows - begin;
    gw_status status = gw__grow((void **)&run->chunks, &run->chunk_capacity, run->n_chunks + 1, sizeof *run->chunks, err);
    if (status != GW_OK) return status;
    if (run->chunk_capacity > had) memset(run->chunks + had, 0, (run->chunk_capacity - had) * sizeof *run->chunks);
    chunk *c = &run->chunks[run->n_chunks++];
    *c = (chunk){.batch = batch, .begin = begin, .n = left < GW__SCORE_CHUNK ? left : GW__SCORE_CHUNK, .before = before, .text = c->text};
    c->text.n = 0;
    return GW_OK;
}

static gw_status cut_batches(prediction *run, const gw__batch *batches, size_t n_batches, gw_error *err) {
    run->n_chunks = 0;
    for (size_t i = 0, before = 0; i < n_batches; before += batches[i++].n_rows) {
        for (size_t at = 0; at < batches[i].n_rows; at += GW__SCORE_CHUNK) {
            gw_status status = add_chunk(run, &batches[i], at, before, err);
            if (status != GW_OK) return status;
        }
    }
    return GW_OK;
}

static gw_status begin_output(prediction *run, gw_error *err) {
    gw_status status = gw__writer_open(&run->writer, run->options->output_path, err);
    if (status != GW_OK) return status;
    char room[GW__NPY_HEADER] = {0};
    if (run->options->format == GW_OUTPUT_NPY) return run->writer.temporary ? put(run, room, sizeof room, err) : GW_OK;
    return put(run, run->layout.head.at, run->layout.head.n, err);
}

static gw_status end_output(prediction *run, gw_error *err) {
    gw_status status = GW_OK;
    if (run->options->format == GW_OUTPUT_NPY) {
        char header[GW__NPY_HEADER];
        gw__layout_npy_header(&run->layout, run->rows, header);
        if (run->writer.temporary && fseeko(run->writer.file, 0, SEEK_SET) != 0)
            return gw__fail_at(err, GW_E_IO, run->options->output_path, 0, 0, "the header cannot be written");
        status = gw__writer_put(&run->writer, header, sizeof header, err);
        if (status == GW_OK && run->held.n > 0) status = gw__writer_put(&run->writer, run->held.at, run->held.n, err);
    }
    return status == GW_OK ? gw__writer_commit(&run->writer, err) : status;
}

/* Batches are scored while the next ones are read. The first are read before anything is written: what is wrong with a table mostly shows there. */
static gw_status score_table(prediction *run, gw_error *err) {
    const gw_data_options *data = &run->options->data;
    const gw__batch *batches;
    size_t n_batches;
    gw_status status = gw__source_read(run->table, data, &run->model->spec->data, NULL, &batches, &n_batches, err);
    if (status == GW_OK) status = begin_output(run, err);
    while (status == GW_OK && n_batches > 0) {
        status = cut_batches(run, batches, n_batches, err);
        if (status != GW_OK) break;
        const gw__job job = {run->n_chunks, score_chunk, run, end_round};
        status = gw__source_read(run->table, data, &run->model->spec->data, &job, &batches, &n_batches, err);
    }
    return status;
}

gw_status gw__predict(const gw_model *model, const gw_predict_options *options, int64_t *ret_rows, int64_t *ret_skipped, gw_error *err) {
    prediction run = {.model = model, .options = options};
    gw_status status = gw__source_check_output(options->output_path, &options->data, err);
    if (status != GW_OK) goto cleanup;
    GW__TRY(gw__pool_new(options->data.threads, &run.pool, err));
    GW__TRY(gw__options_table(&options->data, &model->spec->data, run.pool, &run.arena, &run.table, err));
    const char *const *names = gw__source_names(run.table, &run.arena);
    if (!names) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(gw__layout_init(&run.layout, model, options, names, gw__table_column_count(run.table), err));
    GW__TRY(open_workers(&run, names, err));
    GW__TRY(score_table(&run, err));
    GW__TRY(end_output(&run, err));
    if (ret_rows) *ret_rows = run.rows;
    if (ret_skipped) *ret_skipped = run.skipped + gw__table_skipped(run.table);
cleanup:
    close_run(&run);
    return status;
}
