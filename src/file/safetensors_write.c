#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "file/safetensors.h"

/* Writing a container and its seals, and checking the seals: the two sides of one agreement. */

#define LENGTH_BYTES 8
#define DATA_ALIGN 64
#define LONGEST_HEADER ((size_t)100 << 20)
#define NO_DIGITS "00000000"
#define DIGITS 8

static void format_crc(uint32_t crc, char out[DIGITS + 1]) {
    snprintf(out, DIGITS + 1, "%08" PRIx32, crc);
}

static void format_length(size_t n, unsigned char out[LENGTH_BYTES]) {
    for (int i = 0; i < LENGTH_BYTES; i++) out[i] = (unsigned char)((uint64_t)n >> (8 * i));
}

/* Of the length and the header, with zeros in the place of its digits. */
static uint32_t header_crc(gw__slice header, size_t seal_at) {
    unsigned char length[LENGTH_BYTES];
    format_length(header.n, length);
    uint32_t crc = gw__crc32(0, length, sizeof length);
    crc = gw__crc32(crc, header.at, seal_at);
    crc = gw__crc32(crc, NO_DIGITS, DIGITS);
    return gw__crc32(crc, header.at + seal_at + DIGITS, header.n - seal_at - DIGITS);
}

/* ---- writing ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the caller hands in is this library's own: a flaw here is its defect, and must not reach a file. */
static gw_status check_tensors(const gw__tensor *tensors, size_t n, gw_error *err) {
    const char **names = gw__aligned_alloc(n, sizeof *names);
    if (names == NULL) return gw__fail_nomem(err);
    gw_status status = GW_OK;
    for (size_t i = 0; i < n; i++) {
        const gw__tensor *t = &tensors[i];
        size_t bytes;
        names[i] = t->name;
        if (t->n_dims > GW__TENSOR_DIMS || !gw__tensor_bytes(t, &bytes) || bytes != t->n_bytes) {
            GW__FAIL(gw__fail(err, GW_E_INTERNAL, "tensor '%.80s': its size is not that of its shape", t->name));
        }
        if (strcmp(t->name, "__metadata__") == 0 || !gw__utf8_valid(t->name, strlen(t->name))) {
            GW__FAIL(gw__fail(err, GW_E_ARGUMENT, "a tensor cannot be called '%.80s'", t->name));
        }
    }
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) GW__FAIL(gw__fail(err, GW_E_INTERNAL, "two tensors are called '%.80s'", names[i]));
    }
cleanup:
    gw__aligned_free(names);
    return status;
}

static void put_checksums(gw__json_writer *w, const gw__tensor *tensors, size_t n) {
    gw__text text = {0};
    gw__json_writer inner = {.out = &text};
    gw__json_begin_object(&inner);
    for (size_t i = 0; i < n; i++) {
        char digits[DIGITS + 1];
        format_crc(gw__crc32(0, tensors[i].data, tensors[i].n_bytes), digits);
        gw__json_key(&inner, tensors[i].name);
        gw__json_string(&inner, digits);
    }
    gw__json_end_object(&inner);
    if (text.failed) {
        w->out->failed = true;
    } else {
        gw__json_key(w, GW__CHECKSUMS);
        gw__json_slice(w, (gw__slice){text.at, text.n});
    }
    gw__text_clear(&text);
}

static bool is_seal(const char *key) {
    return strcmp(key, GW__CHECKSUMS) == 0 || strcmp(key, GW__HEADER_CHECKSUM) == 0;
}

/* The place of the header's digits goes to *ret_seal_at. */
static void put_metadata(gw__json_writer *w, const gw__pair *metadata, size_t n_metadata, const gw__tensor *tensors, size_t n_tensors,
                         bool seal, size_t *ret_seal_at) {
    gw__json_key(w, "__metadata__");
    gw__json_begin_object(w);
    for (size_t i = 0; i < n_metadata; i++) {
        if (is_seal(metadata[i].key)) continue;
        gw__json_key(w, metadata[i].key);
        gw__json_slice(w, metadata[i].value);
    }
    if (seal) {
        put_checksums(w, tensors, n_tensors);
        gw__json_key(w, GW__HEADER_CHECKSUM);
        *ret_seal_at = w->out->n + 1;
        gw__json_string(w, NO_DIGITS);
    }
    gw__json_end_object(w);
}

static void put_tensor(gw__json_writer *w, const gw__tensor *tensor, uint64_t begin) {
    gw__json_key(w, tensor->name);
    gw__json_begin_object(w);
    gw__json_key(w, "dtype");
    gw__json_string(w, gw__dtype_name(tensor->dtype));
    gw__json_key(w, "shape");
    gw__json_begin_list(w);
    for (size_t i = 0; i < tensor->n_dims; i++) gw__json_int(w, (int64_t)tensor->shape[i]);
    gw__json_end_list(w);
    gw__json_key(w, "data_offsets");
    gw__json_begin_list(w);
    gw__json_int(w, (int64_t)begin);
    gw__json_int(w, (int64_t)(begin + tensor->n_bytes));
    gw__json_end_list(w);
    gw__json_end_object(w);
}

static gw_status make_header(const gw__tensor *tensors, size_t n_tensors, const gw__pair *metadata, size_t n_metadata, bool seal,
                             gw__text *header, gw_error *err) {
    gw__json_writer w = {.out = header};
    size_t seal_at = 0;
    uint64_t begin = 0;
    gw__json_begin_object(&w);
    if (seal || n_metadata > 0) put_metadata(&w, metadata, n_metadata, tensors, n_tensors, seal, &seal_at);
    for (size_t i = 0; i < n_tensors; i++) {
        put_tensor(&w, &tensors[i], begin);
        begin += tensors[i].n_bytes;
    }
    gw__json_end_object(&w);
    while (!header->failed && (LENGTH_BYTES + header->n) % DATA_ALIGN != 0) gw__text_putc(header, ' ');
    if (header->failed) return gw__fail_nomem(err);
    if (header->n > LONGEST_HEADER) return gw__fail(err, GW_E_LIMIT, "expected a header of at most %zu bytes but it has %zu", LONGEST_HEADER, header->n);
    if (seal) {
        char digits[DIGITS + 1];
        format_crc(header_crc((gw__slice){header->at, header->n}, seal_at), digits);
        memcpy(header->at + seal_at, digits, DIGITS);
    }
    return GW_OK;
}

gw_status gw__container_write(const gw__tensor *tensors, size_t n_tensors, const gw__pair *metadata, size_t n_metadata, bool seal,
                              gw__writer *writer, gw_error *err) {
    gw_status status = GW_OK;
    gw__text header = {0};
    unsigned char length[LENGTH_BYTES];
    GW__TRY(check_tensors(tensors, n_tensors, err));
    GW__TRY(make_header(tensors, n_tensors, metadata, n_metadata, seal, &header, err));
    format_length(header.n, length);
    GW__TRY(gw__writer_put(writer, length, sizeof length, err));
    GW__TRY(gw__writer_put(writer, header.at, header.n, err));
    for (size_t i = 0; i < n_tensors; i++) GW__TRY(gw__writer_put(writer, tensors[i].data, tensors[i].n_bytes, err));
cleanup:
    gw__text_clear(&header);
    return status;
}

/* ---- checking the seals ---- */

static gw_status check_header(const gw__container *c, const char *name, gw_error *err) {
    char digits[DIGITS + 1];
    if (c->seal_at == 0 || gw__container_metadata(c, GW__CHECKSUMS).at == NULL) {
        return gw__fail_at(err, GW_E_FORMAT, name, 0, 0, "the file has no checksums: it was not written by this program, or was altered");
    }
    format_crc(header_crc(c->header, c->seal_at), digits);
    if (memcmp(digits, c->header.at + c->seal_at, DIGITS) == 0) return GW_OK;
    return gw__fail_at(err, GW_E_FORMAT, name, 0, 0, "the header was altered: expected checksum '%.8s' but found '%s'",
                       c->header.at + c->seal_at, digits);
}

/* A name in the list of checksums may be written with escapes. */
static bool key_is(const gw__json *json, const char *name, gw__text *scratch) {
    if (!json->escaped) return gw__slice_is(json->text, name);
    scratch->n = 0;
    gw__text_add(scratch, json->text.at, json->text.n);
    if (scratch->failed) return false;
    size_t n = gw__json_decode(json->text, scratch->at);
    return n != SIZE_MAX && gw__slice_is((gw__slice){scratch->at, n}, name);
}

static gw_status check_tensor(gw__json *json, const gw__tensor *tensor, gw__text *scratch, const char *name, gw_error *err) {
    char digits[DIGITS + 1];
    bool named = gw__json_next(json) == GW__JSON_KEY && key_is(json, tensor->name, scratch);
    if (scratch->failed) return gw__fail_nomem(err);
    if (!named || gw__json_next(json) != GW__JSON_STRING) {
        return gw__fail_at(err, GW_E_FORMAT, name, 0, 0, "tensor '%.80s' has no checksum", tensor->name);
    }
    format_crc(gw__crc32(0, tensor->data, tensor->n_bytes), digits);
    if (gw__slice_is(json->text, digits)) return GW_OK;
    return gw__fail_at(err, GW_E_FORMAT, name, 0, 0, "tensor '%.80s' was altered: expected checksum '%.*s' but found '%s'", tensor->name,
                       GW__SLICE_ARG(json->text), digits);
}

gw_status gw__container_verify(const gw__container *container, const char *name, gw_error *err) {
    gw_status status = check_header(container, name, err);
    if (status != GW_OK) return status;
    gw__slice list = gw__container_metadata(container, GW__CHECKSUMS);
    gw__text scratch = {0};
    gw__json json;
    gw__json_init(&json, list.at, list.n);
    bool object = gw__json_next(&json) == GW__JSON_BEGIN_OBJECT;
    for (size_t i = 0; object && i < container->n_tensors && status == GW_OK; i++) {
        status = check_tensor(&json, &container->tensors[i], &scratch, name, err);
    }
    if (status == GW_OK && (!object || gw__json_next(&json) != GW__JSON_END_OBJECT || gw__json_next(&json) != GW__JSON_END)) {
        status = gw__fail_at(err, GW_E_FORMAT, name, 0, 0, "the list of checksums is not one checksum per tensor");
    }
    gw__text_clear(&scratch);
    return status;
}
