/* Numbers to and from text, independent of the locale. */
#ifndef GW_BASE_NUMBER_H
#define GW_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Decimal notation only ("-12.5e-3", "+7", ".5"): no hexadecimal, no inf, no nan, no blanks. Correctly rounded.
 * False if the whole slice is not such a number, or it is beyond double. */
bool gw__parse_double(gw__slice text, double *ret);
/* n of them, text[spans[i * stride]] to before text[spans[i * stride + 1]], up to the first that is none: how many there were before it. */
size_t gw__parse_doubles(const char *text, const int32_t *spans, size_t stride, size_t n, double *ret);
bool gw__parse_int64(gw__slice text, int64_t *ret); /* [+-]digits; false on overflow */

/* "%.9g" as C's locale writes it, enough to restore any float. Returns the length; out has room for 24 bytes. */
int gw__format_float(float value, char out[24]);
/* The shortest text that restores the double exactly. out has room for 32 bytes. Finite values only. */
int gw__format_double(double value, char out[32]);

#endif
