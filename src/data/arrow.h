/* The Arrow C data interface and the C stream interface: an ABI that programs agree on by its text. A structure is released by calling
 * its `release`, which then sets `release` to NULL; moving one is copying it and setting the source's `release` to NULL. */
#ifndef GW_DATA_ARROW_H
#define GW_DATA_ARROW_H

#include <stdint.h>

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

/* The type of a column, or of a whole record (a struct whose children are the columns). */
struct ArrowSchema {
    const char *format; /* "l" is int64, "u" utf8, "+s" a struct, … */
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary; /* of the values, when `format` is that of indices */
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

/* Its values. */
struct ArrowArray {
    int64_t length;
    int64_t null_count; /* -1: not counted */
    int64_t offset;     /* the first value's index in the buffers */
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers; /* validity bitmap (or NULL), then what the format says */
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

/* Arrays of one schema, one after the other. The calls return 0 or an errno. */
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out); /* at the end out->release is NULL */
    const char *(*get_last_error)(struct ArrowArrayStream *);           /* may return NULL */
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif

#endif
