/* A table with every type of feature and task, and a model over it whose parameters are random: what serving is tested with. */
#ifndef GW_TESTS_SERVE_FIXTURE_H
#define GW_TESTS_SERVE_FIXTURE_H

#include "model/model.h"

#define FIXTURE_ROWS 1300 /* more than two chunks */

typedef struct fixture {
    char directory[64];
    char table[128], bare[128], output[128]; /* `bare`: the table without its label columns */
    gw_model *model;
} fixture;

void fixture_open(fixture *f, const char *architecture);
void fixture_open_with(fixture *f, const char *architecture, const char *const *sets, size_t n_sets); /* "key.path=value" */
void fixture_close(fixture *f); /* asserts that nothing but what was asked for was left */

/* For cmocka: the state is a fixture with an mmoe. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_must(gw_status status, const gw_error *err); /* fails the test with the message */

/* A path in the fixture's directory; freed with it when `fixture_forget`. */
const char *fixture_path(fixture *f, const char *name, char out[128]);
void        fixture_forget(const char *path);
void        fixture_write(const char *path, const char *text);
char       *fixture_read(const char *path, size_t *ret_n); /* free */

/* One row of the table as text cells, as the file has them. */
void fixture_cells(size_t row, char age[16], char city[16], char user[32], char tags[32]);

/* Rows of the table as text columns: age, city, user, tags. */
#define FIXTURE_BATCH 150
typedef struct fixture_rows {
    char text[4][FIXTURE_BATCH * 32];
    int32_t offsets[4][FIXTURE_BATCH + 1];
    gw_column columns[4];
} fixture_rows;
void fixture_make_rows(fixture_rows *r, size_t first, size_t n); /* n <= FIXTURE_BATCH */
void fixture_repeat(fixture_rows *r, int column, size_t row, size_t n); /* n rows of a column with the table's cell of `row` */

#endif
