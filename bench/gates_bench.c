/* Sparse gates against dense ones: gates_bench [ROUNDS [THREADS]]. One network with all of its experts and with the `top_k` that its gates select, in
 * turn, so that both see the same machine: the best time of a prediction of 512 rows on one thread, and of a training step of 512 rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "train/trainer.h"

enum { ROWS = 512, MOST_WIDTH = 256 };

typedef struct shape {
    const char *architecture;
    size_t n_tasks;
    uint32_t width, count, k;
    const char *hidden;
} shape;

static const shape shapes[] = {
    {"moe", 1, 64, 16, 2, "[64, 32]"},    {"omoe", 2, 64, 16, 2, "[64, 32]"},   {"mmoe", 2, 64, 16, 2, "[64, 32]"},    {"omoe", 2, 64, 16, 1, "[64, 32]"},
    {"omoe", 2, 128, 16, 2, "[128, 64]"}, {"mmoe", 2, 128, 16, 2, "[128, 64]"}, {"omoe", 2, 256, 16, 2, "[256, 128]"}, {"omoe", 2, 64, 64, 2, "[64, 32]"},
};

typedef struct side {
    gw__spec *spec;
    gw__net *net;
    gw__trainer *trainer;
    gw__scorer *scorer;
    double score, step; /* seconds, the least so far */
} side;

static gw__input input;
static gw__records records;
static gw__slot slot;
static uint64_t order[ROWS];
static float dense[ROWS * MOST_WIDTH], outputs[ROWS * 2];
static gw__pool *pool;

static void must(gw_status status, const gw_error *err) {
    if (status == GW_OK) return;
    fprintf(stderr, "gates_bench: %s: %s\n", err->where, err->message);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double uniform(uint64_t a, uint64_t b) { return gw__random_uniform(1, GW__RANDOM_SYNTH, a, b); }

/* Rows of `width` numbers with regression labels. */
static void make_rows(const shape *s) {
    const uint32_t width = s->width, n_tasks = (uint32_t)s->n_tasks;
    slot = (gw__slot){.kind = GW__SLOT_NUMBER, .width = width};
    input = (gw__input){.slots = &slot, .n_slots = 1, .width = width, .n_numbers = width, .n_tasks = n_tasks, .ids_at = width, .bags_at = width,
                        .labels_at = width, .weights_at = width + n_tasks, .groups_at = width + 2 * n_tasks, .stride = width + 2 * n_tasks};
    free(records.words);
    records = (gw__records){.input = &input, .n_rows = ROWS, .words = calloc(ROWS * input.stride, sizeof(uint32_t))};
    for (size_t r = 0; r < ROWS; r++) {
        float *record = (float *)(records.words + r * input.stride);
        for (size_t j = 0; j < width; j++) dense[r * width + j] = record[j] = (float)(4 * uniform(r, j) - 2);
        for (size_t t = 0; t < n_tasks; t++) record[width + t] = (float)uniform(r, 1000 + t), record[width + n_tasks + t] = 1;
        order[r] = r;
    }
}

static void plan(const shape *s, uint32_t k, side *ret) {
    const size_t widths[] = {1, 1};
    char text[1024];
    gw_error err = {0};
    int n = snprintf(text, sizeof text, "{data: {train: x.csv}, tasks: {a: regression%s}, train: {optimizer: {lr: 1e-5}}, model: {architecture: %s, "
                     "experts: {count: %u, hidden: %s}, gates: {top_k: %u}}}", s->n_tasks > 1 ? ", b: regression" : "", s->architecture, s->count, s->hidden, k);
    *ret = (side){.score = 1e9, .step = 1e9};
    must(gw__spec_parse(text, (size_t)n, "x.yaml", NULL, 0, &ret->spec, &err), &err);
    must(gw__net_new(ret->spec, &input, widths, &ret->net, &err), &err);
    must(gw__trainer_new(ret->net, ret->spec, &records, ROWS, pool, &ret->trainer, &err), &err);
    must(gw__scorer_new(ret->net, ROWS, &ret->scorer, &err), &err);
    gw__net_initialise(ret->net, ret->spec, gw__trainer_parameters(ret->trainer));
}

static void run(side *s) {
    gw__step_result result;
    double began = 0;
    for (int i = 0; i < 2; i++) { /* the first finds the caches as the training step left them, which no prediction in a row does */
        began = now();
        gw__scorer_run_dense(s->scorer, gw__trainer_parameters(s->trainer), dense, ROWS, outputs, NULL);
    }
    double scored = now();
    gw__trainer_step(s->trainer, order, ROWS, (gw__rates){1e-5, 1e-5}, &result);
    double done = now();
    if (scored - began < s->score) s->score = scored - began;
    if (done - scored < s->step) s->step = done - scored;
}

static void clear(side *s) {
    gw__scorer_free(s->scorer);
    gw__trainer_free(s->trainer);
    gw__net_free(s->net);
    gw__spec_free(s->spec);
}

int main(int argc, char **argv) {
    const size_t rounds = argc > 1 ? (size_t)atoi(argv[1]) : 300, threads = argc > 2 ? (size_t)atoi(argv[2]) : 1;
    gw_error err = {0};
    must(gw__pool_new(threads, &pool, &err), &err);
    printf("%-34s %12s %12s %7s   %12s %12s %7s\n", "512 rows", "dense score", "sparse", "ratio", "dense step", "sparse", "ratio");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const shape *s = &shapes[i];
        char name[80];
        side sides[2];
        make_rows(s);
        plan(s, 0, &sides[0]);
        plan(s, s->k, &sides[1]);
        for (size_t r = 0; r < rounds; r++) run(&sides[r & 1]), run(&sides[!(r & 1)]);
        snprintf(name, sizeof name, "%s D %u, %u of %u %s", s->architecture, s->width, s->k, s->count, s->hidden);
        printf("%-34s %9.1f us %9.1f us %6.2fx   %9.1f us %9.1f us %6.2fx\n", name, 1e6 * sides[0].score, 1e6 * sides[1].score,
               sides[0].score / sides[1].score, 1e6 * sides[0].step, 1e6 * sides[1].step, sides[0].step / sides[1].step);
        clear(&sides[0]);
        clear(&sides[1]);
    }
    free(records.words);
    gw__pool_free(pool);
    return 0;
}
