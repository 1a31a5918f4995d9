/* Linked without read.c, override.c, doc_yaml.c and libyaml: what prediction alone needs of a spec. */
#include "testing.h"

#include "spec/spec.h"

static void test_restore(void **state) {
    static const char json[] = "{\"data\":{\"train\":[\"a\"],\"header\":[\"x\",\"y\"]},\"tasks\":{\"y\":{\"type\":\"binary\"}}}";
    gw__spec *spec = NULL;
    assert_int_equal(gw__spec_restore(json, sizeof json - 1, "stored", &spec, NULL), GW_OK);
    assert_int_equal(spec->data.names.n, 2);
    gw__text out = {0};
    assert_int_equal(gw__spec_write_json(spec, &out, NULL), GW_OK);
    gw__spec *again = NULL;
    assert_int_equal(gw__spec_restore(out.at, out.n, "stored", &again, NULL), GW_OK);
    assert_int_equal(again->model.architecture, GW__ARCH_MMOE);
    gw__text_clear(&out);
    gw__spec_free(spec);
    gw__spec_free(again);
}

/* Models from before the default depended on `top_k` keep what they meant; the key is stored with every sparse gate since. */
static void test_one_expert(void **state) {
    static const char json[] = "{\"data\":{\"train\":[\"a\"]},\"tasks\":{\"y\":{\"type\":\"binary\"}},\"model\":{\"gates\":{\"top_k\":1}}}";
    gw__spec *spec = NULL;
    gw__text out = {0};
    assert_int_equal(gw__spec_restore(json, sizeof json - 1, "stored", &spec, NULL), GW_OK);
    assert_true(spec->model.gating.renormalise);
    for (int renormalise = 1; renormalise >= 0; renormalise--) {
        spec->model.gating.renormalise = renormalise;
        gw__text_clear(&out);
        out = (gw__text){0};
        assert_int_equal(gw__spec_write_json(spec, &out, NULL), GW_OK);
        gw__spec *again = NULL;
        assert_int_equal(gw__spec_restore(out.at, out.n, "stored", &again, NULL), GW_OK);
        assert_int_equal(again->model.gating.renormalise, renormalise);
        assert_non_null(strstr(out.at, renormalise ? "\"renormalise\":true" : "\"renormalise\":false"));
        gw__spec_free(again);
    }
    gw__text_clear(&out);
    gw__spec_free(spec);
}

static void test_refuse(void **state) {
    static const char json[] = "{\"data\":{\"train\":[\"a\"]},\n \"tasks\":{\"y\":{\"type\":\"binry\"}}}";
    gw__spec *spec = NULL;
    gw_error err = {0};
    assert_int_equal(gw__spec_restore(json, sizeof json - 1, "stored", &spec, &err), GW_E_CONFIG);
    assert_string_equal(err.where, "stored");
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 23);
    assert_null(spec);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_restore), cmocka_unit_test(test_one_expert), cmocka_unit_test(test_refuse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
