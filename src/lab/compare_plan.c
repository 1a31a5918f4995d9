/* Contenders and their specs. What each adds to the shared spec is a list of overrides, so that a run can be repeated by `train` alone. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/compare.h"
#include "spec/fields.h"
#include "spec/resolve.h"

#define MOST_RUNS 10000

static const char single_task[] = "single-task";

/* ---- specs ----------------------------------------------------------------------------------------------------------------------- */

/* The shared overrides and more behind them. */
static gw_status read_spec(gw__comparison *c, gw__texts more, gw__spec **ret_spec, gw_error *err) {
    const size_t n = c->base.n_overrides;
    gw_train_options options = c->base;
    const char **overrides = gw__arena_alloc(&c->arena, n + more.n + 1, sizeof *overrides);
    if (!overrides) return gw__fail_nomem(err);
    for (size_t i = 0; i < n; i++) overrides[i] = c->base.overrides[i];
    for (size_t i = 0; i < more.n; i++) overrides[n + i] = more.at[i];
    options.overrides = overrides;
    options.n_overrides = n + more.n;
    return gw__options_spec(&options, ret_spec, err);
}

/* No model is saved, so there are no checkpoints either. */
static gw_status read_shared(gw__comparison *c, const gw_train_options *base, gw_error *err) {
    const char **overrides = gw__arena_alloc(&c->arena, base->n_overrides + 1, sizeof *overrides);
    if (!overrides) return gw__fail_nomem(err);
    for (size_t i = 0; i < base->n_overrides; i++) overrides[i] = base->overrides[i];
    overrides[base->n_overrides] = "train.checkpoint=null";
    c->base = *base;
    c->base.overrides = overrides;
    c->n_shared_sets = c->base.n_overrides++;
    gw_status status = gw__options_keep(&c->base, &c->spec_text, err);
    if (status == GW_OK) status = read_spec(c, (gw__texts){0}, &c->spec, err);
    if (status != GW_OK) return status;
    c->part = c->spec->data.test.n > 0 ? "test" : "valid";
    c->first_seed = c->spec->train.seed;
    if (c->spec->data.test.n > 0 || c->spec->data.valid.kind != GW__SPLIT_NONE) return GW_OK;
    return gw__fail(err, GW_E_CONFIG, "nothing to compare on: the spec has neither 'data.test' nor 'data.valid'; hint: --set 'data.valid={fraction: 0.1}'");
}

/* ---- what a contender adds to the spec ------------------------------------------------------------------------------------------- */

/* Overrides in the making. */
typedef struct additions {
    gw__arena *arena;
    const char **at;
    size_t n;
    bool failed;
} additions;

enum { MOST_ADDITIONS = 12 }; /* besides those that the entry brings */

static void add(additions *to, const gw__text *text) {
    const char *kept = text->failed ? NULL : gw__arena_text(to->arena, text->at, text->n);
    if (kept) to->at[to->n++] = kept;
    else to->failed = true;
}

static void add_value(additions *to, const char *key, const char *value) {
    gw__text text = {0};
    gw__text_addf(&text, "%s=%s", key, value);
    add(to, &text);
    gw__text_clear(&text);
}

/* All layers of some levels, one after another. */
static void put_layers(gw__text *out, const gw__widths *hidden, uint32_t n_levels) {
    const char *comma = "";
    gw__text_puts(out, "[");
    for (uint32_t l = 0; l < n_levels; l++)
        for (size_t i = 0; i < hidden[l].n; i++, comma = ", ") gw__text_addf(out, "%s%" PRIu32, comma, hidden[l].at[i]);
    gw__text_puts(out, "]");
}

static void add_layers(additions *to, const char *key, const gw__widths *hidden, uint32_t n_levels) {
    gw__text text = {0};
    gw__text_addf(&text, "%s=", key);
    put_layers(&text, hidden, n_levels);
    add(to, &text);
    gw__text_clear(&text);
}

/* Level by level; the last of the spec's own levels stands for those that it has not. */
static void add_levels(additions *to, const char *key, const gw__widths *hidden, uint32_t n_own, uint32_t n_levels) {
    gw__text text = {0};
    gw__text_addf(&text, "%s=", key);
    for (uint32_t l = 0; l < n_levels; l++) {
        gw__text_puts(&text, l ? ", " : "[");
        put_layers(&text, &hidden[l < n_own ? l : n_own - 1], 1);
    }
    gw__text_puts(&text, "]");
    add(to, &text);
    gw__text_clear(&text);
}

/* What makes another architecture of the spec where its keys alone do not fit: as deep, level by level where it may have so many levels. */
static void fit(additions *to, const gw__model_spec *own, gw__architecture architecture) {
    const gw__widths *experts = own->experts.mlp.hidden, *gates = own->gates.hidden;
    add_value(to, "model.wiring", "null");
    add_value(to, "model.experts.always", "null");
    if (!gw__architecture_has_levels(architecture) || architecture == GW__ARCH_CROSS_STITCH) {
        add_value(to, "model.levels", "null");
        add_layers(to, "model.experts.hidden", experts, own->levels);
        add_layers(to, "model.gates.hidden", gates, 1);
        return;
    }
    const uint32_t levels = architecture == GW__ARCH_HOME && own->levels < 2 ? 2 : own->levels;
    gw__text text = {0};
    gw__text_addf(&text, "model.levels=%" PRIu32, levels);
    add(to, &text);
    gw__text_clear(&text);
    add_levels(to, "model.experts.hidden", experts, own->levels, levels);
    add_levels(to, "model.gates.hidden", gates, own->levels, levels);
}

/* The single-task twin: for each task the path that the spec's own network has, by its own, with the same tower. */
static void fit_twin(additions *to, const gw__model_spec *own) {
    fit(to, own, GW__ARCH_SINGLE_TASK);
    add_value(to, "model.experts.activation", gw__activation_name(own->experts.mlp.activation));
    add_value(to, "model.experts.norm", gw__norm_name(own->experts.mlp.norm));
    add_layers(to, "model.towers.hidden", own->towers.hidden, 1);
}

/* ---- contenders ------------------------------------------------------------------------------------------------------------------ */

/* Say whose spec is wrong. */
static gw_status blame(const gw__contender *contender, gw_status status, gw_error *err) {
    if (!err || status == GW_OK || status == GW_E_NOMEM) return status;
    char message[sizeof err->message];
    snprintf(message, sizeof message, "'%.100s': %.600s", contender->label, err->message);
    memcpy(err->message, message, sizeof message);
    return status;
}

/* Whether an override sets `key` or something in it. */
static bool sets(const char *override, const char *key) {
    const size_t n = strlen(key);
    return strncmp(override, key, n) == 0 && (override[n] == '=' || override[n] == '.');
}

/* What all have in common is not to be changed for one of them. */
static gw_status check_override(const char *label, const char *override, gw_error *err) {
    static const char *const common[] = {"data", "features", "tasks", "train.seed", "train.data_seed"};
    for (size_t i = 0; i < GW__COUNT(common); i++)
        if (sets(override, common[i]))
            return gw__fail(err, GW_E_ARGUMENT, "'%.100s': '%.200s' would change what all have in common; hint: '--set' changes it for all", label, override);
    return GW_OK;
}

static gw_status find_architecture(const char *word, gw__architecture *ret, gw_error *err) {
    for (size_t i = 0; i < gw__architecture_words.n; i++)
        if (strcmp(word, gw__architecture_words.at[i]) == 0) return *ret = (gw__architecture)i, GW_OK;
    const char *near = gw__nearest(gw__slice_of(word), gw__architecture_words.at, gw__architecture_words.n);
    if (near) return gw__fail(err, GW_E_ARGUMENT, "unknown architecture '%.100s'; hint: did you mean '%s'?", word, near);
    gw__text all = {0};
    for (size_t i = 0; i < gw__architecture_words.n; i++) gw__text_addf(&all, "%s%s", i ? ", " : "", gw__architecture_words.at[i]);
    gw_status status = gw__fail(err, GW_E_ARGUMENT, "unknown architecture '%.100s'; hint: there are %s", word, all.failed ? "more" : all.at);
    gw__text_clear(&all);
    return status;
}

typedef enum fitting { AS_IT_IS, FITTED, TWIN } fitting;

static gw_status try_spec(gw__comparison *c, gw__contender *contender, const gw_compare_entry *entry, gw__architecture architecture, fitting how,
                          gw_error *err) {
    additions to = {.arena = &c->arena, .at = gw__arena_alloc(&c->arena, entry->n_overrides + MOST_ADDITIONS, sizeof *to.at)};
    if (!to.at) return gw__fail_nomem(err);
    add_value(&to, "model.architecture", gw__architecture_name(architecture));
    if (how == FITTED) fit(&to, &c->spec->model, architecture);
    if (how == TWIN) fit_twin(&to, &c->spec->model);
    if (to.failed) return gw__fail_nomem(err);
    contender->n_made = to.n;
    for (size_t i = 0; i < entry->n_overrides; i++) to.at[to.n++] = entry->overrides[i];
    contender->overrides = (gw__texts){to.at, to.n};
    return read_spec(c, contender->overrides, &contender->spec, err);
}

/* The spec with another architecture, and with levels that it may have only if the spec's own do not suit it. */
static gw_status make_spec(gw__comparison *c, gw__contender *contender, const gw_compare_entry *entry, gw__architecture architecture, gw_error *err) {
    const gw__architecture own = c->spec->model.architecture;
    if (architecture == GW__ARCH_SINGLE_TASK && architecture != own) return try_spec(c, contender, entry, architecture, TWIN, err);
    gw_status status = try_spec(c, contender, entry, architecture, AS_IT_IS, err);
    if (status != GW_E_CONFIG || architecture == own || architecture == GW__ARCH_CUSTOM) return status;
    return try_spec(c, contender, entry, architecture, FITTED, NULL) == GW_OK ? GW_OK : status;
}

static gw_status add_contender(gw__comparison *c, const gw_compare_entry *entry, gw_error *err) {
    gw__contender *contender = &c->contenders[c->n_contenders];
    gw__architecture architecture = c->spec->model.architecture;
    gw_status status = entry->architecture ? find_architecture(entry->architecture, &architecture, err) : GW_OK;
    if (status != GW_OK) return status;
    contender->label = entry->label ? entry->label : gw__architecture_name(architecture);
    gw__architecture named;
    if (find_architecture(contender->label, &named, NULL) == GW_OK && named != architecture)
        return gw__fail(err, GW_E_ARGUMENT, "label '%.100s': expected one that is not the name of another architecture than '%s'; hint: my-%.90s=%s", contender->label,
                        gw__architecture_name(architecture), contender->label, gw__architecture_name(architecture));
    for (size_t i = 0; i < entry->n_overrides && status == GW_OK; i++) status = check_override(contender->label, entry->overrides[i], err);
    if (status != GW_OK) return status;
    c->n_contenders++;
    status = make_spec(c, contender, entry, architecture, err);
    if (status != GW_OK) return blame(contender, status, err);
    contender->architecture = gw__architecture_name(contender->spec->model.architecture);
    return GW_OK;
}

static size_t find_label(const gw__comparison *c, const char *label) {
    size_t i = 0;
    while (i < c->n_contenders && strcmp(c->contenders[i].label, label) != 0) i++;
    return i;
}

/* Which entry is the baseline: by its label, else by its architecture. n_entries: none of them. */
static size_t find_baseline(const gw_compare_options *options, const char *name) {
    for (size_t i = 0; i < options->n_entries; i++)
        if (strcmp(options->entries[i].label ? options->entries[i].label : options->entries[i].architecture, name) == 0) return i;
    for (size_t i = 0; i < options->n_entries; i++)
        if (options->entries[i].architecture && strcmp(options->entries[i].architecture, name) == 0) return i;
    return options->n_entries;
}

static gw_status check_baseline(const gw_compare_options *options, const char *name, gw_error *err) {
    gw__architecture architecture;
    if (find_architecture(name, &architecture, NULL) == GW_OK) return GW_OK;
    const char *labels[64];
    size_t n = 0;
    for (size_t i = 0; i < options->n_entries && n < GW__COUNT(labels); i++)
        if (options->entries[i].label) labels[n++] = options->entries[i].label;
    const char *near = gw__nearest(gw__slice_of(name), labels, n);
    return gw__fail(err, GW_E_ARGUMENT, "the baseline '%.100s' is neither among what is compared nor an architecture%s%s%s", name, near ? "; hint: did you mean '" : "",
                    near ? near : "", near ? "'?" : "");
}

/* A baseline that nobody listed goes in front. */
static gw_status add_contenders(gw__comparison *c, const gw_compare_options *options, gw_error *err) {
    gw_status status = GW_OK;
    const char *baseline = options->baseline ? options->baseline : single_task;
    const bool wanted = strcmp(baseline, "none") != 0;
    const size_t listed = wanted ? find_baseline(options, baseline) : options->n_entries;
    const bool added = wanted && listed == options->n_entries;
    if (added) status = check_baseline(options, baseline, err);
    if (status == GW_OK && added) status = add_contender(c, &(gw_compare_entry){.architecture = baseline}, err);
    for (size_t i = 0; i < options->n_entries && status == GW_OK; i++) status = add_contender(c, &options->entries[i], err);
    c->baseline = !wanted ? GW__NO_BASELINE : added ? 0 : listed;
    for (size_t i = 0; i < c->n_contenders && status == GW_OK; i++)
        if (find_label(c, c->contenders[i].label) != i)
            status = gw__fail(err, GW_E_ARGUMENT, "'%.100s' stands there twice; hint: a label tells them apart: big=%s", c->contenders[i].label,
                              c->contenders[i].architecture);
    return status;
}

static gw_status add_runs(gw__comparison *c, gw_error *err) {
    for (size_t i = 0; i < c->n_contenders; i++) {
        gw__contender *contender = &c->contenders[i];
        contender->runs = gw__arena_alloc(&c->arena, c->n_runs, sizeof *contender->runs);
        if (!contender->runs) return gw__fail_nomem(err);
        for (size_t k = 0; k < c->n_runs; k++) contender->runs[k].seed = c->first_seed + k;
    }
    return GW_OK;
}

gw_status gw__compare_plan(gw__comparison *c, const gw_compare_options *options, gw_error *err) {
    gw_status status = read_shared(c, &options->base, err);
    if (status != GW_OK) return status;
    c->listener = options->listener;
    c->listener_context = options->listener_context;
    c->n_runs = options->runs;
    if (options->runs > MOST_RUNS / (options->n_entries + 1)) return gw__fail(err, GW_E_ARGUMENT, "more than %d runs", MOST_RUNS);
    if (c->first_seed > UINT64_MAX - options->runs) return gw__fail(err, GW_E_CONFIG, "key 'train.seed': there are no %zu seeds from it on", options->runs);
    c->contenders = gw__arena_alloc(&c->arena, options->n_entries + 1, sizeof *c->contenders);
    if (!c->contenders) return gw__fail_nomem(err);
    status = add_contenders(c, options, err);
    return status == GW_OK ? add_runs(c, err) : status;
}

gw_status gw__contender_set(gw__comparison *c, gw__contender *contender, const char *override, gw_error *err) {
    const gw__texts old = contender->overrides;
    const char **overrides = gw__arena_alloc(&c->arena, old.n + 1, sizeof *overrides);
    gw__spec *spec = NULL;
    if (!overrides) return gw__fail_nomem(err);
    for (size_t i = 0; i < old.n; i++) overrides[i] = old.at[i];
    overrides[old.n] = gw__arena_text(&c->arena, override, strlen(override));
    if (!overrides[old.n]) return gw__fail_nomem(err);
    gw_status status = read_spec(c, (gw__texts){overrides, old.n + 1}, &spec, err);
    if (status != GW_OK) return blame(contender, status, err);
    gw__spec_free(contender->spec);
    contender->spec = spec;
    contender->overrides = (gw__texts){overrides, old.n + 1};
    return GW_OK;
}

void gw__comparison_clear(gw__comparison *c) {
    for (size_t i = 0; i < c->n_contenders; i++) {
        gw__contender *contender = &c->contenders[i];
        for (size_t k = 0; contender->runs && k < c->n_runs; k++) gw__text_clear(&contender->runs[k].curve);
        gw__spec_free(contender->spec);
        gw__recorder_clear(&contender->page);
    }
    gw__spec_free(c->spec);
    gw__aligned_free(c->spec_text);
    gw__arena_clear(&c->arena);
    *c = (gw__comparison){0};
}
