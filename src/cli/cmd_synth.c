#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/number.h"
#include "cli/message.h"
#include "cli/options.h"

#define X(name, summary) "  " name ": " summary ".\n"
static const char about[] =
    "Generates a data set; the same options give the same bytes. Kinds:\n"
    GW_SYNTH_ROSTER(X)
    "In \"mmoe\" and \"ple\", each y is w x + the sum of sin(alpha w x + beta) + noise; the cosine between the two w is\n"
    "the correlation. What their papers leave open is as was published under one of these names:\n"
    GW_SYNTH_PUBLISHED_ROSTER(X)
    "Beside FILE, FILE.truth.json gets what the labels of \"mmoe\", \"ple\" and \"clusters\" were made of.";
#undef X

static const char examples[] =
    "  gatewright synth mmoe --correlation 0.5 --rows 100000 -o mmoe.csv\n"
    "  gatewright synth mmoe --published google --noise-variance 0.01 --dim 20 -o google.csv\n"
    "  gatewright synth census --rows 20000 --seed 2 -o people.csv";

/* The command line's words. */
typedef struct words {
    const char *kind, *output, *truth, *published, *sines;
    uint64_t rows, first, dim, seed;
    double correlation, scale, noise;
    cli_texts alpha, beta;
} words;

/* "NAME: expected a number" unless all are. Owned by the caller (free). */
static gw_status parse_numbers(const char *name, const cli_texts *list, double **ret, gw_error *err) {
    double *numbers = calloc(list->n + 1, sizeof *numbers);
    if (!numbers) return gw__fail_nomem(err);
    for (size_t i = 0; i < list->n; i++) {
        if (gw__parse_double(gw__slice_trim(gw__slice_of(list->at[i])), &numbers[i])) continue;
        free(numbers);
        return gw__fail(err, GW_E_ARGUMENT, "option '--%s': expected numbers with commas between them but found '%.80s'", name, list->at[i]);
    }
    *ret = numbers;
    return GW_OK;
}

static gw_status parse_sines(const char *text, gw_synth_options *options, gw_error *err) {
    int64_t n;
    if (!text) return GW_OK;
    if (!gw__parse_int64(gw__slice_of(text), &n) || n < 0)
        return gw__fail(err, GW_E_ARGUMENT, "option '--sines': expected a whole number from 0 on but found '%.80s'", text);
    options->has_sines = true;
    options->sines = (size_t)n;
    return GW_OK;
}

static bool has_truth(const char *kind) {
    return strcmp(kind, "mmoe") == 0 || strcmp(kind, "ple") == 0 || strcmp(kind, "clusters") == 0;
}

/* Beside a table that is a file, a file: owned by the caller (free). NULL where there is none, as with a pipe. */
static char *truth_beside(const words *w) {
    struct stat found;
    bool is_file = strcmp(w->output, "-") != 0 && (stat(w->output, &found) != 0 || S_ISREG(found.st_mode));
    gw__text path = {0};
    if (!is_file || !has_truth(w->kind)) return NULL;
    gw__text_addf(&path, "%s.truth.json", w->output);
    return path.at;
}

static gw_status synthesize(const words *w, gw_error *err) {
    gw_status status;
    double *alpha = NULL, *beta = NULL;
    char *truth = w->truth ? NULL : truth_beside(w);
    gw_synth_options options = {
        .kind = w->kind, .output_path = w->output, .truth_path = w->truth ? w->truth : truth, .rows = (int64_t)w->rows,
        .first_row = (int64_t)w->first, .dim = w->dim, .seed = w->seed, .correlation = w->correlation, .published = w->published,
        .scale = isnan(w->scale) ? NULL : &w->scale, .noise_variance = isnan(w->noise) ? NULL : &w->noise,
        .n_alpha = w->alpha.n, .n_beta = w->beta.n,
    };
    GW__TRY(parse_sines(w->sines, &options, err));
    GW__TRY(parse_numbers("alpha", &w->alpha, &alpha, err));
    GW__TRY(parse_numbers("beta", &w->beta, &beta, err));
    options.alpha = alpha;
    options.beta = beta;
    status = gw_synth(&options, err);
    if (status == GW_OK && strcmp(w->output, "-") != 0)
        fprintf(stderr, "wrote %s%s%s\n", w->output, options.truth_path ? " and " : "", options.truth_path ? options.truth_path : "");
cleanup:
    free(truth);
    free(alpha);
    free(beta);
    return status;
}

int cmd_synth(const cli_command *self, int argc, char **argv)
{
    words w = {.seed = 1, .correlation = 0.5, .scale = NAN, .noise = NAN};
    int code;
    const cli_option options[] = {
        {.kind = CLI_ARGUMENT, .name = "KIND", .into = &w.kind, .help = "what to generate"},
        {.kind = CLI_COUNT, .name = "rows", .value = "N", .into = &w.rows, .least = 1, .most = 1000000000,
         .help = "how many rows (default: as is usual for the kind)"},
        {.kind = CLI_COUNT, .name = "first", .value = "N", .into = &w.first, .least = 0, .most = 1000000000,
         .help = "the number of the first row, from 0: a table that begins at 1000 continues one of 1000 rows"},
        {.kind = CLI_COUNT, .name = "dim", .value = "D", .into = &w.dim, .least = 2, .most = 65536,
         .help = "inputs of mmoe, ple and clusters (default: 100, 512 and 2)"},
        {.kind = CLI_NUMBER, .name = "correlation", .value = "P", .into = &w.correlation,
         .help = "of mmoe and ple: the cosine between the weights of the two tasks, -1 to 1"},
        {.kind = CLI_TEXT, .name = "published", .value = "NAME", .into = &w.published,
         .help = "of mmoe and ple: whose c, sines and noise to take (default: figure-2, for ple ple); the following go before it"},
        {.kind = CLI_NUMBER, .name = "scale", .value = "C", .into = &w.scale, .help = "of mmoe, ple and clusters: the length of the weight vectors"},
        {.kind = CLI_TEXT, .name = "sines", .value = "M", .into = &w.sines, .help = "of mmoe and ple: how many sines"},
        {.kind = CLI_LIST, .name = "alpha", .value = "A,...", .into = &w.alpha, .help = "of mmoe and ple: one for each sine"},
        {.kind = CLI_LIST, .name = "beta", .value = "B,...", .into = &w.beta, .help = "of mmoe and ple: one for each sine"},
        {.kind = CLI_NUMBER, .name = "noise-variance", .value = "V", .into = &w.noise, .help = "of mmoe, ple and clusters: that of the labels' noise"},
        {.kind = CLI_COUNT, .name = "seed", .value = "S", .into = &w.seed, .least = 0, .most = UINT64_MAX, .help = "another seed gives other rows"},
        {.kind = CLI_TEXT, .name = "truth", .value = "FILE", .into = &w.truth,
         .help = "where to write what the labels were made of (default: beside the table, FILE.truth.json)"},
        {.kind = CLI_TEXT, .letter = 'o', .name = "output", .value = "FILE", .into = &w.output, .required = true,
         .help = "where to write; - is standard output"},
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    if (!cli_parse(&manual, argc, argv, &code)) return code;
    gw_error err = {0};
    gw_status status = synthesize(&w, &err);
    cli_texts_clear(&w.alpha);
    cli_texts_clear(&w.beta);
    return status == GW_OK ? 0 : cli_report(status, &err);
}
