/* Optimizers: from the spec to the constants of a kernel's update. Formulas and defaults are PyTorch's; embeddings follow SparseAdam. */
#ifndef GW_TRAIN_OPTIMIZER_H
#define GW_TRAIN_OPTIMIZER_H

#include "kern/kernels.h"
#include "spec/spec.h"

/* State buffers that an optimizer keeps beside the parameters, and their names in a checkpoint. At most 2. */
size_t gw__optimizer_states(const gw__optimizer_spec *spec);
const char *gw__optimizer_state_name(const gw__optimizer_spec *spec, size_t i);
bool gw__optimizer_state_is_square(const gw__optimizer_spec *spec, size_t i); /* holds sums or means of squares: never below 0 */

/* The update of step `step` (from 1). `sparse`: of the touched rows of an embedding table (torch.optim.SparseAdam: eps outside the bias
 * correction). Clipping is left to the caller (clip_scale is 1). */
gw__update gw__optimizer_update(const gw__optimizer_spec *spec, double lr, uint64_t step, bool sparse);
/* The same of the embedding tables, which may have an optimizer of their own. */
gw__update gw__optimizer_table_update(const gw__optimizer_spec *spec, double lr, uint64_t step);

#endif
