/* workspace: folders of actions. Start at workspace_make. */
#include "engine/executor/workspace.h"

#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/store.h"
#include "engine/graph/content.h"

static enum status make_folder(const char *path, struct error *err)
{
    return mkdir(path, 0777) == 0 ? OK : error_system(err, path, "make the folder");
}

enum status workspace_make(struct workspace *w, struct store *store, const char *name,
                           struct arena *arena, struct error *err)
{
    w->arena = arena;
    w->folder = file_join(arena, store_work(store), name);
    w->dir = w->folder ? file_join(arena, w->folder, "dir") : NULL;
    w->log = w->folder ? file_join(arena, w->folder, "log") : NULL;
    if (!w->dir || !w->log)
        return error_memory(err);
    TRY(file_remove(w->folder, err));
    TRY(make_folder(w->folder, err));
    return make_folder(w->dir, err);
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

enum status workspace_remove(const struct workspace *w, struct error *err)
{
    return w->folder ? file_remove(w->folder, err) : OK;
}
