/* What a run warns of, in words: each with who it is about, the figure, and a remedy. Thresholds are those of docs/health.md. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/likeness.h"
#include "model/net_plan.h"
#include "train/leak.h"
#include "train/run.h"

#define IDLE_SHARE 0.1        /* of an even share: an expert with less is hardly used */
#define DEAD_SHARE 0.5        /* of an expert's units */
#define CONFLICT (-0.5)       /* cosine with the sum of the other tasks' gradients, on average */
#define TOO_GOOD 0.9999       /* a metric whose best is 1 */
#define SUSPICIOUS 0.99       /* what a feature alone says of a label */
#define STUCK 1e-4            /* relative change of a loss, */
#define STUCK_EPOCH 3         /* from the first epoch to this one */
#define LEAST_ROWS 32         /* of a sample, to judge by */
#define LEAST_LABELS 50       /* in the validation part, to call something too good */

/* ---- telling ---------------------------------------------------------------------------------------------------------------------- */

/* Whether it is the first of its kind about its task, gate or level (of whose experts it names the worst, which may be another next time); then it is
 * remembered. */
static bool is_new(gw__text *told, const char *kind, const gw__subject *s) {
    gw__text key = {0};
    gw__text_addf(&key, "\n%s|%s|%lld|%s\n", kind, s->task ? s->task : "", (long long)s->level, s->stream ? s->stream : "");
    const bool first = !key.failed && (told->n == 0 || strstr(told->at, key.at) == NULL);
    if (first) gw__text_add(told, key.at, key.n);
    gw__text_clear(&key);
    return first;
}

static void write_member(gw__json_writer *json, const char *key, const char *value) {
    if (!value) return;
    gw__json_key(json, key);
    gw__json_string(json, value);
}

static void write_warning(const char *kind, const gw__subject *s, const char *text, gw__text *out) {
    gw__json_writer json = {.out = out};
    if (out->n > 0) gw__text_putc(out, ',');
    gw__json_begin_object(&json);
    write_member(&json, "kind", kind);
    write_member(&json, "task", s->task);
    if (s->level >= 0) {
        gw__json_key(&json, "level");
        gw__json_int(&json, s->level);
    }
    write_member(&json, "stream", s->stream);
    write_member(&json, "expert", s->expert);
    write_member(&json, "feature", s->feature);
    if (isfinite(s->figure)) {
        gw__json_key(&json, "figure");
        gw__json_double(&json, s->figure);
    }
    write_member(&json, "text", text);
    gw__json_end_object(&json);
}

void gw__warn(gw__run *run, const char *kind, gw__subject subject, const char *format, ...) {
    char text[1536];
    va_list arguments;
    if (!run->options->listener || !is_new(&run->checkup.told, kind, &subject)) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    gw__report_text(run, GW_EVENT_WARNING, "%s", text);
    write_warning(kind, &subject, text, &run->checkup.warnings);
}

/* ---- the start -------------------------------------------------------------------------------------------------------------------- */

gw_status gw__warn_of_start(gw__run *run, gw_error *err) {
    const gw__net *net = run->model->net;
    gw__twins *twins = NULL;
    size_t n = 0;
    gw_status status = gw__net_twins(net, gw__trainer_parameters(run->trainer), &twins, &n, err);
    for (size_t i = 0, end; i < n; i = end) {
        const gw__twins *first = &twins[i];
        for (end = i + 1; end < n && twins[end].level == first->level; end++) {}
        const char *a = gw__net_expert_name(net, first->level, first->a), *b = gw__net_expert_name(net, first->level, first->b);
        gw__warn(run, "equal_experts", (gw__subject){.level = first->level, .expert = b, .figure = (double)(end - i)},
                 "level %u: %zu of %u experts start with the parameters of another ('%s' with those of '%s'), and the same gates mix them, so that they learn alike; "
                 "hint: start without --init, or from a model whose experts differ",
                 first->level, end - i, gw__net_expert_count(net, first->level), b, a);
    }
    free(twins);
    return status;
}

/* ---- gates and experts ------------------------------------------------------------------------------------------------------------ */

/* What an expert has of a gate's weight, beside an even share; the weights of `renormalise: false` do not sum to 1. */
static double share_of(const gw__gate_total *total, size_t n, size_t e) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += total->weights[i];
    return sum > 0 ? total->weights[e] / sum * (double)n : 0;
}

/* Of how many of its experts a gate makes next to nothing. */
static size_t count_idle(const gw__gate_total *total, size_t n) {
    size_t idle = 0;
    for (size_t e = 0; e < n; e++) idle += share_of(total, n, e) < IDLE_SHARE;
    return idle;
}

static bool is_polarised(const gw__gate_total *total, size_t n) { return n > 2 && 2 * count_idle(total, n) > n; }

static void warn_of_gate(gw__run *run, size_t g) {
    const gw__gate_view gate = gw__net_gate_at(run->model->net, g);
    const gw__gate_total total = gw__health_gate(run->checkup.health, g);
    if (!is_polarised(&total, gate.n_experts)) return;
    const double effective = gw__gate_figures_of(&total, gate.n_experts).effective;
    gw__warn(run, "polarised_gate", (gw__subject){.level = gate.level, .stream = gate.stream, .figure = effective},
             "level %u: the gate of '%s' is polarised: %zu of its %zu experts have less than %.3g of the weight, and %.2f are in effect; "
             "hint: 'model.gates: {weight_dropout: 0.1}' makes it use the others, too",
             gate.level, gate.stream, count_idle(&total, gate.n_experts), gate.n_experts, IDLE_SHARE / (double)gate.n_experts, effective);
}

/* What reaches a stream without a gate's weight is no gate's to starve. */
static bool is_taken_otherwise(const gw__wire_level *level, uint32_t expert) {
    bool taken = expert < level->n_always;
    for (uint32_t i = 0; i < level->n_gates; i++) {
        const gw__wire_gate *gate = &level->gates[i];
        for (uint32_t e = 0; e < gate->n_experts; e++) taken |= gate->experts[e] == expert && gate->kind != GW__GATE_SOFTMAX;
        for (uint32_t e = 0; e < gate->n_residual; e++) taken |= gate->residual[e] == expert;
        for (uint32_t e = 0; e < gate->n_self; e++) taken |= gate->self[e] == expert;
    }
    return taken;
}

/* The greatest share of an even weight that a gate gives to the expert; infinite where that is not to be judged: no gate sees it, or all that do are
 * polarised, which has been said. */
static double greatest_share(const gw__run *run, uint32_t level, const char *expert) {
    const gw__net *net = run->model->net;
    double share = 0;
    bool judged = false;
    for (size_t g = 0; g < gw__net_gate_count(net); g++) {
        const gw__gate_view gate = gw__net_gate_at(net, g);
        const gw__gate_total total = gw__health_gate(run->checkup.health, g);
        for (size_t e = 0; gate.level == level && e < gate.n_experts; e++) {
            if (strcmp(gate.experts[e], expert) != 0) continue;
            const double own = share_of(&total, gate.n_experts, e);
            share = own > share ? own : share;
            judged |= !is_polarised(&total, gate.n_experts);
        }
    }
    return judged ? share : INFINITY;
}

static void warn_of_starving(gw__run *run, uint32_t l) {
    const gw__net *net = run->model->net;
    const uint32_t n = gw__net_expert_count(net, l);
    const char *worst = NULL;
    double least = INFINITY;
    uint32_t starving = 0;
    for (uint32_t e = 0; e < n; e++) {
        const double share = is_taken_otherwise(&net->wiring.levels[l], e) ? INFINITY : greatest_share(run, l, gw__net_expert_name(net, l, e));
        starving += share < IDLE_SHARE;
        if (!(share < least)) continue;
        least = share;
        worst = gw__net_expert_name(net, l, e);
    }
    if (starving == 0) return;
    gw__warn(run, "starving_expert", (gw__subject){.level = l, .expert = worst, .figure = least},
             "level %u: %u of %u experts starve: no gate gives expert '%s' more than %.2g of an even share; "
             "hint: 'model.gates: {weight_dropout: 0.1}', with 'top_k' 'model.gates.balance', or fewer experts",
             l, starving, n, worst, least);
}

static void warn_of_dead_units(gw__run *run, uint32_t l) {
    const gw__net *net = run->model->net;
    const uint32_t n = gw__net_expert_count(net, l);
    uint32_t affected = 0, worst = 0;
    double most = 0;
    for (uint32_t e = 0; e < n; e++) {
        const gw__expert_health found = gw__health_expert(run->checkup.health, l, e);
        if (found.rows < LEAST_ROWS || found.units == 0) continue;
        const double share = (double)found.dead / (double)found.units;
        affected += share >= DEAD_SHARE;
        if (!(share > most)) continue;
        most = share;
        worst = e;
    }
    if (affected == 0) return;
    const gw__expert_health found = gw__health_expert(run->checkup.health, l, worst);
    gw__warn(run, "dead_units", (gw__subject){.level = l, .expert = gw__net_expert_name(net, l, worst), .figure = most},
             "level %u: %u of %u experts are half dead or more: %zu of the %zu relu units of '%s' are 0 in all of %zu rows, and learn nothing; "
             "hint: a smaller 'train.optimizer.lr', or 'model.experts: {activation: swish, norm: batch}'",
             l, affected, n, found.dead, found.units, gw__net_expert_name(net, l, worst), found.rows);
}

/* ---- tasks ------------------------------------------------------------------------------------------------------------------------ */

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
    gw__warn(run, "task_conflict", gw__about_task(spec->tasks[worst].name, mean_against(c, worst)),
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
        gw__warn(run, "label_leak", (gw__subject){.level = -1, .task = task->name, .feature = feature, .figure = value},
                 "task '%s': %s %.5g on %lld validation rows is too good to be true: feature '%s' alone says the label (%s %.4f); "
                 "hint: 'features: {ignore: [%s]}' if it is not known before the label is",
                 task->name, word, value, rows, feature, task->type == GW_TASK_BINARY ? "auc" : "rank correlation", suspect.score, feature);
    } else {
        gw__warn(run, "label_leak", gw__about_task(task->name, value),
                 "task '%s': %s %.5g on %lld validation rows is too good to be true, though no feature alone explains it; "
                 "hint: look for columns that are made from the label, and for rows that stand in both parts",
                 task->name, word, value, rows);
    }
    return GW_OK;
}

static bool stuck(double before, double now) { return fabs(now - before) <= STUCK * fabs(before); }

void gw__warn_of_losses(gw__run *run) {
    gw__checkup *c = &run->checkup;
    const gw__spec *spec = run->model->spec;
    const uint64_t epoch = run->at.epoch + 1;
    for (size_t t = 0; t < spec->n_tasks; t++) {
        const double loss = run->at.loss_rows[t] ? run->at.loss_sums[t] / (double)run->at.loss_rows[t] : NAN;
        if (epoch == 1) c->first_loss[t] = loss;
        if (epoch != STUCK_EPOCH || !c->saw_first || !(spec->tasks[t].weight > 0) || !stuck(c->first_loss[t], loss)) continue;
        gw__warn(run, "stuck_loss", gw__about_task(spec->tasks[t].name, loss),
                 "task '%s': its loss does not move: %.6g in epoch 1, %.6g in epoch %d; hint: a larger 'train.optimizer.lr', and see that its label "
                 "is what it should be; labels are not rescaled, so divide large ones",
                 spec->tasks[t].name, c->first_loss[t], loss, STUCK_EPOCH);
    }
    c->saw_first |= epoch == 1;
}

gw_status gw__warn_of_health(gw__run *run, gw_error *err) {
    const gw__net *net = run->model->net;
    gw_status status = GW_OK;
    const bool enough = gw__health_rows(run->checkup.health) >= LEAST_ROWS;
    for (size_t g = 0; enough && g < gw__net_gate_count(net); g++) warn_of_gate(run, g);
    for (uint32_t l = 0; enough && l < gw__net_level_count(net); l++) {
        warn_of_starving(run, l);
        warn_of_dead_units(run, l);
    }
    warn_of_conflict(run);
    for (size_t t = 0; run->validation && t < run->model->spec->n_tasks && status == GW_OK; t++) status = warn_of_leak(run, t, err);
    return status;
}
