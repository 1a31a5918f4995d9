/* Bytes of a file, standard input or memory, decompressed on the way when they begin as gzip, xz or zstd do.
 * What is truncated or altered is an error when it is reached, never a short file. */
#ifndef GW_DATA_BYTES_H
#define GW_DATA_BYTES_H

#include "base/text.h"

typedef struct gw__bytes gw__bytes;

/* Open a file ("-": standard input). `name` is for messages; both are borrowed until close. Owned by the caller (gw__bytes_close).
 * GW_E_IO if it cannot be opened or is a directory. */
gw_status gw__bytes_open(const char *path, const char *name, gw__bytes **ret_bytes, gw_error *err);
/* The same of bytes in memory, borrowed until close. */
gw_status gw__bytes_open_memory(gw__slice memory, const char *name, gw__bytes **ret_bytes, gw_error *err);
void      gw__bytes_close(gw__bytes *bytes);

/* The next bytes; fewer than `n` only at the end. GW_E_IO, GW_E_FORMAT (truncated, altered), GW_E_LIMIT (needs too much memory). */
gw_status gw__bytes_read(gw__bytes *bytes, char *out, size_t n, size_t *ret_n, gw_error *err);

#endif
