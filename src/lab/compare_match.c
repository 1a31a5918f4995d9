/* As many parameters for all: the widths of a contender's experts are scaled by one factor, until its dense parameters are as near as may be to
 * those of the spec itself. Gates, towers and the number of experts stay. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/compare.h"
#include "model/model.h"
#include "train/run.h"

#define MOST_WIDTH 65536
#define HALVINGS 40

/* Widths of all levels, one after another. */
typedef struct widths {
    uint32_t *at;
    uint64_t parameters;
} widths;

typedef struct matching {
    const gw__features *features;
    const size_t *output_widths;
    const gw__spec *spec;  /* of the contender */
    gw__widths *hidden;    /* [levels] the scaled ones, which a network is planned with */
    size_t n;              /* widths of all levels */
} matching;

static gw_status count_parameters(const matching *m, const gw__spec *spec, uint64_t *ret, gw_error *err) {
    gw__net *net;
    gw_status status = gw__net_new(spec, gw__features_input(m->features), m->output_widths, &net, err);
    if (status != GW_OK) return status;
    *ret = gw__net_trained_values(net, false);
    gw__net_free(net);
    return GW_OK;
}

static gw_status scale(const matching *m, double factor, widths *ret, gw_error *err) {
    const gw__model_spec *model = &m->spec->model;
    gw__spec scaled = *m->spec;
    size_t n = 0;
    for (uint32_t l = 0; l < model->levels; l++) {
        m->hidden[l] = (gw__widths){ret->at + n, model->experts.mlp.hidden[l].n};
        for (size_t i = 0; i < m->hidden[l].n; i++) {
            const double width = floor(model->experts.mlp.hidden[l].at[i] * factor + 0.5);
            ret->at[n++] = width < 1 ? 1 : width > MOST_WIDTH ? MOST_WIDTH : (uint32_t)width;
        }
    }
    scaled.model.experts.mlp.hidden = m->hidden;
    return count_parameters(m, &scaled, &ret->parameters, err);
}

static double distance(const widths *w, uint64_t target) { return fabs((double)w->parameters - (double)target); }

static bool at_the_end(const matching *m, const widths *w, uint32_t end) {
    for (size_t i = 0; i < m->n; i++)
        if (w->at[i] != end) return false;
    return true;
}

static void swap(widths *a, widths *b) {
    const widths old = *a;
    *a = *b;
    *b = old;
}

/* The number of parameters grows with the factor, in steps: two factors with the target between them, then the step where it lies. What is nearer
 * is left in w[0]. */
static gw_status search(const matching *m, uint64_t target, widths w[3], gw_error *err) {
    double least = 1, most = 1;
    gw_status status = GW_OK;
    GW__TRY(scale(m, least, &w[0], err));
    while (w[0].parameters > target && !at_the_end(m, &w[0], 1)) GW__TRY(scale(m, least /= 2, &w[0], err));
    GW__TRY(scale(m, most, &w[1], err));
    while (w[1].parameters < target && !at_the_end(m, &w[1], MOST_WIDTH)) GW__TRY(scale(m, most *= 2, &w[1], err));
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = (least + most) / 2;
        GW__TRY(scale(m, middle, &w[2], err));
        const bool above = w[2].parameters > target;
        swap(&w[2], &w[above]);
        if (above) most = middle;
        else least = middle;
    }
    if (distance(&w[1], target) < distance(&w[0], target)) swap(&w[0], &w[1]);
cleanup:
    return status;
}

/* ---- one contender --------------------------------------------------------------------------------------------------------------- */

/* "model.experts.hidden=[[64, 32], [32]]" */
static void put_override(const matching *m, const widths *w, gw__text *out) {
    const gw__model_spec *model = &m->spec->model;
    size_t n = 0;
    gw__text_puts(out, "model.experts.hidden=[");
    for (uint32_t l = 0; l < model->levels; l++) {
        gw__text_puts(out, l ? ", [" : "[");
        for (size_t i = 0; i < model->experts.mlp.hidden[l].n; i++) gw__text_addf(out, "%s%u", i ? ", " : "", w->at[n++]);
        gw__text_puts(out, "]");
    }
    gw__text_puts(out, "]");
}

/* Unless it is matched as it is, or has no widths. */
static gw_status widen(gw__comparison *c, matching *m, gw__contender *contender, widths w[3], gw_error *err) {
    gw__text override = {0};
    gw_status status = scale(m, 1, &w[0], err);
    if (status != GW_OK || w[0].parameters == c->match || m->n == 0) return status;
    GW__TRY(search(m, c->match, w, err));
    put_override(m, &w[0], &override);
    if (override.failed) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(gw__contender_set(c, contender, override.at, err));
    contender->widened = true;
cleanup:
    gw__text_clear(&override);
    return status;
}

static gw_status match_contender(gw__comparison *c, gw__contender *contender, const gw__features *features, const size_t *output_widths, gw_error *err) {
    const gw__model_spec *model = &contender->spec->model;
    matching m = {.features = features, .output_widths = output_widths, .spec = contender->spec};
    widths w[3] = {0};
    gw_status status = GW_OK;
    for (uint32_t l = 0; l < model->levels; l++) m.n += model->experts.mlp.hidden[l].n;
    m.hidden = calloc(model->levels, sizeof *m.hidden);
    for (size_t i = 0; i < GW__COUNT(w); i++) w[i].at = calloc(m.n + 1, sizeof *w[i].at);
    if (!m.hidden || !w[0].at || !w[1].at || !w[2].at) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(widen(c, &m, contender, w, err));
    contender->dense_parameters = w[0].parameters;
cleanup:
    for (size_t i = 0; i < GW__COUNT(w); i++) free(w[i].at);
    free(m.hidden);
    return status;
}

double gw__contender_gap(const gw__comparison *c, const gw__contender *contender) {
    return ((double)contender->dense_parameters - (double)c->match) / (double)c->match;
}

bool gw__contender_is_off(const gw__comparison *c, const gw__contender *contender) { return fabs(gw__contender_gap(c, contender)) > GW__MATCH_TOLERANCE; }

/* ---- all ------------------------------------------------------------------------------------------------------------------------- */

static void warn(const gw__comparison *c, const gw__contender *contender) {
    gw__text text = {0};
    if (!c->listener || !gw__contender_is_off(c, contender)) return;
    gw__contender_put_gap(c, contender, &text);
    const gw_event event = {.kind = GW_EVENT_WARNING, .text = text.at, .run = SIZE_MAX};
    if (!text.failed)
        c->listener(c->listener_context, &(gw_compare_event){.label = contender->label, .seed = c->first_seed, .runs = c->n_contenders * c->n_runs, .event = &event});
    gw__text_clear(&text);
}

static gw_status match_all(gw__comparison *c, const gw__features *features, gw_error *err) {
    gw_status status = GW_OK;
    size_t *output_widths = calloc(c->spec->n_tasks, sizeof *output_widths);
    if (!output_widths) return gw__fail_nomem(err);
    for (size_t t = 0; t < c->spec->n_tasks; t++) output_widths[t] = gw__features_output_width(features, t);
    GW__TRY(count_parameters(&(matching){.features = features, .output_widths = output_widths}, c->spec, &c->match, err));
    for (size_t i = 0; i < c->n_contenders; i++) {
        GW__TRY(match_contender(c, &c->contenders[i], features, output_widths, err));
        warn(c, &c->contenders[i]);
    }
cleanup:
    free(output_widths);
    return status;
}

gw_status gw__compare_match(gw__comparison *c, gw_error *err) {
    gw_status status = GW_OK;
    gw__pool *pool = NULL;
    gw__intake data = {0};
    if (c->spec->data.train.n > 0 && strcmp(c->spec->data.train.at[0], "-") == 0)
        return gw__fail(err, GW_E_ARGUMENT, "parameters are matched when the table is known, and standard input can be read once; hint: name a file as data.train");
    GW__TRY(gw__pool_new(c->base.threads, &pool, err));
    GW__TRY(gw__intake_read(&c->base, c->spec, &(gw__origin){0}, pool, &data, err));
    if (strcmp(c->part, "valid") == 0 && data.dataset.valid.n_rows == 0)
        GW__FAIL(gw__fail(err, GW_E_CONFIG, "nothing to compare on: 'data.valid' picks no row, and there is no 'data.test'; hint: --set 'data.valid={fraction: 0.1}'"));
    GW__TRY(match_all(c, data.features, err));
cleanup:
    gw__intake_clear(&data);
    gw__pool_free(pool);
    return status;
}
