/* Tables and specs for the tests of feat/: CSV text in, records out. */
#ifndef GW_TESTS_FEAT_FIXTURE_H
#define GW_TESTS_FEAT_FIXTURE_H

#include "testing.h"

#include "feat/features.h"

/* What is read: pieces of a spec as JSON. NULL pieces are left out. */
typedef struct recipe {
    const char *csv;       /* data.train */
    const char *valid;     /* value of data.valid; "%FILE%" stands for a file that holds valid_csv */
    const char *valid_csv;
    const char *missing;   /* value of data.missing */
    const char *features;  /* value of features */
    const char *tasks;     /* value of tasks; default: y is binary */
    bool skip;
    size_t threads;        /* 0: no pool */
} recipe;

typedef struct reading {
    gw__spec *spec;
    gw__features *features;
    gw__dataset dataset;
    const gw__input *in;
} reading;

/* Read, or fail the test. */
reading read_table(recipe recipe);
void    clear_reading(reading *reading);
/* Read; a failure's status is returned and *ret_reading is untouched. */
gw_status try_table(recipe recipe, reading *ret_reading, gw_error *err);
/* The same with features fitted before (borrowed, and with their spec); .features is NULL. */
gw_status try_fitted(recipe recipe, const gw__features *fitted, reading *ret_reading, gw_error *err);
/* Must fail with this status and message; "CSV" as `where` is the training file. */
void refuse_table(recipe recipe, gw_status status, const char *where, int64_t line, const char *message);

/* Of a record, by the position among its kind. */
float    number_at(const gw__records *records, size_t row, size_t i);
int32_t  id_at(const gw__records *records, size_t row, size_t i);
float    label_at(const gw__records *records, size_t row, size_t task);
float    weight_at(const gw__records *records, size_t row, size_t task);
uint64_t group_at(const gw__records *records, size_t row, size_t i);
/* The values of a bag, as "3,1,0". Borrowed until the next call. */
const char *bag_at(const gw__records *records, size_t row, size_t i);

/* The feature's view by name. */
gw__feature_view view_of(const gw__features *features, const char *name);
/* All records and bags equal? */
bool same_records(const gw__records *a, const gw__records *b);
/* A note that contains `text`; NULL if there is none. */
const char *note_with(const gw__read_report *report, const char *text);

/* The column of a text table in memory, from `n` cells; NULL is no value. Owned by the caller (free_text_column). */
gw_column text_column(const char *name, const char *const *cells, size_t n);
void free_text_column(gw_column *column);

#endif
