/* What is wrong with experts and gates, in words: each with who it is about, the figure, and a remedy. Thresholds are those of docs/health.md. */
#include "train/findings.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/likeness.h"
#include "model/net_plan.h"

#define IDLE_SHARE 0.1        /* of an even share: an expert with less is hardly used */
#define DEAD_SHARE 0.5        /* of an expert's units */
#define LEAST_ROWS 32         /* of a sample, to judge by */

/* ---- telling ---------------------------------------------------------------------------------------------------------------------- */

/* Whether it is the first of its kind about its task, gate or level (of whose experts it names the worst, which may be another next time); then it is
 * remembered. */
static bool is_new(gw__text *told, const char *kind, const gw__subject *s) {
    gw__text key = {0};
    gw__text_addf(&key, "\n%s|%s|%lld|%s\n", kind, s->task ? s->task : "", (long long)s->level, s->stream ? s->stream : "");
    const bool first = !key.failed && (told->n == 0 || strstr(told->at, key.at) == NULL);
    if (first) gw__text_add(told, key.at, key.n);
    told->failed |= key.failed;
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

void gw__warn(gw__warnings *w, const char *kind, gw__subject subject, const char *format, ...) {
    char text[1536];
    va_list arguments;
    if (w->off || !is_new(&w->told, kind, &subject)) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (w->tell) w->tell(w->context, text);
    write_warning(kind, &subject, text, &w->json);
}

void gw__warnings_clear(gw__warnings *w) {
    gw__text_clear(&w->told);
    gw__text_clear(&w->json);
}

/* ---- parameters ------------------------------------------------------------------------------------------------------------------- */

gw_status gw__warn_of_twins(gw__warnings *w, const gw__net *net, const float *flat, bool start, gw_error *err) {
    gw__twins *twins = NULL;
    size_t n = 0;
    gw_status status = gw__net_twins(net, flat, &twins, &n, err);
    for (size_t i = 0, end; i < n; i = end) {
        const gw__twins *first = &twins[i];
        for (end = i + 1; end < n && twins[end].level == first->level; end++) {}
        const char *a = gw__net_expert_name(net, first->level, first->a), *b = gw__net_expert_name(net, first->level, first->b);
        gw__warn(w, "equal_experts", (gw__subject){.level = first->level, .expert = b, .figure = (double)(end - i)},
                 "level %u: %zu of %u experts %s the parameters of another ('%s' with those of '%s'), and the same gates mix them, so that they %s; hint: %s",
                 first->level, end - i, gw__net_expert_count(net, first->level), start ? "start with" : "have", b, a,
                 start ? "learn alike" : "are one expert, computed more than once",
                 start ? "start without --init, or from a model whose experts differ" : "fewer experts, or a training that does not start from equal ones");
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

static void warn_of_gate(gw__warnings *w, const gw__net *net, const gw__health *health, size_t g) {
    const gw__gate_view gate = gw__net_gate_at(net, g);
    const gw__gate_total total = gw__health_gate(health, g);
    if (!is_polarised(&total, gate.n_experts)) return;
    const double effective = gw__gate_figures_of(&total, gate.n_experts).effective;
    gw__warn(w, "polarised_gate", (gw__subject){.level = gate.level, .stream = gate.stream, .figure = effective},
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
static double greatest_share(const gw__net *net, const gw__health *health, uint32_t level, const char *expert) {
    double share = 0;
    bool judged = false;
    for (size_t g = 0; g < gw__net_gate_count(net); g++) {
        const gw__gate_view gate = gw__net_gate_at(net, g);
        const gw__gate_total total = gw__health_gate(health, g);
        for (size_t e = 0; gate.level == level && e < gate.n_experts; e++) {
            if (strcmp(gate.experts[e], expert) != 0) continue;
            const double own = share_of(&total, gate.n_experts, e);
            share = own > share ? own : share;
            judged |= !is_polarised(&total, gate.n_experts);
        }
    }
    return judged ? share : INFINITY;
}

static void warn_of_starving(gw__warnings *w, const gw__net *net, const gw__health *health, uint32_t l) {
    const uint32_t n = gw__net_expert_count(net, l);
    const char *worst = NULL;
    double least = INFINITY;
    uint32_t starving = 0;
    for (uint32_t e = 0; e < n; e++) {
        const double share = is_taken_otherwise(&net->wiring.levels[l], e) ? INFINITY : greatest_share(net, health, l, gw__net_expert_name(net, l, e));
        starving += share < IDLE_SHARE;
        if (!(share < least)) continue;
        least = share;
        worst = gw__net_expert_name(net, l, e);
    }
    if (starving == 0) return;
    gw__warn(w, "starving_expert", (gw__subject){.level = l, .expert = worst, .figure = least},
             "level %u: %u of %u experts starve: no gate gives expert '%s' more than %.2g of an even share; "
             "hint: 'model.gates: {weight_dropout: 0.1}', with 'top_k' 'model.gates.balance', or fewer experts",
             l, starving, n, worst, least);
}

static void warn_of_dead_units(gw__warnings *w, const gw__net *net, const gw__health *health, uint32_t l) {
    const uint32_t n = gw__net_expert_count(net, l);
    uint32_t affected = 0, worst = 0;
    double most = 0;
    for (uint32_t e = 0; e < n; e++) {
        const gw__expert_health found = gw__health_expert(health, l, e);
        if (found.rows < LEAST_ROWS || found.units == 0) continue;
        const double share = (double)found.dead / (double)found.units;
        affected += share >= DEAD_SHARE;
        if (!(share > most)) continue;
        most = share;
        worst = e;
    }
    if (affected == 0) return;
    const gw__expert_health found = gw__health_expert(health, l, worst);
    gw__warn(w, "dead_units", (gw__subject){.level = l, .expert = gw__net_expert_name(net, l, worst), .figure = most},
             "level %u: %u of %u experts are half dead or more: %zu of the %zu relu units of '%s' are 0 in all of %zu rows, and learn nothing; "
             "hint: a smaller 'train.optimizer.lr', or 'model.experts: {activation: swish, norm: batch}'",
             l, affected, n, found.dead, found.units, gw__net_expert_name(net, l, worst), found.rows);
}

void gw__warn_of_experts(gw__warnings *w, const gw__net *net, const gw__health *health) {
    if (gw__health_rows(health) < LEAST_ROWS) return;
    for (size_t g = 0; g < gw__net_gate_count(net); g++) warn_of_gate(w, net, health, g);
    for (uint32_t l = 0; l < gw__net_level_count(net); l++) {
        warn_of_starving(w, net, health, l);
        warn_of_dead_units(w, net, health, l);
    }
}
