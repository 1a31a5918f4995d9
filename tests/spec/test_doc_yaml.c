/* YAML to a document: what is taken, what is refused, and where. */
#include "testing.h"

#include "spec/doc_yaml.h"

static gw_status parse(const char *yaml, size_t n, gw__arena *arena, gw__doc **ret, gw_error *err) {
    *err = (gw_error){0};
    return gw__doc_parse_yaml(yaml, n, "d.yaml", arena, ret, err);
}

static void test_tree(void **state) {
    static const char yaml[] = "\xEF\xBB\xBF# a comment\na: 1 # one\n'b c': [x, \"y\\tz\", ~, {d: e}]\nlong: |\n  two\n  lines\nfold: >-\n  one\n  line\n? é\n: ü\nempty:\n";
    gw__arena arena = {0};
    gw__doc *doc;
    gw_error err;
    assert_int_equal(parse(yaml, sizeof yaml - 1, &arena, &doc, &err), GW_OK);
    assert_int_equal(doc->kind, GW__DOC_MAP);
    assert_int_equal(doc->n, 6);
    const gw__doc *a = gw__doc_get(doc, "a");
    assert_true(gw__slice_is(a->text, "1") && !a->quoted && a->line == 2 && a->column == 4 && a->key_line == 2 && a->key_column == 1);
    const gw__doc *list = gw__doc_get(doc, "b c");
    assert_true(list->kind == GW__DOC_LIST && list->n == 4 && list->line == 3 && list->column == 8);
    const gw__doc *item = list->first->next;
    assert_true(gw__slice_is(item->text, "y\tz") && item->quoted);
    assert_true(gw__doc_is_null(item->next));
    assert_true(gw__slice_is(gw__doc_get(item->next->next, "d")->text, "e"));
    assert_true(gw__slice_is(gw__doc_get(doc, "long")->text, "two\nlines\n") && gw__doc_get(doc, "long")->quoted);
    assert_true(gw__slice_is(gw__doc_get(doc, "fold")->text, "one line"));
    assert_true(gw__slice_is(gw__doc_get(doc, "é")->text, "ü"));
    assert_true(gw__doc_is_null(gw__doc_get(doc, "empty")));
    gw__arena_clear(&arena);
}

static void test_explicit_document(void **state) {
    static const char *const texts[] = {"---\na: 1\n", "%YAML 1.2\n---\na: 1\n...\n", "--- {a: 1}", "a: 1\n...\n"};
    for (size_t i = 0; i < GW__COUNT(texts); i++) {
        gw__arena arena = {0};
        gw__doc *doc;
        gw_error err;
        assert_int_equal(parse(texts[i], strlen(texts[i]), &arena, &doc, &err), GW_OK);
        assert_true(gw__slice_is(gw__doc_get(doc, "a")->text, "1"));
        gw__arena_clear(&arena);
    }
}

typedef struct wrong { const char *yaml; int64_t line, column; const char *message; } wrong;

static void test_refused(void **state) {
    static const wrong rows[] = {
        {"a: &x 1", 1, 4, "anchors (&name) are not supported; hint: write the value out"},
        {"&x a: 1", 1, 1, "anchors (&name) are not supported; hint: write the value out"},
        {"a: &x [1]", 1, 4, "anchors (&name) are not supported; hint: write the value out"},
        {"a: &x {b: 1}", 1, 4, "anchors (&name) are not supported; hint: write the value out"},
        {"a: *x", 1, 4, "aliases (*name) are not supported; hint: write the value out, or put it in quotes"},
        {"a: !!str 1", 1, 4, "tags (!name) are not supported; hint: quotes make a text"},
        {"a: ! 1", 1, 4, "tags (!name) are not supported; hint: quotes make a text"},
        {"a: !x [1]", 1, 4, "tags (!name) are not supported; hint: leave it out"},
        {"a: !x {}", 1, 4, "tags (!name) are not supported; hint: leave it out"},
        {"%TAG ! tag:x,2000:\n---\na: 1", 1, 1, "tags (%TAG) are not supported; hint: leave it out"},
        {"a: 1\nb: 2\na: 3", 3, 1, "key 'a' was given before, on line 1"},
        {"x:\n  - {a: 1, 'a': 3}", 2, 12, "key 'a' was given before, on line 2"},
        {"{a: {b: 1, c: 2, b: 3}}", 1, 18, "key 'b' was given before, on line 1"},
        {"? [a]\n: b", 1, 3, "a key must be a text, not a list or a map"},
        {"{a: 1}: b", 1, 1, "a key must be a text, not a list or a map"},
        {"a: 1\n---\nb: 2", 2, 1, "expected one document but a second begins; hint: remove '---'"},
        {"a: \"x\\0y\"", 1, 4, "a text contains the NUL character"},
        {"", 1, 1, "expected a map of keys but found nothing"},
        {"# only a comment\n", 1, 1, "expected a map of keys but found nothing"},
        {"a:\n\tb: 1", 2, 1, "no YAML: found character that cannot start any token while scanning for the next token; hint: indent with blanks, not tabs"},
        {"a: [1", 2, 1, "no YAML: did not find expected ',' or ']' while parsing a flow sequence"},
        {"a: b: c", 1, 5, "no YAML: mapping values are not allowed in this context"},
        {"a: \"\\ud800\"", 1, 7, "no YAML: found invalid Unicode character escape code while parsing a quoted scalar"},
        {"a: 1\nb: \xFF", 2, 4, "no YAML: invalid leading UTF-8 octet"},
        {"a: \x01", 1, 4, "no YAML: control characters are not allowed"},
    };
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        gw__arena arena = {0};
        gw__doc *doc = NULL;
        gw_error err;
        assert_int_equal(parse(rows[i].yaml, strlen(rows[i].yaml), &arena, &doc, &err), GW_E_CONFIG);
        assert_null(doc);
        assert_string_equal(err.message, rows[i].message);
        assert_string_equal(err.where, "d.yaml");
        if (err.line != rows[i].line || err.column != rows[i].column) {
            fail_msg("%lld:%lld instead of %lld:%lld: %s", (long long)err.line, (long long)err.column, (long long)rows[i].line,
                     (long long)rows[i].column, err.message);
        }
        gw__arena_clear(&arena);
    }
}

static gw_status parse_nested(int depth, gw_error *err) {
    gw__text yaml = {0};
    for (int i = 0; i < depth; i++) gw__text_putc(&yaml, '[');
    for (int i = 0; i < depth; i++) gw__text_putc(&yaml, ']');
    gw__arena arena = {0};
    gw__doc *doc;
    gw_status status = parse(yaml.at, yaml.n, &arena, &doc, err);
    gw__arena_clear(&arena);
    gw__text_clear(&yaml);
    return status;
}

static void test_depth(void **state) {
    gw_error err;
    assert_int_equal(parse_nested(64, &err), GW_OK);
    assert_int_equal(parse_nested(65, &err), GW_E_CONFIG);
    assert_string_equal(err.message, "nested deeper than 64");
    assert_int_equal(err.column, 65);
    assert_int_equal(parse_nested(100000, &err), GW_E_CONFIG);
}

static void test_size(void **state) {
    gw__text yaml = {0};
    gw__text_putc(&yaml, '[');
    for (int i = 0; i < 1 << 20; i++) gw__text_puts(&yaml, "1,");
    gw__text_putc(&yaml, ']');
    gw__arena arena = {0};
    gw__doc *doc;
    gw_error err;
    assert_int_equal(parse(yaml.at, yaml.n, &arena, &doc, &err), GW_E_CONFIG);
    assert_string_equal(err.message, "more than 1048576 values");
    gw__arena_clear(&arena);
    gw__text_clear(&yaml);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree), cmocka_unit_test(test_explicit_document), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth), cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
