#include "spec/doc_yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define NODES_LIMIT ((size_t)1 << 20)

typedef struct builder {
    yaml_parser_t parser;
    const char *bytes;
    size_t n;
    const char *name;
    gw__arena *arena;
    gw_error *err;
    gw__doc *root;
    gw__doc *stack[GW__DOC_DEPTH]; /* open maps and lists */
    size_t depth, nodes;
    gw__doc *key;                  /* of the value that comes next in the innermost map; NULL while a key is awaited */
} builder;

static gw_status fail_mark(builder *b, yaml_mark_t mark, const char *message) {
    return gw__fail_at(b->err, GW_E_CONFIG, b->name, (int64_t)mark.line + 1, (int64_t)mark.column + 1, "%s", message);
}

/* ---- what libyaml has to say ---- */

static gw_status fail_reader(builder *b) {
    int64_t line = 1, column = 1;
    size_t offset = b->parser.problem_offset < b->n ? b->parser.problem_offset : b->n;
    for (size_t i = 0; i < offset; i++) {
        column = b->bytes[i] == '\n' ? 1 : column + 1;
        line += b->bytes[i] == '\n';
    }
    return gw__fail_at(b->err, GW_E_CONFIG, b->name, line, column, "no YAML: %s",
                       b->parser.problem != NULL ? b->parser.problem : "not readable as UTF-8");
}

static gw_status fail_parser(builder *b) {
    if (b->parser.error == YAML_MEMORY_ERROR) return gw__fail_nomem(b->err);
    if (b->parser.error == YAML_READER_ERROR) return fail_reader(b);
    yaml_mark_t mark = b->parser.problem_mark;
    bool tab = mark.index < b->n && b->bytes[mark.index] == '\t';
    const char *context = b->parser.context != NULL ? b->parser.context : "", *problem = b->parser.problem != NULL ? b->parser.problem : "not readable";
    return gw__fail_at(b->err, GW_E_CONFIG, b->name, (int64_t)mark.line + 1, (int64_t)mark.column + 1, "no YAML: %s%s%s%s", problem,
                       context[0] != '\0' ? " " : "", context, tab ? "; hint: indent with blanks, not tabs" : "");
}

/* ---- building ---- */

static gw_status push(builder *b, gw__doc *node, yaml_mark_t mark) {
    if (b->depth == GW__DOC_DEPTH) return fail_mark(b, mark, "nested deeper than 64");
    b->stack[b->depth++] = node;
    return GW_OK;
}

/* Put a finished key or value where it belongs. */
static gw_status place_node(builder *b, gw__doc *node, yaml_mark_t mark) {
    node->line = (int64_t)mark.line + 1;
    node->column = (int64_t)mark.column + 1;
    if (++b->nodes > NODES_LIMIT) return fail_mark(b, mark, "more than 1048576 values");
    if (b->depth == 0) {
        b->root = node;
        return GW_OK;
    }
    gw__doc *parent = b->stack[b->depth - 1];
    if (parent->kind == GW__DOC_LIST) return gw__doc_add(b->arena, parent, NULL, node) ? GW_OK : gw__fail_nomem(b->err);
    if (b->key == NULL) {
        if (node->kind != GW__DOC_SCALAR) return fail_mark(b, mark, "a key must be a text, not a list or a map");
        b->key = node;
        return GW_OK;
    }
    node->key_line = b->key->line;
    node->key_column = b->key->column;
    if (!gw__doc_add(b->arena, parent, b->key->text.at, node)) return gw__fail_nomem(b->err);
    b->key = NULL;
    return GW_OK;
}

static gw_status open_node(builder *b, gw__doc_kind kind, const yaml_char_t *anchor, const yaml_char_t *tag, yaml_mark_t mark) {
    if (anchor != NULL) return fail_mark(b, mark, "anchors (&name) are not supported; hint: write the value out");
    if (tag != NULL) return fail_mark(b, mark, "tags (!name) are not supported; hint: leave it out");
    gw__doc *node = gw__doc_new(b->arena, kind);
    if (node == NULL) return gw__fail_nomem(b->err);
    gw_status status = place_node(b, node, mark);
    return status == GW_OK ? push(b, node, mark) : status;
}

static gw_status add_scalar(builder *b, const yaml_event_t *event) {
    yaml_mark_t mark = event->start_mark;
    const char *text = (const char *)event->data.scalar.value;
    size_t n = event->data.scalar.length;
    if (event->data.scalar.anchor != NULL) return fail_mark(b, mark, "anchors (&name) are not supported; hint: write the value out");
    if (event->data.scalar.tag != NULL) return fail_mark(b, mark, "tags (!name) are not supported; hint: quotes make a text");
    if (n > 0 && memchr(text, '\0', n) != NULL) return fail_mark(b, mark, "a text contains the NUL character");
    if (!gw__utf8_valid(text, n)) return fail_mark(b, mark, "a text is not valid UTF-8");
    gw__doc *node = gw__doc_new_scalar(b->arena, text, n, event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE);
    return node == NULL ? gw__fail_nomem(b->err) : place_node(b, node, mark);
}

/* ---- duplicate keys ---- */

static int by_key(const void *a, const void *b) {
    const gw__doc *x = *(const gw__doc *const *)a, *y = *(const gw__doc *const *)b;
    int order = strcmp(x->key.at, y->key.at);
    if (order != 0) return order;
    return x->key_line != y->key_line ? (x->key_line > y->key_line) - (x->key_line < y->key_line)
                                      : (x->key_column > y->key_column) - (x->key_column < y->key_column);
}

static gw_status check_unique(builder *b, const gw__doc *map) {
    if (map->n < 2) return GW_OK;
    const gw__doc **sorted = malloc(map->n * sizeof *sorted);
    if (sorted == NULL) return gw__fail_nomem(b->err);
    size_t n = 0;
    for (const gw__doc *child = map->first; child != NULL; child = child->next) sorted[n++] = child;
    qsort(sorted, n, sizeof *sorted, by_key);
    gw_status status = GW_OK;
    for (size_t i = 1; i < n && status == GW_OK; i++) {
        const gw__doc *first = sorted[i - 1], *second = sorted[i];
        if (strcmp(first->key.at, second->key.at) != 0) continue;
        status = gw__fail_at(b->err, GW_E_CONFIG, b->name, second->key_line, second->key_column, "key '%.*s' was given before, on line %lld",
                             GW__SLICE_ARG(second->key), (long long)first->key_line);
    }
    free(sorted);
    return status;
}

static gw_status close_node(builder *b) {
    gw__doc *node = b->stack[--b->depth];
    b->key = NULL;
    return node->kind == GW__DOC_MAP ? check_unique(b, node) : GW_OK;
}

/* ---- events ---- */

static gw_status begin_document(builder *b, const yaml_event_t *event) {
    if (b->root != NULL) return fail_mark(b, event->start_mark, "expected one document but a second begins; hint: remove '---'");
    if (event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end) {
        return fail_mark(b, event->start_mark, "tags (%TAG) are not supported; hint: leave it out");
    }
    return GW_OK;
}

static gw_status take(builder *b, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: return begin_document(b, event);
    case YAML_ALIAS_EVENT: return fail_mark(b, event->start_mark, "aliases (*name) are not supported; hint: write the value out, or put it in quotes");
    case YAML_SCALAR_EVENT: return add_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_node(b, GW__DOC_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag, event->start_mark);
    case YAML_MAPPING_START_EVENT:
        return open_node(b, GW__DOC_MAP, event->data.mapping_start.anchor, event->data.mapping_start.tag, event->start_mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return close_node(b);
    default: return GW_OK;
    }
}

static gw_status build(builder *b) {
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b->parser, &event)) return fail_parser(b);
        more = event.type != YAML_STREAM_END_EVENT;
        gw_status status = take(b, &event);
        yaml_event_delete(&event);
        if (status != GW_OK) return status;
    }
    return b->root != NULL ? GW_OK : gw__fail_at(b->err, GW_E_CONFIG, b->name, 1, 1, "expected a map of keys but found nothing");
}

gw_status gw__doc_parse_yaml(const char *bytes, size_t n, const char *name, gw__arena *arena, gw__doc **ret_doc, gw_error *err) {
    builder b = {.bytes = bytes, .n = n, .name = name, .arena = arena, .err = err};
    if (!yaml_parser_initialize(&b.parser)) return gw__fail_nomem(err);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)bytes, n);
    gw_status status = build(&b);
    yaml_parser_delete(&b.parser);
    if (status == GW_OK) *ret_doc = b.root;
    return status;
}
