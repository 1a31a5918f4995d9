/* Prediction from tables to files. */
#include <math.h>
#include <unistd.h>

#include "base/number.h"
#include "interop/weights.h"
#include "serve/layout.h"
#include "serve/predict.h"
#include "serve/session.h"
#include "serve_fixture.h"
#include "testing.h"

static int open_model(void **state) {
    static fixture f;
    fixture_open(&f, "cgc");
    *state = &f;
    return 0;
}

static int close_model(void **state) {
    fixture_close(*state);
    return 0;
}

/* Predict `table` into the fixture's output and give what was written; free. */
static char *predict(fixture *f, const char *table, gw_predict_options options, size_t *ret_n) {
    gw_error err = {0};
    int64_t rows = -1, skipped = -1;
    options.data.paths = &table;
    options.data.n_paths = 1;
    options.output_path = f->output;
    if (!options.data.threads) options.data.threads = 1;
    if (gw__predict(f->model, &options, &rows, &skipped, &err) != GW_OK) fail_msg("%s:%d: %s", err.where, (int)err.line, err.message);
    assert_int_equal(rows + skipped, FIXTURE_ROWS);
    return fixture_read(f->output, ret_n);
}

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static char *line_of(char *text, size_t n) {
    for (; n > 0; n--) text = strchr(text, '\n') + 1;
    return text;
}

static void test_csv(void **state) {
    fixture *f = *state;
    char *text = predict(f, f->bare, (gw_predict_options){0}, NULL), *with_labels = predict(f, f->table, (gw_predict_options){0}, NULL);
    assert_string_equal(text, with_labels);
    assert_true(begins(text, "click,amount,kind.x,\"kind.y,y\",kind.z\n"));
    size_t lines = 0;
    for (char *at = text; (at = strchr(at, '\n')); at++) lines++;
    assert_int_equal(lines, FIXTURE_ROWS + 1);

    /* The numbers are a session's, to the last digit. */
    float score[5];
    gw_session *session = NULL;
    gw_column columns[4];
    static const char *const names[] = {"age", "city", "user", "tags"};
    char cells[4][32];
    int32_t offsets[4][2] = {{0}};
    assert_int_equal(gw__session_new(f->model, 1, &session, NULL), GW_OK);
    for (size_t row = 0; row < FIXTURE_ROWS; row += 71) {
        fixture_cells(row, cells[0], cells[1], cells[2], cells[3]);
        for (int c = 0; c < 4; c++) {
            offsets[c][1] = (int32_t)strlen(cells[c]);
            columns[c] = (gw_column){.name = names[c], .type = GW_COLUMN_TEXT, .values = cells[c], .offsets = offsets[c]};
        }
        assert_int_equal(gw__session_score(session, columns, 4, 1, score, NULL), GW_OK);
        char expected[160];
        snprintf(expected, sizeof expected, "%.9g,%.9g,%.9g,%.9g,%.9g\n", (double)score[0], (double)score[1], (double)score[2], (double)score[3], (double)score[4]);
        assert_int_equal(strncmp(line_of(text, row + 1), expected, strlen(expected)), 0);
    }
    gw__session_free(session);
    free(text);
    free(with_labels);
}

static void test_threads_change_nothing(void **state) {
    fixture *f = *state;
    for (int format = 0; format <= GW_OUTPUT_NPY; format++) {
        gw_predict_options options = {.format = (gw_output_format)format, .gates = true};
        size_t n[3];
        char *text[3];
        for (size_t i = 0; i < 3; i++) {
            options.data.threads = (size_t[]){1, 2, 5}[i];
            text[i] = predict(f, f->bare, options, &n[i]);
        }
        for (size_t i = 1; i < 3; i++) {
            assert_int_equal(n[i], n[0]);
            assert_memory_equal(text[i], text[0], n[0]);
        }
        for (size_t i = 0; i < 3; i++) free(text[i]);
    }
}

static void test_kept_columns_read_back(void **state) {
    fixture *f = *state;
    const char *keep[] = {"note", "city"};
    gw_predict_options options = {.keep = keep, .n_keep = 2};
    char *text = predict(f, f->bare, options, NULL);
    assert_true(begins(text, "note,city,click,amount,kind.x,"));
    assert_true(begins(text + strcspn(text, "\n"), "\n\"note \"\"0\"\",\nof two lines\",Oslo,0."));
    free(text);
    options.format = GW_OUTPUT_JSONL;
    text = predict(f, f->bare, options, NULL);
    assert_true(begins(text, "{\"keep\":{\"note\":\"note \\\"0\\\",\\nof two lines\",\"city\":\"Oslo\"},\"click\":0."));
    assert_non_null(strstr(text, "\"city\":null},\"click\":")); /* an empty cell has no value */
    free(text);
}

static void test_jsonl_parses(void **state) {
    fixture *f = *state;
    char *text = predict(f, f->bare, (gw_predict_options){.format = GW_OUTPUT_JSONL, .gates = true}, NULL);
    size_t rows = 0;
    for (char *line = text; *line; rows++) {
        char *end = strchr(line, '\n');
        gw__arena arena = {0};
        gw__doc *doc = NULL;
        assert_int_equal(gw__doc_parse_json(line, (size_t)(end - line), "line", &arena, &doc, NULL), GW_OK);
        double p = -1, kind = 0;
        assert_true(gw__parse_double(gw__doc_get(doc, "click")->text, &p) && p > 0 && p < 1);
        const gw__doc *classes = gw__doc_get(doc, "kind"), *gates = gw__doc_get(doc, "gates");
        assert_int_equal(classes->n, 3);
        for (const gw__doc *c = classes->first; c; c = c->next) {
            assert_true(gw__parse_double(c->text, &p));
            kind += p;
        }
        assert_true(fabs(kind - 1) < 1e-5);
        assert_int_equal(gates->n, gw__net_gate_width(f->model->net));
        assert_non_null(gw__doc_get(gates, "gate.0.click.shared.0"));
        gw__arena_clear(&arena);
        line = end + 1;
    }
    assert_int_equal(rows, FIXTURE_ROWS);
    free(text);
}

static void test_gates_sum_to_one(void **state) {
    fixture *f = *state;
    size_t n, outputs = gw__net_output_width(f->model->net), gates = gw__net_gate_width(f->model->net);
    char *bytes = predict(f, f->bare, (gw_predict_options){.format = GW_OUTPUT_NPY, .gates = true}, &n);
    assert_true(gates > 0);
    assert_int_equal(n, GW__NPY_HEADER + FIXTURE_ROWS * (outputs + gates) * sizeof(float));
    const float *rows = (const float *)(void *)(bytes + GW__NPY_HEADER);
    for (size_t row = 0; row < FIXTURE_ROWS; row++, rows += outputs + gates) {
        for (size_t g = 0; g < gw__net_gate_count(f->model->net); g++) {
            gw__gate_view gate = gw__net_gate_at(f->model->net, g);
            float sum = 0;
            for (size_t e = 0; e < gate.n_experts; e++) sum += rows[outputs + gate.weights_at + e];
            assert_true(fabsf(sum - 1) < 1e-5f);
        }
    }
    free(bytes);
}

static void test_npy_header(void **state) {
    fixture *f = *state;
    size_t n;
    char *bytes = predict(f, f->bare, (gw_predict_options){.format = GW_OUTPUT_NPY}, &n);
    assert_memory_equal(bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    assert_true(begins(bytes + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (1300, 5), }"));
    assert_int_equal(bytes[GW__NPY_HEADER - 1], '\n');
    char *text = predict(f, f->bare, (gw_predict_options){0}, NULL), *at = line_of(text, 1), digits[32];
    snprintf(digits, sizeof digits, "%.9g,", (double)*(float *)(void *)(bytes + GW__NPY_HEADER));
    assert_int_equal(strncmp(at, digits, strlen(digits)), 0);
    free(text);
    free(bytes);
}

/* Predict a text; what it says, and what was written ("" for nothing). */
static gw_status predict_text(fixture *f, const char *text, gw_predict_options options, int64_t ret_counts[2], char **ret_output, gw_error *err) {
    char path[128];
    const char *table = fixture_path(f, "other.csv", path);
    fixture_write(path, text);
    fixture_forget(f->output);
    options.data.paths = &table;
    options.data.n_paths = 1;
    options.output_path = f->output;
    options.data.threads = 2;
    gw_status status = gw__predict(f->model, &options, &ret_counts[0], &ret_counts[1], err);
    if (status == GW_OK) *ret_output = fixture_read(f->output, NULL);
    fixture_forget(path);
    return status;
}

static void test_bad_cells(void **state) {
    fixture *f = *state;
    static const char table[] = "age,city,user,tags\n1,Oslo,2,a\nold,Lima,3,b\n,Lima,3,b\n5,Lima,3,b,7\n";
    gw_error err = {0};
    int64_t counts[2] = {-1, -1};
    char *output = NULL;
    assert_int_equal(predict_text(f, table, (gw_predict_options){0}, counts, &output, &err), GW_E_DATA);
    assert_non_null(strstr(err.where, "other.csv"));
    assert_true(err.line == 3 || err.line == 5);
    assert_int_equal(counts[0], -1);
    FILE *left = fopen(f->output, "rb");
    assert_null(left);

    gw_predict_options skipping = {.data = {.skip_bad_rows = true}};
    assert_int_equal(predict_text(f, table, skipping, counts, &output, &err), GW_OK);
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[1], 2);
    assert_non_null(line_of(output, 2));
    assert_string_equal(line_of(output, 3), "");
    free(output);
}

static void test_bad_cell_has_its_line(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    int64_t counts[2];
    char *output = NULL;
    gw__text table = {0};
    gw__text_puts(&table, "age,city,user,tags\n");
    for (int i = 0; i < 1200; i++) gw__text_puts(&table, i == 700 || i == 1100 ? "x,\"Li\nma\",3,b\n" : "1,\"Li\nma\",3,b\n");
    assert_int_equal(predict_text(f, table.at, (gw_predict_options){0}, counts, &output, &err), GW_E_DATA);
    assert_int_equal(err.line, 2 + 2 * 700);
    assert_non_null(strstr(err.message, "column 'age'"));
    gw__text_clear(&table);
}

#define MANY 60000 /* rows: more than are read together on five threads */

/* A table of many rounds; `tags` is the row's number. Rows in `bad` have an age that is none. */
static char *write_many(fixture *f, const size_t *bad, size_t n_bad, char path[128]) {
    gw__text table = {0};
    gw__text_puts(&table, "age,city,user,tags\n");
    for (size_t i = 0, next = 0; i < MANY; i++) {
        bool is_bad = next < n_bad && bad[next] == i;
        next += is_bad;
        gw__text_addf(&table, "%s,%s,%zu,%zu\n", is_bad ? "old" : "7", i % 3 ? "Lima" : "Oslo and what lies around it", i % 977, i);
    }
    fixture_path(f, "many.csv", path);
    fixture_write(path, table.at);
    gw__text_clear(&table);
    return path;
}

static void test_many_rounds_in_order(void **state) {
    static const size_t threads[] = {1, 2, 5}, bad[] = {1, 30000, 30001, MANY - 1};
    fixture *f = *state;
    gw_error err = {0};
    char path[128], *first = NULL;
    const char *table = write_many(f, bad, GW__COUNT(bad), path), *keep[] = {"tags"};
    for (size_t t = 0; t < GW__COUNT(threads); t++) {
        gw_predict_options options = {.data = {.paths = &table, .n_paths = 1, .threads = threads[t], .skip_bad_rows = true},
                                      .output_path = f->output, .keep = keep, .n_keep = 1};
        int64_t rows = 0, skipped = 0;
        fixture_must(gw__predict(f->model, &options, &rows, &skipped, &err), &err);
        assert_int_equal(rows, MANY - (int)GW__COUNT(bad));
        assert_int_equal(skipped, GW__COUNT(bad));
        char *text = fixture_read(f->output, NULL);
        if (first) assert_string_equal(text, first);
        else first = text;
        if (text != first) free(text);
        options.data.skip_bad_rows = false;
        options.output_path = f->bare; /* there is something already: it stays */
        char *before = fixture_read(f->bare, NULL);
        assert_int_equal(gw__predict(f->model, &options, &rows, &skipped, &err), GW_E_DATA);
        assert_int_equal(err.line, 3);
        char *after = fixture_read(f->bare, NULL);
        assert_string_equal(after, before);
        free(before);
        free(after);
    }
    const char *at = line_of(first, 1);
    for (size_t i = 0, next = 0; i < MANY; i++) {
        if (next < GW__COUNT(bad) && bad[next] == i) {
            next++;
            continue;
        }
        assert_int_equal(strtoul(at, NULL, 10), i);
        at = strchr(at, '\n') + 1;
    }
    assert_int_equal(*at, '\0');
    free(first);
    fixture_forget(path);
}

/* Of two bad rows in different rounds the first is named, and a bad cell before a row that cannot be read. */
static void test_first_failure_of_many_rounds(void **state) {
    static const size_t bad[] = {40000, 41000};
    fixture *f = *state;
    gw_error err = {0};
    char path[128];
    const char *table = write_many(f, bad, 2, path);
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    fputs("1,2\n", file);
    assert_int_equal(fclose(file), 0);
    for (size_t threads = 1; threads <= 3; threads++) {
        gw_predict_options options = {.data = {.paths = &table, .n_paths = 1, .threads = threads}, .output_path = f->output};
        assert_int_equal(gw__predict(f->model, &options, NULL, NULL, &err), GW_E_DATA);
        assert_int_equal(err.line, 40000 + 2);
        assert_non_null(strstr(err.message, "'old'"));
    }
    fixture_forget(path);
}

static void test_tables_without_rows(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    int64_t counts[2];
    char *output = NULL;
    assert_int_equal(predict_text(f, "tags,age,city,user\n", (gw_predict_options){0}, counts, &output, &err), GW_OK);
    assert_int_equal(counts[0], 0);
    assert_string_equal(output, "click,amount,kind.x,\"kind.y,y\",kind.z\n");
    free(output);
    assert_int_equal(predict_text(f, "age,city,user\n1,2,3\n", (gw_predict_options){0}, counts, &output, &err), GW_E_DATA);
    assert_non_null(strstr(err.message, "'tags'"));
    assert_non_null(strstr(err.where, "other.csv"));
}

static void test_options_are_checked(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    int64_t counts[2];
    char *output = NULL;
    static const char table[] = "age,city,user,tags\n1,Oslo,2,a\n";
    const char *keep[] = {"citi"}, *twice[] = {"city", "city"};
    assert_int_equal(predict_text(f, table, (gw_predict_options){.keep = keep, .n_keep = 1}, counts, &output, &err), GW_E_ARGUMENT);
    assert_non_null(strstr(err.message, "did you mean 'city'?"));
    assert_int_equal(predict_text(f, table, (gw_predict_options){.keep = twice, .n_keep = 2}, counts, &output, &err), GW_E_ARGUMENT);
    assert_int_equal(predict_text(f, table, (gw_predict_options){.keep = twice, .n_keep = 1, .format = GW_OUTPUT_NPY}, counts, &output, &err),
                     GW_E_ARGUMENT);
}

static void test_header_from_a_file(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    int64_t counts[2];
    char *output = NULL, *same = NULL, path[128];
    fixture_path(f, "names.txt", path);
    fixture_write(path, "age\n city \r\n\nuser\ntags");
    gw_predict_options options = {.data = {.header = path}};
    assert_int_equal(predict_text(f, "1,Oslo,2,a\n2,Lima,3,b\n", options, counts, &output, &err), GW_OK);
    assert_int_equal(counts[0], 2);
    options.data.header = "true";
    assert_int_equal(predict_text(f, "age,city,user,tags\n1,Oslo,2,a\n2,Lima,3,b\n", options, counts, &same, &err), GW_OK);
    assert_string_equal(output, same);
    fixture_write(path, "\n\n");
    options.data.header = path;
    assert_int_equal(predict_text(f, "1,Oslo,2,a\n", options, counts, &output, &err), GW_E_DATA);
    fixture_forget(path);
    free(output);
    free(same);
}

/* A model of headerless data stores all names, labels included; a table without labels cannot be matched to them. */
static void test_stored_names_and_other_tables(void **state) {
    fixture *f = *state;
    char path[128], spec[512];
    gw_error err = {0};
    int64_t counts[2];
    char *output = NULL;
    gw_model *model = NULL, *own = f->model;
    fixture_path(f, "headerless.csv", path);
    fixture_write(path, "1,a,0\n2,b,1\n3,a,1\n4,b,0\n");
    snprintf(spec, sizeof spec, "{\"data\":{\"train\":\"%s\",\"header\":[\"n\",\"c\",\"y\"]},\"tasks\":{\"y\":{\"type\":\"binary\"}}}", path);
    gw_train_options options = {.spec_text = spec, .threads = 1};
    if (gw__model_of_spec(&options, &model, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    f->model = model;
    assert_int_equal(predict_text(f, "1,a,0\n9,zz,1\n", (gw_predict_options){0}, counts, &output, &err), GW_OK);
    assert_int_equal(counts[0], 2);
    free(output);
    assert_int_equal(predict_text(f, "1,a\n9,zz\n", (gw_predict_options){0}, counts, &output, &err), GW_E_DATA);
    assert_non_null(strstr(err.message, "--header"));
    f->model = own;
    gw__model_free(model);
    fixture_forget(path);
}

/* Under whatever name, and by whichever pattern, an input is not replaced. */
static void test_an_input_is_not_replaced(void **state) {
    fixture *f = *state;
    char table[128], pattern[128], names[128], link[128];
    static const char rows[] = "1,Oslo,2,a\n2,Lima,3,b\n", header[] = "age\ncity\nuser\ntags\n";
    fixture_path(f, "input-1.csv", table);
    fixture_path(f, "input-?.csv", pattern);
    fixture_path(f, "input.names", names);
    fixture_path(f, "input.link", link);
    fixture_write(table, rows);
    fixture_write(names, header);
    assert_int_equal(symlink("input-1.csv", link), 0);
    const struct { const char *input, *output; } cases[] = {{table, table}, {pattern, table}, {table, link}, {link, table}, {table, names}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gw_error err = {0};
        gw_predict_options options = {.data = {.paths = &cases[i].input, .n_paths = 1, .header = names, .threads = 1}, .output_path = cases[i].output};
        assert_int_equal(gw__predict(f->model, &options, NULL, NULL, &err), GW_E_ARGUMENT);
        assert_string_equal(err.where, cases[i].output);
        assert_non_null(strstr(err.message, i == 4 ? "data.header" : "data.paths"));
        char *now = fixture_read(table, NULL), *names_now = fixture_read(names, NULL);
        assert_string_equal(now, rows);
        assert_string_equal(names_now, header);
        free(now);
        free(names_now);
    }
    fixture_forget(link);
    fixture_forget(names);
    fixture_forget(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_kept_columns_read_back),
        cmocka_unit_test(test_jsonl_parses),
        cmocka_unit_test(test_gates_sum_to_one),
        cmocka_unit_test(test_npy_header),
        cmocka_unit_test(test_bad_cells),
        cmocka_unit_test(test_bad_cell_has_its_line),
        cmocka_unit_test(test_many_rounds_in_order),
        cmocka_unit_test(test_first_failure_of_many_rounds),
        cmocka_unit_test(test_tables_without_rows),
        cmocka_unit_test(test_options_are_checked),
        cmocka_unit_test(test_header_from_a_file),
        cmocka_unit_test(test_stored_names_and_other_tables),
        cmocka_unit_test(test_an_input_is_not_replaced),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
