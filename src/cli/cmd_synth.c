#include <stdio.h>
#include <string.h>

#include "cli/message.h"
#include "cli/options.h"

#define X(name, summary) "  " name ": " summary ".\n"
static const char about[] =
    "Generates a data set; the same options give the same bytes. Kinds:\n"
    GW_SYNTH_ROSTER(X)
    "In \"mmoe\", each y is w x + the sum of 4 sin(alpha w x + beta) + noise of variance 0.01; the cosine between\n"
    "the two w is the correlation.";
#undef X

static const char examples[] =
    "  gatewright synth mmoe --correlation 0.5 --rows 100000 -o mmoe.csv\n"
    "  gatewright synth census --rows 20000 --seed 2 -o people.csv";

int cmd_synth(const cli_command *self, int argc, char **argv)
{
    const char *kind = NULL, *output = NULL;
    uint64_t rows = 0, dim = 0, seed = 1;
    double correlation = 0.5;
    int code;
    const cli_option options[] = {
        {.kind = CLI_ARGUMENT, .name = "KIND", .into = &kind, .help = "what to generate"},
        {.kind = CLI_COUNT, .name = "rows", .value = "N", .into = &rows, .least = 1, .most = 1000000000,
         .help = "how many rows (default: as is usual for the kind)"},
        {.kind = CLI_COUNT, .name = "dim", .value = "D", .into = &dim, .least = 2, .most = 65536,
         .help = "inputs of mmoe (default: 100, as in the paper)"},
        {.kind = CLI_NUMBER, .name = "correlation", .value = "P", .into = &correlation,
         .help = "of mmoe: the cosine between the weights of its two tasks, -1 to 1"},
        {.kind = CLI_COUNT, .name = "seed", .value = "S", .into = &seed, .least = 0, .most = UINT64_MAX, .help = "another seed gives other rows"},
        {.kind = CLI_TEXT, .letter = 'o', .name = "output", .value = "FILE", .into = &output, .required = true,
         .help = "where to write; - is standard output"},
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    if (!cli_parse(&manual, argc, argv, &code)) return code;
    gw_error err = {0};
    gw_status status = gw_synth(&(gw_synth_options){.kind = kind, .output_path = output, .rows = (int64_t)rows, .dim = dim,
                                                    .correlation = correlation, .seed = seed}, &err);
    if (status != GW_OK) return cli_report(status, &err);
    if (strcmp(output, "-") != 0) fprintf(stderr, "wrote %s\n", output);
    return 0;
}
