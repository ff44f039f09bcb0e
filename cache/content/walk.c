/* walk: one recursion over folders. */
#include "cache/content/walk.h"

#include <errno.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/content/filter.h"

struct walk walk_in(struct arena *arena)
{
    return (struct walk){.arena = arena};
}

static enum status append(struct walk *walk, const struct walk_entry *e, struct error *err)
{
    if (walk->n == walk->capacity) {
        struct walk_entry *more = arena_grow(walk->arena, walk->found, walk->n, walk->n + 1,
                                             sizeof *more, &walk->capacity);
        if (!more)
            return error_memory(err);
        walk->found = more;
    }
    walk->found[walk->n++] = *e;
    return OK;
}

static enum status read_target(struct walk *walk, struct walk_entry *e, struct error *err)
{
    char target[TREE_PATH_MAX + 2];
    const ssize_t n = readlink(e->full, target, sizeof target);

    if (n < 0)
        return error_system(err, e->full, "read the symbolic link");
    if ((size_t)n == sizeof target)
        return error_set(err, ERR_FAILED, e->full, "the target of the symbolic link is too long");
    e->target = arena_copy(walk->arena, target, (size_t)n);
    return e->target ? OK : error_memory(err);
}

/* Modes are in no tree, so an action may leave any; a failure shows where they are in the way. */
static void open_up(const struct walk_entry *e)
{
    const mode_t needed = S_ISDIR(e->st.st_mode) ? S_IRWXU : S_IRUSR;

    if (!S_ISLNK(e->st.st_mode) && (e->st.st_mode & needed) != needed)
        (void)!chmod(e->full, (e->st.st_mode & 07777) | needed);
}

static enum status filter_out(struct walk *walk, const char *path, bool folder, bool *out,
                              struct error *err)
{
    const struct filter *f = walk->filter;

    *out = false;
    if (f && path[0])
        TRY(f->leaves_out(f->of, path, folder, out, err));
    walk->left_out += *out;
    return OK;
}

static enum status add_folder(struct walk *walk, const struct walk_entry *folder,
                              struct error *err) MUST_CHECK;

static enum status add(struct walk *walk, const char *full, const char *path, struct error *err)
{
    struct walk_entry e = {.path = path, .full = full};
    const int rc = path[0] ? lstat(full, &e.st) : stat(full, &e.st);
    const int reason = errno;
    bool out;

    TRY(filter_out(walk, path, rc == 0 && S_ISDIR(e.st.st_mode), &out, err));
    if (out)
        return OK; /* also where it is gone again: editors' files come and go */
    if (rc != 0) {
        errno = reason;
        const bool absent = errno == ENOENT || errno == ENOTDIR;
        if (errno == ENAMETOOLONG)
            return error_set(err, ERR_FAILED, full, "the path is too long");
        enum status s = error_system(err, full, "find");
        return absent ? ERR_NOT_FOUND : s;
    }
    if (walk->open)
        open_up(&e);
    switch (e.st.st_mode & S_IFMT) {
    case S_IFDIR:
        e.kind = TREE_FOLDER;
        return add_folder(walk, &e, err);
    case S_IFREG:
        e.kind = e.st.st_mode & S_IXUSR ? TREE_EXECUTABLE : TREE_FILE;
        return append(walk, &e, err);
    case S_IFLNK:
        e.kind = TREE_LINK;
        TRY(read_target(walk, &e, err));
        return append(walk, &e, err);
    default:
        return error_set(err, ERR_FAILED, full,
                         "expected a file, a folder or a symbolic link, "
                         "found a socket, a pipe or a device");
    }
}

/* The depth is bounded by the length of a path that can be listed. */
static enum status add_folder(struct walk *walk, const struct walk_entry *folder, struct error *err)
{
    const struct filter *f = walk->filter;
    const size_t before = walk->n;
    char **names;
    size_t n;

    TRY(file_list(folder->full, walk->arena, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *full = file_join(walk->arena, folder->full, names[i]);
        char *path = folder->path[0] ? file_join(walk->arena, folder->path, names[i]) : names[i];
        if (!full || !path)
            return error_memory(err);
        TRY(add(walk, full, path, err));
    }
    if (walk->n > before || !folder->path[0] || (f && f->leaves_out_empty(f->of, folder->path)))
        return OK;
    return append(walk, folder, err);
}

enum status walk_add(struct walk *walk, const char *full, const char *path, struct error *err)
{
    char *own_full = arena_string(walk->arena, full);
    char *own_path = arena_string(walk->arena, path);

    return own_full && own_path ? add(walk, own_full, own_path, err) : error_memory(err);
}
