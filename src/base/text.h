/* Text: borrowed slices, growing buffers, the nearest known word. */
#ifndef GW_BASE_TEXT_H
#define GW_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Borrowed bytes, not NUL-terminated. Printed as "%.*s" with GW__SLICE_ARG, which cuts what is too long to show, between characters. */
typedef struct gw__slice {
    const char *at;
    size_t n;
} gw__slice;

#define GW__SLICE_ARG(s) gw__slice_shown(s), (s).at
#define GW__SLICE(literal) ((gw__slice){literal, sizeof(literal) - 1})

int gw__slice_shown(gw__slice s);         /* bytes to show: at most 80, no UTF-8 character cut in two */
gw__slice gw__slice_of(const char *text); /* of a C string */
gw__slice gw__slice_trim(gw__slice s);    /* without blanks and tabs at both ends */
bool gw__slice_equal(gw__slice a, gw__slice b);
bool gw__slice_is(gw__slice a, const char *text);

/* A growing buffer, always NUL-terminated once something was added. {0} is empty and ready for use.
 * Failure to grow is remembered in `failed`, so that a writer may check once, at its end. */
typedef struct gw__text {
    char *at;
    size_t n, capacity;
    bool failed;
} gw__text;

void gw__text_add(gw__text *text, const char *bytes, size_t n);
void gw__text_puts(gw__text *text, const char *string);
void gw__text_putc(gw__text *text, char c);
void gw__text_addf(gw__text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gw__text_csv(gw__text *text, gw__slice cell); /* a cell that reads back as it is: quoted where something would be lost */
void gw__text_clear(gw__text *text); /* frees */

/* True for well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool gw__utf8_valid(const char *bytes, size_t n);
/* The number of columns a terminal needs; wide East Asian characters count 2. */
size_t gw__utf8_width(const char *bytes, size_t n);

/* The nearest of `n` known words by edit distance (with transpositions), or NULL if none is near enough to be meant. */
const char *gw__nearest(gw__slice word, const char *const *known, size_t n);

#endif
