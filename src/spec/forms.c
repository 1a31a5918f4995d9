/* Keys whose value may take several forms. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "spec/reading.h"

/* ---- data ---- */

gw_status gw__form_valid(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__data_spec *data = &frame->reading->spec->data;
    if (node->kind != GW__DOC_MAP) {
        gw_status status = gw__node_texts(frame, field, node, &data->valid.files);
        if (status != GW_OK) return status;
        if (data->valid.files.n == 0 && frame->reading->files) return gw__fail_wanted(frame, field->key, node, "at least one file");
        data->valid.kind = GW__SPLIT_FILES;
        return GW_OK;
    }
    gw__frame inner = {.outer = frame, .key = field->key, .section = field->section, .map = node, .base = frame->base,
                       .reading = frame->reading};
    return gw__section_decode(&inner);
}

gw_status gw__form_separator(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    char *separator = &frame->reading->spec->data.separator;
    if (node->kind != GW__DOC_SCALAR) return gw__fail_expected(frame, field, node);
    if (gw__slice_is(node->text, "tab") || gw__slice_is(node->text, "\\t")) return *separator = '\t', GW_OK;
    unsigned char c = node->text.n == 1 ? (unsigned char)node->text.at[0] : 0;
    if (c == 0 || c >= 0x80 || c == '"' || c == '\n' || c == '\r') return gw__fail_expected(frame, field, node);
    *separator = (char)c;
    return GW_OK;
}

/* The lines of a file, trimmed, blank ones skipped. On an error line `ret_line` tells which. */
static gw_status split_names(gw__slice bytes, gw__arena *arena, gw__texts *ret, int64_t **ret_lines) {
    size_t n_lines = 1, n = 0;
    for (size_t i = 0; i < bytes.n; i++) n_lines += bytes.at[i] == '\n';
    const char **at = gw__arena_alloc(arena, n_lines, sizeof *at);
    int64_t *lines = gw__arena_alloc(arena, n_lines, sizeof *lines);
    if (at == NULL || lines == NULL) return GW_E_NOMEM;
    int64_t line = 1;
    for (const char *p = bytes.at, *end = bytes.at + bytes.n; p < end; line++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t length = (size_t)((stop == NULL ? end : stop) - p);
        if (length > 0 && p[length - 1] == '\r') length--;
        gw__slice name = gw__slice_trim((gw__slice){p, length});
        if (name.n > 0) {
            at[n] = gw__arena_text(arena, name.at, name.n);
            if (at[n] == NULL) return GW_E_NOMEM;
            lines[n++] = line;
        }
        p = stop == NULL ? end : stop + 1;
    }
    *ret = (gw__texts){at, n};
    *ret_lines = lines;
    return GW_OK;
}

static int64_t line_of_second(const gw__texts *names, const int64_t *lines, const char *name) {
    size_t seen = 0;
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->at[i], name) == 0 && ++seen == 2) return lines[i];
    }
    return 0;
}

static gw_status check_names_file(const gw__texts *names, const int64_t *lines, const char *path, gw_error *err) {
    if (names->n == 0) return gw__fail_at(err, GW_E_CONFIG, path, 0, 0, "expected column names, one a line, but the file has none");
    if (names->n > GW__SPEC_NAMES_LIMIT) return gw__fail_at(err, GW_E_CONFIG, path, 0, 0, "more than %zu column names", GW__SPEC_NAMES_LIMIT);
    gw__name_index index = {0};
    gw_status status = gw__name_index_init(&index, names, err);
    const char *twice = status == GW_OK ? gw__name_index_twice(&index) : NULL;
    if (twice != NULL) {
        status = gw__fail_at(err, GW_E_CONFIG, path, line_of_second(names, lines, twice), 0, "column name '%s' stands there twice", twice);
    }
    gw__name_index_clear(&index);
    return status;
}

static gw_status read_names(const char *path, gw__arena *arena, gw__texts *ret, gw_error *err) {
    char *bytes = NULL;
    size_t n = 0;
    gw__texts names = {0};
    int64_t *lines = NULL;
    gw_status status = gw__file_read(path, GW__SPEC_FILE_LIMIT, &bytes, &n, err);
    if (status != GW_OK) return status;
    size_t bom = n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    if (memchr(bytes, '\0', n) != NULL || !gw__utf8_valid(bytes, n)) {
        GW__FAIL(gw__fail_at(err, GW_E_CONFIG, path, 0, 0, "expected column names in UTF-8, one a line"));
    }
    status = split_names((gw__slice){bytes + bom, n - bom}, arena, &names, &lines);
    if (status != GW_OK) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(check_names_file(&names, lines, path, err));
    *ret = names;
cleanup:
    gw__aligned_free(bytes);
    return status;
}

static gw_status header_list(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__data_spec *data = &frame->reading->spec->data;
    gw_status status = gw__node_texts(frame, field, node, &data->names);
    if (status != GW_OK) return status;
    if (data->names.n == 0) return gw__fail_wanted(frame, field->key, node, "at least one column name");
    if (data->names.n > GW__SPEC_NAMES_LIMIT) {
        return gw__fail_value(frame, node, "key '%s': more than %zu column names", field->key, GW__SPEC_NAMES_LIMIT);
    }
    gw__name_index index = {0};
    status = gw__name_index_init(&index, &data->names, frame->reading->err);
    const char *twice = status == GW_OK ? gw__name_index_twice(&index) : NULL;
    if (twice != NULL) {
        status = gw__fail_value(frame, gw__list_second(node, twice), "key '%s': column name '%s' stands there twice", field->key, twice);
    }
    gw__name_index_clear(&index);
    return status;
}

gw_status gw__form_header(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__reading *reading = frame->reading;
    gw__data_spec *data = &reading->spec->data;
    bool first_line = false;
    if (node->kind == GW__DOC_LIST) return header_list(frame, field, node);
    if (gw__scalar_bool(node, &first_line)) {
        data->header_in_file = first_line;
        return first_line ? GW_OK : gw__fail_expected(frame, field, node);
    }
    if (node->kind != GW__DOC_SCALAR) return gw__fail_expected(frame, field, node);
    gw_status status = gw__scalar_text(frame, field, node, &data->header_path);
    if (status != GW_OK) return status;
    if (!reading->files) return gw__fail_value(frame, node, "key '%s': a stored spec must hold the names but has a file's path", field->key);
    if (gw__slice_is(node->text, "-")) return gw__fail_expected(frame, field, node);
    return read_names(data->header_path, &reading->spec->arena, &data->names, reading->err);
}

/* ---- features ---- */

static gw_status one_transform(const gw__frame *frame, const gw__field *field, const gw__doc *node, gw__transform *ret) {
    unsigned word;
    if (!gw__scalar_word(node, field->words, &word)) return gw__fail_expected(frame, field, node);
    *ret = (gw__transform)word;
    return GW_OK;
}

gw_status gw__form_transforms(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__feature_spec *feature = frame->base;
    if (node->kind == GW__DOC_MAP) return gw__fail_expected(frame, field, node);
    bool one = node->kind == GW__DOC_SCALAR;
    size_t n = one ? 1 : node->n;
    if (n == 0 || n > GW__COUNT(feature->transforms)) return gw__fail_expected(frame, field, node);
    const gw__doc *item = one ? node : node->first;
    for (size_t i = 0; i < n; i++, item = item->next) {
        gw_status status = one_transform(frame, field, item, &feature->transforms[i]);
        if (status != GW_OK) return status;
    }
    feature->n_transforms = n;
    return GW_OK;
}

gw_status gw__form_missing(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__feature_spec *feature = frame->base;
    unsigned word;
    if (gw__scalar_number(node, &feature->missing_value)) return feature->missing = GW__MISSING_VALUE, GW_OK;
    if (!gw__scalar_word(node, field->words, &word)) return gw__fail_expected(frame, field, node);
    feature->missing = (gw__missing)word;
    feature->missing_value = 0;
    return GW_OK;
}

/* ---- tasks ---- */

static gw_status one_quantile(const gw__frame *frame, const gw__field *field, const gw__doc *node, double above, double *ret) {
    if (!gw__scalar_number(node, ret) || !(*ret > above) || !(*ret < 1)) return gw__fail_expected(frame, field, node);
    return GW_OK;
}

gw_status gw__form_quantiles(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__task_spec *task = frame->base;
    const bool one = node->kind == GW__DOC_SCALAR;
    const size_t n = one ? 1 : node->n;
    if (node->kind == GW__DOC_MAP || n == 0) return gw__fail_expected(frame, field, node);
    if (n > GW__SPEC_QUANTILES_LIMIT) return gw__fail_value(frame, node, "more than %d quantiles", GW__SPEC_QUANTILES_LIMIT);
    double *at = gw__arena_alloc(&frame->reading->spec->arena, n, sizeof *at);
    if (at == NULL) return gw__fail_nomem(frame->reading->err);
    const gw__doc *item = one ? node : node->first;
    for (size_t i = 0; i < n; i++, item = item->next) {
        gw_status status = one_quantile(frame, field, item, i > 0 ? at[i - 1] : 0, &at[i]);
        if (status != GW_OK) return status;
    }
    task->quantiles = at;
    task->n_quantiles = n;
    return GW_OK;
}

/* ---- model ---- */

static gw_status mlp_widths(const gw__frame *frame, const gw__field *field, const gw__doc *list, gw__widths *ret) {
    /* Experts that predict have an output layer behind these. */
    const uint64_t least = frame->reading->spec->model.architecture == GW__ARCH_LOCAL_EXPERTS ? 0 : field->lo;
    if (list->n < least || list->n > field->hi) {
        return gw__fail_value(frame, list, "key '%s': expected from %d to %d widths but found %zu", field->key, (int)least, (int)field->hi,
                              list->n);
    }
    uint32_t *at = gw__arena_alloc(&frame->reading->spec->arena, list->n + 1, sizeof *at);
    if (at == NULL) return gw__fail_nomem(frame->reading->err);
    const gw__doc *item = list->first;
    for (size_t i = 0; i < list->n; i++, item = item->next) {
        uint64_t width;
        if (!gw__scalar_count(item, &width) || width < 1 || width > 65536) {
            return gw__fail_wanted(frame, field->key, item, "a width from 1 to 65536");
        }
        at[i] = (uint32_t)width;
    }
    *ret = (gw__widths){at, list->n};
    return GW_OK;
}

/* cross-stitch: the layers of a flat list are the levels. */
static gw_status layer_per_level(const gw__frame *frame, const gw__field *field, const gw__doc *node, gw__widths *hidden) {
    const size_t levels = frame->reading->spec->model.levels;
    gw__widths layers;
    gw_status status = mlp_widths(frame, field, node, &layers);
    if (status != GW_OK) return status;
    if (layers.n != levels) {
        const gw__doc *written = gw__frame_get(frame->outer, "levels"); /* without it there are as many as layers, but for more than levels can be */
        if (written == NULL) return gw__fail_value(frame, node, "key '%s': 'cross-stitch' has one level per layer, at most %zu, but found %zu", field->key, levels, layers.n);
        return gw__fail_value(frame->outer, written, "key 'levels': 'cross-stitch' has one level per layer: expected '%zu', the widths of its experts, but found '%zu'; "
                              "hint: leave 'levels' out, or give 'experts.%s' %zu width%s", layers.n, levels, field->key, levels, levels == 1 ? "" : "s");
    }
    for (size_t l = 0; l < levels; l++) hidden[l] = (gw__widths){layers.at + l, 1};
    *(const gw__widths **)((char *)frame->base + field->offset) = hidden;
    return GW_OK;
}

gw_status gw__form_widths(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__spec *spec = frame->reading->spec;
    bool per_level = field->kind == GW__FIELD_LEVEL_WIDTHS;
    size_t levels = per_level ? spec->model.levels : 1;
    if (node->kind != GW__DOC_LIST) return gw__fail_expected(frame, field, node);
    bool nested = node->first != NULL && node->first->kind == GW__DOC_LIST;
    if (nested && !per_level && node->n != 1) {
        return gw__fail_value(frame, node, "key '%s': towers have one level: expected one list of widths but found %zu", field->key, node->n);
    }
    if (nested && node->n != levels) {
        return gw__fail_value(frame, node, "key '%s': expected %zu list%s, one per level, but found %zu", field->key, levels,
                              levels == 1 ? "" : "s", node->n);
    }
    gw__widths *hidden = gw__arena_alloc(&spec->arena, levels, sizeof *hidden);
    if (hidden == NULL) return gw__fail_nomem(frame->reading->err);
    if (per_level && !nested && spec->model.architecture == GW__ARCH_CROSS_STITCH && node->n > 0) return layer_per_level(frame, field, node, hidden);
    const gw__doc *item = node->first;
    for (size_t l = 0; l < levels; l++) {
        if (l > 0 && !nested) {
            hidden[l] = hidden[0];
            continue;
        }
        if (nested && item->kind != GW__DOC_LIST) return gw__fail_wanted(frame, field->key, item, "a list of widths, as for the first level");
        gw_status status = mlp_widths(frame, field, nested ? item : node, &hidden[l]);
        if (status != GW_OK) return status;
        if (nested) item = item->next;
    }
    *(const gw__widths **)((char *)frame->base + field->offset) = hidden;
    return GW_OK;
}

static gw_status fail_task_name(const gw__frame *frame, const gw__doc *node) {
    const gw__spec *spec = frame->reading->spec;
    const char *names[GW__SPEC_TASKS_LIMIT];
    for (size_t t = 0; t < spec->n_tasks; t++) names[t] = spec->tasks[t].name;
    const char *near = gw__nearest(node->key, names, spec->n_tasks);
    return gw__fail_key(frame, node, "no task is named '%.*s'%s%s%s", GW__SLICE_ARG(node->key), near != NULL ? "; hint: did you mean '" : "",
                        near != NULL ? near : "", near != NULL ? "'?" : "");
}

/* Reads what one task has of a list [T]. */
typedef gw_status (*task_reader)(const gw__frame *frame, const gw__field *field, const gw__doc *node, void *list, size_t task);

static gw_status expert_count(const gw__frame *frame, const gw__field *field, const gw__doc *node, void *list, size_t task) {
    uint64_t count;
    if (!gw__scalar_count(node, &count) || count > field->hi) return gw__fail_expected(frame, field, node);
    ((uint32_t *)list)[task] = gw__task_has_tower(&frame->reading->spec->tasks[task]) ? (uint32_t)count : 0;
    return GW_OK;
}

static gw_status task_number(const gw__frame *frame, const gw__field *field, const gw__doc *node, void *list, size_t task) {
    return gw__field_number(frame, field, node, (double *)list + task);
}

static bool has_task(const gw__spec *spec, gw__slice name) {
    for (size_t t = 0; t < spec->n_tasks; t++) {
        if (gw__slice_is(name, spec->tasks[t].name)) return true;
    }
    return false;
}

/* One value for every task, or a map that has one for each. */
static gw_status read_per_task(const gw__frame *frame, const gw__field *field, const gw__doc *node, task_reader read, void *list) {
    const gw__spec *spec = frame->reading->spec;
    const bool map = node->kind == GW__DOC_MAP;
    for (const gw__doc *item = map ? node->first : NULL; item != NULL; item = item->next) {
        if (!has_task(spec, item->key)) return fail_task_name(frame, item);
    }
    for (size_t t = 0; t < spec->n_tasks; t++) {
        const gw__doc *item = map ? gw__doc_get(node, spec->tasks[t].name) : node;
        if (item == NULL && read == expert_count && !gw__task_has_tower(&spec->tasks[t])) continue; /* it has none */
        if (item == NULL) return gw__fail_value(frame, node, "key '%s': expected a number for every task but '%s' has none", field->key, spec->tasks[t].name);
        gw_status status = read(frame, field, item, list, t);
        if (status != GW_OK) return status;
    }
    return GW_OK;
}

gw_status gw__form_per_task(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__spec *spec = frame->reading->spec;
    uint32_t *counts = gw__arena_alloc(&spec->arena, spec->n_tasks, sizeof *counts);
    if (counts == NULL) return gw__fail_nomem(frame->reading->err);
    gw_status status = read_per_task(frame, field, node, expert_count, counts);
    if (status == GW_OK) spec->model.experts.per_task = counts;
    return status;
}

gw_status gw__form_task_numbers(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__spec *spec = frame->reading->spec;
    double *numbers = gw__arena_alloc(&spec->arena, spec->n_tasks, sizeof *numbers);
    if (numbers == NULL) return gw__fail_nomem(frame->reading->err);
    gw_status status = read_per_task(frame, field, node, task_number, numbers);
    if (status == GW_OK) *(const double **)((char *)frame->base + field->offset) = numbers;
    return status;
}

/* ---- train ---- */

gw_status gw__form_betas(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    gw__optimizer_spec *optimizer = &frame->reading->spec->train.optimizer;
    double betas[2];
    if (node->kind != GW__DOC_LIST || node->n != 2) return gw__fail_expected(frame, field, node);
    const gw__doc *item = node->first;
    for (size_t i = 0; i < 2; i++, item = item->next) {
        if (!gw__scalar_number(item, &betas[i]) || betas[i] < 0 || betas[i] >= 1) return gw__fail_expected(frame, field, item);
    }
    optimizer->beta1 = betas[0];
    optimizer->beta2 = betas[1];
    return GW_OK;
}

/* A count, or the one word that stands for 0: `full` of a batch, `epoch` of a checkpoint. */
gw_status gw__form_batch(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    uint64_t *place = (uint64_t *)((char *)frame->base + field->offset), count;
    if (node->kind == GW__DOC_SCALAR && gw__slice_is(node->text, field->kind == GW__FIELD_BATCH ? "full" : "epoch")) return *place = 0, GW_OK;
    if (!gw__scalar_count(node, &count) || count == 0 || count > INT64_MAX) return gw__fail_expected(frame, field, node);
    *place = count;
    return GW_OK;
}
