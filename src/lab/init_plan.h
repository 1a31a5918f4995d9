/* What a first spec should say about a table: guesses from the profiles, each with its reason in words. */
#ifndef GW_LAB_INIT_PLAN_H
#define GW_LAB_INIT_PLAN_H

#include "lab/init_profile.h"
#include "spec/spec.h"

typedef enum gw__role { GW__ROLE_FEATURE, GW__ROLE_IGNORED, GW__ROLE_LABEL } gw__role;

typedef struct gw__column_plan {
    gw__role role;
    gw__feature_type type;
    bool log1p, indicator;
    uint64_t buckets;      /* hashed */
    const char *separator; /* bag */
    const char *reason;    /* NULL, or why; for a comment */
} gw__column_plan;

typedef struct gw__task_plan {
    const char *name;
    size_t column;
    gw_task_type type;
    gw__slice positive; /* at NULL: cells are 0 and 1 */
    double weight;
    bool lists_classes; /* ordinal: its classes are written down, for the user to put in order */
    const char *reason;
} gw__task_plan;

typedef struct gw__init_plan {
    const gw__profiles *profiles;
    gw__column_plan *columns; /* [profiles.n_columns] */
    gw__task_plan *tasks;
    size_t n_tasks;
    gw__arena arena;
} gw__init_plan;

/* `tasks` are "COLUMN" or "COLUMN:TYPE". The plan borrows the profiles. Errors leave something for gw__init_plan_clear. */
gw_status gw__init_plan_tasks(gw__init_plan *plan, const char *const *tasks, size_t n_tasks, gw_error *err);
gw_status gw__init_plan_columns(gw__init_plan *plan, gw_error *err); /* after the tasks */
void      gw__init_plan_clear(gw__init_plan *plan);

/* Text for a comment, in the plan's arena; NULL when out of memory. */
const char *gw__init_reason(gw__init_plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append a number rounded to three digits, whatever the locale. */
void gw__init_add_number(gw__text *text, double value);
/* Append a text as a comment may show it: without line ends and control characters, cut when long. */
void gw__init_add_shown(gw__text *text, gw__slice shown);

/* ---- writing ---- */

typedef struct gw__init_source {
    const gw_data_options *data;
    char separator; /* 0: as the file's name says */
} gw__init_source;

void gw__init_write(const gw__init_plan *plan, const gw__init_source *source, gw__text *out);

#endif
