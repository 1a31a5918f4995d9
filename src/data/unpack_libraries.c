/* The decompressors of zlib, liblzma and libzstd: the only file that needs them (unpack_none.c stands in its place without). */
#include <limits.h>
#include <lzma.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "data/unpack.h"

/* ---- gzip: members end to end, zeros behind the last ---- */

typedef struct gzip {
    z_stream z;
    bool between; /* before a member's first byte, the first member apart */
} gzip;

static void *gzip_new(void) {
    gzip *g = calloc(1, sizeof *g);
    if (g != NULL && inflateInit2(&g->z, 15 + 16) != Z_OK) {
        free(g);
        return NULL;
    }
    return g;
}

static void gzip_free(void *state) {
    gzip *g = state;
    inflateEnd(&g->z);
    free(g);
}

static uInt clip(size_t n) {
    return n > UINT_MAX ? UINT_MAX : (uInt)n;
}

static gw__unpack_result gzip_inflate(gzip *g, gw__unpack_io *io) {
    z_stream *z = &g->z;
    uInt in_n = clip(io->in_n), out_n = clip(io->out_n);
    z->next_in = (Bytef *)(uintptr_t)io->in; /* zlib does not write there */
    z->avail_in = in_n;
    z->next_out = io->out;
    z->avail_out = out_n;
    int result = inflate(z, Z_NO_FLUSH);
    io->in += in_n - z->avail_in, io->in_n -= in_n - z->avail_in;
    io->out += out_n - z->avail_out, io->out_n -= out_n - z->avail_out;
    if (result == Z_MEM_ERROR) return GW__UNPACK_NOMEM;
    if (result == Z_STREAM_END) {
        g->between = true;
        return inflateReset(z) == Z_OK ? GW__UNPACK_GOES_ON : GW__UNPACK_CORRUPT;
    }
    if (result != Z_OK && result != Z_BUF_ERROR) return GW__UNPACK_CORRUPT;
    bool stuck = result == Z_BUF_ERROR && io->in_n == 0 && io->out_n > 0;
    return stuck && io->last ? GW__UNPACK_TRUNCATED : GW__UNPACK_GOES_ON;
}

static gw__unpack_result gzip_step(void *state, gw__unpack_io *io) {
    gzip *g = state;
    if (g->between) {
        while (io->in_n > 0 && io->in[0] == 0) io->in++, io->in_n--;
        if (io->in_n == 0) return io->last ? GW__UNPACK_COMPLETE : GW__UNPACK_GOES_ON;
        g->between = false;
    }
    return gzip_inflate(g, io);
}

const gw__unpacker gw__unpack_gzip = {"gzip", gzip_new, gzip_step, gzip_free};

/* ---- xz: streams end to end ---- */

static void *xz_new(void) {
    lzma_stream *x = calloc(1, sizeof *x);
    if (x != NULL && lzma_stream_decoder(x, GW__UNPACK_MEMORY, LZMA_CONCATENATED) != LZMA_OK) {
        free(x);
        return NULL;
    }
    return x;
}

static void xz_free(void *state) {
    lzma_end(state);
    free(state);
}

static gw__unpack_result xz_step(void *state, gw__unpack_io *io) {
    lzma_stream *x = state;
    x->next_in = io->in;
    x->avail_in = io->in_n;
    x->next_out = io->out;
    x->avail_out = io->out_n;
    lzma_ret result = lzma_code(x, io->last ? LZMA_FINISH : LZMA_RUN);
    io->in = x->next_in, io->in_n = x->avail_in;
    io->out = x->next_out, io->out_n = x->avail_out;
    switch (result) {
    case LZMA_OK: return GW__UNPACK_GOES_ON;
    case LZMA_STREAM_END: return GW__UNPACK_COMPLETE;
    case LZMA_MEM_ERROR: return GW__UNPACK_NOMEM;
    case LZMA_MEMLIMIT_ERROR: return GW__UNPACK_TOO_LARGE;
    case LZMA_BUF_ERROR: return io->last && io->out_n > 0 ? GW__UNPACK_TRUNCATED : GW__UNPACK_GOES_ON;
    default: return GW__UNPACK_CORRUPT;
    }
}

const gw__unpacker gw__unpack_xz = {"xz", xz_new, xz_step, xz_free};

/* ---- zstd: frames end to end, skippable ones among them ---- */

typedef struct zstd {
    ZSTD_DCtx *context;
    bool between; /* before a frame's first byte */
} zstd;

static void *zstd_new(void) {
    zstd *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->context = ZSTD_createDCtx(); /* its own default limits the window to 128 MiB */
    if (s->context == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

static void zstd_free(void *state) {
    zstd *s = state;
    ZSTD_freeDCtx(s->context);
    free(s);
}

static gw__unpack_result zstd_failure(size_t result) {
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_frameParameter_windowTooLarge: return GW__UNPACK_TOO_LARGE;
    case ZSTD_error_memory_allocation: return GW__UNPACK_NOMEM;
    default: return GW__UNPACK_CORRUPT;
    }
}

static gw__unpack_result zstd_step(void *state, gw__unpack_io *io) {
    zstd *s = state;
    if (io->in_n == 0 && s->between) return io->last ? GW__UNPACK_COMPLETE : GW__UNPACK_GOES_ON;
    ZSTD_inBuffer in = {io->in, io->in_n, 0};
    ZSTD_outBuffer out = {io->out, io->out_n, 0};
    size_t result = ZSTD_decompressStream(s->context, &out, &in);
    if (ZSTD_isError(result)) return zstd_failure(result);
    io->in += in.pos, io->in_n -= in.pos;
    io->out += out.pos, io->out_n -= out.pos;
    s->between = result == 0;
    bool stuck = in.pos == 0 && out.pos == 0 && io->out_n > 0;
    return stuck && io->last && !s->between ? GW__UNPACK_TRUNCATED : GW__UNPACK_GOES_ON;
}

const gw__unpacker gw__unpack_zstd = {"zstd", zstd_new, zstd_step, zstd_free};
