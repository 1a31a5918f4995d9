#include "lab/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/many.h"

/* ---- the runs -------------------------------------------------------------------------------------------------------------------- */

static void hear(void *context, const gw_event *event) {
    gw__comparison *c = context;
    gw__contender *contender = &c->contenders[event->run / c->n_runs];
    gw__compared_run *run = &contender->runs[event->run % c->n_runs];
    if (event->kind == GW_EVENT_EPOCH) {
        if (run->curve.n) gw__text_putc(&run->curve, ',');
        gw__text_puts(&run->curve, event->text);
        run->seconds += event->seconds;
        run->epochs_told++;
    }
    if (contender->page_name && event->run % c->n_runs == 0) gw__recorder_hear(&contender->page, event);
    if (event->kind == GW_EVENT_END) c->n_ended++;
    if (!c->listener) return;
    c->listener(c->listener_context, &(gw_compare_event){.label = contender->label, .seed = run->seed, .ended = c->n_ended,
                                                         .runs = c->n_contenders * c->n_runs, .event = event});
}

/* Seeds come last, so that nothing else decides which rows a run draws. */
static gw_status plan_run(gw__comparison *c, const gw__contender *contender, const gw__compared_run *run, gw_run_options *ret, gw_error *err) {
    const gw__texts sets = contender->overrides;
    const char **overrides = gw__arena_alloc(&c->arena, sets.n + 2, sizeof *overrides);
    char seed[64], data_seed[64];
    snprintf(seed, sizeof seed, "train.seed=%llu", (unsigned long long)run->seed);
    snprintf(data_seed, sizeof data_seed, "train.data_seed=%llu", (unsigned long long)c->spec->train.data_seed);
    if (!overrides) return gw__fail_nomem(err);
    for (size_t i = 0; i < sets.n; i++) overrides[i] = sets.at[i];
    overrides[sets.n] = gw__arena_text(&c->arena, seed, sizeof seed);
    overrides[sets.n + 1] = gw__arena_text(&c->arena, data_seed, sizeof data_seed);
    if (!overrides[sets.n] || !overrides[sets.n + 1]) return gw__fail_nomem(err);
    *ret = (gw_run_options){.overrides = overrides, .n_overrides = sets.n + 2};
    return GW_OK;
}

/* What failed is in the results, one by one. */
static gw_status run(gw__comparison *c, gw_run_result *results, gw_error *err) {
    const size_t n = c->n_contenders * c->n_runs;
    gw_run_options *runs = gw__arena_alloc(&c->arena, n, sizeof *runs);
    gw__witness *witnesses = gw__arena_alloc(&c->arena, n, sizeof *witnesses);
    if (!runs || !witnesses) return gw__fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        const gw__contender *contender = &c->contenders[i / c->n_runs];
        gw_status status = plan_run(c, contender, &contender->runs[i % c->n_runs], &runs[i], err);
        if (status != GW_OK) return status;
    }
    for (size_t i = 0; i < c->n_contenders; i++)
        if (c->contenders[i].page_name) witnesses[i * c->n_runs] = gw__recorder_witness(&c->contenders[i].page);
    gw_train_options base = c->base;
    base.listener = hear;
    base.listener_context = c;
    gw__train_many(&base, runs, n, witnesses, results, NULL);
    return GW_OK;
}

/* ---- what came of them ----------------------------------------------------------------------------------------------------------- */

static const gw_run_result *first_with(const gw_run_result *results, size_t n, bool canceled) {
    for (size_t i = 0; i < n; i++)
        if (results[i].status != GW_OK && (results[i].status == GW_E_CANCELED) == canceled) return &results[i];
    return NULL;
}

static bool all_say(const gw_run_result *results, size_t n, const gw_error *err) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(results[i].error.message, err->message) != 0 || strcmp(results[i].error.where, err->where) != 0) return false;
    return true;
}

/* Without one run that is done there is nothing to compare. */
static gw_status judge(const gw_run_result *results, size_t n, size_t n_done, gw_error *err) {
    const gw_run_result *canceled = first_with(results, n, true), *failed = first_with(results, n, false);
    for (size_t i = 0; i < n; i++)
        if (results[i].status == GW_E_NOMEM) return gw__fail_nomem(err); /* which says nothing of an architecture */
    if (canceled && n_done == 0) return gw__fail(err, GW_E_CANCELED, "canceled before a run was done: there is nothing to compare");
    if (canceled) return gw__fail(err, GW_E_CANCELED, "canceled when %zu of %zu runs were done", n_done, n);
    if (n_done > 0 || !failed) return GW_OK;
    if (err) *err = failed->error;
    if (err && !all_say(results, n, &failed->error))
        snprintf(err->message, sizeof err->message, "none of the %zu runs came to an end; the first: %.600s", n, failed->error.message);
    return failed->status;
}

static gw_status compare(gw__comparison *c, const gw_compare_options *options, gw_run_result *results, gw__text *ret_json, gw_error *err) {
    const size_t n = c->n_contenders * c->n_runs;
    size_t n_done = 0;
    gw_status status = run(c, results, err);
    if (status != GW_OK) return status;
    for (size_t i = 0; i < n; i++) n_done += results[i].status == GW_OK;
    const gw_status outcome = judge(results, n, n_done, err);
    if (n_done == 0 || outcome == GW_E_NOMEM) return outcome;
    status = gw__compare_collect(c, results, err);
    if (status == GW_OK) status = gw__compare_collect_warnings(c, err);
    if (status != GW_OK) return status;
    status = gw__compare_write_json(c, ret_json, err);
    if (status != GW_OK) gw__text_clear(ret_json);
    else if (options->output_dir) status = gw__compare_write(c, ret_json, options->output_dir, err);
    return status == GW_OK ? outcome : status;
}

gw_status gw__compare(const gw_compare_options *options, gw__text *ret_json, gw_error *err) {
    gw__comparison c = {0};
    gw_run_result *results = NULL;
    size_t n = 0;
    gw_status status = gw__compare_plan(&c, options, err);
    if (status != GW_OK) goto cleanup;
    if (options->output_dir) GW__TRY(gw__compare_plan_pages(&c, err));
    if (options->output_dir) GW__TRY(gw__compare_check_output(&c, options->output_dir, err));
    if (options->match_parameters) GW__TRY(gw__compare_match(&c, err));
    results = calloc(c.n_contenders * c.n_runs, sizeof *results);
    if (!results) GW__FAIL(gw__fail_nomem(err));
    n = c.n_contenders * c.n_runs;
    status = compare(&c, options, results, ret_json, err);
cleanup:
    gw__run_results_clear(results, n);
    free(results);
    gw__comparison_clear(&c);
    return status;
}
