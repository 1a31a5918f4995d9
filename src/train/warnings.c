/* What a run warns of besides its experts (findings.h), in words. Thresholds are those of docs/health.md. */
#include <math.h>
#include <string.h>

#include "model/net_plan.h"
#include "train/leak.h"
#include "train/run.h"

#define CONFLICT (-0.5)       /* cosine with the sum of the other tasks' gradients, on average */
#define TOO_GOOD 0.9999       /* a metric whose best is 1 */
#define SUSPICIOUS 0.99       /* what a feature alone says of a label */
#define STUCK 1e-4            /* relative change of a loss, */
#define STUCK_EPOCH 3         /* from the first epoch to this one */
#define VANISHING 1e-5        /* of all tasks' weighted losses: with less a task has no say in what is shared */
#define LEAST_ROWS 32         /* of a sample, to judge by */
#define LEAST_LABELS 50       /* in the validation part, to call something too good */

/* The mean over the looks so far: where training comes to rest, gradients sum up to 0, so that late ones alone are opposed in any model. */
static double mean_against(const gw__checkup *c, size_t t) { return c->against_sums[t] / (double)c->n_looks; }

static bool has_own_experts(const gw__net *net) {
    const gw__wire_level *first = &net->wiring.levels[0];
    for (uint32_t e = 0; e < first->n_experts; e++)
        if (strcmp(first->experts[e].group, "shared") != 0) return true;
    return false;
}

static void warn_of_conflict(gw__run *run) {
    const gw__checkup *c = &run->checkup;
    const gw__spec *spec = run->model->spec;
    size_t worst = 0;
    if (!c->gradients || c->n_rows < LEAST_ROWS) return;
    for (size_t t = 1; t < spec->n_tasks; t++)
        if (mean_against(c, t) < mean_against(c, worst)) worst = t;
    if (!(mean_against(c, worst) < CONFLICT)) return;
    if (spec->n_tasks == 2) worst = 0; /* it is mutual */
    gw__warn(&run->checkup.warnings, "task_conflict", gw__about_task(spec->tasks[worst].name, mean_against(c, worst)),
             "task '%s': its gradient fights that of %s%s%s (mean cosine so far %.2f, over the shared parameters); "
             "hint: 'train.balance: pcgrad'%s",
             spec->tasks[worst].name, spec->n_tasks == 2 ? "task '" : "all other tasks together", spec->n_tasks == 2 ? spec->tasks[1].name : "",
             spec->n_tasks == 2 ? "'" : "", mean_against(c, worst),
             has_own_experts(run->model->net) ? "" : ", or an architecture with experts of its own for each task ('cgc', 'ple')");
}

/* The metric of a task's type that is 1 where all is right. */
static gw__metric perfect_metric(gw_task_type type) {
    static const gw__metric metrics[] = {[GW_TASK_BINARY] = GW__METRIC_AUC, [GW_TASK_REGRESSION] = GW__METRIC_R2, [GW_TASK_MULTICLASS] = GW__METRIC_CLASS_ACCURACY,
                                         [GW_TASK_COUNT] = GW__METRIC_COUNT_D2, [GW_TASK_ORDINAL] = GW__METRIC_ORDINAL_ACCURACY,
                                         [GW_TASK_QUANTILE] = GW__METRIC_QUANTILE_D2};
    return metrics[type];
}

static gw_status warn_of_leak(gw__run *run, size_t t, gw_error *err) {
    const gw__task_spec *task = &run->model->spec->tasks[t];
    const gw__metric metric = perfect_metric(task->type);
    gw__meter *meter = run->validation->meters[t];
    const long long rows = (long long)gw__meter_rows(meter);
    double value;
    gw__suspect suspect;
    if (rows < LEAST_LABELS || !gw__meter_value(meter, metric, &value) || value < TOO_GOOD) return GW_OK;
    gw_status status = gw__leak_find(&run->data->dataset.train, &run->data->dataset.valid, task->type, t, &suspect, err);
    if (status != GW_OK) return status;
    const char *word = gw__metric_name(metric);
    if (suspect.score >= SUSPICIOUS) {
        const char *feature = gw__features_at(run->model->features, suspect.feature).name;
        gw__warn(&run->checkup.warnings, "label_leak", (gw__subject){.level = -1, .task = task->name, .feature = feature, .figure = value},
                 "task '%s': %s %.5g on %lld validation rows is too good to be true: feature '%s' alone says the label (%s %.4f); "
                 "hint: 'features: {ignore: [%s]}' if it is not known before the label is",
                 task->name, word, value, rows, feature, task->type == GW_TASK_BINARY ? "auc" : "rank correlation", suspect.score, feature);
    } else {
        gw__warn(&run->checkup.warnings, "label_leak", gw__about_task(task->name, value),
                 "task '%s': %s %.5g on %lld validation rows is too good to be true, though no feature alone explains it; "
                 "hint: look for columns that are made from the label, and for rows that stand in both parts",
                 task->name, word, value, rows);
    }
    return GW_OK;
}

static bool stuck(double before, double now) { return fabs(now - before) <= STUCK * fabs(before); }

static bool has_chains(const gw__spec *spec) {
    bool found = false;
    for (size_t t = 0; t < spec->n_tasks; t++) found |= spec->tasks[t].chain.on;
    return found;
}

static double size_of_loss(const gw__run *run, size_t t) {
    const double size = fabs(run->model->spec->tasks[t].weight * run->checkup.first_loss[t]);
    return isfinite(size) ? size : 0;
}

static void warn_of_weight(gw__run *run, size_t t, double share) {
    const gw__task_spec *task = &run->model->spec->tasks[t];
    if (task->weight == 0) {
        gw__warn(&run->checkup.warnings, "weightless_task", gw__about_task(task->name, 0),
                 "task '%s': its weight is 0, so that nothing is learned of it; hint: give it a weight, or leave it out of 'tasks'", task->name);
    } else if (share < VANISHING) {
        gw__warn(&run->checkup.warnings, "weightless_task", gw__about_task(task->name, share),
                 "task '%s': its weighted loss is a share of %.2g of all tasks', so that it has next to no say in what they share; "
                 "hint: weights that bring the losses near each other: of a regression about 1 over the variance of its labels",
                 task->name, share);
    }
}

/* After the first epoch. Tasks of chains learn by each other's losses; methods of balancing other than fixed weights have factors of their own; networks of
 * each task's own share nothing. */
static void warn_of_weights(gw__run *run) {
    const gw__spec *spec = run->model->spec;
    const bool compared = spec->train.balance.method == GW__BALANCE_FIXED && spec->model.architecture != GW__ARCH_SINGLE_TASK;
    double sum = 0;
    if (spec->n_tasks < 2 || has_chains(spec)) return;
    for (size_t t = 0; t < spec->n_tasks; t++) sum += size_of_loss(run, t);
    for (size_t t = 0; t < spec->n_tasks; t++) {
        const double size = size_of_loss(run, t);
        warn_of_weight(run, t, compared && size > 0 ? size / sum : 1);
    }
}

void gw__warn_of_losses(gw__run *run) {
    gw__checkup *c = &run->checkup;
    const gw__spec *spec = run->model->spec;
    const uint64_t epoch = run->at.epoch + 1;
    for (size_t t = 0; t < spec->n_tasks; t++) {
        const double loss = run->at.loss_rows[t] ? run->at.loss_sums[t] / (double)run->at.loss_rows[t] : NAN;
        if (epoch == 1) c->first_loss[t] = loss;
        if (epoch != STUCK_EPOCH || !c->saw_first || !(spec->tasks[t].weight > 0) || !stuck(c->first_loss[t], loss)) continue;
        gw__warn(&run->checkup.warnings, "stuck_loss", gw__about_task(spec->tasks[t].name, loss),
                 "task '%s': its loss does not move: %.6g in epoch 1, %.6g in epoch %d; hint: a larger 'train.optimizer.lr', and see that its label "
                 "is what it should be; labels are not rescaled, so divide large ones",
                 spec->tasks[t].name, c->first_loss[t], loss, STUCK_EPOCH);
    }
    if (epoch == 1) warn_of_weights(run);
    c->saw_first |= epoch == 1;
}

gw_status gw__warn_of_health(gw__run *run, gw_error *err) {
    gw_status status = GW_OK;
    gw__warn_of_experts(&run->checkup.warnings, run->model->net, run->checkup.health);
    warn_of_conflict(run);
    for (size_t t = 0; run->validation && t < run->model->spec->n_tasks && status == GW_OK; t++) status = warn_of_leak(run, t, err);
    return status;
}
