/* Architectures compared on the same rows: several seeds of each, what they come to, and by how much they differ from a baseline.
 *   plan     contenders and their specs, all on the rows that the first seed draws; widths that make parameters equal
 *   run      gw__train_many, which shares the rows and spreads the runs over the threads
 *   collect  the scores of every run, and what they say together
 *   write    JSON, CSV and the report */
#ifndef GW_LAB_COMPARE_H
#define GW_LAB_COMPARE_H

#include "base/json.h"
#include "lab/report_run.h"
#include "metric/metric.h"
#include "spec/spec.h"

/* One number of a run: a metric of a task, or its loss. */
typedef struct gw__score {
    const char *task, *metric;
    size_t task_at;
    int better;      /* 1: higher is better, -1: lower, 0: neither */
    gw__bounds range; /* of what it can be */
} gw__score;

/* A score over the runs of a contender that are done. NaN: does not exist. */
typedef struct gw__summary {
    size_t n;               /* runs that have it */
    double mean, low, high; /* with its interval, which is within the score's range */
    double deviation, best;
    double gain, gain_low, gain_high; /* over the baseline: above 0 is better */
} gw__summary;

typedef struct gw__compared_run {
    uint64_t seed;
    gw_status status;    /* GW_OK: done */
    const char *problem; /* NULL: none */
    int64_t epochs, kept_epoch;
    double seconds;      /* of training, all epochs */
    int64_t epochs_told; /* as many as `curve` has */
    double *scores;      /* [n_scores]; NULL unless done */
    gw__text curve;      /* the JSON of its epochs, commas between; owned */
} gw__compared_run;

typedef struct gw__contender {
    const char *label, *architecture;
    gw__texts overrides; /* of the spec, without seeds: */
    size_t n_made;       /* the first so many are what another architecture needs, the others say more */
    gw__spec *spec;      /* owned */
    bool widened;        /* its experts' widths are not the spec's, so that its parameters are as many */
    uint64_t dense_parameters, table_parameters, multiply_adds; /* 0: no run began, which knows them (dense ones a match does, too) */
    size_t n_done, n_failed, n_canceled;
    double seconds_per_epoch;
    gw__compared_run *runs; /* [n_runs] */
    gw__summary *summaries; /* [n_scores] */
    gw__summary overall;    /* of the mean over the tasks' main scores; n 0 where those are of different metrics */
    size_t *n_warned;       /* [n_kinds] runs in which a kind of warning came up, without canceled ones */
    size_t *n_bad;          /* [T] runs that are no better than a constant; SIZE_MAX: nothing says so */
    const char *page_name;  /* of the file that shows its first run; NULL: none is wanted */
    gw__recorder page;      /* which makes it; owned */
} gw__contender;

#define GW__NO_BASELINE SIZE_MAX

typedef struct gw__comparison {
    gw__arena arena;
    gw_train_options base;  /* spec and overrides that all share: */
    size_t n_shared_sets;   /* so many are the user's */
    gw__spec *spec;         /* by these alone; owned */
    char *spec_text;        /* of standard input; owned */
    gw__contender *contenders;
    size_t n_contenders, baseline;
    size_t n_runs;          /* of each */
    uint64_t first_seed;
    const char *part;       /* "test" or "valid" */
    int64_t rows, train_rows; /* of it, and to learn from */
    gw__score *scores;
    size_t n_scores;
    size_t *mains;          /* [T] the score that says most of a task: auc, rmse, accuracy or pinball, else the loss */
    const char **kinds;     /* of warnings, in the order in which they first come up */
    const char **kind_texts; /* [n_kinds] the first of each in words, and whose it is */
    size_t n_kinds;
    uint64_t match;         /* dense parameters that all should have; 0: as they come */
    size_t n_ended;         /* runs so far */
    gw_compare_listener listener;
    void *listener_context;
} gw__comparison;

/* See gw_compare in gatewright.h, whose work this is. */
gw_status gw__compare(const gw_compare_options *options, gw__text *ret_json, gw_error *err);

/* ---- compare_plan.c ---- */
gw_status gw__compare_plan(gw__comparison *c, const gw_compare_options *options, gw_error *err);
void      gw__comparison_clear(gw__comparison *c);
/* Put one more override behind a contender's, whose spec is read again. */
gw_status gw__contender_set(gw__comparison *c, gw__contender *contender, const char *override, gw_error *err);

/* ---- compare_match.c: reads data.train to know the widths ---- */
gw_status gw__compare_match(gw__comparison *c, gw_error *err);
#define GW__MATCH_TOLERANCE 0.05 /* widths are whole numbers; from here on it is said that a contender is not matched */
/* How far from c->match, as a share of it. */
double    gw__contender_gap(const gw__comparison *c, const gw__contender *contender);
bool      gw__contender_is_off(const gw__comparison *c, const gw__contender *contender);

/* ---- compare_pages.c: a page of each contender's first run, which is known before it is trained, so that no model has to be kept ---- */
gw_status gw__compare_plan_pages(gw__comparison *c, gw_error *err);
/* A file that is there under a page's name may be replaced by it only if it is such a page. */
gw_status gw__compare_check_page(const char *path, gw_error *err);
/* When the files are in place: remove the pages of an earlier comparison, to which nothing leads any more. Other files stay, whatever their names, and
 * so does what cannot be removed: nothing of this comparison is wrong with it. */
void      gw__compare_sweep_pages(const gw__comparison *c, const char *directory);

/* ---- compare_curves.c ---- */
/* The epochs of a run that told of some, in the order in which they were, as documents in `arena`: the first one, which leads to the others. */
gw_status gw__compared_epochs(const gw__compared_run *run, gw__arena *arena, const gw__doc **ret_epoch, gw_error *err);
/* How many epochs the longest run has that is done. */
size_t    gw__compared_length(const gw__comparison *c);
/* A contender's loss by epoch, task by task, over its runs that are done: on the validation part, without one in training. */
gw_status gw__compare_curves(gw__comparison *c, const gw__contender *contender, gw__report_curve *ret_curves, gw_error *err);

/* ---- compare_collect.c ---- */
double    gw__compared_number(const gw__doc *node); /* NaN: it is none, or not there */
gw_status gw__compare_collect(gw__comparison *c, const gw_run_result *results, gw_error *err);

/* ---- compare_health.c ---- */
gw_status gw__compare_collect_warnings(gw__comparison *c, gw_error *err);
/* All that is to be warned of, in sentences: runs that are not done, or learnt nothing, parameters that do not match, and the first warning of each kind. */
gw_status gw__compare_tell_warnings(gw__comparison *c, const char *const **ret_texts, size_t *ret_n, gw_error *err);
/* The first run that failed; NULL: none did. */
const gw__compared_run *gw__contender_failed(const gw__comparison *c, const gw__contender *contender);
/* "no better than a constant: 2 runs on rich, 1 on age"; nothing of runs that are. */
void      gw__contender_put_bad(const gw__comparison *c, const gw__contender *contender, gw__text *out);
/* By how much it is off. */
void      gw__contender_put_gap(const gw__comparison *c, const gw__contender *contender, gw__text *out);

/* ---- compare_write.c ---- */
gw_status gw__compare_write_json(const gw__comparison *c, gw__text *out, gw_error *err);
/* Before anything is trained: the directory is there and may be written, or may be made, and no file in it that will be written is an input. */
gw_status gw__compare_check_output(const gw__comparison *c, const char *directory, gw_error *err);
/* Make the directory if need be and put the files into it, each whole. */
gw_status gw__compare_write(gw__comparison *c, const gw__text *json, const char *directory, gw_error *err);

/* ---- compare_report.c ---- */
gw_status gw__compare_report(gw__comparison *c, gw__text *out, gw_error *err);

#endif
