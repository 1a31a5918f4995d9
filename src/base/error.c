#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Messages quote bytes from outside. What would break a line, move a terminal's cursor or end in half a character becomes '?'. */
static void make_printable(char *text) {
    size_t n = strlen(text);
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)text[i];
        size_t length = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        if (c < 0x20 || c == 0x7F || (c >= 0x80 && (i + length > n || !gw__utf8_valid(text + i, length)))) {
            text[i++] = '?';
        } else {
            i += length;
        }
    }
}

static void copy_where(const char *where, char *out, size_t size) {
    size_t n = strlen(where), room = size - 1;
    if (n <= room) {
        memcpy(out, where, n + 1);
    } else { /* the end of a long path says more than its beginning */
        memcpy(out, "...", 3);
        memcpy(out + 3, where + n - (room - 3), room - 3 + 1);
    }
    make_printable(out);
}

/* The arguments may point into *err, so that it is written last. */
static void fill(gw_error *err, gw_status code, const char *where, int64_t line, int64_t column, const char *format, va_list args) {
    gw_error made = {.code = code, .line = line, .column = column};
    vsnprintf(made.message, sizeof made.message, format, args);
    make_printable(made.message);
    if (where != NULL) copy_where(where, made.where, sizeof made.where);
    *err = made;
}

gw_status gw__fail(gw_error *err, gw_status code, const char *format, ...) {
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        fill(err, code, NULL, 0, 0, format, args);
        va_end(args);
    }
    return code;
}

gw_status gw__fail_at(gw_error *err, gw_status code, const char *where, int64_t line, int64_t column, const char *format, ...) {
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        fill(err, code, where, line, column, format, args);
        va_end(args);
    }
    return code;
}

gw_status gw__fail_nomem(gw_error *err) {
    return gw__fail(err, GW_E_NOMEM, "out of memory");
}
