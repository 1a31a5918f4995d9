#include <math.h>

#include "lab/report_parts.h"

void gw__bins_count(const double *values, size_t n_values, gw__range range, size_t n, size_t *ret_counts) {
    const double width = (range.high - range.low) / (double)n;
    for (size_t i = 0; i < n; i++) ret_counts[i] = 0;
    for (size_t i = 0; i < n_values; i++) {
        if (!(values[i] >= range.low && values[i] <= range.high) || !(width > 0)) continue;
        const size_t at = (size_t)((values[i] - range.low) / width);
        ret_counts[at < n ? at : n - 1]++;
    }
}

/* Whether a scale may end at `end`, which is that of one of the ranges. */
static bool ends_well(const gw__range *ranges, size_t n, double end) {
    gw__range below = GW__RANGE_EMPTY, all = GW__RANGE_EMPTY;
    size_t n_below = 0, n_above = 0;
    for (size_t i = 0; i < n; i++) {
        if (gw__range_is_empty(ranges[i])) continue;
        if (ranges[i].high > end && ranges[i].low <= end) return false;
        gw__range_add(&all, ranges[i].low);
        gw__range_add(&all, ranges[i].high);
        if (gw__range_is_above(ranges[i], end)) {
            n_above++;
            continue;
        }
        gw__range_add(&below, ranges[i].low);
        gw__range_add(&below, ranges[i].high);
        n_below++;
    }
    const double width = below.high - below.low;
    return n_above > 0 && n_below >= 2 && n_below >= n_above && width > 0 && all.high - all.low > 4 * width;
}

double gw__scale_limit(const gw__range *ranges, size_t n) {
    double limit = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (!gw__range_is_empty(ranges[i]) && ranges[i].high > limit && ends_well(ranges, n, ranges[i].high)) limit = ranges[i].high;
    return isfinite(limit) ? limit : INFINITY;
}
