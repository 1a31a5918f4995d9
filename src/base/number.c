#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define EXACT_DIGITS 19    /* any so many digits fit a uint64_t */
#define ENOUGH_DIGITS 800  /* more than 767 digits cannot move a rounding, if a non-zero rest is still known */
#define LARGEST_EXPONENT 100000

/* A decimal number taken apart: digits x 10^exponent. */
typedef struct decimal {
    uint64_t digits;     /* the first 19 significant ones */
    int64_t exponent;    /* of `digits`, the written one included */
    int64_t written;     /* what stands behind the e */
    bool negative, more; /* more: non-zero digits follow those 19 */
    const char *at, *end; /* the mantissa's text */
} decimal;

static bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

/* Digits of the mantissa beyond the 19th, and leading zeros, are the rare case. */
static void take_long_mantissa(decimal *d) {
    bool point = false;
    int64_t exponent = 0;
    uint64_t digits = 0;
    int n = 0;
    for (const char *p = d->at; p < d->end; p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        if (n == EXACT_DIGITS) {
            d->more |= *p != '0';
            exponent += !point;
            continue;
        }
        digits = digits * 10 + (uint64_t)(*p - '0');
        n += digits != 0;
        exponent -= point;
    }
    d->digits = digits;
    d->exponent = exponent;
}

static bool take_exponent(const char *p, const char *end, int64_t *ret) {
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end) return false;
    int64_t value = 0;
    for (; p < end; p++) {
        if (!is_digit(*p)) return false;
        if (value < LARGEST_EXPONENT) value = value * 10 + (*p - '0');
    }
    *ret = negative ? -value : value;
    return true;
}

/* ---- eight digits at a time: a word holds eight characters, the first in its lowest byte ---- */

#define ALL_BYTES(c) (0x0101010101010101u * (uint64_t)(c))

static uint64_t load_word(const char *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static uint64_t load_half(const char *p) {
    uint32_t half;
    memcpy(&half, p, sizeof half);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    half = __builtin_bswap32(half);
#endif
    return half;
}

/* Fewer than eight characters, at the upper end. */
static uint64_t load_few(const char *p, size_t n) {
    if (n >= 4) return load_half(p + n - 4) << 32 | load_half(p) << 8 * (8 - n);
    uint64_t word = (uint64_t)(unsigned char)p[n - 1] << 56;
    if (n > 1) word |= (uint64_t)(unsigned char)p[n - 2] << 48;
    if (n > 2) word |= (uint64_t)(unsigned char)p[0] << 40;
    return word;
}

/* Non-zero if some character is no digit: of a digit, and of what is 6 beyond it, the upper half is 3. */
static uint64_t odd_ones(uint64_t word) {
    return ((word ^ ALL_BYTES('0')) | ((word + ALL_BYTES(6)) ^ ALL_BYTES('0'))) & ALL_BYTES(0xF0);
}

/* The value of eight digits: pairs, then fours, then all. */
static uint64_t digits_value(uint64_t word) {
    word = (word & ALL_BYTES(0x0F)) * 2561 >> 8;
    word = (word & 0x00FF00FF00FF00FFu) * 6553601 >> 16;
    return (word & 0x0000FFFF0000FFFFu) * 42949672960001u >> 32;
}

/* Sixteen digits, a value of 0 to 9 in each byte, as one number. The plain version defines what is right. */
static inline uint64_t pair_value(uint64_t low, uint64_t high) {
#if defined(__SSE2__)
    __m128i d = _mm_set_epi64x((long long)high, (long long)low);
    d = _mm_srli_epi16(_mm_mullo_epi16(d, _mm_set1_epi16(2561)), 8);
    d = _mm_madd_epi16(d, _mm_set1_epi32(1 << 16 | 100));
    d = _mm_madd_epi16(_mm_packs_epi32(d, d), _mm_set1_epi32(1 << 16 | 10000));
    uint64_t eights = (uint64_t)_mm_cvtsi128_si64(d);
    return (eights & 0xFFFFFFFF) * 100000000 + (eights >> 32);
#else
    return digits_value(low) * 100000000 + digits_value(high);
#endif
}

/* The first '.' as its lowest bit; 0: there is none. */
static uint64_t find_point(uint64_t word) {
    word ^= ALL_BYTES('.');
    return (word - ALL_BYTES(1)) & ~word & ALL_BYTES(0x80);
}

/* The word without its point: what stands before it moves up, and `first` comes in. */
static uint64_t close_point(uint64_t word, uint64_t point, uint64_t first) {
    uint64_t below = (point >> 7) - 1;
    return (word & ~(below << 8 | 0xFF)) | (word & below) << 8 | first;
}

/* 1 to 16 characters of digits with at most one point, as a number without it. False for others. Two words hold them, '0' before them. */
static bool short_digits(const char *p, size_t n, uint64_t *ret_digits, unsigned *ret_decimals) {
    uint64_t low = ALL_BYTES('0'), high, point;
    unsigned decimals = 0;
    if (n > 8) {
        high = load_word(p + n - 8);
        low = load_word(p) << 8 * (16 - n) | low >> 8 >> 8 * (n - 9);
    } else {
        high = n < 8 ? load_few(p, n) | low >> 8 * n : load_word(p);
    }
    if ((point = find_point(low)) != 0) {
        decimals = 15 - (unsigned)__builtin_ctzll(point) / 8;
        low = close_point(low, point, '0');
    } else if ((point = find_point(high)) != 0) {
        decimals = 7 - (unsigned)__builtin_ctzll(point) / 8;
        high = close_point(high, point, low >> 56);
        low = low << 8 | '0';
    }
    if ((odd_ones(low) | odd_ones(high)) != 0 || (n == 1 && point != 0)) return false;
    *ret_digits = pair_value(low & ALL_BYTES(0x0F), high & ALL_BYTES(0x0F));
    *ret_decimals = decimals;
    return true;
}

/* Digits from p on; *ret is where they end. Their value is that of the last 19 at least. */
static uint64_t take_digits(const char *p, const char *end, uint64_t digits, const char **ret) {
    while (end - p >= 8 && odd_ones(load_word(p)) == 0) {
        digits = digits * 100000000 + digits_value(load_word(p));
        p += 8;
    }
    for (; p < end && is_digit(*p); p++) digits = digits * 10 + (uint64_t)(*p - '0');
    *ret = p;
    return digits;
}

static bool take_apart(gw__slice text, decimal *ret) {
    const char *p = text.at, *end = p + text.n, *point = NULL;
    decimal d = {0};
    if (p < end && (*p == '-' || *p == '+')) d.negative = *p++ == '-';
    d.at = p;
    d.digits = take_digits(p, end, 0, &p);
    if (p < end && *p == '.') {
        point = p;
        d.digits = take_digits(p + 1, end, d.digits, &p);
    }
    d.end = p;
    size_t n_digits = (size_t)(p - d.at) - (point != NULL);
    if (n_digits == 0) return false;
    d.exponent = point == NULL ? 0 : -(int64_t)(p - point - 1);
    if (n_digits > EXACT_DIGITS) take_long_mantissa(&d);
    if (p < end) {
        if ((*p != 'e' && *p != 'E') || !take_exponent(p + 1, end, &d.written)) return false;
        d.exponent += d.written;
    }
    *ret = d;
    return true;
}

static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static uint64_t power_of_five(int n) {
    uint64_t power = 1;
    for (; n > 0; n--) power *= 5;
    return power;
}

/* value, and something below if `rest`, times 2^exponent: rounded to the nearest double, ties to even. For results that are normal. */
static double round_to_double(unsigned __int128 value, bool rest, int exponent) {
    uint64_t high = (uint64_t)(value >> 64), low = (uint64_t)value;
    int bits = high != 0 ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll(low), shift = bits - 53;
    if (shift <= 0) return ldexp((double)low, exponent); /* exact: only products, which have no rest, are so small */
    uint64_t kept = (uint64_t)(value >> shift);
    unsigned __int128 half = (unsigned __int128)1 << (shift - 1), below = value & ((half << 1) - 1);
    if (below > half || (below == half && (rest || (kept & 1) != 0))) kept++;
    return ldexp((double)kept, exponent + shift);
}

/* digits x 10^exponent for |exponent| <= 27, where 5^|exponent| fits 64 bits: exact in 128-bit integers. */
static double from_digits(uint64_t digits, int exponent) {
    if (digits == 0) return 0;
    if (digits < (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22) { /* both exact: one rounding (Clinger 1990) */
        return exponent < 0 ? (double)digits / tens[-exponent] : (double)digits * tens[exponent];
    }
    if (exponent >= 0) return round_to_double((unsigned __int128)digits * power_of_five(exponent), false, exponent);
    uint64_t divisor = power_of_five(-exponent);
    int shift = 64 + __builtin_clzll(digits); /* the quotient has 64 bits or more */
    unsigned __int128 value = (unsigned __int128)digits << shift;
    unsigned __int128 quotient = value / divisor;
    return round_to_double(quotient, quotient * divisor != value, exponent - shift);
}

/* Any number at all, by the C library. Its significant digits are copied without a point, so that neither length nor locale matters. */
static double by_library(const decimal *d) {
    char text[ENOUGH_DIGITS + 40];
    size_t n = 0;
    bool point = false, rest = false;
    int64_t exponent = d->written;
    for (const char *p = d->at; p < d->end; p++) {
        if (*p == '.') {
            point = true;
        } else if (n == ENOUGH_DIGITS) {
            rest |= *p != '0';
            exponent += !point;
        } else {
            if (n > 0 || *p != '0') text[n++] = *p;
            exponent -= point;
        }
    }
    if (rest) {
        text[n++] = '1';
        exponent--;
    }
    if (n == 0) return 0;
    snprintf(text + n, sizeof text - n, "e%lld", (long long)exponent);
    return strtod(text, NULL);
}

/* With more than 19 digits the value lies between two numbers of 19; where both round alike, that is it. */
static double value_of(const decimal *d) {
    if (d->exponent >= -27 && d->exponent <= 27 && (!d->more || d->digits < UINT64_MAX)) {
        double value = from_digits(d->digits, (int)d->exponent);
        if (!d->more || value == from_digits(d->digits + 1, (int)d->exponent)) return value;
    }
    return by_library(d);
}

/* Nearly all numbers: a sign, up to 16 characters, no exponent, digits that a double holds. There is no loop here, as guessing its
 * length wrong would cost more than all the rest. */
static inline bool parse_short(gw__slice text, double *ret) {
    static const double sign[] = {1, -1};
    if (text.n == 0) return false;
    size_t negative = text.at[0] == '-', n = text.n - (negative | (text.at[0] == '+'));
    uint64_t digits;
    unsigned decimals;
    if (n - 1 >= 16 || !short_digits(text.at + text.n - n, n, &digits, &decimals) || digits >= (uint64_t)1 << 53) return false;
    *ret = (double)(int64_t)digits / tens[decimals] * sign[negative];
    return true;
}

/* Apart, so that its registers are not saved for the others. */
static __attribute__((noinline)) bool parse_any(gw__slice text, double *ret) {
    decimal d;
    if (!take_apart(text, &d)) return false;
    double value = value_of(&d);
    if (value > DBL_MAX) return false;
    *ret = d.negative ? -value : value;
    return true;
}

/* The usual number of a table: a sign, one digit, the point and 8 to 14 digits more. The last eight characters are a word; the other is what
 * stands before them, with the first digit in the point's place. */
static inline bool parse_fraction(const char *text, size_t n, double *ret) {
    static const double signed_tens[2][15] = {
        {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14},
        {-1e0, -1e1, -1e2, -1e3, -1e4, -1e5, -1e6, -1e7, -1e8, -1e9, -1e10, -1e11, -1e12, -1e13, -1e14},
    };
    if (n - 10 > 7) return false;
    size_t negative = text[0] == '-', decimals = n - negative - 2;
    const char *p = text + negative;
    if (decimals - 8 > 6 || p[1] != '.') return false;
    uint64_t low = load_word(p + 1) ^ ALL_BYTES('0'), high = load_word(text + n - 8) ^ ALL_BYTES('0');
    low = ((low & ~(uint64_t)0xFF) | (unsigned char)(p[0] ^ '0')) << 8 * (15 - decimals);
    if (((low | high | (low + ALL_BYTES(6)) | (high + ALL_BYTES(6))) & ALL_BYTES(0xF0)) != 0) return false;
    *ret = (double)(int64_t)pair_value(low, high) / signed_tens[negative][decimals];
    return true;
}

static bool parse_others(gw__slice text, double *ret) {
    return parse_short(text, ret) || parse_any(text, ret);
}

bool gw__parse_double(gw__slice text, double *ret) {
    return parse_fraction(text.at, text.n, ret) || parse_others(text, ret);
}

size_t gw__parse_doubles(const char *text, const int32_t *spans, size_t stride, size_t n, double *ret) {
    for (size_t i = 0; i < n; i++, spans += stride) {
        gw__slice cell = {text + spans[0], (size_t)(spans[1] - spans[0])};
        if (!parse_fraction(cell.at, cell.n, &ret[i]) && !parse_others(cell, &ret[i])) return i;
    }
    return n;
}

bool gw__parse_int64(gw__slice text, int64_t *ret) {
    const char *p = text.at, *end = p + text.n;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end) return false;
    int64_t value = 0; /* kept negative: its range is larger by one */
    for (; p < end; p++) {
        if (!is_digit(*p) || __builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, *p - '0', &value)) return false;
    }
    if (!negative && value == INT64_MIN) return false;
    *ret = negative ? value : -value;
    return true;
}

/* What stands between the digits is the locale's point, of one or more bytes. */
static int mend_point(char *text, int n) {
    int at = 0;
    while (at < n && (is_digit(text[at]) || text[at] == '-' || text[at] == '+')) at++;
    if (at == n || text[at] == '.' || (text[at] >= 'a' && text[at] <= 'z')) return n;
    int after = at;
    while (after < n && !is_digit(text[after])) after++;
    text[at] = '.';
    memmove(text + at + 1, text + after, (size_t)(n - after) + 1);
    return n - (after - at - 1);
}

/* |value| x 10^power rounded to a whole number, ties to even, as the C library rounds: m x 2^e is exact in integers.
 * For 2^24 > m and powers within 27, where nothing leaves 128 bits. */
static uint64_t scale(uint32_t m, int e, int power) {
    unsigned __int128 value = m, unit = 1;
    if (power >= 0) value *= power_of_five(power);
    else unit = power_of_five(-power);
    int shift = e + power;
    if (shift >= 0) value <<= shift;
    else if (shift > -120) unit <<= -shift;
    else return 0;
    unsigned __int128 whole = value / unit, rest = value % unit;
    return (uint64_t)whole + (rest > unit - rest || (rest == unit - rest && (whole & 1) != 0));
}

/* digits, nine of them, of a number with its point behind the first, times 10^exponent: as "%.9g" writes it. */
static int put_digits(char *out, bool negative, uint32_t digits, int exponent) {
    char text[9];
    int n = 9, at = 0;
    for (int i = 8; i >= 0; i--, digits /= 10) text[i] = (char)('0' + digits % 10);
    while (n > 1 && text[n - 1] == '0') n--;
    if (negative) out[at++] = '-';
    bool plain = exponent >= -4 && exponent < 9;
    int point = plain ? exponent : 0; /* the digit before the point */
    if (point < 0) {
        memcpy(out + at, "0.000", 5);
        at += 1 - point;
    }
    for (int i = 0; i < n || i <= point; i++) {
        if (point >= 0 && i == point + 1) out[at++] = '.';
        out[at++] = i < n ? text[i] : '0';
    }
    if (!plain) { /* of a float: two digits */
        int size = exponent < 0 ? -exponent : exponent;
        char tail[4] = {'e', exponent < 0 ? '-' : '+', (char)('0' + size / 10), (char)('0' + size % 10)};
        memcpy(out + at, tail, 4);
        at += 4;
    }
    out[at] = '\0';
    return at;
}

int gw__format_float(float value, char out[24]) {
    float size = fabsf(value);
    if (!(size >= 1e-18f && size < 1e34f)) return mend_point(out, snprintf(out, 24, "%.9g", (double)value)); /* 0 and the rare */
    int e;
    uint32_t m = (uint32_t)ldexpf(frexpf(size, &e), 24);
    e -= 24;
    int exponent = (int)floor((e + 23) * 0.30102999566398120); /* of ten: right, or one too small */
    uint64_t digits = scale(m, e, 8 - exponent);
    if (digits >= 1000000000) { /* ten digits, or rounded up to them */
        exponent++;
        digits = scale(m, e, 8 - exponent);
    }
    return put_digits(out, value < 0, (uint32_t)digits, exponent);
}

int gw__format_double(double value, char out[32]) {
    /* Up to 15 digits survive the way through a normal double, so "%.15g", which drops final zeros, finds the shortest of those. */
    int digits = fabs(value) < DBL_MIN ? 1 : 15, n = 0;
    for (; digits <= 17; digits++) {
        double back;
        n = mend_point(out, snprintf(out, 32, "%.*g", digits, value));
        if (gw__parse_double((gw__slice){out, (size_t)n}, &back) && back == value) break;
    }
    return n;
}
