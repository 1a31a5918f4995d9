#include "testing.h"

#include <math.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/random.h"

static uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void expect_double(const char *text, double wanted) {
    double value = -1;
    if (!gw__parse_double(gw__slice_of(text), &value) || bits_of(value) != bits_of(wanted)) {
        fail_msg("'%s': expected %a but found %a", text, wanted, value);
    }
}

static void test_accepts(void **state) {
    expect_double("0", 0.0);
    expect_double("-0", -0.0);
    expect_double("+7", 7);
    expect_double(".5", 0.5);
    expect_double("5.", 5);
    expect_double("-12.5e-3", -0.0125);
    expect_double("1E+2", 100);
    expect_double("007", 7);
    expect_double("1e-400", 0);
    expect_double("0e999999999999999999999", 0);
    expect_double("0.000000000000000000000000000000000000000000000000000000000000001e62", 0.1);
    expect_double("123456789012345678901234567890", 123456789012345678901234567890.0);
    expect_double("4.9406564584124654e-324", 0x1p-1074);
    expect_double("2.2250738585072011e-308", 0x0.fffffffffffffp-1022);
    expect_double("1.7976931348623157e308", 0x1.fffffffffffffp1023);
}

/* Halfway cases: exactly between two doubles (to even), and a hair above in the 770th digit. */
static void test_halfway(void **state) {
    expect_double("9007199254740993", 9007199254740992.0);
    expect_double("9007199254740995", 9007199254740996.0);
    expect_double("9007199254740993.0000000000000000000000000001", 9007199254740994.0);
    expect_double("1.00000000000000011102230246251565404236316680908203125", 1.0);
    expect_double("1.00000000000000011102230246251565404236316680908203126", 1.0000000000000002);
    expect_double("2.4703282292062327e-324", 0);
    expect_double("2.4703282292062328e-324", 0x1p-1074);
    char text[1200];
    int n = snprintf(text, sizeof text, "9007199254740993.");
    memset(text + n, '0', 1000);
    strcpy(text + n + 1000, "1");
    expect_double(text, 9007199254740994.0);
    text[n + 1000] = '0';
    expect_double(text, 9007199254740992.0);
}

static void test_rejects(void **state) {
    static const char *const rows[] = {"", "+", "-", ".", "e5", "1e", "1e+", "0x10", "inf", "nan", "infinity", "1 ", " 1", "1,5", "--1", "1..2", "1.2.3",
                                       "1e5.5", "1_000", "1e400", "-1e309", "1.7976931348623159e308", "N/A", "1f", "\xc2\xb2", "1e5e5"};
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        double value = 42;
        if (gw__parse_double(gw__slice_of(rows[i]), &value)) fail_msg("'%s' was taken as %g", rows[i], value);
        assert_true(value == 42); /* untouched */
    }
    double value;
    assert_false(gw__parse_double((gw__slice){"1\0", 2}, &value));
}

/* Against the C library, on texts of all kinds of length and size. */
static void test_oracle(void **state) {
    char text[80];
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t r = gw__random_bits(1, GW__RANDOM_SYNTH, 0, i), s = gw__random_bits(1, GW__RANDOM_SYNTH, 1, i);
        double x;
        memcpy(&x, &r, sizeof x);
        int n = 0;
        switch (s % 6) {
        case 0: if (!isfinite(x)) continue; n = snprintf(text, sizeof text, "%.*g", 1 + (int)(s / 6 % 25), x); break;
        case 1: n = snprintf(text, sizeof text, "%.*f", (int)(s / 6 % 12), (double)(int64_t)r / 1e12); break;
        case 2: n = snprintf(text, sizeof text, "%llue%d", (unsigned long long)r, (int)(s / 6 % 60) - 30); break;
        case 3: n = snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)r, (unsigned long long)s); break;
        case 4: n = snprintf(text, sizeof text, r & 1 ? "%+.*f" : "%.*f", (int)(s / 6 % 18), (double)(int64_t)r / 1e18); break;
        default: n = snprintf(text, sizeof text, "0.000%llu%llu", (unsigned long long)r, (unsigned long long)s);
        }
        double wanted = strtod(text, NULL), value = 0;
        bool taken = gw__parse_double((gw__slice){text, (size_t)n}, &value);
        assert_int_equal(taken, isfinite(wanted));
        if (taken && bits_of(value) != bits_of(wanted)) fail_msg("'%s': expected %a but found %a", text, wanted, value);
    }
}

/* One byte of a number replaced by any other: what is left is a number just where the C library reads all of it. */
static void test_one_wrong_byte(void **state) {
    for (int decimals = 0; decimals < 18; decimals++) {
        char good[40], text[40], *end;
        int n = snprintf(good, sizeof good, "%.*f", decimals, decimals % 2 ? -1.6180339887498949 : 2.7182818284590452);
        for (int i = 0; i < n * 256; i++) {
            memcpy(text, good, sizeof text);
            text[i / 256] = (char)(i % 256);
            double wanted = strtod(text, &end), value = 42;
            bool number = end == text + n && strspn(text, "0123456789+-.eE") == (size_t)n && isfinite(wanted);
            if (gw__parse_double((gw__slice){text, (size_t)n}, &value) != number) fail_msg("'%s': taken as %g", text, value);
            if (bits_of(value) != bits_of(number ? wanted : 42)) fail_msg("'%s': expected %a but found %a", text, wanted, value);
        }
    }
}

/* Three columns, row by row: the one in the middle is read. */
static void test_column(void **state) {
    static const char *const cells[] = {"0.123456789", "-1.23456789", "", "7", "-0.00000000", "1.5e3", "0.12345678x", "3.141592653589793"};
    char text[200];
    int32_t spans[6 * GW__COUNT(cells)];
    double values[GW__COUNT(cells)];
    int32_t at = 0;
    for (size_t i = 0; i < 3 * GW__COUNT(cells); i++) {
        spans[2 * i] = at;
        at += (int32_t)strlen(strcpy(text + at, i % 3 == 1 ? cells[i / 3] : "x"));
        spans[2 * i + 1] = at++;
    }
    assert_int_equal(gw__parse_doubles(text, spans + 2, 6, GW__COUNT(cells), values), 2);
    assert_true(values[0] == 0.123456789 && values[1] == -1.23456789);
    assert_int_equal(gw__parse_doubles(text, spans + 20, 6, GW__COUNT(cells) - 3, values), 3);
    assert_true(values[0] == 7 && values[1] == 0 && signbit(values[1]) && values[2] == 1500);
    assert_int_equal(gw__parse_doubles(text, spans + 44, 6, 1, values), 1);
    assert_true(values[0] == 3.141592653589793);
    assert_int_equal(gw__parse_doubles(text, spans, 6, 0, values), 0);
}

static void test_int64(void **state) {
    int64_t value = 5;
    assert_true(gw__parse_int64(GW__SLICE("-9223372036854775808"), &value));
    assert_true(value == INT64_MIN);
    assert_true(gw__parse_int64(GW__SLICE("+9223372036854775807"), &value));
    assert_true(value == INT64_MAX);
    assert_true(gw__parse_int64(GW__SLICE("-0"), &value));
    assert_true(value == 0);
    static const char *const bad[] = {"", "-", "+", "9223372036854775808", "-9223372036854775809", "1.0", "1e3", " 1", "0x1", "99999999999999999999"};
    for (size_t i = 0; i < GW__COUNT(bad); i++) assert_false(gw__parse_int64(gw__slice_of(bad[i]), &value));
    assert_true(value == 0);
}

static void test_format_known(void **state) {
    static const struct { double value; const char *text; } rows[] = {
        {0, "0"}, {-0.0, "-0"}, {1, "1"}, {0.1, "0.1"}, {100, "100"}, {1e21, "1e+21"}, {1.0 / 3, "0.3333333333333333"}, {5e-324, "5e-324"},
        {0.1 + 0.2, "0.30000000000000004"}, {1.7976931348623157e308, "1.7976931348623157e+308"}, {123456789, "123456789"}, {-2.5e-8, "-2.5e-08"},
    };
    char out[32];
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        assert_int_equal(gw__format_double(rows[i].value, out), strlen(rows[i].text));
        assert_string_equal(out, rows[i].text);
    }
    char small[24];
    assert_int_equal(gw__format_float(0.1f, small), 11);
    assert_string_equal(small, "0.100000001");
    gw__format_float(-1.17549435e-38f, small);
    assert_string_equal(small, "-1.17549435e-38");
    gw__format_float(16777216.0f, small);
    assert_string_equal(small, "16777216");
}

static int significant_digits(const char *text) {
    int n = 0, zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (n == 0 && *text == '0')) continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        n++;
    }
    return n - zeros;
}

static void test_round_trip(void **state) {
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t r = gw__random_bits(2, GW__RANDOM_SYNTH, 0, i);
        double x, back;
        float f;
        char out[32], small[24], plain[400];
        memcpy(&x, &r, sizeof x);
        uint32_t r32 = (uint32_t)r;
        memcpy(&f, &r32, sizeof f);
        if (i % 2 == 0) x = (double)(int64_t)(r >> 44) / 1000; /* short ones */
        if (isfinite(x)) {
            int n = gw__format_double(x, out);
            assert_int_equal(n, strlen(out));
            assert_true(bits_of(strtod(out, NULL)) == bits_of(x));
            int digits = significant_digits(out); /* one less would not do */
            if (digits > 1) snprintf(plain, sizeof plain, "%.*g", digits - 1, x);
            if (digits > 1) assert_true(strtod(plain, NULL) != x);
        }
        if (isfinite(f)) {
            int n = gw__format_float(f, small);
            assert_true(gw__parse_double((gw__slice){small, (size_t)n}, &back) && (float)back == f);
            snprintf(plain, sizeof plain, "%.9g", (double)f);
            assert_string_equal(small, plain);
        }
    }
}

static void expect_as_printf(float f) {
    char out[24], wanted[64];
    snprintf(wanted, sizeof wanted, "%.9g", (double)f);
    assert_int_equal(gw__format_float(f, out), strlen(wanted));
    assert_string_equal(out, wanted);
}

/* Powers of ten and what is beside them, ties (2^-13 has ten digits, the last a 5), the ends of the range. */
static void test_format_float(void **state) {
    for (int power = -45; power <= 38; power++) {
        float f = strtof((char[8]){'1', 'e', power < 0 ? '-' : '+', (char)('0' + abs(power) / 10), (char)('0' + abs(power) % 10)}, NULL);
        expect_as_printf(f);
        expect_as_printf(-nextafterf(f, 0));
        expect_as_printf(nextafterf(f, 1e38f));
        expect_as_printf(f * 9.999999f);
    }
    for (int k = 0; k < 30; k++) {
        for (int m = 1; m < 2000; m += 2) expect_as_printf(ldexpf((float)m, -k));
    }
    for (int i = -1000; i < 100000; i++) expect_as_printf((float)i / 8);
    expect_as_printf(0.0f);
    expect_as_printf(-0.0f);
    expect_as_printf(3.40282347e38f);
    expect_as_printf(1.4e-45f);
    expect_as_printf(NAN);
    expect_as_printf(-INFINITY);
}

/* A locale's decimal point must change nothing, of one byte or of two. Locales may not be installed, so their effect is put in by hand. */
static const char *foreign_point;
static int foreign_calls;
int __wrap_snprintf(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

int __wrap_snprintf(char *out, size_t size, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char *point = foreign_point == NULL || format[0] != '%' || format[strlen(format) - 1] != 'g' ? NULL : strchr(text, '.');
    if (point != NULL) {
        char rest[256];
        strcpy(rest, point + 1);
        n = (int)(point - text) + sprintf(point, "%s%s", foreign_point, rest);
        foreign_calls++;
    }
    assert_true(n >= 0 && (size_t)n < size);
    memcpy(out, text, (size_t)n + 1);
    return n;
}

static void test_foreign_point(void **state) {
    static const char *const points[] = {",", "\xd9\xab"};
    for (size_t i = 0; i < GW__COUNT(points); i++) {
        char out[3][32], small[2][24];
        int n[5];
        foreign_point = points[i];
        foreign_calls = 0;
        n[0] = gw__format_double(1234.5, out[0]);
        n[1] = gw__format_double(-1.0 / 3 * 1e-200, out[1]);
        n[2] = gw__format_double(1e300, out[2]);
        n[3] = gw__format_float(-0.25f, small[0]);
        n[4] = gw__format_float(1e36f, small[1]);
        foreign_point = NULL;
        assert_in_range(foreign_calls, 3, 20);
        assert_string_equal(out[0], "1234.5");
        assert_string_equal(out[1], "-3.333333333333333e-201");
        assert_string_equal(out[2], "1e+300");
        assert_string_equal(small[0], "-0.25");
        assert_string_equal(small[1], "9.99999962e+35");
        for (int k = 0; k < 5; k++) assert_int_equal(n[k], strlen(k < 3 ? out[k] : small[k - 3]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts), cmocka_unit_test(test_halfway), cmocka_unit_test(test_rejects), cmocka_unit_test(test_oracle),
        cmocka_unit_test(test_one_wrong_byte), cmocka_unit_test(test_column), cmocka_unit_test(test_int64), cmocka_unit_test(test_format_known),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_format_float), cmocka_unit_test(test_foreign_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
