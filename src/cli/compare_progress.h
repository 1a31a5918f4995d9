/* A comparison as it is watched: what was read, a line for every run that is over, a bar of all of them on a terminal. */
#ifndef GW_CLI_COMPARE_PROGRESS_H
#define GW_CLI_COMPARE_PROGRESS_H

#include "cli/progress.h"

typedef struct cli_compare_progress {
    cli_progress progress; /* of what was read, notes and warnings */
    bool read;             /* somebody told what was read: */
    size_t reader;         /* the run whose notes on it are shown */
    double *shares;        /* [runs] how far each is, 0 to 1 */
    gw__text told;         /* warnings and failures so far, each followed by a NUL */
    size_t n_silent;       /* those that were not told */
} cli_compare_progress;

cli_compare_progress cli_compare_progress_of(void);
void cli_compare_progress_clear(cli_compare_progress *progress); /* remove an open bar, and say what was not told */

/* The gw_compare_listener; `context` is a cli_compare_progress. */
void cli_compare_progress_listen(void *context, const gw_compare_event *event);

#endif
