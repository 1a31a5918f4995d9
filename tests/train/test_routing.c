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
#define MODEL(gates) DATA "model: {architecture: omoe, experts: {count: 12, hidden: [8]}, gates: {" gates "}}\n"

/* The least and the greatest share of rows that an expert of the first gate had, and the sum of the mean weights. */
typedef struct loads {
    double least, most, weights;
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
    loads l = {.least = INFINITY};
    assert_int_equal(gw__doc_parse_json(json, strlen(json), "json", &arena, &root, NULL), GW_OK);
    const gw__doc *gates = gw__doc_get(root, of);
    if (!gates) fail_msg("no gates in %s", json);
    for (const gw__doc *expert = gw__doc_get(gates->first, "experts")->first; expert; expert = expert->next) {
        const double load = number_at(expert, "load");
        l.least = fmin(l.least, load);
        l.most = fmax(l.most, load);
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
#define FED 0.02     /* a quarter of an even share */

static void losses_feed_every_expert(void **state) {
    (void)state;
    static const char *const balanced[] = {
        MODEL("top_k: 1, balance: {even: 0.5}"),
        MODEL("top_k: 1, noise: true, balance: {importance: 1, load: 1}"),
        MODEL("top_k: 2, balance: {importance: 1, even: 0.5}"),
        MODEL("top_k: 1, balance: {bias: 0.01}"),
    };
    write_table("t.csv", 640, 5);
    const loads alone = train_loads(MODEL("top_k: 1"));
    if (!(alone.least < STARVED)) fail_msg("without a loss the least load is %g", alone.least);
    assert_true(fabs(alone.weights - 1) < 1e-4);
    for (size_t i = 0; i < GW__COUNT(balanced); i++) {
        const loads l = train_loads(balanced[i]);
        if (!(l.least > FED && l.most < 0.6)) fail_msg("case %zu: loads from %g to %g", i, l.least, l.most);
    }
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
    const struct CMUnitTest tests[] = {TEST(losses_feed_every_expert), TEST(plain_gates_are_not_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
