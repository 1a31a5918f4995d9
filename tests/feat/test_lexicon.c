#include "testing.h"

#include "fail_alloc.h"
#include "feat/lexicon.h"

static void numbers_in_the_order_of_coming(void **state) {
    gw__lexicon lexicon = {0};
    uint32_t entry;
    assert_int_equal(gw__lexicon_find(&lexicon, GW__SLICE("a")), GW__NO_ENTRY);
    const char *texts[] = {"b", "", "a", "longer than eight bytes", "longer than eight byteS", "12345678", "1234567", "b", ""};
    const uint32_t expected[] = {0, 1, 2, 3, 4, 5, 6, 0, 1};
    for (size_t i = 0; i < GW__COUNT(texts); i++) {
        assert_int_equal(gw__lexicon_add(&lexicon, gw__slice_of(texts[i]), &entry, NULL), GW_OK);
        assert_int_equal(entry, expected[i]);
    }
    assert_int_equal(lexicon.n, 7);
    for (size_t i = 0; i < GW__COUNT(texts); i++) assert_int_equal(gw__lexicon_find(&lexicon, gw__slice_of(texts[i])), expected[i]);
    assert_int_equal(gw__lexicon_find(&lexicon, GW__SLICE("c")), GW__NO_ENTRY);
    assert_true(gw__slice_is(gw__lexicon_at(&lexicon, 3), "longer than eight bytes"));
    assert_true(gw__slice_is(gw__lexicon_at(&lexicon, 1), ""));
    gw__lexicon_clear(&lexicon);
}

static size_t text_of(size_t i, char out[40]) { return (size_t)snprintf(out, 40, "%.*s%zu", (int)(i % 20), "abcdefghijklmnopqrst", i); }

static void many_entries_stay_apart(void **state) {
    gw__lexicon lexicon = {0};
    uint32_t entry;
    char text[40];
    for (size_t i = 0; i < 20000; i++) {
        size_t n = text_of(i, text);
        assert_int_equal(gw__lexicon_add(&lexicon, (gw__slice){text, n}, &entry, NULL), GW_OK);
        assert_int_equal(entry, i);
    }
    for (size_t i = 0; i < 20000; i++) {
        size_t n = text_of(i, text);
        assert_int_equal(gw__lexicon_find(&lexicon, (gw__slice){text, n}), i);
        assert_true(gw__slice_is(gw__lexicon_at(&lexicon, i), text));
    }
    gw__lexicon_clear(&lexicon);
}

/* Texts of one length that differ in one byte: every byte counts. */
static void every_byte_counts(void **state) {
    for (size_t n = 1; n < 40; n++) {
        gw__lexicon lexicon = {0};
        uint32_t entry;
        char text[40];
        memset(text, 'x', n);
        assert_int_equal(gw__lexicon_add(&lexicon, (gw__slice){text, n}, &entry, NULL), GW_OK);
        for (size_t i = 0; i < n; i++) {
            text[i] = 'y';
            assert_int_equal(gw__lexicon_add(&lexicon, (gw__slice){text, n}, &entry, NULL), GW_OK);
            assert_int_equal(entry, i + 1);
            text[i] = 'x';
        }
        gw__lexicon_clear(&lexicon);
    }
}

static gw_status fill(void *context, gw_error *err) {
    gw_status status = GW_OK;
    gw__lexicon lexicon = {0};
    for (size_t i = 0; i < 100; i++) {
        char text[40];
        uint32_t entry;
        size_t n = text_of(i, text), before = lexicon.n;
        status = gw__lexicon_add(&lexicon, (gw__slice){text, n}, &entry, err);
        if (status == GW_OK) continue;
        assert_int_equal(lexicon.n, before);
        assert_int_equal(gw__lexicon_find(&lexicon, (gw__slice){text, n}), GW__NO_ENTRY);
        break;
    }
    gw__lexicon_clear(&lexicon);
    return status;
}

static void survives_failing_allocations(void **state) { assert_true(fail_each_allocation(fill, NULL) > 5); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_the_order_of_coming),
        cmocka_unit_test(many_entries_stay_apart),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
