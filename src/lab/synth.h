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

#define GW__MOST_SCALE 90
#define GW__MOST_VARIANCE 1e6

/* GW_E_ARGUMENT that names the option unless its value is a number from `least` to `most`. */
gw_status gw__in_bounds(const char *name, double value, double least, double most, gw_error *err);

/* Streams of random numbers; the census has its own from 16 on. */
enum { GW__SYNTH_INPUT, GW__SYNTH_NOISE, GW__SYNTH_WEIGHT, GW__SYNTH_SINE, GW__SYNTH_CLUSTER };

/* One person as a line of the census table. */
void gw__synth_census_row(uint64_t seed, uint64_t row, gw__text *out);

#endif
