/* How fast CSV text becomes columns: read_bench FILE [NAMES] [RUNS]. NAMES is a file with a name a line, or "true": the first line of FILE.
 * Prints one line per run. Decompression counts; give an uncompressed file in the page cache to time the reader alone. On a busy machine
 * the figure per CPU second is the one to compare. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/table.h"

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static gw_status read_names(const char *path, gw__arena *arena, const char ***ret_names, size_t *ret_n, gw_error *err) {
    const char *header[] = {"name"};
    gw__table_options options = {.names = header, .n_names = 1};
    gw__table *table = NULL;
    gw__batch batch;
    gw_status status = gw__table_open_csv(&path, 1, &options, &table, err);
    if (status != GW_OK) return status;
    status = gw__table_next(table, &batch, err);
    if (status == GW_OK) {
        const gw_column *c = batch.columns;
        *ret_n = batch.n_rows;
        *ret_names = gw__arena_alloc(arena, batch.n_rows, sizeof **ret_names);
        for (size_t i = 0; *ret_names != NULL && i < batch.n_rows; i++) {
            (*ret_names)[i] = gw__arena_text(arena, (const char *)c->values + c->offsets[i], (size_t)(c->offsets[i + 1] - c->offsets[i]));
        }
    }
    gw__table_close(table);
    return status;
}

static gw_status run(const char *path, const gw__table_options *options, gw_error *err) {
    gw__table *table = NULL;
    gw__batch batch = {0};
    size_t rows = 0, batches = 0;
    double begin = now(CLOCK_MONOTONIC), begin_cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    gw_status status = gw__table_open_csv(&path, 1, options, &table, err);
    if (status != GW_OK) return status;
    while ((status = gw__table_next(table, &batch, err)) == GW_OK && batch.n_rows > 0) {
        rows += batch.n_rows;
        batches++;
    }
    double seconds = now(CLOCK_MONOTONIC) - begin, cpu = now(CLOCK_PROCESS_CPUTIME_ID) - begin_cpu;
    if (status == GW_OK) {
        double megabytes = (double)gw__table_text_bytes(table) / 1e6;
        printf("%.0f MB/s (%.0f a CPU second), %.0f rows/s: %zu rows of %zu columns in %zu batches, %.3f s\n", megabytes / seconds,
               megabytes / cpu, (double)rows / seconds, rows, batch.n_columns, batches, seconds);
    }
    gw__table_close(table);
    return status;
}

int main(int argc, char **argv) {
    gw_error err = {0};
    gw__arena arena = {0};
    gw__table_options options = {0};
    const char **names = NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: read_bench FILE [NAMES|true] [RUNS]\n");
        return 2;
    }
    options.header_in_file = argc < 3 || strcmp(argv[2], "true") == 0;
    gw_status status = options.header_in_file ? GW_OK : read_names(argv[2], &arena, &names, &options.n_names, &err);
    options.names = names;
    for (int i = argc > 3 ? atoi(argv[3]) : 3; i > 0 && status == GW_OK; i--) status = run(argv[1], &options, &err);
    gw__arena_clear(&arena);
    if (status == GW_OK) return 0;
    fprintf(stderr, "read_bench: %s:%lld: %s\n", err.where, (long long)err.line, err.message);
    return 1;
}
