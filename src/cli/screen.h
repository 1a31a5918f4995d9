/* What is drawn with characters: numbers for people, bars, tables. Everything goes through a gw__text, so that it is written at once. */
#ifndef GW_CLI_SCREEN_H
#define GW_CLI_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

#include "base/doc.h"
#include "base/text.h"

/* What a stream can show. */
typedef struct cli_screen {
    bool terminal; /* someone is watching: lines may be drawn over */
    bool utf8;     /* block characters may be used */
    size_t width;  /* columns */
} cli_screen;

cli_screen cli_screen_of(FILE *stream);
void       cli_screen_write(FILE *stream, const gw__text *text);

/* A bar of `width` columns, filled to `share` in [0,1]: eighths of a block with UTF-8, else #. */
void cli_bar(gw__text *text, cli_screen screen, double share, size_t width);

void cli_put_count(gw__text *text, int64_t n);              /* 199,523 */
void cli_put_bytes(gw__text *text, uint64_t n);             /* 412 KB */
void cli_put_duration(gw__text *text, double seconds);      /* 0.8 s, 42 s, 3 min 20 s, 2 h 05 min */
void cli_put_rate(gw__text *text, double rows_per_second);  /* 812 k rows/s */

/* A number of a JSON result for a table: four significant digits or more, "-" where it does not exist. */
void cli_put_value(gw__text *text, const gw__doc *value);
bool cli_number(const gw__doc *value, double *ret);
/* A whole number under `key`, or 0. */
int64_t cli_count(const gw__doc *map, const char *key);

/* A table: cells are added row by row, columns are as wide as their widest cell. The first row is the header. */
typedef struct cli_table {
    size_t n_columns;
    const char *align; /* one of l, r per column */
    gw__text cells;    /* each followed by a NUL */
    size_t n_cells;
} cli_table;

void cli_cell(cli_table *table, const char *bytes, size_t n);
void cli_cell_doc(cli_table *table, const gw__doc *value); /* text as it is, numbers as cli_put_value, absent: empty */
void cli_cell_count(cli_table *table, int64_t n);
void cli_table_print(cli_table *table, gw__text *out); /* and clears it */

#endif
