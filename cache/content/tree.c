/* tree: folders into the store and out of it. Start at tree_take and tree_place. */
#include "cache/content/tree.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/content/blob.h"
#include "cache/content/walk.h"

enum {
    HOPS_MAX = 40, /* links followed for one path, as the kernel does */
    PLACE_MAX = 2 * TREE_PATH_MAX,
};

/* ---- taking ---- */

/* Makes the tree of entries, keeps its listing. */
static enum status keep(struct store *store, const struct tree_entry *entries, size_t n,
                        struct arena *arena, struct tree *out, struct error *err)
{
    struct digest digest;
    size_t text_n;
    char *text;

    TRY(listing_make(entries, n, arena, out, err));
    TRY(listing_text(out, arena, &text, &text_n, err));
    return blob_put(store, text, text_n, &digest, err);
}

enum status tree_make(struct store *store, const struct tree_entry *entries, size_t n,
                      struct arena *arena, struct tree *out, struct error *err)
{
    return keep(store, entries, n, arena, out, err);
}

/* Outputs are moved out of it; where that stays impossible, the move says so. */
static void open_folder(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
        (void)!chmod(path, (st.st_mode & 07777) | S_IRWXU);
}

/* The folders above an output must be real ones: a link there would lead anywhere. */
static enum status check_parents(const char *folder, const char *name, struct arena *arena,
                                 struct error *err)
{
    for (const char *p = name; (p = strchr(p, '/')); p++) {
        char *parent = arena_printf(arena, "%s/%.*s", folder, (int)(p - name), name);
        struct stat st;
        if (!parent)
            return error_memory(err);
        if (lstat(parent, &st) == 0 && S_ISLNK(st.st_mode))
            return error_set(err, ERR_FAILED, name, "one of its folders is a symbolic link");
        open_folder(parent);
    }
    return OK;
}

static enum status gather(const char *folder, const char *const *names, size_t n_names,
                          struct walk *walk, struct error *err)
{
    for (size_t i = 0; i < n_names; i++) {
        char *full = file_join(walk->arena, folder, names[i]);
        enum status s;
        if (!full)
            return error_memory(err);
        if (!file_is_inner_path(names[i]))
            return error_set(err, ERR_INPUT, names[i],
                             "expected an output inside the working folder");
        TRY(check_parents(folder, names[i], walk->arena, err));
        if ((s = walk_add(walk, full, names[i], err)) == ERR_NOT_FOUND)
            return error_set(err, ERR_NOT_FOUND, names[i], "the output was not made");
        if (s != OK)
            return s;
    }
    return OK;
}

/* Entries of what was gathered, and its files to be taken, in the same order. */
static void sort_out(const struct walk *walk, struct tree_entry *entries, struct blob_file *files,
                     size_t *n_files)
{
    *n_files = 0;
    for (size_t i = 0; i < walk->n; i++) {
        const struct walk_entry *w = &walk->found[i];
        entries[i] = (struct tree_entry){.kind = w->kind, .path = w->path, .target = w->target};
        if (w->kind == TREE_LINK)
            entries[i].size = (int64_t)strlen(w->target);
        if (w->kind == TREE_FILE || w->kind == TREE_EXECUTABLE)
            files[(*n_files)++].path = w->full;
    }
}

enum status tree_take(struct store *store, const char *folder, const char *const *names,
                      size_t n_names, struct arena *arena, struct tree *out, struct error *err)
{
    struct walk walk = walk_in(arena);
    struct tree_entry *entries;
    struct blob_file *files;
    struct tree checked;
    size_t n_files, k = 0;

    walk.open = true;
    open_folder(folder);
    TRY(gather(folder, names, n_names, &walk, err));
    entries = arena_array(arena, walk.n, sizeof *entries);
    files = arena_array(arena, walk.n, sizeof *files);
    if (!entries || !files)
        return error_memory(err);
    sort_out(&walk, entries, files, &n_files);
    TRY(listing_make(entries, walk.n, arena, &checked, err)); /* before anything is moved */
    TRY(blob_take_many(store, files, n_files, err));
    for (size_t i = 0; i < walk.n; i++)
        if (entries[i].kind == TREE_FILE || entries[i].kind == TREE_EXECUTABLE) {
            entries[i].digest = files[k].digest;
            entries[i].size = files[k++].size;
        }
    return keep(store, entries, walk.n, arena, out, err);
}

/* ---- reading ---- */

enum status tree_read(struct store *store, const struct digest *digest, struct arena *arena,
                      struct tree *out, struct error *err)
{
    void *text;
    size_t n;

    TRY(blob_read(store, digest, LISTING_MAX, arena, &text, &n, err));
    return listing_parse(text, n, arena, out, err);
}

enum status tree_exists(struct store *store, const struct tree *tree, bool *exists,
                        const struct tree_entry **missing, struct error *err)
{
    *exists = true;
    for (size_t i = 0; i < tree->n; i++) {
        const struct tree_entry *e = &tree->entries[i];
        if (e->kind != TREE_FILE && e->kind != TREE_EXECUTABLE)
            continue;
        TRY(blob_exists(store, &e->digest, exists, err));
        if (!*exists) {
            if (missing)
                *missing = e;
            return OK;
        }
    }
    return OK;
}

/* ---- picking ---- */

/* The link that a path goes through or is, or NULL; *n is how much of the path it is. */
static const struct tree_entry *find_link(const struct tree *tree, const char *path,
                                          struct arena *arena, size_t *n, bool *no_memory)
{
    for (const char *p = path;; p++) {
        p = strchrnul(p, '/');
        *n = (size_t)(p - path);
        const char *part = arena_copy(arena, path, *n);
        const struct tree_entry *e = part ? listing_find(tree, part) : NULL;
        *no_memory = !part;
        if (!part || (e && e->kind == TREE_LINK))
            return e;
        if (!*p)
            return NULL;
    }
}

/* What a path is after one link at its beginning: its folder, the target, and the rest. */
static char *follow(const struct tree_entry *link, const char *rest, struct arena *arena)
{
    struct text t = text_in(arena);
    const char *slash = strrchr(link->path, '/');
    size_t n = slash ? (size_t)(slash - link->path) : 0; /* of the folder that is left */
    bool down = false;

    for (const char *part = link->target; *part;) {
        const size_t length = strcspn(part, "/");
        if (length == 2 && memcmp(part, "..", 2) == 0) { /* only at the beginning: listing.h */
            while (n > 0 && link->path[n - 1] != '/')
                n--;
            n -= n > 0;
        } else if (length > 0 && !(length == 1 && part[0] == '.')) {
            if (!down)
                text_add_bytes(&t, link->path, n);
            down = true;
            text_add(&t, t.n > 0 ? "/" : "");
            text_add_bytes(&t, part, length);
        }
        part += length + (part[length] == '/');
    }
    if (!down)
        text_add_bytes(&t, link->path, n);
    text_add(&t, t.n > 0 || !*rest ? rest : rest + 1); /* rest is "" or begins with '/' */
    return t.failed ? NULL : t.bytes ? t.bytes : "";
}

static enum status resolve(const struct tree *tree, const char **path, struct arena *arena,
                           struct error *err)
{
    for (int hops = 0; hops <= HOPS_MAX; hops++) {
        bool no_memory;
        size_t n;
        const struct tree_entry *link = find_link(tree, *path, arena, &n, &no_memory);
        if (no_memory)
            return error_memory(err);
        if (!link)
            return OK;
        if (!(*path = follow(link, *path + n, arena)))
            return error_memory(err);
    }
    return error_set(err, ERR_FAILED, *path, "its symbolic links lead in a circle");
}

static enum status pick_folder(const struct tree *tree, const char *folder, size_t first, size_t n,
                               struct arena *arena, struct pick *out, struct error *err)
{
    struct tree_entry *entries = arena_array(arena, n, sizeof *entries);
    const size_t skip = folder[0] ? strlen(folder) + 1 : 0;

    if (!entries)
        return error_memory(err);
    for (size_t i = 0; i < n; i++) {
        entries[i] = tree->entries[first + i];
        entries[i].path += skip;
    }
    out->folder = true;
    TRY(listing_make(entries, n, arena, &out->tree, err));
    out->digest = out->tree.digest;
    return OK;
}

enum status tree_pick(const struct tree *tree, const char *path, struct arena *arena,
                      struct pick *out, struct error *err)
{
    const char *at = path;
    const struct tree_entry *e;
    size_t first, n;

    if (!file_is_inner_path(path))
        return error_set(err, ERR_NOT_FOUND, path, "expected a path inside the tree");
    TRY(resolve(tree, &at, arena, err));
    *out = (struct pick){0};
    e = listing_find(tree, at);
    n = listing_below(tree, at, &first);
    if (e && e->kind != TREE_FOLDER) {
        out->entry = *e;
        out->digest = e->digest;
        return OK;
    }
    if (!e && n == 0 && at[0])
        return error_set(err, ERR_NOT_FOUND, path, "there is no such path in the tree");
    return pick_folder(tree, at, first, n, arena, out, err);
}

/* ---- placing ---- */

/* "DEST/PATH" into full; only its first n bytes of path. */
static enum status join(char full[PLACE_MAX], const char *dest, const char *path, size_t n,
                        struct error *err)
{
    const size_t dest_n = strlen(dest);

    if (dest_n + n + 2 > PLACE_MAX)
        return error_set(err, ERR_SYSTEM, dest, "the path is too long");
    memcpy(full, dest, dest_n);
    full[dest_n] = '/';
    memcpy(full + dest_n + 1, path, n);
    full[dest_n + 1 + n] = '\0';
    return OK;
}

/* Makes the folders above an entry, unless they are those of the entry before. */
static enum status make_parents(const char *dest, const char *path, const char *before,
                                struct error *err)
{
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) : 0;
    char full[PLACE_MAX];

    if (n == 0 || strncmp(before, path, n + 1) == 0)
        return OK;
    TRY(join(full, dest, path, n, err));
    return file_make_folders(full, err);
}

enum status tree_place_frame(const struct tree *tree, const char *dest, struct error *err)
{
    const char *before = "";

    TRY(file_make_folders(dest, err));
    for (size_t i = 0; i < tree->n; i++) {
        const struct tree_entry *e = &tree->entries[i];
        char full[PLACE_MAX];
        TRY(join(full, dest, e->path, strlen(e->path), err));
        TRY(make_parents(dest, e->path, before, err));
        before = e->path;
        if ((e->kind == TREE_FOLDER && mkdir(full, 0777) != 0) ||
            (e->kind == TREE_LINK && symlink(e->target, full) != 0))
            return error_system(err, full, "make");
    }
    return OK;
}

enum status tree_place(struct store *store, const struct tree *tree, const char *dest,
                       struct error *err)
{
    TRY(tree_place_frame(tree, dest, err));
    for (size_t i = 0; i < tree->n; i++) {
        const struct tree_entry *e = &tree->entries[i];
        char full[PLACE_MAX];
        TRY(join(full, dest, e->path, strlen(e->path), err));
        if (e->kind == TREE_FILE || e->kind == TREE_EXECUTABLE)
            TRY(blob_place(store, &e->digest, e->size, full, e->kind == TREE_EXECUTABLE, err));
    }
    return OK;
}
