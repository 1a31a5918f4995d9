/* One user with N candidates, in one call and as joined rows: serve_bench. A recommender-like network: 512 dense inputs, of which 400 are the user's
 * (10 hashed ids of 32 floats and 80 numbers) and 112 the candidate's (3 ids, 16 numbers); 8 experts of 256-128, 3 towers of 64. Both calls are
 * made in turn, now the one first, now the other, on requests whose ids differ. Prints latency from columns to scores (median and 99th percentile
 * of wall time, median CPU time) and how many times longer the joined rows take. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "interop/weights.h"
#include "serve/session.h"

enum { MOST = 1000, REQUESTS = 16, CALLS = 400, USER_IDS = 10, USER_NUMBERS = 80, IDS = 3, NUMBERS = 16 };
enum { USER = USER_IDS + USER_NUMBERS, CANDIDATE = IDS + NUMBERS, ALL = USER + CANDIDATE };

static char names[ALL][16];
static bool is_id(int column) { return column < USER_IDS || (column >= USER && column < USER + IDS); }

/* Columns interleave in the dense input: a candidate's behind every few of the user's. */
static int nth_in_file(int i) { return i % 5 == 4 && i / 5 < CANDIDATE ? USER + i / 5 : i < 5 * CANDIDATE ? i - i / 5 : i - CANDIDATE; }

static gw_status make_model(gw_model **ret_model, gw_error *err) {
    char directory[] = "/tmp/serve-bench-XXXXXX", table[64];
    if (!mkdtemp(directory)) return gw__fail(err, GW_E_IO, "no temporary directory");
    snprintf(table, sizeof table, "%s/rows.csv", directory);
    FILE *file = fopen(table, "w");
    if (!file) return gw__fail(err, GW_E_IO, "no temporary file");
    for (int i = 0; i < ALL; i++) fprintf(file, "%s,", names[nth_in_file(i)]);
    fprintf(file, "a,b,c\n");
    for (int row = 0; row < 2; row++) {
        for (int i = 0; i < ALL; i++) fprintf(file, "%d,", row);
        fprintf(file, "%d,%d,%d\n", row, row, row);
    }
    fclose(file);
    gw__text spec = {0};
    gw__text_addf(&spec, "{\"data\":{\"train\":\"%s\"},\"tasks\":{\"a\":{\"type\":\"binary\"},\"b\":{\"type\":\"binary\"},\"c\":{\"type\":\"binary\"}},", table);
    gw__text_puts(&spec, "\"model\":{\"architecture\":\"mmoe\",\"experts\":{\"count\":8,\"hidden\":[256,128]},\"towers\":{\"hidden\":[64]}},");
    gw__text_puts(&spec, "\"features\":{\"default\":{\"type\":\"numeric\",\"transform\":\"none\"},\"columns\":{");
    for (int c = 0, n = 0; c < ALL; c++)
        if (is_id(c)) gw__text_addf(&spec, "%s\"%s\":{\"type\":\"hashed\",\"buckets\":50000,\"dim\":32}", n++ ? "," : "", names[c]);
    gw__text_puts(&spec, "}}}");
    gw_status status = gw__model_of_spec(&(gw_train_options){.spec_text = spec.at, .threads = 1}, ret_model, err);
    if (status == GW_OK) gw__net_initialise((*ret_model)->net, (*ret_model)->spec, (*ret_model)->parameters);
    gw__text_clear(&spec);
    unlink(table);
    rmdir(directory);
    return status;
}

/* A request's cells, and the same with the user's repeated. */
typedef struct request {
    uint64_t ids[ALL][MOST];
    float numbers[ALL][MOST];
    gw_column columns[ALL], one[USER];
} request;

static request *make_request(uint64_t seed) {
    request *r = calloc(1, sizeof *r);
    if (!r) exit(1);
    for (int c = 0; c < ALL; c++) {
        for (int i = 0; i < MOST; i++) {
            uint64_t bits = gw__random_bits(seed, 0, (uint64_t)c, c < USER ? 0 : (uint64_t)i);
            r->ids[c][i] = bits >> 20;
            r->numbers[c][i] = (float)(bits >> 40) / (1 << 24) - 0.5f;
        }
        r->columns[c] = (gw_column){.name = names[c], .type = is_id(c) ? GW_COLUMN_UINT64 : GW_COLUMN_FLOAT};
        r->columns[c].values = is_id(c) ? (const void *)r->ids[c] : (const void *)r->numbers[c];
        if (c < USER) r->one[c] = r->columns[c];
    }
    return r;
}

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

static double quantile(const double *sorted, int n, double q) { return sorted[(int)(q * (n - 1) + 0.5)] * 1e6; }

static void compare(gw_session *session, request *const *requests, size_t n, int calls) {
    static double wall[2][CALLS], cpu[2][CALLS];
    static float scores[2][MOST * 3];
    double apart = 0;
    for (int i = -3; i < calls; i++) { /* the first ones bind and warm up */
        const request *r = requests[(i + 3) % REQUESTS];
        for (int k = 0; k < 2; k++) {
            const int joined = (k + i) & 1; /* what comes second finds the cells and the embeddings in cache */
            const double begin = now(CLOCK_MONOTONIC), begin_cpu = now(CLOCK_THREAD_CPUTIME_ID);
            gw_status status = joined ? gw__session_score(session, r->columns, ALL, n, scores[1], NULL)
                                      : gw__session_score_candidates(session, r->one, USER, r->columns + USER, CANDIDATE, n, scores[0], NULL);
            if (status != GW_OK) exit(1);
            if (i < 0) continue;
            cpu[joined][i] = now(CLOCK_THREAD_CPUTIME_ID) - begin_cpu;
            wall[joined][i] = now(CLOCK_MONOTONIC) - begin;
        }
        for (size_t k = 0; k < n * 3; k++) {
            double d = scores[0][k] > scores[1][k] ? (double)(scores[0][k] - scores[1][k]) : (double)(scores[1][k] - scores[0][k]);
            if (d > apart) apart = d;
        }
    }
    for (int k = 0; k < 2; k++) {
        qsort(wall[k], (size_t)calls, sizeof(double), by_value);
        qsort(cpu[k], (size_t)calls, sizeof(double), by_value);
    }
    printf("%5zu | %9.1f %9.1f %9.1f | %9.1f %9.1f %9.1f | %5.2f %5.2f | %.1e\n", n, quantile(wall[0], calls, 0.5), quantile(wall[0], calls, 0.99),
           quantile(cpu[0], calls, 0.5), quantile(wall[1], calls, 0.5), quantile(wall[1], calls, 0.99), quantile(cpu[1], calls, 0.5),
           quantile(wall[1], calls, 0.5) / quantile(wall[0], calls, 0.5), quantile(cpu[1], calls, 0.5) / quantile(cpu[0], calls, 0.5), apart);
}

int main(void) {
    gw_error err = {0};
    gw_model *model = NULL;
    gw_session *session = NULL;
    request *requests[REQUESTS];
    for (int c = 0; c < ALL; c++) snprintf(names[c], sizeof names[c], "%s%d", c < USER ? "user" : "item", c < USER ? c : c - USER);
    if (make_model(&model, &err) != GW_OK || gw__session_new(model, MOST, &session, &err) != GW_OK) {
        fprintf(stderr, "serve_bench: %s: %s\n", err.where, err.message);
        return 1;
    }
    for (int i = 0; i < REQUESTS; i++) requests[i] = make_request((uint64_t)i);
    printf("    N | one call: p50, p99, cpu us      | joined rows: p50, p99, cpu us   | ratio wall, cpu | largest difference\n");
    for (size_t n = 1; n <= MOST; n *= 10) compare(session, requests, n, n < MOST ? CALLS : CALLS / 4);
    for (int i = 0; i < REQUESTS; i++) free(requests[i]);
    gw__session_free(session);
    gw__model_free(model);
    return 0;
}
