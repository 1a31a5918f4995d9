/* The standard shapes, the stopwatch and the ceilings: what they are and do, never how fast. */
#include <math.h>

#include "base/text.h"
#include "lab/bench.h"
#include "lab/ceilings.h"
#include "testing.h"

static void count(void *context) { ++*(size_t *)context; }

static void works_take_turns(void **state) {
    size_t calls[2] = {0};
    gw__timed works[2] = {{.work = count, .context = &calls[0], .cpu = true}, {.work = count, .context = &calls[1]}};
    gw__time_works(works, 2, 1e-3);
    for (int w = 0; w < 2; w++) {
        assert_true(works[w].repeats > 0 && calls[w] >= 9 * works[w].repeats);
        assert_true(works[w].least >= 0 && works[w].least <= works[w].median && works[w].wall > 0);
    }
}

static void long_work_gets_fewer_rounds(void **state) {
    size_t calls = 0;
    gw__timed work = {.work = count, .context = &calls};
    gw__time_works(&work, 1, 0); /* anything is longer than no time */
    assert_int_equal(calls, 1 + 3);
    assert_int_equal(work.repeats, 1);
}

static void calls_are_counted(void **state) {
    size_t calls = 0;
    gw__latency latency;
    assert_true(gw__time_calls(count, &calls, 1e-3, &latency));
    assert_true(latency.group > 1 && latency.calls % latency.group == 0 && calls > latency.calls);
    assert_true(latency.p50 > 0 && latency.p50 <= latency.p90 && latency.p90 <= latency.p99 && latency.p99 <= latency.p999);
}

static void every_table_has_ceilings(void **state) {
    gw__pool *pool;
    gw_error err;
    const gw__kernels *kernels;
    assert_int_equal(gw__pool_new(3, &pool, &err), GW_OK);
    for (size_t i = 0; (kernels = gw__kernels_at(i)) != NULL; i++) {
        gw__ceilings c[2];
        size_t bytes = 0;
        assert_int_equal(gw__ceilings_measure(kernels, i ? pool : NULL, (size_t)32 << 20, 1e-3, c, &bytes, &err), GW_OK);
        assert_int_equal(bytes, (size_t)32 << 20);
        for (size_t all = 0; all < (i ? 2 : 1); all++) {
            assert_int_equal(c[all].threads, all ? 3 : 1);
            assert_true(c[all].flops > 0 && c[all].read > 0 && c[all].triad > 0);
            for (int huge = 0; huge < 2; huge++) assert_true(c[all].rows[huge][0] > 0 && c[all].rows[huge][1] > 0);
        }
    }
    assert_true(gw__ceiling_flops(gw__kernels_best(), NULL, 1e-3) > 0);
    gw__pool_free(pool);
}

static void too_much_memory_becomes_less(void **state) {
    gw__ceilings c[2];
    size_t bytes = (size_t)1 << 62;
    gw_error err;
    assert_int_equal(gw__ceilings_measure(gw__kernels_best(), NULL, (size_t)8 << 20, 1e-3, c, &bytes, &err), GW_E_NOMEM); /* hardly any */
    assert_true(bytes == (size_t)1 << 62);
}

/* What the mathematics needs, counted by hand. */
static void shapes_know_their_arithmetic(void **state) {
    static const struct { const char *name; uint64_t forward, training; } known[] = {
        {"article-mmoe", 10 * 72 + 2 * 4 * 16 + 2 * 16, 2 * 10 * 72 + 3 * (2 * 4 * 16 + 2 * 16)},
        {"paper-128", 100 * 144 + 2 * 8 * 16 + 2 * (16 * 8 + 8), 2 * 100 * 144 + 3 * (2 * 8 * 16 + 2 * (16 * 8 + 8))},
    };
    for (size_t i = 0; i < GW__COUNT(known); i++) {
        gw__shape_run run;
        gw_error err;
        assert_int_equal(gw__shape_run_init(&run, gw__shape_named(known[i].name), 1, NULL, &err), GW_OK);
        assert_int_equal(gw__net_multiply_adds(run.net), known[i].forward);
        assert_int_equal(gw__net_training_multiply_adds(run.net), known[i].training);
        gw__shape_run_clear(&run);
    }
}

static void small_shapes_learn(void **state) {
    for (size_t i = 0; i < gw__shape_count(); i++) {
        gw__shape_run run;
        gw_error err;
        if (gw__shape_at(i)->batch > 1000) continue; /* a step of those takes too long under sanitizers */
        assert_int_equal(gw__shape_run_init(&run, gw__shape_at(i), 2, gw__kernels_at(1)->isa, &err), GW_OK);
        double first = gw__shape_run_step(&run), last = first;
        for (int step = 0; step < 200; step++) last = gw__shape_run_step(&run);
        assert_true(isfinite(last) && last < first);
        gw__shape_run_clear(&run);
    }
}

static void wrong_shapes_are_refused(void **state) {
    gw__shape_run run;
    gw_error err;
    assert_null(gw__shape_named("no such shape"));
    assert_int_equal(gw__shape_run_init(&run, gw__shape_at(0), 1, "abacus", &err), GW_E_ARGUMENT);
    assert_non_null(strstr(err.message, "abacus"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_take_turns),
        cmocka_unit_test(long_work_gets_fewer_rounds),
        cmocka_unit_test(calls_are_counted),
        cmocka_unit_test(every_table_has_ceilings),
        cmocka_unit_test(too_much_memory_becomes_less),
        cmocka_unit_test(shapes_know_their_arithmetic),
        cmocka_unit_test(small_shapes_learn),
        cmocka_unit_test(wrong_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
