/* Every row of the tables of kernels: first checked against the reference at odd shapes, then timed at the shapes of the standard networks,
 * as a share of the machine's ceilings, which are measured here, and as a multiple of the reference's speed.
 *   kernels_bench [--check] [--blas] [--isa NAME] [--seconds S] [KERNEL]...
 * --check stops after checking; --blas also times cblas_sgemm of OpenBLAS, BLIS or the system's BLAS, if one can be loaded; KERNEL: only
 * rows whose name begins so. One thread, processor time, medians. The reference, which is slow, gets as few rows as take it some milliseconds. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kern/kernels_check.h"
#include "lab/ceilings.h"
#include "lab/stopwatch.h"

enum { MOST = 9 << 20, TABLE = 256 << 20 }; /* floats of an array; bytes for the ceilings of memory */
#define REFERENCE_WORK 3e6                  /* m k n of the reference */

/* Zero-filled arrays would be kind to the kernels; these hold numbers in +-1. */
static float *x, *y, *z, *w, *positive;

typedef struct kernel_case kernel_case;
struct kernel_case {
    const char *name, *what;
    size_t row;           /* where in gw__kernels */
    size_t m, k, n;       /* rows; inputs, experts or parts; outputs or columns */
    void (*run)(const gw__kernels *kernels, const kernel_case *c, size_t m);
    double flops, floats; /* useful operations per m k n; floats moved per m n; whichever limits */
    int variant;
};

/* ---- one call each --------------------------------------------------------------------------------------------------------------- */

static void run_product(const gw__kernels *t, const kernel_case *c, size_t m) { t->product(m, c->k, c->n, x, c->k, w, z, c->n, y, c->n, false); }
static void run_product_dx(const gw__kernels *t, const kernel_case *c, size_t m) { t->product(m, c->k, c->n, x, c->k, w, NULL, 0, y, c->n, false); }
static void run_product_narrow(const gw__kernels *t, const kernel_case *c, size_t m) { t->product_narrow(m, c->k, c->n, x, c->k, w, z, y, c->n); }
static void run_product_dw(const gw__kernels *t, const kernel_case *c, size_t m) { t->product_dw(m, c->k, c->n, x, c->k, y, c->n, w, z, false); }
static void run_column_sums(const gw__kernels *t, const kernel_case *c, size_t m) { t->column_sums(m, c->n, x, c->n, z, false); }
static void run_transpose(const gw__kernels *t, const kernel_case *c, size_t m) { t->transpose(m, c->n, w, y, 0, (c->n + GW__PANEL - 1) / GW__PANEL); }
static void run_activate(const gw__kernels *t, const kernel_case *c, size_t m) { t->activate((gw__activation)c->variant, m, c->n, x, c->n, y, c->n); }
static void run_activate_back(const gw__kernels *t, const kernel_case *c, size_t m) {
    t->activate_back((gw__activation)c->variant, m, c->n, x, c->n, z, c->n, y, c->n);
}
static void run_dropout(const gw__kernels *t, const kernel_case *c, size_t m) { t->dropout(1, 0, 0.3f, m, c->n, x, c->n, y, c->n); }
static void run_softmax(const gw__kernels *t, const kernel_case *c, size_t m) { t->softmax(m, c->n, x, c->n, y, c->n); }
static void run_softmax_back(const gw__kernels *t, const kernel_case *c, size_t m) { t->softmax_back(m, c->n, positive, c->n, x, c->n, y, c->n); }

static void run_largest(const gw__kernels *t, const kernel_case *c, size_t m) { t->largest(m, c->n, 2, x, c->n, (uint32_t *)(void *)z, y, 2); }

enum { MOST_EXPERTS = 16 };

/* Experts stand side by side, as in the buffers of a level. */
static void run_mix(const gw__kernels *t, const kernel_case *c, size_t m) {
    const float *experts[MOST_EXPERTS];
    size_t lds[MOST_EXPERTS];
    for (size_t e = 0; e < c->k; e++) experts[e] = x + e * c->n, lds[e] = c->k * c->n;
    t->mix(m, c->k, c->n, positive, c->k, experts, lds, y, c->n, false);
}

static void run_mix_back(const gw__kernels *t, const kernel_case *c, size_t m) {
    const float *experts[MOST_EXPERTS];
    float *gradients[MOST_EXPERTS];
    size_t lds[MOST_EXPERTS];
    bool add[MOST_EXPERTS] = {false};
    for (size_t e = 0; e < c->k; e++) experts[e] = x + e * c->n, gradients[e] = y + e * c->n, lds[e] = c->k * c->n;
    t->mix_back(m, c->k, c->n, positive, c->k, experts, lds, z, c->n, w, c->k, gradients, lds, add);
}

static void run_layer_norm(const gw__kernels *t, const kernel_case *c, size_t m) { t->layer_norm(m, c->n, x, c->n, z, z, w, y, c->n); }
static void run_layer_norm_back(const gw__kernels *t, const kernel_case *c, size_t m) {
    t->layer_norm_back(m, c->n, x, c->n, positive, positive, z, c->n, w, w + c->n, y, c->n);
}
static void run_sum_parts(const gw__kernels *t, const kernel_case *c, size_t m) { t->sum_parts(m * c->n, c->k, m * c->n, x, y); }
static void run_add_scaled(const gw__kernels *t, const kernel_case *c, size_t m) { t->add_scaled(m * c->n, 1e-6f, x, y); }
static void run_clamp(const gw__kernels *t, const kernel_case *c, size_t m) { t->clamp(m * c->n, 0.5f, y); }
static void run_square_sum(const gw__kernels *t, const kernel_case *c, size_t m) { z[0] = (float)t->square_sum(m * c->n, x); }

static const gw__update small_step = {.lr = 1e-6f, .beta1 = 0.9f, .beta2 = 0.999f, .rest1 = 0.1f, .rest2 = 0.001f, .eps = 1e-8f, .root_correction = 1,
                                      .clip_scale = 1, .shrink = 1};

static void run_update(const gw__kernels *t, const kernel_case *c, size_t m) { t->update[c->variant](&small_step, m * c->n, w, x, y, positive); }

/* Where some row of n floats begins, in the first half of an array. */
static size_t somewhere(size_t i, size_t n) { return (i * 2654435761u) % (MOST / 2 / n) * n; }

static void run_sum_rows(const gw__kernels *t, const kernel_case *c, size_t m) {
    gw__term terms[MOST_EXPERTS];
    for (size_t i = 0; i < c->k; i++) terms[i] = (gw__term){(uint32_t)somewhere(i + 1, c->n), 0.5f};
    for (size_t r = 0; r < m; r++) t->sum_rows(c->n, c->k, terms, x + somewhere(r, c->n), y + r * c->n);
}

static void run_update_rowwise(const gw__kernels *t, const kernel_case *c, size_t m) {
    for (size_t r = 0; r < m; r++) t->update_rowwise(&small_step, c->n, w + somewhere(r, c->n), x + r * c->n, positive + r, NULL);
}

/* ---- what is timed --------------------------------------------------------------------------------------------------------------- */

#define ROW(member) offsetof(gw__kernels, member)
#define PRODUCT(what, m, n, k) {"product", what, ROW(product), m, k, n, run_product, 2, 0, 0}
#define DX(what, m, n, k) {"product", what, ROW(product), m, k, n, run_product_dx, 2, 0, 1}
#define NARROW(what, m, n, k) {"product_narrow", what, ROW(product_narrow), m, k, n, run_product_narrow, 2, 0, 0}
#define DW(what, k, n, m) {"product_dw", what, ROW(product_dw), m, k, n, run_product_dw, 2, 0, 0}
#define MIX(what, m, e, h) {"mix", what, ROW(mix), m, e, h, run_mix, 2, 0, 0}, {"mix_back", what, ROW(mix_back), m, e, h, run_mix_back, 4, 0, 0}
/* Rows x columns, `floats` read and written for each of them. */
#define PLAIN(kernel, what, m, n, floats) {#kernel, what, ROW(kernel), m, 1, n, run_##kernel, 0, floats, 0}
#define ACTIVATION(what, act) {"activate", what, ROW(activate), 256, 1, 256, run_activate, 0, 2, act}, \
                              {"activate_back", what, ROW(activate_back), 256, 1, 256, run_activate_back, 0, 3, act}
/* Once in cache, once in memory. */
#define UPDATE(what, optimizer, floats) {"update", what ", 64 k", ROW(update[optimizer]), 256, 1, 256, run_update, 0, floats, optimizer}, \
                                        {"update", what ", 4 M", ROW(update[optimizer]), 16384, 1, 256, run_update, 0, floats, optimizer}

static const kernel_case cases[] = {
    PRODUCT("article, first layer", 1000, 72, 10), PRODUCT("paper-128, first layer", 128, 144, 100), PRODUCT("paper-512, first layer", 512, 144, 100),
    PRODUCT("one expert of paper-128", 128, 16, 100), PRODUCT("cgc, first layer", 128, 416, 100), PRODUCT("cgc, 64-32", 128, 32, 64),
    PRODUCT("cgc, 32-16", 128, 16, 32), PRODUCT("cgc, gate 16-8", 128, 8, 16), PRODUCT("recommender, first layer", 4096, 2072, 512),
    PRODUCT("its chunk", 256, 2072, 512), PRODUCT("recommender, 256-128", 4096, 128, 256), PRODUCT("its chunk", 256, 128, 256),
    PRODUCT("tower 128-64", 4096, 64, 128), PRODUCT("gate 512-8", 4096, 8, 512),
    PRODUCT("one row, first layer", 1, 2072, 512), PRODUCT("one row, 256-128", 1, 128, 256), PRODUCT("one row, article", 1, 72, 10),
    PRODUCT("32 rows, first layer", 32, 2072, 512), PRODUCT("32 rows, 256-128", 32, 128, 256),
    DX("cgc, back through 64-32", 128, 64, 32), DX("cgc, back through 32-16", 128, 32, 16), DX("recommender, back, 256-128", 4096, 256, 128),
    DX("its chunk", 256, 256, 128), DX("tower's chunk, back", 256, 128, 64),
    NARROW("head of 16", 256, 1, 16), NARROW("head of 64", 256, 1, 64), NARROW("head of 64, 4 classes", 256, 4, 64),
    NARROW("head of 64, one row", 1, 1, 64),
    DW("article, first layer", 10, 72, 1000), DW("paper-128, first layer", 100, 144, 128), DW("paper-512, first layer", 100, 144, 512),
    DW("cgc, first layer", 100, 416, 128), DW("cgc, 64-32", 64, 32, 128), DW("cgc, gate 16-8", 16, 8, 128), DW("recommender, first layer", 512, 2072, 4096),
    DW("its chunk", 512, 2072, 256), DW("recommender, 256-128", 256, 128, 4096), DW("its chunk", 256, 128, 256), DW("tower's chunk", 128, 64, 256),
    PLAIN(column_sums, "256 x 128", 256, 128, 1), PLAIN(transpose, "512 x 2072", 512, 2072, 2), PLAIN(transpose, "256 x 128", 256, 128, 2),
    ACTIVATION("relu", GW__ACT_RELU), ACTIVATION("leaky_relu", GW__ACT_LEAKY_RELU), ACTIVATION("gelu", GW__ACT_GELU), ACTIVATION("swish", GW__ACT_SWISH),
    ACTIVATION("tanh", GW__ACT_TANH), ACTIVATION("sigmoid", GW__ACT_SIGMOID), PLAIN(dropout, "256 x 256", 256, 256, 2),
    PLAIN(softmax, "4 experts", 256, 4, 2), PLAIN(softmax, "8 experts", 256, 8, 2), PLAIN(softmax, "13 experts", 256, 13, 2),
    PLAIN(softmax_back, "4 experts", 256, 4, 3), PLAIN(softmax_back, "8 experts", 256, 8, 3),
    PLAIN(largest, "2 of 16 experts", 256, 16, 1),
    MIX("4 experts of 16", 256, 4, 16), MIX("8 experts of 16", 256, 8, 16), MIX("8 experts of 128", 256, 8, 128), MIX("5 experts of 33", 256, 5, 33),
    PLAIN(layer_norm, "256 x 128", 256, 128, 2), PLAIN(layer_norm_back, "256 x 128", 256, 128, 3),
    {"sum_parts", "8 parts of 64 k", ROW(sum_parts), 256, 8, 256, run_sum_parts, 0, 9, 0},
    {"sum_parts", "2 parts of 4 M", ROW(sum_parts), 16384, 2, 256, run_sum_parts, 0, 3, 0},
    PLAIN(add_scaled, "64 k", 256, 256, 3), PLAIN(add_scaled, "4 M", 16384, 256, 3),
    PLAIN(clamp, "64 k", 256, 256, 2), PLAIN(square_sum, "64 k", 256, 256, 1),
    {"sum_rows", "8 rows of 16, anywhere", ROW(sum_rows), 4096, 8, 16, run_sum_rows, 0, 9, 0},
    PLAIN(update_rowwise, "rows of 16, anywhere", 4096, 16, 3), UPDATE("sgd", GW__OPT_SGD, 5), UPDATE("adam", GW__OPT_ADAM, 7),
    UPDATE("adamw", GW__OPT_ADAMW, 7), UPDATE("adagrad", GW__OPT_ADAGRAD, 5),
};

/* A row that nothing times is an error, so that a new kernel gets its case. `isa` is text and `peak` the ceiling itself. */
static bool all_rows_have_cases(void) {
    bool whole = true;
    for (size_t row = ROW(peak) + sizeof(void (*)(void)); row < sizeof(gw__kernels); row += sizeof(void (*)(void))) {
        size_t i = 0;
        while (i < GW__COUNT(cases) && cases[i].row != row) i++;
        if (i < GW__COUNT(cases)) continue;
        fprintf(stderr, "kernels_bench: no case times row %zu of gw__kernels\n", row / sizeof(void (*)(void)));
        whole = false;
    }
    return whole;
}

/* ---- a BLAS, if there is one ----------------------------------------------------------------------------------------------------- */

typedef void (*sgemm_function)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                               float beta, float *c, int ldc);
enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 };

static sgemm_function sgemm;

static void load_blas(void) {
    static const char *const names[] = {"libopenblas.so.0", "libblis.so.4", "libblis.so.3", "libcblas.so.3", "libblas.so.3"};
    static const char *const setters[] = {"openblas_set_num_threads", "bli_thread_set_num_threads"};
    for (size_t i = 0; i < GW__COUNT(names) && !sgemm; i++) {
        void *library = dlopen(names[i], RTLD_NOW);
        if (!library) continue;
        *(void **)&sgemm = dlsym(library, "cblas_sgemm");
        if (!sgemm) continue;
        for (size_t s = 0; s < GW__COUNT(setters); s++) {
            void (*set_threads)(long);
            *(void **)&set_threads = dlsym(library, setters[s]);
            if (set_threads) set_threads(1);
        }
        printf("BLAS: cblas_sgemm of %s, one thread, without bias and activation\n", names[i]);
    }
    if (!sgemm) printf("BLAS: none could be loaded (%s, ...)\n", names[0]);
}

/* y = x w, or for product_dw: w = x' y. */
static void run_blas(const kernel_case *c) {
    const int m = (int)c->m, k = (int)c->k, n = (int)c->n;
    if (c->row == ROW(product_dw)) sgemm(ROW_MAJOR, TRANSPOSED, AS_IT_IS, k, n, m, 1, x, k, y, n, 0, w, n);
    else sgemm(ROW_MAJOR, AS_IT_IS, c->variant ? TRANSPOSED : AS_IT_IS, m, n, k, 1, x, k, w, c->variant ? k : n, 0, y, n);
}

/* ---- timing ---------------------------------------------------------------------------------------------------------------------- */

typedef struct call {
    const gw__kernels *kernels; /* NULL: the BLAS */
    const kernel_case *c;
    size_t m;
} call;

static void run_call(void *context) {
    const call *one = context;
    if (one->kernels) one->c->run(one->kernels, one->c, one->m);
    else run_blas(one->c);
}

/* Refill what calls write, so that each case begins with ordinary numbers. */
static void fill(void) {
    uint32_t bits = 1;
    for (size_t i = 0; i < MOST; i++) {
        bits = bits * 1664525 + 1013904223;
        x[i] = y[i] = z[i] = w[i] = (float)(int32_t)bits * 0x1p-31f;
        positive[i] = 0.1f + (float)(bits >> 8) * 0x1p-24f;
    }
}

static void show(const kernel_case *c, const gw__timed *times, size_t reference_rows, const gw__ceilings *ceilings) {
    const double seconds = times[0].median, cells = (double)c->m * (double)c->n, flops = c->flops * cells * (double)c->k, bytes = 4 * c->floats * cells;
    char shape[48];
    snprintf(shape, sizeof shape, "%zu x %zu x %zu", c->m, c->k, c->n);
    printf("  %-15s %-28s %-18s %11.2f us", c->name, c->what, shape, seconds * 1e6);
    if (flops > 0) printf(" %7.1f GF/s %3.0f %%", flops / seconds * 1e-9, 100 * flops / seconds / ceilings->flops);
    else if (bytes > 30e6) printf(" %7.1f GB/s %3.0f %%", bytes / seconds * 1e-9, 100 * bytes / seconds / ceilings->triad);
    else printf(" %7.1f GB/s      ", bytes / seconds * 1e-9); /* in cache: the ceiling of memory says nothing */
    printf("  %6.1f x", times[1].median * (double)c->m / (double)reference_rows / seconds);
    if (times[2].work) printf("  %6.1f GF/s %5.2f x", flops / times[2].median * 1e-9, times[2].median / seconds);
    putchar('\n');
    fflush(stdout);
}

static void time_case(const gw__kernels *kernels, const kernel_case *c, double seconds, const gw__ceilings *ceilings) {
    const double rows = REFERENCE_WORK / ((double)c->k * (double)c->n);
    const bool blas = sgemm && (c->row == ROW(product) || c->row == ROW(product_dw));
    call calls[3] = {{kernels, c, c->m}, {&gw__kernels_reference, c, rows < 1 ? 1 : rows < (double)c->m ? (size_t)rows : c->m}, {NULL, c, c->m}};
    gw__timed times[3] = {{.work = run_call, .context = &calls[0], .cpu = true}, {.work = run_call, .context = &calls[1], .cpu = true}};
    if (blas) times[2] = (gw__timed){.work = run_call, .context = &calls[2], .cpu = true};
    gw__time_works(times, blas ? 3 : 2, seconds);
    show(c, times, calls[1].m, ceilings);
}

static bool wanted(const kernel_case *c, char **names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strncmp(c->name, names[i], strlen(names[i])) == 0) return true;
    }
    return n == 0;
}

static bool time_table(const gw__kernels *kernels, char **names, size_t n_names, double seconds) {
    gw__ceilings ceilings[2];
    size_t bytes;
    if (gw__ceilings_measure(kernels, NULL, TABLE, 0.2, ceilings, &bytes, NULL) != GW_OK) return false;
    printf("\n%s: %.1f GF/s in registers, %.1f GB/s of a = b + s c in memory; m x k x n, time, speed and its share, times the reference%s\n", kernels->isa,
           ceilings->flops * 1e-9, ceilings->triad * 1e-9, sgemm ? ", the BLAS and times the BLAS" : "");
    for (size_t i = 0; i < GW__COUNT(cases); i++) {
        if (!wanted(&cases[i], names, n_names)) continue;
        fill();
        time_case(kernels, &cases[i], seconds, ceilings);
    }
    return true;
}

/* Names that begin none of the cases'. */
static bool all_known(char **names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        for (size_t c = 0; c < GW__COUNT(cases) && !known; c++) known = wanted(&cases[c], &names[i], 1);
        if (!known) return fprintf(stderr, "kernels_bench: no kernel is named '%s'\n", names[i]), false;
    }
    return true;
}

static bool check_tables(const char *isa) {
    const gw__kernels *kernels;
    bool right = all_rows_have_cases();
    for (size_t i = 0; (kernels = gw__kernels_at(i)) != NULL; i++) {
        if (isa && strcmp(isa, kernels->isa) != 0) continue;
        const char *mismatch = kernels_mismatch(kernels);
        printf("%s: %s\n", kernels->isa, mismatch ? mismatch : "every kernel agrees with the reference");
        right = right && !mismatch;
    }
    return right;
}

static bool make_arrays(void) {
    float **arrays[] = {&x, &y, &z, &w, &positive};
    for (size_t i = 0; i < GW__COUNT(arrays); i++) {
        *arrays[i] = gw__aligned_alloc(MOST, sizeof(float));
        if (!*arrays[i]) return false;
    }
    return true;
}

int main(int argc, char **argv) {
    const char *isa = NULL;
    const gw__kernels *kernels;
    double seconds = 0.05;
    bool check_only = false, blas = false, right;
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--check") == 0) check_only = true;
        else if (strcmp(argv[i], "--blas") == 0) blas = true;
        else if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc) isa = argv[++i];
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc && atof(argv[i + 1]) > 0) seconds = atof(argv[++i]);
        else return fprintf(stderr, "usage: kernels_bench [--check] [--blas] [--isa NAME] [--seconds S] [KERNEL]...\n"), 2;
    }
    gw_error err;
    if (gw__kernels_named(isa, &kernels, &err) != GW_OK) return fprintf(stderr, "kernels_bench: %s\n", err.message), 2;
    if (!all_known(argv + i, (size_t)(argc - i))) return 2;
    right = check_tables(isa);
    if (check_only || !right) return right ? 0 : 1;
    if (!make_arrays()) return fprintf(stderr, "kernels_bench: out of memory\n"), 1;
    if (blas) load_blas();
    for (size_t t = 1; (kernels = gw__kernels_at(t)) != NULL; t++) { /* 0: the reference, which all are compared with */
        if (isa && strcmp(isa, kernels->isa) != 0) continue;
        if (!time_table(kernels, argv + i, (size_t)(argc - i), seconds)) return fprintf(stderr, "kernels_bench: out of memory\n"), 1;
    }
    return 0;
}
