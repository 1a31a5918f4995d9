/* What binary tasks predict: ROC curves and calibration. */
#include <math.h>

#include "lab/report_parts.h"

#define SIDE 260

static gw__chart begin_square(gw__text *out, gw__axis x, gw__axis y, const char *label) { return gw__chart_begin(out, SIDE, SIDE, x, y, label); }

static void draw_diagonal(const gw__chart *chart, double high) {
    gw__svg_line(chart->out, "even", gw__chart_x(chart, 0), gw__chart_y(chart, 0), gw__chart_x(chart, high), gw__chart_y(chart, high));
}

/* ---- ROC ---- */

static void draw_roc(const gw__report_task *task, gw__text *out) {
    gw__text label = {0}, shown = {0};
    const gw__axis x = {.range = {0, 1}, .title = "false positive rate"}, y = {.range = {0, 1}, .title = "true positive rate"};
    gw__text_addf(&label, "%s: ROC curve, AUC ", task->name);
    gw__markup_value(&label, task->auc);
    const gw__chart chart = begin_square(out, x, y, gw__markup_shown(&label));
    draw_diagonal(&chart, 1);
    gw__path area = gw__svg_path(out, "area c1");
    for (size_t i = 0; i < task->n_roc; i++) gw__path_to(&area, gw__chart_x(&chart, task->roc[i].x), gw__chart_y(&chart, task->roc[i].y));
    gw__path_to(&area, chart.right, chart.bottom);
    gw__path_end(&area, NULL);
    gw__path path = gw__svg_path(out, "line c1");
    for (size_t i = 0; i < task->n_roc; i++) gw__path_to(&path, gw__chart_x(&chart, task->roc[i].x), gw__chart_y(&chart, task->roc[i].y));
    gw__path_end(&path, NULL);
    gw__text_puts(&shown, "AUC ");
    gw__markup_value(&shown, task->auc);
    gw__svg_label(out, "big", chart.right - 8, chart.bottom - 12, GW__ANCHOR_END, gw__markup_shown(&shown));
    gw__svg_end(out);
    gw__markup_done(&label, out);
    gw__markup_done(&shown, out);
}

/* ---- calibration ---- */

static void draw_bin(const gw__chart *chart, const gw__report_bin *bin) {
    gw__text title = {0};
    const double x = gw__chart_x(chart, bin->predicted);
    const gw__range interval = gw__share_interval(bin->observed, bin->rows);
    gw__text_puts(&title, "predicted ");
    gw__markup_value(&title, bin->predicted);
    gw__text_puts(&title, ", observed ");
    gw__markup_value(&title, bin->observed);
    gw__text_puts(&title, " (95 % interval ");
    gw__markup_value(&title, interval.low);
    gw__text_puts(&title, " to ");
    gw__markup_value(&title, interval.high);
    gw__text_puts(&title, "), rows ");
    gw__markup_count(&title, bin->rows);
    gw__svg_group(chart->out, "c2", title.at);
    gw__svg_line(chart->out, "error", x, gw__chart_y(chart, interval.low), x, gw__chart_y(chart, fmin(chart->y.high, interval.high)));
    gw__svg_circle(chart->out, "dot", x, gw__chart_y(chart, bin->observed), 3.5);
    gw__svg_group_end(chart->out);
    gw__markup_done(&title, chart->out);
}

static void draw_calibration(const gw__report_task *task, gw__text *out) {
    gw__range range = {0, 0};
    gw__text label = {0};
    for (size_t i = 0; i < task->n_calibration; i++) {
        if (task->calibration[i].rows == 0) continue;
        gw__range_add(&range, task->calibration[i].predicted);
        gw__range_add(&range, gw__share_interval(task->calibration[i].observed, task->calibration[i].rows).high);
    }
    if (!(range.high > 0)) return;
    const double high = range.high > 0.7 ? 1 : range.high * 1.06;
    const gw__axis x = {.range = {0, high}, .title = "predicted probability"}, y = {.range = {0, high}, .title = "share of positives"};
    gw__text_addf(&label, "%s: calibration, the share of positives beside the predicted probability", task->name);
    const gw__chart chart = begin_square(out, x, y, gw__markup_shown(&label));
    draw_diagonal(&chart, high);
    gw__path path = gw__svg_path(out, "line thin c2");
    for (size_t i = 0; i < task->n_calibration; i++)
        if (task->calibration[i].rows > 0) gw__path_to(&path, gw__chart_x(&chart, task->calibration[i].predicted), gw__chart_y(&chart, task->calibration[i].observed));
    gw__path_end(&path, NULL);
    for (size_t i = 0; i < task->n_calibration; i++)
        if (task->calibration[i].rows > 0) draw_bin(&chart, &task->calibration[i]);
    gw__svg_end(out);
    gw__markup_done(&label, out);
}

/* The bins as numbers. */
static void put_bins(const gw__report_task *task, gw__text *out) {
    gw__text_puts(out, "<details><summary>Calibration as a table</summary><table>\n<thead><tr><th scope=\"col\" class=\"n\">predicted</th>"
                       "<th scope=\"col\" class=\"n\">observed</th><th scope=\"col\" class=\"n\">rows</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < task->n_calibration; i++) {
        const gw__report_bin *bin = &task->calibration[i];
        if (bin->rows == 0) continue;
        gw__text_puts(out, "<tr><td class=\"n\">");
        gw__markup_value(out, bin->predicted);
        gw__text_puts(out, "</td><td class=\"n\">");
        gw__markup_value(out, bin->observed);
        gw__text_puts(out, "</td><td class=\"n\">");
        gw__markup_count(out, bin->rows);
        gw__text_puts(out, "</td></tr>\n");
    }
    gw__text_puts(out, "</tbody></table></details>\n");
}

/* ---- the section ---- */

void gw__part_curves(const gw__report *report, gw__text *out) {
    bool any = false;
    for (size_t t = 0; t < report->n_tasks; t++) any |= report->tasks[t].n_roc > 0 || report->tasks[t].n_calibration > 0;
    if (!any) return;
    gw__text lead = {0};
    gw__text_addf(&lead, "Binary tasks%s%s%s: how well the predicted probability ranks rows (ROC), and whether it is the share that is observed (calibration; with "
                  "the 95 %% interval of the share).", report->curves_of ? " on the " : "",
                  report->curves_of ? report->curves_of : "", report->curves_of ? " rows" : "");
    gw__section_begin(out, "curves", "Predictions", lead.at);
    gw__grid_begin(out, "pairs");
    for (size_t t = 0; t < report->n_tasks; t++) {
        const gw__report_task *task = &report->tasks[t];
        if (task->n_roc == 0 && task->n_calibration == 0) continue;
        gw__figure_begin(out, "pair", task->name, NULL);
        if (task->n_roc > 0) draw_roc(task, out);
        if (task->n_calibration > 0) {
            draw_calibration(task, out);
            put_bins(task, out);
        }
        gw__figure_end(out);
    }
    gw__grid_end(out);
    gw__section_end(out);
    gw__markup_done(&lead, out);
}
