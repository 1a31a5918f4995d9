/* The tables of one instruction set each. */
#ifndef GW_KERN_KERNELS_TABLES_H
#define GW_KERN_KERNELS_TABLES_H

#include "kern/kernels.h"

extern const gw__kernels gw__kernels_base;
#ifdef GW__HAVE_AVX2
extern const gw__kernels gw__kernels_avx2;
#endif

#endif
