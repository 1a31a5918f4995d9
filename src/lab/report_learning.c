/* Learning curves per task, and the metrics of the kept epoch. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lab/report_parts.h"

#define WIDTH 260
#define HEIGHT 190

/* ---- one chart ---- */

typedef struct line {
    const double *values; /* [N]; NULL: none */
    const char *name, *classes;
} line;

/* "income: loss 0.31 after epoch 1, 0.25 after epoch 10" */
static void describe(const gw__report *report, const char *task, const line *lines, size_t n, gw__text *out) {
    gw__text_puts(out, task);
    for (size_t i = 0; i < n; i++) {
        if (!lines[i].values) continue;
        gw__text_addf(out, "%s %s ", i == 0 ? ":" : ",", lines[i].name);
        gw__markup_value(out, lines[i].values[0]);
        gw__text_puts(out, " after epoch 1, ");
        gw__markup_value(out, lines[i].values[report->n_epochs - 1]);
        gw__text_addf(out, " after epoch %zu", report->n_epochs);
    }
}

static void draw_dot(const gw__chart *chart, const line *l, size_t epoch, double radius) {
    if (!isfinite(l->values[epoch])) return;
    gw__text title = {0};
    gw__text_addf(&title, "%s, epoch %zu: ", l->name, epoch + 1);
    gw__markup_value(&title, l->values[epoch]);
    gw__svg_group(chart->out, l->classes, title.at);
    gw__svg_circle(chart->out, "dot", gw__chart_x(chart, (double)epoch + 1), gw__chart_y(chart, l->values[epoch]), radius);
    gw__svg_group_end(chart->out);
    gw__markup_done(&title, chart->out);
}

static void draw_line(const gw__chart *chart, const line *l, size_t start, size_t n) {
    char classes[64];
    snprintf(classes, sizeof classes, "line %s", l->classes);
    gw__path path = gw__svg_path(chart->out, classes);
    for (size_t i = start; i < n; i++) gw__path_to(&path, gw__chart_x(chart, (double)i + 1), isfinite(l->values[i]) ? gw__chart_y(chart, l->values[i]) : NAN);
    gw__path_end(&path, NULL);
    for (size_t i = start; i < n; i++) draw_dot(chart, l, i, n == 1 ? 4 : n <= 40 ? 2.5 : 1.2);
}

/* How many of the first epochs are not in the picture, and that they are not, as a sentence. The epoch that was kept is. */
static size_t find_start(const gw__report *report, const line *lines, size_t n, gw__text *note) {
    const size_t n_epochs = report->n_epochs, kept = report->kept_epoch;
    gw__range *epochs = calloc(n_epochs, sizeof *epochs);
    if (!epochs) note->failed = true;
    for (size_t e = 0; epochs && e < n_epochs; e++) {
        epochs[e] = GW__RANGE_EMPTY;
        for (size_t i = 0; i < n; i++) gw__range_add_all(&epochs[e], lines[i].values ? lines[i].values + e : NULL, 1);
    }
    const size_t start = epochs ? gw__scale_start(epochs, n_epochs, kept > 0 && kept <= n_epochs ? kept - 1 : n_epochs) : 0;
    if (start > 0) gw__scale_start_write(epochs, start, note);
    free(epochs);
    return start;
}

static void draw_chart(const gw__report *report, const char *task, const char *title, const line *lines, size_t n, gw__text *out) {
    gw__range range = GW__RANGE_EMPTY;
    gw__text label = {0}, note = {0};
    const size_t start = find_start(report, lines, n, &note);
    for (size_t i = 0; i < n; i++) gw__range_add_all(&range, lines[i].values ? lines[i].values + start : NULL, report->n_epochs - start);
    if (gw__range_is_empty(range)) return;
    gw__text_puts(out, "<div class=\"part\">\n");
    describe(report, task, lines, n, &label);
    const double last = (double)report->n_epochs;
    const gw__axis x = {.range = last > 1 ? (gw__range){(double)start + 1, last} : (gw__range){0.5, 1.5}, .title = "epoch", .whole = true};
    const gw__axis y = {.range = gw__range_padded(range, 0.06), .title = title};
    const gw__chart chart = gw__chart_begin(out, WIDTH, HEIGHT, x, y, gw__markup_shown(&label));
    if (report->kept_epoch > 0 && report->kept_epoch <= report->n_epochs)
        gw__svg_line(out, "kept", gw__chart_x(&chart, (double)report->kept_epoch), chart.top, gw__chart_x(&chart, (double)report->kept_epoch), chart.bottom);
    for (size_t i = 0; i < n; i++)
        if (lines[i].values) draw_line(&chart, &lines[i], start, report->n_epochs);
    gw__svg_end(out);
    if (start > 0) gw__markup_element(out, "p", "note", gw__markup_shown(&note));
    gw__text_puts(out, "</div>\n");
    gw__markup_done(&label, out);
    gw__markup_done(&note, out);
}

static bool has_number(const double *values, size_t n) {
    for (size_t i = 0; values && i < n; i++)
        if (isfinite(values[i])) return true;
    return false;
}

static bool has_curves(const gw__report *report, const gw__report_task *task) {
    const size_t n = report->n_epochs;
    return has_number(task->train_loss, n) || has_number(task->valid_loss, n) || has_number(task->valid_metric, n);
}

static void draw_task(const gw__report *report, const gw__report_task *task, gw__text *out) {
    const line losses[] = {{task->train_loss, "train", "train"}, {task->valid_loss, "validation", "valid"}};
    const line metric[] = {{task->valid_metric, "validation", "valid"}};
    char title[80];
    if (!has_curves(report, task)) return;
    gw__figure_begin(out, "pair", task->name, NULL);
    snprintf(title, sizeof title, "loss (%.60s)", task->loss ? task->loss : "mean");
    draw_chart(report, task->name, title, losses, 2, out);
    if (task->metric) draw_chart(report, task->name, task->metric, metric, 1, out);
    gw__figure_end(out);
}

/* ---- metrics ---- */

static bool is_measured(const gw__report_task *task, bool test) {
    for (size_t i = 0; i < task->n_metrics; i++)
        if (isfinite(test ? task->metrics[i].test : task->metrics[i].valid)) return true;
    return false;
}

static void put_number(double value, gw__text *out) {
    gw__text_puts(out, "<td class=\"n\">");
    gw__markup_value(out, value);
    gw__text_puts(out, "</td>");
}

static void put_metrics(const gw__report_task *task, gw__text *out) {
    const bool valid = is_measured(task, false), test = is_measured(task, true);
    if (!valid && !test) return;
    gw__text_puts(out, "<figure><figcaption><h3>");
    gw__markup_text(out, task->name);
    gw__text_putc(out, ' ');
    if (task->type) gw__markup_element(out, "span", "type", task->type);
    gw__text_puts(out, "</h3></figcaption>\n<table>\n<thead><tr><th scope=\"col\">metric</th>");
    if (valid) gw__text_puts(out, "<th scope=\"col\" class=\"n\">validation</th>");
    if (test) gw__text_puts(out, "<th scope=\"col\" class=\"n\">test</th>");
    gw__text_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < task->n_metrics; i++) {
        gw__text_puts(out, "<tr><th scope=\"row\">");
        gw__markup_text(out, task->metrics[i].name);
        gw__text_puts(out, "</th>");
        if (valid) put_number(task->metrics[i].valid, out);
        if (test) put_number(task->metrics[i].test, out);
        gw__text_puts(out, "</tr>\n");
    }
    gw__text_puts(out, "</tbody></table>\n</figure>\n");
}

/* ---- the section ---- */

static void put_legend(const gw__report *report, bool validated, gw__text *out) {
    gw__text_puts(out, "<p class=\"legend\">");
    gw__legend_entry(out, "stroke", "train", "train");
    if (validated) gw__legend_entry(out, "stroke", "valid", "validation");
    if (report->kept_epoch > 0) {
        char kept[48];
        snprintf(kept, sizeof kept, "kept: epoch %zu", report->kept_epoch);
        gw__legend_entry(out, "upright", "", kept);
    }
    gw__text_puts(out, "</p>\n");
}

void gw__part_learning(const gw__report *report, gw__text *out) {
    bool curves = false, metrics = false, validated = false;
    for (size_t t = 0; t < report->n_tasks; t++) {
        curves |= report->n_epochs > 0 && has_curves(report, &report->tasks[t]);
        validated |= has_number(report->tasks[t].valid_loss, report->n_epochs);
        metrics |= is_measured(&report->tasks[t], false) || is_measured(&report->tasks[t], true);
    }
    if (!curves && !metrics) return;
    gw__section_begin(out, "learning", "Learning", NULL);
    if (curves) {
        put_legend(report, validated, out);
        gw__grid_begin(out, "pairs");
        for (size_t t = 0; t < report->n_tasks; t++) draw_task(report, &report->tasks[t], out);
        gw__grid_end(out);
    }
    if (metrics) {
        gw__markup_element(out, "h3", NULL, "Metrics of the model that was kept");
        gw__grid_begin(out, "tables");
        for (size_t t = 0; t < report->n_tasks; t++) put_metrics(&report->tasks[t], out);
        gw__grid_end(out);
    }
    gw__section_end(out);
}
