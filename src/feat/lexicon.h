/* A lexicon: distinct texts, numbered from 0 in the order of their coming. The heart of reading: one probe and one short comparison a cell. */
#ifndef GW_FEAT_LEXICON_H
#define GW_FEAT_LEXICON_H

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define GW__NO_ENTRY UINT32_MAX

typedef struct gw__lexicon_slot {
    uint32_t hash, entry; /* entry + 1; 0: free */
} gw__lexicon_slot;

/* {0} is empty and ready for use. */
typedef struct gw__lexicon {
    char *bytes;
    size_t n_bytes, bytes_capacity;
    uint64_t *ends; /* entry i is bytes [ends[i-1], ends[i]) */
    size_t n, ends_capacity;
    gw__lexicon_slot *slots;
    size_t n_slots; /* a power of two, at most half full; 0 before the first entry */
} gw__lexicon;

static inline gw__slice gw__lexicon_at(const gw__lexicon *lexicon, size_t i) {
    uint64_t begin = i ? lexicon->ends[i - 1] : 0;
    return (gw__slice){lexicon->bytes + begin, (size_t)(lexicon->ends[i] - begin)};
}

static inline bool gw__same_bytes(const char *p, const char *q, size_t n) {
    uint64_t a, b;
    for (; n >= 8; p += 8, q += 8, n -= 8) {
        memcpy(&a, p, 8);
        memcpy(&b, q, 8);
        if (a != b) return false;
    }
    uint32_t c, d;
    if (n >= 4) {
        memcpy(&c, p, 4);
        memcpy(&d, q, 4);
        if (c != d) return false;
        memcpy(&c, p + n - 4, 4);
        memcpy(&d, q + n - 4, 4);
        return c == d;
    }
    for (; n; p++, q++, n--)
        if (*p != *q) return false;
    return true;
}

/* The number of `text`, or GW__NO_ENTRY. */
uint32_t gw__lexicon_find(const gw__lexicon *lexicon, gw__slice text);
/* The number of `text`, which is added (copied) if it is new. */
gw_status gw__lexicon_add(gw__lexicon *lexicon, gw__slice text, uint32_t *ret_entry, gw_error *err);
/* An index of distinct names into an empty lexicon: the number of each is its place. */
gw_status gw__lexicon_names(gw__lexicon *lexicon, const char *const *names, size_t n, gw_error *err);
void gw__lexicon_clear(gw__lexicon *lexicon);

#endif
