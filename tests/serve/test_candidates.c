/* One user with many candidates, against the same rows scored one beside the other. */
#include <math.h>
#include <pthread.h>

#include "fail_alloc.h"
#include "serve/session.h"
#include "serve_fixture.h"
#include "spec/spec.h"
#include "testing.h"

#define ROWS FIXTURE_BATCH
#define WIDTH 5 /* of the fixture's own model: click, amount, three kinds */
#define USER_ROW 16

/* A request, and the same as one table: `user` says by bit which columns are the user's. */
typedef struct request {
    fixture_rows joined, one;
    gw_column user[4], candidates[4];
    size_t n_user, n_candidates;
} request;

static void make_request(request *r, unsigned user, size_t first, size_t n) {
    fixture_make_rows(&r->joined, first, n);
    fixture_make_rows(&r->one, USER_ROW, 1);
    r->n_user = r->n_candidates = 0;
    for (int c = 0; c < 4; c++) {
        if (user >> c & 1) {
            fixture_repeat(&r->joined, c, USER_ROW, n);
            r->user[r->n_user++] = r->one.columns[c];
        } else {
            r->candidates[r->n_candidates++] = r->joined.columns[c];
        }
    }
}

static gw_status score(gw_session *session, const request *r, size_t n, float *ret_score, gw_error *err) {
    return gw__session_score_candidates(session, r->user, r->n_user, r->candidates, r->n_candidates, n, ret_score, err);
}

/* Sums in another order: 1e-5 of the score, or 1e-6 where it is small against what it is the sum of. */
static void assert_near(const float *found, const float *expected, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (fabsf(found[i] - expected[i]) <= 1e-5f * fmaxf(fabsf(expected[i]), 0.1f)) continue;
        fail_msg("score %zu: expected %.9g but found %.9g", i, (double)expected[i], (double)found[i]);
    }
}

static void compare_splits(fixture *f) {
    static const size_t counts[] = {1, 2, 63, 64, 65, ROWS};
    gw_error err = {0};
    gw_session *session = NULL;
    request *r = calloc(1, sizeof *r);
    const size_t width = gw__net_output_width(f->model->net);
    float *found = calloc(ROWS * width, sizeof *found), *expected = calloc(ROWS * width, sizeof *expected);
    fixture_must(gw__session_new(f->model, ROWS, &session, &err), &err);
    for (unsigned user = 0; user < 16; user++) {
        for (size_t i = 0; i < GW__COUNT(counts); i++) {
            const size_t n = counts[i];
            make_request(r, user, user + i, n);
            fixture_must(gw__session_score(session, r->joined.columns, 4, n, expected, &err), &err);
            fixture_must(score(session, r, n, found, &err), &err);
            assert_near(found, expected, n * width);
        }
        size_t same = 1;
        while (same < ROWS && memcmp(found, found + same * width, width * sizeof *found) == 0) same++;
        assert_int_equal(same == ROWS, user == 15); /* candidates differ unless they have no column */
    }
    gw__session_free(session);
    free(found);
    free(expected);
    free(r);
}

static void test_every_architecture_and_division(void **state) {
    (void)state;
    for (size_t a = 0; a < GW__ARCHITECTURES; a++) {
        static const char *const one_task[] = {"tasks={click: {type: binary}}", "features.ignore=[note, amount, kind]"};
        fixture f;
        if (a == GW__ARCH_CUSTOM) continue; /* has no wiring of its own, and so no products of its own */
        fixture_open_with(&f, gw__architecture_name((gw__architecture)a), one_task, a == GW__ARCH_MOE || a == GW__ARCH_LOCAL_EXPERTS ? 2 : 0);
        compare_splits(&f);
        fixture_close(&f);
    }
}

static void test_other_layers(void **state) {
    static const struct { const char *architecture, *sets[4]; } cases[] = {
        {"mmoe", {"model.levels=3", "model.gates.hidden=[5]"}},
        {"mmoe", {"model.levels=2", "model.experts.count=5", "model.gates.top_k=2"}},
        {"ple", {"model.gates.top_k=2", "model.gates.temperature=0.5", "model.experts.norm=layer"}},
        {"mmoe", {"model.experts.norm=batch", "model.experts.activation=gelu", "model.towers.norm=batch"}},
        {"ple", {"model.experts.norm=layer", "model.experts.dropout=0.5", "model.towers.hidden=[]"}},
        {"cgc", {"model.experts.bias=false", "model.gates.bias=false", "model.experts.hidden=[7]", "model.experts.activation=tanh"}},
        {"shared-bottom", {"model.experts.hidden=[1]", "model.towers.hidden=[]", "model.experts.activation=none"}},
        {"single-task", {"model.experts.hidden=[2, 3]", "model.experts.activation=swish"}},
    };
    (void)state;
    for (size_t i = 0; i < GW__COUNT(cases); i++) {
        size_t n = 0;
        while (n < 4 && cases[i].sets[n]) n++;
        fixture f;
        fixture_open_with(&f, cases[i].architecture, cases[i].sets, n);
        compare_splits(&f);
        fixture_close(&f);
    }
}

/* Requests of other columns, other types and other calls in between leave no trace in a session. */
static void test_requests_in_turn(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    gw_session *session = NULL;
    request *r[3] = {calloc(1, sizeof *r[0]), calloc(1, sizeof *r[0]), calloc(1, sizeof *r[0])};
    float expected[3][ROWS * WIDTH], found[ROWS * WIDTH];
    fixture_must(gw__session_new(f->model, ROWS, &session, &err), &err);
    for (unsigned i = 0; i < 3; i++) {
        make_request(r[i], (unsigned[]){5, 10, 5}[i], i, 20 + i);
        fixture_must(score(session, r[i], 20 + i, expected[i], &err), &err);
    }
    for (unsigned i = 0; i < 9; i++) {
        fixture_must(score(session, r[i % 3], 20 + i % 3, found, &err), &err);
        assert_memory_equal(found, expected[i % 3], (20 + i % 3) * WIDTH * sizeof *found);
        fixture_must(gw__session_score(session, r[i % 3]->joined.columns, 4, 20, found, &err), &err);
        assert_near(found, expected[i % 3], 20 * WIDTH);
    }

    /* In another order, with labels and what else no feature uses beside them, and an age that is a number. */
    const double age = USER_ROW % 50 + 0.5, clicks[20] = {0};
    gw_column user[] = {{.name = "amount", .type = GW_COLUMN_DOUBLE, .values = clicks}, r[0]->user[1], {.name = "age", .type = GW_COLUMN_DOUBLE, .values = &age}};
    gw_column candidates[] = {r[0]->candidates[1], {.name = "click", .type = GW_COLUMN_DOUBLE, .values = clicks}, r[0]->candidates[0]};
    assert_true(USER_ROW % 7 != 3);
    fixture_must(gw__session_score_candidates(session, user, 3, candidates, 3, 20, found, &err), &err);
    assert_memory_equal(found, expected[0], 20 * WIDTH * sizeof *found);
    gw__session_free(session);
    for (unsigned i = 0; i < 3; i++) free(r[i]);
}

static gw_error refusal;

static void refused(gw_status found, gw_status expected, const char *where, int64_t line, const char *text) {
    assert_int_equal(found, expected);
    assert_int_equal(refusal.code, expected);
    assert_string_equal(refusal.where, where);
    assert_int_equal(refusal.line, line);
    if (!strstr(refusal.message, text)) fail_msg("expected '%s' in: %s", text, refusal.message);
    memset(&refusal, 0, sizeof refusal);
}

static void test_errors(void **state) {
    fixture *f = *state;
    gw_error *err = &refusal;
    gw_session *session = NULL;
    request *r = calloc(1, sizeof *r);
    float scores[ROWS * WIDTH], before[ROWS * WIDTH];
    for (size_t i = 0; i < ROWS * WIDTH; i++) scores[i] = before[i] = -7;
    fixture_must(gw__session_new(f->model, 20, &session, err), err);
    make_request(r, 3, 0, 21); /* age and city are the user's */
    refused(score(session, r, 21, scores, err), GW_E_LIMIT, "", 0, "at most 20 rows");

    const double ages[5] = {0};
    gw_column pair[] = {r->candidates[0], {.name = "age", .type = GW_COLUMN_DOUBLE, .values = ages}}, broken = r->candidates[0], doubled[] = {r->user[0], r->user[0]};
    refused(gw__session_score_candidates(session, r->user, 2, pair, 2, 5, scores, err), GW_E_ARGUMENT, "age", 0, "twice");
    refused(gw__session_score_candidates(session, doubled, 2, r->candidates, 2, 5, scores, err), GW_E_ARGUMENT, "age", 0, "twice");
    refused(gw__session_score_candidates(session, r->user, 2, r->candidates, 1, 5, scores, err), GW_E_DATA, "tags", 0, "missing");
    refused(gw__session_score_candidates(session, r->user, 1, r->candidates, 2, 5, scores, err), GW_E_DATA, "city", 0, "missing");
    refused(gw__session_score_candidates(session, NULL, 0, NULL, 0, 5, scores, err), GW_E_DATA, "age", 0, "missing");
    broken.offsets = NULL;
    refused(gw__session_score_candidates(session, r->user, 2, &broken, 1, 5, scores, err), GW_E_ARGUMENT, "user", 0, "'offsets'");
    broken = r->user[1];
    broken.values = NULL;
    refused(gw__session_score_candidates(session, &broken, 1, r->candidates, 2, 5, scores, err), GW_E_ARGUMENT, "city", 0, "'values'");
    broken.name = NULL;
    refused(gw__session_score_candidates(session, &broken, 1, r->candidates, 2, 5, scores, err), GW_E_ARGUMENT, "", 0, "no name");

    gw_column bad = {.name = "age", .type = GW_COLUMN_TEXT, .values = "old", .offsets = (const int32_t[]){0, 3}};
    gw_column user[] = {bad, r->user[1]};
    refused(gw__session_score_candidates(session, user, 2, r->candidates, 2, 5, scores, err), GW_E_DATA, "age", 1, "'old'");
    user[0].values = "\xC3(2";
    refused(gw__session_score_candidates(session, user, 2, r->candidates, 2, 5, scores, err), GW_E_DATA, "age", 1, "0xC3");
    make_request(r, 12, 0, 20); /* now the candidates have the ages */
    r->joined.text[0][r->joined.offsets[0][6]] = 'x';
    refused(score(session, r, 20, scores, err), GW_E_DATA, "age", 7, "'x.5'");
    assert_int_equal(score(session, r, 20, scores, NULL), GW_E_DATA);
    r->joined.text[0][r->joined.offsets[0][6]] = '\xFF';
    refused(score(session, r, 20, scores, err), GW_E_DATA, "age", 7, "0xFF");
    assert_memory_equal(scores, before, sizeof scores);
    gw__session_free(session);
    free(r);
}

static void test_scoring_allocates_nothing(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    gw_session *session = NULL;
    request *r = calloc(1, sizeof *r);
    float scores[ROWS * WIDTH];
    fixture_must(gw__session_new(f->model, ROWS, &session, &err), &err);
    make_request(r, 6, 0, ROWS);
    fixture_must(score(session, r, 3, scores, &err), &err);
    size_t before = count_allocations();
    for (size_t n = 1; n <= ROWS; n++) fixture_must(score(session, r, n, scores, &err), &err);
    assert_int_equal(count_allocations() - before, 0);
    gw__session_free(session);
    free(r);
}

typedef struct failing { fixture *f; request *r; } failing;

static gw_status score_once(void *context, gw_error *err) {
    failing *c = context;
    gw_session *session = NULL;
    float scores[ROWS * WIDTH];
    gw_status status = gw__session_new(c->f->model, ROWS, &session, err);
    if (status == GW_OK) status = score(session, c->r, ROWS, scores, err);
    gw__session_free(session);
    return status;
}

static void test_every_allocation_may_fail(void **state) {
    failing c = {*state, calloc(1, sizeof *c.r)};
    make_request(c.r, 9, 0, ROWS);
    assert_true(fail_each_allocation(score_once, &c) > 10);

    /* What a session was bound to is still good after another binding failed. */
    gw_error err = {0};
    gw_session *session = NULL;
    request *other = calloc(1, sizeof *other);
    float expected[ROWS * WIDTH], found[ROWS * WIDTH];
    make_request(other, 6, 0, ROWS);
    fixture_must(gw__session_new(c.f->model, ROWS, &session, &err), &err);
    fixture_must(score(session, c.r, ROWS, expected, &err), &err);
    fail_allocation(5);
    assert_int_equal(score(session, other, ROWS, found, &err), GW_E_NOMEM);
    fail_allocation(0);
    fixture_must(score(session, c.r, ROWS, found, &err), &err);
    assert_memory_equal(found, expected, sizeof found);
    gw__session_free(session);
    free(other);
    free(c.r);
}

#define THREADS 4

typedef struct ranking { fixture *f; unsigned user; float found[ROWS * WIDTH]; bool good; } ranking;

static void *rank(void *context) {
    ranking *k = context;
    gw_session *session = NULL;
    request *r = calloc(1, sizeof *r);
    make_request(r, k->user, 0, ROWS);
    k->good = gw__session_new(k->f->model, ROWS, &session, NULL) == GW_OK;
    for (int i = 0; k->good && i < 20; i++) {
        k->good = score(session, r, ROWS, k->found, NULL) == GW_OK &&
                  (i % 4 != 0 || gw__session_score(session, r->joined.columns, 4, ROWS, k->found, NULL) == GW_OK);
    }
    gw__session_free(session);
    free(r);
    return NULL;
}

/* Sessions share the model and nothing else; to be run under a thread sanitizer by hand. */
static void test_sessions_in_parallel(void **state) {
    pthread_t threads[THREADS];
    ranking *k = calloc(THREADS, sizeof *k), *alone = calloc(1, sizeof *alone);
    for (unsigned i = 0; i < THREADS; i++) {
        k[i] = (ranking){.f = *state, .user = 3 + i % 2 * 9};
        assert_int_equal(pthread_create(&threads[i], NULL, rank, &k[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        *alone = (ranking){.f = *state, .user = k[i].user};
        rank(alone);
        assert_true(alone->good && k[i].good);
        assert_memory_equal(k[i].found, alone->found, sizeof alone->found);
    }
    free(alone);
    free(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_architecture_and_division), cmocka_unit_test(test_other_layers),
        cmocka_unit_test(test_requests_in_turn),                cmocka_unit_test(test_errors),
        cmocka_unit_test(test_scoring_allocates_nothing),       cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_sessions_in_parallel),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
