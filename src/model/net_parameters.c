/* Parameters by name: between the engine's layout and plain [out,in] arrays, and their initial values. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "model/net_plan.h"

size_t gw__net_parameter_count(const gw__net *net) { return net->n_parameters; }
gw__parameter gw__net_parameter_at(const gw__net *net, size_t i) { return net->parameters[i].shown; }

static size_t value_count(const gw__placement *p) { return (size_t)(p->shown.shape[0] * (p->shown.n_dims == 2 ? p->shown.shape[1] : 1)); }

uint64_t gw__net_trained_values(const gw__net *net, bool tables) {
    uint64_t n = 0;
    for (size_t i = 0; i < net->n_parameters; i++) {
        const gw__parameter *p = &net->parameters[i].shown;
        if (p->trained && p->table == tables) n += value_count(&net->parameters[i]);
    }
    return n;
}

void gw__net_parameter_get(const gw__net *net, const float *flat, size_t i, float *ret_values) {
    const gw__placement *p = &net->parameters[i];
    for (size_t v = 0; v < value_count(p); v++) ret_values[v] = flat[gw__placement_at(p, v)];
}

void gw__net_parameter_set(const gw__net *net, float *flat, size_t i, const float *values) {
    const gw__placement *p = &net->parameters[i];
    for (size_t v = 0; v < value_count(p); v++) flat[gw__placement_at(p, v)] = values[v];
}

/* How a tensor's initial values are drawn. */
typedef struct draw {
    enum { DRAW_CONSTANT, DRAW_UNIFORM, DRAW_NORMAL } kind;
    double scale; /* half width, standard deviation, or the constant */
} draw;

/* pytorch: uniform +-1/sqrt(fan_in), weights and biases. glorot (Glorot & Bengio 2010): uniform +-sqrt(6/(in+out)). he (He et al. 2015): normal,
 * sqrt(2/in). With the last three, biases are 0. */
static draw draw_of(const gw__placement *p, const gw__model_spec *model) {
    if (p->storage == GW__STORED_TABLE) return (draw){DRAW_NORMAL, model->embedding_std};
    if (p->half_width > 0) return (draw){DRAW_UNIFORM, p->half_width};
    if (p->fan_out == 0) return (draw){DRAW_CONSTANT, p->constant};
    const double in = p->fan_in, out = p->fan_out;
    if (p->inner) return model->init == GW__INIT_PYTORCH || model->init == GW__INIT_GLOROT ? (draw){DRAW_UNIFORM, sqrt(3 / in)} : (draw){DRAW_NORMAL, sqrt(1 / in)};
    if (model->init == GW__INIT_PYTORCH) return (draw){DRAW_UNIFORM, 1 / sqrt(in)};
    if (p->shown.n_dims == 1) return (draw){DRAW_CONSTANT, 0};
    switch (model->init) {
    case GW__INIT_GLOROT: return (draw){DRAW_UNIFORM, sqrt(6 / (in + out))};
    case GW__INIT_HE: return (draw){DRAW_NORMAL, sqrt(2 / in)};
    default: return (draw){DRAW_NORMAL, model->init_std};
    }
}

void gw__net_initialise(const gw__net *net, const gw__spec *spec, float *flat) {
    for (size_t i = 0; i < net->n_parameters; i++) {
        const gw__placement *p = &net->parameters[i];
        const draw d = draw_of(p, &spec->model);
        const uint64_t name = gw__hash(p->shown.name, strlen(p->shown.name)), seed = spec->train.seed;
        for (size_t v = 0; v < value_count(p); v++) {
            double value = p->start ? p->start[v] : d.scale;
            if (d.kind == DRAW_UNIFORM) value *= 2 * gw__random_uniform(seed, GW__RANDOM_INIT, name, v) - 1;
            if (d.kind == DRAW_NORMAL) value *= gw__random_normal(seed, GW__RANDOM_INIT, name, v);
            flat[gw__placement_at(p, v)] = (float)value;
        }
    }
}
