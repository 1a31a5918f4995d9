#include "kern/functions.h"

#include <math.h>

static double of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double gw__exp(double x) {
    if (!(x > -745.2)) return x == x ? 0.0 : x;
    if (x > 709.79) return HUGE_VAL;
    double n = rint(x * 1.4426950408889634074);
    double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
    /* Taylor to the 13th term: below 1e-17 for |r| <= ln 2 / 2. */
    double p = 1.0 / 6227020800.0;
    static const double terms[] = {1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24,
                                   1.0 / 6, 1.0 / 2, 1, 1};
    for (int i = 0; i < 13; i++) p = p * r + terms[i];
    return n < -1000 || n > 1000 ? ldexp(p, (int)n) : p * of_bits((uint64_t)(1023 + (int)n) << 52);
}

double gw__log(double x) {
    if (!(x > 0)) return x == 0 ? -HUGE_VAL : NAN;
    if (x == HUGE_VAL) return x;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52) - 1022;
    double m = e > -1022 ? of_bits((bits & 0xFFFFFFFFFFFFF) | (uint64_t)1022 << 52) : frexp(x, &e);
    if (m < 0.70710678118654752440) {
        m *= 2;
        e--;
    }
    /* log m = 2 atanh((m-1)/(m+1)), |s| <= 0.172 */
    static const double terms[] = {1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3};
    double s = (m - 1) / (m + 1), u = s * s, p = 0;
    for (int i = 0; i < 11; i++) p = (p + terms[i]) * u;
    return (e * 1.90821492927058770002e-10 + 2 * s * p) + (2 * s + e * 0.693147180369123816490);
}
