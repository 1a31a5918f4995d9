/* Labels: what a cell means to a task, and what a row weighs there. */
#include "base/number.h"
#include "base/random.h"
#include "feat/fitted.h"

#define CLASSES_SHOWN 5

bool gw__label_text(const gw__features *features, size_t task, gw__slice text, float *ret) {
    const gw__task *t = &features->tasks[task];
    gw__slice trimmed = gw__slice_trim(text);
    if (gw__missing_has(&features->missing, text) || gw__missing_has(&features->missing, trimmed)) return *ret = NAN, true;
    if (t->spec->type == GW_TASK_BINARY) return *ret = gw__slice_equal(trimmed, t->positive), true;
    uint32_t class = gw__lexicon_find(&t->classes, trimmed);
    if (class == GW__NO_ENTRY) return false;
    *ret = (float)class;
    return true;
}

bool gw__label_number(const gw__features *features, size_t task, double value, float *ret) {
    if (isnan(value)) return *ret = NAN, true;
    const gw__task_spec *spec = features->tasks[task].spec;
    if (spec->type == GW_TASK_BINARY && value != 0 && value != 1) return false;
    if (gw__task_not_negative(spec) && value < 0) return false;
    if (!isfinite((float)value)) return false;
    *ret = (float)value;
    return true;
}

gw_status gw__fail_label(gw_error *err, const gw__features *features, size_t task, gw__slice found) {
    const gw__task *t = &features->tasks[task];
    const char *column = t->spec->label;
    if (gw__task_not_negative(t->spec)) return gw__fail_cell(err, column, "a non-negative number", found, "list what means 'no value' under data.missing");
    if (t->spec->type == GW_TASK_REGRESSION || t->spec->type == GW_TASK_QUANTILE)
        return gw__fail_cell(err, column, "a number", found, "list it under data.missing");
    if (t->spec->type == GW_TASK_BINARY) return gw__fail_cell(err, column, "0 or 1", found, "name the positive value with 'positive'");
    gw__text known = {0};
    gw__text_puts(&known, "one of ");
    for (size_t i = 0; i < t->class_names.n && i < CLASSES_SHOWN; i++)
        gw__text_addf(&known, "%s'%.*s'", i ? ", " : "", GW__SLICE_ARG(gw__slice_of(t->class_names.at[i])));
    if (t->class_names.n > CLASSES_SHOWN) gw__text_addf(&known, " and %zu more", t->class_names.n - CLASSES_SHOWN);
    gw_status status = gw__fail_cell(err, column, known.failed ? "a known class" : known.at, found, "a new class needs a new training");
    gw__text_clear(&known);
    return status;
}

gw_status gw__fail_flaw(gw_error *err, const gw__features *features, gw__bad_cell bad, const char *column, gw__slice found) {
    switch (bad.flaw) {
    case GW__FLAW_NUMBER: return gw__fail_cell(err, column, "a number", found, found.n ? GW__HINT_NUMBER : NULL);
    case GW__FLAW_LABEL: return gw__fail_label(err, features, bad.task, found);
    case GW__FLAW_WEIGHT: return gw__fail_cell(err, column, "a weight of 0 or more", found, NULL);
    case GW__FLAW_GIVEN: return gw__fail_cell(err, column, "0 or 1", found, NULL);
    case GW__FLAW_RANGE: break;
    }
    return gw__fail(err, GW_E_DATA, "column '%s': '%.*s' is not finite after its transform", column, GW__SLICE_ARG(found));
}

gw_status gw__classes_set(gw__features *features, size_t task, const gw__lexicon *texts, const uint32_t *order, size_t n, gw_error *err) {
    gw_status status = GW_OK;
    gw__task *t = &features->tasks[task];
    if (n < 2) GW__FAIL(gw__fail(err, GW_E_DATA, "task '%s': column '%s' has fewer than two classes", t->spec->name, t->spec->label));
    if (n > 1 << 24) GW__FAIL(gw__fail(err, GW_E_LIMIT, "task '%s': column '%s' has more than %d classes", t->spec->name, t->spec->label, 1 << 24));
    const char **names = gw__arena_alloc(&features->arena, n, sizeof *names);
    if (!names) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < n; i++) {
        gw__slice text = gw__lexicon_at(texts, order[i]);
        uint32_t entry;
        GW__TRY(gw__lexicon_add(&t->classes, text, &entry, err));
        names[i] = gw__arena_text(&features->arena, text.at, text.n);
        if (!names[i]) GW__FAIL(gw__fail_nomem(err));
    }
    t->class_names = (gw__texts){names, n};
cleanup:
    return status;
}

/* ---- weights ---- */

static bool inside(const gw__task *task, const float *labels, double given) {
    if (task->given_task >= 0) return labels[task->given_task] == 1;
    return !task->given_column || given == 1;
}

static bool kept_negative(const gw__features *features, size_t task, uint64_t row) {
    return gw__random_uniform(features->spec->train.data_seed, GW__RANDOM_SAMPLE, task, row) < features->tasks[task].spec->negative_rate;
}

static void add_counts(gw__task_count *total, const gw__task_count *part) {
    __atomic_fetch_add(&total->labelled, part->labelled, __ATOMIC_RELAXED);
    __atomic_fetch_add(&total->positives, part->positives, __ATOMIC_RELAXED);
    __atomic_fetch_add(&total->outside, part->outside, __ATOMIC_RELAXED);
}

void gw__task_weights(const gw__features *features, size_t task, const gw__block *block, const double *given, const double *row_weights,
                      gw__task_count *counts[2]) {
    const gw__task *t = &features->tasks[task];
    const gw__input *in = &features->input;
    bool binary = t->spec->type == GW_TASK_BINARY, samples = block->training && binary && t->spec->negative_rate < 1;
    gw__task_count sums[2] = {{0}, {0}};
    for (size_t i = 0; i < block->n; i++) {
        if (!block->record[i]) continue;
        const float *labels = (const float *)(block->record[i] + in->labels_at);
        gw__task_count *sum = &sums[block->part[i] == GW__PART_VALID];
        float *weight = (float *)(block->record[i] + in->weights_at) + task;
        *weight = 0;
        if (!inside(t, labels, given ? given[i] : 0)) {
            sum->outside++;
        } else if (!isnan(labels[task])) {
            sum->labelled++;
            sum->positives += binary && labels[task] == 1;
            bool dropped = samples && block->part[i] == GW__PART_TRAIN && labels[task] == 0 && !kept_negative(features, task, block->first_row + i);
            if (!dropped) *weight = row_weights ? (float)row_weights[i] : 1;
        }
    }
    for (int part = 0; part < 2; part++)
        if (counts && counts[part]) add_counts(&counts[part][task], &sums[part]);
}

void gw__labels_finish(const gw__features *features, const gw__block *block) {
    for (size_t i = 0; i < block->n; i++) {
        if (!block->record[i]) continue;
        float *labels = (float *)(block->record[i] + features->input.labels_at);
        for (size_t t = 0; t < features->n_tasks; t++)
            if (isnan(labels[t])) labels[t] = 0;
    }
}
