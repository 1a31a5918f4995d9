/* Decompressors behind one face: bytes in, bytes out, and a plain word on how the input stands. They know nothing of files. */
#ifndef GW_DATA_UNPACK_H
#define GW_DATA_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW__UNPACK_MAGIC 16 /* first bytes that tell one kind from another */

/* The step takes from `in` and gives to `out`, moving both. */
typedef struct gw__unpack_io {
    const uint8_t *in;
    size_t in_n;
    uint8_t *out;
    size_t out_n;
    bool last; /* nothing follows `in` */
} gw__unpack_io;

typedef enum gw__unpack_result {
    GW__UNPACK_GOES_ON,   /* wants more input or more room */
    GW__UNPACK_COMPLETE,  /* the input ended where it may end */
    GW__UNPACK_TRUNCATED, /* the input ended before that */
    GW__UNPACK_CORRUPT,
    GW__UNPACK_TOO_LARGE, /* asks for more memory than GW__UNPACK_MEMORY */
    GW__UNPACK_NOMEM,
} gw__unpack_result;

#define GW__UNPACK_MEMORY ((uint64_t)256 << 20) /* xz -9 needs 65 MiB, zstd --ultra 128 */

typedef struct gw__unpacker {
    const char *name;
    void *(*new)(void); /* gives NULL when out of memory; NULL itself where this build cannot unpack the kind */
    gw__unpack_result (*step)(void *state, gw__unpack_io *io);
    void (*free)(void *state);
} gw__unpacker;

extern const gw__unpacker gw__unpack_gzip, gw__unpack_xz, gw__unpack_zstd; /* unpack_libraries.c, or unpack_none.c */

/* The one for contents that begin so (`first`: up to GW__UNPACK_MAGIC bytes); NULL: take them as they are. */
const gw__unpacker *gw__unpacker_find(const uint8_t *first, size_t n);

/* What contents that are surely no text are called ("a zip archive"), or NULL. */
const char *gw__foreign_kind(const uint8_t *first, size_t n);

#endif
