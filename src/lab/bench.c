#include "lab/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab/ceilings.h"

#define USUAL_SECONDS 1.0
#define CEILING_SHARE 0.25                  /* of a shape's time, for a ceiling: they vary less */
#define TABLE_BYTES ((size_t)1 << 30)       /* of random rows: far more than any cache holds */
#define SMALL_TABLE_BYTES ((size_t)64 << 20) /* for a hasty look, since filling the table takes a second */
#define HASTY_SECONDS 0.5

typedef struct bench {
    const gw_bench_options *options;
    const gw__kernels *kernels;
    gw__pool *pool;           /* NULL: one thread */
    size_t threads;
    double seconds;
    const gw__shape **shapes; /* [n_shapes] */
    size_t n_shapes;
    size_t done;              /* measurements, of `total` */
    gw__ceilings ceilings[2];
    size_t table_bytes;
} bench;

#define MEASUREMENTS 3 /* of a shape */

/* ---- telling --------------------------------------------------------------------------------------------------------------------- */

static void tell(const bench *b, const char *next, const char *json) {
    const gw_bench_event event = {.next = next, .done = b->done, .total = 1 + MEASUREMENTS * b->n_shapes, .json = json};
    b->options->listener(b->options->listener_context, &event);
}

static void tell_next(bench *b, const char *shape, const char *what) {
    char text[128];
    snprintf(text, sizeof text, "%s%s%s", shape, *shape ? ": " : "", what);
    tell(b, text, NULL);
    b->done++;
}

static gw_status tell_result(const bench *b, gw__text *json, gw_error *err) {
    gw_status status = json->failed ? gw__fail_nomem(err) : GW_OK;
    if (status == GW_OK) tell(b, NULL, json->at);
    gw__text_clear(json);
    return status;
}

/* Five significant digits: more would be noise. */
static void put(gw__json_writer *w, const char *key, double value) {
    double unit = value > 0 ? pow(10, floor(log10(value)) - 4) : 1;
    gw__json_key(w, key);
    gw__json_double(w, unit < 1 ? round(value / unit) / round(1 / unit) : round(value / unit) * unit);
}

static void put_count(gw__json_writer *w, const char *key, uint64_t value) {
    gw__json_key(w, key);
    gw__json_int(w, (int64_t)value);
}

static void put_text(gw__json_writer *w, const char *key, const char *value) {
    gw__json_key(w, key);
    if (*value) gw__json_string(w, value);
    else gw__json_null(w);
}

/* ---- the machine ----------------------------------------------------------------------------------------------------------------- */

/* What the system calls the processor; "" where it does not say. */
static void processor_name(char name[128]) {
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    *name = 0;
    while (file && !*name && fgets(line, sizeof line, file)) {
        if (strncmp(line, "model name", 10) != 0 || !strchr(line, ':')) continue;
        gw__slice value = gw__slice_trim((gw__slice){strchr(line, ':') + 1, strcspn(strchr(line, ':') + 1, "\n")});
        if (gw__utf8_valid(value.at, value.n)) snprintf(name, 128, "%.*s", GW__SLICE_ARG(value));
    }
    if (file) fclose(file);
}

static void write_ceilings(gw__json_writer *w, const gw__ceilings *c) {
    gw__json_begin_object(w);
    put_count(w, "threads", c->threads);
    put(w, "gflops", c->flops * 1e-9);
    put(w, "read_gb_per_second", c->read * 1e-9);
    put(w, "triad_gb_per_second", c->triad * 1e-9);
    gw__json_key(w, "random_rows_per_second");
    gw__json_begin_object(w);
    put(w, "plain", c->rows[false][false]);
    put(w, "prefetch", c->rows[false][true]);
    put(w, "huge_pages", c->rows[true][false]);
    put(w, "huge_pages_prefetch", c->rows[true][true]);
    gw__json_end_object(w);
    gw__json_end_object(w);
}

static gw_status bench_machine(bench *b, gw_error *err) {
    char processor[128];
    gw__text json = {0};
    gw__json_writer w = {&json, false};
    tell_next(b, "", "ceilings of the machine");
    const size_t bytes = b->seconds < HASTY_SECONDS ? SMALL_TABLE_BYTES : TABLE_BYTES;
    gw_status status = gw__ceilings_measure(b->kernels, b->pool, bytes, b->seconds * CEILING_SHARE, b->ceilings, &b->table_bytes, err);
    if (status != GW_OK) return status;
    processor_name(processor);
    gw__json_begin_object(&w);
    put_text(&w, "machine", processor);
    put_text(&w, "isa", b->kernels->isa);
    put_count(&w, "threads", b->threads);
    put_count(&w, "table_bytes", b->table_bytes);
    gw__json_key(&w, "ceilings");
    gw__json_begin_list(&w);
    for (size_t i = 0; i < (b->pool ? 2 : 1); i++) write_ceilings(&w, &b->ceilings[i]);
    gw__json_end_list(&w);
    gw__json_end_object(&w);
    return tell_result(b, &json, err);
}

/* ---- shapes ---------------------------------------------------------------------------------------------------------------------- */

static void write_speed(const bench *b, gw__json_writer *w, const gw__timed *timed, const char *what, size_t rows, uint64_t multiply_adds, size_t run) {
    char key[64];
    const double gflops = 2e-9 * (double)multiply_adds * (double)rows / timed->median;
    snprintf(key, sizeof key, "us_per_%s", what);
    put(w, key, timed->median * 1e6);
    snprintf(key, sizeof key, "least_us_per_%s", what);
    put(w, key, timed->least * 1e6);
    snprintf(key, sizeof key, "wall_us_per_%s", what);
    put(w, key, timed->wall * 1e6);
    put(w, "rows_per_second", (double)rows / timed->median);
    put(w, "gflops", gflops);
    put(w, "share", gflops * 1e9 / b->ceilings[run].flops);
}

static void write_training(const bench *b, gw__json_writer *w, const gw__shape_bench *sb, const gw__timed times[2]) {
    gw__json_key(w, "training");
    gw__json_begin_list(w);
    for (size_t i = 0; i < sb->n_runs; i++) {
        gw__json_begin_object(w);
        put_count(w, "threads", i ? b->threads : 1);
        write_speed(b, w, &times[i], "step", sb->runs[i].shape->batch, gw__net_training_multiply_adds(sb->runs[i].net), i);
        if (i) put(w, "scaling", times[0].wall / times[i].wall);
        gw__json_end_object(w);
    }
    gw__json_end_list(w);
}

static void write_prediction(const bench *b, gw__json_writer *w, const gw__shape_bench *sb, const gw__prediction_time *times, size_t n) {
    gw__json_key(w, "prediction");
    gw__json_begin_list(w);
    for (size_t i = 0; i < n; i++) {
        gw__json_begin_object(w);
        put_count(w, "batch", times[i].batch);
        put_count(w, "threads", times[i].threads);
        write_speed(b, w, &times[i].timed, "batch", times[i].batch, gw__net_multiply_adds(sb->runs[0].net), times[i].threads > 1);
        gw__json_end_object(w);
    }
    gw__json_end_list(w);
}

static void write_latency(gw__json_writer *w, const gw__latency *latency) {
    gw__json_key(w, "latency");
    gw__json_begin_object(w);
    put_count(w, "calls", latency->calls);
    put_count(w, "calls_per_reading", latency->group);
    gw__json_key(w, "us");
    gw__json_begin_object(w);
    put(w, "p50", latency->p50 * 1e6);
    put(w, "p90", latency->p90 * 1e6);
    put(w, "p99", latency->p99 * 1e6);
    put(w, "p99.9", latency->p999 * 1e6);
    gw__json_end_object(w);
    gw__json_end_object(w);
}

static void write_shape(gw__json_writer *w, const gw__shape *shape, const gw__net *net) {
    uint64_t parameters = 0;
    for (size_t i = 0; i < gw__net_parameter_count(net); i++) {
        const gw__parameter p = gw__net_parameter_at(net, i);
        parameters += p.n_dims == 2 ? p.shape[0] * p.shape[1] : p.shape[0];
    }
    put_text(w, "shape", shape->name);
    put_text(w, "title", shape->title);
    put_count(w, "batch", shape->batch);
    put_count(w, "parameters", parameters);
    gw__json_key(w, "multiply_adds");
    gw__json_begin_object(w);
    put_count(w, "training", gw__net_training_multiply_adds(net));
    put_count(w, "prediction", gw__net_multiply_adds(net));
    gw__json_end_object(w);
}

static gw_status bench_shape(bench *b, const gw__shape *shape, gw_error *err) {
    gw__shape_bench sb;
    gw__timed training[2];
    gw__prediction_time predictions[GW__PREDICTIONS];
    gw__latency latency;
    size_t n_predictions;
    gw__text json = {0};
    gw__json_writer w = {&json, false};
    tell_next(b, shape->name, "training");
    gw_status status = gw__shape_bench_init(&sb, shape, b->threads, b->kernels->isa, err);
    if (status != GW_OK) return status;
    gw__shape_bench_training(&sb, b->seconds, training);
    tell_next(b, shape->name, "prediction");
    GW__TRY(gw__shape_bench_prediction(&sb, b->seconds, predictions, &n_predictions, err));
    tell_next(b, shape->name, "latency");
    GW__TRY(gw__shape_bench_latency(&sb, b->seconds, &latency, err));
    gw__json_begin_object(&w);
    write_shape(&w, shape, sb.runs[0].net);
    write_training(b, &w, &sb, training);
    write_prediction(b, &w, &sb, predictions, n_predictions);
    write_latency(&w, &latency);
    gw__json_end_object(&w);
    status = tell_result(b, &json, err);
cleanup:
    gw__shape_bench_clear(&sb);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------- */

static gw_status unknown_shape(const char *name, gw_error *err) {
    const char *known[16];
    size_t n = 0;
    for (; n < gw__shape_count() && n < GW__COUNT(known); n++) known[n] = gw__shape_at(n)->name;
    const char *near = gw__nearest(gw__slice_of(name), known, n);
    if (near) return gw__fail(err, GW_E_ARGUMENT, "unknown shape '%.80s'; hint: did you mean '%s'?", name, near);
    gw__text list = {0};
    for (size_t i = 0; i < n; i++) gw__text_addf(&list, "%s%s", i ? ", " : "", known[i]);
    gw_status status = gw__fail(err, GW_E_ARGUMENT, "unknown shape '%.80s'; hint: the shapes are %s", name, list.at ? list.at : "");
    gw__text_clear(&list);
    return status;
}

static gw_status choose_shapes(bench *b, gw__arena *arena, gw_error *err) {
    const gw_bench_options *options = b->options;
    b->n_shapes = options->n_shapes ? options->n_shapes : gw__shape_count();
    b->shapes = gw__arena_alloc(arena, b->n_shapes, sizeof *b->shapes);
    if (!b->shapes) return gw__fail_nomem(err);
    for (size_t i = 0; i < b->n_shapes; i++) {
        b->shapes[i] = options->n_shapes ? gw__shape_named(options->shapes[i]) : gw__shape_at(i);
        if (!b->shapes[i]) return unknown_shape(options->shapes[i], err);
    }
    return GW_OK;
}

gw_status gw__bench(const gw_bench_options *options, gw_error *err) {
    gw_status status = GW_OK;
    gw__arena arena = {0};
    gw__pool *pool = NULL;
    bench b = {.options = options, .seconds = options->seconds > 0 ? options->seconds : USUAL_SECONDS};
    GW__TRY(gw__kernels_named(options->isa, &b.kernels, err));
    GW__TRY(choose_shapes(&b, &arena, err));
    GW__TRY(gw__pool_new(options->threads, &pool, err));
    b.threads = gw__pool_threads(pool);
    b.pool = b.threads > 1 ? pool : NULL;
    GW__TRY(bench_machine(&b, err));
    for (size_t i = 0; i < b.n_shapes; i++) GW__TRY(bench_shape(&b, b.shapes[i], err));
cleanup:
    gw__pool_free(pool);
    gw__arena_clear(&arena);
    return status;
}
