#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "cli/isa.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/structure.h"

static const char about[] =
    "Shows a model file, or what a spec would build (for which data.train is read, since the widths depend on it):\n"
    "the network as a tree with shapes, parameters and multiply-adds per row; the features; the tasks; what is wrong with\n"
    "its experts. With --data also how gates and experts are on a sample of rows, whose labels may be missing.";

static const char examples[] =
    "  gatewright inspect people.gw\n"
    "  gatewright inspect people.yaml --set model.architecture=cgc\n"
    "  gatewright inspect people.gw --json\n"
    "  gatewright inspect people.gw --data today.csv\n"
    "  gatewright inspect - < people.gw";

/* What is to be shown, and the rows to look at it with: n_paths 0 for none. */
typedef struct wish {
    gw_train_options spec;
    gw_data_options data;
} wish;

#define HEAD 8 /* bytes that tell a model from a text */

/* A model file begins with the length of its header, 8 bytes the last of which are zero in any file; a text has no zero byte. */
static bool is_model(const void *head, size_t n) {
    return n > 0 && memchr(head, 0, n < HEAD ? n : HEAD) != NULL;
}

/* What cannot be opened is none; whoever reads it as a model says why. */
static bool is_spec_file(const char *path) {
    char head[HEAD];
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    size_t n = fread(head, 1, sizeof head, file);
    fclose(file);
    return !is_model(head, n);
}

static gw_status look_at_rows(gw_model *model, const gw_data_options *data, char **ret_json, gw_error *err) {
    gw_status status = gw_model_use_isa(model, cli_isa(), err);
    return status == GW_OK ? gw_inspect(model, data, ret_json, err) : status;
}

static gw_status describe_model(const wish *w, gw_model *model, char **ret_json, gw_error *err) {
    gw_status status = w->spec.n_overrides > 0
                           ? gw__fail_at(err, GW_E_ARGUMENT, w->spec.spec_path, 0, 0, "option '--set' changes a spec, and this is a model file")
                       : w->data.n_paths > 0 ? look_at_rows(model, &w->data, ret_json, err)
                                             : gw_model_describe(model, ret_json, err);
    gw_model_free(model);
    return status;
}

static gw_status describe_spec(const wish *w, const gw_train_options *spec, char **ret_json, gw_error *err) {
    if (w->data.n_paths == 0) return gw_spec_describe(spec, ret_json, err);
    return gw__fail_at(err, GW_E_ARGUMENT, w->spec.spec_path, 0, 0, "option '--data' is for a model, and this is a spec, which has learned nothing yet");
}

static gw_status describe_file(const wish *w, char **ret_json, gw_error *err) {
    if (is_spec_file(w->spec.spec_path)) return describe_spec(w, &w->spec, ret_json, err);
    gw_model *model = NULL;
    gw_status status = gw_model_load(w->spec.spec_path, &model, err);
    return status == GW_OK ? describe_model(w, model, ret_json, err) : status;
}

/* Standard input and pipes can be read only once. */
static gw_status describe_stream(const wish *w, char **ret_json, gw_error *err) {
    char *bytes = NULL;
    size_t n = 0;
    gw_model *model = NULL;
    const char *name = strcmp(w->spec.spec_path, "-") == 0 ? "standard input" : w->spec.spec_path;
    gw_status status = gw__file_read(w->spec.spec_path, SIZE_MAX / 4, &bytes, &n, err);
    if (status != GW_OK) return status;
    gw_train_options of_text = w->spec;
    of_text.spec_path = NULL;
    of_text.spec_text = bytes;
    if (is_model(bytes, n)) {
        status = gw_model_parse(bytes, n, name, &model, err);
        if (status == GW_OK) status = describe_model(w, model, ret_json, err);
    } else if (strlen(bytes) != n) {
        status = gw__fail_at(err, GW_E_CONFIG, name, 0, 0, "expected a model or a spec but found neither: a NUL byte stands in the text");
    } else {
        status = describe_spec(w, &of_text, ret_json, err);
    }
    gw__aligned_free(bytes);
    return status;
}

static gw_status check_wish(const wish *w, gw_error *err) {
    if (w->data.header && w->data.n_paths == 0) return gw__fail(err, GW_E_ARGUMENT, "option '--header' is about the rows of '--data', which is not given");
    for (size_t i = 0; i < w->data.n_paths; i++) {
        if (strcmp(w->spec.spec_path, "-") == 0 && strcmp(w->data.paths[i], "-") == 0)
            return gw__fail(err, GW_E_ARGUMENT, "standard input is the model and cannot be '--data', too");
    }
    return GW_OK;
}

static gw_status describe(const wish *w, char **ret_json, gw_error *err) {
    struct stat found;
    bool stream = strcmp(w->spec.spec_path, "-") == 0 || (stat(w->spec.spec_path, &found) == 0 && (S_ISFIFO(found.st_mode) || S_ISSOCK(found.st_mode)));
    return stream ? describe_stream(w, ret_json, err) : describe_file(w, ret_json, err);
}

static int inspect(const wish *what, bool json) {
    gw_error err = {0};
    char *result = NULL;
    gw__text out = {0};
    gw_status status = check_wish(what, &err);
    if (status == GW_OK) status = describe(what, &result, &err);
    if (status == GW_OK && json) gw__text_addf(&out, "%s\n", result);
    else if (status == GW_OK) status = cli_draw_structure(result, cli_screen_of(stdout), &out, &err);
    if (status == GW_OK) cli_screen_write(stdout, &out);
    gw__text_clear(&out);
    gw_text_free(result);
    return status == GW_OK ? 0 : cli_report(status, &err);
}

int cmd_inspect(const cli_command *self, int argc, char **argv) {
    const char *path = NULL, *header = NULL;
    cli_texts overrides = {0}, paths = {0};
    uint64_t threads = 0;
    int bad_row = 0, code;
    bool json = false;
    const cli_option options[] = {
        {.kind = CLI_ARGUMENT, .name = "MODEL|SPEC", .into = &path, .help = "a model file or a spec, told apart by content; - is standard input"},
        {.kind = CLI_TEXTS, .name = "data", .value = "DATA", .into = &paths,
         .help = "a table to look at gates and experts with: a name, a pattern, or - for standard input; may be given again"},
        CLI_ROW_HEADER(header),
        CLI_ROW_SET(overrides),
        CLI_ROW_THREADS(threads),
        CLI_ROW_BAD_ROW(bad_row),
        CLI_ROW_JSON(json, "print one JSON object instead"),
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    if (!cli_parse(&manual, argc, argv, &code)) return code;

    const wish what = {.spec = {.spec_path = path, .overrides = overrides.at, .n_overrides = overrides.n,
                                .threads = (size_t)threads, .skip_bad_rows = bad_row == 1},
                       .data = {.paths = paths.at, .n_paths = paths.n, .header = header, .threads = (size_t)threads, .skip_bad_rows = bad_row == 1}};
    code = inspect(&what, json);
    cli_texts_clear(&overrides);
    cli_texts_clear(&paths);
    return code;
}
