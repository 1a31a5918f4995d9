#include "fail_alloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static atomic_size_t allocations, failing;
static atomic_long live;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
char *__real_realpath(const char *path, char *resolved);
void  __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
char *__wrap_realpath(const char *path, char *resolved);
void  __wrap_free(void *p);

static bool must_fail(void) {
    size_t number = atomic_fetch_add(&allocations, 1) + 1;
    bool fails = number == atomic_load(&failing);
    if (fails) errno = ENOMEM;
    return fails;
}

static void *counted(void *p) {
    if (p != NULL) atomic_fetch_add(&live, 1);
    return p;
}

void *__wrap_malloc(size_t n) { return must_fail() ? NULL : counted(__real_malloc(n)); }
void *__wrap_calloc(size_t n, size_t size) { return must_fail() ? NULL : counted(__real_calloc(n, size)); }
void *__wrap_aligned_alloc(size_t align, size_t n) { return must_fail() ? NULL : counted(__real_aligned_alloc(align, n)); }
char *__wrap_strdup(const char *text) { return must_fail() ? NULL : counted(__real_strdup(text)); }
char *__wrap_strndup(const char *text, size_t n) { return must_fail() ? NULL : counted(__real_strndup(text, n)); }
char *__wrap_realpath(const char *path, char *resolved) { return must_fail() ? NULL : counted(__real_realpath(path, resolved)); }

void *__wrap_realloc(void *p, size_t n) {
    if (must_fail()) return NULL;
    void *grown = __real_realloc(p, n);
    if (p == NULL) counted(grown);
    return grown;
}

void __wrap_free(void *p) {
    if (p != NULL) atomic_fetch_sub(&live, 1);
    __real_free(p);
}

void fail_allocation(size_t n) {
    atomic_store(&failing, n == 0 ? 0 : atomic_load(&allocations) + n);
}

size_t count_allocations(void) {
    return atomic_load(&allocations);
}

long count_live_blocks(void) {
    return atomic_load(&live);
}

size_t fail_each_allocation(gw_status (*run)(void *context, gw_error *err), void *context) {
    for (size_t n = 1;; n++) {
        gw_error err = {.code = GW_OK};
        size_t before = count_allocations();
        long blocks = count_live_blocks();
        fail_allocation(n);
        gw_status status = run(context, &err);
        size_t made = count_allocations() - before;
        fail_allocation(0);
        assert_int_equal(count_live_blocks(), blocks);
        if (made < n) { /* the n-th was never asked for: nothing failed */
            assert_int_equal(status, GW_OK);
            return made;
        }
        assert_int_equal(status, GW_E_NOMEM);
        assert_int_equal(err.code, GW_E_NOMEM);
        assert_string_not_equal(err.message, "");
    }
}
