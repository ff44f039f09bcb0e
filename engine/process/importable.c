/* importable: the filter that leaves of a folder what Python can import. Start at
 * importable_digest. */
#include "engine/process/importable.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/content/filter.h"
#include "cache/content/source.h"
#include "cache/store.h"

/* Links that count: a tree has their names, and not what they lead to. */
struct links {
    struct arena *arena;
    const char **paths; /* below the root */
    size_t n, capacity;
};

struct modules {
    const char *root;
    const char *own[2]; /* the store, out/: absolute */
    struct links *links;
};

enum { PATH_BYTES = 4096 };

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), n_end = strlen(end);

    return n >= n_end && strcmp(name + n - n_end, end) == 0;
}

/* ASCII letters, digits, "_", and whatever is not ASCII: what `import` can name. */
static bool is_identifier(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && (unsigned char)*c < 0x80)
            return false;
    return !isdigit((unsigned char)*name);
}

static bool holds(const char *folder, size_t n, const char *name)
{
    char path[PATH_BYTES];
    const int length = snprintf(path, sizeof path, "%.*s/%s", (int)n, folder, name);

    return length > 0 && length < PATH_BYTES && access(path, F_OK) == 0;
}

/* Whether the full path lies in a package, which has it with all its data. */
static bool is_in_package(const struct modules *m, const char *full)
{
    const size_t n_root = strlen(m->root);

    for (size_t n = strlen(full); n > n_root; n--)
        if (full[n] == '/' && holds(full, n, "__init__.py"))
            return true;
    return holds(m->root, n_root, "__init__.py");
}

static bool is_own(const struct modules *m, const char *full)
{
    return strcmp(full, m->own[0]) == 0 || strcmp(full, m->own[1]) == 0;
}

static enum status leaves_out(const void *of, const char *path, bool folder, bool *out,
                              struct error *err)
{
    const struct modules *m = of;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char full[PATH_BYTES];
    const int n = snprintf(full, sizeof full, "%s/%s", m->root, path);
    const char **last;
    struct stat st;
    bool link;

    *out = true;
    if (n < 0 || n >= PATH_BYTES)
        return error_set(err, ERR_FAILED, m->root, "a path in it is too long: %.100s…", path);
    if (*name == '.' || strcmp(name, "__pycache__") == 0 || ends_with(name, ".pyc") ||
        ends_with(name, "~") || lstat(full, &st) != 0)
        return OK;
    link = S_ISLNK(st.st_mode);
    if (link && stat(full, &st) != 0)
        return OK;
    folder = S_ISDIR(st.st_mode);
    if (folder && (is_own(m, full) || holds(full, (size_t)n, "pyvenv.cfg") ||
                   holds(full, (size_t)n, "conda-meta")))
        return OK;
    *out = !(folder ? is_identifier(name) : ends_with(name, ".py") || ends_with(name, ".so")) &&
           !is_in_package(m, full);
    if (*out || !link)
        return OK;
    *out = true;
    last = arena_push(m->links->arena, m->links->paths, m->links->n, m->links->capacity);
    if (!last || !(*last = arena_string(m->links->arena, path)))
        return error_memory(err);
    return OK;
}

static bool leaves_out_empty(const void *of, const char *path)
{
    (void)of;
    (void)path;
    return true;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* How deep links to folders are followed: one may lead to where it lies. */
enum { MOST_LINKS = 2 };

static enum status digest(struct store *store, const char *path, const char *out, int depth,
                          struct arena *arena, const char **hex, struct error *err);

/* The digest of what the tree holds and of what its links lead to. */
static enum status add_links(struct store *store, const struct modules *m, int depth,
                             struct arena *arena, const char **hex, struct error *err)
{
    struct text t = text_in(arena);
    struct digest whole;
    char *text;
    size_t n;

    if (m->links->n == 0 || depth == MOST_LINKS)
        return OK;
    qsort(m->links->paths, m->links->n, sizeof *m->links->paths, by_bytes);
    text_add(&t, *hex);
    for (size_t i = 0; i < m->links->n; i++) {
        const char *full = file_join(arena, m->root, m->links->paths[i]), *inner = NULL;
        if (!full)
            return error_memory(err);
        TRY(digest(store, full, m->own[1], depth + 1, arena, &inner, err));
        text_printf(&t, "\n%s %s", inner, m->links->paths[i]);
    }
    TRY(text_finish(&t, &text, &n, err));
    TRY(digest_bytes(text, n, &whole, err));
    digest_hex(&whole, (char *)*hex);
    return OK;
}

static enum status digest(struct store *store, const char *path, const char *out, int depth,
                          struct arena *arena, const char **hex, struct error *err)
{
    struct links links = {.arena = arena};
    struct modules modules = {NULL, {store_folder(store), out}, &links};
    const struct filter filter = {&modules, leaves_out, leaves_out_empty};
    char *text = arena_alloc(arena, DIGEST_HEX + 1), *root;
    struct source source;
    enum status s = file_absolute(path, arena, &root, err); /* as the store's own path is */

    if (!text)
        return error_memory(err);
    *hex = text;
    memcpy(text, "nothing", sizeof "nothing");
    if (s == OK) {
        modules.root = root;
        s = source_digest(store, root, &filter, arena, &source, err);
    }
    if (s == OK)
        digest_hex(&source.digest, text);
    if (s != OK && s != ERR_NOT_FOUND && s != ERR_INPUT)
        return s;
    return add_links(store, &modules, depth, arena, hex, err);
}

enum status importable_digest(struct store *store, const char *path, const char *out,
                              struct arena *arena, const char **hex, struct error *err)
{
    const char *module = arena_printf(arena, "%s.py", path);

    if (!module)
        return error_memory(err);
    return digest(store, access(path, F_OK) == 0 ? path : module, out, 0, arena, hex, err);
}
