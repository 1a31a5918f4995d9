#include "train/optimizer.h"

#include <math.h>

#include "kern/functions.h"

static const struct { size_t n; struct { const char *name; bool square; } at[2]; } states[GW__OPTIMIZERS] = {
    [GW__OPT_SGD] = {1, {{"momentum", false}}},
    [GW__OPT_ADAM] = {2, {{"exp_avg", false}, {"exp_avg_sq", true}}},
    [GW__OPT_ADAMW] = {2, {{"exp_avg", false}, {"exp_avg_sq", true}}},
    [GW__OPT_ADAGRAD] = {1, {{"sum", true}}},
};

size_t gw__optimizer_states(const gw__optimizer_spec *spec) { return spec->name == GW__OPT_SGD && spec->momentum == 0 ? 0 : states[spec->name].n; }
const char *gw__optimizer_state_name(const gw__optimizer_spec *spec, size_t i) { return states[spec->name].at[i].name; }
bool gw__optimizer_state_is_square(const gw__optimizer_spec *spec, size_t i) { return states[spec->name].at[i].square; }

gw__update gw__optimizer_update(const gw__optimizer_spec *spec, double lr, uint64_t step, bool sparse) {
    gw__update u = {.lr = (float)lr, .beta1 = (float)spec->beta1, .beta2 = (float)spec->beta2, .eps = (float)spec->eps,
                    .rest1 = (float)(1 - spec->beta1), .rest2 = (float)(1 - spec->beta2), .root_correction = 1,
                    .momentum = (float)spec->momentum, .nesterov = spec->nesterov, .decay = (float)spec->weight_decay, .shrink = 1, .clip_scale = 1};
    if (spec->name == GW__OPT_ADAMW) {
        u.decay = 0;
        u.shrink = (float)(1 - lr * spec->weight_decay);
    }
    if (spec->name == GW__OPT_ADAM || spec->name == GW__OPT_ADAMW) {
        double first = 1 - gw__power(spec->beta1, step), second = sqrt(1 - gw__power(spec->beta2, step));
        u.lr = (float)(sparse ? lr * second / first : lr / first);
        u.root_correction = (float)(sparse ? 1 : 1 / second);
    }
    return u;
}

gw__update gw__optimizer_table_update(const gw__optimizer_spec *spec, double lr, uint64_t step) {
    if (!spec->embeddings.on) return gw__optimizer_update(spec, lr, step, spec->lazy);
    return (gw__update){.lr = (float)lr, .eps = (float)spec->embeddings.eps, .root_correction = 1, .clip_scale = 1,
                        .decay = (float)spec->embeddings.weight_decay, .shrink = 1};
}
