#include "testing.h"

#include <math.h>

#include "base/decimals.h"

static int of(double mean, double spread, double gain) {
    gw__decimals decimals = {0};
    gw__decimals_add(&decimals, NAN, NAN, NAN); /* nothing is known of it */
    gw__decimals_add(&decimals, mean / 2, spread * 3, gain * 3);
    gw__decimals_add(&decimals, mean, spread, gain);
    return gw__decimals_of(&decimals);
}

static void test_of_a_table(void **state) {
    assert_int_equal(of(0.8763, 0.012, 0.01), 4);     /* four digits of the mean */
    assert_int_equal(of(0.99445, 0, 0), 3);           /* nearly 1 */
    assert_int_equal(of(0.99445, 0.0042, 0.1), 4);    /* two of the spread, */
    assert_int_equal(of(0.99445, 0.00042, 0.1), 5);
    assert_int_equal(of(0.99445, 0.000042, 0.1), 5);  /* but no more than two more */
    assert_int_equal(of(0.99445, NAN, 0.00042), 5);   /* of the gain, without a spread */
    assert_int_equal(of(-45.21, 1.5, 1), 2);
    assert_int_equal(of(1e9, 1e7, 1e7), 0);
    assert_int_equal(of(1e-9, NAN, NAN), GW__MOST_DECIMALS);
    assert_int_equal(of(INFINITY, NAN, NAN), gw__decimals_of(&(gw__decimals){0}));
}

static void test_of_a_value(void **state) {
    assert_int_equal(gw__decimals_for(0.5, 4), 4);
    assert_int_equal(gw__decimals_for(0, 4), 4);
    assert_int_equal(gw__decimals_for(-0.00006, 4), 4);   /* shown as 0.0001 */
    assert_int_equal(gw__decimals_for(-0.00004, 4), 5);
    assert_int_equal(gw__decimals_for(0.0003494, 3), 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_of_a_table), cmocka_unit_test(test_of_a_value)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
