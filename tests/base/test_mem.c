#include "testing.h"

#include "base/mem.h"
#include "fail_alloc.h"

static bool is_zero(const unsigned char *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0) return false;
    }
    return true;
}

static void test_sizes(void **state) {
    size_t n = 5;
    assert_true(gw__mul_size(3, 4, &n));
    assert_int_equal(n, 12);
    assert_false(gw__mul_size(SIZE_MAX / 2, 3, &n));
    assert_false(gw__add_size(SIZE_MAX, 1, &n));
    assert_int_equal(gw__round_up(65, 64), 128);
    assert_int_equal(gw__round_up(64, 64), 64);
}

static void test_aligned(void **state) {
    for (size_t n = 0; n < 200; n += 7) {
        unsigned char *p = gw__aligned_alloc(n, 3);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % GW__ALIGN, 0);
        assert_true(is_zero(p, 3 * n));
        memset(p, 0xAA, 3 * n);
        gw__aligned_free(p);
    }
    assert_null(gw__aligned_alloc(SIZE_MAX / 2, 3));
    assert_null(gw__aligned_alloc(SIZE_MAX, 1));
    gw__aligned_free(NULL);
}

/* A large block begins a huge page, whether the system has them or not. */
static void test_large(void **state) {
    unsigned char *p = gw__aligned_alloc(GW__LARGE / 3 + 1, 3);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % (2 << 20), 0);
    assert_true(is_zero(p, GW__LARGE + 1));
    memset(p, 0xAA, GW__LARGE + 1);
    gw__aligned_free(p);
    p = gw__aligned_alloc(GW__LARGE, 1); /* another in its place is zero again */
    assert_true(is_zero(p, GW__LARGE));
    gw__aligned_free(p);
    assert_null(gw__aligned_alloc(PTRDIFF_MAX - GW__ALIGN, 1));
}

static void test_grow(void **state) {
    int *items = NULL;
    size_t capacity = 0, grown = 0;
    for (int i = 0; i < 10000; i++) {
        size_t before = capacity;
        assert_int_equal(gw__grow((void **)&items, &capacity, (size_t)i + 1, sizeof *items, NULL), GW_OK);
        grown += capacity != before;
        items[i] = i;
    }
    assert_in_range(grown, 1, 15); /* doubling */
    for (int i = 0; i < 10000; i++) assert_int_equal(items[i], i);
    int *same = items;
    size_t same_capacity = capacity;
    gw_error err;
    assert_int_equal(gw__grow((void **)&items, &capacity, SIZE_MAX / 2, sizeof *items, &err), GW_E_NOMEM);
    assert_int_equal(err.code, GW_E_NOMEM);
    assert_ptr_equal(items, same);
    assert_int_equal(capacity, same_capacity);
    free(items);
}

static void test_arena(void **state) {
    gw__arena arena = {0};
    unsigned char *blocks[500];
    for (size_t i = 0; i < 500; i++) {
        blocks[i] = gw__arena_alloc(&arena, i * 11 % 700, 1);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        if (i * 11 % 700 >= 256) assert_int_equal((uintptr_t)blocks[i] % GW__ALIGN, 0);
        assert_true(is_zero(blocks[i], i * 11 % 700));
        memset(blocks[i], (int)(i & 255), i * 11 % 700);
    }
    for (size_t i = 0; i < 500; i++) {
        for (size_t k = 0; k < i * 11 % 700; k++) assert_int_equal(blocks[i][k], i & 255);
    }
    char *text = gw__arena_text(&arena, "abcdef", 3);
    assert_string_equal(text, "abc");
    assert_string_equal(gw__arena_text(&arena, NULL, 0), "");
    unsigned char *large = gw__arena_alloc(&arena, 5000000, 1);
    assert_non_null(large);
    large[4999999] = 1;
    assert_null(gw__arena_alloc(&arena, SIZE_MAX / 4, 8));
    assert_null(gw__arena_alloc(&arena, SIZE_MAX - 8, 1));
    assert_null(gw__arena_text(&arena, "x", SIZE_MAX));
    assert_string_equal(text, "abc");
    gw__arena_clear(&arena);
    gw__arena_clear(&arena);
}

static gw_status use_all(void *context, gw_error *err) {
    gw_status status = GW_OK;
    gw__arena arena = {0};
    void *array = NULL, *block = NULL;
    size_t capacity = 0;
    GW__TRY(gw__grow(&array, &capacity, 10, 8, err));
    GW__TRY(gw__grow(&array, &capacity, 100, 8, err));
    block = gw__aligned_alloc(10, 10);
    if (block == NULL) GW__FAIL(gw__fail_nomem(err));
    for (int i = 0; i < 3; i++) {
        if (gw__arena_alloc(&arena, 3000, 1) == NULL) GW__FAIL(gw__fail_nomem(err));
    }
cleanup:
    free(array);
    gw__aligned_free(block);
    gw__arena_clear(&arena);
    return status;
}

static void test_no_memory(void **state) {
    assert_in_range(fail_each_allocation(use_all, NULL), 4, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes), cmocka_unit_test(test_aligned), cmocka_unit_test(test_large), cmocka_unit_test(test_grow),
                                       cmocka_unit_test(test_arena), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
