/* A system where a nameless file cannot be named afterwards (no /proc): linked with --wrap for linkat. */
#include <errno.h>

int __wrap_linkat(int from_directory, const char *from, int to_directory, const char *to, int flags);

int __wrap_linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
    (void)from_directory, (void)from, (void)to_directory, (void)to, (void)flags;
    errno = ENOENT;
    return -1;
}
