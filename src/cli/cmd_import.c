#include <stdio.h>
#include <string.h>

#include "cli/message.h"
#include "cli/options.h"

static const char about[] =
    "Reads data.train to fit the features, then takes every parameter from the file; nothing is trained. Names and\n"
    "shapes must be those of docs/architectures.md, weights as [out, in]; a missing or additional tensor is an error\n"
    "that names it. 'gatewright inspect SPEC' shows what is expected.";

static const char examples[] =
    "  gatewright import people.yaml weights.safetensors -o people.gw";

static int import_weights(const gw_train_options *spec, const char *weights) {
    gw_error err = {0};
    gw_model *model = NULL;
    const char *inputs[] = {spec->spec_path, weights};
    gw_status status = cli_check_output(spec->model_path, inputs, GW__COUNT(inputs), &err);
    if (status == GW_OK) status = gw_import(spec, weights, &model, &err);
    if (status == GW_OK) status = gw_model_save(model, spec->model_path, &err);
    gw_model_free(model);
    if (status != GW_OK) return cli_report(status, &err);
    if (strcmp(spec->model_path, "-") != 0) fprintf(stderr, "saved %s\nnext: gatewright inspect %s\n", spec->model_path, spec->model_path);
    return 0;
}

int cmd_import(const cli_command *self, int argc, char **argv) {
    const char *spec = NULL, *weights = NULL, *output = "model.gw";
    cli_texts overrides = {0};
    uint64_t threads = 0;
    int bad_row = 0, code;
    const cli_option options[] = {
        {.kind = CLI_ARGUMENT, .name = "SPEC", .into = &spec, .help = "the spec that the parameters belong to"},
        {.kind = CLI_ARGUMENT, .name = "WEIGHTS", .into = &weights, .help = "a safetensors file; needs no metadata"},
        {.kind = CLI_TEXT, .letter = 'o', .name = "output", .value = "MODEL", .into = &output, .help = "where to save the model"},
        CLI_ROW_SET(overrides),
        CLI_ROW_THREADS(threads),
        CLI_ROW_BAD_ROW(bad_row),
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    if (!cli_parse(&manual, argc, argv, &code)) return code;

    const gw_train_options what = {.spec_path = spec, .overrides = overrides.at, .n_overrides = overrides.n, .model_path = output,
                                   .threads = (size_t)threads, .skip_bad_rows = bad_row == 1};
    code = import_weights(&what, weights);
    cli_texts_clear(&overrides);
    return code;
}
