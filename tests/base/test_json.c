#include "testing.h"

#include <math.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/random.h"
#include "fail_alloc.h"

#ifdef HAVE_JANSSON
#include <jansson.h>
#endif

static gw__json_token read_all(gw__json *json, const char *text, size_t n) {
    gw__json_token token;
    gw__json_init(json, text, n);
    do token = gw__json_next(json);
    while (token != GW__JSON_END && token != GW__JSON_BAD);
    return token;
}

static void test_tokens(void **state) {
    const char *text = " {\"a\" : [1, -2.5e3,\"x\\n\"] ,\n \"b\":{},\"c\":[],\"d\":true,\"e\":false,\"\":null}\r\n";
    static const struct { gw__json_token token; const char *text; } rows[] = {
        {GW__JSON_BEGIN_OBJECT, "{"}, {GW__JSON_KEY, "a"}, {GW__JSON_BEGIN_LIST, "["}, {GW__JSON_NUMBER, "1"}, {GW__JSON_NUMBER, "-2.5e3"},
        {GW__JSON_STRING, "x\\n"}, {GW__JSON_END_LIST, "]"}, {GW__JSON_KEY, "b"}, {GW__JSON_BEGIN_OBJECT, "{"}, {GW__JSON_END_OBJECT, "}"},
        {GW__JSON_KEY, "c"}, {GW__JSON_BEGIN_LIST, "["}, {GW__JSON_END_LIST, "]"}, {GW__JSON_KEY, "d"}, {GW__JSON_TRUE, "true"},
        {GW__JSON_KEY, "e"}, {GW__JSON_FALSE, "false"}, {GW__JSON_KEY, ""}, {GW__JSON_NULL, "null"}, {GW__JSON_END_OBJECT, "}"}, {GW__JSON_END, ""},
        {GW__JSON_END, ""},
    };
    gw__json json;
    gw__json_init(&json, text, strlen(text));
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        assert_int_equal(gw__json_next(&json), rows[i].token);
        assert_true(gw__slice_is(json.text, rows[i].text));
        if (rows[i].token == GW__JSON_STRING || rows[i].token == GW__JSON_KEY) assert_int_equal(json.escaped, rows[i].text[0] == 'x');
    }
}

/* From the grammar of RFC 8259, line by line: what is valid, and what looks like it. */
static void test_grammar(void **state) {
    static const char *const valid[] = {"0", "-0", "-0.0e-0", "1E5", "1e+5", "\"\"", "\"\\u00e9\\ud83d\\ude00\"", "[]", "[[]]", "{}", " null ", "\t[\n1\r,2]",
                                        "\"\x7f\"", "\"\xc3\xa9\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\"", "{\"a\":{\"a\":1}}", "1e999",
                                        "123456789012345678901234567890"};
    static const char *const invalid[] = {
        "", " ", "01", "-", "+1", ".5", "5.", "1e", "1e+", "- 1", "0x1", "NaN", "Infinity", "nul", "nullx", "True", "[", "]", "[1", "[1,", "[1,]", "[,1]",
        "[1 2]", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{1:2}", "{a:1}", "{'a':1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\",1}", "[1}", "{]",
        "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"", "\"\n\"",
        "\"\x01\"", "\"\x80\"", "\"\xed\xa0\x80\"", "\"\xc0\x80\"", "1 2", "[]]", "null,", "\xef\xbb\xbf{}", "// x\n1", "\v1", "1\f", "[1,,2]", "\"a\" :1",
    };
    gw__json json;
    for (size_t i = 0; i < GW__COUNT(valid); i++) {
        if (read_all(&json, valid[i], strlen(valid[i])) != GW__JSON_END) fail_msg("'%s' was refused: %s", valid[i], json.problem);
    }
    for (size_t i = 0; i < GW__COUNT(invalid); i++) {
        if (read_all(&json, invalid[i], strlen(invalid[i])) != GW__JSON_BAD) fail_msg("'%s' was taken", invalid[i]);
        assert_non_null(json.problem);
        assert_int_equal(gw__json_next(&json), GW__JSON_BAD); /* and stays bad */
        assert_true(json.text.at >= json.start && json.text.at + json.text.n <= json.end);
    }
    assert_int_equal(read_all(&json, "1\0", 2), GW__JSON_BAD);
    assert_int_equal(read_all(&json, "\"a\0\"", 4), GW__JSON_BAD);
}

static void test_depth(void **state) {
    char text[2 * GW__JSON_DEPTH + 2];
    for (int depth = GW__JSON_DEPTH; depth <= GW__JSON_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        gw__json json;
        assert_int_equal(read_all(&json, text, (size_t)depth * 2), depth == GW__JSON_DEPTH ? GW__JSON_END : GW__JSON_BAD);
    }
}

static void test_place(void **state) {
    const char *text = "{\"a\":\n  \"b\",\n\"c\": [1,\n x]}";
    static const struct { int64_t line, column; } rows[] = {{1, 1}, {1, 2}, {2, 3}, {3, 1}, {3, 6}, {3, 7}, {4, 2}};
    gw__json json;
    gw__json_init(&json, text, strlen(text));
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        int64_t line, column;
        gw__json_token token = gw__json_next(&json);
        assert_int_equal(token == GW__JSON_BAD, i + 1 == GW__COUNT(rows));
        gw__json_place(&json, &line, &column);
        assert_int_equal(line, rows[i].line);
        assert_int_equal(column, rows[i].column);
    }
    int64_t line, column;
    gw__json_init(&json, "{\"a\":\"b\"}", 9);
    while (gw__json_next(&json) != GW__JSON_END_OBJECT) {}
    gw__json_place(&json, &line, &column);
    assert_int_equal(column, 9);
}

static void test_skip(void **state) {
    const char *text = "{\"a\":[1,{\"b\":[]},2],\"c\":{\"d\":{}},\"e\":5,\"f\":[1,}";
    gw__json json;
    gw__json_init(&json, text, strlen(text));
    assert_int_equal(gw__json_next(&json), GW__JSON_BEGIN_OBJECT);
    assert_int_equal(gw__json_next(&json), GW__JSON_KEY);
    assert_true(gw__json_skip(&json, gw__json_next(&json)));
    assert_int_equal(gw__json_next(&json), GW__JSON_KEY);
    assert_true(gw__slice_is(json.text, "c"));
    assert_true(gw__json_skip(&json, GW__JSON_KEY));
    assert_int_equal(gw__json_next(&json), GW__JSON_KEY);
    assert_true(gw__json_skip(&json, gw__json_next(&json)));
    assert_int_equal(gw__json_next(&json), GW__JSON_KEY);
    assert_true(gw__slice_is(json.text, "f"));
    assert_false(gw__json_skip(&json, gw__json_next(&json)));
    assert_false(gw__json_skip(&json, GW__JSON_BAD));
    assert_false(gw__json_skip(&json, GW__JSON_END));
}

static void expect_decoded(const char *raw, const char *text, size_t n) {
    char out[64];
    assert_int_equal(gw__json_decode(gw__slice_of(raw), out), n);
    if (n != SIZE_MAX) assert_memory_equal(out, text, n);
}

static void test_decode(void **state) {
    expect_decoded("", "", 0);
    expect_decoded("a\\\"\\\\\\/\\b\\f\\n\\r\\tz", "a\"\\/\b\f\n\r\tz", 10);
    expect_decoded("\\u0041\\u00e9\\u20ac\\uD83D\\uDE00", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10);
    expect_decoded("\\u0000", "\0", 1);
    expect_decoded("\\uffff", "\xef\xbf\xbf", 3);
    static const char *const bad[] = {"\\", "\\x", "\\u", "\\u123", "\\ud800", "\\ud800x", "\\ud800\\n", "\\udc00", "\\ud800\\u0061", "a\\uZZZZ"};
    for (size_t i = 0; i < GW__COUNT(bad); i++) expect_decoded(bad[i], NULL, SIZE_MAX);
}

static void test_write(void **state) {
    gw__text out = {0};
    gw__json_writer w = {.out = &out};
    gw__json_begin_object(&w);
    gw__json_key(&w, "a\"b");
    gw__json_begin_list(&w);
    gw__json_int(&w, INT64_MIN);
    gw__json_double(&w, 0.1);
    gw__json_double(&w, NAN);
    gw__json_double(&w, -INFINITY);
    gw__json_bool(&w, true);
    gw__json_bool(&w, false);
    gw__json_null(&w);
    gw__json_begin_object(&w);
    gw__json_end_object(&w);
    gw__json_begin_list(&w);
    gw__json_end_list(&w);
    gw__json_string(&w, "\\ \n\t\r\b\f\x01\x1f\x7f \xc3\xa9 \xff|\xe2\x82");
    gw__json_end_list(&w);
    gw__json_key_slice(&w, (gw__slice){"k\0x", 3});
    gw__json_slice(&w, (gw__slice){"v\0w", 3});
    gw__json_end_object(&w);
    assert_string_equal(out.at, "{\"a\\\"b\":[-9223372036854775808,0.1,null,null,true,false,null,{},[],"
                                "\"\\\\ \\n\\t\\r\\b\\f\\u0001\\u001f\x7f \xc3\xa9 \xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\"],\"k\\u0000x\":\"v\\u0000w\"}");
    gw__json json;
    assert_int_equal(read_all(&json, out.at, out.n), GW__JSON_END);
    gw__text_clear(&out);
}

static gw_status write_some(void *context, gw_error *err) {
    gw__text out = {0};
    gw__json_writer w = {.out = &out};
    gw__json_begin_list(&w);
    for (int i = 0; i < 100; i++) gw__json_string(&w, "text\n");
    gw__json_end_list(&w);
    gw_status status = out.failed ? gw__fail_nomem(err) : GW_OK;
    gw__text_clear(&out);
    return status;
}

static void test_no_memory(void **state) {
    assert_in_range(fail_each_allocation(write_some, NULL), 5, 15);
    gw__json json;
    size_t before = count_allocations();
    assert_int_equal(read_all(&json, "{\"a\":[1,\"\\n\",{}]}", 17), GW__JSON_END);
    assert_int_equal(count_allocations(), before); /* reading makes none */
}

/* ---- against jansson, on random texts and damaged ones ---- */

#ifdef HAVE_JANSSON

static uint64_t chance;

static uint64_t dice(uint64_t n) {
    return gw__random_bits(11, GW__RANDOM_SYNTH, 0, chance++) % n;
}

static void make_string(gw__text *out) {
    static const char *const pieces[] = {"a", "longer text without escapes", "\\n", "\\u00e9", "\\ud83d\\ude00", "\xc3\xa9", "\xf0\x9f\x98\x80", "\\\\", "\\\"", " ", "{"};
    gw__text_putc(out, '"');
    for (uint64_t n = dice(4); n > 0; n--) gw__text_puts(out, pieces[dice(GW__COUNT(pieces))]);
    gw__text_putc(out, '"');
}

static void make_value(gw__text *out, int depth) {
    static const char *const words[] = {"true", "false", "null", "0", "-1", "1.5", "-0.25e-3", "1E6", "123456789", "3.0"};
    uint64_t kind = dice(depth > 4 ? 2 : 4);
    if (kind == 0) gw__text_puts(out, words[dice(GW__COUNT(words))]);
    else if (kind == 1) make_string(out);
    else {
        gw__text_putc(out, kind == 2 ? '[' : '{');
        for (uint64_t n = dice(4), i = 0; i < n; i++) {
            gw__text_puts(out, i > 0 ? (dice(3) == 0 ? " ,\n" : ",") : "");
            if (kind == 3) gw__text_addf(out, "\"k%d\":", (int)i);
            make_value(out, depth + 1);
        }
        gw__text_putc(out, kind == 2 ? ']' : '}');
    }
}

static void damage(gw__text *text) {
    static const char marks[] = "{}[]\",:\\eE.-+0u \n\x01\x80\xc3";
    for (uint64_t n = 1 + dice(2); n > 0 && text->n > 0; n--) {
        size_t at = dice(text->n);
        if (dice(2) == 0) text->at[at] = marks[dice(sizeof marks - 1)];
        else memmove(text->at + at, text->at + at + 1, text->n-- - at);
    }
}

/* The text again, through reader, decoder and writer. */
static bool rewrite(const char *bytes, size_t n, gw__text *out) {
    gw__json json;
    gw__json_writer w = {.out = out};
    char decoded[4096];
    double number;
    gw__json_init(&json, bytes, n);
    for (;;) {
        gw__json_token token = gw__json_next(&json);
        gw__slice text = {decoded, 0};
        if (token == GW__JSON_KEY || token == GW__JSON_STRING) {
            assert_true(json.text.n <= sizeof decoded);
            text.n = gw__json_decode(json.text, decoded);
            assert_true(text.n != SIZE_MAX); /* what the reader takes can be decoded */
        }
        switch (token) {
        case GW__JSON_END: return true;
        case GW__JSON_BAD: return false;
        case GW__JSON_BEGIN_OBJECT: gw__json_begin_object(&w); break;
        case GW__JSON_END_OBJECT: gw__json_end_object(&w); break;
        case GW__JSON_BEGIN_LIST: gw__json_begin_list(&w); break;
        case GW__JSON_END_LIST: gw__json_end_list(&w); break;
        case GW__JSON_KEY: gw__json_key_slice(&w, text); break;
        case GW__JSON_STRING: gw__json_slice(&w, text); break;
        case GW__JSON_NUMBER:
            if (!gw__parse_double(json.text, &number)) number = 0;
            gw__json_double(&w, number);
            break;
        case GW__JSON_TRUE: gw__json_bool(&w, true); break;
        case GW__JSON_FALSE: gw__json_bool(&w, false); break;
        default: gw__json_null(&w);
        }
    }
}

#define FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL)

static void compare(const char *bytes, size_t n, int *ret_taken) {
    json_error_t problem;
    json_t *wanted = json_loadb(bytes, n, FLAGS, &problem);
    gw__text again = {0};
    bool taken = rewrite(bytes, n, &again);
    /* jansson refuses numbers beyond double and keys with a NUL, which the grammar allows */
    bool larger = wanted == NULL && (json_error_code(&problem) == json_error_numeric_overflow || json_error_code(&problem) == json_error_null_byte_in_key);
    if (!larger && taken != (wanted != NULL)) fail_msg("'%.*s': jansson says '%s'", (int)n, bytes, wanted == NULL ? problem.text : "valid");
    if (wanted != NULL) {
        json_t *found = json_loadb(again.at, again.n, FLAGS, &problem);
        if (!json_equal(wanted, found)) fail_msg("'%.*s' became '%s'", (int)n, bytes, again.at);
        json_decref(found);
        json_decref(wanted);
        (*ret_taken)++;
    }
    gw__text_clear(&again);
}

static void test_oracle(void **state) {
    int whole = 0, damaged = 0;
    for (int i = 0; i < 20000; i++) {
        gw__text text = {0};
        make_value(&text, 0);
        compare(text.at, text.n, &whole);
        damage(&text);
        if (memchr(text.at, '\0', text.n) == NULL) compare(text.at, text.n, &damaged);
        gw__text_clear(&text);
    }
    assert_int_equal(whole, 20000);
    assert_in_range(damaged, 500, 15000); /* some damage leaves JSON, most does not */
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens), cmocka_unit_test(test_grammar), cmocka_unit_test(test_depth), cmocka_unit_test(test_place),
        cmocka_unit_test(test_skip),   cmocka_unit_test(test_decode),  cmocka_unit_test(test_write), cmocka_unit_test(test_no_memory),
#ifdef HAVE_JANSSON
        cmocka_unit_test(test_oracle),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
