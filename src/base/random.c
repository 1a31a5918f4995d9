#include "base/random.h"

#include <math.h>
#include <string.h>

/* ---- Philox ---- */

void gw__philox(const uint32_t key[2], const uint32_t counter[4], uint32_t ret[4]) {
    uint32_t k0 = key[0], k1 = key[1], c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    ret[0] = c0, ret[1] = c1, ret[2] = c2, ret[3] = c3;
}

/* The finaliser of SplitMix64: a bijection, so that different seeds stay different. */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* The counter is (a, b); what the number is for goes into the key. */
static void draw(uint64_t seed, uint32_t purpose, uint64_t a, uint64_t b, uint32_t ret[4]) {
    uint64_t key = mix(seed + purpose * 0x9E3779B97F4A7C15u);
    gw__philox((uint32_t[2]){(uint32_t)key, (uint32_t)(key >> 32)},
               (uint32_t[4]){(uint32_t)b, (uint32_t)(b >> 32), (uint32_t)a, (uint32_t)(a >> 32)}, ret);
}

uint64_t gw__random_bits(uint64_t seed, gw__purpose purpose, uint64_t a, uint64_t b) {
    uint32_t out[4];
    draw(seed, (uint32_t)purpose, a, b, out);
    return (uint64_t)out[1] << 32 | out[0];
}

double gw__random_uniform(uint64_t seed, gw__purpose purpose, uint64_t a, uint64_t b) {
    return (double)(gw__random_bits(seed, purpose, a, b) >> 11) * 0x1p-53;
}

/* ---- normal ---- */

/* log(x) for finite x > 0 by the series of atanh: the same bits on every machine, which libm does not promise. */
static double natural_log(double x) {
    int exponent;
    double m = frexp(x, &exponent); /* [0.5,1) */
    if (m < 0.70710678118654752440) {
        m *= 2;
        exponent--;
    }
    double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
    for (int k = 23; k >= 3; k -= 2) sum = (sum + 1.0 / k) * s2;
    return exponent * 0.69314718055994530942 + 2 * (s + s * sum);
}

/* numerator(x)/denominator(x), coefficients from the constant term on. */
static double ratio(const double a[8], const double b[8], double x) {
    double above = a[7], below = b[7];
    for (int i = 6; i >= 0; i--) {
        above = above * x + a[i];
        below = below * x + b[i];
    }
    return above / below;
}

/* The quantile of the standard normal: algorithm AS 241, PPND16 (Wichura 1988), relative error about 1e-16; 0 < p < 1. */
static double normal_quantile(double p) {
    static const double a[8] = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
                                4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3};
    static const double b[8] = {1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
                                2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3};
    static const double c[8] = {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
                                1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[8] = {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
                                1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9};
    static const double e[8] = {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
                                2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[8] = {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
                                7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15};
    double q = p - 0.5;
    if (fabs(q) <= 0.425) return q * ratio(a, b, 0.180625 - q * q);
    double r = sqrt(-natural_log(q < 0 ? p : 1 - p));
    double value = r <= 5 ? ratio(c, d, r - 1.6) : ratio(e, f, r - 5);
    return q < 0 ? -value : value;
}

double gw__random_normal(uint64_t seed, gw__purpose purpose, uint64_t a, uint64_t b) {
    /* 52 bits and a half: symmetric about one half, and neither 0 nor 1 */
    return normal_quantile(((double)(gw__random_bits(seed, purpose, a, b) >> 12) + 0.5) * 0x1p-52);
}

/* ---- hash: XXH64 with seed 0, from its specification ---- */

#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u
#define P4 0x85EBCA77C2B2AE63u
#define P5 0x27D4EB2F165667C5u

static uint64_t rotate(uint64_t x, int n) {
    return x << n | x >> (64 - n);
}

static uint64_t little(const unsigned char *p, int n) {
    uint64_t x = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&x, p, (size_t)n);
#else
    for (int i = n; i-- > 0;) x = x << 8 | p[i];
#endif
    return x;
}

static uint64_t absorb(uint64_t sum, uint64_t input) {
    return rotate(sum + input * P2, 31) * P1;
}

static uint64_t hash_stripes(const unsigned char *p, size_t n_stripes) {
    uint64_t sum[4] = {P1 + P2, P2, 0, 0 - P1}, h;
    for (; n_stripes > 0; n_stripes--) {
        for (int i = 0; i < 4; i++, p += 8) sum[i] = absorb(sum[i], little(p, 8));
    }
    h = rotate(sum[0], 1) + rotate(sum[1], 7) + rotate(sum[2], 12) + rotate(sum[3], 18);
    for (int i = 0; i < 4; i++) h = (h ^ absorb(0, sum[i])) * P1 + P4;
    return h;
}

uint64_t gw__hash(const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    size_t rest = n;
    uint64_t h = P5;
    if (n >= 32) {
        h = hash_stripes(p, n / 32);
        p += n / 32 * 32;
        rest = n % 32;
    }
    h += n;
    for (; rest >= 8; rest -= 8, p += 8) h = rotate(h ^ absorb(0, little(p, 8)), 27) * P1 + P4;
    if (rest >= 4) {
        h = rotate(h ^ little(p, 4) * P1, 23) * P2 + P3;
        p += 4;
        rest -= 4;
    }
    for (; rest > 0; rest--) h = rotate(h ^ *p++ * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

/* ---- shuffle ---- */

gw__shuffle gw__shuffle_of(uint64_t seed, uint64_t epoch, uint64_t n) {
    gw__shuffle shuffle = {.n = n};
    while (shuffle.half_bits < 32 && (uint64_t)1 << (2 * shuffle.half_bits) < n) shuffle.half_bits++;
    for (uint64_t part = 0; part < 2; part++) draw(seed, GW__RANDOM_SHUFFLE, epoch, part, shuffle.keys + 4 * part);
    return shuffle;
}

/* A 32-bit finaliser (the one of MurmurHash3), keyed. Its top bits are the best mixed. */
static uint64_t feistel_round(uint64_t half, uint32_t key, uint32_t bits) {
    uint32_t x = (uint32_t)half * 0x9E3779B1u ^ key;
    x = (x ^ x >> 16) * 0x85EBCA6Bu;
    x = (x ^ x >> 13) * 0xC2B2AE35u;
    return (x ^ x >> 16) >> (32 - bits);
}

uint64_t gw__shuffle_at(const gw__shuffle *shuffle, uint64_t i) {
    uint32_t bits = shuffle->half_bits;
    if (bits == 0) return 0; /* one item */
    uint64_t mask = ((uint64_t)1 << bits) - 1;
    do { /* the permutation of the power of two is walked from i until it comes back inside: fewer than 4 steps on average */
        uint64_t left = i >> bits, right = i & mask;
        for (int round = 0; round < 8; round++) {
            uint64_t next = left ^ feistel_round(right, shuffle->keys[round], bits);
            left = right;
            right = next;
        }
        i = left << bits | right;
    } while (i >= shuffle->n);
    return i;
}
