#include "train/leak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SCORED_ROWS 2048
#define LEARNED_ROWS 16384
#define MOST_VALUES ((uint64_t)1 << 22) /* of a category */

typedef struct scored { double value; uint32_t at; } scored;

/* Rows of a part that have the task's label: evenly spread ones. */
typedef struct sample {
    const gw__records *records;
    uint32_t *rows; /* [n] */
    double *labels; /* [n] */
    size_t n;
} sample;

typedef struct search {
    sample learned, judged;
    scored *order;        /* [judged] */
    double *values, *ranks, *label_ranks; /* [judged] */
    double *sums, *counts; /* of labels by value of a category */
    gw_task_type type;
} search;

static gw_status sample_of(const gw__records *records, size_t task, size_t most, sample *ret, gw_error *err) {
    const gw__input *in = records->input;
    const size_t step = records->n_rows > most ? records->n_rows / most : 1;
    *ret = (sample){.records = records, .rows = malloc((most + 1) * sizeof *ret->rows), .labels = malloc((most + 1) * sizeof *ret->labels)};
    if (!ret->rows || !ret->labels) return gw__fail_nomem(err);
    for (size_t r = 0; r < records->n_rows && ret->n < most; r += step) {
        const uint32_t *record = gw__record_at(records, r);
        if (!(gw__record_weights(in, record)[task] > 0)) continue;
        ret->rows[ret->n] = (uint32_t)r;
        ret->labels[ret->n++] = gw__record_labels(in, record)[task];
    }
    return GW_OK;
}

static int by_value(const void *a, const void *b) {
    const scored *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* Ranks from 1; equal values share the mean of theirs. */
static void rank(search *s, const double *values, double *ret_ranks) {
    const size_t n = s->judged.n;
    for (size_t i = 0; i < n; i++) s->order[i] = (scored){values[i], (uint32_t)i};
    qsort(s->order, n, sizeof *s->order, by_value);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && s->order[end].value == s->order[i].value; end++) {}
        for (size_t k = i; k < end; k++) ret_ranks[s->order[k].at] = 0.5 * (double)(i + 1 + end);
    }
}

static double auc_of(const search *s) {
    double positives = 0, sum = 0;
    const size_t n = s->judged.n;
    for (size_t i = 0; i < n; i++) {
        if (!(s->judged.labels[i] > 0)) continue;
        positives++;
        sum += s->ranks[i];
    }
    const double pairs = positives * ((double)n - positives);
    if (!(pairs > 0)) return 0;
    const double auc = (sum - positives * (positives + 1) / 2) / pairs;
    return auc > 0.5 ? auc : 1 - auc;
}

/* Pearson's correlation of the ranks; their mean is (n + 1) / 2. */
static double spearman_of(const search *s) {
    const double mean = 0.5 * ((double)s->judged.n + 1);
    double xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < s->judged.n; i++) {
        const double x = s->ranks[i] - mean, y = s->label_ranks[i] - mean;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    return xx > 0 && yy > 0 ? fabs(xy) / sqrt(xx * yy) : 0;
}

static double score_values(search *s) {
    rank(s, s->values, s->ranks);
    return s->type == GW_TASK_BINARY ? auc_of(s) : spearman_of(s);
}

static double score_number(search *s, const gw__slot *slot) {
    const gw__input *in = s->judged.records->input;
    for (size_t i = 0; i < s->judged.n; i++) {
        const float *numbers = (const float *)(gw__record_at(s->judged.records, s->judged.rows[i]) + in->numbers_at);
        s->values[i] = numbers[slot->index];
    }
    return score_values(s);
}

static size_t value_of(const sample *rows, size_t i, const gw__slot *slot) {
    const int32_t *ids = (const int32_t *)(gw__record_at(rows->records, rows->rows[i]) + rows->records->input->ids_at);
    return (size_t)ids[slot->index];
}

/* Means come from other rows than those that are judged, so that an id of its own for every row says nothing. */
static gw_status score_category(search *s, const gw__slot *slot, double *ret_score, gw_error *err) {
    const uint64_t n_values = s->learned.records->input->tables[slot->table].rows;
    double all = 0;
    *ret_score = 0;
    if (n_values > MOST_VALUES || s->learned.n == 0) return GW_OK;
    s->sums = calloc(n_values, sizeof *s->sums);
    s->counts = calloc(n_values, sizeof *s->counts);
    const bool failed = !s->sums || !s->counts;
    for (size_t i = 0; !failed && i < s->learned.n; i++) {
        const size_t value = value_of(&s->learned, i, slot);
        s->sums[value] += s->learned.labels[i];
        s->counts[value]++;
        all += s->learned.labels[i];
    }
    for (size_t i = 0; !failed && i < s->judged.n; i++) {
        const size_t value = value_of(&s->judged, i, slot);
        s->values[i] = s->counts[value] > 0 ? s->sums[value] / s->counts[value] : all / (double)s->learned.n;
    }
    free(s->sums);
    free(s->counts);
    if (failed) return gw__fail_nomem(err);
    *ret_score = score_values(s);
    return GW_OK;
}

static gw_status judge_slots(search *s, gw__suspect *ret_suspect, gw_error *err) {
    const gw__input *in = s->judged.records->input;
    *ret_suspect = (gw__suspect){0};
    rank(s, s->judged.labels, s->label_ranks);
    for (size_t i = 0; i < in->n_slots; i++) {
        const gw__slot *slot = &in->slots[i];
        double score = 0;
        if (slot->kind == GW__SLOT_NUMBER) score = score_number(s, slot);
        if (slot->kind == GW__SLOT_EMBEDDING) {
            gw_status status = score_category(s, slot, &score, err);
            if (status != GW_OK) return status;
        }
        if (score > ret_suspect->score) *ret_suspect = (gw__suspect){slot->feature, score};
    }
    return GW_OK;
}

gw_status gw__leak_find(const gw__records *train, const gw__records *valid, gw_task_type type, size_t task, gw__suspect *ret_suspect, gw_error *err) {
    gw_status status = GW_OK;
    search s = {.type = type};
    GW__TRY(sample_of(train, task, LEARNED_ROWS, &s.learned, err));
    GW__TRY(sample_of(valid, task, SCORED_ROWS, &s.judged, err));
    const size_t n = s.judged.n + 1;
    s.order = malloc(n * sizeof *s.order);
    s.values = malloc(n * sizeof *s.values);
    s.ranks = malloc(n * sizeof *s.ranks);
    s.label_ranks = malloc(n * sizeof *s.label_ranks);
    if (!s.order || !s.values || !s.ranks || !s.label_ranks) GW__FAIL(gw__fail_nomem(err));
    status = judge_slots(&s, ret_suspect, err);
cleanup:
    free(s.learned.rows);
    free(s.learned.labels);
    free(s.judged.rows);
    free(s.judged.labels);
    free(s.order);
    free(s.values);
    free(s.ranks);
    free(s.label_ranks);
    return status;
}
