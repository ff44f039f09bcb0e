/* owner: one line, the way to the recipe. Start at owner_claim. */
#include "engine/execution/owner.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"

enum { RECIPE_LIMIT = 1 << 16 };

enum status owner_write(const char *path, const char *bytes, size_t n, struct arena *arena,
                        struct error *err)
{
    char *fresh = arena_printf(arena, "%s.new", path);
    char *above = arena_copy(arena, path, (size_t)(strrchr(path, '/') - path));
    FILE *file;
    bool whole;

    if (!fresh || !above)
        return error_memory(err);
    TRY(file_make_folders(above, err));
    if (!(file = fopen(fresh, "we")))
        return error_system(err, path, "create");
    whole = fwrite(bytes, 1, n, file) == n;
    whole = fclose(file) == 0 && whole;
    return whole && rename(fresh, path) == 0 ? OK : error_system(err, path, "write");
}

/* ---- whose it is ---- */

/* The way from a folder to a file, both absolute and without links. */
static enum status way(const char *folder, const char *file, struct arena *arena, char **out,
                       struct error *err)
{
    char *from = arena_printf(arena, "%s/", folder);
    struct text t = text_in(arena);
    size_t same = 0; /* folders above both */

    if (!from)
        return error_memory(err);
    for (size_t i = 0; from[i] && from[i] == file[i]; i++)
        if (file[i] == '/')
            same = i + 1;
    for (const char *p = from + same; *p; p++)
        if (*p == '/')
            text_add(&t, "../");
    text_add(&t, file + same);
    return text_finish(&t, out, NULL, err);
}

/* *known: what the folder says already. */
static enum status compare_owner(const char *folder, const char *recipe, struct arena *arena,
                                 char **known, struct error *err)
{
    char *path = file_join(arena, folder, OWNER_FOLDER "/recipe"), *owner;
    struct stat theirs, ours;
    size_t n;
    enum status s;

    *known = NULL;
    if (!path)
        return error_memory(err);
    s = file_read(path, RECIPE_LIMIT, arena, known, &n, err);
    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    if (n > 0 && (*known)[n - 1] == '\n')
        (*known)[n - 1] = '\0';
    if (!(owner = file_join(arena, folder, *known)))
        return error_memory(err);
    if (stat(owner, &theirs) != 0 || stat(recipe, &ours) != 0 ||
        (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino))
        return OK; /* it went, or was moved, or is this one */
    if (file_absolute(owner, arena, &owner, err) != OK)
        owner = *known;
    (void)error_set(err, ERR_INPUT, folder, "it holds the targets of %s, and %s has the same name",
                    owner, recipe);
    error_hint(err, "choose another folder for these: --out DIR");
    return ERR_INPUT;
}

enum status owner_refuse(const char *folder, const char *recipe, struct arena *arena,
                         struct error *err)
{
    char *ignored;

    return compare_owner(folder, recipe, arena, &ignored, err);
}

enum status owner_claim(const char *folder, const char *recipe, struct arena *arena,
                        struct error *err)
{
    char *path = file_join(arena, folder, OWNER_FOLDER "/recipe");
    char *known = NULL, *real = NULL, *line = NULL;

    TRY(compare_owner(folder, recipe, arena, &known, err));
    TRY(file_absolute(folder, arena, &real, err));
    TRY(way(real, recipe, arena, &line, err));
    assert(line);
    if (known && strcmp(known, line) == 0)
        return OK;
    if (!path || !(line = arena_printf(arena, "%s\n", line)))
        return error_memory(err);
    return owner_write(path, line, strlen(line), arena, err);
}
