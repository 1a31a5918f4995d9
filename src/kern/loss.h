/* Losses of one row: value, gradient with respect to the logits, and what is shown to the world. Computed in double; a row has few outputs.
 *   z [W] logits (W = 1, or the number of classes), y label (multiclass: index of the class).
 *   mse (a(z)-y)^2   mae |a(z)-y|   huber, delta d: r^2/2 if |r| <= d else d(|r|-d/2)   (PyTorch's HuberLoss)      a: the head's activation
 *   bce, from logits: -[w y log s(z) + (1-y) log(1-s(z))], w = positive_weight                (PyTorch's BCEWithLogitsLoss)
 *   cross-entropy, from logits: log sum exp z - z_y */
#ifndef GW_KERN_LOSS_H
#define GW_KERN_LOSS_H

#include <stddef.h>

#include "kern/roster.h"

typedef struct gw__loss_rule {
    gw__loss loss;
    gw__activation activation; /* mse, mae, huber: of the head. bce and cross-entropy bring their own */
    size_t width;
    double huber_delta;
    double positive_weight;
    double correction;         /* added to a bce logit before it becomes a probability: log(negative_rate) - log(positive_weight) */
} gw__loss_rule;

double gw__loss_value(const gw__loss_rule *rule, const float *z, float y);
/* The loss; ret_dz [W] = scale * d loss / d z. */
double gw__loss_gradient(const gw__loss_rule *rule, const float *z, float y, double scale, float *ret_dz);
/* The same for m rows of logits z [m,W], ldz floats apart: sum of weight x loss; dz [m,W] = scale x weight x d loss / d z. A weight of 0 says that
 * a row has no label, whatever stands in its place: it gives neither loss nor gradient. */
double gw__loss_rows(const gw__loss_rule *rule, size_t m, const float *z, size_t ldz, const float *labels, const float *weights, double scale,
                     float *ret_dz, size_t lddz);
/* ret_output [W]: a probability (bce), probabilities of the classes (cross-entropy), or a(z). */
void   gw__loss_output(const gw__loss_rule *rule, const float *z, float *ret_output);

#endif
