/* Vocabularies: which values of a column have a row of their own. */
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "feat/fit.h"

/* Distinct texts and how often the training part has them, over one lane or several. */
typedef struct tally {
    const gw__lexicon *texts; /* a lane's, or `merged` */
    gw__lexicon merged;
    uint64_t *counts;
    size_t n, counts_capacity;
    uint32_t *order;
    size_t n_order;
} tally;

static bool is_training(const gw__staged *staged, size_t row) { return staged->parts[row] == GW__PART_TRAIN; }

/* Training cells per code; entries that mean 'no value' count as none. */
static gw_status count_codes(const gw__staged *staged, const gw__lane *lane, uint64_t **ret_counts, bool *ret_missing, gw_error *err) {
    size_t n = lane->lexicon.n;
    uint64_t *counts = gw__aligned_alloc(n, sizeof *counts);
    if (!counts) return gw__fail_nomem(err);
    if (lane->kind == GW__LANE_BAG) {
        for (size_t row = 0; row < staged->n_rows; row++) {
            if (!is_training(staged, row)) continue;
            size_t end = gw__lane_pieces_end(lane, row, staged->n_rows);
            for (size_t i = gw__lane_code(lane, row); i < end; i++) counts[lane->pieces[i]]++;
        }
    } else {
        for (size_t row = 0; row < staged->n_rows; row++)
            if (is_training(staged, row)) counts[gw__lane_code(lane, row)]++;
        if (counts[0]) *ret_missing = true;
        counts[0] = 0;
    }
    *ret_counts = counts;
    return GW_OK;
}

static gw_status merge_lane(tally *t, const gw__lane *lane, const uint64_t *counts, gw_error *err) {
    gw_status status = GW_OK;
    for (size_t i = 0; i < lane->lexicon.n; i++) {
        uint32_t entry;
        if (!counts[i]) continue;
        GW__TRY(gw__lexicon_add(&t->merged, gw__lexicon_at(&lane->lexicon, i), &entry, err));
        if (entry == t->n) {
            GW__TRY(gw__grow((void **)&t->counts, &t->counts_capacity, t->n + 1, sizeof *t->counts, err));
            t->counts[t->n++] = 0;
        }
        t->counts[entry] += counts[i];
    }
cleanup:
    return status;
}

static int by_bytes(const void *a, const void *b, void *context) {
    const tally *t = context;
    gw__slice s = gw__lexicon_at(t->texts, *(const uint32_t *)a), u = gw__lexicon_at(t->texts, *(const uint32_t *)b);
    int order = memcmp(s.at, u.at, s.n < u.n ? s.n : u.n);
    return order ? order : (s.n > u.n) - (s.n < u.n);
}

static int by_count(const void *a, const void *b, void *context) {
    const tally *t = context;
    uint64_t x = t->counts[*(const uint32_t *)a], y = t->counts[*(const uint32_t *)b];
    return x != y ? (x > y ? -1 : 1) : by_bytes(a, b, context);
}

/* Entries seen at least min_count times, in the order in which `compare` wants them. */
static gw_status order_tally(tally *t, uint64_t min_count, int (*compare)(const void *, const void *, void *), gw_error *err) {
    t->order = gw__aligned_alloc(t->n, sizeof *t->order);
    if (!t->order) return gw__fail_nomem(err);
    for (size_t i = 0; i < t->n; i++)
        if (t->counts[i] && t->counts[i] >= min_count) t->order[t->n_order++] = (uint32_t)i;
    qsort_r(t->order, t->n_order, sizeof *t->order, compare, t);
    return GW_OK;
}

static void clear_tally(tally *t) {
    gw__lexicon_clear(&t->merged);
    gw__aligned_free(t->order);
    free(t->counts);
}

static gw_status tally_table(gw__features *features, size_t embedding, const gw__staged *staged, const gw__lanes *lanes, tally *t, gw_error *err) {
    gw_status status = GW_OK;
    uint64_t *counts = NULL;
    for (size_t i = features->embeddings[embedding].first; i != GW__NO_FEATURE; i = features->at[i].next_of_table) {
        const gw__lane *lane = &staged->lanes[lanes->feature[i]];
        GW__TRY(count_codes(staged, lane, &counts, &features->embeddings[embedding].has_missing, err));
        GW__TRY(merge_lane(t, lane, counts, err));
        gw__aligned_free(counts);
        counts = NULL;
    }
    t->texts = &t->merged;
cleanup:
    gw__aligned_free(counts);
    return status;
}

gw_status gw__vocabulary_fit(gw__features *features, size_t e, const gw__staged *staged, const gw__lanes *lanes, gw_error *err) {
    gw_status status = GW_OK;
    gw__embedding *embedding = &features->embeddings[e];
    tally t = {0};
    if (embedding->buckets) return GW_OK;
    GW__TRY(tally_table(features, e, staged, lanes, &t, err));
    GW__TRY(order_tally(&t, embedding->min_count, by_count, err));
    size_t n = embedding->max_rows && embedding->max_rows < t.n_order ? embedding->max_rows : t.n_order;
    for (size_t i = 0; i < n; i++) {
        uint32_t entry;
        GW__TRY(gw__lexicon_add(&embedding->vocabulary, gw__lexicon_at(t.texts, t.order[i]), &entry, err));
    }
cleanup:
    clear_tally(&t);
    return status;
}

gw_status gw__vocabulary_rows(const gw__embedding *embedding, const gw__lane *lane, uint32_t **ret_rows, gw_error *err) {
    uint32_t *rows = gw__aligned_alloc(lane->lexicon.n, sizeof *rows);
    if (!rows) return gw__fail_nomem(err);
    for (size_t i = 0; i < lane->lexicon.n; i++) rows[i] = gw__vocabulary_row(embedding, gw__lexicon_at(&lane->lexicon, i));
    if (lane->kind == GW__LANE_TEXT) rows[0] = embedding->has_missing;
    *ret_rows = rows;
    return GW_OK;
}

/* ---- classes ---- */

static int by_number(const void *a, const void *b, void *context) {
    const tally *t = context;
    double x = 0, y = 0;
    gw__parse_double(gw__lexicon_at(t->texts, *(const uint32_t *)a), &x);
    gw__parse_double(gw__lexicon_at(t->texts, *(const uint32_t *)b), &y);
    return x != y ? (x > y) - (x < y) : by_bytes(a, b, context);
}

/* The order of texts is their meaning's, which only the user knows. */
static gw_status fail_unordered(const gw__task_spec *task, gw_error *err) {
    char where[sizeof err->where];
    snprintf(where, sizeof where, "tasks.%.200s", task->name);
    return gw__fail_at(err, GW_E_CONFIG, where, 0, 0, "the classes of column '%s' are texts, whose order is not known; hint: list them from low to high in 'classes'",
                       task->label);
}

gw_status gw__classes_fit(gw__features *features, size_t task, const gw__staged *staged, const gw__lane *lane, gw_error *err) {
    gw_status status;
    tally t = {0};
    uint64_t *counts = NULL;
    bool missing = false, numbers = true;
    double number;
    GW__TRY(count_codes(staged, lane, &counts, &missing, err));
    for (size_t i = 0; i < lane->lexicon.n; i++) {
        gw__slice text = gw__slice_trim(gw__lexicon_at(&lane->lexicon, i));
        uint32_t entry;
        if (!counts[i] || gw__missing_has(&features->missing, text)) continue;
        GW__TRY(gw__lexicon_add(&t.merged, text, &entry, err));
        numbers = numbers && gw__parse_double(text, &number);
    }
    t.texts = &t.merged;
    t.n = t.merged.n;
    t.counts = malloc((t.n + 1) * sizeof *t.counts);
    if (!t.counts) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < t.n; i++) t.counts[i] = 1;
    if (!numbers && t.n && features->tasks[task].spec->type == GW_TASK_ORDINAL) GW__FAIL(fail_unordered(features->tasks[task].spec, err));
    GW__TRY(order_tally(&t, 1, numbers ? by_number : by_bytes, err));
    if (t.n_order) GW__TRY(gw__classes_set(features, task, t.texts, t.order, t.n_order, err));
cleanup:
    gw__aligned_free(counts);
    clear_tally(&t);
    return status;
}
