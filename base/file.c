/* file: whole files and folders. Start at file_write, the promise that a name on disk makes. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"

bool file_is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *file_join(struct arena *arena, const char *folder, const char *name)
{
    size_t n = strlen(folder);

    return arena_printf(arena, n > 0 && folder[n - 1] == '/' ? "%s%s" : "%s/%s", folder, name);
}

enum status file_absolute(const char *path, struct arena *arena, char **absolute, struct error *err)
{
    char resolved[PATH_MAX];

    if (!realpath(path, resolved)) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        enum status s = error_system(err, path, "find");
        return absent ? ERR_NOT_FOUND : s;
    }
    *absolute = arena_string(arena, resolved);
    return *absolute ? OK : error_memory(err);
}

bool file_is_inner_path(const char *path)
{
    for (const char *part = path;;) {
        size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        if (!part[n])
            return true;
        part += n + 1;
    }
}

bool file_is_below(const char *path, const char *folder)
{
    const size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Reads size bytes, or fewer where the file became shorter; *n is what was read. */
static enum status read_all(int fd, const char *path, char *bytes, size_t size, size_t *n,
                            struct error *err)
{
    for (*n = 0; *n < size;) {
        ssize_t part = read(fd, bytes + *n, size - *n);
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return error_system(err, path, "read");
        if (part == 0)
            break;
        *n += (size_t)part;
    }
    return OK;
}

/* Opens a regular file and finds its size. ERR_NOT_FOUND: there is none. */
static enum status open_regular(const char *path, int *fd, off_t *size, struct error *err)
{
    enum status s;
    struct stat st;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        s = error_system(err, path, "open");
        return absent ? ERR_NOT_FOUND : s;
    }
    if (fstat(*fd, &st) != 0)
        s = error_system(err, path, "stat");
    else if (!S_ISREG(st.st_mode))
        s = error_set(err, ERR_INPUT, path, "expected a regular file");
    else {
        *size = st.st_size;
        return OK;
    }
    close(*fd);
    return s;
}

/* The bytes from `at` to the end that the file had; a NUL stands behind them. n may be NULL. */
static enum status read_from(int fd, const char *path, off_t at, off_t end, struct arena *arena,
                             char **bytes, size_t *n, struct error *err)
{
    const size_t size = (size_t)(end - at);
    size_t used = 0;
    enum status s;

    if (!(*bytes = arena_alloc(arena, size + 1)))
        s = error_memory(err);
    else if (at > 0 && lseek(fd, at, SEEK_SET) != at)
        s = error_system(err, path, "read");
    else
        s = read_all(fd, path, *bytes, size, &used, err);
    if (*bytes)
        (*bytes)[used] = '\0';
    if (n)
        *n = used;
    return s;
}

enum status file_read(const char *path, size_t limit, struct arena *arena, char **bytes, size_t *n,
                      struct error *err)
{
    enum status s;
    off_t size = 0;
    int fd;

    if (n)
        *n = 0;
    TRY(open_regular(path, &fd, &size, err));
    s = (uintmax_t)size > limit
            ? error_set(err, ERR_INPUT, path, "expected at most %zu bytes, found %jd", limit,
                        (intmax_t)size)
            : read_from(fd, path, 0, size, arena, bytes, n, err);
    close(fd);
    return s;
}

enum status file_read_end(const char *path, size_t most, struct arena *arena, char **bytes,
                          size_t *n, struct error *err)
{
    enum status s;
    off_t size = 0;
    int fd;

    TRY(open_regular(path, &fd, &size, err));
    s = read_from(fd, path, (uintmax_t)size > most ? size - (off_t)most : 0, size, arena, bytes, n,
                  err);
    close(fd);
    return s;
}

void file_hold_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY); /* the lowest: fd */
}

enum status file_write_all(int fd, const char *path, const void *bytes, size_t n, struct error *err)
{
    const char *rest = bytes;

    while (n > 0) {
        ssize_t part = write(fd, rest, n);
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return error_system(err, path, "write");
        rest += part;
        n -= (size_t)part;
    }
    return OK;
}

enum status file_sync_folder(const char *path, struct error *err)
{
    enum status s = OK;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_system(err, path, "open");
    if (fsync(fd) != 0)
        s = error_system(err, path, "sync");
    close(fd);
    return s;
}

/* The folder that holds path: "a/b" → "a", "a" → ".", "/a" → "/". */
static char *folder_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return arena_string(arena, ".");
    return arena_copy(arena, path, slash == path ? 1 : (size_t)(slash - path));
}

/* Messages name path, which was asked for: the temporary name is another each time. */
static enum status write_temporary(char *temporary, const char *path, const void *bytes, size_t n,
                                   struct error *err)
{
    enum status s;
    int fd = mkostemp(temporary, O_CLOEXEC);

    if (fd < 0)
        return error_system(err, path, "create");
    s = file_write_all(fd, path, bytes, n, err);
    if (s == OK && fchmod(fd, 0644) != 0)
        s = error_system(err, path, "change the mode");
    if (s == OK && fsync(fd) != 0)
        s = error_system(err, path, "sync");
    if (close(fd) != 0 && s == OK)
        s = error_system(err, path, "close");
    if (s != OK)
        unlink(temporary);
    return s;
}

enum status file_write(const char *path, const void *bytes, size_t n, struct error *err)
{
    enum status s;
    struct arena *arena = arena_open();
    char *temporary = arena ? arena_printf(arena, "%s.XXXXXX", path) : NULL;
    char *folder = arena ? folder_of(arena, path) : NULL;

    if (!temporary || !folder) {
        s = error_memory(err);
        goto out;
    }
    if ((s = write_temporary(temporary, path, bytes, n, err)) != OK)
        goto out;
    if (rename(temporary, path) != 0) {
        s = error_system(err, path, "replace");
        unlink(temporary);
        goto out;
    }
    s = file_sync_folder(folder, err);
out:
    arena_close(arena);
    return s;
}

/* Most often no folder above it is missing: so it is tried first. */
static enum status make_folder(char *path, struct error *err)
{
    char *slash;
    enum status s;

    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return OK;
    slash = errno == ENOENT ? strrchr(path, '/') : NULL;
    if (!slash || slash == path)
        return error_system(err, path, "make the folder");
    *slash = '\0';
    s = make_folder(path, err);
    *slash = '/';
    if (s == OK && mkdir(path, 0777) != 0 && errno != EEXIST)
        return error_system(err, path, "make the folder");
    return s;
}

enum status file_make_folders(const char *path, struct error *err)
{
    struct arena *arena = arena_open();
    char *copy = arena ? arena_string(arena, path) : NULL;
    enum status s = copy ? make_folder(copy, err) : error_memory(err);

    if (s == OK && !file_is_folder(path))
        s = error_set(err, ERR_SYSTEM, path, "expected a folder");
    arena_close(arena);
    return s;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum status file_list(const char *path, struct arena *arena, char ***names, size_t *n,
                      struct error *err)
{
    enum status s = OK;
    size_t capacity = 0;
    struct dirent *entry;
    char **name;
    DIR *dir = opendir(path);

    *names = NULL;
    *n = 0;
    if (!dir) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        s = error_system(err, path, "open the folder");
        return absent ? ERR_NOT_FOUND : s;
    }
    while (s == OK && (errno = 0, entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!(name = arena_push(arena, *names, *n, capacity)) ||
            !(*name = arena_string(arena, entry->d_name)))
            s = error_memory(err);
    }
    if (s == OK && errno != 0)
        s = error_system(err, path, "read the folder");
    closedir(dir);
    if (s == OK && *names)
        qsort(*names, *n, sizeof **names, compare_names);
    return s;
}

/* Cannot do it: with where it lies, as far as the system can say and a message has room. */
static enum status refuse(int parent, const char *name, const char *what, struct error *err)
{
    const int reason = errno;
    char link[64], folder[sizeof err->where], path[sizeof folder + NAME_MAX + 2];
    ssize_t n = -1;

    if (parent != AT_FDCWD) {
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", parent);
        n = readlink(link, folder, sizeof folder - 1);
    }
    folder[n > 0 ? n : 0] = '\0';
    (void)snprintf(path, sizeof path, "%s%s%s", folder, n > 0 ? "/" : "", name);
    errno = reason;
    if (reason != EXDEV && reason != EBUSY)
        return error_system(err, path, what);
    (void)error_set(err, ERR_SYSTEM, path, "it is not removed: something is mounted there");
    error_hint(err, "unmount it, and remove the folder that holds it");
    return ERR_SYSTEM;
}

/*
 * Opens a folder below another; what is mounted there, even from the same disk, is not opened:
 * EXDEV. Where the kernel does not know how, another disk is what can be seen.
 */
static int open_below(int parent, const char *name)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, parent, name, &how, sizeof how);
    struct stat above, st;

    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return fd;
    fd = openat(parent, name, (int)how.flags);
    if (fd >= 0 && (fstatat(parent, "", &above, AT_EMPTY_PATH) != 0 || fstat(fd, &st) != 0 ||
                    above.st_dev != st.st_dev)) {
        close(fd);
        errno = EXDEV;
        return -1;
    }
    return fd;
}

static enum status remove_in(int parent, const char *name, struct error *err);

/* Empties an open folder, which it closes. */
static enum status empty_folder(int fd, const char *name, struct error *err)
{
    enum status s = OK;
    DIR *dir = fdopendir(fd);
    struct dirent *entry;

    if (!dir) {
        close(fd);
        return error_system(err, name, "open the folder");
    }
    while (s == OK && (errno = 0, entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            s = remove_in(dirfd(dir), entry->d_name, err);
    if (s == OK && errno != 0)
        s = error_system(err, name, "read the folder");
    closedir(dir);
    return s;
}

/* From a closed folder no name can go: it is opened up, where it is ours. */
static bool remove_name(int parent, const char *name, int flags)
{
    if (unlinkat(parent, name, flags) == 0)
        return true;
    if (errno != EACCES)
        return false;
    if (fchmod(parent, 0700) == 0)
        return unlinkat(parent, name, flags) == 0;
    errno = EACCES;
    return false;
}

static enum status remove_folder_in(int parent, const char *name, struct error *err)
{
    int fd;

    if (remove_name(parent, name, AT_REMOVEDIR))
        return OK;
    if ((fd = open_below(parent, name)) < 0 && errno == EACCES) {
        (void)fchmodat(parent, name, 0700, AT_SYMLINK_NOFOLLOW);
        fd = open_below(parent, name);
    }
    if (fd < 0)
        return refuse(parent, name, "open the folder", err);
    TRY(empty_folder(fd, name, err));
    if (!remove_name(parent, name, AT_REMOVEDIR) && errno != ENOENT)
        return refuse(parent, name, "remove the folder", err);
    return OK;
}

static enum status remove_in(int parent, const char *name, struct error *err)
{
    if (remove_name(parent, name, 0) || errno == ENOENT || errno == ENOTDIR)
        return OK;
    if (errno != EISDIR && errno != EPERM)
        return refuse(parent, name, "remove", err);
    return remove_folder_in(parent, name, err);
}

/* The last name of a path is what is removed; the folders before it may be mounts or links. */
enum status file_remove(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    enum status s;
    int parent;

    if (!slash || !slash[1])
        return remove_in(AT_FDCWD, path, err);
    if (unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR)
        return OK;
    if (errno != EISDIR && errno != EPERM)
        return refuse(AT_FDCWD, path, "remove", err);
    if (snprintf(folder, sizeof folder, "%.*s", (int)(slash - path + 1), path) >= PATH_MAX)
        errno = ENAMETOOLONG;
    else if ((parent = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0) {
        s = remove_folder_in(parent, slash + 1, err);
        close(parent);
        return s;
    }
    return error_system(err, path, "remove");
}
