#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/arrow_view.h"
#include "data/cells.h"
#include "data/table_kind.h"

#define BATCH_ROWS 16384
#define BATCH_VALUES ((size_t)1 << 20) /* of all columns */
#define BATCH_TEXT ((size_t)1 << 20)   /* bytes of one column */
#define CELL_LIMIT (GW__CSV_SIZES.cell_limit)

typedef struct stream_column {
    gw__arrow_value value, index; /* index: of the dictionary, NULL if there is none */
    gw_column_type type;
    size_t text_column;           /* in the cells */
    gw__arrow_view values, indices;
    void *numbers;                /* 8 or 4 bytes each */
    uint8_t *valid;
    size_t capacity, valid_capacity;
} stream_column;

typedef struct stream_table {
    gw__table base;
    struct ArrowArrayStream stream;
    struct ArrowArray array; /* in hand, if it has a release */
    int64_t at;              /* its next row */
    int64_t done;            /* rows of the batches before this one */
    int64_t given;           /* rows of this one */
    stream_column *columns;
    gw__cells cells;
} stream_table;

static const char *column_name(const stream_table *t, size_t i) {
    return t->base.names.names[i];
}

/* ---- schema ---- */

static gw_status stream_failure(struct ArrowArrayStream *stream, int code, gw_error *err) {
    const char *text = stream->get_last_error == NULL ? NULL : stream->get_last_error(stream);
    if (code == ENOMEM) return gw__fail_nomem(err);
    return gw__fail(err, GW_E_IO, "the Arrow stream failed: %.500s", text != NULL ? text : strerror(code));
}

static gw_status check_schema(const struct ArrowSchema *schema, gw_error *err) {
    if (schema->format == NULL || strcmp(schema->format, "+s") != 0) {
        return gw__fail(err, GW_E_FORMAT, "expected an Arrow stream of records (format '+s') but found format '%.80s'",
                        schema->format == NULL ? "" : schema->format);
    }
    if (schema->n_children < 1 || schema->children == NULL) {
        return gw__fail(err, GW_E_FORMAT, "expected columns in the Arrow stream but found none");
    }
    if ((uint64_t)schema->n_children > GW__TABLE_COLUMNS) {
        return gw__fail(err, GW_E_LIMIT, "expected at most %zu columns but found %lld", GW__TABLE_COLUMNS, (long long)schema->n_children);
    }
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i] == NULL || schema->children[i]->format == NULL) {
            return gw__fail(err, GW_E_FORMAT, "expected a type for column %lld of the Arrow stream but found none", (long long)i + 1);
        }
    }
    return GW_OK;
}

static gw_status set_names(stream_table *t, const struct ArrowSchema *schema, gw_error *err) {
    size_t n = (size_t)schema->n_children;
    gw__slice *texts = calloc(n, sizeof *texts);
    if (texts == NULL) return gw__fail_nomem(err);
    gw_status status = GW_OK;
    for (size_t i = 0; i < n && status == GW_OK; i++) {
        const char *name = schema->children[i]->name;
        texts[i] = gw__slice_of(name == NULL ? "" : name);
        if (!gw__utf8_valid(texts[i].at, texts[i].n)) {
            status = gw__fail(err, GW_E_FORMAT, "expected UTF-8 in the name of column %zu", i + 1);
        }
    }
    if (status == GW_OK) status = gw__table_set_names(&t->base, texts, n, 1, NULL, 0, err);
    free(texts);
    return status;
}

static gw_status unsupported(const char *name, const struct ArrowSchema *schema, gw_error *err) {
    return gw__fail_at(err, GW_E_UNSUPPORTED, name, 0, 0, "column '%.80s': expected numbers, booleans, text or a dictionary of them "
                       "but found the Arrow format '%.80s'", name, schema->format == NULL ? "" : schema->format);
}

static gw_status set_column(stream_column *c, const struct ArrowSchema *schema, const char *name, gw_error *err) {
    const gw__arrow_format *format = gw__arrow_format_find(schema->format);
    if (format == NULL) return unsupported(name, schema, err);
    if (schema->dictionary != NULL) {
        const struct ArrowSchema *values = schema->dictionary;
        if (!gw__arrow_is_index(format->value)) return unsupported(name, schema, err);
        c->index = format->value;
        format = values->format == NULL || values->dictionary != NULL ? NULL : gw__arrow_format_find(values->format);
        if (format == NULL) return unsupported(name, values, err);
    }
    c->value = format->value;
    c->type = format->type;
    return GW_OK;
}

static gw_status set_columns(stream_table *t, const struct ArrowSchema *schema, gw_error *err) {
    size_t n = t->base.names.n, n_text = 0;
    t->columns = calloc(n, sizeof *t->columns);
    if (t->columns == NULL) return gw__fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        stream_column *c = &t->columns[i];
        gw_status status = set_column(c, schema->children[i], column_name(t, i), err);
        if (status != GW_OK) return status;
        t->base.columns[i].type = c->type;
        c->text_column = n_text;
        n_text += c->type == GW_COLUMN_TEXT;
    }
    return n_text > 0 ? gw__cells_init(&t->cells, n_text, err) : GW_OK;
}

/* ---- arrays ---- */

static gw_status bind_column(stream_table *t, size_t i, const struct ArrowArray *array, int64_t need, gw_error *err) {
    stream_column *c = &t->columns[i];
    const char *name = column_name(t, i);
    if (array == NULL || array->length < need) {
        return gw__fail_at(err, GW_E_FORMAT, name, 0, 0, "column '%.80s': expected an Arrow array of %lld values but found %lld", name,
                           (long long)need, array == NULL ? 0LL : (long long)array->length);
    }
    if (c->index == GW__ARROW_NULL) return gw__arrow_view_init(&c->values, c->value, array, name, err);
    if (array->dictionary == NULL) {
        return gw__fail_at(err, GW_E_FORMAT, name, 0, 0, "column '%.80s': expected an Arrow array with a dictionary but found none", name);
    }
    gw_status status = gw__arrow_view_init(&c->indices, c->index, array, name, err);
    return status == GW_OK ? gw__arrow_view_init(&c->values, c->value, array->dictionary, name, err) : status;
}

/* A record cannot be missing as a whole. */
static gw_status check_records(const stream_table *t, gw_error *err) {
    const struct ArrowArray *a = &t->array;
    const uint8_t *valid = a->n_buffers > 0 && a->buffers != NULL ? a->buffers[0] : NULL;
    for (int64_t i = 0; valid != NULL && i < a->length; i++) {
        int64_t at = a->offset + i;
        if ((valid[at / 8] >> (at % 8) & 1) != 0) continue;
        return gw__fail_at(err, GW_E_DATA, NULL, t->done + i + 1, 0, "expected a record in row %lld but found null",
                           (long long)(t->done + i + 1));
    }
    return GW_OK;
}

static gw_status bind_array(stream_table *t, gw_error *err) {
    const struct ArrowArray *a = &t->array;
    int64_t n = (int64_t)t->base.names.n, end;
    if (a->n_children != n || a->children == NULL || a->n_buffers != 1) {
        return gw__fail(err, GW_E_FORMAT, "expected Arrow records of 1 buffer and %lld children but found %lld and %lld", (long long)n,
                        (long long)a->n_buffers, (long long)a->n_children);
    }
    if (a->offset < 0 || a->length < 0 || __builtin_add_overflow(a->offset, a->length, &end)) {
        return gw__fail(err, GW_E_FORMAT, "expected Arrow records but found length %lld at offset %lld", (long long)a->length,
                        (long long)a->offset);
    }
    for (int64_t i = 0; i < n; i++) {
        gw_status status = bind_column(t, (size_t)i, a->children[i], end, err);
        if (status != GW_OK) return status;
    }
    t->at = 0;
    return check_records(t, err);
}

/* The next array that has rows; t->array.release is NULL at the end. */
static gw_status next_array(stream_table *t, gw_error *err) {
    do {
        if (t->array.release != NULL) t->array.release(&t->array);
        t->array = (struct ArrowArray){0};
        int code = t->stream.get_next(&t->stream, &t->array);
        if (code != 0) {
            t->array.release = NULL; /* what it holds means nothing */
            return stream_failure(&t->stream, code, err);
        }
        if (t->array.release == NULL) return GW_OK;
        gw_status status = bind_array(t, err);
        if (status != GW_OK) return status;
    } while (t->array.length == 0);
    return GW_OK;
}

/* ---- values ---- */

static gw_status cell_failure(const stream_table *t, const stream_column *c, int64_t row, gw_status code, const char *what, gw_error *err) {
    const char *name = column_name(t, (size_t)(c - t->columns));
    return gw__fail_at(err, code, name, t->done + row + 1, 0, "column '%.80s': %s", name, what);
}

/* Where row `row` of the batch has its value: the index into c->values, -1 if it has none, -2 if the dictionary has no such entry. */
static int64_t place_of(const stream_table *t, const stream_column *c, int64_t row) {
    int64_t i = t->array.offset + t->at + row;
    if (c->index != GW__ARROW_NULL) {
        if (!gw__arrow_has_value(&c->indices, i)) return -1;
        i = gw__arrow_int_at(&c->indices, i); /* beyond int64, a uint64 comes out negative */
        if (i < 0 || i >= c->values.length) return -2;
    }
    return gw__arrow_has_value(&c->values, i) ? i : -1;
}

static const char outside[] = "expected an index into its dictionary but found one outside";

static void put_number(stream_column *c, int64_t row, int64_t place) {
    if (c->type == GW_COLUMN_FLOAT) {
        ((float *)c->numbers)[row] = place < 0 ? 0 : (float)gw__arrow_double_at(&c->values, place);
    } else if (c->type == GW_COLUMN_DOUBLE) {
        ((double *)c->numbers)[row] = place < 0 ? 0 : gw__arrow_double_at(&c->values, place);
    } else {
        ((int64_t *)c->numbers)[row] = place < 0 ? 0 : gw__arrow_int_at(&c->values, place);
    }
}

static gw_status fill_numbers(stream_table *t, stream_column *c, int64_t n, gw_error *err) {
    gw_status status = gw__grow(&c->numbers, &c->capacity, (size_t)n, c->type == GW_COLUMN_FLOAT ? sizeof(float) : sizeof(int64_t), err);
    if (status == GW_OK) status = gw__grow((void **)&c->valid, &c->valid_capacity, (size_t)(n + 7) / 8, 1, err);
    if (status != GW_OK) return status;
    memset(c->valid, 0, (size_t)(n + 7) / 8);
    int64_t missing = 0;
    for (int64_t row = 0; row < n; row++) {
        int64_t place = place_of(t, c, row);
        if (place == -2) return cell_failure(t, c, row, GW_E_DATA, outside, err);
        put_number(c, row, place);
        c->valid[row / 8] |= (uint8_t)((place >= 0) << (row % 8));
        missing += place < 0;
    }
    gw_column *out = &t->base.columns[c - t->columns];
    out->values = c->numbers;
    out->valid = missing > 0 ? c->valid : NULL;
    return GW_OK;
}

static gw_status text_of(const stream_table *t, const stream_column *c, int64_t row, gw__slice *ret, gw_error *err) {
    int64_t place = place_of(t, c, row);
    *ret = (gw__slice){"", 0};
    if (place == -1) return GW_OK;
    if (place == -2) return cell_failure(t, c, row, GW_E_DATA, outside, err);
    if (!gw__arrow_text_at(&c->values, place, ret)) {
        return cell_failure(t, c, row, GW_E_FORMAT, "expected offsets that do not decrease", err);
    }
    if (ret->n > CELL_LIMIT) return cell_failure(t, c, row, GW_E_LIMIT, "expected at most 16 MiB of text in a cell but found more", err);
    if (memchr(ret->at, 0, ret->n) != NULL) return cell_failure(t, c, row, GW_E_DATA, "expected text but found a NUL byte", err);
    if (!gw__utf8_valid(ret->at, ret->n)) return cell_failure(t, c, row, GW_E_DATA, "expected UTF-8 but found other bytes", err);
    return GW_OK;
}

/* Up to *n rows of text; fewer, at least one, if they are long. */
static gw_status fill_text(stream_table *t, stream_column *c, int64_t *n, gw_error *err) {
    size_t bytes = 0;
    for (int64_t row = 0; row < *n; row++) {
        gw__slice text;
        t->cells.n_rows = (size_t)row; /* columns are filled one after the other */
        if (bytes >= BATCH_TEXT) {
            *n = row;
            break;
        }
        gw_status status = text_of(t, c, row, &text, err);
        if (status != GW_OK) return status;
        char *to = gw__cells_begin_row(&t->cells) ? gw__cells_room(&t->cells, c->text_column, text.n) : NULL;
        if (to == NULL) return gw__fail_nomem(err);
        memcpy(to, text.at, text.n);
        bytes += text.n;
    }
    t->base.text_bytes += (int64_t)bytes;
    return GW_OK;
}

static int64_t batch_rows(const stream_table *t) {
    int64_t left = t->array.length - t->at, most = (int64_t)(BATCH_VALUES / t->base.names.n);
    if (most > BATCH_ROWS) most = BATCH_ROWS;
    return left < most ? left : most;
}

/* Text first: long text makes the batch shorter. */
static gw_status fill_batch(stream_table *t, int64_t *ret_n, gw_error *err) {
    size_t n_columns = t->base.names.n;
    int64_t n = batch_rows(t);
    gw_status status = GW_OK;
    for (size_t i = 0; i < n_columns && status == GW_OK; i++) {
        if (t->columns[i].type == GW_COLUMN_TEXT) status = fill_text(t, &t->columns[i], &n, err);
    }
    t->cells.n_rows = (size_t)n;
    for (size_t i = 0; i < n_columns && status == GW_OK; i++) {
        stream_column *c = &t->columns[i];
        if (c->type == GW_COLUMN_TEXT) gw__cells_view(&t->cells, c->text_column, &t->base.columns[i]);
        else status = fill_numbers(t, c, n, err);
    }
    *ret_n = n;
    return status;
}

/* ---- the table ---- */

static gw_status stream_read(gw__table *table, const gw__job *beside, gw_error *err) {
    stream_table *t = (stream_table *)table;
    gw_status status = gw__job_run(NULL, beside, err); /* before, as a batch is read into the place of the last one */
    if (status != GW_OK) return status;
    t->done += t->given;
    t->given = 0;
    t->base.n_batches = 0;
    if (t->array.release == NULL || t->at == t->array.length) {
        status = next_array(t, err);
        if (status != GW_OK || t->array.release == NULL) return status;
    }
    int64_t n;
    status = fill_batch(t, &n, err);
    if (status != GW_OK) return status;
    t->at += n;
    t->given = n;
    t->base.batches[0].n_rows = (size_t)n;
    t->base.n_batches = 1;
    return GW_OK;
}

static void stream_locate(const gw__table *table, size_t batch, size_t row, const char **ret_file, int64_t *ret_line) {
    const stream_table *t = (const stream_table *)table;
    (void)batch;
    *ret_file = NULL;
    *ret_line = t->done + (int64_t)row + 1;
}

static void stream_close(gw__table *table) {
    stream_table *t = (stream_table *)table;
    if (t->array.release != NULL) t->array.release(&t->array);
    if (t->stream.release != NULL) t->stream.release(&t->stream);
    for (size_t i = 0; t->columns != NULL && i < t->base.names.n; i++) {
        free(t->columns[i].numbers);
        free(t->columns[i].valid);
    }
    free(t->columns);
    gw__cells_clear(&t->cells);
    gw__table_clear(&t->base);
    free(t);
}

static const gw__table_kind stream_kind = {stream_read, stream_locate, stream_close};

gw_status gw__table_open_stream(struct ArrowArrayStream *stream, gw__table **ret_table, gw_error *err) {
    gw_status status;
    struct ArrowSchema schema = {0};
    if (stream == NULL || stream->release == NULL) return gw__fail(err, GW_E_ARGUMENT, "expected an Arrow stream but found a released one");
    stream_table *t = calloc(1, sizeof *t);
    if (t == NULL) return gw__fail_nomem(err);
    t->base.kind = &stream_kind;
    int code = stream->get_schema(stream, &schema);
    if (code != 0) {
        schema.release = NULL;
        GW__FAIL(stream_failure(stream, code, err));
    }
    GW__TRY(check_schema(&schema, err));
    GW__TRY(set_names(t, &schema, err));
    GW__TRY(set_columns(t, &schema, err));
    t->stream = *stream;
    stream->release = NULL;
    *ret_table = &t->base;
cleanup:
    if (schema.release != NULL) schema.release(&schema);
    if (status != GW_OK) stream_close(&t->base);
    return status;
}
