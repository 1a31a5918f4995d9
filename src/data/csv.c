#include "data/csv.h"

#include <stdlib.h>
#include <string.h>

#include "data/csv_scan.h"

_Static_assert(GW__CSV_PADDING >= GW__CSV_BLOCK, "blocks are read whole");

/* ---- places of cells ---- */

#define FIRST_ROWS 64

static bool resize(void *array, size_t n, size_t item_bytes) {
    void *old, *grown;
    size_t bytes;
    if (!gw__mul_size(n, item_bytes, &bytes) || bytes > PTRDIFF_MAX) return false;
    memcpy(&old, array, sizeof old); /* the caller's pointer has a type of its own */
    grown = realloc(old, bytes);
    if (grown == NULL) return false;
    memcpy(array, &grown, sizeof grown);
    return true;
}

bool gw__spans_grow(gw__spans *spans) {
    size_t rows = spans->capacity == 0 ? FIRST_ROWS : spans->capacity * 2;
    if (!resize(&spans->at, rows, 2 * sizeof *spans->at * (spans->n_columns + 1)) || !resize(&spans->lines, rows, sizeof *spans->lines)) return false;
    spans->capacity = rows;
    return true;
}

void gw__spans_clear(gw__spans *spans) {
    free(spans->at);
    free(spans->lines);
    *spans = (gw__spans){0};
}

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
    *s = (gw__csv_scanner){.text = csv->text, .end = csv->end, .block = csv->at, .separator = csv->separator};
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

static state long_row(gw__csv *csv) {
    csv->problem = (gw__csv_problem){.trouble = GW__CSV_LONG_ROW, .line = csv->line};
    return BAD;
}

/* What shows at `place` only. However much of the text is there, no more than a row's limit of it is looked at. */
static state quote_trouble(gw__csv *csv, gw__csv_trouble trouble, size_t place, int64_t line) {
    if (place - csv->at >= csv->row_limit) return long_row(csv);
    csv->problem = (gw__csv_problem){.trouble = trouble, .line = line, .byte = (unsigned char)csv->text[place]};
    return BAD;
}

/* The closing quote of a cell whose text begins at `at`. */
static inline state find_close(gw__csv *csv, gw__csv_scanner *s, size_t at, cell *ret) {
    const char *text = s->text;
    int64_t line = csv->line + s->lines;
    size_t end;
    for (;;) {
        end = scanner_next(s);
        if (end - at > csv->cell_limit) return quote_trouble(csv, GW__CSV_LONG_CELL, at + csv->cell_limit, line);
        if (end == s->end) return csv->ended ? quote_trouble(csv, GW__CSV_OPEN_QUOTE, end, line) : MORE;
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
    if (after < stop || s->text[stop] == '"') return quote_trouble(csv, GW__CSV_AFTER_QUOTE, after, line);
    ret->stop = stop;
    ret->quoted = true;
    return DONE;
}

/* The cell that begins at `at`, behind which or in which the structural byte `stop` is. */
static inline state next_cell(gw__csv *csv, gw__csv_scanner *s, size_t at, size_t stop, cell *ret) {
    const char *text = s->text;
    size_t end;
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

/* Where the next line begins when one ends at `stop`; SIZE_MAX if that is not known yet. */
static size_t behind_line_end(const gw__csv *csv, size_t stop) {
    if (csv->text[stop] == '\n') return stop + 1;
    if (stop + 1 == csv->end) return csv->line_ended ? stop + 1 : SIZE_MAX;
    return csv->text[stop + 1] == '\n' ? stop + 2 : stop + 1;
}

/* True for a row or line whose end, which shows with the byte behind a CR, is not within the limit. */
static bool ends_late(const gw__csv *csv, size_t stop) {
    return stop + 1 + (csv->text[stop] == '\r') - csv->at > csv->row_limit;
}

/* Go on behind the first line of the row. */
static state pass_line(gw__csv *csv) {
    size_t at = csv->at;
    while (at < csv->end && csv->text[at] != '\n' && csv->text[at] != '\r') at++;
    size_t next = at < csv->end ? behind_line_end(csv, at) : SIZE_MAX;
    if (next == SIZE_MAX) return MORE;
    if (ends_late(csv, at)) return long_row(csv);
    csv->at = next;
    csv->line++;
    scanner_set(csv);
    return BAD;
}

/* A cell with doubled quotes is written with single ones beside the text, which may have to be read again. */
static void undouble(gw__csv *csv, const cell *c, int32_t *span) {
    size_t to = csv->side + c->at;
    span[0] = (int32_t)to;
    for (size_t from = c->at; from < c->end; from++) {
        char byte = csv->text[from];
        csv->text[to++] = byte;
        from += byte == '"'; /* its twin */
    }
    span[1] = (int32_t)to;
}

static inline void put_cell(gw__csv *csv, gw__spans *spans, size_t column, const cell *c) {
    bool fits = c->end - c->at <= csv->cell_limit;
    if (!fits) csv->problem = (gw__csv_problem){.trouble = GW__CSV_LONG_CELL, .column = column};
    if (column >= spans->n_columns) return; /* counted, and refused with its row */
    int32_t *span = spans->at + 2 * (spans->n_rows * spans->n_columns + column);
    span[0] = (int32_t)c->at;
    span[1] = (int32_t)(fits ? c->end : c->at);
    if (c->doubled && fits) undouble(csv, c, span);
}

/* Nearly every cell: some text without quotes and blanks around it, not too long, with a separator behind it. What its text has first and last is
 * compared with more than blanks, as once is enough then. */
static inline bool is_plain(const gw__csv *csv, const gw__csv_scanner *s, size_t at, size_t stop) {
    const unsigned char *text = (const unsigned char *)s->text;
    return stop < s->end && s->text[stop] == s->separator && stop - at - 1 < csv->cell_limit && text[at] > ' ' && text[stop - 1] > ' ';
}

/* The cells up to the end of the line, which *ret_last then is. */
static inline state row_cells(gw__csv *csv, gw__spans *spans, gw__csv_scanner *s, size_t *ret_n, cell *ret_last) {
    size_t at = csv->at, n_columns = spans->n_columns;
    int32_t *span = spans->at + 2 * spans->n_rows * n_columns;
    for (size_t column = 0;; column++) {
        size_t stop = scanner_next(s);
        if (column < n_columns && is_plain(csv, s, at, stop)) {
            span[2 * column] = (int32_t)at;
            span[2 * column + 1] = (int32_t)stop;
            at = stop + 1;
            continue;
        }
        state found = next_cell(csv, s, at, stop, ret_last);
        if (found != DONE) {
            csv->problem.column = column;
            return found;
        }
        put_cell(csv, spans, column, ret_last);
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
static void check_text(gw__csv *csv, const gw__spans *spans, size_t n) {
    const char *row = csv->text + csv->at;
    if (memchr(row, 0, n) == NULL && gw__utf8_valid(row, n)) return;
    for (size_t i = 0; i < spans->n_columns; i++) {
        gw__slice text = gw__spans_at(spans, csv->text, i, spans->n_rows);
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
static state row_parse(gw__csv *csv, gw__spans *spans) {
    gw__csv_scanner s = csv->scanner; /* a copy, in registers */
    cell last;
    size_t n_cells;
    csv->problem = (gw__csv_problem){0};
    s.suspect = s.block_suspect;
    s.lines = 0;
    state found = row_cells(csv, spans, &s, &n_cells, &last);
    if (found == BAD) return csv->problem.trouble == GW__CSV_LONG_ROW ? BAD : pass_line(csv);
    if (found != DONE) return found;
    size_t next = behind_line_end(csv, last.stop);
    if (next == SIZE_MAX) return MORE;
    if (next == last.stop + 2) scanner_next(&s); /* the LF of a CRLF */
    bool blank = is_blank_line(csv, n_cells, &last);
    if (ends_late(csv, last.stop)) return long_row(csv);
    if (!blank && n_cells != spans->n_columns) {
        csv->problem = (gw__csv_problem){.trouble = GW__CSV_COUNT, .found = n_cells};
    } else if (!blank && s.suspect && csv->problem.trouble == GW__CSV_FINE) {
        check_text(csv, spans, next - csv->at);
    }
    csv->problem.line = csv->line;
    csv->at = next;
    csv->line += s.lines + 1;
    csv->scanner = s;
    return blank ? BLANK : csv->problem.trouble == GW__CSV_FINE ? DONE : BAD;
}

/* ---- texts ---- */

void gw__csv_init(gw__csv *csv, const gw__csv_sizes *sizes, char separator) {
    csv->cell_limit = sizes->cell_limit;
    csv->row_limit = sizes->row_limit;
    csv->separator = separator;
    csv->blank = separator == ' ' ? '\t' : ' ';
    csv->other_blank = separator == '\t' ? ' ' : '\t';
}

void gw__csv_set_text(gw__csv *csv, char *text, size_t begin, size_t end, size_t side, bool ended, bool line_ended) {
    csv->text = text;
    csv->side = side;
    csv->at = begin;
    csv->end = end;
    csv->ended = ended;
    csv->line_ended = line_ended;
    csv->line = 1;
    scanner_set(csv);
}

gw__csv_result gw__csv_read_row(gw__csv *csv, gw__spans *spans) {
    while (csv->at < csv->end) {
        csv->row_line = csv->line;
        csv->row_at = csv->at;
        state found = row_parse(csv, spans);
        if (found == DONE) return GW__CSV_ROW;
        if (found == BAD) return GW__CSV_BAD_ROW;
        if (found == MORE) break;
    }
    return GW__CSV_END;
}

void gw__csv_unread_row(gw__csv *csv) {
    csv->at = csv->row_at;
    csv->line = csv->row_line;
    scanner_set(csv);
}
