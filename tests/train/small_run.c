#include "small_run.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/doc.h"
#include "base/number.h"
#include "train/train.h"

/* ---- a directory ---- */

typedef struct place {
    char before[512], path[64];
} place;

int enter_directory(void **state) {
    place *p = calloc(1, sizeof *p);
    if (!p || !getcwd(p->before, sizeof p->before)) return -1;
    strcpy(p->path, "/tmp/gatewright-train-XXXXXX");
    *state = p;
    return mkdtemp(p->path) && chdir(p->path) == 0 ? 0 : -1;
}

int leave_directory(void **state) {
    place *p = *state;
    DIR *directory = opendir(".");
    for (struct dirent *entry; directory && (entry = readdir(directory));) unlink(entry->d_name);
    if (directory) closedir(directory);
    int failed = chdir(p->before) || rmdir(p->path);
    free(p);
    return failed;
}

/* ---- a table ---- */

static uint32_t next(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static double unit(uint32_t *state) { return (double)next(state) / 16777216.0; }

void write_table(const char *path, size_t n_rows, uint32_t seed) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("a,b,c,d,click,buy,price,kind,user,part\n", f);
    static const char *const kinds[] = {"red", "green", "blue"}, *const letters[] = {"x", "y", "z", "w"};
    for (size_t i = 0; i < n_rows; i++) {
        double a = unit(&seed) * 4 - 2, b = unit(&seed), d = unit(&seed) * 100;
        unsigned c = next(&seed) % 4, kind = (unsigned)(b * 3) % 3;
        int click = a + (c == 2) + unit(&seed) * 2 > 1.2, buy = click && b + unit(&seed) > 1;
        fprintf(f, "%.3f,%.3f,%s,%.1f,%d,%d,", a, b, letters[c], d, click, buy);
        if (i % 7 == 3)
            fputs(",", f);
        else
            fprintf(f, "%.3f,", 2 * a * b + d / 50 + unit(&seed) / 4);
        fprintf(f, "%s,%u,%zu\n", kinds[unit(&seed) < 0.8 ? kind : next(&seed) % 3], next(&seed) % 20, i % 10);
    }
    assert_int_equal(fclose(f), 0);
}

/* ---- a story ---- */

static void append_line(char **text, const char *line) {
    size_t old = *text ? strlen(*text) : 0, n = strlen(line);
    *text = realloc(*text, old + n + 2);
    memcpy(*text + old, line, n);
    memcpy(*text + old + n, "\n", 2);
}

static void listen(void *context, const gw_event *event) {
    story *s = context;
    switch (event->kind) {
    case GW_EVENT_NOTE: s->n_notes++; break;
    case GW_EVENT_WARNING:
        s->n_warnings++;
        append_line(&s->warnings, event->text);
        break;
    case GW_EVENT_READ:
        s->n_reads++;
        free(s->read);
        s->read = strdup(event->text);
        break;
    case GW_EVENT_STEP:
        s->n_steps++;
        assert_true(event->rows_done > 0 && event->rows_done <= event->rows && event->epoch >= 1 && event->epoch <= event->epochs);
        break;
    case GW_EVENT_EPOCH:
        assert_true(s->n_epochs < 64);
        s->epochs[s->n_epochs++] = strdup(event->text);
        if (s->n_epochs == s->cancel_after_epochs) s->cancel = 1;
        break;
    case GW_EVENT_TEST:
        s->n_tests++;
        free(s->test);
        s->test = strdup(event->text);
        break;
    case GW_EVENT_END: fail_msg("a run alone has an end that its caller sees"); break;
    }
}

void story_clear(story *s) {
    for (size_t i = 0; i < s->n_epochs; i++) free(s->epochs[i]);
    free(s->read);
    free(s->test);
    free(s->warnings);
    memset(s, 0, sizeof *s);
}

gw_status train_small(const small_run *run, gw_model **ret_model, gw_error *err) {
    size_t n = 0;
    while (n < 8 && run->overrides[n]) n++;
    const gw_train_options options = {.spec_text = run->spec,
                                      .overrides = run->overrides,
                                      .n_overrides = n,
                                      .model_path = run->model_path,
                                      .init_path = run->init_path,
                                      .resume_path = run->resume_path,
                                      .isa = run->isa,
                                      .threads = run->threads ? run->threads : 1,
                                      .skip_bad_rows = run->skip_bad_rows,
                                      .listener = run->story ? listen : NULL,
                                      .listener_context = run->story,
                                      .cancel = run->story ? &run->story->cancel : NULL};
    return gw__train(&options, NULL, ret_model, err);
}

/* ---- files ---- */

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

char *file_bytes(const char *path, size_t *ret_n) {
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("no file '%s'", path);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *bytes = malloc(n + 1);
    assert_int_equal(fread(bytes, 1, n, f), n);
    fclose(f);
    *ret_n = n;
    return bytes;
}

void assert_same_files(const char *a, const char *b) {
    size_t n, m;
    char *x = file_bytes(a, &n), *y = file_bytes(b, &m);
    if (n != m || memcmp(x, y, n) != 0) {
        size_t at = 0;
        while (at < n && at < m && x[at] == y[at]) at++;
        fail_msg("'%s' (%zu bytes) and '%s' (%zu bytes) differ from byte %zu on", a, n, b, m, at);
    }
    free(x);
    free(y);
}

/* ---- JSON ---- */

char *json_at(const char *json, const char *path) {
    gw__arena arena = {0};
    gw__doc *root;
    gw_error err = {0};
    if (gw__doc_parse_json(json, strlen(json), "json", &arena, &root, &err) != GW_OK) fail_msg("%s: %s", err.message, json);
    const gw__doc *at = root;
    while (at && *path) {
        size_t n = strcspn(path, ".");
        char key[64] = {0};
        memcpy(key, path, n < 63 ? n : 63);
        at = gw__doc_get(at, key);
        path += n + (path[n] == '.');
    }
    char *text = NULL;
    if (at) text = at->kind == GW__DOC_SCALAR ? strndup(at->text.at, at->text.n) : strdup(at->kind == GW__DOC_MAP ? "{}" : "[]");
    gw__arena_clear(&arena);
    return text;
}

double json_number(const char *json, const char *path) {
    char *text = json_at(json, path);
    double value = 0;
    if (!text || !gw__parse_double(gw__slice_of(text), &value)) fail_msg("'%s': expected a number but found '%s' in %s", path, text ? text : "nothing", json);
    free(text);
    return value;
}
