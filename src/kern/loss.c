#include "kern/loss.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kern/functions.h"

/* The head's activation: a(z), and a'(z) in *ret_slope. */
static double head(gw__activation activation, double z, double *ret_slope) {
    double s;
    switch (activation) {
    case GW__ACT_RELU: *ret_slope = z > 0; return z > 0 || z != z ? z : 0; /* NaN is to be seen */
    case GW__ACT_LEAKY_RELU: *ret_slope = z > 0 ? 1 : 0.01; return z > 0 ? z : 0.01 * z;
    case GW__ACT_GELU: {
        double cdf = gw__phi_cdf((float)z);
        *ret_slope = cdf + z * gw__phi_pdf((float)z);
        return z * cdf;
    }
    case GW__ACT_SWISH:
        s = gw__sigmoid(z);
        *ret_slope = s * (1 + z * (1 - s));
        return z * s;
    case GW__ACT_TANH:
        s = 2 * gw__sigmoid(2 * z) - 1;
        *ret_slope = 1 - s * s;
        return s;
    case GW__ACT_SIGMOID:
        s = gw__sigmoid(z);
        *ret_slope = s * (1 - s);
        return s;
    default: *ret_slope = 1; return z;
    }
}

/* -[w y log s(z) + (1-y) log(1-s(z))], from one exponential and one logarithm: log s(-z) = -max(z,0) - log(1 + exp -|z|). */
static inline double bce(double w, double z, double y, double *ret_dz) {
    const double e = gw__exp(-fabs(z)), near = 1 / (1 + e), far = e / (1 + e), tail = gw__log(1 + e);
    *ret_dz = (1 - y) * (z >= 0 ? near : far) - w * y * (z >= 0 ? far : near);
    return (1 - y) * ((z > 0 ? z : 0) + tail) + w * y * ((z < 0 ? -z : 0) + tail);
}

/* With u the logit of the right answer: loss = s(-u)^gamma gw__softplus(-u), and s(-u)^gamma = exp(-gamma gw__softplus(u)), so that nothing is lost
 * where s is near 0 or 1. */
static double focal(const gw__loss_rule *rule, double z, double y, double *ret_dz) {
    const double sign = y > 0.5 ? 1 : -1, u = sign * z, gamma = rule->focal_gamma, alpha = rule->focal_alpha;
    const double share = alpha > 0 ? (y > 0.5 ? alpha : 1 - alpha) : 1;
    const double factor = share * gw__exp(-gamma * gw__softplus(u)), value = gw__softplus(-u);
    *ret_dz = -sign * factor * (gamma * gw__sigmoid(u) * value + gw__sigmoid(-u));
    return factor * value;
}

/* Where y is 0, minus infinity is a good answer. */
static double poisson(double z, double y, double *ret_dz) {
    const double mean = gw__exp(z);
    *ret_dz = mean - y;
    return y > 0 ? mean - y * z : mean;
}

/* Losses of one number: value, and d loss / d z in *ret_dz. */
static double single(const gw__loss_rule *rule, double z, double y, double *ret_dz) {
    if (rule->loss == GW__LOSS_BCE) return bce(rule->positive_weight, z, y, ret_dz);
    if (rule->loss == GW__LOSS_FOCAL) return focal(rule, z, y, ret_dz);
    if (rule->loss == GW__LOSS_POISSON) return poisson(z, y, ret_dz);
    double slope, r = head(rule->activation, z, &slope) - y, a = fabs(r), d = rule->huber_delta;
    switch (rule->loss) {
    case GW__LOSS_MAE: *ret_dz = (r > 0 ? slope : r < 0 ? -slope : 0); return a;
    case GW__LOSS_HUBER: *ret_dz = slope * (a <= d ? r : r > 0 ? d : -d); return a <= d ? 0.5 * r * r : d * (a - 0.5 * d);
    default: *ret_dz = 2 * r * slope; return r * r;
    }
}

/* log sum exp, shifted by the largest logit. */
static double log_sum_exp(const float *z, size_t n) {
    double top = z[0], sum = 0;
    for (size_t i = 1; i < n; i++) top = z[i] > top ? z[i] : top;
    for (size_t i = 0; i < n; i++) sum += gw__exp(z[i] - top);
    return top + gw__log(sum);
}

static double cross_entropy(const gw__loss_rule *rule, const float *z, size_t label, double scale, float *ret_dz) {
    double total = log_sum_exp(z, rule->width);
    for (size_t i = 0; ret_dz && i < rule->width; i++) ret_dz[i] = (float)(scale * (gw__exp(z[i] - total) - (i == label)));
    return total - z[label];
}

/* s(a) - s(b) = s(a) s(-b) (1 - exp(b-a)) for a > b: three logarithms, none of a difference of nearly equal numbers. Thresholds that floats no
 * longer tell apart are taken for neighbours. */
static double proportional_odds(const gw__loss_rule *rule, const float *z, size_t label, double scale, float *ret_dz) {
    const bool has_upper = label < rule->width, has_lower = label > 0;
    const double a = has_upper ? z[label] : 0, b = has_lower ? z[label - 1] : 0;
    double value = 0, pull = 0;
    if (has_upper && has_lower) {
        const double gap = a - b, e = gw__exp(-(gap < FLT_EPSILON ? FLT_EPSILON : gap));
        value = -gw__log(1 - e);
        pull = e / (1 - e);
    }
    if (has_upper) value += gw__softplus(-a);
    if (has_lower) value += gw__softplus(b);
    if (!ret_dz) return value;
    memset(ret_dz, 0, rule->width * sizeof *ret_dz);
    if (has_upper) ret_dz[label] = (float)(scale * (-gw__sigmoid(-a) - pull));
    if (has_lower) ret_dz[label - 1] = (float)(scale * (gw__sigmoid(b) + pull));
    return value;
}

static double pinball(const gw__loss_rule *rule, const float *z, double y, double scale, float *ret_dz) {
    const double n = (double)rule->width;
    double sum = 0, slope;
    for (size_t i = 0; i < rule->width; i++) {
        const double t = rule->quantiles[i], r = y - head(rule->activation, z[i], &slope);
        sum += r >= 0 ? t * r : (t - 1) * r;
        if (ret_dz) ret_dz[i] = (float)(scale * (r > 0 ? -t : r < 0 ? 1 - t : 0) * slope / n);
    }
    return sum / n;
}

#define LOG_SQRT_2PI 0.91893853320467274178

static double ziln(const float *z, double y, double scale, float *ret_dz) {
    const double p = z[0], wide = gw__softplus(z[2]), sigma = wide < GW__LEAST_SIGMA ? GW__LEAST_SIGMA : wide;
    const bool positive = y > 0;
    const double log_y = positive ? gw__log(y) : 0, r = positive ? (log_y - z[1]) / sigma : 0;
    if (ret_dz) {
        ret_dz[0] = (float)(scale * (gw__sigmoid(p) - positive));
        ret_dz[1] = (float)(scale * -r / sigma);
        ret_dz[2] = positive && wide > GW__LEAST_SIGMA ? (float)(scale * (1 - r * r) / sigma * gw__sigmoid(z[2])) : 0;
    }
    return positive ? gw__softplus(-p) + log_y + gw__log(sigma) + LOG_SQRT_2PI + 0.5 * r * r : gw__softplus(p);
}

/* Losses of several logits; ret_dz may be NULL. */
static double several(const gw__loss_rule *rule, const float *z, double y, double scale, float *ret_dz) {
    switch (rule->loss) {
    case GW__LOSS_PROPORTIONAL_ODDS: return proportional_odds(rule, z, (size_t)y, scale, ret_dz);
    case GW__LOSS_PINBALL: return pinball(rule, z, y, scale, ret_dz);
    case GW__LOSS_ZILN: return ziln(z, y, scale, ret_dz);
    default: return cross_entropy(rule, z, (size_t)y, scale, ret_dz);
    }
}

static bool has_several(gw__loss loss) {
    return loss == GW__LOSS_CROSS_ENTROPY || loss == GW__LOSS_PROPORTIONAL_ODDS || loss == GW__LOSS_PINBALL || loss == GW__LOSS_ZILN;
}

double gw__loss_gradient(const gw__loss_rule *rule, const float *z, float y, double scale, float *ret_dz) {
    if (has_several(rule->loss)) return several(rule, z, y, scale, ret_dz);
    double dz, value = single(rule, z[0], y, &dz);
    ret_dz[0] = (float)(scale * dz);
    return value;
}

double gw__loss_rows(const gw__loss_rule *rule, size_t m, const float *z, size_t ldz, const float *labels, const float *weights, double scale,
                     float *ret_dz, size_t lddz) {
    const bool plain_mse = rule->loss == GW__LOSS_MSE && rule->activation == GW__ACT_NONE;
    double sum = 0, dz;
    for (size_t r = 0; r < m; r++, z += ldz, ret_dz += lddz) {
        const double weight = weights[r];
        if (!(weight > 0)) {
            memset(ret_dz, 0, rule->width * sizeof *ret_dz);
        } else if (plain_mse) {
            const double d = (double)z[0] - labels[r];
            sum += weight * (d * d);
            ret_dz[0] = (float)(scale * weight * (2 * d));
        } else if (rule->loss == GW__LOSS_BCE) {
            sum += weight * bce(rule->positive_weight, z[0], labels[r], &dz);
            ret_dz[0] = (float)(scale * weight * dz);
        } else {
            sum += weight * gw__loss_gradient(rule, z, labels[r], scale * weight, ret_dz);
        }
    }
    return sum;
}

double gw__loss_value(const gw__loss_rule *rule, const float *z, float y) {
    double unused;
    return has_several(rule->loss) ? several(rule, z, y, 0, NULL) : single(rule, z[0], y, &unused);
}

/* ---- what is shown ---- */

size_t gw__loss_logits(gw__loss loss, size_t outputs) {
    if (loss == GW__LOSS_ZILN) return GW__ZILN_LOGITS;
    return loss == GW__LOSS_PROPORTIONAL_ODDS ? outputs - 1 : outputs;
}

static void show_classes(const gw__loss_rule *rule, const float *z, float *ret_output) {
    double total = log_sum_exp(z, rule->width);
    for (size_t i = 0; i < rule->width; i++) ret_output[i] = (float)gw__exp(z[i] - total);
}

/* Differences on the side where both are far from 1. */
static void show_ranks(const gw__loss_rule *rule, const float *z, float *ret_output) {
    const size_t n = rule->width;
    ret_output[0] = (float)gw__sigmoid(z[0]);
    for (size_t i = 1; i < n; i++) {
        const double p = z[i] > 0 ? gw__sigmoid(-(double)z[i - 1]) - gw__sigmoid(-(double)z[i]) : gw__sigmoid(z[i]) - gw__sigmoid(z[i - 1]);
        ret_output[i] = (float)p;
    }
    ret_output[n] = (float)gw__sigmoid(-(double)z[n - 1]);
}

/* Quantiles that cross are put in order, which brings none of them further from the truth in pinball loss (Chernozhukov, Fernandez-Val &
 * Galichon 2010). */
static void show_quantiles(const gw__loss_rule *rule, const float *z, float *ret_output) {
    double unused;
    for (size_t i = 0; i < rule->width; i++) {
        const float value = (float)head(rule->activation, z[i], &unused);
        size_t at = i;
        for (; at > 0 && ret_output[at - 1] > value; at--) ret_output[at] = ret_output[at - 1];
        ret_output[at] = value;
    }
}

/* exp x, at most what a float holds; NaN stays. */
static float mean_of(double x) {
    const double mean = gw__exp(x);
    return mean > FLT_MAX ? FLT_MAX : (float)mean;
}

static float ziln_mean(const float *z) {
    const double wide = gw__softplus(z[2]), sigma = wide < GW__LEAST_SIGMA ? GW__LEAST_SIGMA : wide;
    return mean_of(z[1] + 0.5 * sigma * sigma - gw__softplus(-(double)z[0]));
}

void gw__loss_output(const gw__loss_rule *rule, const float *z, float *ret_output) {
    double unused;
    switch (rule->loss) {
    case GW__LOSS_CROSS_ENTROPY: show_classes(rule, z, ret_output); break;
    case GW__LOSS_PROPORTIONAL_ODDS: show_ranks(rule, z, ret_output); break;
    case GW__LOSS_PINBALL: show_quantiles(rule, z, ret_output); break;
    case GW__LOSS_BCE: ret_output[0] = (float)gw__sigmoid(z[0] + rule->correction); break;
    case GW__LOSS_FOCAL: ret_output[0] = (float)gw__sigmoid(z[0]); break;
    case GW__LOSS_POISSON: ret_output[0] = mean_of(z[0]); break;
    case GW__LOSS_ZILN: ret_output[0] = ziln_mean(z); break;
    default: ret_output[0] = (float)head(rule->activation, z[0], &unused); break;
    }
}
