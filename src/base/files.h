/* Files: whole reads, writes that are all or nothing, names with wildcards. Messages name the path. */
#ifndef GW_BASE_FILES_H
#define GW_BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"

/* The whole file ("-": standard input) as bytes with a NUL behind them, at most `limit`. Owned by the caller (gw__aligned_free);
 * begins on 64 bytes. GW_E_IO if it cannot be read, GW_E_LIMIT if it is larger. */
gw_status gw__file_read(const char *path, size_t limit, char **ret_bytes, size_t *ret_n, gw_error *err);

/* A file that appears whole or not at all: written beside its place, synced, renamed; where the system can, without a name until it is
 * complete, so that even a kill leaves nothing. "-" is standard output, and a path that is not a regular file (a pipe, /dev/null) is
 * written directly. */
typedef struct gw__writer {
    FILE *file;
    char *path, *temporary; /* temporary is NULL when written directly */
    bool named;             /* the temporary file has its name already */
} gw__writer;

gw_status gw__writer_open(gw__writer *writer, const char *path, gw_error *err);
gw_status gw__writer_put(gw__writer *writer, const void *bytes, size_t n, gw_error *err);
gw_status gw__writer_commit(gw__writer *writer, gw_error *err); /* flush, sync, rename; on failure as gw__writer_cancel */
void      gw__writer_cancel(gw__writer *writer);                /* leaves nothing behind; safe on {0} and after commit */

/* True if both paths lead to one regular file that is there, by whatever spelling or links. */
bool gw__file_same(const char *a, const char *b);

/* Paths that match `pattern` in byte order (in `arena`); a pattern without wildcards is itself, whether it exists or not.
 * GW_E_IO if a wildcard matches nothing. */
gw_status gw__files_match(const char *pattern, gw__arena *arena, const char ***ret_paths, size_t *ret_n, gw_error *err);

#endif
