/* What runs were warned of: for each contender in how many of its runs a kind of warning came up, of those that were not canceled, whose warnings
 * depend on when that was; and, in words, the first of each kind, with what else is to be known of the runs. All warnings, and all figures of health,
 * stand in the runs' curves. */
#include <inttypes.h>
#include <string.h>

#include "lab/compare.h"

enum { MOST_KINDS = 64 };

/* A finished text in the arena, NULL when out of memory. */
static const char *keep(gw__comparison *c, gw__text *text) {
    const char *kept = text->at && !text->failed ? gw__arena_text(&c->arena, text->at, text->n) : NULL;
    gw__text_clear(text);
    return kept;
}

/* ---- by kind --------------------------------------------------------------------------------------------------------------------- */

/* Of whom it is told first. */
static const char *tell(gw__comparison *c, const gw__contender *contender, const gw__compared_run *run, const gw__doc *warning) {
    gw__text text = {0};
    gw__text_addf(&text, "%s, seed %" PRIu64 ": %s", contender->label, run->seed, gw__doc_text(gw__doc_get(warning, "text")).at);
    return keep(c, &text);
}

/* The place of a kind among those seen so far, which it joins; MOST_KINDS: there is no room. */
static size_t find_kind(gw__comparison *c, const gw__contender *contender, const gw__compared_run *run, const gw__doc *warning) {
    const char *kind = gw__doc_text(gw__doc_get(warning, "kind")).at;
    size_t k = 0;
    while (k < c->n_kinds && strcmp(c->kinds[k], kind) != 0) k++;
    if (k < c->n_kinds || k == MOST_KINDS) return k;
    c->kinds[k] = kind;
    c->kind_texts[k] = tell(c, contender, run, warning);
    return c->n_kinds++;
}

/* Each kind once. */
static gw_status count_run(gw__comparison *c, const gw__contender *contender, const gw__compared_run *run, gw_error *err) {
    bool seen[MOST_KINDS + 1] = {false};
    const gw__doc *epoch;
    if (!run->curve.n || run->status == GW_E_CANCELED) return GW_OK;
    gw_status status = gw__compared_epochs(run, &c->arena, &epoch, err);
    if (status != GW_OK) return status;
    for (; epoch; epoch = epoch->next) {
        const gw__doc *warnings = gw__doc_get(epoch, "warnings");
        for (const gw__doc *w = warnings ? warnings->first : NULL; w; w = w->next) seen[find_kind(c, contender, run, w)] = true;
    }
    for (size_t k = 0; k < c->n_kinds; k++) {
        contender->n_warned[k] += seen[k];
        if (!c->kind_texts[k]) return gw__fail_nomem(err);
    }
    return GW_OK;
}

gw_status gw__compare_collect_warnings(gw__comparison *c, gw_error *err) {
    gw_status status = GW_OK;
    c->kinds = gw__arena_alloc(&c->arena, MOST_KINDS, sizeof *c->kinds);
    c->kind_texts = gw__arena_alloc(&c->arena, MOST_KINDS, sizeof *c->kind_texts);
    if (!c->kinds || !c->kind_texts) return gw__fail_nomem(err);
    for (size_t i = 0; i < c->n_contenders && status == GW_OK; i++) {
        gw__contender *contender = &c->contenders[i];
        contender->n_warned = gw__arena_alloc(&c->arena, MOST_KINDS, sizeof *contender->n_warned);
        if (!contender->n_warned) return gw__fail_nomem(err);
        for (size_t k = 0; k < c->n_runs && status == GW_OK; k++) status = count_run(c, contender, &contender->runs[k], err);
    }
    return status;
}

/* ---- in words -------------------------------------------------------------------------------------------------------------------- */

const gw__compared_run *gw__contender_failed(const gw__comparison *c, const gw__contender *contender) {
    for (size_t i = 0; i < c->n_runs; i++)
        if (contender->runs[i].status != GW_OK && contender->runs[i].status != GW_E_CANCELED) return &contender->runs[i];
    return NULL;
}

void gw__contender_put_bad(const gw__comparison *c, const gw__contender *contender, gw__text *out) {
    size_t told = 0;
    for (size_t t = 0; t < c->spec->n_tasks; t++) {
        const size_t n = contender->n_bad[t];
        if (n == SIZE_MAX || n == 0) continue;
        gw__text_addf(out, "%s%zu%s on %s", told > 0 ? ", " : "no better than a constant: ", n, told > 0 ? "" : n == 1 ? " run" : " runs", c->spec->tasks[t].name);
        told++;
    }
}

void gw__contender_put_gap(const gw__comparison *c, const gw__contender *contender, gw__text *out) {
    gw__text_addf(out, "%" PRIu64 " dense parameters instead of %" PRIu64 ": no width of its experts comes nearer", contender->dense_parameters, c->match);
}

/* Sentences in the making; `failed`: out of memory. */
typedef struct sentences {
    gw__comparison *c;
    const char **at;
    size_t n;
    bool failed;
} sentences;

enum { MOST_OF_A_CONTENDER = 4 };

static void add(sentences *s, gw__text *text) {
    const char *kept = keep(s->c, text);
    if (kept) s->at[s->n++] = kept;
    else s->failed = true;
}

static void add_contender(sentences *s, const gw__contender *contender) {
    const gw__comparison *c = s->c;
    const gw__compared_run *failed = gw__contender_failed(c, contender);
    const char *of = c->n_runs == 1 ? "run" : "runs";
    gw__text text = {0}, bad = {0};
    if (failed) {
        gw__text_addf(&text, "%s: %zu of %zu %s failed; the first, seed %" PRIu64 ": %s", contender->label, contender->n_failed, c->n_runs, of, failed->seed, failed->problem);
        add(s, &text);
    }
    if (contender->n_canceled > 0) {
        gw__text_addf(&text, "%s: %zu of %zu %s canceled", contender->label, contender->n_canceled, c->n_runs, c->n_runs == 1 ? "run was" : "runs were");
        add(s, &text);
    }
    gw__contender_put_bad(c, contender, &bad);
    if (bad.n > 0) {
        gw__text_addf(&text, "%s: %s", contender->label, bad.at);
        add(s, &text);
    }
    s->failed |= bad.failed;
    gw__text_clear(&bad);
    if (c->match && gw__contender_is_off(c, contender)) {
        gw__text_addf(&text, "%s: ", contender->label);
        gw__contender_put_gap(c, contender, &text);
        add(s, &text);
    }
}

gw_status gw__compare_tell_warnings(gw__comparison *c, const char *const **ret_texts, size_t *ret_n, gw_error *err) {
    sentences s = {.c = c, .at = gw__arena_alloc(&c->arena, MOST_OF_A_CONTENDER * c->n_contenders + c->n_kinds, sizeof *s.at)};
    if (!s.at) return gw__fail_nomem(err);
    for (size_t i = 0; i < c->n_contenders; i++) add_contender(&s, &c->contenders[i]);
    for (size_t k = 0; k < c->n_kinds; k++) s.at[s.n++] = c->kind_texts[k];
    *ret_texts = s.at;
    *ret_n = s.n;
    return s.failed ? gw__fail_nomem(err) : GW_OK;
}
