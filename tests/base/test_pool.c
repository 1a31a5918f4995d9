#include "testing.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/pool.h"
#include "fail_alloc.h"

typedef struct job {
    size_t n, threads;
    uint64_t *results;        /* [n] */
    long scratch[64][8];      /* per worker, not shared: a race here is a defect of the pool */
    atomic_size_t bad_worker;
} job;

static void do_item(void *context, size_t item, size_t worker) {
    job *j = context;
    if (worker >= j->threads) atomic_fetch_add(&j->bad_worker, 1);
    else j->scratch[worker][0]++;
    uint64_t x = item + 1;
    for (int i = 0; i < 50; i++) x = x * 6364136223846793005u + 1442695040888963407u;
    j->results[item] += x;
}

static uint64_t checksum(const job *j) {
    uint64_t sum = 0;
    for (size_t i = 0; i < j->n; i++) sum = sum * 31 + j->results[i];
    return sum;
}

/* Every item once, whatever the number of threads, items and runs; the memory of one run is seen by the next. */
static void test_every_item_once(void **state) {
    static const size_t threads[] = {1, 2, 3, 5, 8}, counts[] = {0, 1, 2, 3, 7, 64, 1000};
    uint64_t first = 0;
    for (size_t t = 0; t < GW__COUNT(threads); t++) {
        gw__pool *pool;
        assert_int_equal(gw__pool_new(threads[t], &pool, NULL), GW_OK);
        assert_int_equal(gw__pool_threads(pool), threads[t]);
        uint64_t results[1000] = {0};
        job j = {.threads = threads[t], .results = results};
        long items = 0, done = 0;
        for (int run = 0; run < 700; run++) {
            j.n = counts[run % (int)GW__COUNT(counts)];
            gw__pool_run(pool, j.n, do_item, &j);
            items += (long)j.n;
        }
        for (size_t i = 0; i < threads[t]; i++) done += j.scratch[i][0];
        assert_int_equal(done, items);
        assert_int_equal(j.bad_worker, 0);
        j.n = 1000;
        if (t == 0) first = checksum(&j);
        assert_true(checksum(&j) == first);
        gw__pool_free(pool);
    }
}

/* Long pauses between runs: the workers sleep and must be woken. */
static void test_wakes(void **state) {
    gw__pool *pool;
    uint64_t results[8] = {0};
    job j = {.n = 8, .threads = 3, .results = results};
    assert_int_equal(gw__pool_new(3, &pool, NULL), GW_OK);
    for (int run = 0; run < 30; run++) {
        usleep(run % 3 == 0 ? 3000 : 0);
        gw__pool_run(pool, j.n, do_item, &j);
    }
    uint64_t once[8] = {0};
    job k = {.n = 8, .threads = 1, .results = once};
    for (size_t i = 0; i < 8; i++) do_item(&k, i, 0);
    for (size_t i = 0; i < 8; i++) assert_true(results[i] == 30 * once[i]);
    gw__pool_free(pool);
}

typedef struct meeting {
    atomic_int arrived;
    size_t worker[2];
} meeting;

/* Waits until both items are under way: only two threads can finish this. */
static void meet(void *context, size_t item, size_t worker) {
    meeting *m = context;
    m->worker[item] = worker;
    atomic_fetch_add(&m->arrived, 1);
    while (atomic_load(&m->arrived) < 2) usleep(10);
}

static void test_parallel(void **state) {
    gw__pool *pool;
    assert_int_equal(gw__pool_new(2, &pool, NULL), GW_OK);
    for (int run = 0; run < 20; run++) {
        meeting m = {.worker = {9, 9}};
        gw__pool_run(pool, 2, meet, &m);
        assert_int_equal(m.worker[0] + m.worker[1], 1);
        if (run % 4 == 0) usleep(1000);
    }
    gw__pool_free(pool);
}

static void linger(void *context, size_t item, size_t worker) {
    usleep(item == 1 ? 20000 : 0);
    atomic_fetch_add((atomic_int *)context, 1);
}

/* The caller is done long before a worker, and must sleep until that one is. */
static void test_caller_waits(void **state) {
    gw__pool *pool;
    assert_int_equal(gw__pool_new(4, &pool, NULL), GW_OK);
    for (int run = 0; run < 10; run++) {
        atomic_int done = 0;
        gw__pool_run(pool, 4, linger, &done);
        assert_int_equal(done, 4);
    }
    gw__pool_free(pool);
}

static void test_sizes(void **state) {
    gw__pool *pool = NULL;
    gw_error err;
    assert_int_equal(gw__pool_new(0, &pool, NULL), GW_OK);
    assert_in_range(gw__pool_threads(pool), 1, 4096);
    gw__pool_free(pool);
    gw__pool_free(NULL);
    pool = NULL;
    assert_int_equal(gw__pool_new(SIZE_MAX, &pool, &err), GW_E_ARGUMENT);
    assert_null(pool);
}

static void test_run_allocates_nothing(void **state) {
    gw__pool *pool;
    uint64_t results[100] = {0};
    job j = {.n = 100, .threads = 2, .results = results};
    assert_int_equal(gw__pool_new(2, &pool, NULL), GW_OK);
    size_t before = count_allocations();
    for (int run = 0; run < 100; run++) gw__pool_run(pool, j.n, do_item, &j);
    assert_int_equal(count_allocations(), before);
    gw__pool_free(pool);
}

static gw_status make(void *context, gw_error *err) {
    gw__pool *pool = NULL;
    gw_status status = gw__pool_new(3, &pool, err);
    gw__pool_free(pool);
    return status;
}

static void test_no_memory(void **state) {
    assert_int_equal(fail_each_allocation(make, NULL), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_item_once), cmocka_unit_test(test_wakes), cmocka_unit_test(test_parallel),
                                       cmocka_unit_test(test_caller_waits), cmocka_unit_test(test_sizes), cmocka_unit_test(test_run_allocates_nothing),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
