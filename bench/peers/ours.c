/* Gatewright's side of the comparison with its peers (run.py): lives as long as the run, reads one command a line, answers each with one line of
 * JSON, so that measurements of several programs can take turns.
 *   shapes                         names, titles and structure of the standard shapes
 *   dump SHAPE FILE                a safetensors file: initial parameters by name, "inputs" and "labels" in the order of the steps, "outputs" of
 *                                  the first batch before training, and "losses" of the first steps of training
 *   train SHAPE THREADS SECONDS    repeat training steps for about so long: {"n":steps,"cpu":s,"wall":s}
 *   predict SHAPE ROWS SECONDS     the same for scoring ROWS rows of dense input, one thread: {"n":calls,…}
 *   memory                         {"max_rss":bytes} */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "lab/shapes.h"
#include "model/model.h"
#include "serve/session.h"

enum { LOSSES = 20, WARM_STEPS = 3, WORDS = 4 };

/* What the last command needed, kept for the next. */
typedef struct peer {
    const gw__shape *shape;
    size_t threads;
    gw__shape_run run; /* of `shape` on `threads`, when shape is not NULL */
    gw__scorer *scorer;
    size_t rows;       /* of a call */
    float *dense, *outputs;
} peer;

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Repeat `work` for about `seconds`, in bursts, so that looking at the clock costs nothing beside a call of a tenth of a microsecond. */
static void measure(void (*work)(peer *), peer *p, double seconds) {
    size_t n = 0, burst = 1;
    const double cpu = now(CLOCK_PROCESS_CPUTIME_ID), begin = now(CLOCK_MONOTONIC);
    double wall = 0;
    while (wall < seconds) {
        for (size_t i = 0; i < burst; i++) work(p);
        n += burst;
        wall = now(CLOCK_MONOTONIC) - begin;
        const double left = (seconds - wall) / (wall / (double)n + 1e-9);
        burst = left < 1 ? 1 : left < 2.0 * (double)n ? (size_t)left : 2 * n;
    }
    printf("{\"n\":%zu,\"cpu\":%.9g,\"wall\":%.9g}\n", n, now(CLOCK_PROCESS_CPUTIME_ID) - cpu, wall);
}

static void score(peer *p) {
    const float *flat = gw__trainer_parameters(p->run.trainer);
    for (size_t at = 0; at < p->rows; at += GW__SCORE_CHUNK) { /* as gw_session_score_dense does */
        const size_t n = p->rows - at < GW__SCORE_CHUNK ? p->rows - at : GW__SCORE_CHUNK;
        gw__scorer_run_dense(p->scorer, flat, p->dense + at * p->shape->width, n, p->outputs + at * p->shape->n_tasks, NULL);
    }
}

static void step(peer *p) { gw__shape_run_step(&p->run); }

static void forget_scorer(peer *p) {
    gw__scorer_free(p->scorer);
    gw__aligned_free(p->dense);
    gw__aligned_free(p->outputs);
    p->scorer = NULL;
    p->dense = p->outputs = NULL;
    p->rows = 0;
}

static void forget(peer *p) {
    forget_scorer(p);
    if (p->shape) gw__shape_run_clear(&p->run);
    p->shape = NULL;
}

static gw_status take(peer *p, const gw__shape *shape, size_t threads, gw_error *err) {
    if (p->shape == shape && p->threads == threads) return GW_OK;
    forget(p);
    gw_status status = gw__shape_run_init(&p->run, shape, threads, NULL, err);
    if (status != GW_OK) return status;
    p->shape = shape;
    p->threads = threads;
    return GW_OK;
}

static const float *record(const peer *p, size_t position) {
    return (const float *)gw__record_at(&p->run.records, (size_t)p->run.rows[position]);
}

static gw_status take_scorer(peer *p, size_t rows, gw_error *err) {
    if (p->rows == rows) return GW_OK;
    forget_scorer(p);
    const size_t width = p->shape->width;
    p->dense = gw__aligned_alloc(rows * width, sizeof *p->dense);
    p->outputs = gw__aligned_alloc(rows * p->shape->n_tasks, sizeof *p->outputs);
    gw_status status = p->dense && p->outputs ? GW_OK : gw__fail_nomem(err);
    if (status == GW_OK) status = gw__scorer_new(p->run.net, rows < GW__SCORE_CHUNK ? rows : GW__SCORE_CHUNK, &p->scorer, err);
    if (status != GW_OK) {
        forget_scorer(p);
        return status;
    }
    for (size_t r = 0; r < rows; r++) memcpy(p->dense + r * width, record(p, r % p->run.records.n_rows), width * sizeof(float));
    p->rows = rows;
    return GW_OK;
}

/* ---- commands ---- */

static gw_status cmd_shapes(peer *p, char *const *words, gw_error *err) {
    for (size_t i = 0; i < gw__shape_count(); i++) {
        const gw__shape *s = gw__shape_at(i);
        printf("%s{\"name\":\"%s\",\"title\":\"%s\",\"width\":%u,\"tasks\":%zu,\"binary\":%s,\"batch\":%zu,\"batches\":%d,\"model\":%s}",
               i ? "," : "[", s->name, s->title, s->width, s->n_tasks, s->binary ? "true" : "false", s->batch, GW__SHAPE_BATCHES, s->model);
    }
    puts("]");
    return GW_OK;
}

/* Inputs and labels of all batches, in the order in which steps take them. */
static void copy_rows(const peer *p, float *ret_inputs, float *ret_labels) {
    const size_t width = p->shape->width, tasks = p->shape->n_tasks;
    for (size_t r = 0; r < p->run.records.n_rows; r++) {
        memcpy(ret_inputs + r * width, record(p, r), width * sizeof(float));
        memcpy(ret_labels + r * tasks, record(p, r) + p->run.input.labels_at, tasks * sizeof(float));
    }
}

static gw__tensor matrix(const char *name, gw__dtype dtype, uint64_t rows, uint64_t columns, const void *data) {
    return (gw__tensor){.name = name, .dtype = dtype, .n_dims = 2, .shape = {rows, columns}, .data = data,
                        .n_bytes = (size_t)(rows * columns) * gw__dtype_bytes(dtype)};
}

static gw_status write_dump(const gw__tensor *tensors, size_t n, const char *path, gw_error *err) {
    gw__writer writer;
    gw_status status = gw__writer_open(&writer, path, err);
    if (status != GW_OK) return status;
    status = gw__container_write(tensors, n, NULL, 0, false, &writer, err);
    if (status == GW_OK) return gw__writer_commit(&writer, err);
    gw__writer_cancel(&writer);
    return status;
}

static gw_status dump(peer *p, gw__arena *arena, const char *path, gw_error *err) {
    gw__tensor *parameters, *tensors;
    size_t n;
    const gw__shape *s = p->shape;
    const uint64_t n_rows = p->run.records.n_rows;
    gw_status status = gw__parameters_write(p->run.net, GW__PART_ALL, gw__trainer_parameters(p->run.trainer), "", arena, &parameters, &n, err);
    if (status == GW_OK) status = take_scorer(p, s->batch, err);
    if (status != GW_OK) return status;
    float *inputs = gw__arena_alloc(arena, n_rows * s->width, sizeof *inputs), *labels = gw__arena_alloc(arena, n_rows * s->n_tasks, sizeof *labels);
    double *losses = gw__arena_alloc(arena, LOSSES, sizeof *losses);
    tensors = gw__arena_alloc(arena, n + 4, sizeof *tensors);
    if (!inputs || !labels || !losses || !tensors) return gw__fail_nomem(err);
    copy_rows(p, inputs, labels);
    score(p);
    for (size_t i = 0; i < LOSSES; i++) losses[i] = gw__shape_run_step(&p->run);
    memcpy(tensors, parameters, n * sizeof *tensors);
    tensors[n++] = matrix("inputs", GW__F32, n_rows, s->width, inputs);
    tensors[n++] = matrix("labels", GW__F32, n_rows, s->n_tasks, labels);
    tensors[n++] = matrix("outputs", GW__F32, s->batch, s->n_tasks, p->outputs);
    tensors[n++] = matrix("losses", GW__F64, 1, LOSSES, losses);
    return write_dump(tensors, n, path, err);
}

static gw_status named(const char *name, const gw__shape **ret_shape, gw_error *err) {
    *ret_shape = gw__shape_named(name);
    return *ret_shape ? GW_OK : gw__fail(err, GW_E_ARGUMENT, "there is no shape '%s'", name);
}

static gw_status number(const char *text, double least, double *ret_value, gw_error *err) {
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= 1e6)) return gw__fail(err, GW_E_ARGUMENT, "expected a number from %g but found '%s'", least, text);
    *ret_value = value;
    return GW_OK;
}

static gw_status cmd_dump(peer *p, char *const *words, gw_error *err) {
    const gw__shape *shape;
    gw__arena arena = {0};
    gw_status status = named(words[1], &shape, err);
    forget(p); /* training begins anew */
    if (status == GW_OK) status = take(p, shape, 1, err);
    if (status == GW_OK) status = dump(p, &arena, words[2], err);
    gw__arena_clear(&arena);
    forget(p);
    if (status == GW_OK) puts("{}");
    return status;
}

static gw_status cmd_train(peer *p, char *const *words, gw_error *err) {
    const gw__shape *shape;
    double threads = 1, seconds = 0;
    gw_status status = named(words[1], &shape, err);
    if (status == GW_OK) status = number(words[2], 1, &threads, err);
    if (status == GW_OK) status = number(words[3], 0, &seconds, err);
    if (status != GW_OK) return status;
    const bool fresh = p->shape != shape || p->threads != (size_t)threads;
    status = take(p, shape, (size_t)threads, err);
    if (status != GW_OK) return status;
    for (int i = 0; fresh && i < WARM_STEPS; i++) step(p);
    measure(step, p, seconds);
    return GW_OK;
}

static gw_status cmd_predict(peer *p, char *const *words, gw_error *err) {
    const gw__shape *shape;
    double rows = 1, seconds = 0;
    gw_status status = named(words[1], &shape, err);
    if (status == GW_OK) status = number(words[2], 1, &rows, err);
    if (status == GW_OK) status = number(words[3], 0, &seconds, err);
    if (status == GW_OK && p->shape != shape) status = take(p, shape, 1, err);
    if (status == GW_OK) status = take_scorer(p, (size_t)rows, err);
    if (status != GW_OK) return status;
    score(p);
    measure(score, p, seconds);
    return GW_OK;
}

static gw_status cmd_memory(peer *p, char *const *words, gw_error *err) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"max_rss\":%ld}\n", usage.ru_maxrss * 1024);
    return GW_OK;
}

static const struct command {
    const char *name;
    size_t words;
    gw_status (*run)(peer *p, char *const *words, gw_error *err);
} commands[] = {{"shapes", 1, cmd_shapes}, {"dump", 3, cmd_dump}, {"train", 4, cmd_train}, {"predict", 4, cmd_predict}, {"memory", 1, cmd_memory}};

static gw_status answer(peer *p, char *line, gw_error *err) {
    char *words[WORDS + 1], *rest = NULL;
    size_t n = 0;
    for (char *word = strtok_r(line, " \n", &rest); word && n <= WORDS; word = strtok_r(NULL, " \n", &rest)) words[n++] = word;
    for (size_t i = 0; n && i < GW__COUNT(commands); i++) {
        if (strcmp(words[0], commands[i].name) != 0) continue;
        if (n == commands[i].words) return commands[i].run(p, words, err);
        return gw__fail(err, GW_E_ARGUMENT, "'%s': expected %zu words but found %zu", words[0], commands[i].words, n);
    }
    return gw__fail(err, GW_E_ARGUMENT, "expected a command but found '%s'", n ? words[0] : "");
}

/* Quotes and the like become blanks, so that the line is JSON whatever the text. */
static void put_text(const char *text) {
    for (const char *c = text; *c; c++) putchar(*c == '"' || *c == '\\' || (unsigned char)*c < 32 ? ' ' : *c);
}

static void put_error(const gw_error *err) {
    fputs("{\"error\":\"", stdout);
    if (err->where[0]) {
        put_text(err->where);
        fputs(": ", stdout);
    }
    put_text(err->message);
    puts("\"}");
}

int main(void) {
    peer p = {0};
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        gw_error err = {0};
        if (answer(&p, line, &err) != GW_OK) put_error(&err);
        fflush(stdout);
    }
    forget(&p);
    return 0;
}
