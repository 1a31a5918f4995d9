/* What this machine can do at best, measured by the program itself: multiply-adds, and memory in the ways in which the engine reads it. */
#ifndef GW_LAB_CEILINGS_H
#define GW_LAB_CEILINGS_H

#include "base/pool.h"
#include "kern/kernels.h"

typedef struct gw__ceilings {
    size_t threads;
    double flops;       /* floating-point operations a second of the table's instruction set, in registers */
    double read, triad; /* bytes a second: sum of an array; a = b + s c (12 bytes an element; what the store reads before is not counted) */
    double rows[2][2];  /* random rows of 64 bytes a second: [huge pages][prefetch 16 rows ahead] */
} gw__ceilings;

/* A ceiling is the best of some rounds; by processor time for one thread, by wall time for more. */

/* The first of them alone. `pool` NULL: one thread. */
double gw__ceiling_flops(const gw__kernels *kernels, gw__pool *pool, double seconds);

/* All of them for one thread and for the pool's; `pool` NULL: for one thread only, ret[0]. The table of rows is `table_bytes` long, a power
 * of two, or less if there is no room (*ret_table_bytes); GW_E_NOMEM if there is hardly any. `seconds` for each. */
gw_status gw__ceilings_measure(const gw__kernels *kernels, gw__pool *pool, size_t table_bytes, double seconds,
                               gw__ceilings ret[2], size_t *ret_table_bytes, gw_error *err);

#endif
