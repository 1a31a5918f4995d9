#include "lab/stopwatch.h"

#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 9, LEAST_ROUNDS = 3, MOST_WORKS = GW__MOST_WORKS };

static double read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double gw__wall_seconds(void) { return read_clock(CLOCK_MONOTONIC); }
double gw__cpu_seconds(void) { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

static int by_value(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

/* As many calls as take about `seconds`, found by trying more and more, which warms everything up, too; and how long one takes. */
static size_t repeats_for(const gw__timed *timed, double seconds, double *ret_each) {
    for (size_t n = 1;; n *= 2) {
        double begin = gw__wall_seconds();
        for (size_t i = 0; i < n; i++) timed->work(timed->context);
        double taken = gw__wall_seconds() - begin;
        *ret_each = taken / (double)n;
        if (taken >= seconds) return n;
        if (taken >= seconds / 4) return (size_t)((double)n * seconds / taken);
    }
}

static double measure_round(const gw__timed *timed, double *ret_wall) {
    const double cpu = gw__cpu_seconds(), wall = gw__wall_seconds();
    for (size_t i = 0; i < timed->repeats; i++) timed->work(timed->context);
    *ret_wall = (gw__wall_seconds() - wall) / (double)timed->repeats;
    return timed->cpu ? (gw__cpu_seconds() - cpu) / (double)timed->repeats : *ret_wall;
}

void gw__time_works(gw__timed *works, size_t n, double seconds) {
    double times[MOST_WORKS][ROUNDS], walls[MOST_WORKS][ROUNDS];
    size_t rounds = ROUNDS;
    for (size_t w = 0; w < n; w++) {
        double each;
        works[w].repeats = repeats_for(&works[w], seconds / ROUNDS, &each);
        while (rounds > LEAST_ROUNDS && each * (double)rounds > 3 * seconds) rounds--;
    }
    for (size_t round = 0; round < rounds; round++) {
        for (size_t w = 0; w < n; w++) times[w][round] = measure_round(&works[w], &walls[w][round]);
    }
    for (size_t w = 0; w < n; w++) {
        qsort(times[w], rounds, sizeof(double), by_value);
        qsort(walls[w], rounds, sizeof(double), by_value);
        works[w].median = times[w][rounds / 2];
        works[w].least = times[w][0];
        works[w].wall = walls[w][rounds / 2];
    }
}

/* ---- single calls ---------------------------------------------------------------------------------------------------------------- */

enum { MOST_READINGS = 1 << 18, CLOCK_READINGS = 101 };

static double clock_cost(void) {
    double costs[CLOCK_READINGS];
    for (size_t i = 0; i < CLOCK_READINGS; i++) {
        double begin = gw__wall_seconds();
        costs[i] = gw__wall_seconds() - begin;
    }
    qsort(costs, CLOCK_READINGS, sizeof(double), by_value);
    return costs[CLOCK_READINGS / 2];
}

static double quantile(const double *sorted, size_t n, double q) {
    size_t at = (size_t)(q * (double)n);
    return sorted[at < n ? at : n - 1];
}

bool gw__time_calls(void (*work)(void *context), void *context, double seconds, gw__latency *ret) {
    double *readings = malloc(MOST_READINGS * sizeof *readings);
    if (!readings) return false;
    const gw__timed timed = {.work = work, .context = context};
    double each;
    const size_t group = repeats_for(&timed, 50 * clock_cost(), &each);
    size_t n = 0;
    for (double begin = gw__wall_seconds(), now = begin; n < MOST_READINGS && (n == 0 || now - begin < seconds); n++) {
        double before = gw__wall_seconds();
        for (size_t i = 0; i < group; i++) work(context);
        now = gw__wall_seconds();
        readings[n] = (now - before) / (double)group;
    }
    qsort(readings, n, sizeof *readings, by_value);
    *ret = (gw__latency){.calls = n * group, .group = group, .p50 = quantile(readings, n, 0.5), .p90 = quantile(readings, n, 0.9),
                         .p99 = quantile(readings, n, 0.99), .p999 = quantile(readings, n, 0.999)};
    free(readings);
    return true;
}
