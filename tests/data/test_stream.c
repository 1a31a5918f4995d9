#include "testing.h"

#include <errno.h>

#include "data/arrow_view.h"
#include "fail_alloc.h"
#include "table_dump.h"

/* ---- a producer of streams whose arrays live in the test ---- */

#define MOST 4

typedef struct source {
    struct ArrowSchema schema, fields[MOST], dictionaries[MOST];
    struct ArrowSchema *field_list[MOST];
    struct ArrowArray arrays[MOST]; /* records, given out one after the other */
    size_t n_arrays, next;
    int schema_code, code;          /* what the calls return */
    const char *error;
    int live;                       /* released when it falls to 0 */
} source;

static void release_schema(struct ArrowSchema *schema) {
    ((source *)schema->private_data)->live--;
    schema->release = NULL;
}

static void release_array(struct ArrowArray *array) {
    ((source *)array->private_data)->live--;
    array->release = NULL;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    source *s = stream->private_data;
    if (s->schema_code != 0) return s->schema_code;
    *out = s->schema;
    out->release = release_schema;
    out->private_data = s;
    s->live++;
    return 0;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    source *s = stream->private_data;
    *out = (struct ArrowArray){0};
    if (s->next == s->n_arrays) return s->code;
    *out = s->arrays[s->next++];
    out->release = release_array;
    out->private_data = s;
    s->live++;
    return 0;
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
    return ((source *)stream->private_data)->error;
}

static void release_stream(struct ArrowArrayStream *stream) {
    ((source *)stream->private_data)->live--;
    stream->release = NULL;
}

static struct ArrowArrayStream stream_of(source *s) {
    s->next = 0;
    s->live = 1;
    return (struct ArrowArrayStream){get_schema, get_next, get_last_error, release_stream, s};
}

static void add_field(source *s, const char *name, const char *format) {
    size_t i = (size_t)s->schema.n_children++;
    s->fields[i] = (struct ArrowSchema){.format = format, .name = name, .flags = ARROW_FLAG_NULLABLE};
    s->field_list[i] = &s->fields[i];
    s->schema.format = "+s";
    s->schema.children = s->field_list;
}

static void add_dictionary(source *s, const char *name, const char *index, const char *format) {
    add_field(s, name, index);
    size_t i = (size_t)s->schema.n_children - 1;
    s->dictionaries[i] = (struct ArrowSchema){.format = format};
    s->fields[i].dictionary = &s->dictionaries[i];
}

static const void *no_validity[1];

static void add_array(source *s, int64_t length, struct ArrowArray **children) {
    s->arrays[s->n_arrays++] = (struct ArrowArray){.length = length, .n_buffers = 1, .n_children = s->schema.n_children,
                                                   .buffers = no_validity, .children = children};
}

#define BUFFERS(...) ((const void *[]){__VA_ARGS__})
#define CHILDREN(...) ((struct ArrowArray *[]){__VA_ARGS__})
#define NUMBERS(n, valid, ...) \
    { .length = n, .null_count = -1, .n_buffers = 2, .buffers = BUFFERS(valid, __VA_ARGS__) }
#define TEXTS(n, valid, offsets, text) \
    { .length = n, .null_count = -1, .n_buffers = 3, .buffers = BUFFERS(valid, offsets, text) }

/* ---- what is expected ---- */

static void expect_stream(source *s, const char *expected) {
    struct ArrowArrayStream stream = stream_of(s);
    gw__table *table = NULL;
    gw__text found = {0};
    gw_error err = {0};
    gw_status status = gw__table_open_stream(&stream, &table, &err);
    if (status == GW_OK) status = dump_rows(table, &found, &err);
    assert_string_equal(err.message, "");
    assert_int_equal(status, GW_OK);
    assert_string_equal(found.at, expected);
    assert_null(stream.release); /* moved */
    gw__table_close(table);
    assert_int_equal(s->live, 0);
    gw__text_clear(&found);
}

static void expect_stream_failure(source *s, gw_status code, const char *where, int64_t line, const char *message) {
    struct ArrowArrayStream stream = stream_of(s);
    gw__table *table = NULL;
    gw__text found = {0};
    gw_error err = {0};
    gw_status status = gw__table_open_stream(&stream, &table, &err);
    if (status == GW_OK) {
        status = dump_rows(table, &found, &err);
    } else {
        assert_non_null(stream.release); /* still the caller's */
        stream.release(&stream);
    }
    assert_string_equal(err.message, message);
    assert_int_equal(status, code);
    assert_string_equal(err.where, where);
    assert_int_equal(err.line, line);
    gw__table_close(table);
    assert_int_equal(s->live, 0);
    gw__text_clear(&found);
}

/* One column of one array. */
static void expect_column(const char *format, struct ArrowArray *array, const char *expected) {
    source s = {0};
    add_field(&s, "x", format);
    add_array(&s, array->length, CHILDREN(array));
    expect_stream(&s, expected);
}

static void expect_column_failure(const char *format, struct ArrowArray *array, gw_status code, int64_t line, const char *message) {
    source s = {0};
    add_field(&s, "x", format);
    add_array(&s, 2, CHILDREN(array));
    expect_stream_failure(&s, code, "x", line, message);
}

/* ---- values ---- */

static void test_numbers(void **state) {
    static const uint8_t valid[] = {0x5}; /* 1, 0, 1 */
    const struct { const char *format; const void *values; const char *expected; } all[] = {
        {"c", (const int8_t[]){-128, 5, 127}, "1:[-128]\n2:-\n3:[127]\n"},
        {"C", (const uint8_t[]){0, 5, 255}, "1:[0]\n2:-\n3:[255]\n"},
        {"s", (const int16_t[]){INT16_MIN, 5, 7}, "1:[-32768]\n2:-\n3:[7]\n"},
        {"S", (const uint16_t[]){UINT16_MAX, 5, 7}, "1:[65535]\n2:-\n3:[7]\n"},
        {"i", (const int32_t[]){INT32_MIN, 5, 7}, "1:[-2147483648]\n2:-\n3:[7]\n"},
        {"I", (const uint32_t[]){UINT32_MAX, 5, 7}, "1:[4294967295]\n2:-\n3:[7]\n"},
        {"l", (const int64_t[]){INT64_MIN, 5, INT64_MAX}, "1:[-9223372036854775808]\n2:-\n3:[9223372036854775807]\n"},
        {"L", (const uint64_t[]){UINT64_MAX, 5, 0}, "1:[18446744073709551615]\n2:-\n3:[0]\n"},
        {"f", (const float[]){-1.5f, 5, 0.25f}, "1:[-1.5]\n2:-\n3:[0.25]\n"},
        {"g", (const double[]){1e300, 5, -2}, "1:[1e+300]\n2:-\n3:[-2]\n"},
        {"b", (const uint8_t[]){0x1}, "1:[1]\n2:-\n3:[0]\n"},
        {"tdD", (const int32_t[]){19000, 5, -1}, "1:[19000]\n2:-\n3:[-1]\n"},
        {"tsu:Europe/Paris", (const int64_t[]){1700000000000000, 5, 0}, "1:[1700000000000000]\n2:-\n3:[0]\n"},
        {"tsn:", (const int64_t[]){1, 5, 0}, "1:[1]\n2:-\n3:[0]\n"},
        {"ttm", (const int32_t[]){1, 5, 0}, "1:[1]\n2:-\n3:[0]\n"},
        {"tDn", (const int64_t[]){1, 5, 0}, "1:[1]\n2:-\n3:[0]\n"},
    };
    for (size_t i = 0; i < GW__COUNT(all); i++) {
        struct ArrowArray array = NUMBERS(3, valid, all[i].values);
        expect_column(all[i].format, &array, all[i].expected);
    }
}

static void test_text(void **state) {
    static const uint8_t valid[] = {0xB}; /* 1, 1, 0, 1 */
    static const int32_t offsets[] = {0, 2, 2, 5, 8};
    static const int64_t large_offsets[] = {0, 2, 2, 5, 8};
    struct ArrowArray array = TEXTS(4, valid, offsets, "abcdef\xC3\xA9"), large = TEXTS(4, NULL, large_offsets, "abcdef\xC3\xA9");
    expect_column("u", &array, "1:[ab]\n2:-\n3:-\n4:[f\xC3\xA9]\n"); /* empty text is no value, as in a file */
    expect_column("U", &large, "1:[ab]\n2:-\n3:[cde]\n4:[f\xC3\xA9]\n");
    struct ArrowArray empty = TEXTS(2, NULL, ((const int32_t[]){0, 0, 0}), NULL);
    expect_column("u", &empty, "1:-\n2:-\n");
    struct ArrowArray null = {.length = 2, .null_count = 2};
    expect_column("n", &null, "1:-\n2:-\n");
}

static void test_unaligned(void **state) {
    static const char bytes[] = "?\x01\0\0\0\x02\0\0\0\x03\0\0\0";
    struct ArrowArray numbers = NUMBERS(3, NULL, bytes + 1), texts = TEXTS(2, NULL, bytes + 1, "abc");
    expect_column("i", &numbers, "1:[1]\n2:[2]\n3:[3]\n");
    expect_column("u", &texts, "1:[b]\n2:[c]\n");
}

static void test_dictionaries(void **state) {
    static const uint8_t valid[] = {0xE}, value_valid[] = {0x5};
    struct ArrowArray words = TEXTS(3, value_valid, ((const int32_t[]){0, 1, 2, 3}), "xyz");
    struct ArrowArray ids = NUMBERS(2, NULL, ((const uint64_t[]){UINT64_MAX, 7}));
    struct ArrowArray a = NUMBERS(4, valid, ((const int8_t[]){99, 2, 1, 0})), b = NUMBERS(4, NULL, ((const uint32_t[]){1, 0, 1, 1}));
    a.dictionary = &words;
    b.dictionary = &ids;
    source s = {0};
    add_dictionary(&s, "a", "c", "u");
    add_dictionary(&s, "b", "I", "L");
    add_array(&s, 4, CHILDREN(&a, &b));
    expect_stream(&s, "1:-[7]\n2:[z][18446744073709551615]\n3:-[7]\n4:[x][7]\n");
    a.buffers = BUFFERS(NULL, ((const int8_t[]){0, 3, 0, 0}));
    expect_stream_failure(&s, GW_E_DATA, "a", 2, "column 'a': expected an index into its dictionary but found one outside");
    a.buffers = BUFFERS(NULL, ((const int8_t[]){0, 0, -1, 0}));
    expect_stream_failure(&s, GW_E_DATA, "a", 3, "column 'a': expected an index into its dictionary but found one outside");
    a.dictionary = NULL;
    expect_stream_failure(&s, GW_E_FORMAT, "a", 0, "column 'a': expected an Arrow array with a dictionary but found none");
}

/* Offsets of the record, of a column, and bitmaps that begin inside a byte. */
static void test_offsets(void **state) {
    int32_t numbers[40], offsets[41];
    char text[80] = "";
    uint8_t valid[5] = {0};
    gw__text expected = {0};
    for (int i = 0; i < 40; i++) {
        numbers[i] = i;
        offsets[i] = 2 * i;
        snprintf(text + 2 * i, 80 - (size_t)(2 * i), "%c%c", 'a' + i % 26, i == 39 ? 0 : 'A' + i % 26);
        if (i % 3 != 0) valid[i / 8] |= (uint8_t)(1 << i % 8);
    }
    offsets[40] = 79;
    struct ArrowArray n = NUMBERS(35, valid, numbers), t = TEXTS(30, valid, offsets, text);
    n.offset = 3;
    t.offset = 5;
    source s = {0};
    add_field(&s, "n", "i");
    add_field(&s, "t", "u");
    add_array(&s, 20, CHILDREN(&n, &t));
    s.arrays[0].offset = 9;
    for (int i = 0; i < 20; i++) {
        int a = 9 + 3 + i, b = 9 + 5 + i;
        gw__text_addf(&expected, "%d:", i + 1);
        gw__text_addf(&expected, a % 3 == 0 ? "-" : "[%d]", a);
        gw__text_addf(&expected, b % 3 == 0 ? "-\n" : "[%.2s]\n", text + 2 * b);
    }
    expect_stream(&s, expected.at);
    gw__text_clear(&expected);
}

static void test_arrays(void **state) {
    struct ArrowArray a = NUMBERS(2, NULL, ((const int64_t[]){1, 2})), none = NUMBERS(0, NULL, NULL);
    struct ArrowArray b = NUMBERS(1, NULL, ((const int64_t[]){3}));
    source s = {0};
    add_field(&s, "x", "l");
    expect_stream(&s, "");
    add_array(&s, 2, CHILDREN(&a));
    add_array(&s, 0, CHILDREN(&none));
    add_array(&s, 1, CHILDREN(&b));
    add_array(&s, 0, CHILDREN(&none));
    expect_stream(&s, "1:[1]\n2:[2]\n3:[3]\n");
}

/* An array larger than a batch, of rows and of text. */
static void test_batches(void **state) {
    enum { ROWS = 40000, LONG = 500000 };
    int64_t *numbers = malloc(ROWS * sizeof *numbers);
    char *text = malloc(LONG);
    int8_t *indices = calloc(ROWS, 1);
    assert_true(numbers != NULL && text != NULL && indices != NULL);
    for (int i = 0; i < ROWS; i++) numbers[i] = i;
    memset(text, 'x', LONG);
    struct ArrowArray words = TEXTS(2, NULL, ((const int32_t[]){0, 1, LONG}), text);
    struct ArrowArray n = NUMBERS(ROWS, NULL, numbers), t = NUMBERS(ROWS, NULL, indices);
    for (int i = 20000; i < 20010; i++) indices[i] = 1;
    t.dictionary = &words;
    source s = {0};
    add_field(&s, "n", "l");
    add_dictionary(&s, "t", "c", "u");
    add_array(&s, ROWS, CHILDREN(&n, &t));
    struct ArrowArrayStream stream = stream_of(&s);
    gw__table *table = NULL;
    gw__batch batch = {0};
    int64_t rows = 0, line;
    size_t most_text = 0;
    const char *file;
    assert_int_equal(gw__table_open_stream(&stream, &table, NULL), GW_OK);
    while (gw__table_next(table, &batch, NULL) == GW_OK && batch.n_rows > 0) {
        assert_true(batch.n_rows <= 16384);
        gw__table_locate(table, batch.n_rows - 1, &file, &line);
        for (size_t i = 0; i < batch.n_rows; i++) assert_int_equal(((const int64_t *)batch.columns[0].values)[i], rows + (int64_t)i);
        size_t bytes = (size_t)batch.columns[1].offsets[batch.n_rows];
        if (bytes > most_text) most_text = bytes;
        rows += (int64_t)batch.n_rows;
        assert_null(file);
        assert_int_equal(line, rows);
    }
    assert_int_equal(rows, ROWS);
    assert_in_range(most_text, LONG, 4 * LONG);
    assert_int_equal(gw__table_text_bytes(table), ROWS - 10 + 10 * (LONG - 1));
    gw__table_close(table);
    assert_int_equal(s.live, 0);
    free(numbers);
    free(text);
    free(indices);
}

/* ---- what is refused ---- */

static void test_schemas(void **state) {
    source s = {0};
    s.schema.format = "l";
    expect_stream_failure(&s, GW_E_FORMAT, "", 0, "expected an Arrow stream of records (format '+s') but found format 'l'");
    s.schema.format = "+s";
    expect_stream_failure(&s, GW_E_FORMAT, "", 0, "expected columns in the Arrow stream but found none");
    add_field(&s, "a", "l");
    add_field(&s, "a", "l");
    expect_stream_failure(&s, GW_E_DATA, "", 0, "expected different names for the columns but found 'a' for 1 and 2");
    s.fields[1].name = NULL;
    expect_stream_failure(&s, GW_E_DATA, "", 0, "expected a name for column 2 but found none");
    s.fields[1].name = "\xFF";
    expect_stream_failure(&s, GW_E_FORMAT, "", 0, "expected UTF-8 in the name of column 2");
    s.field_list[1] = NULL;
    expect_stream_failure(&s, GW_E_FORMAT, "", 0, "expected a type for column 2 of the Arrow stream but found none");
    s.schema.n_children = INT64_MAX;
    expect_stream_failure(&s, GW_E_LIMIT, "", 0, "expected at most 131072 columns but found 9223372036854775807");
    s.schema_code = EIO;
    s.error = "no connection";
    expect_stream_failure(&s, GW_E_IO, "", 0, "the Arrow stream failed: no connection");
    struct ArrowArrayStream released = {0};
    gw__table *table = NULL;
    assert_int_equal(gw__table_open_stream(&released, &table, NULL), GW_E_ARGUMENT);
    assert_null(table);
}

#define NOT_READ "column 'bad': expected numbers, booleans, text or a dictionary of them but found the Arrow format "

static void test_unsupported(void **state) {
    static const char *const formats[] = {"e", "z", "Z", "+l", "+s", "+us:0,1", "d:19,10", "w:42", "vu", "tiM", "", "ll", "tsx:"};
    for (size_t i = 0; i < GW__COUNT(formats); i++) {
        char message[200];
        source s = {0};
        add_field(&s, "fine", "l");
        add_field(&s, "bad", formats[i]);
        snprintf(message, sizeof message, NOT_READ "'%s'",
                 formats[i]);
        expect_stream_failure(&s, GW_E_UNSUPPORTED, "bad", 0, message);
    }
    source s = {0};
    add_dictionary(&s, "bad", "f", "u");
    expect_stream_failure(&s, GW_E_UNSUPPORTED, "bad", 0, NOT_READ "'f'");
    s.fields[0].format = "c";
    s.dictionaries[0].format = "+l";
    expect_stream_failure(&s, GW_E_UNSUPPORTED, "bad", 0, NOT_READ "'+l'");
}

static void test_counts(void **state) {
    static const int64_t two[] = {1, 2};
    struct ArrowArray a = NUMBERS(2, NULL, two);
    a.n_buffers = 3;
    expect_column_failure("l", &a, GW_E_FORMAT, 0, "column 'x': expected an Arrow array with 2 buffers but found 3");
    a.n_buffers = 2;
    expect_column_failure("u", &a, GW_E_FORMAT, 0, "column 'x': expected an Arrow array with 3 buffers but found 2");
    a.n_children = 1;
    expect_column_failure("l", &a, GW_E_FORMAT, 0, "column 'x': expected an Arrow array with 0 children but found 1");
    a.n_children = 0;
    a.length = 1;
    expect_column_failure("l", &a, GW_E_FORMAT, 0, "column 'x': expected an Arrow array of 2 values but found 1");
    a.length = INT64_MAX;
    a.offset = 1;
    expect_column_failure("l", &a, GW_E_FORMAT, 0, "column 'x': expected an Arrow array but found length 9223372036854775807 at offset 1");
    a.length = 2;
    a.offset = -1;
    expect_column_failure("l", &a, GW_E_FORMAT, 0, "column 'x': expected an Arrow array but found length 2 at offset -1");
    a.offset = 0;
    a.null_count = 1;
    expect_column_failure("l", &a, GW_E_FORMAT, 0, "column 'x': expected an Arrow array with 0 nulls for want of a bitmap but found 1");
    a.buffers = BUFFERS(NULL, NULL);
    expect_column_failure("l", &a, GW_E_FORMAT, 0, "column 'x': expected an Arrow array with 2 buffers but found 0");
    a.buffers = NULL;
    expect_column_failure("l", &a, GW_E_FORMAT, 0, "column 'x': expected an Arrow array with 2 buffers but found 0");
}

static void test_records(void **state) {
    struct ArrowArray a = NUMBERS(3, NULL, ((const int64_t[]){1, 2, 3}));
    source s = {0};
    add_field(&s, "x", "l");
    add_array(&s, 2, CHILDREN(&a));
    s.arrays[0].buffers = BUFFERS(((const uint8_t[]){0x5}));
    expect_stream_failure(&s, GW_E_DATA, "", 2, "expected a record in row 2 but found null");
    s.arrays[0].buffers = no_validity;
    s.arrays[0].n_children = 0;
    expect_stream_failure(&s, GW_E_FORMAT, "", 0, "expected Arrow records of 1 buffer and 1 children but found 1 and 0");
    s.arrays[0].n_children = 1;
    s.arrays[0].n_buffers = 0;
    expect_stream_failure(&s, GW_E_FORMAT, "", 0, "expected Arrow records of 1 buffer and 1 children but found 0 and 1");
    s.arrays[0].n_buffers = 1;
    s.arrays[0].offset = INT64_MAX;
    expect_stream_failure(&s, GW_E_FORMAT, "", 0, "expected Arrow records but found length 2 at offset 9223372036854775807");
    s.arrays[0].offset = 0;
    s.arrays[0].children = CHILDREN(NULL);
    expect_stream_failure(&s, GW_E_FORMAT, "x", 0, "column 'x': expected an Arrow array of 2 values but found 0");
    s.n_arrays = 0;
    s.code = ENOMEM;
    expect_stream_failure(&s, GW_E_NOMEM, "", 0, "out of memory");
    s.code = EINVAL;
    expect_stream_failure(&s, GW_E_IO, "", 0, "the Arrow stream failed: Invalid argument");
}

static void test_bad_text(void **state) {
    struct ArrowArray back = TEXTS(2, NULL, ((const int32_t[]){0, 3, 1}), "abc");
    expect_column_failure("u", &back, GW_E_FORMAT, 2, "column 'x': expected offsets that do not decrease");
    struct ArrowArray negative = TEXTS(2, NULL, ((const int64_t[]){-5, 3, 4}), "abcd");
    expect_column_failure("U", &negative, GW_E_FORMAT, 1, "column 'x': expected offsets that do not decrease");
    struct ArrowArray halves = TEXTS(2, NULL, ((const int32_t[]){0, 1, 2}), "\xC3\xA9"); /* whole together, not apart */
    expect_column_failure("u", &halves, GW_E_DATA, 1, "column 'x': expected UTF-8 but found other bytes");
    struct ArrowArray nul = TEXTS(2, NULL, ((const int32_t[]){0, 1, 3}), "a\0b");
    expect_column_failure("u", &nul, GW_E_DATA, 2, "column 'x': expected text but found a NUL byte");
    struct ArrowArray large = TEXTS(2, NULL, ((const int64_t[]){0, 1, (16 << 20) + 2}), "abc"); /* refused before it is read */
    expect_column_failure("U", &large, GW_E_LIMIT, 2, "column 'x': expected at most 16 MiB of text in a cell but found more");
}

/* ---- memory ---- */

static gw_status read_stream(void *context, gw_error *err) {
    source *s = context;
    struct ArrowArrayStream stream = stream_of(s);
    gw__table *table = NULL;
    gw__batch batch = {0};
    gw_status status = gw__table_open_stream(&stream, &table, err);
    if (status != GW_OK) stream.release(&stream);
    while (status == GW_OK && (status = gw__table_next(table, &batch, err)) == GW_OK && batch.n_rows > 0) {}
    gw__table_close(table);
    assert_int_equal(s->live, 0);
    return status;
}

static void test_no_memory(void **state) {
    int32_t offsets[101];
    char text[100];
    for (int i = 0; i <= 100; i++) offsets[i] = i;
    memset(text, 'x', sizeof text);
    struct ArrowArray n = NUMBERS(100, NULL, offsets), t = TEXTS(100, NULL, offsets, text);
    source s = {0};
    add_field(&s, "n", "i");
    add_field(&s, "t", "u");
    add_array(&s, 100, CHILDREN(&n, &t));
    assert_in_range(fail_each_allocation(read_stream, &s), 8, 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_text), cmocka_unit_test(test_unaligned), cmocka_unit_test(test_dictionaries),
        cmocka_unit_test(test_offsets), cmocka_unit_test(test_arrays), cmocka_unit_test(test_batches), cmocka_unit_test(test_schemas),
        cmocka_unit_test(test_unsupported), cmocka_unit_test(test_counts), cmocka_unit_test(test_records), cmocka_unit_test(test_bad_text),
        cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
