/* Losses of one row: value, gradient with respect to the logits, and what is shown to the world. Computed in double; a row has few outputs.
 *   z [W] logits, y label (multiclass, ordinal: index of the class).   s: the logistic function
 *   mse (a(z)-y)^2   mae |a(z)-y|   huber, delta d: r^2/2 if |r| <= d else d(|r|-d/2)   (PyTorch's HuberLoss)      a: the head's activation
 *   bce, from logits: -[w y log s(z) + (1-y) log(1-s(z))], w = positive_weight                (PyTorch's BCEWithLogitsLoss)
 *   focal, from logits (Lin et al. 2017, eq. 5): -alpha_t (1-p_t)^gamma log p_t, p_t = s(z) if y else 1-s(z); without alpha, alpha_t is 1
 *   cross-entropy, from logits: log sum exp z - z_y
 *   poisson: exp z - y z                                                                    (PyTorch's PoissonNLLLoss, log_input)
 *   proportional-odds (McCullagh 1980), from cumulative logits z_1 < ... < z_{K-1}: -log(s(z_{y+1}) - s(z_y)), where s(z_0) = 0, s(z_K) = 1
 *   pinball (Koenker & Bassett 1978), of Q quantiles t: the mean over them of max(t r, (t-1) r), r = y - a(z)
 *   ziln (Wang, Liu & Miao 2019), z = p, mu, v: -log(1-s(p)) if y = 0, else -log s(p) - log LogNormal(y; mu, sigma), sigma = softplus v, at
 *   least GW__LEAST_SIGMA */
#ifndef GW_KERN_LOSS_H
#define GW_KERN_LOSS_H

#include <stddef.h>

#include "kern/roster.h"

#define GW__LEAST_SIGMA 3.1622776601683795e-4 /* sqrt(1e-7), as the authors' code has it */
#define GW__ZILN_LOGITS 3

typedef struct gw__loss_rule {
    gw__loss loss;
    gw__activation activation; /* mse, mae, huber, pinball: of the head. The others bring their own */
    size_t width;              /* W: logits */
    size_t outputs;            /* shown: W but for ziln (1) and proportional odds (W+1) */
    double huber_delta;
    double positive_weight;
    double correction;         /* added to a bce logit before it becomes a probability: log(negative_rate) - log(positive_weight) */
    double focal_gamma, focal_alpha; /* focal_alpha 0: none */
    const double *quantiles;   /* pinball: [W], ascending; borrowed */
} gw__loss_rule;

/* Logits of a loss that shows `outputs` numbers. */
size_t gw__loss_logits(gw__loss loss, size_t outputs);

double gw__loss_value(const gw__loss_rule *rule, const float *z, float y);
/* The loss; ret_dz [W] = scale * d loss / d z. */
double gw__loss_gradient(const gw__loss_rule *rule, const float *z, float y, double scale, float *ret_dz);
/* The same for m rows of logits z [m,W], ldz floats apart: sum of weight x loss; dz [m,W] = scale x weight x d loss / d z. A weight of 0 says that
 * a row has no label, whatever stands in its place: it gives neither loss nor gradient. */
double gw__loss_rows(const gw__loss_rule *rule, size_t m, const float *z, size_t ldz, const float *labels, const float *weights, double scale,
                     float *ret_dz, size_t lddz);
/* ret_output [outputs]: a probability (bce, focal), probabilities of the classes (cross-entropy, proportional odds), a mean (poisson, ziln), quantiles
 * in ascending order, or a(z). A mean that no float holds is the largest float. */
void   gw__loss_output(const gw__loss_rule *rule, const float *z, float *ret_output);

#endif
