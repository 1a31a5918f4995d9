/* From what the runs left to their scores, and from the scores of a contender's runs to what they say together. */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "lab/compare.h"
#include "lab/compare_stats.h"

#define INTERVAL_SEED 1 /* of the bootstrap: intervals are functions of the scores alone */

/* ---- the scores of a run --------------------------------------------------------------------------------------------------------- */

double gw__compared_number(const gw__doc *node) {
    double value;
    return node && node->kind == GW__DOC_SCALAR && gw__parse_double(node->text, &value) ? value : NAN;
}

static int64_t count_of(const gw__doc *map, const char *key) {
    const double value = gw__compared_number(gw__doc_get(map, key));
    return isnan(value) ? 0 : (int64_t)value;
}

/* The tasks of the part that is compared, and its rows. */
static gw_status read_result(gw__comparison *c, const gw_run_result *result, gw__compared_run *run, const gw__doc **ret_tasks, gw_error *err) {
    gw__doc *training, *test = NULL;
    gw_status status = gw__doc_parse_json(result->training, strlen(result->training), "training", &c->arena, &training, err);
    if (status == GW_OK && result->test) status = gw__doc_parse_json(result->test, strlen(result->test), "test", &c->arena, &test, err);
    if (status != GW_OK) return status;
    run->epochs = count_of(training, "epochs");
    run->kept_epoch = count_of(training, "kept_epoch");
    c->train_rows = count_of(training, "train_rows");
    c->rows = test ? count_of(test, "rows") : count_of(training, "valid_rows");
    *ret_tasks = gw__doc_get(test ? test : gw__doc_get(training, "valid"), "tasks");
    return GW_OK;
}

/* Of a metric, else of the loss: the negative logarithm of a density, or of a likelihood without its constant, may be below 0. */
static gw__score score_named(const gw__task_spec *task, size_t at, const char *name) {
    for (gw__metric i = 0; i < GW__METRICS; i++)
        if (gw__metric_task_type(i) == task->type && strcmp(gw__metric_name(i), name) == 0)
            return (gw__score){task->name, name, at, gw__metric_better(i), gw__metric_bounds(i)};
    const bool any_sign = task->loss == GW__LOSS_ZILN || task->loss == GW__LOSS_POISSON;
    return (gw__score){task->name, name, at, -1, {any_sign ? -INFINITY : 0, INFINITY}};
}

/* Which scores there are, in the order of the tasks and of a task's metrics. */
static gw_status list_scores(gw__comparison *c, const gw__doc *tasks, gw_error *err) {
    size_t n = 0;
    for (const gw__doc *task = tasks->first; task; task = task->next) n += task->n;
    c->scores = gw__arena_alloc(&c->arena, n + 1, sizeof *c->scores);
    if (!c->scores) return gw__fail_nomem(err);
    for (size_t t = 0; t < c->spec->n_tasks; t++) {
        const gw__task_spec *spec = &c->spec->tasks[t];
        const gw__doc *task = gw__doc_get(tasks, spec->name);
        for (const gw__doc *metric = task ? task->first : NULL; metric; metric = metric->next) {
            if (metric->kind != GW__DOC_SCALAR || gw__slice_is(metric->key, "rows")) continue;
            c->scores[c->n_scores++] = score_named(spec, t, metric->key.at);
        }
    }
    return GW_OK;
}

static size_t main_of(const gw__comparison *c, size_t task) {
    static const char *const names[] = {"auc", "rmse", "accuracy", "pinball", "loss"};
    for (size_t i = 0; i < GW__COUNT(names); i++)
        for (size_t s = 0; s < c->n_scores; s++)
            if (c->scores[s].task_at == task && strcmp(c->scores[s].metric, names[i]) == 0) return s;
    return SIZE_MAX; /* every task has a loss */
}

static gw_status list_mains(gw__comparison *c, gw_error *err) {
    c->mains = gw__arena_alloc(&c->arena, c->spec->n_tasks, sizeof *c->mains);
    if (!c->mains) return gw__fail_nomem(err);
    for (size_t t = 0; t < c->spec->n_tasks; t++) c->mains[t] = main_of(c, t);
    return GW_OK;
}

static gw_status read_scores(gw__comparison *c, const gw_run_result *result, gw__compared_run *run, gw_error *err) {
    const gw__doc *tasks;
    gw_status status = read_result(c, result, run, &tasks, err);
    if (status == GW_OK && !c->scores) status = list_scores(c, tasks, err);
    if (status == GW_OK && !c->mains) status = list_mains(c, err);
    if (status != GW_OK) return status;
    run->scores = gw__arena_alloc(&c->arena, c->n_scores + 1, sizeof *run->scores);
    if (!run->scores) return gw__fail_nomem(err);
    for (size_t s = 0; s < c->n_scores; s++) run->scores[s] = gw__compared_number(gw__doc_get(gw__doc_get(tasks, c->scores[s].task), c->scores[s].metric));
    return GW_OK;
}

static gw_status take_run(gw__comparison *c, gw__contender *contender, const gw_run_result *result, gw__compared_run *run, gw_error *err) {
    run->status = result->status;
    if (result->dense_parameters) {
        contender->dense_parameters = result->dense_parameters;
        contender->table_parameters = result->table_parameters;
        contender->multiply_adds = result->multiply_adds;
    }
    if (run->curve.failed) return gw__fail_nomem(err);
    if (result->status == GW_OK) {
        contender->n_done++;
        gw_status status = read_scores(c, result, run, err);
        return status == GW_OK && run->epochs_told != run->epochs ? gw__fail_nomem(err) : status; /* for lack of which an event was left out */
    }
    if (result->status == GW_E_CANCELED) contender->n_canceled++;
    else contender->n_failed++;
    run->problem = gw__arena_text(&c->arena, result->error.message, strlen(result->error.message));
    return run->problem ? GW_OK : gw__fail_nomem(err);
}

/* ---- what they say together ------------------------------------------------------------------------------------------------------ */

/* Room for the scores of two contenders' runs, and for drawing from them. */
typedef struct room { double *values, *baseline, *scratch; } room;

enum { OVERALL = -1 };

/* One score of a run, or the mean over its tasks' main scores. */
static double score_of(const gw__comparison *c, const gw__compared_run *run, ptrdiff_t score) {
    if (!run->scores) return NAN;
    if (score != OVERALL) return run->scores[score];
    double sum = 0;
    for (size_t t = 0; t < c->spec->n_tasks; t++) sum += run->scores[c->mains[t]];
    return sum / (double)c->spec->n_tasks;
}

/* [n_runs] of all runs of a contender. */
static void gather(const gw__comparison *c, const gw__contender *contender, ptrdiff_t score, double *ret) {
    for (size_t i = 0; i < c->n_runs; i++) ret[i] = score_of(c, &contender->runs[i], score);
}

/* A bootstrap-t of few runs, one of them far off, goes beyond what a score can be. No mean is there, so that nothing is covered less often. */
static void bound(double least, double most, double *low, double *high) {
    if (isnan(*low)) return;
    *low = fmax(*low, least);
    *high = fmin(*high, most);
}

/* Multi-task gain (PLE, eq. 11): above 0 is better, whether more of the metric is or less. */
static void find_gain(const gw__comparison *c, const gw__score *kind, const room *r, gw__summary *s) {
    const int better = kind->better;
    const double mean = gw__moments_of(r->baseline, c->n_runs).mean;
    const double *more = better > 0 ? r->values : r->baseline, *less = better > 0 ? r->baseline : r->values;
    s->gain = better > 0 ? s->mean - mean : mean - s->mean;
    gw__bootstrap_difference(more, c->n_runs, less, c->n_runs, INTERVAL_SEED, r->scratch, &s->gain_low, &s->gain_high);
    bound(kind->range.least - kind->range.most, kind->range.most - kind->range.least, &s->gain_low, &s->gain_high);
}

static gw__summary summarise(const gw__comparison *c, const gw__contender *contender, ptrdiff_t score, const room *r) {
    const gw__score *kind = &c->scores[score == OVERALL ? (ptrdiff_t)c->mains[0] : score];
    const int better = kind->better;
    gather(c, contender, score, r->values);
    const gw__moments m = gw__moments_of(r->values, c->n_runs);
    gw__summary s = {.n = m.n, .mean = m.mean, .deviation = m.deviation, .gain = NAN, .gain_low = NAN, .gain_high = NAN};
    s.best = better > 0 ? m.most : better < 0 ? m.least : NAN;
    gw__bootstrap_difference(r->values, c->n_runs, NULL, 0, INTERVAL_SEED, r->scratch, &s.low, &s.high);
    bound(kind->range.least, kind->range.most, &s.low, &s.high);
    if (better == 0 || c->baseline == GW__NO_BASELINE || contender == &c->contenders[c->baseline]) return s;
    gather(c, &c->contenders[c->baseline], score, r->baseline);
    find_gain(c, kind, r, &s);
    return s;
}

/* Whether a mean over the tasks is one of anything. */
static bool has_overall(const gw__comparison *c) {
    for (size_t t = 1; t < c->spec->n_tasks; t++)
        if (strcmp(c->scores[c->mains[t]].metric, c->scores[c->mains[0]].metric) != 0) return false;
    return c->spec->n_tasks > 1;
}

/* Runs that predict no better than a constant: they learnt nothing of the task. Multiclass tasks have no metric that would say so. */
static size_t count_bad(const gw__comparison *c, const gw__contender *contender, size_t task) {
    static const struct { const char *metric; double constant; } levels[] = {{"auc", 0.5}, {"r2", 0}, {"d2", 0}, {"kappa", 0}};
    for (size_t s = 0; s < c->n_scores; s++)
        for (size_t k = 0; k < GW__COUNT(levels); k++) {
            if (c->scores[s].task_at != task || strcmp(c->scores[s].metric, levels[k].metric) != 0) continue;
            size_t n = 0;
            for (size_t i = 0; i < c->n_runs; i++) n += contender->runs[i].scores && contender->runs[i].scores[s] <= levels[k].constant;
            return n;
        }
    return SIZE_MAX;
}

static double seconds_per_epoch(const gw__comparison *c, const gw__contender *contender) {
    double seconds = 0;
    int64_t epochs = 0;
    for (size_t i = 0; i < c->n_runs; i++) {
        seconds += contender->runs[i].seconds;
        epochs += contender->runs[i].epochs_told;
    }
    return epochs ? seconds / (double)epochs : NAN;
}

static gw_status summarise_contender(gw__comparison *c, gw__contender *contender, const room *r, gw_error *err) {
    contender->summaries = gw__arena_alloc(&c->arena, c->n_scores + 1, sizeof *contender->summaries);
    contender->n_bad = gw__arena_alloc(&c->arena, c->spec->n_tasks, sizeof *contender->n_bad);
    if (!contender->summaries || !contender->n_bad) return gw__fail_nomem(err);
    for (size_t s = 0; s < c->n_scores; s++) contender->summaries[s] = summarise(c, contender, (ptrdiff_t)s, r);
    if (has_overall(c)) contender->overall = summarise(c, contender, OVERALL, r);
    for (size_t t = 0; t < c->spec->n_tasks; t++) contender->n_bad[t] = count_bad(c, contender, t);
    contender->seconds_per_epoch = seconds_per_epoch(c, contender);
    return GW_OK;
}

gw_status gw__compare_collect(gw__comparison *c, const gw_run_result *results, gw_error *err) {
    gw_status status = GW_OK;
    for (size_t i = 0; i < c->n_contenders * c->n_runs && status == GW_OK; i++) {
        gw__contender *contender = &c->contenders[i / c->n_runs];
        status = take_run(c, contender, &results[i], &contender->runs[i % c->n_runs], err);
    }
    double *values = gw__arena_alloc(&c->arena, 6 * c->n_runs, sizeof *values);
    const room r = {values, values + c->n_runs, values + 2 * c->n_runs};
    if (status == GW_OK && !values) status = gw__fail_nomem(err);
    for (size_t i = 0; i < c->n_contenders && status == GW_OK; i++) status = summarise_contender(c, &c->contenders[i], &r, err);
    return status;
}
