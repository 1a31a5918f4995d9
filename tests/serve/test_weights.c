/* Parameters out to safetensors and back in. */
#include <math.h>

#include "interop/weights.h"
#include "serve_fixture.h"
#include "testing.h"

static float *copy_of_parameters(const gw_model *model) {
    size_t n = gw__net_parameter_floats(model->net) * sizeof(float);
    float *copy = malloc(n);
    memcpy(copy, model->parameters, n);
    return copy;
}

static void test_what_was_exported_comes_back(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    size_t bytes = gw__net_parameter_floats(f->model->net) * sizeof(float);
    float *before = copy_of_parameters(f->model);
    fixture_must(gw__weights_write(f->model, f->output, &err), &err);
    memset(f->model->parameters, 0, bytes);
    fixture_must(gw__weights_read(f->model, f->output, &err), &err);
    assert_memory_equal(f->model->parameters, before, bytes);

    /* A model file as weights: its features do not count. */
    fixture_must(gw__model_write(f->model, NULL, f->output, &err), &err);
    memset(f->model->parameters, 0, bytes);
    fixture_must(gw__weights_read(f->model, f->output, &err), &err);
    assert_memory_equal(f->model->parameters, before, bytes);
    free(before);
}

/* A file that differs from the export in one way. */
typedef struct change {
    size_t tensor;
    const char *rename;  /* another name */
    bool drop, add, transpose, as_double, unaligned;
    float set;           /* put into its first value unless 0 */
    gw__dtype dtype;     /* other than F32: claims this type */
} change;

static gw_status read_changed(fixture *f, change c, gw_error *err) {
    gw__arena arena = {0};
    gw__container file = {0};
    gw__writer writer = {0};
    fixture_must(gw__weights_write(f->model, f->output, err), err);
    fixture_must(gw__container_read(f->output, &file, err), err);
    gw__tensor *tensors = gw__arena_alloc(&arena, file.n_tensors + 1, sizeof *tensors);
    size_t n = 0;
    for (size_t i = 0; i < file.n_tensors; i++) {
        gw__tensor t = file.tensors[i];
        if (i == c.tensor) {
            size_t count = t.n_bytes / sizeof(float);
            float *values = gw__arena_alloc(&arena, count, sizeof *values);
            memcpy(values, t.data, t.n_bytes);
            if (c.set != 0) values[0] = c.set;
            t.data = values;
            if (c.rename) t.name = c.rename;
            if (c.transpose) {
                t.shape[0] = file.tensors[i].shape[1];
                t.shape[1] = file.tensors[i].shape[0];
            }
            if (c.as_double) {
                double *doubles = gw__arena_alloc(&arena, count, sizeof *doubles);
                for (size_t k = 0; k < count; k++) doubles[k] = (double)values[k];
                t.data = doubles;
                t.dtype = GW__F64;
                t.n_bytes = count * sizeof *doubles;
            }
            if (c.dtype != GW__F32) t.dtype = c.dtype;
        }
        if (i == c.tensor && c.drop) continue;
        tensors[n++] = t;
    }
    static const uint8_t odd[3] = {1, 2, 3};
    if (c.add) tensors[n++] = (gw__tensor){.name = "feature.age.quantiles", .dtype = GW__U8, .n_dims = 1, .shape = {3}, .data = odd, .n_bytes = 3};
    if (c.unaligned) { /* what comes first in the file moves the rest off their alignment */
        memmove(tensors + 1, tensors, n * sizeof *tensors);
        tensors[0] = (gw__tensor){.name = "x", .dtype = GW__U8, .n_dims = 1, .shape = {3}, .data = odd, .n_bytes = 3};
        n++;
    }
    fixture_must(gw__writer_open(&writer, f->output, err), err);
    fixture_must(gw__container_write(tensors, n, NULL, 0, false, &writer, err), err);
    fixture_must(gw__writer_commit(&writer, err), err);
    gw__container_clear(&file);
    gw__arena_clear(&arena);
    return gw__weights_read(f->model, f->output, err);
}

static size_t index_of(const fixture *f, const char *name) {
    for (size_t i = 0; i < gw__net_parameter_count(f->model->net); i++)
        if (strcmp(gw__net_parameter_at(f->model->net, i).name, name) == 0) return i;
    fail_msg("no parameter '%s'", name);
    return 0;
}

static void test_files_that_do_not_fit(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    size_t head = index_of(f, "tower.click.0.weight"), bytes = gw__net_parameter_floats(f->model->net) * sizeof(float);
    float *before = copy_of_parameters(f->model);

    assert_int_equal(read_changed(f, (change){.tensor = head, .drop = true}, &err), GW_E_FORMAT);
    assert_non_null(strstr(err.message, "'tower.click.0.weight'"));
    assert_int_equal(read_changed(f, (change){.tensor = head, .rename = "towers.click.0.weight"}, &err), GW_E_FORMAT);
    assert_non_null(strstr(err.message, "'tower.click.0.weight'"));
    assert_non_null(strstr(err.message, "the file has 'towers.click.0.weight'"));
    assert_int_equal(read_changed(f, (change){.add = true}, &err), GW_E_FORMAT);
    assert_non_null(strstr(err.message, "'feature.age.quantiles'"));
    assert_int_equal(read_changed(f, (change){.tensor = head, .transpose = true}, &err), GW_E_FORMAT);
    assert_non_null(strstr(err.message, "expected the shape [16, 32] but found [32, 16]"));
    assert_int_equal(read_changed(f, (change){.tensor = head, .dtype = GW__I32}, &err), GW_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "I32"));
    assert_int_equal(read_changed(f, (change){.tensor = head, .set = NAN}, &err), GW_E_NONFINITE);
    assert_non_null(strstr(err.message, "'tower.click.0.weight'"));
    assert_memory_equal(f->model->parameters, before, bytes);
    free(before);
}

static void test_files_of_others(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    size_t head = index_of(f, "tower.click.0.weight"), bytes = gw__net_parameter_floats(f->model->net) * sizeof(float);
    float *before = copy_of_parameters(f->model);
    fixture_must(read_changed(f, (change){.tensor = head, .as_double = true}, &err), &err);
    assert_memory_equal(f->model->parameters, before, bytes);
    assert_int_equal(read_changed(f, (change){.unaligned = true}, &err), GW_E_FORMAT);
    assert_non_null(strstr(err.message, "for tensor 'x'"));
    free(before);
}

static void test_altered_model_files(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    fixture_must(gw__model_write(f->model, NULL, f->output, &err), &err);
    FILE *file = fopen(f->output, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -5, SEEK_END), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, -5, SEEK_END), 0);
    fputc(byte ^ 1, file);
    assert_int_equal(fclose(file), 0);
    float *before = copy_of_parameters(f->model);
    assert_int_equal(gw__weights_read(f->model, f->output, &err), GW_E_FORMAT);
    assert_memory_equal(f->model->parameters, before, gw__net_parameter_floats(f->model->net) * sizeof(float));
    free(before);
}

static void test_import_makes_a_model(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    gw_model *model = NULL;
    gw__text spec = {0};
    fixture_must(gw__weights_write(f->model, f->output, &err), &err);
    fixture_must(gw__spec_write_json(f->model->spec, &spec, &err), &err);
    char from[600];
    snprintf(from, sizeof from, "data.train=\"%s\"", f->table); /* a model's spec does not say where its data lay */
    const char *sets[] = {from, "model.towers.hidden=[17]"};
    gw_train_options options = {.spec_text = spec.at, .threads = 2, .overrides = sets, .n_overrides = 1};
    fixture_must(gw__weights_import(&options, f->output, &model, &err), &err);
    assert_memory_equal(model->parameters, f->model->parameters, gw__net_parameter_floats(model->net) * sizeof(float));
    gw__model_free(model);
    options.n_overrides = 2;
    model = NULL;
    assert_int_equal(gw__weights_import(&options, f->output, &model, &err), GW_E_FORMAT);
    assert_null(model);
    gw__text_clear(&spec);
}

static void test_negative_variances(void **state) {
    fixture *f = *state;
    gw_error err = {0};
    gw_model *model = NULL;
    gw__text spec = {0};
    fixture_must(gw__spec_write_json(f->model->spec, &spec, &err), &err);
    char from[600];
    snprintf(from, sizeof from, "data.train=\"%s\"", f->table);
    const char *sets[] = {from, "model.towers.norm=batch"};
    fixture_must(gw__model_of_spec(&(gw_train_options){.spec_text = spec.at, .threads = 1, .overrides = sets, .n_overrides = 2}, &model, &err), &err);
    size_t i = 0;
    while (!gw__net_parameter_at(model->net, i).variance) i++;
    float values[64] = {[3] = -1};
    gw__net_parameter_set(model->net, model->parameters, i, values);
    fixture_must(gw__weights_write(model, f->output, &err), &err);
    assert_int_equal(gw__weights_read(model, f->output, &err), GW_E_FORMAT);
    assert_non_null(strstr(err.message, ".norm.running_var': value 3 is a negative variance"));
    gw__model_free(model);
    gw__text_clear(&spec);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_exported_comes_back), cmocka_unit_test(test_files_that_do_not_fit), cmocka_unit_test(test_files_of_others),
        cmocka_unit_test(test_altered_model_files),          cmocka_unit_test(test_import_makes_a_model),
        cmocka_unit_test(test_negative_variances),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
