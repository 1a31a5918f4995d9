/* Evaluation: records or a table through the network into metrics. */
#ifndef GW_TRAIN_EVALUATE_H
#define GW_TRAIN_EVALUATE_H

#include "metric/metric.h"
#include "model/model.h"

/* One meter per task, reset and filled. */
typedef struct gw__evaluation {
    gw__meter **meters; /* [T] */
    size_t n_tasks;
    int64_t rows;
    double *gate_sums;  /* [gate_width], NULL unless gates were asked for */
} gw__evaluation;

gw_status gw__evaluation_new(const gw__spec *spec, const gw__features *features, const gw__net *net, bool gates, gw__evaluation **ret_evaluation, gw_error *err);
void      gw__evaluation_free(gw__evaluation *evaluation);

/* Score records and fill the meters, adding to what is there. Same result for any number of threads. */
gw_status gw__evaluation_add(gw__evaluation *evaluation, const gw__spec *spec, const gw__net *net, const float *flat, const gw__records *records,
                             gw__pool *pool, gw_error *err);
/* {"loss":x,"auc":x,…} per task, as members of the open object "tasks"; what does not exist is null. */
void gw__evaluation_write_tasks(gw__evaluation *evaluation, const gw__spec *spec, gw__json_writer *json);
/* The value that early stopping watches (higher is better; losses come negated). `metric`: mean, loss, TASK.METRIC. False if it does not exist. */
bool gw__evaluation_watch(gw__evaluation *evaluation, const gw__spec *spec, const char *metric, double *ret_value);

#endif
