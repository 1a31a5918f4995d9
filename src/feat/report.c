/* What was read, in words. */
#include <stdlib.h>

#include "feat/load.h"

#define NAMES_A_NOTE 8

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

/* Automatic columns of one outcome, several to a line. */
static gw_status note_types(note_list *notes, const gw__features *features, gw__feature_type type, bool large, const char *outcome, gw_error *err) {
    for (size_t i = 0; i < features->n;) {
        size_t taken[NAMES_A_NOTE], n = 0;
        for (; i < features->n && n < NAMES_A_NOTE; i++) {
            const gw__feature *feature = &features->at[i];
            if (feature->automatic && feature->type == type && feature->large == large) taken[n++] = i;
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

gw_status gw__report_notes(gw__read_report *report, const gw__features *features, bool fitted, gw_error *err) {
    gw_status status = GW_OK;
    note_list notes = {.arena = &report->arena};
    if (!fitted) {
        GW__TRY(note_types(&notes, features, GW__FEATURE_NUMERIC, false, "numeric (found by looking)", err));
        GW__TRY(note_types(&notes, features, GW__FEATURE_CATEGORICAL, false, "categorical (found by looking)", err));
        GW__TRY(note_types(&notes, features, GW__FEATURE_CATEGORICAL, true,
                           "categorical (found by looking: integers beyond 2^24, which no float holds exactly)", err));
    }
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
