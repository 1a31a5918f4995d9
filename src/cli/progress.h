/* Training as it is watched: what was read, a bar inside an epoch (on a terminal), a line per epoch, warnings, the test at the end. */
#ifndef GW_CLI_PROGRESS_H
#define GW_CLI_PROGRESS_H

#include "cli/screen.h"

typedef struct cli_progress {
    cli_screen screen;   /* of standard error */
    FILE *results;       /* where the test's table goes */
    bool json;           /* standard output carries the library's lines, and nothing else */
    bool line_open;      /* the cursor stands behind a bar that is drawn over next time */
    double drawn_at;     /* seconds of the clock at the last drawing */
    double started_at;
    double trained_seconds;
    int64_t trained_rows;
    char label[48], json_label[64]; /* of several runs: in front of an epoch's line or a warning; first members of a JSON line, with a comma */
} cli_progress;

/* `model_on_stdout`: results go to standard error, since the model takes standard output. */
cli_progress cli_progress_of(bool json, bool model_on_stdout);

/* The gw_listener; `context` is a cli_progress. */
void cli_progress_listen(void *context, const gw_event *event);

void cli_progress_end(cli_progress *progress); /* remove an open bar */

/* For bars of other things: whether it is time to draw one; the bar with its share in percent; how long it has been since the beginning. */
bool   cli_progress_is_due(cli_progress *progress);
void   cli_progress_bar(const cli_progress *progress, double share, gw__text *out);
double cli_progress_seconds(const cli_progress *progress);

/* What was saved where, which epoch it is, how long it took, and what to do next. */
void cli_progress_saved(const cli_progress *progress, const gw_model *model, const char *path);

#endif
