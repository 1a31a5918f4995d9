/* How several architectures learn: for each task a chart with the mean of each one's runs, epoch by epoch. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lab/report_parts.h"

#define WIDTH 400
#define HEIGHT 250
#define MOST_ROWS 40  /* of the table: of longer runs every so many epochs */

/* ---- one line ---- */

static bool has_point(const gw__report_curve *curve, size_t epoch) { return isfinite(curve->means[epoch]); }

/* How many epochs there are up to the last one that all runs have: at least one, of a curve with a point. */
static size_t whole_epochs(const gw__report_curve *curve, size_t n_epochs) {
    size_t n = 0, most = 0;
    for (size_t e = 0; e < n_epochs; e++)
        if (curve->runs[e] > most) most = curve->runs[e];
    for (size_t e = 0; e < n_epochs; e++)
        if (curve->runs[e] == most) n = e + 1;
    return n;
}

/* The last epoch with a point; N: there is none. */
static size_t last_epoch(const gw__report_curve *curve, size_t n_epochs) {
    for (size_t e = n_epochs; e > 0; e--)
        if (has_point(curve, e - 1)) return e - 1;
    return n_epochs;
}

static void draw_path(const gw__chart *chart, const gw__report_curve *curve, size_t from, size_t to, const char *classes) {
    gw__path path = gw__svg_path(chart->out, classes);
    for (size_t e = from; e < to; e++) gw__path_to(&path, gw__chart_x(chart, (double)e + 1), has_point(curve, e) ? gw__chart_y(chart, curve->means[e]) : NAN);
    gw__path_end(&path, NULL);
}

static bool has_band(const gw__report_curve *curve, size_t epoch) { return isfinite(curve->lows[epoch]) && isfinite(curve->highs[epoch]); }

/* As far as there are several runs: there and back again. */
static void draw_band(const gw__chart *chart, const gw__report_curve *curve, size_t start, size_t n_epochs) {
    size_t from = start, to;
    while (from < n_epochs && !has_band(curve, from)) from++;
    for (to = from; to < n_epochs && has_band(curve, to);) to++;
    if (to - from < 2) return;
    gw__path path = gw__svg_path(chart->out, "area");
    for (size_t e = from; e < to; e++) gw__path_to(&path, gw__chart_x(chart, (double)e + 1), gw__chart_y(chart, curve->highs[e]));
    for (size_t e = to; e > from; e--) gw__path_to(&path, gw__chart_x(chart, (double)e), gw__chart_y(chart, curve->lows[e - 1]));
    gw__path_end(&path, NULL);
}

/* "mmoe: 0.3100 after epoch 1, 0.2500 after epoch 10; mean of 5 runs" */
static void describe(const gw__report_outcome *outcome, const gw__report_curve *curve, size_t n_epochs, gw__text *out) {
    const size_t last = last_epoch(curve, n_epochs);
    gw__text_addf(out, "%s: ", outcome->name);
    if (last > 0) gw__markup_value(out, curve->means[0]);
    if (last > 0) gw__text_puts(out, " after epoch 1, ");
    gw__markup_value(out, curve->means[last]);
    gw__text_addf(out, " after epoch %zu; mean of %zu run%s", last + 1, curve->runs[last], curve->runs[last] == 1 ? "" : "s");
}

static void draw_curve(const gw__chart *chart, const gw__report_comparison *c, size_t i, size_t task, size_t start) {
    const gw__report_curve *curve = &c->outcomes[i].tasks[task].curve;
    const size_t last = curve->means ? last_epoch(curve, c->n_epochs) : c->n_epochs;
    if (last == c->n_epochs) return;
    char classes[32];
    gw__text title = {0};
    const size_t whole = whole_epochs(curve, c->n_epochs);
    const bool again = gw__again(i);
    describe(&c->outcomes[i], curve, c->n_epochs, &title);
    snprintf(classes, sizeof classes, "curve %s", gw__colour(i));
    gw__svg_group(chart->out, classes, title.at);
    draw_band(chart, curve, start, c->n_epochs);
    draw_path(chart, curve, start, whole, again ? "line again" : "line");
    if (whole <= last) draw_path(chart, curve, whole - 1, last + 1, again ? "line thin again" : "line thin");
    gw__svg_circle(chart->out, "dot", gw__chart_x(chart, (double)whole), gw__chart_y(chart, curve->means[whole - 1]), 3);
    gw__svg_group_end(chart->out);
    gw__markup_done(&title, chart->out);
}

/* ---- the numbers ---- */

static void put_row(const gw__report_comparison *c, size_t task, size_t epoch, gw__text *out) {
    gw__text_addf(out, "<tr><td class=\"n\">%zu</td>", epoch + 1);
    for (size_t i = 0; i < c->n_outcomes; i++) {
        const gw__report_curve *curve = &c->outcomes[i].tasks[task].curve;
        gw__text_puts(out, "<td class=\"n\">");
        if (curve->means && has_point(curve, epoch)) gw__markup_value(out, curve->means[epoch]);
        gw__text_puts(out, "</td>");
    }
    gw__text_puts(out, "</tr>\n");
}

static void put_numbers(const gw__report_comparison *c, size_t task, gw__text *out) {
    const size_t step = (c->n_epochs + MOST_ROWS - 1) / MOST_ROWS;
    gw__text_puts(out, "<details><summary>Means as a table</summary>\n");
    gw__scroll_begin(out, "means by epoch");
    gw__text_puts(out, "<table class=\"results\">\n<thead><tr><th scope=\"col\" class=\"n\">epoch</th>");
    for (size_t i = 0; i < c->n_outcomes; i++) {
        gw__text_puts(out, "<th scope=\"col\" class=\"n\">");
        gw__markup_clip(out, c->outcomes[i].name, 24);
        gw__text_puts(out, "</th>");
    }
    gw__text_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t e = 0; e < c->n_epochs; e++)
        if (e == 0 || (e + 1) % step == 0 || e + 1 == c->n_epochs) put_row(c, task, e, out);
    gw__text_puts(out, "</tbody></table>\n");
    gw__scroll_end(out);
    gw__text_puts(out, "</details>\n");
}

/* ---- the charts ---- */

/* What of a task is in the picture: lines that do not lie wholly above `limit`, without the first `start` epochs. */
typedef struct view {
    double limit;
    size_t start;
} view;

/* A line from an epoch on. */
static gw__range means_of(const gw__report_comparison *c, size_t i, size_t task, size_t start) {
    const gw__report_curve *curve = &c->outcomes[i].tasks[task].curve;
    gw__range range = GW__RANGE_EMPTY;
    gw__range_add_all(&range, curve->means ? curve->means + start : NULL, c->n_epochs - start);
    return range;
}

/* Lines that lie wholly above it from an epoch on are not in the picture. */
static double limit_of(const gw__report_comparison *c, size_t task, size_t start, gw__text *out) {
    gw__range *means = calloc(c->n_outcomes, sizeof *means);
    if (!means) out->failed = true;
    for (size_t i = 0; means && i < c->n_outcomes; i++) means[i] = means_of(c, i, task, start);
    const double limit = means ? gw__scale_limit(means, c->n_outcomes) : INFINITY;
    free(means);
    return limit;
}

static bool is_above(const gw__report_comparison *c, size_t i, size_t task, view v) { return gw__range_is_above(means_of(c, i, task, v.start), v.limit); }

/* What is in the picture in one epoch. */
static gw__range epoch_range(const gw__report_comparison *c, size_t task, size_t epoch, view v) {
    gw__range range = GW__RANGE_EMPTY;
    for (size_t i = 0; i < c->n_outcomes; i++) {
        const gw__report_curve *curve = &c->outcomes[i].tasks[task].curve;
        if (!curve->means || is_above(c, i, task, v)) continue;
        gw__range_add(&range, curve->means[epoch]);
        gw__range_add(&range, curve->lows[epoch]);
        gw__range_add(&range, curve->highs[epoch]);
    }
    return range;
}

static gw__range range_of(const gw__report_comparison *c, size_t task, view v) {
    gw__range range = GW__RANGE_EMPTY;
    for (size_t e = v.start; e < c->n_epochs; e++) {
        const gw__range at = epoch_range(c, task, e, v);
        if (gw__range_is_empty(at)) continue;
        gw__range_add(&range, at.low);
        gw__range_add(&range, at.high);
    }
    return range;
}

/* How many epochs may be left out at most: the dot of each line is seen. */
static size_t most_hidden(const gw__report_comparison *c, size_t task, view v) {
    size_t most = c->n_epochs;
    for (size_t i = 0; i < c->n_outcomes; i++) {
        const gw__report_curve *curve = &c->outcomes[i].tasks[task].curve;
        if (!curve->means || last_epoch(curve, c->n_epochs) == c->n_epochs || is_above(c, i, task, v)) continue;
        const size_t whole = whole_epochs(curve, c->n_epochs);
        if (whole <= most) most = whole - 1;
    }
    return most;
}

/* Without the lines far above, without the first epochs if they are far from the others, and without lines that are far above then. What is left out is told. */
static view view_of(const gw__report_comparison *c, size_t task, gw__text *note) {
    view v = {.limit = limit_of(c, task, 0, note)};
    gw__range *epochs = calloc(c->n_epochs, sizeof *epochs);
    if (!epochs) note->failed = true;
    for (size_t e = 0; epochs && e < c->n_epochs; e++) epochs[e] = epoch_range(c, task, e, v);
    const size_t start = epochs ? gw__scale_start(epochs, c->n_epochs, most_hidden(c, task, v)) : 0;
    if (start > 0) gw__scale_start_write(epochs, start, note);
    if (start > 0) v = (view){fmin(v.limit, limit_of(c, task, start, note)), start};
    free(epochs);
    return v;
}

/* "Far above these, and not shown: ..."; nothing if all are shown. */
static void tell_above(const gw__report_comparison *c, size_t task, view v, gw__text *out) {
    bool any = false;
    for (size_t i = 0; i < c->n_outcomes; i++) {
        if (!is_above(c, i, task, v)) continue;
        gw__text_puts(out, any ? "; " : out->n ? " Far above these, and not shown: " : "Far above these, and not shown: ");
        describe(&c->outcomes[i], &c->outcomes[i].tasks[task].curve, c->n_epochs, out);
        any = true;
    }
    if (any) gw__text_putc(out, '.');
}

static void draw_task(const gw__report_comparison *c, size_t task, gw__text *out) {
    gw__text label = {0}, note = {0};
    const view v = view_of(c, task, &note);
    const gw__range range = range_of(c, task, v);
    if (gw__range_is_empty(range)) {
        gw__markup_done(&note, out);
        return;
    }
    const double last = (double)c->n_epochs;
    const gw__axis x = {.range = last > 1 ? (gw__range){(double)v.start + 1, last} : (gw__range){0.5, 1.5}, .title = "epoch", .whole = true};
    const gw__axis y = {.range = gw__range_padded(range, 0.04), .title = c->curve};
    gw__text_addf(&label, "%s: %s by epoch, mean over runs, a line for each architecture", c->tasks[task], c->curve);
    tell_above(c, task, v, &note);
    gw__figure_begin(out, "fit", c->tasks[task], note.n ? gw__markup_shown(&note) : NULL);
    const gw__chart chart = gw__chart_begin(out, WIDTH, HEIGHT, x, y, gw__markup_shown(&label));
    for (size_t i = 0; i < c->n_outcomes; i++)
        if (!is_above(c, i, task, v)) draw_curve(&chart, c, i, task, v.start);
    gw__svg_end(out);
    put_numbers(c, task, out);
    gw__figure_end(out);
    gw__markup_done(&label, out);
    gw__markup_done(&note, out);
}

/* ---- the whole ---- */

static bool has_any(const gw__report_comparison *c) {
    for (size_t t = 0; t < c->n_tasks; t++)
        if (!gw__range_is_empty(range_of(c, t, (view){.limit = INFINITY}))) return true;
    return false;
}

/* What is in one picture: bands where an architecture has several runs, thin lines where some of them are shorter. */
static void find_kinds(const gw__report_comparison *c, bool *ret_bands, bool *ret_thin) {
    *ret_bands = *ret_thin = false;
    for (size_t i = 0; i < c->n_outcomes; i++)
        for (size_t t = 0; t < c->n_tasks; t++) {
            const gw__report_curve *curve = &c->outcomes[i].tasks[t].curve;
            const size_t last = curve->means ? last_epoch(curve, c->n_epochs) : c->n_epochs;
            if (last == c->n_epochs) continue;
            *ret_bands |= has_band(curve, 0);
            *ret_thin |= whole_epochs(curve, c->n_epochs) <= last;
        }
}

static void put_lead(const gw__report_comparison *c, gw__text *out) {
    gw__text lead = {0};
    bool bands, thin;
    find_kinds(c, &bands, &thin);
    gw__text_addf(&lead, "The %s by epoch, as the mean of an architecture's runs that are done", c->curve);
    if (bands) gw__text_puts(&lead, "; the band is their standard deviation to both sides, as far as there are runs");
    gw__text_puts(&lead, ".");
    if (thin) gw__text_puts(&lead, " Behind its dot, a line is the mean of those runs that went on when others had ended.");
    gw__markup_element(out, "p", "lead", gw__markup_shown(&lead));
    gw__markup_done(&lead, out);
}

static void put_legend(const gw__report_comparison *c, gw__text *out) {
    gw__text_puts(out, "<p class=\"legend\">");
    for (size_t i = 0; i < c->n_outcomes; i++) gw__legend_entry(out, gw__again(i) ? "stroke again" : "stroke", gw__colour(i), c->outcomes[i].name);
    gw__text_puts(out, "</p>\n");
}

void gw__progress_draw(const gw__report_comparison *c, gw__text *out) {
    if (c->n_epochs == 0 || !c->curve || !has_any(c)) return;
    gw__markup_element(out, "h3", NULL, "Learning curves");
    put_lead(c, out);
    put_legend(c, out);
    gw__grid_begin(out, NULL);
    for (size_t t = 0; t < c->n_tasks; t++) draw_task(c, t, out);
    gw__grid_end(out);
}
