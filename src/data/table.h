/* Tables: rows from outside, batch by batch, as borrowed columns in Arrow's layout. A table comes from CSV files, from an Arrow C
 * stream, or from columns in memory; who reads it cannot tell. */
#ifndef GW_DATA_TABLE_H
#define GW_DATA_TABLE_H

#include "base/mem.h"
#include "base/text.h"

struct ArrowArrayStream; /* data/arrow.h */

typedef struct gw__table gw__table;

typedef struct gw__table_options {
    char separator;             /* 0: tab for names with .tsv, else comma */
    bool header_in_file;        /* the first line of every file holds the names */
    const char *const *names;   /* else these */
    size_t n_names;
    bool skip_bad_rows;         /* a row with the wrong number of cells, bad quotes, NUL or bytes that are no UTF-8: count it and go on */
    bool first_names_only;      /* open, read the names, and expect no rows to be asked for */
} gw__table_options;

typedef struct gw__batch {
    size_t n_rows;
    size_t n_columns;
    const gw_column *columns; /* borrowed until the next call to gw__table_next or _close */
} gw__batch;

/* Open CSV or TSV files (gzip, xz and zstd by content, several or with wildcards; "-" is standard input) as one table. All files must have
 * the same columns in the same order. Cells are text: unquoted ones trimmed of blanks, an empty one (quoted or not) has no value.
 * data/csv.h says what is read and what is refused. Memory does not grow with the files: a batch is about 1 MiB of text. */
gw_status gw__table_open_csv(const char *const *paths, size_t n_paths, const gw__table_options *options, gw__table **ret_table,
                             gw_error *err);

/* An Arrow C stream whose schema is a struct; moved on success. Integers of all widths, dates and times as their integers, float and
 * double, booleans, utf8, large_utf8 and dictionaries of them; empty text has no value, as in a file. Other types: GW_E_UNSUPPORTED
 * (where = the column). */
gw_status gw__table_open_stream(struct ArrowArrayStream *stream, gw__table **ret_table, gw_error *err);
void      gw__table_close(gw__table *table);

size_t      gw__table_column_count(const gw__table *table);
const char *gw__table_column_name(const gw__table *table, size_t i);
ptrdiff_t   gw__table_find(const gw__table *table, const char *name); /* -1: no such column */

/* The next rows; n_rows is 0 at the end. Never gives an empty batch before that. After a failure there are no further rows; with a bad row
 * (GW_E_DATA; where and line name it) the good ones before it in its batch are not given out either. */
gw_status gw__table_next(gw__table *table, gw__batch *ret_batch, gw_error *err);

/* Where a row of the last batch stands: the file (borrowed until close; NULL if it has none) and its line, or row number from 1. */
void gw__table_locate(const gw__table *table, size_t row, const char **ret_file, int64_t *ret_line);

int64_t gw__table_skipped(const gw__table *table);   /* bad rows passed over so far */
int64_t gw__table_text_bytes(const gw__table *table); /* text read so far, decompressed */

#endif
