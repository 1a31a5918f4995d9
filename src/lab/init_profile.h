/* What a column looks like: counts, numbers, distinct values. The first rows of a table, column by column. */
#ifndef GW_LAB_INIT_PROFILE_H
#define GW_LAB_INIT_PROFILE_H

#include "data/table.h"

#define GW__PROFILE_ROWS 100000     /* rows looked at */
#define GW__PROFILE_DISTINCT 20000  /* distinct values told apart, at most; a column with more has `many` */
#define GW__PROFILE_TOTAL 2000000   /* the same over all columns: wide tables get fewer each, */
#define GW__PROFILE_LEAST 256       /* but not fewer than these */
#define GW__PROFILE_VALUES 1000     /* distinct values whose text is kept, in the order of their appearance */

/* Texts that often mean 'no value'. Which of them do in this table, gw__profiles.declared says. */
#define GW__SUSPECT_ROSTER(X) X("?") X("NA") X("N/A") X("n/a") X("NaN") X("nan") X("NULL") X("null") X("None") X("-")
#define X(text) +1
enum { GW__SUSPECTS = 0 GW__SUSPECT_ROSTER(X) };
#undef X
extern const char *const gw__suspects[GW__SUSPECTS];

typedef struct gw__value {
    gw__slice text; /* in the arena */
    int64_t count;
} gw__value;

typedef struct gw__profile {
    const char *name;
    int64_t values, missing; /* cells with and without a value; together the rows */
    int64_t suspects[GW__SUSPECTS];
    int64_t numbers, integers;
    bool wide;               /* an integer that a float cannot hold */
    bool sequential;         /* every integer is the one before plus 1 */
    double first, last, min, max, sum, sum_squares;
    int64_t bars, semicolons; /* cells that hold one */
    int64_t text_bytes;
    gw__value *kept;         /* [min(GW__PROFILE_VALUES, distinct_limit)] of distinct values */
    size_t n_distinct;
    bool many;
    int64_t many_after;      /* values until there were too many */
    int64_t known_after;     /* values since then that were among the distinct ones */
    uint64_t shape;          /* equal for columns that are the same up to the names of their values */
    uint64_t presence;       /* as shape, of a column that says only whether there is a value */
    bool first_present;      /* whether the first row has one */
    struct gw__profile_set *set;
} gw__profile;

typedef struct gw__profiles {
    gw__profile *columns;
    size_t n_columns;
    size_t distinct_limit; /* distinct values told apart in a column */
    int64_t rows;
    bool whole; /* the table ended within the rows looked at */
    bool declared[GW__SUSPECTS];
    gw__arena arena;
} gw__profiles;

/* Look at the table's first rows and decide which suspects mean 'no value' here: "?" wherever it stands, the others where they
 * are all that keeps a column from being numbers. */
gw_status gw__profiles_read(gw__table *table, gw__profiles *ret_profiles, gw_error *err);
void      gw__profiles_clear(gw__profiles *profiles);

/* With the declared suspects taken as no value: */
int64_t gw__profile_missing(const gw__profiles *profiles, const gw__profile *column);
double  gw__profile_variety(const gw__profile *column); /* share of the values that were new when they came; an estimate with `many` */
size_t  gw__profile_distinct(const gw__profiles *profiles, const gw__profile *column);
bool    gw__profile_numeric(const gw__profiles *profiles, const gw__profile *column);
bool    gw__profile_is_missing(const gw__profiles *profiles, gw__slice text);

#endif
