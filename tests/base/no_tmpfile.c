/* A file system without nameless files: linked with --wrap for open, by both of its names. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

static int open_named(const char *path, int flags, int mode) {
    if ((flags & O_TMPFILE) != O_TMPFILE) return __real_open(path, flags, mode);
    errno = EOPNOTSUPP;
    return -1;
}

/* The mode is there when the flags ask for one, and not looked at otherwise. */
#define OPEN(name)                                        \
    int name(const char *path, int flags, ...) {          \
        va_list rest;                                     \
        va_start(rest, flags);                            \
        int mode = flags & O_CREAT ? va_arg(rest, int) : 0; \
        va_end(rest);                                     \
        return open_named(path, flags, mode);             \
    }
OPEN(__wrap_open)
OPEN(__wrap_open64)
