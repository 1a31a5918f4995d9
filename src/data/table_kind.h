/* What a table is inside: the part that all kinds share, and the functions in which they differ. */
#ifndef GW_DATA_TABLE_KIND_H
#define GW_DATA_TABLE_KIND_H

#include "data/csv_reader.h"
#include "data/table.h"

#define GW__TABLE_COLUMNS ((size_t)1 << 17) /* a header with more is refused */

/* ---- names of columns ---- */

typedef struct gw__name_entry { const char *name; size_t i; } gw__name_entry;

typedef struct gw__names {
    gw__arena arena;
    const char **names;
    gw__name_entry *sorted; /* by name */
    size_t n;
} gw__names;

/* Copy them. GW_E_DATA if one is empty or two are equal; `where` and `line` are those of the header (NULL and 0: there is none). */
gw_status gw__names_init(gw__names *names, const gw__slice *texts, size_t n, const char *where, int64_t line, gw_error *err);
ptrdiff_t gw__names_find(const gw__names *names, const char *name);
void      gw__names_clear(gw__names *names); /* safe on {0} */

/* ---- tables ---- */

typedef struct gw__table_kind {
    /* As gw__table_read, into `batches` and `n_batches`, which stay as they are until the job has ended. */
    gw_status (*read)(gw__table *table, const gw__job *beside, gw_error *err);
    void (*locate)(const gw__table *table, size_t batch, size_t row, const char **ret_file, int64_t *ret_line);
    void (*close)(gw__table *table); /* all of it, half-built ones included */
} gw__table_kind;

struct gw__table {
    const gw__table_kind *kind;
    gw__names names;
    gw__batch *batches; /* [capacity]; none of them is empty */
    gw_column *columns; /* [capacity, names.n]: theirs */
    size_t capacity, n_batches;
    size_t first_given, n_given; /* of the batches, in the last call */
    int64_t skipped, text_bytes;
    bool failed;        /* no rows after a failure */
};

/* Name the columns and make room to give out so many batches. */
gw_status gw__table_set_names(gw__table *table, const gw__slice *texts, size_t n, size_t n_batches, const char *where, int64_t line, gw_error *err);
void      gw__table_clear(gw__table *table); /* the shared part */

/* ---- CSV tables of other sources and sizes than usual ---- */

typedef struct gw__csv_source {
    const char *path, *name; /* name: for messages */
    gw__slice memory;        /* path NULL: these bytes, borrowed until close */
} gw__csv_source;

/* As gw__table_open_csv; the sources are copied, not what they point to. */
gw_status gw__table_open_sources(const gw__csv_source *sources, size_t n_sources, const gw__table_options *options,
                                 const gw__csv_sizes *sizes, gw__table **ret_table, gw_error *err);

#endif
