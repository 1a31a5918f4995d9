/* From the options of a public function to a table that is read by a model's rules. */
#ifndef GW_MODEL_SOURCE_H
#define GW_MODEL_SOURCE_H

#include "data/table.h"
#include "spec/spec.h"

/* Open the table that data options name. `rules` (separator, header) are a model's, or NULL: by the file's name, the first line. `pool` reads it,
 * see gw__table_options. What is borrowed lives in `arena`, which must outlive the table. */
gw_status gw__options_table(const gw_data_options *options, const gw__data_spec *rules, gw__pool *pool, gw__arena *arena, gw__table **ret_table,
                            gw_error *err);

/* Before any row is read: what the options will have written, the model and with train.checkpoint its checkpoints, replaces no file that the
 * spec, or a run by it, reads; only a checkpoint may replace the one that is resumed, and a model the one of --init. GW_E_ARGUMENT names both. */
gw_status gw__source_check_outputs(const gw_train_options *options, const gw__spec *spec, gw_error *err);

/* Likewise of an output written from a table: it replaces none of the files that the data options name. */
gw_status gw__source_check_output(const char *output_path, const gw_data_options *data, gw_error *err);

/* A table's next rows; a wrong number of cells gets the hint that the names may be another table's. */
gw_status gw__source_next(gw__table *table, const gw_data_options *options, const gw__data_spec *rules, gw__batch *ret_batch, gw_error *err);
/* The same of gw__table_read. */
gw_status gw__source_read(gw__table *table, const gw_data_options *options, const gw__data_spec *rules, const gw__job *beside,
                          const gw__batch **ret_batches, size_t *ret_n, gw_error *err);

/* Give an encoder's error the place of its row: file and line in front, the column stays in the message. */
void gw__source_locate(const gw__table *table, size_t row, gw_error *err);

/* Give an error about the table as a whole, such as a missing column, the table's first path. */
void gw__source_blame(const gw_data_options *options, gw_error *err);

/* The table's column names, in `arena`; NULL when out of memory. */
const char *const *gw__source_names(const gw__table *table, gw__arena *arena);

#endif
