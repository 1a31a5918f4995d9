/* The most multiply-adds that an instruction set can do: nothing but them, in registers. The including file defines GW__VECTOR, as for
 * kernels_body.h. What a kernel reaches is told as a share of this. */
#ifndef GW_KERN_KERNELS_PEAK_H
#define GW_KERN_KERNELS_PEAK_H

#include <stddef.h>

/* Sums that do not wait for each other: more than the units times their latency (x86: 2 x 5), and few enough to stay in registers. */
#if defined(__aarch64__) || GW__VECTOR == 16
#define PEAK_SUMS 24
#else
#define PEAK_SUMS 12
#endif

typedef float peak_vec __attribute__((vector_size(GW__VECTOR * 4)));

static double peak(size_t rounds, float *ret_sum) {
    enum { REPEATS = 8 };
    const peak_vec zero = {0};
    peak_vec sums[PEAK_SUMS], keep = zero + 0.75f, more = zero + 0.25f; /* sums go towards 1 */
#pragma GCC unroll 24
    for (int i = 0; i < PEAK_SUMS; i++) sums[i] = zero + (float)i;
    for (size_t round = 0; round < rounds; round++) {
        __asm__ volatile("" : "+m"(*ret_sum)); /* rounds are not skipped, however well a compiler knows where this ends */
#pragma GCC unroll 8
        for (int repeat = 0; repeat < REPEATS; repeat++) {
#pragma GCC unroll 24
            for (int i = 0; i < PEAK_SUMS; i++) sums[i] = sums[i] * keep + more;
        }
    }
    peak_vec total = zero;
#pragma GCC unroll 24 /* or the sums would live in memory, since only an array in memory has a variable index */
    for (int i = 0; i < PEAK_SUMS; i++) total += sums[i];
    *ret_sum = 0;
    for (int lane = 0; lane < GW__VECTOR; lane++) *ret_sum += total[lane];
    return 2.0 * GW__VECTOR * PEAK_SUMS * REPEATS * (double)rounds;
}

#endif
