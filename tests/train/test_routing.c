/* Who computes what over a training run: the load of the experts, with losses that balance them and without. */
#include "testing.h"

#include <math.h>

#include "base/doc.h"
#include "base/number.h"
#include "small_run.h"

#define DATA                                                                                                                  \
    "data: {train: t.csv}\ntasks: {click: binary, price: {type: regression, weight: 0.2}}\n"                                    \
    "features: {ignore: [part, user, buy, kind], columns: {c: {type: categorical, dim: 3}}}\n"                                 \
    "train: {epochs: 12, batch: 64, optimizer: {name: adam, lr: 0.01}}\n"
#define MODEL(gates) DATA "model: {architecture: omoe, experts: {count: 16, hidden: [8]}, gates: {" gates "}}\n"

#define MOST 16 /* experts */

/* The share of rows that each expert of the first gate had, and the sum of the mean weights. */
typedef struct loads {
    double of[MOST], weights;
    size_t n;
} loads;

static double number_at(const gw__doc *map, const char *key) {
    double value = NAN;
    const gw__doc *node = gw__doc_get(map, key);
    if (!node || !gw__parse_double(node->text, &value)) fail_msg("no number '%s'", key);
    return value;
}

static loads loads_of(const char *json, const char *of) {
    gw__arena arena = {0};
    gw__doc *root;
    loads l = {.n = 0};
    assert_int_equal(gw__doc_parse_json(json, strlen(json), "json", &arena, &root, NULL), GW_OK);
    const gw__doc *gates = gw__doc_get(root, of);
    if (!gates) fail_msg("no gates in %s", json);
    for (const gw__doc *expert = gw__doc_get(gates->first, "experts")->first; expert; expert = expert->next) {
        assert_true(l.n < MOST);
        l.of[l.n++] = number_at(expert, "load");
        l.weights += number_at(expert, "weight");
    }
    gw__arena_clear(&arena);
    return l;
}

static loads train_loads(const char *spec) {
    story s = {0};
    gw_model *model = NULL;
    gw_error err = {0};
    if (train_small(&(small_run){.spec = spec, .story = &s}, &model, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    const loads l = loads_of(s.epochs[s.n_epochs - 1], "gates");
    gw__model_free(model);
    story_clear(&s);
    return l;
}

#define STARVED 0.01 /* of the rows */

static size_t count_starved(const loads *l) {
    size_t n = 0;
    for (size_t e = 0; e < l->n; e++) n += l->of[e] < STARVED;
    return n;
}

/* With the weights that docs/architectures.md calls usual, where the gate learns of the tasks, too. A hundred steps of `even: 0.01` are too few for all. */
static void losses_feed_every_expert(void **state) {
    (void)state;
    static const struct { const char *spec; size_t starved; } balanced[] = {
        {MODEL("top_k: 2, balance: {even: 0.01}"), 5},
        {MODEL("top_k: 2, balance: {even: 0.1}"), 0},
        {MODEL("top_k: 2, noise: true, balance: {importance: 0.1, load: 0.1}"), 0},
        {MODEL("top_k: 2, balance: {bias: 0.01}"), 0},
        {MODEL("top_k: 1, balance: {bias: 0.01}"), 0},
    };
    write_table("t.csv", 640, 5);
    const loads alone = train_loads(MODEL("top_k: 2"));
    if (count_starved(&alone) < 8) fail_msg("without a loss %zu experts starve", count_starved(&alone));
    assert_true(fabs(alone.weights - 1) < 1e-4);
    for (size_t i = 0; i < GW__COUNT(balanced); i++) {
        const loads l = train_loads(balanced[i].spec);
        if (count_starved(&l) > balanced[i].starved) fail_msg("case %zu: %zu experts starve", i, count_starved(&l));
    }
}

/* How far training moved the gate's weights: the sum of the differences from a run that does not move. */
static double gate_moved(const char *spec) {
    float weights[2][512], *end[2] = {weights[0], weights[1]};
    double moved = 0;
    for (size_t run = 0; run < 2; run++) {
        gw_model *model = NULL;
        gw_error err = {0};
        if (train_small(&(small_run){.spec = spec, .overrides = {run ? "train.optimizer.lr=1e-30" : NULL}}, &model, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
        for (size_t i = 0; i < gw__net_parameter_count(model->net); i++) {
            const gw__parameter shown = gw__net_parameter_at(model->net, i);
            if (strcmp(shown.name, "level0.gate.all.0.weight") != 0) continue;
            assert_true(shown.shape[0] * shown.shape[1] <= (int64_t)GW__COUNT(weights[0]));
            gw__net_parameter_get(model->net, model->parameters, i, weights[run]);
            end[run] += shown.shape[0] * shown.shape[1];
        }
        gw__model_free(model);
    }
    assert_true(end[0] > weights[0] && end[1] - weights[1] == end[0] - weights[0]);
    for (size_t i = 0; weights[0] + i < end[0]; i++) moved += fabs((double)weights[0][i] - weights[1][i]);
    return moved;
}

/* A gate that keeps one expert learns from the tasks through the weight of that one, which renormalised would be 1. */
static void one_expert_teaches_its_gate(void **state) {
    (void)state;
    write_table("t.csv", 640, 5);
    assert_true(gate_moved(MODEL("top_k: 1")) > 1);
    assert_true(gate_moved(MODEL("top_k: 1, balance: {importance: 0.1}")) > 1);
    assert_true(gate_moved(MODEL("top_k: 1, renormalise: true, balance: {bias: 0.01}")) == 0);
    const loads l = train_loads(MODEL("top_k: 1"));
    assert_true(l.weights > 0.1 && l.weights < 0.99);
}

/* Plain gates are not counted, and an epoch's line is as it was. */
static void plain_gates_are_not_told(void **state) {
    (void)state;
    story s = {0};
    gw_model *model = NULL;
    write_table("t.csv", 100, 5);
    assert_int_equal(train_small(&(small_run){.spec = MODEL(""), .story = &s}, &model, NULL), GW_OK);
    assert_null(json_at(s.epochs[0], "gates"));
    gw__model_free(model);
    story_clear(&s);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)
    const struct CMUnitTest tests[] = {TEST(losses_feed_every_expert), TEST(one_expert_teaches_its_gate), TEST(plain_gates_are_not_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
