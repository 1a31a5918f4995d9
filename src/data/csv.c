#include "data/csv.h"

#include "data/csv_scan.h"
#include "data/unpack.h"

#define PADDING (2 * GW__CSV_BLOCK) /* behind the buffer: the last end of line, whole blocks, the slack of cells */

/* ---- the scanner ---- */

static inline void scanner_load(gw__csv_scanner *s) {
    gw__csv_block block = gw__csv_block_scan(s->text + s->block, s->separator);
    size_t left = s->end - s->block;
    s->structure = left < GW__CSV_BLOCK ? block.structure & (((uint64_t)1 << left) - 1) : block.structure;
    s->block_suspect = block.suspect;
    s->suspect |= block.suspect;
}

/* The place of the next structural byte, or the end. */
static inline size_t scanner_next(gw__csv_scanner *s) {
    while (s->structure == 0) {
        if (s->end - s->block <= GW__CSV_BLOCK) return s->end;
        s->block += GW__CSV_BLOCK;
        scanner_load(s);
    }
    size_t at = s->block + (size_t)__builtin_ctzll(s->structure);
    s->structure &= s->structure - 1;
    return at;
}

static void scanner_set(gw__csv *csv) {
    gw__csv_scanner *s = &csv->scanner;
    *s = (gw__csv_scanner){.text = csv->text, .end = csv->n, .block = csv->at, .separator = csv->separator};
    scanner_load(s);
}

/* ---- one cell ---- */

typedef enum state { DONE, MORE, BAD, BLANK } state; /* MORE: the row does not end in the buffer */

typedef struct cell {
    size_t at, end; /* of its text, without blanks and quotes */
    size_t stop;    /* the separator or end of line behind it */
    bool quoted, doubled;
} cell;

static inline bool is_blank(const gw__csv *csv, char c) {
    return c == csv->blank || c == csv->other_blank;
}

static state quote_trouble(gw__csv *csv, gw__csv_trouble trouble, int64_t line, char byte) {
    csv->problem = (gw__csv_problem){.trouble = trouble, .line = line, .byte = (unsigned char)byte};
    return BAD;
}

/* The closing quote of a cell whose text begins at `at`. */
static inline state find_close(gw__csv *csv, gw__csv_scanner *s, size_t at, cell *ret) {
    const char *text = s->text;
    int64_t line = csv->line + s->lines;
    size_t end;
    for (;;) {
        end = scanner_next(s);
        if (end - at > csv->sizes.cell_limit) return quote_trouble(csv, GW__CSV_LONG_CELL, line, 0);
        if (end == s->end) return csv->ended ? quote_trouble(csv, GW__CSV_OPEN_QUOTE, line, 0) : MORE;
        if (text[end] == '"') {
            if (end + 1 == s->end) return MORE; /* never the last byte of all: an end of line is */
            if (text[end + 1] != '"') break;
            scanner_next(s);
            ret->doubled = true;
        } else if (text[end] == '\r' || (text[end] == '\n' && text[end - 1] != '\r')) {
            s->lines++;
        }
    }
    ret->at = at;
    ret->end = end;
    return DONE;
}

static inline state quoted_cell(gw__csv *csv, gw__csv_scanner *s, size_t at, cell *ret) {
    int64_t line = csv->line + s->lines;
    state found = find_close(csv, s, at, ret);
    if (found != DONE) return found;
    size_t stop = scanner_next(s), after = ret->end + 1;
    while (after < stop && is_blank(csv, s->text[after])) after++;
    if (after == s->end) return MORE;
    if (after < stop || s->text[stop] == '"') return quote_trouble(csv, GW__CSV_AFTER_QUOTE, line, s->text[after]);
    ret->stop = stop;
    ret->quoted = true;
    return DONE;
}

static inline state next_cell(gw__csv *csv, gw__csv_scanner *s, size_t at, cell *ret) {
    const char *text = s->text;
    size_t stop = scanner_next(s), end;
    *ret = (cell){0};
    if (stop == s->end) return MORE;
    while (is_blank(csv, text[at])) at++; /* to the structural byte at most */
    if (text[stop] == '"') {
        if (at == stop) return quoted_cell(csv, s, at + 1, ret);
        do {
            stop = scanner_next(s);
            if (stop == s->end) return MORE;
        } while (text[stop] == '"');
    }
    for (end = stop; end > at && is_blank(csv, text[end - 1]);) end--;
    ret->at = at;
    ret->end = end;
    ret->stop = stop;
    return DONE;
}

/* ---- one row ---- */

/* Where the next line begins when one ends at `stop`; the text's end if that is not known yet. */
static size_t behind_line_end(const gw__csv *csv, size_t stop) {
    if (csv->text[stop] == '\n') return stop + 1;
    if (stop + 1 == csv->n) return csv->n;
    return csv->text[stop + 1] == '\n' ? stop + 2 : stop + 1;
}

/* Go on behind the first line of the row. */
static state pass_line(gw__csv *csv) {
    size_t at = csv->at;
    while (at < csv->n && csv->text[at] != '\n' && csv->text[at] != '\r') at++;
    size_t next = at < csv->n ? behind_line_end(csv, at) : csv->n;
    if (next == csv->n && !csv->ended) return MORE;
    csv->at = next;
    csv->line++;
    scanner_set(csv);
    return BAD;
}

static inline bool put_cell(gw__csv *csv, gw__cells *cells, size_t column, const cell *c) {
    size_t n = c->end - c->at;
    if (n > csv->sizes.cell_limit) {
        csv->problem = (gw__csv_problem){.trouble = GW__CSV_LONG_CELL, .column = column};
        n = 0;
    }
    if (column >= cells->n_columns) return true; /* counted, and refused with its row */
    if (c->doubled) return gw__cells_put_doubled(cells, column, csv->text + c->at, n);
    return gw__cells_put(cells, column, csv->text + c->at, n);
}

/* The cells up to the end of the line, which *ret_last then is. */
static inline state row_cells(gw__csv *csv, gw__cells *cells, gw__csv_scanner *s, size_t *ret_n, cell *ret_last) {
    size_t at = csv->at;
    for (size_t column = 0;; column++) {
        state found = next_cell(csv, s, at, ret_last);
        if (found != DONE) {
            csv->problem.column = column;
            return found;
        }
        if (!put_cell(csv, cells, column, ret_last)) {
            csv->problem.trouble = GW__CSV_NOMEM;
            return BAD;
        }
        at = ret_last->stop + 1;
        if (s->text[ret_last->stop] != s->separator) {
            *ret_n = column + 1;
            return DONE;
        }
    }
}

/* The first byte that is no part of well-formed UTF-8; `text` holds one. */
static size_t utf8_fault(gw__slice text) {
    size_t good = 0;
    while (good < text.n) {
        size_t length = 1;
        while (length < 4 && length < text.n - good && !gw__utf8_valid(text.at + good, length)) length++;
        if (!gw__utf8_valid(text.at + good, length)) break;
        good += length;
    }
    return good < text.n ? good : text.n - 1;
}

/* A row with bytes that need a look: all together first, as nearly all are well-formed. */
static void check_text(gw__csv *csv, const gw__cells *cells, size_t n) {
    const char *row = csv->text + csv->at;
    if (memchr(row, 0, n) == NULL && gw__utf8_valid(row, n)) return;
    for (size_t i = 0; i < cells->n_columns; i++) {
        gw__slice text = gw__cells_at(cells, i, cells->n_rows);
        if (memchr(text.at, 0, text.n) != NULL) {
            csv->problem = (gw__csv_problem){.trouble = GW__CSV_NUL, .column = i};
            return;
        }
        if (!gw__utf8_valid(text.at, text.n)) {
            csv->problem = (gw__csv_problem){.trouble = GW__CSV_UTF8, .column = i, .byte = (unsigned char)text.at[utf8_fault(text)]};
            return;
        }
    }
}

static bool is_blank_line(const gw__csv *csv, size_t n_cells, const cell *last) {
    return n_cells == 1 && !last->quoted && last->at == last->end && !csv->keeps_blank_lines;
}

/* The row at csv->at, if it ends in the buffer; then csv->at is behind it. */
static state row_parse(gw__csv *csv, gw__cells *cells) {
    gw__csv_scanner s = csv->scanner; /* a copy, in registers */
    cell last;
    size_t n_cells;
    csv->problem = (gw__csv_problem){0};
    s.suspect = s.block_suspect;
    s.lines = 0;
    state found = row_cells(csv, cells, &s, &n_cells, &last);
    if (found == BAD && csv->problem.trouble != GW__CSV_NOMEM) return pass_line(csv);
    if (found != DONE) return found;
    size_t next = behind_line_end(csv, last.stop);
    if (next == csv->n && s.text[last.stop] == '\r' && !csv->ended) return MORE;
    if (next == last.stop + 2) scanner_next(&s); /* the LF of a CRLF */
    bool blank = is_blank_line(csv, n_cells, &last);
    if (!blank && n_cells != cells->n_columns) {
        csv->problem = (gw__csv_problem){.trouble = GW__CSV_COUNT, .found = n_cells};
    } else if (!blank && s.suspect && csv->problem.trouble == GW__CSV_FINE) {
        check_text(csv, cells, next - csv->at);
    }
    csv->problem.line = csv->line;
    csv->at = next;
    csv->line += s.lines + 1;
    csv->scanner = s;
    return blank ? BLANK : csv->problem.trouble == GW__CSV_FINE ? DONE : BAD;
}

/* ---- the buffer ---- */

static gw_status grow_buffer(gw__csv *csv, gw_error *err) {
    size_t wanted = csv->capacity > csv->sizes.row_limit / 2 ? csv->sizes.row_limit : csv->capacity * 2;
    char *text = gw__aligned_alloc(wanted + PADDING, 1);
    if (text == NULL) return gw__fail_nomem(err);
    memcpy(text, csv->text, csv->n);
    gw__aligned_free(csv->text);
    csv->text = text;
    csv->capacity = wanted;
    return GW_OK;
}

/* More text behind what is not parsed yet, which moves to the front. */
static gw_status fill(gw__csv *csv, gw_error *err) {
    gw_status status;
    size_t kept = csv->n - csv->at, got = 0;
    if (csv->at > 0 && kept > 0) memmove(csv->text, csv->text + csv->at, kept);
    csv->n = kept;
    csv->at = 0;
    if (kept == csv->capacity && (status = grow_buffer(csv, err)) != GW_OK) return status;
    status = gw__bytes_read(csv->bytes, csv->text + kept, csv->capacity - kept, &got, err);
    if (status != GW_OK) return status;
    csv->bytes_read += (int64_t)got;
    csv->n += got;
    csv->ended = csv->n < csv->capacity;
    if (csv->ended && csv->n > 0 && csv->text[csv->n - 1] != '\n') csv->text[csv->n++] = '\n';
    scanner_set(csv);
    return GW_OK;
}

gw_status gw__csv_read_row(gw__csv *csv, gw__cells *cells, gw__csv_result *ret_result, gw_error *err) {
    for (;;) {
        state found = MORE;
        if (csv->at < csv->n) {
            csv->row_line = csv->line;
            csv->row_at = csv->at;
            found = row_parse(csv, cells);
        } else if (csv->ended) {
            *ret_result = GW__CSV_END;
            return GW_OK;
        }
        if (found == DONE || found == BAD) {
            *ret_result = found == DONE ? GW__CSV_ROW : GW__CSV_BAD_ROW;
            return GW_OK;
        }
        if (found == BLANK) continue;
        if (csv->ended || csv->n - csv->at >= csv->sizes.row_limit) {
            csv->problem = (gw__csv_problem){.trouble = GW__CSV_LONG_ROW, .line = csv->line};
            *ret_result = GW__CSV_BAD_ROW;
            return GW_OK;
        }
        gw_status status = fill(csv, err);
        if (status != GW_OK) return status;
    }
}

void gw__csv_unread_row(gw__csv *csv) {
    csv->at = csv->row_at;
    csv->line = csv->row_line;
    scanner_set(csv);
}

/* ---- a text's beginning and end ---- */

gw_status gw__csv_init(gw__csv *csv, const gw__csv_sizes *sizes, gw_error *err) {
    csv->sizes = *sizes;
    csv->capacity = sizes->buffer < sizes->row_limit ? sizes->buffer : sizes->row_limit;
    if (csv->capacity < GW__UNPACK_MAGIC) csv->capacity = GW__UNPACK_MAGIC; /* a text's first bytes are looked at together */
    csv->text = gw__aligned_alloc(csv->capacity + PADDING, 1);
    return csv->text == NULL ? gw__fail_nomem(err) : GW_OK;
}

void gw__csv_clear(gw__csv *csv) {
    gw__bytes_close(csv->bytes);
    gw__aligned_free(csv->text);
    *csv = (gw__csv){0};
}

gw_status gw__csv_start(gw__csv *csv, gw__bytes *bytes, const char *name, char separator, gw_error *err) {
    gw__bytes_close(csv->bytes);
    csv->bytes = bytes;
    csv->name = name;
    csv->separator = separator;
    csv->blank = separator == ' ' ? '\t' : ' ';
    csv->other_blank = separator == '\t' ? ' ' : '\t';
    csv->at = csv->n = 0;
    csv->line = 1;
    csv->ended = false;
    int64_t before = csv->bytes_read;
    gw_status status = fill(csv, err);
    if (status != GW_OK) return status;
    const char *kind = gw__foreign_kind((const uint8_t *)csv->text, csv->n);
    if (kind != NULL) {
        return gw__fail_at(err, GW_E_UNSUPPORTED, name, 0, 0, "expected UTF-8 text, plain or in gzip, xz or zstd, but found %s", kind);
    }
    if (csv->n >= 3 && memcmp(csv->text, "\xEF\xBB\xBF", 3) == 0) csv->at = 3;
    if (csv->at == 3 && csv->bytes_read - before == 3) csv->at = csv->n; /* the mark alone is an empty text, not an empty line */
    scanner_set(csv);
    return GW_OK;
}
