#include <stdio.h>

#include "cli/message.h"
#include "cli/options.h"
#include "cli/structure.h"

static const char about[] =
    "Shows a model file, or what a spec would build (for which data.train is read, since the widths depend on it):\n"
    "the network as a tree with shapes, parameters and multiply-adds per row; the features; the tasks.";

static const char examples[] =
    "  gatewright inspect people.gw\n"
    "  gatewright inspect people.yaml --set model.architecture=cgc\n"
    "  gatewright inspect people.gw --json";

/* A model file begins with the length of its header, 8 bytes the last of which are zero in any file; a text has no zero byte. */
static bool is_model_file(const char *path) {
    unsigned char head[8] = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    size_t n = fread(head, 1, sizeof head, file);
    fclose(file);
    for (size_t i = 0; i < n; i++)
        if (head[i] == 0) return true;
    return false;
}

static gw_status describe(const gw_train_options *spec, char **ret_json, gw_error *err) {
    if (!is_model_file(spec->spec_path)) return gw_spec_describe(spec, ret_json, err);
    if (spec->n_overrides > 0) return gw__fail_at(err, GW_E_ARGUMENT, spec->spec_path, 0, 0, "option '--set' changes a spec, and this is a model file");
    gw_model *model = NULL;
    gw_status status = gw_model_load(spec->spec_path, &model, err);
    if (status == GW_OK) status = gw_model_describe(model, ret_json, err);
    gw_model_free(model);
    return status;
}

static int inspect(const gw_train_options *what, bool json) {
    gw_error err = {0};
    char *result = NULL;
    gw__text out = {0};
    gw_status status = describe(what, &result, &err);
    if (status == GW_OK && json) gw__text_addf(&out, "%s\n", result);
    else if (status == GW_OK) status = cli_draw_structure(result, cli_screen_of(stdout), &out, &err);
    if (status == GW_OK) cli_screen_write(stdout, &out);
    gw__text_clear(&out);
    gw_text_free(result);
    return status == GW_OK ? 0 : cli_report(status, &err);
}

int cmd_inspect(const cli_command *self, int argc, char **argv) {
    const char *path = NULL;
    cli_texts overrides = {0};
    uint64_t threads = 0;
    int bad_row = 0, code;
    bool json = false;
    const cli_option options[] = {
        {.kind = CLI_ARGUMENT, .name = "MODEL|SPEC", .into = &path, .help = "a model file or a spec; told apart by content"},
        CLI_ROW_SET(overrides),
        CLI_ROW_THREADS(threads),
        CLI_ROW_BAD_ROW(bad_row),
        CLI_ROW_JSON(json, "print one JSON object instead"),
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    if (!cli_parse(&manual, argc, argv, &code)) return code;

    const gw_train_options what = {.spec_path = path, .overrides = overrides.at, .n_overrides = overrides.n, .threads = (size_t)threads,
                                   .skip_bad_rows = bad_row == 1};
    code = inspect(&what, json);
    cli_texts_clear(&overrides);
    return code;
}
