/* Tables as text that a test can compare: a line per row, "LINE:[cell][cell]", a cell without a value as "-". */
#ifndef GW_TESTS_TABLE_DUMP_H
#define GW_TESTS_TABLE_DUMP_H

#include "data/table_kind.h"

/* All rows that come before the end or a failure, which is returned; then "skipped N" if some were. */
gw_status dump_rows(gw__table *table, gw__text *out, gw_error *err);

/* The rows of CSV text in memory. */
gw_status dump_csv(gw__slice text, const gw__table_options *options, const gw__csv_sizes *sizes, gw__text *out, gw_error *err);

/* What dump_csv with skip_bad_rows gives for text with names given, by a reader that is short, slow and written on its own. */
void expect_csv(gw__slice text, size_t n_columns, char separator, gw__text *out);

#endif
