#include "data/csv_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MOST_BYTES ((size_t)INT32_MAX / 2 - GW__CSV_PADDING) /* places are int32_t, those in the second half, too */

void gw__csv_text_clear(gw__csv_text *text) {
    free(text->bytes);
    free(text->cuts);
    *text = (gw__csv_text){0};
}

/* Room for `capacity` bytes. Nothing is kept. */
static gw_status make_room(gw__csv_text *text, size_t capacity, gw_error *err) {
    if (capacity <= text->capacity) return GW_OK;
    if (capacity > MOST_BYTES) return gw__fail_nomem(err);
    char *bytes = malloc(2 * (capacity + GW__CSV_PADDING)); /* memory that is never touched costs nothing */
    if (bytes == NULL) return gw__fail_nomem(err);
    free(text->bytes);
    text->bytes = bytes;
    text->capacity = capacity;
    return GW_OK;
}

/* ---- cuts ---- */

static size_t count_quotes(const char *p, size_t n) {
    size_t count = 0;
    if (n == 0 || memchr(p, '"', n) == NULL) return 0;
    while (n > 0) {
        size_t some = n < 255 ? n : 255;
        uint8_t few = 0; /* bytes are added up faster than words */
        for (size_t i = 0; i < some; i++) few = (uint8_t)(few + (p[i] == '"'));
        count += few;
        p += some;
        n -= some;
    }
    return count;
}

/* The first beginning of a line in [at, end], or 0. */
static size_t next_line(const gw__csv_text *text, size_t at, size_t end) {
    const char *p = text->bytes;
    while (at < end && p[at] != '\n' && p[at] != '\r') at++;
    if (at == end || at + 1 == text->n) return 0;
    return p[at] == '\r' && p[at + 1] == '\n' ? at + 2 : at + 1;
}

/* Beginnings of lines in [at, end), where `odd` tells the quotes before `at`. */
static gw__csv_cut find_cut(const gw__csv_text *text, size_t at, size_t end, bool odd) {
    gw__csv_cut cut = {{0, 0}};
    while (at < end && (cut.at[0] == 0 || cut.at[1] == 0)) {
        const char *quote = memchr(text->bytes + at, '"', end - at);
        size_t stop = quote == NULL ? end : (size_t)(quote - text->bytes);
        if (cut.at[odd] == 0) cut.at[odd] = next_line(text, at, stop);
        if (quote == NULL) break;
        at = stop + 1;
        odd = !odd;
    }
    return cut;
}

static gw_status find_cuts(gw__csv_text *text, size_t part, gw_error *err) {
    bool odd = false;
    text->n_cuts = 0;
    for (size_t at = text->fresh; text->n - at > part;) {
        gw_status status = gw__grow((void **)&text->cuts, &text->cuts_capacity, text->n_cuts + 1, sizeof *text->cuts, err);
        if (status != GW_OK) return status;
        odd ^= count_quotes(text->bytes + at, part) & 1;
        at += part;
        text->cuts[text->n_cuts++] = find_cut(text, at, text->n - at > part ? at + part : text->n, odd);
    }
    return GW_OK;
}

bool gw__csv_text_odd(const gw__csv_text *text) {
    size_t low = text->begin < text->fresh ? text->begin : text->fresh, high = text->begin < text->fresh ? text->fresh : text->begin;
    return count_quotes(text->bytes + low, high - low) & 1;
}

size_t gw__csv_text_cut(const gw__csv_text *text, size_t i, bool odd) {
    return text->cuts[i].at[odd];
}

/* ---- bytes ---- */

static gw_status fetch(gw__csv_text *text, gw__bytes *bytes, size_t left, size_t want, size_t part, gw_error *err) {
    size_t got = 0;
    gw_status status = make_room(text, left + want + 1, err); /* one for an end of line that the file lacks */
    text->begin = text->fresh = text->n = left;
    text->n_cuts = 0;
    if (status == GW_OK) status = gw__bytes_read(bytes, text->bytes + left, want, &got, err);
    if (status != GW_OK) return status;
    text->n += got;
    text->ended = got < want;
    return part > 0 ? find_cuts(text, part, err) : GW_OK;
}

void gw__csv_text_fetch(gw__csv_text *text, gw__bytes *bytes, size_t left, size_t want, size_t part) {
    text->problem = (gw_error){0};
    text->status = fetch(text, bytes, left, want, part, &text->problem);
}

/* The fetched bytes move behind a larger room. */
static gw_status shift(gw__csv_text *text, size_t left, gw_error *err) {
    gw__csv_text grown = *text;
    size_t n = text->n - text->fresh, by = left - text->fresh;
    grown.bytes = NULL;
    grown.capacity = 0;
    gw_status status = make_room(&grown, left + n + 1, err);
    if (status != GW_OK) return status;
    memcpy(grown.bytes + left, text->bytes + text->fresh, n);
    grown.begin = grown.fresh = left;
    grown.n = left + n;
    for (size_t i = 0; i < grown.n_cuts; i++)
        for (int odd = 0; odd < 2; odd++) grown.cuts[i].at[odd] += grown.cuts[i].at[odd] > 0 ? by : 0;
    free(text->bytes);
    *text = grown;
    return GW_OK;
}

gw_status gw__csv_text_prepend(gw__csv_text *text, const gw__csv_text *other, size_t begin, gw_error *err) {
    size_t n = other->n - begin;
    gw_status status = n > text->fresh ? shift(text, n, err) : GW_OK;
    if (status != GW_OK) return status;
    text->begin = text->fresh - n;
    if (n > 0) memcpy(text->bytes + text->begin, other->bytes + begin, n);
    return GW_OK;
}
