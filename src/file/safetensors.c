#include "file/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/number.h"

#define LENGTH_BYTES 8
#define LONGEST_HEADER ((size_t)100 << 20) /* as other readers of the format have it */
#define LONGEST_FILE ((size_t)1 << 40)
#define METADATA "__metadata__"

/* ---- element types ---- */

static const struct { const char *name; size_t bytes; } dtypes[] = {
    [GW__F32] = {"F32", 4}, [GW__F64] = {"F64", 8}, [GW__F16] = {"F16", 2}, [GW__BF16] = {"BF16", 2}, [GW__I64] = {"I64", 8},
    [GW__I32] = {"I32", 4}, [GW__U32] = {"U32", 4}, [GW__U64] = {"U64", 8}, [GW__U8] = {"U8", 1},
};
_Static_assert(GW__COUNT(dtypes) == GW__DTYPES, "every element type has a row");

size_t gw__dtype_bytes(gw__dtype dtype) {
    return dtypes[dtype].bytes;
}

const char *gw__dtype_name(gw__dtype dtype) {
    return dtypes[dtype].name;
}

bool gw__tensor_bytes(const gw__tensor *tensor, size_t *ret_bytes) {
    size_t bytes = gw__dtype_bytes(tensor->dtype);
    for (size_t i = 0; i < tensor->n_dims; i++) {
        if (tensor->shape[i] > SIZE_MAX || !gw__mul_size(bytes, (size_t)tensor->shape[i], &bytes)) return false;
    }
    *ret_bytes = bytes;
    return true;
}

/* ---- the header ---- */

/* A tensor as the header gives it. */
typedef struct entry {
    gw__tensor tensor;
    uint64_t begin, end;
    size_t order; /* in the header */
} entry;

typedef struct reader {
    gw__json json;
    const char *name; /* of the file */
    gw__container container;
    entry *entries;
    size_t n_entries, entries_capacity;
    gw__pair *pairs;
    size_t n_pairs, pairs_capacity;
    bool metadata_seen;
    gw_error *err;
} reader;

static gw_status fail_here(reader *r, const char *expected) {
    int64_t line, column;
    gw__json_place(&r->json, &line, &column);
    if (r->json.problem != NULL) return gw__fail_at(r->err, GW_E_FORMAT, r->name, line, column, "the header is not JSON: %s", r->json.problem);
    return gw__fail_at(r->err, GW_E_FORMAT, r->name, line, column, "expected %s in the header", expected);
}

static gw_status expect(reader *r, gw__json_token token, const char *expected) {
    return gw__json_next(&r->json) == token ? GW_OK : fail_here(r, expected);
}

/* The last string, decoded, in the arena, with a NUL behind it. */
static gw_status decode(reader *r, gw__slice *ret) {
    gw__slice raw = r->json.text;
    char *text = gw__arena_text(&r->container.arena, raw.at, raw.n);
    if (text == NULL) return gw__fail_nomem(r->err);
    size_t n = r->json.escaped ? gw__json_decode(raw, text) : raw.n;
    text[n] = '\0';
    *ret = (gw__slice){text, n};
    return GW_OK;
}

static gw_status take_name(reader *r, const char **ret) {
    gw__slice text = {0};
    gw_status status = decode(r, &text);
    if (status != GW_OK) return status;
    if (strlen(text.at) != text.n) return fail_here(r, "a name without a NUL character");
    *ret = text.at;
    return GW_OK;
}

static gw_status take_pair(reader *r) {
    gw__pair pair = {0};
    gw_status status = take_name(r, &pair.key);
    if (status == GW_OK) status = expect(r, GW__JSON_STRING, "text as the value of metadata");
    if (status == GW_OK) status = decode(r, &pair.value);
    if (status == GW_OK) status = gw__grow((void **)&r->pairs, &r->pairs_capacity, r->n_pairs + 1, sizeof pair, r->err);
    if (status != GW_OK) return status;
    if (strcmp(pair.key, GW__HEADER_CHECKSUM) == 0 && r->json.text.n == 8 && !r->json.escaped) {
        r->container.seal_at = (size_t)(r->json.text.at - r->container.header.at);
    }
    r->pairs[r->n_pairs++] = pair;
    return GW_OK;
}

static gw_status take_metadata(reader *r) {
    if (r->metadata_seen) return fail_here(r, "metadata only once");
    r->metadata_seen = true;
    gw_status status = expect(r, GW__JSON_BEGIN_OBJECT, "an object as metadata");
    while (status == GW_OK) {
        gw__json_token token = gw__json_next(&r->json);
        if (token == GW__JSON_END_OBJECT) break;
        status = token == GW__JSON_KEY ? take_pair(r) : fail_here(r, "an object as metadata");
    }
    return status;
}

static bool take_unsigned(const reader *r, uint64_t *ret) {
    int64_t value;
    if (!gw__parse_int64(r->json.text, &value) || value < 0) return false;
    *ret = (uint64_t)value;
    return true;
}

/* A list of up to `room` whole numbers from 0 on; the number of them, or SIZE_MAX. */
static size_t take_numbers(reader *r, uint64_t *out, size_t room) {
    size_t n = 0;
    if (gw__json_next(&r->json) != GW__JSON_BEGIN_LIST) return SIZE_MAX;
    for (gw__json_token token; (token = gw__json_next(&r->json)) != GW__JSON_END_LIST; n++) {
        if (token != GW__JSON_NUMBER || n == room || !take_unsigned(r, &out[n])) return SIZE_MAX;
    }
    return n;
}

static gw_status take_dtype(reader *r, gw__tensor *tensor) {
    gw_status status = expect(r, GW__JSON_STRING, "text as 'dtype'");
    if (status != GW_OK) return status;
    for (size_t i = 0; i < GW__DTYPES; i++) {
        if (!gw__slice_is(r->json.text, dtypes[i].name)) continue;
        tensor->dtype = (gw__dtype)i;
        return GW_OK;
    }
    return gw__fail_at(r->err, GW_E_UNSUPPORTED, r->name, 0, 0, "tensor '%.80s': unknown dtype '%.*s'", tensor->name, GW__SLICE_ARG(r->json.text));
}

enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4, ALL_FIELDS = 7 };

static gw_status take_field(reader *r, entry *e, unsigned *seen) {
    gw__slice key = r->json.text;
    unsigned field = gw__slice_is(key, "dtype") ? DTYPE : gw__slice_is(key, "shape") ? SHAPE : gw__slice_is(key, "data_offsets") ? OFFSETS : 0;
    if (field == 0 || (*seen & field) != 0) return fail_here(r, "'dtype', 'shape' and 'data_offsets', each once,");
    *seen |= field;
    if (field == DTYPE) return take_dtype(r, &e->tensor);
    if (field == SHAPE) {
        e->tensor.n_dims = take_numbers(r, e->tensor.shape, GW__TENSOR_DIMS);
        return e->tensor.n_dims == SIZE_MAX ? fail_here(r, "a list of at most 8 whole numbers as 'shape'") : GW_OK;
    }
    uint64_t offsets[2];
    if (take_numbers(r, offsets, 2) != 2) return fail_here(r, "a list of 2 whole numbers as 'data_offsets'");
    e->begin = offsets[0];
    e->end = offsets[1];
    return GW_OK;
}

/* The size that shape and dtype give, against the offsets. */
static gw_status check_size(const reader *r, entry *e) {
    const char *name = e->tensor.name;
    size_t bytes;
    if (!gw__tensor_bytes(&e->tensor, &bytes)) {
        return gw__fail_at(r->err, GW_E_FORMAT, r->name, 0, 0, "tensor '%.80s': its shape is beyond all memory", name);
    }
    if (e->end < e->begin || e->end - e->begin != bytes) {
        return gw__fail_at(r->err, GW_E_FORMAT, r->name, 0, 0, "tensor '%.80s': expected %zu bytes by shape and dtype but found offsets %llu to %llu",
                           name, bytes, (unsigned long long)e->begin, (unsigned long long)e->end);
    }
    e->tensor.n_bytes = bytes;
    return GW_OK;
}

static gw_status take_tensor(reader *r) {
    entry e = {.order = r->n_entries};
    unsigned seen = 0;
    gw_status status = take_name(r, &e.tensor.name);
    if (status == GW_OK) status = expect(r, GW__JSON_BEGIN_OBJECT, "an object for each tensor");
    while (status == GW_OK) {
        gw__json_token token = gw__json_next(&r->json);
        if (token == GW__JSON_END_OBJECT) break;
        status = token == GW__JSON_KEY ? take_field(r, &e, &seen) : fail_here(r, "an object for each tensor");
    }
    if (status == GW_OK && seen != ALL_FIELDS) status = fail_here(r, "'dtype', 'shape' and 'data_offsets'");
    if (status == GW_OK) status = check_size(r, &e);
    if (status == GW_OK) status = gw__grow((void **)&r->entries, &r->entries_capacity, r->n_entries + 1, sizeof e, r->err);
    if (status == GW_OK) r->entries[r->n_entries++] = e;
    return status;
}

static gw_status take_header(reader *r) {
    gw__slice header = r->container.header;
    gw__json_init(&r->json, header.at, header.n);
    if (header.n == 0 || header.at[0] != '{') return fail_here(r, "'{' at the beginning");
    gw_status status = expect(r, GW__JSON_BEGIN_OBJECT, "an object");
    while (status == GW_OK) {
        gw__json_token token = gw__json_next(&r->json);
        if (token == GW__JSON_END_OBJECT) return expect(r, GW__JSON_END, "nothing behind the object");
        if (token != GW__JSON_KEY) return fail_here(r, "an object");
        status = gw__slice_is(r->json.text, METADATA) ? take_metadata(r) : take_tensor(r);
    }
    return status;
}

/* ---- what the header says, against the file and itself ---- */

static int compare_entries(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1; /* an empty tensor before the one that begins where it stands */
    return (x->order > y->order) - (x->order < y->order);
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const gw__tensor *const *)a)->name, (*(const gw__tensor *const *)b)->name);
}

static int compare_pairs(const void *a, const void *b) {
    return strcmp(((const gw__pair *)a)->key, ((const gw__pair *)b)->key);
}

static gw_status place_tensors(reader *r, const char *data, size_t n_bytes) {
    gw__container *c = &r->container;
    c->tensors = gw__arena_alloc(&c->arena, r->n_entries, sizeof *c->tensors);
    if (c->tensors == NULL) return gw__fail_nomem(r->err);
    if (r->n_entries > 0) qsort(r->entries, r->n_entries, sizeof *r->entries, compare_entries);
    uint64_t end = 0;
    for (size_t i = 0; i < r->n_entries; i++) {
        const entry *e = &r->entries[i];
        if (e->begin != end || e->end > n_bytes) {
            return gw__fail_at(r->err, GW_E_FORMAT, r->name, 0, 0, "tensor '%.80s': expected data from offset %llu within %zu bytes but found %llu to %llu",
                               e->tensor.name, (unsigned long long)end, n_bytes, (unsigned long long)e->begin, (unsigned long long)e->end);
        }
        end = e->end;
        c->tensors[i] = e->tensor;
        c->tensors[i].data = data + e->begin;
    }
    c->n_tensors = r->n_entries;
    if (end == n_bytes) return GW_OK;
    return gw__fail_at(r->err, GW_E_FORMAT, r->name, 0, 0, "expected %llu bytes of data but found %zu", (unsigned long long)end, n_bytes);
}

static gw_status index_names(reader *r) {
    gw__container *c = &r->container;
    c->by_name = gw__arena_alloc(&c->arena, c->n_tensors, sizeof *c->by_name);
    if (c->by_name == NULL) return gw__fail_nomem(r->err);
    for (size_t i = 0; i < c->n_tensors; i++) c->by_name[i] = &c->tensors[i];
    qsort(c->by_name, c->n_tensors, sizeof *c->by_name, compare_names);
    for (size_t i = 1; i < c->n_tensors; i++) {
        if (compare_names(&c->by_name[i - 1], &c->by_name[i]) != 0) continue;
        return gw__fail_at(r->err, GW_E_FORMAT, r->name, 0, 0, "two tensors are called '%.80s'", c->by_name[i]->name);
    }
    return GW_OK;
}

static gw_status keep_metadata(reader *r) {
    gw__container *c = &r->container;
    c->metadata = gw__arena_alloc(&c->arena, r->n_pairs, sizeof *c->metadata);
    if (c->metadata == NULL) return gw__fail_nomem(r->err);
    if (r->n_pairs == 0) return GW_OK;
    memcpy(c->metadata, r->pairs, r->n_pairs * sizeof *c->metadata);
    c->n_metadata = r->n_pairs;
    qsort(r->pairs, r->n_pairs, sizeof *r->pairs, compare_pairs);
    for (size_t i = 1; i < r->n_pairs; i++) {
        if (strcmp(r->pairs[i - 1].key, r->pairs[i].key) != 0) continue;
        return gw__fail_at(r->err, GW_E_FORMAT, r->name, 0, 0, "metadata has '%.80s' twice", r->pairs[i].key);
    }
    return GW_OK;
}

static gw_status find_header(reader *r, char *bytes, size_t n) {
    uint64_t length = 0;
    if (n < LENGTH_BYTES) {
        return gw__fail_at(r->err, GW_E_FORMAT, r->name, 0, 0, "expected a safetensors file but found only %zu bytes", n);
    }
    for (int i = LENGTH_BYTES; i-- > 0;) length = length << 8 | (unsigned char)bytes[i];
    if (length > LONGEST_HEADER) {
        return gw__fail_at(r->err, GW_E_FORMAT, r->name, 0, 0, "expected a safetensors file but found a header of %llu bytes", (unsigned long long)length);
    }
    if (length > n - LENGTH_BYTES) {
        return gw__fail_at(r->err, GW_E_FORMAT, r->name, 0, 0, "truncated: expected a header of %llu bytes but found %zu",
                           (unsigned long long)length, n - LENGTH_BYTES);
    }
    r->container.header = (gw__slice){bytes + LENGTH_BYTES, (size_t)length};
    return GW_OK;
}

gw_status gw__container_parse(char *bytes, size_t n, const char *name, gw__container *ret_container, gw_error *err) {
    gw_status status = GW_OK;
    reader r = {.name = name, .err = err};
    GW__TRY(find_header(&r, bytes, n));
    GW__TRY(take_header(&r));
    size_t data_at = LENGTH_BYTES + r.container.header.n;
    GW__TRY(place_tensors(&r, bytes + data_at, n - data_at));
    GW__TRY(index_names(&r));
    GW__TRY(keep_metadata(&r));
    r.container.bytes = bytes;
    *ret_container = r.container;
    r.container.arena = (gw__arena){0};
cleanup:
    gw__arena_clear(&r.container.arena);
    free(r.entries);
    free(r.pairs);
    return status;
}

gw_status gw__container_read(const char *path, gw__container *ret_container, gw_error *err) {
    char *bytes;
    size_t n;
    gw_status status = gw__file_read(path, LONGEST_FILE, &bytes, &n, err);
    if (status != GW_OK) return status;
    status = gw__container_parse(bytes, n, path, ret_container, err);
    if (status != GW_OK) gw__aligned_free(bytes);
    return status;
}

void gw__container_clear(gw__container *container) {
    gw__aligned_free(container->bytes);
    gw__arena_clear(&container->arena);
    *container = (gw__container){0};
}

const gw__tensor *gw__container_tensor(const gw__container *container, const char *name) {
    size_t low = 0, high = container->n_tensors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, container->by_name[middle]->name);
        if (order == 0) return container->by_name[middle];
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}

gw__slice gw__container_metadata(const gw__container *container, const char *key) {
    for (size_t i = 0; i < container->n_metadata; i++) {
        if (strcmp(container->metadata[i].key, key) == 0) return container->metadata[i].value;
    }
    return (gw__slice){0};
}
