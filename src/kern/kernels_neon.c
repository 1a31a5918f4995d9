/* The kernels with NEON, which every 64-bit ARM processor has, so that they stand there in the place of base: a tile of 4 rows x 16 columns holds
 * 16 of the 32 registers; compilers spill with 6. */
#define GW__VECTOR 4
#define GW__ROWS 4
#define GW__PANELS 1
#define GW__TABLE gw__kernels_neon
#define GW__ISA "neon"
#include "kern/kernels_peak.h"
#include "kern/kernels_body.h"
