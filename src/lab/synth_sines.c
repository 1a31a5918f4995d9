#include "lab/synth_sines.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kern/functions.h"
#include "lab/synth.h"

#define HALF_PI 1.57079632679489661923
#define MOST_ANGLE 1000 /* keeps what goes into gw__sine below 1e6: rows lie within 10 deviations */

/* ---- what others chose, since the paper says neither c nor alpha nor beta ---- */

typedef enum rule {
    RULE_LISTED, /* the numbers below */
    RULE_NORMAL, /* alpha and beta from N(0,1), by the seed */
    RULE_COUNTED /* alpha_i = i + 1, beta_i = i^2 */
} rule;

/* Found for this program: with these, the correlation of the labels follows figure 2 of the paper within 0.001 over all p. */
static const double figure_alpha[] = {5.45, 11.56, 3.14, 9.15}, figure_beta[] = {3.89, 4.64, 4.35, 4.87};

static const struct published {
    const char *name;
    double scale, noise_variance;
    size_t sines;
    rule rule;
} publications[] = {
    {"figure-2", 0.664, 0.01, GW__COUNT(figure_alpha), RULE_LISTED},
    {"ple", 1, 0.01, 10, RULE_NORMAL}, /* Tang et al. 2020, 5.2.1; the noise is the MMoE paper's */
    {"google", 1, 0.0001, 10, RULE_COUNTED},
    {"keras-mmoe", 0.3, 0.01, 5, RULE_NORMAL},
};

#define X(name, summary) name,
static const char *const roster[] = {GW_SYNTH_PUBLISHED_ROSTER(X)};
#undef X
_Static_assert(GW__COUNT(publications) == GW__COUNT(roster), "every name of the roster has its row");

static gw_status find(const char *name, const struct published **ret, gw_error *err) {
    for (size_t i = 0; i < GW__COUNT(publications); i++) {
        if (strcmp(name, publications[i].name) != 0) continue;
        *ret = &publications[i];
        return GW_OK;
    }
    const char *near = gw__nearest(gw__slice_of(name), roster, GW__COUNT(roster));
    return gw__fail(err, GW_E_ARGUMENT, "'published': expected figure-2, ple, google or keras-mmoe but found '%.80s'%s%s%s", name,
                    near ? "; hint: did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* ---- choosing ---- */

static gw_status list_in_bounds(const char *name, const double *list, size_t n, gw_error *err) {
    gw_status status = GW_OK;
    for (size_t i = 0; i < n && status == GW_OK; i++) status = gw__in_bounds(name, list[i], -MOST_ANGLE, MOST_ANGLE, err);
    return status;
}

/* How many sines: what the options say, wherever they say it. */
static gw_status count(const gw_synth_options *o, const struct published *p, size_t *ret_n, gw_error *err) {
    size_t n = o->has_sines ? o->sines : o->n_alpha ? o->n_alpha : o->n_beta ? o->n_beta : p->sines;
    if (n > GW__MOST_SINES) return gw__fail(err, GW_E_ARGUMENT, "'sines': expected 0 to %d but found %zu", GW__MOST_SINES, n);
    if (o->n_alpha && o->n_alpha != n) return gw__fail(err, GW_E_ARGUMENT, "'alpha': expected %zu numbers but found %zu", n, o->n_alpha);
    if (o->n_beta && o->n_beta != n) return gw__fail(err, GW_E_ARGUMENT, "'beta': expected %zu numbers but found %zu", n, o->n_beta);
    bool all_listed = n == 0 || (o->n_alpha && o->n_beta);
    if (p->rule == RULE_LISTED && n != p->sines && !all_listed)
        return gw__fail(err, GW_E_ARGUMENT, "'sines': '%s' has %zu of them but %zu were asked for; hint: give both alpha and beta, or choose 'ple', which draws them",
                        p->name, p->sines, n);
    *ret_n = n;
    return GW_OK;
}

static double angle(const struct published *p, uint64_t seed, size_t i, bool is_beta) {
    switch (p->rule) {
    case RULE_LISTED: return is_beta ? figure_beta[i] : figure_alpha[i];
    case RULE_COUNTED: return is_beta ? (double)(i * i) : (double)(i + 1);
    case RULE_NORMAL: break;
    }
    return gw__synth_normal(seed, GW__SYNTH_SINE, 2 * i + is_beta);
}

gw_status gw__sines_choose(const gw_synth_options *o, const char *usual, gw__sines *ret_sines, gw_error *err) {
    const struct published *p = NULL;
    gw__sines s = {0};
    gw_status status = find(o->published ? o->published : usual, &p, err);
    if (status == GW_OK) status = count(o, p, &s.n, err);
    s.published = p ? p->name : NULL;
    s.scale = o->scale ? *o->scale : p ? p->scale : 0;
    s.noise_variance = o->noise_variance ? *o->noise_variance : p ? p->noise_variance : 0;
    if (status == GW_OK) status = gw__in_bounds("scale", s.scale, 0, GW__MOST_SCALE, err);
    if (status == GW_OK) status = gw__in_bounds("noise_variance", s.noise_variance, 0, GW__MOST_VARIANCE, err);
    if (status == GW_OK) status = list_in_bounds("alpha", o->alpha, o->n_alpha, err);
    if (status == GW_OK) status = list_in_bounds("beta", o->beta, o->n_beta, err);
    if (status != GW_OK) return status;
    s.alpha = gw__aligned_alloc(2 * s.n + 1, sizeof *s.alpha);
    if (!s.alpha) return gw__fail_nomem(err);
    s.beta = s.alpha + s.n;
    for (size_t i = 0; i < s.n; i++) {
        s.alpha[i] = o->n_alpha ? o->alpha[i] : angle(p, o->seed, i, false);
        s.beta[i] = o->n_beta ? o->beta[i] : angle(p, o->seed, i, true);
    }
    status = list_in_bounds("beta", s.beta, s.n, err); /* counted ones grow */
    if (status == GW_OK) *ret_sines = s;
    else gw__sines_clear(&s);
    return status;
}

void gw__sines_clear(gw__sines *sines) {
    gw__aligned_free(sines->alpha);
    *sines = (gw__sines){0};
}

/* ---- labels ---- */

double gw__sines_label(const gw__sines *s, double along, double noise) {
    double y = along + sqrt(s->noise_variance) * noise;
    for (size_t i = 0; i < s->n; i++) y += gw__sine(s->alpha[i] * along + s->beta[i]);
    return y;
}

/* ---- their moments: a = c z with z standard normal, and E exp(i (s z1 + t z2)) = exp(-(s^2 + t^2 + 2 p s t) / 2) ---- */

static double cosine(double x) { return gw__sine(x + HALF_PI); }

double gw__sines_mean(const gw__sines *s) {
    double sum = 0;
    for (size_t i = 0; i < s->n; i++) {
        double si = s->alpha[i] * s->scale;
        sum += gw__exp(-si * si / 2) * gw__sine(s->beta[i]);
    }
    return sum;
}

/* cov(sin(si z1 + bi), sin(sj z2 + bj)) */
static double covariance_of_sines(const gw__sines *s, size_t i, size_t j, double p) {
    double si = s->alpha[i] * s->scale, sj = s->alpha[j] * s->scale, bi = s->beta[i], bj = s->beta[j];
    double squares = si * si + sj * sj, mixed = 2 * p * si * sj;
    return 0.5 * (cosine(bi - bj) * gw__exp(-(squares - mixed) / 2) - cosine(bi + bj) * gw__exp(-(squares + mixed) / 2)) -
           gw__sine(bi) * gw__sine(bj) * gw__exp(-squares / 2);
}

/* Of two labels without their noise. */
static double covariance(const gw__sines *s, double p) {
    double sum = s->scale * s->scale * p;
    for (size_t i = 0; i < s->n; i++) {
        double si = s->alpha[i] * s->scale;
        sum += 2 * p * s->scale * si * gw__exp(-si * si / 2) * cosine(s->beta[i]);
        for (size_t j = 0; j < s->n; j++) sum += covariance_of_sines(s, i, j, p);
    }
    return sum;
}

double gw__sines_variance(const gw__sines *s) { return covariance(s, 1) + s->noise_variance; }
double gw__sines_correlation(const gw__sines *s, double p) { return covariance(s, p) / gw__sines_variance(s); }
