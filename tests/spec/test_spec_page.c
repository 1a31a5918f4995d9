/* docs/spec.md names every key with what it takes, its default and its meaning as the field table has them, and its examples are specs.
 * Rows for the page: test_spec_page --print SECTION */
#include "testing.h"

#include "spec/fields.h"
#include "specs.h"

static gw__text page;

/* A cell of a Markdown table. */
static void add_cell(gw__text *out, const char *text) {
    gw__text_puts(out, " ");
    for (; *text != '\0'; text++) {
        if (*text == '|') gw__text_putc(out, '\\');
        gw__text_putc(out, *text);
    }
    gw__text_puts(out, " |");
}

static void add_default(gw__text *out, const gw__field *field) {
    gw__text cell = {0};
    if (field->preset_of != NULL) gw__text_puts(&cell, field->preset);
    else if (field->preset != NULL) gw__text_addf(&cell, "`%s`", field->preset);
    else gw__text_puts(&cell, field->required ? "required" : "");
    add_cell(out, cell.at);
    gw__text_clear(&cell);
}

static void add_meaning(gw__text *out, const gw__field *field) {
    gw__text cell = {0};
    gw__text_puts(&cell, field->doc);
    if (field->owner != NULL) gw__text_addf(&cell, " Only for %s.", field->owner);
    add_cell(out, cell.at);
    gw__text_clear(&cell);
}

static void row_of(const char *path, const gw__field *field, gw__text *out) {
    gw__text takes = {0};
    gw__field_expect(field, &takes);
    gw__text_addf(out, "| `%s` |", path);
    add_cell(out, takes.at);
    add_default(out, field);
    add_meaning(out, field);
    gw__text_clear(&takes);
}

static void find_row(void *context, const char *path, const gw__field *field) {
    gw__text row = {0};
    row_of(path, field, &row);
    gw__text_puts(&row, "\n");
    if (strstr(page.at, row.at) == NULL) {
        print_error("docs/spec.md lacks:\n%s", row.at);
        ++*(int *)context;
    }
    gw__text_clear(&row);
}

static void test_rows(void **state) {
    int missing = 0;
    gw__fields_walk(find_row, &missing);
    assert_int_equal(missing, 0);
}

/* And nothing that is not in the table: as many rows as there are keys. */
static void count_row(void *context, const char *path, const gw__field *field) { ++*(int *)context; }

static void test_no_other_rows(void **state) {
    int keys = 0, rows = 0;
    gw__fields_walk(count_row, &keys);
    for (const char *at = page.at; (at = strstr(at, "\n| `")) != NULL; at++) rows++;
    assert_int_equal(rows, keys);
}

static void test_examples(void **state) {
    int n = 0;
    for (const char *at = page.at; (at = strstr(at, "\n```yaml\n")) != NULL; n++) {
        at += strlen("\n```yaml\n");
        const char *end = strstr(at, "\n```\n");
        assert_non_null(end);
        gw__text example = {0};
        gw__text_add(&example, at, (size_t)(end + 1 - at));
        gw__spec_free(spec_of(example.at));
        gw__text_clear(&example);
    }
    assert_true(n >= 5);
}

static void print_row(void *context, const char *path, const gw__field *field) {
    size_t n = strlen(context);
    if (strncmp(path, context, n) != 0) return;
    gw__text row = {0};
    row_of(path, field, &row);
    puts(row.at);
    gw__text_clear(&row);
}

static int read_page(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return perror(path), 99;
    char bytes[4096];
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, file)) > 0;) gw__text_add(&page, bytes, n);
    return fclose(file);
}

int main(int n, char **arguments) {
    if (n == 3 && strcmp(arguments[1], "--print") == 0) return gw__fields_walk(print_row, arguments[2]), 0;
    if (n != 2 || read_page(arguments[1]) != 0) return 99;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_no_other_rows), cmocka_unit_test(test_examples)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw__text_clear(&page);
    return failed;
}
