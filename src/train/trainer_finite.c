/* Numbers that are not finite: which tensor they are in. */
#include <math.h>

#include "train/step.h"

/* The greatest magnitude in a tensor of `values`, laid out as the parameters are; infinity for anything that is not finite. */
static double magnitude(const gw__placement *p, const float *values) {
    const size_t n = (size_t)(p->shown.shape[0] * (p->shown.n_dims == 2 ? p->shown.shape[1] : 1));
    double largest = 0;
    for (size_t v = 0; v < n; v++) {
        double size = fabs(values[gw__placement_at(p, v)]);
        if (!isfinite(size)) return INFINITY;
        largest = size > largest ? size : largest;
    }
    return largest;
}

const char *gw__trainer_bad_tensor(const gw__trainer *trainer) {
    const gw__net *net = trainer->net;
    if (isfinite(trainer->kernels->square_sum(net->flat_floats, trainer->flat))) return NULL;
    for (size_t i = 0; i < net->n_parameters; i++) {
        if (isinf(magnitude(&net->parameters[i], trainer->flat))) return net->parameters[i].shown.name;
    }
    return NULL;
}

const char *gw__trainer_largest_tensor(const gw__trainer *trainer) {
    const gw__net *net = trainer->net;
    const char *name = NULL;
    double largest = -1;
    for (size_t i = 0; i < net->n_parameters; i++) {
        double size = magnitude(&net->parameters[i], trainer->flat);
        if (!(size > largest)) continue;
        largest = size;
        name = net->parameters[i].shown.name;
    }
    return name;
}

const char *gw__trainer_bad_gradient(const gw__trainer *trainer, size_t n_slots) {
    const gw__net *net = trainer->net;
    for (size_t i = 0; i < net->n_parameters; i++) {
        const gw__placement *p = &net->parameters[i];
        for (size_t s = 0; s < n_slots && p->shown.trained && p->storage != GW__STORED_TABLE; s++) {
            if (isinf(magnitude(p, trainer->slots + s * net->dense_end))) return p->shown.name;
        }
    }
    return NULL;
}
