/* Features: how columns become records. Fitted once on the training part, then the only road from a raw row to the network,
 * in training, evaluation and prediction alike. Immutable after fitting; shareable between threads. */
#ifndef GW_FEAT_FEATURES_H
#define GW_FEAT_FEATURES_H

#include "base/json.h"
#include "base/pool.h"
#include "data/table.h"
#include "feat/record.h"
#include "file/safetensors.h"
#include "spec/spec.h"

typedef struct gw__features gw__features;

const gw__input *gw__features_input(const gw__features *features);
size_t gw__features_count(const gw__features *features);

/* What one fitted feature is, for tables and inspect. */
typedef struct gw__feature_view {
    const char *name;
    gw__feature_type type; /* never AUTO */
    bool automatic;        /* the type was found by looking */
    uint32_t dense_at, dense_width;
    uint64_t rows;         /* of its embedding table; 0 for numeric */
    const char *share;     /* NULL, or the shared table */
} gw__feature_view;
gw__feature_view gw__features_at(const gw__features *features, size_t i);

/* Multiclass, ordinal: the fitted class names of a task, in the order of its outputs. n 0 for other tasks. */
gw__texts gw__features_classes(const gw__features *features, size_t task);
/* What tells a task's outputs apart: its classes, or "q0.1" … of several quantiles. n 0 for a task of one output. */
gw__texts gw__features_outputs(const gw__features *features, size_t task);
/* Outputs of a task: 1, or its number of classes or quantiles. */
size_t gw__features_output_width(const gw__features *features, size_t task);
/* Which of a record's groups holds the task's `group` column; SIZE_MAX: the task has none. */
size_t gw__features_group(const gw__features *features, size_t task);
void   gw__features_free(gw__features *features);
/* One more owner: they live until each has called gw__features_free. Many models may share the features that they were all fitted with. From any thread. */
gw__features *gw__features_hold(gw__features *features);

/* ---- reading whole tables ---- */

typedef struct gw__task_count { int64_t labelled, positives, outside; } gw__task_count; /* outside: of the sample space */

/* What was read, for the screen. */
typedef struct gw__read_report {
    int64_t rows, skipped, valid_rows, text_bytes; /* rows: all that were kept; valid_rows: those of them that validate */
    int64_t n_columns, missing_cells;
    gw__task_count *train_tasks, *valid_tasks; /* [T], in `arena` */
    gw__texts notes;                           /* "column 'age': numeric (found by looking)", … */
    double seconds;
    gw__arena arena;
} gw__read_report;

typedef struct gw__dataset {
    gw__records train, valid;
    gw__read_report report;
} gw__dataset;

void gw__dataset_clear(gw__dataset *dataset);

/* Read data.train (and data.valid) of the spec; fit the features on the training part unless `fitted` gives them (--init, --resume);
 * encode every row. A row's place in the tables decides nothing but its order. Rows without any labelled task in train are kept.
 * GW_E_DATA with file, line, column; with `skip_bad_rows` such rows are counted instead. *ret_features is owned by the caller (not set when `fitted` is given);
 * they hold the spec. */
gw_status gw__dataset_read(const gw__spec *spec, const gw__features *fitted, bool skip_bad_rows, gw__pool *pool,
                           gw__features **ret_features, gw__dataset *ret_dataset, gw_error *err);

/* ---- encoding batch by batch: prediction and evaluation ---- */

/* Scratch that turns batches of one table into records. One thread at a time. */
typedef struct gw__encoder gw__encoder;

/* Bind to columns by name. `want_labels`: label columns must be there (evaluate), else labels are all absent.
 * GW_E_DATA (where = the name) if a column is missing. The features are borrowed. */
gw_status gw__encoder_new(const gw__features *features, const char *const *names, size_t n_names, bool want_labels,
                          gw__encoder **ret_encoder, gw_error *err);
void gw__encoder_free(gw__encoder *encoder);
/* Take the memory for up to `n_rows` rows now (and some values per bag), so that encoding them allocates nothing but for larger bags. */
gw_status gw__encoder_reserve(gw__encoder *encoder, size_t n_rows, gw_error *err);

#define GW__NO_COLUMN SIZE_MAX

/* The columns that the features are made of, in the features' order: [gw__features_count], borrowed; GW__NO_COLUMN after narrowing. */
const size_t *gw__encoder_columns(const gw__encoder *encoder);

/* Encode features of the bound columns [begin, begin+n) alone: batches hold only these from now on, and in records the others' values are not set. */
void gw__encoder_narrow(gw__encoder *encoder, size_t begin, size_t n);

/* Encode rows [begin, begin+n) of a batch. Bag values stay in the encoder until the next call. On a bad cell: GW_E_DATA, where = column,
 * *ret_row = the batch row, and the message as in section 4.1 without the place; with `skip` non-NULL, skip[i] is set to 1 for bad rows instead
 * (their records hold zeros). Grows its memory to the largest n seen, then allocates nothing (but for larger bags). */
gw_status gw__encoder_apply(gw__encoder *encoder, const gw__batch *batch, size_t begin, size_t n, uint8_t *skip,
                            gw__records *ret_records /* borrowed */, size_t *ret_row, gw_error *err);

/* ---- in and out of the model file ---- */

/* Small fitted items as a JSON object; large ones as tensors "feature.NAME.vocabulary" (U8 bytes), "….offsets" (U32), "….quantiles" (F64)
 * The tensors borrow from the features. */
gw_status gw__features_write(const gw__features *features, gw__json_writer *json, gw__tensor **tensors, size_t *n_tensors, gw__arena *arena, gw_error *err);
/* The container is verified already, but its content is still checked against the spec. The spec is held by the features. */
gw_status gw__features_read(const gw__spec *spec, gw__slice json, const gw__container *container, gw__features **ret_features, gw_error *err);

#endif
