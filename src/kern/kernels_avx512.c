/* The kernels with AVX-512 (F, BW, DQ, VL): a vector is a row of a panel. A tile of 12 rows keeps two units with a latency of 4 busy, divides the
 * chunks of training, and has no more addresses of rows than there are integer registers. */
#define GW__VECTOR 16
#define GW__ROWS 12
#define GW__TABLE gw__kernels_avx512
#define GW__ISA "avx512"
#include "kern/kernels_peak.h"
#include "kern/kernels_body.h"
