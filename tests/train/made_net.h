/* A network of a spec, with rows, parameters that can be set by name, and what measures its health. */
#ifndef GW_TESTS_MADE_NET_H
#define GW_TESTS_MADE_NET_H

#include "small_run.h"
#include "train/health.h"

typedef struct made {
    gw__spec *spec;
    gw__features *features;
    gw__dataset data;
    gw__net *net;
    gw__pool *pool;
    float *flat;
    gw__health *health;
} made;

void make(made *m, const char *text, size_t threads); /* from the spec; parameters are the initial ones */
void unmake(made *m);
void set(made *m, const char *name, const float *values);
void assert_near(double found, double expected, double within);

#endif
