/* The text of a file, a stretch at a time, and places in it where it may be cut into pieces that are parsed at the same time. */
#ifndef GW_DATA_CSV_TEXT_H
#define GW_DATA_CSV_TEXT_H

#include "data/bytes.h"
#include "data/csv.h"

/* By the parity of the quotes between the stretch's first fresh byte and the cut; 0: there is none. */
typedef struct gw__csv_cut {
    size_t at[2];
} gw__csv_cut;

/* What is left of the stretch before stands before what was fetched: rows do not end with stretches. */
typedef struct gw__csv_text {
    char *bytes;       /* [2 * (capacity + GW__CSV_PADDING)]: the second half is for cells with doubled quotes, see csv.h */
    size_t capacity;
    size_t begin, n;   /* rows are in [begin, n) */
    size_t fresh;      /* where the fetched bytes begin */
    bool ended;        /* nothing follows */
    gw__csv_cut *cuts; /* [n_cuts]: the first beginnings of lines in each further part of the fetched bytes */
    size_t n_cuts, cuts_capacity;
    gw_status status;  /* of the fetching */
    gw_error problem;
} gw__csv_text;

void gw__csv_text_clear(gw__csv_text *text); /* safe on {0} */

/* How far the second half lies behind the first; bytes between them are read, not written, while the text is parsed. */
static inline size_t gw__csv_text_side(const gw__csv_text *text) { return text->capacity + GW__CSV_PADDING; }

/* Replace the text by the next `want` bytes, at best, with room for `left` bytes before them; look for cuts every `part` bytes. The outcome is
 * text->status. */
void gw__csv_text_fetch(gw__csv_text *text, gw__bytes *bytes, size_t left, size_t want, size_t part);

/* Bytes [begin, n) of another text stand before these now. */
gw_status gw__csv_text_prepend(gw__csv_text *text, const gw__csv_text *other, size_t begin, gw_error *err);

/* Where the i-th cut is if a row begins at text->begin and quotes are as RFC 4180 wants them; 0: there is none. Only a guess: who parses up to
 * it finds out. */
size_t gw__csv_text_cut(const gw__csv_text *text, size_t i, bool odd);
/* Whether the number of quotes between text->begin and text->fresh is odd: for gw__csv_text_cut. */
bool gw__csv_text_odd(const gw__csv_text *text);

#endif
