/* The kernels as AVX-512 has them, with vectors of 16, but compiled for any machine, which splits each into narrower ones: so the source is
 * tested at this width, with tiles of two panels, where no processor has it; of fewer rows, since compilers take minutes for what they have to split. */
#define GW__VECTOR 16
#define GW__ROWS 4
#define GW__PANELS 2
#define GW__TABLE gw__kernels_wide
#define GW__ISA "wide"
#include "kernels_wide.h"
#include "kern/kernels_peak.h"
#include "kern/kernels_body.h"
