/* What early stopping watches. */
#include <math.h>
#include <string.h>

#include "train/evaluate.h"

/* The metric that says most about a task of each type, among those of which more is better. */
static const gw__metric chief[] = {
#define X(name, word, loss, chief) [GW_TASK_##name] = GW__METRIC_##chief,
    GW__TASK_ROSTER(X)
#undef X
};

/* One number of one task. */
typedef struct watched {
    size_t task;
    bool is_loss;
    gw__metric metric;
} watched;

/* TASK.METRIC taken apart; task names hold no dot. The spec was checked, so that false means a defect of the caller. */
static bool find(const gw__spec *spec, const char *name, watched *ret) {
    const char *dot = strchr(name, '.');
    *ret = (watched){.task = spec->n_tasks};
    for (size_t t = 0; dot && t < spec->n_tasks; t++)
        if (gw__slice_is((gw__slice){name, (size_t)(dot - name)}, spec->tasks[t].name)) ret->task = t;
    if (ret->task == spec->n_tasks) return false;
    ret->is_loss = strcmp(dot + 1, "loss") == 0;
    for (int i = 0; i < GW__METRICS && !ret->is_loss; i++) {
        ret->metric = (gw__metric)i;
        if (gw__metric_task_type(ret->metric) == spec->tasks[ret->task].type && strcmp(dot + 1, gw__metric_name(ret->metric)) == 0) return true;
    }
    return ret->is_loss;
}

/* Mean of the tasks' chief metrics, over those that have one. */
static double mean_value(gw__evaluation *evaluation, const gw__spec *spec) {
    double sum = 0, value;
    size_t n = 0;
    for (size_t t = 0; t < evaluation->n_tasks; t++) {
        if (!gw__meter_value(evaluation->meters[t], chief[spec->tasks[t].type], &value)) continue;
        sum += value;
        n++;
    }
    return n ? sum / (double)n : NAN;
}

static double loss_value(gw__evaluation *evaluation, const gw__spec *spec) {
    double sum = 0;
    size_t n = 0;
    for (size_t t = 0; t < evaluation->n_tasks; t++) {
        if (gw__meter_rows(evaluation->meters[t]) == 0) continue;
        sum += spec->tasks[t].weight * gw__meter_loss(evaluation->meters[t]);
        n++;
    }
    return n ? -sum : NAN;
}

static double task_value(gw__evaluation *evaluation, const gw__spec *spec, const char *metric) {
    watched w;
    double value;
    if (!find(spec, metric, &w)) return NAN;
    if (w.is_loss) return -gw__meter_loss(evaluation->meters[w.task]);
    if (!gw__meter_value(evaluation->meters[w.task], w.metric, &value)) return NAN;
    return gw__metric_better(w.metric) * value;
}

bool gw__evaluation_watch(gw__evaluation *evaluation, const gw__spec *spec, const char *metric, double *ret_value) {
    double value = strcmp(metric, "mean") == 0   ? mean_value(evaluation, spec)
                   : strcmp(metric, "loss") == 0 ? loss_value(evaluation, spec)
                                                 : task_value(evaluation, spec, metric);
    *ret_value = value;
    return isfinite(value);
}
