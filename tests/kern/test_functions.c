/* The elementary functions against libm in double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kern/functions.h"

/* The largest |f - exact| / max(|exact|, floor) over a fine grid. */
static double worst(float (*f)(float), double (*exact)(double), double from, double to, double floor_value) {
    double most = 0;
    for (int i = 0; i <= 200000; i++) {
        float x = (float)(from + (to - from) * i / 200000);
        double want = exact(x), scale = fabs(want) > floor_value ? fabs(want) : floor_value;
        double off = fabs(f(x) - want) / scale;
        if (!(off <= most)) most = off;
    }
    return most;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double cdf(double x) { return 0.5 * erfc(-x / sqrt(2)); }

static void float_functions_are_close(void **state) {
    (void)state;
    assert_true(worst(gw__expf, exp, -87.3, 88.7, 0) < 2e-7);
    assert_true(worst(gw__sigmoidf, sigmoid, -80, 80, 1e-30) < 4e-7);
    assert_true(worst(gw__tanhf, tanh, -12, 12, 0) < 3e-7);
    assert_true(worst(gw__erff, erf, -7, 7, 0) < 3e-7);
    assert_true(worst(gw__phi_cdf, cdf, -8, 8, 0.01) < 1e-5);
}

static void ends_are_defined(void **state) {
    (void)state;
    assert_true(gw__expf(1e9f) > 3e38f && isfinite(gw__expf(88.7f)));
    assert_true(gw__expf(-1e9f) >= 0 && gw__expf(-1e9f) < 1e-37f);
    assert_true(gw__sigmoidf(1e9f) == 1.0f && gw__sigmoidf(-1e9f) < 1e-37f);
    assert_true(gw__tanhf(1e9f) == 1.0f && gw__tanhf(-1e9f) == -1.0f && gw__tanhf(0) == 0);
    volatile float none[] = {NAN, -NAN}; /* not folded by the compiler, so that sanitizers see the integers behind them, too */
    for (size_t i = 0; i < 2; i++) assert_true(isnan(gw__expf(none[i])) && isnan(gw__tanhf(none[i])) && isnan(gw__sigmoidf(none[i])));
    assert_true(gw__exp(-1e9) == 0 && isinf(gw__exp(1e9)) && isnan(gw__exp(NAN)));
    assert_true(isinf(gw__log(0)) && isnan(gw__log(-1)));
}

static void double_functions_are_close(void **state) {
    (void)state;
    for (int i = 0; i <= 100000; i++) {
        double x = -700 + 1400.0 * i / 100000, p = ldexp(1 + i / 100000.0, i % 2000 - 1000);
        assert_true(fabs(gw__exp(x) / exp(x) - 1) < 4e-16);
        assert_true(fabs(gw__log(p) - log(p)) <= 4e-16 * fmax(1e-3, fabs(log(p))));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_functions_are_close),
        cmocka_unit_test(ends_are_defined),
        cmocka_unit_test(double_functions_are_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
