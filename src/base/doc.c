#include "base/doc.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* ---- building and asking ---- */

gw__doc *gw__doc_new(gw__arena *arena, gw__doc_kind kind) {
    gw__doc *doc = gw__arena_alloc(arena, 1, sizeof *doc);
    if (doc != NULL) doc->kind = kind;
    return doc;
}

gw__doc *gw__doc_new_scalar(gw__arena *arena, const char *text, size_t n, bool quoted) {
    gw__doc *doc = gw__doc_new(arena, GW__DOC_SCALAR);
    char *copy = doc == NULL ? NULL : gw__arena_text(arena, text, n);
    if (copy == NULL) return NULL;
    doc->text = (gw__slice){copy, n};
    doc->quoted = quoted;
    return doc;
}

static void append(gw__doc *parent, gw__doc *child) {
    if (parent->last != NULL) parent->last->next = child;
    else parent->first = child;
    parent->last = child;
    parent->n++;
}

bool gw__doc_add(gw__arena *arena, gw__doc *parent, const char *key, gw__doc *child) {
    if (key != NULL) {
        size_t n = strlen(key);
        char *copy = gw__arena_text(arena, key, n);
        if (copy == NULL) return false;
        child->key = (gw__slice){copy, n};
    }
    append(parent, child);
    return true;
}

const gw__doc *gw__doc_get(const gw__doc *map, const char *key) {
    if (map == NULL || map->kind != GW__DOC_MAP) return NULL;
    gw__slice wanted = gw__slice_of(key);
    for (const gw__doc *child = map->first; child != NULL; child = child->next) {
        if (gw__slice_equal(child->key, wanted)) return child;
    }
    return NULL;
}

gw__slice gw__doc_text(const gw__doc *node) { return node && node->kind == GW__DOC_SCALAR ? node->text : GW__SLICE(""); }

bool gw__doc_is_null(const gw__doc *node) {
    return node->kind == GW__DOC_SCALAR && !node->quoted &&
           (node->text.n == 0 || gw__slice_is(node->text, "~") || gw__slice_is(node->text, "null"));
}

/* ---- JSON ---- */

typedef struct reader {
    gw__json json;
    const char *name;
    gw__arena *arena;
    gw_error *err;
    const char *seen; /* lines are counted up to here: places are asked for in order */
    const char *line_start;
    int64_t line;
    gw__slice key; /* of the next value */
    int64_t key_line, key_column;
} reader;

static void place(reader *r, const char *at, int64_t *ret_line, int64_t *ret_column) {
    for (const char *p; (p = memchr(r->seen, '\n', (size_t)(at - r->seen))) != NULL;) {
        r->seen = r->line_start = p + 1;
        r->line++;
    }
    r->seen = at;
    *ret_line = r->line;
    *ret_column = at - r->line_start + 1;
}

/* Where the last token begins: a string at its quote. */
static const char *token_start(const reader *r, gw__json_token token) {
    return r->json.text.at - (token == GW__JSON_STRING || token == GW__JSON_KEY);
}

static gw_status fail_bad(reader *r) {
    int64_t line, column;
    gw__json_place(&r->json, &line, &column);
    return gw__fail_at(r->err, GW_E_FORMAT, r->name, line, column, "invalid JSON: %s", r->json.problem);
}

/* The text of a string or key, decoded, in the arena. */
static gw_status decode(reader *r, int64_t line, int64_t column, gw__slice *ret) {
    gw__slice raw = r->json.text;
    char *text = gw__arena_text(r->arena, raw.at, raw.n);
    if (text == NULL) return gw__fail_nomem(r->err);
    size_t n = r->json.escaped ? gw__json_decode(raw, text) : raw.n;
    if (memchr(text, '\0', n) != NULL) return gw__fail_at(r->err, GW_E_FORMAT, r->name, line, column, "text holds a NUL character");
    text[n] = '\0';
    *ret = (gw__slice){text, n};
    return GW_OK;
}

static gw_status take_key(reader *r) {
    place(r, token_start(r, GW__JSON_KEY), &r->key_line, &r->key_column);
    return decode(r, r->key_line, r->key_column, &r->key);
}

static gw_status take_node(reader *r, gw__json_token token, gw__doc **ret_node) {
    bool map = token == GW__JSON_BEGIN_OBJECT, list = token == GW__JSON_BEGIN_LIST;
    gw__doc *node = gw__doc_new(r->arena, map ? GW__DOC_MAP : list ? GW__DOC_LIST : GW__DOC_SCALAR);
    if (node == NULL) return gw__fail_nomem(r->err);
    place(r, token_start(r, token), &node->line, &node->column);
    node->key = r->key;
    node->key_line = r->key_line;
    node->key_column = r->key_column;
    r->key = (gw__slice){0};
    r->key_line = r->key_column = 0;
    if (token == GW__JSON_STRING) {
        gw_status status = decode(r, node->line, node->column, &node->text);
        if (status != GW_OK) return status;
        node->quoted = true;
    } else if (!map && !list) {
        char *text = gw__arena_text(r->arena, r->json.text.at, r->json.text.n);
        if (text == NULL) return gw__fail_nomem(r->err);
        node->text = (gw__slice){text, r->json.text.n};
    }
    *ret_node = node;
    return GW_OK;
}

static int compare_keys(const void *a, const void *b) {
    const gw__doc *x = *(const gw__doc *const *)a, *y = *(const gw__doc *const *)b;
    int order = memcmp(x->key.at, y->key.at, x->key.n < y->key.n ? x->key.n : y->key.n);
    if (order != 0) return order;
    if (x->key.n != y->key.n) return x->key.n < y->key.n ? -1 : 1;
    if (x->key_line != y->key_line) return x->key_line < y->key_line ? -1 : 1;
    return (x->key_column > y->key_column) - (x->key_column < y->key_column);
}

/* By sorting, so that a hostile map of a million keys takes no quadratic time. */
static gw_status check_keys(reader *r, const gw__doc *map) {
    if (map->n < 2) return GW_OK;
    const gw__doc **sorted = gw__aligned_alloc(map->n, sizeof *sorted);
    if (sorted == NULL) return gw__fail_nomem(r->err);
    gw_status status = GW_OK;
    size_t n = 0;
    for (const gw__doc *child = map->first; child != NULL; child = child->next) sorted[n++] = child;
    qsort(sorted, n, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < n && status == GW_OK; i++) {
        const gw__doc *child = sorted[i];
        if (!gw__slice_equal(sorted[i - 1]->key, child->key)) continue;
        status = gw__fail_at(r->err, GW_E_FORMAT, r->name, child->key_line, child->key_column, "duplicate key '%.*s'; first on line %lld",
                             GW__SLICE_ARG(child->key), (long long)sorted[i - 1]->key_line);
    }
    gw__aligned_free(sorted);
    return status;
}

gw_status gw__doc_parse_json(const char *bytes, size_t n, const char *name, gw__arena *arena, gw__doc **ret_doc, gw_error *err) {
    gw_status status = GW_OK;
    reader r = {.name = name, .arena = arena, .err = err, .seen = bytes, .line_start = bytes, .line = 1};
    gw__doc *open[GW__JSON_DEPTH], *root = NULL;
    int depth = 0;
    gw__json_init(&r.json, bytes, n);
    for (gw__json_token token; (token = gw__json_next(&r.json)) != GW__JSON_END;) {
        gw__doc *node = NULL;
        switch (token) {
        case GW__JSON_BAD: GW__FAIL(fail_bad(&r));
        case GW__JSON_KEY: GW__TRY(take_key(&r)); break;
        case GW__JSON_END_OBJECT: GW__TRY(check_keys(&r, open[--depth])); break;
        case GW__JSON_END_LIST: depth--; break;
        default:
            GW__TRY(take_node(&r, token, &node));
            if (depth == 0) root = node;
            else append(open[depth - 1], node);
            if (node->kind != GW__DOC_SCALAR) open[depth++] = node;
        }
    }
    *ret_doc = root;
cleanup:
    return status;
}
