#include "data/unpack.h"

#include <string.h>

#include "base/mem.h"

static bool begins(const uint8_t *first, size_t n, const char *magic, size_t magic_n) {
    return n >= magic_n && memcmp(first, magic, magic_n) == 0;
}

#define BEGINS(first, n, magic) begins(first, n, magic, sizeof(magic) - 1)

static bool is_gzip(const uint8_t *first, size_t n) {
    return BEGINS(first, n, "\x1f\x8b\x08");
}

static bool is_xz(const uint8_t *first, size_t n) {
    return BEGINS(first, n, "\xFD"
                            "7zXZ\0");
}

static bool is_zstd(const uint8_t *first, size_t n) {
    return BEGINS(first, n, "\x28\xB5\x2F\xFD") || (n >= 4 && (first[0] & 0xF0) == 0x50 && memcmp(first + 1, "\x2A\x4D\x18", 3) == 0);
}

/* ---- the roster ---- */

static const struct {
    bool (*is)(const uint8_t *first, size_t n);
    const gw__unpacker *unpacker;
} kinds[] = {{is_gzip, &gw__unpack_gzip}, {is_xz, &gw__unpack_xz}, {is_zstd, &gw__unpack_zstd}};

const gw__unpacker *gw__unpacker_find(const uint8_t *first, size_t n) {
    for (size_t i = 0; i < GW__COUNT(kinds); i++) {
        if (kinds[i].is(first, n)) return kinds[i].unpacker;
    }
    return NULL;
}

#define FOREIGN(magic, kind) {magic, sizeof(magic) - 1, kind}

static const struct { const char *magic; size_t n; const char *kind; } foreign[] = {
    FOREIGN("BZh91AY&SY", "bzip2"), /* as every bzip2 of default block size begins */
    FOREIGN("\x04\x22\x4D\x18", "lz4"),
    FOREIGN("PK\x03\x04", "a zip archive or spreadsheet"),
    FOREIGN("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an old spreadsheet"),
    FOREIGN("ARROW1\0\0", "an Arrow file"),
    FOREIGN("PAR1\x15", "a Parquet file"),
    FOREIGN("\xFF\xFE\0\0", "UTF-32 text"),
    FOREIGN("\0\0\xFE\xFF", "UTF-32 text"),
    FOREIGN("\xFF\xFE", "UTF-16 text"),
    FOREIGN("\xFE\xFF", "UTF-16 text"),
};

const char *gw__foreign_kind(const uint8_t *first, size_t n) {
    for (size_t i = 0; i < GW__COUNT(foreign); i++) {
        if (begins(first, n, foreign[i].magic, foreign[i].n)) return foreign[i].kind;
    }
    return NULL;
}
