/* The training step end to end: every architecture's gradients against finite differences of its own loss, and against themselves for other
 * numbers of threads, bit for bit. Activations here are smooth; kinks are looked at one by one in test_kernels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "train/trainer.h"

#define ROWS 67
#define TASKS 3

/* 5 numbers, an id, a second id that shares its table, and a bag: the dense input is 5 + 3 + 3 + 2 wide. */
static const gw__slot slots[] = {
    {.kind = GW__SLOT_NUMBER, .dense_at = 0, .width = 1, .index = 0},
    {.kind = GW__SLOT_EMBEDDING, .dense_at = 1, .width = 3, .index = 0, .table = 0},
    {.kind = GW__SLOT_NUMBER, .dense_at = 4, .width = 1, .index = 1},
    {.kind = GW__SLOT_NUMBER, .dense_at = 5, .width = 1, .index = 2},
    {.kind = GW__SLOT_EMBEDDING, .dense_at = 6, .width = 3, .index = 1, .table = 0},
    {.kind = GW__SLOT_BAG_MEAN, .dense_at = 9, .width = 2, .index = 0, .table = 1},
    {.kind = GW__SLOT_NUMBER, .dense_at = 11, .width = 1, .index = 3},
    {.kind = GW__SLOT_NUMBER, .dense_at = 12, .width = 1, .index = 4},
};
static const gw__table_shape tables[] = {{"city", 7, 3}, {"tags", 5, 2}};

static gw__input make_input(size_t n_tasks) {
    gw__input in = {.slots = slots, .n_slots = 8, .tables = tables, .n_tables = 2, .width = 13, .n_numbers = 5, .n_ids = 2, .n_bags = 1, .n_tasks = (uint32_t)n_tasks};
    in.ids_at = 5;
    in.bags_at = 7;
    in.labels_at = 9;
    in.weights_at = 9 + (uint32_t)n_tasks;
    in.groups_at = in.stride = 9 + 2 * (uint32_t)n_tasks;
    return in;
}

static double uniform(uint64_t a, uint64_t b) { return gw__random_uniform(7, GW__RANDOM_SYNTH, a, b); }

/* Random rows: labels that fit binary, regression and multiclass tasks in this order, or only binary ones; some unlabelled, some weighted; row 3 has no label at all. */
static gw__records make_records(const gw__input *in, bool binary) {
    gw__records records = {.input = in, .n_rows = ROWS, .n_bag_ids = 4 * ROWS};
    records.words = calloc(ROWS * in->stride, sizeof *records.words);
    records.bag_ids = calloc(records.n_bag_ids, sizeof *records.bag_ids);
    for (uint32_t r = 0; r < ROWS; r++) {
        uint32_t *record = records.words + r * in->stride;
        for (uint32_t i = 0; i < in->n_numbers; i++) ((float *)record)[i] = (float)(2 * uniform(1, r * 16 + i) - 1);
        for (uint32_t i = 0; i < in->n_ids; i++) record[in->ids_at + i] = (uint32_t)(7 * uniform(2, r * 16 + i));
        record[in->bags_at] = 4 * r;
        record[in->bags_at + 1] = r % 4; /* empty ones, too */
        for (uint32_t i = 0; i < 4; i++) records.bag_ids[4 * r + i] = (int32_t)(5 * uniform(3, r * 16 + i));
        for (uint32_t t = 0; t < in->n_tasks; t++) {
            double u = uniform(4, r * 16 + t);
            ((float *)record)[in->labels_at + t] = t == 0 || binary ? u > 0.5 : t == 1 ? (float)(4 * u - 2) : (float)floor(3 * u);
            ((float *)record)[in->weights_at + t] = r == 3 || (r + t) % 5 == 0 ? 0 : t == 1 ? (float)(0.5 + u) : 1;
        }
    }
    return records;
}

typedef struct setup {
    gw__spec *spec;
    gw__net *net;
    gw__input input;
    gw__records records;
    gw__pool *pool;
    gw__trainer *trainer;
    uint64_t rows[ROWS];
} setup;

static void set_up(setup *s, const char *model, const char *tasks, size_t threads) {
    char text[2048];
    int n = snprintf(text, sizeof text, "{\"data\":{\"train\":\"none.csv\"},\"tasks\":%s,\"model\":%s,\"train\":{\"seed\":3}}", tasks, model);
    gw_error err = {0};
    memset(s, 0, sizeof *s);
    if (gw__spec_parse(text, (size_t)n, "test.json", NULL, 0, &s->spec, &err) != GW_OK) fail_msg("%s: %s", text, err.message);
    s->input = make_input(s->spec->n_tasks);
    bool binary = true;
    for (size_t t = 0; t < s->spec->n_tasks; t++) binary = binary && s->spec->tasks[t].type == GW_TASK_BINARY && s->spec->tasks[t].loss == GW__LOSS_BCE;
    s->records = make_records(&s->input, binary);
    const size_t widths[TASKS] = {1, 1, s->spec->n_tasks == TASKS && gw__task_has_classes(&s->spec->tasks[2]) ? 3 : 1};
    assert_int_equal(gw__net_new(s->spec, &s->input, widths, &s->net, &err), GW_OK);
    assert_int_equal(gw__pool_new(threads, &s->pool, &err), GW_OK);
    assert_int_equal(gw__trainer_new(s->net, s->spec, &s->records, ROWS, s->pool, &s->trainer, &err), GW_OK);
    gw__net_initialise(s->net, s->spec, gw__trainer_parameters(s->trainer));
    for (uint64_t i = 0; i < ROWS; i++) s->rows[i] = (i * 29) % ROWS; /* an order of its own */
}

static void tear_down(setup *s) {
    gw__trainer_free(s->trainer);
    gw__pool_free(s->pool);
    gw__net_free(s->net);
    gw__spec_free(s->spec);
    free(s->records.words);
    free(s->records.bag_ids);
}

static double loss_at(setup *s, size_t parameter, const float *values, float *unused) {
    gw__step_result result;
    gw__net_parameter_set(s->net, gw__trainer_parameters(s->trainer), parameter, values);
    gw__trainer_gradients(s->trainer, s->rows, ROWS, unused, &result);
    return result.loss;
}

/* (L(w + h d) - L(w - h d)) / 2h of one tensor's values. */
static double slope_along(setup *s, size_t parameter, size_t n, const float *w, const float *d, float h, float *scratch) {
    double sides[2];
    float *moved = calloc(n, sizeof *moved);
    for (int side = 0; side < 2; side++) {
        for (size_t j = 0; j < n; j++) moved[j] = w[j] + (side ? h : -h) * d[j];
        sides[side] = loss_at(s, parameter, moved, scratch);
    }
    free(moved);
    return (sides[1] - sides[0]) / (2 * (double)h);
}

static bool agree(double along, double slope) { return fabs(slope - along) < 4e-4 + 2e-2 * fabs(slope); }

/* Along random directions in each tensor: <gradient, direction> against the slope. Where a row's choice of experts changes on the way, the loss
 * jumps: then a shorter way is taken. */
static void check_gradients(const char *model, const char *tasks) {
    setup s;
    set_up(&s, model, tasks, 1);
    const size_t p = gw__net_parameter_floats(s.net);
    float *gradient = calloc(p, sizeof *gradient), *scratch = calloc(p, sizeof *scratch);
    gw__step_result result;
    gw__trainer_gradients(s.trainer, s.rows, ROWS, gradient, &result);
    assert_true(result.finite && result.loss > 0);
    double largest = 0;
    for (size_t i = 0; i < gw__net_parameter_count(s.net); i++) {
        gw__parameter shown = gw__net_parameter_at(s.net, i);
        if (!shown.trained) continue;
        const size_t n = (size_t)(shown.shape[0] * (shown.n_dims == 2 ? shown.shape[1] : 1));
        float *w = calloc(n, 4), *g = calloc(n, 4), *d = calloc(n, 4);
        gw__net_parameter_get(s.net, gw__trainer_parameters(s.trainer), i, w);
        gw__net_parameter_get(s.net, gradient, i, g);
        for (int direction = 0; direction < 3; direction++) {
            double along = 0, norm = 0;
            for (size_t j = 0; j < n; j++) {
                d[j] = (float)(2 * uniform(100 + (uint64_t)direction, i * 4096 + j) - 1);
                norm += (double)d[j] * d[j];
            }
            for (size_t j = 0; j < n; j++) {
                d[j] = (float)(d[j] / sqrt(norm));
                along += (double)g[j] * d[j];
            }
            double slope = slope_along(&s, i, n, w, d, 4e-3f, scratch);
            for (float h = 1e-3f; s.spec->model.gating.top_k && !agree(along, slope) && h > 1e-4f; h /= 2) slope = slope_along(&s, i, n, w, d, h, scratch);
            if (!agree(along, slope)) fail_msg("%s: '%s': gradient %g, slope %g", model, shown.name, along, slope);
            largest = fmax(largest, fabs(slope));
        }
        loss_at(&s, i, w, scratch);
        free(w), free(g), free(d);
    }
    assert_true(largest > 1e-2);
    free(gradient), free(scratch);
    tear_down(&s);
}

static const char *const all_tasks = "{\"click\":{\"type\":\"binary\",\"weight\":1.5},\"time\":{\"type\":\"regression\"},\"kind\":{\"type\":\"multiclass\"}}";
static const char *const one_task = "{\"click\":{\"type\":\"binary\",\"positive_weight\":2.5}}";

#define PARTS ",\"towers\":{\"hidden\":[5],\"activation\":\"tanh\"}}"
#define EXPERTS(more) "\"experts\":{" more "\"hidden\":[6,4],\"activation\":\"tanh\"}"

static const char *const categories = "{\"click\":{\"type\":\"binary\",\"weight\":1.5,\"category\":\"acts\"},\"time\":{\"type\":\"regression\",\"category\":\"long\"},"
                                     "\"kind\":{\"type\":\"multiclass\",\"category\":\"acts\"}}";

static const struct { const char *model; bool one, categories; } models[] = {
    {"{\"architecture\":\"single-task\"," EXPERTS("") PARTS, false},
    {"{\"architecture\":\"shared-bottom\"," EXPERTS("") PARTS, false},
    {"{\"architecture\":\"averaged\"," EXPERTS("\"count\":3,") PARTS, false},
    {"{\"architecture\":\"moe\"," EXPERTS("\"count\":3,") PARTS, true},
    {"{\"architecture\":\"omoe\"," EXPERTS("\"count\":3,") PARTS, false},
    {"{\"architecture\":\"mmoe\"," EXPERTS("\"count\":3,") PARTS, false},
    {"{\"architecture\":\"mmoe\",\"levels\":3,\"gates\":{\"hidden\":[5],\"activation\":\"sigmoid\"}," EXPERTS("\"count\":3,") PARTS, false},
    {"{\"architecture\":\"mmoe\",\"gates\":{\"bias\":false}," EXPERTS("\"count\":70,") PARTS, false},
    {"{\"architecture\":\"cgc\",\"gates\":{\"hidden\":[7],\"activation\":\"gelu\"}," EXPERTS("\"shared\":2,\"per_task\":2,") PARTS, false},
    {"{\"architecture\":\"ple\"," EXPERTS("\"shared\":1,\"per_task\":2,") PARTS, false},
    {"{\"architecture\":\"ple\",\"levels\":3," EXPERTS("\"shared\":2,\"per_task\":{\"click\":1,\"time\":0,\"kind\":2},") PARTS, false},
    {"{\"architecture\":\"ple\",\"ple\":\"raw-gates\"," EXPERTS("\"shared\":2,\"per_task\":1,") PARTS, false},
    {"{\"architecture\":\"ple\",\"ple\":\"shared-only\"," EXPERTS("\"shared\":2,\"per_task\":1,") PARTS, false},
    {"{\"architecture\":\"ple\",\"ple\":\"no-shared-gate\",\"levels\":3," EXPERTS("\"shared\":2,\"per_task\":1,") PARTS, false},
    {"{\"architecture\":\"adatt-sp\"," EXPERTS("\"per_task\":{\"click\":2,\"time\":1,\"kind\":3},") PARTS, false},
    {"{\"architecture\":\"adatt\",\"levels\":3," EXPERTS("\"shared\":2,\"per_task\":1,") PARTS, false},
    {"{\"architecture\":\"cross-stitch\"," EXPERTS("") PARTS, false},
    {"{\"architecture\":\"snr-aver\",\"connections\":0.1," EXPERTS("\"count\":3,") PARTS, false},
    {"{\"architecture\":\"snr-trans\",\"connections\":{\"lambda\":0.05,\"beta\":0.5}," EXPERTS("\"count\":3,") PARTS, false},
    {"{\"architecture\":\"l2-constrained\",\"alpha\":0.1," EXPERTS("") PARTS, false},
    {"{\"architecture\":\"custom\",\"wiring\":{\"levels\":[{\"experts\":{\"a\":2,\"b\":2},\"gates\":{\"p\":{\"sees\":[\"a\",\"b\"],\"residual\":\"a\"},"
     "\"q\":{\"sees\":[\"b\",\"a\"],\"kind\":\"stitch\"},\"r\":\"b.1\"}},{\"experts\":{\"c\":{\"count\":3,\"reads\":[\"p\",\"q\",\"input\"]}},"
     "\"gates\":{\"all\":{\"sees\":\"c\",\"reads\":\"r\"},\"time\":\"c.0\"}}]}," EXPERTS("") PARTS, false},
    /* a hierarchical mixture; then identities beside experts, one of them a stream that another gate reads, too */
    {"{\"architecture\":\"custom\",\"wiring\":{\"levels\":[{\"experts\":{\"a\":2,\"b\":3},\"gates\":{\"p\":\"a\",\"q\":\"b\"}},"
     "{\"experts\":{\"c\":{\"count\":2,\"reads\":[\"p\",\"q\"],\"identity\":true}},\"gates\":{\"all\":\"c\"}}]}," EXPERTS("") PARTS, false},
    {"{\"architecture\":\"custom\",\"wiring\":{\"levels\":[{\"experts\":{\"a\":2,\"b\":1},\"gates\":{\"p\":[\"a\",\"b\"],\"q\":\"b\"}},"
     "{\"experts\":{\"c\":{\"reads\":\"p\"},\"d\":{\"count\":2,\"reads\":[\"p\",\"q\"],\"identity\":true}},"
     "\"gates\":{\"all\":{\"sees\":[\"c\",\"d\"],\"reads\":\"p\",\"residual\":\"d.0\"},\"time\":\"d.1\"}}]}," EXPERTS("") PARTS, false},
    {"{\"architecture\":\"local-experts\"," EXPERTS("\"count\":3,") "}", true},
    {"{\"architecture\":\"local-experts\",\"error\":\"competitive\"," EXPERTS("\"count\":3,") "}", true},
    {"{\"architecture\":\"local-experts\",\"error\":\"cooperative\",\"gates\":{\"hidden\":[4],\"activation\":\"tanh\"}," EXPERTS("\"count\":1,") "}", true},
    {"{\"architecture\":\"cgc\",\"experts\":{\"shared\":1,\"per_task\":1,\"hidden\":[6,4],\"activation\":\"swish\",\"norm\":\"layer\",\"dropout\":0.3},"
     "\"towers\":{\"hidden\":[5],\"activation\":\"gelu\",\"norm\":\"layer\",\"dropout\":0.2}}", false},
    {"{\"architecture\":\"ple\",\"experts\":{\"shared\":1,\"per_task\":1,\"hidden\":[6,4],\"activation\":\"tanh\",\"norm\":\"batch\",\"dropout\":0.3},"
     "\"towers\":{\"hidden\":[5],\"activation\":\"sigmoid\",\"norm\":\"batch\"}}", false},
    {"{\"architecture\":\"tensor-factorization\",\"ranks\":{\"input\":5,\"output\":3,\"task\":2}," EXPERTS("") PARTS, false},
    {"{\"architecture\":\"tensor-factorization\",\"ranks\":{\"input\":9,\"output\":9,\"task\":9},\"experts\":{\"hidden\":[6,4],\"activation\":\"swish\",\"norm\":\"batch\","
     "\"dropout\":0.2,\"bias\":false}" PARTS, false},
    {"{\"architecture\":\"home\",\"experts\":{\"shared\":1,\"per_category\":2,\"per_task\":{\"click\":1,\"time\":0,\"kind\":2},\"hidden\":[6,4],"
     "\"norm\":\"none\"}" PARTS, false, true},
    {"{\"architecture\":\"home\",\"levels\":3,\"feature_gates\":{\"count\":1,\"rank\":3},"
     "\"experts\":{\"shared\":2,\"per_category\":1,\"per_task\":1,\"hidden\":[6]}" PARTS, false, true},
    /* of one task: with several, what a gate does not teach is no part of the gradient */
    {"{\"architecture\":\"stem\",\"levels\":2,\"gates\":{\"hidden\":[5],\"activation\":\"tanh\"}," EXPERTS("\"shared\":1,\"per_task\":2,") PARTS, true},
    {"{\"architecture\":\"aitm\"," EXPERTS("") PARTS, false},
    {"{\"architecture\":\"aitm\",\"sequence\":[\"time\",\"click\"],\"experts\":{\"hidden\":[6],\"activation\":\"tanh\",\"norm\":\"batch\",\"dropout\":0.2}" PARTS, false},
    {"{\"architecture\":\"home\",\"feature_gates\":{\"count\":0},\"self_gates\":false,\"experts\":{\"norm\":\"layer\",\"hidden\":[6]}" PARTS, false},
};

/* Gates that are more than a softmax. */
static const struct { const char *model; bool one; } gated[] = {
    {"{\"architecture\":\"mmoe\",\"gates\":{\"temperature\":0.6,\"weight_dropout\":0.4}," EXPERTS("\"count\":4,") PARTS, false},
    {"{\"architecture\":\"ple\",\"gates\":{\"temperature\":2.5,\"hidden\":[5],\"activation\":\"tanh\",\"weight_dropout\":0.2},"
     EXPERTS("\"shared\":1,\"per_task\":2,") PARTS, false},
    {"{\"architecture\":\"moe\",\"gates\":{\"top_k\":2}," EXPERTS("\"count\":5,") PARTS, true},
    {"{\"architecture\":\"omoe\",\"gates\":{\"top_k\":1}," EXPERTS("\"count\":4,") PARTS, false},
    {"{\"architecture\":\"mmoe\",\"gates\":{\"top_k\":2,\"temperature\":1.5}," EXPERTS("\"count\":6,") PARTS, false},
    {"{\"architecture\":\"mmoe\",\"levels\":2,\"gates\":{\"top_k\":2,\"weight_dropout\":0.3}," EXPERTS("\"count\":4,") PARTS, false},
    {"{\"architecture\":\"cgc\",\"gates\":{\"top_k\":2},\"experts\":{\"shared\":2,\"per_task\":{\"click\":1,\"time\":0,\"kind\":2},\"hidden\":[6,4],"
     "\"activation\":\"swish\",\"norm\":\"layer\",\"dropout\":0.3},\"towers\":{\"hidden\":[5],\"activation\":\"gelu\"}}", false},
    {"{\"architecture\":\"ple\",\"gates\":{\"top_k\":2,\"hidden\":[4],\"activation\":\"tanh\"}," EXPERTS("\"shared\":1,\"per_task\":{\"click\":2,\"time\":0,\"kind\":2},")
     ",\"towers\":{\"hidden\":[5],\"activation\":\"sigmoid\",\"norm\":\"batch\"}}", false},
    {"{\"architecture\":\"omoe\",\"gates\":{\"top_k\":2,\"noise\":true}," EXPERTS("\"count\":5,") PARTS, false},
    {"{\"architecture\":\"omoe\",\"gates\":{\"balance\":{\"importance\":0.5,\"z\":0.1}}," EXPERTS("\"count\":5,") PARTS, false},
    {"{\"architecture\":\"omoe\",\"gates\":{\"top_k\":2,\"temperature\":0.7,\"balance\":{\"even\":1}}," EXPERTS("\"count\":5,") PARTS, false},
    {"{\"architecture\":\"mmoe\",\"gates\":{\"top_k\":2,\"noise\":true,\"balance\":{\"load\":2}}," EXPERTS("\"count\":5,") PARTS, false},
    {"{\"architecture\":\"ple\",\"gates\":{\"top_k\":2,\"noise\":true,\"balance\":{\"importance\":0.3,\"load\":0.4,\"even\":0.2,\"z\":0.01}},"
     EXPERTS("\"shared\":2,\"per_task\":2,") PARTS, false},
    {"{\"architecture\":\"omoe\",\"gates\":{\"top_k\":2,\"temperature\":0.8,\"renormalise\":false,\"balance\":{\"importance\":0.5,\"even\":0.5,\"bias\":0.01}},"
     EXPERTS("\"count\":6,\"always\":1,") PARTS, false},
    {"{\"architecture\":\"mmoe\",\"levels\":2,\"gates\":{\"top_k\":1}," EXPERTS("\"count\":5,\"always\":2,") PARTS, false},
    {"{\"architecture\":\"mmoe\"," EXPERTS("\"count\":4,\"always\":1,") PARTS, false},
    {"{\"architecture\":\"adatt\",\"gates\":{\"top_k\":2}," EXPERTS("\"shared\":1,\"per_task\":2,") PARTS, false},
};

static void every_gate_has_the_gradient_of_its_loss(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof gated / sizeof *gated; i++) check_gradients(gated[i].model, gated[i].one ? one_task : all_tasks);
}
static const char *tasks_of(size_t model) { return models[model].one ? one_task : models[model].categories ? categories : all_tasks; }

static void every_architecture_has_the_gradient_of_its_loss(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) check_gradients(models[i].model, tasks_of(i));
}

static void losses_have_their_gradients(void **state) {
    (void)state;
    const char *model = "{\"architecture\":\"mmoe\"," EXPERTS("\"count\":2,") PARTS;
    check_gradients(model, "{\"click\":{\"type\":\"binary\",\"loss\":\"mse\"},\"time\":{\"type\":\"regression\",\"loss\":\"huber\",\"huber_delta\":0.5}}");
    check_gradients(model, "{\"click\":{\"type\":\"regression\",\"activation\":\"sigmoid\",\"loss\":\"mse\"},\"time\":{\"type\":\"regression\",\"activation\":\"tanh\"}}");
}

/* Named as the tasks above, since a model's `per_task` may name them. */
static const char *const other_types = "{\"click\":{\"type\":\"binary\",\"loss\":\"focal\",\"focal_alpha\":0.4},"
                                       "\"time\":{\"type\":\"regression\",\"loss\":\"ziln\"},"
                                       "\"kind\":{\"type\":\"ordinal\",\"classes\":[\"low\",\"middle\",\"high\"]}}";

/* Where a loss has a head of its own, and a task more or fewer logits than outputs. Pinball, which is all kinks, is looked at in test_loss. */
static void other_types_have_their_gradients(void **state) {
    (void)state;
    check_gradients("{\"architecture\":\"mmoe\"," EXPERTS("\"count\":2,") PARTS, other_types);
    check_gradients("{\"architecture\":\"ple\"," EXPERTS("\"shared\":1,\"per_task\":1,") ",\"towers\":{\"hidden\":[]}}", other_types);
    check_gradients("{\"architecture\":\"single-task\"," EXPERTS("") PARTS, "{\"visits\":{\"type\":\"count\"}}");
}

static const char *const chained = "{\"click\":{\"type\":\"binary\",\"positive_weight\":2},\"time\":{\"type\":\"binary\",\"weight\":0},"
                                   "\"kind\":{\"type\":\"binary\",\"chain\":[[\"click\",\"not time\"],[\"not click\",\"time\"]]}}";
static const char *const ordered = "{\"click\":{\"type\":\"binary\"},\"time\":{\"type\":\"binary\",\"after\":{\"task\":\"click\",\"weight\":3}}}";

/* A task without a tower, and a term of the objective that belongs to no task alone. */
static void chains_and_orders_have_their_gradients(void **state) {
    (void)state;
    check_gradients("{\"architecture\":\"mmoe\"," EXPERTS("\"count\":2,") PARTS, chained);
    check_gradients("{\"architecture\":\"ple\"," EXPERTS("\"shared\":1,\"per_task\":1,") PARTS, chained);
    check_gradients("{\"architecture\":\"cgc\"," EXPERTS("\"shared\":1,\"per_task\":1,") PARTS, ordered);
}

/* Three steps with 1, 2, 3 and 5 threads: parameters are equal bit for bit. */
static void same_for_any_threads(const char *model, const char *tasks) {
    const size_t counts[] = {1, 2, 3, 5};
    setup s[4];
    for (int c = 0; c < 4; c++) {
        set_up(&s[c], model, tasks, counts[c]);
        gw__step_result result;
        for (int step = 0; step < 3; step++) gw__trainer_step(s[c].trainer, s[c].rows, step == 2 ? 1 : ROWS, (gw__rates){0.01, 0.01}, &result);
        assert_true(result.finite);
    }
    for (int c = 1; c < 4; c++) {
        assert_memory_equal(gw__trainer_parameters(s[0].trainer), gw__trainer_parameters(s[c].trainer), gw__net_parameter_floats(s[0].net) * sizeof(float));
    }
    for (int c = 0; c < 4; c++) tear_down(&s[c]);
}

static void threads_do_not_move_a_bit(void **state) {
    (void)state;
    const size_t n_models = sizeof models / sizeof *models;
    const char *const sets[] = {NULL, other_types, chained};
    for (size_t i = 0; i < 3 * n_models; i++) { /* all of them, then again with the other types of tasks, and with a chain */
        const size_t at = i % n_models;
        same_for_any_threads(models[at].model, models[at].one || i < n_models ? tasks_of(at) : sets[i / n_models]);
    }
    for (size_t i = 0; i < sizeof gated / sizeof *gated; i++) same_for_any_threads(gated[i].model, gated[i].one ? one_task : all_tasks);
}

/* The values of a tensor after initialisation; how many. */
static size_t first_values(setup *s, const char *name, float *ret, size_t room) {
    for (size_t i = 0; i < gw__net_parameter_count(s->net); i++) {
        gw__parameter shown = gw__net_parameter_at(s->net, i);
        if (strcmp(shown.name, name) != 0) continue;
        assert_true(shown.n_dims == 1 && shown.shape[0] <= room);
        gw__net_parameter_get(s->net, gw__trainer_parameters(s->trainer), i, ret);
        return (size_t)shown.shape[0];
    }
    return 0;
}

static void constants_begin_as_the_papers_have_them(void **state) {
    (void)state;
    setup s;
    float v[8];
    set_up(&s, "{\"architecture\":\"cross-stitch\"," EXPERTS("") PARTS, all_tasks, 1);
    assert_int_equal(first_values(&s, "level1.gate.time.alpha", v, 8), 3);
    assert_true(v[0] == 0.05f && v[1] == 0.9f && v[2] == 0.05f);
    tear_down(&s);
    set_up(&s, "{\"architecture\":\"adatt\"," EXPERTS("\"shared\":4,\"per_task\":{\"click\":1,\"time\":0,\"kind\":2},") PARTS, all_tasks, 1);
    assert_int_equal(first_values(&s, "level0.gate.shared.residual", v, 8), 4);
    for (int i = 0; i < 4; i++) assert_true(fabsf(v[i]) <= 0.5f && v[i] != 0);
    assert_int_equal(first_values(&s, "level1.gate.kind.residual", v, 8), 2);
    assert_int_equal(first_values(&s, "level0.gate.click.residual", v, 8), 0); /* one alone is added as it is */
    assert_int_equal(first_values(&s, "level0.gate.time.residual", v, 8), 0);
    assert_int_equal(first_values(&s, "level1.gate.shared.residual", v, 8), 0);
    tear_down(&s);
    set_up(&s, "{\"architecture\":\"snr-aver\"," EXPERTS("\"count\":3,") PARTS, all_tasks, 1);
    assert_int_equal(first_values(&s, "level0.gate.expert2.log_alpha", v, 8), 3);
    assert_true(v[0] == 0 && v[1] == 0 && v[2] == 0);
    tear_down(&s);
}

/* Whether a tensor's gradient has a value that is not 0. */
static bool learns(setup *s, size_t parameter, const float *gradient) {
    const gw__parameter shown = gw__net_parameter_at(s->net, parameter);
    const size_t n = (size_t)(shown.shape[0] * (shown.n_dims == 2 ? shown.shape[1] : 1));
    float *values = calloc(n, sizeof *values);
    bool any = false;
    gw__net_parameter_get(s->net, gradient, parameter, values);
    for (size_t i = 0; i < n; i++) any |= values[i] != 0;
    free(values);
    return any;
}

static void teach_only(setup *s, size_t task) {
    for (size_t r = 0; r < ROWS; r++) {
        float *weights = (float *)(s->records.words + r * s->input.stride) + s->input.weights_at;
        for (size_t t = 0; t < TASKS; t++) weights[t] = t == task ? 1 : 0;
    }
}

/* stem: every expert's output flows to every task, and no gradient of a task to another task's experts and tables: exactly 0, of all rows together. */
static void a_task_of_stem_teaches_its_own_and_what_is_shared(void **state) {
    (void)state;
    static const char *const names[TASKS] = {"click", "time", "kind"};
    for (size_t task = 0; task < TASKS; task++) {
        setup s;
        set_up(&s, "{\"architecture\":\"stem\",\"gates\":{\"hidden\":[5],\"activation\":\"tanh\"}," EXPERTS("\"shared\":1,\"per_task\":2,") PARTS, all_tasks, 1);
        float *gradient = calloc(gw__net_parameter_floats(s.net), sizeof *gradient);
        size_t taught = 0, others = 0;
        gw__step_result result;
        teach_only(&s, task);
        gw__trainer_gradients(s.trainer, s.rows, ROWS, gradient, &result);
        for (size_t i = 0; i < gw__net_parameter_count(s.net); i++) {
            const char *name = gw__net_parameter_at(s.net, i).name;
            bool of_other = false;
            for (size_t t = 0; t < TASKS; t++) {
                char part[16];
                snprintf(part, sizeof part, ".%s.", names[t]);
                of_other |= t != task && strstr(name, part) != NULL;
            }
            if (learns(&s, i, gradient) == of_other) fail_msg("losses of '%s' alone: '%s' %s", names[task], name, of_other ? "learns" : "learns nothing");
            if (of_other) others++;
            else taught++;
        }
        assert_true(taught > 10 && others > taught);
        free(gradient);
        tear_down(&s);
    }
}

/* A batch without a labelled row has loss 0 and leaves plain gradient descent where it is. */
static void a_batch_without_labels_is_defined(void **state) {
    (void)state;
    setup s;
    set_up(&s, models[5].model, all_tasks, 1);
    const size_t bytes = gw__net_parameter_floats(s.net) * sizeof(float);
    float *gradient = malloc(bytes), *zeros = calloc(1, bytes);
    const uint64_t row = 3;
    gw__step_result result;
    gw__trainer_gradients(s.trainer, &row, 1, gradient, &result);
    assert_true(result.loss == 0 && result.finite && result.task_rows[0] == 0);
    assert_memory_equal(gradient, zeros, bytes);
    free(gradient), free(zeros);
    tear_down(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_architecture_has_the_gradient_of_its_loss),
        cmocka_unit_test(every_gate_has_the_gradient_of_its_loss),
        cmocka_unit_test(losses_have_their_gradients),
        cmocka_unit_test(other_types_have_their_gradients),
        cmocka_unit_test(chains_and_orders_have_their_gradients),
        cmocka_unit_test(threads_do_not_move_a_bit),
        cmocka_unit_test(constants_begin_as_the_papers_have_them),
        cmocka_unit_test(a_task_of_stem_teaches_its_own_and_what_is_shared),
        cmocka_unit_test(a_batch_without_labels_is_defined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
