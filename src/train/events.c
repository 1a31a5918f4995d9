/* What a run tells its listener. */
#include <stdio.h>
#include <time.h>

#include "train/run.h"

#define STEP_EVENT_SECONDS 0.05

double gw__clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void tell(const gw__run *run, gw_event event) {
    if (run->options->listener) run->options->listener(run->options->listener_context, &event);
}

void gw__report_text(const gw__run *run, gw_event_kind kind, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tell(run, (gw_event){.kind = kind, .text = text});
}

static void write_int(gw__json_writer *json, const char *key, int64_t value) {
    gw__json_key(json, key);
    gw__json_int(json, value);
}

static void write_count(gw__json_writer *json, const gw__task_spec *task, const gw__task_count *count) {
    write_int(json, "labels", count->labelled);
    if (task->type == GW_TASK_BINARY) write_int(json, "positives", count->positives);
    if (task->given) write_int(json, "outside", count->outside);
}

static void write_task_read(gw__json_writer *json, const gw__task_spec *task, const gw__task_count *train, const gw__task_count *valid) {
    gw__task_count both = *train;
    if (valid) both = (gw__task_count){train->labelled + valid->labelled, train->positives + valid->positives, train->outside + valid->outside};
    gw__json_key(json, task->name);
    gw__json_begin_object(json);
    write_count(json, task, &both);
    if (valid) {
        gw__json_key(json, "valid");
        gw__json_begin_object(json);
        write_count(json, task, valid);
        gw__json_end_object(json);
    }
    gw__json_end_object(json);
}

static void write_read(const gw__run *run, gw__json_writer *json) {
    const gw__read_report *report = &run->data->dataset.report;
    const gw__spec *spec = run->model->spec;
    gw__json_begin_object(json);
    write_int(json, "rows", (int64_t)(run->data->dataset.train.n_rows + run->data->dataset.valid.n_rows));
    write_int(json, "train_rows", (int64_t)run->data->dataset.train.n_rows);
    if (run->validation) write_int(json, "valid_rows", (int64_t)run->data->dataset.valid.n_rows);
    write_int(json, "skipped", report->skipped);
    write_int(json, "columns", report->n_columns);
    write_int(json, "missing", report->missing_cells);
    write_int(json, "text_bytes", report->text_bytes);
    gw__json_key(json, "seconds");
    gw__json_double(json, report->seconds);
    gw__json_key(json, "tasks");
    gw__json_begin_object(json);
    for (size_t t = 0; t < spec->n_tasks; t++)
        write_task_read(json, &spec->tasks[t], &report->train_tasks[t], run->validation ? &report->valid_tasks[t] : NULL);
    gw__json_end_object(json);
    gw__json_end_object(json);
}

void gw__report_read(const gw__run *run) {
    gw__text text = {0};
    gw__json_writer json = {.out = &text};
    if (!run->options->listener) return;
    write_read(run, &json);
    if (!text.failed) tell(run, (gw_event){.kind = GW_EVENT_READ, .text = text.at});
    gw__text_clear(&text);
    const gw__texts *notes = &run->data->dataset.report.notes;
    for (size_t i = 0; i < notes->n; i++) tell(run, (gw_event){.kind = GW_EVENT_NOTE, .text = notes->at[i]});
}

/* An event of the epoch under way. */
static gw_event epoch_event(const gw__run *run, gw_event_kind kind) {
    uint64_t rows = run->data->dataset.train.n_rows, done = run->at.step * run->batch;
    return (gw_event){.kind = kind,
                      .epoch = (int64_t)run->at.epoch + 1,
                      .epochs = run->model->spec->train.epochs,
                      .rows_done = (int64_t)(done < rows ? done : rows),
                      .rows = (int64_t)rows};
}

void gw__report_step(gw__run *run) {
    if (!run->options->listener) return;
    double now = gw__clock();
    if (now - run->told < STEP_EVENT_SECONDS) return;
    run->told = now;
    gw_event event = epoch_event(run, GW_EVENT_STEP);
    event.seconds = now - run->started;
    tell(run, event);
}

static bool metric_expected(const gw__task_spec *task, gw__metric metric) {
    return gw__metric_task_type(metric) == task->type && (metric != GW__METRIC_GAUC || task->group);
}

/* The names of the task's metrics that do not exist, in quotes; their number. */
static size_t list_gaps(gw__meter *meter, const gw__task_spec *task, gw__text *out) {
    size_t n = 0;
    for (int i = 0; i < GW__METRICS; i++) {
        double value;
        if (!metric_expected(task, (gw__metric)i) || gw__meter_value(meter, (gw__metric)i, &value)) continue;
        gw__text_addf(out, "%s'%s'", n ? ", " : "", gw__metric_name((gw__metric)i));
        n++;
    }
    return n;
}

/* Why a binary task has no auc. */
static bool of_one_class(const gw__task_spec *task, gw__meter *meter) {
    double value;
    return task->type == GW_TASK_BINARY && !gw__meter_value(meter, GW__METRIC_AUC, &value);
}

void gw__report_validation_gaps(gw__run *run) {
    const gw__spec *spec = run->model->spec;
    for (size_t t = 0; t < spec->n_tasks; t++) {
        const char *name = spec->tasks[t].name;
        gw__meter *meter = run->validation->meters[t];
        gw__text gaps = {0};
        size_t n = list_gaps(meter, &spec->tasks[t], &gaps);
        if (gw__meter_rows(meter) == 0)
            gw__warn(&run->checkup.warnings, "unlabelled_task", gw__about_task(name, 0),
                     "task '%s': no labelled row in the validation part, so it has no metrics there; hint: more rows or others in 'data.valid'", name);
        else if (n && !gaps.failed)
            gw__warn(&run->checkup.warnings, "missing_metric", gw__about_task(name, (double)gw__meter_rows(meter)),
                     "task '%s': %s %s not exist in the validation part, which has %lld labelled row%s%s", name, gaps.at,
                     n == 1 ? "does" : "do", (long long)gw__meter_rows(meter), gw__meter_rows(meter) == 1 ? "" : "s",
                     of_one_class(&spec->tasks[t], meter) ? ", all of one class; hint: more rows or others in 'data.valid'" : "");
        gw__text_clear(&gaps);
    }
}

/* Sum over the tasks before task weights, then each task's. A task without a labelled row has none. */
static void write_train(const gw__run *run, gw__json_writer *json) {
    const gw__spec *spec = run->model->spec;
    double total = 0;
    for (size_t t = 0; t < spec->n_tasks; t++)
        if (run->at.loss_rows[t]) total += run->at.loss_sums[t] / (double)run->at.loss_rows[t];
    gw__json_begin_object(json);
    gw__json_key(json, "loss");
    gw__json_double(json, total);
    gw__json_key(json, "tasks");
    gw__json_begin_object(json);
    for (size_t t = 0; t < spec->n_tasks; t++) {
        gw__json_key(json, spec->tasks[t].name);
        gw__json_begin_object(json);
        gw__json_key(json, "loss");
        if (run->at.loss_rows[t])
            gw__json_double(json, run->at.loss_sums[t] / (double)run->at.loss_rows[t]);
        else
            gw__json_null(json);
        gw__json_end_object(json);
    }
    gw__json_end_object(json);
    gw__json_end_object(json);
}

/* What balancing made of the tasks' weights. */
static void write_balance(const gw__run *run, gw__text *out) {
    const gw__spec *spec = run->model->spec;
    const gw__balance *balance = gw__trainer_balance(run->trainer);
    gw__json_writer json = {.out = out};
    if (!balance) return;
    gw__text_puts(out, ",\"balance\":");
    gw__json_begin_object(&json);
    for (size_t t = 0; t < spec->n_tasks; t++) {
        gw__json_key(&json, spec->tasks[t].name);
        gw__json_double(&json, gw__balance_mean_factor(balance, t));
    }
    gw__json_end_object(&json);
}

/* What gates that are more than a softmax gave to their experts in training. */
static void write_gates(const gw__run *run, gw__text *out) {
    const gw__net *net = run->model->net;
    gw__json_writer json = {.out = out};
    gw__gate_total total;
    bool any = false;
    for (size_t g = 0; g < gw__net_gate_count(net); g++) any |= gw__trainer_gate_total(run->trainer, g, &total);
    if (!any) return;
    gw__text_puts(out, ",\"gates\":");
    gw__json_begin_list(&json);
    for (size_t g = 0; g < gw__net_gate_count(net); g++) {
        if (gw__trainer_gate_total(run->trainer, g, &total)) gw__gate_use_write(net, g, &total, &json);
    }
    gw__json_end_list(&json);
}

void gw__report_epoch(gw__run *run, double seconds, const gw__text *valid) {
    if (!run->options->listener) return;
    gw__text text = {0};
    gw__text_addf(&text, "{\"epoch\":%llu,\"train\":", (unsigned long long)run->at.epoch + 1);
    write_train(run, &(gw__json_writer){.out = &text});
    if (valid->n) {
        gw__text_puts(&text, ",\"valid\":");
        gw__text_add(&text, valid->at, valid->n);
    }
    write_balance(run, &text);
    write_gates(run, &text);
    gw__checkup_write(run, &text);
    int64_t microseconds = (int64_t)(seconds * 1e6 + 0.5); /* in integers: the locale has no say */
    gw__text_addf(&text, ",\"seconds\":%lld.%06lld}", (long long)(microseconds / 1000000), (long long)(microseconds % 1000000));
    gw_event event = epoch_event(run, GW_EVENT_EPOCH);
    event.rows_done = event.rows;
    event.seconds = seconds;
    event.text = text.at;
    if (!text.failed) tell(run, event);
    gw__text_clear(&text);
}

void gw__report_test(const gw__run *run, const char *json) {
    tell(run, (gw_event){.kind = GW_EVENT_TEST, .text = json});
}
