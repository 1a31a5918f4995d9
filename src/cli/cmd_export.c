#include <stdio.h>
#include <string.h>

#include "cli/message.h"
#include "cli/options.h"

static const char about[] =
    "Writes the parameters alone, by the names of docs/architectures.md, weights as [out, in].\n"
    "What was exported can be imported again: the model then gives the same predictions.";

static const char examples[] =
    "  gatewright export people.gw --to safetensors -o people.safetensors";

#define TARGETS "safetensors"

static int export_model(const char *path, const char *format, const char *output) {
    gw_error err = {0};
    gw_model *model = NULL;
    gw_status status = cli_check_output(output, &path, 1, &err);
    if (status == GW_OK) status = gw_model_load(path, &model, &err);
    if (status == GW_OK) status = gw_export(model, format, output, &err);
    gw_model_free(model);
    if (status != GW_OK) return cli_report(status, &err);
    if (strcmp(output, "-") != 0) fprintf(stderr, "wrote %s\n", output);
    return 0;
}

int cmd_export(const cli_command *self, int argc, char **argv) {
    const char *model = NULL, *output = NULL;
    int target = 0, code;
    const cli_option options[] = {
        {.kind = CLI_ARGUMENT, .name = "MODEL", .into = &model, .help = "a model file"},
        {.kind = CLI_CHOICE, .name = "to", .value = TARGETS, .into = &target, .required = true, .help = "what to write"},
        {.kind = CLI_TEXT, .letter = 'o', .name = "output", .value = "FILE", .into = &output, .required = true,
         .help = "where to write; - is standard output"},
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    return cli_parse(&manual, argc, argv, &code) ? export_model(model, TARGETS, output) : code;
}
