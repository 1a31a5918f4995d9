/* The encoder's inside, for the reading of whole tables with features that are fitted already. */
#ifndef GW_FEAT_ENCODER_H
#define GW_FEAT_ENCODER_H

#include "feat/fitted.h"

/* From now on rows come from a table that is read for training: what the next batch's rows are (borrowed; [batch rows], GW__PART_BAD rows are
 * left zero), the table's number of its first row, where to count. `parts` NULL: all validate. */
void gw__encoder_rows(gw__encoder *encoder, const uint8_t *parts, uint64_t first_row, gw__task_count *counts[2], int64_t *missing_cells);

#endif
