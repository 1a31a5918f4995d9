/* A training run that ends in a report. */
#ifndef GW_LAB_REPORT_RUN_H
#define GW_LAB_REPORT_RUN_H

#include "lab/report.h"
#include "train/train.h"

/* Whoever hears what a run says, and looks at it when it is over, makes its report: as text, or, with a path, as a file. Begin with {0} and what
 * is to be known; both functions below are called by the run's thread only. */
typedef struct gw__recorder {
    const char *spec_path;        /* whose name is the title; NULL or "-": the architecture is */
    const char *label;            /* what the run is called beside others, or NULL */
    const gw__report_way *back;   /* a page that led here, or NULL */
    const char *path;             /* where the page goes; NULL: to `page` */
    gw__text page;
    gw__arena arena;              /* what was said, and later all of the report */
    struct gw__said *epochs;      /* the last one first */
    const char *test;
    int64_t n_epochs;
    bool failed;
} gw__recorder;

void gw__recorder_hear(gw__recorder *recorder, const gw_event *event);
gw__witness gw__recorder_witness(gw__recorder *recorder);
void gw__recorder_clear(gw__recorder *recorder);

/* See gw_train and report_path in gatewright.h, whose work this is. */
gw_status gw__report_train(const gw_train_options *options, gw_model **ret_model, gw_error *err);

#endif
