/* Checkpoints: a model file of the current parameters with, besides, the optimizer's state, the parameters kept so far, and how far the
 * run is. Tensors go by parameter name, not by the engine's layout, so that a checkpoint outlives a change of that layout. Doubles are
 * written as the shortest text that restores them exactly. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "train/optimizer.h"
#include "train/run.h"

#define KEY_KEPT_VALID "gatewright.kept_valid" /* metrics of the kept epoch, as they go into the model's record */

/* ---- writing ---- */

static void write_uint(gw__json_writer *json, const char *key, uint64_t value) {
    gw__json_key(json, key);
    gw__json_int(json, (int64_t)value);
}

/* {"value":[T],"mean":[T],…} */
static void write_balance(gw__balance *balance, size_t n_tasks, gw__json_writer *json) {
    gw__json_key(json, "balance");
    gw__json_begin_object(json);
    for (size_t i = 0; i < gw__balance_state_count(); i++) {
        gw__json_key(json, gw__balance_state_name(i));
        gw__json_begin_list(json);
        for (size_t t = 0; t < n_tasks; t++) gw__json_double(json, gw__balance_state_at(balance, i)[t]);
        gw__json_end_list(json);
    }
    gw__json_end_object(json);
}

static void write_position(const gw__run *run, bool kept_is_current, gw__text *out) {
    gw__json_writer json = {.out = out};
    const gw__progress *at = &run->at;
    size_t n_tasks = run->model->spec->n_tasks;
    gw__json_begin_object(&json);
    write_uint(&json, "epoch", at->epoch);
    write_uint(&json, "step", at->step);
    write_uint(&json, "train_rows", run->data->dataset.train.n_rows);
    write_uint(&json, "valid_rows", run->data->dataset.valid.n_rows);
    write_uint(&json, "kept_epoch", at->kept_epoch);
    gw__json_key(&json, "kept_is_current");
    gw__json_bool(&json, kept_is_current);
    gw__json_key(&json, "best");
    gw__json_double(&json, at->has_best ? at->best : NAN); /* null */
    write_uint(&json, "waited", at->waited);
    gw__json_key(&json, "loss_sums");
    gw__json_begin_list(&json);
    for (size_t t = 0; t < n_tasks; t++) gw__json_double(&json, at->loss_sums[t]);
    gw__json_end_list(&json);
    gw__json_key(&json, "loss_rows");
    gw__json_begin_list(&json);
    for (size_t t = 0; t < n_tasks; t++) gw__json_int(&json, at->loss_rows[t]);
    gw__json_end_list(&json);
    if (gw__trainer_balance(run->trainer)) write_balance(gw__trainer_balance(run->trainer), n_tasks, &json);
    gw__json_end_object(&json);
}

/* The prefix of a state's tensors: optimizer.NAME. with its final dot. False if the name is too long. */
static bool state_prefix(const gw__trainer_state *state, char out[96]) {
    int n = snprintf(out, 96, GW__CHECKPOINT_STATE "%s.", state->name);
    return n > 0 && n < 96;
}

/* Append the tensors of one flat buffer. */
static gw_status add_tensors(const gw__run *run, gw__part part, const float *values, const char *prefix, gw__arena *arena, gw__tensor *all, size_t *n, gw_error *err) {
    gw__tensor *tensors;
    size_t count;
    gw_status status = gw__parameters_write(run->model->net, part, values, prefix, arena, &tensors, &count, err);
    if (status != GW_OK) return status;
    memcpy(all + *n, tensors, count * sizeof *tensors);
    *n += count;
    return GW_OK;
}

static gw_status collect_tensors(const gw__run *run, bool kept_is_current, gw__arena *arena, gw__tensor **ret_tensors, size_t *ret_n, gw_error *err) {
    size_t n_states = gw__trainer_state_count(run->trainer), n = 0;
    gw__tensor *all = gw__arena_alloc(arena, (n_states + 1) * gw__net_parameter_count(run->model->net), sizeof *all);
    if (!all) return gw__fail_nomem(err);
    gw_status status = GW_OK;
    for (size_t i = 0; i < n_states && status == GW_OK; i++) {
        char prefix[96];
        gw__trainer_state state = gw__trainer_state_at(run->trainer, i);
        if (!state_prefix(&state, prefix)) return gw__fail(err, GW_E_INTERNAL, "the name of optimizer state %zu is too long", i);
        status = add_tensors(run, state.part, state.values, prefix, arena, all, &n, err);
    }
    if (status == GW_OK && run->at.kept_epoch && !kept_is_current)
        status = add_tensors(run, GW__PART_ALL, run->model->parameters, GW__CHECKPOINT_KEPT, arena, all, &n, err);
    *ret_tensors = all;
    *ret_n = n;
    return status;
}

static char *checkpoint_path(const gw__run *run, gw__arena *arena) {
    size_t n = strlen(run->options->model_path);
    char *path = gw__arena_alloc(arena, n + sizeof GW__CHECKPOINT_SUFFIX, 1);
    if (!path) return NULL;
    memcpy(path, run->options->model_path, n);
    memcpy(path + n, GW__CHECKPOINT_SUFFIX, sizeof GW__CHECKPOINT_SUFFIX);
    return path;
}

gw_status gw__checkpoint_write(const gw__run *run, gw_error *err) {
    if (!run->options->model_path || strcmp(run->options->model_path, "-") == 0) return GW_OK;
    gw_status status = GW_OK;
    gw__arena arena = {0};
    gw__text position = {0};
    gw__tensor *tensors = NULL;
    size_t n_tensors = 0;
    gw_model current = *run->model; /* borrowed but for its parameters */
    current.parameters = gw__trainer_parameters(run->trainer);
    size_t n_bytes = gw__net_parameter_floats(current.net) * sizeof(float);
    bool kept_is_current = run->at.kept_epoch && memcmp(current.parameters, run->model->parameters, n_bytes) == 0;
    char *path = checkpoint_path(run, &arena);
    if (!path) GW__FAIL(gw__fail_nomem(err));
    write_position(run, kept_is_current, &position);
    if (position.failed) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(collect_tensors(run, kept_is_current, &arena, &tensors, &n_tensors, err));
    const gw__pair metadata[] = {{GW__CHECKPOINT_KEY, {position.at, position.n}},
                                 {KEY_KEPT_VALID, {run->at.kept_valid.n ? run->at.kept_valid.at : "", run->at.kept_valid.n}}};
    GW__TRY(gw__model_write(&current, &(gw__model_extras){tensors, n_tensors, metadata, GW__COUNT(metadata)}, path, err));
cleanup:
    gw__text_clear(&position);
    gw__arena_clear(&arena);
    return status;
}

/* ---- reading ---- */

static gw_status bad_key(const char *path, const char *key, gw_error *err) {
    return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "metadata '%s': '%s' is missing or not what it should be", GW__CHECKPOINT_KEY, key);
}

static bool get_uint(const gw__doc *node, uint64_t most, uint64_t *ret) {
    int64_t value;
    if (!node || node->kind != GW__DOC_SCALAR || node->quoted || !gw__parse_int64(node->text, &value)) return false;
    if (value < 0 || (uint64_t)value > most) return false;
    *ret = (uint64_t)value;
    return true;
}

static bool get_double(const gw__doc *node, double *ret) {
    return node && node->kind == GW__DOC_SCALAR && !node->quoted && gw__parse_double(node->text, ret);
}

static bool get_bool(const gw__doc *node, bool *ret) {
    if (!node || node->kind != GW__DOC_SCALAR || node->quoted) return false;
    *ret = gw__slice_is(node->text, "true");
    return *ret || gw__slice_is(node->text, "false");
}

/* A task has at most every row of an epoch behind it. */
static bool get_losses(const gw__doc *doc, size_t n_tasks, uint64_t n_rows, gw__progress *at) {
    const gw__doc *sums = gw__doc_get(doc, "loss_sums"), *rows = gw__doc_get(doc, "loss_rows");
    if (!sums || !rows || sums->kind != GW__DOC_LIST || rows->kind != GW__DOC_LIST || sums->n != n_tasks || rows->n != n_tasks) return false;
    const gw__doc *sum = sums->first, *row = rows->first;
    for (size_t t = 0; t < n_tasks; t++, sum = sum->next, row = row->next) {
        uint64_t count;
        if (!get_double(sum, &at->loss_sums[t]) || !get_uint(row, n_rows, &count)) return false;
        at->loss_rows[t] = (int64_t)count;
    }
    return true;
}

static bool get_balance(const gw__doc *node, size_t n_tasks, gw__balance *balance) {
    if (!node || node->kind != GW__DOC_MAP || node->n != gw__balance_state_count()) return false;
    for (size_t i = 0; i < gw__balance_state_count(); i++) {
        const gw__doc *list = gw__doc_get(node, gw__balance_state_name(i));
        if (!list || list->kind != GW__DOC_LIST || list->n != n_tasks) return false;
        double *values = gw__balance_state_at(balance, i);
        const gw__doc *item = list->first;
        for (size_t t = 0; t < n_tasks; t++, item = item->next)
            if (!get_double(item, &values[t]) || !gw__balance_state_fits(i, values[t])) return false;
    }
    return true;
}

/* A best value belongs to a kept epoch of a run that watches one. */
static bool get_best(const gw__doc *node, bool watches, gw__progress *at) {
    at->has_best = node && !gw__doc_is_null(node);
    return node && (!at->has_best || (watches && at->kept_epoch && get_double(node, &at->best)));
}

static gw_status check_rows(const gw__doc *doc, const char *key, uint64_t found, const char *path, gw_error *err) {
    uint64_t expected;
    if (!get_uint(gw__doc_get(doc, key), INT64_MAX, &expected)) return bad_key(path, key, err);
    if (expected == found) return GW_OK;
    return gw__fail_at(err, GW_E_DATA, path, 0, 0, "the data is not what the run began with: expected %llu %s but found %llu",
                       (unsigned long long)expected, key[0] == 't' ? "training rows" : "validation rows", (unsigned long long)found);
}

/* Where the run is, as it can be: steps within an epoch, of those that are left; the last epoch is kept, unless a better one is chosen. */
static gw_status read_position(gw__run *run, const gw__doc *doc, const char *path, bool *ret_kept_is_current, gw_error *err) {
    gw__progress *at = &run->at;
    gw_status status = GW_OK;
    const gw__train_spec *train = &run->model->spec->train;
    GW__TRY(check_rows(doc, "train_rows", run->data->dataset.train.n_rows, path, err));
    GW__TRY(check_rows(doc, "valid_rows", run->data->dataset.valid.n_rows, path, err));
    if (!get_uint(gw__doc_get(doc, "epoch"), train->epochs, &at->epoch)) return bad_key(path, "epoch", err);
    uint64_t last_step = at->epoch < train->epochs ? run->steps_per_epoch - 1 : 0;
    if (!get_uint(gw__doc_get(doc, "step"), last_step, &at->step)) return bad_key(path, "step", err);
    bool kept = get_uint(gw__doc_get(doc, "kept_epoch"), at->epoch, &at->kept_epoch);
    if (!kept || (at->epoch > 0) != (at->kept_epoch > 0) || (!train->early_stop.on && at->kept_epoch != at->epoch)) return bad_key(path, "kept_epoch", err);
    if (!get_uint(gw__doc_get(doc, "waited"), at->epoch - at->kept_epoch, &at->waited)) return bad_key(path, "waited", err);
    if (!get_best(gw__doc_get(doc, "best"), train->early_stop.on, at)) return bad_key(path, "best", err);
    if (!get_losses(doc, run->model->spec->n_tasks, run->data->dataset.train.n_rows, at)) return bad_key(path, "loss_sums", err);
    gw__balance *balance = gw__trainer_balance(run->trainer);
    if (balance && !get_balance(gw__doc_get(doc, "balance"), run->model->spec->n_tasks, balance)) return bad_key(path, "balance", err);
    if (!get_bool(gw__doc_get(doc, "kept_is_current"), ret_kept_is_current)) return bad_key(path, "kept_is_current", err);
cleanup:
    return status;
}

/* {"tasks":{TASK:{METRIC:number,…},…}}: it goes into the model's record as it stands. */
static bool is_validation(const gw__doc *doc, const gw__spec *spec) {
    const gw__doc *tasks = gw__doc_get(doc, "tasks");
    if (!tasks || doc->n != 1 || tasks->kind != GW__DOC_MAP || tasks->n != spec->n_tasks) return false;
    for (size_t t = 0; t < spec->n_tasks; t++) {
        const gw__doc *task = gw__doc_get(tasks, spec->tasks[t].name);
        if (!task || task->kind != GW__DOC_MAP) return false;
        for (const gw__doc *metric = task->first; metric; metric = metric->next)
            if (metric->kind != GW__DOC_SCALAR) return false;
    }
    return true;
}

static gw_status read_kept_valid(gw__run *run, const gw__container *container, gw__arena *arena, const char *path, gw_error *err) {
    gw__slice text = gw__container_metadata(container, KEY_KEPT_VALID);
    gw__doc *doc;
    if (!text.at) return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "metadata '%s' is missing", KEY_KEPT_VALID);
    bool wanted = run->validation && run->at.kept_epoch;
    gw_status status = wanted ? gw__doc_parse_json(text.at, text.n, KEY_KEPT_VALID, arena, &doc, NULL) : GW_OK;
    if (status == GW_E_NOMEM) return gw__fail_nomem(err);
    if (wanted ? status != GW_OK || !is_validation(doc, run->model->spec) : text.n > 0)
        return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "metadata '%s': expected %s", KEY_KEPT_VALID, wanted ? "every task's metrics" : "nothing");
    gw__text_add(&run->at.kept_valid, text.at, text.n);
    return run->at.kept_valid.failed ? gw__fail_nomem(err) : GW_OK;
}

static gw_status read_state(gw__run *run, const gw__container *container, size_t i, const char *path, gw_error *err) {
    char prefix[96];
    gw__trainer_state state = gw__trainer_state_at(run->trainer, i);
    if (!state_prefix(&state, prefix)) return gw__fail(err, GW_E_INTERNAL, "the name of optimizer state %zu is too long", i);
    gw_status status = gw__parameters_read(run->model->net, state.part, container, prefix, path, state.values, err);
    if (status != GW_OK || !state.square) return status;
    for (size_t k = 0; k < state.n; k++)
        if (state.values[k] < 0) return gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "tensors '%s…': there is a negative square among them", prefix);
    return GW_OK;
}

gw_status gw__checkpoint_restore(gw__run *run, const gw__container *container, const char *path, gw_error *err) {
    gw_status status = GW_OK;
    gw__arena arena = {0};
    gw__doc *doc;
    bool kept_is_current = false;
    gw__slice text = gw__container_metadata(container, GW__CHECKPOINT_KEY);
    status = gw__doc_parse_json(text.at, text.n, GW__CHECKPOINT_KEY, &arena, &doc, NULL);
    if (status == GW_E_NOMEM) GW__FAIL(gw__fail_nomem(err));
    if (status != GW_OK)
        GW__FAIL(gw__fail_at(err, GW_E_FORMAT, path, 0, 0, "metadata '%s': expected a JSON object", GW__CHECKPOINT_KEY));
    GW__TRY(read_position(run, doc, path, &kept_is_current, err));
    GW__TRY(read_kept_valid(run, container, &arena, path, err));
    for (size_t i = 0; i < gw__trainer_state_count(run->trainer); i++) GW__TRY(read_state(run, container, i, path, err));
    if (run->at.kept_epoch && !kept_is_current)
        GW__TRY(gw__parameters_read(run->model->net, GW__PART_ALL, container, GW__CHECKPOINT_KEPT, path, run->model->parameters, err));
    gw__trainer_set_step_number(run->trainer, run->at.epoch * run->steps_per_epoch + run->at.step);
cleanup:
    gw__arena_clear(&arena);
    return status;
}
