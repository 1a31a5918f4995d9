/* Evaluation: records or a table through the network into metrics. */
#ifndef GW_TRAIN_EVALUATE_H
#define GW_TRAIN_EVALUATE_H

#include "metric/metric.h"
#include "model/model.h"

/* One meter per task, and the memory that scoring needs. One thread at a time. */
typedef struct gw__evaluation {
    gw__meter **meters; /* [T] */
    size_t n_tasks;
    int64_t rows;
    double *gate_sums;    /* over the rows, as gate_use.h has them; NULL: not wanted */
    size_t gate_width;    /* 0: not wanted */
    struct gw__scoring *scoring;
} gw__evaluation;

/* Net and features are borrowed until the evaluation is freed. */
gw_status gw__evaluation_new(const gw__spec *spec, const gw__features *features, const gw__net *net, bool gates, gw__evaluation **ret_evaluation, gw_error *err);
void      gw__evaluation_free(gw__evaluation *evaluation);
void      gw__evaluation_reset(gw__evaluation *evaluation);

/* Score records and fill the meters, adding to what is there. Same result for any number of threads. Allocates only what earlier calls did not. */
gw_status gw__evaluation_add(gw__evaluation *evaluation, const gw__spec *spec, const gw__net *net, const float *flat, const gw__records *records,
                             gw__pool *pool, gw_error *err);

/* {"loss":x,"auc":x,…} per task, as members of the open object "tasks"; what does not exist is null. */
void gw__evaluation_write_tasks(gw__evaluation *evaluation, const gw__spec *spec, gw__json_writer *json);

/* What early stopping watches (the spec checks the name); higher is better, losses come negated. False if it does not exist.
 *   mean         mean over tasks of auc (binary), r2 (regression) or accuracy (multiclass); tasks where that does not exist are left out
 *   loss         sum over tasks of task weight x loss: what training minimises
 *   TASK.METRIC  one metric, or the loss, of one task */
bool gw__evaluation_watch(gw__evaluation *evaluation, const gw__spec *spec, const char *metric, double *ret_value);

#endif
