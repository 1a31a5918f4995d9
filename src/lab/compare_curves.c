/* How contenders learn: what their runs told of each epoch, put together. */
#include <math.h>

#include "lab/compare.h"
#include "lab/compare_stats.h"

gw_status gw__compared_epochs(const gw__compared_run *run, gw__arena *arena, const gw__doc **ret_epoch, gw_error *err) {
    gw__text list = {0};
    gw__doc *epochs;
    gw__text_addf(&list, "[");
    gw__text_add(&list, run->curve.at, run->curve.n);
    gw__text_puts(&list, "]");
    gw_status status = list.failed ? gw__fail_nomem(err) : gw__doc_parse_json(list.at, list.n, "epochs", arena, &epochs, err);
    gw__text_clear(&list);
    if (status == GW_OK) *ret_epoch = epochs->first;
    return status;
}

static bool counts(const gw__compared_run *run) { return run->status == GW_OK && run->epochs_told > 0; }

size_t gw__compared_length(const gw__comparison *c) {
    int64_t most = 0;
    for (size_t i = 0; i < c->n_contenders; i++)
        for (size_t k = 0; k < c->n_runs; k++) {
            const gw__compared_run *run = &c->contenders[i].runs[k];
            if (counts(run) && run->epochs_told > most) most = run->epochs_told;
        }
    return (size_t)most;
}

/* The losses of one run into its column of [T,N,R]. */
static void take_losses(const gw__comparison *c, const gw__doc *epoch, size_t n_epochs, size_t run, double *losses) {
    const char *part = c->spec->data.valid.kind != GW__SPLIT_NONE ? "valid" : "train";
    for (size_t e = 0; epoch && e < n_epochs; epoch = epoch->next, e++) {
        const gw__doc *tasks = gw__doc_get(gw__doc_get(epoch, part), "tasks");
        for (size_t t = 0; t < c->spec->n_tasks; t++)
            losses[(t * n_epochs + e) * c->n_runs + run] = gw__compared_number(gw__doc_get(gw__doc_get(tasks, c->spec->tasks[t].name), "loss"));
    }
}

static gw_status gather(const gw__comparison *c, const gw__contender *contender, size_t n_epochs, gw__arena *arena, double **ret_losses, gw_error *err) {
    const size_t n = c->spec->n_tasks * n_epochs * c->n_runs;
    const gw__doc *epoch;
    gw_status status = GW_OK;
    double *losses = gw__arena_alloc(arena, n + 1, sizeof *losses);
    if (!losses) return gw__fail_nomem(err);
    for (size_t i = 0; i < n; i++) losses[i] = NAN;
    for (size_t k = 0; k < c->n_runs && status == GW_OK; k++) {
        if (!counts(&contender->runs[k])) continue;
        status = gw__compared_epochs(&contender->runs[k], arena, &epoch, err);
        if (status == GW_OK) take_losses(c, epoch, n_epochs, k, losses);
    }
    *ret_losses = losses;
    return status;
}

/* One task's, from its part of the losses: [N,R]. A standard deviation to both sides of the mean is a band, but not beyond what any run has. */
static bool average(gw__comparison *c, const double *losses, size_t n_epochs, gw__report_curve *ret) {
    double *means = gw__arena_alloc(&c->arena, 3 * n_epochs + 1, sizeof *means);
    size_t *runs = gw__arena_alloc(&c->arena, n_epochs + 1, sizeof *runs);
    if (!means || !runs) return false;
    double *lows = means + n_epochs, *highs = lows + n_epochs;
    for (size_t e = 0; e < n_epochs; e++) {
        const gw__moments m = gw__moments_of(losses + e * c->n_runs, c->n_runs);
        means[e] = m.mean;
        lows[e] = m.n > 1 ? fmax(m.mean - m.deviation, m.least) : NAN;
        highs[e] = m.n > 1 ? fmin(m.mean + m.deviation, m.most) : NAN;
        runs[e] = m.n;
    }
    *ret = (gw__report_curve){means, lows, highs, runs};
    return true;
}

gw_status gw__compare_curves(gw__comparison *c, const gw__contender *contender, gw__report_curve *ret_curves, gw_error *err) {
    const size_t n_epochs = gw__compared_length(c);
    gw__arena arena = {0};
    double *losses = NULL;
    gw_status status = gather(c, contender, n_epochs, &arena, &losses, err);
    for (size_t t = 0; t < c->spec->n_tasks && status == GW_OK; t++)
        if (!average(c, losses + t * n_epochs * c->n_runs, n_epochs, &ret_curves[t])) status = gw__fail_nomem(err);
    gw__arena_clear(&arena);
    return status;
}
