/* places: from link to link, and what lies around each. Start at places_add_program. */
#include "engine/process/places.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/process/elf.h"

enum { MOST_LINKS = 40, MOST_TEXT = 64 * 1024 };

enum status places_add(struct places *p, const char *path, struct error *err)
{
    const char **last;
    char real[PATH_MAX];

    if (path && path[0] == '/' && !file_is_inner_path(path + 1) && realpath(path, real) &&
        !(path = arena_string(p->arena, real))) /* "/data/", "/data/../more" */
        return error_memory(err);
    if (!path || path[0] != '/' || !file_is_inner_path(path + 1) || strcmp(path, "/proc") == 0 ||
        strcmp(path, "/dev") == 0)
        return OK; /* the last two it has of its own */
    if (!(last = arena_push(p->arena, p->list, p->n, p->capacity)) ||
        !(*last = arena_string(p->arena, path)))
        return error_memory(err);
    if (!realpath(path, real) || strcmp(real, path) == 0 || !real[1])
        return OK;
    if (!(last = arena_push(p->arena, p->list, p->n, p->capacity)))
        return error_memory(err);
    return (*last = arena_string(p->arena, real)) ? OK : error_memory(err);
}

enum status places_join(struct places *p, const struct places *others, struct error *err)
{
    for (size_t i = 0; i < others->n; i++) {
        const char **last = arena_push(p->arena, p->list, p->n, p->capacity);
        if (!last)
            return error_memory(err);
        *last = others->list[i];
    }
    return OK;
}

static bool has(const char *folder, const char *name)
{
    char path[PATH_MAX];

    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path &&
           access(path, F_OK) == 0;
}

/* The folder above: NULL for "/" and what lies in it, and for NULL. */
static enum status above(const char *path, struct arena *arena, char **folder, struct error *err)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    *folder = NULL;
    if (!slash || slash == path)
        return OK;
    *folder = arena_copy(arena, path, (size_t)(slash - path));
    return *folder ? OK : error_memory(err);
}

static bool ends_with(const char *path, const char *name)
{
    const size_t n = strlen(path), m = strlen(name);

    return n >= m && strcmp(path + n - m, name) == 0;
}

/* The Python that a virtual environment was made of: "home = /usr/bin" in its pyvenv.cfg. */
static enum status add_home(struct places *p, const char *prefix, struct error *err)
{
    const char *path = file_join(p->arena, prefix, "pyvenv.cfg");
    struct error absent;
    char *text, *home;

    if (!path)
        return error_memory(err);
    if (file_read(path, MOST_TEXT, p->arena, &text, NULL, &absent) != OK)
        return absent.text[0] ? OK : error_memory(err);
    if (!(home = strstr(text, "home = ")) || (home != text && home[-1] != '\n'))
        return OK;
    home += strlen("home = ");
    home[strcspn(home, "\r\n")] = '\0';
    TRY(above(home, p->arena, &home, err));
    return places_add(p, home, err);
}

/* What lies around a program in FOLDER/bin. */
static enum status add_prefix(struct places *p, const char *prefix, struct error *err)
{
    const bool is_python =
        has(prefix, "pyvenv.cfg") || has(prefix, "conda-meta") || has(prefix, "lib/python3");

    if (is_python) {
        TRY(places_add(p, prefix, err));
        return add_home(p, prefix, err);
    }
    for (int i = 0; i < 2; i++) {
        const char *folder = file_join(p->arena, prefix, i ? "libexec" : "lib");
        if (!folder)
            return error_memory(err);
        if (file_is_folder(folder))
            TRY(places_add(p, folder, err));
    }
    return OK;
}

/* What lies around a folder of programs. */
static enum status add_around_folder(struct places *p, const char *bin, struct error *err)
{
    char *prefix;

    TRY(above(bin, p->arena, &prefix, err));
    if (!prefix)
        return OK;
    if (ends_with(bin, "/shims")) /* pyenv's */
        return places_add(p, prefix, err);
    return ends_with(bin, "/bin") ? add_prefix(p, prefix, err) : OK;
}

static enum status add_around(struct places *p, const char *path, struct error *err)
{
    char *bin;

    TRY(above(path, p->arena, &bin, err));
    return bin ? add_around_folder(p, bin, err) : OK;
}

/* It, where its links lead, and what lies around these. */
static enum status add_links(struct places *p, const char *path, struct error *err)
{
    char target[PATH_MAX], *folder;
    ssize_t n;

    for (int links = 0; path && links < MOST_LINKS; links++) {
        TRY(places_add(p, path, err));
        TRY(add_around(p, path, err));
        if ((n = readlink(path, target, sizeof target - 1)) <= 0)
            break;
        target[n] = '\0';
        TRY(above(path, p->arena, &folder, err));
        if (target[0] == '/')
            path = arena_string(p->arena, target);
        else
            path = file_join(p->arena, folder ? folder : "", target);
        if (!path)
            return error_memory(err);
    }
    if (!realpath(path, target))
        return OK;
    TRY(elf_libraries(target, p, err));
    return add_around(p, target, err);
}

/* The program that runs a script: "#!VENV/bin/python". */
static enum status add_interpreter(struct places *p, const char *path, struct error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    char line[PATH_MAX] = "", *at = line + 2;
    const ssize_t n = fd >= 0 ? pread(fd, line, sizeof line - 1, 0) : 0;

    if (fd >= 0)
        close(fd);
    if (n < 3 || line[0] != '#' || line[1] != '!')
        return OK;
    at += strspn(at, " \t");
    at[strcspn(at, " \t\r\n")] = '\0';
    return add_links(p, at, err);
}

enum status places_add_program(struct places *p, const char *path, struct error *err)
{
    TRY(add_links(p, path, err));
    return add_interpreter(p, path, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum status places_add_programs(struct places *p, const char *folder, struct error *err)
{
    TRY(places_add(p, folder, err));
    return add_around_folder(p, folder, err);
}

void places_finish(struct places *p)
{
    size_t n = 0;

    if (p->n > 0)
        qsort(p->list, p->n, sizeof *p->list, by_name);
    for (size_t i = 0; i < p->n; i++) {
        bool inside = false;
        for (size_t k = 0; k < n; k++)
            inside |= file_is_below(p->list[i], p->list[k]);
        if (!inside)
            p->list[n++] = p->list[i];
    }
    p->n = n;
}
