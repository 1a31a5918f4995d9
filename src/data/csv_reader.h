/* The rows of one CSV text after another, in rounds: while the pieces of one stretch of text are parsed at the same time, the next stretch is
 * read and unpacked, and the caller works on the rows of the last. Rows do not depend on how many threads there are, nor on where the text is cut:
 * a piece begins where its quotes make the beginning of a row likely, and is parsed again if the piece before did not end there. */
#ifndef GW_DATA_CSV_READER_H
#define GW_DATA_CSV_READER_H

#include "base/pool.h"
#include "data/csv.h"
#include "data/csv_text.h"

#define GW__CSV_TEXTS 3 /* being fetched, being parsed, being worked on */

/* Some rows of a stretch; they are a batch. */
typedef struct gw__csv_piece {
    gw__csv csv;
    gw__spans spans;
    char *text;            /* of all pieces of the round */
    size_t begin, end;     /* what is this piece's */
    bool last;             /* of the round */
    bool failed;           /* a row that is not passed over: csv.problem */
    int64_t skipped;
    int64_t lines_before;  /* in the file */
} gw__csv_piece;

typedef struct gw__csv_reader {
    gw__csv_sizes sizes;
    bool skips;            /* bad rows are counted, not refused */
    gw__pool *pool;        /* borrowed; NULL: alone */
    size_t n_columns;
    gw__bytes *bytes;      /* owned */
    const char *name;      /* for messages; borrowed */
    gw__csv csv;           /* for lines that are read one by one */
    gw__csv_text texts[GW__CSV_TEXTS];
    size_t text;           /* the one to be parsed */
    gw__csv_piece *pieces[2]; /* [2][sizes.pieces]: being parsed, being worked on */
    size_t turn;           /* which of them were parsed last */
    size_t n_pieces;       /* of those */
    bool fetched;          /* beside the last round */
    size_t stopped;        /* where that ended */
    int64_t lines_before;  /* of the text to be parsed */
    int64_t skipped, bytes_read; /* of all texts */
    bool failed;           /* `problem` follows the rows of the last round */
    gw__csv_problem problem;
} gw__csv_reader;

/* `reader` is zeroed. The pool is borrowed. */
gw_status gw__csv_reader_init(gw__csv_reader *reader, const gw__csv_sizes *sizes, bool skips, gw__pool *pool, gw_error *err);
void      gw__csv_reader_clear(gw__csv_reader *reader); /* safe on {0} */

/* Go on with another text. `bytes` is taken over, also on failure. GW_E_UNSUPPORTED if it begins as another kind of file does. */
gw_status gw__csv_reader_start(gw__csv_reader *reader, gw__bytes *bytes, const char *name, char separator, gw_error *err);

/* One row before the rounds, into spans whose open row the caller began; as gw__csv_read_row of the whole text. Its cells are in csv.text. */
gw_status gw__csv_reader_row(gw__csv_reader *reader, gw__spans *spans, gw__csv_result *ret_result, gw_error *err);
/* The rounds begin, with rows of so many columns. */
void gw__csv_reader_begin(gw__csv_reader *reader, size_t n_columns, bool keeps_blank_lines);

/* One round, beside which the caller's job is run; pieces of the round before are valid until it is done. False at the end of the text, or where
 * reader->failed says that a problem follows: no round then, but the job is done. A failure is the job's, else that of reading bytes. */
gw_status gw__csv_reader_round(gw__csv_reader *reader, const gw__job *beside, bool *ret_more, gw_error *err);

#endif
