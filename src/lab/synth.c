/* gatewright synth: tables for the papers' and articles' experiments. */
#include "lab/synth.h"

#include <math.h>
#include <string.h>

#include "base/files.h"
#include "base/number.h"
#include "base/random.h"
#include "lab/synth_sines.h"

#define MOST_COLUMNS 65536
#define MOST_ROWS 1000000000
#define CLUSTER_SHIFT 3 /* of a cluster's centre from the origin; its rows have deviation 1 */
#define FLUSH_BYTES 65536

double gw__synth_uniform(uint64_t seed, uint64_t stream, uint64_t at) { return gw__random_uniform(seed, GW__RANDOM_SYNTH, stream, at); }
double gw__synth_normal(uint64_t seed, uint64_t stream, uint64_t at) { return gw__random_normal(seed, GW__RANDOM_SYNTH, stream, at); }

gw_status gw__in_bounds(const char *name, double value, double least, double most, gw_error *err) {
    if (value >= least && value <= most) return GW_OK;
    return gw__fail(err, GW_E_ARGUMENT, "'%s': expected %g to %g but found %g", name, least, most, value);
}

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

typedef enum labels { LABELS_SINES, LABELS_ARTICLE, LABELS_CLUSTERS, LABELS_CENSUS } labels;

typedef struct kind {
    const char *name;
    labels labels;
    size_t dim;            /* inputs; 0: the kind has columns of its own */
    bool dim_is_free;      /* --dim may change it */
    size_t n_tasks;
    int64_t rows;          /* unless --rows says otherwise */
    bool binary_inputs, binary_labels;
    const char *published; /* whose choices the labels of sines follow, unless the options say otherwise */
} kind;

static const kind kinds[] = {
    {.name = "mmoe", .labels = LABELS_SINES, .dim = 100, .dim_is_free = true, .n_tasks = 2, .rows = 10000, .published = "figure-2"},
    {.name = "ple", .labels = LABELS_SINES, .dim = 512, .dim_is_free = true, .n_tasks = 2, .rows = 1400000, .published = "ple"},
    {.name = "clusters", .labels = LABELS_CLUSTERS, .dim = 2, .dim_is_free = true, .n_tasks = 1, .rows = 1000},
    {.name = "article-mmoe", .labels = LABELS_ARTICLE, .dim = 10, .n_tasks = 2, .rows = 1000},
    {.name = "article-mmoe-gates", .labels = LABELS_ARTICLE, .dim = 112, .n_tasks = 2, .rows = 4096, .binary_labels = true},
    {.name = "article-cgc", .labels = LABELS_ARTICLE, .dim = 100, .n_tasks = 2, .rows = 4096, .binary_inputs = true, .binary_labels = true},
    {.name = "census", .labels = LABELS_CENSUS, .rows = 199523},
};

#define X(name, summary) name,
static const char *const roster[] = {GW_SYNTH_ROSTER(X)};
#undef X
_Static_assert(GW__COUNT(kinds) == GW__COUNT(roster), "every kind of the roster has its row");

typedef struct generator {
    const kind *kind;
    uint64_t seed, first_row, n_rows;
    size_t dim, n_units, n_weights;
    double *units;   /* [n_units,dim]: directions of length 1; with sines and articles orthogonal */
    double *weights; /* [n_weights,dim] */
    double *input;   /* [dim]: the row at hand */
    double correlation, scale, noise_variance, noise; /* noise: its deviation */
    gw__sines sines;
} generator;

static gw_status find_kind(const char *name, const kind **ret_kind, gw_error *err) {
    for (size_t i = 0; i < GW__COUNT(kinds); i++) {
        if (strcmp(name, kinds[i].name) != 0) continue;
        *ret_kind = &kinds[i];
        return GW_OK;
    }
    const char *near = gw__nearest(gw__slice_of(name), roster, GW__COUNT(roster));
    if (near) return gw__fail(err, GW_E_ARGUMENT, "unknown kind '%.80s'; hint: did you mean '%s'?", name, near);
    gw__text all = {0};
    for (size_t i = 0; i < GW__COUNT(roster); i++) gw__text_addf(&all, "%s%s", i ? ", " : "", roster[i]);
    gw_status status = gw__fail(err, GW_E_ARGUMENT, "unknown kind '%.80s'; hint: there are %s", name, all.failed ? "more" : all.at);
    gw__text_clear(&all);
    return status;
}

/* ---- weights ---- */

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Directions of length 1, each orthogonal to the ones before it as far as there is room (Gram-Schmidt on normal draws). */
static void draw_units(generator *g) {
    for (size_t t = 0; t < g->n_units; t++) {
        double *u = g->units + t * g->dim;
        for (size_t j = 0; j < g->dim; j++) u[j] = gw__synth_normal(g->seed, GW__SYNTH_WEIGHT, t * g->dim + j);
        for (size_t s = 0; s < t && t < g->dim; s++) {
            const double *v = g->units + s * g->dim;
            double along = dot(u, v, g->dim);
            for (size_t j = 0; j < g->dim; j++) u[j] -= along * v[j];
        }
        double length = sqrt(dot(u, u, g->dim));
        for (size_t j = 0; j < g->dim; j++) u[j] *= 1 / length;
    }
}

/* Ma et al. 2018, eq. 2: w1 = c u1, w2 = c (p u1 + sqrt(1 - p^2) u2). Others: w = c u. */
static void set_weights(generator *g) {
    bool correlated = g->kind->labels == LABELS_SINES;
    double p = g->correlation, q = sqrt(1 - p * p), *w1 = g->weights, *w2 = w1 + g->dim;
    const double *u1 = g->units, *u2 = u1 + g->dim;
    for (size_t j = 0; j < g->dim; j++) {
        w1[j] = u1[j] * g->scale;
        w2[j] = (correlated ? p * u1[j] + q * u2[j] : u2[j]) * g->scale;
    }
}

/* Two weight vectors of two directions; clusters have a third one, along which they lie. */
static gw_status make_weights(generator *g, gw_error *err) {
    g->n_weights = 2;
    g->n_units = g->kind->labels == LABELS_CLUSTERS ? 3 : 2;
    g->units = gw__aligned_alloc(g->dim * g->n_units, sizeof *g->units);
    g->weights = gw__aligned_alloc(g->dim * g->n_weights, sizeof *g->weights);
    g->input = gw__aligned_alloc(g->dim, sizeof *g->input);
    if (!g->units || !g->weights || !g->input) return gw__fail_nomem(err);
    draw_units(g);
    set_weights(g);
    return GW_OK;
}

/* ---- rows ---- */

/* The first or the second. */
static size_t cluster_of(const generator *g, uint64_t row) { return gw__synth_uniform(g->seed, GW__SYNTH_CLUSTER, row) >= 0.5; }

static void draw_input(generator *g, uint64_t row) {
    const double *along = g->units + 2 * g->dim;
    double shift = g->kind->labels != LABELS_CLUSTERS ? 0 : cluster_of(g, row) ? CLUSTER_SHIFT : -CLUSTER_SHIFT;
    for (size_t j = 0; j < g->dim; j++) {
        uint64_t at = row * g->dim + j;
        g->input[j] = g->kind->binary_inputs ? gw__synth_uniform(g->seed, GW__SYNTH_INPUT, at) < 0.5
                                             : (double)(float)(gw__synth_normal(g->seed, GW__SYNTH_INPUT, at) + (shift != 0 ? shift * along[j] : 0));
    }
}

/* Of the articles, which use random numbers: something that can be learnt, by experts of two kinds. */
static double article_label(const generator *g, size_t task, double noise) {
    const double *own = g->weights + task * g->dim, *other = g->weights + (1 - task) * g->dim;
    double centre = g->kind->binary_inputs ? 2 : 1, shift = g->kind->binary_inputs ? 0.5 : 0, a = 0, b = 0;
    for (size_t j = 0; j < g->dim; j++) {
        a += own[j] * centre * (g->input[j] - shift);
        b += other[j] * centre * (g->input[j] - shift);
    }
    return a + 0.5 * gw__sine(2 * b) + g->noise * noise;
}

static double label(const generator *g, uint64_t row, size_t task) {
    double noise = gw__synth_normal(g->seed, GW__SYNTH_NOISE, row * g->kind->n_tasks + task);
    if (g->kind->labels == LABELS_ARTICLE) return article_label(g, task, noise);
    size_t whose = g->kind->labels == LABELS_CLUSTERS ? cluster_of(g, row) : task;
    double along = dot(g->weights + whose * g->dim, g->input, g->dim);
    return g->kind->labels == LABELS_CLUSTERS ? along + g->noise * noise : gw__sines_label(&g->sines, along, noise);
}

static void put_number(gw__text *out, double value) {
    char digits[24];
    gw__text_add(out, digits, (size_t)gw__format_float((float)value, digits));
}

static void put_row(generator *g, uint64_t row, gw__text *out) {
    draw_input(g, row);
    for (size_t j = 0; j < g->dim; j++) {
        put_number(out, g->input[j]);
        gw__text_putc(out, ',');
    }
    for (size_t t = 0; t < g->kind->n_tasks; t++) {
        double y = label(g, row, t);
        put_number(out, g->kind->binary_labels ? y > 0 : y);
        gw__text_putc(out, t + 1 < g->kind->n_tasks ? ',' : '\n');
    }
}

static void put_header(const generator *g, gw__text *out) {
    for (size_t j = 0; j < g->dim; j++) gw__text_addf(out, "x%zu,", j);
    for (size_t t = 0; t < g->kind->n_tasks; t++) gw__text_addf(out, "y%zu%s", t + 1, t + 1 < g->kind->n_tasks ? "," : "\n");
}

static gw_status write_rows(generator *g, gw__writer *writer, gw_error *err) {
    gw_status status = GW_OK;
    gw__text text = {0};
    if (g->dim) put_header(g, &text);
    for (uint64_t i = 0; i < g->n_rows; i++) {
        if (g->dim) put_row(g, g->first_row + i, &text);
        else gw__synth_census_row(g->seed, g->first_row + i, &text);
        if (text.n < FLUSH_BYTES && i + 1 < g->n_rows) continue;
        if (text.failed) GW__FAIL(gw__fail_nomem(err));
        GW__TRY(gw__writer_put(writer, text.at, text.n, err));
        text.n = 0;
    }
cleanup:
    gw__text_clear(&text);
    return status;
}

/* ---- the truth: what a model could know at best ---- */

static void put_list(gw__json_writer *w, const char *key, const double *list, size_t n) {
    gw__json_key(w, key);
    gw__json_begin_list(w);
    for (size_t i = 0; i < n; i++) gw__json_double(w, list[i]);
    gw__json_end_list(w);
}

static void put_count(gw__json_writer *w, const char *key, uint64_t value) {
    gw__json_key(w, key);
    gw__json_int(w, (int64_t)value);
}

static void put_value(gw__json_writer *w, const char *key, double value) {
    gw__json_key(w, key);
    gw__json_double(w, value);
}

static void put_sines(const generator *g, gw__json_writer *w) {
    put_value(w, "correlation", g->correlation);
    gw__json_key(w, "published");
    gw__json_string(w, g->sines.published);
    put_list(w, "alpha", g->sines.alpha, g->sines.n);
    put_list(w, "beta", g->sines.beta, g->sines.n);
    put_value(w, "label_mean", gw__sines_mean(&g->sines));
    put_value(w, "label_variance", gw__sines_variance(&g->sines));
    put_value(w, "label_correlation", gw__sines_correlation(&g->sines, g->correlation));
    put_list(w, "u1", g->units, g->dim);
    put_list(w, "u2", g->units + g->dim, g->dim);
}

static void put_truth(const generator *g, gw__text *out) {
    gw__json_writer w = {.out = out};
    gw__json_begin_object(&w);
    gw__json_key(&w, "kind");
    gw__json_string(&w, g->kind->name);
    put_count(&w, "seed", g->seed);
    put_count(&w, "first_row", g->first_row);
    put_count(&w, "rows", g->n_rows);
    put_count(&w, "dim", g->dim);
    put_value(&w, "scale", g->scale);
    put_value(&w, "noise_variance", g->noise_variance);
    if (g->kind->labels == LABELS_SINES) put_sines(g, &w);
    else put_list(&w, "centre", g->units + 2 * g->dim, g->dim);
    put_list(&w, "w1", g->weights, g->dim);
    put_list(&w, "w2", g->weights + g->dim, g->dim);
    gw__json_end_object(&w);
    gw__text_putc(out, '\n');
}

static gw_status write_truth(const generator *g, gw__writer *writer, gw_error *err) {
    gw__text text = {0};
    put_truth(g, &text);
    gw_status status = text.failed ? gw__fail_nomem(err) : gw__writer_put(writer, text.at, text.n, err);
    gw__text_clear(&text);
    return status;
}

/* ---- the whole ---- */

/* The option that only tables of sines take and that was given, or NULL. */
static const char *sines_only(const gw_synth_options *o) {
    return o->published ? "published" : o->has_sines ? "sines" : o->n_alpha ? "alpha" : o->n_beta ? "beta" : NULL;
}

static gw_status check(const gw_synth_options *o, const kind *k, gw_error *err) {
    const char *strange = k->labels == LABELS_SINES ? NULL : sines_only(o);
    bool has_truth = k->labels == LABELS_SINES || k->labels == LABELS_CLUSTERS;
    if (!has_truth && !strange) strange = o->scale ? "scale" : o->noise_variance ? "noise_variance" : o->truth_path ? "truth" : NULL;
    if (o->dim && !k->dim_is_free) strange = "dim";
    if (strange) return gw__fail(err, GW_E_ARGUMENT, "'%s' does not belong to kind '%s'", strange, k->name);
    if (o->rows < 0 || o->rows > MOST_ROWS)
        return gw__fail(err, GW_E_ARGUMENT, "'rows': expected 1 to %d but found %lld", MOST_ROWS, (long long)o->rows);
    if (o->first_row < 0 || o->first_row > MOST_ROWS)
        return gw__fail(err, GW_E_ARGUMENT, "'first_row': expected 0 to %d but found %lld", MOST_ROWS, (long long)o->first_row);
    if (o->dim && (o->dim < 2 || o->dim > MOST_COLUMNS))
        return gw__fail(err, GW_E_ARGUMENT, "'dim': expected 2 to %d but found %zu", MOST_COLUMNS, o->dim);
    if (o->truth_path && strcmp(o->truth_path, o->output_path) == 0)
        return gw__fail(err, GW_E_ARGUMENT, "'truth': expected another file than the table's, '%.200s'", o->output_path);
    return gw__in_bounds("correlation", o->correlation, -1, 1, err);
}

/* Scale and noise: the sines know what is usual for them. Articles take no other than these. */
static gw_status choose(generator *g, const gw_synth_options *o, gw_error *err) {
    gw_status status = GW_OK;
    if (g->kind->labels == LABELS_SINES) {
        status = gw__sines_choose(o, g->kind->published, &g->sines, err);
        g->scale = g->sines.scale;
        g->noise_variance = g->sines.noise_variance;
    } else {
        g->scale = o->scale ? *o->scale : 1;
        g->noise_variance = o->noise_variance ? *o->noise_variance : 0.01;
        status = gw__in_bounds("scale", g->scale, 0, GW__MOST_SCALE, err);
        if (status == GW_OK) status = gw__in_bounds("noise_variance", g->noise_variance, 0, GW__MOST_VARIANCE, err);
    }
    g->noise = sqrt(g->noise_variance);
    return status;
}

gw_status gw__synth(const gw_synth_options *options, gw_error *err) {
    gw_status status;
    const kind *k = NULL;
    gw__writer table = {0}, truth = {0};
    generator g = {.seed = options->seed, .correlation = options->correlation};
    GW__TRY(find_kind(options->kind, &k, err));
    GW__TRY(check(options, k, err));
    g.kind = k;
    g.first_row = (uint64_t)options->first_row;
    g.n_rows = (uint64_t)(options->rows ? options->rows : k->rows);
    g.dim = options->dim ? options->dim : k->dim;
    GW__TRY(choose(&g, options, err));
    if (g.dim) GW__TRY(make_weights(&g, err));
    GW__TRY(gw__writer_open(&table, options->output_path, err));
    if (options->truth_path) {
        GW__TRY(gw__writer_open(&truth, options->truth_path, err));
        GW__TRY(write_truth(&g, &truth, err));
    }
    GW__TRY(write_rows(&g, &table, err));
    if (options->truth_path) GW__TRY(gw__writer_commit(&truth, err));
    GW__TRY(gw__writer_commit(&table, err));
cleanup:
    gw__writer_cancel(&table);
    gw__writer_cancel(&truth);
    gw__sines_clear(&g.sines);
    gw__aligned_free(g.units);
    gw__aligned_free(g.weights);
    gw__aligned_free(g.input);
    return status;
}
