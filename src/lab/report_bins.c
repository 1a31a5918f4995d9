#include <math.h>
#include <string.h>

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

static gw__range join(const gw__range *ranges, size_t n) {
    gw__range all = GW__RANGE_EMPTY;
    for (size_t i = 0; i < n; i++) {
        if (gw__range_is_empty(ranges[i])) continue;
        gw__range_add(&all, ranges[i].low);
        gw__range_add(&all, ranges[i].high);
    }
    return all;
}

/* Whether a scale may end at `end`, which is that of one of the ranges. */
static bool ends_well(const gw__range *ranges, size_t n, double end) {
    const gw__range all = join(ranges, n);
    gw__range below = GW__RANGE_EMPTY;
    size_t n_below = 0, n_above = 0;
    for (size_t i = 0; i < n; i++) {
        if (gw__range_is_empty(ranges[i])) continue;
        if (ranges[i].high > end && ranges[i].low <= end) return false;
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

static size_t count_filled(const gw__range *ranges, size_t n) {
    size_t filled = 0;
    for (size_t i = 0; i < n; i++) filled += !gw__range_is_empty(ranges[i]);
    return filled;
}

size_t gw__scale_start(const gw__range *epochs, size_t n, size_t most) {
    const gw__range all = join(epochs, n);
    for (size_t start = 1; start <= n / 4 && start <= most && count_filled(epochs + start, n - start) >= 3; start++) {
        const gw__range rest = join(epochs + start, n - start);
        if (8 * (rest.high - rest.low) < all.high - all.low) return start;
    }
    return 0;
}

void gw__scale_start_write(const gw__range *epochs, size_t start, gw__text *out) {
    const gw__range hidden = join(epochs, start);
    if (gw__range_is_empty(hidden)) return;
    if (start == 1) gw__text_puts(out, "Epoch 1 is");
    else gw__text_addf(out, "Epochs 1 %s %zu are", start == 2 ? "and" : "to", start);
    gw__text low = {0}, high = {0};
    gw__markup_value(&low, hidden.low);
    gw__markup_value(&high, hidden.high);
    if (strcmp(gw__markup_shown(&low), gw__markup_shown(&high)) == 0) gw__text_addf(out, " not shown, with values of about %s.", gw__markup_shown(&low));
    else gw__text_addf(out, " not shown, with values from %s to %s.", gw__markup_shown(&low), gw__markup_shown(&high));
    gw__markup_done(&low, out);
    gw__markup_done(&high, out);
}

gw__range gw__share_interval(double share, int64_t n) {
    const double z = 1.96, rows = (double)n, middle = share + z * z / (2 * rows);
    const double half = z * sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)), scale = 1 + z * z / rows;
    return (gw__range){fmax(0, (middle - half) / scale), fmin(1, (middle + half) / scale)};
}
