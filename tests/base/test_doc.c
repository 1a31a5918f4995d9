#include "testing.h"

#include "base/doc.h"
#include "fail_alloc.h"

static const char *const sample = "{\"a\": 1e-3,\n \"b\": [\"x\\u00e9\", null, {\"c\": true}],\n\n  \"d\\n\": {}, \"e\": \"\", \"f\": \"null\"}";

static const gw__doc *child(const gw__doc *node, size_t i) {
    assert_true(i < node->n);
    const gw__doc *at = node->first;
    for (; i > 0; i--) at = at->next;
    return at;
}

static void test_tree(void **state) {
    gw__arena arena = {0};
    gw__doc *doc;
    assert_int_equal(gw__doc_parse_json(sample, strlen(sample), "s.json", &arena, &doc, NULL), GW_OK);
    assert_int_equal(doc->kind, GW__DOC_MAP);
    assert_int_equal(doc->n, 5);
    assert_ptr_equal(doc->last, child(doc, 4));
    const gw__doc *a = gw__doc_get(doc, "a"), *b = gw__doc_get(doc, "b"), *d = gw__doc_get(doc, "d\n");
    assert_true(gw__slice_is(a->text, "1e-3") && a->text.at[a->text.n] == '\0');
    assert_false(a->quoted);
    assert_int_equal(b->kind, GW__DOC_LIST);
    assert_int_equal(b->n, 3);
    assert_true(child(b, 0)->quoted);
    assert_string_equal(child(b, 0)->text.at, "x\xc3\xa9");
    assert_null(child(b, 0)->key.at);
    assert_true(gw__doc_is_null(child(b, 1)));
    assert_true(gw__slice_is(gw__doc_get(child(b, 2), "c")->text, "true"));
    assert_int_equal(d->kind, GW__DOC_MAP);
    assert_int_equal(d->n, 0);
    assert_string_equal(d->key.at, "d\n");
    assert_false(gw__doc_is_null(gw__doc_get(doc, "e")));
    assert_false(gw__doc_is_null(gw__doc_get(doc, "f")));
    assert_false(gw__doc_is_null(d));
    assert_null(gw__doc_get(doc, "x"));
    assert_null(gw__doc_get(b, "x"));
    assert_null(gw__doc_get(NULL, "x"));
    gw__arena_clear(&arena);
}

static void expect_place(const gw__doc *node, int64_t key_line, int64_t key_column, int64_t line, int64_t column) {
    assert_int_equal(node->key_line, key_line);
    assert_int_equal(node->key_column, key_column);
    assert_int_equal(node->line, line);
    assert_int_equal(node->column, column);
}

static void test_places(void **state) {
    gw__arena arena = {0};
    gw__doc *doc;
    assert_int_equal(gw__doc_parse_json(sample, strlen(sample), "s.json", &arena, &doc, NULL), GW_OK);
    expect_place(doc, 0, 0, 1, 1);
    expect_place(gw__doc_get(doc, "a"), 1, 2, 1, 7);
    expect_place(gw__doc_get(doc, "b"), 2, 2, 2, 7);
    expect_place(child(gw__doc_get(doc, "b"), 0), 0, 0, 2, 8);
    expect_place(gw__doc_get(child(gw__doc_get(doc, "b"), 2), "c"), 2, 26, 2, 31);
    expect_place(gw__doc_get(doc, "d\n"), 4, 3, 4, 10);
    gw__arena_clear(&arena);
}

static void test_errors(void **state) {
    static const struct { const char *text; int64_t line, column; const char *part; } rows[] = {
        {"{\"a\":1,\n \"b\":2,\n \"a\":3}", 3, 2, "duplicate key 'a'"},
        {"{\"a\":1,\n \"\\u0061\":2}", 2, 2, "duplicate key 'a'"},
        {"[1,\n2,]", 2, 3, "expected a value"},
        {"[1,\n\"\xff\"]", 2, 1, "UTF-8"},
        {"[\"\\u0000\"]", 1, 2, "NUL"},
        {"{\"\\u0000\":1}", 1, 2, "NUL"},
        {"", 1, 1, "the text ends"},
        {"{} {}", 1, 4, "nothing after"},
    };
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        gw__arena arena = {0};
        gw__doc *doc = NULL;
        gw_error err;
        assert_int_equal(gw__doc_parse_json(rows[i].text, strlen(rows[i].text), "s.json", &arena, &doc, &err), GW_E_FORMAT);
        assert_null(doc);
        assert_string_equal(err.where, "s.json");
        assert_non_null(strstr(err.message, rows[i].part));
        assert_int_equal(err.line, rows[i].line);
        assert_int_equal(err.column, rows[i].column);
        gw__arena_clear(&arena);
    }
    char deep[300];
    memset(deep, '[', sizeof deep);
    gw__arena arena = {0};
    gw__doc *doc;
    gw_error err;
    assert_int_equal(gw__doc_parse_json(deep, sizeof deep, "s.json", &arena, &doc, &err), GW_E_FORMAT);
    assert_int_equal(err.column, GW__DOC_DEPTH + 1);
    gw__arena_clear(&arena);
}

/* A hundred thousand keys, the last twice: in no quadratic time. */
static void test_many_keys(void **state) {
    gw__text text = {0};
    gw__text_putc(&text, '{');
    for (int i = 0; i < 100000; i++) gw__text_addf(&text, "\"key%d\":%d,\n", i * 7919 % 100000, i);
    gw__arena arena = {0};
    gw__doc *doc = NULL;
    gw_error err;
    size_t n = text.n;
    gw__text_puts(&text, "\"last\":0}");
    assert_int_equal(gw__doc_parse_json(text.at, text.n, "many", &arena, &doc, &err), GW_OK);
    assert_int_equal(doc->n, 100001);
    text.n = n;
    gw__text_puts(&text, "\"key5\":0}");
    assert_int_equal(gw__doc_parse_json(text.at, text.n, "many", &arena, &doc, &err), GW_E_FORMAT);
    assert_int_equal(err.line, 100001);
    gw__arena_clear(&arena);
    gw__text_clear(&text);
}

static void test_build(void **state) {
    gw__arena arena = {0};
    gw__doc *map = gw__doc_new(&arena, GW__DOC_MAP), *list = gw__doc_new(&arena, GW__DOC_LIST);
    char key[] = "key";
    assert_true(gw__doc_add(&arena, map, key, list));
    key[0] = 'x'; /* copied */
    assert_true(gw__doc_add(&arena, list, NULL, gw__doc_new_scalar(&arena, "12", 1, false)));
    assert_true(gw__doc_add(&arena, list, NULL, gw__doc_new_scalar(&arena, "~", 1, false)));
    assert_true(gw__doc_add(&arena, list, NULL, gw__doc_new_scalar(&arena, "~", 1, true)));
    assert_ptr_equal(gw__doc_get(map, "key"), list);
    assert_int_equal(list->n, 3);
    assert_string_equal(child(list, 0)->text.at, "1");
    assert_true(gw__doc_is_null(child(list, 1)));
    assert_false(gw__doc_is_null(child(list, 2)));
    gw__arena_clear(&arena);
}

static gw_status parse(void *context, gw_error *err) {
    gw__arena arena = {0};
    gw__doc *doc;
    gw__text text = {0};
    gw__text_putc(&text, '{');
    for (int i = 0; i < 200; i++) gw__text_addf(&text, "\"key%d\":[%d, \"text\"],", i, i);
    gw__text_puts(&text, "\"z\":0}");
    gw_status status = text.failed ? gw__fail_nomem(err) : gw__doc_parse_json(text.at, text.n, "x", &arena, &doc, err);
    gw__text_clear(&text);
    gw__arena_clear(&arena);
    return status;
}

static void test_no_memory(void **state) {
    assert_in_range(fail_each_allocation(parse, NULL), 10, 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tree),  cmocka_unit_test(test_places),   cmocka_unit_test(test_errors),
                                       cmocka_unit_test(test_many_keys), cmocka_unit_test(test_build), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
