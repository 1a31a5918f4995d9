/* CSV text (RFC 4180) into cells, row by row.
 *
 * What is read, beyond the RFC:
 *   lines end in LF, CRLF or CR; the last needs no end; a byte order mark of UTF-8 is passed over
 *   lines of nothing but blanks are passed over, unless the table has one column: there they are a row without a value
 *   blanks (space, tab) around an unquoted cell are cut off, as are those between quotes and separator; those in quotes stay
 *   a quote that is not the first thing in its cell is a character like others (5" pipe)
 * What is refused: text behind a closing quote, a quote that is never closed, NUL, what is not UTF-8, too few or too many cells. */
#ifndef GW_DATA_CSV_H
#define GW_DATA_CSV_H

#include "data/bytes.h"
#include "data/cells.h"

typedef struct gw__csv_sizes {
    size_t buffer;      /* of text, at first; grows to hold the longest row */
    size_t batch_bytes; /* a batch ends after so much text, */
    size_t batch_rows;  /* or so many rows */
    size_t cell_limit, row_limit; /* bytes; cell < row */
} gw__csv_sizes;

#define GW__CSV_SIZES ((gw__csv_sizes){256u << 10, 1u << 20, 16384, 16u << 20, 64u << 20})

typedef enum gw__csv_trouble {
    GW__CSV_FINE,
    GW__CSV_COUNT,        /* not as many cells as columns; `found` */
    GW__CSV_OPEN_QUOTE,   /* text ends in quotes that begin in `line` */
    GW__CSV_AFTER_QUOTE,  /* `byte` behind a closing quote; the quotes begin in `line` */
    GW__CSV_NUL,          /* in a cell */
    GW__CSV_UTF8,         /* `byte` in a cell does not belong to well-formed UTF-8 */
    GW__CSV_LONG_CELL,
    GW__CSV_LONG_ROW,     /* cannot be passed over */
    GW__CSV_NOMEM,        /* nor this */
} gw__csv_trouble;

typedef struct gw__csv_problem {
    gw__csv_trouble trouble;
    int64_t line;
    size_t column; /* from 0 */
    size_t found;
    unsigned char byte;
} gw__csv_problem;

/* Where the next byte of structure is looked for. */
typedef struct gw__csv_scanner {
    const char *text;
    size_t end;          /* of text */
    size_t block;        /* where the block in hand begins */
    uint64_t structure;  /* its structural bytes that are not taken yet */
    bool block_suspect;  /* NUL or a byte beyond ASCII: in the block in hand, */
    bool suspect;        /* in any since the row began */
    char separator;
    int64_t lines;       /* ended inside quotes since the row began */
} gw__csv_scanner;

typedef struct gw__csv {
    gw__csv_sizes sizes;
    gw__bytes *bytes;    /* owned */
    const char *name;    /* for messages; borrowed */
    char *text;
    size_t capacity, n;
    bool ended;          /* the text's last bytes are in the buffer, with an end of line behind them */
    char separator, blank, other_blank;
    bool keeps_blank_lines;
    size_t at, row_at;   /* where the next row begins, and where the last began */
    int64_t line, row_line;
    int64_t bytes_read;  /* of all texts */
    gw__csv_scanner scanner;
    gw__csv_problem problem;
} gw__csv;

gw_status gw__csv_init(gw__csv *csv, const gw__csv_sizes *sizes, gw_error *err);
void      gw__csv_clear(gw__csv *csv); /* safe on {0} */

/* Go on with another text. `bytes` is taken over, also on failure. GW_E_UNSUPPORTED if it begins as another kind of file does. */
gw_status gw__csv_start(gw__csv *csv, gw__bytes *bytes, const char *name, char separator, gw_error *err);

typedef enum gw__csv_result { GW__CSV_ROW, GW__CSV_BAD_ROW, GW__CSV_END } gw__csv_result;

/* The next row into the cells' open row, which the caller begins before and ends after. A failure is that of reading bytes.
 * GW__CSV_BAD_ROW: csv->problem says why. The reader then stands behind the row; behind the row's first line if its quotes are bad, so that
 * one stray quote costs one line. After GW__CSV_LONG_ROW and _NOMEM it cannot go on. */
gw_status gw__csv_read_row(gw__csv *csv, gw__cells *cells, gw__csv_result *ret_result, gw_error *err);

/* Read the last row once more. */
void gw__csv_unread_row(gw__csv *csv);

#endif
