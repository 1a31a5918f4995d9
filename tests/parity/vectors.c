#include "vectors.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_case(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Cases of values only have no expected losses, for instance. */
static bool expects(const char *name, const char *tensor) {
    char path[512];
    gw__container expected = {0};
    snprintf(path, sizeof path, "%s/expected.safetensors", name);
    bool has = gw__container_read(path, &expected, NULL) != GW_OK || gw__container_tensor(&expected, tensor); /* a broken case is a case */
    gw__container_clear(&expected);
    return has;
}

int run_cases(int argc, char **argv, const char *group, const char *wanted, CMUnitTestFunction test) {
    struct dirent **entries;
    const char *prefix = argc > 2 ? argv[2] : "";
    if (argc < 2 || chdir(argv[1]) != 0) {
        fprintf(stderr, "usage: %s VECTORS [CASE]\n", argv[0]);
        return 1;
    }
    int n = scandir(".", &entries, is_case, alphasort), count = 0;
    size_t n_isas = 0;
    while (gw_isa_at(n_isas)) n_isas++;
    parity_case *cases = n > 0 ? calloc((size_t)n * n_isas, sizeof *cases) : NULL;
    struct CMUnitTest *tests = n > 0 ? calloc((size_t)n * n_isas, sizeof *tests) : NULL;
    for (int i = 0; i < n && tests && cases; i++) {
        char *name = entries[i]->d_name;
        if (strncmp(name, prefix, strlen(prefix)) != 0 || !expects(name, wanted)) continue;
        for (size_t k = 0; k < n_isas; k++) {
            parity_case *c = &cases[count];
            *c = (parity_case){.name = name, .isa = gw_isa_at(k)};
            snprintf(c->title, sizeof c->title, "%.90s (%s)", name, c->isa);
            tests[count++] = (struct CMUnitTest){.name = c->title, .test_func = test, .initial_state = c};
        }
    }
    if (count == 0) {
        fprintf(stderr, "%s: no case '%s' in '%s'\n", argv[0], prefix, argv[1]);
        return 1;
    }
    int failed = _cmocka_run_group_tests(group, tests, (size_t)count, NULL, NULL);
    for (int i = 0; i < n; i++) free(entries[i]);
    free(entries);
    free(tests);
    free(cases);
    return failed;
}

gw__container read_container(const char *name, const char *file) {
    char path[512];
    gw__container container = {0};
    gw_error err = {0};
    snprintf(path, sizeof path, "%s/%s.safetensors", name, file);
    if (gw__container_read(path, &container, &err) != GW_OK) fail_msg("%s: %s", path, err.message);
    return container;
}

double *tensor_values(const gw__container *container, const char *name, size_t *ret_n) {
    const gw__tensor *tensor = gw__container_tensor(container, name);
    if (!tensor) return NULL;
    size_t n = tensor->n_bytes / gw__dtype_bytes(tensor->dtype);
    double *values = malloc((n ? n : 1) * sizeof *values);
    assert_non_null(values);
    assert_true(tensor->dtype == GW__F32 || tensor->dtype == GW__F64);
    for (size_t i = 0; i < n; i++) {
        float f;
        if (tensor->dtype == GW__F64) {
            memcpy(&values[i], (const char *)tensor->data + i * sizeof(double), sizeof(double));
        } else {
            memcpy(&f, (const char *)tensor->data + i * sizeof f, sizeof f);
            values[i] = f;
        }
    }
    *ret_n = n;
    return values;
}

size_t tensor_rows(const gw__container *container, const char *name) {
    const gw__tensor *tensor = gw__container_tensor(container, name);
    return tensor && tensor->n_dims > 0 ? (size_t)tensor->shape[0] : 0;
}

void check_close(const char *what, const double *found, const double *expected, size_t n, double least, double tolerance) {
    double worst = -1;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        double off = fabs(found[i] - expected[i]) / fmax(fabs(expected[i]), least);
        if (!(off <= worst)) { /* NaN counts as worse than anything */
            worst = off;
            at = i;
        }
        if (isnan(off)) break;
    }
    if (getenv("PARITY_SHOW")) fprintf(stderr, "# %s: %.2g of %.2g\n", what, worst, tolerance);
    if (n > 0 && !(worst <= tolerance))
        fail_msg("%s: value %zu of %zu: expected %.9g but found %.9g, off by %.2g where %.2g is allowed", what, at, n, expected[at], found[at],
                 worst, tolerance);
}
