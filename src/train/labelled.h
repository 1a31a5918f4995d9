/* A table with labels, as records: what models are measured on. */
#ifndef GW_TRAIN_LABELLED_H
#define GW_TRAIN_LABELLED_H

#include "base/pool.h"
#include "feat/features.h"

/* What is done with a slice of the rows. The records are borrowed for the call. */
typedef gw_status (*gw__labelled_use)(void *context, const gw__records *records, gw__pool *pool, gw_error *err);

/* Read the table that `data` names by a model's rules, and use it slice by slice, in its order. */
gw_status gw__labelled_read(const gw__features *features, const gw__data_spec *rules, const gw_data_options *data, gw__pool *pool,
                            gw__labelled_use use, void *context, int64_t *ret_skipped, gw_error *err);

/* The same of a table whose labels are not looked at and may be missing, from its first row until `use` has set *enough. */
gw_status gw__unlabelled_read(const gw__features *features, const gw__data_spec *rules, const gw_data_options *data, gw__pool *pool,
                              gw__labelled_use use, void *context, const bool *enough, int64_t *ret_skipped, gw_error *err);

/* A whole table in memory, in the slices of the reading, so that many models can be measured on it: results are those of a reading of
 * their own, to the last bit. Not changed after; shareable. */
typedef struct gw__labelled {
    gw__records *slices;
    size_t n_slices, capacity;
    int64_t skipped;
} gw__labelled;

gw_status gw__labelled_keep(gw__labelled *labelled, const gw__features *features, const gw__data_spec *rules, const gw_data_options *data,
                            gw__pool *pool, gw_error *err);
gw_status gw__labelled_all(const gw__labelled *labelled, gw__pool *pool, gw__labelled_use use, void *context, gw_error *err);
void      gw__labelled_clear(gw__labelled *labelled);

#endif
