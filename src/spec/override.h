/* --set key.path=value: changes to the document before anyone asks what it means. */
#ifndef GW_SPEC_OVERRIDE_H
#define GW_SPEC_OVERRIDE_H

#include "base/doc.h"

/* Apply "key.path=value" texts in order; values are YAML and replace what was there, maps are made as needed. What override i puts in has
 * line 0 and column i+1, so that messages can name it. */
gw_status gw__doc_override(gw__doc *doc, const char *const *overrides, size_t n_overrides, gw__arena *arena, gw_error *err);

#endif
