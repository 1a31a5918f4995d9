#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- slices ---- */

int gw__slice_shown(gw__slice s) {
    size_t n = s.n > 80 ? 80 : s.n;
    while (n > 0 && n < s.n && ((unsigned char)s.at[n] & 0xC0) == 0x80) n--;
    return (int)n;
}

gw__slice gw__slice_of(const char *text) {
    return (gw__slice){text, strlen(text)};
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

gw__slice gw__slice_trim(gw__slice s) {
    while (s.n > 0 && is_blank(s.at[0])) s.at++, s.n--;
    while (s.n > 0 && is_blank(s.at[s.n - 1])) s.n--;
    return s;
}

bool gw__slice_equal(gw__slice a, gw__slice b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

bool gw__slice_is(gw__slice a, const char *text) {
    return gw__slice_equal(a, gw__slice_of(text));
}

/* ---- growing text ---- */

/* Room for n more bytes and the final NUL. */
static bool reserve(gw__text *text, size_t n) {
    size_t need;
    if (text->failed) return false;
    if (!gw__add_size(text->n, n, &need) || !gw__add_size(need, 1, &need) ||
        gw__grow((void **)&text->at, &text->capacity, need, 1, NULL) != GW_OK) {
        text->failed = true;
        return false;
    }
    return true;
}

void gw__text_add(gw__text *text, const char *bytes, size_t n) {
    if (!reserve(text, n)) return;
    if (n > 0) memcpy(text->at + text->n, bytes, n);
    text->n += n;
    text->at[text->n] = '\0';
}

void gw__text_puts(gw__text *text, const char *string) {
    gw__text_add(text, string, strlen(string));
}

void gw__text_putc(gw__text *text, char c) {
    gw__text_add(text, &c, 1);
}

void gw__text_addf(gw__text *text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n < 0) {
        text->failed = true;
    } else if (reserve(text, (size_t)n)) {
        vsnprintf(text->at + text->n, (size_t)n + 1, format, again);
        text->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void gw__text_csv(gw__text *text, gw__slice cell) {
    bool plain = gw__slice_trim(cell).n == cell.n;
    for (size_t i = 0; plain && i < cell.n; i++) plain = !strchr(",\"\r\n", cell.at[i]) && cell.at[i] != '\0';
    if (plain) {
        gw__text_add(text, cell.at, cell.n);
        return;
    }
    gw__text_putc(text, '"');
    for (size_t i = 0; i < cell.n; i++) {
        if (cell.at[i] == '"') gw__text_putc(text, '"');
        gw__text_putc(text, cell.at[i]);
    }
    gw__text_putc(text, '"');
}

void gw__text_clear(gw__text *text) {
    free(text->at);
    *text = (gw__text){0};
}

/* ---- UTF-8 ---- */

/* The length of the well-formed character at s, or 0. */
static size_t character(const unsigned char *s, size_t n, uint32_t *ret_code) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    if (length == 0 || length > n) return 0;
    uint32_t code = length == 1 ? s[0] : s[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80) return 0;
        code = code << 6 | (s[i] & 0x3F);
    }
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
    *ret_code = code;
    return length;
}

bool gw__utf8_valid(const char *bytes, size_t n) {
    const unsigned char *s = (const unsigned char *)bytes, *end = s + n;
    while (s < end) {
        uint64_t eight;
        if (end - s >= 8 && (memcpy(&eight, s, 8), (eight & 0x8080808080808080u) == 0)) {
            s += 8;
            continue;
        }
        uint32_t code;
        size_t length = character(s, (size_t)(end - s), &code);
        if (length == 0) return false;
        s += length;
    }
    return true;
}

typedef struct range { uint32_t first, last; } range;

static bool is_in(uint32_t code, const range *ranges, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last) return true;
    }
    return false;
}

static size_t width_of(uint32_t code) {
    static const range zero[] = {{0x300, 0x36F}, {0x483, 0x489}, {0x591, 0x5BD}, {0x64B, 0x65F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},
                                 {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}};
    static const range wide[] = {{0x1100, 0x115F}, {0x2E80, 0x303E}, {0x3041, 0xA4CF}, {0xA960, 0xA97F}, {0xAC00, 0xD7A3},
                                 {0xF900, 0xFAFF}, {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
                                 {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
    if (code < 0x300) return 1;
    return is_in(code, zero, GW__COUNT(zero)) ? 0 : is_in(code, wide, GW__COUNT(wide)) ? 2 : 1;
}

size_t gw__utf8_width(const char *bytes, size_t n) {
    const unsigned char *s = (const unsigned char *)bytes, *end = s + n;
    size_t width = 0;
    while (s < end) {
        uint32_t code;
        size_t length = character(s, (size_t)(end - s), &code);
        width += length == 0 ? 1 : width_of(code); /* a stray byte is shown as one '?' */
        s += length == 0 ? 1 : length;
    }
    return width;
}

/* ---- the nearest known word ---- */

#define LONGEST_WORD 64

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static size_t least_of(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and transpositions of neighbours, upper and lower case taken as the same. */
static size_t distance(gw__slice a, gw__slice b) {
    size_t rows[3][LONGEST_WORD + 1], *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.n; j++) above[j] = before[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = lower(a.at[i - 1]), y = lower(b.at[j - 1]);
            row[j] = least_of(above[j - 1] + (x != y), least_of(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == lower(b.at[j - 2]) && y == lower(a.at[i - 2])) row[j] = least_of(row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[b.n];
}

const char *gw__nearest(gw__slice word, const char *const *known, size_t n) {
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    if (word.n == 0 || word.n > LONGEST_WORD) return NULL;
    for (size_t i = 0; i < n; i++) {
        gw__slice candidate = gw__slice_of(known[i]);
        if (candidate.n == 0 || candidate.n > LONGEST_WORD) continue;
        size_t d = distance(word, candidate), longer = word.n > candidate.n ? word.n : candidate.n;
        if (d <= 1 + longer / 4 && d < longer && d < best_distance) { /* nearer than half of it, and not a different word altogether */
            best = known[i];
            best_distance = d;
        }
    }
    return best;
}
