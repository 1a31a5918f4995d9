#include "serve_fixture.h"

#include <dirent.h>
#include <inttypes.h>
#include <unistd.h>

#include "interop/weights.h"
#include "testing.h"

const char *fixture_path(fixture *f, const char *name, char out[128]) {
    snprintf(out, 128, "%s/%s", f->directory, name);
    return out;
}

void fixture_forget(const char *path) {
    unlink(path);
}

void fixture_write(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

char *fixture_read(const char *path, size_t *ret_n) {
    char *aligned = NULL;
    size_t n = 0;
    gw_error err = {0};
    if (gw__file_read(path, (size_t)1 << 26, &aligned, &n, &err) != GW_OK) fail_msg("%s: %s", path, err.message);
    char *bytes = malloc(n + 1);
    assert_non_null(bytes);
    memcpy(bytes, aligned, n + 1);
    gw__aligned_free(aligned);
    if (ret_n) *ret_n = n;
    return bytes;
}

void fixture_cells(size_t row, char age[16], char city[16], char user[32], char tags[32]) {
    static const char *const cities[] = {"Oslo", "Lima", "Accra", "", "?"};
    static const char *const bags[] = {"a|b", "c", "", "a|c|d", "b"};
    snprintf(age, 16, "%s", row % 7 == 3 ? "?" : "");
    if (!age[0]) snprintf(age, 16, "%zu.5", row % 50);
    snprintf(city, 16, "%s", cities[row % 5]);
    snprintf(user, 32, "%" PRIu64, UINT64_C(9007199254740993) + row % 90);
    snprintf(tags, 32, "%s", bags[row * 3 % 5]);
}

static void add_cell(fixture_rows *r, int column, size_t row, size_t of_table) {
    char cells[4][32];
    fixture_cells(of_table, cells[0], cells[1], cells[2], cells[3]);
    int32_t at = row ? r->offsets[column][row] : 0;
    memcpy(r->text[column] + at, cells[column], strlen(cells[column]));
    r->offsets[column][row] = at;
    r->offsets[column][row + 1] = at + (int32_t)strlen(cells[column]);
}

void fixture_make_rows(fixture_rows *r, size_t first, size_t n) {
    static const char *const names[] = {"age", "city", "user", "tags"};
    for (int c = 0; c < 4; c++) {
        for (size_t i = 0; i < n; i++) add_cell(r, c, i, first + i);
        r->columns[c] = (gw_column){.name = names[c], .type = GW_COLUMN_TEXT, .values = r->text[c], .offsets = r->offsets[c]};
    }
}

void fixture_repeat(fixture_rows *r, int column, size_t row, size_t n) {
    for (size_t i = 0; i < n; i++) add_cell(r, column, i, row);
}

static void write_tables(const fixture *f) {
    FILE *file = fopen(f->table, "wb"), *bare = fopen(f->bare, "wb");
    assert_non_null(file);
    assert_non_null(bare);
    fprintf(file, "note,age,city,user,tags,click,amount,kind\n");
    fprintf(bare, "note,age,city,user,tags\n");
    for (size_t i = 0; i < FIXTURE_ROWS; i++) {
        char age[16], city[16], user[32], tags[32];
        fixture_cells(i, age, city, user, tags);
        fprintf(bare, "\"note \"\"%zu\"\",\nof two lines\",%s,%s,%s,%s\n", i, age, city, user, tags);
        fprintf(file, "%zu,%s,%s,%s,%s,%zu,%zu.25,%s\n", i, age, city, user, tags, i % 3 == 0 ? (size_t)1 : (size_t)0, i % 11, i % 2 ? "x" : i % 4 ? "\"y,y\"" : "z");
    }
    assert_int_equal(fclose(file) + fclose(bare), 0);
}

void fixture_open(fixture *f, const char *architecture) {
    fixture_open_with(f, architecture, NULL, 0);
}

void fixture_open_with(fixture *f, const char *architecture, const char *const *sets, size_t n_sets) {
    char spec[1024];
    gw_error err = {0};
    snprintf(f->directory, sizeof f->directory, "/tmp/gw-serve-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    fixture_path(f, "table.csv", f->table);
    fixture_path(f, "bare.csv", f->bare);
    fixture_path(f, "output", f->output);
    write_tables(f);
    snprintf(spec, sizeof spec,
             "{\"data\":{\"train\":\"%s\",\"missing\":[\"?\"]},"
             "\"features\":{\"ignore\":[\"note\"],\"columns\":{\"age\":{\"type\":\"numeric\",\"indicator\":true},"
             "\"city\":{\"type\":\"categorical\",\"dim\":3},\"user\":{\"type\":\"hashed\",\"buckets\":100,\"dim\":2},"
             "\"tags\":{\"type\":\"bag\",\"dim\":4}}},"
             "\"tasks\":{\"click\":{\"type\":\"binary\"},\"amount\":{\"type\":\"regression\"},\"kind\":{\"type\":\"multiclass\"}},"
             "\"model\":{\"architecture\":\"%s\",\"embedding_std\":1}}",
             f->table, architecture);
    /* The text is YAML, too. */
    gw_train_options options = {.spec_text = spec, .threads = 1, .overrides = sets, .n_overrides = n_sets};
    if (gw__model_of_spec(&options, &f->model, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    gw__net_initialise(f->model->net, f->model->spec, f->model->parameters);
}

void fixture_close(fixture *f) {
    gw__model_free(f->model);
    unlink(f->table);
    unlink(f->bare);
    unlink(f->output);
    if (rmdir(f->directory) == 0) return;
    DIR *directory = opendir(f->directory);
    for (struct dirent *entry; directory && (entry = readdir(directory));) print_message("# left behind: %s\n", entry->d_name);
    if (directory) closedir(directory);
    fail_msg("files were left in %s", f->directory);
}

int fixture_setup(void **state) {
    static fixture f;
    fixture_open(&f, "mmoe");
    *state = &f;
    return 0;
}

int fixture_teardown(void **state) {
    fixture_close(*state);
    return 0;
}

void fixture_must(gw_status status, const gw_error *err) {
    if (status != GW_OK) fail_msg("%s: %s", err->where, err->message);
}
