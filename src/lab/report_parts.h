/* The parts of the page, and what several of them draw with. Each part writes its section, or nothing where there is nothing to show. */
#ifndef GW_LAB_REPORT_PARTS_H
#define GW_LAB_REPORT_PARTS_H

#include "lab/report.h"
#include "lab/svg.h"

void gw__part_learning(const gw__report *report, gw__text *out);   /* report_learning.c */
void gw__part_structure(const gw__report *report, gw__text *out);  /* report_structure.c */
void gw__part_gates(const gw__report *report, gw__text *out);      /* report_gates.c */
void gw__part_curves(const gw__report *report, gw__text *out);     /* report_curves.c */
void gw__part_comparison(const gw__report *report, gw__text *out); /* report_compare.c */
void gw__part_health(const gw__report *report, gw__text *out);     /* report_health.c */

/* ---- report_page.c: frames ---- */

/* `lead`: a sentence under the title, or NULL. */
void gw__section_begin(gw__text *out, const char *id, const char *title, const char *lead);
void gw__section_end(gw__text *out);
/* Figures that stand side by side where there is room. */
void gw__grid_begin(gw__text *out, const char *classes);
void gw__grid_end(gw__text *out);
/* `title` and `note` may be NULL. */
void gw__figure_begin(gw__text *out, const char *classes, const char *title, const char *note);
void gw__figure_end(gw__text *out);
/* Around what may be wider than the page: it is moved about inside of this frame, by keyboard, too. */
void gw__scroll_begin(gw__text *out, const char *label);
void gw__scroll_end(gw__text *out);
/* One entry of a legend between <p class="legend"> and </p>: `mark` is a class of its sign, `colour` as of gw__colour. */
void gw__legend_entry(gw__text *out, const char *mark, const char *colour, const char *text);

/* A class that sets the colour of the i-th of several things; after eight they come again. */
const char *gw__colour(size_t i);
/* Whether its colour has come before, so that it needs another sign, too. */
bool gw__again(size_t i);

/* The colour of a group of experts or of a stream: a task's own, or one of those that come after the tasks'; what all share is neutral. */
const char *gw__group_colour(const gw__report_structure *structure, const char *name);

/* ---- report_results.c: a comparison's tables ---- */
void gw__results_draw(const gw__report_comparison *comparison, gw__text *out);

/* ---- report_progress.c: how architectures learn, which stands in the section of the comparison ---- */
void gw__progress_draw(const gw__report_comparison *comparison, gw__text *out);

/* ---- report_tables.c ---- */
void gw__table_write(const gw__report_table *table, gw__text *out);
void gw__matrix_write(const gw__report_matrix *matrix, gw__text *out);

/* ---- report_bins.c ---- */

/* How many of the values lie in each of n bins of equal width over the range, the last one with its end; others and NaN in none. */
void gw__bins_count(const double *values, size_t n_values, gw__range range, size_t n, size_t *ret_counts);

/* Where a scale for several ranges may end so that most of them can be told apart: the highest end above which others lie wholly, and so far that they
 * would leave less than a quarter of the scale to those below, which are at least half, and two. INFINITY: there is no such place. */
double gw__scale_limit(const gw__range *ranges, size_t n);
static inline bool gw__range_is_above(gw__range range, double limit) { return !gw__range_is_empty(range) && range.low > limit; }


/* How many of the first of n epochs a scale leaves out so that the others can be told apart: with `epochs` what is shown in each, the first are left out if
 * the range of the others is less than an eighth of the whole; as few as possible, a quarter of all at most and no more than `most`, and three stay. 0: none. */
size_t gw__scale_start(const gw__range *epochs, size_t n, size_t most);
/* What the first `start` epochs hold, as a sentence: "Epoch 1 is not shown, with values from 1950 to 2012." Nothing if `start` is 0. */
void gw__scale_start_write(const gw__range *epochs, size_t start, gw__text *out);

/* The 95 % interval of a share that was observed in n > 0 cases (Wilson), which has a width for shares of 0 and 1, too. */
gw__range gw__share_interval(double share, int64_t n);

#endif
