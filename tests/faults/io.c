/* io: the calls by which a program changes a disk, each once more with a counter before it. */
#include "tests/faults/io.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { SYNCS_MAX = 4096, PATH_KEPT = 200 };

static long countdown;
static bool always, failed;
static char syncs[SYNCS_MAX][PATH_KEPT];
static size_t n_syncs;

void io_fail_at(long n, bool persistent)
{
    countdown = n;
    always = persistent;
    failed = false;
}

bool io_has_failed(void)
{
    return failed;
}

void io_forget_syncs(void)
{
    n_syncs = 0;
}

size_t io_count_syncs(void)
{
    return n_syncs;
}

long io_find_sync(const char *path_end)
{
    const size_t n = strlen(path_end);

    for (size_t i = 0; i < n_syncs; i++) {
        const size_t length = strlen(syncs[i]);
        if (length >= n && strcmp(syncs[i] + length - n, path_end) == 0)
            return (long)i;
    }
    return -1;
}

static bool must_fail(int number)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    countdown = always ? 1 : 0;
    failed = true;
    errno = number;
    return true;
}

/* Keeps the end of the path. */
static void note_sync(const char *path)
{
    const size_t n = strlen(path), kept = n < PATH_KEPT ? n : PATH_KEPT - 1;

    if (n_syncs < SYNCS_MAX)
        memcpy(syncs[n_syncs++], path + n - kept, kept + 1);
}

static void note_sync_of(int fd)
{
    char link[64], path[PATH_MAX];
    ssize_t n;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    note_sync(path);
}

/* The C library's function of this name, as a pointer of the type of `into`. */
#define FIND_REAL(into, name)                                                                      \
    do {                                                                                           \
        void *found = dlsym(RTLD_NEXT, name);                                                      \
        memcpy(&(into), &found, sizeof found);                                                     \
    } while (0)

/* A function with one more counter: type, name, parameters, the call of the real one, errno. */
#define WRAP(type, name, parameters, call, number)                                                 \
    type name parameters;                                                                          \
    type name parameters                                                                           \
    {                                                                                              \
        static __typeof__(name) *real;                                                             \
        if (must_fail(number))                                                                     \
            return -1;                                                                             \
        if (!real)                                                                                 \
            FIND_REAL(real, #name);                                                                \
        return (call);                                                                             \
    }

WRAP(ssize_t, write, (int fd, const void *bytes, size_t n), real(fd, bytes, n), ENOSPC)
WRAP(ssize_t, pwrite, (int fd, const void *bytes, size_t n, off_t at), real(fd, bytes, n, at),
     ENOSPC)
WRAP(ssize_t, pwrite64, (int fd, const void *bytes, size_t n, off64_t at), real(fd, bytes, n, at),
     ENOSPC)
WRAP(int, ftruncate, (int fd, off_t n), real(fd, n), ENOSPC)
WRAP(int, ftruncate64, (int fd, off64_t n), real(fd, n), ENOSPC)
WRAP(int, mkdir, (const char *path, mode_t mode), real(path, mode), ENOSPC)
WRAP(int, mkdirat, (int folder, const char *path, mode_t mode), real(folder, path, mode), ENOSPC)
WRAP(int, rename, (const char *from, const char *to), real(from, to), EIO)
WRAP(int, renameat, (int a, const char *from, int b, const char *to), real(a, from, b, to), EIO)
WRAP(int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags),
     real(a, from, b, to, flags), EIO)
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags),
     real(a, from, b, to, flags), EIO)
WRAP(int, symlink, (const char *target, const char *path), real(target, path), EIO)
WRAP(int, unlink, (const char *path), real(path), EIO)
WRAP(int, unlinkat, (int folder, const char *path, int flags), real(folder, path, flags), EIO)
WRAP(int, chmod, (const char *path, mode_t mode), real(path, mode), EIO)
WRAP(int, fchmod, (int fd, mode_t mode), real(fd, mode), EIO)
WRAP(int, mkostemp, (char *path, int flags), real(path, flags), ENOSPC)

/* Those that are remembered: only when they succeed. */
#define WRAP_SYNC(name, note)                                                                      \
    int name(int fd);                                                                              \
    int name(int fd)                                                                               \
    {                                                                                              \
        static int (*real)(int);                                                                   \
        int rc;                                                                                    \
        if (must_fail(EIO))                                                                        \
            return -1;                                                                             \
        if (!real)                                                                                 \
            FIND_REAL(real, #name);                                                                \
        rc = real(fd);                                                                             \
        if (rc == 0)                                                                               \
            (note);                                                                                \
        return rc;                                                                                 \
    }

WRAP_SYNC(fsync, note_sync_of(fd))
WRAP_SYNC(fdatasync, note_sync_of(fd))
WRAP_SYNC(syncfs, note_sync("syncfs"))

/* Those that may make a file: they fail only then. */
#define WRAP_OPEN(name, parameters, call)                                                          \
    int name parameters;                                                                           \
    int name parameters                                                                            \
    {                                                                                              \
        static __typeof__(name) *real;                                                             \
        mode_t mode = 0;                                                                           \
        if (flags & O_CREAT) {                                                                     \
            va_list rest;                                                                          \
            va_start(rest, flags);                                                                 \
            mode = va_arg(rest, mode_t);                                                           \
            va_end(rest);                                                                          \
            if (must_fail(ENOSPC))                                                                 \
                return -1;                                                                         \
        }                                                                                          \
        if (!real)                                                                                 \
            FIND_REAL(real, #name);                                                                \
        return (call);                                                                             \
    }

/* NOLINTBEGIN(clang-analyzer-valist.Uninitialized): it does not see va_start inside a macro */
WRAP_OPEN(open, (const char *path, int flags, ...), real(path, flags, mode))
WRAP_OPEN(open64, (const char *path, int flags, ...), real(path, flags, mode))
WRAP_OPEN(openat, (int folder, const char *path, int flags, ...), real(folder, path, flags, mode))
WRAP_OPEN(openat64, (int folder, const char *path, int flags, ...), real(folder, path, flags, mode))
/* NOLINTEND(clang-analyzer-valist.Uninitialized) */
