/* Features through a model file: written, read back, and every lie about them refused. */
#include "feat_fixture.h"

#include <unistd.h>

#include "base/random.h"
#include "fail_alloc.h"

/* As it stands in a file: JSON and tensors, all owned by the arena. */
typedef struct stored {
    gw__text json;
    gw__tensor *tensors;
    size_t n_tensors;
    gw__arena arena;
} stored;

static const char csv[] = "num,t.x,user,friend,tags,d,k\n1,a,p,q,x|y,0.1,r\n2,b,q,p,y,0.7,s\n,a,p,,x,0.30000000000000004,r\n9,b,?,q,,1e-7,s\n9,a,p,q,z|y,5,r\n";
static const recipe table = {
    .csv = csv,
    .missing = "[\"?\"]",
    .features = "{\"default\":{\"min_count\":1},\"columns\":{\"num\":{\"type\":\"numeric\",\"transform\":[\"quantile\",\"standard\",\"quantile\"],\"indicator\":true},"
                "\"user\":{\"type\":\"categorical\",\"share\":\"people\"},\"friend\":{\"type\":\"categorical\",\"share\":\"people\"},"
                "\"tags\":{\"type\":\"bag\",\"min_count\":1}}}",
    .tasks = "{\"k\":{\"type\":\"multiclass\"},"
             "\"r\":{\"type\":\"binary\",\"label\":\"k\",\"positive\":\"r\"},\"c\":{\"type\":\"multiclass\",\"label\":\"k\",\"classes\":[\"s\",\"r\"]}}"};

static stored write_features(const gw__features *features) {
    stored s = {0};
    gw_error err = {0};
    gw__json_writer json = {&s.json, false};
    if (gw__features_write(features, &json, &s.tensors, &s.n_tensors, &s.arena, &err) != GW_OK) fail_msg("%s", err.message);
    return s;
}

static void clear_stored(stored *s) {
    gw__text_clear(&s->json);
    gw__arena_clear(&s->arena);
}

static int by_name(const void *a, const void *b) { return strcmp((*(gw__tensor *const *)a)->name, (*(gw__tensor *const *)b)->name); }

static gw_status read_features(const gw__spec *spec, const stored *s, gw__features **ret, gw_error *err) {
    const gw__tensor *sorted[16];
    assert_true(s->n_tensors <= GW__COUNT(sorted));
    for (size_t i = 0; i < s->n_tensors; i++) sorted[i] = &s->tensors[i];
    qsort(sorted, s->n_tensors, sizeof *sorted, by_name);
    gw__container container = {.tensors = s->tensors, .n_tensors = s->n_tensors, .by_name = sorted};
    return gw__features_read(spec, (gw__slice){s->json.at, s->json.n}, &container, ret, err);
}

static void what_is_read_encodes_alike(void **state) {
    reading r = read_table(table), again = {0};
    stored s = write_features(r.features);
    gw__features *features = NULL;
    gw_error err = {0};
    if (read_features(r.spec, &s, &features, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    assert_int_equal(try_fitted(table, features, &again, &err), GW_OK);
    assert_true(same_records(&r.dataset.train, &again.dataset.train));
    const gw__input *a = r.in, *b = gw__features_input(features);
    assert_int_equal(a->n_slots, b->n_slots);
    assert_memory_equal(a->slots, b->slots, a->n_slots * sizeof *a->slots);
    assert_int_equal(a->n_tables, b->n_tables);
    for (size_t i = 0; i < a->n_tables; i++) {
        assert_string_equal(a->tables[i].name, b->tables[i].name);
        assert_int_equal(a->tables[i].rows, b->tables[i].rows);
        assert_int_equal(a->tables[i].dim, b->tables[i].dim);
    }
    for (size_t i = 0; i < gw__features_count(r.features); i++) {
        gw__feature_view x = gw__features_at(r.features, i), y = gw__features_at(features, i);
        assert_string_equal(x.name, y.name);
        assert_int_equal(x.type, y.type);
        assert_int_equal(x.automatic, y.automatic);
    }
    assert_string_equal(gw__features_classes(features, 0).at[1], "s");
    assert_string_equal(gw__features_classes(features, 2).at[0], "s");
    stored twice = write_features(features);
    assert_int_equal(twice.json.n, s.json.n);
    assert_memory_equal(twice.json.at, s.json.at, s.json.n);
    assert_int_equal(twice.n_tensors, s.n_tensors);
    for (size_t i = 0; i < s.n_tensors; i++) {
        assert_string_equal(twice.tensors[i].name, s.tensors[i].name);
        assert_int_equal(twice.tensors[i].n_bytes, s.tensors[i].n_bytes);
        if (s.tensors[i].n_bytes) assert_memory_equal(twice.tensors[i].data, s.tensors[i].data, s.tensors[i].n_bytes);
    }
    clear_stored(&twice);
    clear_stored(&s);
    gw__features_free(features);
    clear_reading(&again);
    clear_reading(&r);
}

static void tensors_have_their_names(void **state) {
    reading r = read_table(table);
    stored s = write_features(r.features);
    const char *names[] = {"feature.num.quantiles", "feature.t%2Ex.vocabulary", "feature.t%2Ex.offsets", "feature.people.vocabulary",
                           "feature.people.offsets", "feature.tags.vocabulary", "feature.tags.offsets"};
    assert_int_equal(s.n_tensors, GW__COUNT(names));
    for (size_t i = 0; i < GW__COUNT(names); i++) {
        assert_string_equal(s.tensors[i].name, names[i]);
        assert_int_equal(s.tensors[i].n_dims, 1);
        assert_int_equal(s.tensors[i].n_bytes, s.tensors[i].shape[0] * gw__dtype_bytes(s.tensors[i].dtype));
    }
    assert_memory_equal(s.tensors[1].data, "ab", 2);
    clear_stored(&s);
    clear_reading(&r);
}

/* Through a real file; a column of rare values alone has a vocabulary without bytes. */
static void an_empty_vocabulary_survives_a_file(void **state) {
    reading r = read_table((recipe){.csv = "c,y\na,0\nb,1\n"}), again = {0};
    stored s = write_features(r.features);
    char path[] = "/tmp/gatewright-feat-XXXXXX.gw";
    gw__writer writer = {0};
    gw__container container = {0};
    gw__features *features = NULL;
    gw_error err = {0};
    close(mkstemps(path, 3));
    gw__pair pair = {"features", {s.json.at, s.json.n}};
    assert_int_equal(gw__writer_open(&writer, path, &err), GW_OK);
    assert_int_equal(gw__container_write(s.tensors, s.n_tensors, &pair, 1, true, &writer, &err), GW_OK);
    assert_int_equal(gw__writer_commit(&writer, &err), GW_OK);
    if (gw__container_read(path, &container, &err) != GW_OK) fail_msg("%s", err.message);
    if (gw__features_read(r.spec, gw__container_metadata(&container, "features"), &container, &features, &err) != GW_OK) fail_msg("%s", err.message);
    assert_int_equal(view_of(features, "c").rows, 2);
    assert_int_equal(try_fitted((recipe){.csv = "c,y\na,0\nb,1\n"}, features, &again, &err), GW_OK);
    assert_true(same_records(&r.dataset.train, &again.dataset.train));
    remove(path);
    gw__container_clear(&container);
    clear_reading(&again);
    gw__features_free(features);
    clear_stored(&s);
    clear_reading(&r);
}

static void refuse_fitted(const stored *s, recipe other, const char *message) {
    gw__features *features = NULL;
    gw_error err = {0};
    reading of = read_table(other);
    assert_int_equal(read_features(of.spec, s, &features, &err), GW_E_FORMAT);
    assert_null(features);
    assert_string_equal(err.message, message);
    clear_reading(&of);
}

/* What --init says of a model that was trained by another spec. */
static void other_types_are_named(void **state) {
    recipe other = {.csv = "age,x,y\n1,2,0\n2,3,1\n", .features = "{\"columns\":{\"x\":\"numeric\"}}"};
    reading r = read_table(other);
    stored s = write_features(r.features);
    other.features = "{\"columns\":{\"x\":\"categorical\"}}";
    refuse_fitted(&s, other, "feature 'x': the model has it as numeric but the spec as categorical");
    other.features = NULL;
    refuse_fitted(&s, other, "feature 'x': the model has it as numeric but the spec as auto");
    other.features = "{\"columns\":{\"x\":\"numeric\",\"age\":\"categorical\"}}";
    refuse_fitted(&s, other, "feature 'age': the model has it as numeric (auto) but the spec as categorical");
    other.tasks = "{\"y\":{\"type\":\"binary\"},\"a\":{\"type\":\"regression\",\"label\":\"age\"}}";
    other.features = "{\"columns\":{\"x\":\"numeric\"}}";
    refuse_fitted(&s, other, "feature 'age': it is the label of the task 'a'");
    clear_stored(&s);
    clear_reading(&r);
}

/* ---- lies ---- */

static void refuse(const gw__spec *spec, const stored *s, const char *what) {
    gw__features *features = NULL;
    gw_error err = {0};
    gw_status status = read_features(spec, s, &features, &err);
    if (status != GW_E_FORMAT || !err.message[0]) fail_msg("%s: status %d, message '%s'", what, (int)status, err.message);
    assert_null(features);
}

/* With `from` replaced by `to` in the JSON. */
static void refuse_text(const gw__spec *spec, const stored *s, const char *from, const char *to) {
    stored lie = *s;
    gw__text json = {0};
    const char *at = strstr(s->json.at, from);
    if (!at) fail_msg("'%s' is not in %s", from, s->json.at);
    gw__text_add(&json, s->json.at, (size_t)(at - s->json.at));
    gw__text_puts(&json, to);
    gw__text_puts(&json, at + strlen(from));
    lie.json = json;
    refuse(spec, &lie, to);
    gw__text_clear(&json);
}

static void false_descriptions_are_refused(void **state) {
    reading r = read_table(table);
    stored s = write_features(r.features);
    const char *lies[][2] = {
        {"\"name\":\"num\"", "\"name\":\"k\""},
        {"\"name\":\"num\"", "\"name\":7"},
        {"\"name\":\"num\"", "\"name\":\"n\\u0000m\""},
        {"\"name\":\"friend\"", "\"name\":\"user\""},
        {"\"type\":\"numeric\"", "\"type\":\"categorical\""},
        {"\"type\":\"numeric\"", "\"type\":\"auto\""},
        {"\"type\":\"bag\"", "\"type\":\"hashed\""},
        {"\"automatic\":true", "\"automatic\":false"},
        {"\"automatic\":false", "\"automatic\":true"},
        {"\"automatic\":false", "\"automatic\":0"},
        {"\"large\":false", "\"large\":true"},
        {"\"fill\":", "\"fil\":"},
        {"\"fill\":", "\"fill\":1e999,\"other\":"},
        {"\"knots\":5", "\"knots\":4"},
        {"\"knots\":5", "\"knots\":6"},
        {"\"knots\":5", "\"knots\":-1"},
        {"\"knots\":5", "\"knots\":1e18"},
        {"\"knots\":5", "\"knots\":2.5"},
        {"\"knots\":5", "\"knots\":0"},
        {"\"knots\":0", "\"knots\":1"},
        {"\"shift\":", "\"shift\":\"1\",\"other\":"},
        {"\"steps\":[{", "\"steps\":[{\"shift\":0,\"scale\":0,\"knots\":0},{"},
        {"\"name\":\"people\"", "\"name\":\"user\""},
        {"\"missing\":true", "\"missing\":1"},
        {"\"tables\":[", "\"tables\":[{\"name\":\"x\",\"missing\":false},"},
        {"\"tables\":[", "\"tables\":[[]],\"other\":["},
        {"\"tables\":[", "\"tables\":[],\"other\":["},
        {"\"classes\":[", "\"classes\":[[],"},
        {"\"classes\":[[\"r\",\"s\"]", "\"classes\":[[\"r\"]"},
        {"\"classes\":[[\"r\",\"s\"]", "\"classes\":[[\"r\",\"r\"]"},
        {"\"classes\":[[\"r\",\"s\"]", "\"classes\":[[\"r\",\"\"]"},
        {"\"classes\":[[\"r\",\"s\"]", "\"classes\":[[\"r\",[]]"},
        {"\"classes\":[[\"r\",\"s\"]", "\"classes\":[7"},
        {"\"classes\":[", "\"classes\":7,\"other\":["},
        {"{\"features\":[", "{\"features\":[7,"},
        {"{\"features\":[", "{\"features\":[],\"other\":["},
        {"{\"features\":[", "{\"other\":["},
    };
    for (size_t i = 0; i < GW__COUNT(lies); i++) refuse_text(r.spec, &s, lies[i][0], lies[i][1]);
    clear_stored(&s);
    clear_reading(&r);
}

static void a_truncated_description_is_refused(void **state) {
    reading r = read_table(table);
    stored s = write_features(r.features);
    for (size_t n = 0; n < s.json.n; n++) {
        stored cut = s;
        cut.json.n = n;
        refuse(r.spec, &cut, "cut");
    }
    clear_stored(&s);
    clear_reading(&r);
}

/* Any byte may be altered: an answer or an error, never a crash. */
static void altered_bytes_do_no_harm(void **state) {
    reading r = read_table(table);
    stored s = write_features(r.features);
    size_t refused = 0;
    for (size_t i = 0; i < s.json.n; i++) {
        char kept = s.json.at[i];
        s.json.at[i] = (char)(kept ^ (1 << gw__random_bits(3, GW__RANDOM_SYNTH, 0, i) % 7));
        gw__features *features = NULL;
        gw_error err = {0};
        gw_status status = read_features(r.spec, &s, &features, &err);
        assert_true((status == GW_OK) == (features != NULL));
        if (status != GW_OK) assert_true(err.message[0] != 0);
        refused += status != GW_OK;
        gw__features_free(features);
        s.json.at[i] = kept;
    }
    assert_true(refused > s.json.n / 2);
    clear_stored(&s);
    clear_reading(&r);
}

static void refuse_offsets(const gw__spec *spec, stored *s, const uint32_t *offsets, size_t n) {
    gw__tensor kept = s->tensors[2];
    s->tensors[2].data = offsets;
    s->tensors[2].shape[0] = n;
    s->tensors[2].n_bytes = n * sizeof *offsets;
    refuse(spec, s, "offsets");
    s->tensors[2] = kept;
}

static void false_vocabularies_are_refused(void **state) {
    reading r = read_table(table);
    stored s = write_features(r.features); /* tensor 1: "ab", tensor 2: 0, 1, 2 */
    refuse_offsets(r.spec, &s, (const uint32_t[]){1, 1, 2}, 3);
    refuse_offsets(r.spec, &s, (const uint32_t[]){0, 2, 1}, 3);
    refuse_offsets(r.spec, &s, (const uint32_t[]){0, 0, 2}, 3);
    refuse_offsets(r.spec, &s, (const uint32_t[]){0, 1, 3}, 3);
    refuse_offsets(r.spec, &s, (const uint32_t[]){0, UINT32_MAX, 2}, 3);
    refuse_offsets(r.spec, &s, (const uint32_t[]){0, 1}, 2);
    refuse_offsets(r.spec, &s, (const uint32_t[]){0}, 0);
    gw__tensor kept = s.tensors[1];
    s.tensors[1].data = "aa";
    refuse(r.spec, &s, "a value twice");
    s.tensors[1] = kept;
    s.tensors[1].dtype = GW__U32;
    refuse(r.spec, &s, "type");
    s.tensors[1] = kept;
    s.tensors[1].n_dims = 2;
    refuse(r.spec, &s, "dims");
    s.tensors[1] = kept;
    s.tensors[1].name = "feature.other.vocabulary";
    refuse(r.spec, &s, "absent");
    s.tensors[1] = kept;
    clear_stored(&s);
    clear_reading(&r);
}

static void false_quantiles_are_refused(void **state) {
    reading r = read_table(table);
    stored s = write_features(r.features);
    double knots[10];
    assert_int_equal(s.tensors[0].shape[0], 10);
    memcpy(knots, s.tensors[0].data, sizeof knots);
    s.tensors[0].data = knots;
    double kept = knots[3];
    const double lies[] = {-1, 1e300 * 1e300, -(1e300 * 1e300), 0.0 / 0.0 * 1};
    for (size_t i = 0; i < GW__COUNT(lies); i++) {
        knots[3] = lies[i];
        refuse(r.spec, &s, "quantiles");
    }
    knots[3] = kept;
    s.tensors[0].shape[0] = 9;
    refuse(r.spec, &s, "too few");
    clear_stored(&s);
    clear_reading(&r);
}

/* ---- memory ---- */

typedef struct reader {
    const gw__spec *spec;
    const stored *s;
} reader;

static gw_status read_once(void *context, gw_error *err) {
    const reader *from = context;
    gw__features *features = NULL;
    gw_status status = read_features(from->spec, from->s, &features, err);
    gw__features_free(features);
    return status;
}

static gw_status write_once(void *context, gw_error *err) {
    stored s = {0};
    gw__json_writer json = {&s.json, false};
    gw_status status = gw__features_write(context, &json, &s.tensors, &s.n_tensors, &s.arena, err);
    clear_stored(&s);
    return status;
}

static void every_allocation_may_fail(void **state) {
    reading r = read_table(table);
    stored s = write_features(r.features);
    reader from = {r.spec, &s};
    assert_true(fail_each_allocation(read_once, &from) > 20);
    assert_true(fail_each_allocation(write_once, r.features) > 5);
    clear_stored(&s);
    clear_reading(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_encodes_alike),
        cmocka_unit_test(tensors_have_their_names),
        cmocka_unit_test(an_empty_vocabulary_survives_a_file),
        cmocka_unit_test(other_types_are_named),
        cmocka_unit_test(false_descriptions_are_refused),
        cmocka_unit_test(a_truncated_description_is_refused),
        cmocka_unit_test(altered_bytes_do_no_harm),
        cmocka_unit_test(false_vocabularies_are_refused),
        cmocka_unit_test(false_quantiles_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
