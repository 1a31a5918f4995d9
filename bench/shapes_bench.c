/* Time of a training step and of a prediction on the standard shapes: shapes_bench [THREADS [SHAPE [train]]]. Medians, process CPU and wall. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lab/shapes.h"

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

enum { ROUNDS = 9 };

typedef struct timing { double cpu[ROUNDS], wall[ROUNDS]; } timing;

static void show(const char *name, const char *what, timing *t, double flops) {
    qsort(t->cpu, ROUNDS, sizeof(double), by_value);
    qsort(t->wall, ROUNDS, sizeof(double), by_value);
    const double cpu = t->cpu[ROUNDS / 2], wall = t->wall[ROUNDS / 2];
    printf("%-18s %-10s %11.2f us cpu (min %.2f)  %11.2f us wall (min %.2f)  %6.1f GF/s\n", name, what, cpu * 1e6, t->cpu[0] * 1e6, wall * 1e6,
           t->wall[0] * 1e6, flops / wall * 1e-9);
}

/* Repeat `work` for some tenths of a second a round. */
static void measure(void (*work)(void *), void *context, timing *t) {
    size_t n = 1;
    for (double seconds = 0; seconds < 0.1;) {
        double begin = now(CLOCK_MONOTONIC);
        for (size_t i = 0; i < n; i++) work(context);
        seconds = now(CLOCK_MONOTONIC) - begin;
        if (seconds < 0.1) n *= 2;
    }
    for (int r = 0; r < ROUNDS; r++) {
        double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
        for (size_t i = 0; i < n; i++) work(context);
        t->cpu[r] = (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)n;
        t->wall[r] = (now(CLOCK_MONOTONIC) - wall) / (double)n;
    }
}

static void step(void *context) { gw__shape_run_step(context); }

typedef struct scoring {
    gw__shape_run *run;
    gw__scorer *scorer;
    float *dense, *outputs;
    size_t n;
} scoring;

static void score(void *context) {
    scoring *s = context;
    gw__scorer_run_dense(s->scorer, gw__trainer_parameters(s->run->trainer), s->dense, s->n, s->outputs, NULL);
}

static void bench(const gw__shape *shape, size_t threads, int predict) {
    gw__shape_run run;
    gw_error err;
    timing t;
    if (gw__shape_run_init(&run, shape, threads, NULL, &err) != GW_OK) exit(1);
    const double flops = 2.0 * (double)gw__net_multiply_adds(run.net);
    measure(step, &run, &t);
    show(shape->name, "train", &t, 3 * flops * (double)shape->batch);
    const size_t sizes[] = {1, 32, 1024};
    for (size_t i = 0; predict && i < 3; i++) {
        scoring s = {.run = &run, .n = sizes[i], .dense = calloc(1024 * shape->width, 4), .outputs = calloc(1024 * shape->n_tasks, 4)};
        char what[32];
        for (size_t r = 0; r < 1024 && r < run.records.n_rows; r++) memcpy(s.dense + r * shape->width, gw__record_at(&run.records, r), 4 * shape->width);
        if (gw__scorer_new(run.net, s.n, &s.scorer, &err) != GW_OK) exit(1);
        measure(score, &s, &t);
        snprintf(what, sizeof what, "batch %zu", s.n);
        show(shape->name, what, &t, flops * (double)s.n);
        gw__scorer_free(s.scorer);
        free(s.dense);
        free(s.outputs);
    }
    gw__shape_run_clear(&run);
}

int main(int argc, char **argv) {
    size_t threads = argc > 1 ? (size_t)atoi(argv[1]) : 1;
    for (size_t i = 0; i < gw__shape_count(); i++) {
        if (argc <= 2 || strcmp(argv[2], gw__shape_at(i)->name) == 0) bench(gw__shape_at(i), threads, argc <= 3);
    }
    return 0;
}
