/* What an instruction set decides and what it does not: on each the bytes of the model are the same for any number of threads, and what models
 * trained on two of them predict differs by rounding only. */
#include "testing.h"

#include <math.h>

#include "kern/kernels.h"
#include "small_run.h"

#define DATA                                                                                                                     \
    "data: {train: t.csv, valid: {fraction: 0.2}}\n"                                                                             \
    "tasks:\n  click: binary\n  buy: {type: binary, given: click}\n  price: {type: regression}\n  kind: {type: multiclass}\n"    \
    "features: {ignore: [part], columns: {c: {type: categorical, dim: 3}, user: {type: hashed, buckets: 50, dim: 5}}}\n"         \
    "train: {epochs: 3, batch: 130, optimizer: "
#define ADAM "{name: adam, lr: 0.002}}\n"
/* Where a gradient is zero but for rounding, as that of a bias before batch normalisation, Adam would make steps of rounding's sign. */
#define SGD "{name: sgd, lr: 0.02, momentum: 0.9}}\n"

/* Every kernel takes part in one of them. */
static const char *const specs[] = {
    DATA ADAM "model: {architecture: mmoe, experts: {count: 3, hidden: [17, 5], dropout: 0.1, activation: gelu}, gates: {hidden: [4]}, towers: {hidden: [9]}}\n",
    DATA ADAM "model: {architecture: ple, experts: {shared: 2, per_task: 1, hidden: [16], activation: tanh, norm: layer}, towers: {hidden: [8]}}\n",
    DATA SGD "model: {architecture: cgc, experts: {shared: 1, per_task: 2, hidden: [24], activation: swish, norm: batch}}\n",
    DATA ADAM "model: {architecture: mmoe, experts: {count: 6, hidden: [17, 8], norm: layer, dropout: 0.1}, gates: {top_k: 2, weight_dropout: 0.1}}\n",
    DATA SGD "model: {architecture: ple, experts: {shared: 2, per_task: 2, hidden: [12]}, "
             "gates: {top_k: 2, noise: true, balance: {importance: 0.1, load: 0.1, even: 0.01, z: 0.001}}}\n",
    DATA SGD "model: {architecture: home, feature_gates: {rank: 3}, experts: {shared: 1, per_category: 1, per_task: 1, hidden: [12]}}\n",
    DATA ADAM "model: {architecture: stem, levels: 2, gates: {hidden: [5]}, experts: {shared: 1, per_task: 1, hidden: [12]}}\n",
    DATA ADAM "model: {architecture: aitm, experts: {hidden: [12], dropout: 0.1}}\n",
    DATA ADAM "model: {architecture: tensor-factorization, ranks: {input: 7, output: 5, task: 3}, experts: {hidden: [17, 9]}, towers: {hidden: [9]}}\n",
};

static gw_model *train_on(const char *spec, const char *isa, size_t threads, const char *path) {
    gw_model *model = NULL;
    gw_error err = {0};
    if (train_small(&(small_run){.spec = spec, .isa = isa, .threads = threads, .model_path = path}, &model, &err) != GW_OK)
        fail_msg("%s: %s: %s", isa, err.where, err.message);
    assert_string_equal(gw__net_isa(model->net), isa);
    return model;
}

static void same_bytes_for_any_threads(void **state) {
    (void)state;
    const size_t threads[] = {2, 3, 5};
    const gw__kernels *kernels;
    write_table("t.csv", 400, 31);
    for (size_t s = 0; s < GW__COUNT(specs); s++) {
        for (size_t i = 0; (kernels = gw__kernels_at(i)) != NULL; i++) {
            gw__model_free(train_on(specs[s], kernels->isa, 1, "1.gw"));
            for (size_t t = 0; t < GW__COUNT(threads); t++) {
                gw__model_free(train_on(specs[s], kernels->isa, threads[t], "n.gw"));
                assert_same_files("1.gw", "n.gw");
            }
        }
    }
}

#define ROWS 50
#define TOLERANCE 1e-5 /* of max(1, |value|), after 9 steps; 1e-6 was the worst seen */

/* What the model makes of fixed inputs: [ROWS, O], malloc. */
static float *predictions(const gw_model *model) {
    const size_t width = gw__net_dense_width(model->net), outputs = gw__net_output_width(model->net);
    float *dense = malloc(ROWS * width * sizeof *dense), *scores = malloc(ROWS * outputs * sizeof *scores);
    gw__scorer *scorer;
    for (size_t i = 0; i < ROWS * width; i++) dense[i] = (float)((double)(i * 2654435761u % 1000) / 250 - 2);
    assert_int_equal(gw__scorer_new(model->net, ROWS, &scorer, NULL), GW_OK);
    gw__scorer_run_dense(scorer, model->parameters, dense, ROWS, scores, NULL);
    gw__scorer_free(scorer);
    free(dense);
    return scores;
}

static void sets_agree(void **state) {
    (void)state;
    const gw__kernels *kernels;
    write_table("t.csv", 400, 32);
    for (size_t s = 0; s < GW__COUNT(specs); s++) {
        gw_model *model = train_on(specs[s], "reference", 2, "m.gw");
        const size_t n = ROWS * gw__net_output_width(model->net);
        float *expected = predictions(model);
        gw__model_free(model);
        for (size_t i = 1; (kernels = gw__kernels_at(i)) != NULL; i++) {
            model = train_on(specs[s], kernels->isa, 2, "m.gw");
            float *found = predictions(model);
            for (size_t k = 0; k < n; k++) {
                double off = fabs((double)found[k] - expected[k]) / fmax(1, fabs(expected[k]));
                if (!(off <= TOLERANCE)) fail_msg("%s: output %zu is %g, expected %g", kernels->isa, k, found[k], expected[k]);
            }
            free(found);
            gw__model_free(model);
        }
        free(expected);
    }
}

static void a_set_is_the_models(void **state) {
    (void)state;
    write_table("t.csv", 300, 33);
    gw_model *model = train_on(specs[0], "reference", 1, "m.gw");
    gw_error err = {0};
    assert_int_equal(gw__net_use_isa(model->net, "sse9", &err), GW_E_ARGUMENT);
    assert_non_null(strstr(err.message, "reference"));
    assert_string_equal(gw__net_isa(model->net), "reference"); /* a refusal changes nothing */
    float *slow = predictions(model), *fast;
    assert_int_equal(gw__net_use_isa(model->net, NULL, &err), GW_OK);
    assert_string_equal(gw__net_isa(model->net), gw__kernels_best()->isa);
    fast = predictions(model);
    assert_memory_not_equal(slow, fast, ROWS * gw__net_output_width(model->net) * sizeof *slow); /* it was another one indeed */
    free(slow), free(fast);
    gw__model_free(model);
    /* A file does not remember it. */
    assert_int_equal(gw__model_read("m.gw", &model, NULL, &err), GW_OK);
    assert_string_equal(gw__net_isa(model->net), gw__kernels_best()->isa);
    gw__model_free(model);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)
    const struct CMUnitTest tests[] = {TEST(same_bytes_for_any_threads), TEST(sets_agree), TEST(a_set_is_the_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
