#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kern/kernels_tables.h"

static bool always(void) { return true; }

/* libgcc, which stands behind __builtin_cpu_supports in gcc 12 and clang 14, reports "avx2" and "avx512…" only if the system saves the registers, too:
 * OSXSAVE and the bits 1-2, for 512 bits 5-7 as well, of XCR0. So does compiler-rt 14, but not for "fma", which must not be asked alone. */
#if defined GW__HAVE_AVX2 || defined GW__HAVE_AVX512
static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif
#ifdef GW__HAVE_AVX512
static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

/* In the order of preference, the best last. */
static const struct { const gw__kernels *kernels; bool (*runs)(void); } tables[] = {
    {&gw__kernels_reference, always},
#ifdef GW__HAVE_BASE
    {&gw__kernels_base, always},
#endif
#ifdef GW__HAVE_NEON
    {&gw__kernels_neon, always},
#endif
#ifdef GW__HAVE_AVX2
    {&gw__kernels_avx2, has_avx2},
#endif
#ifdef GW__HAVE_AVX512
    {&gw__kernels_avx512, has_avx512},
#endif
};

const gw__kernels *gw__kernels_at(size_t i) {
    for (size_t t = 0; t < GW__COUNT(tables); t++) {
        if (tables[t].runs() && i-- == 0) return tables[t].kernels;
    }
    return NULL;
}

const gw__kernels *gw__kernels_best(void) {
    const gw__kernels *best = NULL, *next;
    for (size_t i = 0; (next = gw__kernels_at(i)) != NULL; i++) best = next;
    return best;
}

gw_status gw__kernels_named(const char *isa, const gw__kernels **ret_kernels, gw_error *err) {
    char known[128] = "";
    const gw__kernels *next;
    if (!isa) {
        *ret_kernels = gw__kernels_best();
        return GW_OK;
    }
    for (size_t i = 0, n = 0; (next = gw__kernels_at(i)) != NULL; i++) {
        if (strcmp(next->isa, isa) == 0) {
            *ret_kernels = next;
            return GW_OK;
        }
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", next->isa);
    }
    return gw__fail(err, GW_E_ARGUMENT, "expected an instruction set that this machine has (%s) but found '%.40s'", known, isa);
}
