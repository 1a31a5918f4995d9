/* How many embedding rows a second are looked up and updated: embedding_bench [TABLES [ROWS [DIM [BATCH]]]], 26 tables of 10^6 x 16 and batches of
 * 4096 records unless said otherwise. One lookup, or one lookup with its update by row-wise Adagrad, is one row of one record.
 *   rows read, rows read and written    the machine: random rows of the same size in as much memory, asked for ahead, with 4 KiB and with huge pages
 *   gather                              the rows of a batch into the dense input, as the forward run does
 *   gather, index, update               and their gradients, made up here, summed per row and applied
 *   step                                whole steps of the trainer with the smallest network behind the tables
 * One thread by process CPU time, two by wall time; medians. `small pages` is the same with huge pages denied to the process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "model/net_plan.h"
#include "train/embedding.h"
#include "train/optimizer.h"
#include "train/trainer.h"

enum { ROUNDS = 7, CHUNK = 252, N_RECORDS = 1 << 18, LINE = 64 };

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

/* Millions of rows a second that `work`, which is `rows` of them, does: the median of some rounds. */
static double rate(void (*work)(void *), void *context, double rows, clockid_t clock) {
    double seconds[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        double begin = now(clock);
        work(context);
        seconds[r] = now(clock) - begin;
    }
    qsort(seconds, ROUNDS, sizeof *seconds, by_value);
    return rows / seconds[ROUNDS / 2] * 1e-6;
}

/* ---- the machine ------------------------------------------------------------------------------------------------------------------ */

typedef struct memory {
    float *rows;
    size_t n_rows, row_floats;
    uint32_t *order; /* [n] */
    size_t n;
    float sum;
} memory;

#define AHEAD 16

static void fetch(const float *row, size_t n) {
    for (size_t i = 0; i < n; i += LINE / sizeof(float)) __builtin_prefetch(row + i);
}

static void read_rows(void *context) {
    memory *m = context;
    float sum[16] = {0};
    for (size_t i = 0; i < m->n; i++) {
        const float *row = m->rows + m->order[i] * m->row_floats;
        if (i + AHEAD < m->n) fetch(m->rows + m->order[i + AHEAD] * m->row_floats, m->row_floats);
        for (size_t j = 0; j < m->row_floats; j++) sum[j % 16] += row[j];
    }
    for (int j = 0; j < 16; j++) m->sum += sum[j];
}

static void change_rows(void *context) {
    memory *m = context;
    for (size_t i = 0; i < m->n; i++) {
        float *row = m->rows + m->order[i] * m->row_floats;
        if (i + AHEAD < m->n) fetch(m->rows + m->order[i + AHEAD] * m->row_floats, m->row_floats);
        for (size_t j = 0; j < m->row_floats; j++) row[j] += 1;
    }
}

static void measure_memory(size_t n_rows, size_t dim, int advice, const char *pages) {
    const size_t bytes = n_rows * dim * sizeof(float);
    memory m = {.n_rows = n_rows, .row_floats = dim, .n = 4 << 20};
    m.rows = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    m.order = malloc(m.n * sizeof *m.order);
    if (m.rows == MAP_FAILED || !m.order) exit(1);
    madvise(m.rows, bytes, advice);
    memset(m.rows, 0, bytes);
    for (size_t i = 0; i < m.n; i++) m.order[i] = (uint32_t)((double)n_rows * gw__random_uniform(5, GW__RANDOM_SYNTH, 1, i));
    printf("machine, %s: rows read %.1f M/s, rows read and written %.1f M/s\n", pages, rate(read_rows, &m, (double)m.n, CLOCK_PROCESS_CPUTIME_ID),
           rate(change_rows, &m, (double)m.n, CLOCK_PROCESS_CPUTIME_ID));
    free(m.order);
    munmap(m.rows, bytes);
}

/* ---- a model of tables ------------------------------------------------------------------------------------------------------------ */

typedef struct bench {
    size_t n_tables, n_rows, dim, batch, threads;
    gw__slot *slots;
    gw__table_shape *tables;
    gw__input input;
    gw__records records;
    gw__spec *spec;
    gw__net *net;
    gw__pool *pool;
    gw__trainer *trainer;
    gw__embeddings *embeddings;
    float *ddense, *dense; /* [batch, ld]; [threads, CHUNK, ld] */
    uint64_t *rows;        /* [batch] */
    size_t step, n_steps;
    gw__update update;
} bench;

static void check(gw_status status, const gw_error *err) {
    if (status == GW_OK) return;
    fprintf(stderr, "embedding_bench: %s: %s\n", err->where, err->message);
    exit(1);
}

/* Zipf's law with exponent 1.05 by the inverse of its continuous form; frequent ids lie apart. */
static uint32_t skewed(double u, size_t n) {
    const double s = -0.05;
    double x = __builtin_pow((__builtin_pow((double)n, s) - 1) * u + 1, 1 / s);
    return (uint32_t)((uint64_t)(x - 1) * 7368787 % n);
}

static void draw_ids(bench *b, bool zipf) {
    for (size_t r = 0; r < b->records.n_rows; r++) {
        uint32_t *record = b->records.words + r * b->input.stride;
        for (size_t i = 0; i < b->n_tables; i++) {
            double u = gw__random_uniform(7, GW__RANDOM_SYNTH, 2 + i, r);
            uint32_t id = zipf ? skewed(u, b->n_rows) : (uint32_t)(u * (double)b->n_rows);
            record[b->input.ids_at + i] = id < b->n_rows ? id : 0;
        }
        ((float *)record)[b->input.labels_at] = (float)(r & 1);
        ((float *)record)[b->input.weights_at] = 1;
    }
}

static void init_input(bench *b) {
    b->slots = calloc(b->n_tables, sizeof *b->slots);
    b->tables = calloc(b->n_tables, sizeof *b->tables);
    for (uint32_t i = 0; i < b->n_tables; i++) {
        b->slots[i] = (gw__slot){.kind = GW__SLOT_EMBEDDING, .feature = i, .dense_at = i * (uint32_t)b->dim, .width = (uint32_t)b->dim, .index = i, .table = i};
        b->tables[i] = (gw__table_shape){"table", b->n_rows, (uint32_t)b->dim};
    }
    const uint32_t n = (uint32_t)b->n_tables, stride = (n + 3) & ~1u;
    b->input = (gw__input){.slots = b->slots, .n_slots = n, .tables = b->tables, .n_tables = n, .width = n * (uint32_t)b->dim, .n_ids = n, .n_tasks = 1,
                           .bags_at = n, .labels_at = n, .weights_at = n + 1, .groups_at = stride, .stride = stride};
    b->records = (gw__records){.input = &b->input, .n_rows = N_RECORDS};
    b->records.words = gw__aligned_alloc(N_RECORDS * stride, sizeof(uint32_t));
    if (!b->records.words) exit(1);
}

static void init(bench *b) {
    static const char text[] = "{\"data\":{\"train\":\"none.csv\"},\"tasks\":{\"y\":\"binary\"},"
                               "\"model\":{\"architecture\":\"shared-bottom\",\"experts\":{\"hidden\":[16]},\"towers\":{\"hidden\":[]}},"
                               "\"train\":{\"optimizer\":{\"name\":\"adam\",\"embeddings\":\"rowwise-adagrad\"}}}";
    const size_t width = 1;
    gw_error err = {0};
    init_input(b);
    check(gw__spec_parse(text, sizeof text - 1, "bench.json", NULL, 0, &b->spec, &err), &err);
    check(gw__net_new(b->spec, &b->input, &width, &b->net, &err), &err);
    check(gw__pool_new(b->threads, &b->pool, &err), &err);
    check(gw__trainer_new(b->net, b->spec, &b->records, b->batch, b->pool, &b->trainer, &err), &err);
    check(gw__embeddings_new(b->net, &b->spec->train, &b->records, b->batch, b->threads, &b->embeddings, &err), &err);
    b->ddense = gw__aligned_alloc(b->batch * b->net->dense.ld, sizeof(float));
    b->dense = gw__aligned_alloc(b->threads * CHUNK * b->net->dense.ld, sizeof(float));
    b->rows = gw__aligned_alloc(b->batch, sizeof *b->rows);
    if (!b->ddense || !b->dense || !b->rows) exit(1);
    for (size_t i = 0; i < b->batch * b->net->dense.ld; i++) b->ddense[i] = (float)(gw__random_uniform(9, GW__RANDOM_SYNTH, 0, i) - 0.5);
    b->update = gw__optimizer_table_update(&b->spec->train.optimizer, 0.01, 1);
    b->n_steps = 1 + (2 << 20) / (b->n_tables * b->batch);
}

static void clear(bench *b) {
    gw__embeddings_free(b->embeddings);
    gw__trainer_free(b->trainer);
    gw__pool_free(b->pool);
    gw__net_free(b->net);
    gw__spec_free(b->spec);
    gw__aligned_free(b->records.words);
    gw__aligned_free(b->ddense);
    gw__aligned_free(b->dense);
    gw__aligned_free(b->rows);
    free(b->slots);
    free(b->tables);
}

/* ---- what is timed ---------------------------------------------------------------------------------------------------------------- */

static void next_batch(bench *b) {
    for (size_t i = 0; i < b->batch; i++) b->rows[i] = (b->step * b->batch + i) * 100003 % N_RECORDS;
    b->step++;
}

static size_t chunks(const bench *b) { return (b->batch + CHUNK - 1) / CHUNK; }

static void gather_item(void *context, size_t i, size_t worker) {
    bench *b = context;
    const size_t first = i * CHUNK, n = b->batch - first < CHUNK ? b->batch - first : CHUNK;
    gw__gather(b->net, gw__trainer_parameters(b->trainer), &b->records, b->rows + first, 0, n, b->dense + worker * CHUNK * b->net->dense.ld);
}

static void index_or_gather_item(void *context, size_t i, size_t worker) {
    bench *b = context;
    if (i < b->n_tables) gw__embeddings_index(b->embeddings, i, worker, b->rows, b->batch);
    else gather_item(context, i - b->n_tables, worker);
}

static void update_item(void *context, size_t i, size_t worker) {
    bench *b = context;
    const gw__table_step step = {.update = &b->update, .ddense = b->ddense, .flat = gw__trainer_parameters(b->trainer)};
    gw__embeddings_update(b->embeddings, i, worker, &step);
}

static void gather_all(void *context) {
    bench *b = context;
    for (size_t s = 0; s < b->n_steps; s++) {
        next_batch(b);
        gw__pool_run(b->pool, chunks(b), gather_item, b);
    }
}

static void update_all(void *context) {
    bench *b = context;
    for (size_t s = 0; s < b->n_steps; s++) {
        next_batch(b);
        gw__pool_run(b->pool, b->n_tables + chunks(b), index_or_gather_item, b);
        gw__pool_run(b->pool, gw__embeddings_parts(b->embeddings), update_item, b);
    }
}

static void step_all(void *context) {
    bench *b = context;
    gw__step_result result;
    for (size_t s = 0; s < b->n_steps; s++) {
        next_batch(b);
        gw__trainer_step(b->trainer, b->rows, b->batch, (gw__rates){0.001, 0.01}, &result);
    }
}

static void measure(bench b, const char *pages) {
    const clockid_t clock = b.threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
    init(&b);
    for (int zipf = 0; zipf < 2; zipf++) {
        const double rows = (double)(b.n_steps * b.batch * b.n_tables);
        draw_ids(&b, zipf);
        printf("%s, %zu thread%s, %s: gather %.1f M/s", pages, b.threads, b.threads == 1 ? "" : "s", zipf ? "skewed" : "uniform", rate(gather_all, &b, rows, clock));
        printf(", gather, index, update %.1f M/s", rate(update_all, &b, rows, clock));
        printf(", step %.1f M/s\n", rate(step_all, &b, rows, clock));
        fflush(stdout);
    }
    clear(&b);
}

static void measure_small_pages(bench b) {
    fflush(stdout);
    if (fork() == 0) {
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
        measure(b, "small pages");
        exit(0);
    }
    wait(NULL);
}

int main(int argc, char **argv) {
    size_t sizes[] = {26, 1000000, 16, 4096};
    for (int i = 1; i < argc && i <= 4; i++) sizes[i - 1] = (size_t)strtoull(argv[i], NULL, 10);
    bench b = {.n_tables = sizes[0], .n_rows = sizes[1], .dim = sizes[2], .batch = sizes[3], .threads = 1};
    if (!b.n_tables || !b.n_rows || !b.dim || !b.batch || b.batch > N_RECORDS) {
        fprintf(stderr, "usage: embedding_bench [TABLES [ROWS [DIM [BATCH]]]]\n");
        return 2;
    }
    measure_memory(b.n_tables * b.n_rows, b.dim, MADV_NOHUGEPAGE, "4 KiB pages");
    measure_memory(b.n_tables * b.n_rows, b.dim, MADV_HUGEPAGE, "huge pages");
    measure_small_pages(b);
    measure(b, "huge pages");
    b.threads = 2;
    measure(b, "huge pages");
    return 0;
}
