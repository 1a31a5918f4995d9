/* Model files from outside: as they are, and sealed again after every change so that what lies behind the seals is reached. What is taken
 * must serve: it describes itself, is saved to bytes that load and save to the same, and scores rows of every type of column.
 * Mutations go to the parts of the container (texts, fitted items, parameters), for few changes of raw bytes leave one. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/describe.h"
#include "serve/session.h"

#define MAX_FLOATS ((size_t)1 << 18) /* larger networks are read but not run */
#define MAX_COLUMNS 4096
#define ROWS 4

static char directory[64], path[80];

static void require(bool so) {
    if (!so) abort();
}

static void leave(void) {
    unlink(path);
    rmdir(directory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    strcpy(directory, access("/dev/shm", W_OK) == 0 ? "/dev/shm/gatewright-fuzz-XXXXXX" : "/tmp/gatewright-fuzz-XXXXXX");
    require(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/m.gw", directory);
    atexit(leave);
    return 0;
}

static char *copied(const void *data, size_t size) {
    char *bytes = gw__aligned_alloc(size, 1);
    require(bytes != NULL);
    if (size > 0) memcpy(bytes, data, size);
    return bytes;
}

static bool parse(const uint8_t *data, size_t size, gw__container *ret_container) {
    char *bytes = copied(data, size);
    if (gw__container_parse(bytes, size, "fuzz", ret_container, NULL) == GW_OK) return true;
    gw__aligned_free(bytes);
    return false;
}

/* The container as sealed bytes; freed with free. */
static char *sealed(const gw__container *c, size_t *ret_n) {
    char *stream = NULL;
    gw__writer writer = {.file = open_memstream(&stream, ret_n)};
    require(writer.file != NULL);
    require(gw__container_write(c->tensors, c->n_tensors, c->metadata, c->n_metadata, true, &writer, NULL) == GW_OK);
    gw__writer_cancel(&writer);
    return stream;
}

/* ---- what is done with a model ---- */

/* Cells of all types that no table of good manners has; the first row has a value, the second none. */
static const char cells[] = "1x-3|\xc3\xa9|-3|nan1e308";
static const int32_t offsets[ROWS + 1] = {0, 2, 2, 14, sizeof cells - 1};
static const int64_t integers[ROWS] = {1, 0, INT64_MIN, INT64_MAX};
static const uint64_t naturals[ROWS] = {1, 0, UINT64_MAX, 7};
static const float singles[ROWS] = {1.5f, 0, -3.4e38f, 1e-45f};
static const double doubles[ROWS] = {0.25, NAN, INFINITY, -1.7e308};
static const uint8_t valid[] = {0xD};
static const void *const values[] = {[GW_COLUMN_TEXT] = cells, [GW_COLUMN_INT64] = integers, [GW_COLUMN_UINT64] = naturals,
                                     [GW_COLUMN_FLOAT] = singles, [GW_COLUMN_DOUBLE] = doubles};

/* All rows at once, and each alone, so that one bad cell does not keep the others from the network. */
static void score_columns(const gw_model *model, gw_session *session, gw_column_type type, float *outputs) {
    size_t n = gw__features_count(model->features);
    gw_column *columns = calloc(n, sizeof *columns);
    require(columns != NULL);
    for (size_t i = 0; i < n; i++)
        columns[i] = (gw_column){gw__features_at(model->features, i).name, type, values[type], type == GW_COLUMN_TEXT ? offsets : NULL, valid};
    gw__session_score(session, columns, n, ROWS, outputs, NULL);
    for (size_t row = 0; row < ROWS; row++) {
        const size_t item = type == GW_COLUMN_FLOAT ? 4 : 8;
        for (size_t i = 0; i < n; i++) {
            if (type == GW_COLUMN_TEXT) columns[i].offsets = offsets + row;
            else columns[i].values = (const char *)values[type] + row * item;
            columns[i].valid = NULL;
        }
        gw__session_score(session, columns, n, 1, outputs, NULL);
    }
    free(columns);
}

static void score_dense(const gw_model *model, gw_session *session, float *outputs) {
    static const float odd[] = {0, 1, -1, 3e38f, -3e38f, NAN, INFINITY};
    size_t width = gw__net_dense_width(model->net);
    float *dense = calloc(ROWS * width, sizeof *dense), *gates = calloc(ROWS * gw__net_gate_width(model->net) + 1, sizeof *gates);
    gw__scorer *scorer = NULL;
    require(dense && gates);
    for (size_t i = 0; i < ROWS * width; i++) dense[i] = odd[i % GW__COUNT(odd)];
    require(gw__session_score_dense(session, dense, ROWS, outputs, NULL) == GW_OK);
    require(gw__scorer_new(model->net, 1, &scorer, NULL) == GW_OK);
    gw__scorer_run_dense(scorer, model->parameters, dense, ROWS, outputs, gates);
    gw__scorer_free(scorer);
    free(dense);
    free(gates);
}

static void score(const gw_model *model) {
    gw_session *session = NULL;
    float *outputs = calloc(ROWS * gw__net_output_width(model->net), sizeof *outputs);
    require(outputs != NULL && gw__session_new(model, ROWS, &session, NULL) == GW_OK);
    for (gw_column_type type = GW_COLUMN_TEXT; type <= GW_COLUMN_DOUBLE; type++) score_columns(model, session, type, outputs);
    score_dense(model, session, outputs);
    gw__session_free(session);
    free(outputs);
}

static void describe(const gw_model *model) {
    gw__text json = {0};
    gw__arena arena = {0};
    gw__doc *doc;
    gw_error err = {0};
    require(gw__model_describe(model, &json, NULL) == GW_OK);
    /* What the training says stands one deeper than by itself. */
    require(gw__doc_parse_json(json.at, json.n, "description", &arena, &doc, &err) == GW_OK || strstr(err.message, "too deeply"));
    gw__arena_clear(&arena);
    gw__text_clear(&json);
}

static char *saved(const gw_model *model, size_t *ret_n) {
    char *bytes;
    require(gw__model_write(model, NULL, path, NULL) == GW_OK);
    require(gw__file_read(path, SIZE_MAX / 2, &bytes, ret_n, NULL) == GW_OK);
    return bytes;
}

static void save_and_load(const gw_model *model) {
    size_t n, m;
    gw_model *loaded = NULL;
    char *first = saved(model, &n);
    require(gw__model_parse(copied(first, n), n, "fuzz", &loaded, NULL) == GW_OK);
    char *second = saved(loaded, &m);
    require(n == m && memcmp(first, second, n) == 0);
    gw__aligned_free(first);
    gw__aligned_free(second);
    gw__model_free(loaded);
}

static void try(const void *data, size_t size) {
    gw_model *model = NULL;
    gw_error err = {0};
    gw_status status = gw__model_parse(copied(data, size), size, "fuzz", &model, &err);
    require(status != GW_E_NOMEM && status != GW_E_INTERNAL);
    if (status != GW_OK) {
        require(model == NULL && err.code == status && err.message[0] != '\0');
        return;
    }
    describe(model);
    save_and_load(model);
    if (gw__net_parameter_floats(model->net) <= MAX_FLOATS && gw__features_count(model->features) <= MAX_COLUMNS) score(model);
    gw__model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gw__container c;
    size_t n = 0;
    try(data, size);
    if (!parse(data, size, &c)) return 0;
    char *again = sealed(&c, &n);
    gw__container_clear(&c);
    try(again, n);
    free(again);
    return 0;
}

/* ---- mutations ---- */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static unsigned next(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static bool is_word(char c) { return c && !strchr("{}[],:\"", c); }

/* Put another word or number in the place of one of a JSON text: what stays is JSON. */
static size_t mutate_word(char *text, size_t n, size_t room, unsigned *random) {
    static const char *const words[] = {"0", "-1", "1", "2", "3", "16", "255", "1024", "65536", "2147483647", "4294967296", "1099511627776",
                                        "9223372036854775807", "0.5", "1e-320", "1e308", "-1e308", "true", "false", "null", "numeric", "categorical",
                                        "hashed", "bag", "auto", "quantile", "log1p", "minmax", "standard", "none", "batch", "layer", "binary",
                                        "regression", "multiclass", "mse", "bce", "huber", "mmoe", "ple", "cgc", "moe", "omoe", "averaged",
                                        "single-task", "shared-bottom", "swish", "gelu", "dropout", "1,1", "[]", "{}", "a", "b"};
    size_t begin = next(random) % n, end;
    while (begin < n && !is_word(text[begin])) begin++;
    while (begin > 0 && is_word(text[begin - 1])) begin--;
    for (end = begin; end < n && is_word(text[end]);) end++;
    const char *word = words[next(random) % GW__COUNT(words)];
    size_t length = strlen(word);
    if (begin == end || n - (end - begin) + length > room) return n;
    memmove(text + begin + length, text + end, n - end);
    memcpy(text + begin, word, length);
    return n - (end - begin) + length;
}

static size_t mutate_text(char *text, size_t n, size_t room, unsigned *random) {
    if (n == 0 || next(random) % 4 == 0) return LLVMFuzzerMutate((uint8_t *)text, n, room);
    for (unsigned times = 1 + next(random) % 3; times > 0; times--) n = mutate_word(text, n, room, random);
    return n;
}

/* A list may grow and shrink, a matrix keeps its shape. */
static void mutate_tensor(gw__tensor *tensor, char *bytes, size_t room) {
    size_t item = gw__dtype_bytes(tensor->dtype), n = tensor->n_bytes;
    memcpy(bytes, tensor->data, n);
    n = LLVMFuzzerMutate((uint8_t *)bytes, n, tensor->n_dims == 1 ? n + room : n);
    if (tensor->n_dims == 1) {
        tensor->shape[0] = n / item;
        tensor->n_bytes = n / item * item;
    }
    tensor->data = bytes;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    enum { ROOM = 64 };
    gw__container c;
    unsigned random = seed;
    if (next(&random) % 16 == 0 || !parse(data, size, &c)) return LLVMFuzzerMutate(data, size, max_size);
    char *part = calloc(size + ROOM, 1), *made;
    size_t n = 0;
    require(part != NULL);
    if (c.n_metadata > 0 && (c.n_tensors == 0 || next(&random) % 4 != 0)) {
        gw__slice *value = &c.metadata[next(&random) % c.n_metadata].value;
        memcpy(part, value->at, value->n);
        *value = (gw__slice){part, mutate_text(part, value->n, value->n + ROOM, &random)};
    } else if (c.n_tensors > 0) {
        mutate_tensor(&c.tensors[next(&random) % c.n_tensors], part, ROOM);
    }
    made = sealed(&c, &n);
    bool fits = n <= max_size;
    if (fits) memcpy(data, made, n);
    gw__container_clear(&c);
    free(part);
    free(made);
    return fits ? n : LLVMFuzzerMutate(data, size, max_size);
}
