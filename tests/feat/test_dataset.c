/* Reading whole tables: parts, files, bad rows, threads, features fitted before, failing allocations. */
#include "feat_fixture.h"

#include <math.h>

#include "base/random.h"
#include "fail_alloc.h"

/* Every kind of feature and of task; rows beyond a chunk and beyond a block if n is large. */
static gw__text every_kind(size_t n) {
    gw__text csv = {0};
    gw__text_puts(&csv, "num,cat,user,friend,tags,auto,late,w,g,d,y,z,k\n");
    for (size_t i = 0; i < n; i++) {
        uint64_t h = gw__random_bits(7, GW__RANDOM_SYNTH, 0, i);
        if (h % 11) gw__text_addf(&csv, "%d.%d", (int)(h % 1000) - 500, (int)(h >> 20) & 3);
        gw__text_addf(&csv, ",c%d,u%d,u%d,", (int)(h >> 10 & 15), (int)(h >> 14 & 31), (int)(h >> 19 & 31));
        for (uint64_t k = 0; k < (h >> 24 & 3); k++) gw__text_addf(&csv, "%st%d", k ? "|" : "", (int)(h >> (28 + 3 * k) & 7));
        gw__text_addf(&csv, ",%d,", (int)(h >> 40 & 255));
        gw__text_addf(&csv, i + 1 == n ? "word" : "%d.5", (int)(h >> 48 & 7));
        gw__text_addf(&csv, ",%d.25,%d,%zu,", (int)(h >> 51 & 3), (int)(h >> 53 & 1), i * 10 / n);
        if (h >> 54 & 7) gw__text_addf(&csv, "%d", (int)(h >> 57 & 1));
        gw__text_addf(&csv, ",%d.5,k%d\n", (int)(h >> 58 & 3), (int)(h >> 60 & 3));
    }
    return csv;
}

static const char every_feature[] =
    "{\"ignore\":[\"d\"],\"default\":{\"unseen_rate\":0.1},\"columns\":{\"num\":{\"type\":\"numeric\",\"transform\":[\"quantile\",\"standard\"],\"indicator\":true},"
    "\"user\":{\"type\":\"categorical\",\"share\":\"people\"},\"friend\":{\"type\":\"categorical\",\"share\":\"people\",\"unseen_rate\":0.05},"
    "\"tags\":{\"type\":\"bag\",\"unseen_rate\":0.2},\"cat\":{\"type\":\"hashed\",\"buckets\":7}}}";
static const char every_task[] =
    "{\"y\":{\"type\":\"binary\",\"group\":\"user\",\"row_weight\":\"w\",\"negative_sampling\":0.5},\"z\":{\"type\":\"regression\",\"given\":\"g\"},"
    "\"k\":{\"type\":\"multiclass\",\"given\":\"y\"},\"p\":{\"type\":\"binary\",\"label\":\"k\",\"positive\":\"k1\",\"group\":\"auto\"}}";

static recipe everything(const char *csv) {
    return (recipe){.csv = csv, .valid = "{\"fraction\":0.2}", .features = every_feature, .tasks = every_task};
}

/* ---- parts ---- */

static void a_fraction_depends_on_seed_and_row(void **state) {
    gw__text csv = {0};
    gw__text_puts(&csv, "x,y\n");
    for (int i = 0; i < 3000; i++) gw__text_addf(&csv, "%d,%d\n", i, i % 2);
    reading r = read_table((recipe){.csv = csv.at, .valid = "{\"fraction\":0.3}", .features = "{\"default\":{\"transform\":\"none\"}}"});
    size_t next[2] = {0, 0};
    for (size_t row = 0; row < 3000; row++) {
        bool validates = gw__random_uniform(r.spec->train.seed, GW__RANDOM_VALID, 0, row) < 0.3;
        const gw__records *records = validates ? &r.dataset.valid : &r.dataset.train;
        assert_true(number_at(records, next[validates]++, 0) == (float)row);
    }
    assert_int_equal(next[0], r.dataset.train.n_rows);
    assert_int_equal(next[1], r.dataset.valid.n_rows);
    assert_int_equal(r.dataset.report.rows, 3000);
    assert_int_equal(r.dataset.report.valid_rows, next[1]);
    assert_int_equal(r.dataset.report.n_columns, 2);
    assert_int_equal(r.dataset.report.text_bytes, csv.n);
    assert_true(next[1] > 820 && next[1] < 980);
    assert_int_equal(r.dataset.report.train_tasks[0].labelled, next[0]);
    assert_int_equal(r.dataset.report.valid_tasks[0].labelled, next[1]);
    gw__text_clear(&csv);
    clear_reading(&r);
}

static void expect_valid(const char *csv, const char *valid, const float *expected, size_t n) {
    reading r = read_table((recipe){.csv = csv, .valid = valid, .features = "{\"ignore\":[\"d\"],\"default\":{\"transform\":\"none\"}}"});
    assert_int_equal(r.dataset.valid.n_rows, n);
    for (size_t row = 0; row < n; row++) assert_true(number_at(&r.dataset.valid, row, 0) == expected[row]);
    clear_reading(&r);
}

static void a_column_may_split(void **state) {
    expect_valid("x,d,y\n1,9,0\n2,10,1\n3,,1\n4,11,0\n5,10.5,1\n", "{\"column\":\"d\",\"from\":10}", (const float[]){2, 4, 5}, 3);
    expect_valid("x,d,y\n1,2022-04-30,0\n2,2022-05-01,1\n3,2022-05-01x,1\n4,,0\n", "{\"column\":\"d\",\"from\":\"2022-05-01\"}", (const float[]){2, 3}, 2);
    reading r = read_table((recipe){.csv = "x,d,y\n1,9,0\n2,10,1\n", .valid = "{\"column\":\"d\",\"from\":10}"});
    assert_non_null(note_with(&r.dataset.report, "column 'd' splits the rows and is a feature, too"));
    clear_reading(&r);
    refuse_table((recipe){.csv = "x,d,y\n1,9,0\n2,10,1\n", .valid = "{\"column\":\"d\",\"from\":1}"}, GW_E_DATA, "CSV", 0, "there is no row to train on");
}

static void groups_are_not_split(void **state) {
    gw__text csv = {0};
    gw__text_puts(&csv, "x,u,y\n");
    for (int i = 0; i < 2000; i++) gw__text_addf(&csv, "%d,user%d,%d\n", i, i * 7 % 200, i % 2);
    reading r = read_table((recipe){.csv = csv.at, .valid = "{\"column\":\"u\",\"fraction\":0.25}", .features = "{\"columns\":{\"x\":{\"transform\":\"none\"}}}"});
    size_t validating = 0;
    for (int user = 0; user < 200; user++) {
        char name[20];
        int n = snprintf(name, sizeof name, "user%d", user);
        validating += gw__random_uniform(r.spec->train.seed, GW__RANDOM_VALID, 0, gw__hash(name, (size_t)n)) < 0.25;
    }
    assert_true(validating > 20 && validating < 80);
    assert_int_equal(r.dataset.valid.n_rows, validating * 10);
    gw__text_clear(&csv);
    clear_reading(&r);
}

static void validation_may_have_files(void **state) {
    recipe table = {.csv = "x,c,t,y\n1,a,p|q,0\n3,a,p|q,1\n", .valid = "\"%FILE%\"", .valid_csv = "t,y,c,x\nq|z,1,b,5\n,,a,\n",
                    .features = "{\"columns\":{\"t\":\"bag\"}}"};
    reading r = read_table(table);
    assert_int_equal(r.dataset.train.n_rows, 2);
    assert_int_equal(r.dataset.valid.n_rows, 2);
    assert_true(number_at(&r.dataset.valid, 0, 0) == 3);
    assert_true(number_at(&r.dataset.valid, 1, 0) == 0);
    assert_int_equal(id_at(&r.dataset.valid, 0, 0), 0);
    assert_int_equal(id_at(&r.dataset.valid, 1, 0), 2);
    assert_string_equal(bag_at(&r.dataset.valid, 0, 0), "3,0");
    assert_true(weight_at(&r.dataset.valid, 0, 0) == 1 && weight_at(&r.dataset.valid, 1, 0) == 0);
    assert_int_equal(r.dataset.report.rows, 4);
    assert_int_equal(r.dataset.report.valid_rows, 2);
    assert_int_equal(r.dataset.report.missing_cells, 2);
    assert_int_equal(r.dataset.report.valid_tasks[0].labelled, 1);
    clear_reading(&r);
    table.valid_csv = "t,y,x\nq|z,1,5\n";
    gw_error err = {0};
    assert_int_equal(try_table(table, &r, &err), GW_E_DATA);
    assert_non_null(strstr(err.where, "/tmp/gatewright-feat-"));
    assert_string_equal(err.message, "column 'c' is missing");
    table.valid_csv = "t,y,c,x\n,1,a,1\n,1,a,ten\n";
    assert_int_equal(try_table(table, &r, &err), GW_E_DATA);
    assert_int_equal(err.line, 3);
    assert_non_null(strstr(err.where, "/tmp/gatewright-feat-"));
    assert_string_equal(err.message, "column 'x': expected a number but found 'ten'; hint: list it under data.missing, or make the column categorical");
    table.skip = true;
    r = read_table(table);
    assert_int_equal(r.dataset.valid.n_rows, 1);
    assert_int_equal(r.dataset.report.skipped, 1);
    clear_reading(&r);
}

/* ---- bad rows ---- */

static void bad_rows_may_be_skipped(void **state) {
    recipe table = {.csv = "x,y\n1,0\n2\n3,1\nno,1\n5,7\n6,0\n", .features = "{\"columns\":{\"x\":{\"type\":\"numeric\",\"transform\":\"none\"}}}", .skip = true};
    reading r = read_table(table);
    const float expected[] = {1, 3, 6};
    assert_int_equal(r.dataset.train.n_rows, 3);
    for (size_t row = 0; row < 3; row++) assert_true(number_at(&r.dataset.train, row, 0) == expected[row]);
    assert_int_equal(r.dataset.report.skipped, 3);
    assert_int_equal(r.dataset.report.rows, 3);
    assert_int_equal(r.dataset.report.train_tasks[0].labelled, 3);
    clear_reading(&r);
    table.csv = "x,y\nno,0\nno,1\n";
    refuse_table(table, GW_E_DATA, "CSV", 0, "there is no row to train on");
}

static void the_first_bad_row_is_reported(void **state) {
    refuse_table((recipe){.csv = "a,b,y\n1,1,0\n1,no,1\nno,1,1\n", .features = "{\"columns\":{\"a\":\"numeric\",\"b\":\"numeric\"}}", .threads = 2}, GW_E_DATA, "CSV", 3,
                 "column 'b': expected a number but found 'no'; hint: list it under data.missing, or make the column categorical");
}

/* ---- the same bytes ---- */

/* Records and what the report counts, of four tasks. */
static void assert_same_datasets(const gw__dataset *a, const gw__dataset *b) {
    assert_true(same_records(&a->train, &b->train));
    assert_int_equal(a->valid.n_rows, b->valid.n_rows);
    assert_true(same_records(&a->valid, &b->valid));
    assert_int_equal(a->report.missing_cells, b->report.missing_cells);
    assert_int_equal(a->report.rows, b->report.rows);
    for (size_t t = 0; t < 4; t++) {
        assert_memory_equal(&a->report.train_tasks[t], &b->report.train_tasks[t], sizeof(gw__task_count));
        assert_memory_equal(&a->report.valid_tasks[t], &b->report.valid_tasks[t], sizeof(gw__task_count));
    }
}

static void threads_change_nothing(void **state) {
    gw__text csv = every_kind(40000);
    recipe table = everything(csv.at);
    reading r = read_table(table);
    assert_int_equal(r.dataset.report.rows, 40000);
    assert_true(r.in->n_numbers && r.in->n_ids && r.in->n_bags && r.in->n_groups == 2);
    for (table.threads = 1; table.threads <= 5; table.threads += 2) {
        reading other = read_table(table);
        assert_same_datasets(&r.dataset, &other.dataset);
        clear_reading(&other);
    }
    clear_reading(&r);
    gw__text_clear(&csv);
}

/* Features that are there already take the encoder's road, with the same result down to negatives and unseen rows. */
static void both_roads_agree(void **state) {
    gw__text csv = every_kind(20000);
    recipe table = everything(csv.at);
    reading r = read_table(table), other = {0};
    gw_error err = {0};
    for (; table.threads <= 3; table.threads++) {
        if (try_fitted(table, r.features, &other, &err) != GW_OK) fail_msg("%s", err.message);
        assert_same_datasets(&r.dataset, &other.dataset);
        clear_reading(&other);
    }
    clear_reading(&r);
    gw__text_clear(&csv);
}

/* A table of many pieces, most rows of two lines and with a separator and quotes in a cell; some rows are bad. */
static gw__text quoted_rows(int n, int short_row, int bad_cell) {
    gw__text csv = {0};
    gw__text_puts(&csv, "x,text,y\n");
    for (int i = 0; i < n; i++) {
        if (i == short_row) gw__text_puts(&csv, "1,short\n");
        else if (i == bad_cell) gw__text_puts(&csv, "no,\"a\nb\",1\n");
        else gw__text_addf(&csv, "%d.5,\"v%d, \"\"quoted\"\"%s %d\",%d\n", i, i % 7, i % 3 ? "\n" : "", i % 5, i % 2);
    }
    return csv;
}

static const char quoted_features[] = "{\"columns\":{\"x\":\"numeric\"}}";

static void the_first_bad_row_does_not_depend_on_threads(void **state) {
    static const struct { int short_row, bad_cell; int64_t line; const char *message; } all[] = {
        {20000, 20001, 33335, "expected 3 cells but found 2"},
        {20001, 20000, 33335, "column 'x': expected a number but found 'no'; hint: list it under data.missing, or make the column categorical"},
        {29999, 12, 22, "column 'x': expected a number but found 'no'; hint: list it under data.missing, or make the column categorical"},
    };
    reading fitted = read_table((recipe){.csv = "x,text,y\n1,a,0\n2,b,1\n", .features = quoted_features});
    for (size_t i = 0; i < GW__COUNT(all); i++) {
        gw__text csv = quoted_rows(30000, all[i].short_row, all[i].bad_cell);
        for (size_t threads = 0; threads <= 5; threads++) {
            recipe table = {.csv = csv.at, .features = quoted_features, .threads = threads};
            reading none = {0};
            gw_error err = {0};
            refuse_table(table, GW_E_DATA, "CSV", all[i].line, all[i].message);
            assert_int_equal(try_fitted(table, fitted.features, &none, &err), GW_E_DATA);
            assert_int_equal(err.line, all[i].line);
            assert_string_equal(err.message, all[i].message);
        }
        gw__text_clear(&csv);
    }
    clear_reading(&fitted);
}

static void skipped_rows_do_not_depend_on_threads(void **state) {
    gw__text csv = quoted_rows(30000, 12345, 23456);
    recipe table = {.csv = csv.at, .features = quoted_features, .skip = true};
    reading r = read_table(table);
    assert_int_equal(r.dataset.report.skipped, 2);
    assert_int_equal(r.dataset.report.rows, 29998);
    assert_int_equal(view_of(r.features, "text").rows, 2 + 70);
    for (table.threads = 1; table.threads <= 4; table.threads++) {
        reading other = read_table(table);
        assert_true(same_records(&r.dataset.train, &other.dataset.train));
        assert_int_equal(other.dataset.report.skipped, 2);
        clear_reading(&other);
    }
    clear_reading(&r);
    gw__text_clear(&csv);
}

static void fitted_features_meet_bad_rows(void **state) {
    recipe table = {.csv = "x,y\n1,0\n3,1\n", .features = "{\"columns\":{\"x\":\"numeric\"}}"};
    reading r = read_table(table), other = {0};
    gw_error err = {0};
    table.csv = "x,y\n1,0\nno,1\n5,1\n7,3\n";
    assert_int_equal(try_fitted(table, r.features, &other, &err), GW_E_DATA);
    assert_int_equal(err.line, 3);
    table.skip = true;
    assert_int_equal(try_fitted(table, r.features, &other, &err), GW_OK);
    assert_int_equal(other.dataset.train.n_rows, 2);
    assert_int_equal(other.dataset.report.skipped, 2);
    assert_true(number_at(&other.dataset.train, 1, 0) == 3);
    clear_reading(&other);
    table.csv = "x,y\n1,\n";
    assert_int_equal(try_fitted(table, r.features, &other, &err), GW_E_DATA);
    assert_string_equal(err.message, "task 'y': column 'y' has no label in the training part");
    clear_reading(&r);
}

/* ---- failing allocations ---- */

typedef struct failing {
    gw__spec *spec;
    const gw__features *fitted;
} failing;

static gw_status read_once(void *context, gw_error *err) {
    const failing *f = context;
    gw__features *features = NULL;
    gw__dataset dataset = {0};
    gw_status status = gw__dataset_read(f->spec, f->fitted, false, NULL, &features, &dataset, err);
    if (status != GW_OK) assert_null(features);
    gw__features_free(features);
    gw__dataset_clear(&dataset);
    return status;
}

static void every_allocation_may_fail(void **state) {
    gw__text csv = every_kind(60), text = {0};
    char path[] = "/tmp/gatewright-feat-XXXXXX.csv";
    int fd = mkstemps(path, 4);
    FILE *file = fdopen(fd, "w");
    assert_int_equal(fwrite(csv.at, 1, csv.n, file), csv.n);
    fclose(file);
    failing f = {0};
    gw__text_addf(&text, "{\"data\":{\"train\":\"%s\",\"valid\":{\"fraction\":0.2}},\"features\":%s,\"tasks\":%s}", path, every_feature, every_task);
    assert_int_equal(gw__spec_parse(text.at, text.n, "t.json", NULL, 0, &f.spec, NULL), GW_OK);
    assert_true(fail_each_allocation(read_once, &f) > 100);
    gw__features *features = NULL;
    gw__dataset dataset = {0};
    assert_int_equal(gw__dataset_read(f.spec, NULL, false, NULL, &features, &dataset, NULL), GW_OK);
    f.fitted = features;
    assert_true(fail_each_allocation(read_once, &f) > 20);
    gw__features_free(features);
    gw__dataset_clear(&dataset);
    gw__spec_free(f.spec);
    remove(path);
    gw__text_clear(&csv);
    gw__text_clear(&text);
}

/* Every other column has an entry, every fourth shares a table. */
static double seconds_of_columns(size_t n) {
    gw__text csv = {0}, features = {0};
    double least = INFINITY;
    for (size_t i = 0; i < n; i++) gw__text_addf(&csv, "c%zu,", i);
    gw__text_puts(&csv, "y\n");
    for (int row = 0; row < 2; row++) {
        for (size_t i = 0; i < n; i++) gw__text_puts(&csv, "1,");
        gw__text_addf(&csv, "%d\n", row);
    }
    gw__text_puts(&features, "{\"default\":\"categorical\",\"columns\":{");
    for (size_t i = 0; i < n; i += 2)
        gw__text_addf(&features, i % 4 ? "%s\"c%zu\":\"numeric\"" : "%s\"c%zu\":{\"type\":\"categorical\",\"share\":\"s%zu\"}", i ? "," : "", i, i / 8);
    gw__text_puts(&features, "}}");
    for (int again = 0; again < 3; again++) {
        reading r = read_table((recipe){.csv = csv.at, .features = features.at});
        assert_int_equal(gw__features_count(r.features), n);
        assert_int_equal(r.in->n_tables, n / 2 + n / 8);
        assert_int_equal(gw__features_at(r.features, n - 2).type, GW__FEATURE_NUMERIC);
        assert_true(strcmp(gw__features_at(r.features, n - 4).share, gw__features_at(r.features, n - 8).share) == 0);
        if (r.dataset.report.seconds < least) least = r.dataset.report.seconds;
        clear_reading(&r);
    }
    gw__text_clear(&csv);
    gw__text_clear(&features);
    return least;
}

/* Eight times the columns take about eight times as long; where each looks at all the others it is 64 times. */
static void many_columns_take_their_time_once(void **state) {
    double few = seconds_of_columns(2000), many = seconds_of_columns(16000);
    if (many > 30 * few) fail_msg("2000 columns took %g s, 16000 took %g s", few, many);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fraction_depends_on_seed_and_row),
        cmocka_unit_test(a_column_may_split),
        cmocka_unit_test(groups_are_not_split),
        cmocka_unit_test(validation_may_have_files),
        cmocka_unit_test(many_columns_take_their_time_once),
        cmocka_unit_test(bad_rows_may_be_skipped),
        cmocka_unit_test(the_first_bad_row_is_reported),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(both_roads_agree),
        cmocka_unit_test(the_first_bad_row_does_not_depend_on_threads),
        cmocka_unit_test(skipped_rows_do_not_depend_on_threads),
        cmocka_unit_test(fitted_features_meet_bad_rows),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
