/* How the experts and gates of a network are, measured on a sample of rows: what gates use, units that are dead, experts that are alike. Definitions and
 * sources: docs/health.md. Sums are taken block of rows by block of rows, so the numbers do not depend on threads. */
#ifndef GW_TRAIN_HEALTH_H
#define GW_TRAIN_HEALTH_H

#include "base/pool.h"
#include "model/net.h"
#include "train/gate_use.h"

#define GW__HEALTH_ROWS 1024 /* of a sample, at most */

typedef struct gw__health gw__health;

/* Everything that measuring needs; after this it allocates nothing. Net and pool (NULL: none) are borrowed. */
gw_status gw__health_new(const gw__net *net, gw__pool *pool, gw__health **ret_health, gw_error *err);
void      gw__health_free(gw__health *health); /* NULL is fine */

/* A measurement: begin, add rows, end. Of records that are more than what the sample still takes, blocks of neighbours are taken, spread evenly. */
void gw__health_begin(gw__health *health);
void gw__health_add(gw__health *health, const float *flat, const gw__records *records);
void gw__health_end(gw__health *health);

/* ---- what was found ---- */

size_t gw__health_rows(const gw__health *health);
gw__gate_total gw__health_gate(const gw__health *health, size_t gate);

typedef struct gw__expert_health {
    size_t rows;  /* that it computed: all, unless gates keep few experts of a row */
    size_t units; /* with relu, of all its layers */
    size_t dead;  /* of these: 0 in every row; 0 without rows */
} gw__expert_health;
gw__expert_health gw__health_expert(const gw__health *health, uint32_t level, uint32_t expert);

/* Debiased linear CKA of the outputs of two experts of a level, in [-1, 1]; NAN where there is none: fewer than 4 rows, constant outputs, rows that differ
 * from expert to expert, a network too wide to be compared in passing. */
double gw__health_similarity(const gw__health *health, uint32_t level, uint32_t a, uint32_t b);

/* "rows":n, with `gates` "gates":[…] as gate_use.h has them, "experts":[{"level":0,"name":"shared.0","rows":n,"units":n,"dead":n},…] and
 * "similarity":[{"level":0,"measure":"cka","experts":["shared.0",…],"values":[[1,0.4],…]},…]: members of an open object. */
void gw__health_write(const gw__health *health, bool gates, gw__json_writer *json);

#endif
