/* JSON, strict (RFC 8259), read without allocation: the caller pulls tokens. Also a writer.
 * The reader is on the serving path: it copies nothing, and strings are given raw (escapes kept) with a function to decode them. */
#ifndef GW_BASE_JSON_H
#define GW_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define GW__JSON_DEPTH 64

typedef enum gw__json_token {
    GW__JSON_END, /* the text is complete */
    GW__JSON_BEGIN_OBJECT,
    GW__JSON_END_OBJECT,
    GW__JSON_BEGIN_LIST,
    GW__JSON_END_LIST,
    GW__JSON_KEY, /* text: raw, without quotes */
    GW__JSON_STRING,
    GW__JSON_NUMBER, /* text: as written */
    GW__JSON_TRUE,
    GW__JSON_FALSE,
    GW__JSON_NULL,
    GW__JSON_BAD, /* see `problem` */
} gw__json_token;

typedef struct gw__json {
    const char *start, *at, *end;
    gw__slice text;      /* of the last token */
    bool escaped;        /* the last string or key holds escapes: decode before use */
    const char *problem; /* what is wrong, when BAD; NULL otherwise */
    uint64_t in_object;  /* bit d: the container at depth d is an object */
    int depth, expect;
} gw__json;

void gw__json_init(gw__json *json, const char *bytes, size_t n);
gw__json_token gw__json_next(gw__json *json);
bool gw__json_skip(gw__json *json, gw__json_token first); /* the rest of the value that began with `first` */
/* Line and column (from 1, in bytes) of the last token. */
void gw__json_place(const gw__json *json, int64_t *ret_line, int64_t *ret_column);
/* Decode escapes of a raw string into out (room for text.n bytes). The number of bytes, or SIZE_MAX on a bad escape or lone surrogate. */
size_t gw__json_decode(gw__slice raw, char *out);

/* ---- writing: commas and quotes are kept by the writer; no blanks, keys in the caller's order ---- */
typedef struct gw__json_writer {
    gw__text *out;
    bool comma;
} gw__json_writer;

void gw__json_begin_object(gw__json_writer *w);
void gw__json_end_object(gw__json_writer *w);
void gw__json_begin_list(gw__json_writer *w);
void gw__json_end_list(gw__json_writer *w);
void gw__json_key(gw__json_writer *w, const char *key);
void gw__json_key_slice(gw__json_writer *w, gw__slice key);
void gw__json_string(gw__json_writer *w, const char *text);
void gw__json_slice(gw__json_writer *w, gw__slice text);
void gw__json_int(gw__json_writer *w, int64_t value);
void gw__json_double(gw__json_writer *w, double value); /* not finite: null */
void gw__json_bool(gw__json_writer *w, bool value);
void gw__json_null(gw__json_writer *w);

#endif
