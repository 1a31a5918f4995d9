/* Columns with embedding tables: vocabularies, buckets, bags, shared tables; and types found by looking. */
#include "feat_fixture.h"

#include "base/random.h"

static void expect_ids(const reading *r, size_t i, const int32_t *expected, size_t n) {
    assert_int_equal(r->dataset.train.n_rows, n);
    for (size_t row = 0; row < n; row++) assert_int_equal(id_at(&r->dataset.train, row, i), expected[row]);
}

#define IDS(r, i, ...)                                    \
    do {                                                  \
        const int32_t list[] = {__VA_ARGS__};             \
        expect_ids(r, i, list, GW__COUNT(list));          \
    } while (0)

/* ---- vocabularies ---- */

static void frequent_values_come_first(void **state) {
    reading r = read_table((recipe){.csv = "c,y\nb,0\na,1\nc,0\nc,1\nb,0\nd,0\na,1\nc,0\n\xc3\xa9,1\n\xc3\xa9,0\n"});
    gw__feature_view view = view_of(r.features, "c");
    assert_int_equal(view.type, GW__FEATURE_CATEGORICAL);
    assert_true(view.automatic);
    assert_int_equal(view.rows, 6); /* unseen, no value, c, a, b, é; d is rare */
    assert_int_equal(view.dense_width, 8);
    assert_string_equal(r.in->tables[0].name, "c");
    assert_int_equal(r.in->tables[0].rows, 6);
    assert_int_equal(r.in->tables[0].dim, 8);
    IDS(&r, 0, 4, 3, 2, 2, 4, 0, 3, 2, 5, 5);
    clear_reading(&r);
}

static void limits_of_a_vocabulary(void **state) {
    const char *csv = "c,y\na,0\na,1\na,1\nb,0\nb,0\nc,1\n";
    reading r = read_table((recipe){.csv = csv, .features = "{\"default\":{\"min_count\":1}}"});
    IDS(&r, 0, 2, 2, 2, 3, 3, 4);
    clear_reading(&r);
    r = read_table((recipe){.csv = csv, .features = "{\"default\":{\"min_count\":3}}"});
    IDS(&r, 0, 2, 2, 2, 0, 0, 0);
    clear_reading(&r);
    r = read_table((recipe){.csv = csv, .features = "{\"columns\":{\"c\":{\"type\":\"categorical\",\"min_count\":1,\"max_rows\":2}}}"});
    IDS(&r, 0, 2, 2, 2, 3, 3, 0);
    assert_int_equal(view_of(r.features, "c").rows, 4);
    clear_reading(&r);
}

static void no_value_has_a_row_if_training_knows_it(void **state) {
    const char *split = "{\"column\":\"d\",\"from\":\"2\"}", *ignore = "{\"ignore\":[\"d\"]}";
    reading r = read_table((recipe){.csv = "c,d,y\na,1,0\na,1,1\n?,1,0\n,2,1\nz,2,1\n", .missing = "[\"?\"]", .valid = split, .features = ignore});
    IDS(&r, 0, 2, 2, 1);
    assert_int_equal(id_at(&r.dataset.valid, 0, 0), 1);
    assert_int_equal(id_at(&r.dataset.valid, 1, 0), 0);
    assert_int_equal(r.dataset.report.missing_cells, 2);
    clear_reading(&r);
    r = read_table((recipe){.csv = "c,d,y\na,1,0\na,1,1\n?,2,0\n,2,1\nz,2,1\n", .missing = "[\"?\"]", .valid = split, .features = ignore});
    assert_int_equal(view_of(r.features, "c").rows, 3); /* the row exists though it is never used */
    IDS(&r, 0, 2, 2);
    for (size_t row = 0; row < 3; row++) assert_int_equal(id_at(&r.dataset.valid, row, 0), 0);
    clear_reading(&r);
}

static void numbers_of_a_category_keep_their_text(void **state) {
    reading r = read_table((recipe){.csv = "c,y\n7,0\n07,1\n7.0,0\n7,1\n07,1\n7.0,0\n", .features = "{\"columns\":{\"c\":\"categorical\"}}"});
    assert_false(view_of(r.features, "c").automatic);
    IDS(&r, 0, 3, 2, 4, 3, 2, 4); /* bytewise: '07' < '7' < '7.0' */
    clear_reading(&r);
}

static gw__text column_of_letters(size_t n) {
    gw__text csv = {0};
    gw__text_puts(&csv, "c,y\n");
    for (size_t i = 0; i < n; i++) gw__text_addf(&csv, "%c,%d\n", (int)('a' + i % 5), (int)(i % 2));
    return csv;
}

/* A pure function of seed, feature and row; validation is never touched. */
static void unseen_rate_trains_the_unseen_row(void **state) {
    gw__text csv = column_of_letters(4000);
    recipe table = {.csv = csv.at, .valid = "{\"fraction\":0.25}", .features = "{\"default\":{\"unseen_rate\":0.2}}"};
    reading r = read_table(table), again = read_table(table);
    size_t unseen = 0, place = 0;
    for (size_t row = 0; row < 4000; row++) {
        if (gw__random_uniform(r.spec->train.seed, GW__RANDOM_VALID, 0, row) < 0.25) continue;
        bool replaced = gw__random_uniform(r.spec->train.seed, GW__RANDOM_UNSEEN, 0, row) < 0.2;
        assert_true((id_at(&r.dataset.train, place++, 0) == 0) == replaced);
        unseen += replaced;
    }
    assert_int_equal(place, r.dataset.train.n_rows);
    assert_true(unseen > 500 && unseen < 700);
    for (size_t row = 0; row < r.dataset.valid.n_rows; row++) assert_true(id_at(&r.dataset.valid, row, 0) > 1);
    assert_true(same_records(&r.dataset.train, &again.dataset.train));
    clear_reading(&r);
    clear_reading(&again);
    gw__text_clear(&csv);
}

/* ---- buckets and bags ---- */

static int32_t bucket(const char *text, uint64_t buckets) { return (int32_t)(1 + gw__hash(text, strlen(text)) % buckets); }

static void hashed_columns_need_no_vocabulary(void **state) {
    reading r = read_table((recipe){.csv = "u,y\nann,0\n,1\nbob,0\n18446744073709551615,1\n18446744073709551614,0\n",
                                    .features = "{\"columns\":{\"u\":{\"type\":\"hashed\",\"buckets\":1000,\"dim\":3}}}"});
    assert_int_equal(view_of(r.features, "u").rows, 1001);
    IDS(&r, 0, bucket("ann", 1000), 0, bucket("bob", 1000), bucket("18446744073709551615", 1000), bucket("18446744073709551614", 1000));
    assert_int_not_equal(id_at(&r.dataset.train, 3, 0), id_at(&r.dataset.train, 4, 0)); /* not through a float */
    clear_reading(&r);
}

static void bags_keep_their_order(void **state) {
    reading r = read_table((recipe){.csv = "t,y\nb|a| c ,0\na||b|,1\n,0\nc|z|a|a,1\n?,0\n\" | \",1\n", .missing = "[\"?\"]",
                                    .features = "{\"columns\":{\"t\":{\"type\":\"bag\",\"dim\":4,\"pooling\":\"sum\"}}}"});
    assert_int_equal(view_of(r.features, "t").rows, 5); /* unseen, reserved, a, b, c; z is rare */
    assert_int_equal(r.in->slots[0].kind, GW__SLOT_BAG_SUM);
    assert_int_equal(r.in->n_bags, 1);
    const char *expected[] = {"3,2,4", "2,3", "", "4,0,2,2", "", ""};
    for (size_t row = 0; row < 6; row++) assert_string_equal(bag_at(&r.dataset.train, row, 0), expected[row]);
    assert_int_equal(r.dataset.report.missing_cells, 3);
    clear_reading(&r);
}

static void bags_of_buckets_and_of_both_parts(void **state) {
    char expected[40];
    reading r = read_table((recipe){.csv = "t,d,y\na::b,1,0\nb,2,1\nc::a,1,1\nd::d::a,2,0\n", .valid = "{\"column\":\"d\",\"from\":\"2\"}",
                                    .features = "{\"ignore\":[\"d\"],\"columns\":{\"t\":{\"type\":\"bag\",\"buckets\":50,\"separator\":\"::\"}}}"});
    assert_int_equal(r.in->tables[0].rows, 51);
    assert_int_equal(r.in->slots[0].kind, GW__SLOT_BAG_MEAN);
    snprintf(expected, sizeof expected, "%d,%d", bucket("a", 50), bucket("b", 50));
    assert_string_equal(bag_at(&r.dataset.train, 0, 0), expected);
    snprintf(expected, sizeof expected, "%d,%d", bucket("c", 50), bucket("a", 50));
    assert_string_equal(bag_at(&r.dataset.train, 1, 0), expected);
    snprintf(expected, sizeof expected, "%d,%d,%d", bucket("d", 50), bucket("d", 50), bucket("a", 50));
    assert_string_equal(bag_at(&r.dataset.valid, 1, 0), expected);
    assert_int_equal(r.dataset.train.n_bag_ids, 4);
    assert_int_equal(r.dataset.valid.n_bag_ids, 4);
    clear_reading(&r);
}

/* ---- shared tables ---- */

static void columns_may_share_a_table(void **state) {
    reading r = read_table((recipe){.csv = "from,to,y\nA,B,0\nB,C,1\nA,,0\nD,C,1\n",
                                    .features = "{\"columns\":{\"from\":{\"type\":\"categorical\",\"share\":\"city.x%\"},"
                                                "\"to\":{\"type\":\"categorical\",\"share\":\"city.x%\"}}}"});
    assert_int_equal(r.in->n_tables, 1);
    assert_string_equal(r.in->tables[0].name, "city%2Ex%25");
    assert_string_equal(view_of(r.features, "to").share, "city.x%");
    assert_int_equal(r.in->tables[0].rows, 5); /* A, B and C twice in all */
    IDS(&r, 0, 2, 3, 2, 0);
    IDS(&r, 1, 3, 4, 1, 4);
    assert_int_equal(r.in->slots[0].table, 0);
    assert_int_equal(r.in->slots[1].table, 0);
    assert_int_equal(r.in->width, 16);
    clear_reading(&r);
}

static void a_table_is_shared_by_its_owners_name(void **state) {
    reading r = read_table((recipe){.csv = "user,friend,y\na,b,0\nb,a,1\n",
                                    .features = "{\"columns\":{\"user\":{\"type\":\"categorical\",\"share\":\"user\"},\"friend\":{\"type\":\"categorical\",\"share\":\"user\"}}}"});
    assert_int_equal(r.in->n_tables, 1);
    assert_string_equal(r.in->tables[0].name, "user");
    IDS(&r, 0, 2, 3);
    IDS(&r, 1, 3, 2);
    clear_reading(&r);
}

/* Entries of their own are compared with the spec; here a column without one has the table's name. */
static void who_shares_must_agree(void **state) {
    recipe table = {.csv = "s,b,y\np,q,0\nq,p,1\n", .features = "{\"columns\":{\"b\":{\"type\":\"categorical\",\"share\":\"s\",\"dim\":5}}}"};
    refuse_table(table, GW_E_CONFIG, "features.columns.b", 0, "'b' shares the table 's' but its dim differs from the others'");
    table.features = "{\"columns\":{\"b\":{\"type\":\"hashed\",\"share\":\"s\",\"buckets\":9}}}";
    refuse_table(table, GW_E_CONFIG, "features.columns.b", 0, "'b' shares the table 's' but its number of buckets differs from the others'");
}

static void dots_in_names_are_escaped(void **state) {
    reading r = read_table((recipe){.csv = "a.b,y\np,0\np,1\n"});
    assert_string_equal(r.in->tables[0].name, "a%2Eb");
    assert_string_equal(gw__features_at(r.features, 0).name, "a.b");
    assert_null(gw__features_at(r.features, 0).share);
    clear_reading(&r);
}

/* ---- types found by looking ---- */

static void expect_type(const char *csv, const char *valid, gw__feature_type type, const char *note) {
    reading r = read_table((recipe){.csv = csv, .missing = "[\"?\"]", .valid = valid, .features = "{\"ignore\":[\"d\"]}"});
    gw__feature_view view = view_of(r.features, "x");
    assert_int_equal(view.type, type);
    assert_true(view.automatic);
    if (!note_with(&r.dataset.report, note)) fail_msg("no note '%s'", note);
    clear_reading(&r);
}

static void types_are_found_by_looking(void **state) {
    const char *number = "column 'x': numeric (found by looking)", *category = "column 'x': categorical (found by looking)";
    expect_type("x,d,y\n1,1,0\n-2.5e1,1,1\n?,1,0\n", NULL, GW__FEATURE_NUMERIC, number);
    expect_type("x,d,y\n1,1,0\n2,1,1\nx,1,0\n", NULL, GW__FEATURE_CATEGORICAL, category);
    expect_type("x,d,y\n1.5,1,0\n2,1,1\nx,1,0\n", NULL, GW__FEATURE_CATEGORICAL, category);
    expect_type("x,d,y\nx,1,0\n2,1,1\n3,1,0\n", NULL, GW__FEATURE_CATEGORICAL, category);
    expect_type("x,d,y\n?,1,0\n,1,1\n", NULL, GW__FEATURE_NUMERIC, number);
    expect_type("x,d,y\n16777216,1,0\n-16777216,1,1\n", NULL, GW__FEATURE_NUMERIC, number);
    expect_type("x,d,y\n16777217,1,0\n5,1,1\n", NULL, GW__FEATURE_CATEGORICAL, "column 'x': categorical (found by looking: integers beyond 2^24");
    expect_type("x,d,y\n18446744073709551615,1,0\n5,1,1\n", NULL, GW__FEATURE_CATEGORICAL, "integers beyond 2^24");
    expect_type("x,d,y\n-0016777217,1,0\n5,1,1\n", NULL, GW__FEATURE_CATEGORICAL, "integers beyond 2^24");
    expect_type("x,d,y\n16777217,1,0\n5.5,1,1\n", NULL, GW__FEATURE_NUMERIC, number);
    expect_type("x,d,y\n16777217,1,0\nq,1,1\n", NULL, GW__FEATURE_CATEGORICAL, category);
}

static void numbers_that_lose_digits_are_told(void **state) {
    const char *note = "column 'x': integers beyond 2^24 lose digits as numeric; hint: categorical or hashed if these are codes";
    recipe table = {.csv = "x,y\n16777217,0\n5,1\n", .features = "{\"columns\":{\"x\":\"numeric\"}}"};
    reading r = read_table(table);
    assert_int_equal(view_of(r.features, "x").type, GW__FEATURE_NUMERIC);
    if (!note_with(&r.dataset.report, note)) fail_msg("no note '%s'", note);
    clear_reading(&r);
    table.csv = "x,y\n16777216,0\n5,1\n"; /* the last that a float holds with all before it */
    r = read_table(table);
    assert_null(note_with(&r.dataset.report, "lose digits"));
    clear_reading(&r);
    table.csv = "x,y\n16777217,0\n0.5,1\n"; /* no codes */
    r = read_table(table);
    assert_null(note_with(&r.dataset.report, "lose digits"));
    clear_reading(&r);
}

static void only_training_rows_decide_a_type(void **state) {
    const char *split = "{\"column\":\"d\",\"from\":\"2\"}", *number = "'x': numeric", *category = "'x': categorical";
    expect_type("x,d,y\n1,1,0\n2,1,1\n16777217,2,0\n", split, GW__FEATURE_NUMERIC, number);
    expect_type("x,d,y\n16777217,1,0\n2,1,1\n0.5,2,0\n", split, GW__FEATURE_CATEGORICAL, "integers beyond 2^24");
    expect_type("x,d,y\nq,2,0\n1,1,0\nq,1,1\n", split, GW__FEATURE_CATEGORICAL, category);
    expect_type("x,d,y\nq,2,0\n1,1,0\n16777217,1,1\n", split, GW__FEATURE_CATEGORICAL, "integers beyond 2^24");
    recipe table = {.csv = "x,d,y\n1,1,0\n2,1,1\nzz,2,0\n3,2,0\n", .valid = split, .features = "{\"ignore\":[\"d\"]}"};
    refuse_table(table, GW_E_DATA, "CSV", 4, "column 'x': expected a number but found 'zz'; hint: list it under data.missing, or make the column categorical");
    table.skip = true;
    reading r = read_table(table);
    assert_int_equal(r.dataset.valid.n_rows, 1);
    assert_int_equal(r.dataset.report.skipped, 1);
    clear_reading(&r);
}

/* However late the first text comes, earlier cells keep theirs. */
static void late_texts_change_nothing(void **state) {
    const char *cases[][2] = {{"7", "-5"}, {"9007199254740993", "9007199254740992"}, {"7", "07"}, {"0.1", "0.10"},
                              {"9223372036854775807", "9223372036854775806"}, {"18446744073709551615", "18446744073709551614"}};
    for (size_t k = 0; k < GW__COUNT(cases); k++) {
        gw__text early = {0}, late = {0};
        gw__text_puts(&early, "x,y\nword,1\nword,1\n");
        gw__text_puts(&late, "x,y\n");
        for (int round = 0; round < 40000; round++) {
            gw__text_addf(&early, "%s,0\n", cases[k][round % 2]);
            gw__text_addf(&late, "%s,0\n", cases[k][round % 2]);
        }
        gw__text_puts(&late, "word,1\nword,1\n");
        reading a = read_table((recipe){.csv = early.at}), b = read_table((recipe){.csv = late.at, .threads = 2});
        assert_int_equal(view_of(a.features, "x").type, GW__FEATURE_CATEGORICAL);
        assert_int_equal(view_of(b.features, "x").type, GW__FEATURE_CATEGORICAL);
        assert_int_equal(view_of(a.features, "x").rows, 5);
        for (size_t row = 0; row < 40000; row++) assert_int_equal(id_at(&a.dataset.train, row + 2, 0), id_at(&b.dataset.train, row, 0));
        assert_int_not_equal(id_at(&b.dataset.train, 0, 0), id_at(&b.dataset.train, 1, 0));
        clear_reading(&a);
        clear_reading(&b);
        gw__text_clear(&early);
        gw__text_clear(&late);
    }
}

static void large_ids_stay_apart(void **state) {
    reading r = read_table((recipe){.csv = "x,y\n9007199254740992,0\n9007199254740993,1\n9007199254740993,1\n9007199254740992,0\n,1\n"});
    IDS(&r, 0, 2, 3, 3, 2, 1);
    clear_reading(&r);
}

static void notes_group_columns(void **state) {
    reading r = read_table((recipe){.csv = "a,b,c,d,e,f,g,h,i,j,t,y\n1,1,1,1,1,1,1,1,1,1,p,0\n1,1,1,1,1,1,1,1,1,1,p,1\n"});
    assert_int_equal(r.dataset.report.notes.n, 3);
    assert_string_equal(r.dataset.report.notes.at[0], "columns 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h': numeric (found by looking)");
    assert_string_equal(r.dataset.report.notes.at[1], "columns 'i', 'j': numeric (found by looking)");
    assert_string_equal(r.dataset.report.notes.at[2], "column 't': categorical (found by looking)");
    clear_reading(&r);
}

/* A text among decimals ends the search for numbers, wherever it stands: what follows is read as if the column had been declared. */
static void a_text_among_decimals(void **state) {
    static const char *const texts[] = {"x", "NA", "nan", "inf", "1e999"};
    const size_t sizes[] = {1, 2, 3, 9, 600, 5000};
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            gw__text csv = {0};
            gw__text_puts(&csv, "a,y\n");
            for (size_t i = 0; i < 2 * sizes[s] + 1; i++) {
                if (i == sizes[s]) gw__text_addf(&csv, "%s,1\n", texts[t]);
                else gw__text_addf(&csv, "%zu.5,%zu\n", i % 7, i % 2);
            }
            reading found = read_table((recipe){.csv = csv.at}), declared = read_table((recipe){.csv = csv.at, .features = "{\"columns\":{\"a\":{\"type\":\"categorical\"}}}"});
            assert_int_equal(view_of(found.features, "a").type, GW__FEATURE_CATEGORICAL);
            assert_true(same_records(&found.dataset.train, &declared.dataset.train));
            clear_reading(&found);
            clear_reading(&declared);
            gw__text_clear(&csv);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequent_values_come_first),
        cmocka_unit_test(limits_of_a_vocabulary),
        cmocka_unit_test(no_value_has_a_row_if_training_knows_it),
        cmocka_unit_test(numbers_of_a_category_keep_their_text),
        cmocka_unit_test(unseen_rate_trains_the_unseen_row),
        cmocka_unit_test(hashed_columns_need_no_vocabulary),
        cmocka_unit_test(bags_keep_their_order),
        cmocka_unit_test(bags_of_buckets_and_of_both_parts),
        cmocka_unit_test(columns_may_share_a_table),
        cmocka_unit_test(a_table_is_shared_by_its_owners_name),
        cmocka_unit_test(who_shares_must_agree),
        cmocka_unit_test(dots_in_names_are_escaped),
        cmocka_unit_test(types_are_found_by_looking),
        cmocka_unit_test(numbers_that_lose_digits_are_told),
        cmocka_unit_test(only_training_rows_decide_a_type),
        cmocka_unit_test(late_texts_change_nothing),
        cmocka_unit_test(large_ids_stay_apart),
        cmocka_unit_test(notes_group_columns),
        cmocka_unit_test(a_text_among_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
