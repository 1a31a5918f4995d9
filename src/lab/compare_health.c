/* What runs were warned of: for each contender in how many of its runs a kind of warning came up, of those that were not canceled, whose warnings
 * depend on when that was. The warnings themselves, and all figures of health, stand in the runs' curves. */
#include <string.h>

#include "lab/compare.h"

enum { MOST_KINDS = 64 };

/* The place of a kind among those seen so far, which it joins; MOST_KINDS: there is no room. */
static size_t find_kind(gw__comparison *c, const char *kind) {
    size_t k = 0;
    while (k < c->n_kinds && strcmp(c->kinds[k], kind) != 0) k++;
    if (k == c->n_kinds && k < MOST_KINDS) c->kinds[c->n_kinds++] = kind;
    return k;
}

/* Each kind once. */
static gw_status count_run(gw__comparison *c, const gw__compared_run *run, size_t *n_warned, gw_error *err) {
    bool seen[MOST_KINDS + 1] = {false};
    const gw__doc *epoch;
    if (!run->curve.n || run->status == GW_E_CANCELED) return GW_OK;
    gw_status status = gw__compared_epochs(run, &c->arena, &epoch, err);
    if (status != GW_OK) return status;
    for (; epoch; epoch = epoch->next) {
        const gw__doc *warnings = gw__doc_get(epoch, "warnings");
        for (const gw__doc *w = warnings ? warnings->first : NULL; w; w = w->next) {
            const gw__doc *kind = gw__doc_get(w, "kind");
            if (kind && kind->kind == GW__DOC_SCALAR) seen[find_kind(c, kind->text.at)] = true;
        }
    }
    for (size_t k = 0; k < c->n_kinds; k++) n_warned[k] += seen[k];
    return GW_OK;
}

gw_status gw__compare_collect_warnings(gw__comparison *c, gw_error *err) {
    gw_status status = GW_OK;
    c->kinds = gw__arena_alloc(&c->arena, MOST_KINDS, sizeof *c->kinds);
    if (!c->kinds) return gw__fail_nomem(err);
    for (size_t i = 0; i < c->n_contenders && status == GW_OK; i++) {
        gw__contender *contender = &c->contenders[i];
        contender->n_warned = gw__arena_alloc(&c->arena, MOST_KINDS, sizeof *contender->n_warned);
        if (!contender->n_warned) return gw__fail_nomem(err);
        for (size_t k = 0; k < c->n_runs && status == GW_OK; k++) status = count_run(c, &contender->runs[k], contender->n_warned, err);
    }
    return status;
}
