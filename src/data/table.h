/* Tables: rows from outside, batch by batch, as borrowed columns in Arrow's layout. A table comes from CSV files, from an Arrow C
 * stream, or from columns in memory; who reads it cannot tell. */
#ifndef GW_DATA_TABLE_H
#define GW_DATA_TABLE_H

#include "base/mem.h"
#include "base/pool.h"
#include "base/text.h"
#include "gatewright.h"

struct ArrowArrayStream; /* data/arrow.h */

typedef struct gw__table gw__table;

typedef struct gw__table_options {
    char separator;             /* 0: tab for names with .tsv, else comma */
    bool header_in_file;        /* the first line of every file holds the names */
    const char *const *names;   /* else these */
    size_t n_names;
    bool skip_bad_rows;         /* a row with the wrong number of cells, bad quotes, NUL or bytes that are no UTF-8: count it and go on */
    bool first_names_only;      /* open, read the names, and expect no rows to be asked for */
    gw__pool *pool;             /* reads the files on these threads; borrowed until close; NULL: alone */
} gw__table_options;

typedef struct gw__batch {
    size_t n_rows;
    size_t n_columns;
    const gw_column *columns; /* borrowed until the next call to gw__table_next, _read or _close */
    size_t stride;            /* of text: cell i is [offsets[i * stride], offsets[i * stride + 1]); 1 is Arrow's layout */
} gw__batch;

static inline bool gw__cell_valid(const gw_column *column, size_t row) {
    return !column->valid || (column->valid[row >> 3] >> (row & 7) & 1);
}

/* The cell of a text column; n 0 where there is no value. */
static inline gw__slice gw__cell_slice(const gw__batch *batch, size_t column, size_t row) {
    const gw_column *c = &batch->columns[column];
    int32_t begin = c->offsets[row * batch->stride], end = c->offsets[row * batch->stride + 1];
    if (!gw__cell_valid(c, row)) end = begin;
    return (gw__slice){(const char *)c->values + begin, (size_t)(end - begin)};
}

/* Open CSV or TSV files (gzip, xz and zstd by content, several or with wildcards; "-" is standard input) as one table. All files must have
 * the same columns in the same order. Cells are text: unquoted ones trimmed of blanks, an empty one (quoted or not) has no value.
 * data/csv.h says what is read and what is refused. Memory does not grow with the files: a batch is some 100 KiB of text. */
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

/* The next rows; n_rows is 0 at the end. Never gives an empty batch before that. A failure comes after the rows before it; after it there are no
 * further rows. GW_E_DATA of a bad row: where and line name it. */
gw_status gw__table_next(gw__table *table, gw__batch *ret_batch, gw_error *err);

/* The next batches, as many as are read together, and beside that, on the same threads, the caller's job (or NULL): work on the batches of the last
 * call, which are gone after this one, but not before the job's end. The job is run in any case; its failure comes before the table's. *ret_n is 0 at the end. */
gw_status gw__table_read(gw__table *table, const gw__job *beside, const gw__batch **ret_batches, size_t *ret_n, gw_error *err);

/* Where a row of the last batch stands, or of all that gw__table_read gave, counted through: the file (borrowed until close; NULL if it has
 * none) and its line, or row number from 1. */
void gw__table_locate(const gw__table *table, size_t row, const char **ret_file, int64_t *ret_line);

int64_t gw__table_skipped(const gw__table *table);   /* bad rows passed over so far */
int64_t gw__table_text_bytes(const gw__table *table); /* text read so far, decompressed */

#endif
