/* The kernels with AVX-512 (F, BW, DQ, VL): a vector is a row of a panel. A tile of 14 rows and two panels holds 28 of the 32 registers; with one
 * panel each multiply-add would read an operand of its own from memory, and there are two units but hardly more than two loads a cycle. */
#define GW__VECTOR 16
#define GW__ROWS 14
#define GW__PANELS 2
#define GW__TABLE gw__kernels_avx512
#define GW__ISA "avx512"
#include "kern/kernels_peak.h"
#include "kern/kernels_body.h"
