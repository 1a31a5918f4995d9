/* The layout of a predictions file: which cells a row has and what stands between them. Fixed before the first row is read. */
#ifndef GW_SERVE_LAYOUT_H
#define GW_SERVE_LAYOUT_H

#include "model/model.h"

typedef struct gw__layout {
    gw_output_format format;
    size_t n_keep, n_numbers;    /* cells of a row: kept input cells, then outputs and gate weights */
    size_t n_outputs, n_gates;   /* n_numbers together */
    const size_t *keep;          /* [n_keep] columns of the table */
    const gw__slice *before;     /* [n_keep + n_numbers + 1] text before each cell and at the end of the row */
    gw__slice head;              /* text before the first row */
    gw__arena arena;
} gw__layout;

/* `names`: the table's columns. GW_E_ARGUMENT for a kept column that the table does not have. */
gw_status gw__layout_init(gw__layout *layout, const gw_model *model, const gw_predict_options *options, const char *const *names, size_t n_names,
                          gw_error *err);
void      gw__layout_clear(gw__layout *layout);

/* Append one row. outputs: [n_outputs], gates: [n_gates] or NULL. */
void gw__layout_add(const gw__layout *layout, const gw__batch *batch, size_t row, const float *outputs, const float *gates, gw__text *out);

/* The header of an npy file (version 1.0) of `rows` rows: always GW__NPY_HEADER bytes. */
#define GW__NPY_HEADER 128
void gw__layout_npy_header(const gw__layout *layout, int64_t rows, char ret_header[GW__NPY_HEADER]);

#endif
