#include "serve/predict.h"

#include <string.h>

#include "base/files.h"
#include "model/source.h"
#include "serve/layout.h"
#include "serve/session.h"

#define ROUND 64 /* chunks whose text is held at a time */

/* What one thread scores with. */
typedef struct worker {
    gw__encoder *encoder;
    gw__scorer *scorer;
    float *outputs, *gates; /* [chunk,O], [chunk,gate_width] */
} worker;

/* What became of one chunk of rows. */
typedef struct chunk {
    gw__text text;
    uint8_t *skip; /* [GW__SCORE_CHUNK] */
    int64_t rows;
    gw_status status;
    size_t bad_row;
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
    chunk *chunks; /* [ROUND] */
    gw__batch batch;
    size_t round_at; /* first row of the round */
    gw__writer writer;
    gw__text held; /* npy to a pipe: all rows, for the header wants their number */
    int64_t rows, skipped;
} prediction;

static gw_status open_workers(prediction *run, gw_error *err) {
    gw_status status = gw__pool_new(run->options->data.threads, &run->pool, err);
    if (status != GW_OK) return status;
    const char *const *names = gw__source_names(run->table, &run->arena);
    run->n_workers = gw__pool_threads(run->pool);
    run->workers = gw__arena_alloc(&run->arena, run->n_workers, sizeof *run->workers);
    run->chunks = gw__arena_alloc(&run->arena, ROUND, sizeof *run->chunks);
    if (!names || !run->workers || !run->chunks) return gw__fail_nomem(err);
    for (size_t i = 0; i < run->n_workers; i++) {
        worker *w = &run->workers[i];
        status = gw__encoder_new(run->model->features, names, gw__table_column_count(run->table), false, &w->encoder, err);
        if (status == GW_E_DATA) gw__source_blame(&run->options->data, err);
        if (status != GW_OK) goto cleanup;
        GW__TRY(gw__scorer_new(run->model->net, GW__SCORE_CHUNK, &w->scorer, err));
        w->outputs = gw__aligned_alloc(run->layout.n_outputs * GW__SCORE_CHUNK, sizeof *w->outputs);
        w->gates = gw__aligned_alloc(run->layout.n_gates * GW__SCORE_CHUNK + 1, sizeof *w->gates);
        if (!w->outputs || !w->gates) GW__FAIL(gw__fail_nomem(err));
    }
    for (size_t i = 0; i < ROUND; i++)
        if (!(run->chunks[i].skip = gw__arena_alloc(&run->arena, GW__SCORE_CHUNK, 1))) GW__FAIL(gw__fail_nomem(err));
cleanup:
    return status;
}

static void close_run(prediction *run) {
    for (size_t i = 0; run->workers && i < run->n_workers; i++) {
        gw__encoder_free(run->workers[i].encoder);
        gw__scorer_free(run->workers[i].scorer);
        gw__aligned_free(run->workers[i].outputs);
        gw__aligned_free(run->workers[i].gates);
    }
    for (size_t i = 0; run->chunks && i < ROUND; i++) gw__text_clear(&run->chunks[i].text);
    gw__text_clear(&run->held);
    gw__writer_cancel(&run->writer);
    gw__pool_free(run->pool);
    gw__layout_clear(&run->layout);
    gw__table_close(run->table);
    gw__arena_clear(&run->arena);
}

/* One chunk from cells to text, by whichever thread. */
static void score_chunk(void *context, size_t item, size_t thread) {
    prediction *run = context;
    chunk *c = &run->chunks[item];
    worker *w = &run->workers[thread];
    size_t begin = run->round_at + item * GW__SCORE_CHUNK, n = run->batch.n_rows - begin;
    if (n > GW__SCORE_CHUNK) n = GW__SCORE_CHUNK;
    bool skip = run->options->data.skip_bad_rows;
    gw__records records;
    c->text.n = 0;
    c->rows = 0;
    memset(c->skip, 0, n);
    c->status = gw__encoder_apply(w->encoder, &run->batch, begin, n, skip ? c->skip : NULL, &records, &c->bad_row, &c->err);
    if (c->status != GW_OK) return;
    float *gates = run->layout.n_gates > 0 ? w->gates : NULL;
    gw__scorer_run(w->scorer, run->model->parameters, &records, 0, n, w->outputs, NULL, gates);
    for (size_t i = 0; i < n; i++) {
        if (c->skip[i]) continue;
        gw__layout_add(&run->layout, &run->batch, begin + i, w->outputs + i * run->layout.n_outputs, w->gates + i * run->layout.n_gates, &c->text);
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

/* Score the rows of the batch and write them in order. The first bad chunk in the rows' order is the one reported. */
static gw_status score_batch(prediction *run, gw_error *err) {
    for (size_t at = 0; at < run->batch.n_rows; at += (size_t)ROUND * GW__SCORE_CHUNK) {
        size_t n = (run->batch.n_rows - at + GW__SCORE_CHUNK - 1) / GW__SCORE_CHUNK;
        if (n > ROUND) n = ROUND;
        run->round_at = at;
        gw__pool_run(run->pool, n, score_chunk, run);
        for (size_t i = 0; i < n; i++) {
            chunk *c = &run->chunks[i];
            if (c->status != GW_OK) {
                if (c->status == GW_E_DATA) gw__source_locate(run->table, c->bad_row, &c->err);
                if (err) *err = c->err;
                return c->status;
            }
            size_t in_chunk = run->batch.n_rows - at - i * GW__SCORE_CHUNK;
            if (in_chunk > GW__SCORE_CHUNK) in_chunk = GW__SCORE_CHUNK;
            run->rows += c->rows;
            run->skipped += (int64_t)in_chunk - c->rows;
            gw_status status = put(run, c->text.at, c->text.n, err);
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

gw_status gw__predict(const gw_model *model, const gw_predict_options *options, int64_t *ret_rows, int64_t *ret_skipped, gw_error *err) {
    prediction run = {.model = model, .options = options};
    const gw__data_spec *rules = &model->spec->data;
    gw_status status = gw__source_check_output(options->output_path, &options->data, err);
    if (status != GW_OK) goto cleanup;
    GW__TRY(gw__options_table(&options->data, rules, &run.arena, &run.table, err));
    const char *const *names = gw__source_names(run.table, &run.arena);
    if (!names) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(gw__layout_init(&run.layout, model, options, names, gw__table_column_count(run.table), err));
    GW__TRY(open_workers(&run, err));
    /* The first rows are read before anything is written: what is wrong with a table mostly shows there. */
    GW__TRY(gw__source_next(run.table, &options->data, rules, &run.batch, err));
    GW__TRY(begin_output(&run, err));
    while (run.batch.n_rows > 0) {
        GW__TRY(score_batch(&run, err));
        GW__TRY(gw__source_next(run.table, &options->data, rules, &run.batch, err));
    }
    GW__TRY(end_output(&run, err));
    if (ret_rows) *ret_rows = run.rows;
    if (ret_skipped) *ret_skipped = run.skipped + gw__table_skipped(run.table);
cleanup:
    close_run(&run);
    return status;
}
