/* Several architectures side by side: tables, the gain over the baseline task by task, and how final losses scatter over the runs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/report_seesaw.h"

#define ROWS_WIDTH 400
#define NAME_ROOM 128.0
#define NAME_CLIP 16
#define GAIN_ROW 26.0
#define RUNS_ROW 44.0
#define BINS 28

static bool has_gain(const gw__report_comparison *c, size_t task) {
    for (size_t i = 0; i < c->n_outcomes; i++)
        if (isfinite(c->outcomes[i].tasks[task].gain.mean)) return true;
    return false;
}

static size_t count_gains(const gw__report_comparison *c) {
    size_t n = 0;
    for (size_t t = 0; t < c->n_tasks; t++) n += has_gain(c, t);
    return n;
}

/* ---- rows of dots and intervals ---- */

static gw__chart begin_rows(const gw__report_comparison *c, gw__range x, const char *title, double row, double first, const char *label, gw__text *out) {
    const double height = first + row * (double)c->n_outcomes + 40;
    return gw__chart_begin(out, ROWS_WIDTH, height, (gw__axis){.range = x, .title = title, .grid = true},
                           (gw__axis){.range = {0, 1}, .bare = true, .room = NAME_ROOM}, label);
}

static void draw_name(const gw__chart *chart, const gw__report_comparison *c, size_t i, double y) {
    gw__svg_group(chart->out, NULL, c->outcomes[i].name);
    gw__svg_end_label(chart->out, "row", chart->left - 10, y + 4, c->outcomes[i].name, NAME_CLIP);
    gw__svg_group_end(chart->out);
}

static void draw_gain(const gw__chart *chart, const gw__report_comparison *c, size_t i, size_t task, double y) {
    const gw__report_interval gain = c->outcomes[i].tasks[task].gain;
    gw__text title = {0};
    if (i == c->baseline) {
        gw__svg_group(chart->out, gw__colour(i), "the baseline");
        gw__point_draw(chart->out, c, i, gw__chart_x(chart, 0), y, 4);
        gw__svg_group_end(chart->out);
    }
    if (!isfinite(gain.mean)) return;
    gw__text_addf(&title, "%s: ", c->outcomes[i].name);
    gw__interval_write(gain, &title);
    gw__svg_group(chart->out, gw__colour(i), title.at);
    if (isfinite(gain.low) && isfinite(gain.high)) gw__svg_line(chart->out, "error", gw__chart_x(chart, gain.low), y, gw__chart_x(chart, gain.high), y);
    gw__point_draw(chart->out, c, i, gw__chart_x(chart, gain.mean), y, 4.5);
    gw__svg_group_end(chart->out);
    gw__markup_done(&title, chart->out);
}

static void draw_gains(const gw__report_comparison *c, size_t task, gw__text *out) {
    gw__range range = {0, 0};
    gw__text label = {0};
    for (size_t i = 0; i < c->n_outcomes; i++) {
        const gw__report_interval gain = c->outcomes[i].tasks[task].gain;
        gw__range_add(&range, gain.mean);
        gw__range_add(&range, gain.low);
        gw__range_add(&range, gain.high);
    }
    gw__text_addf(&label, "%s: gain of each architecture", c->tasks[task]);
    gw__figure_begin(out, "fit", c->tasks[task], NULL);
    const gw__chart chart = begin_rows(c, gw__range_padded(range, 0.06), "gain", GAIN_ROW, 10, gw__markup_shown(&label), out);
    gw__svg_line(out, "zero", gw__chart_x(&chart, 0), chart.top, gw__chart_x(&chart, 0), chart.bottom);
    for (size_t i = 0; i < c->n_outcomes; i++) {
        const double y = chart.top + ((double)i + 0.5) * GAIN_ROW;
        draw_name(&chart, c, i, y);
        draw_gain(&chart, c, i, task, y);
    }
    gw__svg_end(out);
    gw__figure_end(out);
    gw__markup_done(&label, out);
}

/* ---- how losses scatter ---- */

/* A histogram that stands on `y`; the fullest bin of all rows is as high as a row allows. */
static void draw_runs(const gw__chart *chart, const gw__report_comparison *c, size_t i, const size_t *counts, size_t most, double y) {
    const double step = (chart->right - chart->left) / BINS;
    gw__svg_group(chart->out, gw__colour(i), NULL);
    for (size_t b = 0; b < BINS; b++) {
        if (counts[b] == 0) continue;
        const double height = (RUNS_ROW - 10) * (double)counts[b] / (double)most;
        gw__svg_rect(chart->out, "bar", chart->left + (double)b * step + 0.5, y - height, step - 1, height, 1);
    }
    gw__svg_line(chart->out, "base", chart->left, y, chart->right, y);
    gw__svg_group_end(chart->out);
}

static void draw_mean(const gw__chart *chart, const gw__report_cell *cell, const char *name, size_t n_runs, double y) {
    double sum = 0;
    size_t n = 0;
    gw__text title = {0};
    for (size_t r = 0; r < n_runs; r++)
        if (isfinite(cell->losses[r])) sum += cell->losses[r], n++;
    if (n == 0) return;
    gw__text_addf(&title, "%s: mean of %zu run%s ", name, n, n == 1 ? "" : "s");
    gw__markup_value(&title, sum / (double)n);
    const double x = gw__chart_x(chart, sum / (double)n);
    gw__svg_group(chart->out, NULL, title.at);
    gw__svg_line(chart->out, "mean", x, y - RUNS_ROW + 10, x, y + 3);
    gw__svg_group_end(chart->out);
    gw__markup_done(&title, chart->out);
}

/* "12.4 to 30.1, far above the others" in place of the bars. */
static void tell_above(const gw__chart *chart, gw__range losses, double y) {
    gw__text label = {0};
    gw__markup_value(&label, losses.low);
    if (losses.high > losses.low) gw__text_puts(&label, " to ");
    if (losses.high > losses.low) gw__markup_value(&label, losses.high);
    gw__text_puts(&label, ", far above the others");
    gw__svg_label(chart->out, "row", chart->right - 4, y - 8, GW__ANCHOR_END, gw__markup_shown(&label));
    gw__markup_done(&label, chart->out);
}

static void draw_losses(const gw__report_comparison *c, size_t task, gw__text *out) {
    gw__range range = GW__RANGE_EMPTY, *losses = calloc(c->n_outcomes + 1, sizeof *losses);
    size_t most = 1, *counts = calloc(c->n_outcomes + 1, BINS * sizeof *counts);
    gw__text label = {0};
    if (!counts || !losses) {
        out->failed = true;
        goto cleanup;
    }
    for (size_t i = 0; i < c->n_outcomes; i++) {
        losses[i] = GW__RANGE_EMPTY;
        gw__range_add_all(&losses[i], c->outcomes[i].tasks[task].losses, c->outcomes[i].n_runs);
    }
    const double limit = gw__scale_limit(losses, c->n_outcomes);
    for (size_t i = 0; i < c->n_outcomes; i++)
        if (!(gw__range_is_above(losses[i], limit))) gw__range_add_all(&range, c->outcomes[i].tasks[task].losses, c->outcomes[i].n_runs);
    if (gw__range_is_empty(range)) goto cleanup;
    range = gw__range_padded(range, 0.03);
    for (size_t i = 0; i < c->n_outcomes; i++) {
        const gw__report_cell *cell = &c->outcomes[i].tasks[task];
        if (cell->losses) gw__bins_count(cell->losses, c->outcomes[i].n_runs, range, BINS, counts + i * BINS);
        for (size_t b = 0; b < BINS; b++)
            if (counts[i * BINS + b] > most) most = counts[i * BINS + b];
    }
    gw__text_addf(&label, "%s: distribution of final losses over runs, by architecture", c->tasks[task]);
    gw__figure_begin(out, "fit", c->tasks[task], NULL);
    const gw__chart chart = begin_rows(c, range, "final loss", RUNS_ROW, 10, gw__markup_shown(&label), out);
    for (size_t i = 0; i < c->n_outcomes; i++) {
        const double y = chart.top + ((double)i + 1) * RUNS_ROW - 4;
        draw_name(&chart, c, i, y - 8);
        draw_runs(&chart, c, i, counts + i * BINS, most, y);
        if (gw__range_is_above(losses[i], limit)) tell_above(&chart, losses[i], y);
        else if (c->outcomes[i].tasks[task].losses) draw_mean(&chart, &c->outcomes[i].tasks[task], c->outcomes[i].name, c->outcomes[i].n_runs, y);
    }
    gw__svg_end(out);
    gw__figure_end(out);
cleanup:
    free(losses);
    free(counts);
    gw__markup_done(&label, out);
}

/* ---- the section ---- */

static bool has_losses(const gw__report_comparison *c) {
    for (size_t i = 0; i < c->n_outcomes; i++)
        for (size_t t = 0; t < c->n_tasks; t++)
            for (size_t r = 0; c->outcomes[i].tasks[t].losses && r < c->outcomes[i].n_runs; r++)
                if (isfinite(c->outcomes[i].tasks[t].losses[r])) return true;
    return false;
}

/* " There is none on a, b, which ..." */
static void tell_missing_gains(const gw__report_comparison *c, gw__text *out) {
    size_t n = 0;
    for (size_t t = 0; t < c->n_tasks; t++)
        if (!has_gain(c, t)) gw__text_addf(out, "%s%s", n++ == 0 ? " There is none on " : ", ", c->tasks[t]);
    if (n > 0) gw__text_puts(out, ": these rows have no label of it, or too few runs are done.");
}

static bool has_intervals(const gw__report_comparison *c) {
    for (size_t i = 0; i < c->n_outcomes; i++)
        for (size_t t = 0; t < c->n_tasks; t++)
            if (isfinite(c->outcomes[i].tasks[t].gain.low)) return true;
    return false;
}

static void put_gains(const gw__report_comparison *c, gw__text *out) {
    const bool both = c->n_tasks == 2 && gw__seesaw_has(c);
    gw__text note = {0};
    gw__text_addf(&note, "Gain over %s: %s.", c->baseline < c->n_outcomes ? c->outcomes[c->baseline].name : "the baseline",
                  c->gain ? c->gain : "above 0 is better");
    if (c->reach && has_intervals(c)) gw__text_addf(&note, " %s", c->reach);
    tell_missing_gains(c, &note);
    gw__markup_element(out, "h3", NULL, "Gain by task");
    gw__markup_element(out, "p", "lead", gw__markup_shown(&note));
    gw__grid_begin(out, both ? "seesaw" : "rows");
    if (both) gw__seesaw_draw(c, out);
    for (size_t t = 0; t < c->n_tasks; t++)
        if (has_gain(c, t)) draw_gains(c, t, out);
    gw__grid_end(out);
    gw__markup_done(&note, out);
}

void gw__part_comparison(const gw__report *report, gw__text *out) {
    const gw__report_comparison *c = report->comparison;
    if (!c || c->n_outcomes == 0 || c->n_tasks == 0) return;
    gw__text lead = {0};
    gw__text_addf(&lead, "Runs of each architecture%s%s%s.", c->part ? ", measured on the " : "", c->part ? c->part : "", c->part ? " rows" : "");
    if (c->caution) gw__text_addf(&lead, " %s", c->caution);
    if (c->pages) gw__text_addf(&lead, " The name of an architecture leads to %s.", c->pages);
    gw__section_begin(out, "comparison", "Comparison", lead.at);
    gw__results_draw(c, out);
    if (count_gains(c) > 0) put_gains(c, out);
    gw__progress_draw(c, out);
    if (has_losses(c)) {
        gw__markup_element(out, "h3", NULL, "Final losses over the runs");
        gw__markup_element(out, "p", "lead", "A bar is as high as the number of runs that ended there; the upright line is their mean.");
        gw__grid_begin(out, c->n_tasks == 2 ? NULL : "rows");
        for (size_t t = 0; t < c->n_tasks; t++) draw_losses(c, t, out);
        gw__grid_end(out);
    }
    gw__section_end(out);
    gw__markup_done(&lead, out);
}
