#include "model/source.h"

#include <string.h>

#include "base/files.h"
#include "model/model.h"

#define MAX_NAMES_BYTES ((size_t)16 << 20)

/* Column names from a file, one a line; blanks around them and empty lines do not count. */
static gw_status read_names(const char *path, gw__arena *arena, gw__table_options *table, gw_error *err) {
    char *bytes = NULL;
    size_t n = 0, n_lines = 1, n_names = 0;
    gw_status status = gw__file_read(path, MAX_NAMES_BYTES, &bytes, &n, err);
    if (status != GW_OK) return status;
    for (size_t i = 0; i < n; i++) n_lines += bytes[i] == '\n';
    const char **names = gw__arena_alloc(arena, n_lines, sizeof *names);
    if (!names) GW__FAIL(gw__fail_nomem(err));
    for (char *at = bytes, *end = bytes + n; at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        size_t length = (size_t)(stop - at);
        if (length > 0 && at[length - 1] == '\r') length--;
        gw__slice name = gw__slice_trim((gw__slice){at, length});
        if (name.n > 0 && !(names[n_names++] = gw__arena_text(arena, name.at, name.n))) GW__FAIL(gw__fail_nomem(err));
        at = stop + 1;
    }
    if (n_names == 0) GW__FAIL(gw__fail_at(err, GW_E_DATA, path, 0, 0, "expected column names, one a line, but found none"));
    table->names = names;
    table->n_names = n_names;
cleanup:
    gw__aligned_free(bytes);
    return status;
}

gw_status gw__options_table(const gw_data_options *options, const gw__data_spec *rules, gw__pool *pool, gw__arena *arena, gw__table **ret_table,
                            gw_error *err) {
    gw__table_options table = {.skip_bad_rows = options->skip_bad_rows, .separator = rules ? rules->separator : 0, .pool = pool};
    if (options->header && strcmp(options->header, "true") != 0) {
        gw_status status = read_names(options->header, arena, &table, err);
        if (status != GW_OK) return status;
    } else if (!options->header && rules && !rules->header_in_file) {
        table.names = rules->names.at;
        table.n_names = rules->names.n;
    } else {
        table.header_in_file = true;
    }
    return gw__table_open_csv(options->paths, options->n_paths, &table, ret_table, err);
}

/* ---- outputs that would replace an input ---- */

typedef struct output {
    const char *path, *what;
} output;

static gw_status check_input(const output *out, const char *path, const char *key, gw_error *err) {
    if (!path || strcmp(path, "-") == 0 || !gw__file_same(out->path, path)) return GW_OK;
    return gw__fail_at(err, GW_E_ARGUMENT, out->path, 0, 0, "%s is also the input '%s' (%s)", out->what, path, key);
}

/* Patterns that match nothing are complained about by who reads them. */
static gw_status check_inputs(const output *out, gw__texts patterns, const char *key, gw_error *err) {
    gw_status status = GW_OK;
    gw__arena arena = {0};
    for (size_t i = 0; status == GW_OK && i < patterns.n; i++) {
        const char **paths = NULL;
        size_t n = 0;
        status = gw__files_match(patterns.at[i], &arena, &paths, &n, NULL);
        if (status == GW_E_NOMEM) gw__fail_nomem(err);
        if (status == GW_E_IO) status = GW_OK;
        for (size_t k = 0; status == GW_OK && k < n; k++) status = check_input(out, paths[k], key, err);
    }
    gw__arena_clear(&arena);
    return status;
}

static gw_status check_output(const output *out, const gw_train_options *options, const gw__spec *spec, gw_error *err) {
    const gw__data_spec *data = &spec->data;
    gw_status status = check_input(out, options->spec_path, "the spec", err);
    if (status == GW_OK) status = check_inputs(out, data->train, "data.train", err);
    if (status == GW_OK) status = check_inputs(out, data->valid.files, "data.valid", err);
    if (status == GW_OK) status = check_inputs(out, data->test, "data.test", err);
    if (status == GW_OK) status = check_input(out, data->header_path, "data.header", err);
    return status;
}

/* A report is new: besides the inputs of the run it replaces neither a model nor a checkpoint. */
static gw_status check_report(const gw_train_options *options, const gw__spec *spec, gw_error *err) {
    const output report = {options->report_path, "the report"};
    if (!options->report_path) return GW_OK;
    gw_status status = check_output(&report, options, spec, err);
    if (status == GW_OK) status = check_input(&report, options->init_path, "the model to start from", err);
    if (status == GW_OK) status = check_input(&report, options->resume_path, "the checkpoint to resume", err);
    const char *model = options->model_path;
    if (status == GW_OK && model && (strcmp(model, options->report_path) == 0 || gw__file_same(model, options->report_path)))
        status = gw__fail_at(err, GW_E_ARGUMENT, options->report_path, 0, 0, "the report would replace the model, which goes there, too");
    return status;
}

gw_status gw__source_check_outputs(const gw_train_options *options, const gw__spec *spec, gw_error *err) {
    gw_status reported = check_report(options, spec, err);
    if (reported != GW_OK) return reported;
    if (!options->model_path || strcmp(options->model_path, "-") == 0) return GW_OK;
    const output model = {options->model_path, "the output"};
    gw_status status = check_output(&model, options, spec, err);
    if (status == GW_OK) status = check_input(&model, options->resume_path, "the checkpoint to resume", err);
    if (status != GW_OK || !spec->train.checkpoint.on) return status;
    gw__text path = {0};
    gw__text_addf(&path, "%s" GW__CHECKPOINT_SUFFIX, options->model_path);
    if (path.failed) return gw__fail_nomem(err);
    const output checkpoint = {path.at, "the checkpoint"};
    status = check_output(&checkpoint, options, spec, err);
    if (status == GW_OK) status = check_input(&checkpoint, options->init_path, "the model to start from", err);
    gw__text_clear(&path);
    return status;
}

gw_status gw__source_check_output(const char *output_path, const gw_data_options *data, gw_error *err) {
    if (!output_path || strcmp(output_path, "-") == 0) return GW_OK;
    const output out = {output_path, "the output"};
    gw_status status = check_inputs(&out, (gw__texts){(const char **)(uintptr_t)data->paths, data->n_paths}, "data.paths", err);
    if (status != GW_OK || !data->header || strcmp(data->header, "true") == 0) return status;
    return check_input(&out, data->header, "data.header", err);
}

/* ---- rows ---- */

/* The table's complaint, with a hint where the model's names may be another table's. */
static gw_status hint_at_names(gw_status status, const gw_data_options *options, const gw__data_spec *rules, gw_error *err) {
    bool stored_names = !options->header && rules && !rules->header_in_file;
    if (status != GW_E_DATA || !stored_names || !err) return status;
    if (strncmp(err->message, "expected ", 9) != 0 || !strstr(err->message, " cells") || strstr(err->message, "; hint:")) return status;
    size_t n = strlen(err->message);
    snprintf(err->message + n, sizeof err->message - n,
             "; hint: the model knows tables of %zu columns without a header line; name this table's columns with --header FILE, or --header true",
             rules->names.n);
    return status;
}

gw_status gw__source_next(gw__table *table, const gw_data_options *options, const gw__data_spec *rules, gw__batch *ret_batch, gw_error *err) {
    return hint_at_names(gw__table_next(table, ret_batch, err), options, rules, err);
}

gw_status gw__source_read(gw__table *table, const gw_data_options *options, const gw__data_spec *rules, const gw__job *beside,
                          const gw__batch **ret_batches, size_t *ret_n, gw_error *err) {
    return hint_at_names(gw__table_read(table, beside, ret_batches, ret_n, err), options, rules, err);
}

void gw__source_locate(const gw__table *table, size_t row, gw_error *err) {
    if (!err) return;
    const char *file = NULL;
    int64_t line = 0;
    gw__table_locate(table, row, &file, &line);
    if (file) snprintf(err->where, sizeof err->where, "%s", file);
    err->line = line;
    err->column = 0;
}

void gw__source_blame(const gw_data_options *options, gw_error *err) {
    if (err) snprintf(err->where, sizeof err->where, "%s", options->paths[0]);
}

const char *const *gw__source_names(const gw__table *table, gw__arena *arena) {
    size_t n = gw__table_column_count(table);
    const char **names = gw__arena_alloc(arena, n + 1, sizeof *names);
    for (size_t i = 0; names && i < n; i++) names[i] = gw__table_column_name(table, i);
    return names;
}
