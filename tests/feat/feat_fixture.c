#include "feat_fixture.h"

#include <unistd.h>

#include "base/text.h"

static void write_file(const char *text, char path[64]) {
    strcpy(path, "/tmp/gatewright-feat-XXXXXX.csv");
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void add_valid(gw__text *spec, const char *valid, const char *path) {
    const char *mark = strstr(valid, "%FILE%");
    if (!mark) {
        gw__text_addf(spec, ",\"valid\":%s", valid);
    } else {
        gw__text_addf(spec, ",\"valid\":%.*s%s%s", (int)(mark - valid), valid, path, mark + 6);
    }
}

static gw__spec *parse_spec(const recipe *r, const char *train, const char *valid) {
    gw__text text = {0};
    gw_error err = {0};
    gw__spec *spec = NULL;
    gw__text_addf(&text, "{\"data\":{\"train\":\"%s\"", train);
    if (r->valid) add_valid(&text, r->valid, valid);
    if (r->missing) gw__text_addf(&text, ",\"missing\":%s", r->missing);
    gw__text_puts(&text, "}");
    if (r->features) gw__text_addf(&text, ",\"features\":%s", r->features);
    gw__text_addf(&text, ",\"tasks\":%s}", r->tasks ? r->tasks : "{\"y\":{\"type\":\"binary\"}}");
    gw_status status = gw__spec_parse(text.at, text.n, "test.json", NULL, 0, &spec, &err);
    if (status != GW_OK) fail_msg("the spec is refused: %s:%d:%d: %s\n%s", err.where, (int)err.line, (int)err.column, err.message, text.at);
    gw__text_clear(&text);
    return spec;
}

static gw_status run(const recipe *r, const gw__features *fitted, reading *ret, char path[64], gw_error *err) {
    char valid_path[64] = "";
    gw__pool *pool = NULL;
    reading made = {0};
    write_file(r->csv, path);
    if (r->valid_csv) write_file(r->valid_csv, valid_path);
    made.spec = parse_spec(r, path, valid_path);
    if (r->threads) assert_int_equal(gw__pool_new(r->threads, &pool, NULL), GW_OK);
    gw_status status = gw__dataset_read(made.spec, fitted, r->skip, pool, &made.features, &made.dataset, err);
    gw__pool_free(pool);
    unlink(path);
    if (*valid_path) unlink(valid_path);
    if (status == GW_OK) {
        made.in = gw__features_input(fitted ? fitted : made.features);
        *ret = made;
    } else {
        assert_null(made.features);
        assert_null(made.dataset.train.words);
        gw__spec_free(made.spec);
    }
    return status;
}

gw_status try_table(recipe r, reading *ret, gw_error *err) {
    char path[64];
    return run(&r, NULL, ret, path, err);
}

gw_status try_fitted(recipe r, const gw__features *fitted, reading *ret, gw_error *err) {
    char path[64];
    return run(&r, fitted, ret, path, err);
}

reading read_table(recipe r) {
    reading made = {0};
    gw_error err = {0};
    if (try_table(r, &made, &err) != GW_OK) fail_msg("not read: %s:%d: %s", err.where, (int)err.line, err.message);
    return made;
}

void clear_reading(reading *r) {
    gw__dataset_clear(&r->dataset);
    gw__features_free(r->features);
    gw__spec_free(r->spec);
    *r = (reading){0};
}

void refuse_table(recipe r, gw_status status, const char *where, int64_t line, const char *message) {
    reading made = {0};
    gw_error err = {0};
    char path[64];
    gw_status got = run(&r, NULL, &made, path, &err);
    if (got == GW_OK) fail_msg("was read, though '%s' was expected", message);
    assert_string_equal(err.message, message);
    assert_int_equal(got, status);
    assert_int_equal(err.code, status);
    assert_string_equal(err.where, strcmp(where, "CSV") == 0 ? path : where);
    assert_int_equal(err.line, line);
}

float number_at(const gw__records *records, size_t row, size_t i) {
    assert_true(row < records->n_rows && i < records->input->n_numbers);
    return ((const float *)gw__record_at(records, row))[records->input->numbers_at + i];
}

int32_t id_at(const gw__records *records, size_t row, size_t i) {
    assert_true(row < records->n_rows && i < records->input->n_ids);
    return ((const int32_t *)gw__record_at(records, row))[records->input->ids_at + i];
}

float label_at(const gw__records *records, size_t row, size_t task) {
    assert_true(row < records->n_rows && task < records->input->n_tasks);
    return gw__record_labels(records->input, gw__record_at(records, row))[task];
}

float weight_at(const gw__records *records, size_t row, size_t task) {
    assert_true(row < records->n_rows && task < records->input->n_tasks);
    return gw__record_weights(records->input, gw__record_at(records, row))[task];
}

uint64_t group_at(const gw__records *records, size_t row, size_t i) {
    uint64_t group;
    assert_true(row < records->n_rows && i < records->input->n_groups);
    memcpy(&group, gw__record_at(records, row) + records->input->groups_at + 2 * i, sizeof group);
    return group;
}

const char *bag_at(const gw__records *records, size_t row, size_t i) {
    static char text[256];
    assert_true(row < records->n_rows && i < records->input->n_bags);
    const uint32_t *bag = gw__record_at(records, row) + records->input->bags_at + 2 * i;
    assert_true((size_t)bag[0] + bag[1] <= records->n_bag_ids);
    size_t n = 0;
    text[0] = 0;
    for (uint32_t k = 0; k < bag[1]; k++) n += (size_t)snprintf(text + n, sizeof text - n, "%s%d", k ? "," : "", records->bag_ids[bag[0] + k]);
    return text;
}

gw__feature_view view_of(const gw__features *features, const char *name) {
    for (size_t i = 0; i < gw__features_count(features); i++)
        if (strcmp(gw__features_at(features, i).name, name) == 0) return gw__features_at(features, i);
    fail_msg("no feature '%s'", name);
    return (gw__feature_view){0};
}

bool same_records(const gw__records *a, const gw__records *b) {
    if (a->n_rows != b->n_rows || a->input->stride != b->input->stride || a->n_bag_ids != b->n_bag_ids) return false;
    if (a->n_rows && memcmp(a->words, b->words, a->n_rows * a->input->stride * sizeof *a->words) != 0) return false;
    return !a->n_bag_ids || memcmp(a->bag_ids, b->bag_ids, a->n_bag_ids * sizeof *a->bag_ids) == 0;
}

const char *note_with(const gw__read_report *report, const char *text) {
    for (size_t i = 0; i < report->notes.n; i++)
        if (strstr(report->notes.at[i], text)) return report->notes.at[i];
    return NULL;
}

gw_column text_column(const char *name, const char *const *cells, size_t n) {
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += cells[i] ? strlen(cells[i]) : 0;
    char *values = malloc(bytes + 1);
    int32_t *offsets = malloc((n + 1) * sizeof *offsets);
    uint8_t *valid = calloc(n / 8 + 1, 1);
    assert_true(values && offsets && valid);
    offsets[0] = 0;
    for (size_t i = 0; i < n; i++) {
        size_t length = cells[i] ? strlen(cells[i]) : 0;
        if (length) memcpy(values + offsets[i], cells[i], length);
        offsets[i + 1] = offsets[i] + (int32_t)length;
        if (cells[i]) valid[i / 8] |= (uint8_t)(1 << i % 8);
    }
    return (gw_column){name, GW_COLUMN_TEXT, values, offsets, valid};
}

void free_text_column(gw_column *column) {
    free((void *)(uintptr_t)column->values);
    free((void *)(uintptr_t)column->offsets);
    free((void *)(uintptr_t)column->valid);
}
