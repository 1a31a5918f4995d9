#include "data/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "data/unpack.h"

#define IN_BYTES (128u << 10)

struct gw__bytes {
    const char *name;
    int fd;           /* -1: from memory */
    bool closes;      /* fd is ours */
    gw__slice memory; /* what is left of it */
    const gw__unpacker *unpacker; /* NULL: bytes as they are */
    void *state;
    bool complete;    /* the unpacker has given its last byte */
    bool drained;     /* the file has given its last byte */
    size_t in_at, in_n;
    uint8_t in[IN_BYTES]; /* read, not yet unpacked; of plain files the first bytes only */
};

/* ---- raw bytes ---- */

static gw_status read_some(gw__bytes *bytes, void *out, size_t n, size_t *ret_n, gw_error *err) {
    if (bytes->fd < 0) {
        *ret_n = n < bytes->memory.n ? n : bytes->memory.n;
        if (*ret_n > 0) memcpy(out, bytes->memory.at, *ret_n);
        bytes->memory.at += *ret_n, bytes->memory.n -= *ret_n;
        return GW_OK;
    }
    ssize_t got;
    do {
        got = read(bytes->fd, out, n);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return gw__fail_at(err, GW_E_IO, bytes->name, 0, 0, "cannot read the file: %s", strerror(errno));
    *ret_n = (size_t)got;
    return GW_OK;
}

/* All of `n`, or what there is. */
static gw_status read_all(gw__bytes *bytes, void *out, size_t n, size_t *ret_n, gw_error *err) {
    size_t done = 0;
    while (done < n && !bytes->drained) {
        size_t got = 0;
        gw_status status = read_some(bytes, (char *)out + done, n - done, &got, err);
        if (status != GW_OK) return status;
        bytes->drained = got == 0;
        done += got;
    }
    *ret_n = done;
    return GW_OK;
}

static size_t take_in(gw__bytes *bytes, void *out, size_t n) {
    size_t have = bytes->in_n - bytes->in_at;
    if (n > have) n = have;
    memcpy(out, bytes->in + bytes->in_at, n);
    bytes->in_at += n;
    return n;
}

/* ---- unpacking ---- */

static gw_status unpack_failure(const gw__bytes *bytes, gw__unpack_result result, gw_error *err) {
    const char *kind = bytes->unpacker->name;
    switch (result) {
    case GW__UNPACK_TRUNCATED:
        return gw__fail_at(err, GW_E_FORMAT, bytes->name, 0, 0, "expected the end of the %s data but the file stops before it; "
                           "hint: the file is incomplete, obtain it again", kind);
    case GW__UNPACK_TOO_LARGE:
        return gw__fail_at(err, GW_E_LIMIT, bytes->name, 0, 0, "the %s data needs more than %d MiB to decompress; "
                           "hint: compress it with a smaller window", kind, (int)(GW__UNPACK_MEMORY >> 20));
    case GW__UNPACK_NOMEM: return gw__fail_nomem(err);
    default:
        return gw__fail_at(err, GW_E_FORMAT, bytes->name, 0, 0, "the %s data is damaged; hint: obtain the file again", kind);
    }
}

static gw_status refill_in(gw__bytes *bytes, gw_error *err) {
    size_t got = 0;
    if (bytes->in_at < bytes->in_n || bytes->drained) return GW_OK;
    gw_status status = read_some(bytes, bytes->in, IN_BYTES, &got, err);
    if (status != GW_OK) return status;
    bytes->in_at = 0;
    bytes->in_n = got;
    bytes->drained = got == 0;
    return GW_OK;
}

static gw_status read_unpacked(gw__bytes *bytes, char *out, size_t n, size_t *ret_n, gw_error *err) {
    gw__unpack_io io = {.out = (uint8_t *)out, .out_n = n};
    while (io.out_n > 0 && !bytes->complete) {
        gw_status status = refill_in(bytes, err);
        if (status != GW_OK) return status;
        io.in = bytes->in + bytes->in_at;
        io.in_n = bytes->in_n - bytes->in_at;
        io.last = bytes->drained;
        gw__unpack_result result = bytes->unpacker->step(bytes->state, &io);
        bytes->in_at = bytes->in_n - io.in_n;
        if (result != GW__UNPACK_GOES_ON && result != GW__UNPACK_COMPLETE) return unpack_failure(bytes, result, err);
        bytes->complete = result == GW__UNPACK_COMPLETE;
    }
    *ret_n = n - io.out_n;
    return GW_OK;
}

gw_status gw__bytes_read(gw__bytes *bytes, char *out, size_t n, size_t *ret_n, gw_error *err) {
    if (bytes->unpacker != NULL) return read_unpacked(bytes, out, n, ret_n, err);
    size_t first = take_in(bytes, out, n), rest = 0;
    gw_status status = read_all(bytes, out + first, n - first, &rest, err);
    if (status == GW_OK) *ret_n = first + rest;
    return status;
}

/* ---- opening ---- */

static gw_status open_fd(gw__bytes *bytes, const char *path, gw_error *err) {
    struct stat about;
    bytes->closes = strcmp(path, "-") != 0;
    bytes->fd = bytes->closes ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (bytes->fd < 0 || fstat(bytes->fd, &about) != 0) {
        return gw__fail_at(err, GW_E_IO, bytes->name, 0, 0, "cannot open the file: %s", strerror(errno));
    }
    if (S_ISDIR(about.st_mode)) {
        return gw__fail_at(err, GW_E_IO, bytes->name, 0, 0,
                           "expected a file but found a directory; hint: give a pattern such as '%s/*.csv'", path);
    }
    return GW_OK;
}

/* Look at the first bytes to know what they are. */
static gw_status detect(gw__bytes *bytes, gw_error *err) {
    gw_status status = read_all(bytes, bytes->in, GW__UNPACK_MAGIC, &bytes->in_n, err);
    if (status != GW_OK) return status;
    bytes->unpacker = gw__unpacker_find(bytes->in, bytes->in_n);
    if (bytes->unpacker == NULL) return GW_OK;
    if (bytes->unpacker->new == NULL) {
        return gw__fail_at(err, GW_E_UNSUPPORTED, bytes->name, 0, 0, "the file is in %s, which this build does not unpack; hint: unpack it first",
                           bytes->unpacker->name);
    }
    bytes->state = bytes->unpacker->new();
    return bytes->state == NULL ? gw__fail_nomem(err) : GW_OK;
}

static gw__bytes *bytes_new(const char *name) {
    gw__bytes *bytes = malloc(sizeof *bytes);
    if (bytes == NULL) return NULL;
    memset(bytes, 0, offsetof(gw__bytes, in));
    bytes->name = name;
    bytes->fd = -1;
    return bytes;
}

gw_status gw__bytes_open(const char *path, const char *name, gw__bytes **ret_bytes, gw_error *err) {
    gw__bytes *bytes = bytes_new(name);
    if (bytes == NULL) return gw__fail_nomem(err);
    gw_status status = open_fd(bytes, path, err);
    if (status == GW_OK) status = detect(bytes, err);
    if (status == GW_OK) *ret_bytes = bytes;
    else gw__bytes_close(bytes);
    return status;
}

gw_status gw__bytes_open_memory(gw__slice memory, const char *name, gw__bytes **ret_bytes, gw_error *err) {
    gw__bytes *bytes = bytes_new(name);
    if (bytes == NULL) return gw__fail_nomem(err);
    bytes->memory = memory;
    gw_status status = detect(bytes, err);
    if (status == GW_OK) *ret_bytes = bytes;
    else gw__bytes_close(bytes);
    return status;
}

void gw__bytes_close(gw__bytes *bytes) {
    if (bytes == NULL) return;
    if (bytes->state != NULL) bytes->unpacker->free(bytes->state);
    if (bytes->closes && bytes->fd >= 0) close(bytes->fd);
    free(bytes);
}
