#include "kern/kernels_tables.h"

/* In the order of preference, the best last. The check is of the processor and of the system (which must save the wide registers). */
const gw__kernels *gw__kernels_at(size_t i) {
    if (i == 0) return &gw__kernels_reference;
    if (i == 1) return &gw__kernels_base;
#ifdef GW__HAVE_AVX2
    if (i == 2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &gw__kernels_avx2;
#endif
    return NULL;
}

const gw__kernels *gw__kernels_best(void) {
    const gw__kernels *best = NULL, *next;
    for (size_t i = 0; (next = gw__kernels_at(i)) != NULL; i++) best = next;
    return best;
}
