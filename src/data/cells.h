/* Text columns being filled row by row: what the CSV reader and Arrow streams write their text into. A row counts once it is ended;
 * cells put into a row that is never ended are overwritten by the next, so that a bad row leaves no trace. */
#ifndef GW_DATA_CELLS_H
#define GW_DATA_CELLS_H

#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define GW__CELLS_SLACK 16 /* a short cell is copied as this many bytes, whatever its length: reads and writes may go so far beyond */

typedef struct gw__cell_column {
    char *text;
    int32_t *offsets; /* [row_capacity + 1] */
    size_t capacity;  /* of text, less the slack */
    uint8_t *valid;   /* made when a batch is given out */
} gw__cell_column;

typedef struct gw__cells {
    gw__cell_column *columns;
    size_t n_columns, n_rows, row_capacity;
} gw__cells;

/* Zeroed cells become those of n_columns columns. */
gw_status gw__cells_init(gw__cells *cells, size_t n_columns, gw_error *err);
void      gw__cells_clear(gw__cells *cells); /* frees; safe on {0} */

/* Room for one more row; before its first cell. */
bool gw__cells_grow_rows(gw__cells *cells);
static inline bool gw__cells_begin_row(gw__cells *cells) {
    return cells->n_rows < cells->row_capacity || gw__cells_grow_rows(cells);
}
static inline void gw__cells_end_row(gw__cells *cells) { cells->n_rows++; }

/* Room for the cell of `column`, n bytes long, in the row that is not ended yet; NULL when out of memory, or when a column's text would
 * pass 2 GiB. GW__CELLS_SLACK bytes may be written, whatever n is. */
bool gw__cells_grow_text(gw__cell_column *column, size_t need);
static inline char *gw__cells_room(gw__cells *cells, size_t column, size_t n) {
    gw__cell_column *c = &cells->columns[column];
    size_t at = (size_t)c->offsets[cells->n_rows];
    if (n > c->capacity - at && !gw__cells_grow_text(c, at + n)) return NULL;
    c->offsets[cells->n_rows + 1] = (int32_t)(at + n);
    return c->text + at;
}

/* Fill it. GW__CELLS_SLACK bytes must be readable at `text`, whatever n is. */
static inline bool gw__cells_put(gw__cells *cells, size_t column, const char *text, size_t n) {
    char *to = gw__cells_room(cells, column, n);
    if (to == NULL) return false;
    if (n <= GW__CELLS_SLACK) {
        memcpy(to, text, GW__CELLS_SLACK);
    } else {
        memcpy(to, text, n);
    }
    return true;
}

/* The same of a quoted cell with doubled quotes in it. */
bool gw__cells_put_doubled(gw__cells *cells, size_t column, const char *text, size_t n);

/* Of any row, the one not ended included. */
static inline gw__slice gw__cells_at(const gw__cells *cells, size_t column, size_t row) {
    const gw__cell_column *c = &cells->columns[column];
    return (gw__slice){c->text + c->offsets[row], (size_t)(c->offsets[row + 1] - c->offsets[row])};
}

/* A column as it is given out, without its name: empty cells have no value. */
void gw__cells_view(gw__cells *cells, size_t column, gw_column *ret_column);

#endif
