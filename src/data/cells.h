/* Text columns being filled row by row: what Arrow streams write their text into. A row counts once it is ended;
 * cells put into a row that is never ended are overwritten by the next, so that a bad row leaves no trace. */
#ifndef GW_DATA_CELLS_H
#define GW_DATA_CELLS_H

#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

typedef struct gw__cell_column {
    char *text;
    int32_t *offsets; /* [row_capacity + 1] */
    size_t capacity;  /* of text */
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

/* Room for the cell of `column`, n bytes long, in the row that is not ended yet; NULL when out of memory, or when a column's text would
 * pass 2 GiB. */
bool gw__cells_grow_text(gw__cell_column *column, size_t need);
static inline char *gw__cells_room(gw__cells *cells, size_t column, size_t n) {
    gw__cell_column *c = &cells->columns[column];
    size_t at = (size_t)c->offsets[cells->n_rows];
    if (n > c->capacity - at && !gw__cells_grow_text(c, at + n)) return NULL;
    c->offsets[cells->n_rows + 1] = (int32_t)(at + n);
    return c->text + at;
}

/* A column as it is given out, without its name: empty cells have no value. */
void gw__cells_view(gw__cells *cells, size_t column, gw_column *ret_column);

#endif
