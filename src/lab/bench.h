/* Timing the machine and the standard shapes. */
#ifndef GW_LAB_BENCH_H
#define GW_LAB_BENCH_H

#include "lab/shapes.h"
#include "lab/stopwatch.h"

/* See gw_bench in gatewright.h, whose work this is. */
gw_status gw__bench(const gw_bench_options *options, gw_error *err);

/* ---- one shape ------------------------------------------------------------------------------------------------------------------- */

/* What a shape's figures are measured on: one run for one thread and, if there are more, one for all. */
typedef struct gw__shape_bench {
    gw__shape_run runs[2];
    size_t n_runs;
} gw__shape_bench;

/* On failure nothing is left; else gw__shape_bench_clear. */
gw_status gw__shape_bench_init(gw__shape_bench *bench, const gw__shape *shape, size_t threads, const char *isa, gw_error *err);
void      gw__shape_bench_clear(gw__shape_bench *bench);

/* Time of a step, [n_runs]. */
void gw__shape_bench_training(gw__shape_bench *bench, double seconds, gw__timed ret[2]);

#define GW__PREDICTIONS 3
/* Time of a batch, by one thread and by all: each thread scores batches of its own. */
typedef struct gw__prediction_time {
    size_t batch, threads;
    gw__timed timed; /* seconds a batch: of all threads' batches, divided by their number */
} gw__prediction_time;
gw_status gw__shape_bench_prediction(gw__shape_bench *bench, double seconds, gw__prediction_time ret[GW__PREDICTIONS], size_t *ret_n, gw_error *err);

/* Time of a row scored alone, on one thread. */
gw_status gw__shape_bench_latency(gw__shape_bench *bench, double seconds, gw__latency *ret, gw_error *err);

#endif
