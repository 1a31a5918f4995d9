/* The kernels with what every machine of this architecture has (SSE2). */
#define GW__VECTOR 4
#define GW__ROWS 2
#define GW__PANELS 1
#define GW__TABLE gw__kernels_base
#define GW__ISA "base"
#include "kern/kernels_peak.h"
#include "kern/kernels_body.h"
