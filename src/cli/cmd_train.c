#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/isa.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "cli/train_seeds.h"

static const char about[] =
    "Reads data.train, fits the features, trains, and saves one file that holds everything a prediction needs.\n"
    "With data.valid each epoch is measured, and with train.early_stop the best epoch is kept; with data.test the\n"
    "result is measured once at the end. The model is the same, byte for byte, for any number of threads.\n"
    "Ctrl-C stops after the running step and saves the best model so far; a second Ctrl-C ends at once.";

static const char examples[] =
    "  gatewright train people.yaml -o people.gw\n"
    "  gatewright train people.yaml --set train.epochs=3 --set train.seed=2\n"
    "  gatewright train people.yaml --set model.architecture=ple -o ple.gw\n"
    "  gatewright train people.yaml --resume people.gw.ckpt -o people.gw\n"
    "  gatewright train people.yaml --seeds 1-10 -o people-{seed}.gw\n"
    "  gatewright train people.yaml --report people.html\n"
    "  gatewright train people.yaml --json > epochs.jsonl";

/* Train and say what came of it. */
static int train(gw_train_options options, bool json) {
    gw_error err = {0};
    gw_model *model = NULL;
    cli_progress progress = cli_progress_of(json, strcmp(options.model_path, "-") == 0);
    options.listener = cli_progress_listen;
    options.listener_context = &progress;
    gw_status status = gw_train(&options, &model, &err);
    cli_progress_end(&progress);
    if (model != NULL) cli_progress_saved(&progress, model, options.model_path);
    if (model != NULL && options.report_path) fprintf(stderr, "look at %s\n", options.report_path);
    if (status == GW_E_CANCELED && model == NULL) fprintf(stderr, "stopped before there was a model: nothing was saved\n");
    gw_model_free(model);
    return status == GW_OK ? 0 : cli_report(status, &err);
}

static const char default_output[] = "model.gw", default_outputs[] = "model-{seed}.gw";

int cmd_train(const cli_command *self, int argc, char **argv) {
    const char *spec = NULL, *output = default_output, *init = NULL, *resume = NULL, *report = NULL;
    cli_texts overrides = {0}, seeds = {0};
    uint64_t threads = 0;
    int bad_row = 0, health = GW_HEALTH_AUTO, code;
    bool json = false;
    const cli_option options[] = {
        {.kind = CLI_ARGUMENT, .name = "SPEC", .into = &spec, .help = "what to train on what: YAML, or JSON if its name ends in .json"},
        {.kind = CLI_TEXT, .letter = 'o', .name = "output", .value = "MODEL", .into = &output, .help = "where to save the model"},
        CLI_ROW_SET(overrides),
        {.kind = CLI_TEXT, .name = "init", .value = "MODEL", .into = &init,
         .help = "start from the features and parameters of this model; optimizer and epochs start fresh"},
        {.kind = CLI_TEXT, .name = "resume", .value = "CKPT", .into = &resume,
         .help = "go on from a checkpoint (train.checkpoint) as if the run had never stopped"},
        {.kind = CLI_TEXT, .name = "report", .value = "FILE", .into = &report,
         .help = "write a page to look at, HTML in one file: curves, structure, gates, calibration"},
        {.kind = CLI_LIST, .name = "seeds", .value = "S,S-S", .into = &seeds,
         .help = "a run for each train.seed, such as 1-10 or 1,5,9, spread over the threads; MODEL then has {seed} in it"},
        {.kind = CLI_CHOICE, .name = "health", .value = "auto|every|off", .into = &health,
         .help = "when to look at gates, experts and the tasks' gradients and to warn of what is wrong: as often as it costs little, after every epoch, or never"},
        CLI_ROW_THREADS(threads),
        CLI_ROW_BAD_ROW(bad_row),
        CLI_ROW_JSON(json, "print one JSON object per epoch"),
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    if (!cli_parse(&manual, argc, argv, &code)) return code;

    if (seeds.n > 0 && output == default_output) output = default_outputs;
    gw_error err = {0};
    const char *inputs[] = {spec}; /* the model of --init was read whole before it is replaced */
    gw_status status = cli_check_output(output, inputs, GW__COUNT(inputs), &err);
    if (status == GW_OK && report) status = cli_check_output(report, (const char *[]){spec, init, resume}, 3, &err);
    if (init && resume) {
        code = cli_usage_error(self->name, "options '--init' and '--resume' exclude each other");
    } else if (resume && seeds.n > 0) {
        code = cli_usage_error(self->name, "options '--resume' and '--seeds' exclude each other");
    } else if (report && seeds.n > 0) {
        code = cli_usage_error(self->name, "options '--report' and '--seeds' exclude each other");
    } else if (report && strcmp(report, "-") == 0) {
        code = cli_usage_error(self->name, "option '--report': expected a file but found '-', standard output, where the results go");
    } else if (strcmp(output, "-") == 0 && json) {
        code = cli_usage_error(self->name, "standard output cannot take both the model and --json");
    } else if (status != GW_OK) {
        code = cli_report(status, &err);
    } else {
        const gw_train_options what = {
            .spec_path = spec, .overrides = overrides.at, .n_overrides = overrides.n, .init_path = init, .resume_path = resume,
            .model_path = output, .report_path = report, .isa = cli_isa(), .threads = (size_t)threads, .skip_bad_rows = bad_row == 1,
            .health = (gw_health)health, .cancel = &cli_stop_requested};
        cli_stop_catch();
        code = seeds.n > 0 ? cli_train_seeds(&what, &seeds, output, json) : train(what, json);
    }
    cli_texts_clear(&overrides);
    cli_texts_clear(&seeds);
    return code;
}
