/* Drawings: elements of SVG, scales with round ticks, and the frame of a chart. Places are in the drawing's own units, which are CSS pixels where it
 * is shown in its natural size. Colours and fonts come by class from report.css. */
#ifndef GW_LAB_SVG_H
#define GW_LAB_SVG_H

#include "lab/markup.h"

/* ---- elements ---- */

typedef enum gw__anchor { GW__ANCHOR_START, GW__ANCHOR_MIDDLE, GW__ANCHOR_END } gw__anchor;

/* `label` says in words what the drawing shows. `wide`: keeps its size and is moved about where there is no room for it. */
void gw__svg_begin(gw__text *out, double width, double height, bool wide, const char *label);
void gw__svg_end(gw__text *out);
/* A group with a tooltip, up to gw__svg_group_end; both may be NULL. */
void gw__svg_group(gw__text *out, const char *classes, const char *title);
void gw__svg_group_end(gw__text *out);
void gw__svg_line(gw__text *out, const char *classes, double x1, double y1, double x2, double y2);
void gw__svg_rect(gw__text *out, const char *classes, double x, double y, double width, double height, double radius);
void gw__svg_circle(gw__text *out, const char *classes, double x, double y, double radius);
void gw__svg_label(gw__text *out, const char *classes, double x, double y, gw__anchor anchor, const char *text);
/* In the middle of a place, no more than `most` columns of it. */
void gw__svg_clipped_label(gw__text *out, const char *classes, double x, double y, const char *text, size_t most);
/* The same with its end at the place. */
void gw__svg_end_label(gw__text *out, const char *classes, double x, double y, const char *text, size_t most);
/* Slanted, its end at the place; no more than `most` columns of it. */
void gw__svg_slanted_label(gw__text *out, const char *classes, double x, double y, const char *text, size_t most);
/* Columns of text that stand in so many units, and the other way round, in about: nobody knows the reader's font. */
size_t gw__svg_columns(double width, double font);
double gw__svg_width(size_t columns, double font);

/* A path: begin, points, end. Points with NaN break the line. */
typedef struct gw__path {
    gw__text *out;
    bool open; /* the pen is down */
} gw__path;
gw__path gw__svg_path(gw__text *out, const char *classes);
void gw__path_to(gw__path *path, double x, double y);
void gw__path_end(gw__path *path, const char *title); /* title may be NULL */
/* A ribbon's middle line from left to right, which leaves and arrives level. */
void gw__svg_ribbon(gw__text *out, const char *classes, double width, double x1, double y1, double x2, double y2, const char *title);
/* From one place to another on the same side of a diagram, `by` to the right of both. */
void gw__svg_arc(gw__text *out, const char *classes, double x1, double y1, double x2, double y2, double by, const char *title);

/* ---- scales ---- */

/* Round places between low and high: (first + i) * mantissa * 10^exponent for i < n, mantissa one of 1, 2, 5. */
typedef struct gw__ticks {
    int64_t first;
    int n, mantissa, exponent;
} gw__ticks;

/* About `wanted` ticks, never more than 2 * wanted + 1 and not just one if several are wanted, inside [low, high]; low < high and finite, else none. */
gw__ticks gw__ticks_of(double low, double high, int wanted);
double gw__ticks_at(const gw__ticks *ticks, int i);
void gw__ticks_write(const gw__ticks *ticks, int i, gw__text *out); /* with as many decimals as all of them need */

typedef struct gw__scale {
    double low, high; /* values, low < high */
    double from, to;  /* places */
} gw__scale;

static inline double gw__scale_at(const gw__scale *scale, double value) {
    return scale->from + (value - scale->low) / (scale->high - scale->low) * (scale->to - scale->from);
}

/* Grown by what stands in a list; NaN and infinities are passed over. Begin with GW__RANGE_EMPTY. */
typedef struct gw__range { double low, high; } gw__range;
#define GW__RANGE_EMPTY ((gw__range){1, 0})
static inline bool gw__range_is_empty(gw__range range) { return range.low > range.high; }
void gw__range_add(gw__range *range, double value);
void gw__range_add_all(gw__range *range, const double *values, size_t n); /* values may be NULL */
/* With a margin at both ends, never of width 0; an empty one is [0,1]. */
gw__range gw__range_padded(gw__range range, double margin);

/* ---- the frame of a chart ---- */

typedef struct gw__chart {
    gw__text *out;
    double width, height;
    gw__scale x, y;
    double left, right, top, bottom; /* of the area inside of the axes */
} gw__chart;

typedef struct gw__axis {
    gw__range range;
    const char *title; /* or NULL */
    bool whole;        /* ticks at whole numbers only */
    bool bare;         /* no ticks, but `room` beside the area for labels of the caller's own */
    double room;
    bool grid;         /* of x: lines upwards from the ticks */
} gw__axis;

/* Begins a drawing with grid, ticks and titles of both axes; ends with gw__svg_end. */
gw__chart gw__chart_begin(gw__text *out, double width, double height, gw__axis x, gw__axis y, const char *label);
static inline double gw__chart_x(const gw__chart *chart, double value) { return gw__scale_at(&chart->x, value); }
static inline double gw__chart_y(const gw__chart *chart, double value) { return gw__scale_at(&chart->y, value); }

#endif
