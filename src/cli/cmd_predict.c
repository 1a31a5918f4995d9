#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/isa.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/screen.h"

static const char about[] =
    "Writes one line per input row, in the input's order: probabilities for binary tasks, one column per class for\n"
    "multiclass and ordinal tasks, means for counts, the label's unit for regressions and quantiles. Label columns\n"
    "may be absent. Nothing but the model file is needed: it holds the features as they were fitted in training.";

static const char examples[] =
    "  gatewright predict people.gw people.csv -o scores.csv\n"
    "  gatewright predict people.gw people.csv --keep id,age --format jsonl | head\n"
    "  gatewright predict people.gw people.csv --gates -o scores-and-gates.csv\n"
    "  zcat new.csv.gz | gatewright predict people.gw - > scores.csv";

/* What stands in gw_output_format's order. */
#define FORMATS "csv|jsonl|npy"

static void print_summary(int64_t rows, int64_t skipped, const char *output) {
    bool to_file = strcmp(output, "-") != 0;
    if (skipped == 0 && !(to_file && isatty(STDERR_FILENO))) return;
    gw__text out = {0};
    cli_put_count(&out, rows);
    gw__text_addf(&out, " rows scored%s%s", to_file ? " into " : "", to_file ? output : "");
    if (skipped > 0) {
        gw__text_puts(&out, "; bad rows passed over: ");
        cli_put_count(&out, skipped);
    }
    gw__text_putc(&out, '\n');
    cli_screen_write(stderr, &out);
    gw__text_clear(&out);
}

static int predict(const char *path, const gw_predict_options *options) {
    gw_error err = {0};
    gw_model *model = NULL;
    int64_t rows = 0, skipped = 0;
    gw_status status = cli_check_output(options->output_path, options->data.paths, options->data.n_paths, &err);
    const char *others[] = {path, options->data.header};
    if (status == GW_OK) status = cli_check_output(options->output_path, others, GW__COUNT(others), &err);
    if (status == GW_OK && options->format == GW_OUTPUT_NPY && strcmp(options->output_path, "-") == 0 && isatty(STDOUT_FILENO))
        status = gw__fail(&err, GW_E_ARGUMENT, "format npy is binary and standard output is a terminal; hint: -o FILE");
    if (status == GW_OK) status = cli_load_model(path, &model, &err);
    if (status == GW_OK) status = gw_predict(model, options, &rows, &skipped, &err);
    gw_model_free(model);
    if (status != GW_OK) return cli_report(status, &err);
    print_summary(rows, skipped, options->output_path);
    return 0;
}

int cmd_predict(const cli_command *self, int argc, char **argv) {
    const char *model = NULL, *output = "-", *header = NULL;
    cli_texts paths = {0}, keep = {0};
    uint64_t threads = 0;
    int bad_row = 0, format = GW_OUTPUT_CSV, code;
    bool gates = false;
    const cli_option options[] = {
        {.kind = CLI_ARGUMENT, .name = "MODEL", .into = &model, .help = "a model file"},
        {.kind = CLI_ARGUMENTS, .name = "DATA", .into = &paths,
         .help = "tables: .csv or .tsv, plain or .gz .xz .zst; names, patterns, or - for standard input"},
        {.kind = CLI_TEXT, .letter = 'o', .name = "output", .value = "FILE", .into = &output, .help = "where to write; - is standard output"},
        {.kind = CLI_CHOICE, .name = "format", .value = FORMATS, .into = &format,
         .help = "csv: a header and a line per row; jsonl: an object per row; npy: a NumPy array of float32, rows by outputs"},
        {.kind = CLI_FLAG, .name = "gates", .into = &gates,
         .help = "add the gates' weights of every row, as columns gate.LEVEL.STREAM.EXPERT"},
        {.kind = CLI_LIST, .name = "keep", .value = "COLUMN,...", .into = &keep, .help = "repeat these input columns before the predictions"},
        CLI_ROW_HEADER(header),
        CLI_ROW_THREADS(threads),
        CLI_ROW_BAD_ROW(bad_row),
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    if (!cli_parse(&manual, argc, argv, &code)) return code;

    const gw_predict_options what = {
        .data = {.paths = paths.at, .n_paths = paths.n, .header = header, .skip_bad_rows = bad_row == 1, .threads = (size_t)threads},
        .output_path = output, .format = (gw_output_format)format, .gates = gates, .keep = keep.at, .n_keep = keep.n};
    code = predict(model, &what);
    cli_texts_clear(&paths);
    cli_texts_clear(&keep);
    return code;
}
