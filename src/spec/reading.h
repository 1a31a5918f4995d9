/* One reading of a spec: from the document to the struct. What the files of spec/ share. */
#ifndef GW_SPEC_READING_H
#define GW_SPEC_READING_H

#include "spec/fields.h"

#define GW__SPEC_FILE_LIMIT ((size_t)16 << 20)
#define GW__SPEC_TEXT_LIMIT ((size_t)256 << 20)
#define GW__SPEC_TASKS_LIMIT 1024
#define GW__SPEC_COLUMNS_LIMIT 65536
#define GW__SPEC_NAMES_LIMIT ((size_t)1 << 20)
#define GW__SPEC_LEVELS_LIMIT 16
#define GW__SPEC_LAYERS_LIMIT 64
#define GW__SPEC_EXPERTS_LIMIT 1024
#define GW__SPEC_QUANTILES_LIMIT 64

typedef struct gw__reading {
    const char *name;              /* of the text, for messages */
    const char *const *overrides;  /* nodes that they put in have line 0 and, as column, the override's number from 1 */
    size_t n_overrides;
    bool files;                    /* may open the file that data.header names */
    gw__spec *spec;
    gw__arena *scratch;            /* gone when the reading ends */
    gw_error *err;
} gw__reading;

/* A map being read into a struct. */
struct gw__frame {
    const gw__frame *outer;        /* NULL at the root */
    const char *key;               /* of this map in the outer one */
    const gw__section *section;
    const gw__doc *map;            /* NULL: nothing was written, the defaults hold */
    void *base;
    bool inherits;                 /* absent keys keep what is in `base` */
    gw__reading *reading;
};

/* A document to a resolved spec, owned by the caller. `reading->spec` is filled here. */
gw_status gw__spec_decode(const gw__doc *doc, gw__reading *reading, gw__spec **ret_spec);

gw_status gw__section_decode(const gw__frame *frame);
/* A value of any kind but a section into base + offset. */
gw_status gw__field_decode(const gw__frame *frame, const gw__field *field, const gw__doc *node);

/* A number in the field's range. */
gw_status gw__field_number(const gw__frame *frame, const gw__field *field, const gw__doc *node, double *ret);

/* The forms of single keys (forms.c, maps.c). */
gw_status gw__form_header(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_valid(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_separator(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_transforms(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_missing(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_betas(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_quantiles(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_chain(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_batch(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_widths(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_per_task(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_task_numbers(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_wiring(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_columns(const gw__frame *frame, const gw__field *field, const gw__doc *node);
gw_status gw__form_tasks(const gw__frame *frame, const gw__field *field, const gw__doc *node);

/* What a scalar says; false if it is not that. */
bool gw__scalar_bool(const gw__doc *node, bool *ret);
bool gw__scalar_count(const gw__doc *node, uint64_t *ret);
bool gw__scalar_number(const gw__doc *node, double *ret);
bool gw__scalar_word(const gw__doc *node, const gw__words *words, unsigned *ret);
/* Texts into the spec's arena. */
gw_status gw__scalar_text(const gw__frame *frame, const gw__field *field, const gw__doc *node, const char **ret);
gw_status gw__node_texts(const gw__frame *frame, const gw__field *field, const gw__doc *node, gw__texts *ret);

/* Failures with the place of a node (its value, or its key), or of the nearest map around it when `node` is NULL. */
gw_status gw__fail_value(const gw__frame *frame, const gw__doc *node, const char *format, ...) __attribute__((format(printf, 3, 4)));
gw_status gw__fail_key(const gw__frame *frame, const gw__doc *node, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "key 'PATH': expected X but found Y". */
gw_status gw__fail_expected(const gw__frame *frame, const gw__field *field, const gw__doc *node);
/* The same with other words for X. */
gw_status gw__fail_wanted(const gw__frame *frame, const char *key, const gw__doc *node, const char *wanted);
/* A key that has no default was not written. */
gw_status gw__fail_absent(const gw__frame *frame, const gw__field *field);
/* The second item of a list with this text: the place of a name that stands there twice. */
const gw__doc *gw__list_second(const gw__doc *list, const char *text);
/* The written node of a key, NULL if it is absent or null. */
const gw__doc *gw__frame_get(const gw__frame *frame, const char *key);

/* Map-valued section of a shorthand: {shorthand: node}. */
gw__doc *gw__shorthand_map(gw__arena *arena, const gw__field *field, const gw__doc *node);

/* An index of names for lookups in long lists; {0} is empty. */
typedef struct gw__name_index { const char **at; size_t n; } gw__name_index;
gw_status gw__name_index_init(gw__name_index *index, const gw__texts *names, gw_error *err);
void      gw__name_index_clear(gw__name_index *index);
bool      gw__name_index_has(const gw__name_index *index, const char *name);
const char *gw__name_index_twice(const gw__name_index *index); /* a name that stands there twice, or NULL */

/* Checks and dependent defaults (resolve.c, check.c, check_model.c). */
gw_status gw__check_root(const gw__frame *frame);
gw_status gw__check_valid(const gw__frame *frame);
gw_status gw__check_feature(const gw__frame *frame);
gw_status gw__check_task(const gw__frame *frame);
gw_status gw__check_given(const gw__frame *frame, const gw__doc *tasks);
gw_status gw__check_after(const gw__frame *frame, const gw__doc *nodes, gw__task_spec *tasks);
gw_status gw__make_chains(const gw__frame *frame, const gw__doc *nodes, gw__task_spec *tasks); /* chain_paths.c */
gw_status gw__check_model(const gw__frame *frame);
const gw__task_spec *gw__task_named(const gw__spec *spec, const char *name); /* NULL: none, also if `name` is */
const gw__doc *gw__inner_node(const gw__frame *frame, const char *section, const char *key); /* the node of section.key, or else of the section */
gw_status gw__check_optimizer(const gw__frame *frame);
gw_status gw__check_balance(const gw__frame *frame);
gw_status gw__check_train(const gw__frame *frame);

#endif
