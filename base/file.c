/* file: whole files and folders. Start at file_write, the promise that a name on disk makes. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

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

enum status file_read(const char *path, size_t limit, struct arena *arena, char **bytes, size_t *n,
                      struct error *err)
{
    enum status s = OK;
    struct stat st;
    size_t used = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        s = error_system(err, path, "open");
        return absent ? ERR_NOT_FOUND : s;
    }
    if (fstat(fd, &st) != 0) {
        s = error_system(err, path, "stat");
    } else if (!S_ISREG(st.st_mode)) {
        s = error_set(err, ERR_INPUT, path, "expected a regular file");
    } else if ((uintmax_t)st.st_size > limit) {
        s = error_set(err, ERR_INPUT, path, "expected at most %zu bytes, found %jd", limit,
                      (intmax_t)st.st_size);
    } else if (!(*bytes = arena_alloc(arena, (size_t)st.st_size + 1))) {
        s = error_memory(err);
    } else {
        s = read_all(fd, path, *bytes, (size_t)st.st_size, &used, err);
        (*bytes)[used] = '\0';
    }
    if (n)
        *n = used;
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

enum status file_make_folders(const char *path, struct error *err)
{
    enum status s = OK;
    struct stat st;
    struct arena *arena = arena_open();
    char *part = arena ? arena_string(arena, path) : NULL;

    if (!part) {
        arena_close(arena);
        return error_memory(err);
    }
    for (char *p = part; s == OK; p++) {
        char here = *p;
        if ((here == '/' && p > part) || here == '\0') {
            *p = '\0';
            if (mkdir(part, 0777) != 0 && errno != EEXIST)
                s = error_system(err, part, "make the folder");
            *p = here;
        }
        if (here == '\0')
            break;
    }
    if (s == OK && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
        s = error_set(err, ERR_SYSTEM, path, "expected a folder");
    arena_close(arena);
    return s;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(struct arena *arena, char ***names, size_t *n, size_t *capacity,
                     const char *name)
{
    char **list = *names;

    if (*n == *capacity && !(list = arena_grow(arena, list, *n, *n + 1, sizeof *list, capacity)))
        return false;
    *names = list;
    if (!list || !(list[*n] = arena_string(arena, name)))
        return false;
    ++*n;
    return true;
}

enum status file_list(const char *path, struct arena *arena, char ***names, size_t *n,
                      struct error *err)
{
    enum status s = OK;
    size_t capacity = 0;
    struct dirent *entry;
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
        if (!add_name(arena, names, n, &capacity, entry->d_name))
            s = error_memory(err);
    }
    if (s == OK && errno != 0)
        s = error_system(err, path, "read the folder");
    closedir(dir);
    if (s == OK && *names)
        qsort(*names, *n, sizeof **names, compare_names);
    return s;
}

static enum status remove_in(int parent, const char *name, const char *path, struct error *err);

/* Empties an open folder, which it closes. */
static enum status empty_folder(int fd, const char *path, struct error *err)
{
    enum status s = OK;
    DIR *dir = fdopendir(fd);
    struct dirent *entry;

    if (!dir) {
        close(fd);
        return error_system(err, path, "open the folder");
    }
    while (s == OK && (errno = 0, entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            s = remove_in(dirfd(dir), entry->d_name, path, err);
    if (s == OK && errno != 0)
        s = error_system(err, path, "read the folder");
    closedir(dir);
    return s;
}

static enum status remove_in(int parent, const char *name, const char *path, struct error *err)
{
    int fd;

    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT || errno == ENOTDIR)
        return OK;
    if (errno != EISDIR && errno != EPERM)
        return error_system(err, path, "remove");
    /* A closed folder can be neither read nor emptied; where this fails, the next calls say so. */
    (void)fchmodat(parent, name, 0700, AT_SYMLINK_NOFOLLOW);
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_system(err, path, "open the folder");
    TRY(empty_folder(fd, path, err));
    if (unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return error_system(err, path, "remove the folder");
    return OK;
}

enum status file_remove(const char *path, struct error *err)
{
    return remove_in(AT_FDCWD, path, path, err);
}
