/*
 * scratch: the lock is a flock on the folder itself. A process that removes a stale folder holds
 * its lock. It may meet a new one between mkdtemp and flock; then another is made. Start at
 * scratch_open.
 */
#include "engine/clone/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

static const char prefix[] = "hpo-clone-";
enum { RANDOM_LETTERS = 6 };

/* A name that mkdtemp may have made of ours. */
static bool is_ours(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strlen(prefix);

    return strncmp(name, prefix, n) == 0 && strlen(name + n) == RANDOM_LETTERS &&
           strspn(name + n, letters) == RANDOM_LETTERS;
}

static int open_folder(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Removes a folder of this user that nobody holds; whatever is in the way, it stays. */
static void remove_stale(const char *path)
{
    struct error ignored;
    struct stat st;
    int fd = open_folder(path);

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)!file_remove(path, &ignored);
    close(fd);
}

static void remove_all_stale(const char *parent, struct arena *arena)
{
    struct error ignored;
    char **names;
    size_t n;

    if (file_list(parent, arena, &names, &n, &ignored) != OK)
        return;
    for (size_t i = 0; i < n; i++) {
        char *path = is_ours(names[i]) ? file_join(arena, parent, names[i]) : NULL;
        if (path)
            remove_stale(path);
    }
}

/* Waits for the lock; false: another process, which held it, has removed the folder. */
static bool hold(int fd, const char *path)
{
    struct stat held, named;

    while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
        ;
    return fstat(fd, &held) == 0 && lstat(path, &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

enum status scratch_open(const char *parent, struct arena *arena, struct scratch *out,
                         struct error *err)
{
    remove_all_stale(parent, arena);
    for (;;) {
        char *path = arena_printf(arena, "%s/%sXXXXXX", parent, prefix);
        int fd;

        if (!path)
            return error_memory(err);
        if (!mkdtemp(path))
            return error_system(err, path, "make a temporary folder");
        if ((fd = open_folder(path)) >= 0 && hold(fd, path)) {
            *out = (struct scratch){path, fd};
            return OK;
        }
        if (fd >= 0)
            close(fd);
        else if (errno != ENOENT)
            return error_system(err, path, "open the temporary folder");
    }
}

enum status scratch_close(struct scratch *scratch, struct error *err)
{
    enum status s;

    if (!scratch->path)
        return OK;
    s = file_remove(scratch->path, err);
    close(scratch->lock);
    scratch->path = NULL;
    return s;
}
