/* After figure 3 of Tang et al. 2020: what lies to the upper right gains on both tasks, what lies elsewhere pays for one with the other. Names stand
 * beside their points where there is room; the legend has all of them. */
#include "lab/report_seesaw.h"

#include <math.h>
#include <stdlib.h>

#define WIDTH 400
#define HEIGHT 410
#define FONT 11.0
#define CLIP 18

void gw__interval_write(gw__report_interval interval, gw__text *out) {
    gw__markup_signed(out, interval.mean);
    if (!isfinite(interval.low) || !isfinite(interval.high)) return;
    gw__text_puts(out, " (");
    gw__markup_signed(out, interval.low);
    gw__text_puts(out, " to ");
    gw__markup_signed(out, interval.high);
    gw__text_putc(out, ')');
}

void gw__point_draw(gw__text *out, const gw__report_comparison *c, size_t i, double x, double y, double radius) {
    const char *classes = i == c->baseline ? "hollow" : "dot";
    if (gw__again(i)) gw__svg_rect(out, classes, x - 0.9 * radius, y - 0.9 * radius, 1.8 * radius, 1.8 * radius, 0);
    else gw__svg_circle(out, classes, x, y, radius);
}

typedef struct area { double left, top, right, bottom; } area;

typedef struct names {
    area *taken; /* by points and names */
    size_t n;
    const gw__chart *chart;
} names;

static bool is_free(const names *placed, const area *a) {
    const gw__chart *chart = placed->chart;
    if (a->left < chart->left || a->right > chart->right || a->top < chart->top || a->bottom > chart->bottom) return false;
    for (size_t i = 0; i < placed->n; i++) {
        const area *b = &placed->taken[i];
        if (a->left < b->right && b->left < a->right && a->top < b->bottom && b->top < a->bottom) return false;
    }
    return true;
}

/* Beside the point, or above or below it, wherever it covers nothing. */
static void draw_name(names *placed, const char *name, double x, double y) {
    const size_t columns = gw__markup_columns(name);
    const double width = gw__svg_width(columns < CLIP ? columns : CLIP, FONT), half = FONT * 0.62;
    const area tries[] = {
        {x + 8, y - half - 9, x + 8 + width, y + half - 9}, {x - 8 - width, y - half - 9, x - 8, y + half - 9},
        {x + 8, y - half + 10, x + 8 + width, y + half + 10}, {x - 8 - width, y - half + 10, x - 8, y + half + 10},
        {x - width / 2, y - half - 18, x + width / 2, y + half - 18}, {x - width / 2, y - half + 18, x + width / 2, y + half + 18},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        if (!is_free(placed, &tries[i])) continue;
        gw__svg_clipped_label(placed->chart->out, "row", (tries[i].left + tries[i].right) / 2, (tries[i].top + tries[i].bottom) / 2 + 4, name, CLIP);
        placed->taken[placed->n++] = tries[i];
        return;
    }
}

/* The baseline gains nothing over itself. */
static gw__report_interval gain_of(const gw__report_comparison *c, size_t i, size_t task) {
    return i == c->baseline ? (gw__report_interval){0, NAN, NAN} : c->outcomes[i].tasks[task].gain;
}

static bool is_shown(const gw__report_comparison *c, size_t i) { return isfinite(gain_of(c, i, 0).mean) && isfinite(gain_of(c, i, 1).mean); }

bool gw__seesaw_has(const gw__report_comparison *c) {
    for (size_t i = 0; i < c->n_outcomes; i++)
        if (i != c->baseline && is_shown(c, i)) return true;
    return false;
}

static void draw_point(const gw__chart *chart, const gw__report_comparison *c, size_t i) {
    const gw__report_interval gx = gain_of(c, i, 0), gy = gain_of(c, i, 1);
    const double x = gw__chart_x(chart, gx.mean), y = gw__chart_y(chart, gy.mean);
    gw__text title = {0};
    gw__text_addf(&title, "%s: %s ", c->outcomes[i].name, c->tasks[0]);
    gw__interval_write(gx, &title);
    gw__text_addf(&title, ", %s ", c->tasks[1]);
    gw__interval_write(gy, &title);
    gw__svg_group(chart->out, gw__colour(i), title.at);
    if (isfinite(gx.low) && isfinite(gx.high)) gw__svg_line(chart->out, "error", gw__chart_x(chart, gx.low), y, gw__chart_x(chart, gx.high), y);
    if (isfinite(gy.low) && isfinite(gy.high)) gw__svg_line(chart->out, "error", x, gw__chart_y(chart, gy.low), x, gw__chart_y(chart, gy.high));
    gw__point_draw(chart->out, c, i, x, y, 5);
    gw__svg_group_end(chart->out);
    gw__markup_done(&title, chart->out);
}

static gw__range range_of(const gw__report_comparison *c, size_t task) {
    gw__range range = {0, 0};
    for (size_t i = 0; i < c->n_outcomes; i++) {
        if (!is_shown(c, i)) continue;
        gw__range_add(&range, c->outcomes[i].tasks[task].gain.mean);
        gw__range_add(&range, c->outcomes[i].tasks[task].gain.low);
        gw__range_add(&range, c->outcomes[i].tasks[task].gain.high);
    }
    return gw__range_padded(range, 0.1);
}

/* The point and its error bars. */
static void take_place(names *placed, const gw__report_comparison *c, size_t i) {
    const gw__report_interval gx = gain_of(c, i, 0), gy = gain_of(c, i, 1);
    const gw__chart *chart = placed->chart;
    const double x = gw__chart_x(chart, gx.mean), y = gw__chart_y(chart, gy.mean);
    placed->taken[placed->n++] = (area){x - 6, y - 6, x + 6, y + 6};
    if (isfinite(gx.high - gx.low)) placed->taken[placed->n++] = (area){gw__chart_x(chart, gx.low), y - 2, gw__chart_x(chart, gx.high), y + 2};
    if (isfinite(gy.high - gy.low)) placed->taken[placed->n++] = (area){x - 2, gw__chart_y(chart, gy.high), x + 2, gw__chart_y(chart, gy.low)};
}

static void draw_points(const gw__chart *chart, const gw__report_comparison *c) {
    names placed = {.taken = calloc(4 * c->n_outcomes + 1, sizeof *placed.taken), .chart = chart};
    if (!placed.taken) {
        chart->out->failed = true;
        return;
    }
    for (size_t i = 0; i < c->n_outcomes; i++) {
        if (!is_shown(c, i)) continue;
        draw_point(chart, c, i);
        take_place(&placed, c, i);
    }
    for (size_t i = 0; i < c->n_outcomes; i++)
        if (is_shown(c, i)) draw_name(&placed, c->outcomes[i].name, gw__chart_x(chart, gain_of(c, i, 0).mean), gw__chart_y(chart, gain_of(c, i, 1).mean));
    free(placed.taken);
}

void gw__seesaw_draw(const gw__report_comparison *c, gw__text *out) {
    gw__text label = {0};
    gw__text_addf(&label, "Gain on %s against gain on %s, by architecture", c->tasks[0], c->tasks[1]);
    gw__figure_begin(out, "fit", "Both tasks together", "To the upper right both tasks gain; elsewhere one pays for the other.");
    const gw__axis x = {.range = range_of(c, 0), .title = c->tasks[0], .grid = true}, y = {.range = range_of(c, 1), .title = c->tasks[1]};
    const gw__chart chart = gw__chart_begin(out, WIDTH, HEIGHT, x, y, gw__markup_shown(&label));
    const double x0 = gw__chart_x(&chart, 0), y0 = gw__chart_y(&chart, 0);
    gw__svg_rect(out, "good", x0, chart.top, chart.right - x0, y0 - chart.top, 0);
    gw__svg_line(out, "zero", x0, chart.top, x0, chart.bottom);
    gw__svg_line(out, "zero", chart.left, y0, chart.right, y0);
    draw_points(&chart, c);
    gw__svg_end(out);
    gw__text_puts(out, "<p class=\"legend\">");
    for (size_t i = 0; i < c->n_outcomes; i++)
        if (is_shown(c, i)) gw__legend_entry(out, gw__again(i) ? "edged" : "round", gw__colour(i), c->outcomes[i].name);
    gw__text_puts(out, "</p>\n");
    gw__figure_end(out);
    gw__markup_done(&label, out);
}
