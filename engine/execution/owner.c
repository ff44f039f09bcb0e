/* owner: three small files. Start at owner_claim. */
#include "engine/execution/owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"

enum { RECIPE_LIMIT = 1 << 16, NAMES_LIMIT = 1 << 30 };

static char *own_path(const char *folder, const char *part, const char *target, struct arena *arena)
{
    return arena_printf(arena, "%s/" OWNER_FOLDER "/%s%s%s", folder, part, target ? "/" : "",
                        target ? target : "");
}

/* Writes it whole or not at all; it is not made durable, as nothing in out/ is. */
static enum status write_own(const char *path, const char *bytes, size_t n, struct arena *arena,
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
    char *path = own_path(folder, "recipe", NULL, arena), *owner;
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
    char *path = own_path(folder, "recipe", NULL, arena), *known, *real, *line;

    TRY(compare_owner(folder, recipe, arena, &known, err));
    TRY(file_absolute(folder, arena, &real, err));
    TRY(way(real, recipe, arena, &line, err));
    if (known && strcmp(known, line) == 0)
        return OK;
    if (!path || !(line = arena_printf(arena, "%s\n", line)))
        return error_memory(err);
    return write_own(path, line, strlen(line), arena, err);
}

/* ---- what is hpo's ---- */

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A name that leads nowhere else, whoever wrote it there. */
static bool is_name(char *name)
{
    const size_t n = strlen(name);
    const bool folder = n > 0 && name[n - 1] == '/';
    bool inner;

    if (folder)
        name[n - 1] = '\0';
    inner = file_is_inner_path(name);
    if (folder)
        name[n - 1] = '/';
    return inner;
}

/* Adds the names of one file; *there says whether there is one. */
static enum status add_names(const char *path, struct arena *arena, struct owned *out,
                             size_t *capacity, bool *there, struct error *err)
{
    char *bytes;
    size_t n;
    enum status s = path ? file_read(path, NAMES_LIMIT, arena, &bytes, &n, err) : error_memory(err);

    *there = s != ERR_NOT_FOUND;
    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    for (size_t at = 0; at < n; at += strlen(bytes + at) + 1) {
        const char **last;
        if (!is_name(bytes + at))
            continue;
        if (!(last = arena_push(arena, out->paths, out->n, *capacity)))
            return error_memory(err);
        *last = bytes + at;
    }
    return OK;
}

enum status owner_read(const char *folder, const char *target, struct arena *arena,
                       struct owned *out, struct error *err)
{
    size_t capacity = 0;
    bool made, next;

    *out = (struct owned){.n = 0};
    TRY(add_names(own_path(folder, "made", target, arena), arena, out, &capacity, &made, err));
    TRY(add_names(own_path(folder, "next", target, arena), arena, out, &capacity, &next, err));
    out->settled = made && !next;
    if (out->n > 0)
        qsort(out->paths, out->n, sizeof *out->paths, compare_paths);
    return OK;
}

enum status owner_begin(const char *folder, const char *target, const struct owned *names,
                        struct arena *arena, struct error *err)
{
    char *path = own_path(folder, "next", target, arena), *bytes;
    struct text t = text_in(arena);
    size_t n;

    for (size_t i = 0; i < names->n; i++)
        text_add_bytes(&t, names->paths[i], strlen(names->paths[i]) + 1);
    TRY(text_finish(&t, &bytes, &n, err));
    return path ? write_own(path, bytes, n, arena, err) : error_memory(err);
}

enum status owner_end(const char *folder, const char *target, struct arena *arena,
                      struct error *err)
{
    char *next = own_path(folder, "next", target, arena);
    char *made = own_path(folder, "made", target, arena);
    char *above = own_path(folder, "made", NULL, arena);

    if (!next || !made || !above)
        return error_memory(err);
    TRY(file_make_folders(above, err));
    return rename(next, made) == 0 ? OK : error_system(err, made, "replace");
}

/* The first name that is not before this one. */
static size_t find(const struct owned *owned, const char *name)
{
    size_t low = 0, high = owned->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(owned->paths[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool owned_is(const struct owned *owned, const char *name)
{
    const size_t i = find(owned, name);

    return i < owned->n && strcmp(owned->paths[i], name) == 0;
}

bool owned_has(const struct owned *owned, const char *path)
{
    const size_t n = strlen(path);

    /* Between "a" and "a/…" lie names like "a-b". */
    for (size_t i = find(owned, path); i < owned->n; i++) {
        const char *name = owned->paths[i];
        if (strncmp(name, path, n) != 0 || name[n] > '/')
            return false;
        if (name[n] == '\0' || name[n] == '/')
            return true;
    }
    return false;
}
