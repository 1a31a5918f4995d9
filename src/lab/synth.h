/* Generated data sets: rows as a pure function of kind, options and seed. */
#ifndef GW_LAB_SYNTH_H
#define GW_LAB_SYNTH_H

#include "base/text.h"

/* See gw_synth in gatewright.h, whose work this is. */
gw_status gw__synth(const gw_synth_options *options, gw_error *err);

/* What the generators share. A row's numbers hang on the seed, a stream (what they are for) and a counter, never on the rows before. */
double gw__synth_uniform(uint64_t seed, uint64_t stream, uint64_t at);
double gw__synth_normal(uint64_t seed, uint64_t stream, uint64_t at);
double gw__sine(double x); /* the same bits everywhere; |x| < 1e6 */

/* One person as a line of the census table. */
void gw__synth_census_row(uint64_t seed, uint64_t row, gw__text *out);

#endif
