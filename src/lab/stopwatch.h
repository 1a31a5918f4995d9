/* How long work takes: medians of rounds, work against work in turn, so that what disturbs the machine disturbs all of them. */
#ifndef GW_LAB_STOPWATCH_H
#define GW_LAB_STOPWATCH_H

#include <stdbool.h>
#include <stddef.h>

double gw__wall_seconds(void); /* of a clock that only goes forward */
double gw__cpu_seconds(void);  /* processor time of this process, all threads */

typedef struct gw__timed {
    void (*work)(void *context);
    void *context;
    bool cpu;                  /* by processor time, which other programs disturb least: right for one thread only */
    size_t repeats;            /* calls a round: found by gw__time_works */
    double median, least;      /* seconds a call, over the rounds */
    double wall;               /* median of the wall time, whatever `cpu` says */
} gw__timed;

#define GW__MOST_WORKS 8
/* Time `n` works, at most GW__MOST_WORKS, in 9 rounds, about `seconds` for each in all; in as few as 3 where a call takes long. */
void gw__time_works(gw__timed *works, size_t n, double seconds);

/* Wall time of single calls, in groups: a group is so long that reading the clock (some 25 ns) is at most a fiftieth of it. */
typedef struct gw__latency {
    size_t calls, group;
    double p50, p90, p99, p999; /* seconds a call: of a group, divided by its calls */
} gw__latency;

/* False when out of memory. */
bool gw__time_calls(void (*work)(void *context), void *context, double seconds, gw__latency *ret);

#endif
