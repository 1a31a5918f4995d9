/* Rows that a caller hands over as columns in memory: what is looked at before they are encoded. */
#ifndef GW_SERVE_INCOMING_H
#define GW_SERVE_INCOMING_H

#include "model/model.h"

/* Names, types, pointers and offsets: GW_E_ARGUMENT, where = the column. */
gw_status gw__incoming_check(const gw_column *columns, size_t n_columns, size_t n_rows, gw_error *err);

/* UTF-8 in the columns that features are made of, as the encoder has them: GW_E_DATA, where = the column, line = the row from 1. Text of files
 * is looked at where it is read, so this stands on the road of rows from memory alone. */
gw_status gw__incoming_check_text(const gw__features *features, const gw__encoder *encoder, const gw_column *columns, size_t n_rows, gw_error *err);

/* Names of columns, copied, for the caller's may be gone at the next call. */
typedef struct gw__incoming_names {
    const char **at;
    size_t n;
    gw__arena arena;
} gw__incoming_names;

/* Copy the names of both lists of columns, one behind the other; GW_E_ARGUMENT for a name that is there twice. */
gw_status gw__incoming_names_init(gw__incoming_names *names, const gw_column *columns, size_t n_columns, const gw_column *more, size_t n_more, gw_error *err);
void      gw__incoming_names_clear(gw__incoming_names *names);
/* True if the columns have the names from `begin` on. */
bool gw__incoming_names_are(const gw__incoming_names *names, size_t begin, const gw_column *columns, size_t n_columns);

#endif
