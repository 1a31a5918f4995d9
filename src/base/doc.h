/* A document: the tree that a YAML or JSON text stands for, with the place of every node, before anyone asks what it means.
 * Scalars keep their source text; whether `1e-3` is a number or a name is decided by who reads the key. */
#ifndef GW_BASE_DOC_H
#define GW_BASE_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/text.h"

#define GW__DOC_DEPTH 64

typedef enum gw__doc_kind { GW__DOC_SCALAR, GW__DOC_LIST, GW__DOC_MAP } gw__doc_kind;

typedef struct gw__doc {
    gw__doc_kind kind;
    bool quoted;      /* scalar: was in quotes (or a JSON string), so it is text */
    gw__slice text;   /* scalar: decoded; NUL-terminated in the arena */
    gw__slice key;    /* of this node in its map; NUL-terminated in the arena */
    int64_t line, column, key_line, key_column; /* from 1; 0 for what --set put in */
    size_t n;                    /* children */
    struct gw__doc *first, *last, *next;
} gw__doc;

/* Parse strict JSON into `arena`. `name` is the file's, for messages. Duplicate keys, depth over 64 and invalid UTF-8 are errors with their place. */
gw_status gw__doc_parse_json(const char *bytes, size_t n, const char *name, gw__arena *arena, gw__doc **ret_doc, gw_error *err);

const gw__doc *gw__doc_get(const gw__doc *map, const char *key); /* NULL if absent or not a map */
gw__slice gw__doc_text(const gw__doc *node); /* of a scalar; empty where there is none */
bool gw__doc_is_null(const gw__doc *node); /* plain empty, ~, null */

/* Build: append a child (its key NULL in a list). NULL when out of memory. */
gw__doc *gw__doc_new(gw__arena *arena, gw__doc_kind kind);
gw__doc *gw__doc_new_scalar(gw__arena *arena, const char *text, size_t n, bool quoted);
bool     gw__doc_add(gw__arena *arena, gw__doc *parent, const char *key, gw__doc *child);

#endif
