/* Parity of gradients with PyTorch: one step over all rows of a case, tensor by tensor. */
#include "vectors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "feat/features.h"
#include "model/net.h"
#include "train/trainer.h"

#define TOLERANCE 1e-4 /* of the tensor's largest */
/* Where a gradient is zero but for rounding (a bias before a normalisation), this share of the largest of all stands for the tensor's:
 * 2e-7 of the largest gradient are allowed there, some units in the last place of what was summed, in an order that each instruction set has its own of. */
#define LEAST_SHARE 2e-3

typedef struct parts {
    gw__spec *spec;
    gw__features *features;
    gw__dataset dataset;
    gw__pool *pool;
    gw__net *net;
    gw__trainer *trainer;
} parts;

#define NEED(call)                                                                        \
    do {                                                                                  \
        if ((call) != GW_OK) fail_msg("%s: %s: %s", name, err->where, err->message);      \
    } while (0)

/* In the caller's storage, because the trainer borrows the records. */
static void plan(parts *p, const char *name, const char *isa) {
    gw_error storage = {0}, *err = &storage;
    char spec[512], train[544];
    const char *override = train;
    size_t widths[16];
    snprintf(spec, sizeof spec, "%s/spec.json", name);
    snprintf(train, sizeof train, "data.train=%s/data.csv", name);
    NEED(gw__spec_read(spec, &override, 1, &p->spec, err));
    NEED(gw__pool_new(2, &p->pool, err));
    NEED(gw__dataset_read(p->spec, NULL, false, p->pool, &p->features, &p->dataset, err));
    assert_true(p->spec->n_tasks <= 16);
    for (size_t t = 0; t < p->spec->n_tasks; t++) widths[t] = gw__features_output_width(p->features, t);
    NEED(gw__net_new(p->spec, gw__features_input(p->features), widths, &p->net, err));
    NEED(gw__net_use_isa(p->net, isa, err));
    NEED(gw__trainer_new(p->net, p->spec, &p->dataset.train, p->dataset.train.n_rows, p->pool, &p->trainer, err));
}

static void clear(parts *p) {
    gw__trainer_free(p->trainer);
    gw__net_free(p->net);
    gw__dataset_clear(&p->dataset);
    gw__features_free(p->features);
    gw__pool_free(p->pool);
    gw__spec_free(p->spec);
}

static void set_weights(parts *p, const char *name) {
    gw__container weights = read_container(name, "weights");
    assert_int_equal(weights.n_tensors, gw__net_parameter_count(p->net));
    for (size_t i = 0; i < gw__net_parameter_count(p->net); i++) {
        gw__parameter parameter = gw__net_parameter_at(p->net, i);
        const gw__tensor *tensor = gw__container_tensor(&weights, parameter.name);
        if (!tensor) fail_msg("%s: '%s' is not among the weights", name, parameter.name);
        assert_int_equal(tensor->n_dims, parameter.n_dims);
        for (size_t d = 0; d < parameter.n_dims; d++) assert_int_equal(tensor->shape[d], parameter.shape[d]);
        float *values = malloc(tensor->n_bytes);
        assert_non_null(values);
        memcpy(values, tensor->data, tensor->n_bytes);
        gw__net_parameter_set(p->net, gw__trainer_parameters(p->trainer), i, values);
        free(values);
    }
    gw__container_clear(&weights);
}

static void compare(parts *p, const char *name, const float *flat, const gw__container *expected) {
    double largest_of_all = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < gw__net_parameter_count(p->net); i++) {
            gw__parameter parameter = gw__net_parameter_at(p->net, i);
            char what[512];
            size_t n;
            double largest = 0;
            if (!parameter.trained) continue;
            snprintf(what, sizeof what, "gradient.%s", parameter.name);
            double *want = tensor_values(expected, what, &n);
            if (!want) fail_msg("%s: no expected '%s'", name, what);
            for (size_t k = 0; k < n; k++) largest = fmax(largest, fabs(want[k]));
            largest_of_all = fmax(largest_of_all, largest);
            if (pass == 1) {
                float *got = malloc(n * sizeof *got);
                double *found = malloc(n * sizeof *found);
                assert_non_null(got);
                assert_non_null(found);
                gw__net_parameter_get(p->net, flat, i, got);
                for (size_t k = 0; k < n; k++) found[k] = got[k];
                snprintf(what, sizeof what, "%s gradient.%s", name, parameter.name);
                check_close(what, found, want, n, fmax(largest, LEAST_SHARE * largest_of_all), TOLERANCE);
                free(found);
                free(got);
            }
            free(want);
        }
    }
}

static void test_case(void **state) {
    const parity_case *c = *state;
    const char *name = c->name;
    gw__container expected = read_container(name, "expected");
    parts p = {0};
    plan(&p, name, c->isa);
    set_weights(&p, name);
    size_t n_rows = p.dataset.train.n_rows;
    uint64_t *rows = malloc(n_rows * sizeof *rows);
    float *flat = gw__aligned_alloc(gw__net_parameter_floats(p.net), sizeof *flat);
    assert_non_null(rows);
    assert_non_null(flat);
    for (size_t i = 0; i < n_rows; i++) rows[i] = i;
    gw__step_result result = {0};
    gw__trainer_gradients(p.trainer, rows, n_rows, flat, &result);
    assert_true(result.finite);
    compare(&p, name, flat, &expected);
    gw__aligned_free(flat);
    free(rows);
    clear(&p);
    gw__container_clear(&expected);
}

int main(int argc, char **argv) {
    return run_cases(argc, argv, "parity-gradients", "loss.small", test_case);
}
