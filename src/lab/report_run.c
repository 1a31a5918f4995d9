/* What a run says while it goes is kept as text; when it is over, the model that was kept is measured once more, with its gates and its scores: on
 * data.test where there is one, else on the validation part, else on the rows that it learnt from. */
#include "lab/report_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/number.h"
#include "lab/markup.h"
#include "lab/report_checkup.h"
#include "lab/report_model.h"
#include "train/run.h"

#define CALIBRATION_BINS 15

/* ---- while it runs ---------------------------------------------------------------------------------------------------------------- */

typedef struct gw__said {
    int64_t epoch;
    const char *json;
    struct gw__said *next;
} said;

typedef gw__recorder recorder;

static const char *keep_text(recorder *r, const char *text) {
    const char *kept = gw__arena_text(&r->arena, text, strlen(text));
    r->failed |= !kept;
    return kept;
}

static void *take(recorder *r, size_t n, size_t item) {
    void *p = gw__arena_alloc(&r->arena, n + 1, item);
    r->failed |= !p;
    return p;
}

void gw__recorder_hear(gw__recorder *r, const gw_event *event) {
    if (event->kind == GW_EVENT_EPOCH) {
        said *s = take(r, 1, sizeof *s);
        if (s) *s = (said){event->epoch, keep_text(r, event->text), r->epochs};
        if (s) r->epochs = s;
        if (event->epoch > r->n_epochs) r->n_epochs = event->epoch;
    }
    if (event->kind == GW_EVENT_TEST) r->test = keep_text(r, event->text);
}

/* ---- numbers out of what was said -------------------------------------------------------------------------------------------------- */

static double number_of(const gw__doc *map, const char *key) {
    const gw__doc *found = gw__doc_get(map, key);
    double value;
    return found && gw__parse_double(found->text, &value) ? value : NAN;
}

static double *empty_curve(recorder *r) {
    double *values = take(r, (size_t)r->n_epochs, sizeof *values);
    for (int64_t i = 0; values && i < r->n_epochs; i++) values[i] = NAN;
    return values;
}

/* The one that tells most, by type: the first that a task has. */
static const char *main_metric(const gw__task_spec *task) {
    static const gw__metric metrics[] = {GW__METRIC_AUC, GW__METRIC_RMSE, GW__METRIC_CLASS_ACCURACY, GW__METRIC_COUNT_RMSE, GW__METRIC_ORDINAL_KAPPA, GW__METRIC_QUANTILE_PINBALL};
    for (size_t i = 0; i < GW__COUNT(metrics); i++)
        if (gw__metric_task_type(metrics[i]) == task->type) return gw__metric_name(metrics[i]);
    return NULL;
}

typedef struct curves { double *train, *valid, *metric; } curves;

/* One epoch's numbers into the curves of all tasks. */
static void add_epoch(const gw__spec *spec, const gw__doc *epoch, curves *all) {
    const gw__doc *train = gw__doc_get(gw__doc_get(epoch, "train"), "tasks"), *valid = gw__doc_get(gw__doc_get(epoch, "valid"), "tasks");
    const size_t at = (size_t)number_of(epoch, "epoch") - 1;
    for (size_t t = 0; t < spec->n_tasks; t++) {
        const char *name = spec->tasks[t].name, *metric = main_metric(&spec->tasks[t]);
        all[t].train[at] = number_of(gw__doc_get(train, name), "loss");
        all[t].valid[at] = number_of(gw__doc_get(valid, name), "loss");
        if (metric) all[t].metric[at] = number_of(gw__doc_get(valid, name), metric);
    }
}

/* What was said of the epochs, parsed, in their order. */
static gw_status parse_epochs(recorder *r, const gw__doc ***ret_epochs, size_t *ret_n, gw_error *err) {
    size_t n = 0;
    gw_status status = GW_OK;
    for (const said *s = r->epochs; s; s = s->next) n++;
    const gw__doc **epochs = take(r, n, sizeof *epochs);
    if (r->failed) return gw__fail_nomem(err);
    *ret_n = n;
    for (const said *s = r->epochs; s && status == GW_OK; s = s->next) {
        gw__doc *doc = NULL;
        status = gw__doc_parse_json(s->json, strlen(s->json), "epoch", &r->arena, &doc, err);
        epochs[--n] = doc;
    }
    *ret_epochs = epochs;
    return status;
}

/* An event is left out for want of memory: what there is must be all epochs up to the last, from the first or where the run was resumed. */
static bool is_complete(const gw__run *run, const gw__doc *const *epochs, size_t n) {
    const size_t last = (size_t)run->at.epoch;
    for (size_t i = 0; i < n; i++)
        if (number_of(epochs[i], "epoch") != (double)(last - n + 1 + i)) return false;
    return n == last || run->options->resume_path;
}

/* The loss and each of the task's metrics, of validation and test. */
static void fill_metrics(recorder *r, const gw__doc *valid, const gw__doc *test, gw__report_task *made) {
    const gw__doc *names = valid ? valid : test;
    gw__report_metric *metrics = take(r, names ? names->n : 0, sizeof *metrics);
    if (!metrics || !names) return;
    for (const gw__doc *name = names->first; name; name = name->next) {
        if (name->kind != GW__DOC_SCALAR) continue;
        metrics[made->n_metrics++] = (gw__report_metric){name->key.at, number_of(valid, name->key.at), number_of(test, name->key.at)};
    }
    made->metrics = metrics;
}

/* ---- measuring --------------------------------------------------------------------------------------------------------------------- */

typedef struct measuring {
    const gw_model *model;
    gw__evaluation *evaluation;
    gw__health *health; /* NULL: not wanted */
    const char *part;   /* which rows */
} measuring;

static gw_status measure_slice(void *context, const gw__records *records, gw__pool *pool, gw_error *err) {
    measuring *m = context;
    if (m->health) gw__health_add(m->health, m->model->parameters, records);
    return gw__evaluation_add(m->evaluation, m->model->spec, m->model->net, m->model->parameters, records, pool, err);
}

/* The kept model on the rows that tell most. */
static gw_status measure(const gw__run *run, measuring *m, gw_error *err) {
    const gw__intake *data = run->data;
    gw_status status = gw__evaluation_new(m->model->spec, m->model->features, m->model->net, true, &m->evaluation, err);
    if (status == GW_OK && run->options->health != GW_HEALTH_OFF) status = gw__health_new(m->model->net, run->pool, &m->health, err);
    if (status != GW_OK) return status;
    const bool tested = data->has_test && data->test_status == GW_OK, validated = data->dataset.valid.n_rows > 0;
    m->part = tested ? "test" : validated ? "validation" : "training";
    if (m->health) gw__health_begin(m->health);
    if (tested) status = gw__labelled_all(&data->test, run->pool, measure_slice, m, err);
    else status = measure_slice(m, validated ? &data->dataset.valid : &data->dataset.train, run->pool, err);
    if (m->health) gw__health_end(m->health);
    return status;
}

static void measuring_clear(measuring *m) {
    gw__evaluation_free(m->evaluation);
    gw__health_free(m->health);
}

/* What the look at the model found, as a document. */
static gw_status parse_health(recorder *r, const measuring *m, gw__doc **ret, gw_error *err) {
    gw__text text = {0};
    gw__json_writer json = {.out = &text};
    *ret = NULL;
    if (!m->health) return GW_OK;
    gw__json_begin_object(&json);
    gw__health_write(m->health, true, &json);
    gw__json_end_object(&json);
    const char *kept = text.at && !text.failed ? keep_text(r, text.at) : NULL;
    gw__text_clear(&text);
    return kept ? gw__doc_parse_json(kept, strlen(kept), "health", &r->arena, ret, err) : gw__fail_nomem(err);
}

/* Sums over rows to means: weights, then shares of the rows in which they are not 0. */
static double *gate_means(recorder *r, const gw__evaluation *evaluation) {
    const size_t n = 2 * evaluation->gate_width;
    double *means = take(r, n, sizeof *means);
    for (size_t i = 0; means && i < n; i++) means[i] = evaluation->rows > 0 ? evaluation->gate_sums[i] / (double)evaluation->rows : NAN;
    return means;
}

static void fill_scores(recorder *r, gw__meter *meter, gw__report_task *made) {
    gw__roc_point *roc = take(r, GW__ROC_POINTS, sizeof *roc);
    gw__score_bin bins[CALIBRATION_BINS];
    if (!roc) return;
    made->n_roc = gw__meter_roc(meter, roc);
    gw__report_point *points = take(r, made->n_roc, sizeof *points);
    for (size_t i = 0; points && i < made->n_roc; i++) points[i] = (gw__report_point){roc[i].false_positives, roc[i].true_positives};
    made->roc = points;
    gw__meter_value(meter, GW__METRIC_AUC, &made->auc);
    made->n_calibration = gw__meter_score_bins(meter, CALIBRATION_BINS, bins);
    gw__report_bin *calibration = take(r, made->n_calibration, sizeof *calibration);
    for (size_t i = 0; calibration && i < made->n_calibration; i++) calibration[i] = (gw__report_bin){bins[i].predicted, bins[i].observed, bins[i].rows};
    made->calibration = calibration;
}

/* ---- the tasks ---------------------------------------------------------------------------------------------------------------------- */

static curves *fill_curves(recorder *r, const gw__spec *spec, const gw__doc *const *epochs, size_t n_epochs) {
    curves *all = take(r, spec->n_tasks, sizeof *all);
    for (size_t t = 0; all && t < spec->n_tasks; t++) all[t] = (curves){empty_curve(r), empty_curve(r), empty_curve(r)};
    for (size_t i = 0; !r->failed && i < n_epochs; i++) add_epoch(spec, epochs[i], all);
    return all;
}

static gw_status parse_optional(recorder *r, const char *json, gw__doc **ret, gw_error *err) {
    *ret = NULL;
    return json ? gw__doc_parse_json(json, strlen(json), "measures", &r->arena, ret, err) : GW_OK;
}

static gw__report_task task_of(const gw__task_spec *task, const gw__task_count *count, const curves *drawn) {
    return (gw__report_task){
        .name = task->name, .type = gw__task_type_name(task->type), .loss = gw__loss_name(task->loss), .labels = count->labelled,
        .positives = task->type == GW_TASK_BINARY ? count->positives : -1, .train_loss = drawn->train, .valid_loss = drawn->valid,
        .metric = main_metric(task), .valid_metric = drawn->metric, .auc = NAN};
}

static gw_status fill_tasks(recorder *r, const gw__run *run, const measuring *m, gw__report *report, gw_error *err) {
    const gw__spec *spec = m->model->spec;
    gw__report_task *tasks = take(r, spec->n_tasks, sizeof *tasks);
    gw__doc *record = NULL, *test = NULL, *look = NULL;
    const gw__doc **epochs = NULL;
    size_t n_epochs = 0;
    gw_status status = parse_epochs(r, &epochs, &n_epochs, err);
    if (status == GW_OK) status = parse_optional(r, m->model->record.at, &record, err);
    if (status == GW_OK) status = parse_optional(r, r->test, &test, err);
    if (status == GW_OK) status = parse_health(r, m, &look, err);
    if (status == GW_OK && !is_complete(run, epochs, n_epochs)) status = gw__fail_nomem(err);
    if (status != GW_OK) return status;
    const curves *all = fill_curves(r, spec, epochs, n_epochs);
    const gw__doc *valid = gw__doc_get(gw__doc_get(record, "valid"), "tasks"), *tested = gw__doc_get(test, "tasks");
    for (size_t t = 0; !r->failed && t < spec->n_tasks; t++) {
        const gw__task_spec *task = &spec->tasks[t];
        tasks[t] = task_of(task, &run->data->dataset.report.train_tasks[t], &all[t]);
        fill_metrics(r, gw__doc_get(valid, task->name), gw__doc_get(tested, task->name), &tasks[t]);
        if (task->type == GW_TASK_BINARY) fill_scores(r, m->evaluation->meters[t], &tasks[t]);
    }
    report->tasks = tasks;
    report->n_tasks = spec->n_tasks;
    report->n_epochs = (size_t)r->n_epochs;
    report->kept_epoch = isfinite(number_of(record, "kept_epoch")) ? (size_t)number_of(record, "kept_epoch") : 0;
    return gw__report_checkup(epochs, n_epochs, report->kept_epoch, look, m->part, &r->arena, &report->health, err);
}

/* ---- the header --------------------------------------------------------------------------------------------------------------------- */

#define MOST_FACTS 16

typedef struct facts {
    recorder *r;
    gw__report_fact *at;
    size_t n;
} facts;

static void add_fact(facts *f, const char *name, gw__text *value) {
    if (value->at && f->n < MOST_FACTS) f->at[f->n++] = (gw__report_fact){name, keep_text(f->r, value->at)};
    f->r->failed |= value->failed;
    gw__text_clear(value);
}

static void add_count(facts *f, const char *name, uint64_t count) {
    gw__text value = {0};
    gw__markup_count(&value, (int64_t)count);
    add_fact(f, name, &value);
}

/* "13 of 16" where an earlier one than the last was kept. */
static void add_epochs(facts *f, const gw__report *report) {
    const bool earlier = report->kept_epoch > 0 && report->kept_epoch < report->n_epochs;
    gw__text value = {0};
    if (earlier) gw__text_addf(&value, "%zu of ", report->kept_epoch);
    gw__text_addf(&value, "%zu", report->n_epochs);
    add_fact(f, earlier ? "epoch kept" : "epochs", &value);
}

static size_t count_rows(const gw__labelled *labelled) {
    size_t n = 0;
    for (size_t i = 0; i < labelled->n_slices; i++) n += labelled->slices[i].n_rows;
    return n;
}

static uint64_t count_parameters(const gw__net *net) {
    uint64_t n = 0;
    for (size_t i = 0; i < gw__net_parameter_count(net); i++) {
        const gw__parameter p = gw__net_parameter_at(net, i);
        if (p.trained) n += p.n_dims == 2 ? p.shape[0] * p.shape[1] : p.shape[0];
    }
    return n;
}

static void fill_facts(recorder *r, const gw__run *run, const gw_model *model, gw__report *report) {
    facts f = {r, take(r, MOST_FACTS, sizeof *f.at), 0};
    const gw__intake *data = run->data;
    if (!f.at) return;
    add_count(&f, "rows to train", data->dataset.train.n_rows);
    if (data->dataset.valid.n_rows > 0) add_count(&f, "rows to validate", data->dataset.valid.n_rows);
    if (data->has_test && data->test_status == GW_OK) add_count(&f, "rows to test", count_rows(&data->test));
    add_count(&f, "features", gw__features_count(model->features));
    add_count(&f, "parameters", count_parameters(model->net));
    add_count(&f, "multiply-adds", gw__net_multiply_adds(model->net));
    add_epochs(&f, report);
    add_count(&f, "batch", run->batch);
    gw__text seed = {0};
    gw__text_addf(&seed, "%llu", (unsigned long long)model->spec->train.seed);
    add_fact(&f, "seed", &seed);
    report->facts = f.at;
    report->n_facts = f.n;
}

/* "census-income" of "specs/census-income.yaml". */
static const char *name_of(recorder *r, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    const char *kept = gw__arena_text(&r->arena, name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
    r->failed |= !kept;
    return kept;
}

/* "census-income", and of one run beside others "census-income: mmoe". */
static const char *title_of(recorder *r, const char *name, const char *architecture) {
    gw__text text = {0};
    if (!name || !r->label) return name ? name : r->label ? r->label : architecture;
    gw__text_addf(&text, "%s: %s", name, r->label);
    r->failed |= text.failed;
    const char *kept = text.at ? keep_text(r, text.at) : NULL;
    gw__text_clear(&text);
    return kept;
}

static const char *subtitle_of(recorder *r, const gw__spec *spec) {
    gw__text text = {0};
    gw__text_puts(&text, gw__architecture_name(spec->model.architecture));
    if (spec->model.levels > 1) gw__text_addf(&text, " of %u levels", spec->model.levels);
    gw__text_addf(&text, ", %zu task%s", spec->n_tasks, spec->n_tasks == 1 ? "" : "s");
    const char *kept = text.at ? keep_text(r, text.at) : NULL;
    r->failed |= text.failed;
    gw__text_clear(&text);
    return kept;
}

static gw_status fill_header(recorder *r, const gw__run *run, const gw_model *model, gw__report *report, gw_error *err) {
    const char *path = r->spec_path;
    gw__text json = {0}, lines = {0};
    gw_status status = gw__spec_write_json(model->spec, &json, err);
    if (status == GW_OK) gw__markup_json(&lines, json.at);
    if (lines.at) report->spec = keep_text(r, lines.at);
    r->failed |= lines.failed;
    report->title = title_of(r, path && strcmp(path, "-") != 0 ? name_of(r, path) : NULL, gw__architecture_name(model->spec->model.architecture));
    report->subtitle = subtitle_of(r, model->spec);
    fill_facts(r, run, model, report);
    gw__text_clear(&json);
    gw__text_clear(&lines);
    return status;
}

/* ---- the report --------------------------------------------------------------------------------------------------------------------- */

static gw_status make(recorder *r, const gw__run *run, const measuring *m, gw_error *err) {
    gw__report report = {.curves_of = m->part, .back = r->back};
    const double *means = gate_means(r, m->evaluation);
    gw_status status = r->failed ? gw__fail_nomem(err) : GW_OK;
    if (status == GW_OK) status = fill_tasks(r, run, m, &report, err);
    if (status == GW_OK) status = fill_header(r, run, m->model, &report, err);
    if (status == GW_OK) status = gw__report_structure_of(m->model, means, means + m->evaluation->gate_width, m->part, &r->arena, &report.structure, err);
    if (status == GW_OK && r->failed) status = gw__fail_nomem(err);
    if (status != GW_OK) return status;
    return r->path ? gw__report_write(&report, r->path, err) : gw__report_format(&report, &r->page, err);
}

static gw_status look(void *context, const gw__run *run, const gw_model *model, gw_error *err) {
    measuring m = {.model = model};
    gw_status status = measure(run, &m, err);
    if (status == GW_OK) status = make(context, run, &m, err);
    measuring_clear(&m);
    return status;
}

gw__witness gw__recorder_witness(gw__recorder *r) { return (gw__witness){look, r}; }

void gw__recorder_clear(gw__recorder *r) {
    gw__text_clear(&r->page);
    gw__arena_clear(&r->arena);
}

/* ---- one run ------------------------------------------------------------------------------------------------------------------------ */

typedef struct hearer {
    recorder r;
    const gw_train_options *options; /* the caller's */
} hearer;

static void listen(void *context, const gw_event *event) {
    hearer *h = context;
    gw__recorder_hear(&h->r, event);
    if (h->options->listener) h->options->listener(h->options->listener_context, event);
}

gw_status gw__report_train(const gw_train_options *options, gw_model **ret_model, gw_error *err) {
    hearer h = {{.spec_path = options->spec_path, .path = options->report_path}, options};
    gw_train_options heard = *options;
    const gw__witness witness = gw__recorder_witness(&h.r);
    heard.listener = listen;
    heard.listener_context = &h;
    const gw_status status = gw__train(&heard, &witness, ret_model, err);
    gw__recorder_clear(&h.r);
    return status;
}
