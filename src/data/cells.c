#include "data/cells.h"

#include <stdlib.h>

#define FIRST_ROWS 64
#define FIRST_TEXT 64

gw_status gw__cells_init(gw__cells *cells, size_t n_columns, gw_error *err) {
    cells->columns = calloc(n_columns, sizeof *cells->columns);
    if (cells->columns == NULL) return gw__fail_nomem(err);
    cells->n_columns = n_columns;
    for (size_t i = 0; i < n_columns; i++) {
        if (!gw__cells_grow_text(&cells->columns[i], FIRST_TEXT)) return gw__fail_nomem(err);
    }
    return gw__cells_grow_rows(cells) ? GW_OK : gw__fail_nomem(err);
}

void gw__cells_clear(gw__cells *cells) {
    for (size_t i = 0; i < cells->n_columns; i++) {
        free(cells->columns[i].text);
        free(cells->columns[i].offsets);
        free(cells->columns[i].valid);
    }
    free(cells->columns);
    *cells = (gw__cells){0};
}

static bool resize(void *array, size_t bytes) {
    void *old, *grown;
    memcpy(&old, array, sizeof old);
    grown = realloc(old, bytes);
    if (grown == NULL) return false;
    memcpy(array, &grown, sizeof grown);
    return true;
}

bool gw__cells_grow_rows(gw__cells *cells) {
    size_t rows = cells->row_capacity == 0 ? FIRST_ROWS : cells->row_capacity * 2;
    for (size_t i = 0; i < cells->n_columns; i++) {
        gw__cell_column *c = &cells->columns[i];
        if (!resize(&c->offsets, (rows + 1) * sizeof *c->offsets) || !resize(&c->valid, rows / 8)) return false;
        c->offsets[0] = 0;
    }
    cells->row_capacity = rows;
    return true;
}

bool gw__cells_grow_text(gw__cell_column *column, size_t need) {
    size_t wanted = column->capacity * 2;
    if (need > INT32_MAX) return false;
    if (wanted < need) wanted = need;
    if (!resize(&column->text, wanted)) return false;
    column->capacity = wanted;
    return true;
}

/* One bit per row that has a value; false if all have. */
static bool find_missing(gw__cell_column *c, size_t n_rows) {
    bool missing = false;
    for (size_t first = 0; first < n_rows; first += 8) {
        size_t n = n_rows - first < 8 ? n_rows - first : 8;
        unsigned bits = 0;
        for (size_t i = 0; i < n; i++) bits |= (unsigned)(c->offsets[first + i] != c->offsets[first + i + 1]) << i;
        c->valid[first / 8] = (uint8_t)bits;
        missing |= bits != (1u << n) - 1;
    }
    return missing;
}

void gw__cells_view(gw__cells *cells, size_t column, gw_column *ret_column) {
    gw__cell_column *c = &cells->columns[column];
    ret_column->type = GW_COLUMN_TEXT;
    ret_column->values = c->text;
    ret_column->offsets = c->offsets;
    ret_column->valid = find_missing(c, cells->n_rows) ? c->valid : NULL;
}
