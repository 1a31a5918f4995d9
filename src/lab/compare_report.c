/* A comparison as a page to look at: what the report shows of it, from the results. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab/compare.h"
#include "lab/markup.h"
#include "lab/report.h"

/* ---- one architecture on one task ------------------------------------------------------------------------------------------------ */

static gw__report_interval interval(double mean, double low, double high) { return (gw__report_interval){mean, low, high}; }

static size_t loss_of(const gw__comparison *c, size_t task) {
    size_t s = 0;
    while (c->scores[s].task_at != task || strcmp(c->scores[s].metric, "loss") != 0) s++; /* every task has one */
    return s;
}

/* [n_runs] NaN of runs that are not done. */
static const double *values_of(gw__comparison *c, const gw__contender *contender, size_t score) {
    double *values = gw__arena_alloc(&c->arena, c->n_runs, sizeof *values);
    for (size_t i = 0; values && i < c->n_runs; i++) values[i] = contender->runs[i].scores ? contender->runs[i].scores[score] : NAN;
    return values;
}

static bool fill_cell(gw__comparison *c, const gw__contender *contender, size_t task, gw__report_cell *ret) {
    const gw__summary *s = &contender->summaries[c->mains[task]];
    *ret = (gw__report_cell){.losses = values_of(c, contender, loss_of(c, task)), .values = values_of(c, contender, c->mains[task]),
                             .value = interval(s->mean, s->low, s->high), .deviation = s->deviation, .best = s->best,
                             .gain = interval(s->gain, s->gain_low, s->gain_high)};
    return ret->losses && ret->values;
}

/* ---- one architecture ------------------------------------------------------------------------------------------------------------ */

/* What was changed besides the architecture, and what is to be known of its runs. */
static const char *note_on(gw__comparison *c, const gw__contender *contender) {
    gw__text note = {0}, bad = {0};
    for (size_t i = contender->n_made; i < contender->overrides.n; i++) gw__text_addf(&note, "%s%s", note.n ? "; " : "", contender->overrides.at[i]);
    if (c->match) gw__text_addf(&note, "%s%+.1f %% parameters", note.n ? "; " : "", 100 * gw__contender_gap(c, contender));
    gw__contender_put_bad(c, contender, &bad);
    if (bad.n) gw__text_addf(&note, "%s%s", note.n ? "; " : "", bad.at);
    note.failed |= bad.failed;
    gw__text_clear(&bad);
    const char *kept = note.n && !note.failed ? gw__arena_text(&c->arena, note.at, note.n) : NULL;
    gw__text_clear(&note);
    return kept;
}

static gw_status fill_outcome(gw__comparison *c, const gw__contender *contender, gw__report_outcome *ret, gw_error *err) {
    const bool began = contender->multiply_adds > 0; /* only then is it known how large it is */
    const gw__compared_run *failed = gw__contender_failed(c, contender);
    gw__report_cell *cells = gw__arena_alloc(&c->arena, c->spec->n_tasks, sizeof *cells);
    gw__report_curve *curves = gw__arena_alloc(&c->arena, c->spec->n_tasks, sizeof *curves);
    gw_status status = cells && curves ? gw__compare_curves(c, contender, curves, err) : gw__fail_nomem(err);
    for (size_t t = 0; t < c->spec->n_tasks && status == GW_OK; t++) {
        if (!fill_cell(c, contender, t, &cells[t])) status = gw__fail_nomem(err);
        cells[t].curve = curves[t];
    }
    if (status != GW_OK) return status;
    const gw__summary *all = &contender->overall;
    *ret = (gw__report_outcome){.name = contender->label, .n_runs = c->n_runs, .n_failed = contender->n_failed,
                                .n_canceled = contender->n_canceled, .problem = failed ? failed->problem : NULL,
                                .parameters = began ? (int64_t)(contender->dense_parameters + contender->table_parameters) : -1,
                                .multiply_adds = began ? (int64_t)contender->multiply_adds : -1, .tasks = cells,
                                .gain = all->n ? interval(all->gain, all->gain_low, all->gain_high) : interval(NAN, NAN, NAN), .note = note_on(c, contender),
                                .page = contender->page.page.n > 0 ? contender->page_name : NULL};
    return GW_OK;
}

/* ---- the page -------------------------------------------------------------------------------------------------------------------- */

/* A text in the arena; NULL when out of memory. */
static const char *text_of(gw__comparison *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *text_of(gw__comparison *c, const char *format, ...) {
    char text[128];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    return gw__arena_text(&c->arena, text, strlen(text));
}

/* "1,822" */
static const char *count_of(gw__comparison *c, int64_t count) {
    gw__text text = {0};
    gw__markup_count(&text, count);
    const char *kept = text.at && !text.failed ? gw__arena_text(&c->arena, text.at, text.n) : NULL;
    gw__text_clear(&text);
    return kept;
}

static bool has_pages(const gw__comparison *c) {
    for (size_t i = 0; i < c->n_contenders; i++)
        if (c->contenders[i].page.page.n > 0) return true;
    return false;
}

/* Early stopping takes the epoch that is best on the validation part. */
static const char *caution_of(const gw__comparison *c, bool validated) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_contenders; i++) n += c->contenders[i].spec->train.early_stop.on;
    if (!validated || n == 0) return NULL;
    if (n == c->n_contenders) return "Early stopping chose the epochs by these rows, so that all figures are a little too good; figures of data.test would not be.";
    return "Early stopping chose epochs of some architectures by these rows, so that their figures are a little too good; figures of data.test would not be.";
}

static gw_status fill_comparison(gw__comparison *c, gw__report_comparison *ret, gw_error *err) {
    const size_t n_tasks = c->spec->n_tasks;
    const bool validated = strcmp(c->part, "valid") == 0;
    const char **tasks = gw__arena_alloc(&c->arena, n_tasks, sizeof *tasks), **metrics = gw__arena_alloc(&c->arena, n_tasks, sizeof *metrics);
    int *better = gw__arena_alloc(&c->arena, n_tasks, sizeof *better);
    gw__report_outcome *outcomes = gw__arena_alloc(&c->arena, c->n_contenders, sizeof *outcomes);
    bool whole = tasks && metrics && better && outcomes;
    for (size_t t = 0; t < n_tasks && whole; t++) {
        tasks[t] = c->spec->tasks[t].name;
        metrics[t] = c->scores[c->mains[t]].metric;
        better[t] = c->scores[c->mains[t]].better;
    }
    gw_status status = whole ? GW_OK : gw__fail_nomem(err);
    for (size_t i = 0; i < c->n_contenders && status == GW_OK; i++) status = fill_outcome(c, &c->contenders[i], &outcomes[i], err);
    if (status != GW_OK) return status;
    *ret = (gw__report_comparison){.tasks = tasks, .metrics = metrics, .better = better, .n_tasks = n_tasks, .outcomes = outcomes, .n_outcomes = c->n_contenders,
                                   .baseline = c->baseline == GW__NO_BASELINE ? GW__REPORT_NONE : c->baseline, .gain = "difference of the means; above 0 is better",
                                   .part = validated ? "validation" : c->part, .confidence = 0.95,
                                   .caution = caution_of(c, validated),
                                   .reach = "Intervals are over seeds alone: all runs have the same rows, and what other rows would change is not in them.",
                                   .n_epochs = gw__compared_length(c), .curve = c->spec->data.valid.kind != GW__SPLIT_NONE ? "validation loss" : "training loss"};
    if (has_pages(c)) ret->pages = text_of(c, "a page of its run with seed %llu", (unsigned long long)c->first_seed);
    return has_pages(c) && !ret->pages ? gw__fail_nomem(err) : GW_OK;
}

/* Architectures by kinds of warnings: in how many runs. */
static gw_status fill_warnings(gw__comparison *c, gw__report_table *ret, gw_error *err) {
    const size_t n = c->n_kinds + 1;
    const char **columns = gw__arena_alloc(&c->arena, n, sizeof *columns), **cells = gw__arena_alloc(&c->arena, n * c->n_contenders, sizeof *cells);
    if (!columns || !cells) return gw__fail_nomem(err);
    columns[0] = "architecture";
    memcpy(columns + 1, c->kinds, c->n_kinds * sizeof *columns);
    for (size_t i = 0; i < c->n_contenders; i++) {
        cells[i * n] = c->contenders[i].label;
        for (size_t k = 0; k < c->n_kinds; k++) {
            cells[i * n + k + 1] = text_of(c, "%zu", c->contenders[i].n_warned[k]);
            if (!cells[i * n + k + 1]) return gw__fail_nomem(err);
        }
    }
    *ret = (gw__report_table){.title = "Runs with warnings", .columns = columns, .n_columns = n, .cells = cells, .n_rows = c->n_contenders,
                              .note = "In how many runs of each architecture a kind of warning came up. Above, each kind in words: of the first run that has it."};
    return GW_OK;
}

/* What was set for all, a line each. */
static const char *shared_sets(gw__comparison *c) {
    gw__text text = {0};
    for (size_t i = 0; i < c->n_shared_sets; i++) gw__text_addf(&text, "%s%s", i ? "\n" : "", c->base.overrides[i]);
    const char *kept = text.n && !text.failed ? gw__arena_text(&c->arena, text.at, text.n) : NULL;
    gw__text_clear(&text);
    return kept;
}

/* "census-income" of "specs/census-income.yaml". */
static const char *title_of(gw__comparison *c) {
    const char *path = c->base.spec_path;
    if (!path) return "comparison";
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return gw__arena_text(&c->arena, name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

static gw_status put_spec(const gw__comparison *c, gw__text *out, gw_error *err) {
    gw__text json = {0};
    gw_status status = gw__spec_write_json(c->spec, &json, err);
    if (status == GW_OK) gw__markup_json(out, json.at);
    gw__text_clear(&json);
    return status == GW_OK && out->failed ? gw__fail_nomem(err) : status;
}

gw_status gw__compare_report(gw__comparison *c, gw__text *out, gw_error *err) {
    gw__report_comparison comparison;
    gw__report_table warnings;
    const char *const *texts = NULL;
    size_t n_texts = 0;
    gw__text spec = {0};
    gw_status status = GW_OK;
    const bool validated = strcmp(c->part, "valid") == 0;
    const unsigned long long first = c->first_seed, last = c->first_seed + (c->n_runs - 1);
    GW__TRY(fill_comparison(c, &comparison, err));
    GW__TRY(fill_warnings(c, &warnings, err));
    GW__TRY(gw__compare_tell_warnings(c, &texts, &n_texts, err));
    GW__TRY(put_spec(c, &spec, err));
    const gw__report_fact facts[] = {
        {"rows to train", count_of(c, c->train_rows)},
        {validated ? "rows to validate" : "rows to test", count_of(c, c->rows)},
        {"runs of each", count_of(c, (int64_t)c->n_runs)},
        {c->n_runs == 1 ? "seed" : "seeds", c->n_runs == 1 ? text_of(c, "%llu", first) : text_of(c, "%llu to %llu", first, last)},
        {"set for all", shared_sets(c)},
    };
    const gw__report_health health = {.warnings = texts, .n_warnings = n_texts, .tables = &warnings, .n_tables = c->n_kinds > 0, .checked = c->base.health != GW_HEALTH_OFF};
    const gw__report report = {.title = title_of(c), .subtitle = text_of(c, "%zu architecture%s compared", c->n_contenders, c->n_contenders == 1 ? "" : "s"), .facts = facts,
                               .n_facts = GW__COUNT(facts) - (c->n_shared_sets == 0), .spec = spec.at, .comparison = &comparison, .health = &health};
    for (size_t i = 0; i < report.n_facts; i++)
        if (!facts[i].value) GW__FAIL(gw__fail_nomem(err));
    status = report.title && report.subtitle ? gw__report_format(&report, out, err) : gw__fail_nomem(err);
cleanup:
    gw__text_clear(&spec);
    return status;
}
