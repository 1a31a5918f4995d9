/* What a gate gives besides the gradient, which tests/train/test_gradients.c looks at: its weights, row by row. */
#include "testing.h"

#include <math.h>

#include "base/random.h"
#include "model/net_plan.h"

#define WIDTH 9

/* A network over WIDTH numbers with parameters of its own, and a chunk's memory. */
typedef struct chunk {
    gw__spec *spec;
    gw__net *net;
    float *flat, *scratch, *dense;
    size_t n_rows;
    gw__pass pass;
} chunk;

static double uniform(uint64_t a, uint64_t b) { return gw__random_uniform(11, GW__RANDOM_SYNTH, a, b); }

static void set_up(chunk *c, const char *model, size_t n_tasks, size_t n_rows) {
    static const char *const tasks[] = {"", "{a: regression}", "{a: regression, b: binary}"};
    const gw__slot slot = {.kind = GW__SLOT_NUMBER, .width = WIDTH};
    const gw__input input = {.slots = &slot, .n_slots = 1, .width = WIDTH, .n_numbers = WIDTH, .n_tasks = (uint32_t)n_tasks};
    const size_t widths[] = {1, 1};
    char text[1024];
    gw_error err = {0};
    int n = snprintf(text, sizeof text, "{data: {train: none.csv}, tasks: %s, model: %s, train: {seed: 5}}", tasks[n_tasks], model);
    memset(c, 0, sizeof *c);
    if (gw__spec_parse(text, (size_t)n, "test.yaml", NULL, 0, &c->spec, &err) != GW_OK) fail_msg("%s: %s", text, err.message);
    assert_int_equal(gw__net_new(c->spec, &input, widths, &c->net, &err), GW_OK);
    c->n_rows = n_rows;
    c->flat = gw__aligned_alloc(c->net->flat_floats, sizeof(float));
    c->scratch = gw__aligned_alloc(c->net->scratch_width * n_rows, sizeof(float));
    c->dense = gw__aligned_alloc(c->net->dense.ld * n_rows, sizeof(float));
    gw__net_initialise(c->net, c->spec, c->flat);
    for (size_t r = 0; r < n_rows; r++)
        for (size_t j = 0; j < WIDTH; j++) c->dense[r * c->net->dense.ld + j] = (float)(4 * uniform(r, j) - 2);
    c->pass = (gw__pass){.net = c->net, .kernels = c->net->kernels, .flat = c->flat, .chunk_rows = n_rows, .rows = n_rows, .seed = 3, .step = 7,
                         .training = true, .space = {c->scratch, c->dense}};
}

static void tear_down(chunk *c) {
    gw__aligned_free(c->flat);
    gw__aligned_free(c->scratch);
    gw__aligned_free(c->dense);
    gw__net_free(c->net);
    gw__spec_free(c->spec);
}

static void run(chunk *c) {
    for (uint32_t s = 0; s < c->net->n_segments; s++) gw__pass_forward(&c->pass, s);
}

/* Weight `e` of row `r` of the first gate. */
static float weight_of(const chunk *c, size_t r, size_t e) {
    const gw__view *view = &c->net->gate_weights[0];
    return gw__pass_x(&c->pass, view)[r * view->ld + e];
}

/* The k-th op of a kind. */
static const gw__op *op_of(const chunk *c, gw__op_kind kind) {
    for (size_t i = 0; i < c->net->n_ops; i++)
        if (c->net->ops[i].kind == kind) return &c->net->ops[i];
    fail_msg("there is no such operation");
    return NULL;
}

static float logit_of(const chunk *c, size_t r, size_t e) {
    const gw__view *view = &op_of(c, GW__OP_GATE)->x;
    return gw__pass_x(&c->pass, view)[r * view->ld + e];
}

static void temperature_divides(void **state) {
    (void)state;
    chunk c;
    set_up(&c, "{architecture: omoe, experts: {count: 5}, gates: {temperature: 0.25}}", 2, 40);
    run(&c);
    for (size_t r = 0; r < 40; r++) {
        double sum = 0;
        for (size_t e = 0; e < 5; e++) sum += exp(4.0 * logit_of(&c, r, e));
        for (size_t e = 0; e < 5; e++) assert_true(fabs(exp(4.0 * logit_of(&c, r, e)) / sum - weight_of(&c, r, e)) < 1e-6);
    }
    tear_down(&c);
}

/* Dropped weights are 0 and the others the softmax over themselves; a share of p is dropped; a row never loses all. */
static void dropped_weights_are_renormalised(void **state) {
    (void)state;
    enum { ROWS = 600, EXPERTS = 3 };
    chunk c;
    size_t dropped = 0, whole = 0;
    set_up(&c, "{architecture: omoe, experts: {count: 3}, gates: {weight_dropout: 0.5}}", 2, ROWS);
    run(&c);
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0;
        size_t zeros = 0;
        for (size_t e = 0; e < EXPERTS; e++) {
            zeros += weight_of(&c, r, e) == 0;
            if (weight_of(&c, r, e) > 0) sum += exp(logit_of(&c, r, e));
        }
        for (size_t e = 0; e < EXPERTS; e++) {
            if (weight_of(&c, r, e) > 0) assert_true(fabs(exp(logit_of(&c, r, e)) / sum - weight_of(&c, r, e)) < 1e-6);
        }
        assert_true(zeros < EXPERTS);
        dropped += zeros;
        whole += zeros == 0;
    }
    assert_true(fabs((double)dropped / ROWS - 1.5 + 3.0 / 8) < 0.1); /* three in eight of those expected come back */
    assert_true(fabs((double)whole / ROWS - 0.25) < 0.06);
    tear_down(&c);
}

/* The mask goes by the row's place in the batch, not by its chunk; prediction has none. */
static void a_mask_is_the_rows(void **state) {
    (void)state;
    chunk c;
    set_up(&c, "{architecture: omoe, experts: {count: 4}, gates: {weight_dropout: 0.5}}", 2, 30);
    run(&c);
    float all[30][4];
    for (size_t r = 0; r < 30; r++)
        for (size_t e = 0; e < 4; e++) all[r][e] = weight_of(&c, r, e);
    c.pass.rows = 7;
    c.pass.first_row = 20;
    c.pass.space[GW__SPACE_DENSE] += 20 * c.net->dense.ld;
    run(&c);
    for (size_t r = 0; r < 7; r++)
        for (size_t e = 0; e < 4; e++) assert_true(all[20 + r][e] == weight_of(&c, r, e));
    c.pass.training = false;
    run(&c);
    for (size_t r = 0; r < 7; r++)
        for (size_t e = 0; e < 4; e++) assert_true(weight_of(&c, r, e) > 0);
    tear_down(&c);
}

/* ---- the k largest ---------------------------------------------------------------------------------------------------------------- */

static void only_the_largest_keep_weight(void **state) {
    (void)state;
    enum { ROWS = 60, EXPERTS = 7, K = 3 };
    chunk c;
    set_up(&c, "{architecture: omoe, experts: {count: 7}, gates: {top_k: 3}}", 2, ROWS);
    run(&c);
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0;
        size_t n = 0;
        for (size_t e = 0; e < EXPERTS; e++) {
            size_t above = 0;
            for (size_t i = 0; i < EXPERTS; i++) above += logit_of(&c, r, i) > logit_of(&c, r, e);
            assert_true((weight_of(&c, r, e) > 0) == (above < K));
            if (above < K) sum += exp(logit_of(&c, r, e)), n++;
        }
        assert_int_equal(n, K);
        for (size_t e = 0; e < EXPERTS; e++) {
            if (weight_of(&c, r, e) > 0) assert_true(fabs(exp(logit_of(&c, r, e)) / sum - weight_of(&c, r, e)) < 1e-6);
        }
    }
    tear_down(&c);
}

/* Equal logits: the first experts. */
static void ties_go_to_the_lower_index(void **state) {
    (void)state;
    chunk c;
    set_up(&c, "{architecture: omoe, experts: {count: 6}, gates: {top_k: 2}}", 2, 3);
    memset(c.flat, 0, c.net->flat_floats * sizeof *c.flat);
    run(&c);
    for (size_t r = 0; r < 3; r++)
        for (size_t e = 0; e < 6; e++) assert_true(weight_of(&c, r, e) == (e < 2 ? 0.5f : 0));
    tear_down(&c);
}

static void set_parameter(chunk *c, const char *name, float value) {
    for (size_t i = 0; i < gw__net_parameter_count(c->net); i++) {
        const gw__parameter p = gw__net_parameter_at(c->net, i);
        if (strcmp(p.name, name) != 0) continue;
        float values[4096];
        const size_t n = (size_t)(p.shape[0] * (p.n_dims == 2 ? p.shape[1] : 1));
        assert_true(n <= 4096);
        for (size_t v = 0; v < n; v++) values[v] = value;
        gw__net_parameter_set(c->net, c->flat, i, values);
        return;
    }
    fail_msg("no parameter '%s'", name);
}

/* NaN in the weights of an expert reaches a row only if the row selected it. */
static void what_is_not_selected_is_not_computed(void **state) {
    (void)state;
    enum { ROWS = 90 };
    chunk c;
    size_t hit = 0;
    set_up(&c, "{architecture: omoe, experts: {count: 5, hidden: [6, 4]}, gates: {top_k: 2}}", 2, ROWS);
    set_parameter(&c, "level0.expert.shared.3.0.weight", NAN);
    run(&c);
    const gw__op *mix = op_of(&c, GW__OP_MIX_ROUTED);
    const float *y = gw__pass_x(&c.pass, &mix->y);
    for (size_t r = 0; r < ROWS; r++) {
        const bool selected = weight_of(&c, r, 3) != 0;
        assert_true((isnan(y[r * mix->y.ld]) != 0) == selected);
        hit += selected;
    }
    assert_true(hit > 0 && hit < ROWS);
    tear_down(&c);
}

/* The same parameters, dense: with the weights that the gates selected its mixture is the routed one. */
static void routed_mixtures_are_the_dense_ones(void **state) {
    (void)state;
    static const char *const models[] = {
        "{architecture: omoe, experts: {count: 5, hidden: [6, 4]}, gates: {top_k: %d}}",
        "{architecture: mmoe, experts: {count: 6, hidden: [7], activation: gelu, norm: layer}, gates: {top_k: %d}}",
        "{architecture: cgc, experts: {shared: 2, per_task: {a: 1, b: 0}, hidden: [5]}, gates: {top_k: %d}}",
    };
    for (size_t m = 0; m < GW__COUNT(models); m++) {
        char text[2][256];
        chunk c[2];
        for (int i = 0; i < 2; i++) {
            snprintf(text[i], sizeof text[i], models[m], i ? 2 : 0);
            set_up(&c[i], text[i], 2, 50);
            c[i].pass.training = false;
            run(&c[i]);
        }
        const gw__op *dense = op_of(&c[0], GW__OP_MIX), *sparse = op_of(&c[1], GW__OP_MIX_ROUTED);
        for (size_t r = 0; r < 50; r++) {
            const float *g = gw__pass_x(&c[1].pass, &sparse->weights) + r * sparse->weights.ld;
            for (size_t j = 0; j < dense->y.width; j++) {
                double sum = 0;
                for (uint32_t e = 0; e < dense->n_experts; e++) sum += (double)g[e] * gw__pass_x(&c[0].pass, &dense->experts[e])[r * dense->experts[e].ld + j];
                assert_true(fabs(sum - gw__pass_x(&c[1].pass, &sparse->y)[r * sparse->y.ld + j]) < 1e-5);
            }
        }
        for (int i = 0; i < 2; i++) tear_down(&c[i]);
    }
}

/* A row gives the same bits alone, among others, and wherever it stands. */
static void a_row_is_its_own(void **state) {
    (void)state;
    enum { ROWS = 70 };
    static const char *const models[] = {
        "{architecture: mmoe, levels: 2, experts: {count: 5, hidden: [17, 6]}, gates: {top_k: 2, hidden: [5]}}",
        "{architecture: omoe, experts: {count: 9, hidden: [33], norm: layer}, gates: {top_k: 3}}",
        "{architecture: ple, experts: {shared: 2, per_task: 2, hidden: [6]}, gates: {top_k: 1}}",
    };
    for (size_t m = 0; m < GW__COUNT(models); m++) {
        chunk c;
        float all[ROWS][2], some[ROWS][2], gates[1024];
        gw__scorer *scorer;
        set_up(&c, models[m], 2, ROWS);
        float *rows = malloc(ROWS * WIDTH * sizeof *rows);
        for (size_t r = 0; r < ROWS; r++) memcpy(rows + r * WIDTH, c.dense + r * c.net->dense.ld, WIDTH * sizeof *rows);
        assert_int_equal(gw__scorer_new(c.net, ROWS, &scorer, NULL), GW_OK);
        gw__scorer_run_dense(scorer, c.flat, rows, ROWS, all[0], NULL);
        for (size_t r = 0; r < ROWS; r++) gw__scorer_run_dense(scorer, c.flat, rows + r * WIDTH, 1, some[r], gates);
        assert_memory_equal(all, some, sizeof all);
        for (size_t r = 0, n; r < ROWS; r += n) {
            n = r % 11 + 2 < ROWS - r ? r % 11 + 2 : ROWS - r;
            gw__scorer_run_dense(scorer, c.flat, rows + r * WIDTH, n, some[r], NULL);
        }
        assert_memory_equal(all, some, sizeof all);
        gw__scorer_free(scorer);
        free(rows);
        tear_down(&c);
    }
}

/* Noise has the size that its map makes, in training only, and a row keeps its own wherever its chunk begins. */
static void noise_is_of_its_size(void **state) {
    (void)state;
    enum { ROWS = 500, EXPERTS = 6 };
    chunk c;
    double sum = 0, squares = 0;
    set_up(&c, "{architecture: omoe, experts: {count: 6}, gates: {top_k: 2, noise: true}}", 2, ROWS);
    run(&c);
    const gw__op *gate = op_of(&c, GW__OP_GATE);
    const gw__view *noisy = &gate->gating->noisy_logits;
    const float *h = gw__pass_x(&c.pass, noisy);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t e = 0; e < EXPERTS; e++) {
            const double n = ((double)h[r * noisy->ld + e] - logit_of(&c, r, e)) / log(2); /* softplus(0) */
            sum += n;
            squares += n * n;
        }
    }
    assert_true(fabs(sum / (ROWS * EXPERTS)) < 0.06 && fabs(squares / (ROWS * EXPERTS) - 1) < 0.1);
    const float before = h[100 * noisy->ld + 3];
    c.pass.first_row = 100;
    c.pass.rows = 1;
    c.pass.space[GW__SPACE_DENSE] += 100 * c.net->dense.ld;
    run(&c);
    assert_true(h[3] == before);
    c.pass.training = false;
    run(&c);
    size_t above = 0;
    for (size_t e = 0; e < EXPERTS; e++) above += logit_of(&c, 0, e) > logit_of(&c, 0, 3);
    assert_true((weight_of(&c, 0, 3) > 0) == (above < 2));
    tear_down(&c);
}

/* As many as a gate sees are all of them: the plan is the dense one. */
static void enough_is_dense(void **state) {
    (void)state;
    chunk c;
    set_up(&c, "{architecture: omoe, experts: {count: 4}, gates: {top_k: 4}}", 2, 1);
    assert_false(c.net->sparse);
    for (size_t i = 0; i < c.net->n_ops; i++) assert_true(c.net->ops[i].kind != GW__OP_GATE && !c.net->ops[i].routed);
    tear_down(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(temperature_divides),
        cmocka_unit_test(dropped_weights_are_renormalised),
        cmocka_unit_test(a_mask_is_the_rows),
        cmocka_unit_test(only_the_largest_keep_weight),
        cmocka_unit_test(ties_go_to_the_lower_index),
        cmocka_unit_test(what_is_not_selected_is_not_computed),
        cmocka_unit_test(routed_mixtures_are_the_dense_ones),
        cmocka_unit_test(a_row_is_its_own),
        cmocka_unit_test(noise_is_of_its_size),
        cmocka_unit_test(enough_is_dense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
