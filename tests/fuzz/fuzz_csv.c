/* CSV from outside. The first byte says how to read, the rest is the text (or packed text). Size and number of pieces must not show: not in
 * the rows, nor in what is refused and how (of damaged packed text, either the damage or a bad row before it may be met first); and rows
 * that were read are those of the slow reader in tests/data. */
#include <stdlib.h>
#include <string.h>

#include "data/table_dump.h"
#include "data/unpack.h"

typedef struct outcome {
    gw_status status;
    gw_error err;
    gw__text rows;
} outcome;

static outcome run(gw__slice text, const gw__table_options *options, size_t piece, size_t pieces) {
    gw__csv_sizes sizes = {piece, pieces, 1000, 5000};
    outcome result = {0};
    result.status = dump_csv(text, options, &sizes, &result.rows, &result.err);
    return result;
}

static void require(bool so) {
    if (!so) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static const char *const names[] = {"a", "b", "c", "d"};
    if (n == 0) return 0;
    gw__table_options options = {.header_in_file = (bytes[0] & 1) != 0, .skip_bad_rows = (bytes[0] & 2) != 0, .names = names,
                                 .n_names = 1 + (bytes[0] >> 2 & 3), .separator = ",\t; "[bytes[0] >> 4 & 3]};
    gw__slice text = {(const char *)bytes + 1, n - 1};
    outcome small = run(text, &options, 1 + bytes[0] % 13, 1 + bytes[0] % 5), large = run(text, &options, 4096, 1);
    bool packed = gw__unpacker_find(bytes + 1, n - 1) != NULL;
    require((small.status == GW_OK) == (large.status == GW_OK));
    require(small.status == GW_OK || (small.err.message[0] != '\0' && large.err.message[0] != '\0'));
    if (!packed || small.status == GW_OK) {
        require(small.status == large.status && small.err.line == large.err.line && strcmp(small.err.message, large.err.message) == 0);
        require(small.rows.n == large.rows.n && memcmp(small.rows.at, large.rows.at, small.rows.n) == 0);
    }
    if (small.status == GW_OK && !options.header_in_file && options.skip_bad_rows && n < 1000 && !packed) {
        gw__text expected = {0};
        expect_csv(text, options.n_names, options.separator, &expected);
        require(expected.n == small.rows.n && memcmp(expected.at, small.rows.at, expected.n) == 0);
        gw__text_clear(&expected);
    }
    gw__text_clear(&small.rows);
    gw__text_clear(&large.rows);
    return 0;
}
