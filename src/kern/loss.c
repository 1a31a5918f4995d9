#include "kern/loss.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kern/functions.h"

static double sigmoid(double z) {
    if (z >= 0) return 1 / (1 + gw__exp(-z));
    double e = gw__exp(z);
    return e / (1 + e);
}

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
        s = sigmoid(z);
        *ret_slope = s * (1 + z * (1 - s));
        return z * s;
    case GW__ACT_TANH:
        s = 2 * sigmoid(2 * z) - 1;
        *ret_slope = 1 - s * s;
        return s;
    case GW__ACT_SIGMOID:
        s = sigmoid(z);
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

/* Losses of one number: value, and d loss / d z in *ret_dz. */
static double single(const gw__loss_rule *rule, double z, double y, double *ret_dz) {
    if (rule->loss == GW__LOSS_BCE) return bce(rule->positive_weight, z, y, ret_dz);
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

double gw__loss_gradient(const gw__loss_rule *rule, const float *z, float y, double scale, float *ret_dz) {
    if (rule->loss != GW__LOSS_CROSS_ENTROPY) {
        double dz, value = single(rule, z[0], y, &dz);
        ret_dz[0] = (float)(scale * dz);
        return value;
    }
    double total = log_sum_exp(z, rule->width);
    size_t label = (size_t)y;
    for (size_t i = 0; i < rule->width; i++) ret_dz[i] = (float)(scale * (gw__exp(z[i] - total) - (i == label)));
    return total - z[label];
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
    if (rule->loss != GW__LOSS_CROSS_ENTROPY) return single(rule, z[0], y, &unused);
    return log_sum_exp(z, rule->width) - z[(size_t)y];
}

void gw__loss_output(const gw__loss_rule *rule, const float *z, float *ret_output) {
    double unused;
    if (rule->loss == GW__LOSS_CROSS_ENTROPY) {
        double total = log_sum_exp(z, rule->width);
        for (size_t i = 0; i < rule->width; i++) ret_output[i] = (float)gw__exp(z[i] - total);
    } else if (rule->loss == GW__LOSS_BCE) {
        ret_output[0] = (float)sigmoid(z[0] + rule->correction);
    } else {
        ret_output[0] = (float)head(rule->activation, z[0], &unused);
    }
}
