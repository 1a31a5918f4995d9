#include "testing.h"

#include <unistd.h>

#include "fail_alloc.h"
#include "file/safetensors.h"

static const float weights[6] = {1, -2, 3.5f, 4, 5, 6};
static const int64_t scalar = 7;
static const uint8_t bytes3[3] = {1, 2, 3};
static const gw__tensor tensors[] = {
    {.name = "a\"\xc3\xa9.weight", .dtype = GW__F32, .n_dims = 2, .shape = {2, 3}, .data = weights, .n_bytes = 24},
    {.name = "odd", .dtype = GW__U8, .n_dims = 1, .shape = {3}, .data = bytes3, .n_bytes = 3},
    {.name = "empty", .dtype = GW__F32, .n_dims = 3, .shape = {4, 0, 3}, .data = NULL, .n_bytes = 0},
    {.name = "scalar", .dtype = GW__I64, .n_dims = 0, .data = &scalar, .n_bytes = 8},
};
static const gw__pair metadata[] = {{"spec", GW__SLICE("{\"a\":\"\xc3\xa9\n\"}")}, {"", GW__SLICE("")}};

static char path[64];

static int set_up(void **state) {
    strcpy(path, "/tmp/gatewright-test-XXXXXX");
    int file = mkstemp(path);
    return file < 0 || close(file) != 0;
}

static int tear_down(void **state) {
    return unlink(path);
}

static gw_status write_file(const gw__tensor *list, size_t n, const gw__pair *pairs, size_t n_pairs, bool seal, gw_error *err) {
    gw__writer writer = {0};
    gw_status status = gw__writer_open(&writer, path, err);
    if (status == GW_OK) status = gw__container_write(list, n, pairs, n_pairs, seal, &writer, err);
    if (status == GW_OK) return gw__writer_commit(&writer, err);
    gw__writer_cancel(&writer);
    return status;
}

static void write_sample(bool seal) {
    assert_int_equal(write_file(tensors, GW__COUNT(tensors), metadata, GW__COUNT(metadata), seal, NULL), GW_OK);
}

static char *load(size_t *ret_n) {
    char *bytes;
    assert_int_equal(gw__file_read(path, 1 << 20, &bytes, ret_n, NULL), GW_OK);
    return bytes;
}

static void test_round_trip(void **state) {
    for (int seal = 0; seal < 2; seal++) {
        gw__container c;
        write_sample(seal != 0);
        assert_int_equal(gw__container_read(path, &c, NULL), GW_OK);
        assert_int_equal(c.n_tensors, GW__COUNT(tensors));
        for (size_t i = 0; i < c.n_tensors; i++) {
            const gw__tensor *t = &c.tensors[i];
            assert_string_equal(t->name, tensors[i].name);
            assert_int_equal(t->dtype, tensors[i].dtype);
            assert_int_equal(t->n_dims, tensors[i].n_dims);
            assert_memory_equal(t->shape, tensors[i].shape, sizeof t->shape);
            assert_int_equal(t->n_bytes, tensors[i].n_bytes);
            if (t->n_bytes > 0) assert_memory_equal(t->data, tensors[i].data, t->n_bytes);
            assert_ptr_equal(gw__container_tensor(&c, tensors[i].name), t);
        }
        assert_int_equal((uintptr_t)c.tensors[0].data % 64, 0);
        assert_int_equal((8 + c.header.n) % 64, 0);
        assert_null(gw__container_tensor(&c, "none"));
        assert_true(gw__slice_equal(gw__container_metadata(&c, "spec"), metadata[0].value));
        assert_int_equal(gw__container_metadata(&c, "").n, 0);
        assert_non_null(gw__container_metadata(&c, "").at);
        assert_null(gw__container_metadata(&c, "none").at);
        assert_int_equal(c.n_metadata, GW__COUNT(metadata) + (seal ? 2 : 0));
        assert_int_equal(gw__container_verify(&c, path, NULL), seal ? GW_OK : GW_E_FORMAT);
        gw__container_clear(&c);
        gw__container_clear(&c);
    }
}

static void test_nothing_inside(void **state) {
    gw__container c;
    for (int seal = 0; seal < 2; seal++) {
        assert_int_equal(write_file(NULL, 0, NULL, 0, seal != 0, NULL), GW_OK);
        assert_int_equal(gw__container_read(path, &c, NULL), GW_OK);
        assert_int_equal(c.n_tensors, 0);
        assert_int_equal(c.n_metadata, seal ? 2 : 0);
        assert_int_equal(gw__container_verify(&c, path, NULL), seal ? GW_OK : GW_E_FORMAT);
        gw__container_clear(&c);
    }
}

/* Old seals that come with handed-on metadata are not kept, so that a file copied is the same file. */
static void test_copy(void **state) {
    size_t n, again_n;
    write_sample(true);
    char *first = load(&n);
    gw__container c;
    assert_int_equal(gw__container_read(path, &c, NULL), GW_OK);
    assert_int_equal(write_file(c.tensors, c.n_tensors, c.metadata, c.n_metadata, true, NULL), GW_OK);
    char *again = load(&again_n);
    assert_int_equal(n, again_n);
    assert_memory_equal(first, again, n);
    gw__aligned_free(first);
    gw__aligned_free(again);
    gw__container_clear(&c);
}

static gw_status open_copy(const char *bytes, size_t n, gw_error *err) {
    gw__container c;
    char *copy = gw__aligned_alloc(n == 0 ? 1 : n, 1);
    memcpy(copy, bytes, n);
    gw_status status = gw__container_parse(copy, n, "m.gw", &c, err);
    if (status != GW_OK) {
        gw__aligned_free(copy); /* not moved */
        return status;
    }
    status = gw__container_verify(&c, "m.gw", err);
    gw__container_clear(&c);
    return status;
}

/* No altered bit and no missing byte goes unnoticed. */
static void test_altered(void **state) {
    size_t n;
    gw_error err;
    write_sample(true);
    char *bytes = load(&n);
    assert_int_equal(open_copy(bytes, n, &err), GW_OK);
    for (size_t i = 0; i < n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] = (char)(bytes[i] ^ 1 << bit);
            err.code = GW_OK;
            gw_status status = open_copy(bytes, n, &err);
            if (status != GW_E_FORMAT && status != GW_E_UNSUPPORTED) fail_msg("byte %zu bit %d: status %d", i, bit, (int)status);
            assert_int_equal(err.code, status);
            assert_string_equal(err.where, "m.gw");
            bytes[i] = (char)(bytes[i] ^ 1 << bit);
        }
    }
    for (size_t length = 0; length < n; length++) assert_int_equal(open_copy(bytes, length, &err), GW_E_FORMAT);
    gw__aligned_free(bytes);
}

static void test_altered_is_named(void **state) {
    size_t n;
    gw_error err;
    write_sample(true);
    char *bytes = load(&n);
    bytes[n - 1] ^= 1;
    assert_int_equal(open_copy(bytes, n, &err), GW_E_FORMAT);
    assert_non_null(strstr(err.message, "tensor 'scalar' was altered"));
    bytes[n - 1] ^= 1;
    char *spec = memmem(bytes, n, "\"spec\"", 6);
    spec[1] = 'S';
    assert_int_equal(open_copy(bytes, n, &err), GW_E_FORMAT);
    assert_non_null(strstr(err.message, "the header was altered"));
    gw__aligned_free(bytes);
}

/* ---- files that others made, and files made to do harm ---- */

/* A file of this header (%s: nothing is added) and `n_data` bytes. */
static gw_status open_header(const char *header, size_t n_data, gw__container *ret_container, gw_error *err) {
    size_t n = strlen(header);
    unsigned char *bytes = gw__aligned_alloc(8 + n + n_data, 1);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)n >> (8 * i));
    memcpy(bytes + 8, header, n);
    gw_status status = gw__container_parse((char *)bytes, 8 + n + n_data, "h", ret_container, err);
    if (status != GW_OK) gw__aligned_free(bytes);
    return status;
}

#define T(name, shape, offsets) "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_foreign(void **state) {
    static const struct { const char *header; size_t n_data, n_tensors; const char *first; } rows[] = {
        {"{}", 0, 0, NULL},
        {"{}   \n ", 0, 0, NULL},
        {"{\"__metadata__\":{}}", 0, 0, NULL},
        {"{" T("b", "[1]", "[4,8]") "," T("a", "[1]", "[0,4]") "}", 8, 2, "a"},              /* in any order */
        {"{" T("z", "[1]", "[0,4]") "," T("e", "[0]", "[0,0]") "}", 4, 2, "e"},              /* an empty one where another begins */
        {"{" T("e", "[0]", "[4,4]") "," T("f", "[0,7]", "[4,4]") "," T("z", "[1]", "[0,4]") "}", 4, 3, "z"},
        {"{\"s\":{\"data_offsets\":[0,4],\"shape\":[],\"dtype\":\"F32\"}}", 4, 1, "s"},      /* fields in any order; a scalar */
        {"{\"x\\u0041\":{\"dtype\":\"BF16\",\"shape\":[1,1,1,1,1,1,1,2],\"data_offsets\":[0,4]}}", 4, 1, "xA"},
    };
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        gw__container c;
        gw_error err = {0};
        if (open_header(rows[i].header, rows[i].n_data, &c, &err) != GW_OK) fail_msg("%s: %s", rows[i].header, err.message);
        assert_int_equal(c.n_tensors, rows[i].n_tensors);
        if (rows[i].first != NULL) assert_string_equal(c.tensors[0].name, rows[i].first);
        if (rows[i].first != NULL) assert_non_null(gw__container_tensor(&c, rows[i].first));
        gw__container_clear(&c);
    }
}

static void test_hostile(void **state) {
    static const struct { const char *header; size_t n_data; } rows[] = {
        {"", 0}, {" {}", 0}, {"[]", 0}, {"null", 0}, {"{", 0}, {"{} x", 0}, {"{}", 1},
        {"{\"a\":1}", 0}, {"{\"a\":{}}", 0}, {"{\"a\":[]}", 0}, {"{\"a\":null}", 0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{" T("a", "1", "[0,4]") "}", 4}, {"{" T("a", "[-1]", "[0,4]") "}", 4}, {"{" T("a", "[1.0]", "[0,4]") "}", 4},
        {"{" T("a", "[1e0]", "[0,4]") "}", 4}, {"{" T("a", "[\"1\"]", "[0,4]") "}", 4}, {"{" T("a", "[[1]]", "[0,4]") "}", 4},
        {"{" T("a", "[99999999999999999999]", "[0,4]") "}", 4},
        {"{" T("a", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4},                                 /* nine dimensions */
        {"{" T("a", "[4611686018427387904,4]", "[0,0]") "}", 0},                             /* its bytes are 2^66, 0 when cut to 64 bits */
        {"{" T("a", "[9223372036854775807,2,2]", "[0,4]") "}", 4},
        {"{" T("a", "[1]", "[0]") "}", 4}, {"{" T("a", "[1]", "[0,4,8]") "}", 4}, {"{" T("a", "[1]", "[0,-4]") "}", 4},
        {"{" T("a", "[1]", "[4,0]") "}", 4}, {"{" T("a", "[1]", "[0,8]") "}", 8}, {"{" T("a", "[2]", "[0,4]") "}", 4},
        {"{" T("a", "[1]", "[4,8]") "}", 8},                                                 /* a hole at the beginning */
        {"{" T("a", "[1]", "[0,4]") "," T("b", "[1]", "[8,12]") "}", 12},                    /* in the middle */
        {"{" T("a", "[1]", "[0,4]") "}", 8},                                                 /* at the end */
        {"{" T("a", "[1]", "[0,4]") "," T("b", "[1]", "[0,4]") "}", 4},                      /* overlap */
        {"{" T("a", "[2]", "[0,8]") "," T("b", "[0]", "[4,4]") "}", 8},                      /* an empty one in the middle of another */
        {"{" T("a", "[2]", "[0,8]") "}", 4},                                                 /* truncated */
        {"{" T("a", "[0]", "[9223372036854775807,9223372036854775807]") "}", 0},
        {"{" T("a", "[1]", "[0,4]") "," T("a", "[1]", "[4,8]") "}", 8},                      /* two of a name */
        {"{" T("a", "[1]", "[0,4]") "," T("\\u0061", "[1]", "[4,8]") "}", 8},
        {"{" T("a\\u0000b", "[1]", "[0,4]") "}", 4}, {"{" T("\xff", "[1]", "[0,4]") "}", 4},
        {"{\"__metadata__\":1}", 0}, {"{\"__metadata__\":[]}", 0}, {"{\"__metadata__\":{\"a\":1}}", 0}, {"{\"__metadata__\":{\"a\":null}}", 0},
        {"{\"__metadata__\":{\"a\":{}}}", 0}, {"{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0}, {"{\"__metadata__\":{},\"__metadata__\":{}}", 0},
        {"{\"__metadata__\":{\"a\\u0000\":\"\"}}", 0}, {"{\"__metadata__\":{\"a\":\"\\ud800\"}}", 0},
        {"{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}", 0},
    };
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        gw__container c = {0};
        gw_error err = {0};
        gw_status status = open_header(rows[i].header, rows[i].n_data, &c, &err);
        if (status != GW_E_FORMAT) fail_msg("%s: status %d", rows[i].header, (int)status);
        assert_string_equal(err.where, "h");
        assert_string_not_equal(err.message, "");
        assert_null(c.bytes);
    }
    gw__container c;
    gw_error err;
    assert_int_equal(open_header("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, &c, &err), GW_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "unknown dtype 'F8_E4M3'"));
}

static void test_header_length(void **state) {
    static const uint64_t lengths[] = {3, 100, (uint64_t)100 << 20, ((uint64_t)100 << 20) + 1, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63};
    for (size_t i = 0; i < GW__COUNT(lengths); i++) {
        unsigned char bytes[10] = "........{}";
        gw__container c;
        gw_error err = {0};
        for (int k = 0; k < 8; k++) bytes[k] = (unsigned char)(lengths[i] >> (8 * k));
        assert_int_equal(gw__container_parse((char *)bytes, sizeof bytes, "h", &c, &err), GW_E_FORMAT);
        assert_string_not_equal(err.message, "");
    }
}

/* Seals that are there but wrong in themselves. */
static void test_bad_seals(void **state) {
    static const char *const values[][2] = {
        {"{}", "00000000"}, {"", "00000000"}, {"[]", "00000000"}, {"{\\\"a\\\":\\\"00000000\\\"}", "x"}, {"{\\\"a\\\":\\\"00000000\\\"}", "000000000"},
        {"{\\\"a\\\":\\\"00000000\\\"}", "\\u00300000000"},
    };
    for (size_t i = 0; i < GW__COUNT(values); i++) {
        char header[400];
        gw__container c;
        gw_error err = {0};
        snprintf(header, sizeof header, "{\"__metadata__\":{\"%s\":\"%s\",\"%s\":\"%s\"}," T("a", "[1]", "[0,4]") "}", GW__CHECKSUMS, values[i][0],
                 GW__HEADER_CHECKSUM, values[i][1]);
        assert_int_equal(open_header(header, 4, &c, &err), GW_OK);
        assert_int_equal(gw__container_verify(&c, "h", &err), GW_E_FORMAT);
        assert_string_equal(err.where, "h");
        gw__container_clear(&c);
    }
}

/* What this library must not ask for. */
static void test_refuses_to_write(void **state) {
    gw__tensor bad[2] = {tensors[1], tensors[1]};
    assert_int_equal(write_file(bad, 2, NULL, 0, true, NULL), GW_E_INTERNAL);
    bad[0].n_bytes = 2;
    assert_int_equal(write_file(bad, 1, NULL, 0, true, NULL), GW_E_INTERNAL);
    bad[0] = tensors[1];
    bad[0].name = "__metadata__";
    assert_int_equal(write_file(bad, 1, NULL, 0, true, NULL), GW_E_ARGUMENT);
    bad[0].name = "\xff";
    assert_int_equal(write_file(bad, 1, NULL, 0, true, NULL), GW_E_ARGUMENT);
    bad[0] = tensors[1];
    bad[0].n_dims = GW__TENSOR_DIMS + 1;
    assert_int_equal(write_file(bad, 1, NULL, 0, true, NULL), GW_E_INTERNAL);
}

static void test_many(void **state) {
    enum { N = 3000 };
    static gw__tensor many[N];
    static char names[N][16];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i * 7 % N);
        many[i] = (gw__tensor){.name = names[i], .dtype = GW__I64, .n_dims = 1, .shape = {1}, .data = &scalar, .n_bytes = 8};
    }
    assert_int_equal(write_file(many, N, NULL, 0, true, NULL), GW_OK);
    gw__container c;
    assert_int_equal(gw__container_read(path, &c, NULL), GW_OK);
    assert_int_equal(gw__container_verify(&c, path, NULL), GW_OK);
    for (int i = 0; i < N; i++) assert_ptr_equal(gw__container_tensor(&c, names[i]), &c.tensors[i]);
    gw__container_clear(&c);
}

/* A description of the format that is not ours: Python's own json and zlib read what was written. */
static void test_python(void **state) {
    char command[1200];
    write_sample(true);
    if (system("python3 -c 'import json, struct, zlib' 2>/dev/null") != 0) skip();
    snprintf(command, sizeof command,
             "python3 -c \"\n"
             "import json, struct, zlib\n"
             "b = open('%s', 'rb').read()\n"
             "n = struct.unpack('<Q', b[:8])[0]\n"
             "h = json.loads(b[8:8+n])\n"
             "m = h.pop('__metadata__')\n"
             "d = b[8+n:]\n"
             "assert list(m)[:2] == ['spec', ''] and json.loads(m['gatewright.checksums']).keys() == h.keys()\n"
             "for k, c in json.loads(m['gatewright.checksums']).items():\n"
             "    x, y = h[k]['data_offsets']\n"
             "    assert '%%08x' %% zlib.crc32(d[x:y]) == c\n"
             "s = m['gatewright.header_checksum']\n"
             "assert '%%08x' %% zlib.crc32(b[:8+n].replace(s.encode(), b'0' * 8)) == s\n"
             "x, y = h[chr(97) + chr(34) + chr(233) + '.weight']['data_offsets']\n"
             "assert struct.unpack('<6f', d[x:y]) == (1, -2, 3.5, 4, 5, 6)\n"
             "assert h['scalar']['shape'] == [] and h['empty']['shape'] == [4, 0, 3]\n"
             "\"", path);
    assert_int_equal(system(command), 0);
}

static void test_crc(void **state) {
    assert_int_equal(gw__crc32(0, "", 0), 0);
    assert_int_equal(gw__crc32(0, "123456789", 9), 0xCBF43926);
    unsigned char bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 37 + 11);
    for (size_t n = 0; n <= sizeof bytes; n++) { /* bit by bit, and in two parts */
        uint32_t slow = ~0u;
        for (size_t i = 0; i < n; i++) {
            slow ^= bytes[i];
            for (int bit = 0; bit < 8; bit++) slow = slow >> 1 ^ (slow & 1 ? 0xEDB88320u : 0);
        }
        assert_int_equal(gw__crc32(0, bytes, n), ~slow);
        assert_int_equal(gw__crc32(gw__crc32(0, bytes, n / 3), bytes + n / 3, n - n / 3), ~slow);
    }
}

static void test_dtypes(void **state) {
    static const struct { gw__dtype dtype; const char *name; size_t bytes; } rows[] = {
        {GW__F32, "F32", 4}, {GW__F64, "F64", 8}, {GW__F16, "F16", 2}, {GW__BF16, "BF16", 2}, {GW__I64, "I64", 8},
        {GW__I32, "I32", 4}, {GW__U32, "U32", 4}, {GW__U64, "U64", 8}, {GW__U8, "U8", 1},
    };
    assert_int_equal(GW__COUNT(rows), GW__DTYPES);
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        assert_string_equal(gw__dtype_name(rows[i].dtype), rows[i].name);
        assert_int_equal(gw__dtype_bytes(rows[i].dtype), rows[i].bytes);
    }
}

static gw_status write_and_read(void *context, gw_error *err) {
    gw__container c = {0};
    gw_status status;
    GW__TRY(write_file(tensors, GW__COUNT(tensors), metadata, GW__COUNT(metadata), true, err));
    GW__TRY(gw__container_read(path, &c, err));
    GW__TRY(gw__container_verify(&c, path, err));
cleanup:
    gw__container_clear(&c);
    return status;
}

static void test_no_memory(void **state) {
    assert_in_range(fail_each_allocation(write_and_read, NULL), 12, 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_nothing_inside), cmocka_unit_test(test_copy), cmocka_unit_test(test_altered),
        cmocka_unit_test(test_altered_is_named), cmocka_unit_test(test_foreign), cmocka_unit_test(test_hostile), cmocka_unit_test(test_header_length),
        cmocka_unit_test(test_bad_seals), cmocka_unit_test(test_refuses_to_write), cmocka_unit_test(test_many), cmocka_unit_test(test_python),
        cmocka_unit_test(test_crc), cmocka_unit_test(test_dtypes), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
