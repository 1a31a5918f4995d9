/* Messages to the person: errors on standard error, as `gatewright: where:line:column: message`. */
#ifndef GW_CLI_MESSAGE_H
#define GW_CLI_MESSAGE_H

#include <stdio.h>

#include "gatewright.h"

#define CLI_EXIT_FAILED 1
#define CLI_EXIT_USAGE 2

/* Print the error and return the exit code of `status`. Bytes that a terminal could obey are written as \xNN. */
int cli_report(gw_status status, const gw_error *err);

/* The command line is wrong: print the message and where to read more; returns CLI_EXIT_USAGE. `command` may be NULL. */
int cli_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* See before a long run that `path` can become a file: its directory exists and may be written, it is no directory itself, and
 * it is none of `inputs` (names or patterns; NULL entries and "-" are passed over). */
gw_status cli_check_output(const char *path, const char *const *inputs, size_t n_inputs, gw_error *err);

/* Write at once. Why standard output failed is kept for cli_finish, since stdio keeps only that it did. */
void cli_write(FILE *stream, const char *bytes, size_t n);

/* Write what stdout still holds; an error (a full disk), of now or before, is reported. The exit code: `code`, or 1 if that failed. */
int cli_finish(int code);

#endif
