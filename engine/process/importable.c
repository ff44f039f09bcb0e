/* importable: the filter that leaves of a folder what Python can import. Start at
 * importable_digest. */
#include "engine/process/importable.h"

#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
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

/* A link that counts: a tree has its name, and not what it leads to. */
struct link {
    const char *path; /* below the root */
    bool whole;       /* it lies in a package, so all that it leads to counts */
};

/* A folder that was read. Links may lead to it again, and to where they lie. */
struct seen {
    const char *root;
    bool whole;
};

/* One look for modules. */
struct search {
    struct store *store;
    struct arena *arena;
    const char *out;
    struct seen *seen;
    size_t n, capacity;
};

/* What is found in one folder. */
struct found {
    struct link *links;
    size_t n, capacity;
    const char *package; /* the last that was come to; what is in it comes next */
};

struct modules {
    const struct search *search;
    const char *root;
    bool whole; /* the root is a package, or in one */
    struct found *found;
};

enum { PATH_BYTES = 4096 };

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), n_end = strlen(end);

    return n >= n_end && strcmp(name + n - n_end, end) == 0;
}

/* ---- names ---- */

/* ASCII letters, digits, "_", and whatever is not ASCII: what `import` can name. */
static bool is_identifier(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && (unsigned char)*c < 0x80)
            return false;
    return !isdigit((unsigned char)*name);
}

static bool is_module(const char *name)
{
    return ends_with(name, ".py") || ends_with(name, ".so") || ends_with(name, ".pyc");
}

/* What hpo.source leaves out too, but for *.pyc. */
static bool is_no_part(const char *name)
{
    static const char *const usual[] = {".git",       ".hpo", "__pycache__", ".ipynb_checkpoints",
                                        ".*.sw[nop]", "*~",   "#*#",         ".#*"};

    if (!strchr(".#_", *name) && !ends_with(name, "~")) /* most */
        return false;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (fnmatch(usual[i], name, 0) == 0)
            return true;
    return false;
}

/* ---- places ---- */

static bool holds(const char *folder, const char *name)
{
    char path[PATH_BYTES];
    const int length = snprintf(path, sizeof path, "%s/%s", folder, name);

    return length > 0 && length < PATH_BYTES && access(path, F_OK) == 0;
}

/* A module without its source; beside its source Python does not read it. */
static bool is_left_over(const char *full)
{
    char source[PATH_BYTES];

    if (!ends_with(full, ".pyc"))
        return false;
    (void)snprintf(source, sizeof source, "%.*s", (int)strlen(full) - 1, full);
    return access(source, F_OK) == 0;
}

static bool is_package(const char *folder)
{
    const struct dirent *entry;
    bool is = holds(folder, "__init__.py");
    DIR *dir = is ? NULL : opendir(folder);

    while (dir && !is && (entry = readdir(dir)))
        is = strncmp(entry->d_name, "__init__.", strlen("__init__.")) == 0 &&
             is_module(entry->d_name);
    if (dir)
        closedir(dir);
    return is;
}

static bool is_own(const struct search *s, const char *full)
{
    return strcmp(full, store_folder(s->store)) == 0 || strcmp(full, s->out) == 0;
}

/* ---- the filter ---- */

static enum status add_link(struct found *found, struct arena *arena, const char *path, bool whole,
                            struct error *err)
{
    struct link *last = arena_push(arena, found->links, found->n, found->capacity);

    if (!last || !(last->path = arena_string(arena, path)))
        return error_memory(err);
    last->whole = whole;
    return OK;
}

/* Notes a package that is left in: all that is in it counts. */
static enum status note_package(const struct modules *m, const char *path, const char *full,
                                bool folder, struct error *err)
{
    if (!folder || !is_package(full))
        return OK;
    m->found->package = arena_string(m->search->arena, path);
    return m->found->package ? OK : error_memory(err);
}

static enum status leaves_out(const void *of, const char *path, bool folder, bool *out,
                              struct error *err)
{
    const struct modules *m = of;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const bool whole = m->whole || (m->found->package && file_is_below(path, m->found->package));
    char full[PATH_BYTES];
    const int n = snprintf(full, sizeof full, "%s/%s", m->root, path);
    struct stat st;
    bool link;

    *out = true;
    if (n < 0 || n >= PATH_BYTES)
        return error_set(err, ERR_FAILED, m->root, "a path in it is too long: %.100s…", path);
    if (is_no_part(name) || is_left_over(full) || lstat(full, &st) != 0)
        return OK;
    link = S_ISLNK(st.st_mode);
    if (link && stat(full, &st) != 0)
        return OK;
    folder = S_ISDIR(st.st_mode);
    if (!folder && !S_ISREG(st.st_mode))
        return OK;
    if (folder &&
        (is_own(m->search, full) || holds(full, "pyvenv.cfg") || holds(full, "conda-meta")))
        return OK;
    if (!whole && (*name == '.' || !(folder ? is_identifier(name) : is_module(name))))
        return OK;
    *out = link; /* it is read by itself */
    return link ? add_link(m->found, m->search->arena, path, whole, err)
                : note_package(m, path, full, folder && !whole, err);
}

static bool leaves_out_empty(const void *of, const char *path)
{
    (void)of;
    (void)path;
    return true;
}

/* ---- the digest ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct link *)a)->path, ((const struct link *)b)->path);
}

/* How many links one after the other lead on: each from inside what the one before leads to. */
enum { MOST_LINKS = 100 };

static enum status digest(struct search *search, const char *path, bool whole, int depth,
                          const char **hex, struct error *err);

/* The digest of what was found, hex, and of what the links below the root lead to. */
static enum status add_links(struct search *search, const char *root, struct found *found,
                             int depth, const char **hex, struct error *err)
{
    struct text t = text_in(search->arena);
    struct digest all;
    char *text;
    size_t n;

    if (found->n == 0)
        return OK;
    if (depth == MOST_LINKS) {
        (void)error_set(err, ERR_FAILED, root,
                        "Python can import what lies behind more than %d symbolic links, each "
                        "from inside what the one before leads to",
                        MOST_LINKS);
        error_hint(err, "shorten the chain, or let identity = { ... } say what this Python is");
        return ERR_FAILED;
    }
    qsort(found->links, found->n, sizeof *found->links, by_path);
    text_add(&t, *hex);
    for (size_t i = 0; i < found->n; i++) {
        const struct link *link = &found->links[i];
        const char *full = file_join(search->arena, root, link->path), *inner = NULL;
        if (!full)
            return error_memory(err);
        TRY(digest(search, full, link->whole, depth + 1, &inner, err));
        text_printf(&t, "\n%s %s", inner, link->path);
    }
    TRY(text_finish(&t, &text, &n, err));
    TRY(digest_bytes(text, n, &all, err));
    digest_hex(&all, (char *)*hex);
    return OK;
}

/* Whether the folder is read for the first time; notes that it was. */
static enum status is_new(struct search *search, const char *root, bool whole, bool *new,
                          struct error *err)
{
    struct seen *last;

    *new = false;
    for (size_t i = 0; i < search->n; i++)
        if (strcmp(search->seen[i].root, root) == 0 && (search->seen[i].whole || !whole))
            return OK;
    *new = true;
    if (!(last = arena_push(search->arena, search->seen, search->n, search->capacity)))
        return error_memory(err);
    *last = (struct seen){root, whole};
    return OK;
}

static enum status digest_root(struct search *search, const char *root, bool whole, int depth,
                               const char **hex, struct error *err)
{
    struct found found = {.n = 0};
    const struct modules modules = {search, root, whole, &found};
    const struct filter filter = {&modules, leaves_out, leaves_out_empty};
    struct source source;
    const enum status s = source_digest(search->store, root, &filter, search->arena, &source, err);

    if (s == OK)
        digest_hex(&source.digest, (char *)*hex);
    if (s != OK && s != ERR_NOT_FOUND && s != ERR_INPUT)
        return s;
    return add_links(search, root, &found, depth, hex, err);
}

static enum status digest(struct search *search, const char *path, bool whole, int depth,
                          const char **hex, struct error *err)
{
    char *text = arena_alloc(search->arena, DIGEST_HEX + 1), *root;
    enum status s = file_absolute(path, search->arena, &root, err); /* as the store's path is */
    struct stat st;
    bool new = true;

    if (!text)
        return error_memory(err);
    *hex = text;
    memcpy(text, "nothing", sizeof "nothing");
    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    if (stat(root, &st) == 0 && S_ISDIR(st.st_mode)) {
        if (depth > 0 && is_own(search, root))
            return OK;
        whole = whole || is_package(root);
        TRY(is_new(search, root, whole, &new, err));
    }
    return new ? digest_root(search, root, whole, depth, hex, err) : OK;
}

/* ---- what is asked for ---- */

enum status importable_digest(struct store *store, const char *path, const char *out,
                              struct arena *arena, const char **hex, struct error *err)
{
    struct search search = {.store = store, .arena = arena, .out = out};

    return digest(&search, path, false, 0, hex, err);
}

enum status importable_module(struct store *store, const char *path, const char *out,
                              struct arena *arena, const char **hex, struct error *err)
{
    struct search search = {.store = store, .arena = arena, .out = out};
    struct found found = {.n = 0};
    char *folder = arena_string(arena, path), *name, **names, *text;
    enum status s;
    size_t n;

    if (!folder || !(*hex = text = arena_alloc(arena, DIGEST_HEX + 1)))
        return error_memory(err);
    memcpy(text, "nothing", sizeof "nothing");
    name = strrchr(folder, '/');
    *name++ = '\0';
    s = file_list(folder[0] ? folder : "/", arena, &names, &n, err);
    if (s != OK)
        return s == ERR_NOT_FOUND ? OK : s;
    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(name);
        const char *full = file_join(arena, folder, names[i]);
        if (!full)
            return error_memory(err);
        if (strcmp(names[i], name) == 0 ||
            (strncmp(names[i], name, length) == 0 && names[i][length] == '.' &&
             is_module(names[i]) && !is_left_over(full)))
            TRY(add_link(&found, arena, names[i], false, err));
    }
    return add_links(&search, folder, &found, 0, hex, err);
}
