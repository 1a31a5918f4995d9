/* A label that has leaked into the features: which one alone says what the label is. */
#ifndef GW_TRAIN_LEAK_H
#define GW_TRAIN_LEAK_H

#include "feat/features.h"

typedef struct gw__suspect {
    uint32_t feature; /* its index */
    double score;     /* binary: the AUC of the feature alone, or of its opposite; else the magnitude of Spearman's rank correlation; 0: nothing was found */
} gw__suspect;

/* The feature whose value alone orders a task's labels best in a sample of `valid`: numbers as they are; of a category the mean label that it has in a
 * sample of `train`. Bags are passed over. Takes some milliseconds, so it is asked when something is too good to be true. */
gw_status gw__leak_find(const gw__records *train, const gw__records *valid, gw_task_type type, size_t task, gw__suspect *ret_suspect, gw_error *err);

#endif
