#include "cli/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "cli/message.h"

typedef struct parser {
    const cli_manual *manual;
    const char **words; /* what is no option, in order */
    size_t n_words;
    bool *seen; /* per row */
} parser;

static const char *command_name(const parser *p) { return p->manual->command->name; }

static bool is_argument(const cli_option *row) { return row->kind == CLI_ARGUMENT || row->kind == CLI_ARGUMENTS; }

static int no_memory(void) {
    gw_error err = {0};
    return cli_report(gw__fail_nomem(&err), &err);
}

/* ---- help ---------------------------------------------------------------------------------------------------------------------- */

/* The choice number `index` of "a|b|c". */
static gw__slice choice_at(const char *choices, int index) {
    while (index-- > 0 && strchr(choices, '|')) choices = strchr(choices, '|') + 1;
    return (gw__slice){choices, strcspn(choices, "|")};
}

static void print_default(const cli_option *row) {
    const char *text;
    gw__slice choice;
    switch (row->kind) {
    case CLI_TEXT:
        text = *(const char **)row->into;
        if (text) printf(" (default: %s)", text);
        break;
    case CLI_COUNT:
        if (*(uint64_t *)row->into) printf(" (default: %llu)", (unsigned long long)*(uint64_t *)row->into);
        break;
    case CLI_NUMBER:
        if (!isnan(*(double *)row->into)) printf(" (default: %g)", *(double *)row->into);
        break;
    case CLI_CHOICE:
        choice = choice_at(row->value, *(int *)row->into);
        printf(" (default: %.*s)", GW__SLICE_ARG(choice));
        break;
    default: break;
    }
    if (row->required) printf(" (required)");
}

/* `text` in lines of at most 100 columns, the first of which begins where the cursor is. */
static void print_wrapped(const char *text, size_t indent) {
    size_t at = indent;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (at > indent && at + 1 + word > 100) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            putchar(' ');
            at++;
        }
        fwrite(text, 1, word, stdout);
        at += word;
        text += word + (text[word] == ' ');
    }
}

enum { HELP_INDENT = 30 };

static void print_row(const char *left, const cli_option *row) {
    int used = printf("  %s", left);
    if (used >= HELP_INDENT) printf("\n%*s", HELP_INDENT, "");
    else printf("%*s", HELP_INDENT - used, "");
    print_wrapped(row->help, HELP_INDENT);
    print_default(row);
    putchar('\n');
}

static void print_option(const cli_option *row) {
    char left[128], letter[8] = "    ";
    if (row->letter) snprintf(letter, sizeof letter, "-%c, ", row->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, row->name, row->value ? " " : "", row->value ? row->value : "");
    print_row(left, row);
}

static void print_usage_line(const cli_manual *manual) {
    printf("usage: gatewright %s", manual->command->name);
    for (size_t i = 0; i < manual->n_options; i++) {
        const cli_option *row = &manual->options[i];
        if (row->kind == CLI_ARGUMENT) printf(" %s", row->name);
        if (row->kind == CLI_ARGUMENTS) printf(" %s...", row->name);
        if (row->required && row->letter) printf(" -%c %s", row->letter, row->value);
        else if (row->required) printf(" --%s %s", row->name, row->value);
    }
    printf(" [OPTION]...\n");
}

static void print_manual(const cli_manual *manual) {
    printf("gatewright %s: %s\n\n", manual->command->name, manual->command->summary);
    print_usage_line(manual);
    printf("\n%s\n\n", manual->about);
    bool any = false;
    for (size_t i = 0; i < manual->n_options; i++) {
        if (!is_argument(&manual->options[i])) continue;
        if (!any) printf("arguments:\n");
        any = true;
        print_row(manual->options[i].name, &manual->options[i]);
    }
    printf("%soptions:\n", any ? "\n" : "");
    for (size_t i = 0; i < manual->n_options; i++)
        if (!is_argument(&manual->options[i])) print_option(&manual->options[i]);
    printf("      --help%*sshow this and exit\n", HELP_INDENT - 12, "");
    printf("\nexamples:\n%s\n", manual->examples);
    printf("\nexit codes: 0 done; 1 the work failed; 2 the command line or the spec is wrong; 130 stopped on request\n");
}

/* ---- values -------------------------------------------------------------------------------------------------------------------- */

static bool texts_new(cli_texts *texts, size_t capacity) {
    if (texts->at == NULL) texts->at = calloc(capacity, sizeof *texts->at);
    return texts->at != NULL;
}

void cli_texts_clear(cli_texts *texts) {
    free(texts->at);
    free(texts->copy);
    *texts = (cli_texts){0};
}

static int set_list(cli_texts *list, const char *value) {
    cli_texts_clear(list);
    list->copy = strdup(value);
    if (list->copy == NULL || !texts_new(list, strlen(value) + 1)) return no_memory();
    for (char *at = list->copy; at != NULL;) list->at[list->n++] = strsep(&at, ",");
    return 0;
}

static int set_count(const parser *p, const cli_option *row, const char *value) {
    int64_t found;
    gw__slice text = gw__slice_of(value);
    if (!gw__parse_int64(text, &found) || found < 0 || (uint64_t)found < row->least || (uint64_t)found > row->most)
        return cli_usage_error(command_name(p), "option '--%s': expected a whole number from %llu to %llu but found '%.80s'", row->name,
                               (unsigned long long)row->least, (unsigned long long)row->most, value);
    *(uint64_t *)row->into = (uint64_t)found;
    return 0;
}

static int set_choice(const parser *p, const cli_option *row, const char *value) {
    int n = 1;
    for (const char *c = row->value; *c; c++) n += *c == '|';
    for (int i = 0; i < n; i++)
        if (gw__slice_is(choice_at(row->value, i), value)) {
            *(int *)row->into = i;
            return 0;
        }
    return cli_usage_error(command_name(p), "option '--%s': expected %s but found '%.80s'", row->name, row->value, value);
}

/* 0, or the exit code after a message. `capacity`: the most texts that the command line can hold. */
static int set_value(const parser *p, const cli_option *row, const char *value, size_t capacity) {
    cli_texts *texts = row->into;
    switch (row->kind) {
    case CLI_FLAG: *(bool *)row->into = true; return 0;
    case CLI_TEXT:
    case CLI_ARGUMENT: *(const char **)row->into = value; return 0;
    case CLI_TEXTS:
    case CLI_ARGUMENTS:
        if (!texts_new(texts, capacity)) return no_memory();
        texts->at[texts->n++] = value;
        return 0;
    case CLI_LIST: return set_list(texts, value);
    case CLI_COUNT: return set_count(p, row, value);
    case CLI_CHOICE: return set_choice(p, row, value);
    case CLI_NUMBER:
        if (gw__parse_double(gw__slice_of(value), row->into)) return 0;
        return cli_usage_error(command_name(p), "option '--%s': expected a number but found '%.80s'", row->name, value);
    }
    return 0;
}

/* ---- the line ------------------------------------------------------------------------------------------------------------------ */

static const cli_option *find_long(const cli_manual *manual, const char *name, size_t n) {
    for (size_t i = 0; i < manual->n_options; i++) {
        const cli_option *row = &manual->options[i];
        if (!is_argument(row) && strlen(row->name) == n && memcmp(row->name, name, n) == 0) return row;
    }
    return NULL;
}

static const cli_option *find_letter(const cli_manual *manual, char letter) {
    for (size_t i = 0; i < manual->n_options; i++)
        if (!is_argument(&manual->options[i]) && manual->options[i].letter == letter) return &manual->options[i];
    return NULL;
}

static int unknown_option(const parser *p, const char *word, size_t n) {
    const char *known[64];
    size_t n_known = 0;
    known[n_known++] = "help";
    for (size_t i = 0; i < p->manual->n_options && n_known < GW__COUNT(known); i++)
        if (!is_argument(&p->manual->options[i])) known[n_known++] = p->manual->options[i].name;
    size_t dashes = strspn(word, "-");
    const char *near = dashes < n ? gw__nearest((gw__slice){word + dashes, n - dashes}, known, n_known) : NULL;
    if (near) return cli_usage_error(command_name(p), "unknown option '%.*s'; hint: did you mean '--%s'?", (int)(n > 80 ? 80 : n), word, near);
    return cli_usage_error(command_name(p), "unknown option '%.*s'", (int)(n > 80 ? 80 : n), word);
}

/* One option at argv[*i], with its value there or in the next word. */
static int take_option(parser *p, int argc, char **argv, int *i) {
    const char *word = argv[*i], *value = NULL;
    const cli_option *row;
    size_t n = strcspn(word, "=");
    if (word[1] == '-') {
        row = find_long(p->manual, word + 2, n - 2);
        value = word[n] == '=' ? word + n + 1 : NULL;
    } else {
        row = find_letter(p->manual, word[1]);
        if (row && row->kind == CLI_FLAG && word[2] != '\0') row = NULL;
        if (row && word[2] != '\0') value = word + 2 + (word[2] == '=');
    }
    if (row == NULL) return unknown_option(p, word, n);
    if (row->kind == CLI_FLAG && value) return cli_usage_error(command_name(p), "option '--%s' takes no value but found '%.80s'", row->name, value);
    if (row->kind != CLI_FLAG && value == NULL) {
        if (*i + 1 >= argc) return cli_usage_error(command_name(p), "option '%.80s': expected a value, %s", word, row->value);
        value = argv[++*i];
    }
    p->seen[row - p->manual->options] = true;
    return set_value(p, row, value, (size_t)argc);
}

static int place_arguments(parser *p, int argc) {
    const cli_manual *manual = p->manual;
    size_t at = 0;
    for (size_t i = 0; i < manual->n_options; i++) {
        const cli_option *row = &manual->options[i];
        if (!is_argument(row)) continue;
        if (at >= p->n_words) return cli_usage_error(command_name(p), "argument %s is missing", row->name);
        do {
            int code = set_value(p, row, p->words[at++], (size_t)argc);
            if (code != 0) return code;
        } while (row->kind == CLI_ARGUMENTS && at < p->n_words);
    }
    if (at < p->n_words) return cli_usage_error(command_name(p), "unexpected argument '%.80s'", p->words[at]);
    for (size_t i = 0; i < manual->n_options; i++) {
        const cli_option *row = &manual->options[i];
        if (!row->required || p->seen[i]) continue;
        if (row->letter) return cli_usage_error(command_name(p), "option '-%c %s' is missing", row->letter, row->value);
        return cli_usage_error(command_name(p), "option '--%s %s' is missing", row->name, row->value);
    }
    return 0;
}

/* --help anywhere before `--` wins over what else is wrong with the line. */
static bool asks_for_help(int argc, char **argv) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    return false;
}

static int parse_words(parser *p, int argc, char **argv) {
    bool options_over = false;
    for (int i = 0; i < argc; i++) {
        if (!options_over && strcmp(argv[i], "--") == 0) {
            options_over = true;
        } else if (!options_over && argv[i][0] == '-' && argv[i][1] != '\0') {
            int code = take_option(p, argc, argv, &i);
            if (code != 0) return code;
        } else {
            p->words[p->n_words++] = argv[i];
        }
    }
    return place_arguments(p, argc);
}

static void clear_texts(const cli_manual *manual) {
    for (size_t i = 0; i < manual->n_options; i++) {
        cli_kind kind = manual->options[i].kind;
        if (kind == CLI_TEXTS || kind == CLI_LIST || kind == CLI_ARGUMENTS) cli_texts_clear(manual->options[i].into);
    }
}

bool cli_parse(const cli_manual *manual, int argc, char **argv, int *ret_code) {
    if (asks_for_help(argc, argv)) {
        print_manual(manual);
        *ret_code = 0;
        return false;
    }
    parser p = {.manual = manual};
    p.words = calloc((size_t)argc + 1, sizeof *p.words);
    p.seen = calloc(manual->n_options + 1, sizeof *p.seen);
    int code = p.words && p.seen ? parse_words(&p, argc, argv) : no_memory();
    free(p.words);
    free(p.seen);
    if (code == 0) return true;
    clear_texts(manual);
    *ret_code = code;
    return false;
}
