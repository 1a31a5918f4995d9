/* Elementary functions, our own: libm chooses variants at run time, which would move bits, and its calls do not vectorise.
 * Float: branch-free, a few units in the last place. Double: about 1e-15 relative. */
#ifndef GW_KERN_FUNCTIONS_H
#define GW_KERN_FUNCTIONS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float gw__float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* 2^n r-reduced series; saturates at the ends of float, NaN stays NaN. */
static inline float gw__expf(float x) {
    float in = x;
    x = x > 88.7228f ? 88.7228f : x;
    x = x < -87.3365f ? -87.3365f : x;
    float shifted = x * 1.44269504088896f + 12582912.0f; /* the integer lands in the low mantissa bits */
    float n = shifted - 12582912.0f;
    float r = (x - n * 0.693145751953125f) - n * 1.42860682030941723212e-6f;
    float r2 = r * r; /* pairs, so that one row does not wait for eight multiplications in turn */
    float low = (1.0f + r) + r2 * (0.5f + r * 1.66666667e-1f);
    float high = (4.16666667e-2f + r * 8.33333333e-3f) + r2 * (1.38888889e-3f + r * 1.98412698e-4f);
    float p = low + r2 * r2 * high;
    uint32_t bits; /* of NaN they mean nothing, so they must wrap */
    memcpy(&bits, &shifted, sizeof bits);
    /* Half of the exponent at a time, so that the largest results do not pass through infinity. */
    int32_t e = (int32_t)(bits - 0x4B400000u), half = e >> 1;
    float y = p * gw__float_of_bits((uint32_t)(half + 127) << 23) * gw__float_of_bits((uint32_t)(e - half + 127) << 23);
    return in == in ? y : in;
}

static inline float gw__sigmoidf(float x) { return 1.0f / (1.0f + gw__expf(-x)); }

static inline float gw__tanhf(float x) {
    float u = x * x, p = 2.295813797e-3f;
    p = p * u - 8.346950994e-3f;
    p = p * u + 2.176994939e-2f;
    p = p * u - 5.395940394e-2f;
    p = p * u + 1.333330426e-1f;
    p = p * u - 3.333333318e-1f;
    float small = x + x * u * p;
    float large = 1.0f - 2.0f / (gw__expf(2.0f * x) + 1.0f);
    return u < 0.390625f ? small : large;
}

/* Polynomials fitted at Chebyshev nodes: erf(x)/x in x^2 on [0,1]; erfc(x) exp(x^2) in 1/x on [1,6]. */
static inline float gw__erff(float x) {
    float a = x < 0.0f ? -x : x;
    float u = x * x, p = -9.673581379e-6f;
    p = p * u + 1.12682508e-4f;
    p = p * u - 8.484396152e-4f;
    p = p * u + 5.221053387e-3f;
    p = p * u - 2.68654383e-2f;
    p = p * u + 1.128378262e-1f;
    p = p * u - 3.761263848e-1f;
    p = p * u + 1.128379167f;
    a = a > 6.0f ? 6.0f : a;
    float t = 1.0f / (a < 1.0f ? 1.0f : a), q = 4.535707472e-2f;
    q = q * t - 2.622885344e-1f;
    q = q * t + 6.403424744e-1f;
    q = q * t - 8.181625066e-1f;
    q = q * t + 4.82986906e-1f;
    q = q * t + 9.267760923e-2f;
    q = q * t - 3.258075813e-1f;
    q = q * t + 9.229613261e-3f;
    q = q * t + 5.632058188e-1f;
    q = q * t + 4.271470589e-5f;
    float tail = 1.0f - q * gw__expf(-a * a);
    return u < 1.0f ? x * p : (x < 0.0f ? -tail : tail);
}

/* Standard normal distribution function and density, for gelu. */
static inline float gw__phi_cdf(float x) { return 0.5f + 0.5f * gw__erff(x * 0.70710678118654752f); }
static inline float gw__phi_pdf(float x) { return 0.39894228040143268f * gw__expf(-0.5f * x * x); }

/* x^n by squaring: pow's bits may differ between machines. */
static inline double gw__power(double x, uint64_t n) {
    double result = 1;
    for (; n; n >>= 1, x *= x)
        if (n & 1) result *= x;
    return result;
}

double gw__exp(double x);
double gw__log(double x); /* x > 0; -HUGE_VAL at 0, NaN below */

/* The logistic function, and log(1 + exp z), which is -log of it at -z; neither loses what is small. */
static inline double gw__sigmoid(double z) {
    if (z >= 0) return 1 / (1 + gw__exp(-z));
    const double e = gw__exp(z);
    return e / (1 + e);
}
static inline double gw__softplus(double z) { return (z > 0 ? z : 0) + gw__log(1 + gw__exp(-fabs(z))); }

#endif
