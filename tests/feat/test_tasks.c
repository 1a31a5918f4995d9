/* Labels, weights, sample spaces, groups, and which columns are features at all. */
#include "feat_fixture.h"

#include "base/random.h"

static void expect_labels(const reading *r, size_t task, const float *labels, const float *weights, size_t n) {
    assert_int_equal(r->dataset.train.n_rows, n);
    for (size_t row = 0; row < n; row++) {
        if (label_at(&r->dataset.train, row, task) != labels[row] || weight_at(&r->dataset.train, row, task) != weights[row]) {
            fail_msg("row %zu: label %g, weight %g", row, (double)label_at(&r->dataset.train, row, task), (double)weight_at(&r->dataset.train, row, task));
        }
    }
}

#define LABELS(...) (const float[]){__VA_ARGS__}
#define EXPECT(r, task, labels, ...)                                                      \
    do {                                                                                  \
        const float weights_[] = {__VA_ARGS__};                                           \
        expect_labels(r, task, labels, weights_, sizeof weights_ / sizeof weights_[0]);   \
    } while (0)

/* ---- which columns are features ---- */

static void features_stand_in_the_files_order(void **state) {
    reading r = read_table((recipe){
        .csv = "b,y,a,w,g,u,i,z\n1,0,p,1,1,7,0,1\n2,1,p,1,1,8,0,2\n",
        .features = "{\"ignore\":[\"i\"],\"columns\":{\"z\":{\"type\":\"numeric\"},\"a\":{\"type\":\"categorical\",\"dim\":3}}}",
        .tasks = "{\"y\":{\"type\":\"binary\",\"row_weight\":\"w\",\"given\":\"g\",\"group\":\"u\"}}"});
    const char *names[] = {"b", "a", "u", "z"};
    const uint32_t places[] = {0, 1, 4, 5};
    assert_int_equal(gw__features_count(r.features), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(gw__features_at(r.features, i).name, names[i]);
        assert_int_equal(gw__features_at(r.features, i).dense_at, places[i]);
        assert_int_equal(r.in->slots[i].dense_at, places[i]);
        assert_int_equal(r.in->slots[i].feature, i);
    }
    assert_int_equal(r.in->width, 6);
    assert_int_equal(r.in->n_slots, 4);
    assert_int_equal(r.in->groups_at % 2, 0);
    assert_int_equal(r.in->stride % 2, 0);
    assert_int_equal(r.in->groups_at + 2, r.in->stride);
    clear_reading(&r);
}

static void steering_columns_are_features_if_listed(void **state) {
    reading r = read_table((recipe){.csv = "b,y,w,g\n1,0,1,1\n2,1,1,1\n", .features = "{\"columns\":{\"w\":\"numeric\",\"g\":\"numeric\"}}",
                                    .tasks = "{\"y\":{\"type\":\"binary\",\"row_weight\":\"w\",\"given\":\"g\"}}"});
    assert_int_equal(gw__features_count(r.features), 3);
    assert_string_equal(gw__features_at(r.features, 1).name, "w");
    clear_reading(&r);
}

static void names_must_be_columns(void **state) {
    const char *csv = "age,y,weight\n1,0,1\n2,1,1\n";
    refuse_table((recipe){.csv = csv, .features = "{\"columns\":{\"agee\":\"numeric\"}}"}, GW_E_CONFIG, "features.columns.agee", 0,
                 "'agee' is no column of the table; hint: did you mean 'age'?");
    refuse_table((recipe){.csv = csv, .features = "{\"ignore\":[\"zzzzzz\"]}"}, GW_E_CONFIG, "features.ignore", 0, "'zzzzzz' is no column of the table");
    refuse_table((recipe){.csv = csv, .tasks = "{\"t\":{\"type\":\"binary\",\"label\":\"yy\"}}"}, GW_E_CONFIG, "tasks.t.label", 0,
                 "'yy' is no column of the table; hint: did you mean 'y'?");
    refuse_table((recipe){.csv = csv, .tasks = "{\"y\":{\"type\":\"binary\",\"row_weight\":\"wieght\"}}"}, GW_E_CONFIG, "tasks.y.row_weight", 0,
                 "'wieght' is no column of the table; hint: did you mean 'weight'?");
    refuse_table((recipe){.csv = csv, .tasks = "{\"y\":{\"type\":\"binary\",\"given\":\"ages\"}}"}, GW_E_CONFIG, "tasks.y.given", 0,
                 "'ages' is no column of the table; hint: did you mean 'age'?");
    refuse_table((recipe){.csv = csv, .tasks = "{\"y\":{\"type\":\"binary\",\"group\":\"ages\"}}"}, GW_E_CONFIG, "tasks.y.group", 0,
                 "'ages' is no column of the table; hint: did you mean 'age'?");
    refuse_table((recipe){.csv = csv, .valid = "{\"column\":\"ages\",\"from\":\"3\"}"}, GW_E_CONFIG, "data.valid.column", 0,
                 "'ages' is no column of the table; hint: did you mean 'age'?");
}

static void labels_and_ignored_columns_are_no_features(void **state) {
    refuse_table((recipe){.csv = "a,y\n1,0\n2,1\n", .features = "{\"ignore\":[\"a\"]}"}, GW_E_CONFIG, "features", 0, "no column is left to be a feature");
}

/* ---- labels ---- */

static void binary_labels_are_0_and_1(void **state) {
    reading r = read_table((recipe){.csv = "a,y\n1,0\n2,1\n3,0.0\n4,1.0\n5,\n6,?\n", .missing = "[\"?\"]"});
    EXPECT(&r, 0, LABELS(0, 1, 0, 1, 0, 0), 1, 1, 1, 1, 0, 0);
    assert_int_equal(r.dataset.report.train_tasks[0].labelled, 4);
    assert_int_equal(r.dataset.report.train_tasks[0].positives, 2);
    assert_int_equal(r.dataset.report.missing_cells, 0); /* of feature columns only */
    clear_reading(&r);
    refuse_table((recipe){.csv = "a,y\n1,0\n2,2\n"}, GW_E_DATA, "CSV", 3, "column 'y': expected 0 or 1 but found '2'; hint: name the positive value with 'positive'");
    refuse_table((recipe){.csv = "a,y\n1,0\n2,yes\n"}, GW_E_DATA, "CSV", 3, "column 'y': expected 0 or 1 but found 'yes'; hint: name the positive value with 'positive'");
}

static void a_positive_value_is_compared_as_text(void **state) {
    reading r = read_table((recipe){.csv = "a,s\n1,yes\n2,\" yes \"\n3,no\n4,Yes\n5,\n6,?\n7,1\n", .missing = "[\"?\"]",
                                    .tasks = "{\"y\":{\"label\":\"s\",\"type\":\"binary\",\"positive\":\"yes\"},\"n\":{\"label\":\"s\",\"type\":\"binary\",\"positive\":\"no\"}}"});
    EXPECT(&r, 0, LABELS(1, 1, 0, 0, 0, 0, 0), 1, 1, 1, 1, 0, 0, 1);
    EXPECT(&r, 1, LABELS(0, 0, 1, 0, 0, 0, 0), 1, 1, 1, 1, 0, 0, 1);
    clear_reading(&r);
}

static void regression_labels_are_numbers(void **state) {
    const char *task = "{\"y\":{\"type\":\"regression\"}}";
    reading r = read_table((recipe){.csv = "a,y\n1,-2.5\n2,1e3\n3,\n4,NA\n", .missing = "[\"NA\"]", .tasks = task});
    EXPECT(&r, 0, LABELS(-2.5f, 1000, 0, 0), 1, 1, 0, 0);
    assert_int_equal(r.dataset.report.train_tasks[0].positives, 0);
    clear_reading(&r);
    refuse_table((recipe){.csv = "a,y\n1,1\n2,x\n", .tasks = task}, GW_E_DATA, "CSV", 3,
                 "column 'y': expected a number but found 'x'; hint: list it under data.missing");
    refuse_table((recipe){.csv = "a,y\n1,1\n2,1e39\n", .tasks = task}, GW_E_DATA, "CSV", 3,
                 "column 'y': expected a number but found '1e39'; hint: list it under data.missing");
}

static void expect_classes(const reading *r, const char *const *names, size_t n) {
    gw__texts classes = gw__features_classes(r->features, 0);
    assert_int_equal(classes.n, n);
    assert_int_equal(gw__features_output_width(r->features, 0), n);
    for (size_t i = 0; i < n; i++) assert_string_equal(classes.at[i], names[i]);
}

static void classes_are_fitted_or_given(void **state) {
    const char *task = "{\"y\":{\"type\":\"multiclass\"}}";
    reading r = read_table((recipe){.csv = "a,y\n1,10\n2,9\n3,-1\n4,\n5,9\n", .tasks = task});
    expect_classes(&r, (const char *[]){"-1", "9", "10"}, 3);
    EXPECT(&r, 0, LABELS(2, 1, 0, 0, 1), 1, 1, 1, 0, 1);
    clear_reading(&r);
    r = read_table((recipe){.csv = "a,y\n1,10\n2,9\n3,x\n4,\" 9 \"\n", .tasks = task});
    expect_classes(&r, (const char *[]){"10", "9", "x"}, 3);
    EXPECT(&r, 0, LABELS(0, 1, 2, 1), 1, 1, 1, 1);
    clear_reading(&r);
    r = read_table((recipe){.csv = "a,y\n1,b\n2,a\n", .tasks = "{\"y\":{\"type\":\"multiclass\",\"classes\":[\"b\",\"c\",\"a\"]}}"});
    expect_classes(&r, (const char *[]){"b", "c", "a"}, 3);
    EXPECT(&r, 0, LABELS(0, 2), 1, 1);
    clear_reading(&r);
    r = read_table((recipe){.csv = "a,y\n1,0\n2,1\n"});
    assert_int_equal(gw__features_classes(r.features, 0).n, 0);
    assert_int_equal(gw__features_output_width(r.features, 0), 1);
    clear_reading(&r);
}

static void unknown_classes_are_refused(void **state) {
    recipe table = {.csv = "a,d,y\n1,1,p\n2,1,q\n3,2,r\n", .valid = "{\"column\":\"d\",\"from\":\"2\"}", .tasks = "{\"y\":{\"type\":\"multiclass\"}}"};
    refuse_table(table, GW_E_DATA, "CSV", 4, "column 'y': expected one of 'p', 'q' but found 'r'; hint: a new class needs a new training");
    table.skip = true;
    reading r = read_table(table);
    assert_int_equal(r.dataset.valid.n_rows, 0);
    assert_int_equal(r.dataset.report.skipped, 1);
    assert_non_null(note_with(&r.dataset.report, "data.valid picks no row"));
    clear_reading(&r);
    refuse_table((recipe){.csv = "a,y\n1,p\n2,p\n", .tasks = table.tasks}, GW_E_DATA, "CSV", 0, "task 'y': column 'y' has fewer than two classes");
    refuse_table((recipe){.csv = "a,y\n1,1\n2,2\n3,3\n4,4\n5,5\n6,6\n7,8\n", .tasks = "{\"y\":{\"type\":\"multiclass\",\"classes\":[1,2,3,4,5,6,7]}}"}, GW_E_DATA,
                 "CSV", 8, "column 'y': expected one of '1', '2', '3', '4', '5' and 2 more but found '8'; hint: a new class needs a new training");
}

static void every_task_needs_a_label(void **state) {
    refuse_table((recipe){.csv = "a,s\n1,\n2,\n", .tasks = "{\"y\":{\"type\":\"binary\",\"label\":\"s\"}}"}, GW_E_DATA, "CSV", 0,
                 "task 'y': column 's' has no label in the training part");
    refuse_table((recipe){.csv = "a,s\n1,\n2,\n", .tasks = "{\"y\":{\"type\":\"multiclass\",\"label\":\"s\"}}"}, GW_E_DATA, "CSV", 0,
                 "task 'y': column 's' has no label in the training part");
    refuse_table((recipe){.csv = "a,d,s\n1,1,\n2,2,1\n", .valid = "{\"column\":\"d\",\"from\":\"2\"}", .tasks = "{\"y\":{\"type\":\"binary\",\"label\":\"s\"}}"},
                 GW_E_DATA, "CSV", 0, "task 'y': column 's' has no label in the training part");
    refuse_table((recipe){.csv = "a,g,s\n1,0,1\n2,0,0\n", .tasks = "{\"y\":{\"type\":\"binary\",\"label\":\"s\",\"given\":\"g\"}}"}, GW_E_DATA, "CSV", 0,
                 "task 'y': column 's' has no label in the training part; hint: all its labelled rows may be outside of 'given'");
    reading r = read_table((recipe){.csv = "a,d,y\n1,1,0\n2,1,1\n3,2,\n", .valid = "{\"column\":\"d\",\"from\":\"2\"}"});
    assert_non_null(note_with(&r.dataset.report, "task 'y': no label in the validation part"));
    clear_reading(&r);
}

/* ---- weights ---- */

static void rows_may_have_weights(void **state) {
    const char *tasks = "{\"y\":{\"type\":\"binary\",\"row_weight\":\"w\"},\"z\":{\"type\":\"regression\"}}";
    reading r = read_table((recipe){.csv = "a,w,y,z\n1,0.5,0,1\n2,2,1,2\n3,0,1,3\n4,7,,4\n", .tasks = tasks});
    EXPECT(&r, 0, LABELS(0, 1, 1, 0), 0.5f, 2, 0, 0);
    EXPECT(&r, 1, LABELS(1, 2, 3, 4), 1, 1, 1, 1);
    clear_reading(&r);
    refuse_table((recipe){.csv = "a,w,y,z\n1,0.5,0,1\n2,-1,1,2\n", .tasks = tasks}, GW_E_DATA, "CSV", 3, "column 'w': expected a weight of 0 or more but found '-1'");
    refuse_table((recipe){.csv = "a,w,y,z\n1,0.5,0,1\n2,,1,2\n", .tasks = tasks}, GW_E_DATA, "CSV", 3, "column 'w': expected a number but found no value");
    refuse_table((recipe){.csv = "a,w,y,z\n1,0.5,0,1\n2,1e39,1,2\n", .tasks = tasks}, GW_E_DATA, "CSV", 3,
                 "column 'w': expected a weight of 0 or more but found '1e39'");
    r = read_table((recipe){.csv = "a,w,y,z\n1,0.5,0,1\n2,-1,1,2\n3,,0,1\n4,1,1,1\n", .tasks = tasks, .skip = true});
    assert_int_equal(r.dataset.train.n_rows, 2);
    assert_int_equal(r.dataset.report.skipped, 2);
    clear_reading(&r);
}

static void a_sample_space_is_a_task_or_a_column(void **state) {
    reading r = read_table((recipe){.csv = "a,click,buy,spend,shown\n1,1,1,5,1\n2,0,0,,1\n3,1,0,,1.0\n4,,1,3,0\n5,0,1,9,\n",
                                    .tasks = "{\"click\":{\"type\":\"binary\"},\"buy\":{\"type\":\"binary\",\"given\":\"click\"},"
                                             "\"spend\":{\"type\":\"regression\",\"given\":\"buy\"},\"seen\":{\"type\":\"binary\",\"label\":\"buy\",\"given\":\"shown\"}}"});
    EXPECT(&r, 0, LABELS(1, 0, 1, 0, 0), 1, 1, 1, 0, 1);
    EXPECT(&r, 1, LABELS(1, 0, 0, 1, 1), 1, 0, 1, 0, 0);
    EXPECT(&r, 2, LABELS(5, 0, 0, 3, 9), 1, 0, 0, 1, 1);
    EXPECT(&r, 3, LABELS(1, 0, 0, 1, 1), 1, 1, 1, 0, 0);
    const gw__task_count *counts = r.dataset.report.train_tasks;
    assert_int_equal(counts[1].outside, 3);
    assert_int_equal(counts[1].labelled, 2);
    assert_int_equal(counts[1].positives, 1);
    assert_int_equal(counts[2].outside, 2);
    assert_int_equal(counts[3].outside, 2);
    assert_int_equal(gw__features_count(r.features), 1);
    clear_reading(&r);
    refuse_table((recipe){.csv = "a,g,y\n1,1,1\n2,maybe,0\n", .tasks = "{\"y\":{\"type\":\"binary\",\"given\":\"g\"}}"}, GW_E_DATA, "CSV", 3,
                 "column 'g': expected 0 or 1 but found 'maybe'");
}

/* Whatever is not 1 would be outside without a word, were it not refused. */
static void a_given_column_holds_0_and_1(void **state) {
    const char *tasks = "{\"y\":{\"type\":\"binary\",\"given\":\"g\"}}";
    refuse_table((recipe){.csv = "a,g,y\n1,1,1\n2,2,0\n", .tasks = tasks}, GW_E_DATA, "CSV", 3, "column 'g': expected 0 or 1 but found '2'");
    refuse_table((recipe){.csv = "a,g,y\n1,1,1\n2,0.5,0\n3,-1,0\n", .tasks = tasks}, GW_E_DATA, "CSV", 3, "column 'g': expected 0 or 1 but found '0.5'");
    refuse_table((recipe){.csv = "a,g,y\n1,1,1\n2,-1,0\n", .tasks = tasks, .features = "{\"columns\":{\"g\":\"numeric\"}}"}, GW_E_DATA, "CSV", 3,
                 "column 'g': expected 0 or 1 but found '-1'");
    recipe table = {.csv = "a,g,y\n1,1,1\n2,2,0\n3,0.0,0\n4,?,1\n5,x,0\n6,1e0,0\n", .missing = "[\"?\"]", .tasks = tasks, .skip = true};
    reading r = read_table(table), again = {0};
    assert_int_equal(r.dataset.report.skipped, 2);
    EXPECT(&r, 0, LABELS(1, 0, 1, 0), 1, 0, 0, 1);
    assert_int_equal(r.dataset.report.train_tasks[0].outside, 2);
    gw_error err = {0};
    assert_int_equal(try_fitted(table, r.features, &again, &err), GW_OK); /* by the encoder */
    assert_true(same_records(&r.dataset.train, &again.dataset.train));
    assert_int_equal(again.dataset.report.skipped, 2);
    clear_reading(&again);
    table.skip = false;
    assert_int_equal(try_fitted(table, r.features, &again, &err), GW_E_DATA);
    assert_int_equal(err.line, 3);
    assert_string_equal(err.message, "column 'g': expected 0 or 1 but found '2'");
    table.csv = "a,g,y\n1,1,1\n2,x,0\n";
    assert_int_equal(try_fitted(table, r.features, &again, &err), GW_E_DATA);
    assert_string_equal(err.message, "column 'g': expected 0 or 1 but found 'x'");
    clear_reading(&r);
}

static void expect_note(recipe table, const char *note) {
    reading r = read_table(table);
    if (!note_with(&r.dataset.report, note)) fail_msg("no note '%s'", note);
    clear_reading(&r);
}

static void a_task_without_positives_is_told(void **state) {
    const char *income = "{\"income\":{\"type\":\"binary\",\"label\":\"i\",\"positive\":\"50000\"}}";
    recipe table = {.csv = "a,i\n1,- 50000.\n2,50000+.\n3,- 50000.\n", .tasks = income};
    expect_note(table, "task 'income': positive '50000' never occurs in column 'i'; hint: did you mean '50000+.'?");
    table.csv = "a,i\n1,low\n2,middle\n3,high\n4,higher\n";
    expect_note(table, "positive '50000' never occurs in column 'i'; hint: its values are 'low', 'middle', 'high', …");
    table.csv = "a,i\n1,low\n2,\" 50000 \"\n";
    reading r = read_table(table), again = {0};
    assert_null(note_with(&r.dataset.report, "positive"));
    gw_error err = {0};
    table.csv = "a,i\n1,low\n2,high\n";
    assert_int_equal(try_fitted(table, r.features, &again, &err), GW_OK);
    assert_non_null(note_with(&again.dataset.report, "task 'income': no row of the training part is positive"));
    clear_reading(&again);
    clear_reading(&r);
    expect_note((recipe){.csv = "a,g,y\n1,0,1\n2,1,0\n", .tasks = "{\"y\":{\"type\":\"binary\",\"given\":\"g\"}}"},
                "task 'y': no row of the training part is positive; hint: all positives may be outside of 'given'");
}

static void negatives_are_sampled_in_training_only(void **state) {
    gw__text csv = {0};
    gw__text_puts(&csv, "a,y,z\n");
    for (int i = 0; i < 3000; i++) gw__text_addf(&csv, "%d,%d,%d\n", i, i % 3 == 0, i % 3 == 0);
    reading r = read_table((recipe){.csv = csv.at, .valid = "{\"fraction\":0.2}",
                                    .tasks = "{\"z\":{\"type\":\"binary\"},\"y\":{\"type\":\"binary\",\"negative_sampling\":0.3}}"});
    size_t train = 0, valid = 0, kept = 0;
    for (size_t row = 0; row < 3000; row++) {
        bool positive = row % 3 == 0;
        if (gw__random_uniform(r.spec->train.seed, GW__RANDOM_VALID, 0, row) < 0.2) {
            assert_true(weight_at(&r.dataset.valid, valid, 1) == 1);
            assert_true(label_at(&r.dataset.valid, valid++, 1) == positive);
            continue;
        }
        bool keeps = positive || gw__random_uniform(r.spec->train.seed, GW__RANDOM_SAMPLE, 1, row) < 0.3;
        assert_true(weight_at(&r.dataset.train, train, 1) == keeps);
        assert_true(weight_at(&r.dataset.train, train, 0) == 1);
        assert_true(label_at(&r.dataset.train, train++, 1) == positive);
        kept += keeps && !positive;
    }
    assert_int_equal(train, r.dataset.train.n_rows);
    assert_int_equal(valid, r.dataset.valid.n_rows);
    assert_int_equal(r.dataset.report.train_tasks[1].labelled, train); /* before sampling */
    assert_true(kept > 400 && kept < 560);
    gw__text_clear(&csv);
    clear_reading(&r);
}

static void groups_are_hashes_of_texts(void **state) {
    reading r = read_table((recipe){.csv = "u,v,y,z\nann,1,0,1\nbob,2,1,1\nann,3,1,0\n,4,0,0\n",
                                    .tasks = "{\"y\":{\"type\":\"binary\",\"group\":\"v\"},\"z\":{\"type\":\"binary\",\"group\":\"u\"},"
                                             "\"x\":{\"type\":\"binary\",\"label\":\"y\",\"group\":\"v\"},\"w\":{\"type\":\"binary\",\"label\":\"y\"}}"});
    assert_int_equal(r.in->n_groups, 2);
    assert_int_equal(gw__features_group(r.features, 0), 0);
    assert_int_equal(gw__features_group(r.features, 1), 1);
    assert_int_equal(gw__features_group(r.features, 2), 0);
    assert_true(gw__features_group(r.features, 3) == SIZE_MAX);
    assert_true(group_at(&r.dataset.train, 0, 0) == gw__hash("1", 1));
    assert_true(group_at(&r.dataset.train, 1, 1) == gw__hash("bob", 3));
    assert_true(group_at(&r.dataset.train, 0, 1) == group_at(&r.dataset.train, 2, 1));
    assert_true(group_at(&r.dataset.train, 3, 1) == 0);
    assert_int_equal(gw__features_count(r.features), 2); /* group columns stay features */
    clear_reading(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_stand_in_the_files_order),
        cmocka_unit_test(steering_columns_are_features_if_listed),
        cmocka_unit_test(names_must_be_columns),
        cmocka_unit_test(labels_and_ignored_columns_are_no_features),
        cmocka_unit_test(binary_labels_are_0_and_1),
        cmocka_unit_test(a_positive_value_is_compared_as_text),
        cmocka_unit_test(regression_labels_are_numbers),
        cmocka_unit_test(classes_are_fitted_or_given),
        cmocka_unit_test(unknown_classes_are_refused),
        cmocka_unit_test(every_task_needs_a_label),
        cmocka_unit_test(rows_may_have_weights),
        cmocka_unit_test(a_sample_space_is_a_task_or_a_column),
        cmocka_unit_test(a_given_column_holds_0_and_1),
        cmocka_unit_test(a_task_without_positives_is_told),
        cmocka_unit_test(negatives_are_sampled_in_training_only),
        cmocka_unit_test(groups_are_hashes_of_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
