/* The container: whatever comes in, no harm is done; what is taken lies inside the file, and is taken again when written again. */
#include <stdlib.h>
#include <string.h>

#include "file/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) \
    do {                   \
        if (!(condition)) abort(); \
    } while (0)

static void check(const gw__container *c, size_t size) {
    size_t data_bytes = 0;
    for (size_t i = 0; i < c->n_tensors; i++) {
        const gw__tensor *t = &c->tensors[i];
        const char *begin = t->data;
        REQUIRE(begin >= c->bytes && begin + t->n_bytes <= c->bytes + size);
        REQUIRE(gw__container_tensor(c, t->name) == t);
        data_bytes += t->n_bytes;
        (void)gw__crc32(0, t->data, t->n_bytes);
    }
    REQUIRE(8 + c->header.n + data_bytes == size);
    for (size_t i = 0; i < c->n_metadata; i++) REQUIRE(gw__container_metadata(c, c->metadata[i].key).at == c->metadata[i].value.at);
}

static void write_again(const gw__container *c) {
    gw__writer writer = {0};
    gw__container again;
    gw_error err;
    char *stream = NULL;
    size_t n = 0;
    writer.file = open_memstream(&stream, &n);
    REQUIRE(writer.file != NULL);
    REQUIRE(gw__container_write(c->tensors, c->n_tensors, c->metadata, c->n_metadata, true, &writer, &err) == GW_OK);
    gw__writer_cancel(&writer);
    char *bytes = gw__aligned_alloc(n, 1);
    REQUIRE(bytes != NULL);
    memcpy(bytes, stream, n);
    free(stream);
    REQUIRE(gw__container_parse(bytes, n, "again", &again, &err) == GW_OK);
    check(&again, n);
    REQUIRE(again.n_tensors == c->n_tensors && gw__container_verify(&again, "again", &err) == GW_OK);
    gw__container_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gw__container c;
    gw_error err = {0};
    char *bytes = malloc(size == 0 ? 1 : size); /* no room behind it that could hide a fault */
    REQUIRE(bytes != NULL);
    if (size > 0) memcpy(bytes, data, size);
    gw_status status = gw__container_parse(bytes, size, "fuzz", &c, &err);
    if (status != GW_OK) {
        REQUIRE(err.code == status && err.message[0] != '\0');
        free(bytes);
        return 0;
    }
    check(&c, size);
    (void)gw__container_verify(&c, "fuzz", &err);
    write_again(&c);
    gw__container_clear(&c);
    return 0;
}
