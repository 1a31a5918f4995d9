#include "testing.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "data/bytes.h"
#include "fail_alloc.h"
#include "table_dump.h"

/* ---- compressed bytes to try ---- */

static void pack_gzip(const void *text, size_t n, gw__text *out) {
    unsigned char packed[70000];
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)n;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    gw__text_add(out, (const char *)packed, sizeof packed - z.avail_out);
    deflateEnd(&z);
}

static void pack_xz(const void *text, size_t n, gw__text *out) {
    unsigned char packed[70000];
    size_t at = 0;
    assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, text, n, packed, &at, sizeof packed), LZMA_OK);
    gw__text_add(out, (const char *)packed, at);
}

static void pack_zstd(const void *text, size_t n, gw__text *out) {
    unsigned char packed[70000];
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t made = ZSTD_compress2(context, packed, sizeof packed, text, n);
    assert_false(ZSTD_isError(made));
    gw__text_add(out, (const char *)packed, made);
    ZSTD_freeCCtx(context);
}

typedef struct packer {
    const char *name;
    void (*pack)(const void *text, size_t n, gw__text *out);
    const char *padding; /* what may stand behind the last part */
    size_t padding_n;
} packer;

static const packer packers[] = {
    {"gzip", pack_gzip, "\0\0\0\0\0", 5},
    {"xz", pack_xz, "\0\0\0\0", 4},
    {"zstd", pack_zstd, "\x50\x2A\x4D\x18\x03\0\0\0abc", 11}, /* a skippable frame */
};

/* ---- reading them ---- */

/* All bytes, in steps of `step`. */
static gw_status read_all(gw__slice packed, size_t step, gw__text *out, gw_error *err) {
    gw__bytes *bytes = NULL;
    char buffer[4096];
    size_t n = step;
    gw__text_puts(out, "");
    gw_status status = gw__bytes_open_memory(packed, "memory", &bytes, err);
    while (status == GW_OK && n == step) {
        status = gw__bytes_read(bytes, buffer, step, &n, err);
        if (status == GW_OK) gw__text_add(out, buffer, n);
    }
    gw__bytes_close(bytes);
    return status;
}

static void expect_bytes(gw__slice packed, const char *expected, size_t expected_n) {
    static const size_t steps[] = {1, 7, 100, 4096};
    for (size_t i = 0; i < GW__COUNT(steps); i++) {
        gw__text found = {0};
        gw_error err = {0};
        gw_status status = read_all(packed, steps[i], &found, &err);
        assert_string_equal(err.message, "");
        assert_int_equal(status, GW_OK);
        assert_int_equal(found.n, expected_n);
        assert_memory_equal(found.at, expected, expected_n);
        gw__text_clear(&found);
    }
}

static gw__text sample(void) {
    gw__text text = {0};
    for (int i = 0; i < 3000; i++) gw__text_addf(&text, "%d,%d\n", i, i * i % 1009);
    return text;
}

static void test_plain(void **state) {
    gw__text text = sample();
    expect_bytes((gw__slice){text.at, text.n}, text.at, text.n);
    for (size_t n = 0; n < 40; n++) expect_bytes((gw__slice){text.at, n}, text.at, n);
    expect_bytes(GW__SLICE("\x1f\x8b"), "\x1f\x8b", 2); /* as much of a magic number as text may begin with */
    gw__text_clear(&text);
}

static void test_packed(void **state) {
    gw__text text = sample();
    for (size_t i = 0; i < GW__COUNT(packers); i++) {
        gw__text packed = {0};
        packers[i].pack(text.at, text.n, &packed);
        assert_true(packed.n < text.n);
        expect_bytes((gw__slice){packed.at, packed.n}, text.at, text.n);
        gw__text_clear(&packed);
        packers[i].pack("", 0, &packed);
        expect_bytes((gw__slice){packed.at, packed.n}, "", 0);
        gw__text_clear(&packed);
    }
    gw__text_clear(&text);
}

static void test_parts(void **state) {
    for (size_t i = 0; i < GW__COUNT(packers); i++) {
        gw__text packed = {0};
        packers[i].pack("a,b\n1,", 6, &packed);
        packers[i].pack("", 0, &packed);
        packers[i].pack("2\n", 2, &packed);
        expect_bytes((gw__slice){packed.at, packed.n}, "a,b\n1,2\n", 8);
        gw__text_add(&packed, packers[i].padding, packers[i].padding_n);
        expect_bytes((gw__slice){packed.at, packed.n}, "a,b\n1,2\n", 8);
        gw__text_clear(&packed);
    }
}

/* A file cut off anywhere says so; a shorter table it never is, except where the cut is between two parts. */
static void test_truncated(void **state) {
    gw__text text = sample();
    for (size_t i = 0; i < GW__COUNT(packers); i++) {
        gw__text packed = {0};
        packers[i].pack(text.at, 300, &packed);
        size_t part = packed.n;
        packers[i].pack(text.at + 300, 300, &packed);
        for (size_t n = 6; n < packed.n; n++) {
            gw__text found = {0};
            gw_error err = {0};
            char expected[200];
            gw_status status = read_all((gw__slice){packed.at, n}, 50, &found, &err);
            snprintf(expected, sizeof expected, "expected the end of the %s data but the file stops before it; "
                     "hint: the file is incomplete, obtain it again", packers[i].name);
            assert_int_equal(status, n == part ? GW_OK : GW_E_FORMAT);
            assert_string_equal(err.message, n == part ? "" : expected);
            assert_string_equal(err.where, n == part ? "" : "memory");
            assert_true(found.n <= (n < part ? 300 : 600));
            assert_memory_equal(found.at, text.at, found.n);
            gw__text_clear(&found);
        }
        gw__text_clear(&packed);
    }
    gw__text_clear(&text);
}

/* One altered byte behind the magic number: an error, or (in what a header remarks) the same bytes as before; never others. */
static void test_altered(void **state) {
    gw__text text = sample();
    for (size_t i = 0; i < GW__COUNT(packers); i++) {
        gw__text packed = {0};
        size_t refused = 0;
        packers[i].pack(text.at, 400, &packed);
        for (size_t n = 6; n < packed.n; n++) {
            gw__text found = {0};
            packed.at[n] ^= 0x5A;
            gw_status status = read_all((gw__slice){packed.at, packed.n}, 64, &found, NULL);
            packed.at[n] ^= 0x5A;
            if (status == GW_OK) {
                assert_int_equal(found.n, 400);
                assert_memory_equal(found.at, text.at, 400);
            } else {
                assert_true(status == GW_E_FORMAT || status == GW_E_LIMIT);
                refused++;
            }
            gw__text_clear(&found);
        }
        assert_in_range(refused, packed.n - 16, packed.n - 6);
        gw__text_clear(&packed);
    }
    gw__text_clear(&text);
}

static void test_garbage_behind(void **state) {
    for (size_t i = 0; i < GW__COUNT(packers); i++) {
        gw__text packed = {0}, found = {0};
        gw_error err = {0};
        char expected[100];
        packers[i].pack("1,2\n", 4, &packed);
        gw__text_puts(&packed, "more, in plain text");
        assert_int_equal(read_all((gw__slice){packed.at, packed.n}, 100, &found, &err), GW_E_FORMAT);
        snprintf(expected, sizeof expected, "the %s data is damaged; hint: obtain the file again", packers[i].name);
        assert_string_equal(err.message, expected);
        gw__text_clear(&packed);
        gw__text_clear(&found);
    }
}

static void test_memory_limit(void **state) {
    gw__text found = {0};
    gw_error err = {0};
    static const char huge_window[] = "\x28\xB5\x2F\xFD\x00\xB8\x01\x00\x00"; /* zstd: a window of 8 GiB */
    assert_int_equal(read_all(GW__SLICE(huge_window), 100, &found, &err), GW_E_LIMIT);
    assert_string_equal(err.message, "the zstd data needs more than 256 MiB to decompress; hint: compress it with a smaller window");
    lzma_options_lzma options;
    assert_false(lzma_lzma_preset(&options, 6));
    options.dict_size = 1u << 30;
    lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    unsigned char head[100];
    lzma_block block = {.filters = filters, .compressed_size = LZMA_VLI_UNKNOWN, .uncompressed_size = LZMA_VLI_UNKNOWN};
    lzma_stream_flags flags = {.check = LZMA_CHECK_NONE};
    assert_int_equal(lzma_stream_header_encode(&flags, head), LZMA_OK);
    assert_int_equal(lzma_block_header_size(&block), LZMA_OK);
    assert_int_equal(lzma_block_header_encode(&block, head + LZMA_STREAM_HEADER_SIZE), LZMA_OK);
    assert_int_equal(read_all((gw__slice){(const char *)head, LZMA_STREAM_HEADER_SIZE + block.header_size}, 100, &found, &err), GW_E_LIMIT);
    assert_string_equal(err.message, "the xz data needs more than 256 MiB to decompress; hint: compress it with a smaller window");
    gw__text_clear(&found);
}

/* ---- as tables ---- */

static void test_rows(void **state) {
    static const gw__table_options options = {.header_in_file = true};
    gw__csv_sizes sizes = GW__CSV_SIZES;
    for (size_t i = 0; i < GW__COUNT(packers); i++) {
        gw__text packed = {0}, found = {0};
        packers[i].pack("a,b\n1,\"2\n2\"\n3,4", 15, &packed);
        assert_int_equal(dump_csv((gw__slice){packed.at, packed.n}, &options, &sizes, &found, NULL), GW_OK);
        assert_string_equal(found.at, "2:[1][2\n2]\n4:[3][4]\n");
        packed.n -= 3;
        gw_error err = {0};
        assert_int_equal(dump_csv((gw__slice){packed.at, packed.n}, &options, &sizes, &found, &err), GW_E_FORMAT);
        assert_string_equal(err.where, "memory");
        gw__text_clear(&packed);
        gw__text_clear(&found);
    }
}

static void test_foreign(void **state) {
    static const struct { gw__slice text; const char *kind; } all[] = {
        {{"BZh91AY&SY....", 14}, "bzip2"},
        {{"PK\x03\x04....", 8}, "a zip archive or spreadsheet"},
        {{"PAR1\x15....", 9}, "a Parquet file"},
        {{"ARROW1\0\0....", 12}, "an Arrow file"},
        {{"\xFF\xFE\0\0a\0\0\0", 8}, "UTF-32 text"},
        {{"\xFF\xFE" "a\0", 4}, "UTF-16 text"},
        {{"\x04\x22\x4D\x18....", 8}, "lz4"},
    };
    static const gw__table_options options = {.header_in_file = true};
    gw__csv_sizes sizes = GW__CSV_SIZES;
    for (size_t i = 0; i < GW__COUNT(all); i++) {
        gw__text packed = {0}, found = {0};
        gw_error err = {0};
        char expected[150];
        snprintf(expected, sizeof expected, "expected UTF-8 text, plain or in gzip, xz or zstd, but found %s", all[i].kind);
        assert_int_equal(dump_csv(all[i].text, &options, &sizes, &found, &err), GW_E_UNSUPPORTED);
        assert_string_equal(err.message, expected);
        pack_gzip(all[i].text.at, all[i].text.n, &packed); /* no better when wrapped */
        assert_int_equal(dump_csv((gw__slice){packed.at, packed.n}, &options, &sizes, &found, &err), GW_E_UNSUPPORTED);
        assert_string_equal(err.message, expected);
        gw__text_clear(&packed);
        gw__text_clear(&found);
    }
}

static gw_status open_and_read(void *context, gw_error *err) {
    const gw__text *packed = context;
    gw__bytes *bytes = NULL;
    char buffer[100];
    size_t n;
    gw_status status = gw__bytes_open_memory((gw__slice){packed->at, packed->n}, "memory", &bytes, err);
    if (status == GW_OK) status = gw__bytes_read(bytes, buffer, sizeof buffer, &n, err);
    gw__bytes_close(bytes);
    return status;
}

static void test_no_memory(void **state) {
    for (size_t i = 0; i < GW__COUNT(packers); i++) {
        gw__text packed = {0};
        packers[i].pack("1,2\n", 4, &packed);
        assert_in_range(fail_each_allocation(open_and_read, &packed), 2, 2); /* the rest is the libraries' own */
        gw__text_clear(&packed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_packed), cmocka_unit_test(test_parts), cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_altered), cmocka_unit_test(test_garbage_behind), cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_rows), cmocka_unit_test(test_foreign), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
