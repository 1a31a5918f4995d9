#include "serve/layout.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

/* ---- cells of text ---- */

static void add_json(gw__text *out, gw__slice cell) {
    gw__json_writer json = {.out = out};
    gw__json_slice(&json, cell);
}

/* The cell of a column of text; n 0 where there is no value. */
static gw__slice text_cell(const gw__batch *batch, size_t column, size_t row) {
    return batch->columns[column].type == GW_COLUMN_TEXT ? gw__cell_slice(batch, column, row) : (gw__slice){0};
}

/* ---- what stands between the cells ---- */

typedef struct builder {
    gw__layout *layout;
    const gw_model *model;
    gw__slice *before;
    size_t n;             /* pieces so far */
    gw__text head, piece; /* of CSV: the names; what stands before the next cell */
    gw__text name;        /* scratch for a name made of parts */
} builder;

static gw_status end_piece(builder *b, gw_error *err) {
    char *text = b->piece.failed ? NULL : gw__arena_text(&b->layout->arena, b->piece.at ? b->piece.at : "", b->piece.n);
    if (!text) return gw__fail_nomem(err);
    b->before[b->n++] = (gw__slice){text, b->piece.n};
    b->piece.n = 0;
    return GW_OK;
}

static gw_status csv_cell(builder *b, const char *name, gw_error *err) {
    if (b->n > 0) {
        gw__text_putc(&b->head, ',');
        gw__text_putc(&b->piece, ',');
    }
    gw__text_csv(&b->head, gw__slice_of(name));
    return end_piece(b, err);
}

static gw_status csv_cell_of_parts(builder *b, gw_error *err) {
    return b->name.failed ? gw__fail_nomem(err) : csv_cell(b, b->name.at, err);
}

static void name_gate(builder *b, const gw__gate_view *gate, size_t expert) {
    b->name.n = 0;
    gw__text_addf(&b->name, "gate.%" PRIu32 ".%s.%s", gate->level, gate->stream, gate->experts[expert]);
}

static gw_status layout_csv(builder *b, const gw_predict_options *options, gw_error *err) {
    gw_status status = GW_OK;
    for (size_t i = 0; i < options->n_keep; i++) GW__TRY(csv_cell(b, options->keep[i], err));
    for (size_t t = 0; t < b->model->spec->n_tasks; t++) {
        const char *task = b->model->spec->tasks[t].name;
        gw__texts classes = gw__features_outputs(b->model->features, t);
        if (classes.n == 0) GW__TRY(csv_cell(b, task, err));
        for (size_t c = 0; c < classes.n; c++) {
            b->name.n = 0;
            gw__text_addf(&b->name, "%s.%s", task, classes.at[c]);
            GW__TRY(csv_cell_of_parts(b, err));
        }
    }
    for (size_t g = 0; options->gates && g < gw__net_gate_count(b->model->net); g++) {
        gw__gate_view gate = gw__net_gate_at(b->model->net, g);
        for (size_t e = 0; e < gate.n_experts; e++) {
            name_gate(b, &gate, e);
            GW__TRY(csv_cell_of_parts(b, err));
        }
    }
    gw__text_putc(&b->head, '\n');
    gw__text_putc(&b->piece, '\n');
    status = end_piece(b, err);
cleanup:
    return status;
}

/* A key before a value, with a comma unless it is its object's first. */
static gw_status json_cell(builder *b, bool first, const char *key, gw_error *err) {
    if (!first) gw__text_putc(&b->piece, ',');
    add_json(&b->piece, gw__slice_of(key));
    gw__text_putc(&b->piece, ':');
    return end_piece(b, err);
}

static gw_status layout_json_gates(builder *b, gw_error *err) {
    gw_status status = GW_OK;
    bool first = true;
    gw__text_puts(&b->piece, ",\"gates\":{");
    for (size_t g = 0; g < gw__net_gate_count(b->model->net); g++) {
        gw__gate_view gate = gw__net_gate_at(b->model->net, g);
        for (size_t e = 0; e < gate.n_experts; e++, first = false) {
            name_gate(b, &gate, e);
            if (b->name.failed) return gw__fail_nomem(err);
            GW__TRY(json_cell(b, first, b->name.at, err));
        }
    }
    gw__text_putc(&b->piece, '}');
cleanup:
    return status;
}

static gw_status layout_jsonl(builder *b, const gw_predict_options *options, gw_error *err) {
    gw_status status = GW_OK;
    gw__text_putc(&b->piece, '{');
    if (options->n_keep > 0) gw__text_puts(&b->piece, "\"keep\":{");
    for (size_t i = 0; i < options->n_keep; i++) GW__TRY(json_cell(b, i == 0, options->keep[i], err));
    if (options->n_keep > 0) gw__text_puts(&b->piece, "},");
    for (size_t t = 0; t < b->model->spec->n_tasks; t++) {
        const char *task = b->model->spec->tasks[t].name;
        gw__texts classes = gw__features_outputs(b->model->features, t);
        if (classes.n == 0) {
            GW__TRY(json_cell(b, t == 0, task, err));
            continue;
        }
        if (t > 0) gw__text_putc(&b->piece, ',');
        add_json(&b->piece, gw__slice_of(task));
        gw__text_puts(&b->piece, ":{");
        for (size_t c = 0; c < classes.n; c++) GW__TRY(json_cell(b, c == 0, classes.at[c], err));
        gw__text_putc(&b->piece, '}');
    }
    if (options->gates) GW__TRY(layout_json_gates(b, err));
    gw__text_puts(&b->piece, "}\n");
    status = end_piece(b, err);
cleanup:
    return status;
}

/* ---- the options against table and model ---- */

static gw_status find_keep(const char *name, const char *const *names, size_t n_names, size_t *ret_column, gw_error *err) {
    for (size_t i = 0; i < n_names; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *ret_column = i;
        return GW_OK;
    }
    const char *near = gw__nearest(gw__slice_of(name), names, n_names);
    return gw__fail(err, GW_E_ARGUMENT, "cannot keep column '%s': the table has none of this name%s%s%s", name,
                       near ? "; hint: did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static gw_status check_options(const gw_model *model, const gw_predict_options *options, gw_error *err) {
    if (options->format == GW_OUTPUT_NPY && options->n_keep > 0)
        return gw__fail(err, GW_E_ARGUMENT, "an npy file holds numbers only, no kept columns; hint: use csv or jsonl");
    for (size_t i = 0; i < options->n_keep; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(options->keep[i], options->keep[k]) == 0)
                return gw__fail(err, GW_E_ARGUMENT, "column '%s' is to be kept twice", options->keep[i]);
    for (size_t t = 0; options->format == GW_OUTPUT_JSONL && t < model->spec->n_tasks; t++) {
        const char *task = model->spec->tasks[t].name;
        if ((options->n_keep > 0 && strcmp(task, "keep") == 0) || (options->gates && strcmp(task, "gates") == 0))
            return gw__fail(err, GW_E_UNSUPPORTED, "task '%s' has the name of another member of the output; hint: use csv", task);
    }
    return GW_OK;
}

gw_status gw__layout_init(gw__layout *layout, const gw_model *model, const gw_predict_options *options, const char *const *names, size_t n_names,
                          gw_error *err) {
    gw__layout made = {.format = options->format, .n_keep = options->n_keep};
    made.n_outputs = gw__net_output_width(model->net);
    made.n_gates = options->gates ? gw__net_gate_width(model->net) : 0;
    made.n_numbers = made.n_outputs + made.n_gates;
    builder b = {.layout = &made, .model = model};
    gw_status status = check_options(model, options, err);
    if (status != GW_OK) return status;
    size_t *keep = gw__arena_alloc(&made.arena, made.n_keep + 1, sizeof *keep);
    b.before = gw__arena_alloc(&made.arena, made.n_keep + made.n_numbers + 1, sizeof *b.before);
    if (!keep || !b.before) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < made.n_keep; i++) GW__TRY(find_keep(options->keep[i], names, n_names, &keep[i], err));
    if (made.format == GW_OUTPUT_CSV) GW__TRY(layout_csv(&b, options, err));
    if (made.format == GW_OUTPUT_JSONL) GW__TRY(layout_jsonl(&b, options, err));
    char *head = b.head.failed ? NULL : gw__arena_text(&made.arena, b.head.at ? b.head.at : "", b.head.n);
    if (!head) GW__FAIL(gw__fail_nomem(err));
    made.head = (gw__slice){head, b.head.n};
    made.keep = keep;
    made.before = b.before;
    *layout = made;
cleanup:
    gw__text_clear(&b.head);
    gw__text_clear(&b.piece);
    gw__text_clear(&b.name);
    if (status != GW_OK) gw__arena_clear(&made.arena);
    return status;
}

void gw__layout_clear(gw__layout *layout) {
    gw__arena_clear(&layout->arena);
}

/* ---- rows ---- */

static void add_number(gw__text *out, gw_output_format format, float value) {
    char text[24];
    if (format == GW_OUTPUT_JSONL && !isfinite(value))
        gw__text_puts(out, "null");
    else
        gw__text_add(out, text, (size_t)gw__format_float(value, text));
}

void gw__layout_add(const gw__layout *layout, const gw__batch *batch, size_t row, const float *outputs, const float *gates, gw__text *out) {
    if (layout->format == GW_OUTPUT_NPY) {
        gw__text_add(out, (const char *)outputs, layout->n_outputs * sizeof *outputs);
        if (layout->n_gates > 0) gw__text_add(out, (const char *)gates, layout->n_gates * sizeof *gates);
        return;
    }
    const gw__slice *before = layout->before;
    for (size_t i = 0; i < layout->n_keep; i++, before++) {
        gw__text_add(out, before->at, before->n);
        gw__slice cell = text_cell(batch, layout->keep[i], row);
        if (layout->format == GW_OUTPUT_CSV)
            gw__text_csv(out, cell);
        else if (cell.n > 0)
            add_json(out, cell);
        else
            gw__text_puts(out, "null");
    }
    for (size_t i = 0; i < layout->n_numbers; i++, before++) {
        gw__text_add(out, before->at, before->n);
        add_number(out, layout->format, i < layout->n_outputs ? outputs[i] : gates[i - layout->n_outputs]);
    }
    gw__text_add(out, before->at, before->n);
}

void gw__layout_npy_header(const gw__layout *layout, int64_t rows, char ret_header[GW__NPY_HEADER]) {
    const char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
    memset(ret_header, ' ', GW__NPY_HEADER);
    memcpy(ret_header, "\x93NUMPY\x01\x00", 8);
    ret_header[8] = (char)(GW__NPY_HEADER - 10);
    ret_header[9] = 0;
    int n = snprintf(ret_header + 10, GW__NPY_HEADER - 10, "{'descr': '%cf4', 'fortran_order': False, 'shape': (%" PRId64 ", %zu), }", order, rows,
                     layout->n_numbers);
    ret_header[10 + n] = ' ';
    ret_header[GW__NPY_HEADER - 1] = '\n';
}
