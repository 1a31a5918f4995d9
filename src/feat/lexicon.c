#include "feat/lexicon.h"

#include <stdlib.h>

/* The numbers of entries never depend on this hash, so it may be fast and differ between machines. */
static inline uint64_t load64(const char *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t load32(const char *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static inline uint64_t fold(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint32_t hash_of(const char *p, size_t n) {
    uint64_t a = 0, b = 0, h = 0x9e3779b97f4a7c15u ^ n;
    for (; n > 16; p += 8, n -= 8) h = fold(h ^ load64(p), 0xd6e8feb86659fd93u);
    if (n >= 8) {
        a = load64(p);
        b = load64(p + n - 8);
    } else if (n >= 4) {
        a = load32(p);
        b = load32(p + n - 4);
    } else if (n) {
        a = (uint64_t)(uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << 8 | (uint64_t)(uint8_t)p[n - 1] << 16;
    }
    h = fold(h ^ a, b ^ 0xa0761d6478bd642fu);
    return (uint32_t)(h ^ h >> 32);
}

/* Where `text` is or would be; n_slots > 0. */
static inline gw__lexicon_slot *probe(const gw__lexicon *lexicon, gw__slice text, uint32_t hash) {
    size_t mask = lexicon->n_slots - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        gw__lexicon_slot *slot = &lexicon->slots[i];
        if (!slot->entry) return slot;
        if (slot->hash != hash) continue;
        gw__slice known = gw__lexicon_at(lexicon, slot->entry - 1);
        if (known.n == text.n && gw__same_bytes(known.at, text.at, text.n)) return slot;
    }
}

uint32_t gw__lexicon_find(const gw__lexicon *lexicon, gw__slice text) {
    if (!lexicon->n_slots) return GW__NO_ENTRY;
    return probe(lexicon, text, hash_of(text.at, text.n))->entry - 1; /* 0 - 1 is GW__NO_ENTRY */
}

static gw_status widen(gw__lexicon *lexicon, gw_error *err) {
    size_t n_slots = lexicon->n_slots ? lexicon->n_slots * 2 : 16;
    gw__lexicon_slot *slots = calloc(n_slots, sizeof *slots);
    if (!slots) return gw__fail_nomem(err);
    for (size_t i = 0; i < lexicon->n_slots; i++) {
        gw__lexicon_slot slot = lexicon->slots[i];
        if (!slot.entry) continue;
        size_t at = slot.hash & (n_slots - 1);
        while (slots[at].entry) at = (at + 1) & (n_slots - 1);
        slots[at] = slot;
    }
    free(lexicon->slots);
    lexicon->slots = slots;
    lexicon->n_slots = n_slots;
    return GW_OK;
}

static gw_status append(gw__lexicon *lexicon, gw__slice text, uint32_t hash, uint32_t *ret_entry, gw_error *err) {
    gw_status status;
    if (lexicon->n >= UINT32_MAX - 1) return gw__fail(err, GW_E_LIMIT, "more than %u distinct values", UINT32_MAX - 1);
    size_t need = lexicon->n_bytes + text.n;
    GW__TRY(gw__grow((void **)&lexicon->bytes, &lexicon->bytes_capacity, need ? need : 1, 1, err));
    GW__TRY(gw__grow((void **)&lexicon->ends, &lexicon->ends_capacity, lexicon->n + 1, sizeof *lexicon->ends, err));
    if (lexicon->n * 2 >= lexicon->n_slots) GW__TRY(widen(lexicon, err));
    if (text.n) memcpy(lexicon->bytes + lexicon->n_bytes, text.at, text.n);
    lexicon->n_bytes += text.n;
    lexicon->ends[lexicon->n] = lexicon->n_bytes;
    gw__lexicon_slot *slot = probe(lexicon, text, hash);
    *slot = (gw__lexicon_slot){hash, (uint32_t)++lexicon->n};
    *ret_entry = slot->entry - 1;
cleanup:
    return status;
}

gw_status gw__lexicon_add(gw__lexicon *lexicon, gw__slice text, uint32_t *ret_entry, gw_error *err) {
    uint32_t hash = hash_of(text.at, text.n);
    if (lexicon->n_slots) {
        const gw__lexicon_slot *slot = probe(lexicon, text, hash);
        if (slot->entry) {
            *ret_entry = slot->entry - 1;
            return GW_OK;
        }
    }
    return append(lexicon, text, hash, ret_entry, err);
}

gw_status gw__lexicon_names(gw__lexicon *lexicon, const char *const *names, size_t n, gw_error *err) {
    gw_status status = GW_OK;
    uint32_t entry;
    for (size_t i = 0; i < n; i++) GW__TRY(gw__lexicon_add(lexicon, gw__slice_of(names[i]), &entry, err));
cleanup:
    return status;
}

void gw__lexicon_clear(gw__lexicon *lexicon) {
    free(lexicon->bytes);
    free(lexicon->ends);
    free(lexicon->slots);
    *lexicon = (gw__lexicon){0};
}
