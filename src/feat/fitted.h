/* gw__features as it is inside: what was chosen, what was fitted, where it goes. Built in this order, by fitting or by reading:
 * tasks (from the spec), choice (from the columns), types, tables (embeddings), fit, layout. */
#ifndef GW_FEAT_FITTED_H
#define GW_FEAT_FITTED_H

#include "feat/values.h"
#include "feat/features.h"
#include "feat/staged.h"

#define GW__KNOTS 1000       /* of a fitted quantile transform, at most */
#define GW__VOCABULARY_AT 2  /* row 0: unseen and rare values, row 1: no value, then the vocabulary */
#define GW__NO_GROUP SIZE_MAX
#define GW__NO_FEATURE SIZE_MAX

/* One fitted transform of a chain. */
typedef struct gw__step {
    gw__transform kind;
    double shift, scale; /* standard, minmax: (x - shift) / scale */
    double *knots;       /* quantile: ascending; owned (gw__aligned_free) */
    size_t n_knots;
} gw__step;

typedef struct gw__feature {
    const char *name;
    const gw__feature_spec *spec; /* its entry, or features.default */
    gw__feature_type type;
    bool automatic, large;        /* large: found to hold integers that no float holds */
    bool rounds;                  /* of this reading: numeric by the spec, but integers lose digits */
    uint32_t dense_at, dense_width;
    uint32_t index;               /* which number, id or bag of a record */
    uint32_t table;               /* which embedding */
    size_t next_of_table;         /* the next feature of the same embedding, or GW__NO_FEATURE */
    double fill;                  /* numeric: stands for no value */
    gw__step steps[4];
} gw__feature;

typedef struct gw__embedding {
    const char *name;       /* escaped */
    const char *share;      /* as the spec has it; NULL for a table of one column */
    uint32_t dim;
    uint64_t buckets;       /* 0: a vocabulary */
    uint32_t min_count, max_rows;
    size_t first, last;     /* features: the ends of their chain */
    bool has_missing;       /* the training part had cells without a value, so row 1 was trained */
    gw__lexicon vocabulary; /* row = GW__VOCABULARY_AT + entry */
} gw__embedding;

typedef struct gw__task {
    const gw__task_spec *spec;
    bool by_text;             /* the label is compared as text, else it is a number */
    gw__slice positive;       /* trimmed */
    ptrdiff_t given_task;     /* -1: none */
    const char *given_column; /* NULL: none */
    size_t group;             /* which group, or GW__NO_GROUP */
    gw__lexicon classes;
    gw__texts class_names;    /* the same, for callers */
    gw__texts output_names;   /* of several quantiles */
} gw__task;

struct gw__features {
    gw__spec *spec;       /* held */
    size_t holders;       /* besides the first */
    gw__arena arena;
    gw__missing_texts missing;
    gw__lexicon entries;  /* names of features.columns */
    gw__feature *at;
    size_t n;
    gw__embedding *embeddings;
    size_t n_embeddings;
    gw__task *tasks;
    size_t n_tasks;
    const char **groups; /* distinct group columns */
    size_t n_groups;
    gw__input input;
};

/* ---- schema.c ---- */
/* The columns of a table, and where each is. */
typedef struct gw__columns {
    gw__texts names;   /* borrowed */
    gw__lexicon index;
} gw__columns;
gw_status gw__columns_init(gw__columns *columns, gw__texts names, gw_error *err);
void      gw__columns_clear(gw__columns *columns);
/* Where `name` is; GW__NO_ENTRY if it is no column. */
static inline uint32_t gw__columns_find(const gw__columns *columns, const char *name) {
    return gw__lexicon_find(&columns->index, gw__slice_of(name));
}
gw_status gw__features_new(const gw__spec *spec, gw__features **ret_features, gw_error *err);
/* Which columns become features, in their order; every name in the spec must be among them. Types are AUTO where the spec has none. */
gw_status gw__features_choose(gw__features *features, const gw__columns *columns, gw_error *err);
/* After all types are known: who uses which table. */
gw_status gw__features_tables(gw__features *features, gw_error *err);
/* After fitting: slots, tables and places. */
gw_status gw__features_layout(gw__features *features, gw_error *err);
/* GW_E_CONFIG with the nearest name if `name`, which the spec has at the key path `where`, is no column. */
gw_status gw__want_column(const gw__columns *columns, const char *where, const char *name, uint32_t *ret_column, gw_error *err);
/* A name as part of a tensor's name; NULL when out of memory. */
const char *gw__escape_name(gw__arena *arena, const char *name);
const gw__feature_spec *gw__feature_entry(const gw__features *features, const char *column); /* NULL: none of its own */

/* ---- transform.c ---- */
double gw__log1p(double x); /* x >= 0; the same bits everywhere */
double gw__steps_apply(const gw__step *steps, size_t n_steps, double x);
static inline float gw__number_apply(const gw__feature *feature, double x) {
    return (float)gw__steps_apply(feature->steps, feature->spec->n_transforms, isnan(x) ? feature->fill : x);
}
/* The same of n numbers. */
void gw__numbers_apply(const gw__feature *feature, const double *x, size_t n, float *ret);

/* ---- labels.c ---- */
/* The label's value; NaN: not labelled. False: no label of this task, see gw__fail_label. */
bool gw__label_text(const gw__features *features, size_t task, gw__slice text, float *ret);
bool gw__label_number(const gw__features *features, size_t task, double value, float *ret);
/* What a column that steers a task may hold: `given` 0, 1 or nothing, a row weight a number of 0 or more. */
static inline bool gw__given_good(double value) { return isnan(value) || value == 0 || value == 1; }
static inline bool gw__row_weight_good(double value) { return value >= 0 && isfinite((float)value); }
gw_status gw__fail_label(gw_error *err, const gw__features *features, size_t task, gw__slice found);
gw_status gw__classes_set(gw__features *features, size_t task, const gw__lexicon *texts, const uint32_t *order, size_t n, gw_error *err);

/* What is wrong with a cell, and the message about it, without a place. */
typedef enum gw__flaw { GW__FLAW_NUMBER, GW__FLAW_LABEL, GW__FLAW_WEIGHT, GW__FLAW_GIVEN, GW__FLAW_RANGE } gw__flaw;
typedef struct gw__bad_cell {
    gw__flaw flaw;
    size_t row, column, task;
} gw__bad_cell;
gw_status gw__fail_flaw(gw_error *err, const gw__features *features, gw__bad_cell bad, const char *column, gw__slice found);

#define GW__BLOCK_ROWS 512

/* Rows on their way into records. */
typedef struct gw__block {
    size_t n;
    uint64_t first_row;                /* number of the first in the table: randomness hangs on it */
    bool training;                     /* rows may be of the training part: unseen_rate and negative_rate hold */
    uint32_t *record[GW__BLOCK_ROWS];  /* NULL: the row is left out */
    uint8_t part[GW__BLOCK_ROWS];      /* gw__part */
} gw__block;

/* Labels stand in the records, NaN where there is none; `given` and `row_weights` ([n], NaN: no value) may be NULL where the task has no
 * such column. Writes the weights of a task; counts (may be NULL) are added to atomically, [2]: per part. */
void gw__task_weights(const gw__features *features, size_t task, const gw__block *block, const double *given, const double *row_weights,
                      gw__task_count *counts[2]);
/* After all weights: labels that are not there become 0. */
void gw__labels_finish(const gw__features *features, const gw__block *block);

/* ---- encoder.c ---- */
/* True if a training cell is to be replaced by the unseen row; `piece` counts within a bag. */
bool gw__unseen(const gw__features *features, size_t feature, uint64_t row, size_t piece);

/* Row of an embedding for a text that has a value. */
static inline uint32_t gw__vocabulary_row(const gw__embedding *embedding, gw__slice text) {
    uint32_t entry = gw__lexicon_find(&embedding->vocabulary, text);
    return entry == GW__NO_ENTRY ? 0 : GW__VOCABULARY_AT + entry;
}
#endif
