#include "lab/svg.h"

#include <math.h>

#include "base/mem.h"

#define FONT 11.0
#define COLUMN 0.6 /* of the font's size, a column of text is wide */

/* ---- elements ---- */

static void put_place(gw__text *out, const char *name, double value) {
    gw__text_addf(out, " %s=\"", name);
    gw__markup_place(out, value);
    gw__text_putc(out, '"');
}

static void put_classes(gw__text *out, const char *classes) {
    if (classes) gw__text_addf(out, " class=\"%s\"", classes);
}

/* The end of an element, around a tooltip if there is one. */
static void put_end(gw__text *out, const char *tag, const char *title) {
    if (!title) {
        gw__text_puts(out, "/>");
        return;
    }
    gw__text_putc(out, '>');
    gw__markup_element(out, "title", NULL, title);
    gw__text_addf(out, "</%s>", tag);
}

void gw__svg_begin(gw__text *out, double width, double height, bool wide, const char *label) {
    gw__text_puts(out, "<svg viewBox=\"0 0 ");
    gw__markup_place(out, width);
    gw__text_putc(out, ' ');
    gw__markup_place(out, height);
    gw__text_putc(out, '"');
    put_place(out, "width", width);
    put_place(out, "height", height);
    put_classes(out, wide ? "wide" : NULL);
    gw__text_puts(out, " role=\"img\" aria-label=\"");
    gw__markup_text(out, label);
    gw__text_puts(out, "\">\n");
}

void gw__svg_end(gw__text *out) { gw__text_puts(out, "</svg>\n"); }

void gw__svg_group(gw__text *out, const char *classes, const char *title) {
    gw__text_puts(out, "<g");
    put_classes(out, classes);
    gw__text_putc(out, '>');
    if (title) gw__markup_element(out, "title", NULL, title);
}

void gw__svg_group_end(gw__text *out) { gw__text_puts(out, "</g>\n"); }

void gw__svg_line(gw__text *out, const char *classes, double x1, double y1, double x2, double y2) {
    gw__text_puts(out, "<line");
    put_classes(out, classes);
    put_place(out, "x1", x1);
    put_place(out, "y1", y1);
    put_place(out, "x2", x2);
    put_place(out, "y2", y2);
    gw__text_puts(out, "/>");
}

void gw__svg_rect(gw__text *out, const char *classes, double x, double y, double width, double height, double radius) {
    gw__text_puts(out, "<rect");
    put_classes(out, classes);
    put_place(out, "x", x);
    put_place(out, "y", y);
    put_place(out, "width", width);
    put_place(out, "height", height);
    if (radius > 0) put_place(out, "rx", radius);
    gw__text_puts(out, "/>");
}

void gw__svg_circle(gw__text *out, const char *classes, double x, double y, double radius) {
    gw__text_puts(out, "<circle");
    put_classes(out, classes);
    put_place(out, "cx", x);
    put_place(out, "cy", y);
    put_place(out, "r", radius);
    gw__text_puts(out, "/>");
}

void gw__svg_label(gw__text *out, const char *classes, double x, double y, gw__anchor anchor, const char *text) {
    static const char *const anchors[] = {"start", "middle", "end"};
    gw__text_puts(out, "<text");
    put_classes(out, classes);
    put_place(out, "x", x);
    put_place(out, "y", y);
    if (anchor != GW__ANCHOR_START) gw__text_addf(out, " text-anchor=\"%s\"", anchors[anchor]);
    gw__text_putc(out, '>');
    gw__markup_text(out, text);
    gw__text_puts(out, "</text>");
}

static void put_clipped(gw__text *out, const char *classes, double x, double y, const char *anchor, const char *text, size_t most) {
    gw__text_puts(out, "<text");
    put_classes(out, classes);
    put_place(out, "x", x);
    put_place(out, "y", y);
    gw__text_addf(out, " text-anchor=\"%s\">", anchor);
    gw__markup_clip(out, text, most);
    gw__text_puts(out, "</text>");
}

void gw__svg_clipped_label(gw__text *out, const char *classes, double x, double y, const char *text, size_t most) {
    put_clipped(out, classes, x, y, "middle", text, most);
}

void gw__svg_end_label(gw__text *out, const char *classes, double x, double y, const char *text, size_t most) {
    put_clipped(out, classes, x, y, "end", text, most);
}

void gw__svg_slanted_label(gw__text *out, const char *classes, double x, double y, const char *text, size_t most) {
    gw__text_puts(out, "<text");
    put_classes(out, classes);
    gw__text_puts(out, " text-anchor=\"end\" transform=\"translate(");
    gw__markup_place(out, x);
    gw__text_putc(out, ' ');
    gw__markup_place(out, y);
    gw__text_puts(out, ") rotate(-40)\">");
    gw__markup_clip(out, text, most);
    gw__text_puts(out, "</text>");
}

size_t gw__svg_columns(double width, double font) { return width > 0 ? (size_t)(width / (COLUMN * font)) : 0; }
double gw__svg_width(size_t columns, double font) { return COLUMN * font * (double)columns; }

gw__path gw__svg_path(gw__text *out, const char *classes) {
    gw__text_puts(out, "<path");
    put_classes(out, classes);
    gw__text_puts(out, " d=\"");
    return (gw__path){.out = out};
}

void gw__path_to(gw__path *path, double x, double y) {
    if (!isfinite(x) || !isfinite(y)) {
        path->open = false;
        return;
    }
    gw__text_putc(path->out, path->open ? 'L' : 'M');
    gw__markup_place(path->out, x);
    gw__text_putc(path->out, ' ');
    gw__markup_place(path->out, y);
    path->open = true;
}

void gw__path_end(gw__path *path, const char *title) {
    gw__text_putc(path->out, '"');
    put_end(path->out, "path", title);
}

/* A cubic curve through four points, the middle two of which only draw it near. */
static void put_curve(gw__text *out, const char *classes, const double places[8]) {
    gw__text_puts(out, "<path");
    put_classes(out, classes);
    gw__text_puts(out, " d=\"M");
    for (int i = 0; i < 8; i++) {
        if (i > 0) gw__text_puts(out, i == 2 ? "C" : " ");
        gw__markup_place(out, places[i]);
    }
    gw__text_putc(out, '"');
}

void gw__svg_ribbon(gw__text *out, const char *classes, double width, double x1, double y1, double x2, double y2, const char *title) {
    const double middle = (x1 + x2) / 2;
    put_curve(out, classes, (const double[8]){x1, y1, middle, y1, middle, y2, x2, y2});
    put_place(out, "stroke-width", width);
    put_end(out, "path", title);
}

void gw__svg_arc(gw__text *out, const char *classes, double x1, double y1, double x2, double y2, double by, const char *title) {
    put_curve(out, classes, (const double[8]){x1, y1, x1 + by, y1, x2 + by, y2, x2, y2});
    put_end(out, "path", title);
}

/* ---- scales ---- */

/* mantissa * 10^exponent, rounded once for the exponents that occur. */
static double scaled(double mantissa, int exponent) {
    double power = 1;
    for (int i = exponent < 0 ? -exponent : exponent; i > 0; i--) power *= 10;
    return exponent < 0 ? mantissa / power : mantissa * power;
}

gw__ticks gw__ticks_of(double low, double high, int wanted) {
    static const int mantissas[] = {1, 2, 5};
    gw__ticks ticks = {.mantissa = 1};
    const double span = high - low;
    if (!(low < high) || !isfinite(span) || wanted < 1 || span < 1e-300) return ticks;
    while (scaled(1, ticks.exponent) > span / wanted) ticks.exponent--; /* a step that is too small, and then the first that is not */
    while (scaled(10, ticks.exponent) <= span / wanted) ticks.exponent++;
    for (size_t i = 0; i < GW__COUNT(mantissas); i++) {
        ticks.mantissa = mantissas[i];
        if (scaled(mantissas[i], ticks.exponent) * wanted * 1.4 >= span) break;
    }
    const double step = scaled(ticks.mantissa, ticks.exponent), first = ceil(low / step - 1e-9);
    if (fabs(first) > 9e15) return (gw__ticks){.mantissa = 1};
    ticks.first = (int64_t)first;
    ticks.n = (int)(floor(high / step + 1e-9) - first) + 1;
    return ticks.n < 2 && wanted > 1 ? gw__ticks_of(low, high, wanted + 1) : ticks; /* the next finer step, with five at most */
}

double gw__ticks_at(const gw__ticks *ticks, int i) { return scaled((double)(ticks->first + i) * ticks->mantissa, ticks->exponent); }

void gw__ticks_write(const gw__ticks *ticks, int i, gw__text *out) {
    const double value = gw__ticks_at(ticks, i);
    if (ticks->exponent < -9 || fabs(value) >= 1e7) gw__markup_value(out, value);
    else gw__markup_fixed(out, value, ticks->exponent < 0 ? -ticks->exponent : 0);
}

void gw__range_add(gw__range *range, double value) {
    if (!isfinite(value)) return;
    if (gw__range_is_empty(*range)) *range = (gw__range){value, value};
    if (value < range->low) range->low = value;
    if (value > range->high) range->high = value;
}

void gw__range_add_all(gw__range *range, const double *values, size_t n) {
    for (size_t i = 0; values && i < n; i++) gw__range_add(range, values[i]);
}

gw__range gw__range_padded(gw__range range, double margin) {
    if (gw__range_is_empty(range)) return (gw__range){0, 1};
    double by = (range.high - range.low) * margin;
    const double size = fmax(fabs(range.low), fabs(range.high));
    if (!(range.high - range.low > 1e-6 * size)) by = size > 0 ? 0.05 * size : 1;
    return (gw__range){range.low - by, range.high + by};
}

/* ---- the frame of a chart ---- */

#define TICK_ROOM 40.0 /* per label upwards */

static gw__ticks axis_ticks(const gw__axis *axis, int wanted) {
    gw__ticks ticks = gw__ticks_of(axis->range.low, axis->range.high, wanted);
    if (axis->whole && ticks.exponent < 0) { /* finer than 1: every whole number, of which there are few */
        const double first = ceil(axis->range.low), last = floor(axis->range.high);
        ticks = (gw__ticks){.first = (int64_t)first, .n = (int)(last - first) + 1, .mantissa = 1};
    }
    return ticks;
}

/* Columns of the longest label. */
static size_t label_columns(const gw__ticks *ticks, gw__text *out) {
    size_t most = 0;
    for (int i = 0; i < ticks->n; i++) {
        gw__text label = {0};
        gw__ticks_write(ticks, i, &label);
        const size_t n = gw__markup_columns(gw__markup_shown(&label));
        if (n > most) most = n;
        gw__markup_done(&label, out);
    }
    return most;
}

static void put_tick(const gw__chart *chart, const gw__ticks *ticks, int i, double x, double y, gw__anchor anchor) {
    gw__text label = {0};
    gw__ticks_write(ticks, i, &label);
    gw__svg_label(chart->out, "tick", x, y, anchor, gw__markup_shown(&label));
    gw__markup_done(&label, chart->out);
}

static void draw_y(const gw__chart *chart, const gw__axis *axis, const gw__ticks *ticks) {
    for (int i = 0; i < ticks->n && !axis->bare; i++) {
        const double y = gw__chart_y(chart, gw__ticks_at(ticks, i));
        gw__svg_line(chart->out, "grid", chart->left, y, chart->right, y);
        put_tick(chart, ticks, i, chart->left - 6, y + 4, GW__ANCHOR_END);
    }
    if (axis->title) put_clipped(chart->out, "axis", 2, 12, "start", axis->title, gw__svg_columns(chart->width - 4, FONT));
}

static void draw_x(const gw__chart *chart, const gw__axis *axis, const gw__ticks *ticks) {
    gw__svg_line(chart->out, "base", chart->left, chart->bottom, chart->right, chart->bottom);
    for (int i = 0; i < ticks->n && !axis->bare; i++) {
        const double x = gw__chart_x(chart, gw__ticks_at(ticks, i));
        if (axis->grid) gw__svg_line(chart->out, "grid", x, chart->top, x, chart->bottom);
        gw__svg_line(chart->out, "base", x, chart->bottom, x, chart->bottom + 4);
        put_tick(chart, ticks, i, x, chart->bottom + 16, GW__ANCHOR_MIDDLE);
    }
    if (axis->title) put_clipped(chart->out, "axis", chart->right, chart->height - 3, "end", axis->title, gw__svg_columns(chart->right - 4, FONT));
}

gw__chart gw__chart_begin(gw__text *out, double width, double height, gw__axis x, gw__axis y, const char *label) {
    gw__chart chart = {.out = out, .width = width, .height = height, .top = y.title ? 24 : 10, .right = width - 14};
    chart.bottom = height - (x.bare ? x.room : x.title ? 36 : 22);
    const gw__ticks up = axis_ticks(&y, (int)((chart.bottom - chart.top) / TICK_ROOM));
    chart.left = y.bare ? y.room : fmax(y.room, 12 + gw__svg_width(label_columns(&up, out), FONT));
    const double room = gw__svg_width(4, FONT);
    gw__ticks along = axis_ticks(&x, (int)((chart.right - chart.left) / (room + 16)));
    const double widest = gw__svg_width(label_columns(&along, out), FONT); /* again, if labels are wider than thought */
    if (widest > room || along.n * (widest + 12) > chart.right - chart.left)
        along = axis_ticks(&x, (int)fmax(1, (chart.right - chart.left) / (widest + 24) / 1.2));
    chart.x = (gw__scale){x.range.low, x.range.high, chart.left, chart.right};
    chart.y = (gw__scale){y.range.low, y.range.high, chart.bottom, chart.top};
    gw__svg_begin(out, width, height, false, label);
    draw_y(&chart, &y, &up);
    draw_x(&chart, &x, &along);
    gw__text_putc(out, '\n');
    return chart;
}
