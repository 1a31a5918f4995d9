/* Where CSV text has structure: separators, quotes and ends of lines, found 64 bytes at a time. The plain version defines what is right. */
#ifndef GW_DATA_CSV_SCAN_H
#define GW_DATA_CSV_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define GW__CSV_BLOCK 64

typedef struct gw__csv_block {
    uint64_t structure; /* bit i: byte i is a separator, a quote, CR or LF */
    bool suspect;       /* some byte is NUL or beyond ASCII */
} gw__csv_block;

static inline gw__csv_block gw__csv_block_plain(const char *text, char separator) {
    gw__csv_block block = {0};
    for (int i = 0; i < GW__CSV_BLOCK; i++) {
        char c = text[i];
        block.structure |= (uint64_t)(c == separator || c == '"' || c == '\r' || c == '\n') << i;
        block.suspect |= c == 0 || (c & 0x80) != 0;
    }
    return block;
}

#if defined(__SSE2__)
static inline uint64_t gw__csv_structure_sse2(__m128i text, __m128i separator) {
    __m128i cell = _mm_or_si128(_mm_cmpeq_epi8(text, separator), _mm_cmpeq_epi8(text, _mm_set1_epi8('"')));
    __m128i line = _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(text, _mm_set1_epi8('\r')));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(cell, line));
}

static inline gw__csv_block gw__csv_block_sse2(const char *text, char separator) {
    const __m128i *from = (const __m128i *)(const void *)text;
    __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1), c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);
    __m128i s = _mm_set1_epi8(separator);
    __m128i least = _mm_min_epu8(_mm_min_epu8(a, b), _mm_min_epu8(c, d));
    __m128i high = _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d));
    return (gw__csv_block){
        .structure = gw__csv_structure_sse2(a, s) | gw__csv_structure_sse2(b, s) << 16 | gw__csv_structure_sse2(c, s) << 32 |
                     gw__csv_structure_sse2(d, s) << 48,
        .suspect = _mm_movemask_epi8(_mm_or_si128(high, _mm_cmpeq_epi8(least, _mm_setzero_si128()))) != 0,
    };
}
#endif

static inline gw__csv_block gw__csv_block_scan(const char *text, char separator) {
#if defined(__SSE2__)
    return gw__csv_block_sse2(text, separator);
#else
    return gw__csv_block_plain(text, separator);
#endif
}

#endif
