#include "table_dump.h"

#include <stdio.h>
#include <string.h>

static void put_value(const gw__batch *batch, size_t column, size_t row, gw__text *out) {
    const gw_column *c = &batch->columns[column];
    gw__slice text;
    switch (c->type) {
    case GW_COLUMN_TEXT:
        text = gw__cell_slice(batch, column, row);
        gw__text_add(out, text.at, text.n);
        break;
    case GW_COLUMN_INT64: gw__text_addf(out, "%lld", (long long)((const int64_t *)c->values)[row]); break;
    case GW_COLUMN_UINT64: gw__text_addf(out, "%llu", (unsigned long long)((const uint64_t *)c->values)[row]); break;
    case GW_COLUMN_FLOAT: gw__text_addf(out, "%g", (double)((const float *)c->values)[row]); break;
    case GW_COLUMN_DOUBLE: gw__text_addf(out, "%g", ((const double *)c->values)[row]); break;
    }
}

static void put_cell(const gw__batch *batch, size_t column, size_t row, gw__text *out) {
    const gw_column *c = &batch->columns[column];
    bool absent = c->type == GW_COLUMN_TEXT ? gw__cell_slice(batch, column, row).n == 0 : !gw__cell_valid(c, row);
    if (absent) {
        gw__text_putc(out, '-');
        return;
    }
    gw__text_putc(out, '[');
    put_value(batch, column, row, out);
    gw__text_putc(out, ']');
}

static void put_batch(const gw__table *table, const gw__batch *batch, gw__text *out) {
    for (size_t row = 0; row < batch->n_rows; row++) {
        const char *file;
        int64_t line = 0;
        gw__table_locate(table, row, &file, &line);
        gw__text_addf(out, "%lld:", (long long)line);
        for (size_t i = 0; i < batch->n_columns; i++) put_cell(batch, i, row, out);
        gw__text_putc(out, '\n');
    }
}

gw_status dump_rows(gw__table *table, gw__text *out, gw_error *err) {
    gw_status status;
    gw__batch batch = {0};
    gw__text_puts(out, ""); /* text, even when there are no rows */
    while ((status = gw__table_next(table, &batch, err)) == GW_OK && batch.n_rows > 0) put_batch(table, &batch, out);
    if (gw__table_skipped(table) > 0) gw__text_addf(out, "skipped %lld\n", (long long)gw__table_skipped(table));
    return status;
}

gw_status dump_csv(gw__slice text, const gw__table_options *options, const gw__csv_sizes *sizes, gw__text *out, gw_error *err) {
    gw__csv_source source = {.name = "memory", .memory = text};
    gw__table *table = NULL;
    gw__text_puts(out, "");
    gw_status status = gw__table_open_sources(&source, 1, options, sizes, &table, err);
    if (status == GW_OK) status = dump_rows(table, out, err);
    gw__table_close(table);
    return status;
}

/* ---- the expected rows, a byte at a time ---- */

typedef struct oracle {
    gw__slice text;
    char separator;
    size_t at;
    int64_t lines; /* ended before `at` */
    size_t n_cells;
    bool bad, quoted;
    gw__text row;  /* cells so far */
    gw__text cell;
} oracle;

static int peek(const oracle *o) {
    return o->at < o->text.n ? (unsigned char)o->text.at[o->at] : -1;
}

static bool at_line_end(const oracle *o) {
    int c = peek(o);
    return c == -1 || c == '\n' || c == '\r';
}

static void pass_line_end(oracle *o) {
    int c = peek(o);
    if (c == -1) return;
    o->at++;
    o->lines++;
    if (c == '\r' && peek(o) == '\n') o->at++;
}

static bool blank(const oracle *o, int c) {
    return (c == ' ' || c == '\t') && c != o->separator;
}

static void read_quoted(oracle *o) {
    o->at++;
    o->quoted = true;
    for (;;) {
        int c = peek(o);
        if (c == -1) {
            o->bad = true;
            return;
        }
        if (c == '"') {
            o->at++;
            if (peek(o) != '"') break;
        }
        if (c == '\n' || c == '\r') {
            size_t from = o->at;
            pass_line_end(o);
            gw__text_add(&o->cell, o->text.at + from, o->at - from);
            continue;
        }
        gw__text_putc(&o->cell, (char)c);
        o->at++;
    }
    while (blank(o, peek(o))) o->at++;
    if (!at_line_end(o) && peek(o) != o->separator) o->bad = true;
}

static void read_plain(oracle *o) {
    while (!at_line_end(o) && peek(o) != o->separator) {
        gw__text_putc(&o->cell, o->text.at[o->at]);
        o->at++;
    }
    while (o->cell.n > 0 && blank(o, o->cell.at[o->cell.n - 1])) o->cell.n--;
}

static bool well_formed(const gw__text *cell) {
    return cell->n == 0 || (memchr(cell->at, 0, cell->n) == NULL && gw__utf8_valid(cell->at, cell->n));
}

/* True if the row is good, but perhaps for its number of cells. */
static bool read_row(oracle *o) {
    bool good = true;
    o->n_cells = o->row.n = 0;
    o->bad = false;
    for (;;) {
        o->cell.n = 0;
        o->quoted = false;
        while (blank(o, peek(o))) o->at++;
        if (peek(o) == '"') read_quoted(o);
        else read_plain(o);
        if (o->bad) return false;
        good = good && well_formed(&o->cell);
        o->n_cells++;
        if (o->cell.n == 0) gw__text_putc(&o->row, '-');
        else {
            gw__text_putc(&o->row, '[');
            gw__text_add(&o->row, o->cell.at, o->cell.n);
            gw__text_putc(&o->row, ']');
        }
        if (at_line_end(o)) break;
        o->at++;
    }
    pass_line_end(o);
    return good;
}

void expect_csv(gw__slice text, size_t n_columns, char separator, gw__text *out) {
    oracle o = {.text = text, .separator = separator};
    int64_t skipped = 0;
    gw__text_puts(out, "");
    if (text.n >= 3 && memcmp(text.at, "\xEF\xBB\xBF", 3) == 0) o.at = 3;
    while (peek(&o) != -1) {
        size_t begin = o.at;
        int64_t lines = o.lines;
        bool good = read_row(&o);
        if (o.bad) { /* again behind the first line */
            o.at = begin;
            o.lines = lines;
            while (!at_line_end(&o)) o.at++;
            pass_line_end(&o);
        } else if (o.n_cells == 1 && !o.quoted && o.cell.n == 0 && n_columns != 1) {
            continue;
        }
        if (good && o.n_cells == n_columns) {
            gw__text_addf(out, "%lld:", (long long)lines + 1);
            gw__text_add(out, o.row.at, o.row.n);
            gw__text_putc(out, '\n');
        } else {
            skipped++;
        }
    }
    if (skipped > 0) gw__text_addf(out, "skipped %lld\n", (long long)skipped);
    gw__text_clear(&o.row);
    gw__text_clear(&o.cell);
}
