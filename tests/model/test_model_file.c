/* The model file: what is written comes back, and nothing else is taken for a model. */
#include "testing.h"

#include <math.h>

#include "base/pool.h"
#include "fail_alloc.h"
#include "small_run.h"

static const char spec_text[] =
    "data: {train: t.csv}\n"
    "tasks:\n  click: binary\n  price: {type: regression}\n  kind: {type: multiclass}\n"
    "features: {ignore: [part, buy], columns: {c: {type: categorical, dim: 3}, d: {transform: quantile}, user: {type: hashed, buckets: 16, dim: 2}}}\n"
    "model: {architecture: mmoe, experts: {count: 2, hidden: [4], norm: batch}, towers: {hidden: [3]}}\n";

/* A model with initial parameters in m.gw. */
static void write_model(void) {
    gw__spec *spec;
    gw__features *features;
    gw__dataset dataset;
    gw__pool *pool;
    gw_model *model;
    gw_error err = {0};
    write_table("t.csv", 120, 3);
    if (gw__spec_parse(spec_text, strlen(spec_text), "spec", NULL, 0, &spec, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    assert_int_equal(gw__pool_new(1, &pool, NULL), GW_OK);
    if (gw__dataset_read(spec, NULL, false, pool, &features, &dataset, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    assert_int_equal(gw__model_new(spec, features, &model, NULL), GW_OK);
    gw__net_initialise(model->net, spec, model->parameters);
    gw__text_puts(&model->record, "{\"epochs\":3}");
    if (gw__model_write(model, NULL, "m.gw", &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    gw__model_free(model);
    gw__dataset_clear(&dataset);
    gw__pool_free(pool);
}

static gw_model *read_model(const char *path) {
    gw_model *model = NULL;
    gw_error err = {0};
    if (gw__model_read(path, &model, NULL, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    return model;
}

static void comes_back(void **state) {
    (void)state;
    write_model();
    gw_model *model = read_model("m.gw");
    assert_string_equal(model->record.at, "{\"epochs\":3}");
    assert_int_equal(model->spec->n_tasks, 3);
    assert_int_equal(gw__features_classes(model->features, 2).n, 3);
    assert_int_equal(gw__model_write(model, NULL, "again.gw", NULL), GW_OK);
    assert_same_files("m.gw", "again.gw");
    gw__model_free(model);
}

static void holds_what_it_should(void **state) {
    (void)state;
    write_model();
    gw__container container;
    gw_model *model;
    assert_int_equal(gw__model_read("m.gw", &model, &container, NULL), GW_OK);
    static const char *const keys[] = {"gatewright.format", "gatewright.spec", "gatewright.features", "gatewright.training",
                                       "gatewright.checksums", "gatewright.header_checksum"};
    assert_int_equal(container.n_metadata, GW__COUNT(keys));
    for (size_t i = 0; i < GW__COUNT(keys); i++) assert_non_null(gw__container_metadata(&container, keys[i]).at);
    size_t n = gw__net_parameter_count(model->net);
    for (size_t i = 0; i < n; i++) assert_string_equal(container.tensors[i].name, gw__net_parameter_at(model->net, i).name);
    for (size_t i = n; i < container.n_tensors; i++) assert_int_equal(strncmp(container.tensors[i].name, "feature.", 8), 0);
    assert_non_null(gw__container_tensor(&container, "level0.expert.shared.1.0.norm.running_var"));
    assert_non_null(gw__container_tensor(&container, "tower.price.1.bias"));
    gw__container_clear(&container);
    gw__model_free(model);
}

/* ---- altered files ---- */

static void assert_refused(const char *bytes, size_t n, const char *what, size_t at) {
    gw_model *model = NULL;
    gw_error err = {0};
    char *copy = gw__aligned_alloc(n, 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    gw_status status = gw__model_parse(copy, n, "bad.gw", &model, &err);
    if (status != GW_E_FORMAT && status != GW_E_VERSION && status != GW_E_UNSUPPORTED)
        fail_msg("%s %zu: expected an error but found %d: %s", what, at, status, err.message);
    if (err.message[0] == 0 || strcmp(err.where, "bad.gw") != 0) fail_msg("%s %zu: '%s' at '%s'", what, at, err.message, err.where);
    assert_null(model);
}

static void truncated(void **state) {
    (void)state;
    write_model();
    size_t n;
    char *bytes = file_bytes("m.gw", &n);
    for (size_t at = 0; at < n; at += 64) assert_refused(bytes, at, "truncated at", at);
    assert_refused(bytes, n - 1, "truncated at", n - 1);
    bytes[n] = 0;
    assert_refused(bytes, n + 1, "one byte more than", n);
    free(bytes);
}

static void single_bytes_altered(void **state) {
    (void)state;
    write_model();
    size_t n;
    char *bytes = file_bytes("m.gw", &n);
    for (size_t at = 0; at < n; at += at < 4096 ? 1 : 7) {
        char was = bytes[at];
        bytes[at] = (char)(was ^ (1 << at % 8));
        assert_refused(bytes, n, "altered at", at);
        bytes[at] = was;
    }
    free(bytes);
}

/* ---- sealed, but wrong ---- */

/* m.gw with one thing changed and new seals. */
typedef struct forgery {
    const char *drop_tensor, *drop_key;           /* left out */
    const char *add_tensor;                       /* a tensor of this name too many */
    const char *key, *value;                      /* metadata to set (added if new) */
    const char *in_spec, *instead;                /* a text of the spec's JSON to replace */
    void (*alter)(gw__tensor *tensor);            /* of tower.price.0.weight */
} forgery;

static const float nothing[64];

static void transpose(gw__tensor *tensor) {
    uint64_t rows = tensor->shape[0];
    tensor->shape[0] = tensor->shape[1];
    tensor->shape[1] = rows;
}
static void flatten(gw__tensor *tensor) {
    tensor->shape[0] *= tensor->shape[1];
    tensor->n_dims = 1;
}
static void integers(gw__tensor *tensor) { tensor->dtype = GW__I32; }
static void not_a_number(gw__tensor *tensor) {
    static float values[64];
    memcpy(values, tensor->data, tensor->n_bytes);
    values[5] = NAN;
    tensor->data = values;
}

static gw__slice replaced(gw__slice text, const char *from, const char *to, gw__arena *arena) {
    char *copy = gw__arena_text(arena, text.at, text.n), *at = strstr(copy, from);
    if (!at) fail_msg("no '%s' in %s", from, copy);
    gw__text out = {0};
    gw__text_add(&out, copy, (size_t)(at - copy));
    gw__text_puts(&out, to);
    gw__text_puts(&out, at + strlen(from));
    gw__slice result = {gw__arena_text(arena, out.at, out.n), out.n};
    gw__text_clear(&out);
    return result;
}

static void forge(const forgery *f) {
    gw__container c;
    gw__arena arena = {0};
    gw__writer writer = {0};
    assert_int_equal(gw__container_read("m.gw", &c, NULL), GW_OK);
    gw__tensor *tensors = calloc(c.n_tensors + 1, sizeof *tensors);
    gw__pair *pairs = calloc(c.n_metadata + 1, sizeof *pairs);
    size_t n_tensors = 0, n_pairs = 0;
    bool set = false;
    for (size_t i = 0; i < c.n_tensors; i++) {
        if (f->drop_tensor && strcmp(f->drop_tensor, c.tensors[i].name) == 0) continue;
        tensors[n_tensors] = c.tensors[i];
        if (f->alter && strcmp(c.tensors[i].name, "tower.price.0.weight") == 0) f->alter(&tensors[n_tensors]);
        n_tensors++;
    }
    if (f->add_tensor) tensors[n_tensors++] = (gw__tensor){f->add_tensor, GW__F32, 1, {4}, nothing, 16};
    for (size_t i = 0; i < c.n_metadata; i++) {
        gw__pair pair = c.metadata[i];
        if (f->drop_key && strcmp(f->drop_key, pair.key) == 0) continue;
        if (f->key && strcmp(f->key, pair.key) == 0) {
            pair.value = gw__slice_of(f->value);
            set = true;
        }
        if (f->in_spec && strcmp(pair.key, "gatewright.spec") == 0) pair.value = replaced(pair.value, f->in_spec, f->instead, &arena);
        pairs[n_pairs++] = pair;
    }
    if (f->key && !set) pairs[n_pairs++] = (gw__pair){f->key, gw__slice_of(f->value)};
    assert_int_equal(gw__writer_open(&writer, "bad.gw", NULL), GW_OK);
    assert_int_equal(gw__container_write(tensors, n_tensors, pairs, n_pairs, true, &writer, NULL), GW_OK);
    assert_int_equal(gw__writer_commit(&writer, NULL), GW_OK);
    free(tensors);
    free(pairs);
    gw__arena_clear(&arena);
    gw__container_clear(&c);
}

static void forged(void **state) {
    (void)state;
    write_model();
    static const struct {
        forgery change;
        gw_status status;
        const char *part;
    } cases[] = {
        {{.drop_tensor = "tower.price.0.weight"}, GW_E_FORMAT, "tensor 'tower.price.0.weight' is missing"},
        {{.add_tensor = "tower.price.7.bias"}, GW_E_FORMAT, "'tower.price.7.bias' does not belong"},
        {{.add_tensor = "optimizer.exp_avg.tower.price.0.bias"}, GW_E_FORMAT, "does not belong"},
        {{.add_tensor = "kept.tower.price.0.bias"}, GW_E_FORMAT, "does not belong"},
        {{.alter = transpose}, GW_E_FORMAT, "'tower.price.0.weight': expected shape [3,4] but found [4,3]"},
        {{.alter = flatten}, GW_E_FORMAT, "expected shape [3,4] but found [12]"},
        {{.alter = integers}, GW_E_FORMAT, "expected F32 but found I32"},
        {{.alter = not_a_number}, GW_E_FORMAT, "'tower.price.0.weight': value 5 is not finite"},
        {{.key = "gatewright.format", .value = "2"}, GW_E_VERSION, "format 2"},
        {{.key = "gatewright.format", .value = "one"}, GW_E_FORMAT, "'one'"},
        {{.key = "gatewright.format", .value = "0"}, GW_E_FORMAT, "'0'"},
        {{.drop_key = "gatewright.format"}, GW_E_FORMAT, "not a model"},
        {{.drop_key = "gatewright.spec"}, GW_E_FORMAT, "'gatewright.spec' is missing"},
        {{.drop_key = "gatewright.features"}, GW_E_FORMAT, "'gatewright.features' is missing"},
        {{.drop_key = "gatewright.training"}, GW_E_FORMAT, "'gatewright.training' is missing"},
        {{.key = "gatewright.training", .value = "[1]"}, GW_E_FORMAT, "expected a JSON object"},
        {{.key = "gatewright.training", .value = "{\"a\":1} "}, GW_OK, ""},
        {{.key = "gatewright.training", .value = "{\"a\":1}}"}, GW_E_FORMAT, "'gatewright.training'"},
        {{.key = "gatewright.training", .value = "{\"a\":1,\"a\":2}"}, GW_E_FORMAT, "'gatewright.training'"},
        {{.key = "gatewright.spec", .value = "{"}, GW_E_FORMAT, "'gatewright.spec'"},
        {{.key = "gatewright.spec", .value = "{}"}, GW_E_FORMAT, "'gatewright.spec'"},
        {{.key = "gatewright.features", .value = "{}"}, GW_E_FORMAT, "'gatewright.features'"},
        {{.key = "gatewright.features", .value = "nonsense"}, GW_E_FORMAT, "'gatewright.features'"},
        {{.in_spec = "\"mmoe\"", .instead = "\"omoe\""}, GW_E_FORMAT, "level0.gate"},
        {{.in_spec = "\"hidden\":[3]", .instead = "\"hidden\":[5]"}, GW_E_FORMAT, "expected shape [5,4] but found [3,4]"},
        {{.in_spec = "\"hidden\":[3]", .instead = "\"hidden\":[65536,4096]"}, GW_E_FORMAT, "expected shape [65536,4]"},
        {{.in_spec = "\"price\":", .instead = "\"prize\":"}, GW_E_FORMAT, ""},
        {{.in_spec = "\"buckets\":16", .instead = "\"buckets\":2000000000"}, GW_E_FORMAT, ""},
    };
    for (size_t i = 0; i < GW__COUNT(cases); i++) {
        gw_model *model = NULL;
        gw_error err = {0};
        forge(&cases[i].change);
        gw_status status = gw__model_read("bad.gw", &model, NULL, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].part))
            fail_msg("case %zu: expected %d with '%s' but found %d: %s", i, cases[i].status, cases[i].part, status, err.message);
        if (status != GW_OK) assert_string_equal(err.where, "bad.gw");
        gw__model_free(model);
    }
}

/* A spec of a hundred thousand tensors beside a handful: planning ends at the first that is not there. */
static void larger_than_its_file(void **state) {
    (void)state;
    write_model();
    gw_model *model = NULL;
    gw_error err = {0};
    forge(&(forgery){.in_spec = "\"count\":2,\"hidden\":[[4]]",
                     .instead = "\"count\":1024,\"hidden\":[[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]]"});
    size_t before = count_allocations();
    assert_int_equal(gw__model_read("bad.gw", &model, NULL, &err), GW_E_FORMAT);
    if (!strstr(err.message, "'level0.expert.shared.0.0.weight': expected shape [1,")) fail_msg("%s", err.message);
    assert_true(count_allocations() - before < 1000);
}

/* Tensors are named by whole column names, however long they are. */
static void long_names_of_columns(void **state) {
    (void)state;
    gw__spec *spec;
    gw__features *features;
    gw__dataset dataset;
    gw__pool *pool;
    gw_model *model;
    static const char text[] = "{\"data\":{\"train\":\"t.csv\"},\"tasks\":{\"y\":\"regression\"},\"features\":{\"default\":\"categorical\"}}";
    char name[2000];
    memset(name, 'n', sizeof name);
    FILE *f = fopen("t.csv", "w");
    assert_non_null(f);
    fprintf(f, "%.2000sa,%.2000sb,y\n1,2,3\n1,2,4\n", name, name);
    fclose(f);
    assert_int_equal(gw__spec_parse(text, strlen(text), "spec.json", NULL, 0, &spec, NULL), GW_OK);
    assert_int_equal(gw__pool_new(1, &pool, NULL), GW_OK);
    assert_int_equal(gw__dataset_read(spec, NULL, false, pool, &features, &dataset, NULL), GW_OK);
    assert_int_equal(gw__model_new(spec, features, &model, NULL), GW_OK);
    assert_int_equal(gw__model_write(model, NULL, "m.gw", NULL), GW_OK);
    gw__model_free(model);
    gw__dataset_clear(&dataset);
    gw__pool_free(pool);
    gw__model_free(read_model("m.gw"));
}

/* ---- memory ---- */

static gw_status read_and_write(void *context, gw_error *err) {
    (void)context;
    gw_model *model = NULL;
    gw_status status = gw__model_read("m.gw", &model, NULL, err);
    if (status == GW_OK) status = gw__model_write(model, NULL, "copy.gw", err);
    gw__model_free(model);
    return status;
}

static void out_of_memory(void **state) {
    (void)state;
    write_model();
    assert_true(fail_each_allocation(read_and_write, NULL) > 50);
    assert_same_files("m.gw", "copy.gw");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)
    const struct CMUnitTest tests[] = {
        TEST(comes_back), TEST(holds_what_it_should), TEST(truncated), TEST(single_bytes_altered), TEST(forged), TEST(larger_than_its_file),
        TEST(long_names_of_columns), TEST(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
