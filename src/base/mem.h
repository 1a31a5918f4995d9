/* Memory: checked sizes, aligned blocks, and arenas for things that live and die together. */
#ifndef GW_BASE_MEM_H
#define GW_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define GW__ALIGN 64 /* a cache line; every numeric buffer begins on one */

#define GW__COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* a*b or a+b in *ret; false on overflow. */
static inline bool gw__mul_size(size_t a, size_t b, size_t *ret) { return !__builtin_mul_overflow(a, b, ret); }
static inline bool gw__add_size(size_t a, size_t b, size_t *ret) { return !__builtin_add_overflow(a, b, ret); }

static inline size_t gw__round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

#define GW__LARGE ((size_t)8 << 20) /* bytes: from here on a block stands in huge pages, where the system has them */

/* Zeroed memory for n items, aligned to 64 bytes, a large block to 2 MiB; NULL when there is none or the product overflows. Free with gw__aligned_free. */
void *gw__aligned_alloc(size_t n, size_t item_bytes);
void  gw__aligned_free(void *p);

/* Grow *array to hold at least `need` items (at least doubling); existing items are kept. */
gw_status gw__grow(void **array, size_t *capacity, size_t need, size_t item_bytes, gw_error *err);

/* An arena: allocations are freed together. Zeroed; NULL when out of memory. An arena {0} is ready for use. */
typedef struct gw__arena {
    struct gw__arena_block *blocks;
} gw__arena;

void *gw__arena_alloc(gw__arena *arena, size_t n, size_t item_bytes);
char *gw__arena_text(gw__arena *arena, const char *text, size_t length); /* copy, with a final NUL */
void  gw__arena_clear(gw__arena *arena);

#endif
