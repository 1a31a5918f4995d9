/* What was read, in words. */
#include <stdlib.h>

#include "feat/load.h"

#define NAMES_A_NOTE 8
#define VALUES_COMPARED 1000 /* of a label column, for the value that may be meant */
#define VALUES_SHOWN 3

typedef struct note_list {
    gw__arena *arena;
    const char **at;
    size_t n, capacity;
    gw__text line;
} note_list;

gw_status gw__report_init(gw__read_report *report, size_t n_tasks, gw_error *err) {
    size_t n = n_tasks ? n_tasks : 1;
    report->train_tasks = gw__arena_alloc(&report->arena, n, sizeof *report->train_tasks);
    report->valid_tasks = gw__arena_alloc(&report->arena, n, sizeof *report->valid_tasks);
    return report->train_tasks && report->valid_tasks ? GW_OK : gw__fail_nomem(err);
}

/* The line written so far becomes a note. */
static gw_status end_note(note_list *notes, gw_error *err) {
    if (notes->line.failed) return gw__fail_nomem(err);
    gw_status status = gw__grow((void **)&notes->at, &notes->capacity, notes->n + 1, sizeof *notes->at, err);
    if (status != GW_OK) return status;
    const char *text = gw__arena_text(notes->arena, notes->line.at, notes->line.n);
    if (!text) return gw__fail_nomem(err);
    notes->at[notes->n++] = text;
    notes->line.n = 0;
    return GW_OK;
}

static bool found_numeric(const gw__feature *f) { return f->automatic && f->type == GW__FEATURE_NUMERIC; }
static bool found_categorical(const gw__feature *f) { return f->automatic && f->type == GW__FEATURE_CATEGORICAL && !f->large; }
static bool found_codes(const gw__feature *f) { return f->automatic && f->large; }
static bool loses_digits(const gw__feature *f) { return f->rounds; }

/* Columns of one outcome, several to a line. */
static gw_status note_columns(note_list *notes, const gw__features *features, bool (*applies)(const gw__feature *f), const char *outcome, gw_error *err) {
    for (size_t i = 0; i < features->n;) {
        size_t taken[NAMES_A_NOTE], n = 0;
        for (; i < features->n && n < NAMES_A_NOTE; i++) {
            if (applies(&features->at[i])) taken[n++] = i;
        }
        if (!n) break;
        gw__text_puts(&notes->line, n > 1 ? "columns " : "column ");
        for (size_t k = 0; k < n; k++) gw__text_addf(&notes->line, "%s'%s'", k ? ", " : "", features->at[taken[k]].name);
        gw__text_addf(&notes->line, ": %s", outcome);
        gw_status status = end_note(notes, err);
        if (status != GW_OK) return status;
    }
    return GW_OK;
}

static gw_status note_split(note_list *notes, const gw__read_report *report, const gw__features *features, gw_error *err) {
    gw_status status = GW_OK;
    const gw__spec *spec = features->spec;
    if (spec->data.valid.kind == GW__SPLIT_NONE) return GW_OK;
    if (!report->valid_rows) {
        gw__text_puts(&notes->line, "data.valid picks no row: there is nothing to validate on");
        return end_note(notes, err);
    }
    for (size_t t = 0; t < spec->n_tasks; t++) {
        if (report->valid_tasks[t].labelled) continue;
        gw__text_addf(&notes->line, "task '%s': no label in the validation part", spec->tasks[t].name);
        GW__TRY(end_note(notes, err));
    }
    for (size_t i = 0; i < features->n && spec->data.valid.kind == GW__SPLIT_FROM; i++) {
        if (strcmp(features->at[i].name, spec->data.valid.column) != 0) continue;
        gw__text_addf(&notes->line, "column '%s' splits the rows and is a feature, too; hint: list it under features.ignore", features->at[i].name);
        GW__TRY(end_note(notes, err));
    }
cleanup:
    return status;
}

/* ---- tasks without positives ---- */

/* The values of a label column, as far as they are compared; NULL when out of memory. */
static const char **label_values(note_list *notes, const gw__lane *lane, size_t *ret_n) {
    size_t n = lane->lexicon.n - lane->n_missing;
    if (n > VALUES_COMPARED) n = VALUES_COMPARED;
    const char **values = gw__arena_alloc(notes->arena, n + 1, sizeof *values);
    for (size_t i = 0; values && i < n; i++) {
        gw__slice text = gw__slice_trim(gw__lexicon_at(&lane->lexicon, lane->n_missing + i));
        if (!(values[i] = gw__arena_text(notes->arena, text.at, text.n))) values = NULL;
    }
    *ret_n = n;
    return values;
}

static bool occurs(const gw__task *task, const gw__lane *lane) {
    for (size_t i = lane->n_missing; i < lane->lexicon.n; i++)
        if (gw__slice_equal(gw__slice_trim(gw__lexicon_at(&lane->lexicon, i)), task->positive)) return true;
    return false;
}

static gw_status note_never(note_list *notes, const gw__task *task, const gw__lane *lane, gw_error *err) {
    size_t n;
    const char **values = label_values(notes, lane, &n);
    if (!values) return gw__fail_nomem(err);
    const char *near = gw__nearest(task->positive, values, n);
    gw__text_addf(&notes->line, "task '%s': positive '%.*s' never occurs in column '%s'; hint: ", task->spec->name, GW__SLICE_ARG(task->positive),
                  task->spec->label);
    if (near) {
        gw__text_addf(&notes->line, "did you mean '%s'?", near);
    } else {
        gw__text_puts(&notes->line, "its values are ");
        for (size_t i = 0; i < n && i < VALUES_SHOWN; i++) gw__text_addf(&notes->line, "%s'%s'", i ? ", " : "", values[i]);
        if (n > VALUES_SHOWN) gw__text_puts(&notes->line, ", …");
    }
    return end_note(notes, err);
}

static gw_status note_positives(note_list *notes, const gw__read_report *report, const gw__features *features, const gw__staged *staged,
                                const gw__lanes *lanes, gw_error *err) {
    gw_status status = GW_OK;
    for (size_t t = 0; t < features->n_tasks; t++) {
        const gw__task *task = &features->tasks[t];
        const gw__task_count *count = &report->train_tasks[t];
        if (task->spec->type != GW_TASK_BINARY || count->positives) continue;
        const gw__lane *lane = staged && task->by_text ? &staged->lanes[lanes->label[t]] : NULL;
        if (lane && !occurs(task, lane)) {
            GW__TRY(note_never(notes, task, lane, err));
        } else {
            const char *hint = count->outside ? "; hint: all positives may be outside of 'given'" : "";
            gw__text_addf(&notes->line, "task '%s': no row of the training part is positive%s", task->spec->name, hint);
            GW__TRY(end_note(notes, err));
        }
    }
cleanup:
    return status;
}

gw_status gw__report_notes(gw__read_report *report, const gw__features *features, const gw__staged *staged, const gw__lanes *lanes, gw_error *err) {
    gw_status status = GW_OK;
    note_list notes = {.arena = &report->arena};
    if (staged) {
        GW__TRY(note_columns(&notes, features, found_numeric, "numeric (found by looking)", err));
        GW__TRY(note_columns(&notes, features, found_categorical, "categorical (found by looking)", err));
        GW__TRY(note_columns(&notes, features, found_codes,
                             "categorical (found by looking: integers beyond 2^24, which no float holds exactly)", err));
        GW__TRY(note_columns(&notes, features, loses_digits,
                             "integers beyond 2^24 lose digits as numeric; hint: categorical or hashed if these are codes", err));
    }
    GW__TRY(note_positives(&notes, report, features, staged, lanes, err));
    GW__TRY(note_split(&notes, report, features, err));
    if (notes.n) {
        const char **at = gw__arena_alloc(&report->arena, notes.n, sizeof *at);
        if (!at) GW__FAIL(gw__fail_nomem(err));
        memcpy(at, notes.at, notes.n * sizeof *at);
        report->notes = (gw__texts){at, notes.n};
    }
cleanup:
    free(notes.at);
    gw__text_clear(&notes.line);
    return status;
}
