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
