/* The safetensors container: named arrays and a map of texts in one file. Knows nothing of models.
 *   8 bytes little-endian length n; n bytes JSON {"__metadata__":{…},"name":{"dtype":…,"shape":[…],"data_offsets":[a,b]},…}; data without holes.
 * Files from outside are hostile: every length is checked before it is used. */
#ifndef GW_FILE_SAFETENSORS_H
#define GW_FILE_SAFETENSORS_H

#include <stdint.h>

#include "base/files.h"
#include "base/mem.h"
#include "base/text.h"

#define GW__TENSOR_DIMS 8
#define GW__CHECKSUMS "gatewright.checksums"             /* metadata keys of the seals */
#define GW__HEADER_CHECKSUM "gatewright.header_checksum"

typedef enum gw__dtype { GW__F32, GW__F64, GW__F16, GW__BF16, GW__I64, GW__I32, GW__U32, GW__U64, GW__U8, GW__DTYPES } gw__dtype;

size_t gw__dtype_bytes(gw__dtype dtype);
const char *gw__dtype_name(gw__dtype dtype);

typedef struct gw__tensor {
    const char *name; /* NUL-terminated */
    gw__dtype dtype;
    size_t n_dims;
    uint64_t shape[GW__TENSOR_DIMS];
    const void *data; /* little-endian, not aligned beyond its item when the file is foreign */
    size_t n_bytes;
} gw__tensor;

bool gw__tensor_bytes(const gw__tensor *tensor, size_t *ret_bytes); /* of shape and dtype; false beyond size_t */

typedef struct gw__pair { const char *key; gw__slice value; } gw__pair;

typedef struct gw__container {
    gw__tensor *tensors; /* in the order of their data */
    size_t n_tensors;
    gw__pair *metadata;  /* in the file's order */
    size_t n_metadata;
    gw__slice header;    /* the JSON text as it stands in the file, padding included */
    size_t seal_at;      /* where in `header` the digits of its checksum stand; 0: it has none */
    const gw__tensor **by_name; /* [n_tensors], in byte order of the names */
    char *bytes;         /* the file */
    gw__arena arena;
} gw__container;

/* Read and verify: offsets without holes or overlap, sizes equal to shape x dtype, no duplicate names. GW_E_FORMAT with the place otherwise;
 * GW_E_UNSUPPORTED for a dtype or a number of dimensions that is not known here. The seals are not looked at: gw__container_verify. */
gw_status gw__container_read(const char *path, gw__container *ret_container, gw_error *err);
/* The same of bytes in memory; moved on success (gw__aligned_free). `name` is for messages. */
gw_status gw__container_parse(char *bytes, size_t n, const char *name, gw__container *ret_container, gw_error *err);
void      gw__container_clear(gw__container *container);

const gw__tensor *gw__container_tensor(const gw__container *container, const char *name); /* NULL if absent */
gw__slice gw__container_metadata(const gw__container *container, const char *key);        /* at NULL if absent */

/* Write tensors in the order given, the header padded with blanks so that the data begins on 64 bytes. `name` is for messages.
 * With `seal`, metadata gets "gatewright.checksums" (name -> CRC-32 of each tensor's data, as a JSON object) and "gatewright.header_checksum"
 * (CRC-32 of the length and the header, computed with its own digits as zeros); each is eight small hexadecimal digits. Pairs of these two
 * keys that are given are left out, so that the metadata of a file may be handed on. Equal inputs give equal bytes. */
gw_status gw__container_write(const gw__tensor *tensors, size_t n_tensors, const gw__pair *metadata, size_t n_metadata, bool seal,
                              gw__writer *writer, gw_error *err);
/* Check the seals. GW_E_FORMAT names the tensor (or the header) that was altered, or says that there is no seal. */
gw_status gw__container_verify(const gw__container *container, const char *name, gw_error *err);

/* CRC-32 as in zlib and PNG; begin with crc 0, go on with the last result. */
uint32_t gw__crc32(uint32_t crc, const void *bytes, size_t n);

#endif
