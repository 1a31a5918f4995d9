/* The fast kernels, written once with compiler vectors and compiled once per instruction set: the including file defines
 *   GW__VECTOR   floats of a vector register (4, 8, 16; a divisor of 16)
 *   GW__ROWS     rows of a product's register tile, and
 *   GW__PANELS   its panels: GW__ROWS * GW__PANELS * 16 / GW__VECTOR sums must fit beside GW__PANELS rows of weights and one input
 *   GW__TABLE    the name of the table
 *   GW__ISA      its instruction set in words
 * These files are compiled with -ffp-contract=fast, so that a * b + c is one fused operation where the machine has it, and with
 * -fno-math-errno -fno-trapping-math; order of summation is as written. */

#include <float.h>
#include <math.h>
#include <string.h>

#include "kern/functions.h"
#include "kern/kernels_tables.h"

typedef float vec __attribute__((vector_size(GW__VECTOR * 4)));
typedef float loose_vec __attribute__((vector_size(GW__VECTOR * 4), aligned(4), may_alias)); /* in memory, at any address */

typedef int32_t ivec __attribute__((vector_size(GW__VECTOR * 4)));

#define UNROLL _Pragma("GCC unroll 16")
#define INLINE static inline __attribute__((always_inline))

#define VECS (GW__PANEL / GW__VECTOR) /* vectors of a panel's row */

static inline vec load(const float *p) { return *(const loose_vec *)p; }
static inline void store(float *p, vec v) { *(loose_vec *)p = v; }
static inline vec splat(float x) { return x - (vec){0}; }

typedef float quad __attribute__((vector_size(16)));
typedef float loose_quad __attribute__((vector_size(16), aligned(4), may_alias));

static inline quad load4(const float *p) { return *(const loose_quad *)p; }
static inline void store4(float *p, quad v) { *(loose_quad *)p = v; }

/* Lanes 0-3, 4-7, … added up. */
static inline quad quad_sum(vec v) {
#define QUAD(i) __builtin_shufflevector(v, v, i, i + 1, i + 2, i + 3)
#if GW__VECTOR == 4
    return v;
#elif GW__VECTOR == 8
    return QUAD(0) + QUAD(4);
#else
    return (QUAD(0) + QUAD(4)) + (QUAD(8) + QUAD(12));
#endif
#undef QUAD
}

/* In the order in which sums4 adds, so that one row alone gives the bits that it gives among others. */
static inline float horizontal(vec v) {
#if GW__VECTOR == 4
#define SWAP(v, i, j) __builtin_shufflevector(v, v, i, j, (i) ^ 2, (j) ^ 2)
#elif GW__VECTOR == 8
#define SWAP(v, i, j) __builtin_shufflevector(v, v, i, j, (i) ^ 2, (j) ^ 2, 4 + (i), 4 + (j), 4 + ((i) ^ 2), 4 + ((j) ^ 2))
#else
#define SWAP(v, i, j)                                                                                                                \
    __builtin_shufflevector(v, v, i, j, (i) ^ 2, (j) ^ 2, 4 + (i), 4 + (j), 4 + ((i) ^ 2), 4 + ((j) ^ 2), 8 + (i), 8 + (j),            \
                            8 + ((i) ^ 2), 8 + ((j) ^ 2), 12 + (i), 12 + (j), 12 + ((i) ^ 2), 12 + ((j) ^ 2))
#endif
    v += SWAP(v, 1, 0);
    v += SWAP(v, 2, 3);
    return quad_sum(v)[0];
#undef SWAP
}

#include "kern/kernels_products.h"
#include "kern/kernels_elements.h"
#include "kern/kernels_gates.h"
#include "kern/kernels_updates.h"
#include "kern/kernels_rows.h"

const gw__kernels GW__TABLE = GW__KERNEL_TABLE(GW__ISA);
