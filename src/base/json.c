#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/number.h"

/* What the grammar allows next. */
enum expect { VALUE, FIRST_ITEM, KEY, FIRST_KEY, COLON, AFTER_VALUE, NOTHING_MORE, BROKEN };

void gw__json_init(gw__json *json, const char *bytes, size_t n) {
    *json = (gw__json){.start = bytes, .at = bytes, .end = bytes + n, .expect = VALUE};
    json->text = (gw__slice){bytes, 0};
}

static gw__json_token bad(gw__json *json, const char *at, const char *problem) {
    json->text = (gw__slice){at, at < json->end};
    json->problem = problem;
    json->expect = BROKEN;
    return GW__JSON_BAD;
}

static void skip_blanks(gw__json *json) {
    const char *p = json->at;
    while (p < json->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
    json->at = p;
}

/* ---- strings ---- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code of \uXXXX at p; -1 if it is not one. */
static int32_t unicode_escape(const char *p, const char *end) {
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return -1;
    int32_t code = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0) return -1;
        code = code << 4 | digit;
    }
    return code;
}

/* The length of the escape at p and the character that it stands for; 0 if it is no escape or half a surrogate pair. */
static size_t escape(const char *p, const char *end, int32_t *ret_code) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (end - p < 2) return 0;
    if (p[1] != 'u') {
        const char *letter = p[1] == '\0' ? NULL : strchr(letters, p[1]);
        if (letter == NULL) return 0;
        *ret_code = meanings[letter - letters];
        return 2;
    }
    int32_t code = unicode_escape(p, end);
    if (code < 0 || (code >= 0xDC00 && code <= 0xDFFF)) return 0;
    if (code < 0xD800 || code > 0xDBFF) {
        *ret_code = code;
        return 6;
    }
    int32_t low = unicode_escape(p + 6, end);
    if (low < 0xDC00 || low > 0xDFFF) return 0;
    *ret_code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    return 12;
}

/* The first byte from p on that is not plain ASCII inside a string, eight at a time. */
static const char *skip_plain(const char *p, const char *end) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    for (uint64_t w; end - p >= 8; p += 8) {
        memcpy(&w, p, 8);
        uint64_t quote = w ^ (ones * '"'), backslash = w ^ (ones * '\\');
        uint64_t found = ((w - ones * 0x20) | (quote - ones) | (backslash - ones) | w) & tops; /* exact up to the first */
        if (found == 0) continue;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        return p + __builtin_ctzll(found) / 8;
#else
        break;
#endif
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\') p++;
    return p;
}

/* json->at is on the opening quote. */
static gw__json_token take_string(gw__json *json, gw__json_token token) {
    const char *begin = json->at + 1, *p = begin, *end = json->end;
    bool wide = false;
    json->escaped = false;
    for (;;) {
        p = skip_plain(p, end);
        if (p == end) return bad(json, json->at, "the string has no end");
        if (*p == '"') break;
        if (*p == '\\') {
            int32_t code;
            size_t n = escape(p, end, &code);
            if (n == 0) return bad(json, p, "not an escape sequence");
            json->escaped = true;
            p += n;
        } else if ((unsigned char)*p < 0x20) {
            return bad(json, p, "a control character in a string");
        } else {
            wide = true;
            p++;
        }
    }
    if (wide && !gw__utf8_valid(begin, (size_t)(p - begin))) return bad(json, json->at, "the string is not valid UTF-8");
    json->text = (gw__slice){begin, (size_t)(p - begin)};
    json->at = p + 1;
    return token;
}

static size_t put_utf8(int32_t code, char *out) {
    if (code < 0x80) return out[0] = (char)code, 1;
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF00 >> n) | code);
    return n;
}

size_t gw__json_decode(gw__slice raw, char *out) {
    const char *p = raw.at, *end = p + raw.n;
    size_t n = 0;
    while (p < end) {
        if (*p != '\\') {
            out[n++] = *p++;
            continue;
        }
        int32_t code;
        size_t length = escape(p, end, &code);
        if (length == 0) return SIZE_MAX;
        n += put_utf8(code, out + n); /* never longer than the escape */
        p += length;
    }
    return n;
}

/* ---- numbers and words ---- */

static const char *skip_digits(const char *p, const char *end) {
    while (p < end && (unsigned char)(*p - '0') < 10) p++;
    return p;
}

static gw__json_token take_number(gw__json *json) {
    const char *p = json->at, *end = json->end, *digits;
    if (*p == '-') p++;
    digits = p;
    p = skip_digits(p, end);
    if (p == digits) return bad(json, json->at, "expected a digit after '-'");
    if (*digits == '0' && p - digits > 1) return bad(json, json->at, "a number may not begin with 0");
    if (p < end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, end);
        if (p == digits) return bad(json, json->at, "expected a digit after '.'");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        digits = p;
        p = skip_digits(p, end);
        if (p == digits) return bad(json, json->at, "expected a digit in the exponent");
    }
    json->text = (gw__slice){json->at, (size_t)(p - json->at)};
    json->at = p;
    return GW__JSON_NUMBER;
}

static gw__json_token take_word(gw__json *json, gw__slice word, gw__json_token token) {
    if ((size_t)(json->end - json->at) < word.n || memcmp(json->at, word.at, word.n) != 0) {
        return bad(json, json->at, "expected a value");
    }
    json->text = (gw__slice){json->at, word.n};
    json->at += word.n;
    return token;
}

/* ---- structure ---- */

static gw__json_token take_mark(gw__json *json, gw__json_token token) {
    json->text = (gw__slice){json->at++, 1};
    return token;
}

static gw__json_token enter(gw__json *json, bool object) {
    if (json->depth == GW__JSON_DEPTH) return bad(json, json->at, "nested too deeply");
    uint64_t bit = (uint64_t)1 << json->depth++;
    json->in_object = object ? json->in_object | bit : json->in_object & ~bit;
    json->expect = object ? FIRST_KEY : FIRST_ITEM;
    return take_mark(json, object ? GW__JSON_BEGIN_OBJECT : GW__JSON_BEGIN_LIST);
}

static void value_done(gw__json *json) {
    json->expect = json->depth == 0 ? NOTHING_MORE : AFTER_VALUE;
}

static gw__json_token leave(gw__json *json) {
    bool object = json->in_object >> --json->depth & 1;
    value_done(json);
    return take_mark(json, object ? GW__JSON_END_OBJECT : GW__JSON_END_LIST);
}

static gw__json_token take_value(gw__json *json) {
    gw__json_token token;
    if (json->at == json->end) return bad(json, json->at, "expected a value but the text ends");
    switch (*json->at) {
    case '{': return enter(json, true);
    case '[': return enter(json, false);
    case '"': token = take_string(json, GW__JSON_STRING); break;
    case 't': token = take_word(json, GW__SLICE("true"), GW__JSON_TRUE); break;
    case 'f': token = take_word(json, GW__SLICE("false"), GW__JSON_FALSE); break;
    case 'n': token = take_word(json, GW__SLICE("null"), GW__JSON_NULL); break;
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        token = take_number(json);
        break;
    default: return bad(json, json->at, "expected a value");
    }
    if (token != GW__JSON_BAD) value_done(json);
    return token;
}

static gw__json_token take_key(gw__json *json) {
    if (json->at == json->end) return bad(json, json->at, "expected a key but the text ends");
    if (*json->at != '"') return bad(json, json->at, "expected a key in double quotes");
    gw__json_token token = take_string(json, GW__JSON_KEY);
    if (token != GW__JSON_BAD) json->expect = COLON;
    return token;
}

static gw__json_token take_next(gw__json *json) {
    bool object = json->in_object >> (json->depth - 1) & 1;
    if (json->at == json->end) return bad(json, json->at, object ? "the object has no end" : "the list has no end");
    if (*json->at == (object ? '}' : ']')) return leave(json);
    if (*json->at != ',') return bad(json, json->at, object ? "expected ',' or '}'" : "expected ',' or ']'");
    json->at++;
    skip_blanks(json);
    return object ? take_key(json) : take_value(json);
}

gw__json_token gw__json_next(gw__json *json) {
    skip_blanks(json);
    switch (json->expect) {
    case COLON:
        if (json->at == json->end || *json->at != ':') return bad(json, json->at, "expected ':' after the key");
        json->at++;
        skip_blanks(json);
        return take_value(json);
    case FIRST_ITEM:
        if (json->at < json->end && *json->at == ']') return leave(json);
        return take_value(json);
    case FIRST_KEY:
        if (json->at < json->end && *json->at == '}') return leave(json);
        return take_key(json);
    case AFTER_VALUE: return take_next(json);
    case NOTHING_MORE:
        if (json->at < json->end) return bad(json, json->at, "expected nothing after the value");
        json->text = (gw__slice){json->at, 0};
        return GW__JSON_END;
    case BROKEN: return GW__JSON_BAD;
    default: return take_value(json);
    }
}

bool gw__json_skip(gw__json *json, gw__json_token first) {
    if (first == GW__JSON_KEY) first = gw__json_next(json);
    if (first == GW__JSON_BEGIN_OBJECT || first == GW__JSON_BEGIN_LIST) {
        int outside = json->depth - 1;
        while (json->depth > outside) {
            if (gw__json_next(json) == GW__JSON_BAD) return false;
        }
        return true;
    }
    return first >= GW__JSON_STRING && first <= GW__JSON_NULL;
}

void gw__json_place(const gw__json *json, int64_t *ret_line, int64_t *ret_column) {
    const char *token = json->text.at, *line_start = json->start;
    int64_t line = 1;
    const char *after = token + json->text.n;
    if (token > json->start && token[-1] == '"' && after < json->end && *after == '"') token--; /* a string begins with its quote */
    for (const char *p = json->start; (p = memchr(p, '\n', (size_t)(token - p))) != NULL;) {
        line_start = ++p;
        line++;
    }
    *ret_line = line;
    *ret_column = token - line_start + 1;
}

/* ---- writing ---- */

static void before_value(gw__json_writer *w) {
    if (w->comma) gw__text_putc(w->out, ',');
    w->comma = true;
}

static void begin(gw__json_writer *w, char mark) {
    before_value(w);
    gw__text_putc(w->out, mark);
    w->comma = false;
}

static void finish(gw__json_writer *w, char mark) {
    gw__text_putc(w->out, mark);
    w->comma = true;
}

void gw__json_begin_object(gw__json_writer *w) { begin(w, '{'); }
void gw__json_end_object(gw__json_writer *w) { finish(w, '}'); }
void gw__json_begin_list(gw__json_writer *w) { begin(w, '['); }
void gw__json_end_list(gw__json_writer *w) { finish(w, ']'); }

static size_t character_length(const char *p, size_t n) {
    for (size_t length = 1; length <= 4 && length <= n; length++) {
        if (gw__utf8_valid(p, length)) return length;
    }
    return 0;
}

static void put_escaped(gw__text *out, unsigned char c) {
    static const char names[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
    const char *name = c == 0 ? NULL : strchr(names, c);
    if (name != NULL) {
        char pair[2] = {'\\', letters[name - names]};
        gw__text_add(out, pair, 2);
    } else {
        const char *hex = "0123456789abcdef";
        char six[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        gw__text_add(out, six, 6);
    }
}

/* Always valid JSON: a byte that is not UTF-8 becomes U+FFFD. */
static void put_string(gw__text *out, gw__slice text) {
    const char *p = text.at, *end = p + text.n;
    gw__text_putc(out, '"');
    while (p < end) {
        const char *plain = skip_plain(p, end);
        gw__text_add(out, p, (size_t)(plain - p));
        p = plain;
        if (p == end) break;
        if ((unsigned char)*p < 0x80) {
            put_escaped(out, (unsigned char)*p++);
            continue;
        }
        size_t length = character_length(p, (size_t)(end - p));
        gw__text_add(out, length == 0 ? "\xEF\xBF\xBD" : p, length == 0 ? 3 : length);
        p += length == 0 ? 1 : length;
    }
    gw__text_putc(out, '"');
}

void gw__json_key_slice(gw__json_writer *w, gw__slice key) {
    before_value(w);
    put_string(w->out, key);
    gw__text_putc(w->out, ':');
    w->comma = false;
}

void gw__json_key(gw__json_writer *w, const char *key) {
    gw__json_key_slice(w, gw__slice_of(key));
}

void gw__json_slice(gw__json_writer *w, gw__slice text) {
    before_value(w);
    put_string(w->out, text);
}

void gw__json_string(gw__json_writer *w, const char *text) {
    gw__json_slice(w, gw__slice_of(text));
}

void gw__json_int(gw__json_writer *w, int64_t value) {
    before_value(w);
    gw__text_addf(w->out, "%lld", (long long)value);
}

void gw__json_double(gw__json_writer *w, double value) {
    if (!isfinite(value)) {
        gw__json_null(w);
        return;
    }
    char number[32];
    before_value(w);
    gw__text_add(w->out, number, (size_t)gw__format_double(value, number));
}

void gw__json_bool(gw__json_writer *w, bool value) {
    before_value(w);
    gw__text_puts(w->out, value ? "true" : "false");
}

void gw__json_null(gw__json_writer *w) {
    before_value(w);
    gw__text_puts(w->out, "null");
}
