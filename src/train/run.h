/* One training run from the inside: shared by the loop, its events and its checkpoints. */
#ifndef GW_TRAIN_RUN_H
#define GW_TRAIN_RUN_H

#include "train/checkup.h"
#include "train/evaluate.h"
#include "train/labelled.h"
#include "train/train.h"
#include "train/trainer.h"

/* What a run starts from besides its spec: the model of --init or the checkpoint of --resume. {0}: nothing. Not changed by runs. */
typedef struct gw__origin {
    gw_model *model;
    gw__container container; /* its file */
    const char *path;        /* for messages; borrowed from the options */
} gw__origin;

/* What a run learns from. Read once and not changed after: any number of runs may share it. */
typedef struct gw__intake {
    gw__features *features;
    gw__dataset dataset;
    gw__labelled test;    /* the rows of data.test, if they are kept; else each run reads them at its end */
    bool has_test;        /* that was tried, */
    gw_status test_status; /* and this came of it, which matters at the end of a run only */
    gw_error test_err;
} gw__intake;

/* How far a run is. Together with parameters and optimizer state this is all that a resumed run needs. */
typedef struct gw__progress {
    uint64_t epoch;      /* epochs finished */
    uint64_t step;       /* steps done of the epoch under way */
    double *loss_sums;   /* [T] over those steps: mean loss x labelled rows */
    int64_t *loss_rows;  /* [T] labelled rows */
    uint64_t kept_epoch; /* whose parameters the model holds; 0: none yet */
    bool has_best;       /* kept because of its watched value */
    double best;
    uint64_t waited;     /* epochs since then that were no better */
    gw__text kept_valid; /* {"tasks":{…}} of the kept epoch; empty: not validated */
} gw__progress;

typedef struct gw__run {
    const gw_train_options *options;
    gw__pool *pool;
    const gw__intake *data;
    gw_model *model;           /* its parameters are those kept so far; the trainer has the current ones */
    gw__trainer *trainer;
    gw__evaluation *validation; /* NULL without data.valid */
    gw__scorer *probe;         /* scores the first rows at the end of an epoch: whatever is kept can predict */
    size_t n_probes;
    float *probe_scores;       /* [n_probes, O] */
    uint64_t *rows;            /* [batch] rows of the step under way */
    uint64_t batch, steps_per_epoch;
    gw__progress at;
    gw__checkup checkup;
    double started;            /* clock when the epoch under way began, later by what was not training */
    double told;               /* clock of the last event of a step */
    gw__text test;             /* what the evaluation on data.test found; empty: nothing yet */
} gw__run;

/* Whoever sets it may be another thread, or a signal handler. */
static inline bool gw__is_canceled(const gw_train_options *options) {
    return options->cancel && __atomic_load_n(options->cancel, __ATOMIC_RELAXED);
}

/* ---- intake.c: what a run needs before it is one ---- */
gw_status gw__origin_read(const gw_train_options *options, gw__origin *ret_origin, gw_error *err);
void      gw__origin_clear(gw__origin *from);
/* The spec of a run, whose outputs replace none of its inputs. Owned by the caller. */
gw_status gw__run_spec(const gw_train_options *options, const gw__origin *from, gw__spec **ret_spec, gw_error *err);
gw_status gw__intake_read(const gw_train_options *options, const gw__spec *spec, const gw__origin *from, gw__pool *pool, gw__intake *ret_intake,
                          gw_error *err);
/* Keep the rows of data.test in memory, for more runs than one. Whether that fails is kept, too. */
void      gw__intake_keep_test(gw__intake *intake, const gw_train_options *options, const gw__spec *spec, gw__pool *pool);
void      gw__intake_clear(gw__intake *intake);

/* ---- begin.c: a run that is ready for its next step ---- */
/* Options, data and pool are borrowed until the run is cleared, in any case; the spec is held. */
gw_status gw__run_begin(gw__run *run, const gw_train_options *options, const gw__spec *spec, const gw__origin *from, const gw__intake *data,
                        gw__pool *pool, gw_error *err);
void      gw__run_clear(gw__run *run);

/* ---- loop.c: from there to the end. As gw_train in gatewright.h; ret_model may be NULL ---- */
gw_status gw__run_train(gw__run *run, gw_model **ret_model, gw_error *err);

/* ---- checkpoint.c ---- */
/* Write MODEL.ckpt. Does nothing when the model goes to no file. */
gw_status gw__checkpoint_write(const gw__run *run, gw_error *err);
/* What a checkpoint holds beside its model, into a run with model, dataset and trainer. `path` is for messages. */
gw_status gw__checkpoint_restore(gw__run *run, const gw__container *container, const char *path, gw_error *err);

/* ---- differ.c ---- */
/* GW_E_CONFIG that names the first key in which two specs differ; GW_OK if they are equal. */
gw_status gw__spec_same(const gw__spec *spec, const gw__spec *other, const char *other_name, gw_error *err);

/* ---- events.c. Each does nothing without a listener ---- */
double gw__clock(void); /* seconds, monotonic; never decides anything that is stored */
void gw__report_text(const gw__run *run, gw_event_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
void gw__report_read(const gw__run *run);
void gw__report_step(gw__run *run);
void gw__report_validation_gaps(gw__run *run); /* metrics that do not exist in the validation part */
/* `valid` is {"tasks":{…}} or empty. Out of memory: the event is left out. */
void gw__report_epoch(gw__run *run, double seconds, const gw__text *valid);
void gw__report_test(const gw__run *run, const char *json);

#endif
