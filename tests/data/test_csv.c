#include "testing.h"

#include "data/csv_scan.h"
#include "fail_alloc.h"
#include "table_dump.h"

static const char *const three[] = {"a", "b", "c"};
static const gw__table_options with_header = {.header_in_file = true};
static const gw__table_options with_names = {.names = three, .n_names = 3};
static const gw__table_options two_columns = {.names = three, .n_names = 2};
static const gw__table_options one_column = {.names = three, .n_names = 1};
static gw__pool *pool; /* of three threads */
static const gw__csv_sizes usual = {1 << 16, 1, 1 << 20, 1 << 22};

/* Every piece from one byte to all, several of them at a time, too. */
static void expect_rows_of(const char *text, size_t n, const gw__table_options *options, const char *expected) {
    for (size_t buffer = 1; buffer < 300; buffer = buffer * 3 / 2 + 1) {
        gw__csv_sizes sizes = {buffer, 1 + buffer % 4, 1 << 20, 1 << 22};
        gw__text found = {0};
        gw_error err = {0};
        gw_status status = dump_csv((gw__slice){text, n}, options, &sizes, &found, &err);
        assert_string_equal(err.message, "");
        assert_int_equal(status, GW_OK);
        assert_string_equal(found.at, expected);
        gw__text_clear(&found);
    }
}

#define EXPECT_ROWS(text, options, expected) expect_rows_of(text, sizeof(text) - 1, options, expected)

/* The failure, its line and its message, with every buffer size. */
static void expect_failure_of(const char *text, size_t n, const gw__table_options *options, gw_status code, int64_t line,
                              const char *message) {
    for (size_t buffer = 1; buffer < 300; buffer = buffer * 3 / 2 + 1) {
        gw__csv_sizes sizes = {buffer, 1 + buffer % 4, 1000, 4000};
        gw__text found = {0};
        gw_error err = {0};
        assert_int_equal(dump_csv((gw__slice){text, n}, options, &sizes, &found, &err), code);
        assert_string_equal(err.message, message);
        assert_string_equal(err.where, "memory");
        assert_int_equal(err.line, line);
        assert_int_equal(err.code, code);
        gw__text_clear(&found);
    }
}

#define EXPECT_FAILURE(text, options, code, line, message) expect_failure_of(text, sizeof(text) - 1, options, code, line, message)

/* ---- what is read ---- */

static void test_rows(void **state) {
    EXPECT_ROWS("a,b,c\n1,2,3\n4,5,6\n", &with_header, "2:[1][2][3]\n3:[4][5][6]\n");
    EXPECT_ROWS("1,2,3\n4,5,6", &with_names, "1:[1][2][3]\n2:[4][5][6]\n");
    EXPECT_ROWS("a,b,c\n", &with_names, "1:[a][b][c]\n"); /* names given: the first line is a row, whatever it says */
    EXPECT_ROWS("a,b,c\n", &with_header, "");
    EXPECT_ROWS("a,b,c", &with_header, "");
    EXPECT_ROWS("", &with_names, "");
}

static void test_lines(void **state) {
    EXPECT_ROWS("1,2,3\r\n4,5,6\r\n", &with_names, "1:[1][2][3]\n2:[4][5][6]\n");
    EXPECT_ROWS("1,2,3\r4,5,6\r", &with_names, "1:[1][2][3]\n2:[4][5][6]\n");
    EXPECT_ROWS("1,2,3\n4,5,6\r7,8,9\r\n,,0", &with_names, "1:[1][2][3]\n2:[4][5][6]\n3:[7][8][9]\n4:--[0]\n");
    EXPECT_ROWS("\n\n1,2,3\n\r\n  \t\n\n4,5,6\n\n", &with_names, "3:[1][2][3]\n7:[4][5][6]\n");
    EXPECT_ROWS("\n \r\na,b,c\r\n\n1,2,3\r", &with_header, "5:[1][2][3]\n");
}

static void test_quotes(void **state) {
    EXPECT_ROWS("\"1\",\"2,2\",\"3\"\n", &with_names, "1:[1][2,2][3]\n");
    EXPECT_ROWS("\"a\"\"b\",\"\"\"\",\"\"\"\"\"\"\n", &with_names, "1:[a\"b][\"][\"\"]\n");
    EXPECT_ROWS("\"x\ny\r\nz\rw\",2,3\n4,5,6\n", &with_names, "1:[x\ny\r\nz\rw][2][3]\n5:[4][5][6]\n");
    EXPECT_ROWS("5\" pipe,a\"b\"c,\"6\"\n", &with_names, "1:[5\" pipe][a\"b\"c][6]\n");
    EXPECT_ROWS("\"\",\"\"\n\"1\",\"2\"", &two_columns, "1:--\n2:[1][2]\n");
    EXPECT_ROWS("\"a,1\",\"b\nb\",\" c\"\n\"\n\n\",2,3\nx,y,z", &with_header, "3:[\n\n][2][3]\n6:[x][y][z]\n");
}

static void test_blanks(void **state) {
    EXPECT_ROWS(" 1,\t2 , 3\t \n", &with_names, "1:[1][2][3]\n");
    EXPECT_ROWS("\" 1\", \"2 \" ,\t\"3\"\t\r\n", &with_names, "1:[ 1][2 ][3]\n");
    EXPECT_ROWS("  ,\" \", \n", &with_names, "1:-[ ]-\n");
    EXPECT_ROWS("73, Not in universe, - 50000.\n", &with_names, "1:[73][Not in universe][- 50000.]\n");
    EXPECT_ROWS(" a , b,c \n1,2,3", &with_header, "2:[1][2][3]\n");
}

static void test_separators(void **state) {
    gw__table_options options = with_names;
    options.separator = '\t';
    EXPECT_ROWS("1\t\t 3 \n a,b\t\"\t\"\t\"\"\"\"\n", &options, "1:[1]-[3]\n2:[a,b][\t][\"]\n");
    EXPECT_ROWS("\t\t\n", &options, "1:---\n"); /* no blank line: tabs separate here */
    options.separator = ' ';
    EXPECT_ROWS("1 \t2\t 3\n", &options, "1:[1][2][3]\n");
    options.separator = ';';
    EXPECT_ROWS("1,5;2;3\n", &options, "1:[1,5][2][3]\n");
}

static void test_one_column(void **state) {
    EXPECT_ROWS("1\n\n  \n\"\"\n2", &one_column, "1:[1]\n2:-\n3:-\n4:-\n5:[2]\n");
    EXPECT_ROWS("\n\na\n\n1\n", &with_header, "4:-\n5:[1]\n"); /* before the header they mean nothing */
}

static void test_mark(void **state) {
    EXPECT_ROWS("\xEF\xBB\xBF" "1,2,3\n", &with_names, "1:[1][2][3]\n");
    EXPECT_ROWS("\xEF\xBB\xBF\"1\",2,3\n", &with_names, "1:[1][2][3]\n");
    EXPECT_ROWS("\xEF\xBB\xBF", &one_column, "");
    EXPECT_ROWS("\xEF\xBB\xBF\n", &one_column, "1:-\n");
    EXPECT_ROWS("1,\xEF\xBB\xBF,3\n", &with_names, "1:[1][\xEF\xBB\xBF][3]\n"); /* elsewhere it is a character */
}

static void test_utf8(void **state) {
    EXPECT_ROWS("\xC3\xA9,\xE6\xBC\xA2\xE5\xAD\x97,\"\xF0\x9F\x99\x82\n\"\n", &with_names,
                "1:[\xC3\xA9][\xE6\xBC\xA2\xE5\xAD\x97][\xF0\x9F\x99\x82\n]\n");
}

/* ---- what is refused ---- */

#define NEVER_CLOSED " expected a closing quote for the cell that begins here but found the end of the file"
#define AFTER_QUOTE "expected a separator or the end of the line behind the closing quote but found "
#define WRITTEN_TWICE "; hint: a quote inside quotes is written twice"
#define LONG_CELL ": expected at most 1000 bytes in a cell but found more; hint: is a closing quote missing"

static void test_counts(void **state) {
    EXPECT_FAILURE("a,b,c\n1,2,3\n4,5\n", &with_header, GW_E_DATA, 3, "expected 3 cells but found 2");
    EXPECT_FAILURE("a,b,c\n1,2,3,4\n", &with_header, GW_E_DATA, 2, "expected 3 cells but found 4");
    EXPECT_FAILURE("a,b,c\n\"1\n2\",2,3\n1\t2\t3\n", &with_header, GW_E_DATA, 4,
                   "expected 3 cells but found 1; hint: cells are separated by ',' here");
    EXPECT_FAILURE("a\n1,2\n", &with_header, GW_E_DATA, 2, "expected 1 cell but found 2");
}

static void test_bad_quotes(void **state) {
    EXPECT_FAILURE("a,b,c\n1,\"2\",3\n4,\"5\n6,7,8\n", &with_header, GW_E_DATA, 3,
                   "column 'b':" NEVER_CLOSED);
    EXPECT_FAILURE("\"1\n\n\",2,\"3", &with_names, GW_E_DATA, 3,
                   "column 'c':" NEVER_CLOSED);
    EXPECT_FAILURE("\"1\" x,2,3\n", &with_names, GW_E_DATA, 1,
                   "column 'a': " AFTER_QUOTE "'x'" WRITTEN_TWICE);
    EXPECT_FAILURE("1,2,3\n1,\"2\" \"\",3\n", &with_names, GW_E_DATA, 2,
                   "column 'b': " AFTER_QUOTE "'\"'" WRITTEN_TWICE);
    EXPECT_FAILURE("a,\"b", &with_header, GW_E_DATA, 1,
                   "column 2:" NEVER_CLOSED);
}

static void test_bad_text(void **state) {
    EXPECT_FAILURE("a,b,c\n1,2,3\n1,caf\xE9,3\n", &with_header, GW_E_DATA, 3,
                   "column 'b': expected UTF-8 but found the byte 0xE9; hint: convert the file, for example with iconv");
    EXPECT_FAILURE("1,2,\xC3\xA9\xC3", &with_names, GW_E_DATA, 1,
                   "column 'c': expected UTF-8 but found the byte 0xC3; hint: convert the file, for example with iconv");
    EXPECT_FAILURE("\"\n\xED\xA0\x80\",2,3\n", &with_names, GW_E_DATA, 1,
                   "column 'a': expected UTF-8 but found the byte 0xED; hint: convert the file, for example with iconv");
    EXPECT_FAILURE("1,2,3\n1,2,x\0y\n", &with_names, GW_E_DATA, 2, "column 'c': expected text but found a NUL byte");
    EXPECT_FAILURE("a,\0,c\n", &with_header, GW_E_DATA, 1, "column 2: expected text but found a NUL byte");
    EXPECT_FAILURE("a,b\xFF,c\n", &with_header, GW_E_DATA, 1,
                   "column 2: expected UTF-8 but found the byte 0xFF; hint: convert the file, for example with iconv");
}

static void test_headers(void **state) {
    EXPECT_FAILURE("", &with_header, GW_E_DATA, 0, "expected a first line with the names of the columns but the file is empty");
    EXPECT_FAILURE("\n\n \n", &with_header, GW_E_DATA, 0, "expected a first line with the names of the columns but the file is empty");
    EXPECT_FAILURE("a,,c\n", &with_header, GW_E_DATA, 1,
                   "expected a name for column 2 but found none; hint: if the first line holds no names, give them apart (data.header)");
    EXPECT_FAILURE("\nb,a,b\n", &with_header, GW_E_DATA, 2,
                   "expected different names for the columns but found 'b' for 1 and 3; hint: if the first line holds no names, give them apart (data.header)");
    EXPECT_FAILURE("\xFF\xFE" "a\0,\0b\0", &with_header, GW_E_UNSUPPORTED, 0,
                   "expected UTF-8 text, plain or in gzip, xz or zstd, but found UTF-16 text");
    EXPECT_FAILURE("\xFE\xFF\0a", &with_names, GW_E_UNSUPPORTED, 0,
                   "expected UTF-8 text, plain or in gzip, xz or zstd, but found UTF-16 text");
}

/* ---- limits ---- */

static char *repeat(char c, size_t n, const char *before, const char *after) {
    char *text = malloc(n + strlen(before) + strlen(after) + 1);
    assert_non_null(text);
    memcpy(text, before, strlen(before));
    memset(text + strlen(before), c, n);
    strcpy(text + strlen(before) + n, after);
    return text;
}

static void expect_long(const char *before, size_t n, const char *after, gw_status code, int64_t line, const char *message) {
    char *text = repeat('x', n, before, after);
    if (code != GW_OK) {
        expect_failure_of(text, strlen(text), &with_names, code, line, message);
    } else {
        gw__text found = {0};
        assert_int_equal(dump_csv(gw__slice_of(text), &with_names, &(gw__csv_sizes){16, 1, 1000, 4000}, &found, NULL), GW_OK);
        assert_int_equal(found.n, n + strlen("1:[][2][3]\n"));
        gw__text_clear(&found);
    }
    free(text);
}

static void test_limits(void **state) {
    expect_long("", 1000, ",2,3\n", GW_OK, 0, NULL);
    expect_long("\"", 1000, "\",2,3\n", GW_OK, 0, NULL);
    expect_long("", 1001, ",2,3\n", GW_E_LIMIT, 1, "column 'a'" LONG_CELL);
    expect_long("1,2,3\n1,\"", 1001, "\",3\n", GW_E_LIMIT, 2,
                "column 'b'" LONG_CELL);
    expect_long("1,2,3\n1,\"\n", 5000, "", GW_E_LIMIT, 2,
                "column 'b'" LONG_CELL);
    expect_long("1,2,3\n", 4001, "", GW_E_LIMIT, 2, "expected at most 4000 bytes in a row but found more");
}

static void test_many_columns(void **state) {
    char *text = repeat(',', GW__TABLE_COLUMNS, "", "\n");
    gw_error err = {0};
    gw__text found = {0};
    assert_int_equal(dump_csv(gw__slice_of(text), &with_header, &usual, &found, &err), GW_E_LIMIT);
    assert_string_equal(err.message, "expected at most 131072 columns but found 131073");
    gw__text_clear(&found);
    free(text);
}

/* ---- bad rows passed over ---- */

static void test_skip(void **state) {
    gw__table_options options = with_names;
    options.skip_bad_rows = true;
    EXPECT_ROWS("1,2,3\n1,2\n\"1\" x,2,3\n4,\xFF,6\n7,8,9,10\n0,0,0\n", &options, "1:[1][2][3]\n6:[0][0][0]\nskipped 4\n");
    EXPECT_ROWS("1,2,3\n4,\"5,6\n7,8,9\n", &options, "1:[1][2][3]\n3:[7][8][9]\nskipped 1\n"); /* a stray quote costs its line */
    EXPECT_ROWS("1,2,3\n\"4\n4\",5\n7,8,9\n", &options, "1:[1][2][3]\n4:[7][8][9]\nskipped 1\n"); /* a whole row of good quotes */
    EXPECT_ROWS("\"", &options, "skipped 1\n");
    gw__table_options header = {.header_in_file = true, .skip_bad_rows = true};
    EXPECT_FAILURE("a,b,\"c\n1,2,3\n", &header, GW_E_DATA, 1, "column 3:" NEVER_CLOSED);
}

static void test_skip_long(void **state) {
    gw__table_options options = with_names;
    options.skip_bad_rows = true;
    char *text = repeat('x', 1500, "1,2,3\n", ",2,3\n4,5,\"6\n7,8,9\n");
    gw__text found = {0};
    gw__csv_sizes sizes = {64, 2, 1000, 4000};
    assert_int_equal(dump_csv(gw__slice_of(text), &options, &sizes, &found, NULL), GW_OK);
    assert_string_equal(found.at, "1:[1][2][3]\n4:[7][8][9]\nskipped 2\n");
    gw__text_clear(&found);
    free(text);
    text = repeat('x', 4001, "1,2,3\n", "\n7,8,9\n"); /* no end in sight: not a row to pass over */
    gw_error err = {0};
    assert_int_equal(dump_csv(gw__slice_of(text), &options, &sizes, &found, &err), GW_E_LIMIT);
    assert_int_equal(err.line, 2);
    gw__text_clear(&found);
    free(text);
}

/* ---- against the slow reader ---- */

static uint64_t random_bits(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static size_t random_text(uint64_t *state, char *out, size_t most) {
    static const char *const pieces[] = {",", ",", ",", "\"", "\"", "\n", "\n", "\r", "\r\n", " ", "\t", "a", "bc", "\"\"", "\"x\"",
                                         "\",\"", "\xC3\xA9", "\xC3", "1234567890123456789", "1,2,3\n", "\n1,2,3", "\"p\nq\"",
                                         "\xEF\xBB\xBF"};
    size_t n = 0, wanted = random_bits(state) % most, plain = random_bits(state) % 2;
    while (n < wanted) {
        const char *piece = plain == 0 || random_bits(state) % 8 == 0 ? pieces[random_bits(state) % GW__COUNT(pieces)] : "1,2,3\n";
        if (random_bits(state) % 200 == 0) out[n++] = '\0';
        memcpy(out + n, piece, strlen(piece));
        n += strlen(piece);
    }
    return n;
}

static void compare(gw__slice text, size_t n_columns, char separator) {
    gw__text expected = {0};
    expect_csv(text, n_columns, separator, &expected);
    for (size_t size = 1, pieces = 1; size <= 1024; size *= 1 + pieces % 4, pieces = pieces % 7 + 1) {
        gw__csv_sizes sizes = {size, pieces, 1 << 20, 1 << 22};
        gw__table_options options = {.names = three, .n_names = n_columns, .separator = separator, .skip_bad_rows = true, .pool = pieces % 2 == 0 ? pool : NULL};
        gw__text found = {0};
        gw_error err = {0};
        gw_status status = dump_csv(text, &options, &sizes, &found, &err);
        assert_string_equal(err.message, "");
        assert_int_equal(status, GW_OK);
        assert_int_equal(found.n, expected.n);
        assert_memory_equal(found.at, expected.at, found.n + 1);
        gw__text_clear(&found);
    }
    gw__text_clear(&expected);
}

static void test_random(void **state) {
    char text[512];
    uint64_t random = 1;
    for (int i = 0; i < 6000; i++) {
        size_t n = random_text(&random, text, 300);
        compare((gw__slice){text, n}, 1 + (size_t)i % 3, i % 7 == 0 ? '\t' : i % 11 == 0 ? ' ' : ',');
    }
}

/* Whatever the pieces, the rows before the first bad one are the same, and what is said of it. */
static void test_random_failures(void **state) {
    char text[512];
    uint64_t random = 2;
    for (int i = 0; i < 6000; i++) {
        gw__slice all = {text, random_text(&random, text, 300)};
        gw__table_options options = {.names = three, .n_names = 1 + (size_t)i % 3};
        gw__text expected = {0};
        gw_error wanted = {0};
        gw_status status = dump_csv(all, &options, &(gw__csv_sizes){1 << 16, 1, 40, 60}, &expected, &wanted);
        for (size_t pieces = 1; pieces < 6; pieces++) {
            gw__text found = {0};
            gw_error err = {0};
            options.pool = pieces % 2 == 0 ? pool : NULL;
            assert_int_equal(dump_csv(all, &options, &(gw__csv_sizes){1 + random_bits(&random) % 20, pieces, 40, 60}, &found, &err), status);
            assert_string_equal(err.message, wanted.message);
            assert_int_equal(err.line, wanted.line);
            assert_int_equal(found.n, expected.n);
            assert_memory_equal(found.at, expected.at, found.n + 1);
            gw__text_clear(&found);
        }
        gw__text_clear(&expected);
    }
}

/* A file cut off anywhere gives the rows before the cut. */
static void test_cut(void **state) {
    static const char text[] = "\xEF\xBB\xBF" "1,\"2\n\"\"x\"\"\",3\r\n \xC3\xA9 ,,\"\"\r\n\r\n\"q\" ,5\" , 6\n7,8,9";
    for (size_t n = 0; n < sizeof text; n++) compare((gw__slice){text, n}, 3, ',');
}

/* ---- parts ---- */

static void test_scan(void **state) {
    char text[GW__CSV_BLOCK];
    uint64_t random = 7;
    for (int i = 0; i < 20000; i++) {
        for (int k = 0; k < GW__CSV_BLOCK; k++) {
            uint64_t r = random_bits(&random);
            text[k] = r % 4 == 0 ? ",\"\r\n;\t "[r / 4 % 7] : i % 2 == 0 ? (char)('0' + r / 4 % 64) : (char)(r / 4);
        }
        gw__csv_block plain = gw__csv_block_plain(text, i % 3 == 0 ? ';' : ','), fast = gw__csv_block_scan(text, i % 3 == 0 ? ';' : ',');
        assert_true(plain.structure == fast.structure);
        assert_int_equal(plain.suspect, fast.suspect);
        for (int k = 0; k < GW__CSV_BLOCK; k++) {
            bool is = strchr(i % 3 == 0 ? ";\"\r\n" : ",\"\r\n", text[k]) != NULL && text[k] != 0;
            assert_int_equal(plain.structure >> k & 1, is);
        }
    }
}

static void test_options(void **state) {
    gw_error err = {0};
    gw__text found = {0};
    gw__table_options options = {.names = three, .n_names = 3, .separator = '"'};
    assert_int_equal(dump_csv(GW__SLICE("1,2,3"), &options, &usual, &found, &err), GW_E_ARGUMENT);
    assert_string_equal(err.message, "expected an ASCII character as separator but found the byte 0x22");
    assert_int_equal(dump_csv(GW__SLICE("1,2,3"), &(gw__table_options){0}, &usual, &found, &err), GW_E_ARGUMENT);
    assert_string_equal(err.message, "expected names of columns but found none");
    static const char *const twice[] = {"a", "a"}, *const empty[] = {"a", ""};
    assert_int_equal(dump_csv(GW__SLICE("1,2"), &(gw__table_options){.names = twice, .n_names = 2}, &usual, &found, &err), GW_E_DATA);
    assert_string_equal(err.message, "expected different names for the columns but found 'a' for 1 and 2");
    assert_int_equal(dump_csv(GW__SLICE("1,2"), &(gw__table_options){.names = empty, .n_names = 2}, &usual, &found, &err), GW_E_DATA);
    assert_string_equal(err.message, "expected a name for column 2 but found none");
    gw__text_clear(&found);
}

static void test_failed_table(void **state) {
    gw__csv_source source = {.name = "memory", .memory = GW__SLICE("1,2,3\n1,2\n1,2,3\n")};
    gw__table *table = NULL;
    gw__batch batch = {.n_rows = 77};
    gw_error err;
    assert_int_equal(gw__table_open_sources(&source, 1, &with_names, &usual, &table, &err), GW_OK);
    assert_int_equal(gw__table_next(table, &batch, &err), GW_OK); /* the rows before it */
    assert_int_equal(batch.n_rows, 1);
    batch.n_rows = 77;
    assert_int_equal(gw__table_next(table, &batch, &err), GW_E_DATA);
    assert_int_equal(err.line, 2);
    assert_int_equal(batch.n_rows, 77); /* untouched */
    assert_int_equal(gw__table_next(table, &batch, &err), GW_E_ARGUMENT);
    assert_string_equal(err.message, "the table failed before and has no further rows");
    gw__table_close(table);
    gw__table_close(NULL);
}

/* ---- memory ---- */

static gw_status read_all(void *context, gw_error *err) {
    const gw__table_options *options = context;
    static const char text[] = "a,b,c\n1,\"2 and more than sixteen bytes \"\" of it, so that text must grow in its column\",3\n"
                               "4,5,6\n7,8,9\n0,0,0\n";
    gw__csv_source source = {.name = "memory", .memory = GW__SLICE(text)};
    gw__table *table = NULL;
    gw__batch batch = {0};
    gw_status status = gw__table_open_sources(&source, 1, options, &(gw__csv_sizes){8, 3, 1000, 4000}, &table, err);
    while (status == GW_OK && (status = gw__table_next(table, &batch, err)) == GW_OK && batch.n_rows > 0) {}
    gw__table_close(table);
    return status;
}

static void test_no_memory(void **state) {
    gw__table_options options = with_header;
    assert_in_range(fail_each_allocation(read_all, &options), 15, 60);
    options = with_names;
    assert_in_range(fail_each_allocation(read_all, &options), 15, 60);
}

static void test_steady_memory(void **state) {
    enum { ROWS = 20000 };
    gw__text text = {0};
    for (int i = 0; i < ROWS; i++) gw__text_addf(&text, "%d,\"x%d\ny\",\xC3\xA9\n", 10000000 + i, 10000000 + i);
    gw__csv_source source = {.name = "memory", .memory = {text.at, text.n}};
    gw__table *table = NULL;
    gw__batch batch = {0};
    size_t rows = 0, batches = 0, before = 0;
    assert_int_equal(gw__table_open_sources(&source, 1, &with_names, &(gw__csv_sizes){4096, 3, 1000, 4000}, &table, NULL), GW_OK);
    for (; gw__table_next(table, &batch, NULL) == GW_OK && batch.n_rows > 0; rows += batch.n_rows) {
        batches++;
        if (batches == 40) before = count_allocations();
    }
    assert_int_equal(count_allocations(), before);
    assert_int_equal(rows, ROWS);
    assert_true(batches > 80);
    assert_int_equal(gw__table_text_bytes(table), text.n);
    gw__table_close(table);
    gw__text_clear(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_lines), cmocka_unit_test(test_quotes), cmocka_unit_test(test_blanks),
        cmocka_unit_test(test_separators), cmocka_unit_test(test_one_column), cmocka_unit_test(test_mark), cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_counts), cmocka_unit_test(test_bad_quotes), cmocka_unit_test(test_bad_text), cmocka_unit_test(test_headers),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_many_columns), cmocka_unit_test(test_skip), cmocka_unit_test(test_skip_long),
        cmocka_unit_test(test_random), cmocka_unit_test(test_random_failures), cmocka_unit_test(test_cut), cmocka_unit_test(test_scan), cmocka_unit_test(test_options),
        cmocka_unit_test(test_failed_table), cmocka_unit_test(test_no_memory), cmocka_unit_test(test_steady_memory)};
    if (gw__pool_new(3, &pool, NULL) != GW_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw__pool_free(pool);
    return failed;
}
