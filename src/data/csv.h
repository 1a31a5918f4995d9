/* CSV text (RFC 4180) in memory into the places of its cells, row by row.
 *
 * What is read, beyond the RFC:
 *   lines end in LF, CRLF or CR; the last needs no end; a byte order mark of UTF-8 is passed over
 *   lines of nothing but blanks are passed over, unless the table has one column: there they are a row without a value
 *   blanks (space, tab) around an unquoted cell are cut off, as are those between quotes and separator; those in quotes stay
 *   a quote that is not the first thing in its cell is a character like others (5" pipe)
 * What is refused: text behind a closing quote, a quote that is never closed, NUL, what is not UTF-8, too few or too many cells. */
#ifndef GW_DATA_CSV_H
#define GW_DATA_CSV_H

#include "base/mem.h"
#include "base/text.h"

#define GW__CSV_PADDING 64 /* bytes behind a text that may be read, whatever they are */

typedef struct gw__csv_sizes {
    size_t piece;  /* bytes of text that are cut into rows by one thread, about; their rows are a batch */
    size_t pieces; /* how many at the same time; 0: two for each thread, one without threads */
    size_t cell_limit, row_limit; /* bytes; cell < row */
} gw__csv_sizes;

#define GW__CSV_SIZES ((gw__csv_sizes){128u << 10, 0, 16u << 20, 64u << 20})

/* ---- cells as places in a text ---- */

typedef struct gw__spans {
    int32_t *at;    /* [rows, columns, 2]: where a cell begins and ends */
    int64_t *lines; /* [rows] */
    size_t n_columns, n_rows, capacity;
} gw__spans;

/* Room for one more row; false when out of memory. A row counts once n_rows does: a bad one is overwritten by the next. */
bool gw__spans_grow(gw__spans *spans);
static inline bool gw__spans_begin_row(gw__spans *spans) { return spans->n_rows < spans->capacity || gw__spans_grow(spans); }
void gw__spans_clear(gw__spans *spans); /* frees; safe on {0} */

static inline gw__slice gw__spans_at(const gw__spans *spans, const char *text, size_t column, size_t row) {
    const int32_t *span = spans->at + 2 * (row * spans->n_columns + column);
    return (gw__slice){text + span[0], (size_t)(span[1] - span[0])};
}

/* ---- rows ---- */

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
    size_t cell_limit, row_limit;
    char separator, blank, other_blank;
    bool keeps_blank_lines;
    char *text;          /* borrowed. A cell that has doubled quotes is written once more without them, `side` bytes behind its place. */
    size_t side, end;
    bool ended;          /* nothing follows the text, which ends in an end of line */
    bool line_ended;     /* a CR at its end is not followed by an LF */
    size_t at, row_at;   /* where the next row begins, and where the last began */
    int64_t line, row_line;
    gw__csv_scanner scanner;
    gw__csv_problem problem;
} gw__csv;

void gw__csv_init(gw__csv *csv, const gw__csv_sizes *sizes, char separator);
/* Go on at `begin`, in line 1, of a text of `end` bytes. */
void gw__csv_set_text(gw__csv *csv, char *text, size_t begin, size_t end, size_t side, bool ended, bool line_ended);

typedef enum gw__csv_result { GW__CSV_ROW, GW__CSV_BAD_ROW, GW__CSV_END } gw__csv_result;

/* The next row into the spans' open row, which the caller begins before and counts after.
 * GW__CSV_BAD_ROW: csv->problem says why. The reader then stands behind the row; behind the row's first line if its quotes are bad, so that
 * one stray quote costs one line. After GW__CSV_LONG_ROW it cannot go on.
 * GW__CSV_END: what is left of the text, from csv->at on, is no whole row. */
gw__csv_result gw__csv_read_row(gw__csv *csv, gw__spans *spans);

/* Read the last row once more. */
void gw__csv_unread_row(gw__csv *csv);

#endif
