/* Labels of Ma et al. 2018, section 3.2: of a row x and a weight vector w
 *     y = a + sum over i < n of sin(alpha_i a + beta_i) + noise,   a = w x
 * where alpha and beta are the same for all tasks. */
#ifndef GW_LAB_SYNTH_SINES_H
#define GW_LAB_SYNTH_SINES_H

#include "base/json.h"

#define GW__MOST_SINES 1024

typedef struct gw__sines {
    const char *published;        /* whose choices these are */
    double scale, noise_variance; /* c, the length of the weight vectors */
    size_t n;
    double *alpha, *beta;         /* [n], in one block: free with gw__sines_clear */
} gw__sines;

/* What the options say, and for the rest what was published under options->published, or else `usual`. */
gw_status gw__sines_choose(const gw_synth_options *options, const char *usual, gw__sines *ret_sines, gw_error *err);
void gw__sines_clear(gw__sines *sines);

double gw__sines_label(const gw__sines *sines, double along, double noise); /* `noise` is standard normal */

/* By integration over standard normal rows: the mean of a label, and the correlation of two whose weight vectors have cosine p. */
double gw__sines_mean(const gw__sines *sines);
double gw__sines_variance(const gw__sines *sines);
double gw__sines_correlation(const gw__sines *sines, double p);

#endif
