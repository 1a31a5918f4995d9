/* Warnings: kept, each once, as text and JSON; and those that hold of any network, in training or after. */
#ifndef GW_TRAIN_FINDINGS_H
#define GW_TRAIN_FINDINGS_H

#include <math.h>

#include "train/health.h"

/* {0}: nobody is told at once. */
typedef struct gw__warnings {
    bool off;                                     /* there is nobody to warn: nothing is kept */
    void (*tell)(void *context, const char *text); /* NULL: nobody; else as soon as it is known */
    void *context;
    gw__text told;                                /* what was warned of, a line each */
    gw__text json;                                /* objects with commas between them: all that the owner has not taken yet */
} gw__warnings;
void gw__warnings_clear(gw__warnings *warnings);

/* What a warning is about; what does not apply is NULL, of the level -1. */
typedef struct gw__subject {
    int64_t level;
    const char *task, *stream, *expert, *feature;
    double figure;
} gw__subject;
static inline gw__subject gw__about_task(const char *task, double figure) { return (gw__subject){.level = -1, .task = task, .figure = figure}; }

/* Tell and keep it, unless the same kind was told of the same subject before. */
void gw__warn(gw__warnings *warnings, const char *kind, gw__subject subject, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Of experts with the same parameters; `start`: which training has still to move. */
gw_status gw__warn_of_twins(gw__warnings *warnings, const gw__net *net, const float *flat, bool start, gw_error *err);
/* What a measurement shows of gates and experts. */
void      gw__warn_of_experts(gw__warnings *warnings, const gw__net *net, const gw__health *health);

#endif
