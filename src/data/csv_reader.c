#include "data/csv_reader.h"

#include <stdlib.h>
#include <string.h>

#include "data/unpack.h"

#define PIECES_A_THREAD 2 /* so that who is done early finds another */

gw_status gw__csv_reader_init(gw__csv_reader *reader, const gw__csv_sizes *sizes, bool skips, gw__pool *pool, gw_error *err) {
    reader->sizes = *sizes;
    reader->skips = skips;
    reader->pool = pool;
    if (sizes->pieces == 0) reader->sizes.pieces = pool == NULL || gw__pool_threads(pool) == 1 ? 1 : PIECES_A_THREAD * gw__pool_threads(pool);
    for (size_t turn = 0; turn < 2; turn++) {
        reader->pieces[turn] = calloc(reader->sizes.pieces, sizeof *reader->pieces[turn]);
        if (reader->pieces[turn] == NULL) return gw__fail_nomem(err);
    }
    return GW_OK;
}

void gw__csv_reader_clear(gw__csv_reader *reader) {
    gw__bytes_close(reader->bytes);
    for (size_t i = 0; i < GW__CSV_TEXTS; i++) gw__csv_text_clear(&reader->texts[i]);
    for (size_t turn = 0; turn < 2; turn++) {
        for (size_t i = 0; reader->pieces[turn] != NULL && i < reader->sizes.pieces; i++) gw__spans_clear(&reader->pieces[turn][i].spans);
        free(reader->pieces[turn]);
    }
    *reader = (gw__csv_reader){0};
}

/* ---- text ---- */

static gw__csv_text *text_at(gw__csv_reader *reader, size_t ahead) {
    return &reader->texts[(reader->text + ahead) % GW__CSV_TEXTS];
}

/* Fetch behind a text that is being parsed, of which some row may be left: as long as rows are longer than stretches, these double. */
static void fetch_next(gw__csv_reader *reader, size_t least) {
    const gw__csv_sizes *sizes = &reader->sizes;
    const gw__csv_text *now = text_at(reader, 0);
    size_t want = sizes->piece * sizes->pieces, left = now->fresh > now->begin ? now->fresh - now->begin : 0;
    if (want < least) want = least;
    if (want < left) want = left;
    gw__csv_text_fetch(text_at(reader, 1), reader->bytes, now->n == 0 ? 0 : sizes->piece, want, sizes->pieces > 1 ? sizes->piece : 0);
}

/* Put what is left of this text, from `begin` on, before the next, and go on there. */
static gw_status turn_text(gw__csv_reader *reader, size_t begin, gw_error *err) {
    const gw__csv_text *now = text_at(reader, 0);
    gw__csv_text *next = text_at(reader, 1);
    if (next->status != GW_OK && err != NULL) *err = next->problem;
    if (next->status != GW_OK) return next->status;
    reader->bytes_read += (int64_t)(next->n - next->fresh);
    gw_status status = gw__csv_text_prepend(next, now, begin, err);
    if (status != GW_OK) return status;
    if (next->ended && next->n > next->begin && next->bytes[next->n - 1] != '\n') next->bytes[next->n++] = '\n';
    reader->text = (reader->text + 1) % GW__CSV_TEXTS;
    return GW_OK;
}

/* ---- before the rounds ---- */

static void set_line(gw__csv_reader *reader, int64_t line) {
    const gw__csv_text *text = text_at(reader, 0);
    gw__csv_set_text(&reader->csv, text->bytes, text->begin, text->n, gw__csv_text_side(text), text->ended, text->ended);
    reader->csv.line = line;
}

/* A byte order mark is passed over; alone it is an empty text, not an empty line. */
static void pass_mark(gw__csv_text *text, int64_t n_read) {
    if (text->n < 3 || memcmp(text->bytes, "\xEF\xBB\xBF", 3) != 0) return;
    text->begin = n_read == 3 ? text->n : 3;
}

gw_status gw__csv_reader_start(gw__csv_reader *reader, gw__bytes *bytes, const char *name, char separator, gw_error *err) {
    gw__csv_text *now = text_at(reader, 0);
    gw__bytes_close(reader->bytes);
    reader->bytes = bytes;
    reader->name = name;
    reader->failed = false;
    reader->lines_before = 0;
    now->begin = now->n = now->fresh = 0;
    gw__csv_init(&reader->csv, &reader->sizes, separator);
    reader->csv.keeps_blank_lines = false; /* before a header they mean nothing in any table */
    int64_t before = reader->bytes_read;
    fetch_next(reader, GW__UNPACK_MAGIC);
    gw_status status = turn_text(reader, 0, err);
    if (status != GW_OK) return status;
    now = text_at(reader, 0);
    const char *kind = gw__foreign_kind((const uint8_t *)now->bytes, now->n);
    if (kind != NULL) {
        return gw__fail_at(err, GW_E_UNSUPPORTED, name, 0, 0, "expected UTF-8 text, plain or in gzip, xz or zstd, but found %s", kind);
    }
    pass_mark(now, reader->bytes_read - before);
    set_line(reader, 1);
    return GW_OK;
}

static bool is_long(const gw__csv_reader *reader, size_t n) { return n >= reader->sizes.row_limit; }

gw_status gw__csv_reader_row(gw__csv_reader *reader, gw__spans *spans, gw__csv_result *ret_result, gw_error *err) {
    gw__csv *csv = &reader->csv;
    while ((*ret_result = gw__csv_read_row(csv, spans)) == GW__CSV_END) {
        gw__csv_text *now = text_at(reader, 0);
        if (is_long(reader, now->n - csv->at)) {
            csv->problem = (gw__csv_problem){.trouble = GW__CSV_LONG_ROW, .line = csv->line};
            *ret_result = GW__CSV_BAD_ROW;
            return GW_OK;
        }
        if (now->ended) return GW_OK;
        now->begin = csv->at;
        fetch_next(reader, 1);
        gw_status status = turn_text(reader, now->begin, err);
        if (status != GW_OK) return status;
        set_line(reader, csv->line);
    }
    return GW_OK;
}

void gw__csv_reader_begin(gw__csv_reader *reader, size_t n_columns, bool keeps_blank_lines) {
    text_at(reader, 0)->begin = reader->csv.at;
    reader->lines_before = reader->csv.line - 1;
    for (size_t turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < reader->sizes.pieces; i++) {
            gw__csv_piece *piece = &reader->pieces[turn][i];
            piece->spans.n_columns = n_columns;
            gw__csv_init(&piece->csv, &reader->sizes, reader->csv.separator);
            piece->csv.keeps_blank_lines = keeps_blank_lines;
        }
    }
    reader->n_columns = n_columns;
    reader->n_pieces = 0;
}

/* ---- a round ---- */

/* Cut the text into pieces where rows probably begin. */
static void cut_text(gw__csv_reader *reader) {
    const gw__csv_text *text = text_at(reader, 0);
    gw__csv_piece *pieces = reader->pieces[reader->turn];
    size_t n = 0, begin = text->begin;
    bool odd = text->n_cuts > 0 && gw__csv_text_odd(text);
    for (size_t i = 0; i < text->n_cuts && n + 1 < reader->sizes.pieces; i++) {
        size_t cut = gw__csv_text_cut(text, i, odd);
        if (cut <= begin) continue;
        pieces[n].begin = begin;
        pieces[n++].end = begin = cut;
    }
    if (begin < text->n) {
        pieces[n].begin = begin;
        pieces[n++].end = text->n;
    }
    for (size_t i = 0; i < n; i++) {
        pieces[i].text = text->bytes;
        pieces[i].last = i + 1 == n;
    }
    reader->n_pieces = n;
}

static bool can_skip(gw__csv_trouble trouble) {
    return trouble != GW__CSV_NOMEM && trouble != GW__CSV_LONG_ROW;
}

static void parse_piece(const gw__csv_reader *reader, gw__csv_piece *piece) {
    const gw__csv_text *text = &reader->texts[reader->text];
    gw__csv *csv = &piece->csv;
    gw__spans *spans = &piece->spans;
    bool ended = piece->last && text->ended;
    gw__csv_set_text(csv, piece->text, piece->begin, piece->end, gw__csv_text_side(text), ended, ended || !piece->last);
    spans->n_rows = 0;
    piece->skipped = 0;
    piece->failed = false;
    while (!piece->failed) {
        gw__csv_result result = GW__CSV_BAD_ROW;
        if (gw__spans_begin_row(spans)) result = gw__csv_read_row(csv, spans);
        else csv->problem = (gw__csv_problem){.trouble = GW__CSV_NOMEM};
        if (result == GW__CSV_END) break;
        if (result == GW__CSV_ROW) spans->lines[spans->n_rows++] = csv->row_line;
        else if (reader->skips && can_skip(csv->problem.trouble)) piece->skipped++;
        else piece->failed = true;
    }
}

typedef struct round_run {
    gw__csv_reader *reader;
    const gw__job *beside; /* or NULL */
    bool fetches;
} round_run;

/* What takes long comes first: the next text, then pieces, then the caller's items. */
static void run_item(void *context, size_t item, size_t worker) {
    round_run *run = context;
    gw__csv_reader *reader = run->reader;
    if (run->fetches && item-- == 0) {
        fetch_next(reader, 1);
    } else if (item < reader->n_pieces) {
        parse_piece(reader, &reader->pieces[reader->turn][item]);
    } else {
        run->beside->work(run->beside->context, item - reader->n_pieces, worker);
    }
}

static void fail_with(gw__csv_reader *reader, gw__csv_problem problem, int64_t lines_before) {
    reader->failed = true;
    reader->problem = problem;
    reader->problem.line += lines_before;
}

/* One piece after the other: right if it began where the one before it stopped, else parsed again from there. Returns where the last stopped. */
static size_t join_pieces(gw__csv_reader *reader) {
    size_t at = text_at(reader, 0)->begin;
    for (size_t i = 0; i < reader->n_pieces; i++) {
        gw__csv_piece *piece = &reader->pieces[reader->turn][i];
        if (piece->begin != at) {
            piece->begin = at;
            parse_piece(reader, piece);
        }
        at = piece->csv.at;
        piece->lines_before = reader->lines_before;
        reader->lines_before += piece->csv.line - 1;
        reader->skipped += piece->skipped;
        if (!piece->failed) continue;
        fail_with(reader, piece->csv.problem, piece->lines_before);
        reader->n_pieces = i + 1;
    }
    return at;
}

/* What was read beside the last round comes next. */
static gw_status begin_round(gw__csv_reader *reader, bool *ret_more, gw_error *err) {
    gw_status status = reader->fetched && !reader->failed ? turn_text(reader, reader->stopped, err) : GW_OK;
    const gw__csv_text *text = text_at(reader, 0);
    reader->fetched = false;
    *ret_more = status == GW_OK && !reader->failed && (!text->ended || text->begin < text->n);
    return status;
}

static void end_round(gw__csv_reader *reader, bool fetched) {
    gw__csv_text *text = text_at(reader, 0);
    size_t at = join_pieces(reader), left = text->n - at;
    reader->fetched = fetched;
    reader->stopped = at;
    if (!reader->failed && left > 0 && (text->ended || is_long(reader, left))) {
        fail_with(reader, (gw__csv_problem){.trouble = GW__CSV_LONG_ROW, .line = 1}, reader->lines_before);
    }
    if (text->ended) text->begin = text->n;
}

gw_status gw__csv_reader_round(gw__csv_reader *reader, const gw__job *beside, bool *ret_more, gw_error *err) {
    gw_status status = begin_round(reader, ret_more, err);
    if (!*ret_more) {
        gw_status job_status = gw__job_run(reader->pool, beside, err); /* of rows before what failed here */
        return job_status != GW_OK ? job_status : status;
    }
    round_run run = {reader, beside, !text_at(reader, 0)->ended};
    reader->turn = !reader->turn;
    cut_text(reader);
    gw__pool_run(reader->pool, run.fetches + reader->n_pieces + (beside != NULL ? beside->n_items : 0), run_item, &run);
    status = gw__job_finish(beside, err);
    if (status == GW_OK) end_round(reader, run.fetches);
    return status;
}
