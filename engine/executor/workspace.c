/* workspace: folders that come and go. Start at workspace_make. */
#include "engine/executor/workspace.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/store.h"
#include "engine/graph/content.h"

static enum status make_folder(const struct store *store, const char *path, struct error *err)
{
    if (mkdir(path, 0777) != 0)
        return error_system(err, path, "make the folder");
    store_open_to_group(store, path, 02777);
    return OK;
}

/* The folder, open and locked. -1 and *busy: a run is in it, or another build takes something out
 * of it; -1: it cannot be opened. */
static int lock_folder(const char *folder, bool *busy)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    *busy = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
    if (*busy)
        close(fd);
    return *busy ? -1 : fd;
}

/* Removes a folder that nobody is in, and nobody comes to while it goes. */
static enum status remove_left(const char *folder, struct error *err)
{
    bool busy;
    const int lock = lock_folder(folder, &busy);
    const enum status s = busy ? OK : file_remove(folder, err);

    if (lock >= 0)
        close(lock);
    return s;
}

/* The first of the names that does not come before this one. */
static size_t find_first(const struct leftovers *left, const char *name)
{
    size_t low = 0, high = left->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(left->names[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Removes what is left under this name; what somebody still writes into may not go at once. */
static enum status clear(struct leftovers *left, const struct store *store, const char *name,
                         struct arena *arena, struct error *err)
{
    const size_t n = strlen(name);
    struct error ignored;

    if (!left->listed)
        TRY(file_list(store_work(store), left->arena, &left->names, &left->n, err));
    left->listed = true;
    for (size_t i = find_first(left, name); i < left->n; i++) {
        const char *path;
        if (strncmp(left->names[i], name, n) != 0)
            break;
        if (left->names[i][n] != '-' && left->names[i][n] != '\0') /* NAME: of older programs */
            continue;
        if (!(path = file_join(arena, store_work(store), left->names[i])))
            return error_memory(err);
        (void)!remove_left(path, &ignored);
    }
    return OK;
}

/* A name that no folder has had; of the same length each time, for what a path can reach. */
static enum status draw_folder(struct workspace *w, const struct store *store, struct error *err)
{
    uint64_t drawn;

    if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
        return error_system(err, store_work(store), "draw a name in");
    w->folder = arena_printf(w->arena, "%s/%s-%016" PRIx64, store_work(store), w->name, drawn);
    w->dir = w->folder ? file_join(w->arena, w->folder, "dir") : NULL;
    w->log = w->folder ? file_join(w->arena, w->folder, "log") : NULL;
    return w->dir && w->log ? OK : error_memory(err);
}

enum status workspace_make(struct workspace *w, struct store *store, const char *name,
                           struct leftovers *left, struct arena *arena, struct error *err)
{
    bool busy;

    *w = (struct workspace){.name = arena_string(arena, name), .arena = arena, .lock = -1};
    if (!w->name)
        return error_memory(err);
    if (left)
        TRY(clear(left, store, w->name, arena, err));
    TRY(draw_folder(w, store, err));
    TRY(make_folder(store, w->folder, err));
    if ((w->lock = lock_folder(w->folder, &busy)) < 0)
        return error_system(err, w->folder, "lock");
    return make_folder(store, w->dir, err);
}

enum status workspace_expect(const struct workspace *w, const char *output, struct error *err)
{
    const char *slash = strrchr(output, '/');
    char *folder;

    if (!slash)
        return OK;
    folder = arena_printf(w->arena, "%s/%.*s", w->dir, (int)(slash - output), output);
    return folder ? file_make_folders(folder, err) : error_memory(err);
}

enum status workspace_put(const struct workspace *w, struct store *store, struct content *content,
                          const char *path, const char *name, struct arena *scratch,
                          struct error *err)
{
    char *dest = file_join(w->arena, w->dir, name);

    if (!dest)
        return error_memory(err);
    TRY(workspace_expect(w, name, err)); /* the folders above an input are made alike */
    return content_place(store, content, path, scratch, dest, err);
}

void workspace_leave(struct workspace *w)
{
    if (w->folder && w->lock >= 0) {
        (void)flock(w->lock, LOCK_UN); /* closing is not enough: see reaper_start */
        close(w->lock);
    }
    w->lock = -1;
}

enum status workspace_remove(struct workspace *w, struct error *err)
{
    enum status s;

    if (!w->folder)
        return OK;
    s = w->lock >= 0 ? file_remove(w->folder, err) : remove_left(w->folder, err);
    workspace_leave(w);
    return s;
}
