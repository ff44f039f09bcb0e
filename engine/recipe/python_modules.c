/* python_modules: from import statements to files. Start at python_modules_find. */
#include "engine/recipe/python_modules.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/recipe/python_imports.h"

static const size_t longest = (size_t)16 << 20; /* a file of Python */

/* Folders are relative to `folder`, "" for itself. */
struct finder {
    const char *folder;
    const char *roots[2]; /* where modules are looked for; the second may be NULL */
    struct arena *arena;
    const char **files;
    size_t n, capacity;
};

/* What a name is in a folder. */
enum kind { KIND_NOTHING, KIND_MODULE, KIND_PACKAGE, KIND_FOLDER };

/* "FOLDER/NAME" of the length n; NULL: no memory. */
static char *join(const struct finder *f, const char *folder, const char *name, size_t n)
{
    return arena_printf(f->arena, "%s%s%.*s", folder, *folder ? "/" : "", (int)n, name);
}

static bool is_kind(const struct finder *f, const char *path, mode_t kind)
{
    char full[4096]; /* no path is longer */
    const int n = snprintf(full, sizeof full, "%s/%s", f->folder, path);
    struct stat st;

    return n > 0 && n < (int)sizeof full && stat(full, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

static enum status add_file(struct finder *f, const char *path, struct error *err)
{
    const char **last;

    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->files[i], path) == 0)
            return OK;
    if (!(last = arena_push(f->arena, f->files, f->n, f->capacity)))
        return error_memory(err);
    *last = path;
    return OK;
}

/* Looks for a name in a folder, and adds the file that importing it runs. *inside: a package's or
 * namespace's folder. */
static enum status find_name(struct finder *f, const char *folder, const char *name, size_t n,
                             enum kind *kind, const char **inside, struct error *err)
{
    char *path = join(f, folder, name, n), *module, *init;

    if (!path || !(module = arena_printf(f->arena, "%s.py", path)) ||
        !(init = arena_printf(f->arena, "%s/__init__.py", path)))
        return error_memory(err);
    *inside = path;
    *kind = is_kind(f, init, S_IFREG)     ? KIND_PACKAGE
            : is_kind(f, module, S_IFREG) ? KIND_MODULE
            : is_kind(f, path, S_IFDIR)   ? KIND_FOLDER
                                          : KIND_NOTHING;
    return *kind == KIND_PACKAGE  ? add_file(f, init, err)
           : *kind == KIND_MODULE ? add_file(f, module, err)
                                  : OK;
}

/* Goes down a dotted name from a folder. *inside: where the last part's own names are looked for;
 * NULL: it has none here. */
static enum status find_dotted(struct finder *f, const char *folder, const char *dotted,
                               enum kind *first, const char **inside, struct error *err)
{
    enum kind kind = KIND_FOLDER;

    *first = KIND_FOLDER;
    *inside = folder;
    for (const char *at = dotted; *at && kind >= KIND_PACKAGE;) {
        const size_t n = strcspn(at, ".");
        TRY(find_name(f, *inside, at, n, &kind, inside, err));
        if (at == dotted)
            *first = kind;
        at += n + (at[n] == '.');
        if (kind == KIND_MODULE && *at)
            kind = KIND_NOTHING;
    }
    if (kind < KIND_PACKAGE)
        *inside = NULL;
    return OK;
}

/* from PACKAGE import *: what it may give is not known before it runs. */
static enum status add_all(struct finder *f, const char *folder, struct error *err)
{
    const char *full = file_join(f->arena, f->folder, folder), *inside;
    enum kind kind;
    char **names;
    size_t n;

    if (!full)
        return error_memory(err);
    TRY(file_list(full, f->arena, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(names[i]);
        const bool module = length > 3 && strcmp(names[i] + length - 3, ".py") == 0;
        TRY(find_name(f, folder, names[i], length - (module ? 3 : 0), &kind, &inside, err));
    }
    return OK;
}

/* What an import brings from one folder. *first: what its first name is there. */
static enum status follow(struct finder *f, const char *folder, const struct python_import *import,
                          enum kind *first, struct error *err)
{
    const char *inside, *ignored;
    enum kind kind;

    TRY(find_dotted(f, folder, import->module, first, &inside, err));
    if (!inside)
        return OK;
    if (import->star)
        return add_all(f, inside, err);
    for (size_t i = 0; i < import->n_names; i++)
        TRY(find_name(f, inside, import->names[i], strlen(import->names[i]), &kind, &ignored, err));
    return OK;
}

/* *out: the folder that so many dots mean in a file; NULL: above all that is looked at. */
static enum status relative_folder(const struct finder *f, const char *file, size_t level,
                                   const char **out, struct error *err)
{
    char *folder = arena_string(f->arena, file), *slash;

    *out = NULL;
    if (!folder)
        return error_memory(err);
    for (; level > 0; level--) {
        if (!*folder)
            return OK;
        slash = strrchr(folder, '/');
        *(slash ? slash : folder) = '\0';
    }
    *out = folder;
    return OK;
}

static enum status follow_import(struct finder *f, const char *file,
                                 const struct python_import *import, struct error *err)
{
    enum kind first = KIND_NOTHING;
    const char *folder;

    if (import->level > 0) {
        TRY(relative_folder(f, file, import->level, &folder, err));
        return folder ? follow(f, folder, import, &first, err) : OK;
    }
    for (size_t i = 0; i < 2 && f->roots[i] && first != KIND_MODULE && first != KIND_PACKAGE; i++)
        TRY(follow(f, f->roots[i], import, &first, err));
    return OK;
}

static enum status read_file(struct finder *f, const char *file, struct error *err)
{
    const char *full = file_join(f->arena, f->folder, file);
    struct python_imports imports;
    char *text;
    enum status s;

    if (!full)
        return error_memory(err);
    s = file_read(full, longest, f->arena, &text, NULL, err);
    if (s == ERR_NOT_FOUND || s == ERR_SYSTEM)
        s = error_set(err, ERR_INPUT, file, "expected a file of Python, found nothing to read");
    TRY(s);
    TRY(python_imports_read(text, file, f->arena, &imports, err));
    for (size_t i = 0; i < imports.n; i++)
        TRY(follow_import(f, file, &imports.list[i], err));
    return OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum status python_modules_find(const char *folder, const char *script, struct arena *arena,
                                const char ***files, size_t *n, struct error *err)
{
    struct finder f = {.folder = folder, .arena = arena};

    TRY(relative_folder(&f, script, 1, &f.roots[0], err));
    assert(f.roots[0]);
    f.roots[1] = *f.roots[0] ? "" : NULL;
    if (!is_kind(&f, script, S_IFREG)) {
        (void)error_set(err, ERR_INPUT, "", "expected a file of Python, found none at \"%s\"",
                        script);
        error_hint(err, "a path is relative to the recipe's folder, %s", folder);
        return ERR_INPUT;
    }
    TRY(add_file(&f, script, err));
    for (size_t i = 0; i < f.n; i++)
        TRY(read_file(&f, f.files[i], err));
    qsort(f.files + 1, f.n - 1, sizeof *f.files, by_bytes);
    *files = f.files;
    *n = f.n;
    return OK;
}
