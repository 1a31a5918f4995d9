/* A comparison in numbers: a table of the architectures and, for each task, one of what their runs come to. */
#include <math.h>
#include <stdio.h>

#include "base/decimals.h"
#include "lab/report_parts.h"

#define CLIP 32
#define LARGE 1e9      /* from here on a number is shown by its first digits and its size */
#define LONG_ENDS 16   /* columns of an interval: longer ones stand beside the gain only where there is more room */

/* ---- how many decimals ---- */

static int decimals_of(const gw__report_comparison *c, size_t task) {
    gw__decimals decimals = {0};
    for (size_t i = 0; i < c->n_outcomes; i++) {
        const gw__report_cell *cell = &c->outcomes[i].tasks[task];
        gw__decimals_add(&decimals, cell->value.mean, cell->deviation, cell->gain.mean);
    }
    return gw__decimals_of(&decimals);
}

/* What does not exist is a dash, and what is not 0 is not shown as 0, but with one digit; what is very large or very small is 1.23e12. */
static void put_number(double value, int decimals, bool is_signed, gw__text *out) {
    if (is_signed && value > 0) gw__text_putc(out, '+');
    if (fabs(value) >= LARGE || (value != 0 && fabs(value) < 0.5 * pow(10, -GW__MOST_DECIMALS))) gw__markup_value(out, value);
    else gw__markup_fixed(out, value, gw__decimals_for(value, decimals));
}

/* "+0.0100 to +0.0146" */
static void put_ends(gw__report_interval interval, int decimals, bool is_signed, gw__text *out) {
    put_number(interval.low, decimals, is_signed, out);
    gw__text_puts(out, " to ");
    put_number(interval.high, decimals, is_signed, out);
}

static bool has_ends(gw__report_interval interval) { return isfinite(interval.low) && isfinite(interval.high); }

/* ---- cells ---- */

static void put_number_cell(double value, int decimals, bool is_signed, gw__text *out) {
    gw__text_puts(out, "<td class=\"n\">");
    put_number(value, decimals, is_signed, out);
    gw__text_puts(out, "</td>");
}

/* A gain and its interval, which stands beside it, or below it where there is no room. */
static void put_gain_cell(gw__report_interval gain, int decimals, bool is_baseline, gw__text *out) {
    if (is_baseline) {
        gw__text_puts(out, "<td class=\"n type\">baseline</td>");
        return;
    }
    gw__text_puts(out, "<td class=\"n gain\">");
    put_number(gain.mean, decimals, true, out);
    gw__text_puts(out, " <span class=\"ends\">");
    if (has_ends(gain)) put_ends(gain, decimals, true, out);
    else if (isfinite(gain.mean)) gw__text_puts(out, "\xE2\x80\x93");
    gw__text_puts(out, "</span></td>");
}

/* "gain, 95 % interval" */
static void put_gain_head(const gw__report_comparison *c, const char *name, gw__text *out) {
    gw__text_addf(out, "<th scope=\"col\" class=\"n gain\">%s, <span class=\"whole\">", name);
    if (c->confidence > 0) gw__markup_fixed(out, 100 * c->confidence, 0);
    gw__text_puts(out, c->confidence > 0 ? " % interval</span></th>" : "interval</span></th>");
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* Columns of an interval as it is shown. */
static size_t ends_columns(gw__report_interval gain, int decimals, gw__text *out) {
    gw__text shown = {0};
    if (has_ends(gain)) put_ends(gain, decimals, true, &shown);
    const size_t n = gw__markup_columns(gw__markup_shown(&shown));
    gw__markup_done(&shown, out);
    return n;
}

/* The row's name; a link if `linked` and there is a page. */
static void put_name(const gw__report_comparison *c, size_t i, bool linked, gw__text *out) {
    const gw__report_outcome *outcome = &c->outcomes[i];
    gw__text_puts(out, "<tr><th scope=\"row\" title=\"");
    gw__markup_text(out, outcome->name);
    gw__text_addf(out, "\"><span class=\"mark %s %s\"></span>", gw__again(i) ? "edged" : "round", gw__colour(i));
    if (linked && outcome->page) {
        gw__text_puts(out, "<a href=\"");
        gw__markup_text(out, outcome->page);
        gw__text_puts(out, "\">");
    }
    gw__markup_clip(out, outcome->name, CLIP);
    if (linked && outcome->page) gw__text_puts(out, "</a>");
}

/* `ends`: columns of the longest interval, which all take, so that gains stand one below the other; 0: there is none. */
static void begin_table(bool is_about, const char *title, const char *note, size_t ends, gw__text *out) {
    const bool is_long = ends > LONG_ENDS;
    gw__figure_begin(out, is_about ? (is_long ? "about long" : "about") : is_long ? "long" : NULL, title, note);
    gw__scroll_begin(out, title);
    gw__text_puts(out, "<table class=\"results\"");
    if (ends > 0) gw__text_addf(out, " style=\"--ends:%zuch\"", ends);
    gw__text_puts(out, ">\n<thead><tr><th scope=\"col\">architecture</th>");
}

static void end_table(gw__text *out) {
    gw__text_puts(out, "</tbody></table>\n");
    gw__scroll_end(out);
    gw__figure_end(out);
}

/* ---- the architectures ---- */

/* What the table of architectures has besides their runs. */
typedef struct columns {
    bool gains, sizes;
    int decimals;
} columns;

static columns columns_of(const gw__report_comparison *c) {
    columns with = {0};
    for (size_t i = 0; i < c->n_outcomes; i++) {
        with.gains |= isfinite(c->outcomes[i].gain.mean); /* where tasks are measured by different metrics there is none */
        with.sizes |= c->outcomes[i].parameters >= 0;
    }
    for (size_t t = 0; t < c->n_tasks; t++) {
        const int decimals = decimals_of(c, t);
        if (decimals > with.decimals) with.decimals = decimals;
    }
    return with;
}

static void put_count_cell(int64_t count, gw__text *out) {
    gw__text_puts(out, "<td class=\"n\">");
    if (count >= 0) gw__markup_count(out, count);
    else gw__text_puts(out, "\xE2\x80\x93");
    gw__text_puts(out, "</td>");
}

/* A line below the name. */
static void put_line(const char *line, gw__text *out) {
    gw__text_putc(out, ' ');
    gw__markup_element(out, "span", "type", line);
}

/* What became of the runs that are not done. */
static void put_undone(const gw__report_outcome *outcome, gw__text *out) {
    gw__text note = {0};
    if (outcome->n_failed > 0) {
        gw__text_addf(&note, "%zu failed (", outcome->n_failed);
        gw__markup_fixed(&note, 100 * (double)outcome->n_failed / (double)outcome->n_runs, 0);
        gw__text_addf(&note, " %%)%s%s", outcome->problem ? ": " : "", outcome->problem ? outcome->problem : "");
    }
    if (outcome->n_canceled > 0) gw__text_addf(&note, "%s%zu canceled", note.n ? "; " : "", outcome->n_canceled);
    if (note.n) put_line(gw__markup_shown(&note), out);
    gw__markup_done(&note, out);
}

/* "5", or "3 of 5" */
static void put_runs(const gw__report_outcome *outcome, gw__text *out) {
    const size_t n_done = outcome->n_runs - outcome->n_failed - outcome->n_canceled;
    gw__text_addf(out, "<td class=\"n\">%zu", n_done);
    if (n_done < outcome->n_runs) gw__text_addf(out, " of %zu", outcome->n_runs);
    gw__text_puts(out, "</td>");
}

static void put_architecture(const gw__report_comparison *c, size_t i, columns with, gw__text *out) {
    const gw__report_outcome *outcome = &c->outcomes[i];
    put_name(c, i, true, out);
    if (i == c->baseline && !with.gains) put_line("baseline", out); /* else it stands in place of its gain */
    if (outcome->note) put_line(outcome->note, out);
    put_undone(outcome, out);
    gw__text_puts(out, "</th>");
    if (with.gains) put_gain_cell(outcome->gain, with.decimals, i == c->baseline, out);
    if (with.sizes) {
        put_count_cell(outcome->parameters, out);
        put_count_cell(outcome->multiply_adds, out);
    }
    put_runs(outcome, out);
    gw__text_puts(out, "</tr>\n");
}

static void put_architectures(const gw__report_comparison *c, gw__text *out) {
    const columns with = columns_of(c);
    size_t ends = 0;
    for (size_t i = 0; with.gains && i < c->n_outcomes; i++) ends = larger(ends, ends_columns(c->outcomes[i].gain, with.decimals, out));
    begin_table(true, "Architectures", NULL, ends, out);
    if (with.gains) put_gain_head(c, "mean gain", out);
    if (with.sizes) gw__text_puts(out, "<th scope=\"col\" class=\"n\">parameters</th><th scope=\"col\" class=\"n\">multiply-adds</th>");
    gw__text_puts(out, "<th scope=\"col\" class=\"n\">runs done</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < c->n_outcomes; i++) put_architecture(c, i, with, out);
    end_table(out);
}

/* ---- a task ---- */

/* The outcome whose mean is best, of several that have a spread; GW__REPORT_NONE: there is none. */
static size_t best_of(const gw__report_comparison *c, size_t task) {
    size_t best = GW__REPORT_NONE, n = 0;
    for (size_t i = 0; i < c->n_outcomes; i++) {
        const gw__report_cell *cell = &c->outcomes[i].tasks[task];
        if (!isfinite(cell->value.mean) || !isfinite(cell->deviation)) continue;
        const double than = best == GW__REPORT_NONE ? NAN : c->outcomes[best].tasks[task].value.mean;
        if (!isfinite(than) || (c->better[task] >= 0 ? cell->value.mean > than : cell->value.mean < than)) best = i;
        n++;
    }
    return n > 1 ? best : GW__REPORT_NONE;
}

static bool has_gains(const gw__report_comparison *c, size_t task) {
    for (size_t i = 0; i < c->n_outcomes; i++)
        if (isfinite(c->outcomes[i].tasks[task].gain.mean)) return true;
    return false;
}

static void put_mean_cell(const gw__report_comparison *c, const gw__report_interval *mean, int decimals, bool is_best, gw__text *out) {
    gw__text_puts(out, is_best ? "<td class=\"n best\"" : "<td class=\"n\"");
    if (has_ends(*mean) && c->confidence > 0) {
        gw__text_puts(out, " title=\"");
        gw__markup_fixed(out, 100 * c->confidence, 0);
        gw__text_puts(out, " % interval of the mean: ");
        put_ends(*mean, decimals, false, out);
        gw__text_putc(out, '"');
    }
    gw__text_putc(out, '>');
    put_number(mean->mean, decimals, false, out);
    gw__text_puts(out, "</td>");
}

static bool has_means(const gw__report_comparison *c, size_t task) {
    for (size_t i = 0; i < c->n_outcomes; i++)
        if (isfinite(c->outcomes[i].tasks[task].value.mean)) return true;
    return false;
}

static void put_task(const gw__report_comparison *c, size_t task, gw__text *out) {
    if (!has_means(c, task)) {
        gw__figure_begin(out, NULL, c->tasks[task], "No run has a value: these rows have no label of it from which one could be measured.");
        gw__figure_end(out);
        return;
    }
    const bool gains = has_gains(c, task);
    const int decimals = decimals_of(c, task);
    const size_t best = best_of(c, task);
    size_t ends = 0;
    gw__text note = {0};
    gw__text_addf(&note, "%s, %s is better", c->metrics[task], c->better[task] >= 0 ? "higher" : "lower");
    for (size_t i = 0; gains && i < c->n_outcomes; i++) ends = larger(ends, ends_columns(c->outcomes[i].tasks[task].gain, decimals, out));
    begin_table(false, c->tasks[task], gw__markup_shown(&note), ends, out);
    gw__text_puts(out, "<th scope=\"col\" class=\"n\">mean</th><th scope=\"col\" class=\"n\">sd</th><th scope=\"col\" class=\"n\">best</th>");
    if (gains) put_gain_head(c, "gain", out);
    gw__text_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < c->n_outcomes; i++) {
        const gw__report_cell *cell = &c->outcomes[i].tasks[task];
        put_name(c, i, false, out);
        gw__text_puts(out, "</th>");
        put_mean_cell(c, &cell->value, decimals, best == i, out);
        put_number_cell(cell->deviation, decimals, false, out);
        put_number_cell(cell->best, decimals, false, out);
        if (gains) put_gain_cell(cell->gain, decimals, i == c->baseline, out);
        gw__text_puts(out, "</tr>\n");
    }
    end_table(out);
    gw__markup_done(&note, out);
}

/* ---- the whole ---- */

static void put_interrupted(const gw__report_comparison *c, gw__text *out) {
    size_t n_canceled = 0, n = 0;
    gw__text note = {0};
    for (size_t i = 0; i < c->n_outcomes; i++) n_canceled += c->outcomes[i].n_canceled, n += c->outcomes[i].n_runs;
    if (n_canceled == 0) return;
    gw__text_addf(&note, "The comparison was interrupted: %zu of its %zu runs were canceled. What follows is of those that were done.", n_canceled, n);
    gw__text_puts(out, "<ul class=\"warnings\">");
    gw__markup_element(out, "li", NULL, gw__markup_shown(&note));
    gw__text_puts(out, "</ul>\n");
    gw__markup_done(&note, out);
}

static bool has_best(const gw__report_comparison *c) {
    for (size_t t = 0; t < c->n_tasks; t++)
        if (best_of(c, t) != GW__REPORT_NONE) return true;
    return false;
}

void gw__results_draw(const gw__report_comparison *c, gw__text *out) {
    put_interrupted(c, out);
    gw__grid_begin(out, "outcomes");
    put_architectures(c, out);
    gw__grid_end(out);
    gw__markup_element(out, "h3", NULL, "Results by task");
    gw__text_puts(out, "<p class=\"lead\">The mean over an architecture's runs that are done, their standard deviation (sd) and the best of them");
    if (has_best(c)) gw__text_puts(out, "; a task's best mean is bold");
    gw__text_puts(out, ".</p>\n");
    gw__grid_begin(out, "outcomes");
    for (size_t t = 0; t < c->n_tasks; t++) put_task(c, t, out);
    gw__grid_end(out);
}
