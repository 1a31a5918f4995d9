#include "testing.h"

#include "base/error.h"
#include "base/text.h"

static void test_fill(void **state) {
    gw_error err;
    assert_int_equal(gw__fail(&err, GW_E_DATA, "column '%s': expected a number", "age"), GW_E_DATA);
    assert_int_equal(err.code, GW_E_DATA);
    assert_string_equal(err.message, "column 'age': expected a number");
    assert_string_equal(err.where, "");
    assert_int_equal(err.line, 0);
    assert_int_equal(gw__fail_at(&err, GW_E_FORMAT, "a.csv", 7, 3, "bad"), GW_E_FORMAT);
    assert_string_equal(err.where, "a.csv");
    assert_int_equal(err.line, 7);
    assert_int_equal(err.column, 3);
    assert_int_equal(gw__fail_nomem(&err), GW_E_NOMEM);
    assert_int_equal(err.line, 0);
    assert_string_equal(err.where, "");
}

static void test_null(void **state) {
    assert_int_equal(gw__fail(NULL, GW_E_IO, "%d", 1), GW_E_IO);
    assert_int_equal(gw__fail_at(NULL, GW_E_LIMIT, NULL, 1, 2, "x"), GW_E_LIMIT);
    assert_int_equal(gw__fail_nomem(NULL), GW_E_NOMEM);
}

/* Wrapping an error in words: the arguments point into the error that is filled. */
static void test_own_argument(void **state) {
    gw_error err;
    gw__fail_at(&err, GW_E_DATA, "b.csv", 1, 1, "first");
    gw__fail_at(&err, GW_E_CONFIG, err.where, 2, 2, "again: %s", err.message);
    assert_string_equal(err.message, "again: first");
    assert_string_equal(err.where, "b.csv");
}

static void test_long(void **state) {
    gw_error err;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[0] = 'a';
    text[sizeof text - 2] = 'z';
    text[sizeof text - 1] = '\0';
    gw__fail_at(&err, GW_E_DATA, text, 0, 0, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_int_equal(strlen(err.where), sizeof err.where - 1);
    assert_memory_equal(err.where, "...x", 4);
    assert_int_equal(err.where[sizeof err.where - 2], 'z');
}

/* Bytes from outside cannot break a line, move the cursor or leave half a character. */
static void test_printable(void **state) {
    gw_error err;
    gw__fail_at(&err, GW_E_DATA, "a\nb", 0, 0, "'%s'", "x\x1b[2J\xff\xc3\xa9\xe2\x82");
    assert_string_equal(err.where, "a?b");
    assert_string_equal(err.message, "'x?[2J?\xc3\xa9" "?" "?'");
    char wide[2000] = "";
    for (size_t i = 0; i + 2 < sizeof wide; i += 2) memcpy(wide + i, "\xc3\xa9", 3);
    gw__fail_at(&err, GW_E_DATA, wide, 0, 0, "%s", wide);
    assert_true(gw__utf8_valid(err.message, strlen(err.message)));
    assert_true(gw__utf8_valid(err.where, strlen(err.where)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fill), cmocka_unit_test(test_null), cmocka_unit_test(test_own_argument),
                                       cmocka_unit_test(test_long), cmocka_unit_test(test_printable)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
