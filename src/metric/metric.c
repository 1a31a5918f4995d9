/* Meters: sums for what adds up, and the scores themselves for what needs their order (AUC). A score is kept as four bytes whose order as an
 * integer is its order as a number, so sorting is a radix sort and ties are exact. */
#include "metric/metric.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kern/functions.h"
#include "metric/ranking.h"

#define ECE_BINS 10
#define LOG_LOSS_CLIP 1e-7
#define LEAST_MEAN 1e-7 /* of a count */

typedef struct bin {
    double predicted, observed;
} bin;

struct gw__meter {
    gw_task_type type;
    size_t width;
    bool grouped;
    const double *quantiles;
    int64_t rows;
    double loss_sum, loss_weight;
    double log_loss, absolute, squared; /* sums over the rows */
    double label_mean, label_spread;    /* regression: Welford's running mean and sum of squared deviations */
    double deviance, entropy;           /* count: the sums of the rows' deviance, and of y log y */
    double ranks[2], squared_ranks[2];  /* ordinal: sums over predicted ranks, and over the labels' */
    double pinball;                     /* quantile */
    int64_t right, positives;           /* right: of quantiles, those covered */
    bin bins[ECE_BINS];
    gw__ranking scores[2];              /* binary: of the negatives, of the positives; quantile: the labels */
    gw__group_ranking groups;           /* binary, grouped */
};

static const struct {
    const char *word;
    gw_task_type type;
    int better;
    gw__bounds range;
} roster[GW__METRICS] = {
#define UNIT {0, 1}
#define SIGNED_UNIT {-1, 1}
#define NOT_NEGATIVE {0, INFINITY}
#define UP_TO_ONE {-INFINITY, 1}
#define X(name, word, type, better, range) [GW__METRIC_##name] = {word, GW_TASK_##type, better, range},
    GW__METRIC_ROSTER(X)
#undef X
};

const char *gw__metric_name(gw__metric metric) { return roster[metric].word; }
gw_task_type gw__metric_task_type(gw__metric metric) { return roster[metric].type; }
int gw__metric_better(gw__metric metric) { return roster[metric].better; }
gw__bounds gw__metric_bounds(gw__metric metric) { return roster[metric].range; }

gw_status gw__meter_new(gw_task_type type, size_t width, bool grouped, const double *quantiles, gw__meter **ret_meter, gw_error *err) {
    assert(width >= 1 && (width == 1 || type >= GW_TASK_MULTICLASS));
    gw__meter *meter = calloc(1, sizeof *meter);
    if (!meter) return gw__fail_nomem(err);
    meter->type = type;
    meter->width = width;
    meter->grouped = grouped && type == GW_TASK_BINARY;
    meter->quantiles = quantiles;
    *ret_meter = meter;
    return GW_OK;
}

void gw__meter_free(gw__meter *meter) {
    if (!meter) return;
    gw__ranking_clear(&meter->scores[0]);
    gw__ranking_clear(&meter->scores[1]);
    gw__group_ranking_clear(&meter->groups);
    free(meter);
}

/* Everything back to zero but the memory of the scores, which the next epoch needs again. */
void gw__meter_reset(gw__meter *meter) {
    gw__meter fresh = {.type = meter->type, .width = meter->width, .grouped = meter->grouped, .quantiles = meter->quantiles};
    memcpy(fresh.scores, meter->scores, sizeof fresh.scores);
    fresh.groups = meter->groups;
    gw__ranking_reset(&fresh.scores[0]);
    gw__ranking_reset(&fresh.scores[1]);
    gw__group_ranking_reset(&fresh.groups);
    *meter = fresh;
}

static double clipped(double p) {
    return p < LOG_LOSS_CLIP ? LOG_LOSS_CLIP : p > 1 - LOG_LOSS_CLIP ? 1 - LOG_LOSS_CLIP : p;
}

static void add_binary(gw__meter *meter, float output, bool positive) {
    double p = output;
    meter->positives += positive;
    meter->log_loss -= gw__log(positive ? clipped(p) : 1 - clipped(p));
    meter->right += (p >= 0.5) == positive;
    int at = p >= 1 ? ECE_BINS - 1 : p > 0 ? (int)(p * ECE_BINS) : 0;
    meter->bins[at].predicted += p;
    meter->bins[at].observed += positive;
}

static void add_regression(gw__meter *meter, float output, float label) {
    double difference = (double)output - label, from_mean = label - meter->label_mean;
    meter->absolute += fabs(difference);
    meter->squared += difference * difference;
    meter->label_mean += from_mean / (double)(meter->rows + 1);
    meter->label_spread += from_mean * (label - meter->label_mean);
}

static void add_multiclass(gw__meter *meter, const float *output, size_t label) {
    size_t best = 0;
    for (size_t i = 1; i < meter->width; i++)
        if (output[i] > output[best]) best = i;
    meter->right += best == label;
    double p = output[label];
    meter->log_loss -= p >= 1 ? 0 : gw__log(p < LOG_LOSS_CLIP ? LOG_LOSS_CLIP : p);
}

static void add_count(gw__meter *meter, float output, float label) {
    const double mean = output < LEAST_MEAN ? LEAST_MEAN : output, y = label, entropy = y > 0 ? y * gw__log(y) : 0;
    add_regression(meter, output, label);
    meter->entropy += entropy;
    meter->deviance += 2 * (entropy - (y > 0 ? y * gw__log(mean) : 0) - y + mean);
}

/* The first class up to which probabilities add up to a half. */
static size_t median_rank(const gw__meter *meter, const float *output) {
    double sum = output[0];
    size_t rank = 0;
    while (sum < 0.5 && rank + 1 < meter->width) sum += output[++rank];
    return rank;
}

static void add_ordinal(gw__meter *meter, const float *output, size_t label) {
    const double ranks[2] = {(double)median_rank(meter, output), (double)label}, difference = ranks[0] - ranks[1];
    add_multiclass(meter, output, label);
    meter->absolute += fabs(difference);
    meter->squared += difference * difference;
    for (int i = 0; i < 2; i++) {
        meter->ranks[i] += ranks[i];
        meter->squared_ranks[i] += ranks[i] * ranks[i];
    }
}

static void add_quantiles(gw__meter *meter, const float *output, float label) {
    const size_t n = meter->width;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double t = meter->quantiles[i], r = (double)label - output[i];
        sum += r >= 0 ? t * r : (t - 1) * r;
        if (t == 0.5) meter->absolute += fabs(r);
    }
    meter->pinball += sum / (double)n;
    meter->right += (n == 1 || label >= output[0]) && label <= output[n - 1];
}

gw_status gw__meter_add(gw__meter *meter, const float *output, float label, uint64_t group, double loss, double weight, gw_error *err) {
    bool positive = label > 0.5f;
    gw_status status = GW_OK;
    switch (meter->type) {
    case GW_TASK_BINARY:
        if ((status = gw__ranking_add(&meter->scores[positive], *output, err)) != GW_OK) return status;
        if (meter->grouped && (status = gw__group_ranking_add(&meter->groups, group, *output, positive, err)) != GW_OK) return status;
        add_binary(meter, *output, positive);
        break;
    case GW_TASK_REGRESSION:
        add_regression(meter, *output, label);
        break;
    case GW_TASK_COUNT:
        add_count(meter, *output, label);
        break;
    case GW_TASK_QUANTILE:
        if ((status = gw__ranking_add(&meter->scores[0], label, err)) != GW_OK) return status;
        add_quantiles(meter, output, label);
        break;
    case GW_TASK_MULTICLASS:
    case GW_TASK_ORDINAL:
        if (!(label >= 0) || label >= (float)meter->width)
            return gw__fail(err, GW_E_INTERNAL, "class %g of a task with %zu classes", (double)label, meter->width);
        if (meter->type == GW_TASK_ORDINAL) add_ordinal(meter, output, (size_t)label);
        else add_multiclass(meter, output, (size_t)label);
        break;
    }
    meter->rows++;
    meter->loss_sum += weight * loss;
    meter->loss_weight += weight;
    return GW_OK;
}

int64_t gw__meter_rows(const gw__meter *meter) { return meter->rows; }
double gw__meter_loss(const gw__meter *meter) { return meter->loss_weight > 0 ? meter->loss_sum / meter->loss_weight : NAN; }

static double calibration(const gw__meter *meter) {
    double predicted = 0;
    for (int i = 0; i < ECE_BINS; i++) predicted += meter->bins[i].predicted;
    return meter->positives ? predicted / (double)meter->positives : NAN;
}

static double expected_calibration_error(const gw__meter *meter) {
    double sum = 0;
    for (int i = 0; i < ECE_BINS; i++) sum += fabs(meter->bins[i].predicted - meter->bins[i].observed);
    return sum / (double)meter->rows;
}

/* How much of the deviance from the labels' own mean is explained. */
static double explained_deviance(const gw__meter *meter) {
    const double n = (double)meter->rows, total = n * meter->label_mean, null = total > 0 ? 2 * (meter->entropy - total * gw__log(meter->label_mean)) : 0;
    return meter->label_spread > 0 && null > 0 ? 1 - meter->deviance / null : NAN;
}

/* Cohen's kappa with quadratic weights (Cohen 1968): 1 - observed / expected disagreement, both as sums over rows. */
static double weighted_kappa(const gw__meter *meter) {
    const double n = (double)meter->rows;
    const double expected = meter->squared_ranks[0] + meter->squared_ranks[1] - 2 * meter->ranks[0] * meter->ranks[1] / n;
    return expected > 0 ? 1 - meter->squared / expected : NAN;
}

static double explained_pinball(gw__meter *meter) {
    double own = 0;
    for (size_t i = 0; i < meter->width; i++) own += gw__ranking_pinball(&meter->scores[0], meter->quantiles[i]) / (double)meter->width;
    return own > 0 ? 1 - meter->pinball / own : NAN;
}

static bool has_median(const gw__meter *meter) {
    for (size_t i = 0; i < meter->width; i++)
        if (meter->quantiles[i] == 0.5) return true;
    return false;
}

static double metric_value(gw__meter *meter, gw__metric metric) {
    double n = (double)meter->rows;
    switch (metric) {
    case GW__METRIC_AUC: return gw__ranking_auc(&meter->scores[0], &meter->scores[1]);
    case GW__METRIC_GAUC: return meter->grouped ? gw__group_ranking_auc(&meter->groups) : NAN;
    case GW__METRIC_LOG_LOSS:
    case GW__METRIC_ORDINAL_LOG_LOSS:
    case GW__METRIC_CLASS_LOG_LOSS: return meter->log_loss / n;
    case GW__METRIC_CALIBRATION: return calibration(meter);
    case GW__METRIC_ECE: return expected_calibration_error(meter);
    case GW__METRIC_ACCURACY:
    case GW__METRIC_ORDINAL_ACCURACY:
    case GW__METRIC_QUANTILE_COVERAGE:
    case GW__METRIC_CLASS_ACCURACY: return (double)meter->right / n;
    case GW__METRIC_COUNT_RMSE:
    case GW__METRIC_RMSE: return sqrt(meter->squared / n);
    case GW__METRIC_COUNT_MAE:
    case GW__METRIC_ORDINAL_MAE:
    case GW__METRIC_MAE: return meter->absolute / n;
    case GW__METRIC_R2: return meter->label_spread > 0 ? 1 - meter->squared / meter->label_spread : NAN;
    case GW__METRIC_COUNT_DEVIANCE: return meter->deviance / n;
    case GW__METRIC_COUNT_D2: return explained_deviance(meter);
    case GW__METRIC_ORDINAL_KAPPA: return weighted_kappa(meter);
    case GW__METRIC_QUANTILE_PINBALL: return meter->pinball / n;
    case GW__METRIC_QUANTILE_D2: return explained_pinball(meter);
    case GW__METRIC_QUANTILE_MAE: return has_median(meter) ? meter->absolute / n : NAN;
    case GW__METRICS: break;
    }
    return NAN;
}

bool gw__meter_value(gw__meter *meter, gw__metric metric, double *ret_value) {
    bool applies = meter->rows > 0 && roster[metric].type == meter->type;
    *ret_value = applies ? metric_value(meter, metric) : NAN;
    return isfinite(*ret_value);
}

/* ---- what a binary task's scores look like ---- */

#define ROC_STEPS 200 /* between corners that are 2 apart, both axes together */

size_t gw__meter_roc(gw__meter *meter, gw__roc_point ret_points[GW__ROC_POINTS]) {
    gw__ranking *negatives = &meter->scores[0], *positives = &meter->scores[1];
    const double n_negatives = (double)negatives->n, n_positives = (double)positives->n;
    gw__ranking_walk at = {0};
    gw__ranking_step step;
    size_t n = 0;
    double taken = 0;
    if (meter->type != GW_TASK_BINARY || negatives->n == 0 || positives->n == 0) return 0;
    ret_points[n++] = (gw__roc_point){0, 0};
    while (gw__ranking_next(negatives, positives, &at, &step)) {
        const gw__roc_point point = {(double)at.negatives / n_negatives, (double)at.positives / n_positives};
        const double way = point.false_positives + point.true_positives;
        const bool is_last = at.negatives == negatives->n && at.positives == positives->n;
        if (!is_last && way - taken < 2.0 / ROC_STEPS) continue;
        ret_points[n++] = point;
        taken = way;
    }
    return n;
}

/* A bin is closed as soon as it has its share, half of it counted in rows and half in positives; the last one takes what is left. */
size_t gw__meter_score_bins(gw__meter *meter, size_t n, gw__score_bin *ret_bins) {
    gw__ranking *negatives = &meter->scores[0], *positives = &meter->scores[1];
    const size_t n_rows = negatives->n + positives->n;
    gw__ranking_walk at = {0};
    gw__ranking_step step;
    size_t n_bins = 0;
    double score_sum = 0;
    int64_t rows = 0, yes = 0;
    if (meter->type != GW_TASK_BINARY) return 0;
    while (gw__ranking_next(negatives, positives, &at, &step)) {
        const size_t here = step.negatives + step.positives, done = at.negatives + at.positives;
        score_sum += (double)step.score * (double)here;
        rows += (int64_t)here;
        yes += (int64_t)step.positives;
        const double share = (double)rows / (double)n_rows, share_of_yes = positives->n > 0 ? (double)yes / (double)positives->n : share;
        if (done < n_rows && (share + share_of_yes) / 2 * (double)n < 1) continue;
        ret_bins[n_bins++] = (gw__score_bin){score_sum / (double)rows, (double)yes / (double)rows, rows};
        score_sum = 0;
        rows = yes = 0;
    }
    for (size_t i = 0; i < n_bins / 2; i++) { /* the walk went down */
        const gw__score_bin low = ret_bins[n_bins - 1 - i];
        ret_bins[n_bins - 1 - i] = ret_bins[i];
        ret_bins[i] = low;
    }
    return n_bins;
}
