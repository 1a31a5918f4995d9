/* ONNX Runtime's side of the comparison (run.py), through its C API: one thread, all graph optimisations, tensors made once over buffers of ours,
 * so that a call is the runtime's own work. One command a line, one line of JSON for each.
 *   load MODEL ROWS WIDTH TASKS INPUTS   an ONNX model [ROWS,WIDTH] -> [ROWS,TASKS], and a file of its input as raw float32
 *   outputs                              one call: {"outputs":[…]}
 *   predict SECONDS                      repeat calls for about so long: {"n":calls,"cpu":s,"wall":s}
 *   memory                               {"max_rss":bytes}
 * The argument of the program is the shared library. Its table of functions is part of its ABI and only ever grows at the end, so the few that
 * are needed here are called by their places, and no header of its is. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
    GET_ERROR_MESSAGE = 2, CREATE_ENV = 3, CREATE_SESSION = 7, RUN = 9, CREATE_OPTIONS = 10, SET_OPTIMIZATION = 23, SET_INTRA_THREADS = 24,
    SET_INTER_THREADS = 25, CREATE_TENSOR = 49, CREATE_CPU_MEMORY = 69, RELEASE_SESSION = 95, RELEASE_VALUE = 96,
};
enum { LOG_ERRORS = 3, ENABLE_ALL = 99, FLOAT32 = 1, DEVICE_ALLOCATOR = 0, DEFAULT_MEMORY = 0 };

typedef struct api_base {
    const void *const *(*table)(uint32_t version);
    const char *(*version)(void);
} api_base;

typedef struct peer {
    const void *const *at; /* the runtime's functions */
    void *env, *options, *memory, *session, *values[2];
    float *buffers[2];     /* input, output */
    size_t n_outputs;
    const char *failure;   /* of the last call */
} peer;

/* Calls give NULL, or a status with a message. */
#define CALL(p, place, types, ...) succeeded(p, ((void *(*) types)(p)->at[place])(__VA_ARGS__))

static int succeeded(peer *p, void *status) {
    if (status) p->failure = ((const char *(*)(const void *))p->at[GET_ERROR_MESSAGE])(status);
    return !status;
}

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int failed(peer *p, const char *why) {
    p->failure = why;
    return 0;
}

static int start(peer *p, const char *library) {
    void *handle = dlopen(library, RTLD_NOW);
    if (!handle) return failed(p, dlerror());
    const api_base *(*base)(void) = (const api_base *(*)(void))dlsym(handle, "OrtGetApiBase");
    if (!base || !(p->at = base()->table(1))) return failed(p, "the library has no API");
    fprintf(stderr, "onnxruntime %s\n", base()->version());
    return CALL(p, CREATE_ENV, (int, const char *, void **), LOG_ERRORS, "peers", &p->env) &&
           CALL(p, CREATE_OPTIONS, (void **), &p->options) && CALL(p, SET_OPTIMIZATION, (void *, int), p->options, ENABLE_ALL) &&
           CALL(p, SET_INTRA_THREADS, (void *, int), p->options, 1) && CALL(p, SET_INTER_THREADS, (void *, int), p->options, 1) &&
           CALL(p, CREATE_CPU_MEMORY, (int, int, void **), DEVICE_ALLOCATOR, DEFAULT_MEMORY, &p->memory);
}

static void forget(peer *p) {
    for (int i = 0; i < 2; i++) {
        if (p->values[i]) ((void (*)(void *))p->at[RELEASE_VALUE])(p->values[i]);
        free(p->buffers[i]);
        p->values[i] = p->buffers[i] = NULL;
    }
    if (p->session) ((void (*)(void *))p->at[RELEASE_SESSION])(p->session);
    p->session = NULL;
}

static int run(peer *p) {
    static const char *const in = "x", *const out = "y";
    return CALL(p, RUN, (void *, const void *, const char *const *, void *const *, size_t, const char *const *, size_t, void **), p->session, NULL, &in,
                p->values, 1, &out, 1, &p->values[1]);
}

/* Words: MODEL ROWS WIDTH TASKS INPUTS. */
static int load(peer *p, char *const *words) {
    const int64_t rows = atoll(words[1]), shapes[2][2] = {{rows, atoll(words[2])}, {rows, atoll(words[3])}};
    forget(p);
    if (rows < 1 || shapes[0][1] < 1 || shapes[1][1] < 1) return failed(p, "expected numbers from 1");
    if (!CALL(p, CREATE_SESSION, (void *, const char *, void *, void **), p->env, words[0], p->options, &p->session)) return 0;
    for (int i = 0; i < 2; i++) {
        const size_t n = (size_t)(shapes[i][0] * shapes[i][1]);
        if (!(p->buffers[i] = calloc(n, sizeof(float)))) return failed(p, "out of memory");
        if (!CALL(p, CREATE_TENSOR, (void *, void *, size_t, const int64_t *, size_t, int, void **), p->memory, p->buffers[i], n * sizeof(float), shapes[i],
                  2, FLOAT32, &p->values[i]))
            return 0;
        p->n_outputs = n;
    }
    FILE *file = fopen(words[4], "rb");
    const size_t n = (size_t)(shapes[0][0] * shapes[0][1]), got = file ? fread(p->buffers[0], sizeof(float), n, file) : 0;
    if (file) fclose(file);
    if (got != n) return failed(p, "the inputs cannot be read");
    for (int i = 0; i < 5; i++)
        if (!run(p)) return 0;
    puts("{}");
    return 1;
}

static int outputs(peer *p, char *const *words) {
    if (!p->session || !run(p)) return p->session ? 0 : failed(p, "expected 'load' first");
    for (size_t i = 0; i < p->n_outputs; i++) printf("%s%.9g", i ? "," : "{\"outputs\":[", p->buffers[1][i]);
    puts("]}");
    return 1;
}

static int predict(peer *p, char *const *words) {
    const double seconds = atof(words[0]), cpu = now(CLOCK_PROCESS_CPUTIME_ID), begin = now(CLOCK_MONOTONIC);
    size_t n = 0, burst = 1;
    double wall = 0;
    if (!p->session) return failed(p, "expected 'load' first");
    while (wall < seconds) {
        for (size_t i = 0; i < burst; i++)
            if (!run(p)) return 0;
        n += burst;
        wall = now(CLOCK_MONOTONIC) - begin;
        const double left = (seconds - wall) / (wall / (double)n + 1e-9);
        burst = left < 1 ? 1 : left < 2.0 * (double)n ? (size_t)left : 2 * n;
    }
    printf("{\"n\":%zu,\"cpu\":%.9g,\"wall\":%.9g}\n", n, now(CLOCK_PROCESS_CPUTIME_ID) - cpu, wall);
    return 1;
}

static int memory(peer *p, char *const *words) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"max_rss\":%ld}\n", usage.ru_maxrss * 1024);
    return 1;
}

static const struct command {
    const char *name;
    int words;
    int (*run)(peer *p, char *const *words);
} commands[] = {{"load", 5, load}, {"outputs", 0, outputs}, {"predict", 1, predict}, {"memory", 0, memory}};

static int answer(peer *p, char *line) {
    char *words[8] = {0}, *rest = NULL;
    int n = 0;
    for (char *word = strtok_r(line, " \n", &rest); word && n < 7; word = strtok_r(NULL, " \n", &rest)) words[n++] = word;
    for (size_t i = 0; n && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(words[0], commands[i].name) == 0 && n - 1 == commands[i].words) return commands[i].run(p, words + 1);
    return failed(p, "no such command");
}

int main(int argc, char **argv) {
    peer p = {0};
    char line[4096];
    int ready = argc == 2 ? start(&p, argv[1]) : failed(&p, "expected the library");
    while (fgets(line, sizeof line, stdin)) {
        if (!ready || !answer(&p, line)) {
            printf("{\"error\":\"");
            for (const char *c = p.failure; *c; c++) putchar(*c == '"' || *c == '\\' || (unsigned char)*c < 32 ? ' ' : *c);
            puts("\"}");
        }
        fflush(stdout);
    }
    forget(&p);
    return 0;
}
