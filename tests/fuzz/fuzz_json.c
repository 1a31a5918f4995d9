/* The JSON reader and the documents made from it: whatever comes in, no harm is done; what is taken can be decoded, written again and
 * read again, and is the same then. */
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/json.h"
#include "base/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) \
    do {                   \
        if (!(condition)) abort(); \
    } while (0)

static void put_token(gw__json_writer *w, gw__json *json, gw__json_token token, char *scratch) {
    gw__slice text = {scratch, 0};
    double number;
    if (token == GW__JSON_KEY || token == GW__JSON_STRING) {
        text.n = gw__json_decode(json->text, scratch);
        REQUIRE(text.n <= json->text.n && gw__utf8_valid(scratch, text.n));
    }
    switch (token) {
    case GW__JSON_BEGIN_OBJECT: gw__json_begin_object(w); break;
    case GW__JSON_END_OBJECT: gw__json_end_object(w); break;
    case GW__JSON_BEGIN_LIST: gw__json_begin_list(w); break;
    case GW__JSON_END_LIST: gw__json_end_list(w); break;
    case GW__JSON_KEY: gw__json_key_slice(w, text); break;
    case GW__JSON_STRING: gw__json_slice(w, text); break;
    case GW__JSON_NUMBER:
        if (gw__parse_double(json->text, &number)) gw__json_double(w, number);
        else gw__json_string(w, "beyond double");
        break;
    case GW__JSON_TRUE: gw__json_bool(w, true); break;
    case GW__JSON_FALSE: gw__json_bool(w, false); break;
    default: gw__json_null(w);
    }
}

static bool rewrite(const char *bytes, size_t n, gw__text *out) {
    gw__json json;
    gw__json_writer w = {.out = out};
    int64_t line, column;
    char *scratch = malloc(n + 1);
    REQUIRE(scratch != NULL);
    gw__json_init(&json, bytes, n);
    gw__json_token token;
    while ((token = gw__json_next(&json)) != GW__JSON_END && token != GW__JSON_BAD) put_token(&w, &json, token, scratch);
    gw__json_place(&json, &line, &column);
    REQUIRE(line >= 1 && column >= 1 && json.text.at >= bytes && json.text.at + json.text.n <= bytes + n);
    REQUIRE((token == GW__JSON_BAD) == (json.problem != NULL));
    free(scratch);
    return token == GW__JSON_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *bytes = malloc(size == 0 ? 1 : size); /* no room behind it that could hide a fault */
    REQUIRE(bytes != NULL);
    if (size > 0) memcpy(bytes, data, size);
    gw__text once = {0}, twice = {0};
    gw__arena arena = {0};
    gw__doc *doc = NULL;
    gw_error err;
    bool taken = rewrite(bytes, size, &once);
    gw_status status = gw__doc_parse_json(bytes, size, "fuzz", &arena, &doc, &err);
    REQUIRE(status != GW_OK || taken);
    REQUIRE(status == GW_OK || (err.line >= 1 && err.message[0] != '\0'));
    if (taken) {
        REQUIRE(rewrite(once.at, once.n, &twice));
        REQUIRE(once.n == twice.n && memcmp(once.at, twice.at, once.n) == 0);
        gw__json json;
        gw__json_init(&json, bytes, size);
        REQUIRE(gw__json_skip(&json, gw__json_next(&json)) && gw__json_next(&json) == GW__JSON_END);
    }
    gw__text_clear(&once);
    gw__text_clear(&twice);
    gw__arena_clear(&arena);
    free(bytes);
    return 0;
}
