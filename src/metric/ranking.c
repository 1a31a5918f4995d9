/* Counting pairs in integers: every pair in the right order counts 2, every tie 1, so that the only rounding is the last division. */
#include "metric/ranking.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 wide; /* 2 x positives x negatives may pass 64 bits */

/* Bits of a float as an integer of the same order; both zeros are one. */
static uint32_t order_key(float score) {
    uint32_t bits;
    float value = score == 0 ? 0 : score;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

gw_status gw__ranking_add(gw__ranking *ranking, float score, gw_error *err) {
    if (ranking->n == ranking->capacity || ranking->n == ranking->scratch_capacity) {
        gw_status status = gw__grow((void **)&ranking->keys, &ranking->capacity, ranking->n + 1, sizeof *ranking->keys, err);
        if (status == GW_OK)
            status = gw__grow((void **)&ranking->scratch, &ranking->scratch_capacity, ranking->capacity, sizeof *ranking->scratch, err);
        if (status != GW_OK) return status;
    }
    ranking->keys[ranking->n++] = order_key(score);
    ranking->sorted = false;
    return GW_OK;
}

void gw__ranking_reset(gw__ranking *ranking) {
    ranking->n = 0;
    ranking->sorted = false;
}

void gw__ranking_clear(gw__ranking *ranking) {
    free(ranking->keys);
    free(ranking->scratch);
    *ranking = (gw__ranking){0};
}

static void sort_by_digit(const uint32_t *from, uint32_t *to, size_t n, unsigned shift) {
    size_t at[2048] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++) at[from[i] >> shift & 2047]++;
    for (size_t d = 0; d < 2048; d++) {
        size_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++) to[at[from[i] >> shift & 2047]++] = from[i];
}

static void sort_keys(gw__ranking *ranking) {
    if (ranking->sorted) return;
    for (unsigned shift = 0; shift < 32; shift += 11) {
        sort_by_digit(ranking->keys, ranking->scratch, ranking->n, shift);
        uint32_t *sorted = ranking->scratch;
        size_t capacity = ranking->scratch_capacity;
        ranking->scratch = ranking->keys;
        ranking->scratch_capacity = ranking->capacity;
        ranking->keys = sorted;
        ranking->capacity = capacity;
    }
    ranking->sorted = true;
}

double gw__ranking_auc(gw__ranking *negatives, gw__ranking *positives) {
    size_t n = negatives->n, p = positives->n, below = 0, upto = 0;
    if (n == 0 || p == 0) return NAN;
    sort_keys(negatives);
    sort_keys(positives);
    wide twice = 0;
    for (size_t i = 0; i < p; i++) {
        uint32_t key = positives->keys[i];
        while (below < n && negatives->keys[below] < key) below++;
        if (upto < below) upto = below;
        while (upto < n && negatives->keys[upto] == key) upto++;
        twice += (wide)below + upto;
    }
    return (double)twice / (2.0 * (double)n * (double)p);
}

static double score_of(uint32_t key) {
    const uint32_t bits = key & 0x80000000u ? key & 0x7FFFFFFFu : ~key;
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* The highest key that was not passed yet, and how many have it. */
static size_t count_from_top(const gw__ranking *ranking, size_t passed, uint32_t key) {
    size_t n = 0;
    while (passed + n < ranking->n && ranking->keys[ranking->n - 1 - passed - n] == key) n++;
    return n;
}

static uint32_t top_key(const gw__ranking *ranking, size_t passed) { return ranking->keys[ranking->n - 1 - passed]; }

bool gw__ranking_next(gw__ranking *negatives, gw__ranking *positives, gw__ranking_walk *at, gw__ranking_step *ret_step) {
    const bool has_negative = at->negatives < negatives->n, has_positive = at->positives < positives->n;
    if (!has_negative && !has_positive) return false;
    sort_keys(negatives);
    sort_keys(positives);
    uint32_t key = has_negative ? top_key(negatives, at->negatives) : top_key(positives, at->positives);
    if (has_positive && top_key(positives, at->positives) > key) key = top_key(positives, at->positives);
    *ret_step = (gw__ranking_step){score_of(key), count_from_top(negatives, at->negatives, key), count_from_top(positives, at->positives, key)};
    at->negatives += ret_step->negatives;
    at->positives += ret_step->positives;
    return true;
}

double gw__ranking_pinball(gw__ranking *ranking, double t) {
    if (ranking->n == 0) return NAN;
    sort_keys(ranking);
    const double rank = ceil(t * (double)ranking->n);
    const double c = score_of(ranking->keys[rank < 1 ? 0 : (size_t)rank - 1]);
    double sum = 0;
    for (size_t i = 0; i < ranking->n; i++) {
        const double r = score_of(ranking->keys[i]) - c;
        sum += r >= 0 ? t * r : (t - 1) * r;
    }
    return sum;
}

/* ---- groups ---- */

gw_status gw__group_ranking_add(gw__group_ranking *ranking, uint64_t group, float score, bool positive, gw_error *err) {
    if (ranking->n == ranking->capacity || ranking->n == ranking->scratch_capacity) {
        gw_status status = gw__grow((void **)&ranking->entries, &ranking->capacity, ranking->n + 1, sizeof *ranking->entries, err);
        if (status == GW_OK)
            status = gw__grow((void **)&ranking->scratch, &ranking->scratch_capacity, ranking->capacity, sizeof *ranking->scratch, err);
        if (status != GW_OK) return status;
    }
    ranking->entries[ranking->n++] = (gw__group_entry){group, order_key(score), positive};
    ranking->sorted = false;
    return GW_OK;
}

void gw__group_ranking_reset(gw__group_ranking *ranking) {
    ranking->n = 0;
    ranking->sorted = false;
}

void gw__group_ranking_clear(gw__group_ranking *ranking) {
    free(ranking->entries);
    free(ranking->scratch);
    *ranking = (gw__group_ranking){0};
}

/* Byte `digit` of an entry, the lowest first: four of the score, then eight of the group. */
static size_t entry_digit(const gw__group_entry *entry, unsigned digit) {
    return digit < 4 ? entry->key >> 8 * digit & 255 : entry->group >> 8 * (digit - 4) & 255;
}

/* False, and nothing done, when all entries have the same digit. */
static bool sort_entries_by(const gw__group_entry *from, gw__group_entry *to, size_t n, unsigned digit) {
    size_t at[256] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++) at[entry_digit(&from[i], digit)]++;
    if (n == 0 || at[entry_digit(&from[0], digit)] == n) return false;
    for (size_t d = 0; d < 256; d++) {
        size_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++) to[at[entry_digit(&from[i], digit)]++] = from[i];
    return true;
}

static void sort_entries(gw__group_ranking *ranking) {
    if (ranking->sorted) return;
    for (unsigned digit = 0; digit < 12; digit++) {
        if (!sort_entries_by(ranking->entries, ranking->scratch, ranking->n, digit)) continue;
        gw__group_entry *sorted = ranking->scratch;
        size_t capacity = ranking->scratch_capacity;
        ranking->scratch = ranking->entries;
        ranking->scratch_capacity = ranking->capacity;
        ranking->entries = sorted;
        ranking->capacity = capacity;
    }
    ranking->sorted = true;
}

/* AUC of one group's entries, sorted by score; NaN with one class. */
static double group_auc(const gw__group_entry *entries, size_t n) {
    size_t negatives = 0, positives = 0;
    wide twice = 0;
    for (size_t i = 0, end; i < n; i = end) {
        size_t tied[2] = {0, 0};
        for (end = i; end < n && entries[end].key == entries[i].key; end++) tied[entries[end].positive]++;
        twice += (wide)tied[1] * (2 * negatives + tied[0]);
        negatives += tied[0];
        positives += tied[1];
    }
    if (negatives == 0 || positives == 0) return NAN;
    return (double)twice / (2.0 * (double)negatives * (double)positives);
}

double gw__group_ranking_auc(gw__group_ranking *ranking) {
    sort_entries(ranking);
    double sum = 0, rows = 0;
    for (size_t i = 0, end; i < ranking->n; i = end) {
        for (end = i; end < ranking->n && ranking->entries[end].group == ranking->entries[i].group; end++) continue;
        double auc = group_auc(ranking->entries + i, end - i);
        if (isnan(auc)) continue;
        sum += auc * (double)(end - i);
        rows += (double)(end - i);
    }
    return rows > 0 ? sum / rows : NAN;
}
