/* The subcommands: one row and one file (cmd_NAME.c) each. The rows feed dispatch, `gatewright --help` and did-you-mean;
 * a test checks that docs/command.md has a section for every row. */
#ifndef GW_CLI_COMMANDS_H
#define GW_CLI_COMMANDS_H

/* name, summary */
#define CLI_COMMAND_ROSTER(X)                                                        \
    X(init, "look at a table and write a commented spec")                            \
    X(train, "learn a model from a table, as a spec says")                           \
    X(evaluate, "measure a model on a labelled table: metrics per task, mean gates") \
    X(predict, "score the rows of a table")                                          \
    X(inspect, "show the structure of a model or spec: shapes, parameters, features, tasks") \
    X(import, "make a model from a spec and parameters trained elsewhere")           \
    X(export, "write a model's parameters for other programs")                           \
    X(compare, "train several architectures with several seeds: a table with gains over single-task") \
    X(synth, "generate a data set")                                                      \
    X(bench, "time this machine on standard shapes")

typedef struct cli_command {
    const char *name;
    const char *summary;
    int (*run)(const struct cli_command *self, int argc, char **argv); /* argv: what follows the name; returns the exit code */
} cli_command;

#define X(name, summary) int cmd_##name(const cli_command *self, int argc, char **argv);
CLI_COMMAND_ROSTER(X)
#undef X

#endif
