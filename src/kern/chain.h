/* Chains: a probability that is a product of other tasks' probabilities, or a sum of such products that exclude each other.
 *   p = sum over paths of the product of s(z_i), or 1 - s(z_i) where the path says "not"             s: the logistic function
 * What is not p is a sum of such products, too, so p and 1 - p are both known by their logarithms, without a difference of nearly equal
 * numbers, and z = log p - log(1 - p) is a logit like any other.
 *   papers: ESMM (Ma et al. 2018, Entire Space Multi-Task Model), ESM2 (Wen et al. 2020) */
#ifndef GW_KERN_CHAIN_H
#define GW_KERN_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#define GW__CHAIN_SOURCES 32
#define GW__CHAIN_PATHS 64

/* Sources as bits: those that happen, and those that do not. */
typedef struct gw__path { uint32_t yes, no; } gw__path;

typedef struct gw__chain {
    const uint32_t *sources; /* [n_sources] the tasks whose logits it reads */
    size_t n_sources;
    const gw__path *yes, *no; /* ways to happen, and not to; any two exclude each other, and all together are everything */
    size_t n_yes, n_no;
} gw__chain;

/* The logit of p from the logits z [n_sources]; ret_dz [n_sources] = d logit / d z, or NULL. */
double gw__chain_logit(const gw__chain *chain, const double *z, double *ret_dz);

/* What a later event costs that is held for likelier than the one before it (the behavioural expectation calibrator of AITM, Xi et al. 2021):
 * the sum over n rows of max(s(later) - s(earlier), 0); scale x its gradient is added to dlater and dearlier. Rows are `ld` floats apart. */
typedef struct gw__ordered { const float *z; float *dz; size_t ld; double shift; } gw__ordered; /* shift: added to z */
double gw__order_rows(size_t n, const gw__ordered *later, const gw__ordered *earlier, double scale);

#endif
