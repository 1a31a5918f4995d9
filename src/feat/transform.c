/* Numbers on their way to the network.
 *   standard  (x - mean) / deviation        minmax  (x - min) / (max - min), constant columns 0
 *   log1p     sign(x) log(1 + |x|)          quantile  (rank - 1) / (n - 1) in the training part, see quantile_of
 * Only operations that are exact or correctly rounded everywhere are used, so that the bits never depend on the machine. */
#include "feat/fitted.h"

/* log(1+x) = e log 2 + 2 atanh(s), s = (m-1)/(m+1), for 1+x = m 2^e with m in [sqrt(1/2), sqrt(2)). What rounding 1+x lost is put back
 * by the first term of the series around it. The odd series to s^23 is exact to a rounding, as |s| <= 0.1716. */
double gw__log1p(double x) {
    static const double log2_high = 0x1.62e42fee00000p-1, log2_low = 0x1.a39ef35793c76p-33; /* e log2_high is exact */
    if (x < 0x1p-28) return x - x * x / 2;
    double sum = 1 + x, lost = x < 1 ? x - (sum - 1) : 1 - (sum - x);
    int exponent;
    double m = frexp(sum, &exponent);
    if (m < 0x1.6a09e667f3bcdp-1) m *= 2, exponent--;
    double s = (m - 1) / (m + 1), square = s * s, series = 0;
    for (int k = 23; k >= 3; k -= 2) series = (series + 1.0 / k) * square;
    double tail = 2 * s * series + exponent * log2_low + lost / sum;
    return exponent * log2_high + (2 * s + tail);
}

/* Number of knots below x (or, with `or_equal`, not above it). */
static size_t knots_below(const gw__step *step, double x, bool or_equal) {
    size_t low = 0, high = step->n_knots;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool below = or_equal ? step->knots[middle] <= x : step->knots[middle] < x;
        if (below) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Knot i stands for the quantile i/(n-1); equal knots stand for the middle of theirs. */
static double quantile_of(const gw__step *step, double x) {
    size_t n = step->n_knots, below = knots_below(step, x, false), upto = knots_below(step, x, true);
    if (n == 0) return 0;
    if (upto == 0) return 0;
    if (below == n) return 1;
    if (n == 1) return 0.5;
    if (upto > below) return (double)(below + upto - 1) / 2 / (double)(n - 1);
    double left = step->knots[below - 1], right = step->knots[below];
    double share = (x / 2 - left / 2) / (right / 2 - left / 2); /* halves: the difference of two doubles may overflow */
    return ((double)(below - 1) + share) / (double)(n - 1);
}

double gw__steps_apply(const gw__step *steps, size_t n_steps, double x) {
    for (size_t k = 0; k < n_steps; k++) {
        const gw__step *step = &steps[k];
        switch (step->kind) {
        case GW__TRANSFORM_STANDARD:
        case GW__TRANSFORM_MINMAX: x = step->scale == 0 ? 0 : (x - step->shift) / step->scale; break;
        case GW__TRANSFORM_LOG1P: x = x < 0 ? -gw__log1p(-x) : gw__log1p(x); break;
        case GW__TRANSFORM_QUANTILE: x = quantile_of(step, x); break;
        case GW__TRANSFORM_NONE: break;
        }
    }
    return x;
}

void gw__numbers_apply(const gw__feature *feature, const double *x, size_t n, float *ret) {
    const gw__step *step = &feature->steps[0];
    bool linear = feature->spec->n_transforms == 1 && (step->kind == GW__TRANSFORM_STANDARD || step->kind == GW__TRANSFORM_MINMAX);
    if (linear && step->scale != 0) {
        double fill = feature->fill, shift = step->shift, scale = step->scale;
        for (size_t i = 0; i < n; i++) ret[i] = (float)(((isnan(x[i]) ? fill : x[i]) - shift) / scale);
    } else {
        for (size_t i = 0; i < n; i++) ret[i] = gw__number_apply(feature, x[i]);
    }
}
