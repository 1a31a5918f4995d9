#include "report_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What a fixture takes is freed with the next one. */
static gw__arena arena;

static void *take(size_t n, size_t item) {
    void *p = gw__arena_alloc(&arena, n + 1, item);
    if (!p) abort();
    return p;
}

static const char *name(const char *stem, size_t i, bool hostile) {
    char text[400];
    snprintf(text, sizeof text, hostile ? "%s%zu " HOSTILE : "%s%zu", stem, i);
    return gw__arena_text(&arena, text, strlen(text));
}

static double draw(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / 16777216.0;
}

/* About normal. */
static double scatter(uint32_t *state) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += draw(state);
    return sum;
}

/* ---- a comparison ---- */

static gw__report_interval interval(double mean, double half) { return (gw__report_interval){mean, mean - half, mean + half}; }

static const gw__report_interval none = {NAN, NAN, NAN};

/* Runs that end one after another, so that the last epochs have one of them; those of the third architecture are short. Where there are four runs, they
 * begin far above. */
static gw__report_curve progress(size_t outcome, size_t n_runs, double to, uint32_t *state) {
    const size_t n = outcome == 2 ? 1 : FIXTURE_EPOCHS - outcome % 3;
    double *means = take(FIXTURE_EPOCHS, sizeof *means), *lows = take(FIXTURE_EPOCHS, sizeof *lows), *highs = take(FIXTURE_EPOCHS, sizeof *highs);
    size_t *runs = take(FIXTURE_EPOCHS, sizeof *runs);
    for (size_t e = 0; e < FIXTURE_EPOCHS; e++) {
        const double band = 0.02 * draw(state);
        runs[e] = e >= n ? 0 : e + 3 >= n && n > 3 && n_runs > 1 ? 1 : n_runs;
        means[e] = runs[e] ? to + 0.4 / (1 + 0.5 * (double)e) + 0.01 * scatter(state) : NAN;
        if (n_runs == 4 && e == 0) means[e] += 2000;
        lows[e] = runs[e] > 1 ? means[e] - band : NAN;
        highs[e] = runs[e] > 1 ? means[e] + band : NAN;
    }
    return (gw__report_curve){means, lows, highs, runs};
}

/* The fourth architecture is far off on the second task. */
static gw__report_cell *cells(size_t n_tasks, size_t outcome, size_t n_runs, bool fails, uint32_t *state) {
    gw__report_cell *made = take(n_tasks, sizeof *made);
    for (size_t t = 0; t < n_tasks; t++) {
        double *losses = take(n_runs, sizeof *losses), *values = take(n_runs, sizeof *values);
        const double gain = 0.004 * scatter(state), off = t == 1 && outcome == 3 ? 10 : 0;
        for (size_t r = 0; r < n_runs; r++) {
            losses[r] = 0.3 - 2 * gain + off + 0.004 * scatter(state);
            values[r] = 0.85 + gain + 0.002 * scatter(state);
        }
        if (fails) losses[0] = values[0] = NAN;
        const double half = n_runs > 1 ? 0.0025 : NAN;
        made[t] = (gw__report_cell){losses, values, interval(0.85 + gain, half), half, 0.85 + gain + 2 * half, outcome ? interval(gain, half) : none, {0}};
        if (!fails) made[t].curve = progress(outcome, n_runs, 0.3 - 2 * gain + off, state);
    }
    return made;
}

const gw__report *fixture_comparison(size_t n_tasks, size_t n_outcomes, size_t n_runs, bool hostile) {
    static const char *const architectures[] = {"single-task", "shared-bottom", "omoe", "mmoe", "cgc", "ple", "adatt", "home", "cross-stitch", "snr-trans"};
    uint32_t state = 7;
    gw__arena_clear(&arena);
    gw__report *report = take(1, sizeof *report);
    gw__report_comparison *c = take(1, sizeof *c);
    gw__report_outcome *outcomes = take(n_outcomes, sizeof *outcomes);
    const char **tasks = take(n_tasks, sizeof *tasks), **metrics = take(n_tasks, sizeof *metrics);
    int *better = take(n_tasks, sizeof *better);
    for (size_t t = 0; t < n_tasks; t++) tasks[t] = name("task", t, hostile), metrics[t] = "auc", better[t] = 1;
    for (size_t i = 0; i < n_outcomes; i++) {
        const bool fails = i > 0 && i + 1 == n_outcomes;
        const char *known = i < sizeof architectures / sizeof architectures[0] ? architectures[i] : "another";
        outcomes[i] = (gw__report_outcome){.name = hostile ? name("architecture", i, true) : known, .n_runs = n_runs, .n_failed = fails,
                                           .problem = !fails ? NULL : hostile ? HOSTILE : "the loss is not finite",
                                           .parameters = 104962 + 1000 * (int64_t)i, .multiply_adds = 103680, .tasks = cells(n_tasks, i, n_runs, fails, &state),
                                           .gain = i ? interval(0.001 * (double)i, 0.001) : none,
                                           .page = fails ? NULL : FIXTURE_PAGE};
    }
    *c = (gw__report_comparison){tasks, metrics, better, n_tasks, outcomes, n_outcomes, 0, "difference of auc", "test", 0.95, FIXTURE_EPOCHS,
                                 "validation loss", "a page of its run with seed 1", hostile ? HOSTILE : "These rows chose the epochs.",
                                 hostile ? HOSTILE : "Intervals are over seeds alone."};
    *report = (gw__report){.title = hostile ? HOSTILE : "census-income", .subtitle = "architectures compared", .comparison = c};
    return report;
}

/* ---- a run ---- */

static const gw__report_structure *structure(size_t n_tasks, size_t n_experts, const gw__report_task *tasks, bool gaps, bool hostile) {
    uint32_t state = 11;
    gw__report_structure *made = take(1, sizeof *made);
    gw__report_level *level = take(1, sizeof *level);
    gw__report_expert *experts = take(n_experts, sizeof *experts);
    gw__report_gate *gates = take(n_tasks, sizeof *gates);
    gw__report_tower *towers = take(n_tasks, sizeof *towers);
    size_t *seen = take(n_experts, sizeof *seen);
    for (size_t e = 0; e < n_experts; e++) {
        experts[e] = (gw__report_expert){.name = name("shared.", e, hostile), .group = "shared", .layers = "64, 32", .input = GW__REPORT_NONE};
        seen[e] = e;
    }
    for (size_t t = 0; t < n_tasks; t++) {
        double *weights = take(n_experts, sizeof *weights), sum = 0;
        for (size_t e = 0; e < n_experts; e++) sum += weights[e] = draw(&state) * draw(&state);
        for (size_t e = 0; e < n_experts; e++) weights[e] = gaps && e == 0 ? NAN : weights[e] / sum;
        gates[t] = (gw__report_gate){tasks[t].name, "softmax", GW__REPORT_NONE, seen, weights, NULL, n_experts, false};
        towers[t] = (gw__report_tower){.task = tasks[t].name, .layers = "16, 1", .input = t};
    }
    *level = (gw__report_level){experts, n_experts, gates, n_tasks};
    *made = (gw__report_structure){.input = "42 features make an input of 499 numbers", .levels = level, .n_levels = 1, .towers = towers, .n_towers = n_tasks,
                                   .gates_of = "test"};
    return made;
}

static double *curve(size_t n, double from, double to, bool gaps, uint32_t *state) {
    double *values = take(n, sizeof *values);
    for (size_t i = 0; i < n; i++) values[i] = gaps && i % 3 == 1 ? NAN : to + (from - to) / (1 + 0.6 * (double)i) + 0.01 * scatter(state) * (from - to);
    return values;
}

static void add_scores(gw__report_task *task, bool gaps) {
    gw__report_point *roc = take(40, sizeof *roc);
    gw__report_bin *bins = take(10, sizeof *bins);
    for (size_t i = 0; i < 40; i++) {
        const double x = (double)i / 39;
        roc[i] = (gw__report_point){x * x, x};
    }
    for (size_t i = 0; i < 10; i++) bins[i] = (gw__report_bin){0.05 * (double)(i + 1), 0.05 * (double)(i + 1) + (i % 2 ? 0.01 : -0.01), gaps && i == 3 ? 0 : 900};
    task->roc = roc;
    task->n_roc = 40;
    task->auc = gaps ? NAN : 0.6667;
    task->calibration = bins;
    task->n_calibration = 10;
}

/* The first epoch. */
static void far_above(double *values) { values[0] += 2000; }

static gw__report_task task_of(size_t t, size_t n_epochs, bool gaps, bool hostile, uint32_t *state) {
    static const gw__report_metric some[] = {{"loss", 0.31, 0.32}, {"auc", 0.876, 0.871}, {"ece", 0.012, NAN}};
    const bool binary = t % 2 == 0;
    gw__report_task task = {.name = name("task", t, hostile), .type = binary ? "binary" : "regression", .loss = binary ? "bce" : "mse",
                            .labels = 1000, .positives = binary ? 300 : -1,
                            .train_loss = curve(n_epochs, 0.7, 0.3, gaps, state), .valid_loss = curve(n_epochs, 0.72, 0.35, gaps, state), .metric = binary ? "auc" : "rmse",
                            .valid_metric = curve(n_epochs, 0.5, 0.88, gaps, state), .metrics = some, .n_metrics = 3, .auc = NAN};
    if (binary) add_scores(&task, gaps);
    if (!binary && n_epochs == 12) far_above((double *)task.train_loss);
    return task;
}

const gw__report *fixture_run(size_t n_tasks, size_t n_experts, size_t n_epochs, bool gaps, bool hostile) {
    static const gw__report_fact facts[] = {{"rows to train", "199,523"}, {"seed", "1"}};
    static const char *const names[] = {"shared.0", "shared.1", "shared.2"}, *const heads[] = {"gate", "entropy", "effective experts"};
    static const char *const numbers[] = {"task0", "1.20", "3.3", "task1", NULL, "2.9"};
    static const double values[] = {1, 0.4, -0.2, 0.4, 1, NAN, -0.2, 0.1, 1};
    static const gw__report_way back = {FIXTURE_PAGE, "all <b>architectures</b>"};
    static const gw__report_matrix matrix = {"Similarity of experts", "Linear CKA of outputs.", names, names, 3, 3, values, -1, 1};
    static const gw__report_table table = {"Gates in figures", NULL, heads, NULL, 3, numbers, 2};
    uint32_t state = 3;
    gw__arena_clear(&arena);
    gw__report *report = take(1, sizeof *report);
    gw__report_task *tasks = take(n_tasks, sizeof *tasks);
    gw__report_health *health = take(1, sizeof *health);
    const char **warnings = take(1, sizeof *warnings);
    warnings[0] = hostile ? HOSTILE : "expert shared.2 gets less than 1 % of every gate";
    *health = (gw__report_health){"Measured after epoch 3.", warnings, 1, true, &table, 1, &matrix, 1};
    for (size_t t = 0; t < n_tasks; t++) tasks[t] = task_of(t, n_epochs, gaps, hostile, &state);
    *report = (gw__report){.title = hostile ? HOSTILE : "people", .subtitle = "mmoe", .facts = facts, .n_facts = 2, .back = hostile ? &back : NULL,
                           .spec = hostile ? HOSTILE : "{\n}", .n_epochs = n_epochs, .kept_epoch = (n_epochs + 1) / 2, .tasks = tasks, .n_tasks = n_tasks, .curves_of = "test",
                           .structure = structure(n_tasks, n_experts, tasks, gaps, hostile), .health = health};
    return report;
}
