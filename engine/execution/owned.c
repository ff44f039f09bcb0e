/* owned: two lists of names, and how one becomes the other. Start at owned_open. */
#include "engine/execution/owned.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/execution/owner.h"

static const size_t names_limit = (size_t)1 << 32; /* bytes */

static char *path_of(const struct owned *owned, const char *list)
{
    return arena_printf(owned->arena, "%s/" OWNER_FOLDER "/%s", owned->folder, list);
}

/* ---- looking up ---- */

/* The first name that is not before `path` with the byte `end` behind it. */
static size_t find(const struct owned *owned, const char *path, char end)
{
    const size_t n = strlen(path);
    size_t low = 0, high = owned->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const char *name = owned->names[middle];
        const int order = strncmp(name, path, n);
        if (order < 0 || (order == 0 && (unsigned char)name[n] < (unsigned char)end))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of names in `names` alone: those that are gone do not count. */
static bool is_at(const struct owned *owned, size_t i, const char *name)
{
    return i < owned->n && strcmp(owned->names[i], name) == 0 && !owned->gone[i];
}

bool owned_is(const struct owned *owned, const char *name)
{
    return is_at(owned, find(owned, name, '\0'), name);
}

size_t owned_next(const struct owned *owned, const char *target, size_t from)
{
    const size_t n = strlen(target), itself = find(owned, target, '\0');
    size_t i = find(owned, target, '/'); /* between the two may lie others: "a", "a-b", "a/…" */

    if (itself >= from && is_at(owned, itself, target))
        return itself;
    for (i = i < from ? from : i; i < owned->n; i++) {
        if (strncmp(owned->names[i], target, n) != 0 || owned->names[i][n] != '/')
            break;
        if (!owned->gone[i])
            return i;
    }
    return owned->n;
}

const char *owned_path(const struct owned *owned, size_t i)
{
    const char *target_ends = strstr(owned->names[i], "//");

    return target_ends ? target_ends + 2 : owned->names[i];
}

/* What is put at the path, or below it, under the path's own name. */
static bool has_below(const struct owned *owned, const char *path)
{
    size_t i = 0;

    while ((i = owned_next(owned, path, i)) < owned->n && owned_path(owned, i) != owned->names[i])
        i++;
    return i < owned->n;
}

/* The index of TARGET//path, where the target is the first n bytes of the path. */
static size_t find_named(const struct owned *owned, const char *path, size_t n)
{
    size_t low = 0, high = owned->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const char *name = owned->names[middle];
        int order = strncmp(name, path, n);
        if (order == 0)
            order = strncmp(name + n, "//", 2);
        if (order == 0)
            order = strcmp(name + n + 2, path);
        if (order == 0)
            return owned->gone[middle] ? owned->n : middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return owned->n;
}

size_t owned_other(const struct owned *owned, const char *target, const char *path)
{
    for (const char *dot = path; (dot = strchr(dot, '.')); dot++) {
        const size_t n = (size_t)(dot - path), i = find_named(owned, path, n);
        if (i < owned->n && (strncmp(target, path, n) != 0 || target[n] != '\0'))
            return i;
    }
    return owned->n;
}

bool owned_by_other(const struct owned *owned, const char *target, const char *path)
{
    return owned_other(owned, target, path) < owned->n ||
           (strcmp(target, path) != 0 && has_below(owned, path));
}

bool owned_has(const struct owned *owned, const char *path)
{
    return has_below(owned, path) ||
           (!strchr(path, '/') && owned_other(owned, "", path) < owned->n);
}

/* ---- reading ---- */

/* A target, "//", and its one file, whose name begins with the target's. */
static bool is_named(const char *name, const char *target_ends)
{
    const char *file = target_ends + 2;
    const size_t n = (size_t)(target_ends - name);

    return n > 0 && !memchr(name, '/', n) && strncmp(file, name, n) == 0 && file[n] == '.' &&
           !strchr(file, '/') && file_is_inner_path(file);
}

/* A name that leads nowhere else, whoever wrote it there. */
static bool is_name(char *name)
{
    const size_t n = strlen(name);
    const bool folder = n > 0 && name[n - 1] == '/';
    const char *target_ends = strstr(name, "//");
    bool inner;

    if (target_ends)
        return is_named(name, target_ends);
    if (folder)
        name[n - 1] = '\0';
    inner = file_is_inner_path(name);
    if (folder)
        name[n - 1] = '/';
    return inner;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts, each once. Most often they are: hpo wrote them so. */
static void sort(const char **names, size_t *n)
{
    size_t kept = 0, sorted = 1;

    while (sorted < *n && strcmp(names[sorted - 1], names[sorted]) < 0)
        sorted++;
    if (sorted >= *n)
        return;
    qsort(names, *n, sizeof *names, compare_names);
    for (size_t i = 0; i < *n; i++)
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
            names[kept++] = names[i];
    *n = kept;
}

/* The whole names of one list: a killed build may have written half of its last one. *there says
 * whether there is a list. */
static enum status read_names(const struct owned *owned, const char *list, const char ***names,
                              size_t *n, bool *there, struct error *err)
{
    const char *path = path_of(owned, list);
    size_t size = 0, count = 0;
    char *bytes = NULL;
    enum status s =
        path ? file_read(path, names_limit, owned->arena, &bytes, &size, err) : error_memory(err);

    *n = 0;
    *there = s != ERR_NOT_FOUND;
    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    assert(bytes);
    for (size_t i = 0; i < size; i++)
        count += bytes[i] == '\0';
    if (!(*names = arena_array(owned->arena, count + 1, sizeof **names)))
        return error_memory(err);
    for (char *name = bytes; count > 0; count--, name += strlen(name) + 1)
        if (is_name(name))
            (*names)[(*n)++] = name;
    sort(*names, n);
    return OK;
}

/* ---- writing ---- */

static enum status write_names(const struct owned *owned, const char **names, size_t n,
                               struct error *err)
{
    const char *path = path_of(owned, "names");
    struct text t = text_in(owned->arena);
    size_t size;
    char *bytes;

    for (size_t i = 0; i < n; i++)
        text_add_bytes(&t, names[i], strlen(names[i]) + 1);
    TRY(text_finish(&t, &bytes, &size, err));
    return path ? owner_write(path, bytes, size, owned->arena, err) : error_memory(err);
}

/* What is gone goes, and what is fresh becomes one of the names. */
static enum status settle(struct owned *owned, struct error *err)
{
    const char *coming = path_of(owned, "coming");
    const char **names = arena_array(owned->arena, owned->n + owned->n_fresh + 1, sizeof *names);
    size_t n = 0;

    if (!coming || !names)
        return error_memory(err);
    for (size_t i = 0; i < owned->n; i++)
        if (!owned->gone || !owned->gone[i])
            names[n++] = owned->names[i];
    for (size_t i = 0; i < owned->n_fresh; i++)
        names[n++] = owned->fresh[i];
    sort(names, &n);
    TRY(write_names(owned, names, n, err));
    if (unlink(coming) != 0 && errno != ENOENT)
        return error_system(err, coming, "remove");
    owned->names = names;
    owned->n = n;
    owned->n_fresh = owned->n_written = 0;
    owned->changed = false;
    return OK;
}

enum status owned_open(struct owned *owned, const char *folder, struct arena *arena,
                       struct error *err)
{
    bool there;

    *owned = (struct owned){.folder = folder, .arena = arena};
    TRY(read_names(owned, "names", &owned->names, &owned->n, &there, err));
    TRY(read_names(owned, "coming", &owned->fresh, &owned->n_fresh, &there, err));
    if (there)
        TRY(settle(owned, err));
    owned->gone = arena_array(arena, owned->n + 1, sizeof *owned->gone);
    return owned->gone ? OK : error_memory(err);
}

enum status owned_add(struct owned *owned, const char *name, struct error *err)
{
    const char *copy = arena_string(owned->arena, name);
    const char **last =
        copy ? arena_push(owned->arena, owned->fresh, owned->n_fresh, owned->fresh_capacity) : NULL;

    if (!last)
        return error_memory(err);
    *last = copy;
    return OK;
}

enum status owned_write(struct owned *owned, struct error *err)
{
    const char *path = path_of(owned, "coming");
    struct text t = text_in(owned->arena);
    enum status s;
    size_t size;
    char *bytes;
    int fd;

    if (owned->n_written == owned->n_fresh)
        return OK;
    for (size_t i = owned->n_written; i < owned->n_fresh; i++)
        text_add_bytes(&t, owned->fresh[i], strlen(owned->fresh[i]) + 1);
    TRY(text_finish(&t, &bytes, &size, err));
    if (!path)
        return error_memory(err);
    if ((fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) < 0)
        return error_system(err, path, "create");
    s = file_write_all(fd, path, bytes, size, err);
    if (close(fd) != 0 && s == OK)
        s = error_system(err, path, "write");
    if (s == OK)
        owned->n_written = owned->n_fresh;
    return s;
}

void owned_drop(struct owned *owned, size_t i)
{
    owned->gone[i] = true;
    owned->changed = true;
}

enum status owned_close(struct owned *owned, struct error *err)
{
    return owned->changed || owned->n_fresh > 0 ? settle(owned, err) : OK;
}
