/* What gates do with their experts over some rows, as sums and as JSON: one account for training, validation and evaluation.
 *   G all gate weights of a row, as gw__net_gate_width; E the experts that one gate sees; g its weights of a row */
#ifndef GW_TRAIN_GATE_USE_H
#define GW_TRAIN_GATE_USE_H

#include "model/net.h"

/* Sums over rows, one after another: weights [G], rows in which they are not 0 [G], entropies of a row's weights [gates of the net]. */
size_t gw__gate_use_width(const gw__net *net);
/* Add rows of gate weights [n,G]. */
void   gw__gate_use_add(const gw__net *net, const float *gates, size_t n, double *sums);

/* One gate of these sums. */
typedef struct gw__gate_total {
    double rows;
    const double *weights, *kept; /* [E] */
    double entropy;               /* of the rows' weights, summed; NAN: nobody knows */
} gw__gate_total;
gw__gate_total gw__gate_use_of(const gw__net *net, size_t gate, const double *sums, double rows);

/* What a gate's mean weights say; docs/health.md has the equations. */
typedef struct gw__gate_figures {
    double entropy;     /* of the mean weights, nats */
    double normalised;  /* over log E; NAN where E is 1 */
    double effective;   /* exp(entropy): as many experts, evenly used, have that entropy */
    double row_entropy; /* the mean of the rows' own; NAN: nobody knows */
} gw__gate_figures;
/* All NAN without rows. */
gw__gate_figures gw__gate_figures_of(const gw__gate_total *sums, size_t n_experts);

/* {"level":0,"stream":"income","entropy":x,"normalised":x,"effective":x,"row_entropy":x,"experts":[{"name":"shared.0","weight":x,"load":x},…]} */
void gw__gate_use_write(const gw__net *net, size_t gate, const gw__gate_total *sums, gw__json_writer *json);
/* A list of them: all gates. */
void gw__gate_use_write_all(const gw__net *net, const double *sums, double rows, gw__json_writer *json);

#endif
