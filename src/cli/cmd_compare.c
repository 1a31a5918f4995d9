#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/compare_progress.h"
#include "cli/compare_table.h"
#include "cli/isa.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/stop.h"

static const char about[] =
    "Trains every architecture with several seeds on the same rows and the same budget, and prints for each task how they\n"
    "differ: mean, spread, best, and the gain over single-task models with a 95 % interval. Measured on data.test, else on\n"
    "the validation part. DIR gets report.html (a page to look at), compare.csv (a line per architecture, task and metric),\n"
    "runs.csv (a line per run) and compare.json (everything, with each run's learning curve). The tables do not depend on\n"
    "the number of threads.\n"
    "A run that fails is counted. Ctrl-C ends with what is done; a second Ctrl-C ends at once.";

static const char examples[] =
    "  gatewright compare people.yaml --architectures shared-bottom,mmoe,ple --runs 10\n"
    "  gatewright compare people.yaml --architectures mmoe,cgc --match-parameters -o fair\n"
    "  gatewright compare people.yaml --architectures few=mmoe,many=mmoe --set-for many:model.experts.count=16\n"
    "  gatewright compare people.yaml --architectures mmoe,ple --baseline shared-bottom --set train.epochs=3 --json";

/* ---- what is compared ------------------------------------------------------------------------------------------------------------ */

/* Of the command line: entries with their overrides. */
typedef struct contest {
    gw_compare_entry *entries; /* [n] */
    size_t n;
    char **labels;             /* [n] of "LABEL=ARCHITECTURE"; NULL: none */
    const char **overrides;    /* of all entries, one entry after another */
} contest;

static gw_status add_entry(contest *c, size_t i, const char *word, gw_error *err) {
    const char *equals = strchr(word, '=');
    if (equals == word || (equals && !equals[1]))
        return gw__fail(err, GW_E_ARGUMENT, "option '--architectures': expected a name or LABEL=NAME but found '%.100s'", word);
    if (equals && memchr(word, ':', (size_t)(equals - word)))
        return gw__fail(err, GW_E_ARGUMENT, "option '--architectures': expected a label without ':', which ends it in '--set-for', but found '%.100s'", word);
    c->entries[i].architecture = equals ? equals + 1 : word;
    if (!equals) return GW_OK;
    c->labels[i] = strndup(word, (size_t)(equals - word));
    if (!c->labels[i]) return gw__fail_nomem(err);
    c->entries[i].label = c->labels[i];
    return GW_OK;
}

static const char *label_of(const gw_compare_entry *entry) { return entry->label ? entry->label : entry->architecture; }

/* The entry that "LABEL:KEY.PATH=VALUE" is for. */
static gw_status find_entry(const contest *c, const char *set, size_t *ret, gw_error *err) {
    const char *colon = strchr(set, ':'), *equals = strchr(set, '='), *labels[64];
    size_t n = 0;
    if (!colon || !equals || equals < colon || colon == set)
        return gw__fail(err, GW_E_ARGUMENT, "option '--set-for': expected LABEL:KEY.PATH=VALUE but found '%.200s'", set);
    const gw__slice name = {set, (size_t)(colon - set)};
    for (size_t i = 0; i < c->n; i++) {
        if (gw__slice_is(name, label_of(&c->entries[i]))) return *ret = i, GW_OK;
        if (n < GW__COUNT(labels)) labels[n++] = label_of(&c->entries[i]);
    }
    const char *near = gw__nearest(name, labels, n);
    return gw__fail(err, GW_E_ARGUMENT, "option '--set-for': '%.*s' is none of '--architectures'%s%s%s", GW__SLICE_ARG(name),
                    near ? "; hint: did you mean '" : "; hint: the baseline has to be listed there, too, to be changed", near ? near : "", near ? "'?" : "");
}

/* Overrides are sorted by entry; those of one entry keep their order. */
static gw_status add_overrides(contest *c, const cli_texts *sets, gw_error *err) {
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        c->entries[i].overrides = c->overrides + n;
        for (size_t k = 0; k < sets->n; k++) {
            size_t entry = 0;
            gw_status status = find_entry(c, sets->at[k], &entry, err);
            if (status != GW_OK) return status;
            if (entry == i) c->overrides[n++] = strchr(sets->at[k], ':') + 1;
        }
        c->entries[i].n_overrides = (size_t)(c->overrides + n - c->entries[i].overrides);
    }
    return GW_OK;
}

static gw_status contest_init(contest *c, const cli_texts *architectures, const cli_texts *sets, gw_error *err) {
    gw_status status = GW_OK;
    *c = (contest){.entries = calloc(architectures->n + 1, sizeof *c->entries), .labels = calloc(architectures->n + 1, sizeof *c->labels),
                   .overrides = calloc(sets->n + 1, sizeof *c->overrides)};
    if (!c->entries || !c->labels || !c->overrides) return gw__fail_nomem(err);
    c->n = architectures->n;
    for (size_t i = 0; i < c->n && status == GW_OK; i++) status = add_entry(c, i, architectures->at[i], err);
    return status == GW_OK ? add_overrides(c, sets, err) : status;
}

static void contest_clear(contest *c) {
    for (size_t i = 0; i < c->n; i++) free(c->labels[i]);
    free(c->entries);
    free(c->labels);
    free(c->overrides);
}

/* ---- the command ----------------------------------------------------------------------------------------------------------------- */

static gw_status show(const char *result, bool json, gw_error *err) {
    gw__text out = {0};
    gw_status status = GW_OK;
    if (json) gw__text_addf(&out, "%s\n", result);
    else status = cli_draw_comparison(result, &out, err);
    if (status == GW_OK) cli_screen_write(stdout, &out);
    gw__text_clear(&out);
    return status;
}

static void show_wrote(const char *directory) {
    fprintf(stderr, "wrote report.html with a page for each architecture, compare.csv, runs.csv and compare.json into %s\n", directory);
}

static int compare(gw_compare_options options, bool json) {
    gw_error err = {0}, shown = {0};
    char *result = NULL;
    cli_compare_progress progress = cli_compare_progress_of();
    options.listener = cli_compare_progress_listen;
    options.listener_context = &progress;
    gw_status status = gw_compare(&options, &result, &err);
    cli_compare_progress_clear(&progress);
    gw_status drawn = result ? show(result, json, &shown) : GW_OK;
    if (status == GW_OK || (status == GW_E_CANCELED && result)) show_wrote(options.output_dir);
    gw_text_free(result);
    if (status != GW_OK) return cli_report(status, &err);
    return drawn == GW_OK ? 0 : cli_report(drawn, &shown);
}

int cmd_compare(const cli_command *self, int argc, char **argv) {
    const char *spec = NULL, *output = "compare", *baseline = "single-task";
    cli_texts architectures = {0}, overrides = {0}, sets = {0};
    uint64_t runs = 5, threads = 0;
    int bad_row = 0, health = GW_HEALTH_AUTO, code;
    bool match = false, json = false;
    const cli_option options[] = {
        {.kind = CLI_ARGUMENT, .name = "SPEC", .into = &spec, .help = "what to train on what; its architecture is replaced"},
        {.kind = CLI_LIST, .name = "architectures", .value = "[LABEL=]NAME,...", .into = &architectures, .required = true,
         .help = "what is compared; a label tells entries of one architecture apart"},
        {.kind = CLI_COUNT, .name = "runs", .value = "N", .into = &runs, .least = 1, .most = 1000,
         .help = "runs of each, with the seeds train.seed, train.seed + 1, and so on"},
        {.kind = CLI_TEXT, .letter = 'o', .name = "output", .value = "DIR", .into = &output,
         .help = "the folder for the results; it is made if need be, and files of an earlier comparison are replaced"},
        {.kind = CLI_TEXT, .name = "baseline", .value = "LABEL|none", .into = &baseline,
         .help = "what gains are over; it takes part even if it is not listed"},
        {.kind = CLI_FLAG, .name = "match-parameters", .into = &match,
         .help = "scale the widths of the experts so that each has about as many dense parameters as SPEC as it is"},
        CLI_ROW_SET(overrides),
        {.kind = CLI_TEXTS, .name = "set-for", .value = "LABEL:KEY.PATH=VALUE", .into = &sets,
         .help = "the same for one of the architectures; may be given again"},
        {.kind = CLI_CHOICE, .name = "health", .value = "auto|every|off", .into = &health,
         .help = "when a run looks at its gates, experts and tasks, which warns in words"},
        CLI_ROW_THREADS(threads),
        CLI_ROW_BAD_ROW(bad_row),
        CLI_ROW_JSON(json, "print what compare.json holds instead of the tables"),
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    if (!cli_parse(&manual, argc, argv, &code)) return code;

    contest c;
    gw_error err = {0};
    gw_status status = contest_init(&c, &architectures, &sets, &err);
    if (status != GW_OK) {
        code = cli_report(status, &err);
    } else {
        cli_stop_catch();
        code = compare((gw_compare_options){
            .base = {.spec_path = spec, .overrides = overrides.at, .n_overrides = overrides.n, .threads = (size_t)threads, .isa = cli_isa(),
                     .skip_bad_rows = bad_row == 1, .health = (gw_health)health, .cancel = &cli_stop_requested},
            .entries = c.entries, .n_entries = c.n, .runs = (size_t)runs, .baseline = baseline, .match_parameters = match, .output_dir = output}, json);
    }
    contest_clear(&c);
    cli_texts_clear(&architectures);
    cli_texts_clear(&overrides);
    cli_texts_clear(&sets);
    return code;
}
