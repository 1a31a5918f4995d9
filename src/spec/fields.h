/* The field table: one row per key of the spec. Decoding, canonical JSON, did-you-mean, --set and the test of docs/spec.md read it. */
#ifndef GW_SPEC_FIELDS_H
#define GW_SPEC_FIELDS_H

#include "spec/spec.h"

typedef enum gw__field_kind {
    GW__FIELD_BOOL,     /* bool */
    GW__FIELD_COUNT32,  /* uint32_t in [lo, hi] */
    GW__FIELD_COUNT64,  /* uint64_t in [lo, hi] */
    GW__FIELD_NUMBER,   /* double in `range` */
    GW__FIELD_CHOICE,   /* an enum; its words in order in `words` */
    GW__FIELD_TEXT,     /* const char *, NULL when absent */
    GW__FIELD_TEXTS,    /* gw__texts; a single text is a list of one */
    GW__FIELD_SECTION,  /* keys of its own, filled into base + offset; `shorthand`: the key that a single value stands for */
    GW__FIELD_SWITCH,   /* a section that is on (bool at offset) when written */
    /* the forms of one key each */
    GW__FIELD_VALID,
    GW__FIELD_HEADER,
    GW__FIELD_SEPARATOR,
    GW__FIELD_TRANSFORMS,
    GW__FIELD_MISSING,
    GW__FIELD_COLUMNS,  /* a map from any column name to a section */
    GW__FIELD_TASKS,    /* a map from any task name to a section */
    GW__FIELD_WIDTHS,   /* hidden: a list of at least `lo` widths */
    GW__FIELD_LEVEL_WIDTHS, /* hidden: the same, or one list per level */
    GW__FIELD_PER_TASK,
    GW__FIELD_TASK_NUMBERS, /* double [T]: one number in `range` for all tasks, or one each */
    GW__FIELD_WIRING,   /* levels of groups and gates, by name */
    GW__FIELD_BETAS,
    GW__FIELD_QUANTILES, /* a number, or a list of them */
    GW__FIELD_CHAIN,     /* a list of tasks, or a list of such lists */
    GW__FIELD_BATCH,    /* a count or `full` */
    GW__FIELD_EVERY,    /* a count or `epoch` */
    GW__FIELD_KINDS
} gw__field_kind;

typedef struct gw__range { double least, most; bool above, below; } gw__range; /* above, below: the end itself is outside */

typedef struct gw__words { const char *const *at; size_t n; } gw__words;

typedef struct gw__section gw__section;
typedef struct gw__frame gw__frame;

typedef struct gw__field {
    const char *key;
    gw__field_kind kind;
    size_t offset;            /* from the section's base */
    const char *preset;       /* the default, as JSON (texts without quotes); NULL: none. With preset_of: words for the documentation */
    const char *(*preset_of)(const gw__frame *frame); /* a default that depends on keys above this row */
    uint64_t lo, hi;
    gw__range range;
    const gw__words *words;
    const gw__section *section;
    const char *shorthand;
    bool required, blank_ok;  /* blank_ok: texts may be empty */
    bool unstored;            /* names files: where data lay when it trained is no part of a model */
    bool of_training;         /* says how is learned from rows, and nothing of what the rows are */
    bool quiet;               /* at its default (a switch: off; a choice: its first word; a text: absent) it is left out of the canonical JSON,
                                 so that models stay as they were before there was one */
    bool (*applies)(const gw__spec *spec, const void *base); /* NULL: always */
    const char *owner;        /* what the key belongs to, when it does not always apply */
    bool idle_ok;             /* where it does not apply it may stand and says nothing, so that one spec serves several architectures */
    const char *doc;
} gw__field;

struct gw__section {
    const gw__field *fields;
    size_t n;
    gw_status (*check)(const gw__frame *frame); /* after its keys were read; may be NULL */
};

extern const gw__section gw__spec_section;

extern const gw__words gw__architecture_words, gw__metric_words;

/* What a key takes, in words: "a whole number from 1 to 64". */
void gw__field_expect(const gw__field *field, gw__text *out);

/* Every key with its full path, in the table's order; names that the user chooses are `*`: "tasks.*.label". */
typedef void (*gw__field_visitor)(void *context, const char *path, const gw__field *field);
void gw__fields_walk(gw__field_visitor visit, void *context);

#endif
