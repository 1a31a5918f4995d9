/* Tables, and matrices as heat maps: a heat map is a table whose cells are coloured, so that it can be read aloud, copied and searched. */
#include <math.h>
#include <string.h>

#include "lab/report_parts.h"

#define MANY_COLUMNS 14 /* above it cells are small, and their numbers are hidden but for tooltips and readers aloud */
#define BROAD_COLUMNS 9 /* above it the heat map needs the page's width */
#define MANY_ROWS 40    /* a table with more is folded */
#define CLIP 20         /* columns of text in a heading */

static void put_cell(gw__text *out, const char *tag, const char *scope, bool is_number, const char *text) {
    gw__text_addf(out, "<%s%s%s%s%s>", tag, scope ? " scope=\"" : "", scope ? scope : "", scope ? "\"" : "", is_number ? " class=\"n\"" : "");
    gw__markup_text(out, text ? text : "");
    gw__text_addf(out, "</%s>", tag);
}

/* ---- tables ---- */

static bool is_number(const gw__report_table *table, size_t column) { return table->numbers ? table->numbers[column] : column > 0; }

void gw__table_write(const gw__report_table *table, gw__text *out) {
    if (table->n_columns == 0 || table->n_rows == 0) return;
    gw__figure_begin(out, NULL, table->title, table->note);
    if (table->n_rows > MANY_ROWS) gw__text_addf(out, "<details><summary>All %zu rows</summary>\n", table->n_rows);
    gw__scroll_begin(out, table->title ? table->title : "table");
    gw__text_puts(out, "<table>\n<thead><tr>");
    for (size_t c = 0; c < table->n_columns; c++) put_cell(out, "th", "col", is_number(table, c), table->columns[c]);
    gw__text_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t r = 0; r < table->n_rows; r++) {
        const char *const *cells = table->cells + r * table->n_columns;
        gw__text_puts(out, "<tr>");
        for (size_t c = 0; c < table->n_columns; c++) put_cell(out, c == 0 ? "th" : "td", c == 0 ? "row" : NULL, is_number(table, c), cells[c]);
        gw__text_puts(out, "</tr>\n");
    }
    gw__text_puts(out, "</tbody></table>\n");
    gw__scroll_end(out);
    if (table->n_rows > MANY_ROWS) gw__text_puts(out, "</details>\n");
    gw__figure_end(out);
}

/* ---- heat maps ---- */

/* How strong the colour of a value is, 0 to 1; *ret_below: it is the colour of values below 0. */
static double strength_of(const gw__report_matrix *matrix, double value, bool *ret_below) {
    const bool parted = matrix->low < 0 && matrix->high > 0;
    const double from = parted ? 0 : matrix->low, to = parted && value < 0 ? matrix->low : matrix->high;
    const double strength = to != from ? (value - from) / (to - from) : 0;
    *ret_below = parted && value < 0;
    return strength < 0 ? 0 : strength > 1 ? 1 : strength;
}

static void put_heat(const gw__report_matrix *matrix, size_t row, size_t column, gw__text *out) {
    const double value = matrix->values[row * matrix->n_columns + column];
    bool below;
    if (!isfinite(value)) {
        gw__text_puts(out, "<td class=\"none\"></td>");
        return;
    }
    const double strength = strength_of(matrix, value, &below);
    gw__text_addf(out, "<td class=\"heat%s%s\" style=\"--v:", below ? " below" : "", strength > 0.55 ? " strong" : "");
    gw__markup_fixed(out, strength, 3);
    gw__text_puts(out, "\" title=\"");
    gw__markup_text(out, matrix->rows[row]);
    gw__text_puts(out, ", ");
    gw__markup_text(out, matrix->columns[column]);
    gw__text_puts(out, ": ");
    gw__markup_value(out, value);
    gw__text_puts(out, "\"><span>");
    gw__markup_fixed(out, value, 2);
    gw__text_puts(out, "</span></td>");
}

/* A column's name is set upright in a span of its own. */
static void put_heading(gw__text *out, const char *scope, const char *name) {
    const bool upright = strcmp(scope, "col") == 0;
    gw__text_addf(out, "<th scope=\"%s\" title=\"", scope);
    gw__markup_text(out, name);
    gw__text_puts(out, upright ? "\"><span>" : "\">");
    gw__markup_clip(out, name, CLIP);
    gw__text_puts(out, upright ? "</span></th>" : "</th>");
}

/* Which colours stand for which values. */
static void put_scale(const gw__report_matrix *matrix, gw__text *out) {
    const bool parted = matrix->low < 0 && matrix->high > 0;
    gw__text_puts(out, "<p class=\"heat-scale\" aria-hidden=\"true\"><span>");
    gw__markup_value(out, matrix->low);
    gw__text_addf(out, "</span><span class=\"ramp%s\"></span><span>", parted ? " parted" : "");
    gw__markup_value(out, matrix->high);
    gw__text_puts(out, "</span></p>\n");
}

void gw__matrix_write(const gw__report_matrix *matrix, gw__text *out) {
    if (matrix->n_rows == 0 || matrix->n_columns == 0) return;
    gw__figure_begin(out, matrix->n_columns > BROAD_COLUMNS ? "broad" : NULL, matrix->title, matrix->note);
    gw__scroll_begin(out, matrix->title ? matrix->title : "heat map");
    gw__text_addf(out, "<table class=\"map%s\">\n<thead><tr><td></td>", matrix->n_columns > MANY_COLUMNS ? " small" : "");
    for (size_t c = 0; c < matrix->n_columns; c++) put_heading(out, "col", matrix->columns[c]);
    gw__text_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t r = 0; r < matrix->n_rows; r++) {
        gw__text_puts(out, "<tr>");
        put_heading(out, "row", matrix->rows[r]);
        for (size_t c = 0; c < matrix->n_columns; c++) put_heat(matrix, r, c, out);
        gw__text_puts(out, "</tr>\n");
    }
    gw__text_puts(out, "</tbody></table>\n");
    gw__scroll_end(out);
    put_scale(matrix, out);
    gw__figure_end(out);
}
