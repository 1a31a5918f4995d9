/* gatewright synth: tables for the papers' and articles' experiments. */
#include "lab/synth.h"

#include <math.h>
#include <string.h>

#include "base/files.h"
#include "base/number.h"
#include "base/random.h"

#define MOST_COLUMNS 65536
#define MOST_ROWS 1000000000
#define FLUSH_BYTES 65536

double gw__synth_uniform(uint64_t seed, uint64_t stream, uint64_t at) { return gw__random_uniform(seed, GW__RANDOM_SYNTH, stream, at); }
double gw__synth_normal(uint64_t seed, uint64_t stream, uint64_t at) { return gw__random_normal(seed, GW__RANDOM_SYNTH, stream, at); }

/* Reduced to a quarter turn in two pieces of pi/2, then the series: good to 1e-12, and without libm's machine-dependent last bit. */
double gw__sine(double x) {
    double turns = floor(x * 0.63661977236758134308 + 0.5);
    double r = (x - turns * 1.57079632673412561417) - turns * 6.07710050650619224932e-11;
    int quarter = (int)((int64_t)turns & 3);
    double sum = 0;
    int odd = quarter & 1 ? 0 : 1;
    for (int k = 9; k >= 1; k--) sum = (1 + sum) * -r * r / ((2 * k + odd) * (2 * k - 1 + odd));
    double value = (1 + sum) * (odd ? r : 1);
    return quarter & 2 ? -value : value;
}

/* ---- a generator: what one kind needs ---- */

/* Streams of random numbers; a row's inputs are counted from row * dim. */
enum { STREAM_INPUT, STREAM_NOISE, STREAM_WEIGHT };

typedef struct generator {
    uint64_t seed;
    size_t dim, n_tasks;
    double *weights;   /* [n_tasks,dim] */
    double *input;     /* [dim]: the row at hand */
    double correlation;
} generator;

typedef struct kind {
    const char *name;
    size_t dim;        /* inputs; 0: the kind has columns of its own */
    bool dim_is_free;  /* --dim may change it */
    size_t n_tasks;
    int64_t rows;      /* unless --rows says otherwise */
    bool binary_inputs, binary_labels, correlated;
} kind;

static const kind kinds[] = {
    {.name = "mmoe", .dim = 100, .dim_is_free = true, .n_tasks = 2, .rows = 10000, .correlated = true},
    {.name = "article-mmoe", .dim = 10, .n_tasks = 2, .rows = 1000},
    {.name = "article-mmoe-gates", .dim = 112, .n_tasks = 2, .rows = 4096, .binary_labels = true},
    {.name = "article-cgc", .dim = 100, .n_tasks = 2, .rows = 4096, .binary_inputs = true, .binary_labels = true},
    {.name = "census", .rows = 199523},
};

#define X(name, summary) name,
static const char *const roster[] = {GW_SYNTH_ROSTER(X)};
#undef X
_Static_assert(GW__COUNT(kinds) == GW__COUNT(roster), "every kind of the roster has its row");

static gw_status find_kind(const char *name, const kind **ret_kind, gw_error *err) {
    for (size_t i = 0; i < GW__COUNT(kinds); i++) {
        if (strcmp(name, kinds[i].name) != 0) continue;
        *ret_kind = &kinds[i];
        return GW_OK;
    }
    const char *near = gw__nearest(gw__slice_of(name), roster, GW__COUNT(roster));
    if (near) return gw__fail(err, GW_E_ARGUMENT, "unknown kind '%.80s'; hint: did you mean '%s'?", name, near);
    return gw__fail(err, GW_E_ARGUMENT, "unknown kind '%.80s'; hint: the first one is '%s'", name, roster[0]);
}

/* ---- weights ---- */

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void scale(double *a, size_t n, double by) {
    for (size_t i = 0; i < n; i++) a[i] *= by;
}

/* Rows of length 1, each orthogonal to those before it (Gram-Schmidt on normal draws). */
static void orthonormal(generator *g) {
    for (size_t t = 0; t < g->n_tasks; t++) {
        double *u = g->weights + t * g->dim;
        for (size_t j = 0; j < g->dim; j++) u[j] = gw__synth_normal(g->seed, STREAM_WEIGHT, t * g->dim + j);
        for (size_t s = 0; s < t; s++) {
            const double *v = g->weights + s * g->dim;
            double along = dot(u, v, g->dim);
            for (size_t j = 0; j < g->dim; j++) u[j] -= along * v[j];
        }
        scale(u, g->dim, 1 / sqrt(dot(u, u, g->dim)));
    }
}

/* Ma et al. 2018, eq. 2: w1 = c u1, w2 = c (p u1 + sqrt(1 - p^2) u2). The paper gives neither c nor the sines' parameters; these
 * reproduce its Fig. 2 (label correlation over p) within 0.001. */
#define SCALE 0.664
static const double alpha[] = {5.45, 11.56, 3.14, 9.15}, beta[] = {3.89, 4.64, 4.35, 4.87};

static void correlate(generator *g) {
    double p = g->correlation, q = sqrt(1 - p * p), *w1 = g->weights, *w2 = w1 + g->dim;
    for (size_t j = 0; j < g->dim; j++) w2[j] = p * w1[j] + q * w2[j];
    scale(w1, 2 * g->dim, SCALE);
}

/* ---- rows ---- */

static void draw_input(generator *g, const kind *k, uint64_t row) {
    for (size_t j = 0; j < g->dim; j++) {
        uint64_t at = row * g->dim + j;
        g->input[j] = k->binary_inputs ? gw__synth_uniform(g->seed, STREAM_INPUT, at) < 0.5
                                       : (double)(float)gw__synth_normal(g->seed, STREAM_INPUT, at);
    }
}

/* Ma et al. 2018, eq. 3 and 4: y = w x + sum sin(alpha_i w x + beta_i) + noise of variance 0.01. */
static double correlated_label(const generator *g, size_t task, double noise) {
    double along = dot(g->weights + task * g->dim, g->input, g->dim), y = along + 0.1 * noise;
    for (size_t i = 0; i < GW__COUNT(alpha); i++) y += gw__sine(alpha[i] * along + beta[i]);
    return y;
}

/* Of the articles, which use random numbers: something that can be learnt, by experts of two kinds. */
static double article_label(const generator *g, const kind *k, size_t task, double noise) {
    const double *own = g->weights + task * g->dim, *other = g->weights + (g->n_tasks - 1 - task) * g->dim;
    double centre = k->binary_inputs ? 2 : 1, shift = k->binary_inputs ? 0.5 : 0, a = 0, b = 0;
    for (size_t j = 0; j < g->dim; j++) {
        a += own[j] * centre * (g->input[j] - shift);
        b += other[j] * centre * (g->input[j] - shift);
    }
    return a + 0.5 * gw__sine(2 * b) + 0.1 * noise;
}

static void put_number(gw__text *out, double value) {
    char digits[24];
    gw__text_add(out, digits, (size_t)gw__format_float((float)value, digits));
}

static void put_row(generator *g, const kind *k, uint64_t row, gw__text *out) {
    draw_input(g, k, row);
    for (size_t j = 0; j < g->dim; j++) {
        put_number(out, g->input[j]);
        gw__text_putc(out, ',');
    }
    for (size_t t = 0; t < g->n_tasks; t++) {
        double noise = gw__synth_normal(g->seed, STREAM_NOISE, row * g->n_tasks + t);
        double y = k->correlated ? correlated_label(g, t, noise) : article_label(g, k, t, noise);
        put_number(out, k->binary_labels ? y > 0 : y);
        gw__text_putc(out, t + 1 < g->n_tasks ? ',' : '\n');
    }
}

static void put_header(const generator *g, gw__text *out) {
    for (size_t j = 0; j < g->dim; j++) gw__text_addf(out, "x%zu,", j);
    for (size_t t = 0; t < g->n_tasks; t++) gw__text_addf(out, "y%zu%s", t + 1, t + 1 < g->n_tasks ? "," : "\n");
}

/* ---- the whole table ---- */

static gw_status write_rows(generator *g, const kind *k, uint64_t n_rows, gw__writer *writer, gw_error *err) {
    gw_status status = GW_OK;
    gw__text text = {0};
    if (k->dim) put_header(g, &text);
    for (uint64_t row = 0; row < n_rows; row++) {
        if (k->dim) put_row(g, k, row, &text);
        else gw__synth_census_row(g->seed, row, &text);
        if (text.n < FLUSH_BYTES && row + 1 < n_rows) continue;
        if (text.failed) GW__FAIL(gw__fail_nomem(err));
        GW__TRY(gw__writer_put(writer, text.at, text.n, err));
        text.n = 0;
    }
cleanup:
    gw__text_clear(&text);
    return status;
}

static gw_status check(const gw_synth_options *o, const kind *k, gw_error *err) {
    if (o->rows < 0 || o->rows > MOST_ROWS)
        return gw__fail(err, GW_E_ARGUMENT, "'rows': expected 1 to %d but found %lld", MOST_ROWS, (long long)o->rows);
    if (o->dim && !k->dim_is_free) return gw__fail(err, GW_E_ARGUMENT, "'dim' does not belong to kind '%s'", k->name);
    if (o->dim && (o->dim < k->n_tasks || o->dim > MOST_COLUMNS))
        return gw__fail(err, GW_E_ARGUMENT, "'dim': expected %zu to %d but found %zu", k->n_tasks, MOST_COLUMNS, o->dim);
    if (!(o->correlation >= -1 && o->correlation <= 1))
        return gw__fail(err, GW_E_ARGUMENT, "'correlation': expected -1 to 1 but found %g", o->correlation);
    return GW_OK;
}

gw_status gw__synth(const gw_synth_options *options, gw_error *err) {
    gw_status status;
    const kind *k = NULL;
    gw__writer writer = {0};
    generator g = {.seed = options->seed, .correlation = options->correlation};
    GW__TRY(find_kind(options->kind, &k, err));
    GW__TRY(check(options, k, err));
    g.dim = options->dim ? options->dim : k->dim;
    g.n_tasks = k->n_tasks;
    if (g.dim) {
        g.weights = gw__aligned_alloc(g.dim * g.n_tasks, sizeof *g.weights);
        g.input = gw__aligned_alloc(g.dim, sizeof *g.input);
        if (!g.weights || !g.input) GW__FAIL(gw__fail_nomem(err));
        orthonormal(&g);
        if (k->correlated) correlate(&g);
    }
    GW__TRY(gw__writer_open(&writer, options->output_path, err));
    GW__TRY(write_rows(&g, k, (uint64_t)(options->rows ? options->rows : k->rows), &writer, err));
    GW__TRY(gw__writer_commit(&writer, err));
cleanup:
    gw__writer_cancel(&writer);
    gw__aligned_free(g.weights);
    gw__aligned_free(g.input);
    return status;
}
