#ifndef GW_TESTS_KERNELS_WIDE_H
#define GW_TESTS_KERNELS_WIDE_H

#include "kern/kernels.h"

extern const gw__kernels gw__kernels_wide;

#endif
