#include "lab/ceilings.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "base/random.h"
#include "lab/stopwatch.h"

#define ROW_WORDS 8                    /* 64 bytes */
#define LEAST_TABLE ((size_t)16 << 20)
#define HUGE_PAGE ((size_t)2 << 20)
enum {
    PIECES = 16,                       /* items of work for each thread, so that a thread that starts late costs little */
    PEAK_ROUNDS = 1000,                /* of an item: some tens of microseconds */
    ORDER = 1 << 18,                   /* rows of a pass */
    AHEAD = 16,
};

/* ---- a table of rows ------------------------------------------------------------------------------------------------------------- */

typedef struct table {
    void *map;
    uint64_t *words;
    size_t map_bytes, bytes;
} table;

static void table_clear(table *t) {
    if (t->map) munmap(t->map, t->map_bytes);
    *t = (table){0};
}

/* The most that there is room for, up to `bytes`. */
static gw_status table_init(table *t, size_t bytes, bool huge, gw_error *err) {
    *t = (table){0};
    for (; bytes >= LEAST_TABLE; bytes /= 2) {
        if (bytes > PTRDIFF_MAX) continue;
        void *map = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED) continue;
        *t = (table){.map = map, .map_bytes = bytes + HUGE_PAGE, .bytes = bytes};
        t->words = (uint64_t *)(void *)((char *)map + (HUGE_PAGE - (uintptr_t)map % HUGE_PAGE) % HUGE_PAGE);
#ifdef MADV_HUGEPAGE
        (void)madvise(map, t->map_bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); /* a kernel without them gives what it has */
#endif
        return GW_OK;
    }
    return gw__fail_nomem(err);
}

/* ---- the works ------------------------------------------------------------------------------------------------------------------- */

/* One measurement: `item` is done for every piece of the work, on one thread or on the pool's. */
typedef struct job {
    gw__work item;
    gw__pool *pool;            /* NULL: one thread */
    size_t n_items;
    const gw__kernels *kernels;
    const table *table;
    const uint32_t *order;     /* [ORDER] rows */
    size_t shift;              /* added to them, so that no pass meets the rows of the one before */
    atomic_uint_least64_t sink;/* so that nothing is left out as unused */
} job;

static void run_job(void *context) {
    job *j = context;
    j->shift += 12345;
    if (j->pool) {
        gw__pool_run(j->pool, j->n_items, j->item, j);
    } else {
        for (size_t i = 0; i < j->n_items; i++) j->item(j, i, 0);
    }
}

static void peak_item(void *context, size_t item, size_t worker) {
    job *j = context;
    float sum = 0;
    j->kernels->peak(PEAK_ROUNDS, &sum);
    atomic_store_explicit(&j->sink, (uint64_t)sum, memory_order_relaxed);
}

/* The words of a piece. */
static size_t piece(const job *j, size_t item, size_t words, size_t *ret_begin) {
    const size_t length = words / j->n_items / ROW_WORDS * ROW_WORDS;
    *ret_begin = item * length;
    return item + 1 == j->n_items ? words - *ret_begin : length;
}

static void fill_item(void *context, size_t item, size_t worker) {
    job *j = context;
    size_t begin, n = piece(j, item, j->table->bytes / sizeof(uint64_t), &begin);
    for (size_t i = begin; i < begin + n; i++) j->table->words[i] = 0x3f8000003f800000; /* two ones as floats */
}

static void read_item(void *context, size_t item, size_t worker) {
    job *j = context;
    size_t begin, n = piece(j, item, j->table->bytes / sizeof(uint64_t), &begin);
    uint64_t sums[16] = {0}, total = 0;
    const uint64_t *words = j->table->words + begin;
    for (size_t i = 0; i + 16 <= n; i += 16) {
        for (size_t l = 0; l < 16; l++) sums[l] += words[i + l];
    }
    for (size_t l = 0; l < 16; l++) total += sums[l];
    atomic_store_explicit(&j->sink, total, memory_order_relaxed);
}

static void triad(size_t n, float *restrict a, const float *restrict b, const float *restrict c) {
    for (size_t i = 0; i < n; i++) a[i] = b[i] + 0.5f * c[i];
}

static size_t triad_floats(const table *t) { return t->bytes / sizeof(float) / 3 / 16 * 16; }

static void triad_item(void *context, size_t item, size_t worker) {
    job *j = context;
    const size_t third = triad_floats(j->table);
    size_t begin, n = piece(j, item, third, &begin);
    float *a = (float *)j->table->words;
    triad(n, a + begin, a + third + begin, a + 2 * third + begin);
}

static inline __attribute__((always_inline)) void rows_item(job *j, size_t item, const bool prefetch) {
    const size_t mask = j->table->bytes / (ROW_WORDS * sizeof(uint64_t)) - 1, n = ORDER / j->n_items, begin = item * n, shift = j->shift;
    const uint64_t *words = j->table->words;
    uint64_t sums[ROW_WORDS] = {0}, total = 0;
    for (size_t i = begin; i < begin + n; i++) {
        if (prefetch) __builtin_prefetch(words + ((j->order[(i + AHEAD) % ORDER] + shift) & mask) * ROW_WORDS);
        const uint64_t *row = words + ((j->order[i] + shift) & mask) * ROW_WORDS;
        for (size_t l = 0; l < ROW_WORDS; l++) sums[l] += row[l];
    }
    for (size_t l = 0; l < ROW_WORDS; l++) total += sums[l];
    atomic_store_explicit(&j->sink, total, memory_order_relaxed);
}

static void plain_rows_item(void *context, size_t item, size_t worker) { rows_item(context, item, false); }
static void prefetched_rows_item(void *context, size_t item, size_t worker) { rows_item(context, item, true); }

/* ---- measuring ------------------------------------------------------------------------------------------------------------------- */

static size_t threads_of(gw__pool *pool) { return pool ? gw__pool_threads(pool) : 1; }

/* Seconds of the best round of a job. */
static double best(job *j, gw__work item, double seconds) {
    j->item = item;
    gw__timed timed = {.work = run_job, .context = j, .cpu = threads_of(j->pool) == 1};
    gw__time_works(&timed, 1, seconds);
    return timed.least;
}

static double flops_of(job *j, double seconds) {
    float sum = 0;
    return j->kernels->peak(PEAK_ROUNDS, &sum) * (double)j->n_items / best(j, peak_item, seconds);
}

double gw__ceiling_flops(const gw__kernels *kernels, gw__pool *pool, double seconds) {
    job j = {.pool = pool, .n_items = PIECES * threads_of(pool), .kernels = kernels};
    return flops_of(&j, seconds);
}

static void measure_rows(job *j, bool huge, double seconds, gw__ceilings *c) {
    const double rows = (double)(ORDER / j->n_items * j->n_items);
    c->rows[huge][false] = rows / best(j, plain_rows_item, seconds);
    c->rows[huge][true] = rows / best(j, prefetched_rows_item, seconds);
}

/* What is measured on a table of one kind of pages, for one thread and for all. */
static void measure_table(job *j, gw__pool *pool, bool huge, double seconds, gw__ceilings ret[2]) {
    for (size_t all = 0; all < (pool ? 2 : 1); all++) {
        j->pool = all ? pool : NULL;
        j->n_items = PIECES * threads_of(j->pool);
        measure_rows(j, huge, seconds, &ret[all]);
        if (!huge) continue;
        ret[all].threads = threads_of(j->pool);
        ret[all].flops = flops_of(j, seconds);
        ret[all].read = (double)j->table->bytes / best(j, read_item, seconds);
        ret[all].triad = 3.0 * sizeof(float) * (double)triad_floats(j->table) / best(j, triad_item, seconds);
    }
}

gw_status gw__ceilings_measure(const gw__kernels *kernels, gw__pool *pool, size_t table_bytes, double seconds,
                               gw__ceilings ret[2], size_t *ret_table_bytes, gw_error *err) {
    gw_status status = GW_OK;
    table t = {0};
    uint32_t *order = gw__aligned_alloc(ORDER, sizeof *order);
    if (!order) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < ORDER; i++) order[i] = (uint32_t)gw__random_bits(1, GW__RANDOM_SYNTH, 0, i);
    for (int huge = 1; huge >= 0; huge--) {
        GW__TRY(table_init(&t, table_bytes, huge, err));
        table_bytes = t.bytes; /* both tables are of one size */
        job j = {.pool = pool, .kernels = kernels, .table = &t, .order = order, .item = fill_item, .n_items = PIECES * threads_of(pool)};
        run_job(&j); /* by all threads: on machines with several memories each should hold a part */
        measure_table(&j, pool, huge, seconds, ret);
        table_clear(&t);
    }
    *ret_table_bytes = table_bytes;
cleanup:
    table_clear(&t);
    gw__aligned_free(order);
    return status;
}
