/* The steps of gw__dataset_read. */
#ifndef GW_FEAT_LOAD_H
#define GW_FEAT_LOAD_H

#include "feat/fit.h"

/* fill.c: the records of both parts, the tasks' counts and the missing cells of the report. Frees the lanes' chunks on its way. */
gw_status gw__staged_fill(const gw__features *features, gw__staged *staged, const gw__lanes *lanes, gw__pool *pool, gw__dataset *dataset, gw_error *err);

/* checks.c */
/* Before fitting: numbers that came late, labels, `given`, row weights. After fitting: numbers that are not finite any more. With `skip` bad rows become
 * GW__PART_BAD; else the first of them is found. */
gw_status gw__staged_check(const gw__features *features, gw__staged *staged, const gw__lanes *lanes, bool skip, gw__bad_cell *ret_bad,
                           bool *ret_found, gw_error *err);
bool gw__staged_check_range(const gw__features *features, gw__staged *staged, const gw__lanes *lanes, bool skip, gw__bad_cell *ret_bad);

/* split.c: which part a row of the training files belongs to. */
typedef struct gw__splitter {
    const gw__spec *spec;
    const gw__missing_texts *missing; /* borrowed */
    size_t column;
} gw__splitter;
gw_status gw__splitter_init(gw__splitter *splitter, const gw__features *features, const gw__columns *columns, gw_error *err);
void gw__splitter_apply(const gw__splitter *splitter, const gw__batch *batch, uint64_t first_row, uint8_t *ret_parts);

/* report.c */
gw_status gw__report_init(gw__read_report *report, size_t n_tasks, gw_error *err);
/* `staged` and `lanes` are those that the features were fitted on; NULL where the features were given. */
gw_status gw__report_notes(gw__read_report *report, const gw__features *features, const gw__staged *staged, const gw__lanes *lanes, gw_error *err);

#endif
