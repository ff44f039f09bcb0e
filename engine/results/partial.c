/* partial: a note beside each held checkpoint. Start at partial_hold. */
#include "engine/results/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/content/walk.h"
#include "cache/store.h"

enum {
    NOTE_LIMIT = 16 * 1024,
    FEW_FILES = 16
}; /* above, one syncfs is cheaper than an fsync each */

static const char heading[] = "checkpoint 1\n";

/* ---- the folder that a line names ---- */

static enum status refuse(struct error *err, const char *name, const char *what)
{
    return error_set(err, ERR_FAILED, "", "its checkpoint \"%s\" %s", name, what);
}

/* One step on the way: a folder on the same file system, and no link. *fd moves there. */
static enum status step(int *fd, const char *name, const char *part, dev_t device,
                        struct error *err)
{
    const int next = openat(*fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (next < 0) {
        (void)refuse(err, name, "is not there");
        return ERR_NOT_FOUND;
    }
    close(*fd);
    *fd = next;
    if (fstat(next, &st) != 0)
        return error_system(err, name, "look at");
    if (S_ISLNK(st.st_mode))
        return refuse(err, name, "is a symbolic link, or lies behind one");
    if (!S_ISDIR(st.st_mode))
        return refuse(err, name, "is a file: a checkpoint is a folder");
    if (st.st_dev != device)
        return refuse(err, name, "lies on another file system than HPO_CHECKPOINT_OUT");
    return OK;
}

static enum status walk_down(const char *out, char *path, const char *name, struct error *err)
{
    int fd = open(out, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    enum status s = OK;
    struct stat st;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return refuse(err, name, "is not there: HPO_CHECKPOINT_OUT is no folder any more");
    if (fd < 0 || fstat(fd, &st) != 0)
        s = error_system(err, out, "open");
    while (s == OK && path) {
        char *slash = strchr(path, '/');
        if (slash)
            *slash = '\0';
        s = step(&fd, name, path, st.st_dev, err);
        if (slash)
            *slash++ = '/';
        path = slash;
    }
    if (fd >= 0)
        close(fd);
    return s;
}

/* The path without slashes and dots that mean nothing: "./a//b/" is "a/b", "." is "". */
static void tidy(char *path)
{
    char *to = path;

    for (const char *at = path; *at;) {
        const size_t n = strcspn(at, "/");
        if (n > 1 || (n == 1 && *at != '.')) {
            if (to > path)
                *to++ = '/';
            memmove(to, at, n);
            to += n;
        }
        at += n + (at[n] == '/');
    }
    *to = '\0';
}

enum status partial_folder(const char *out, const char *name, struct arena *arena,
                           const char **folder, struct error *err)
{
    const size_t n = strlen(out);
    const bool is_below = strncmp(name, out, n) == 0 && (name[n] == '/' || name[n] == '\0');
    char *path = arena_string(arena, is_below ? name + n : name);

    if (!path)
        return error_memory(err);
    if (is_below || path[0] != '/') /* else it is another place of this machine */
        tidy(path);
    if (path[0] == '\0')
        return refuse(err, name, "is HPO_CHECKPOINT_OUT itself: expected a folder inside it");
    if (!file_is_inner_path(path))
        return refuse(err, name, "is outside HPO_CHECKPOINT_OUT");
    TRY(walk_down(out, path, name, err));
    *folder = file_join(arena, out, path);
    return *folder ? OK : error_memory(err);
}

/* ---- how it looks ---- */

static enum status look_at(const char *folder, struct walk *walk, struct digest *look,
                           struct error *err)
{
    struct text t = text_in(walk->arena);
    char *bytes;
    size_t n;

    TRY(walk_add(walk, folder, "", err));
    for (size_t i = 0; i < walk->n; i++) {
        const struct walk_entry *e = &walk->found[i];
        text_printf(&t, "%d %lld %llu %lld.%09ld %s%c", (int)e->kind, (long long)e->st.st_size,
                    (unsigned long long)e->st.st_ino, (long long)e->st.st_mtim.tv_sec,
                    e->st.st_mtim.tv_nsec, e->path, '\0');
    }
    TRY(text_finish(&t, &bytes, &n, err));
    return digest_bytes(bytes, n, look, err);
}

static enum status sync_path(const char *path, struct error *err)
{
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    enum status s = OK;

    if (fd < 0)
        return error_system(err, path, "open what is to be synced");
    if (fsync(fd) != 0)
        s = error_system(err, path, "sync");
    close(fd);
    return s;
}

/* The folders between a file and the folder that is held, each by itself. */
static enum status sync_folders(struct arena *arena, const char *folder, const char *path,
                                struct error *err)
{
    char *full = file_join(arena, folder, path);

    if (!full)
        return error_memory(err);
    for (char *slash; (slash = strrchr(full, '/')) && slash >= full + strlen(folder);) {
        *slash = '\0';
        TRY(sync_path(full, err));
    }
    return OK;
}

static enum status sync_all(const char *folder, const struct walk *walk, struct error *err)
{
    enum status s = OK;
    int fd;

    if (walk->n <= FEW_FILES) {
        for (size_t i = 0; i < walk->n; i++) {
            if (walk->found[i].kind == TREE_FILE || walk->found[i].kind == TREE_EXECUTABLE)
                TRY(sync_path(walk->found[i].full, err));
            TRY(sync_folders(walk->arena, folder, walk->found[i].path, err));
        }
        return sync_path(folder, err);
    }
    if ((fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || syncfs(fd) != 0)
        s = error_system(err, folder, "sync");
    if (fd >= 0)
        close(fd);
    return s;
}

/* ---- notes ---- */

static char *note_path(struct store *store, const struct digest *key, struct arena *arena)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(key, hex);
    return arena_printf(arena, "%s/%s.checkpoint", store_work(store), hex);
}

static enum status hold(struct store *store, const struct digest *key, const char *folder,
                        struct arena *arena, struct error *err)
{
    const char *path = note_path(store, key, arena);
    struct walk walk = walk_in(arena);
    char hex[DIGEST_HEX + 1], *note;
    struct digest look;
    enum status s = look_at(folder, &walk, &look, err);

    if (s == OK)
        s = sync_all(folder, &walk, err);
    if (s == ERR_NOT_FOUND || s == ERR_SYSTEM)
        return error_set(err, ERR_NOT_FOUND, "", "its checkpoint changed after it was named");
    TRY(s);
    digest_hex(&look, hex);
    note = arena_printf(arena, "%s%s\n%s\n", heading, hex, folder);
    if (!path || !note)
        return error_memory(err);
    return file_write(path, note, strlen(note), err);
}

enum status partial_hold(struct store *store, const struct digest *key, const char *folder,
                         struct error *err)
{
    struct arena *arena = arena_open();
    enum status s = arena ? hold(store, key, folder, arena, err) : error_memory(err);

    arena_close(arena);
    return s;
}

void partial_drop(struct store *store, const struct digest *key)
{
    struct arena *arena = arena_open();
    const char *path = arena ? note_path(store, key, arena) : NULL;

    if (path)
        (void)unlink(path);
    arena_close(arena);
}

/* The lock of the run's folder, STORE/work/NAME-FRESH: see engine/executor/workspace.h. */
static int lock_run(struct store *store, const char *folder, struct arena *arena)
{
    const size_t n = strlen(store_work(store));
    const char *end;
    char *run;
    int fd;

    if (strncmp(folder, store_work(store), n) != 0 || folder[n] != '/' ||
        !(end = strchr(folder + n + 1, '/')) ||
        !(run = arena_copy(arena, folder, (size_t)(end - folder))))
        return -1;
    fd = open(run, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

enum status partial_find(struct store *store, const struct digest *key, struct arena *arena,
                         const char **folder, int *lock, struct error *err)
{
    const char *path = note_path(store, key, arena);
    struct walk walk = walk_in(arena);
    char *note, *line, *end, hex[DIGEST_HEX + 1];
    struct digest look;
    struct error ignored;

    *folder = NULL;
    *lock = -1;
    if (!path)
        return error_memory(err);
    if (file_read(path, NOTE_LIMIT, arena, &note, NULL, &ignored) != OK ||
        strncmp(note, heading, strlen(heading)) != 0)
        return OK;
    line = note + strlen(heading);
    if (strlen(line) < DIGEST_HEX + 2 || line[DIGEST_HEX] != '\n' ||
        !(end = strchr(line + DIGEST_HEX + 1, '\n')))
        return OK;
    *end = '\0';
    if ((*lock = lock_run(store, line + DIGEST_HEX + 1, arena)) < 0)
        return OK;
    if (look_at(line + DIGEST_HEX + 1, &walk, &look, &ignored) == OK) {
        digest_hex(&look, hex);
        if (strncmp(hex, line, DIGEST_HEX) == 0)
            *folder = line + DIGEST_HEX + 1;
    }
    if (!*folder) {
        close(*lock);
        *lock = -1;
    }
    return OK;
}
