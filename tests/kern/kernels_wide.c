/* The kernels as AVX-512 has them, with vectors of 16, but compiled for any machine, which splits each into narrower ones: so the source is
 * tested at this width where no processor has it. */
#define GW__VECTOR 16
#define GW__ROWS 14
#define GW__PANELS 2
#define GW__TABLE gw__kernels_wide
#define GW__ISA "wide"
#include "kernels_wide.h"
#include "kern/kernels_peak.h"
#include "kern/kernels_body.h"
