#include "kern/chain.h"

#include <math.h>

#include "kern/functions.h"

typedef struct terms {
    size_t n;
    double log_yes[GW__CHAIN_SOURCES], log_no[GW__CHAIN_SOURCES]; /* log s(z), log (1 - s(z)) */
    double yes[GW__CHAIN_SOURCES], no[GW__CHAIN_SOURCES];
} terms;

static double log_path(const terms *t, gw__path path) {
    double sum = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (path.yes >> i & 1) sum += t->log_yes[i];
        if (path.no >> i & 1) sum += t->log_no[i];
    }
    return sum;
}

/* The logarithm of the sum of all paths; sign x its gradient is added to dz. */
static double log_paths(const terms *t, const gw__path *paths, size_t n, double sign, double *dz) {
    double logs[GW__CHAIN_PATHS], top = -HUGE_VAL, sum = 0;
    for (size_t k = 0; k < n; k++) {
        logs[k] = log_path(t, paths[k]);
        top = logs[k] > top || logs[k] != logs[k] ? logs[k] : top; /* NaN is to be seen */
    }
    for (size_t k = 0; k < n; k++) sum += gw__exp(logs[k] - top);
    const double total = top + gw__log(sum);
    for (size_t k = 0; dz && k < n; k++) {
        const double share = sign * gw__exp(logs[k] - total);
        for (size_t i = 0; i < t->n; i++) {
            if (paths[k].yes >> i & 1) dz[i] += share * t->no[i];
            if (paths[k].no >> i & 1) dz[i] -= share * t->yes[i];
        }
    }
    return total;
}

double gw__chain_logit(const gw__chain *chain, const double *z, double *ret_dz) {
    terms t = {.n = chain->n_sources};
    for (size_t i = 0; i < t.n; i++) {
        t.log_yes[i] = -gw__softplus(-z[i]);
        t.log_no[i] = -gw__softplus(z[i]);
        t.yes[i] = gw__sigmoid(z[i]);
        t.no[i] = gw__sigmoid(-z[i]);
        if (ret_dz) ret_dz[i] = 0;
    }
    const double happens = log_paths(&t, chain->yes, chain->n_yes, 1, ret_dz);
    return happens - log_paths(&t, chain->no, chain->n_no, -1, ret_dz);
}

double gw__order_rows(size_t n, const gw__ordered *later, const gw__ordered *earlier, double scale) {
    double sum = 0;
    for (size_t r = 0; r < n; r++) {
        const double a = later->z[r * later->ld] + later->shift, b = earlier->z[r * earlier->ld] + earlier->shift;
        if (!(a > b)) continue;
        const double p = gw__sigmoid(a), q = gw__sigmoid(b);
        sum += p - q;
        later->dz[r * later->ld] += (float)(scale * p * gw__sigmoid(-a));
        earlier->dz[r * earlier->ld] -= (float)(scale * q * gw__sigmoid(-b));
    }
    return sum;
}
