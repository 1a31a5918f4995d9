#include <stdio.h>

#include "cli/isa.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/results.h"

static const char about[] =
    "Reads labelled rows by the rules stored in the model and prints, per task and over its labelled rows, the loss\n"
    "and the metrics: exact, over the whole table. What does not exist (AUC of one class) is '-', in JSON null.\n"
    "Below stand the gates: how much of each expert a task takes, as the mean over the rows, and of sparse gates the share\n"
    "of the rows that have it; and the experts: dead units, and which other expert each is most like.";

static const char examples[] =
    "  gatewright evaluate people.gw test.csv\n"
    "  gatewright evaluate people.gw 'days/2024-*.csv.gz' --json\n"
    "  zcat test.csv.gz | gatewright evaluate people.gw -";

static int evaluate(const char *path, const gw_data_options *data, bool json) {
    gw_error err = {0};
    gw_model *model = NULL;
    char *result = NULL;
    gw__text out = {0};
    gw_status status = cli_load_model(path, &model, &err);
    if (status == GW_OK) status = gw_evaluate(model, data, true, &result, &err);
    if (status == GW_OK && json) gw__text_addf(&out, "%s\n", result);
    else if (status == GW_OK) status = cli_draw_evaluation(result, cli_screen_of(stdout), &out, &err);
    if (status == GW_OK) cli_screen_write(stdout, &out);
    gw__text_clear(&out);
    gw_text_free(result);
    gw_model_free(model);
    return status == GW_OK ? 0 : cli_report(status, &err);
}

int cmd_evaluate(const cli_command *self, int argc, char **argv) {
    const char *model = NULL, *header = NULL;
    cli_texts paths = {0};
    uint64_t threads = 0;
    int bad_row = 0, code;
    bool json = false;
    const cli_option options[] = {
        {.kind = CLI_ARGUMENT, .name = "MODEL", .into = &model, .help = "a model file"},
        {.kind = CLI_ARGUMENTS, .name = "DATA", .into = &paths,
         .help = "tables with labels: .csv or .tsv, plain or .gz .xz .zst; names, patterns, or - for standard input"},
        CLI_ROW_HEADER(header),
        CLI_ROW_THREADS(threads),
        CLI_ROW_BAD_ROW(bad_row),
        CLI_ROW_JSON(json, "print {\"rows\":n,\"tasks\":{...},\"gates\":[...],\"health\":{...}} instead of tables"),
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    if (!cli_parse(&manual, argc, argv, &code)) return code;

    const gw_data_options data = {.paths = paths.at, .n_paths = paths.n, .header = header, .skip_bad_rows = bad_row == 1, .threads = (size_t)threads};
    code = evaluate(model, &data, json);
    cli_texts_clear(&paths);
    return code;
}
