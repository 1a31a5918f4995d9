#include "testing.h"

#include "base/mem.h"
#include "base/text.h"
#include "fail_alloc.h"

static void test_slices(void **state) {
    assert_true(gw__slice_is(gw__slice_trim(gw__slice_of(" \t a b\t ")), "a b"));
    assert_int_equal(gw__slice_trim(gw__slice_of(" \t ")).n, 0);
    assert_true(gw__slice_is(gw__slice_trim(gw__slice_of("\nx\n")), "\nx\n"));
    assert_false(gw__slice_is(gw__slice_of("ab"), "abc"));
    assert_false(gw__slice_is(gw__slice_of("abc"), "abd"));
    assert_true(gw__slice_equal((gw__slice){NULL, 0}, GW__SLICE("")));
    gw__slice long_one = {"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890", 91};
    char shown[200];
    snprintf(shown, sizeof shown, "%.*s", GW__SLICE_ARG(long_one));
    assert_int_equal(strlen(shown), 80);
}

/* What is shown of a long text ends between characters. */
static void test_shown(void **state) {
    (void)state;
    char text[200];
    memset(text, 'a', sizeof text);
    assert_int_equal(gw__slice_shown((gw__slice){text, 80}), 80);
    assert_int_equal(gw__slice_shown((gw__slice){text, 200}), 80);
    for (size_t i = 0; i < 66; i++) memcpy(text + 3 * i, "\xE9\x95\xB7", 3);
    assert_int_equal(gw__slice_shown((gw__slice){text, 198}), 78);
    memcpy(text + 78, "\xF0\x9F\x98\x80", 4);
    assert_int_equal(gw__slice_shown((gw__slice){text, 82}), 78);
    assert_int_equal(gw__slice_shown((gw__slice){text, 78}), 78);
}

static void test_growing(void **state) {
    gw__text text = {0};
    for (int i = 0; i < 1000; i++) {
        gw__text_addf(&text, "%d,", i);
        gw__text_putc(&text, ';');
    }
    assert_false(text.failed);
    assert_int_equal(text.n, strlen(text.at));
    assert_int_equal(text.n, 10 * 3 + 90 * 4 + 900 * 5);
    assert_memory_equal(text.at, "0,;1,;2,;", 9);
    text.n = 0;
    gw__text_add(&text, "a\0b", 3);
    assert_int_equal(text.n, 3);
    assert_memory_equal(text.at, "a\0b", 4);
    gw__text_clear(&text);
    assert_null(text.at);
    gw__text_puts(&text, "");
    assert_string_equal(text.at, "");
    gw__text_clear(&text);
}

static void test_failed(void **state) {
    gw__text text = {0};
    gw__text_puts(&text, "1234567");
    fail_allocation(1);
    gw__text_puts(&text, "more than there is room for");
    fail_allocation(0);
    assert_true(text.failed);
    assert_string_equal(text.at, "1234567");
    gw__text_puts(&text, "x"); /* what failed stays failed */
    assert_true(text.failed);
    assert_string_equal(text.at, "1234567");
    gw__text_clear(&text);
    assert_false(text.failed);
}

static void test_utf8(void **state) {
    static const struct { const char *text; bool valid; } rows[] = {
        {"", true}, {"plain", true}, {"\xc3\xa9", true}, {"\xe4\xb8\xad\xe6\x96\x87", true}, {"\xf0\x9f\x98\x80", true}, {"\xf4\x8f\xbf\xbf", true},
        {"\xef\xbf\xbf", true}, {"0123456789abcdef\xc3\xa9", true},
        {"\x80", false}, {"\xc3", false}, {"\xc0\xaf", false}, {"\xc1\xbf", false}, {"\xe0\x80\xaf", false}, {"\xe0\x9f\xbf", false},
        {"\xed\xa0\x80", false}, {"\xed\xbf\xbf", false}, {"\xf0\x8f\xbf\xbf", false}, {"\xf4\x90\x80\x80", false}, {"\xf5\x80\x80\x80", false},
        {"\xff", false}, {"01234567\xe4\xb8", false}, {"\xe4\xb8" "a", false}, {"0123456\x80", false},
    };
    for (size_t i = 0; i < GW__COUNT(rows); i++) assert_int_equal(gw__utf8_valid(rows[i].text, strlen(rows[i].text)), rows[i].valid);
}

static void test_width(void **state) {
    static const struct { const char *text; size_t width; } rows[] = {
        {"", 0}, {"abc", 3}, {"\xc3\xa9t\xc3\xa9", 3}, {"\xe4\xb8\xad\xe6\x96\x87", 4}, {"e\xcc\x81", 1}, {"\xf0\x9f\x98\x80", 2}, {"\xff" "a", 2},
        {"\xed\x95\x9c", 2}, {"\xef\xbd\xb1", 1},
    };
    for (size_t i = 0; i < GW__COUNT(rows); i++) assert_int_equal(gw__utf8_width(rows[i].text, strlen(rows[i].text)), rows[i].width);
}

static void test_nearest(void **state) {
    static const char *const known[] = {"experts", "gates", "towers", "architecture", "levels", "lr", "epochs", "batch"};
    static const struct { const char *word, *nearest; } rows[] = {
        {"expert", "experts"}, {"exprets", "experts"}, {"gate", "gates"}, {"achitecture", "architecture"}, {"Architecture", "architecture"},
        {"archtiecutre", "architecture"}, {"epoch", "epochs"}, {"lrr", "lr"}, {"rl", "lr"}, {"batches", "batch"},
        {"zzzzzz", NULL}, {"", NULL}, {"xy", NULL}, {"q", NULL}, {"learning_rate_schedule", NULL},
    };
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        const char *found = gw__nearest(gw__slice_of(rows[i].word), known, GW__COUNT(known));
        if (rows[i].nearest == NULL) assert_null(found);
        else assert_string_equal(found == NULL ? "" : found, rows[i].nearest);
    }
    char too_long[100] = {0};
    memset(too_long, 'e', 99);
    assert_null(gw__nearest(gw__slice_of(too_long), known, GW__COUNT(known)));
    assert_null(gw__nearest(GW__SLICE("gates"), known, 0));
}

static void test_csv(void **state) {
    static const struct { gw__slice cell; const char *written; } rows[] = {
        {{"", 0}, ""}, {{"a b", 3}, "a b"}, {{"a,b", 3}, "\"a,b\""}, {{"say \"x\"", 7}, "\"say \"\"x\"\"\""}, {{"\n", 1}, "\"\n\""}, {{" a", 2}, "\" a\""},
    };
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        gw__text text = {0};
        gw__text_csv(&text, rows[i].cell);
        assert_string_equal(text.n ? text.at : "", rows[i].written);
        gw__text_clear(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slices), cmocka_unit_test(test_shown), cmocka_unit_test(test_growing), cmocka_unit_test(test_failed),
                                       cmocka_unit_test(test_utf8),   cmocka_unit_test(test_width),   cmocka_unit_test(test_nearest),
                                       cmocka_unit_test(test_csv)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
