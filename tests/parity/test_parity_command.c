/* Parity with PyTorch through the public functions alone: import, predict, train from imported weights. */
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/doc.h"
#include "base/number.h"
#include "gatewright.h"

#define VALUE_TOLERANCE 1e-5 /* of max(|value|, 0.01) */
#define LOSS_TOLERANCE 5e-4  /* relative */
#define TRAINED_TOLERANCE 2e-3 /* of max(|value|, 0.1): many steps lie between */

typedef struct run {
    const char *name, *isa;
    char folder[64];        /* of the files made here; removed at the end */
    char model[96], output[96];
    gw__container expected;
} run;

#define NEED(call)                                                                            \
    do {                                                                                      \
        gw_error need_err = {0};                                                              \
        gw_error *err = &need_err;                                                            \
        if ((call) != GW_OK) fail_msg("%s: %s: %s", r->name, need_err.where, need_err.message); \
    } while (0)

/* ---- predictions ---- */

typedef struct sheet {
    char header[1024][128];
    size_t n_columns, n_rows;
    double *values; /* [n_rows,n_columns] */
} sheet;

static sheet read_sheet(const char *path) {
    sheet s = {0};
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0, capacity = 0, n = 0;
    assert_non_null(file);
    for (size_t row = 0; getline(&line, &room, file) > 0; row++) {
        char *rest = line, *cell;
        line[strcspn(line, "\r\n")] = '\0';
        for (size_t column = 0; (cell = strsep(&rest, ",")) != NULL; column++) {
            if (row == 0) {
                assert_true(column < 1024);
                snprintf(s.header[s.n_columns++], sizeof s.header[0], "%s", cell);
                continue;
            }
            if (n == capacity) {
                capacity = capacity ? 2 * capacity : 256;
                s.values = realloc(s.values, capacity * sizeof *s.values);
                assert_non_null(s.values);
            }
            if (!gw__parse_double(gw__slice_of(cell), &s.values[n])) fail_msg("row %zu: '%s' is no number", row, cell);
            n++;
        }
        s.n_rows = row;
    }
    assert_int_equal(n, s.n_rows * s.n_columns);
    free(line);
    fclose(file);
    return s;
}

static sheet predict(run *r, const char *model_path, bool gates) {
    char data[512];
    gw_model *model = NULL;
    int64_t rows = 0, skipped = 0;
    const char *path = data;
    snprintf(data, sizeof data, "%s/data.csv", r->name);
    NEED(gw_model_load(model_path, &model, err));
    NEED(gw_model_use_isa(model, r->isa, err));
    NEED(gw_predict(model, &(gw_predict_options){.data = {.paths = &path, .n_paths = 1, .threads = 1}, .output_path = r->output, .gates = gates},
                    &rows, &skipped, err));
    gw_model_free(model);
    return read_sheet(r->output);
}

/* Columns [first, first + width) of the sheet against a tensor [n,width]. */
static void compare_columns(run *r, const char *what, const sheet *s, size_t first, double least, double tolerance) {
    char title[256];
    size_t n, width;
    double *expected = tensor_values(&r->expected, what, &n), *found;
    assert_non_null(expected);
    assert_int_equal(tensor_rows(&r->expected, what), s->n_rows);
    width = n / s->n_rows;
    assert_true(first + width <= s->n_columns);
    found = malloc(n * sizeof *found);
    assert_non_null(found);
    for (size_t i = 0; i < n; i++) found[i] = s->values[i / width * s->n_columns + first + i % width];
    snprintf(title, sizeof title, "%s %s", r->name, what);
    check_close(title, found, expected, n, least, tolerance);
    free(found);
    free(expected);
}

static void check_gates(run *r, const sheet *s) {
    for (size_t i = 0; i < r->expected.n_tensors; i++) {
        const char *name = r->expected.tensors[i].name;
        if (strncmp(name, "gate.", 5) != 0) continue;
        size_t first = 0, n = strlen(name);
        while (first < s->n_columns && !(strncmp(s->header[first], name, n) == 0 && s->header[first][n] == '.')) first++;
        if (first == s->n_columns) fail_msg("%s: no column begins with '%s.'", r->name, name);
        compare_columns(r, name, s, first, 0.01, VALUE_TOLERANCE);
    }
}

/* ---- training ---- */

typedef struct log_book {
    const gw__container *expected;
    double losses[64][16]; /* [epoch][task] */
    size_t n_epochs, n_tasks;
    bool bad;
} log_book;

static void listen_epochs(void *context, const gw_event *event) {
    log_book *book = context;
    gw__arena arena = {0};
    gw__doc *doc = NULL;
    gw_error err = {0};
    if (event->kind != GW_EVENT_EPOCH) return;
    if (gw__doc_parse_json(event->text, strlen(event->text), "epoch", &arena, &doc, &err) != GW_OK || book->n_epochs >= 64) {
        book->bad = true;
    } else {
        const gw__doc *tasks = gw__doc_get(gw__doc_get(doc, "train"), "tasks");
        book->n_tasks = 0;
        for (const gw__doc *t = tasks ? tasks->first : NULL; t && book->n_tasks < 16; t = t->next) {
            const gw__doc *loss = gw__doc_get(t, "loss");
            if (!loss || !gw__parse_double(loss->text, &book->losses[book->n_epochs][book->n_tasks++])) book->bad = true;
        }
        book->n_epochs++;
    }
    gw__arena_clear(&arena);
}

static void check_run(run *r, const char *batch, const char *init, const char *output) {
    char what[256], train[544], spec[512], epochs[64], tensor[64];
    size_t n, n_epochs;
    snprintf(tensor, sizeof tensor, "loss.%s", batch);
    double *expected = tensor_values(&r->expected, tensor, &n);
    if (!expected) return;
    n_epochs = tensor_rows(&r->expected, tensor);
    snprintf(spec, sizeof spec, "%s/spec.json", r->name);
    snprintf(train, sizeof train, "data.train=%s/data.csv", r->name);
    snprintf(epochs, sizeof epochs, "train.epochs=%zu", n_epochs);
    const char *overrides[] = {train, epochs, "train.batch=full"};
    log_book book = {0};
    NEED(gw_train(&(gw_train_options){.spec_path = spec, .overrides = overrides, .n_overrides = strcmp(batch, "full") == 0 ? 3 : 2,
                                      .init_path = init, .model_path = output, .isa = r->isa, .threads = 1, .listener = listen_epochs, .listener_context = &book},
                  NULL, err));
    assert_false(book.bad);
    assert_int_equal(book.n_epochs, n_epochs);
    assert_int_equal(book.n_tasks * n_epochs, n);
    double *found = malloc(n * sizeof *found);
    assert_non_null(found);
    for (size_t i = 0; i < n; i++) found[i] = book.losses[i / book.n_tasks][i % book.n_tasks];
    snprintf(what, sizeof what, "%s %s", r->name, tensor);
    check_close(what, found, expected, n, 1e-6, LOSS_TOLERANCE);
    free(found);
    free(expected);
}

/* ---- one case ---- */

static void test_case(void **state) {
    const parity_case *c = *state;
    run case_run = {.name = c->name, .isa = c->isa, .folder = "/tmp/gatewright-parity-XXXXXX"}, *r = &case_run;
    char spec[512], weights[544], train[544], trained[96];
    const char *override = train;
    gw_model *model = NULL;
    assert_non_null(mkdtemp(r->folder));
    snprintf(r->model, sizeof r->model, "%s/model.gw", r->folder);
    snprintf(r->output, sizeof r->output, "%s/output.csv", r->folder);
    snprintf(trained, sizeof trained, "%s/trained.gw", r->folder);
    snprintf(spec, sizeof spec, "%s/spec.json", r->name);
    snprintf(weights, sizeof weights, "%s/weights.safetensors", r->name);
    snprintf(train, sizeof train, "data.train=%s/data.csv", r->name);
    r->expected = read_container(r->name, "expected");

    NEED(gw_import(&(gw_train_options){.spec_path = spec, .overrides = &override, .n_overrides = 1, .threads = 1}, weights, &model, err));
    NEED(gw_model_save(model, r->model, err));
    gw_model_free(model);

    sheet s = predict(r, r->model, true);
    compare_columns(r, "output", &s, 0, 0.01, VALUE_TOLERANCE);
    check_gates(r, &s);
    free(s.values);

    check_run(r, "full", r->model, trained);
    check_run(r, "small", r->model, trained);
    if (gw__container_tensor(&r->expected, "trained")) {
        s = predict(r, trained, false);
        compare_columns(r, "trained", &s, 0, 0.1, TRAINED_TOLERANCE);
        free(s.values);
    }
    gw__container_clear(&r->expected);
    unlink(r->model);
    unlink(r->output);
    unlink(trained);
    assert_int_equal(rmdir(r->folder), 0);
}

int main(int argc, char **argv) {
    return run_cases(argc, argv, "parity-command", "output", test_case);
}
