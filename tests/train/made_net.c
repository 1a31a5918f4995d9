#include "made_net.h"

#include <math.h>

void make(made *m, const char *text, size_t threads) {
    gw_error err = {0};
    size_t widths[8];
    memset(m, 0, sizeof *m);
    if (gw__spec_parse(text, strlen(text), "s.yaml", NULL, 0, &m->spec, &err) != GW_OK) fail_msg("%s: %s", text, err.message);
    assert_int_equal(gw__pool_new(threads, &m->pool, &err), GW_OK);
    assert_int_equal(gw__dataset_read(m->spec, NULL, false, m->pool, &m->features, &m->data, &err), GW_OK);
    for (size_t t = 0; t < m->spec->n_tasks; t++) widths[t] = gw__features_output_width(m->features, t);
    assert_int_equal(gw__net_new(m->spec, gw__features_input(m->features), widths, &m->net, &err), GW_OK);
    m->flat = gw__aligned_alloc(gw__net_parameter_floats(m->net), sizeof *m->flat);
    gw__net_initialise(m->net, m->spec, m->flat);
    assert_int_equal(gw__health_new(m->net, m->pool, &m->health, &err), GW_OK);
}

void unmake(made *m) {
    gw__health_free(m->health);
    gw__aligned_free(m->flat);
    gw__net_free(m->net);
    gw__dataset_clear(&m->data);
    gw__features_free(m->features);
    gw__pool_free(m->pool);
    gw__spec_free(m->spec);
}

void set(made *m, const char *name, const float *values) {
    for (size_t i = 0; i < gw__net_parameter_count(m->net); i++) {
        if (strcmp(gw__net_parameter_at(m->net, i).name, name) != 0) continue;
        gw__net_parameter_set(m->net, m->flat, i, values);
        return;
    }
    fail_msg("no parameter '%s'", name);
}

void assert_near(double found, double expected, double within) {
    if (!(fabs(found - expected) <= within)) fail_msg("expected %.9g but found %.9g", expected, found);
}
