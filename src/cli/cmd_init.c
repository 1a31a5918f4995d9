#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "cli/message.h"
#include "cli/options.h"

static const char about[] =
    "Looks at every column, guesses what it is, and writes a spec with a comment on each guess: a start to edit.\n"
    "The spec trains as it is: gatewright train SPEC.";

static const char examples[] =
    "  gatewright init people.csv --task income --task age:regression -o people.yaml\n"
    "  gatewright init log.tsv.gz --task click --task watch_seconds:regression > log.yaml\n"
    "  gatewright init raw.data --header names.txt --task label:multiclass";

static int init(const gw_data_options *data, const cli_texts *tasks, const char *output) {
    gw_error err = {0};
    char *yaml = NULL;
    gw__writer writer = {0};
    gw_status status = cli_check_output(output, data->paths, data->n_paths, &err);
    if (status == GW_OK) status = cli_check_output(output, &data->header, 1, &err);
    if (status == GW_OK) status = gw_spec_init(data, tasks->at, tasks->n, &yaml, &err);
    if (status == GW_OK) status = gw__writer_open(&writer, output, &err);
    if (status == GW_OK) status = gw__writer_put(&writer, yaml, strlen(yaml), &err);
    if (status == GW_OK) status = gw__writer_commit(&writer, &err);
    gw__writer_cancel(&writer);
    gw_text_free(yaml);
    if (status != GW_OK) return cli_report(status, &err);
    if (strcmp(output, "-") != 0) fprintf(stderr, "wrote %s\nnext: gatewright train %s\n", output, output);
    return 0;
}

int cmd_init(const cli_command *self, int argc, char **argv) {
    const char *output = "-", *header = NULL;
    cli_texts paths = {0}, tasks = {0};
    int bad_row = 0, code;
    const cli_option options[] = {
        {.kind = CLI_ARGUMENTS, .name = "DATA", .into = &paths,
         .help = "tables: .csv or .tsv, plain or .gz .xz .zst; names, patterns, or - for standard input"},
        {.kind = CLI_TEXTS, .name = "task", .value = "COLUMN[:TYPE]", .into = &tasks, .required = true,
         .help = "a column to predict; TYPE is binary, regression, multiclass, count, ordinal or quantile (default: by looking); may be given again"},
        {.kind = CLI_TEXT, .letter = 'o', .name = "output", .value = "SPEC", .into = &output, .help = "where to write; - is standard output"},
        {.kind = CLI_TEXT, .name = "header", .value = "FILE|true", .into = &header,
         .help = "where the column names are: a file, or the first line (default: true)"},
        CLI_ROW_BAD_ROW(bad_row),
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    if (!cli_parse(&manual, argc, argv, &code)) return code;

    const gw_data_options data = {.paths = paths.at, .n_paths = paths.n, .header = header, .skip_bad_rows = bad_row == 1};
    code = init(&data, &tasks, output);
    cli_texts_clear(&paths);
    cli_texts_clear(&tasks);
    return code;
}
