/* The command: finds the subcommand and runs it. All that a subcommand can do stands in its own file, cmd_NAME.c. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/isa.h"
#include "cli/message.h"
#include "cli/options.h"

static const cli_command commands[] = {
#define X(name, summary) {#name, summary, cmd_##name},
    CLI_COMMAND_ROSTER(X)
#undef X
};

static void print_help(void) {
    printf("gatewright %s: multi-task models made of gated experts, from an ordinary table\n\n"
           "usage: gatewright COMMAND [ARGUMENT]... [OPTION]...\n\ncommands:\n", gw_version());
    for (size_t i = 0; i < GW__COUNT(commands); i++) printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    printf("  %-10s %s\n", "help", "show how a command is used: gatewright help COMMAND");
    printf("\noptions:\n  --help     show this and exit\n  --version  show the version and the instruction sets, and exit\n\n"
           "a first model:\n"
           "  gatewright init people.csv --task income --task age:regression -o people.yaml\n"
           "  gatewright train people.yaml -o people.gw\n"
           "  gatewright evaluate people.gw people.csv\n"
           "  gatewright predict people.gw people.csv -o scores.csv\n\n"
           "exit codes: 0 done; 1 the work failed; 2 the command line or the spec is wrong; 130 stopped on request\n");
}

static void print_version(void) {
    const char *wanted = cli_isa(), *used = NULL;
    printf("gatewright %s\nthis machine can run:", gw_version());
    for (size_t i = 0; gw_isa_at(i); i++) {
        if (!wanted || strcmp(gw_isa_at(i), wanted) == 0) used = gw_isa_at(i); /* the last is the best */
        printf("%s %s", i ? "," : "", gw_isa_at(i));
    }
    if (used) printf("; in use: %s\n", used);
    else printf("; GATEWRIGHT_ISA is '%.80s', which is none of them\n", wanted);
}

static const cli_command *find_command(const char *name) {
    for (size_t i = 0; i < GW__COUNT(commands); i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int unknown_command(const char *name) {
    const char *known[GW__COUNT(commands) + 1];
    for (size_t i = 0; i < GW__COUNT(commands); i++) known[i] = commands[i].name;
    known[GW__COUNT(commands)] = "help";
    const char *near = gw__nearest(gw__slice_of(name), known, GW__COUNT(known));
    if (near) return cli_usage_error(NULL, "unknown command '%.80s'; hint: did you mean '%s'?", name, near);
    return cli_usage_error(NULL, "unknown command '%.80s'", name);
}

static int run_help(int argc, char **argv) {
    if (argc == 0) {
        print_help();
        return 0;
    }
    if (argc > 1) return cli_usage_error(NULL, "help takes one command but found '%.80s' as well", argv[1]);
    const cli_command *command = find_command(argv[0]);
    char help[] = "--help", *arguments[] = {help, NULL};
    return command ? command->run(command, 1, arguments) : unknown_command(argv[0]);
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "gatewright: a command is missing\nusage: see 'gatewright --help'\n");
        return CLI_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return run_help(0, NULL);
    if (strcmp(word, "help") == 0) return run_help(argc - 2, argv + 2);
    if (strcmp(word, "--version") == 0) {
        print_version();
        return 0;
    }
    gw_error err = {0};
    gw_status status = cli_check_isa(&err);
    if (status != GW_OK) return cli_report(status, &err);
    if (word[0] == '-') {
        const char *known[] = {"--help", "--version"};
        const char *near = gw__nearest(gw__slice_of(word), known, GW__COUNT(known));
        if (near) return cli_usage_error(NULL, "unknown option '%.80s'; hint: did you mean '%s'?", word, near);
        return cli_usage_error(NULL, "unknown option '%.80s' before a command", word);
    }
    const cli_command *command = find_command(word);
    return command ? command->run(command, argc - 2, argv + 2) : unknown_command(word);
}

/* Nothing half-written is left: outputs have no name until they are whole. `train` has a handler of its own, which saves. */
static void stop(int number) {
    static const char text[] = "gatewright: stopped on request\n";
    ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);
    (void)n;
    (void)number;
    _exit(128 + SIGINT);
}

static void end_on(int number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN) signal(number, stop);
}

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, "");  /* only to know whether the terminal takes UTF-8 */
    signal(SIGPIPE, SIG_DFL); /* a reader that has seen enough ends the command without a word, even where the parent ignores it */
    end_on(SIGINT);
    end_on(SIGTERM);
    return cli_finish(run(argc, argv));
}
