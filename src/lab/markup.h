/* Text for a page: escaped, and numbers as one reads them. No locale has a say, so that equal values give equal bytes everywhere. */
#ifndef GW_LAB_MARKUP_H
#define GW_LAB_MARKUP_H

#include "base/text.h"
#include "gatewright.h"

/* Text inside an element or a quoted attribute. What is no UTF-8, or a control character, comes out as U+FFFD. */
void gw__markup_text(gw__text *out, const char *text);
/* The same, but no more than `most` columns of it, with an ellipsis where something was left out. */
void gw__markup_clip(gw__text *out, const char *text, size_t most);
/* <tag class="classes">escaped text</tag> */
void gw__markup_element(gw__text *out, const char *tag, const char *classes, const char *text);
/* A text of a page's making that goes into another: what it shows, empty if there is nothing; and its end, which is freed, while a failure is the page's. */
const char *gw__markup_shown(const gw__text *part);
void        gw__markup_done(gw__text *part, gw__text *out);

/* JSON as lines that are indented, unescaped: a page escapes it like any text. Lists of scalars stay on one line. */
void gw__markup_json(gw__text *out, const char *json);

/* Columns of `text` when it is shown; wide characters count 2. */
size_t gw__markup_columns(const char *text);

/* With exactly so many decimals (0 to 9). Not finite: an en dash. */
void gw__markup_fixed(gw__text *out, double value, int decimals);
/* About four significant digits: 0.8763, 12.35, 1.2e-6. */
void gw__markup_value(gw__text *out, double value);
/* As gw__markup_value, with a sign in any case. */
void gw__markup_signed(gw__text *out, double value);
/* A place in a drawing: at most two decimals. */
void gw__markup_place(gw__text *out, double value);
/* 12,345 */
void gw__markup_count(gw__text *out, int64_t value);

#endif
