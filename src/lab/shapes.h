/* The standard shapes: networks of the papers and articles, and of a recommender, with generated rows in memory, ready to train and to predict.
 * Every benchmark measures these, so that its figures can be compared (docs/results/performance.md). */
#ifndef GW_LAB_SHAPES_H
#define GW_LAB_SHAPES_H

#include "train/trainer.h"

typedef struct gw__shape {
    const char *name;   /* "article-mmoe" */
    const char *title;  /* what it is, in words */
    uint32_t width;     /* D: dense inputs, all numbers */
    size_t n_tasks;
    bool binary;        /* binary tasks with bce; else regressions with mse */
    const char *model;  /* the spec's `model`, as JSON */
    size_t batch;       /* rows of a training step */
} gw__shape;

size_t gw__shape_count(void);
const gw__shape *gw__shape_at(size_t i);
const gw__shape *gw__shape_named(const char *name); /* NULL: there is none */

#define GW__SHAPE_BATCHES 4 /* of records, which steps take in turn */

/* One shape, ready: everything is a pure function of the shape. */
typedef struct gw__shape_run {
    const gw__shape *shape;
    gw__spec *spec;
    gw__input input;
    gw__records records; /* GW__SHAPE_BATCHES * batch rows */
    gw__net *net;
    gw__pool *pool;
    gw__trainer *trainer;
    uint64_t *rows;      /* [records.n_rows] a shuffled order */
    size_t next;         /* batch of the next step */
} gw__shape_run;

/* `threads` as for gw__pool_new, `isa` as for gw__net_use_isa. On failure nothing is left; else gw__shape_run_clear. */
gw_status gw__shape_run_init(gw__shape_run *run, const gw__shape *shape, size_t threads, const char *isa, gw_error *err);
void      gw__shape_run_clear(gw__shape_run *run);
/* One training step (Adam) on the next batch; the loss. */
double    gw__shape_run_step(gw__shape_run *run);

#endif
