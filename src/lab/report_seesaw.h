/* The seesaw picture: gain on one task against gain on another. */
#ifndef GW_LAB_REPORT_SEESAW_H
#define GW_LAB_REPORT_SEESAW_H

#include "lab/report_parts.h"

/* Whether anything but the baseline has a gain on both tasks. */
bool gw__seesaw_has(const gw__report_comparison *comparison);
/* Of a comparison of two tasks. */
void gw__seesaw_draw(const gw__report_comparison *comparison, gw__text *out);

/* A point of an architecture: hollow of the baseline, and square where its colour has come before. */
void gw__point_draw(gw__text *out, const gw__report_comparison *comparison, size_t i, double x, double y, double radius);

/* "+0.0123 (+0.0100 to +0.0146)", in a tooltip. */
void gw__interval_write(gw__report_interval interval, gw__text *out);

#endif
