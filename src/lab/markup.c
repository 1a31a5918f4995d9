#include "lab/markup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define DASH "\xE2\x80\x93"
#define MINUS "\xE2\x88\x92"
#define ELLIPSIS "\xE2\x80\xA6"
#define REPLACEMENT "\xEF\xBF\xBD"

/* ---- text ---- */

/* Bytes of the character that begins here; 0 if it is none. */
static size_t character_at(const char *text) {
    const unsigned char c = (unsigned char)*text;
    const size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    return strnlen(text, n) == n && gw__utf8_valid(text, n) ? n : 0;
}

/* C0 and C1 controls and the marks that turn the direction of what follows. */
static bool is_control(const char *at, size_t n) {
    const unsigned char *c = (const unsigned char *)at;
    if (n == 1) return (c[0] < 0x20 && c[0] != '\n' && c[0] != '\t') || c[0] == 0x7F;
    if (n == 2) return c[0] == 0xC2 && c[1] < 0xA0;
    if (n == 3 && c[0] == 0xEF) return c[1] == 0xBF && c[2] >= 0xBE; /* U+FFFE and U+FFFF are no characters */
    return n == 3 && c[0] == 0xE2 && ((c[1] == 0x80 && c[2] >= 0xAA && c[2] <= 0xAE) || (c[1] == 0x81 && c[2] >= 0xA6 && c[2] <= 0xA9));
}

static void put_character(gw__text *out, const char *at, size_t n) {
    switch (n == 1 ? *at : 0) {
    case '&': gw__text_puts(out, "&amp;"); return;
    case '<': gw__text_puts(out, "&lt;"); return;
    case '>': gw__text_puts(out, "&gt;"); return;
    case '"': gw__text_puts(out, "&quot;"); return;
    case '\'': gw__text_puts(out, "&#39;"); return;
    default: break;
    }
    if (n == 0 || is_control(at, n)) gw__text_puts(out, REPLACEMENT);
    else gw__text_add(out, at, n);
}

void gw__markup_text(gw__text *out, const char *text) {
    while (*text) {
        const size_t n = character_at(text);
        put_character(out, text, n);
        text += n ? n : 1;
    }
}

size_t gw__markup_columns(const char *text) {
    size_t columns = 0;
    while (*text) {
        const size_t n = character_at(text);
        columns += n ? gw__utf8_width(text, n) : 1;
        text += n ? n : 1;
    }
    return columns;
}

/* What is left out stands before the end of a name such as "income.12", which tells it from its like. */
void gw__markup_clip(gw__text *out, const char *text, size_t most) {
    const char *dot = strrchr(text, '.'), *tail = dot && gw__markup_columns(dot) <= 4 ? dot : "";
    const size_t kept = gw__markup_columns(tail) + 1;
    if (gw__markup_columns(text) <= most) {
        gw__markup_text(out, text);
        return;
    }
    for (size_t used = 0; *text;) {
        const size_t n = character_at(text), width = n ? gw__utf8_width(text, n) : 1;
        if (used + width + kept > most) break;
        put_character(out, text, n);
        used += width;
        text += n ? n : 1;
    }
    gw__text_puts(out, ELLIPSIS);
    gw__markup_text(out, tail);
}

void gw__markup_element(gw__text *out, const char *tag, const char *classes, const char *text) {
    gw__text_addf(out, "<%s", tag);
    if (classes) gw__text_addf(out, " class=\"%s\"", classes);
    gw__text_putc(out, '>');
    gw__markup_text(out, text);
    gw__text_addf(out, "</%s>", tag);
}

const char *gw__markup_shown(const gw__text *part) { return part->at ? part->at : ""; }

void gw__markup_done(gw__text *part, gw__text *out) {
    out->failed |= part->failed;
    gw__text_clear(part);
}

/* ---- JSON ---- */

static void put_line(gw__text *out, int depth) { gw__text_addf(out, "\n%*s", 2 * depth, ""); }

/* The end of the string that begins here. */
static const char *string_end(const char *at) {
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1]) at++;
    return *at ? at + 1 : at;
}

/* Up to the bracket that closes the list or object which begins here, if neither holds another of them; else NULL. */
static const char *flat_end(const char *at) {
    const char open = *at++;
    while (*at && *at != ']' && *at != '}' && *at != '[' && *at != '{') at = *at == '"' ? string_end(at) : at + 1;
    return *at == (open == '[' ? ']' : '}') ? at + 1 : NULL;
}

static void put_flat(gw__text *out, const char *at, const char *end) {
    while (at < end) {
        const char *next = *at == '"' ? string_end(at) : at + 1;
        gw__text_add(out, at, (size_t)(next - at));
        if (*at == ',' || *at == ':') gw__text_putc(out, ' ');
        at = next;
    }
}

void gw__markup_json(gw__text *out, const char *json) {
    int depth = 0;
    for (const char *at = json, *next; *at; at = next) {
        const char *flat = *at == '[' || *at == '{' ? flat_end(at) : NULL;
        next = flat && flat - at < 110 ? flat : *at == '"' ? string_end(at) : at + 1;
        if (flat == next) {
            put_flat(out, at, flat);
            continue;
        }
        if (*at == ']' || *at == '}') put_line(out, --depth);
        gw__text_add(out, at, (size_t)(next - at));
        if (*at == '[' || *at == '{') put_line(out, ++depth);
        if (*at == ',') put_line(out, depth);
        if (*at == ':') gw__text_putc(out, ' ');
    }
}

/* ---- numbers ---- */

static double power_of_ten(int n) {
    double p = 1;
    for (int i = 0; i < n; i++) p *= 10;
    return p;
}

/* In integers, as printf would write the locale's decimal point. */
static void put_fixed(gw__text *out, double value, int decimals, const char *minus) {
    const double scale = power_of_ten(decimals);
    if (!isfinite(value) || fabs(value) * scale >= 9e18) {
        gw__text_puts(out, DASH);
        return;
    }
    const unsigned long long units = (unsigned long long)llround(fabs(value) * scale), one = (unsigned long long)scale;
    if (value < 0 && units > 0) gw__text_puts(out, minus);
    gw__text_addf(out, "%llu", units / one);
    if (decimals > 0) gw__text_addf(out, ".%0*llu", decimals, units % one);
}

void gw__markup_fixed(gw__text *out, double value, int decimals) { put_fixed(out, value, decimals, MINUS); }

/* 1.23e-6: the first digits, and how often the point was moved. */
static void put_scientific(gw__text *out, double value) {
    double digits = fabs(value);
    int exponent = 0;
    for (; digits >= 9.995; exponent++) digits /= 10;
    for (; digits < 0.9995; exponent--) digits *= 10;
    gw__markup_fixed(out, value < 0 ? -digits : digits, 2);
    gw__text_addf(out, "e%s%d", exponent < 0 ? MINUS : "", exponent < 0 ? -exponent : exponent);
}

void gw__markup_value(gw__text *out, double value) {
    static const double bounds[] = {999.95, 99.995, 9.9995, 0.99995, 0.099995, 0.0099995, 0.00099995}; /* below each, one decimal more */
    const double size = fabs(value);
    int decimals = 0;
    if (size == 0) {
        gw__text_putc(out, '0');
    } else if (isfinite(value) && (size >= 1e7 || size < 1e-4)) {
        put_scientific(out, value);
    } else {
        while (decimals < (int)GW__COUNT(bounds) && size < bounds[decimals]) decimals++;
        gw__markup_fixed(out, value, decimals);
    }
}

void gw__markup_signed(gw__text *out, double value) {
    if (value > 0) gw__text_putc(out, '+');
    gw__markup_value(out, value);
}

void gw__markup_place(gw__text *out, double value) {
    put_fixed(out, value, 2, "-");
    while (out->n > 0 && !out->failed && out->at[out->n - 1] == '0') out->at[--out->n] = 0;
    if (out->n > 0 && !out->failed && out->at[out->n - 1] == '.') out->at[--out->n] = 0;
}

void gw__markup_count(gw__text *out, int64_t value) {
    char digits[32];
    const int n = snprintf(digits, sizeof digits, "%lld", (long long)value);
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-') gw__text_putc(out, ',');
        gw__text_putc(out, digits[i]);
    }
}
