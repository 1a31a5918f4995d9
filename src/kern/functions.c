#include "kern/functions.h"

#include <math.h>

double gw__exp(double x) {
    if (!(x > -745.2)) return x == x ? 0.0 : x;
    if (x > 709.79) return HUGE_VAL;
    double n = rint(x * 1.4426950408889634074);
    double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
    /* Taylor to the 13th term: below 1e-17 for |r| <= ln 2 / 2. */
    double p = 1.0 / 6227020800.0;
    static const double factorial[] = {479001600, 39916800, 3628800, 362880, 40320, 5040, 720, 120, 24, 6, 2, 1, 1};
    for (int i = 0; i < 13; i++) p = p * r + 1.0 / factorial[i];
    return ldexp(p, (int)n);
}

double gw__log(double x) {
    if (!(x > 0)) return x == 0 ? -HUGE_VAL : NAN;
    if (x == HUGE_VAL) return x;
    int e;
    double m = frexp(x, &e);
    if (m < 0.70710678118654752440) {
        m *= 2;
        e--;
    }
    /* log m = 2 atanh((m-1)/(m+1)), |s| <= 0.172 */
    double s = (m - 1) / (m + 1), u = s * s, p = 0;
    for (int k = 23; k >= 3; k -= 2) p = (p + 1.0 / k) * u;
    return (e * 1.90821492927058770002e-10 + 2 * s * p) + (2 * s + e * 0.693147180369123816490);
}
