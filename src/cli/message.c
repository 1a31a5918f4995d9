#include "cli/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"

/* The bytes of the UTF-8 character at `at`, or 0 for what must not reach a terminal as it is. */
static size_t printable_length(const char *at, size_t n) {
    unsigned char lead = (unsigned char)at[0];
    size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length > n || lead < 0x20 || lead == 0x7F) return 0;
    if (lead == 0xC2 && (unsigned char)at[1] < 0xA0) return 0; /* C1 controls */
    return gw__utf8_valid(at, length) ? length : 0;
}

static void put_safely(const char *text) {
    size_t n = strlen(text);
    for (size_t i = 0; i < n;) {
        size_t length = printable_length(text + i, n - i);
        if (length > 0) {
            fwrite(text + i, 1, length, stderr);
            i += length;
        } else {
            fprintf(stderr, "\\x%02X", (unsigned char)text[i++]);
        }
    }
}

int cli_report(gw_status status, const gw_error *err) {
    fputs("gatewright: ", stderr);
    if (err->where[0] != '\0') {
        put_safely(err->where);
        if (err->line > 0) fprintf(stderr, ":%lld", (long long)err->line);
        if (err->line > 0 && err->column > 0) fprintf(stderr, ":%lld", (long long)err->column);
        fputs(": ", stderr);
    }
    put_safely(err->message[0] != '\0' ? err->message : gw_status_word(status));
    fputc('\n', stderr);
    return gw_status_exit_code(status);
}

int cli_usage_error(const char *command, const char *format, ...) {
    char message[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    fputs("gatewright: ", stderr);
    put_safely(message);
    fprintf(stderr, "\nusage: see 'gatewright %s%s--help'\n", command ? command : "", command ? " " : "");
    return CLI_EXIT_USAGE;
}

/* What an input that matches nothing means is for its reader to say. */
static gw_status check_input(const char *path, const char *pattern, gw_error *err) {
    gw__arena arena = {0};
    const char **inputs = NULL;
    size_t n = 0;
    gw_status status = gw__files_match(pattern, &arena, &inputs, &n, NULL);
    if (status == GW_E_NOMEM) gw__fail_nomem(err);
    if (status == GW_E_IO) status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < n; i++)
        if (strcmp(inputs[i], "-") != 0 && gw__file_same(path, inputs[i]))
            status = gw__fail_at(err, GW_E_ARGUMENT, path, 0, 0, "the output is also the input '%s'", inputs[i]);
    gw__arena_clear(&arena);
    return status;
}

static gw_status check_directory(const char *path, gw_error *err) {
    const char *slash = strrchr(path, '/');
    char directory[4096];
    if (slash == NULL) snprintf(directory, sizeof directory, ".");
    else if (slash == path) snprintf(directory, sizeof directory, "/");
    else if ((size_t)(slash - path) >= sizeof directory) return gw__fail_at(err, GW_E_IO, path, 0, 0, "the path is too long");
    else snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);

    struct stat found;
    if (stat(directory, &found) != 0)
        return gw__fail_at(err, GW_E_IO, path, 0, 0, "cannot write: directory '%s': %s; hint: mkdir -p '%s'", directory, strerror(errno), directory);
    if (!S_ISDIR(found.st_mode)) return gw__fail_at(err, GW_E_IO, path, 0, 0, "cannot write: '%s' is not a directory", directory);
    if (access(directory, W_OK | X_OK) != 0)
        return gw__fail_at(err, GW_E_IO, path, 0, 0, "cannot write: directory '%s': %s", directory, strerror(errno));
    return GW_OK;
}

gw_status cli_check_output(const char *path, const char *const *inputs, size_t n_inputs, gw_error *err) {
    if (strcmp(path, "-") == 0) return GW_OK;
    if (path[0] == '\0') return gw__fail(err, GW_E_ARGUMENT, "the output's name is empty; hint: '-' is standard output");
    struct stat found;
    if (stat(path, &found) != 0) return check_directory(path, err);
    if (S_ISDIR(found.st_mode))
        return gw__fail_at(err, GW_E_IO, path, 0, 0, "cannot write: it is a directory; hint: name a file in it");
    if (!S_ISREG(found.st_mode)) return GW_OK;
    gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < n_inputs; i++)
        if (inputs[i] != NULL) status = check_input(path, inputs[i], err);
    return status == GW_OK ? check_directory(path, err) : status;
}

/* errno of the first write to standard output that failed. */
static int output_error;

void cli_write(FILE *stream, const char *bytes, size_t n) {
    errno = 0;
    bool written = fwrite(bytes, 1, n, stream) == n && fflush(stream) == 0;
    if (!written && stream == stdout && output_error == 0) output_error = errno;
}

int cli_finish(int code) {
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) != 0) failed = true;
    if (!failed || code != 0) return code; /* what failed before has been told */
    fprintf(stderr, "gatewright: standard output: cannot write: %s\n", strerror(output_error ? output_error : errno ? errno : EIO));
    return CLI_EXIT_FAILED;
}
