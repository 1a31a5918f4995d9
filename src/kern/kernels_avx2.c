/* The kernels with AVX2 and FMA: a tile of 6 rows x 16 columns holds 12 of the 16 registers. */
#define GW__VECTOR 8
#define GW__ROWS 6
#define GW__PANELS 1
#define GW__TABLE gw__kernels_avx2
#define GW__ISA "avx2"
#include "kern/kernels_peak.h"
#include "kern/kernels_body.h"
