/* Encoding batch by batch: columns of every type, bad cells, memory. */
#include "feat_fixture.h"

#include <math.h>

#include "fail_alloc.h"

#define CSV "n,c,h,t,y,m\n1,5,7,p|q,0,0.5\n2,5,7,p,1,0.5\n3,6,8,q|p,1,1.5\n,6,8,,0,1.5\n5,,,q,1,0.5\n"
#define FEATURES                                                                                                       \
    "{\"columns\":{\"n\":{\"type\":\"numeric\",\"transform\":\"none\",\"indicator\":true},\"c\":\"categorical\",\"m\":\"categorical\"," \
    "\"h\":{\"type\":\"hashed\",\"buckets\":100},\"t\":\"bag\"}}"

static const char *const names[] = {"n", "c", "h", "t", "y", "m"};
static const recipe table = {.csv = CSV, .features = FEATURES};

static gw__encoder *encoder_of(const reading *r, bool labels) {
    gw__encoder *encoder = NULL;
    gw_error err = {0};
    if (gw__encoder_new(r->features, names, 6, labels, &encoder, &err) != GW_OK) fail_msg("%s", err.message);
    return encoder;
}

/* The table of CSV as text columns. */
static void text_columns(gw_column columns[6]) {
    columns[0] = text_column("n", (const char *[]){"1", "2", "3", NULL, "5"}, 5);
    columns[1] = text_column("c", (const char *[]){"5", "5", "6", "6", ""}, 5);
    columns[2] = text_column("h", (const char *[]){"7", "7", "8", "8", NULL}, 5);
    columns[3] = text_column("t", (const char *[]){"p|q", "p", "q|p", NULL, "q"}, 5);
    columns[4] = text_column("y", (const char *[]){"0", "1", "1", "0", "1"}, 5);
    columns[5] = text_column("m", (const char *[]){"0.5", "0.5", "1.5", "1.5", "0.5"}, 5);
}

static void free_columns(gw_column columns[6]) {
    for (int i = 0; i < 6; i++) free_text_column(&columns[i]);
}

static void expect_features(const gw__records *got, const gw__records *expected) {
    assert_int_equal(got->n_rows, expected->n_rows);
    for (size_t row = 0; row < got->n_rows; row++) {
        assert_memory_equal(gw__record_at(got, row), gw__record_at(expected, row), expected->input->bags_at * sizeof(uint32_t));
        char bag[64];
        snprintf(bag, sizeof bag, "%s", bag_at(expected, row, 0));
        assert_string_equal(bag_at(got, row, 0), bag);
    }
}

static void a_batch_gives_the_training_records(void **state) {
    reading r = read_table(table);
    gw_column columns[6];
    gw__records records;
    gw__encoder *encoder = encoder_of(&r, true);
    text_columns(columns);
    gw__batch batch = {5, 6, columns, 1};
    assert_int_equal(gw__encoder_apply(encoder, &batch, 0, 5, NULL, &records, NULL, NULL), GW_OK);
    assert_true(same_records(&records, &r.dataset.train));
    assert_int_equal(gw__encoder_apply(encoder, &batch, 2, 2, NULL, &records, NULL, NULL), GW_OK);
    assert_int_equal(records.n_rows, 2);
    assert_memory_equal(gw__record_at(&records, 1), gw__record_at(&r.dataset.train, 3), r.in->bags_at * sizeof(uint32_t));
    assert_string_equal(bag_at(&records, 0, 0), bag_at(&r.dataset.train, 2, 0));
    assert_int_equal(gw__encoder_apply(encoder, &batch, 5, 0, NULL, &records, NULL, NULL), GW_OK);
    assert_int_equal(records.n_rows, 0);
    gw__encoder_free(encoder);
    free_columns(columns);
    clear_reading(&r);
}

static void typed_columns_mean_the_same(void **state) {
    reading r = read_table(table);
    gw_column columns[6];
    gw__records records;
    gw__encoder *encoder = encoder_of(&r, true);
    const uint8_t but_fourth = 0x17, but_last = 0x0f;
    text_columns(columns);
    gw_column typed[6];
    memcpy(typed, columns, sizeof typed);
    gw__batch batch = {5, 6, typed, 1};
    typed[0] = (gw_column){"n", GW_COLUMN_DOUBLE, (const double[]){1, 2, 3, NAN, 5}, NULL, NULL};
    typed[1] = (gw_column){"c", GW_COLUMN_INT64, (const int64_t[]){5, 5, 6, 6, 9}, NULL, &but_last};
    typed[2] = (gw_column){"h", GW_COLUMN_UINT64, (const uint64_t[]){7, 7, 8, 8, 9}, NULL, &but_last};
    typed[4] = (gw_column){"y", GW_COLUMN_UINT64, (const uint64_t[]){0, 1, 1, 0, 1}, NULL, NULL};
    typed[5] = (gw_column){"m", GW_COLUMN_FLOAT, (const float[]){0.5f, 0.5f, 1.5f, 1.5f, 0.5f}, NULL, NULL};
    assert_int_equal(gw__encoder_apply(encoder, &batch, 0, 5, NULL, &records, NULL, NULL), GW_OK);
    assert_true(same_records(&records, &r.dataset.train));
    typed[0] = (gw_column){"n", GW_COLUMN_INT64, (const int64_t[]){1, 2, 3, 77, 5}, NULL, &but_fourth};
    typed[1] = (gw_column){"c", GW_COLUMN_DOUBLE, (const double[]){5, 5, 6, 6, NAN}, NULL, NULL};
    typed[2] = (gw_column){"h", GW_COLUMN_FLOAT, (const float[]){7, 7, 8, 8, NAN}, NULL, NULL};
    typed[4] = (gw_column){"y", GW_COLUMN_DOUBLE, (const double[]){0, 1, 1, 0, 1}, NULL, NULL};
    assert_int_equal(gw__encoder_apply(encoder, &batch, 0, 5, NULL, &records, NULL, NULL), GW_OK);
    assert_true(same_records(&records, &r.dataset.train));
    typed[0] = (gw_column){"n", GW_COLUMN_FLOAT, (const float[]){1, 2, 3, NAN, 5}, NULL, NULL};
    typed[4] = (gw_column){"y", GW_COLUMN_INT64, (const int64_t[]){0, 1, 1, 0, 1}, NULL, NULL};
    assert_int_equal(gw__encoder_apply(encoder, &batch, 0, 5, NULL, &records, NULL, NULL), GW_OK);
    assert_true(same_records(&records, &r.dataset.train));
    gw__encoder_free(encoder);
    free_columns(columns);
    clear_reading(&r);
}

static void ids_keep_all_their_bits(void **state) {
    reading r = read_table((recipe){.csv = "x,y\n18446744073709551615,0\n18446744073709551614,1\n-9223372036854775808,1\n9007199254740993,0\n",
                                    .features = "{\"columns\":{\"x\":{\"type\":\"categorical\",\"min_count\":1}}}"});
    const char *column[] = {"x"};
    gw__encoder *encoder = NULL;
    gw__records records;
    assert_int_equal(gw__encoder_new(r.features, column, 1, false, &encoder, NULL), GW_OK);
    gw_column unsigned_ids = {"x", GW_COLUMN_UINT64, (const uint64_t[]){UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 2}, NULL, NULL};
    gw__batch batch = {3, 1, &unsigned_ids, 1};
    assert_int_equal(gw__encoder_apply(encoder, &batch, 0, 3, NULL, &records, NULL, NULL), GW_OK);
    assert_int_equal(id_at(&records, 0, 0), id_at(&r.dataset.train, 0, 0));
    assert_int_equal(id_at(&records, 1, 0), id_at(&r.dataset.train, 1, 0));
    assert_int_equal(id_at(&records, 2, 0), 0);
    gw_column signed_ids = {"x", GW_COLUMN_INT64, (const int64_t[]){INT64_MIN, 9007199254740993, 9007199254740992}, NULL, NULL};
    batch.columns = &signed_ids;
    assert_int_equal(gw__encoder_apply(encoder, &batch, 0, 3, NULL, &records, NULL, NULL), GW_OK);
    assert_int_equal(id_at(&records, 0, 0), id_at(&r.dataset.train, 2, 0));
    assert_int_equal(id_at(&records, 1, 0), id_at(&r.dataset.train, 3, 0));
    assert_int_equal(id_at(&records, 2, 0), 0);
    gw__encoder_free(encoder);
    clear_reading(&r);
}

static void missing_numbers_hold_for_typed_columns(void **state) {
    reading r = read_table((recipe){.csv = "x,y\n1,0\n-1,1\n3,1\n", .missing = "[\"-1\"]", .features = "{\"default\":{\"transform\":\"none\"}}"});
    const char *column[] = {"x"};
    gw__encoder *encoder = NULL;
    gw__records records;
    assert_int_equal(gw__encoder_new(r.features, column, 1, false, &encoder, NULL), GW_OK);
    gw_column x = {"x", GW_COLUMN_INT64, (const int64_t[]){7, -1}, NULL, NULL};
    gw__batch batch = {2, 1, &x, 1};
    assert_int_equal(gw__encoder_apply(encoder, &batch, 0, 2, NULL, &records, NULL, NULL), GW_OK);
    assert_true(number_at(&records, 0, 0) == 7);
    assert_true(number_at(&records, 1, 0) == 2);
    gw__encoder_free(encoder);
    clear_reading(&r);
}

static void labels_may_be_left_out(void **state) {
    reading r = read_table(table);
    gw__encoder *encoder = NULL;
    gw__records records;
    gw_error err = {0};
    gw_column columns[6];
    const char *without[] = {"extra", "m", "t", "h", "c", "n"};
    assert_int_equal(gw__encoder_new(r.features, without, 6, true, &encoder, &err), GW_E_DATA);
    assert_string_equal(err.where, "y");
    assert_string_equal(err.message, "column 'y' is missing");
    assert_int_equal(gw__encoder_new(r.features, without, 5, false, &encoder, &err), GW_E_DATA);
    assert_string_equal(err.where, "n");
    assert_null(encoder);
    assert_int_equal(gw__encoder_new(r.features, without, 6, false, &encoder, &err), GW_OK);
    text_columns(columns);
    gw_column reordered[6] = {columns[4], columns[5], columns[3], columns[2], columns[1], columns[0]};
    gw__batch batch = {5, 6, reordered, 1};
    assert_int_equal(gw__encoder_apply(encoder, &batch, 0, 5, NULL, &records, NULL, &err), GW_OK);
    expect_features(&records, &r.dataset.train);
    for (size_t row = 0; row < 5; row++) assert_true(label_at(&records, row, 0) == 0 && weight_at(&records, row, 0) == 0);
    gw__encoder_free(encoder);
    free_columns(columns);
    clear_reading(&r);
}

static void a_near_name_is_offered(void **state) {
    reading r = read_table((recipe){.csv = "age,y\n1,0\n2,1\n"});
    gw__encoder *encoder = NULL;
    gw_error err = {0};
    assert_int_equal(gw__encoder_new(r.features, (const char *[]){"agee", "y"}, 2, false, &encoder, &err), GW_E_DATA);
    assert_string_equal(err.message, "column 'age' is missing; hint: the nearest name is 'agee'");
    clear_reading(&r);
}

/* ---- bad cells ---- */

static void the_earliest_bad_cell_is_reported(void **state) {
    reading r = read_table((recipe){.csv = "a,b,w,y\n1,1,1,0\n2,2,1,1\n", .features = "{\"columns\":{\"a\":\"numeric\",\"b\":\"numeric\"}}",
                                    .tasks = "{\"y\":{\"type\":\"binary\",\"row_weight\":\"w\"}}"});
    const char *all[] = {"a", "b", "w", "y"};
    gw__encoder *encoder = NULL;
    gw__records records = {0};
    gw_error err = {0};
    size_t row = 99;
    assert_int_equal(gw__encoder_new(r.features, all, 4, true, &encoder, &err), GW_OK);
    gw_column columns[4] = {text_column("a", (const char *[]){"1", "2", "3", "4", "x"}, 5), text_column("b", (const char *[]){"1", "2", "3", "?", "5"}, 5),
                            text_column("w", (const char *[]){"1", "1", "-1", "1", "1"}, 5), text_column("y", (const char *[]){"0", "1", "1", "0", "2"}, 5)};
    gw__batch batch = {5, 4, columns, 1};
    assert_int_equal(gw__encoder_apply(encoder, &batch, 1, 4, NULL, &records, &row, &err), GW_E_DATA);
    assert_int_equal(row, 2);
    assert_string_equal(err.where, "w");
    assert_string_equal(err.message, "column 'w': expected a weight of 0 or more but found '-1'");
    assert_null(records.words);
    assert_int_equal(gw__encoder_apply(encoder, &batch, 3, 2, NULL, &records, &row, &err), GW_E_DATA);
    assert_int_equal(row, 3);
    assert_string_equal(err.where, "b");
    uint8_t skip[5];
    assert_int_equal(gw__encoder_apply(encoder, &batch, 0, 5, skip, &records, &row, &err), GW_OK);
    const uint8_t expected[] = {0, 0, 1, 1, 1};
    assert_memory_equal(skip, expected, 5);
    for (size_t i = 2; i < 5; i++)
        for (size_t k = 0; k < r.in->stride; k++) assert_int_equal(gw__record_at(&records, i)[k], 0);
    assert_true(label_at(&records, 1, 0) == 1 && weight_at(&records, 1, 0) == 1);
    for (int i = 0; i < 4; i++) free_text_column(&columns[i]);
    gw__encoder_free(encoder);
    clear_reading(&r);
}

static void infinity_is_no_number(void **state) {
    reading r = read_table((recipe){.csv = "x,y\n1,0\n2,1\n", .features = "{\"default\":{\"transform\":\"none\"}}"});
    gw__encoder *encoder = NULL;
    gw__records records;
    gw_error err = {0};
    assert_int_equal(gw__encoder_new(r.features, (const char *[]){"x"}, 1, false, &encoder, &err), GW_OK);
    gw_column x = {"x", GW_COLUMN_DOUBLE, (const double[]){INFINITY, -1e300}, NULL, NULL};
    gw__batch batch = {2, 1, &x, 1};
    assert_int_equal(gw__encoder_apply(encoder, &batch, 0, 1, NULL, &records, NULL, &err), GW_E_DATA);
    assert_non_null(strstr(err.message, "expected a number but found '+inf'"));
    assert_int_equal(gw__encoder_apply(encoder, &batch, 1, 1, NULL, &records, NULL, &err), GW_E_DATA);
    assert_string_equal(err.message, "column 'x': '-1e+300' is not finite after its transform");
    gw__encoder_free(encoder);
    clear_reading(&r);
}

/* ---- memory ---- */

static void nothing_is_allocated_when_warm(void **state) {
    reading r = read_table(table);
    gw__encoder *encoder = encoder_of(&r, true);
    gw__records records;
    gw_column columns[6];
    text_columns(columns);
    gw__batch batch = {5, 6, columns, 1};
    assert_int_equal(gw__encoder_apply(encoder, &batch, 0, 5, NULL, &records, NULL, NULL), GW_OK);
    size_t before = count_allocations();
    for (size_t n = 1; n <= 5; n++) assert_int_equal(gw__encoder_apply(encoder, &batch, 0, n, NULL, &records, NULL, NULL), GW_OK);
    assert_int_equal(count_allocations(), before);
    gw__encoder_free(encoder);
    free_columns(columns);
    clear_reading(&r);
}

typedef struct encoding {
    const gw__features *features;
    gw_column columns[6];
} encoding;

static gw_status encode_once(void *context, gw_error *err) {
    const encoding *e = context;
    gw__encoder *encoder = NULL;
    gw__records records;
    gw__batch batch = {5, 6, e->columns, 1};
    gw_status status = gw__encoder_new(e->features, names, 6, true, &encoder, err);
    if (status == GW_OK) status = gw__encoder_apply(encoder, &batch, 0, 5, NULL, &records, NULL, err);
    gw__encoder_free(encoder);
    return status;
}

static void every_allocation_may_fail(void **state) {
    reading r = read_table(table);
    encoding e = {.features = r.features};
    text_columns(e.columns);
    assert_true(fail_each_allocation(encode_once, &e) >= 4);
    free_columns(e.columns);
    clear_reading(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_gives_the_training_records),
        cmocka_unit_test(typed_columns_mean_the_same),
        cmocka_unit_test(ids_keep_all_their_bits),
        cmocka_unit_test(missing_numbers_hold_for_typed_columns),
        cmocka_unit_test(labels_may_be_left_out),
        cmocka_unit_test(a_near_name_is_offered),
        cmocka_unit_test(the_earliest_bad_cell_is_reported),
        cmocka_unit_test(infinity_is_no_number),
        cmocka_unit_test(nothing_is_allocated_when_warm),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
