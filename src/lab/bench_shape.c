#include <stdlib.h>
#include <string.h>

#include "lab/bench.h"

enum { BATCH = 1024, SMALL_BATCH = 32, BATCHES = 4 /* of a thread at a time: who is late leaves some of them to the others */ };

gw_status gw__shape_bench_init(gw__shape_bench *bench, const gw__shape *shape, size_t threads, const char *isa, gw_error *err) {
    gw_status status = GW_OK;
    *bench = (gw__shape_bench){0};
    GW__TRY(gw__shape_run_init(&bench->runs[0], shape, 1, isa, err));
    bench->n_runs = 1;
    if (threads == 1) return GW_OK;
    GW__TRY(gw__shape_run_init(&bench->runs[1], shape, threads, isa, err));
    bench->n_runs = 2;
    return GW_OK;
cleanup:
    gw__shape_bench_clear(bench);
    return status;
}

void gw__shape_bench_clear(gw__shape_bench *bench) {
    for (size_t i = 0; i < bench->n_runs; i++) gw__shape_run_clear(&bench->runs[i]);
    *bench = (gw__shape_bench){0};
}

/* ---- training -------------------------------------------------------------------------------------------------------------------- */

static void step(void *context) { gw__shape_run_step(context); }

void gw__shape_bench_training(gw__shape_bench *bench, double seconds, gw__timed ret[2]) {
    for (size_t i = 0; i < bench->n_runs; i++) ret[i] = (gw__timed){.work = step, .context = &bench->runs[i], .cpu = i == 0};
    gw__time_works(ret, bench->n_runs, seconds);
}

/* ---- prediction ------------------------------------------------------------------------------------------------------------------ */

/* Rows of the dense input, and a scorer for each thread. */
typedef struct scoring {
    const gw__shape_run *run;
    gw__scorer **scorers;  /* [threads] */
    float *dense;          /* [BATCH,D] */
    float *outputs;        /* [threads,batch,O] */
    size_t batch, n_items; /* batches of a call */
    size_t next;           /* row of the next call with a batch of one */
} scoring;

static void scoring_clear(scoring *s) {
    for (size_t i = 0; s->scorers && i < gw__pool_threads(s->run->pool); i++) gw__scorer_free(s->scorers[i]);
    free(s->scorers);
    gw__aligned_free(s->dense);
    gw__aligned_free(s->outputs);
    *s = (scoring){0};
}

static gw_status scoring_init(scoring *s, const gw__shape_run *run, size_t batch, gw_error *err) {
    gw_status status = GW_OK;
    const size_t width = run->shape->width, threads = gw__pool_threads(run->pool);
    *s = (scoring){.run = run, .batch = batch, .n_items = threads == 1 ? 1 : threads * BATCHES};
    s->scorers = calloc(threads, sizeof *s->scorers);
    s->dense = gw__aligned_alloc(BATCH * width, sizeof(float));
    s->outputs = gw__aligned_alloc(threads * batch * gw__net_output_width(run->net), sizeof(float));
    if (!s->scorers || !s->dense || !s->outputs) GW__FAIL(gw__fail_nomem(err));
    for (size_t r = 0; r < BATCH; r++) memcpy(s->dense + r * width, gw__record_at(&run->records, r % run->records.n_rows), width * sizeof(float));
    for (size_t i = 0; i < threads; i++) GW__TRY(gw__scorer_new(run->net, batch, &s->scorers[i], err));
    return GW_OK;
cleanup:
    scoring_clear(s);
    return status;
}

static void score_batch(void *context, size_t item, size_t worker) {
    scoring *s = context;
    float *outputs = s->outputs + worker * s->batch * gw__net_output_width(s->run->net);
    gw__scorer_run_dense(s->scorers[worker], gw__trainer_parameters(s->run->trainer), s->dense, s->batch, outputs, NULL);
}

static void score_batches(void *context) {
    scoring *s = context;
    gw__pool_run(s->run->pool, s->n_items, score_batch, s);
}

gw_status gw__shape_bench_prediction(gw__shape_bench *bench, double seconds, gw__prediction_time ret[GW__PREDICTIONS], size_t *ret_n, gw_error *err) {
    static const size_t batches[GW__PREDICTIONS] = {SMALL_BATCH, BATCH, BATCH}, runs[GW__PREDICTIONS] = {0, 0, 1};
    const size_t n = bench->n_runs == 2 ? GW__PREDICTIONS : GW__PREDICTIONS - 1;
    gw_status status = GW_OK;
    scoring scorings[GW__PREDICTIONS] = {0};
    gw__timed works[GW__PREDICTIONS];
    for (size_t i = 0; i < n; i++) {
        GW__TRY(scoring_init(&scorings[i], &bench->runs[runs[i]], batches[i], err));
        works[i] = (gw__timed){.work = score_batches, .context = &scorings[i], .cpu = runs[i] == 0};
    }
    gw__time_works(works, n, seconds);
    for (size_t i = 0; i < n; i++) {
        const double items = (double)scorings[i].n_items;
        ret[i] = (gw__prediction_time){.batch = batches[i], .threads = gw__pool_threads(bench->runs[runs[i]].pool), .timed = works[i]};
        ret[i].timed.median /= items, ret[i].timed.least /= items, ret[i].timed.wall /= items;
    }
    *ret_n = n;
cleanup:
    for (size_t i = 0; i < GW__PREDICTIONS; i++) scoring_clear(&scorings[i]);
    return status;
}

static void score_row(void *context) {
    scoring *s = context;
    const float *row = s->dense + s->next * s->run->shape->width;
    s->next = (s->next + 1) % BATCH;
    gw__scorer_run_dense(s->scorers[0], gw__trainer_parameters(s->run->trainer), row, 1, s->outputs, NULL);
}

gw_status gw__shape_bench_latency(gw__shape_bench *bench, double seconds, gw__latency *ret, gw_error *err) {
    scoring s;
    gw_status status = scoring_init(&s, &bench->runs[0], 1, err);
    if (status != GW_OK) return status;
    if (!gw__time_calls(score_row, &s, seconds, ret)) status = gw__fail_nomem(err);
    scoring_clear(&s);
    return status;
}
