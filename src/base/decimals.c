#include "base/decimals.h"

#include <math.h>

/* So many that `digits` digits of a value are seen. */
static int decimals_to_see(double value, int digits) {
    int decimals = 0;
    double size = fabs(value), least = 0.95;
    for (int i = 1; i < digits; i++) least *= 10;
    for (; decimals < GW__MOST_DECIMALS && size > 0 && size < least; decimals++) size *= 10;
    return decimals;
}

static void take_least(double *least, double value) {
    if (isfinite(value) && value != 0 && (*least == 0 || fabs(value) < *least)) *least = fabs(value);
}

void gw__decimals_add(gw__decimals *decimals, double mean, double spread, double gain) {
    if (isfinite(mean)) decimals->largest = fmax(decimals->largest, fabs(mean));
    take_least(&decimals->spread, spread);
    take_least(&decimals->gain, gain);
}

int gw__decimals_of(const gw__decimals *decimals) {
    const int least = decimals_to_see(decimals->largest, 4), fine = decimals_to_see(decimals->spread > 0 ? decimals->spread : decimals->gain, 2);
    return fine <= least ? least : fine < least + 2 ? fine : least + 2;
}

int gw__decimals_for(double value, int decimals) {
    const int enough = decimals_to_see(value, 1);
    return enough > decimals && fabs(value) < 0.5 * pow(10, -decimals) ? enough : decimals;
}
