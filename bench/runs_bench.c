/* Many runs against one: runs_bench [RUNS [ROWS [KEY.PATH=VALUE]...]]. Trains the article's MMoE (10 inputs, 4 experts of 16, 2 tasks) on generated
 * rows with as many seeds as RUNS, each setup in a process of its own, and prints its wall and CPU time and its peak memory:
 *   one run alone; all of them together on 1 thread and on all; the same one after another, each reading its rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gatewright.h"

enum { MOST_SETS = 16 };

typedef struct setup {
    const char *name;
    size_t runs, threads;
    bool apart; /* one gw_train after another */
} setup;

static char table[64], spec[1024];
static const char *sets[MOST_SETS];
static size_t n_sets;

static void must(gw_status status, const gw_error *err) {
    if (status == GW_OK) return;
    fprintf(stderr, "runs_bench: %s: %s\n", err->where, err->message);
    _exit(1);
}

static void train(const setup *s) {
    gw_error err = {0};
    gw_train_options base = {.spec_text = spec, .overrides = sets, .n_overrides = n_sets, .threads = s->threads};
    gw_run_options *runs = calloc(s->runs, sizeof *runs);
    gw_run_result *results = calloc(s->runs, sizeof *results);
    char (*seeds)[40] = calloc(s->runs, sizeof *seeds);
    const char **overrides = calloc(s->runs, sizeof *overrides);
    for (size_t i = 0; i < s->runs; i++) {
        snprintf(seeds[i], sizeof seeds[i], "train.seed=%zu", i + 1);
        overrides[i] = seeds[i];
        runs[i] = (gw_run_options){.overrides = &overrides[i], .n_overrides = 1};
    }
    for (size_t i = 0; s->apart && i < s->runs; i++) must(gw_train_many(&base, &runs[i], 1, &results[i], &err), &err);
    if (!s->apart) must(gw_train_many(&base, runs, s->runs, results, &err), &err);
    gw_run_results_clear(results, s->runs);
    free(overrides);
    free(seeds);
    free(results);
    free(runs);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds(struct timeval t) { return (double)t.tv_sec + 1e-6 * (double)t.tv_usec; }

static void measure(const setup *s) {
    struct rusage used;
    int status = 0;
    double began = now();
    pid_t child = fork();
    if (child == 0) {
        train(s);
        _exit(0);
    }
    if (child < 0 || wait4(child, &status, 0, &used) != child || status != 0) exit(1);
    double wall = now() - began, cpu = seconds(used.ru_utime) + seconds(used.ru_stime), n = (double)s->runs;
    printf("%-34s %4zu runs  %8.3f s wall  %8.3f s cpu  %8.2f runs/s wall  %8.2f runs/s cpu  %7.1f MB peak\n", s->name, s->runs, wall, cpu, n / wall,
           n / cpu, (double)used.ru_maxrss / 1024);
}

int main(int argc, char **argv) {
    gw_error err = {0};
    const size_t n = argc > 1 ? (size_t)atoi(argv[1]) : 32;
    const int64_t rows = argc > 2 ? atoll(argv[2]) : 20000;
    const size_t cores = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 3; i < argc && n_sets < MOST_SETS; i++) sets[n_sets++] = argv[i];
    snprintf(table, sizeof table, "/tmp/gw-runs-%ld.csv", (long)getpid());
    snprintf(spec, sizeof spec, "{\"data\":{\"train\":\"%s\"},\"features\":{\"default\":{\"type\":\"numeric\",\"transform\":\"none\"}},"
             "\"tasks\":{\"y1\":\"regression\",\"y2\":\"regression\"},\"model\":{\"architecture\":\"mmoe\",\"experts\":{\"count\":4,\"hidden\":[16]},"
             "\"towers\":{\"hidden\":[]}},\"train\":{\"epochs\":10,\"batch\":1000}}", table);
    must(gw_synth(&(gw_synth_options){.kind = "article-mmoe", .output_path = table, .rows = rows, .seed = 1}, &err), &err);
    const setup setups[] = {{"one run alone, 1 thread", 1, 1, false},
                            {"one run alone, all threads", 1, cores, false},
                            {"one after another, 1 thread", n, 1, true},
                            {"one after another, all threads", n, cores, true},
                            {"together, 1 thread", n, 1, false},
                            {"together, all threads", n, cores, false}};
    for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) measure(&setups[i]);
    unlink(table);
    return 0;
}
