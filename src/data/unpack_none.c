/* In the place of unpack_libraries.c where prediction shall need no library: compressed files are known, and refused. */
#include "data/unpack.h"

const gw__unpacker gw__unpack_gzip = {.name = "gzip"};
const gw__unpacker gw__unpack_xz = {.name = "xz"};
const gw__unpacker gw__unpack_zstd = {.name = "zstd"};
