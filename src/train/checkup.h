/* A run's own look at itself: when it is taken and what it costs, what is told of it, and what is warned of, each once. docs/health.md has the figures,
 * the thresholds and the schedule. Reads the run; changes nothing that a later step sees. */
#ifndef GW_TRAIN_CHECKUP_H
#define GW_TRAIN_CHECKUP_H

#include "train/findings.h"
#include "train/task_gradients.h"

struct gw__run;

typedef struct gw__checkup {
    gw__health *health;            /* NULL: not wanted */
    gw__task_gradients *gradients; /* NULL: there is one task, or too much to keep */
    bool owns_gradients;
    const gw__records *records;    /* that experts and gates are looked at on */
    uint64_t *rows;                /* [n_rows] of the training part, whose gradients are compared */
    size_t n_rows;
    bool measured;                 /* in the epoch under way */
    double *cosines;               /* [T,T]; NAN: a task without a gradient of shared parameters */
    double *norms, *against;       /* [T] of the gradients, and the cosine with the sum of the others' */
    double *against_sums;          /* [T] of these cosines, over the looks of which there were so many: */
    uint64_t n_looks;
    double *first_loss;            /* [T] of the first epoch, if this process saw it */
    bool saw_first;
    gw__warnings warnings;         /* in JSON: those that no epoch has told yet */
} gw__checkup;

/* Memory for everything, and what is known before the first step. Without a listener nothing is looked at. */
gw_status gw__checkup_begin(struct gw__run *run, gw_error *err);
void      gw__checkup_clear(gw__checkup *checkup);
/* After the steps and the validation of an epoch. */
gw_status gw__checkup_epoch(struct gw__run *run, gw_error *err);
/* ,"health":{…} if the epoch was looked at, and ,"warnings":[…] if there are new ones. */
void      gw__checkup_write(struct gw__run *run, gw__text *out);

/* ---- warnings.c ---- */

/* What the last measurement shows, of experts, gates and tasks. */
gw_status gw__warn_of_health(struct gw__run *run, gw_error *err);
/* What the losses of the epoch show. */
void      gw__warn_of_losses(struct gw__run *run);

#endif
