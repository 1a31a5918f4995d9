/* How fast the text of a spec's training files becomes cells, a typed table and records: read_bench SPEC [MOST_THREADS [RUNS]].
 *   text     the files are read and cut into cells
 *   typed    each column is staged as numbers, or as codes where a cell is none
 *   records  all of gw__dataset_read: staged, fitted, encoded, ready for training
 * Medians of RUNS (5), in MB of text per second of wall time and per second of CPU. Unpacked files in the page cache time the reader alone. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "feat/features.h"
#include "feat/staged.h"

typedef struct bench {
    const gw__spec *spec;
    gw__pool *pool;
    int64_t bytes, rows; /* of the last run */
} bench;

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static gw_status open_table(const bench *b, gw__table **ret_table, gw_error *err) {
    const gw__data_spec *data = &b->spec->data;
    gw__table_options options = {.separator = data->separator, .header_in_file = data->header_in_file, .names = data->names.at, .n_names = data->names.n, .pool = b->pool};
    return gw__table_open_csv(data->train.at, data->train.n, &options, ret_table, err);
}

/* ---- the stages ---- */

static gw_status read_text(bench *b, gw_error *err) {
    gw__table *table = NULL;
    gw__batch batch;
    gw_status status = open_table(b, &table, err);
    b->rows = 0;
    while (status == GW_OK && (status = gw__table_next(table, &batch, err)) == GW_OK && batch.n_rows > 0) b->rows += (int64_t)batch.n_rows;
    if (status == GW_OK) b->bytes = gw__table_text_bytes(table);
    gw__table_close(table);
    return status;
}

static gw_status end_stage(void *context, gw_error *err) {
    size_t row, lane;
    bool bad;
    return gw__staged_end(context, true, &row, &lane, &bad, err);
}

static gw_status stage(bench *b, gw__table *table, gw__staged *staged, gw_error *err) {
    gw_status status = GW_OK;
    const gw__batch *batches;
    size_t lane, n_batches;
    uint8_t *parts = NULL;
    size_t capacity = 0;
    gw__job job = {0};
    for (size_t i = 0; i < gw__table_column_count(table); i++)
        GW__TRY(gw__staged_lane(staged, (gw__lane){.column = i, .kind = GW__LANE_AUTO}, &lane, err));
    do {
        size_t n = 0;
        GW__TRY(gw__table_read(table, &job, &batches, &n_batches, err));
        for (size_t i = 0; i < n_batches; i++) n += batches[i].n_rows;
        GW__TRY(gw__grow((void **)&parts, &capacity, n, 1, err));
        memset(parts, GW__PART_TRAIN, n);
        GW__TRY(gw__staged_begin(staged, batches, n_batches, parts, &job, err));
        job.finish = end_stage;
    } while (n_batches > 0);
    b->rows = (int64_t)staged->n_rows;
    b->bytes = gw__table_text_bytes(table);
cleanup:
    free(parts);
    return status;
}

static gw_status read_typed(bench *b, gw_error *err) {
    gw__missing_texts missing = {0};
    gw__staged staged = {.missing = &missing};
    gw__arena arena = {0};
    gw__table *table = NULL;
    gw_status status = gw__missing_texts_init(&missing, b->spec->data.missing, &arena, err);
    if (status == GW_OK) status = open_table(b, &table, err);
    if (status == GW_OK) status = stage(b, table, &staged, err);
    gw__table_close(table);
    gw__staged_clear(&staged);
    gw__missing_texts_clear(&missing);
    gw__arena_clear(&arena);
    return status;
}

static gw_status read_records(bench *b, gw_error *err) {
    gw__features *features = NULL;
    gw__dataset dataset = {0};
    gw_status status = gw__dataset_read(b->spec, NULL, false, b->pool, &features, &dataset, err);
    b->rows = dataset.report.rows;
    b->bytes = dataset.report.text_bytes;
    gw__dataset_clear(&dataset);
    gw__features_free(features);
    return status;
}

static const struct {
    const char *name;
    gw_status (*run)(bench *b, gw_error *err);
} stages[] = {{"text", read_text}, {"typed", read_typed}, {"records", read_records}};

/* ---- timing ---- */

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times, int n) {
    qsort(times, (size_t)n, sizeof *times, by_size);
    return times[n / 2];
}

#define MOST_RUNS 99

static gw_status time_stage(bench *b, size_t s, size_t threads, int runs, gw_error *err) {
    double wall[MOST_RUNS], cpu[MOST_RUNS];
    for (int i = 0; i < runs; i++) {
        double wall_began = now(CLOCK_MONOTONIC), cpu_began = now(CLOCK_PROCESS_CPUTIME_ID);
        gw_status status = stages[s].run(b, err);
        if (status != GW_OK) return status;
        wall[i] = now(CLOCK_MONOTONIC) - wall_began;
        cpu[i] = now(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;
    }
    double megabytes = (double)b->bytes / 1e6, seconds = median(wall, runs);
    printf("%-8s %zu thread%s  %5.0f MB/s  %5.0f MB per CPU second  %9.0f rows/s  %.3f s\n", stages[s].name, threads, threads > 1 ? "s" : " ",
           megabytes / seconds, megabytes / median(cpu, runs), (double)b->rows / seconds, seconds);
    return GW_OK;
}

static gw_status time_all(bench *b, size_t most_threads, int runs, gw_error *err) {
    gw_status status = GW_OK;
    for (size_t threads = 1; threads <= most_threads && status == GW_OK; threads++) {
        status = gw__pool_new(threads, &b->pool, err);
        for (size_t s = 0; s < GW__COUNT(stages) && status == GW_OK; s++) status = time_stage(b, s, threads, runs, err);
        gw__pool_free(b->pool);
        b->pool = NULL;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    if (status == GW_OK) printf("%zu MB of memory at most\n", (size_t)usage.ru_maxrss >> 10);
    return status;
}

int main(int argc, char **argv) {
    gw_error err = {0};
    gw__spec *spec = NULL;
    int most_threads = argc > 2 ? atoi(argv[2]) : 2, runs = argc > 3 ? atoi(argv[3]) : 5;
    if (argc < 2 || most_threads < 1 || runs < 1 || runs > MOST_RUNS) {
        fprintf(stderr, "usage: read_bench SPEC [MOST_THREADS [RUNS]]\n");
        return 2;
    }
    gw_status status = gw__spec_read(argv[1], NULL, 0, &spec, &err);
    bench b = {.spec = spec};
    if (status == GW_OK) status = time_all(&b, (size_t)most_threads, runs, &err);
    gw__spec_free(spec);
    if (status == GW_OK) return 0;
    fprintf(stderr, "read_bench: %s:%lld: %s\n", err.where, (long long)err.line, err.message);
    return 1;
}
