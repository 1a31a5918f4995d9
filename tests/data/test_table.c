/* Tables of real files: several, patterns, standard input, what cannot be opened. */
#include "testing.h"

#include <sys/stat.h>
#include <unistd.h>

#include "fail_alloc.h"
#include "table_dump.h"

static char folder[] = "/tmp/gatewright-table-XXXXXX";
static const gw__table_options with_header = {.header_in_file = true};

static int make_folder(void **state) {
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    return rmdir(folder);
}

static const char *path_of(const char *name) {
    static char paths[4][200]; /* the last four */
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *name) {
    assert_int_equal(unlink(path_of(name)), 0);
}

static void expect_files(const char *const *paths, size_t n, const gw__table_options *options, const char *expected) {
    gw__table *table = NULL;
    gw__text found = {0};
    gw_error err = {0};
    gw_status status = gw__table_open_csv(paths, n, options, &table, &err);
    if (status == GW_OK) status = dump_rows(table, &found, &err);
    assert_string_equal(err.message, "");
    assert_int_equal(status, GW_OK);
    assert_string_equal(found.at, expected);
    gw__table_close(table);
    gw__text_clear(&found);
}

static void expect_failure(const char *const *paths, size_t n, const gw__table_options *options, gw_status code, const char *where,
                           int64_t line, const char *message) {
    gw__table *table = NULL;
    gw__text found = {0};
    gw_error err = {0};
    gw_status status = gw__table_open_csv(paths, n, options, &table, &err);
    if (status == GW_OK) status = dump_rows(table, &found, &err);
    assert_string_equal(err.message, message);
    assert_int_equal(status, code);
    assert_string_equal(err.where, where);
    assert_int_equal(err.line, line);
    gw__table_close(table);
    gw__text_clear(&found);
}

static void test_several(void **state) {
    put_file("1.csv", "a,b\n1,2\n");
    put_file("2.csv", "a, b\r\n");
    put_file("3.csv", "\"a\",b\n3,4\n5,6");
    const char *files[] = {path_of("1.csv"), path_of("2.csv"), path_of("3.csv")}, *pattern = path_of("[123].csv");
    expect_files(files, 3, &with_header, "2:[1][2]\n2:[3][4]\n3:[5][6]\n");
    expect_files(&pattern, 1, &with_header, "2:[1][2]\n2:[3][4]\n3:[5][6]\n");
    const char *reversed[] = {files[2], files[0]};
    expect_files(reversed, 2, &with_header, "2:[3][4]\n3:[5][6]\n2:[1][2]\n");
    remove_file("1.csv");
    remove_file("2.csv");
    remove_file("3.csv");
}

static void test_locate(void **state) {
    put_file("1.csv", "a\n\"1\n1\"\n2\n");
    put_file("2.csv", "a\n\n3\n");
    const char *files[] = {path_of("1.csv"), path_of("2.csv")}, *where;
    gw__table *table = NULL;
    gw__batch batch;
    int64_t line;
    assert_int_equal(gw__table_open_csv(files, 2, &with_header, &table, NULL), GW_OK);
    assert_int_equal(gw__table_next(table, &batch, NULL), GW_OK);
    assert_int_equal(batch.n_rows, 2);
    gw__table_locate(table, 1, &where, &line);
    assert_string_equal(where, files[0]);
    assert_int_equal(line, 4);
    assert_int_equal(gw__table_next(table, &batch, NULL), GW_OK);
    gw__table_locate(table, 1, &where, &line);
    assert_string_equal(where, files[1]);
    assert_int_equal(line, 3);
    for (int i = 0; i < 2; i++) { /* the end stays the end */
        assert_int_equal(gw__table_next(table, &batch, NULL), GW_OK);
        assert_int_equal(batch.n_rows, 0);
    }
    assert_int_equal(gw__table_text_bytes(table), 15);
    gw__table_close(table);
    remove_file("1.csv");
    remove_file("2.csv");
}

static void test_headers_agree(void **state) {
    char message[400];
    put_file("1.csv", "a,b\n1,2\n");
    put_file("2.csv", "\na,c\n1,2\n");
    put_file("3.csv", "a,b,c\n1,2,3\n");
    put_file("4.csv", "");
    const char *files[] = {path_of("1.csv"), path_of("2.csv")};
    snprintf(message, sizeof message, "column 2: expected 'b' as in '%s' but found 'c'", files[0]);
    expect_failure(files, 2, &with_header, GW_E_DATA, files[1], 2, message);
    files[1] = path_of("3.csv");
    snprintf(message, sizeof message, "expected 2 columns as in '%s' but found 3", files[0]);
    expect_failure(files, 2, &with_header, GW_E_DATA, files[1], 1, message);
    files[1] = path_of("4.csv");
    expect_failure(files, 2, &with_header, GW_E_DATA, files[1], 0,
                   "expected a first line with the names of the columns but the file is empty");
    for (char name[] = "1.csv"; name[0] <= '4'; name[0]++) remove_file(name);
}

static void test_separator_by_name(void **state) {
    static const char *const named[] = {"1.tsv", "2.TSV.gz", "3.tsv.zst", "4.csv"}; /* by name alone, though nothing is packed here */
    for (size_t i = 0; i < GW__COUNT(named); i++) {
        const char *path = path_of(named[i]);
        put_file(named[i], i < 3 ? "a,x\tb\n1,5\t2\n" : "a\tx,b\n1\t5,2\n");
        expect_files(&path, 1, &with_header, i < 3 ? "2:[1,5][2]\n" : "2:[1\t5][2]\n");
        remove_file(named[i]);
    }
    const char *path = path_of("1.tsv");
    put_file("1.tsv", "a,b\n1,2\n");
    expect_files(&path, 1, &(gw__table_options){.header_in_file = true, .separator = ','}, "2:[1][2]\n");
    remove_file("1.tsv");
}

static void test_not_there(void **state) {
    char message[300];
    put_file("1.csv", "a,b\n1,2\n");
    const char *files[] = {path_of("1.csv"), path_of("none.csv")}, *pattern = path_of("none*.csv"), *directory = folder;
    gw__table *table = NULL;
    gw_error err = {0};
    assert_int_equal(gw__table_open_csv(files, 2, &with_header, &table, &err), GW_E_IO); /* before a row of the first is read */
    assert_null(table);
    expect_failure(files, 2, &with_header, GW_E_IO, files[1], 0, "cannot open the file: No such file or directory");
    snprintf(message, sizeof message, "expected a file but found a directory; hint: give a pattern such as '%s/*.csv'", folder);
    expect_failure(&directory, 1, &with_header, GW_E_IO, folder, 0, message);
    assert_int_equal(gw__table_open_csv(&pattern, 1, &with_header, &table, &err), GW_E_IO);
    assert_int_equal(gw__table_open_csv(NULL, 0, &with_header, &table, &err), GW_E_ARGUMENT);
    assert_string_equal(err.message, "expected a file but found none");
    remove_file("1.csv");
}

static void test_unreadable(void **state) {
    put_file("1.csv", "a\n1\n");
    assert_int_equal(chmod(path_of("1.csv"), 0), 0);
    const char *path = path_of("1.csv");
    if (access(path, R_OK) != 0) expect_failure(&path, 1, &with_header, GW_E_IO, path, 0, "cannot open the file: Permission denied");
    else expect_files(&path, 1, &with_header, "2:[1]\n"); /* the superuser reads it */
    remove_file("1.csv");
}

static void with_input(const char *text, void (*test)(void)) {
    int pipes[2], kept = dup(STDIN_FILENO);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], text, strlen(text)), (ssize_t)strlen(text));
    close(pipes[1]);
    dup2(pipes[0], STDIN_FILENO);
    close(pipes[0]);
    test();
    dup2(kept, STDIN_FILENO);
    close(kept);
}

static const char *const input_path = "-";

static void read_input(void) {
    expect_files(&input_path, 1, &with_header, "2:[1][2]\n3:[3][4]\n");
}

static void read_bad_input(void) {
    expect_failure(&input_path, 1, &with_header, GW_E_DATA, "standard input", 3, "expected 2 cells but found 3");
}

static void test_input(void **state) {
    with_input("a,b\n1,2\n3,4", read_input);
    with_input("a,b\n1,2\n3,4,5", read_bad_input);
    const char *twice[] = {"-", "-"};
    gw__table *table = NULL;
    gw_error err = {0};
    assert_int_equal(gw__table_open_csv(twice, 2, &with_header, &table, &err), GW_E_ARGUMENT);
    assert_string_equal(err.message, "expected standard input once but found it twice");
}

static void test_names(void **state) {
    put_file("1.csv", "b,a,\"c,\"\n1,2,3\n");
    const char *path = path_of("1.csv");
    gw__table *table = NULL;
    gw__batch batch;
    gw__table_options options = {.header_in_file = true, .first_names_only = true};
    assert_int_equal(gw__table_open_csv(&path, 1, &options, &table, NULL), GW_OK);
    assert_int_equal(gw__table_column_count(table), 3);
    assert_string_equal(gw__table_column_name(table, 2), "c,");
    assert_int_equal(gw__table_find(table, "a"), 1);
    assert_int_equal(gw__table_find(table, "b"), 0);
    assert_int_equal(gw__table_find(table, "c,"), 2);
    assert_int_equal(gw__table_find(table, "c"), -1);
    assert_int_equal(gw__table_find(table, ""), -1);
    assert_int_equal(gw__table_next(table, &batch, NULL), GW_OK);
    assert_int_equal(batch.n_rows, 0);
    gw__table_close(table);
    remove_file("1.csv");
}

static gw_status read_files(void *context, gw_error *err) {
    const char *pattern = context;
    gw__table *table = NULL;
    gw__batch batch = {0};
    gw_status status = gw__table_open_csv(&pattern, 1, &with_header, &table, err);
    while (status == GW_OK && (status = gw__table_next(table, &batch, err)) == GW_OK && batch.n_rows > 0) {}
    gw__table_close(table);
    return status;
}

static void test_no_memory(void **state) {
    put_file("1.csv", "a,b\n1,2\n");
    put_file("2.csv", "a,b\n3,4\n");
    char pattern[200];
    snprintf(pattern, sizeof pattern, "%s/?.csv", folder);
    assert_in_range(fail_each_allocation(read_files, pattern), 15, 60);
    remove_file("1.csv");
    remove_file("2.csv");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several), cmocka_unit_test(test_locate), cmocka_unit_test(test_headers_agree),
        cmocka_unit_test(test_separator_by_name), cmocka_unit_test(test_not_there), cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_input), cmocka_unit_test(test_names), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
