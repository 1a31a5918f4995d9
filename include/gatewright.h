/* Gatewright: multi-task models made of gated experts, trained and served from C.
 *
 * This header is the manual. Three kinds of handle:
 *   gw_model    what was learnt: features, wiring, parameters. Immutable once made; any number of threads may share it.
 *   gw_session  scratch memory of one thread that scores rows of one model. Makes no allocation while scoring.
 *   gw_error    storage of the caller's that a failing function fills; every function takes NULL for it.
 *
 * Functions return a gw_status. On failure results are untouched and nothing is half-written. Nothing here prints, exits, reads the
 * environment or keeps writable globals. Text that the library returns through `char **` is freed with gw_text_free.
 *
 * Shapes: B rows, D width of the dense input, O width of the output (one per task, one per class of a multiclass or ordinal task, one per quantile).
 */
#ifndef GATEWRIGHT_H
#define GATEWRIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GW_API __attribute__((visibility("default")))
#else
#define GW_API
#endif

#define GW_VERSION "0.1.0"

/* ---- status ------------------------------------------------------------------------------------------------------------------ */

/* name, number, word, exit code of the command: split by what the caller can do about it. */
#define GW_STATUS_ROSTER(X)                                                                                      \
    X(GW_OK, 0, "ok", 0)                                                                                         \
    X(GW_E_ARGUMENT, 1, "argument", 2)       /* the call is wrong */                                             \
    X(GW_E_CONFIG, 2, "config", 2)           /* the spec is wrong */                                             \
    X(GW_E_DATA, 3, "data", 1)               /* rows are wrong */                                                \
    X(GW_E_FORMAT, 4, "format", 1)           /* a file is not what it should be: truncated, altered, another kind */ \
    X(GW_E_VERSION, 5, "version", 1)         /* a file of a later program */                                     \
    X(GW_E_IO, 6, "io", 1)                   /* the system refused to read or write */                           \
    X(GW_E_NOMEM, 7, "nomem", 1)                                                                                 \
    X(GW_E_LIMIT, 8, "limit", 1)             /* more than was planned for */                                     \
    X(GW_E_UNSUPPORTED, 9, "unsupported", 1)                                                                     \
    X(GW_E_NONFINITE, 10, "nonfinite", 1)    /* training left the finite numbers */                              \
    X(GW_E_CANCELED, 11, "canceled", 130)    /* asked to stop; what there is was kept */                         \
    X(GW_E_INTERNAL, 12, "internal", 1)      /* a defect of this library */

typedef enum gw_status {
#define X(name, number, word, exit_code) name = number,
    GW_STATUS_ROSTER(X)
#undef X
} gw_status;

/* What failed and where. `where` is a file, column, key or tensor; line and column count from 1, 0 means unknown. */
typedef struct gw_error {
    gw_status code;
    int64_t line, column;
    char where[256];
    char message[768];
} gw_error;

GW_API const char *gw_status_word(gw_status status);
GW_API int         gw_status_exit_code(gw_status status);
GW_API const char *gw_version(void);
GW_API void        gw_text_free(char *text);

/* ---- instruction sets --------------------------------------------------------------------------------------------------------- */

/* The arithmetic exists once per instruction set: "reference" (plain C, the definition of right, slow), "base" (what every machine of the
 * architecture has), "avx2" (with FMA), "avx512" (F, BW, DQ, VL); on 64-bit ARM "reference" and "neon". Everything takes the best that
 * processor and system can run unless it is told otherwise. Results are reproducible to the last bit on one set. On two sets a
 * model's predictions differ in last bits, and trainings drift apart from there. */

/** The sets that can run here, the best last; NULL past the end. */
GW_API const char *gw_isa_at(size_t i);

/** GW_OK if `isa` is one of them or NULL, else GW_E_ARGUMENT with a message that lists them. */
GW_API gw_status gw_isa_check(const char *isa, gw_error *err);

/* ---- columns: how rows come in ------------------------------------------------------------------------------------------------ */

typedef enum gw_column_type {
    GW_COLUMN_TEXT,   /* values: const char * of all cells end to end, UTF-8; offsets: int32_t[n+1] */
    GW_COLUMN_INT64,  /* values: int64_t[n]; ids keep all 64 bits */
    GW_COLUMN_UINT64, /* values: uint64_t[n] */
    GW_COLUMN_FLOAT,  /* values: float[n]; NaN is 'no value' */
    GW_COLUMN_DOUBLE, /* values: double[n]; NaN is 'no value' */
} gw_column_type;

/* One named column of a batch, in Arrow's memory layout, borrowed. */
typedef struct gw_column {
    const char *name;
    gw_column_type type;
    const void *values;
    const int32_t *offsets; /* text only */
    const uint8_t *valid;   /* bitmap, least significant bit first, 1 = there is a value; NULL: all are there */
} gw_column;

/* ---- models ------------------------------------------------------------------------------------------------------------------- */

typedef struct gw_model gw_model;

/**
 * Read a model file; "-" is standard input.
 *
 * @return GW_OK; GW_E_IO if it cannot be read; GW_E_FORMAT if it is truncated, altered or no model; GW_E_VERSION if it is of a later
 *         format. The model is owned by the caller (gw_model_free).
 */
GW_API gw_status gw_model_load(const char *path, gw_model **ret_model, gw_error *err);

/** The same of a model file's bytes, which are borrowed for the call. `name` stands for the path in messages; NULL: "model". */
GW_API gw_status gw_model_parse(const void *bytes, size_t n_bytes, const char *name, gw_model **ret_model, gw_error *err);

/** Write the model file: beside its place, synced, renamed. Equal models give equal bytes. */
GW_API gw_status gw_model_save(const gw_model *model, const char *path, gw_error *err);
GW_API void      gw_model_free(gw_model *model);

typedef enum gw_task_type { GW_TASK_BINARY, GW_TASK_REGRESSION, GW_TASK_MULTICLASS, GW_TASK_COUNT, GW_TASK_ORDINAL, GW_TASK_QUANTILE } gw_task_type;

typedef struct gw_task_info {
    const char *name;    /* borrowed until the model is freed, as all text here */
    gw_task_type type;
    size_t output_at;    /* its first column of the output */
    size_t output_width; /* 1, or the number of classes or quantiles */
} gw_task_info;

typedef struct gw_feature_info {
    const char *name;
    const char *type;    /* "numeric", "categorical", "hashed", "bag" */
    size_t dense_at;     /* its first column of the dense input */
    size_t dense_width;
} gw_feature_info;

GW_API size_t gw_model_task_count(const gw_model *model);
GW_API gw_status gw_model_task_at(const gw_model *model, size_t i, gw_task_info *ret_info, gw_error *err);
GW_API size_t gw_model_feature_count(const gw_model *model);
GW_API gw_status gw_model_feature_at(const gw_model *model, size_t i, gw_feature_info *ret_info, gw_error *err);
GW_API size_t gw_model_dense_width(const gw_model *model);  /* D */
GW_API size_t gw_model_output_width(const gw_model *model); /* O */
/** The instruction set for what this model computes from now on; NULL: the best, as a new model has. Sessions keep theirs. Not while another
 *  thread uses the model. A model file does not remember it. Fails as gw_isa_check does. */
GW_API gw_status   gw_model_use_isa(gw_model *model, const char *isa, gw_error *err);
GW_API const char *gw_model_isa(const gw_model *model);
/* The name of class `i` of a multiclass or ordinal task, or of quantile `i` ("q0.1") where a task has several; NULL if there is none. */
GW_API const char *gw_model_class_name(const gw_model *model, size_t task, size_t i);

/** Everything about a model as one JSON object: what `gatewright inspect --json` prints. Keys: format (1), architecture, parameters,
 *  multiply_adds (a row), dense_width, output_width; levels (experts and gates with layers as [out,in], parameters, multiply-adds), towers;
 *  features (name, type, automatic, dense_at, width, rows, share); tasks (name, type, label, loss, weight, outputs, classes,
 *  quantiles, chain, after); training; of a model with parameters also similarity (of the experts' parameters), gate_biases, and
 *  connections (of what is learned for all rows alike: level, stream, kind, experts, values), and warnings (docs/health.md: kind, level,
 *  expert, figure, text; here of experts with the same parameters, for more see gw_inspect). */
GW_API gw_status gw_model_describe(const gw_model *model, char **ret_json, gw_error *err);

/* ---- scoring ------------------------------------------------------------------------------------------------------------------ */

typedef struct gw_session gw_session;

/** Scratch for scoring up to `max_rows` rows a call. The model is borrowed until the session is freed. */
GW_API gw_status gw_session_new(const gw_model *model, size_t max_rows, gw_session **ret_session, gw_error *err);
GW_API void      gw_session_free(gw_session *session);

/**
 * Score rows given as typed columns, found by name; order and additional columns do not matter.
 *
 * @param n_rows    B, at least 1: a call without rows is GW_E_ARGUMENT.
 * @param ret_score float[B*O], row-major [B,O]; probability for binary tasks, one per class for multiclass and ordinal, a mean for count, the label's unit for
 *                  regression and quantiles.
 * @return GW_OK; GW_E_DATA if a column is missing, a cell is not what its feature takes or its text no UTF-8 (where = the column, line = the
 *         row from 1); of columns that no feature uses the cells are not looked at;
 *         GW_E_LIMIT if B exceeds max_rows. Scores are untouched unless all rows are good.
 * Memory: allocates nothing after the first call with the same columns, but for bags larger than any before.
 * Threads: one at a time per session.
 */
GW_API gw_status gw_session_score(gw_session *session, const gw_column *columns, size_t n_columns, size_t n_rows,
                                  float *ret_score, gw_error *err);

/**
 * Score many candidates for one user: what gw_session_score gives for the table in which the user's row stands beside every candidate, but for
 * last digits (sums are taken in another order). The user's row is encoded, its embeddings are looked up and its part of the first layers is
 * computed once, so that in these a candidate costs its own columns only.
 *
 * @param user       Columns of one row: the user's, and what else all candidates share. May be NULL if there are none; `candidates`, too.
 * @param candidates Columns of n_candidates rows, at least 1. A feature's column is in one of both; which one may change from call to call.
 * @param ret_score  float[n_candidates*O], as gw_session_score has it, in the candidates' order.
 * @return As gw_session_score; GW_E_ARGUMENT also for a column that both have. Of a bad cell `line` is the row among its own.
 * Memory: allocates nothing after the first call with the same names on the same sides, but for bags larger than any before. That first call
 *         copies the weights of the first layers, so that a session that ranks holds them once more.
 * Threads: one at a time per session.
 */
GW_API gw_status gw_session_score_candidates(gw_session *session, const gw_column *user, size_t n_user_columns, const gw_column *candidates,
                                             size_t n_candidate_columns, size_t n_candidates, float *ret_score, gw_error *err);

/** Score rows of the dense input, float[B*D], row-major: transforms and embeddings already applied (architecture 'stem': one
 *  copy for each task and then the shared one). Allocates nothing. Values are not looked
 *  at: a row with NaN gets NaN as its scores, one with an infinity NaN or what the network saturates to; the other rows do not change. */
GW_API gw_status gw_session_score_dense(gw_session *session, const float *dense, size_t n_rows, float *ret_score, gw_error *err);

/* ---- training ----------------------------------------------------------------------------------------------------------------- */

typedef enum gw_event_kind {
    GW_EVENT_NOTE,    /* text: something worth knowing, one line */
    GW_EVENT_WARNING, /* text: something that is probably not meant */
    GW_EVENT_READ,    /* text: JSON of what was read: rows, columns, missing, labels and positives per task */
    GW_EVENT_STEP,    /* progress inside an epoch; text NULL */
    GW_EVENT_EPOCH,   /* text: the JSON line of `train --json` */
    GW_EVENT_TEST,    /* text: JSON of the evaluation on data.test, once, at the end */
    GW_EVENT_END,     /* gw_train_many: the run is over, its last event; text: what went wrong, or NULL */
} gw_event_kind;

typedef struct gw_event {
    gw_event_kind kind;
    const char *text;      /* borrowed for the call */
    int64_t epoch, epochs; /* from 1 */
    int64_t rows_done, rows; /* of this epoch */
    double seconds;        /* since the epoch began */
    size_t run;            /* gw_train_many: whose event it is, from 0 */
} gw_event;

typedef void (*gw_listener)(void *context, const gw_event *event);

/* When a run looks at its own health (docs/health.md) for its listener: what is told in an epoch's "health", and warned of. Not a bit of the model
 * depends on it. */
typedef enum gw_health {
    GW_HEALTH_AUTO,  /* after the first epoch, the last, and as often as it takes about 1 % of the time */
    GW_HEALTH_EVERY, /* after every epoch */
    GW_HEALTH_OFF,
} gw_health;

typedef struct gw_train_options {
    const char *spec_path;        /* a file (YAML or JSON, by its name), or NULL to use spec_text */
    const char *spec_text;
    const char *const *overrides; /* "key.path=value" as of --set; n_overrides of them */
    size_t n_overrides;
    const char *init_path;        /* a model whose features and parameters to start from, or NULL */
    const char *resume_path;      /* a checkpoint to go on from, or NULL */
    const char *model_path;       /* where to save; checkpoints go to this with ".ckpt" behind it; NULL: keep in memory only.
                                     Neither may be a file that the spec names, or the spec: GW_E_ARGUMENT before anything is read */
    const char *report_path;      /* a page to look at, written when the run is over (docs/report.md); NULL: none. As model_path it replaces no input */
    size_t threads;               /* 0: the machine's cores */
    const char *isa;              /* instruction set of training and of the model that comes of it; NULL: the best */
    bool skip_bad_rows;           /* count them instead of failing */
    gw_listener listener;         /* may be NULL */
    void *listener_context;
    gw_health health;             /* for the listener */
    const volatile int *cancel;   /* becomes non-zero to stop at the next step; may be NULL */
} gw_train_options;

/**
 * Train a model from a spec. The result is a pure function of spec, data and instruction set: not of threads, machine load or time.
 *
 * @param ret_model The best model (with train.early_stop), else the last; owned by the caller. May be NULL when model_path is given.
 * @return GW_OK; GW_E_CANCELED after `cancel`: the best model so far was saved and is returned; GW_E_NONFINITE with epoch, step, task and
 *         tensor in the message: the last good model was saved and is returned.
 */
GW_API gw_status gw_train(const gw_train_options *options, gw_model **ret_model, gw_error *err);

/* One of many runs: how it differs from the others. */
typedef struct gw_run_options {
    const char *const *overrides; /* as of --set, after those of the base; n_overrides of them */
    size_t n_overrides;
    const char *model_path;       /* where to save its model, as of gw_train_options; NULL: nowhere. No two runs may have the same */
    bool keep_model;              /* give its model back in its result */
} gw_run_options;

/* What came of it. */
typedef struct gw_run_result {
    gw_status status; /* as gw_train would have returned */
    gw_error error;   /* if that is not GW_OK */
    gw_model *model;  /* with keep_model, wherever gw_train would have given one; else NULL */
    char *training;   /* JSON {"epochs":n,"kept_epoch":n,"steps":n,"train_rows":n,"valid_rows":n} and, of the kept epoch, with data.valid,
                         "valid":{"tasks":{…}}; NULL if there came no model */
    char *test;       /* JSON of the evaluation on data.test, as of GW_EVENT_TEST; NULL without one */
    uint64_t dense_parameters, table_parameters, multiply_adds; /* trained values without and of embedding tables, and work a row; 0 if it never began */
} gw_run_result;

/**
 * Train many models: architectures, seeds, learning rates. Each run is the spec of `base` with overrides of its own, and comes to what
 * gw_train comes to with the same overrides alone: the same bytes, whatever the other runs, their order and the threads.
 *
 * Runs that read the same rows share one copy of them, and of data.test: all that agree in `data`, `features`, in what `tasks` says of rows,
 * and, where rows are drawn at random (a validation part by fraction, unseen_rate, negative_sampling), in the seed that draws them. With
 * train.data_seed set, runs of many seeds share, too. The others are read once for each group that does agree.
 * Threads: with as many runs as `base->threads` or more, every run has one; else they are shared out.
 *
 * @param base        As of gw_train, but model_path, resume_path and report_path are NULL. The listener is never called twice at once; an event's `run` says
 *                    whose it is, and the events of one run come in order. `cancel` stops those that run and keeps others from beginning.
 * @param ret_results [n_runs], filled in any case. A run that fails does not stop the others. Free with gw_run_results_clear.
 * @return GW_OK if every run is; GW_E_CANCELED if any is; else what the first run that failed says, with its number in the message.
 */
GW_API gw_status gw_train_many(const gw_train_options *base, const gw_run_options *runs, size_t n_runs, gw_run_result *ret_results, gw_error *err);

/** Free models and texts of results, and make them empty. */
GW_API void gw_run_results_clear(gw_run_result *results, size_t n_runs);

/* One of what is compared. */
typedef struct gw_compare_entry {
    const char *label;            /* what it is called; NULL: as its architecture. No two may have the same */
    const char *architecture;     /* a value of model.architecture; NULL: the spec's own */
    const char *const *overrides; /* as of --set, for this one alone; n_overrides of them. None of data, features, tasks, train.seed, train.data_seed */
    size_t n_overrides;
} gw_compare_entry;

/* Something happened in one of the runs, or is so in all of an entry's. */
typedef struct gw_compare_event {
    const char *label;     /* of the entry; borrowed for the call */
    uint64_t seed;
    size_t ended, runs;    /* how many runs are over, of all */
    const gw_event *event; /* as of gw_train_many; of all of an entry's runs, run is SIZE_MAX */
} gw_compare_event;

typedef void (*gw_compare_listener)(void *context, const gw_compare_event *event);

typedef struct gw_compare_options {
    gw_train_options base;           /* the spec and what all runs share. No init_path, resume_path, model_path or listener */
    const gw_compare_entry *entries; /* n_entries of them */
    size_t n_entries;
    size_t runs;                     /* of each: train.seed of the spec, and so on upward */
    const char *baseline;            /* what gains are over: a label, or an architecture, which is added in front where it is none of the
                                        entries. NULL: "single-task". "none": no gains */
    bool match_parameters;           /* scale the widths of the experts until each has as nearly as many dense parameters as the spec itself */
    const char *output_dir;          /* for report.html with a page for each entry, compare.json, compare.csv and runs.csv, which are replaced, while pages of
                                        an earlier comparison that are not are removed; NULL: nothing is written. GW_E_ARGUMENT if a file that is no
                                        page has a page's name */
    gw_compare_listener listener;    /* may be NULL; never called twice at once */
    void *listener_context;
} gw_compare_options;

/**
 * Train several architectures with several seeds each, on the same rows: all on those that the spec's own train.data_seed draws. What is
 * compared are the metrics and the loss on data.test, or else on the validation part.
 *
 * An entry is the spec with another `model.architecture` and the entry's overrides. Where the spec's levels do not suit the architecture, its
 * layers stand in one level. The architecture single-task is the spec's twin: for each task as many layers of its own, and the same tower.
 *
 * @param ret_json What compare.json holds (docs/compare.md), as soon as a run was done: also where the result is GW_E_CANCELED, or GW_E_IO or
 *                 GW_E_NOMEM because the files could not be made. Freed with gw_text_free. May be NULL with output_dir.
 * @return GW_OK, also where some runs failed, which is counted; what the first said if all did; GW_E_CANCELED; GW_E_CONFIG for a spec without
 *         data.test and data.valid, or one that an entry makes wrong.
 */
GW_API gw_status gw_compare(const gw_compare_options *options, char **ret_json, gw_error *err);

/* ---- files in, files out ------------------------------------------------------------------------------------------------------ */

typedef struct gw_data_options {
    const char *const *paths; /* files or patterns; "-" is standard input; n_paths of them */
    size_t n_paths;
    const char *header;       /* NULL: as the model says; "true": the first line; else a file with the names */
    bool skip_bad_rows;
    size_t threads;           /* 0: the machine's cores */
} gw_data_options;

/**
 * Metrics of a model on a table, whose label columns must be there.
 *
 * @param gates    Also what gates use, over all rows, and how experts are, on a sample of the first rows (docs/health.md).
 * @param ret_json {"rows":n,"tasks":{"income":{"loss":x,"auc":x,…},…}}, with skip_bad_rows "skipped":n after rows, with `gates`
 *                 "gates":[{"level":0,"stream":"income","entropy":x,"normalised":x,"effective":x,"row_entropy":x,
 *                 "experts":[{"name":"shared.0","weight":x,"load":x},…]},…] and "health":{"rows":n,"experts":[…],"similarity":[…]}.
 *                 What does not exist is null.
 * @return GW_OK; GW_E_DATA for a missing column or a bad cell (where = the file, line = its line).
 */
GW_API gw_status gw_evaluate(const gw_model *model, const gw_data_options *data, bool gates, char **ret_json, gw_error *err);

/**
 * A model, and how its gates and experts are on a sample of the first rows of a table, whose label columns may be absent. Reads no further
 * than it needs to.
 *
 * @param ret_json What gw_model_describe gives, and "health":{"rows":n,"gates":[…],"experts":[…],"similarity":[…]} as docs/health.md has it,
 *                 with skip_bad_rows "skipped":n before rows; its warnings are also those of gates and experts on the rows. Does not depend
 *                 on the number of threads.
 * @return GW_OK; GW_E_DATA for a missing column or a bad cell (where = the file, line = its line).
 */
GW_API gw_status gw_inspect(const gw_model *model, const gw_data_options *data, char **ret_json, gw_error *err);

typedef enum gw_output_format {
    GW_OUTPUT_CSV,   /* a header of task names (task.class where a task has several columns), a line per row, numbers as %.9g */
    GW_OUTPUT_JSONL, /* {"keep":{column:"text",…},task:p,task:{class:p,…},"gates":{name:w,…}} a line; keep and gates when asked for */
    GW_OUTPUT_NPY,   /* float32 [rows, O (+ gates)], C order; numbers only, so nothing can be kept */
} gw_output_format;

typedef struct gw_predict_options {
    gw_data_options data;
    const char *output_path; /* "-" is standard output */
    gw_output_format format;
    bool gates;              /* add columns gate.LEVEL.STREAM.EXPERT */
    const char *const *keep; /* input columns to repeat before the predictions; n_keep of them */
    size_t n_keep;
} gw_predict_options;

/**
 * Score a table into a file, in the input's order. The file appears whole or not at all, and does not depend on the number of threads.
 *
 * @param ret_rows, ret_skipped Rows written, and bad rows passed over (with skip_bad_rows). May be NULL.
 * @return GW_OK; GW_E_DATA for a missing column or a bad cell (where = the file, line = its line); GW_E_ARGUMENT for a column to keep
 *         that the table does not have, or an output that is one of the inputs. Label columns may be absent.
 */
GW_API gw_status gw_predict(const gw_model *model, const gw_predict_options *options, int64_t *ret_rows, int64_t *ret_skipped, gw_error *err);

/**
 * A model from a spec and parameters made elsewhere: a safetensors file of F32 or F64 tensors with the names and shapes that
 * docs/architectures.md gives, no more and no fewer. Reads data.train to fit the features; trains nothing. Of the options it looks at
 * spec, overrides, threads, isa, skip_bad_rows and the listener, which hears notes; and, if model_path says where the caller is going to save
 * the result, it refuses (GW_E_ARGUMENT) a path that is an input of the import. It saves nothing itself.
 *
 * @return GW_OK; GW_E_FORMAT that names the tensor that is missing, unknown or of another shape; GW_E_NONFINITE.
 */
GW_API gw_status gw_import(const gw_train_options *spec, const char *weights_path, gw_model **ret_model, gw_error *err);

/** Write the parameters alone for other programs. `format` is "safetensors". */
GW_API gw_status gw_export(const gw_model *model, const char *format, const char *path, gw_error *err);

/** As gw_model_describe, of a spec: reads data.train to know the widths. */
GW_API gw_status gw_spec_describe(const gw_train_options *spec, char **ret_json, gw_error *err);

/**
 * Look at the first rows of a table and write a spec that trains at once, with a comment on every guess.
 *
 * @param tasks    What to predict: "COLUMN" or "COLUMN:TYPE" with the type of a task.
 * @param ret_yaml The spec; freed with gw_text_free.
 * @return GW_OK; GW_E_ARGUMENT for a column that is not there; GW_E_DATA for one that cannot be predicted as said.
 */
GW_API gw_status gw_spec_init(const gw_data_options *data, const char *const *tasks, size_t n_tasks, char **ret_yaml, gw_error *err);

/* ---- generated data ----------------------------------------------------------------------------------------------------------- */

/* kind, what it is */
#define GW_SYNTH_ROSTER(X)                                                                                                     \
    X("mmoe", "two related regressions, as in section 3.2 of the MMoE paper: x0..., y1, y2")                                   \
    X("ple", "the same as section 5.2.1 of the PLE paper has it: 512 inputs, 10 sines")                                        \
    X("clusters", "one regression that is another linear map in each of two clusters: x0..., y1")                              \
    X("article-mmoe", "10 inputs and 2 regressions, for examples/article-mmoe.yaml")                                           \
    X("article-mmoe-gates", "112 inputs and 2 binary labels, for examples/article-mmoe-gates.yaml")                            \
    X("article-cgc", "100 inputs of 0 and 1 and 2 binary labels, for examples/article-cgc.yaml")                               \
    X("census", "people, in the 42 columns of the census-income table; like it without a header")

/* Whose choices "mmoe" and "ple" follow where their papers leave them open: c, the number of sines, alpha, beta and the noise. */
#define GW_SYNTH_PUBLISHED_ROSTER(X)                                                                                           \
    X("figure-2", "c 0.664 and 4 sines, chosen so that the labels' correlation follows figure 2 of the MMoE paper")            \
    X("ple", "c 1 and 10 sines, alpha and beta drawn from N(0,1)")                                                             \
    X("google", "c 1 and 10 sines, alpha 1, 2, 3..., beta 0, 1, 4..., noise of variance 0.0001")                               \
    X("keras-mmoe", "c 0.3 and 5 sines, alpha and beta drawn from N(0,1)")

typedef struct gw_synth_options {
    const char *kind;        /* one of the roster */
    const char *output_path; /* a CSV file; "-" is standard output */
    const char *truth_path;  /* where to write what the labels were made of, as JSON; NULL: nowhere. "mmoe", "ple" and "clusters" */
    int64_t rows;            /* 0: as many as are usual for the kind */
    int64_t first_row;       /* the number of the first one: a table of rows from 1000 on continues one of 1000 rows */
    size_t dim;              /* inputs; 0: as usual; "mmoe", "ple" and "clusters" take another number */
    uint64_t seed;
    /* "mmoe" and "ple": */
    double correlation;      /* p, the cosine of the tasks' weight vectors, -1 to 1 */
    const char *published;   /* one of the roster; NULL: "figure-2", for kind "ple" "ple". What follows goes before it */
    bool has_sines;
    size_t sines;            /* m, with has_sines; else as many as alpha or beta has, or as is usual */
    const double *alpha, *beta; /* n_alpha and n_beta numbers, none or one for each sine; -1000 to 1000 */
    size_t n_alpha, n_beta;
    /* and "clusters": */
    const double *scale;          /* c, the length of the weight vectors; NULL: as usual */
    const double *noise_variance; /* NULL: as usual */
} gw_synth_options;

/** Write a generated table. A row is a pure function of kind, options and its number: more rows do not change the first ones. */
GW_API gw_status gw_synth(const gw_synth_options *options, gw_error *err);

/* ---- measuring the machine ---------------------------------------------------------------------------------------------------- */

/** Names of the standard shapes: networks of the papers and articles and of a recommender, on generated rows. NULL past the end. */
GW_API const char *gw_bench_shape_at(size_t i);

/* Either something is going to be measured, or a result is there. */
typedef struct gw_bench_event {
    const char *next;    /* what is measured next: "article-mmoe: training"; NULL with a result. Borrowed for the call, as json */
    size_t done, total;  /* measurements */
    const char *json;    /* a result: first of the machine, then of each shape, with the keys that docs/command.md lists under bench */
} gw_bench_event;

typedef void (*gw_bench_listener)(void *context, const gw_bench_event *event);

typedef struct gw_bench_options {
    const char *const *shapes;  /* names; n_shapes of them, none: all */
    size_t n_shapes;
    size_t threads;             /* 0: the machine's cores. One thread is always measured, too */
    double seconds;             /* of a measurement, up to 3600; 0: 1 */
    const char *isa;            /* NULL: the best */
    gw_bench_listener listener; /* hears the results; not NULL */
    void *listener_context;
} gw_bench_options;

/**
 * Measure what this machine can do at best, and what training and prediction of the standard shapes reach of it. Takes up to 1 GiB of memory for
 * the ceilings, then what training takes.
 *
 * @return GW_OK; GW_E_ARGUMENT for an unknown shape or instruction set; GW_E_NOMEM.
 */
GW_API gw_status gw_bench(const gw_bench_options *options, gw_error *err);

#ifdef __cplusplus
}
#endif

#endif
