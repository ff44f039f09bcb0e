/* inventory: a sorted array of all blobs. */
#include "cache/content/inventory.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/content/tree.h"
#include "cache/database.h"
#include "cache/store.h"

static enum status append_blob(struct inventory *v, struct arena *arena,
                               const struct inventory_blob *blob, struct error *err)
{
    if (v->n == v->capacity) {
        struct inventory_blob *more =
            arena_grow(arena, v->blobs, v->n, v->n + 1, sizeof *more, &v->capacity);
        if (!more)
            return error_memory(err);
        v->blobs = more;
    }
    v->blobs[v->n++] = *blob;
    return OK;
}

static enum status append_stray(struct inventory *v, struct arena *arena, const char *path,
                                struct error *err)
{
    if (v->n_strays == v->strays_capacity) {
        const char **more = arena_grow(arena, v->strays, v->n_strays, v->n_strays + 1, sizeof *more,
                                       &v->strays_capacity);
        if (!more)
            return error_memory(err);
        v->strays = more;
    }
    v->strays[v->n_strays++] = path;
    return OK;
}

/* "ab" and "cdef…" are the name of a blob, and it is a regular file. */
static bool is_blob(const struct store *store, const char *folder, const char *name,
                    const char *path, struct inventory_blob *blob)
{
    char hex[DIGEST_HEX + 1];
    struct stat st;

    if (strlen(folder) != 2 || strlen(name) != DIGEST_HEX - 2)
        return false;
    memcpy(stpcpy(hex, folder), name, DIGEST_HEX - 1);
    if (!digest_parse(hex, &blob->digest) ||
        fstatat(store_blobs(store), path, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return false;
    blob->size = st.st_size;
    return true;
}

static enum status read_folder(struct store *store, const char *root, const char *folder,
                               struct inventory *v, struct arena *arena, struct error *err)
{
    char *full = file_join(arena, root, folder);
    struct stat st;
    char **names;
    size_t n;

    if (!full)
        return error_memory(err);
    if (lstat(full, &st) != 0 || !S_ISDIR(st.st_mode))
        return append_stray(v, arena, folder, err);
    TRY(file_list(full, arena, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(arena, folder, names[i]);
        struct inventory_blob blob = {.in_index = false};
        if (!path)
            return error_memory(err);
        if (is_blob(store, folder, names[i], path, &blob))
            TRY(append_blob(v, arena, &blob, err));
        else
            TRY(append_stray(v, arena, path, err));
    }
    return OK;
}

static enum status read_small(struct store *store, struct inventory *v, struct arena *arena,
                              struct error *err)
{
    struct statement *st =
        database_statement(store_database(store), "SELECT digest, length(bytes) FROM inline_blob");
    enum status s = OK, end;

    while (s == OK && statement_row(st)) {
        const struct inventory_blob blob = {
            .digest = statement_digest(st, 0), .size = statement_integer(st, 1), .in_index = true};
        s = append_blob(v, arena, &blob, err);
    }
    end = statement_end(st, err);
    return s != OK ? s : end;
}

static int compare_blobs(const void *a, const void *b)
{
    return memcmp(a, b, DIGEST_BYTES); /* digest is the first field */
}

enum status inventory_read(struct store *store, struct arena *arena, struct inventory *out,
                           struct error *err)
{
    char *root = file_join(arena, store_folder(store), "blobs");
    char **folders;
    size_t n;

    static_assert(offsetof(struct inventory_blob, digest) == 0, "see compare_blobs");
    *out = (struct inventory){0};
    if (!root)
        return error_memory(err);
    TRY(file_list(root, arena, &folders, &n, err));
    for (size_t i = 0; i < n; i++)
        TRY(read_folder(store, root, folders[i], out, arena, err));
    TRY(read_small(store, out, arena, err));
    if (out->n > 0)
        qsort(out->blobs, out->n, sizeof *out->blobs, compare_blobs);
    return OK;
}

struct inventory_blob *inventory_find(const struct inventory *inventory, const struct digest *d)
{
    return inventory->n > 0
               ? bsearch(d, inventory->blobs, inventory->n, sizeof *inventory->blobs, compare_blobs)
               : NULL;
}

void inventory_need(struct inventory *inventory, const struct digest *d, int change)
{
    struct inventory_blob *blob = inventory_find(inventory, d);

    if (!blob)
        return;
    if (blob->needs == 0)
        inventory->needed_bytes += blob->size;
    blob->needs += (size_t)change;
    if (blob->needs == 0)
        inventory->needed_bytes -= blob->size;
}

void inventory_need_tree(struct inventory *inventory, const struct tree *tree, int change)
{
    inventory_need(inventory, &tree->digest, change);
    for (size_t i = 0; i < tree->n; i++) {
        const enum tree_kind kind = tree->entries[i].kind;
        if (kind == TREE_FILE || kind == TREE_EXECUTABLE)
            inventory_need(inventory, &tree->entries[i].digest, change);
    }
}
