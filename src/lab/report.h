/* The report: what is shown on one page that one looks at, as plain data, and the page made of it.
 *
 * Whoever has results fills a gw__report and calls gw__report_write; nothing here trains, reads a file or computes a statistic. The page is one
 * HTML file without script, network or other files; its figures are inline SVG (ARCHITECTURE.md, "The report"). Equal data give equal bytes.
 *
 * Everything is borrowed for the call. A number that does not exist is NaN; a pointer that is NULL, or a count of 0, leaves out what it would have
 * shown, and a section without content is not there. Names and texts may be anything: what is no valid UTF-8, or means something in HTML, is
 * written so that it is shown and does nothing else.
 *
 *   T tasks, N epochs, R runs */
#ifndef GW_LAB_REPORT_H
#define GW_LAB_REPORT_H

#include "base/text.h"
#include "gatewright.h"

#define GW__REPORT_NONE SIZE_MAX /* of an index: there is none */

/* A line of the header: "rows to train", "199,523". A value may have several lines. */
typedef struct gw__report_fact {
    const char *name, *value;
} gw__report_fact;

/* ---- learning -------------------------------------------------------------------------------------------------------------------- */

typedef struct gw__report_point { double x, y; } gw__report_point;

/* Rows whose predicted probabilities lie between two bounds. */
typedef struct gw__report_bin {
    double predicted, observed; /* the mean probability, and the share of positives */
    int64_t rows;
} gw__report_bin;

typedef struct gw__report_metric {
    const char *name;
    double valid, test; /* of the kept epoch */
} gw__report_metric;

typedef struct gw__report_task {
    const char *name, *type, *loss;
    int64_t labels, positives;     /* to train from; positives -1: not counted */
    const double *train_loss, *valid_loss; /* [N] */
    const char *metric;            /* the main one, "auc" */
    const double *valid_metric;    /* [N] */
    const gw__report_metric *metrics; /* all of them */
    size_t n_metrics;
    const gw__report_point *roc;   /* binary: false positive rate, true positive rate, from (0,0) to (1,1) */
    size_t n_roc;
    double auc;
    const gw__report_bin *calibration; /* binary: bins without rows may be there */
    size_t n_calibration;
} gw__report_task;

/* ---- structure and gates --------------------------------------------------------------------------------------------------------- */

typedef struct gw__report_expert {
    const char *name;   /* "shared.0" */
    const char *group;  /* "shared", or whose it is */
    const char *layers; /* "64, 32", or NULL */
    size_t input;       /* a gate of the level below; GW__REPORT_NONE: the input */
} gw__report_expert;

typedef struct gw__report_gate {
    const char *stream; /* "income", "shared", "all" */
    const char *kind;   /* "softmax", "average", "pass", … */
    size_t input;       /* what it reads: a gate of the level below; GW__REPORT_NONE: the input */
    const size_t *experts;  /* [n_experts] of its level that it sees */
    const double *weights;  /* [n_experts] means over rows; NULL: not measured */
    const double *loads;    /* [n_experts] shares of the rows in which the weight is not 0; NULL: all */
    size_t n_experts;
    bool adds;          /* to the stream of another gate of the same name: residuals, self gates */
} gw__report_gate;

typedef struct gw__report_level {
    const gw__report_expert *experts;
    size_t n_experts;
    const gw__report_gate *gates;
    size_t n_gates;
} gw__report_level;

typedef struct gw__report_tower {
    const char *task;
    const char *layers;
    size_t input; /* a gate of the last level */
} gw__report_tower;

/* From one task to another behind the towers: what is handed on, or a factor of a chain. */
typedef struct gw__report_link {
    const char *from, *to;
} gw__report_link;

typedef struct gw__report_structure {
    const char *input; /* "42 features, 499 wide" */
    const gw__report_level *levels;
    size_t n_levels;
    const gw__report_tower *towers;
    size_t n_towers;
    const gw__report_link *links;
    size_t n_links;
    const char *gates_of; /* on which rows gate weights are means: "validation" */
} gw__report_structure;

/* ---- health, and whatever else is a matrix, a table or a sentence ------------------------------------------------------------------ */

/* A heat map. Values between `low` and `high`; with low < 0 < high colours part at 0. */
typedef struct gw__report_matrix {
    const char *title, *note; /* note: a sentence on how to read it, or NULL */
    const char *const *rows, *const *columns;
    size_t n_rows, n_columns;
    const double *values;     /* [n_rows,n_columns]; NaN: an empty cell */
    double low, high;
} gw__report_matrix;

/* Cells are texts, those of columns marked as numbers are set to the right. */
typedef struct gw__report_table {
    const char *title, *note;
    const char *const *columns;
    const bool *numbers;      /* [n_columns]; NULL: all but the first */
    size_t n_columns;
    const char *const *cells; /* [n_rows,n_columns]; NULL: an empty cell */
    size_t n_rows;
} gw__report_table;

typedef struct gw__report_health {
    const char *lead;            /* when and on what it was measured, or NULL */
    const char *const *warnings; /* sentences; none, and `checked`: the page says that all is well */
    size_t n_warnings;
    bool checked;
    const gw__report_table *tables;
    size_t n_tables;
    const gw__report_matrix *matrices;
    size_t n_matrices;
} gw__report_health;

/* ---- comparison ------------------------------------------------------------------------------------------------------------------ */

typedef struct gw__report_interval {
    double mean, low, high; /* low and high NaN: of one run only */
} gw__report_interval;

/* A loss by epoch, over runs of which some may be shorter: each counts in the epochs that it has. N as of the comparison. */
typedef struct gw__report_curve {
    const double *means;      /* [N]; NULL: there is no curve */
    const double *lows, *highs; /* [N] of a band around them; NaN: of one run only */
    const size_t *runs;       /* [N] that have the epoch */
} gw__report_curve;

/* One architecture on one task. */
typedef struct gw__report_cell {
    const double *losses;  /* [R] final ones; NaN: that run failed */
    const double *values;  /* [R] of the task's metric */
    gw__report_interval value; /* of the metric */
    double deviation, best;    /* of the runs' values; NaN: there is none */
    gw__report_interval gain;  /* over the baseline; higher is better whatever the metric; of the baseline NaN */
    gw__report_curve curve;
} gw__report_cell;

typedef struct gw__report_outcome {
    const char *name;      /* "mmoe" */
    size_t n_runs, n_failed, n_canceled; /* these two are among the first */
    const char *problem;   /* of the first run that failed, or NULL */
    int64_t parameters, multiply_adds; /* -1: not known */
    const gw__report_cell *tasks; /* [T] */
    gw__report_interval gain;  /* the mean over tasks */
    const char *note;      /* NULL, or what is to be said of it */
    const char *page;      /* a relative link to a page of one of its runs, or NULL */
} gw__report_outcome;

typedef struct gw__report_comparison {
    const char *const *tasks;   /* [T] */
    const char *const *metrics; /* [T] "auc" */
    const int *better;          /* [T] 1: higher is better, -1: lower */
    size_t n_tasks;
    const gw__report_outcome *outcomes;
    size_t n_outcomes;
    size_t baseline;       /* of the outcomes; GW__REPORT_NONE */
    const char *gain;      /* what a gain is: "difference of auc", "relative gain in percent" */
    const char *part;      /* on which rows: "test", "validation" */
    double confidence;     /* of the intervals: 0.95; 0: not said */
    size_t n_epochs;       /* of the longest curve */
    const char *curve;     /* what curves are: "validation loss" */
    const char *pages;     /* what the outcomes' pages show: "the run with seed 1"; NULL: there are none */
    const char *caution;   /* a sentence on the rows of `part`, or NULL */
    const char *reach;     /* a sentence on what intervals are over, or NULL */
} gw__report_comparison;

/* ---- the whole ------------------------------------------------------------------------------------------------------------------- */

/* A link to another page: a relative one, and how it is called. */
typedef struct gw__report_way {
    const char *to, *name;
} gw__report_way;

typedef struct gw__report {
    const char *title;     /* the name of what was trained or compared */
    const char *subtitle;  /* "mmoe, 3 tasks", or NULL */
    const gw__report_fact *facts;
    size_t n_facts;
    const char *spec;      /* folded */
    const gw__report_way *back; /* to the page that this one belongs to, or NULL */

    size_t n_epochs, kept_epoch; /* epochs count from 1; kept 0: none */
    const gw__report_task *tasks;
    size_t n_tasks;
    const char *curves_of; /* of which rows ROC and calibration are: "test", "validation" */

    const gw__report_structure *structure;
    const gw__report_health *health;
    const gw__report_comparison *comparison;
} gw__report;

/* The page, added to `out`. */
gw_status gw__report_format(const gw__report *report, gw__text *out, gw_error *err);

/* The same into a file, which appears whole or not at all; "-" is standard output. */
gw_status gw__report_write(const gw__report *report, const char *path, gw_error *err);

#endif
