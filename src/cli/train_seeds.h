/* `gatewright train --seeds`: the same spec with many seeds, on one copy of the rows. */
#ifndef GW_CLI_TRAIN_SEEDS_H
#define GW_CLI_TRAIN_SEEDS_H

#include "cli/options.h"
#include "cli/progress.h"

/* Train one run per seed of `seeds` (items such as 7 or 1-10). `output` is the models' name, with {seed} in it. The options' listener and model
 * path are not used. Returns the exit code. */
int cli_train_seeds(const gw_train_options *base, const cli_texts *seeds, const char *output, bool json);

#endif
