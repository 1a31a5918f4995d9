#include "cli/screen.h"

#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/number.h"
#include "cli/message.h"

cli_screen cli_screen_of(FILE *stream) {
    const char *kind = getenv("TERM");
    cli_screen screen = {.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0, .width = 80};
    screen.terminal = isatty(fileno(stream)) && kind != NULL && strcmp(kind, "dumb") != 0;
    struct winsize size;
    if (screen.terminal && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) screen.width = size.ws_col;
    return screen;
}

void cli_screen_write(FILE *stream, const gw__text *text) {
    if (text->failed) fputs("gatewright: out of memory while printing\n", stderr);
    else if (text->n > 0) cli_write(stream, text->at, text->n);
}

void cli_bar(gw__text *text, cli_screen screen, double share, size_t width) {
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    if (!(share > 0)) share = 0;
    if (share > 1) share = 1;
    size_t units = (size_t)(share * (double)width * 8 + 0.5), full = screen.utf8 ? units / 8 : (units + 4) / 8, rest = screen.utf8 ? units % 8 : 0;
    for (size_t i = 0; i < full; i++) gw__text_puts(text, screen.utf8 ? "█" : "#");
    gw__text_puts(text, eighths[rest]);
    for (size_t i = full + (rest > 0); i < width; i++) gw__text_putc(text, ' ');
}

void cli_put_count(gw__text *text, int64_t n) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)(n < 0 ? -n : n));
    if (n < 0) gw__text_putc(text, '-');
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) gw__text_putc(text, ',');
        gw__text_putc(text, digits[i]);
    }
}

/* 1.23 k, 45.6 M: three significant digits and a unit. */
static void put_scaled(gw__text *text, double value, const char *const *units, size_t n_units) {
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < n_units) {
        value /= 1000;
        unit++;
    }
    int digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    gw__text_addf(text, "%.*f %s", digits, value, units[unit]);
}

void cli_put_bytes(gw__text *text, uint64_t n) {
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    put_scaled(text, (double)n, units, GW__COUNT(units));
}

void cli_put_rate(gw__text *text, double rows_per_second) {
    static const char *const units[] = {"rows/s", "k rows/s", "M rows/s", "G rows/s"};
    put_scaled(text, rows_per_second, units, GW__COUNT(units));
}

void cli_put_duration(gw__text *text, double seconds) {
    if (seconds < 9.95) gw__text_addf(text, "%.1f s", seconds);
    else if (seconds < 59.5) gw__text_addf(text, "%.0f s", seconds);
    else if (seconds < 3599.5) gw__text_addf(text, "%d min %02d s", (int)(seconds + 0.5) / 60, (int)(seconds + 0.5) % 60);
    else gw__text_addf(text, "%d h %02d min", (int)(seconds + 30) / 3600, (int)(seconds + 30) / 60 % 60);
}

bool cli_number(const gw__doc *value, double *ret) {
    return value && value->kind == GW__DOC_SCALAR && !value->quoted && gw__parse_double(value->text, ret);
}

int64_t cli_count(const gw__doc *map, const char *key) {
    double value;
    return cli_number(gw__doc_get(map, key), &value) ? (int64_t)value : 0;
}

void cli_put_value(gw__text *text, const gw__doc *value) {
    double number;
    if (!cli_number(value, &number)) gw__text_putc(text, '-');
    else if (number != 0 && (fabs(number) >= 1e6 || fabs(number) < 1e-4)) gw__text_addf(text, "%.4g", number);
    else gw__text_addf(text, "%.*f", fabs(number) >= 100 ? 2 : fabs(number) >= 10 ? 3 : 4, number);
}

/* ---- tables -------------------------------------------------------------------------------------------------------------------- */

void cli_cell(cli_table *table, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) gw__text_putc(&table->cells, (unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7F ? '?' : bytes[i]);
    gw__text_putc(&table->cells, '\0');
    table->n_cells++;
}

void cli_cell_doc(cli_table *table, const gw__doc *value) {
    gw__text text = {0};
    if (value && value->kind == GW__DOC_SCALAR && value->quoted) gw__text_add(&text, value->text.at, value->text.n);
    else if (value) cli_put_value(&text, value);
    cli_cell(table, text.n ? text.at : "", text.n);
    gw__text_clear(&text);
}

void cli_cell_count(cli_table *table, int64_t n) {
    gw__text text = {0};
    cli_put_count(&text, n);
    cli_cell(table, text.n ? text.at : "", text.n);
    gw__text_clear(&text);
}

static void measure(const cli_table *table, size_t *widths) {
    const char *cell = table->cells.at;
    for (size_t i = 0; i < table->n_cells; i++, cell += strlen(cell) + 1) {
        size_t width = gw__utf8_width(cell, strlen(cell));
        if (width > widths[i % table->n_columns]) widths[i % table->n_columns] = width;
    }
}

void cli_table_print(cli_table *table, gw__text *out) {
    size_t *widths = calloc(table->n_columns + 1, sizeof *widths);
    if (widths == NULL || table->cells.failed) out->failed = true;
    if (!out->failed && table->n_cells > 0) {
        measure(table, widths);
        const char *cell = table->cells.at;
        for (size_t i = 0; i < table->n_cells; i++, cell += strlen(cell) + 1) {
            size_t column = i % table->n_columns, width = gw__utf8_width(cell, strlen(cell)), pad = widths[column] - width;
            bool last = column + 1 == table->n_columns, right = table->align[column] == 'r';
            gw__text_puts(out, "  ");
            gw__text_addf(out, "%*s%s%*s", right ? (int)pad : 0, "", cell, right || last ? 0 : (int)pad, "");
            while (last && out->n > 0 && out->at[out->n - 1] == ' ') out->n--;
            if (last) gw__text_putc(out, '\n');
        }
    }
    free(widths);
    gw__text_clear(&table->cells);
    table->n_cells = 0;
}
