/* The loop: epochs of steps, validation, what is kept. Everything that decides a bit of the result is a function of the spec, the data and
 * how far the run is; the clock only feeds events. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "train/assess.h"
#include "train/run.h"

/* ---- what is kept ---- */

static size_t parameter_bytes(const gw__run *run) { return gw__net_parameter_floats(run->model->net) * sizeof(float); }

static void keep_current(gw__run *run) { memcpy(run->model->parameters, gw__trainer_parameters(run->trainer), parameter_bytes(run)); }

/* Early stopping keeps the best epoch; a value that does not exist is neither better nor worse. Without it the last epoch is kept. */
static bool is_kept(gw__run *run, bool has_value, double value) {
    const gw__train_spec *train = &run->model->spec->train;
    gw__progress *at = &run->at;
    if (!train->early_stop.on) return true;
    if (!has_value) return !at->has_best;
    if (at->has_best && !(value > at->best + train->early_stop.min_delta)) {
        at->waited++;
        return false;
    }
    at->has_best = true;
    at->best = value;
    at->waited = 0;
    return true;
}

static bool is_finished(const gw__run *run) {
    const gw__train_spec *train = &run->model->spec->train;
    if (run->at.epoch >= train->epochs) return true;
    return train->early_stop.on && run->at.has_best && run->at.waited >= train->early_stop.patience;
}

/* ---- numbers that are not finite ---- */

/* `what` is or are not finite, in the step under way or, at the end of an epoch, the one before. */
static gw_status fail_nonfinite(const gw__run *run, const char *what, const char *task, const char *tensor, gw_error *err) {
    char kept[64] = "nothing was saved, as no epoch was finished";
    if (run->at.kept_epoch) snprintf(kept, sizeof kept, "the model of epoch %llu is kept", (unsigned long long)run->at.kept_epoch);
    return gw__fail(err, GW_E_NONFINITE, "epoch %llu, step %llu%s%s%s: %s not finite%s%s%s; %s; hint: lower train.optimizer.lr or set train.clip",
                    (unsigned long long)run->at.epoch + 1, (unsigned long long)run->at.step + (run->at.step < run->steps_per_epoch),
                    task ? ", task '" : "", task ? task : "", task ? "'" : "", what, tensor ? "; first tensor: '" : "", tensor ? tensor : "",
                    tensor ? "'" : "", kept);
}

static gw_status fail_loss(const gw__run *run, const gw__step_result *result, gw_error *err) {
    const gw__spec *spec = run->model->spec;
    const char *task = NULL;
    for (size_t t = 0; t < spec->n_tasks && !task; t++)
        if (!isfinite(result->task_loss[t])) task = spec->tasks[t].name;
    return fail_nonfinite(run, "the loss is", task, result->first_bad_tensor, err);
}

/* Nothing that is not finite is kept or goes into a checkpoint: no parameter, and no prediction of the first rows, which huge but finite
 * parameters can spoil, too. */
static gw_status check_model(gw__run *run, gw_error *err) {
    const gw_model *model = run->model;
    const float *flat = gw__trainer_parameters(run->trainer);
    const char *tensor = gw__trainer_bad_tensor(run->trainer);
    if (tensor) return fail_nonfinite(run, "a parameter is", NULL, tensor, err);
    const size_t width = gw__net_output_width(model->net);
    gw__scorer_run(run->probe, flat, &run->data->dataset.train, 0, run->n_probes, run->probe_scores, NULL, NULL);
    for (size_t i = 0; i < run->n_probes * width; i++) {
        if (isfinite(run->probe_scores[i])) continue;
        size_t task = 0;
        while (task + 1 < model->spec->n_tasks && gw__net_output_at(model->net, task + 1) <= i % width) task++;
        return fail_nonfinite(run, "predictions are", model->spec->tasks[task].name, gw__trainer_largest_tensor(run->trainer), err);
    }
    return GW_OK;
}

/* ---- one epoch ---- */

static void fill_rows(gw__run *run, const gw__shuffle *shuffle, uint64_t begin, size_t n) {
    bool shuffled = run->model->spec->train.shuffle;
    for (size_t i = 0; i < n; i++) run->rows[i] = shuffled ? gw__shuffle_at(shuffle, begin + i) : begin + i;
}

static void add_losses(gw__progress *at, const gw__step_result *result, size_t n_tasks) {
    for (size_t t = 0; t < n_tasks; t++) {
        at->loss_sums[t] += result->task_loss[t] * (double)result->task_rows[t];
        at->loss_rows[t] += result->task_rows[t];
    }
}

static gw_status do_step(gw__run *run, const gw__shuffle *shuffle, gw_error *err) {
    const gw__spec *spec = run->model->spec;
    uint64_t begin = run->at.step * run->batch, left = run->data->dataset.train.n_rows - begin;
    size_t n = left < run->batch ? left : run->batch;
    gw__step_result result = {0};
    fill_rows(run, shuffle, begin, n);
    const gw__optimizer_spec *optimizer = &spec->train.optimizer;
    uint64_t step = run->at.epoch * run->steps_per_epoch + run->at.step;
    gw__rates rates = {gw__schedule_lr(&spec->train, optimizer->lr, step, run->steps_per_epoch),
                       gw__schedule_lr(&spec->train, optimizer->embeddings.on ? optimizer->embeddings.lr : optimizer->lr, step, run->steps_per_epoch)};
    gw__trainer_step(run->trainer, run->rows, n, rates, &result);
    if (!result.finite) return fail_loss(run, &result, err);
    add_losses(&run->at, &result, spec->n_tasks);
    run->at.step++;
    gw__report_step(run);
    return GW_OK;
}

static bool checkpoint_due(const gw__run *run, bool epoch_end) {
    const gw__train_spec *train = &run->model->spec->train;
    if (!train->checkpoint.on) return false;
    uint64_t done = run->at.epoch * run->steps_per_epoch + run->at.step, every = train->checkpoint.every_steps;
    return every ? done % every == 0 : epoch_end;
}

/* Write a checkpoint; the epoch's clock does not count it. */
static gw_status checkpoint(gw__run *run, gw_error *err) {
    double began = gw__clock();
    gw_status status = check_model(run, err);
    if (status == GW_OK) status = gw__checkpoint_write(run, err);
    run->started += gw__clock() - began;
    return status;
}

/* The steps of the epoch that are not done yet. */
static gw_status run_steps(gw__run *run, gw_error *err) {
    gw_status status = GW_OK;
    gw__shuffle shuffle = gw__shuffle_of(run->model->spec->train.seed, run->at.epoch, run->data->dataset.train.n_rows);
    run->started = gw__clock();
    while (run->at.step < run->steps_per_epoch && status == GW_OK) {
        if (gw__is_canceled(run->options)) return GW_E_CANCELED;
        status = do_step(run, &shuffle, err);
        if (status == GW_OK && run->at.step < run->steps_per_epoch && checkpoint_due(run, false)) status = checkpoint(run, err);
    }
    return status;
}

/* Measure the current parameters: {"tasks":{…}} into `valid`, and the watched value. */
static gw_status validate(gw__run *run, gw__text *valid, bool *ret_has_value, double *ret_value, gw_error *err) {
    const gw_model *model = run->model;
    const gw__spec *spec = model->spec;
    gw__json_writer json = {.out = valid};
    gw__evaluation_reset(run->validation);
    gw_status status = gw__evaluation_add(run->validation, spec, model->net, gw__trainer_parameters(run->trainer), &run->data->dataset.valid, run->pool, err);
    if (status != GW_OK) return status;
    gw__json_begin_object(&json);
    gw__json_key(&json, "tasks");
    gw__json_begin_object(&json);
    gw__evaluation_write_tasks(run->validation, spec, &json);
    gw__json_end_object(&json);
    gw__json_end_object(&json);
    if (spec->train.early_stop.on) *ret_has_value = gw__evaluation_watch(run->validation, spec, spec->train.early_stop.metric, ret_value);
    if (run->at.epoch > 0) return valid->failed ? gw__fail_nomem(err) : GW_OK;
    gw__report_validation_gaps(run);
    if (spec->train.early_stop.on && !*ret_has_value)
        gw__warn(&run->checkup.warnings, "missing_metric", gw__about_task(NULL, NAN),
                 "'%s', which early stopping watches, does not exist in the validation part", spec->train.early_stop.metric);
    return valid->failed ? gw__fail_nomem(err) : GW_OK;
}

static void next_epoch(gw__progress *at, size_t n_tasks) {
    at->epoch++;
    at->step = 0;
    memset(at->loss_sums, 0, n_tasks * sizeof *at->loss_sums);
    memset(at->loss_rows, 0, n_tasks * sizeof *at->loss_rows);
}

static gw_status end_epoch(gw__run *run, gw_error *err) {
    gw_status status = GW_OK;
    gw__text valid = {0};
    double seconds = gw__clock() - run->started, value = 0;
    bool has_value = false;
    GW__TRY(check_model(run, err));
    if (run->validation) GW__TRY(validate(run, &valid, &has_value, &value, err));
    GW__TRY(gw__checkup_epoch(run, err));
    gw__report_epoch(run, seconds, &valid);
    gw__trainer_forget_gates(run->trainer);
    if (is_kept(run, has_value, value)) {
        keep_current(run);
        run->at.kept_epoch = run->at.epoch + 1;
        gw__text_clear(&run->at.kept_valid);
        run->at.kept_valid = valid;
        valid = (gw__text){0};
    }
    if (gw__trainer_balance(run->trainer)) gw__balance_end_epoch(gw__trainer_balance(run->trainer), run->at.loss_sums, run->at.loss_rows);
    next_epoch(&run->at, run->model->spec->n_tasks);
    if (checkpoint_due(run, true) || (is_finished(run) && run->model->spec->train.checkpoint.on)) status = gw__checkpoint_write(run, err);
cleanup:
    gw__text_clear(&valid);
    return status;
}

static gw_status run_epochs(gw__run *run, gw_error *err) {
    gw_status status = GW_OK;
    while (!is_finished(run) && status == GW_OK) {
        status = run_steps(run, err);
        if (status == GW_OK) status = end_epoch(run, err);
    }
    return status;
}

/* ---- the end ---- */

/* What the model says of its training: nothing that depends on time or machine. */
static gw_status write_record(gw__run *run, gw_error *err) {
    gw__text *out = &run->model->record;
    gw__json_writer json = {.out = out};
    const gw__progress *at = &run->at;
    gw__text_clear(out);
    gw__json_begin_object(&json);
    const struct { const char *key; uint64_t value; } counts[] = {
        {"epochs", at->epoch},
        {"kept_epoch", at->kept_epoch}, /* 0: stopped inside the first epoch */
        {"steps", at->epoch * run->steps_per_epoch + at->step},
        {"train_rows", run->data->dataset.train.n_rows},
        {"valid_rows", run->data->dataset.valid.n_rows},
    };
    for (size_t i = 0; i < GW__COUNT(counts); i++) {
        gw__json_key(&json, counts[i].key);
        gw__json_int(&json, (int64_t)counts[i].value);
    }
    if (at->kept_valid.n) {
        gw__json_key(&json, "valid");
        gw__text_add(out, at->kept_valid.at, at->kept_valid.n); /* an object already; the last member */
    }
    gw__json_end_object(&json);
    return out->failed ? gw__fail_nomem(err) : GW_OK;
}

/* A canceled run keeps its best epoch; where nothing was chosen by its value, it keeps where it is. */
static gw_status settle_canceled(gw__run *run, gw_error *err) {
    const gw__progress *at = &run->at;
    unsigned long long epoch = at->epoch + 1, step = at->step;
    if (!at->epoch && !at->step) return gw__fail(err, GW_E_CANCELED, "canceled before the first step; there is no model");
    gw_status status = GW_OK;
    if (run->model->spec->train.checkpoint.on) GW__TRY(checkpoint(run, err));
    if (at->has_best)
        return gw__fail(err, GW_E_CANCELED, "canceled in epoch %llu after step %llu; the best model so far, of epoch %llu, is kept", epoch, step,
                        (unsigned long long)at->kept_epoch);
    if (at->step > 0) {
        GW__TRY(check_model(run, err));
        keep_current(run);
        gw__text_clear(&run->at.kept_valid);
        run->at.kept_epoch = 0; /* of no whole epoch */
    }
    return gw__fail(err, GW_E_CANCELED, "canceled in epoch %llu after step %llu; the model as it is now is kept", epoch, step);
cleanup:
    return status;
}

static gw_status assess(gw__run *run, gw_error *err) {
    const gw__intake *data = run->data;
    const gw__texts paths = run->model->spec->data.test;
    const gw_train_options *options = run->options;
    if (!data->has_test)
        return gw__assess(run->model, &(gw_data_options){.paths = paths.at, .n_paths = paths.n, .skip_bad_rows = options->skip_bad_rows,
                                                         .threads = options->threads}, false, &run->test, err);
    if (data->test_status == GW_OK) return gw__assess_kept(run->model, &data->test, options->skip_bad_rows, run->pool, &run->test, err);
    if (err) *err = data->test_err;
    return data->test_status;
}

static gw_status evaluate_test(gw__run *run, gw_error *err) {
    if (run->model->spec->data.test.n == 0) return GW_OK;
    gw_status status = assess(run, err);
    if (status == GW_OK) gw__report_test(run, run->test.at);
    return status;
}

/* Write what is kept and give it to the caller. `status` is how the epochs ended; it stays, unless saving fails. */
static gw_status finish(gw__run *run, gw_status ended, gw_model **ret_model, gw_error *err) {
    const char *path = run->options->model_path;
    gw_status status = write_record(run, err);
    if (status == GW_OK && path) status = gw__model_write(run->model, NULL, path, err);
    if (status == GW_OK && ended == GW_OK) status = evaluate_test(run, err);
    if (status != GW_OK) return status;
    if (ret_model) {
        *ret_model = run->model;
        run->model = NULL;
    }
    return ended;
}

gw_status gw__run_train(gw__run *run, gw_model **ret_model, gw_error *err) {
    bool has_model = true;
    gw_status status = run_epochs(run, err);
    if (status == GW_E_CANCELED) {
        has_model = run->at.epoch || run->at.step;
        status = settle_canceled(run, err);
    }
    if (status == GW_E_NONFINITE) has_model = run->at.kept_epoch > 0;
    if (status == GW_OK || ((status == GW_E_CANCELED || status == GW_E_NONFINITE) && has_model)) status = finish(run, status, ret_model, err);
    return status;
}

/* The model goes to the caller, unless the witness of a run that went well fails. */
static gw_status show(const gw__witness *witness, gw_status ended, const gw__run *run, gw_model **model, gw_model **ret_model, gw_error *err) {
    if (*model && witness) {
        const gw_status seen = witness->look(witness->context, run, *model, ended == GW_OK ? err : NULL);
        if (ended == GW_OK && seen != GW_OK) return seen;
    }
    if (ret_model && *model) {
        *ret_model = *model;
        *model = NULL;
    }
    return ended;
}

gw_status gw__train(const gw_train_options *options, const gw__witness *witness, gw_model **ret_model, gw_error *err) {
    gw_status status;
    gw__origin from = {0};
    gw__spec *spec = NULL;
    gw__pool *pool = NULL;
    gw__intake data = {0};
    gw_model *model = NULL;
    gw__run run = {0};
    GW__TRY(gw__origin_read(options, &from, err));
    GW__TRY(gw__run_spec(options, &from, &spec, err));
    GW__TRY(gw__pool_new(options->threads, &pool, err));
    GW__TRY(gw__intake_read(options, spec, &from, pool, &data, err));
    if (witness) gw__intake_keep_test(&data, options, spec, pool);
    GW__TRY(gw__run_begin(&run, options, spec, &from, &data, pool, err));
    gw__origin_clear(&from); /* its memory is better used while training */
    status = gw__run_train(&run, &model, err);
    status = show(witness, status, &run, &model, ret_model, err);
cleanup:
    gw__run_clear(&run); /* which still looks at the model's network */
    gw__model_free(model);
    gw__intake_clear(&data);
    gw__pool_free(pool);
    gw__spec_free(spec);
    gw__origin_clear(&from);
    return status;
}
