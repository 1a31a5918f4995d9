/* Options: a table of rows, each beside the variable that it fills. The same rows parse the command line and print --help;
 * what a variable holds before parsing is the option's default and is shown as such. */
#ifndef GW_CLI_OPTIONS_H
#define GW_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "cli/commands.h"

typedef enum cli_kind {
    CLI_FLAG,      /* into bool */
    CLI_TEXT,      /* into const char * */
    CLI_TEXTS,     /* into cli_texts: may be given again */
    CLI_LIST,      /* into cli_texts: comma-separated in one value */
    CLI_COUNT,     /* into uint64_t, from `least` to `most` */
    CLI_NUMBER,    /* into double; NAN stands for none, which is no default to show */
    CLI_CHOICE,    /* into int: the index in `value`, words separated by | */
    CLI_ARGUMENT,  /* into const char *: one word that is no option; all are required, in the order of the rows */
    CLI_ARGUMENTS, /* into cli_texts: one or more words, the last row of the arguments */
} cli_kind;

typedef struct cli_texts {
    const char **at; /* the array is owned (cli_texts_clear), the texts are the command line's */
    size_t n;
    char *copy;      /* of a list's value, cut at its commas */
} cli_texts;

typedef struct cli_option {
    cli_kind kind;
    char letter;       /* 'o' for -o; 0: none */
    const char *name;  /* "output" for --output; an argument's word in the usage */
    const char *value; /* the word for its value in the usage, or the choices */
    void *into;
    const char *help;
    bool required;
    uint64_t least, most;
} cli_option;

/* A command's manual: what --help prints besides the options. */
typedef struct cli_manual {
    const cli_command *command;
    const cli_option *options;
    size_t n_options;
    const char *about;    /* paragraphs, at most 100 columns wide */
    const char *examples; /* lines, each a command as typed */
} cli_manual;

/* Fill the variables from argv. False when the command is over: --help was printed or the command line is wrong, and *ret_code is the exit
 * code. `--name value`, `--name=value`, `-o value`; names are not abbreviated; `--` ends the options; `-` alone is an argument. */
bool cli_parse(const cli_manual *manual, int argc, char **argv, int *ret_code);
void cli_texts_clear(cli_texts *texts);

/* Rows that several commands share. */
#define CLI_MAX_THREADS 1024
#define CLI_ROW_THREADS(variable)                                                                                            \
    {.kind = CLI_COUNT, .name = "threads", .value = "N", .into = &(variable), .least = 1, .most = CLI_MAX_THREADS,          \
     .help = "threads to use (default: the machine's cores); the results do not depend on it"}
#define CLI_ROW_SET(variable)                                                                     \
    {.kind = CLI_TEXTS, .name = "set", .value = "KEY.PATH=VALUE", .into = &(variable),            \
     .help = "change a value of the spec; VALUE is YAML, null the default; may be given again"}
#define CLI_ROW_BAD_ROW(variable)                                                                 \
    {.kind = CLI_CHOICE, .name = "on-bad-row", .value = "fail|skip", .into = &(variable),         \
     .help = "what to do with a row that cannot be read: stop there, or count it and go on"}
#define CLI_ROW_HEADER(variable)                                                                  \
    {.kind = CLI_TEXT, .name = "header", .value = "FILE|true", .into = &(variable),               \
     .help = "where the column names are: a file, or the first line (default: as in training)"}
#define CLI_ROW_JSON(variable, what) {.kind = CLI_FLAG, .name = "json", .into = &(variable), .help = what}

#endif
