/* Sessions: rows as typed columns and as dense input. */
#include <float.h>
#include <math.h>

#include "fail_alloc.h"
#include "serve/session.h"
#include "serve_fixture.h"
#include "testing.h"

#define ROWS 40
#define WIDTH 5 /* click, amount, three kinds */

static void test_scores_are_those_of_single_rows(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    gw_session *session = NULL;
    fixture_rows *all = calloc(1, sizeof *all);
    float scores[ROWS * WIDTH], one[WIDTH];
    fixture_must(gw__session_new(f->model, ROWS, &session, &err), &err);
    fixture_make_rows(all, 0, ROWS);
    fixture_must(gw__session_score(session, all->columns, 4, ROWS, scores, &err), &err);
    for (size_t i = 0; i < ROWS; i++) {
        fixture_rows *single = calloc(1, sizeof *single);
        fixture_make_rows(single, i, 1);
        fixture_must(gw__session_score(session, single->columns, 4, 1, one, &err), &err);
        assert_memory_equal(one, scores + i * WIDTH, sizeof one);
        float sum = one[2] + one[3] + one[4];
        assert_true(one[0] > 0 && one[0] < 1 && isfinite(one[1]) && fabsf(sum - 1) < 1e-5f);
        free(single);
    }
    assert_memory_not_equal(scores, scores + WIDTH, WIDTH * sizeof(float));
    gw__session_free(session);
    free(all);
}

static void test_order_and_types_of_columns(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    gw_session *session = NULL;
    fixture_rows *r = calloc(1, sizeof *r);
    float expected[ROWS * WIDTH], found[ROWS * WIDTH];
    double ages[ROWS];
    uint64_t users[ROWS];
    uint8_t has_age[(ROWS + 7) / 8] = {0};
    fixture_make_rows(r, 0, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        ages[i] = (double)(i % 50) + 0.5;
        if (i % 7 != 3) has_age[i / 8] |= (uint8_t)(1u << i % 8);
        users[i] = UINT64_C(9007199254740993) + i % 90; /* beyond what a double holds */
    }
    fixture_must(gw__session_new(f->model, ROWS, &session, &err), &err);
    fixture_must(gw__session_score(session, r->columns, 4, ROWS, expected, &err), &err);
    gw_column mixed[] = {
        r->columns[3],
        {.name = "user", .type = GW_COLUMN_UINT64, .values = users},
        {.name = "nobody asked", .type = GW_COLUMN_DOUBLE, .values = ages},
        {.name = "age", .type = GW_COLUMN_DOUBLE, .values = ages, .valid = has_age},
        r->columns[1],
    };
    fixture_must(gw__session_score(session, mixed, GW__COUNT(mixed), ROWS, found, &err), &err);
    assert_memory_equal(found, expected, sizeof found);
    gw__session_free(session);
    free(r);
}

static void test_errors_name_column_and_row(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    gw_session *session = NULL;
    fixture_rows *r = calloc(1, sizeof *r);
    float scores[ROWS * WIDTH], before[ROWS * WIDTH];
    for (size_t i = 0; i < ROWS * WIDTH; i++) scores[i] = before[i] = -7;
    fixture_make_rows(r, 0, ROWS);
    fixture_must(gw__session_new(f->model, ROWS - 1, &session, &err), &err);

    assert_int_equal(gw__session_score(session, r->columns, 4, ROWS, scores, &err), GW_E_LIMIT);
    assert_int_equal(gw__session_score(session, r->columns, 3, 5, scores, &err), GW_E_DATA);
    assert_string_equal(err.where, "tags");

    char *cell = r->text[0] + r->offsets[0][6]; /* "6.5" */
    cell[0] = 'x';
    assert_int_equal(gw__session_score(session, r->columns, 4, 20, scores, &err), GW_E_DATA);
    assert_string_equal(err.where, "age");
    assert_int_equal(err.line, 7);
    assert_non_null(strstr(err.message, "'x.5'"));
    assert_int_equal(gw__session_score(session, r->columns, 4, 20, scores, NULL), GW_E_DATA);

    gw_column broken[4];
    memcpy(broken, r->columns, sizeof broken);
    broken[2].offsets = NULL;
    assert_int_equal(gw__session_score(session, broken, 4, 5, scores, &err), GW_E_ARGUMENT);
    assert_string_equal(err.where, "user");
    broken[2] = r->columns[0];
    assert_int_equal(gw__session_score(session, broken, 4, 5, scores, &err), GW_E_ARGUMENT);
    assert_non_null(strstr(err.message, "twice"));
    broken[2] = r->columns[2];
    broken[1].name = NULL;
    assert_int_equal(gw__session_score(session, broken, 4, 5, scores, &err), GW_E_ARGUMENT);
    int32_t falling[] = {0, 5, 3};
    broken[1] = (gw_column){.name = "city", .type = GW_COLUMN_TEXT, .values = "abcdef", .offsets = falling};
    assert_int_equal(gw__session_score(session, broken, 4, 2, scores, &err), GW_E_ARGUMENT);
    assert_int_equal(err.line, 2);

    assert_memory_equal(scores, before, sizeof scores);
    gw__session_free(session);
    free(r);
}

/* One row per cell; `column` is one of the features' or another. */
static gw_status score_cells(gw_session *session, const fixture_rows *r, const char *column, const char *text, const int32_t *offsets, const uint8_t *valid,
                             size_t n_rows, gw_error *err) {
    gw_column columns[5];
    float scores[ROWS * WIDTH];
    memcpy(columns, r->columns, sizeof r->columns);
    columns[4] = (gw_column){.name = "nobody asked", .type = GW_COLUMN_TEXT, .values = "", .offsets = (const int32_t[ROWS + 1]){0}};
    for (int c = 0; c < 5; c++)
        if (strcmp(columns[c].name, column) == 0) columns[c] = (gw_column){.name = column, .type = GW_COLUMN_TEXT, .values = text, .offsets = offsets, .valid = valid};
    return gw__session_score(session, columns, 5, n_rows, scores, err);
}

static void test_text_is_utf8(void **state) {
    static const struct { const char *text; int32_t offsets[4]; int line, byte; } bad[] = {
        {"Oslo\xFFLima", {0, 4, 5, 9}, 2, 0xFF},
        {"Oslo\xC3\xA9Lima", {0, 5, 6, 10}, 1, 0xC3},       /* together they are UTF-8, each for itself is not */
        {"abcdefgh\xC3\xA9\xE2\x82", {0, 3, 8, 12}, 3, 0xE2}, /* ends inside a character */
        {"abc\xC0\x80xx", {0, 3, 5, 7}, 2, 0xC0},
        {"x\xC3\xA9y\xED\xA0\x80", {0, 1, 3, 7}, 3, 0xED},
    };
    static const char *const names[] = {"city", "user", "tags", "age"};
    fixture *f = *state;
    gw_error err = {0};
    gw_session *session = NULL;
    fixture_rows *r = calloc(1, sizeof *r);
    fixture_make_rows(r, 0, ROWS);
    fixture_must(gw__session_new(f->model, ROWS, &session, &err), &err);
    for (size_t i = 0; i < GW__COUNT(bad); i++)
        for (size_t k = 0; k < GW__COUNT(names); k++) {
            char message[128];
            snprintf(message, sizeof message, "column '%s': expected UTF-8 but found the byte 0x%02X", names[k], (unsigned)bad[i].byte);
            assert_int_equal(score_cells(session, r, names[k], bad[i].text, bad[i].offsets, NULL, 3, &err), GW_E_DATA);
            assert_string_equal(err.where, names[k]);
            assert_int_equal(err.line, bad[i].line);
            assert_string_equal(err.message, message);
            assert_int_equal(score_cells(session, r, names[k], bad[i].text, bad[i].offsets, NULL, 3, NULL), GW_E_DATA);
        }
    uint8_t without_second = 5; /* what lies under a cell without a value is nobody's */
    fixture_must(score_cells(session, r, "city", bad[0].text, bad[0].offsets, &without_second, 3, &err), &err);
    fixture_must(score_cells(session, r, "nobody asked", bad[0].text, bad[0].offsets, NULL, 3, &err), &err);
    fixture_must(score_cells(session, r, "city", "\xC3\xA9Z\xF0\x9F\x98\x80\xFF", (const int32_t[]){0, 2, 3, 7}, NULL, 3, &err), &err); /* beyond the last */
    fixture_must(score_cells(session, r, "tags", "\xFFok", (const int32_t[]){1, 1, 3, 3}, NULL, 3, &err), &err);                           /* before the first */
    gw__session_free(session);
    free(r);
}

static void test_scoring_allocates_nothing(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    gw_session *session = NULL;
    fixture_rows *r = calloc(1, sizeof *r);
    float scores[ROWS * WIDTH];
    size_t width = gw__features_input(f->model->features)->width;
    float *dense = calloc(ROWS * width, sizeof *dense);
    fixture_make_rows(r, 0, ROWS);
    fixture_must(gw__session_new(f->model, ROWS, &session, &err), &err);
    fixture_must(gw__session_score(session, r->columns, 4, 3, scores, &err), &err);
    size_t before = count_allocations();
    for (size_t n = 1; n <= ROWS; n++) fixture_must(gw__session_score(session, r->columns, 4, n, scores, &err), &err);
    fixture_must(gw__session_score_dense(session, dense, ROWS, scores, &err), &err);
    assert_int_equal(count_allocations() - before, 0);
    gw__session_free(session);
    free(dense);
    free(r);
}

static void test_dense_rows(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    gw_session *session = NULL;
    size_t width = gw__features_input(f->model->features)->width, n = GW__SCORE_CHUNK + 9;
    float *dense = calloc(n * width, sizeof *dense), *scores = calloc(n * WIDTH, sizeof *scores), one[WIDTH];
    for (size_t i = 0; i < n * width; i++) dense[i] = (float)(i % 13) / 8 - 0.5f;
    fixture_must(gw__session_new(f->model, n, &session, &err), &err);
    fixture_must(gw__session_score_dense(session, dense, n, scores, &err), &err);
    for (size_t i = 0; i < n; i += GW__SCORE_CHUNK) {
        fixture_must(gw__session_score_dense(session, dense + i * width, 1, one, &err), &err);
        assert_memory_equal(one, scores + i * WIDTH, sizeof one);
    }
    assert_int_equal(gw__session_score_dense(session, dense, n + 1, scores, &err), GW_E_LIMIT);
    gw__session_free(session);
    free(scores);
    free(dense);
}

/* What is not finite is scored as it is; the other rows know nothing of it. */
static void test_dense_rows_that_are_not_finite(void **state) {
    static const float odd[] = {NAN, INFINITY, -INFINITY, FLT_MAX};
    fixture *f = *state;
    gw_error err = {0};
    gw_session *session = NULL;
    size_t width = gw__features_input(f->model->features)->width, n = 8;
    float *dense = calloc(n * width, sizeof *dense), scores[8 * WIDTH], expected[8 * WIDTH];
    for (size_t i = 0; i < n * width; i++) dense[i] = (float)(i % 13) / 8 - 0.5f;
    fixture_must(gw__session_new(f->model, n, &session, &err), &err);
    fixture_must(gw__session_score_dense(session, dense, n, expected, &err), &err);
    for (size_t i = 0; i < GW__COUNT(odd); i++) {
        for (size_t k = 0; k < width; k++) dense[3 * width + k] = odd[i];
        fixture_must(gw__session_score_dense(session, dense, n, scores, &err), &err);
        assert_memory_equal(scores, expected, 3 * WIDTH * sizeof *scores);
        assert_memory_equal(scores + 4 * WIDTH, expected + 4 * WIDTH, (n - 4) * WIDTH * sizeof *scores);
        for (size_t k = 3 * WIDTH; isnan(odd[i]) && k < 4 * WIDTH; k++) assert_true(isnan(scores[k]));
    }
    gw__session_free(session);
    free(dense);
}

static void test_dense_input_of_encoded_rows(void **state) {
    /* A row's own dense input, put together from its record and the tables, must score as the row does. */
    fixture *f = *state;
    gw_error err = {0};
    gw_session *session = NULL;
    const gw__input *in = gw__features_input(f->model->features);
    fixture_rows *r = calloc(1, sizeof *r);
    const char *names[] = {"age", "city", "user", "tags"};
    gw__encoder *encoder = NULL;
    gw__records records;
    gw__batch batch = {.n_rows = ROWS, .n_columns = 4, .columns = r->columns, .stride = 1};
    float *dense = calloc(ROWS * in->width, sizeof *dense), scores[ROWS * WIDTH], expected[ROWS * WIDTH];
    fixture_make_rows(r, 0, ROWS);
    fixture_must(gw__encoder_new(f->model->features, names, 4, false, &encoder, &err), &err);
    fixture_must(gw__encoder_apply(encoder, &batch, 0, ROWS, NULL, &records, NULL, &err), &err);
    for (size_t s = 0; s < in->n_slots; s++) {
        const gw__slot *slot = &in->slots[s];
        float *table = NULL;
        for (size_t p = 0; slot->kind != GW__SLOT_NUMBER && p < gw__net_parameter_count(f->model->net); p++) {
            gw__parameter parameter = gw__net_parameter_at(f->model->net, p);
            char name[128];
            snprintf(name, sizeof name, "embedding.%s.weight", in->tables[slot->table].name);
            if (strcmp(name, parameter.name) != 0) continue;
            table = calloc(parameter.shape[0] * parameter.shape[1], sizeof *table);
            gw__net_parameter_get(f->model->net, f->model->parameters, p, table);
        }
        for (size_t i = 0; i < ROWS; i++) {
            const uint32_t *record = gw__record_at(&records, i);
            float *out = dense + i * in->width + slot->dense_at;
            if (slot->kind == GW__SLOT_NUMBER) {
                memcpy(out, record + in->numbers_at + slot->index, sizeof *out);
                continue;
            }
            assert_non_null(table);
            const uint32_t *bag = record + in->bags_at + 2 * slot->index;
            bool single = slot->kind == GW__SLOT_EMBEDDING;
            uint32_t begin = single ? 0 : bag[0], count = single ? 1 : bag[1];
            for (uint32_t k = 0; k < count; k++) {
                int32_t id = single ? ((const int32_t *)record)[in->ids_at + slot->index] : records.bag_ids[begin + k];
                for (uint32_t d = 0; d < slot->width; d++)
                    out[d] += table[(size_t)id * slot->width + d] / (slot->kind == GW__SLOT_BAG_MEAN ? (float)count : 1);
            }
        }
        free(table);
    }
    fixture_must(gw__session_new(f->model, ROWS, &session, &err), &err);
    fixture_must(gw__session_score(session, r->columns, 4, ROWS, expected, &err), &err);
    fixture_must(gw__session_score_dense(session, dense, ROWS, scores, &err), &err);
    for (size_t i = 0; i < ROWS * WIDTH; i++) assert_true(fabsf(scores[i] - expected[i]) <= 1e-5f * fmaxf(fabsf(expected[i]), 0.01f));
    gw__session_free(session);
    gw__encoder_free(encoder);
    free(dense);
    free(r);
}

typedef struct failing { fixture *f; fixture_rows *r; } failing;

static gw_status score_once(void *context, gw_error *err) {
    failing *c = context;
    gw_session *session = NULL;
    float scores[ROWS * WIDTH];
    gw_status status = gw__session_new(c->f->model, ROWS, &session, err);
    if (status == GW_OK) status = gw__session_score(session, c->r->columns, 4, ROWS, scores, err);
    gw__session_free(session);
    return status;
}

static void test_every_allocation_may_fail(void **state) {
    failing c = {*state, calloc(1, sizeof *c.r)};
    fixture_make_rows(c.r, 0, ROWS);
    assert_true(fail_each_allocation(score_once, &c) > 3);
    free(c.r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_are_those_of_single_rows), cmocka_unit_test(test_order_and_types_of_columns),
        cmocka_unit_test(test_errors_name_column_and_row),      cmocka_unit_test(test_scoring_allocates_nothing),
        cmocka_unit_test(test_text_is_utf8),                    cmocka_unit_test(test_dense_rows_that_are_not_finite),
        cmocka_unit_test(test_dense_rows),                      cmocka_unit_test(test_dense_input_of_encoded_rows),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
