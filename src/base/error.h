/* Errors: the caller's gw_error is filled, a status goes up. Nothing here prints or ends the process. */
#ifndef GW_BASE_ERROR_H
#define GW_BASE_ERROR_H

#include "gatewright.h"

/* Fill `err` (which may be NULL) and return `code`. The message follows the law of docs/style: lower case, no full stop,
 * subject in single quotes, expected and found, a remedy after "; hint: ". */
gw_status gw__fail(gw_error *err, gw_status code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As gw__fail, with the place: a file or column name (may be NULL), line and column from 1 (0: unknown). */
gw_status gw__fail_at(gw_error *err, gw_status code, const char *where, int64_t line, int64_t column,
                      const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Out of memory, in one wording. */
gw_status gw__fail_nomem(gw_error *err);

/* The one propagation macro: needs a local `gw_status status` and a label `cleanup`. */
#define GW__TRY(call)                         \
    do {                                      \
        status = (call);                      \
        if (status != GW_OK) goto cleanup;    \
    } while (0)

/* Set the status from a failing expression and leave: GW__FAIL(gw__fail(err, …)). */
#define GW__FAIL(call)                        \
    do {                                      \
        status = (call);                      \
        goto cleanup;                         \
    } while (0)

#endif
