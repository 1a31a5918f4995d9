/* Health: figures of hand-made networks whose answers are known, CKA beside its definition, and the same bits for any number of threads. */
#include "testing.h"

#include <math.h>

#include "made_net.h"
#include "train/leak.h"

static void measure(made *m) {
    gw__health_begin(m->health);
    gw__health_add(m->health, m->flat, &m->data.train);
    gw__health_end(m->health);
}

/* A table x, y: x is 1 and -1 in turn, z something, y a label. */
static void write_signs(size_t n) {
    FILE *f = fopen("t.csv", "w");
    fputs("x,z,y\n", f);
    for (size_t i = 0; i < n; i++) fprintf(f, "%d,%.3f,%d\n", i % 2 ? -1 : 1, sin((double)i), i % 3 == 0);
    assert_int_equal(fclose(f), 0);
}

#define SIGNS "data: {train: t.csv}\nfeatures: {default: {type: numeric, transform: none}}\ntasks: {y: binary}\n"

/* ---- gates ---- */

static void known_gates(void **state) {
    (void)state;
    made m;
    write_signs(200);
    make(&m, SIGNS "model: {architecture: omoe, experts: {count: 4, hidden: [3]}}\n", 2);
    const float biases[] = {0, logf(2), logf(4), -200}, none[8] = {0};
    set(&m, "level0.gate.all.0.weight", none);
    set(&m, "level0.gate.all.0.bias", biases);
    measure(&m);
    gw__gate_total total = gw__health_gate(m.health, 0);
    gw__gate_figures figures = gw__gate_figures_of(&total, 4);
    const double entropy = -(log(1.0 / 7) / 7 + 2 * log(2.0 / 7) / 7 + 4 * log(4.0 / 7) / 7);
    assert_near(total.rows, 200, 0);
    assert_near(total.weights[2] / 200, 4.0 / 7, 1e-6);
    assert_near(total.kept[0], 200, 0);
    assert_near(figures.entropy, entropy, 1e-6);
    assert_near(figures.row_entropy, entropy, 1e-6); /* all rows are alike */
    assert_near(figures.normalised, entropy / log(4), 1e-6);
    assert_near(figures.effective, exp(entropy), 1e-5);

    const float by_sign[] = {50, 0, -50, 0, 0, 0, 0, 0}, flat[] = {0, 0, -100, -100}; /* expert 0 where x is 1, expert 1 where it is -1 */
    set(&m, "level0.gate.all.0.weight", by_sign);
    set(&m, "level0.gate.all.0.bias", flat);
    measure(&m);
    total = gw__health_gate(m.health, 0);
    figures = gw__gate_figures_of(&total, 4);
    assert_near(figures.effective, 2, 1e-5);
    assert_near(figures.normalised, 0.5, 1e-5);
    assert_near(figures.row_entropy, 0, 1e-6); /* each row is decided */
    unmake(&m);
}

/* With one expert of two for every row: what it does not have is no row of its. */
static void known_loads(void **state) {
    (void)state;
    made m;
    write_signs(100);
    make(&m, SIGNS "model: {architecture: omoe, experts: {count: 3, hidden: [3]}, gates: {top_k: 1}}\n", 3);
    const float weights[] = {0, 0, 9, 0, 0, 0}, biases[] = {1, 0, -100};
    set(&m, "level0.gate.all.0.weight", weights);
    set(&m, "level0.gate.all.0.bias", biases);
    measure(&m);
    const gw__gate_total total = gw__health_gate(m.health, 0);
    assert_near(total.kept[0], 50, 0);
    assert_near(total.kept[1], 50, 0);
    assert_near(total.kept[2], 0, 0);
    assert_int_equal(gw__health_expert(m.health, 0, 0).rows, 50);
    assert_int_equal(gw__health_expert(m.health, 0, 2).rows, 0);
    assert_int_equal(gw__health_expert(m.health, 0, 2).dead, 0); /* nobody knows */
    assert_true(isnan(gw__health_similarity(m.health, 0, 0, 1)));
    unmake(&m);
}

/* ---- units ---- */

static void known_dead_units(void **state) {
    (void)state;
    made m;
    write_signs(100);
    make(&m, SIGNS "model: {architecture: omoe, experts: {count: 2, hidden: [4, 2]}}\n", 1);
    const float weights[8] = {1, 0, 1, 0, 1, 0, 1, 0}, biases[] = {0, 5, -1, -0.5f}; /* x, x + 5, x - 1: never above 0; x - 0.5 */
    const float on[8] = {0}, one[] = {1, -1};
    set(&m, "level0.expert.shared.1.0.weight", weights);
    set(&m, "level0.expert.shared.1.0.bias", biases);
    set(&m, "level0.expert.shared.1.1.weight", on);
    set(&m, "level0.expert.shared.1.1.bias", one);
    measure(&m);
    const gw__expert_health found = gw__health_expert(m.health, 0, 1);
    assert_int_equal(found.rows, 100);
    assert_int_equal(found.units, 6);
    assert_int_equal(found.dead, 2);
    assert_true(isnan(gw__health_similarity(m.health, 0, 0, 1))); /* its outputs are 1 and 0 in all rows */
    unmake(&m);

    make(&m, SIGNS "model: {architecture: omoe, experts: {count: 2, hidden: [4, 2], activation: tanh}}\n", 1);
    measure(&m);
    assert_int_equal(gw__health_expert(m.health, 0, 0).units, 0); /* none of them can die */
    unmake(&m);
}

/* ---- similarity ---- */

#define H 3
#define N 90

/* The definition: linear kernels, their diagonals taken out, centred so that the estimate has no bias. */
static void centred_kernel(const double x[N][H], double k[N][N]) {
    double rows[N] = {0}, all = 0;
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            k[i][j] = 0;
            for (size_t c = 0; c < H && i != j; c++) k[i][j] += x[i][c] * x[j][c];
            rows[i] += k[i][j];
        }
        all += rows[i];
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) k[i][j] = i == j ? 0 : k[i][j] - rows[i] / (N - 2) - rows[j] / (N - 2) + all / ((N - 1) * (N - 2.0));
    }
}

static double defined_cka(const double x[N][H], const double y[N][H]) {
    static double k[N][N], l[N][N];
    double xx = 0, yy = 0, xy = 0;
    centred_kernel(x, k);
    centred_kernel(y, l);
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) xx += k[i][j] * k[i][j], yy += l[i][j] * l[i][j], xy += k[i][j] * l[i][j];
    }
    return xy / sqrt(xx * yy);
}

static void linear_expert(made *m, const char *expert, const float *w, const float *b, double y[N][H]) {
    char name[64];
    snprintf(name, sizeof name, "level0.expert.shared.%s.0.weight", expert);
    set(m, name, w);
    snprintf(name, sizeof name, "level0.expert.shared.%s.0.bias", expert);
    set(m, name, b);
    for (size_t i = 0; i < N; i++) {
        const float *x = (const float *)gw__record_at(&m->data.train, i);
        for (size_t j = 0; j < H; j++) y[i][j] = (double)b[j] + (double)w[2 * j] * (double)x[0] + (double)w[2 * j + 1] * (double)x[1];
    }
}

static void similarity_as_defined(void **state) {
    (void)state;
    made m;
    static double y[4][N][H];
    write_signs(N);
    make(&m, SIGNS "model: {architecture: omoe, experts: {count: 4, hidden: [3], activation: none}}\n", 2);
    const float a[] = {1, 0.2f, -0.3f, 2, 0.1f, 1}, b[] = {0.4f, 0.1f, -1}, permuted[] = {-0.6f, 4, 0.2f, 2, 2, 0.4f}, moved[] = {7, -3, 100}; /* twice `a` */
    const float c[] = {0, 1, 0, -0.5f, 0, 2}, d[] = {1, 0, 3, 0, -1, 0}, zero[3] = {0};
    linear_expert(&m, "0", a, b, y[0]);
    linear_expert(&m, "1", permuted, moved, y[1]);
    linear_expert(&m, "2", c, zero, y[2]);
    linear_expert(&m, "3", d, b, y[3]);
    measure(&m);
    for (uint32_t i = 0; i < 4; i++) {
        for (uint32_t j = 0; j < 4; j++) assert_near(gw__health_similarity(m.health, 0, i, j), defined_cka(y[i], y[j]), 2e-5);
    }
    assert_near(gw__health_similarity(m.health, 0, 0, 1), 1, 1e-5); /* turned, scaled, moved: the same */
    assert_near(gw__health_similarity(m.health, 0, 2, 2), 1, 1e-12);
    assert_true(gw__health_similarity(m.health, 0, 2, 3) < 0.1);    /* of different features */
    unmake(&m);
}

static void write_all(const made *m, gw__text *out) {
    gw__json_writer json = {.out = out};
    gw__json_begin_object(&json);
    gw__health_write(m->health, true, &json);
    gw__json_end_object(&json);
}

/* ---- few rows, few experts, no gates ---- */

static void small_ones(void **state) {
    (void)state;
    static const char *const models[] = {"{architecture: shared-bottom}", "{architecture: omoe, experts: {count: 1}}", "{architecture: mmoe, experts: {count: 2}}",
                                         "{architecture: averaged, experts: {count: 2}}", "{architecture: single-task}", "{architecture: local-experts}"};
    for (size_t i = 0; i < GW__COUNT(models); i++) {
        char text[512];
        gw__text json = {0};
        made m;
        write_signs(1);
        snprintf(text, sizeof text, SIGNS "model: %s\n", models[i]);
        make(&m, text, 2);
        measure(&m);
        write_all(&m, &json);
        assert_near(json_number(json.at, "rows"), 1, 0);
        assert_null(strstr(json.at, "nan"));
        gw__health_begin(m.health); /* and no row at all */
        gw__health_end(m.health);
        gw__text_clear(&json);
        write_all(&m, &json);
        assert_near(json_number(json.at, "rows"), 0, 0);
        gw__text_clear(&json);
        unmake(&m);
    }
}

/* A matrix that nobody would read is not made. */
static void many_experts(void **state) {
    (void)state;
    write_signs(150);
    for (unsigned n = 64; n <= 65; n++) {
        char text[512];
        gw__text json = {0};
        made m;
        snprintf(text, sizeof text, SIGNS "model: {architecture: omoe, experts: {count: %u, hidden: [2]}}\n", n);
        make(&m, text, 2);
        measure(&m);
        write_all(&m, &json);
        assert_true((strstr(json.at, "cka") != NULL) == (n == 64));
        assert_true(isnan(gw__health_similarity(m.health, 0, 0, 1)) == (n == 65));
        gw__text_clear(&json);
        unmake(&m);
    }
}

/* ---- threads ---- */

static char *told(const char *text, size_t threads) {
    gw__text json = {0};
    made m;
    make(&m, text, threads);
    measure(&m);
    write_all(&m, &json);
    unmake(&m);
    return json.at;
}

static void threads_do_not_move_a_bit(void **state) {
    (void)state;
    static const char *const models[] = {"{architecture: ple, experts: {shared: 2, per_task: 2, hidden: [9, 5]}}",
                                         "{architecture: mmoe, experts: {count: 5, hidden: [6], norm: layer}, gates: {top_k: 2}}",
                                         "{architecture: mmoe, levels: 2, experts: {count: 3, hidden: [7], activation: swish}, gates: {hidden: [4]}}"};
    write_table("t.csv", 1500, 3); /* more than a sample */
    for (size_t i = 0; i < GW__COUNT(models); i++) {
        char text[512];
        snprintf(text, sizeof text, "data: {train: t.csv}\nfeatures: {ignore: [user, part]}\ntasks: {click: binary, kind: multiclass, price: regression}\n"
                 "model: %s\n", models[i]);
        char *one = told(text, 1);
        for (size_t threads = 2; threads <= 5; threads += threads == 3 ? 2 : 1) {
            char *more = told(text, threads);
            assert_string_equal(more, one);
            gw__text_clear(&(gw__text){.at = more});
        }
        assert_near(json_number(one, "rows"), GW__HEALTH_ROWS, 0);
        gw__text_clear(&(gw__text){.at = one});
    }
}

/* ---- leaks ---- */

static void known_suspects(void **state) {
    (void)state;
    static const struct { const char *task; gw_task_type type; const char *feature; double least; } cases[] = {
        {"a: {type: binary}", GW_TASK_BINARY, "of_a", 0.9999}, {"b: {type: regression}", GW_TASK_REGRESSION, "of_b", 0.9999},
        {"k: {type: multiclass}", GW_TASK_MULTICLASS, "of_k", 0.9999}, {"n: {type: binary}", GW_TASK_BINARY, NULL, 0}};
    FILE *f = fopen("t.csv", "w");
    fputs("a,b,k,n,of_a,of_b,of_k,id,noise\n", f);
    for (unsigned i = 0; i < 600; i++) {
        const unsigned u = (i * 2654435761u) >> 8, a = u % 2, k = u / 2 % 3;
        const double b = sin((double)i);
        fprintf(f, "%u,%.5f,k%u,%u,%d,%.5f,is%u,id%u,%.3f\n", a, b, k, u / 64 % 2, a ? -7 : 3, exp(-b), k, i, cos(5.1 * (double)i));
    }
    assert_int_equal(fclose(f), 0);
    for (size_t i = 0; i < GW__COUNT(cases); i++) {
        char text[512];
        made m;
        gw__suspect suspect;
        snprintf(text, sizeof text, "data: {train: t.csv, valid: {fraction: 0.3}}\n"
                 "features: {ignore: [a, b, k, n], columns: {id: {type: categorical}, of_a: {type: numeric}}}\ntasks: {%s}\n", cases[i].task);
        make(&m, text, 1);
        assert_int_equal(gw__leak_find(&m.data.train, &m.data.valid, cases[i].type, 0, &suspect, NULL), GW_OK);
        if (cases[i].feature) assert_string_equal(gw__features_at(m.features, suspect.feature).name, cases[i].feature);
        if (cases[i].feature) assert_true(suspect.score >= cases[i].least);
        else assert_true(suspect.score < 0.8); /* an id of its own for every row says nothing of other rows */
        unmake(&m);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)
    const struct CMUnitTest tests[] = {
        TEST(known_gates), TEST(known_loads), TEST(known_dead_units), TEST(similarity_as_defined), TEST(small_ones), TEST(many_experts), TEST(threads_do_not_move_a_bit),
        TEST(known_suspects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
