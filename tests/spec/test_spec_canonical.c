/* Canonical JSON: complete, in order, and a fixed point. */
#include "testing.h"

#include "spec/fields.h"
#include "specs.h"

static gw__spec *restored(const char *json) {
    gw__spec *spec = NULL;
    gw_error err = {0};
    gw_status status = gw__spec_restore(json, strlen(json), "stored", &spec, &err);
    if (status != GW_OK) fail_msg("%lld:%lld: %s in %s", (long long)err.line, (long long)err.column, err.message, json);
    return spec;
}

/* Reading and writing again, as a stored spec, as JSON and as YAML (which JSON is), gives the same bytes. */
static void check_fixed_point(gw__spec *spec) {
    char *first = canonical_of(spec), *complete = complete_of(spec);
    gw__spec *again[3] = {restored(first), spec_of(complete), NULL};
    assert_int_equal(gw__spec_parse(complete, strlen(complete), "s.json", NULL, 0, &again[2], NULL), GW_OK);
    for (size_t i = 0; i < GW__COUNT(again); i++) {
        char *second = canonical_of(again[i]);
        assert_string_equal(first, second);
        free(second);
        gw__spec_free(again[i]);
    }
    free(first);
    free(complete);
    gw__spec_free(spec);
}

static void test_fixed_points(void **state) {
    check_fixed_point(spec_of(LEAST));
    check_fixed_point(spec_of(every_key));
    static const char *const sets[] = {
        "model=single-task", "model=shared-bottom", "model=averaged", "model=moe", "model=omoe", "model=mmoe", "model=cgc", "model=ple",
        "model={architecture: ple, ple: raw-gates}", "model={architecture: ple, ple: no-shared-gate}", "model={architecture: ple, ple: paper}",
        "model={architecture: custom, wiring: {levels: [{experts: {a: 2, b: {count: 1}}, gates: {p: [a, b.0], q: {sees: a, residual: a.1, reads: input}}}, "
        "{experts: {c: {count: 2, reads: [p, q]}}, gates: {all: {sees: c, kind: connect}}}], towers: {y: all}}}",
        "model={architecture: local-experts, error: competitive, experts: {hidden: []}}",
        "model=snr-aver", "model={architecture: snr-trans, connections: {lambda: 0.1, beta: 0.5}}", "model={architecture: l2-constrained, alpha: 0.25}",
        "model=adatt-sp", "model=adatt", "model=cross-stitch", "model={architecture: cross-stitch, experts: {hidden: [7, 5, 3]}}",
        "model={architecture: mmoe, levels: 3, gates: {hidden: [[], [3], [4, 4]]}}", "model.init=normal", "model.init=he",
        "model.gates.top_k=1", "model.gates.top_k=2", "model.gates={top_k: 1, renormalise: true, balance: {even: 0.1}}",
        "train.optimizer=adam", "train.optimizer=sgd", "train.optimizer=adamw", "train.optimizer=adagrad",
        "train.schedule=step", "train.schedule=exponential", "train.schedule=cosine", "train.seed=9223372036854775808", "train.seed=18446744073709551610",
        "train.balance=fixed", "train.balance={method: decayed, gamma: 0.9}", "train.balance={method: decayed, gamma: {y: 0.3333333333333333}, every: 7}",
        "train.balance=uncertainty", "train.balance=dwa", "train.balance=gradnorm", "train.balance=pcgrad", "train.balance={method: mgda, normalise: both}",
        "train.balance={method: cagrad, c: 0.25}", "train.balance={method: imtl, scale_losses: false}", "train.balance=nash", "train.balance=famo",
        "train.balance=random", "train.checkpoint=epoch", "train.batch=9007199254740993", "train.l2=4.9406564584124654e-324", "train.l2=1.7976931348623157e308", "train.l2=0.1",
        "data.valid={fraction: 0.1}", "data.valid={column: u, fraction: 0.1}", "data.valid={column: u, from: \"\\\"\\\\ \\u0001 ü\"}", "data.valid=v.csv",
        "data.separator=tab", "data.header=[a, \"b\\nc\", ü]", "tasks.y.loss=huber", "tasks.y.positive='null'", "tasks.y.positive=true",
        "tasks.\"=binary", "features.default.share=t", "features.default={type: hashed, buckets: 7}", "features.columns.a.missing=-0.0",
    };
    for (size_t i = 0; i < GW__COUNT(sets); i++) check_fixed_point(spec_with(LEAST, sets[i]));
}

/* Keys of the other types of tasks survive; those of a chain and of an order appear only where they were written. */
static void test_types_and_chains(void **state) {
    gw__spec *s = spec_of("data: {train: a.csv}\ntasks:\n  q: {type: quantile, quantiles: [0.05, 0.5]}\n  o: {type: ordinal, classes: [lo, hi]}\n"
                          "  f: {type: binary, loss: focal, focal_gamma: 1.5, focal_alpha: 0.25}\n  c: count\n  z: {type: regression, loss: ziln}\n"
                          "  g: {type: binary, after: f}\n  p: {type: binary, chain: [[f, g], [not f, g]]}\nmodel: cgc\n");
    char *json = canonical_of(s);
    assert_non_null(strstr(json, "\"quantiles\":[0.05,0.5],\"loss\":\"pinball\""));
    assert_non_null(strstr(json, "\"classes\":[\"lo\",\"hi\"],\"loss\":\"proportional-odds\""));
    assert_non_null(strstr(json, "\"focal_gamma\":1.5,\"focal_alpha\":0.25"));
    assert_non_null(strstr(json, "\"chain\":[[\"f\",\"g\"],[\"not f\",\"g\"]]}"));
    assert_non_null(strstr(json, "\"after\":{\"task\":\"f\",\"weight\":0.6}}"));
    assert_non_null(strstr(json, "\"g\":2,\"p\":0}")); /* no experts of a task without a tower */
    free(json);
    check_fixed_point(s);
    s = spec_of("data: {train: a.csv}\ntasks: {y: binary}\n");
    json = canonical_of(s);
    assert_true(!strstr(json, "chain") && !strstr(json, "after") && !strstr(json, "focal") && !strstr(json, "quantiles"));
    free(json);
    gw__spec_free(s);
}

/* Where the data lay is no part of a model; that it was tab-separated is. */
static void test_no_file_is_named(void **state) {
    gw__spec *s = spec_of("data: {train: dir/a.tsv.gz, valid: dir/b.tsv, test: dir/c.tsv}\ntasks: {y: binary}\ntrain: {early_stop: mean}\n");
    char *json = canonical_of(s);
    assert_null(strstr(json, "dir"));
    gw__spec *again = restored(json);
    assert_int_equal(again->data.valid.kind, GW__SPLIT_FILES);
    assert_true(again->data.train.n == 0 && again->data.test.n == 0 && again->data.separator == '\t');
    free(json);
    gw__spec_free(s);
    gw__spec_free(again);
}

static void test_complete_and_in_order(void **state) {
    gw__spec *s = spec_of("data: {train: a.csv}\ntasks: {y: {type: regression, loss: huber}}\nfeatures: {columns: {n: numeric}}\nmodel: ple\n");
    char *json = canonical_of(s);
    assert_string_equal(json,
        "{\"data\":{\"valid\":null,\"header\":true,\"missing\":[],\"separator\":null},"
        "\"features\":{\"ignore\":[],\"default\":{\"type\":\"auto\",\"transform\":[\"standard\"],\"missing\":\"mean\",\"indicator\":false,\"dim\":8,"
        "\"min_count\":2,\"max_rows\":0,\"unseen_rate\":0,\"buckets\":0,\"separator\":\"|\",\"pooling\":\"mean\",\"share\":null},"
        "\"columns\":{\"n\":{\"type\":\"numeric\",\"transform\":[\"standard\"],\"missing\":\"mean\",\"indicator\":false}}},"
        "\"tasks\":{\"y\":{\"type\":\"regression\",\"label\":\"y\",\"loss\":\"huber\",\"activation\":\"none\",\"huber_delta\":1,\"weight\":1,"
        "\"given\":null,\"row_weight\":null}},"
        "\"model\":{\"architecture\":\"ple\",\"levels\":2,\"experts\":{\"shared\":2,\"per_task\":{\"y\":2},\"hidden\":[[64,32],[64,32]],"
        "\"activation\":\"relu\",\"dropout\":0,\"norm\":\"none\",\"bias\":true},"
        "\"gates\":{\"hidden\":[[],[]],\"activation\":\"relu\",\"dropout\":0,\"bias\":true},"
        "\"towers\":{\"hidden\":[16],\"activation\":\"relu\",\"dropout\":0,\"norm\":\"none\",\"bias\":true},"
        "\"init\":{\"name\":\"pytorch\"},\"embedding_std\":0.05},"
        "\"train\":{\"epochs\":10,\"batch\":512,\"shuffle\":true,\"seed\":1,\"data_seed\":1,\"optimizer\":{\"name\":\"adam\",\"lr\":0.001,\"betas\":[0.9,0.999],"
        "\"eps\":1e-08,\"weight_decay\":0,\"lazy\":true},\"schedule\":{\"name\":\"constant\",\"warmup\":0},\"clip\":{\"norm\":0,\"value\":0},"
        "\"l2\":0,\"early_stop\":null,\"checkpoint\":null}}");
    free(json);
    gw__spec_free(s);
}

/* Writing out the defaults by hand changes nothing. */
static void test_defaults_written_out(void **state) {
    gw__spec *short_one = spec_of(LEAST);
    gw__spec *long_one = spec_of("data: {train: [a.csv], header: True, missing: []}\ntasks: {y: {type: binary, label: y, loss: bce, weight: 1.0}}\n"
                                 "model: {architecture: mmoe, levels: 1, experts: {count: 8, hidden: [64, 32]}, gates: {hidden: []}, towers: {hidden: [16]}}\n"
                                 "train: {epochs: 1e1, batch: 512, seed: 01, optimizer: {lr: 1.0e-3, betas: [.9, 0.999]}}\n");
    char *a = canonical_of(short_one), *b = canonical_of(long_one);
    assert_string_equal(a, b);
    free(a);
    free(b);
    gw__spec_free(short_one);
    gw__spec_free(long_one);
}

/* A model's spec opens no file, whatever it says. */
static void test_stored_specs(void **state) {
    static const char path[] = "{\"data\":{\"train\":[\"a\"],\"header\":\"/etc/passwd\"},\"tasks\":{\"y\":\"binary\"}}";
    static const char yaml[] = LEAST;
    gw__spec *s = NULL;
    gw_error err = {0};
    assert_int_equal(gw__spec_restore(path, sizeof path - 1, "stored", &s, &err), GW_E_CONFIG);
    assert_string_equal(err.message, "key 'header': a stored spec must hold the names but has a file's path");
    assert_int_equal(err.column, 33);
    assert_int_equal(gw__spec_restore(yaml, sizeof yaml - 1, "stored", &s, &err), GW_E_FORMAT);
    assert_null(s);
}

typedef struct names { int n, undocumented, unowned; } names;

static void look_at(void *context, const char *path, const gw__field *field) {
    names *found = context;
    found->n++;
    if (field->doc == NULL || field->doc[0] == '\0') found->undocumented++;
    if ((field->applies != NULL) != (field->owner != NULL)) found->unowned++;
}

static void test_table(void **state) {
    names found = {0};
    gw__fields_walk(look_at, &found);
    assert_true(found.n > 90);
    assert_int_equal(found.undocumented, 0);
    assert_int_equal(found.unowned, 0);
}

static void test_names(void **state) {
    assert_string_equal(gw__architecture_name(GW__ARCH_SHARED_BOTTOM), "shared-bottom");
    assert_string_equal(gw__activation_name(GW__ACT_LEAKY_RELU), "leaky_relu");
    assert_string_equal(gw__loss_name(GW__LOSS_CROSS_ENTROPY), "cross-entropy");
    assert_string_equal(gw__task_type_name(GW_TASK_MULTICLASS), "multiclass");
    assert_string_equal(gw__feature_type_name(GW__FEATURE_BAG), "bag");
    gw__spec_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_chains),
        cmocka_unit_test(test_fixed_points), cmocka_unit_test(test_no_file_is_named), cmocka_unit_test(test_complete_and_in_order), cmocka_unit_test(test_defaults_written_out),
        cmocka_unit_test(test_stored_specs), cmocka_unit_test(test_table), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
