/* The kernels with AVX-512 (F, BW, DQ, VL): a vector is a panel's row. A tile of 8 rows keeps two units with a latency of 4 busy, leaves no
 * rows over in chunks of 64 or 256, and has no more row addresses than there are integer registers. */
#define GW__VECTOR 16
#define GW__ROWS 8
#define GW__TABLE gw__kernels_avx512
#define GW__ISA "avx512"
#include "kern/kernels_peak.h"
#include "kern/kernels_body.h"
