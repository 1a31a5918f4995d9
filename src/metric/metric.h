/* Metrics of one task over a whole set: exact, never averaged over batches. Row by row in, values out.
 *   binary:      auc (ties one half), gauc (per group, weighted by rows, one-class groups skipped), log_loss (p clipped at 1e-7),
 *                calibration (sum of predicted / sum of observed), ece (expected calibration error, 10 bins of equal width), accuracy (p >= 0.5 says yes)
 *   regression:  rmse, mae, r2
 *   multiclass:  accuracy (the first of equal classes), log_loss (p clipped below)
 *   count:       deviance (the mean of 2 (y log(y/m) - (y-m)), m the predicted mean, at least 1e-7), d2 (1 - deviance / that of the labels' mean), rmse, mae
 *   ordinal:     accuracy and log_loss as above; mae and kappa (with quadratic weights) of ranks, where the predicted one is the median: the first
 *                class up to which probabilities add up to a half
 *   quantile:    pinball (the mean over the quantiles), d2 (1 - pinball / that of the labels' own quantiles), coverage (the share of labels not below
 *                the lowest of several quantiles and not above the highest; of one, not above it), mae (of the median, where it is predicted)
 * Every labelled row counts once: row weights weigh the loss, not the metrics. */
#ifndef GW_METRIC_METRIC_H
#define GW_METRIC_METRIC_H

#include "base/mem.h"
#include "gatewright.h"

/* Name, word, type of task, 1: higher is better, -1: lower, 0: neither, and between which values it is. */
#define GW__METRIC_ROSTER(X) \
    X(AUC, "auc", BINARY, 1, UNIT) \
    X(GAUC, "gauc", BINARY, 1, UNIT) \
    X(LOG_LOSS, "log_loss", BINARY, -1, NOT_NEGATIVE) \
    X(CALIBRATION, "calibration", BINARY, 0, NOT_NEGATIVE) \
    X(ECE, "ece", BINARY, -1, UNIT) \
    X(ACCURACY, "accuracy", BINARY, 1, UNIT) \
    X(RMSE, "rmse", REGRESSION, -1, NOT_NEGATIVE) \
    X(MAE, "mae", REGRESSION, -1, NOT_NEGATIVE) \
    X(R2, "r2", REGRESSION, 1, UP_TO_ONE) \
    X(CLASS_ACCURACY, "accuracy", MULTICLASS, 1, UNIT) \
    X(CLASS_LOG_LOSS, "log_loss", MULTICLASS, -1, NOT_NEGATIVE) \
    X(COUNT_DEVIANCE, "deviance", COUNT, -1, NOT_NEGATIVE) \
    X(COUNT_D2, "d2", COUNT, 1, UP_TO_ONE) \
    X(COUNT_RMSE, "rmse", COUNT, -1, NOT_NEGATIVE) \
    X(COUNT_MAE, "mae", COUNT, -1, NOT_NEGATIVE) \
    X(ORDINAL_ACCURACY, "accuracy", ORDINAL, 1, UNIT) \
    X(ORDINAL_LOG_LOSS, "log_loss", ORDINAL, -1, NOT_NEGATIVE) \
    X(ORDINAL_MAE, "mae", ORDINAL, -1, NOT_NEGATIVE) \
    X(ORDINAL_KAPPA, "kappa", ORDINAL, 1, SIGNED_UNIT) \
    X(QUANTILE_PINBALL, "pinball", QUANTILE, -1, NOT_NEGATIVE) \
    X(QUANTILE_D2, "d2", QUANTILE, 1, UP_TO_ONE) \
    X(QUANTILE_COVERAGE, "coverage", QUANTILE, 0, UNIT) \
    X(QUANTILE_MAE, "mae", QUANTILE, -1, NOT_NEGATIVE)

typedef enum gw__metric {
#define X(name, word, type, better, range) GW__METRIC_##name,
    GW__METRIC_ROSTER(X)
#undef X
    GW__METRICS
} gw__metric;

const char *gw__metric_name(gw__metric metric);
gw_task_type gw__metric_task_type(gw__metric metric);
int gw__metric_better(gw__metric metric); /* 1: higher is better, -1: lower, 0: neither */

/* What a number can be, both ends included. */
typedef struct gw__bounds { double least, most; } gw__bounds;
gw__bounds gw__metric_bounds(gw__metric metric);

typedef struct gw__meter gw__meter;

/* `width`: 1, or the number of classes or quantiles; `quantiles`: [width], ascending, borrowed until the meter is freed; only of type quantile. */
gw_status gw__meter_new(gw_task_type type, size_t width, bool grouped, const double *quantiles, gw__meter **ret_meter, gw_error *err);
void      gw__meter_free(gw__meter *meter);
void      gw__meter_reset(gw__meter *meter);
/* One labelled row: output [width], its label, its group (if grouped), its loss (what training minimises) and weight. */
gw_status gw__meter_add(gw__meter *meter, const float *output, float label, uint64_t group, double loss, double weight, gw_error *err);
int64_t   gw__meter_rows(const gw__meter *meter);
double    gw__meter_loss(const gw__meter *meter); /* weighted mean; NaN without rows */
/* False (and NaN) where the value does not exist: one class only, no rows, no spread, metric of another task type. */
bool      gw__meter_value(gw__meter *meter, gw__metric metric, double *ret_value);

/* ---- what a binary task's scores look like ---- */

typedef struct gw__roc_point { double false_positives, true_positives; } gw__roc_point; /* rates */

#define GW__ROC_POINTS 203 /* room for the most that gw__meter_roc gives */

/* The ROC curve from (0,0) to (1,1). Each point is exactly on it; of more than 200 thresholds those are left out that lie less than a hundredth of the
 * way from one corner to the other, along both axes together, behind the last one that was taken. The number of points; 0 with one class only. */
size_t gw__meter_roc(gw__meter *meter, gw__roc_point ret_points[GW__ROC_POINTS]);

/* Rows of neighbouring scores: their mean, and the share of positives among them. */
typedef struct gw__score_bin {
    double predicted, observed;
    int64_t rows;
} gw__score_bin;

/* At most n bins by ascending score, each with about the same share of rows and positives (the mean of the two shares, so that rare positives are seen as well
 * as the many negatives); equal scores stay together. The number of bins; 0 without rows. */
size_t gw__meter_score_bins(gw__meter *meter, size_t n, gw__score_bin *ret_bins);

#endif
