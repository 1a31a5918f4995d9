#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define FIRST_BLOCK 4096
#define LARGEST_BLOCK (1u << 20)
#define SMALL_ALIGN 16
#define LARGE_ITEM 256 /* from here on an arena's items begin on a cache line */

/* Rows of a large table are read at random: with pages of 4 KiB nearly every one of them misses the TLB. Asked for before the first write, which
 * makes the pages; where the system has none, nothing is lost. */
static void ask_for_huge_pages(void *p, size_t bytes) {
#ifdef MADV_HUGEPAGE
    (void)madvise(p, bytes, MADV_HUGEPAGE);
#endif
}

void *gw__aligned_alloc(size_t n, size_t item_bytes) {
    size_t bytes;
    if (!gw__mul_size(n, item_bytes, &bytes) || bytes > PTRDIFF_MAX - HUGE_PAGE) return NULL;
    const bool large = bytes >= GW__LARGE;
    const size_t align = large ? HUGE_PAGE : GW__ALIGN;
    bytes = bytes == 0 ? align : gw__round_up(bytes, align);
    void *p = aligned_alloc(align, bytes);
    if (p != NULL && large) ask_for_huge_pages(p, bytes);
    if (p != NULL) memset(p, 0, bytes);
    return p;
}

void gw__aligned_free(void *p) {
    free(p);
}

gw_status gw__grow(void **array, size_t *capacity, size_t need, size_t item_bytes, gw_error *err) {
    if (need <= *capacity) return GW_OK;
    size_t wanted = *capacity > SIZE_MAX / 2 ? need : *capacity * 2, bytes;
    if (wanted < need) wanted = need;
    if (wanted < 8) wanted = 8;
    if (!gw__mul_size(wanted, item_bytes, &bytes) || bytes > PTRDIFF_MAX) return gw__fail_nomem(err);
    void *old, *grown; /* through memcpy: the caller's pointer has a type of its own */
    memcpy(&old, array, sizeof old);
    grown = realloc(old, bytes == 0 ? 1 : bytes);
    if (grown == NULL) return gw__fail_nomem(err);
    memcpy(array, &grown, sizeof grown);
    *capacity = wanted;
    return GW_OK;
}

/* Its items follow it. */
struct gw__arena_block {
    struct gw__arena_block *next;
    size_t used, size; /* bytes, this head included */
};

static void *take(struct gw__arena_block *block, size_t bytes, size_t align) {
    size_t at = gw__round_up(block->used, align);
    if (at > block->size || block->size - at < bytes) return NULL;
    block->used = at + bytes;
    return (char *)block + at;
}

static struct gw__arena_block *add_block(gw__arena *arena, size_t bytes) {
    size_t size = arena->blocks == NULL ? FIRST_BLOCK : arena->blocks->size * 2;
    if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
    if (bytes > PTRDIFF_MAX - 4 * GW__ALIGN) return NULL;
    if (size < bytes + 2 * GW__ALIGN) size = bytes + 2 * GW__ALIGN;
    struct gw__arena_block *block = gw__aligned_alloc(1, size);
    if (block == NULL) return NULL;
    block->size = size;
    block->used = sizeof *block;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *gw__arena_alloc(gw__arena *arena, size_t n, size_t item_bytes) {
    size_t bytes;
    if (!gw__mul_size(n, item_bytes, &bytes)) return NULL;
    if (bytes == 0) bytes = 1;
    size_t align = bytes < LARGE_ITEM ? SMALL_ALIGN : GW__ALIGN;
    void *p = arena->blocks == NULL ? NULL : take(arena->blocks, bytes, align);
    if (p != NULL) return p;
    struct gw__arena_block *block = add_block(arena, bytes);
    return block == NULL ? NULL : take(block, bytes, align);
}

char *gw__arena_text(gw__arena *arena, const char *text, size_t length) {
    if (length == SIZE_MAX) return NULL;
    char *copy = gw__arena_alloc(arena, length + 1, 1);
    if (copy != NULL && length > 0) memcpy(copy, text, length); /* the final NUL is there: arenas are zeroed */
    return copy;
}

void gw__arena_clear(gw__arena *arena) {
    for (struct gw__arena_block *block = arena->blocks, *next; block != NULL; block = next) {
        next = block->next;
        gw__aligned_free(block);
    }
    arena->blocks = NULL;
}
