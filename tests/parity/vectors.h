/* Reading the parity vectors: a folder per case, as make_vectors.py describes. */
#ifndef GW_TESTS_VECTORS_H
#define GW_TESTS_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "file/safetensors.h"

/* What a test gets as its state. */
typedef struct parity_case {
    const char *name; /* its folder */
    const char *isa;  /* the instruction set to compute with */
    char title[128];
} parity_case;

/* Run `test` once per instruction set of this machine and folder under argv[1] whose name begins with argv[2] (if given) and whose expected
 * tensors hold `wanted`. The working directory is then argv[1]. Returns the number of failures. */
int run_cases(int argc, char **argv, const char *group, const char *wanted, CMUnitTestFunction test);

gw__container read_container(const char *name, const char *file);
/* A tensor that may be absent (NULL); its values as doubles, to be freed. */
double *tensor_values(const gw__container *container, const char *name, size_t *ret_n);
size_t tensor_rows(const gw__container *container, const char *name);

/* The largest |found - expected| / max(|expected|, least) may be `tolerance`; reports the worst place and fails otherwise. */
void check_close(const char *what, const double *found, const double *expected, size_t n, double least, double tolerance);

#endif
