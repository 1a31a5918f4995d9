#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_CHUNK (64u << 10)

static bool is_standard(const char *path) {
    return strcmp(path, "-") == 0;
}

/* `what` failed on `path` with errno. */
static gw_status fail_errno(gw_error *err, const char *path, const char *what) {
    return gw__fail_at(err, GW_E_IO, path, 0, 0, "cannot %s: %m", what);
}

/* ---- reading ---- */

typedef struct content {
    char *bytes;
    size_t n, capacity;
} content;

static gw_status widen(content *c, size_t capacity, gw_error *err) {
    char *wider = gw__aligned_alloc(capacity, 1);
    if (wider == NULL) return gw__fail_nomem(err);
    if (c->n > 0) memcpy(wider, c->bytes, c->n);
    gw__aligned_free(c->bytes);
    c->bytes = wider;
    c->capacity = capacity;
    return GW_OK;
}

/* To the end, whatever the size was said to be: a file may grow, and a pipe has none. One byte of room is kept for the NUL. */
static gw_status read_all(int file, const char *path, size_t limit, content *c, gw_error *err) {
    for (;;) {
        if (c->n + 1 >= c->capacity) {
            gw_status status = widen(c, c->capacity > SIZE_MAX / 2 ? SIZE_MAX : c->capacity * 2, err);
            if (status != GW_OK) return status;
        }
        ssize_t got = read(file, c->bytes + c->n, c->capacity - c->n - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(err, path, "read");
        if (got == 0) break;
        c->n += (size_t)got;
        if (c->n > limit) return gw__fail_at(err, GW_E_LIMIT, path, 0, 0, "expected at most %zu bytes but the file is larger", limit);
    }
    c->bytes[c->n] = '\0';
    return GW_OK;
}

gw_status gw__file_read(const char *path, size_t limit, char **ret_bytes, size_t *ret_n, gw_error *err) {
    gw_status status = GW_OK;
    content c = {0};
    struct stat info;
    const char *name = is_standard(path) ? "standard input" : path;
    int file = is_standard(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return fail_errno(err, name, "read");
    if (fstat(file, &info) != 0) GW__FAIL(fail_errno(err, name, "read"));
    bool sized = S_ISREG(info.st_mode) && info.st_size > 0;
    if (sized && (uint64_t)info.st_size > limit) {
        GW__FAIL(gw__fail_at(err, GW_E_LIMIT, name, 0, 0, "expected at most %zu bytes but found %lld", limit, (long long)info.st_size));
    }
    GW__TRY(widen(&c, sized ? (size_t)info.st_size + 2 : FIRST_CHUNK, err));
    GW__TRY(read_all(file, name, limit, &c, err));
    *ret_bytes = c.bytes;
    *ret_n = c.n;
    c.bytes = NULL;
cleanup:
    if (file > STDIN_FILENO) close(file);
    gw__aligned_free(c.bytes);
    return status;
}

/* ---- writing ---- */

static size_t directory_length(const char *path) { /* with its final slash */
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

enum { TEMPORARY_NAMES = 10000 };

/* writer->temporary becomes name number `i` in the directory of writer->path. The names need no secret: O_EXCL and linkat follow no link
 * and take no file that is there. */
static void set_name(gw__writer *writer, unsigned i) {
    size_t directory = directory_length(writer->path);
    memcpy(writer->temporary, writer->path, directory);
    sprintf(writer->temporary + directory, ".gatewright-%ld-%u.tmp", (long)getpid(), i);
}

/* A new file with a name, with the permissions that `mode` and the umask give; -1 and errno if there can be none. */
static int create_named(gw__writer *writer, mode_t mode) {
    for (unsigned i = 0; i < TEMPORARY_NAMES; i++) {
        set_name(writer, i);
        int file = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        writer->named = file >= 0;
        if (file >= 0 || errno != EEXIST) return file;
    }
    return -1;
}

/* A new file without a name, which ends with the process; -1 where the file system has none. */
static int create_unnamed(gw__writer *writer, mode_t mode) {
    size_t directory = directory_length(writer->path);
    set_name(writer, 0);
    writer->temporary[directory] = '\0';
    return open(directory == 0 ? "." : writer->temporary, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
}

static bool copy_bytes(int from, int to) {
    char bytes[65536];
    off_t at = 0;
    for (ssize_t n; (n = pread(from, bytes, sizeof bytes, at)) != 0; at += n) {
        if (n < 0 || write(to, bytes, (size_t)n) != n) return false;
    }
    return true;
}

/* The complete file gets its name; where that cannot be given after the fact (no /proc), a named copy is made. */
static bool give_name(gw__writer *writer) {
    char self[64];
    int file = fileno(writer->file);
    snprintf(self, sizeof self, "/proc/self/fd/%d", file);
    for (unsigned i = 0; i < TEMPORARY_NAMES; i++) {
        set_name(writer, i);
        writer->named = linkat(AT_FDCWD, self, AT_FDCWD, writer->temporary, AT_SYMLINK_FOLLOW) == 0;
        if (writer->named || errno != EEXIST) break;
    }
    if (writer->named) return true;
    struct stat info;
    int copy = fstat(file, &info) == 0 ? create_named(writer, info.st_mode & 07777) : -1;
    bool done = copy >= 0 && fchmod(copy, info.st_mode & 07777) == 0 && copy_bytes(file, copy) && fsync(copy) == 0;
    if (copy >= 0 && close(copy) != 0) done = false;
    return done;
}

/* A new file in the directory of writer->path. */
static int create_beside(gw__writer *writer, mode_t mode, gw_error *err) {
    writer->temporary = malloc(directory_length(writer->path) + 64);
    if (writer->temporary == NULL) {
        gw__fail_nomem(err);
        return -1;
    }
    int file = create_unnamed(writer, mode);
    if (file < 0) file = create_named(writer, mode);
    if (file >= 0) return file;
    fail_errno(err, writer->path, "create a file beside it");
    free(writer->temporary);
    writer->temporary = NULL;
    return -1;
}

static gw_status open_beside(gw__writer *writer, const struct stat *old, gw_error *err) {
    if (old != NULL && access(writer->path, W_OK) != 0) return fail_errno(err, writer->path, "write");
    gw_error why = {.code = GW_E_NOMEM};
    int file = create_beside(writer, 0666, &why);
    if (file < 0) {
        if (err != NULL) *err = why;
        return why.code;
    }
    if (old != NULL && fchmod(file, old->st_mode & 07777) != 0) { /* some file systems have no modes: the file is still right */
    }
    writer->file = fdopen(file, "wb");
    if (writer->file != NULL) return GW_OK;
    close(file);
    return gw__fail_nomem(err);
}

gw_status gw__writer_open(gw__writer *writer, const char *path, gw_error *err) {
    gw_status status = GW_OK;
    gw__writer w = {0};
    struct stat info;
    if (is_standard(path)) {
        w.path = strdup("standard output");
        if (w.path == NULL) return gw__fail_nomem(err);
        w.file = stdout;
        *writer = w;
        return GW_OK;
    }
    bool there = stat(path, &info) == 0;
    /* A link stays a link: what it points to is replaced. */
    bool link = there && lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
    if (there && stat(path, &info) != 0) return fail_errno(err, path, "write");
    w.path = link ? realpath(path, NULL) : strdup(path);
    /* /dev/stdout may point to what has no name, such as a pipe, which is written in place; a file without a name cannot be replaced. */
    if (w.path == NULL && link && errno != ENOMEM) {
        if (S_ISREG(info.st_mode)) return fail_errno(err, path, "write");
        w.path = strdup(path);
    }
    if (w.path == NULL) return gw__fail_nomem(err);
    if (there && !S_ISREG(info.st_mode)) {
        w.file = fopen(path, "wbe");
        if (w.file == NULL) GW__FAIL(fail_errno(err, path, "write"));
    } else {
        GW__TRY(open_beside(&w, there ? &info : NULL, err));
    }
    *writer = w;
    return GW_OK;
cleanup:
    gw__writer_cancel(&w);
    return status;
}

gw_status gw__writer_put(gw__writer *writer, const void *bytes, size_t n, gw_error *err) {
    if (n > 0 && fwrite(bytes, 1, n, writer->file) != n) return fail_errno(err, writer->path, "write");
    return GW_OK;
}

/* Without this a power failure may lose the new name. Where a directory cannot be opened or synced there is nothing to do.
 * `path` is cut to its directory. */
static void sync_directory(char *path) {
    path[directory_length(path)] = '\0';
    int file = open(path[0] == '\0' ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return;
    fsync(file);
    close(file);
}

static bool cannot_sync(int code) { /* not a file that can be synced, rather than one that failed to */
    return code == EINVAL || code == ENOTSUP || code == EROFS;
}

gw_status gw__writer_commit(gw__writer *writer, gw_error *err) {
    gw_status status = GW_OK;
    FILE *file = writer->file;
    if (fflush(file) != 0 || ferror(file)) GW__FAIL(fail_errno(err, writer->path, "write"));
    if (writer->temporary != NULL && fsync(fileno(file)) != 0 && !cannot_sync(errno)) GW__FAIL(fail_errno(err, writer->path, "write"));
    if (writer->temporary != NULL && !writer->named && !give_name(writer)) GW__FAIL(fail_errno(err, writer->path, "write"));
    if (file != stdout) {
        writer->file = NULL;
        if (fclose(file) != 0) GW__FAIL(fail_errno(err, writer->path, "write"));
    }
    if (writer->temporary != NULL) {
        if (rename(writer->temporary, writer->path) != 0) GW__FAIL(fail_errno(err, writer->path, "write"));
        sync_directory(writer->temporary);
        free(writer->temporary);
        writer->temporary = NULL;
        writer->named = false;
    }
cleanup:
    gw__writer_cancel(writer);
    return status;
}

void gw__writer_cancel(gw__writer *writer) {
    if (writer->file != NULL && writer->file != stdout) fclose(writer->file);
    if (writer->named) unlink(writer->temporary);
    free(writer->temporary);
    free(writer->path);
    *writer = (gw__writer){0};
}

/* ---- names ---- */

bool gw__file_same(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && S_ISREG(x.st_mode) && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int compare_paths(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b); /* strcmp, not the locale's order */
}

static gw_status copy_paths(char *const *paths, size_t n, gw__arena *arena, const char ***ret_paths, gw_error *err) {
    const char **copies = gw__arena_alloc(arena, n, sizeof *copies);
    if (copies == NULL) return gw__fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        copies[i] = gw__arena_text(arena, paths[i], strlen(paths[i]));
        if (copies[i] == NULL) return gw__fail_nomem(err);
    }
    qsort(copies, n, sizeof *copies, compare_paths);
    *ret_paths = copies;
    return GW_OK;
}

gw_status gw__files_match(const char *pattern, gw__arena *arena, const char ***ret_paths, size_t *ret_n, gw_error *err) {
    struct stat info;
    gw_status status;
    if (strpbrk(pattern, "*?[") == NULL || stat(pattern, &info) == 0) { /* a file may be called "a[1].csv" */
        char *self = (char *)(uintptr_t)pattern;
        status = copy_paths(&self, 1, arena, ret_paths, err);
        if (status == GW_OK) *ret_n = 1;
        return status;
    }
    glob_t found = {0};
    int code = glob(pattern, GLOB_NOSORT, NULL, &found);
    if (code == GLOB_NOSPACE) {
        status = gw__fail_nomem(err);
    } else if (code != 0 || found.gl_pathc == 0) {
        status = gw__fail_at(err, GW_E_IO, pattern, 0, 0, "expected files that match but found none");
    } else {
        status = copy_paths(found.gl_pathv, found.gl_pathc, arena, ret_paths, err);
        if (status == GW_OK) *ret_n = found.gl_pathc;
    }
    globfree(&found);
    return status;
}
