/* Threads that share out numbered items. Which thread takes which item never matters: items write to places of their own. */
#ifndef GW_BASE_POOL_H
#define GW_BASE_POOL_H

#include <stddef.h>

#include "base/error.h"

typedef struct gw__pool gw__pool;

/* One item of work. `worker` is in [0, threads): the index of the scratch memory that this call may use. */
typedef void (*gw__work)(void *context, size_t item, size_t worker);

/* `threads` >= 1, the caller included; 0 means the number of processors that this process may use. Owned by the caller (gw__pool_free). */
gw_status gw__pool_new(size_t threads, gw__pool **ret_pool, gw_error *err);
void      gw__pool_free(gw__pool *pool);
size_t    gw__pool_threads(const gw__pool *pool);
size_t    gw__pool_processors(void); /* how many this process may use */

/* Items that belong together, and what is done on the calling thread when they are done (or NULL). */
typedef struct gw__job {
    size_t n_items;
    gw__work work;
    void *context;
    gw_status (*finish)(void *context, gw_error *err);
} gw__job;

/* Run items 0..n-1 and return when all are done; without a pool (NULL) alone. Allocates nothing. Idle workers spin for some microseconds, then sleep. One caller at a time. */
void gw__pool_run(gw__pool *pool, size_t n_items, gw__work work, void *context);
/* The items of a job (NULL: none), then its end, whose outcome is the result. */
gw_status gw__job_run(gw__pool *pool, const gw__job *job, gw_error *err);
gw_status gw__job_finish(const gw__job *job, gw_error *err);

#endif
