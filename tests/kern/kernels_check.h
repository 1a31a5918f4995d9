/* Every kernel of a table against the reference, at odd shapes: for the test of kernels and for the program that times them. */
#ifndef GW_TESTS_KERNELS_CHECK_H
#define GW_TESTS_KERNELS_CHECK_H

#include "kern/kernels.h"

/* The first kernel that gives something else, in words; NULL if all agree. One caller at a time. */
const char *kernels_mismatch(const gw__kernels *kernels);

#endif
