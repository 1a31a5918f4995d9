/* Cells: what one place of a gw_column holds, whatever the column's type, and the texts that mean 'no value'. */
#ifndef GW_FEAT_VALUES_H
#define GW_FEAT_VALUES_H

#include <math.h>

#include "data/table.h"
#include "feat/lexicon.h"
#include "spec/spec.h"

#define GW__CELL_TEXT 32 /* bytes that a number as text needs */

typedef struct gw__missing_texts {
    gw__lexicon texts;
    const double *numbers; /* those that are numbers; borrowed */
    size_t n_numbers;
} gw__missing_texts;

/* `arena` keeps the numbers. */
gw_status gw__missing_texts_init(gw__missing_texts *missing, gw__texts texts, gw__arena *arena, gw_error *err);
void      gw__missing_texts_clear(gw__missing_texts *missing);

static inline bool gw__missing_has(const gw__missing_texts *missing, gw__slice text) {
    return text.n == 0 || gw__lexicon_find(&missing->texts, text) != GW__NO_ENTRY;
}

/* The text of a cell of any column, n 0 where there is no value; numbers are written into `buffer`. */
gw__slice gw__cell_text(const gw__batch *batch, size_t column, size_t row, char buffer[GW__CELL_TEXT]);

/* The cell's number; NaN where there is no value. False if it is something else. */
bool gw__cell_number(const gw__batch *batch, size_t column, size_t row, const gw__missing_texts *missing, double *ret);

/* The next piece of a bag's text, trimmed, never empty; false at the end. *rest is what is left. */
bool gw__bag_next(gw__slice *rest, gw__slice separator, gw__slice *ret_piece);

/* "column 'age': expected a number but found 'N/A'; hint: …", without a place. */
gw_status gw__fail_cell(gw_error *err, const char *column, const char *expected, gw__slice found, const char *hint);

#define GW__HINT_NUMBER "list it under data.missing, or make the column categorical"

#endif
