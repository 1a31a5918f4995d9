/* The parts that pages are made of: ticks, bins, escaped text, numbers; and that a page is the same each time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lab/report_checkup.h"
#include "lab/report_parts.h"
#include "report_fixture.h"
#include "testing.h"

static void expect_text(gw__text *text, const char *expected) {
    assert_string_equal(text->at ? text->at : "", expected);
    gw__text_clear(text);
}

/* ---- text and numbers ---- */

static void markup_is_escaped(void **state) {
    gw__text out = {0};
    gw__markup_text(&out, "<a href='x'>&\"\xC3\xA9");
    expect_text(&out, "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\xC3\xA9");
    gw__markup_text(&out, "a\xFF" "b\xE2\x82 c\x01\xC2\x80\xE2\x80\xAE" "d"); /* no UTF-8, cut off, controls, a turn of direction */
    expect_text(&out, "a\xEF\xBF\xBD" "b\xEF\xBF\xBD\xEF\xBF\xBD c\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" "d");
    gw__markup_element(&out, "p", "note", "1 < 2");
    expect_text(&out, "<p class=\"note\">1 &lt; 2</p>");
}

static void long_names_are_clipped(void **state) {
    gw__text out = {0};
    gw__markup_clip(&out, "income", 6);
    expect_text(&out, "income");
    gw__markup_clip(&out, "never_married", 6);
    expect_text(&out, "never\xE2\x80\xA6");
    gw__markup_clip(&out, "never_married.12", 10); /* its number is kept */
    expect_text(&out, "never_\xE2\x80\xA6.12");
    gw__markup_clip(&out, "\xE6\xBC\xA2\xE5\xAD\x97\xE6\xBC\xA2", 4); /* wide characters */
    expect_text(&out, "\xE6\xBC\xA2\xE2\x80\xA6");
    assert_int_equal(gw__markup_columns("a\xE6\xBC\xA2\xFF"), 4);
}

static void numbers_are_short(void **state) {
    static const struct { double value; const char *text; } cases[] = {
        {0, "0"}, {0.87631, "0.8763"}, {12.3456, "12.35"}, {123.456, "123.5"}, {1234.56, "1235"}, {0.00123456, "0.001235"}, {-0.5, "\xE2\x88\x92" "0.5000"},
        {1.234e-6, "1.23e\xE2\x88\x92" "6"}, {-9.999e9, "\xE2\x88\x92" "1.00e10"}, {NAN, "\xE2\x80\x93"}, {INFINITY, "\xE2\x80\x93"}, {9.99996, "10.00"},
    };
    gw__text out = {0};
    for (size_t i = 0; i < GW__COUNT(cases); i++) {
        gw__markup_value(&out, cases[i].value);
        expect_text(&out, cases[i].text);
    }
    gw__markup_signed(&out, 0.25);
    expect_text(&out, "+0.2500");
    gw__markup_place(&out, 100.5);
    expect_text(&out, "100.5");
    gw__markup_place(&out, -0.001);
    expect_text(&out, "0");
    gw__markup_place(&out, 300);
    expect_text(&out, "300");
    gw__markup_count(&out, 1234567);
    expect_text(&out, "1,234,567");
    gw__markup_count(&out, -123);
    expect_text(&out, "-123");
}

static void json_is_indented(void **state) {
    gw__text out = {0};
    gw__markup_json(&out, "{\"a\":{\"b\":[1,2],\"c\":\"x{,:\\\"\"},\"d\":{}}");
    expect_text(&out, "{\n  \"a\": {\n    \"b\": [1, 2],\n    \"c\": \"x{,:\\\"\"\n  },\n  \"d\": {}\n}");
}

/* ---- ticks ---- */

static void expect_ticks(double low, double high, int wanted, const char *expected) {
    const gw__ticks ticks = gw__ticks_of(low, high, wanted);
    gw__text out = {0};
    for (int i = 0; i < ticks.n; i++) {
        if (i) gw__text_putc(&out, ' ');
        gw__ticks_write(&ticks, i, &out);
        assert_true(gw__ticks_at(&ticks, i) >= low - 1e-9 * fabs(high - low) && gw__ticks_at(&ticks, i) <= high + 1e-9 * fabs(high - low));
    }
    assert_true(ticks.n <= 2 * wanted + 1);
    expect_text(&out, expected);
}

static void ticks_are_round(void **state) {
    expect_ticks(0, 1, 5, "0.0 0.2 0.4 0.6 0.8 1.0");
    expect_ticks(0, 100, 10, "0 10 20 30 40 50 60 70 80 90 100");
    expect_ticks(0.8512, 0.8743, 4, "0.855 0.860 0.865 0.870");
    expect_ticks(0.91, 0.995, 3, "0.92 0.94 0.96 0.98"); /* not 0.95 alone */
    expect_ticks(0.91, 0.995, 1, "0.95");
    expect_ticks(-3, 3, 3, "\xE2\x88\x92" "2 0 2");
    expect_ticks(0, 2.5e9, 2, "0 1.00e9 2.00e9");
    expect_ticks(1, 1, 5, "");
    expect_ticks(2, 1, 5, "");
    expect_ticks(NAN, 1, 5, "");
    expect_ticks(0, INFINITY, 5, "");
    expect_ticks(1e18, 1e18 + 128, 5, ""); /* their numbers would not be exact */
}

/* Whatever the span, several ticks and never too many. */
static void ticks_of_any_span(void **state) {
    uint32_t seed = 5;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1664525u + 1013904223u;
        double span = 1e-12;
        for (uint32_t n = (seed >> 8) % 24; n > 0; n--) span *= 10;
        span *= 1 + (double)(seed >> 12) / 1e5;
        const gw__ticks ticks = gw__ticks_of(span * ((double)(seed >> 20) / 512 - 4), span * ((double)(seed >> 20) / 512 - 3), 4);
        assert_in_range(ticks.n, 2, 9);
    }
}

static void ranges_grow(void **state) {
    gw__range range = GW__RANGE_EMPTY;
    const double values[] = {NAN, 3, -INFINITY, 1};
    gw__range_add_all(&range, NULL, 3);
    assert_true(gw__range_is_empty(range));
    gw__range_add_all(&range, values, GW__COUNT(values));
    assert_true(range.low == 1 && range.high == 3);
    range = gw__range_padded(range, 0.5);
    assert_true(range.low == 0 && range.high == 4);
    range = gw__range_padded((gw__range){2, 2}, 0.1);
    assert_true(range.low < 2 && range.high > 2);
    range = gw__range_padded(GW__RANGE_EMPTY, 0.1);
    assert_true(range.low == 0 && range.high == 1);
}

/* ---- bins ---- */

static void bins_have_known_counts(void **state) {
    const double values[] = {0, 0.1, 0.25, 0.5, 0.99, 1, NAN, -0.1, 1.1};
    size_t counts[4];
    gw__bins_count(values, GW__COUNT(values), (gw__range){0, 1}, 4, counts);
    assert_true(counts[0] == 2 && counts[1] == 1 && counts[2] == 1 && counts[3] == 2);
    gw__bins_count(values, GW__COUNT(values), (gw__range){1, 1}, 4, counts); /* no width */
    assert_true(counts[0] + counts[1] + counts[2] + counts[3] == 0);
}

static void scales_end_below_what_lies_apart(void **state) {
    const gw__range apart[] = {{0.5, 0.9}, GW__RANGE_EMPTY, {10, 60}, {0.4, 0.8}, {0.6, 0.7}};
    assert_true(gw__scale_limit(apart, 5) == 0.9);
    const gw__range two[] = {{0.5, 0.9}, {10, 60}, {0.4, 0.8}, {50, 70}}; /* which may be two */
    assert_true(gw__scale_limit(two, 4) == 0.9);
    const gw__range near[] = {{0.5, 0.9}, {1, 1.5}, {0.4, 0.8}}; /* not far enough */
    assert_true(isinf(gw__scale_limit(near, 3)));
    const gw__range one[] = {{0.5, 0.9}, {10, 60}, {0.8, 12}}; /* nothing lies apart from the third */
    assert_true(isinf(gw__scale_limit(one, 3)));
    const gw__range few[] = {{0.5, 0.9}, {10, 60}}; /* of two neither is the odd one */
    assert_true(isinf(gw__scale_limit(few, 2)));
    const gw__range better[] = {{0.01, 0.02}, {10, 11}, {10, 12}}; /* what is far better is shown */
    assert_true(isinf(gw__scale_limit(better, 3)));
    const gw__range equal[] = {{0.5, 0.5}, {0.5, 0.5}, {0.51, 0.51}};
    assert_true(isinf(gw__scale_limit(equal, 3)));
}

static size_t start_of(const double *values, size_t n, size_t most) {
    gw__range ranges[16];
    for (size_t i = 0; i < n; i++) ranges[i] = isnan(values[i]) ? GW__RANGE_EMPTY : (gw__range){values[i], values[i] + 1};
    return gw__scale_start(ranges, n, most);
}

static void scales_begin_behind_a_cliff(void **state) {
    const double cliff[] = {2000, 55, 54, 53, 52, 51, 50, 49}, two[] = {2000, 400, 54, 53, 52, 51, 50, 49}, slope[] = {80, 70, 60, 50, 40, 30, 20, 10};
    const double upwards[] = {0, 95, 96, 97, 97, 97}, gaps[] = {2000, NAN, 54, NAN, 53, NAN, NAN, NAN};
    assert_int_equal(start_of(cliff, 8, 8), 1);
    assert_int_equal(start_of(cliff, 8, 0), 0); /* all are to be seen */
    assert_int_equal(start_of(cliff, 4, 8), 1); /* three stay */
    assert_int_equal(start_of(cliff, 3, 8), 0);
    assert_int_equal(start_of(two, 8, 8), 2);
    assert_int_equal(start_of(two, 8, 1), 0);
    assert_int_equal(start_of(two, 7, 8), 0); /* more than a quarter */
    assert_int_equal(start_of(slope, 8, 8), 0);
    assert_int_equal(start_of(upwards, 6, 6), 1);
    assert_int_equal(start_of(gaps, 8, 8), 0); /* of which two would stay */
    assert_int_equal(start_of(cliff, 0, 8), 0);
    const gw__range eighth[] = {{0, 80}, {0, 10}, {0, 10}, {0, 10}}, less[] = {{0, 81}, {0, 10}, {0, 10}, {0, 10}};
    assert_int_equal(gw__scale_start(eighth, 4, 4), 0);
    assert_int_equal(gw__scale_start(less, 4, 4), 1);
}

static void what_is_left_out_is_told(void **state) {
    const gw__range epochs[] = {{1950, 2012}, GW__RANGE_EMPTY, {412, 412}}, one = {0.5, 0.5};
    gw__text out = {0};
    gw__scale_start_write(epochs, 0, &out);
    expect_text(&out, "");
    gw__scale_start_write(epochs, 1, &out);
    expect_text(&out, "Epoch 1 is not shown, with values from 1950 to 2012.");
    gw__scale_start_write(epochs, 2, &out);
    expect_text(&out, "Epochs 1 and 2 are not shown, with values from 1950 to 2012.");
    gw__scale_start_write(epochs, 3, &out);
    expect_text(&out, "Epochs 1 to 3 are not shown, with values from 412.0 to 2012.");
    gw__scale_start_write(&one, 1, &out);
    expect_text(&out, "Epoch 1 is not shown, with values of about 0.5000.");
}

/* Wilson's, by hand: n = 10 and z^2 = 3.8416. */
static void shares_have_intervals(void **state) {
    static const struct { double share; int64_t n; double low, high; } cases[] = {
        {0, 10, 0, 0.277540}, {1, 10, 0.722460, 1}, {0.5, 100, 0.403830, 0.596170}, {0.2, 10, 0.056681, 0.509843}, {0, 1, 0, 0.793457},
    };
    for (size_t i = 0; i < GW__COUNT(cases); i++) {
        const gw__range found = gw__share_interval(cases[i].share, cases[i].n);
        assert_true(fabs(found.low - cases[i].low) < 2e-6 && fabs(found.high - cases[i].high) < 2e-6);
    }
}

/* ---- what a run found when it looked at itself ---- */

static gw__doc *parsed(const char *text, gw__arena *arena) {
    gw__doc *doc;
    assert_int_equal(gw__doc_parse_json(text, strlen(text), "text", arena, &doc, NULL), GW_OK);
    return doc;
}

static const gw__report_health *checkup_of(const char *const *texts, size_t n, size_t kept, const char *look, gw__arena *arena) {
    const gw__doc *epochs[8];
    const gw__report_health *health = NULL;
    for (size_t i = 0; i < n; i++) epochs[i] = parsed(texts[i], arena);
    assert_int_equal(gw__report_checkup(epochs, n, kept, look ? parsed(look, arena) : NULL, "test", arena, &health, NULL), GW_OK);
    return health;
}

static const char *const epochs[] = {
    "{\"epoch\":1,\"health\":{\"conflict\":{\"tasks\":[\"t\",\"u\"],\"cosines\":[[1,-0.5],[-0.5,1]]}},\"warnings\":[{\"kind\":\"a\",\"text\":\"first\"}]}",
    "{\"epoch\":2,\"health\":{\"conflict\":{\"tasks\":[\"t\",\"u\"],\"cosines\":[[1,0.5],[0.5,1]]}}}",
    "{\"epoch\":3,\"warnings\":[{\"kind\":\"b\",\"text\":\"second\"}]}",
};
static const char look[] =
    "{\"rows\":1024,"
    "\"gates\":[{\"level\":0,\"stream\":\"x\",\"entropy\":1.25,\"normalised\":0.5,\"effective\":3.5,\"row_entropy\":null},{\"level\":1,\"stream\":\"y\",\"entropy\":0}],"
    "\"experts\":[{\"level\":0,\"name\":\"shared.0\",\"rows\":9,\"units\":96,\"dead\":12},{\"level\":1,\"name\":\"x.0\",\"rows\":9,\"units\":0,\"dead\":0}],"
    "\"similarity\":[{\"level\":0,\"measure\":\"cka\",\"experts\":[\"a\",\"b\"],\"values\":[[1,0.25],[0.25,null]]},{\"level\":1,\"experts\":[\"a\",\"b\"],\"values\":[[1]]}]}";

static void looks_become_figures(void **state) {
    gw__arena arena = {0};
    const gw__report_health *health = checkup_of(epochs, 3, 3, look, &arena);
    assert_true(health->checked && health->n_warnings == 2 && health->n_tables == 2 && health->n_matrices == 2);
    assert_string_equal(health->warnings[1], "second");
    assert_string_equal(health->lead, "Of the model that was kept, on a sample of 1024 test rows.");
    const gw__report_table *gates = &health->tables[0], *dead = &health->tables[1];
    assert_true(gates->n_rows == 2 && gates->n_columns == 6 && dead->n_rows == 1); /* an expert without units that can be dead is left out */
    assert_string_equal(gates->columns[1], "level");
    assert_string_equal(gates->cells[6], "y");
    assert_string_equal(gates->cells[7], "1");
    assert_string_equal(gates->cells[4], "3.500");
    assert_string_equal(gates->cells[5], "\xE2\x80\x93");
    assert_string_equal(dead->cells[4], "12.5 %");
    const gw__report_matrix *likeness = &health->matrices[0]; /* a matrix of another shape is left out */
    assert_true(likeness->values[1] == 0.25 && isnan(likeness->values[3]) && likeness->low == 0);
    gw__arena_clear(&arena);
}

/* With sparse gates an expert may have no row, and none is compared to another. */
static void what_is_not_known_is_said(void **state) {
    gw__arena arena = {0};
    const gw__report_health *health = checkup_of(NULL, 0, 0,
        "{\"rows\":8,\"experts\":[{\"level\":0,\"name\":\"a\",\"rows\":8,\"units\":4,\"dead\":1},{\"level\":0,\"name\":\"b\",\"rows\":0,\"units\":4,\"dead\":null}],"
        "\"similarity\":[{\"level\":0,\"experts\":[\"a\",\"b\"],\"values\":[[null,null],[null,null]]}]}", &arena);
    assert_int_equal(health->n_matrices, 0);
    assert_non_null(strstr(health->lead, "8 test rows. The likeness of experts cannot be told: gates keep few experts of a row"));
    assert_string_equal(health->tables[0].cells[3], "25.0 %");
    assert_string_equal(health->tables[0].cells[6], "\xE2\x80\x93");
    assert_string_equal(health->tables[0].cells[7], "got no rows");
    health = checkup_of(NULL, 0, 0, "{\"rows\":3,\"similarity\":[{\"level\":0,\"experts\":[\"a\",\"b\"],\"values\":[[null,null],[null,null]]},"
                                    "{\"level\":1,\"experts\":[\"a\",\"b\"],\"values\":[[1,0],[0,1]]}]}", &arena);
    assert_int_equal(health->n_matrices, 1);
    assert_non_null(strstr(health->lead, "On level 0 the likeness of experts cannot be told: their outputs are constant"));
    gw__arena_clear(&arena);
}

/* A table that would fill the page is folded. */
static void long_tables_are_folded(void **state) {
    static const char *const columns[] = {"name"}, *cells[41];
    gw__text page = {0};
    for (size_t i = 0; i < GW__COUNT(cells); i++) cells[i] = "x";
    gw__table_write(&(gw__report_table){.columns = columns, .n_columns = 1, .cells = cells, .n_rows = 40}, &page);
    assert_null(strstr(page.at, "<details>"));
    gw__table_write(&(gw__report_table){.columns = columns, .n_columns = 1, .cells = cells, .n_rows = 41}, &page);
    assert_non_null(strstr(page.at, "<details><summary>All 41 rows</summary>"));
    gw__text_clear(&page);
}

static void one_level_is_not_named(void **state) {
    gw__arena arena = {0};
    const gw__report_health *health = checkup_of(NULL, 0, 0, "{\"rows\":8,\"gates\":[{\"level\":0,\"stream\":\"x\",\"entropy\":1}]}", &arena);
    assert_int_equal(health->tables[0].n_columns, 5);
    assert_string_equal(health->tables[0].columns[1], "entropy");
    assert_string_equal(health->tables[0].cells[1], "1.000");
    gw__arena_clear(&arena);
}

static void conflict_is_of_the_kept_epoch(void **state) {
    gw__arena arena = {0};
    const gw__report_matrix *first = checkup_of(epochs, 3, 1, NULL, &arena)->matrices, *second = checkup_of(epochs + 1, 2, 3, NULL, &arena)->matrices;
    assert_true(first->values[2] == -0.5 && first->low == -1 && second->values[2] == 0.5);
    assert_string_equal(first->rows[1], "u");
    assert_non_null(strstr(second->note, "after epoch 2"));
    assert_false(checkup_of(epochs + 2, 1, 3, NULL, &arena)->checked); /* warned, but nothing looked at */
    assert_null(checkup_of((const char *[]){"{\"epoch\":1}"}, 1, 1, NULL, &arena));
    assert_null(checkup_of(NULL, 0, 0, NULL, &arena));
    gw__arena_clear(&arena);
}

/* ---- pages ---- */

static void expect_same_page(const gw__report *(*make)(void)) {
    gw__text pages[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) assert_int_equal(gw__report_format(make(), &pages[i], NULL), GW_OK);
    assert_true(pages[0].n == pages[1].n && memcmp(pages[0].at, pages[1].at, pages[0].n) == 0);
    for (int i = 0; i < 2; i++) gw__text_clear(&pages[i]);
}

static const gw__report *a_run(void) { return fixture_run(3, 9, 20, true, true); }
static const gw__report *a_comparison(void) { return fixture_comparison(2, 5, 6, false); }

static void equal_reports_are_equal_pages(void **state) {
    expect_same_page(a_run);
    expect_same_page(a_comparison);
}

static void an_empty_report_is_a_page(void **state) {
    gw__text page = {0};
    assert_int_equal(gw__report_format(&(gw__report){.title = "nothing"}, &page, NULL), GW_OK);
    assert_non_null(strstr(page.at, "<h1>nothing</h1>"));
    assert_null(strstr(page.at, "<section"));
    gw__text_clear(&page);
}

/* Numbers of a comparison that have too many digits to be written out. */
static void large_numbers_are_short(void **state) {
    static const char *const tasks[] = {"t"}, *const metrics[] = {"rmse"};
    static const int better[] = {-1};
    const gw__report_cell cells[] = {{.value = {2.5e25, 2e25, 3e25}, .deviation = 1e24, .best = 2.25e25, .gain = {NAN, NAN, NAN}},
                                     {.value = {1.5e25, 1e25, 2e25}, .deviation = 1e24, .best = 1.25e25, .gain = {1e25, -5e20, 2e25}}};
    const gw__report_outcome outcomes[] = {{.name = "a", .n_runs = 3, .parameters = -1, .tasks = cells, .gain = {NAN, NAN, NAN}},
                                           {.name = "b", .n_runs = 3, .parameters = -1, .tasks = cells + 1, .gain = {NAN, NAN, NAN}}};
    gw__text page = {0};
    gw__results_draw(&(gw__report_comparison){.tasks = tasks, .metrics = metrics, .better = better, .n_tasks = 1, .outcomes = outcomes, .n_outcomes = 2,
                                              .confidence = 0.95}, &page);
    assert_non_null(strstr(page.at, ">2.50e25</td><td class=\"n\">1.00e24</td><td class=\"n\">2.25e25</td><td class=\"n type\">baseline</td>"));
    assert_non_null(strstr(page.at, ">1.50e25</td><td class=\"n\">1.00e24</td><td class=\"n\">1.25e25</td><td class=\"n gain\">+1.00e25 <span class=\"ends\">"
                                    "\xE2\x88\x92" "5.00e20 to +2.00e25</span></td>"));
    gw__text_clear(&page);
}

static void a_page_that_cannot_be_written(void **state) {
    gw_error err = {0};
    assert_int_equal(gw__report_write(a_run(), "/nowhere/at/all/x.html", &err), GW_E_IO);
    assert_string_equal(err.where, "/nowhere/at/all/x.html");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markup_is_escaped), cmocka_unit_test(long_names_are_clipped), cmocka_unit_test(numbers_are_short), cmocka_unit_test(json_is_indented),
        cmocka_unit_test(ticks_are_round), cmocka_unit_test(ticks_of_any_span), cmocka_unit_test(ranges_grow), cmocka_unit_test(bins_have_known_counts),
        cmocka_unit_test(scales_end_below_what_lies_apart), cmocka_unit_test(scales_begin_behind_a_cliff),
        cmocka_unit_test(what_is_left_out_is_told), cmocka_unit_test(shares_have_intervals), cmocka_unit_test(large_numbers_are_short),
        cmocka_unit_test(looks_become_figures), cmocka_unit_test(what_is_not_known_is_said), cmocka_unit_test(long_tables_are_folded),
        cmocka_unit_test(one_level_is_not_named), cmocka_unit_test(conflict_is_of_the_kept_epoch),
        cmocka_unit_test(equal_reports_are_equal_pages), cmocka_unit_test(an_empty_report_is_a_page), cmocka_unit_test(a_page_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
