#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/files.h"
#include "data/table_kind.h"

typedef struct csv_table {
    gw__table base;
    gw__arena arena; /* sources and their names */
    gw__csv_source *sources;
    size_t n_sources, next_source;
    bool is_open;         /* the text of sources[next_source - 1] is being read */
    bool header_in_file, names_only;
    char separator;
    gw__csv_reader reader;
    gw__spans header;
    const gw__csv_piece **piece_of; /* [pieces]: of a batch */
} csv_table;

/* ---- messages ---- */

/* "column 'age'", or "column 3" where it has no name. */
static const char *subject(const csv_table *t, size_t column, char *out, size_t size) {
    if (column < t->base.names.n) snprintf(out, size, "column '%.80s'", t->base.names.names[column]);
    else snprintf(out, size, "column %zu", column + 1);
    return out;
}

static const char *separator_word(char separator, char out[4]) {
    if (separator == '\t') return "tabs";
    snprintf(out, 4, "'%c'", separator);
    return out;
}

static gw_status count_failure(const csv_table *t, const gw__csv_problem *p, gw_error *err) {
    size_t expected = t->base.names.n, found = p->found;
    char word[4];
    if (found > 1 || expected == 1) {
        return gw__fail_at(err, GW_E_DATA, t->reader.name, p->line, 0, "expected %zu cell%s but found %zu", expected,
                           expected == 1 ? "" : "s", found);
    }
    return gw__fail_at(err, GW_E_DATA, t->reader.name, p->line, 0,
                       "expected %zu cells but found 1; hint: cells are separated by %s here", expected,
                       separator_word(t->reader.csv.separator, word));
}

static gw_status row_failure(const csv_table *t, const gw__csv_problem *p, gw_error *err) {
    char buffer[128];
    const char *column = subject(t, p->column, buffer, sizeof buffer);
#define FAIL(code, ...) gw__fail_at(err, code, t->reader.name, p->line, 0, __VA_ARGS__)
    switch (p->trouble) {
    case GW__CSV_COUNT: return count_failure(t, p, err);
    case GW__CSV_OPEN_QUOTE:
        return FAIL(GW_E_DATA, "%s: expected a closing quote for the cell that begins here but found the end of the file", column);
    case GW__CSV_AFTER_QUOTE:
        return FAIL(GW_E_DATA, "%s: expected a separator or the end of the line behind the closing quote but found '%c'; "
                    "hint: a quote inside quotes is written twice", column, p->byte);
    case GW__CSV_NUL: return FAIL(GW_E_DATA, "%s: expected text but found a NUL byte", column);
    case GW__CSV_UTF8:
        return FAIL(GW_E_DATA, "%s: expected UTF-8 but found the byte 0x%02X; hint: convert the file, for example with iconv", column,
                    p->byte);
    case GW__CSV_LONG_CELL:
        return FAIL(GW_E_LIMIT, "%s: expected at most %zu bytes in a cell but found more; hint: is a closing quote missing", column,
                    t->reader.sizes.cell_limit);
    case GW__CSV_LONG_ROW: return FAIL(GW_E_LIMIT, "expected at most %zu bytes in a row but found more", t->reader.sizes.row_limit);
    case GW__CSV_NOMEM: return gw__fail_nomem(err);
    case GW__CSV_FINE: break;
    }
#undef FAIL
    return gw__fail(err, GW_E_INTERNAL, "a row without a problem was refused");
}

/* ---- headers ---- */

/* The first line's cells, into as many spans as t->header has columns. */
static gw_status read_line(csv_table *t, gw__csv_result *ret_result, gw_error *err) {
    t->header.n_rows = 0;
    return gw__spans_begin_row(&t->header) ? gw__csv_reader_row(&t->reader, &t->header, ret_result, err) : gw__fail_nomem(err);
}

/* The number of cells in the first line, which is left to be read again. */
static gw_status count_header(csv_table *t, size_t *ret_n, gw_error *err) {
    gw__csv *csv = &t->reader.csv;
    gw__csv_result result = GW__CSV_END;
    gw__spans_clear(&t->header);
    gw_status status = read_line(t, &result, err);
    if (status != GW_OK) return status;
    if (result == GW__CSV_END) {
        return gw__fail_at(err, GW_E_DATA, t->reader.name, 0, 0, "expected a first line with the names of the columns but the file is empty");
    }
    if (csv->problem.trouble != GW__CSV_COUNT) return row_failure(t, &csv->problem, err);
    if (csv->problem.found > GW__TABLE_COLUMNS) {
        return gw__fail_at(err, GW_E_LIMIT, t->reader.name, csv->row_line, 0, "expected at most %zu columns but found %zu",
                           GW__TABLE_COLUMNS, csv->problem.found);
    }
    *ret_n = csv->problem.found;
    gw__csv_unread_row(csv);
    gw__spans_clear(&t->header);
    return GW_OK;
}

static gw__slice header_cell(const csv_table *t, size_t i) {
    return gw__spans_at(&t->header, t->reader.csv.text, i, 0);
}

static gw_status name_by_header(csv_table *t, gw_error *err) {
    size_t n = t->header.n_columns;
    gw__slice *texts = calloc(n, sizeof *texts);
    if (texts == NULL) return gw__fail_nomem(err);
    for (size_t i = 0; i < n; i++) texts[i] = header_cell(t, i);
    gw_status status = gw__table_set_names(&t->base, texts, n, t->reader.sizes.pieces, t->reader.name, t->reader.csv.row_line, err);
    free(texts);
    return status;
}

static gw_status compare_header(const csv_table *t, gw_error *err) {
    for (size_t i = 0; i < t->base.names.n; i++) {
        gw__slice found = header_cell(t, i);
        if (gw__slice_is(found, t->base.names.names[i])) continue;
        return gw__fail_at(err, GW_E_DATA, t->reader.name, t->reader.csv.row_line, 0, "column %zu: expected '%.80s' as in '%s' but found '%.*s'",
                           i + 1, t->base.names.names[i], t->sources[0].name, GW__SLICE_ARG(found));
    }
    return GW_OK;
}

static gw_status header_failure(const csv_table *t, gw_error *err) {
    const gw__csv_problem *p = &t->reader.csv.problem;
    if (p->trouble != GW__CSV_COUNT) return row_failure(t, p, err);
    return gw__fail_at(err, GW_E_DATA, t->reader.name, p->line, 0, "expected %zu columns as in '%s' but found %zu", t->base.names.n,
                       t->sources[0].name, p->found);
}

/* The first line of a file: the first file's names the columns, the others' must be the same. */
static gw_status read_header(csv_table *t, gw_error *err) {
    gw__csv_result result;
    size_t n = 0;
    gw_status status = count_header(t, &n, err);
    t->header.n_columns = t->base.names.n == 0 ? n : t->base.names.n;
    if (status == GW_OK) status = read_line(t, &result, err);
    if (status != GW_OK) return status;
    if (result == GW__CSV_BAD_ROW) return header_failure(t, err);
    return t->base.names.n == 0 ? name_by_header(t, err) : compare_header(t, err);
}

/* ---- files ---- */

static bool ends_in(const char *name, size_t n, const char *tail) {
    size_t tail_n = strlen(tail);
    return n >= tail_n && strncasecmp(name + n - tail_n, tail, tail_n) == 0;
}

static char separator_of(const char *name) {
    static const char *const packed[] = {".gz", ".xz", ".zst"};
    size_t n = strlen(name);
    for (size_t i = 0; i < GW__COUNT(packed); i++) {
        if (!ends_in(name, n, packed[i])) continue;
        n -= strlen(packed[i]);
        break;
    }
    return ends_in(name, n, ".tsv") ? '\t' : ',';
}

static gw_status open_next(csv_table *t, gw_error *err) {
    const gw__csv_source *source = &t->sources[t->next_source];
    gw__bytes *bytes = NULL;
    gw_status status = source->path != NULL ? gw__bytes_open(source->path, source->name, &bytes, err)
                                            : gw__bytes_open_memory(source->memory, source->name, &bytes, err);
    if (status != GW_OK) return status;
    status = gw__csv_reader_start(&t->reader, bytes, source->name, t->separator != 0 ? t->separator : separator_of(source->name), err);
    if (status == GW_OK && t->header_in_file) status = read_header(t, err);
    if (status == GW_OK) gw__csv_reader_begin(&t->reader, t->base.names.n, t->base.names.n == 1);
    t->base.text_bytes = t->reader.bytes_read;
    t->next_source++;
    t->is_open = status == GW_OK;
    return status;
}

/* ---- batches ---- */

static void give_piece(csv_table *t, size_t i) {
    const gw__csv_piece *piece = &t->reader.pieces[t->reader.turn][i];
    size_t n = t->base.names.n;
    gw_column *columns = t->base.columns + t->base.n_batches * n;
    for (size_t column = 0; column < n; column++) {
        columns[column].values = piece->text;
        columns[column].offsets = piece->spans.at + 2 * column;
    }
    gw__batch *batch = &t->base.batches[t->base.n_batches];
    batch->n_rows = piece->spans.n_rows;
    batch->stride = 2 * n;
    t->piece_of[t->base.n_batches++] = piece;
}

/* A round of the open text; rows are given out before the failure that follows them. */
static gw_status read_round(csv_table *t, const gw__job *beside, gw_error *err) {
    gw_status status = gw__csv_reader_round(&t->reader, beside, &t->is_open, err);
    t->base.text_bytes = t->reader.bytes_read;
    t->base.skipped = t->reader.skipped;
    if (status != GW_OK) return status;
    t->base.n_batches = 0;
    for (size_t i = 0; t->is_open && i < t->reader.n_pieces; i++)
        if (t->reader.pieces[t->reader.turn][i].spans.n_rows > 0) give_piece(t, i);
    return !t->is_open && t->reader.failed ? row_failure(t, &t->reader.problem, err) : GW_OK;
}

static gw_status csv_read(gw__table *table, const gw__job *beside, gw_error *err) {
    csv_table *t = (csv_table *)table;
    for (;;) {
        gw_status status;
        if (t->is_open && !t->names_only) {
            status = read_round(t, beside, err);
            beside = NULL;
            if (status != GW_OK || t->base.n_batches > 0) return status;
        } else if (t->next_source < t->n_sources && !t->names_only) {
            status = open_next(t, err);
            if (status != GW_OK) return status;
        } else {
            t->base.n_batches = 0;
            return gw__job_run(t->reader.pool, beside, err);
        }
    }
}

static void csv_locate(const gw__table *table, size_t batch, size_t row, const char **ret_file, int64_t *ret_line) {
    const csv_table *t = (const csv_table *)table;
    const gw__csv_piece *piece = t->piece_of[batch];
    *ret_file = t->reader.name;
    *ret_line = piece->lines_before + piece->spans.lines[row];
}

static void csv_close(gw__table *table) {
    csv_table *t = (csv_table *)table;
    gw__csv_reader_clear(&t->reader);
    gw__spans_clear(&t->header);
    gw__table_clear(&t->base);
    gw__arena_clear(&t->arena);
    free(t);
}

/* ---- opening ---- */

static const gw__table_kind csv_kind = {csv_read, csv_locate, csv_close};

static gw_status check_options(const gw__table_options *o, size_t n_sources, gw_error *err) {
    char s = o->separator;
    if (n_sources == 0) return gw__fail(err, GW_E_ARGUMENT, "expected a file but found none");
    if (s == '"' || s == '\n' || s == '\r' || (s & 0x80) != 0) {
        return gw__fail(err, GW_E_ARGUMENT, "expected an ASCII character as separator but found the byte 0x%02X", (unsigned char)s);
    }
    if (!o->header_in_file && o->n_names == 0) return gw__fail(err, GW_E_ARGUMENT, "expected names of columns but found none");
    return GW_OK;
}

static gw_status set_given_names(csv_table *t, const gw__table_options *o, gw_error *err) {
    gw__slice *texts = calloc(o->n_names, sizeof *texts);
    if (texts == NULL) return gw__fail_nomem(err);
    for (size_t i = 0; i < o->n_names; i++) texts[i] = gw__slice_of(o->names[i]);
    gw_status status = gw__table_set_names(&t->base, texts, o->n_names, t->reader.sizes.pieces, NULL, 0, err);
    free(texts);
    return status;
}

static gw_status copy_sources(csv_table *t, const gw__csv_source *sources, size_t n, gw_error *err) {
    t->sources = gw__arena_alloc(&t->arena, n, sizeof *t->sources);
    if (t->sources == NULL) return gw__fail_nomem(err);
    t->n_sources = n;
    for (size_t i = 0; i < n; i++) {
        gw__csv_source *to = &t->sources[i];
        *to = sources[i];
        to->name = gw__arena_text(&t->arena, to->name, strlen(to->name));
        if (to->path != NULL) to->path = gw__arena_text(&t->arena, to->path, strlen(to->path));
        if (to->name == NULL || (sources[i].path != NULL && to->path == NULL)) return gw__fail_nomem(err);
    }
    return GW_OK;
}

gw_status gw__table_open_sources(const gw__csv_source *sources, size_t n_sources, const gw__table_options *options,
                                 const gw__csv_sizes *sizes, gw__table **ret_table, gw_error *err) {
    gw_status status = check_options(options, n_sources, err);
    if (status != GW_OK) return status;
    csv_table *t = calloc(1, sizeof *t);
    if (t == NULL) return gw__fail_nomem(err);
    t->base.kind = &csv_kind;
    t->header_in_file = options->header_in_file;
    t->names_only = options->first_names_only;
    t->separator = options->separator;
    GW__TRY(copy_sources(t, sources, n_sources, err));
    GW__TRY(gw__csv_reader_init(&t->reader, sizes, options->skip_bad_rows, options->pool, err));
    t->piece_of = gw__arena_alloc(&t->arena, t->reader.sizes.pieces, sizeof *t->piece_of);
    if (t->piece_of == NULL) GW__FAIL(gw__fail_nomem(err));
    if (!t->header_in_file) GW__TRY(set_given_names(t, options, err));
    if (t->header_in_file || !t->names_only) GW__TRY(open_next(t, err)); /* what is wrong with the first file shows at once */
    *ret_table = &t->base;
    return GW_OK;
cleanup:
    csv_close(&t->base);
    return status;
}

static gw_status add_source(gw__csv_source **sources, size_t *capacity, size_t *n, const char *path, gw_error *err) {
    struct stat about;
    bool is_input = strcmp(path, "-") == 0;
    if (!is_input && stat(path, &about) != 0) { /* of all files now, not when those before it are read */
        return gw__fail_at(err, GW_E_IO, path, 0, 0, "cannot open the file: %s", strerror(errno));
    }
    gw_status status = gw__grow((void **)sources, capacity, *n + 1, sizeof **sources, err);
    if (status != GW_OK) return status;
    for (size_t i = 0; is_input && i < *n; i++) {
        if (strcmp((*sources)[i].path, path) == 0) return gw__fail(err, GW_E_ARGUMENT, "expected standard input once but found it twice");
    }
    (*sources)[(*n)++] = (gw__csv_source){.path = path, .name = is_input ? "standard input" : path};
    return GW_OK;
}

gw_status gw__table_open_csv(const char *const *paths, size_t n_paths, const gw__table_options *options, gw__table **ret_table,
                             gw_error *err) {
    gw_status status = GW_OK;
    gw__arena arena = {0};
    gw__csv_source *sources = NULL;
    size_t capacity = 0, n = 0;
    gw__csv_sizes sizes = GW__CSV_SIZES;
    for (size_t i = 0; i < n_paths; i++) {
        const char **found = NULL;
        size_t n_found = 0;
        GW__TRY(gw__files_match(paths[i], &arena, &found, &n_found, err));
        for (size_t k = 0; k < n_found; k++) GW__TRY(add_source(&sources, &capacity, &n, found[k], err));
    }
    GW__TRY(gw__table_open_sources(sources, n, options, &sizes, ret_table, err));
cleanup:
    free(sources);
    gw__arena_clear(&arena);
    return status;
}
