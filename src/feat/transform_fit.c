#include <stdlib.h>

#include "feat/fit.h"

#define BLOCK 512 /* divides GW__CHUNK_ROWS */
#define SUMS 4

/* The training values of a column as the transforms fitted so far give them, a block of rows at a time. */
typedef struct values {
    const gw__feature *feature;
    const gw__staged *staged;
    const gw__lane *lane;
    size_t n_steps;
    size_t row;
    double at[BLOCK];
    size_t n;
} values;

static bool next_block(values *v) {
    const gw__staged *staged = v->staged;
    size_t left = staged->n_rows - v->row, n = left < BLOCK ? left : BLOCK;
    if (n == 0) return false;
    const double *cells = gw__lane_numbers(v->lane, v->row), fill = v->feature->fill;
    const uint8_t *parts = staged->parts + v->row;
    v->n = 0;
    for (size_t i = 0; i < n; i++) { /* without branches: what is no training row is overwritten by the next */
        v->at[v->n] = isnan(cells[i]) ? fill : cells[i];
        v->n += parts[i] == GW__PART_TRAIN;
    }
    for (size_t i = 0; v->n_steps > 0 && i < v->n; i++) v->at[i] = gw__steps_apply(v->feature->steps, v->n_steps, v->at[i]);
    v->row += n;
    return true;
}

/* Sums of a block, of the deviations from `mean` to a power of one or two; always in the same order. */
static double sum_block(const values *v, double mean, bool squares) {
    double sums[SUMS] = {0};
    size_t i = 0;
    for (; i + SUMS <= v->n; i += SUMS) {
        for (size_t k = 0; k < SUMS; k++) {
            double x = v->at[i + k] - mean;
            sums[k] += squares ? x * x : x;
        }
    }
    for (; i < v->n; i++) {
        double x = v->at[i] - mean;
        sums[0] += squares ? x * x : x;
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static void fit_standard(gw__step *step, values *v) {
    double sum = 0, squares = 0;
    size_t n = 0;
    for (v->row = 0; next_block(v); n += v->n) sum += sum_block(v, 0, false);
    double mean = n ? sum / (double)n : 0;
    for (v->row = 0; next_block(v);) squares += sum_block(v, mean, true);
    double deviation = n ? sqrt(squares / (double)n) : 0;
    step->shift = mean;
    step->scale = deviation > 0 ? deviation : 1;
}

static void fit_minmax(gw__step *step, values *v) {
    double low = INFINITY, high = -INFINITY;
    for (v->row = 0; next_block(v);) {
        for (size_t i = 0; i < v->n; i++) {
            if (v->at[i] < low) low = v->at[i];
            if (v->at[i] > high) high = v->at[i];
        }
    }
    step->shift = low;
    step->scale = high > low ? high - low : 0;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double sorted_at(const double *sorted, size_t n, size_t i, size_t n_knots) {
    if (n_knots == 1) return sorted[0];
    uint64_t at = (uint64_t)i * (n - 1), whole = at / (n_knots - 1), rest = at % (n_knots - 1);
    if (rest == 0) return sorted[whole];
    double share = (double)rest / (double)(n_knots - 1), left = sorted[whole], right = sorted[whole + 1];
    double value = left * (1 - share) + right * share;
    return value < left ? left : value > right ? right : value;
}

static gw_status fit_quantile(gw__step *step, values *v, gw_error *err) {
    gw_status status = GW_OK;
    double *sorted = NULL;
    size_t n = 0, capacity = 0;
    for (v->row = 0; next_block(v); n += v->n) {
        GW__TRY(gw__grow((void **)&sorted, &capacity, n + v->n, sizeof *sorted, err));
        memcpy(sorted + n, v->at, v->n * sizeof *sorted);
    }
    qsort(sorted, n, sizeof *sorted, compare_doubles);
    size_t n_knots = n < GW__KNOTS ? n : GW__KNOTS;
    step->knots = gw__aligned_alloc(n_knots, sizeof *step->knots);
    if (!step->knots) GW__FAIL(gw__fail_nomem(err));
    step->n_knots = n_knots;
    for (size_t i = 0; i < n_knots; i++) step->knots[i] = sorted_at(sorted, n, i, n_knots);
cleanup:
    free(sorted);
    return status;
}

static gw_status fit_median(gw__feature *feature, const gw__staged *staged, const gw__lane *lane, gw_error *err) {
    gw_status status = GW_OK;
    double *sorted = NULL;
    size_t n = 0, capacity = 0;
    for (size_t row = 0; row < staged->n_rows; row++) {
        double x = gw__lane_number(lane, row);
        if (staged->parts[row] != GW__PART_TRAIN || isnan(x)) continue;
        GW__TRY(gw__grow((void **)&sorted, &capacity, n + 1, sizeof *sorted, err));
        sorted[n++] = x;
    }
    if (n) qsort(sorted, n, sizeof *sorted, compare_doubles);
    feature->fill = n ? sorted[(n - 1) / 2] / 2 + sorted[n / 2] / 2 : 0;
    if (n % 2) feature->fill = sorted[n / 2]; /* halves of the smallest doubles are not exact */
cleanup:
    free(sorted);
    return status;
}

static double mean_of_present(const gw__staged *staged, const gw__lane *lane) {
    double sum = 0;
    size_t n = 0;
    for (size_t row = 0; row < staged->n_rows; row++) {
        double x = gw__lane_number(lane, row);
        if (staged->parts[row] != GW__PART_TRAIN || isnan(x)) continue;
        sum += x;
        n++;
    }
    return n ? sum / (double)n : 0;
}

static gw_status fit_missing(gw__feature *feature, const gw__staged *staged, const gw__lane *lane, gw_error *err) {
    switch (feature->spec->missing) {
    case GW__MISSING_MEAN: feature->fill = mean_of_present(staged, lane); break;
    case GW__MISSING_MEDIAN: return fit_median(feature, staged, lane, err);
    case GW__MISSING_VALUE: feature->fill = feature->spec->missing_value; break;
    case GW__MISSING_ZERO:
    case GW__MISSING_FAIL: feature->fill = 0; break;
    }
    return GW_OK;
}

gw_status gw__number_fit(gw__feature *feature, const gw__staged *staged, const gw__lane *lane, gw_error *err) {
    gw_status status;
    GW__TRY(fit_missing(feature, staged, lane, err));
    for (size_t k = 0; k < feature->spec->n_transforms; k++) {
        gw__step *step = &feature->steps[k];
        values v = {.feature = feature, .staged = staged, .lane = lane, .n_steps = k};
        step->kind = feature->spec->transforms[k];
        if (step->kind == GW__TRANSFORM_STANDARD) fit_standard(step, &v);
        if (step->kind == GW__TRANSFORM_MINMAX) fit_minmax(step, &v);
        if (step->kind == GW__TRANSFORM_QUANTILE) GW__TRY(fit_quantile(step, &v, err));
        bool finite = isfinite(step->shift) && isfinite(step->scale);
        for (size_t i = 0; i < step->n_knots && finite; i++) finite = isfinite(step->knots[i]);
        if (finite) continue;
        GW__FAIL(gw__fail_at(err, GW_E_DATA, NULL, 0, 0, "column '%s': its values are too large to be transformed", feature->name));
    }
    if (!isfinite(feature->fill)) GW__FAIL(gw__fail(err, GW_E_DATA, "column '%s': its values are too large to have a mean", feature->name));
cleanup:
    return status;
}
