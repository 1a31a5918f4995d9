/* YAML to a document, by libyaml's events: nothing of the tree is built before its limits are checked. */
#ifndef GW_SPEC_DOC_YAML_H
#define GW_SPEC_DOC_YAML_H

#include "base/doc.h"

/* One document of plain maps, lists and scalars. Anchors, aliases, tags, duplicate keys, keys that are no text, NUL characters, a second
 * document, depth over 64 and more than 2^20 nodes are errors with their place. */
gw_status gw__doc_parse_yaml(const char *bytes, size_t n, const char *name, gw__arena *arena, gw__doc **ret_doc, gw_error *err);

#endif
