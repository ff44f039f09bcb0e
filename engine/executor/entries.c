/* entries: renamed one after another. Start at entries_turn. */
#include "engine/executor/entries.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"

struct names {
    struct arena *arena;
    const char **list;
    size_t n, capacity;
};

/* As the file system lists them. */
static enum status read_names(const char *folder, struct names *out, struct error *err)
{
    DIR *dir = opendir(folder);
    const char **last;
    struct dirent *e;
    enum status s = OK;

    if (!dir)
        return error_system(err, folder, "list");
    out->n = 0;
    while (s == OK && (errno = 0, e = readdir(dir))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        last = arena_push(out->arena, out->list, out->n, out->capacity);
        if (!last || !(*last = arena_string(out->arena, e->d_name)))
            s = error_memory(err);
    }
    if (s == OK && errno != 0)
        s = error_system(err, folder, "list");
    closedir(dir);
    return s;
}

static bool are_equal(const struct names *a, const struct names *b)
{
    bool equal = a->n == b->n;

    for (size_t i = 0; i < a->n && equal; i++)
        equal = strcmp(a->list[i], b->list[i]) == 0;
    return equal;
}

/* The folder is then what `spare` was made as, with all that it had. */
static enum status put_anew(const char *folder, const char *spare, const struct names *names,
                            bool backwards, struct error *err)
{
    struct stat st;

    if (stat(folder, &st) != 0 || mkdir(spare, 0700) != 0 || chmod(spare, st.st_mode & 07777) != 0)
        return error_system(err, spare, "make");
    for (size_t i = 0; i < names->n; i++) {
        const char *name = names->list[backwards ? names->n - 1 - i : i];
        const char *from = file_join(names->arena, folder, name);
        const char *to = file_join(names->arena, spare, name);
        if (!from || !to)
            return error_memory(err);
        if (rename(from, to) != 0)
            return error_system(err, from, "move");
    }
    return rename(spare, folder) == 0 ? OK : error_system(err, folder, "move");
}

/* One that lists what came last first has to be put anew in the order in which it lists. */
static enum status turn(const char *folder, const char *spare, const struct names *names,
                        bool *turned, struct error *err)
{
    struct names now = {.arena = names->arena};
    bool same = names->n > 1;

    for (int backwards = 1; backwards >= 0 && same; backwards--) {
        TRY(put_anew(folder, spare, names, backwards, err));
        TRY(read_names(folder, &now, err));
        same = are_equal(names, &now);
        *turned |= !same;
    }
    return OK;
}

enum status entries_turn(const char *folder, const char *spare, struct arena *arena, bool *turned,
                         struct error *err)
{
    struct names names = {.arena = arena};
    struct stat st;

    TRY(read_names(folder, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        const char *path = file_join(arena, folder, names.list[i]);
        if (!path)
            return error_memory(err);
        if (lstat(path, &st) != 0)
            return error_system(err, path, "look at");
        if (S_ISDIR(st.st_mode))
            TRY(entries_turn(path, spare, arena, turned, err));
    }
    return turn(folder, spare, &names, turned, err);
}

enum status entries_can_turn(const char *folder, struct arena *arena, bool *can, struct error *err)
{
    const char *tried = file_join(arena, folder, "tried"),
               *spare = file_join(arena, folder, "spare");

    *can = false;
    if (!tried || !spare)
        return error_memory(err);
    TRY(file_remove(tried, err));
    for (int i = 0; i < 4; i++) {
        const char *path = arena_printf(arena, "%s/%d", tried, i);
        if (!path)
            return error_memory(err);
        TRY(file_make_folders(path, err));
    }
    TRY(entries_turn(tried, spare, arena, can, err));
    return file_remove(tried, err);
}
