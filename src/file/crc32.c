#include <string.h>

#include "file/safetensors.h"

/* CRC-32 (reflected polynomial 0xEDB88320), eight bytes at a time through eight tables. The tables are linear in their index: 64 numbers,
 * each the next step of the one before, give them all, and the compiler does so. */

#define STEP(c) ((c) >> 1 ^ ((c) & 1 ? 0xEDB88320u : 0u))
#define STEPS(k, before)                                                                                                            \
    S##k##7 = (before), S##k##6 = STEP(S##k##7), S##k##5 = STEP(S##k##6), S##k##4 = STEP(S##k##5), S##k##3 = STEP(S##k##4), \
    S##k##2 = STEP(S##k##3), S##k##1 = STEP(S##k##2), S##k##0 = STEP(S##k##1)

/* S<table><bit>: the entry of a table for a byte of one bit. */
enum steps {
    STEPS(0, 0xEDB88320u), STEPS(1, STEP(S00)), STEPS(2, STEP(S10)), STEPS(3, STEP(S20)),
    STEPS(4, STEP(S30)), STEPS(5, STEP(S40)), STEPS(6, STEP(S50)), STEPS(7, STEP(S60))
};

#define BIT(k, b, i) (((b) >> i & 1) != 0 ? (uint32_t)S##k##i : 0u)
#define T1(k, b) (BIT(k, b, 0) ^ BIT(k, b, 1) ^ BIT(k, b, 2) ^ BIT(k, b, 3) ^ BIT(k, b, 4) ^ BIT(k, b, 5) ^ BIT(k, b, 6) ^ BIT(k, b, 7))
#define T4(k, b) T1(k, b), T1(k, (b) + 1), T1(k, (b) + 2), T1(k, (b) + 3)
#define T16(k, b) T4(k, b), T4(k, (b) + 4), T4(k, (b) + 8), T4(k, (b) + 12)
#define T64(k, b) T16(k, b), T16(k, (b) + 16), T16(k, (b) + 32), T16(k, (b) + 48)
#define T256(k) {T64(k, 0), T64(k, 64), T64(k, 128), T64(k, 192)}

static const uint32_t table[8][256] = {T256(0), T256(1), T256(2), T256(3), T256(4), T256(5), T256(6), T256(7)};

static uint64_t little(const unsigned char *p) {
    uint64_t x;
    memcpy(&x, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

uint32_t gw__crc32(uint32_t crc, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t x = little(p) ^ crc;
        crc = table[7][x & 0xFF] ^ table[6][x >> 8 & 0xFF] ^ table[5][x >> 16 & 0xFF] ^ table[4][x >> 24 & 0xFF] ^
              table[3][x >> 32 & 0xFF] ^ table[2][x >> 40 & 0xFF] ^ table[1][x >> 48 & 0xFF] ^ table[0][x >> 56];
    }
    for (; n > 0; n--) crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xFF];
    return ~crc;
}
