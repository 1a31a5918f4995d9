/* Metrics of one task over a whole set: exact, never averaged over batches. Row by row in, values out.
 *   binary:      auc (ties one half), gauc (per group, weighted by rows, one-class groups skipped), log_loss (p clipped at 1e-7),
 *                calibration (sum of predicted / sum of observed), ece (expected calibration error, 10 bins of equal width), accuracy (p >= 0.5 says yes)
 *   regression:  rmse, mae, r2
 *   multiclass:  accuracy (the first of equal classes), log_loss (p clipped below)
 * Every labelled row counts once: row weights weigh the loss, not the metrics. */
#ifndef GW_METRIC_METRIC_H
#define GW_METRIC_METRIC_H

#include "base/mem.h"
#include "gatewright.h"

#define GW__METRIC_ROSTER(X)              \
    X(AUC, "auc", BINARY, 1)              \
    X(GAUC, "gauc", BINARY, 1)            \
    X(LOG_LOSS, "log_loss", BINARY, -1)   \
    X(CALIBRATION, "calibration", BINARY, 0) \
    X(ECE, "ece", BINARY, -1)             \
    X(ACCURACY, "accuracy", BINARY, 1)    \
    X(RMSE, "rmse", REGRESSION, -1)       \
    X(MAE, "mae", REGRESSION, -1)         \
    X(R2, "r2", REGRESSION, 1)            \
    X(CLASS_ACCURACY, "accuracy", MULTICLASS, 1) \
    X(CLASS_LOG_LOSS, "log_loss", MULTICLASS, -1)

typedef enum gw__metric {
#define X(name, word, type, better) GW__METRIC_##name,
    GW__METRIC_ROSTER(X)
#undef X
    GW__METRICS
} gw__metric;

const char *gw__metric_name(gw__metric metric);
gw_task_type gw__metric_task_type(gw__metric metric);
int gw__metric_better(gw__metric metric); /* 1: higher is better, -1: lower, 0: neither */

typedef struct gw__meter gw__meter;

/* `width`: 1, or the number of classes. */
gw_status gw__meter_new(gw_task_type type, size_t width, bool grouped, gw__meter **ret_meter, gw_error *err);
void      gw__meter_free(gw__meter *meter);
void      gw__meter_reset(gw__meter *meter);
/* One labelled row: output [width], its label, its group (if grouped), its loss (what training minimises) and weight. */
gw_status gw__meter_add(gw__meter *meter, const float *output, float label, uint64_t group, double loss, double weight, gw_error *err);
int64_t   gw__meter_rows(const gw__meter *meter);
double    gw__meter_loss(const gw__meter *meter); /* weighted mean; NaN without rows */
/* False (and NaN) where the value does not exist: one class only, no rows, no spread, metric of another task type. */
bool      gw__meter_value(gw__meter *meter, gw__metric metric, double *ret_value);

#endif
