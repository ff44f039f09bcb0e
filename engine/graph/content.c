/* content: three origins, one face. Start at content_key. */
#include "engine/graph/content.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/content/blob.h"

/* The tree behind the content; a file has none. */
static enum status load(struct store *store, struct content *c, struct arena *arena,
                        const struct tree **tree, struct error *err)
{
    struct tree *read;

    *tree = NULL;
    if (c->origin == FROM_SOURCE && c->source.folder) {
        *tree = c->source.tree;
    } else if (c->origin == FROM_STORE) {
        if (!c->tree) {
            if (!(read = arena_alloc(arena, sizeof *read)))
                return error_memory(err);
            TRY(tree_read(store, &c->digest, arena, read, err));
            c->tree = read;
        }
        *tree = c->tree;
    }
    return OK;
}

/* "there is no X in it; it has A, B, C" */
static enum status absent(const struct tree *tree, const char *path, struct arena *arena,
                          struct error *err)
{
    struct text t = text_in(arena);
    size_t shown = tree->n < 8 ? tree->n : 8;
    char *list;

    for (size_t i = 0; i < shown; i++)
        text_printf(&t, "%s%s", i ? ", " : "", tree->entries[i].path);
    if (shown < tree->n)
        text_printf(&t, " and %zu more", tree->n - shown);
    TRY(text_finish(&t, &list, NULL, err));
    (void)error_set(err, ERR_INPUT, "", "expected \"%s\" among the outputs, found %s", path,
                    tree->n ? list : "nothing");
    return ERR_INPUT;
}

static enum status pick(struct store *store, struct content *c, const char *path,
                        struct arena *arena, struct pick *out, struct error *err)
{
    const struct tree *tree;
    enum status s;

    TRY(load(store, c, arena, &tree, err));
    if (!tree)
        return error_set(err, ERR_INPUT, "", "expected a folder with \"%s\" in it, found a file",
                         path);
    s = tree_pick(tree, path, arena, out, err);
    return s == ERR_NOT_FOUND ? absent(tree, path, arena, err) : s;
}

const char *content_path(const struct content *c, const char *path, struct arena *arena)
{
    return c->inside && path ? file_join(arena, c->inside, path) : path ? path : c->inside;
}

enum status content_key(struct store *store, struct content *c, const char *path,
                        struct arena *arena, struct content_key *out, struct error *err)
{
    struct pick found = {.folder = false};

    if (c->inside && !(path = content_path(c, path, arena)))
        return error_memory(err);
    if (path) {
        TRY(pick(store, c, path, arena, &found, err));
        out->digest = found.digest;
        out->kind = found.folder                          ? CONTENT_FOLDER
                    : found.entry.kind == TREE_EXECUTABLE ? CONTENT_PROGRAM
                                                          : CONTENT_FILE;
        return OK;
    }
    if (c->origin == FROM_SOURCE) {
        out->digest = c->source.digest;
        out->kind = c->source.folder       ? CONTENT_FOLDER
                    : c->source.executable ? CONTENT_PROGRAM
                                           : CONTENT_FILE;
    } else {
        out->digest = c->digest;
        out->kind = c->origin == FROM_TEXT ? CONTENT_FILE : CONTENT_FOLDER;
    }
    return OK;
}

enum status content_tree(struct store *store, struct content *c, const char *path,
                         struct arena *arena, const struct tree **tree, struct error *err)
{
    struct pick *found;

    if (c->inside && !(path = content_path(c, path, arena)))
        return error_memory(err);
    if (!path)
        return load(store, c, arena, tree, err);
    if (!(found = arena_alloc(arena, sizeof *found)))
        return error_memory(err);
    TRY(pick(store, c, path, arena, found, err));
    *tree = found->folder ? &found->tree : NULL;
    return OK;
}

static enum status write_text(const struct content *c, const char *dest, struct error *err)
{
    enum status s;
    int fd = open(dest, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0)
        return error_system(err, dest, "create");
    s = file_write_all(fd, dest, c->bytes, c->n, err);
    if (close(fd) != 0 && s == OK)
        s = error_system(err, dest, "close");
    return s;
}

enum status content_place(struct store *store, struct content *c, const char *path,
                          struct arena *arena, const char *dest, struct error *err)
{
    const struct tree *tree;
    struct pick found = {.folder = false};

    if (c->inside && !(path = content_path(c, path, arena)))
        return error_memory(err);
    if (c->origin == FROM_TEXT)
        return write_text(c, dest, err);
    if (c->origin == FROM_SOURCE && !path)
        return source_place(store, c->path, &c->source, dest, err);
    if (!path) {
        TRY(load(store, c, arena, &tree, err));
        return tree_place(store, tree, dest, err);
    }
    TRY(pick(store, c, path, arena, &found, err));
    if (c->origin == FROM_SOURCE)
        return source_place_pick(store, c->path, path, &found, dest, err);
    if (found.folder)
        return tree_place(store, &found.tree, dest, err);
    return blob_place(store, &found.digest, found.entry.size, dest,
                      found.entry.kind == TREE_EXECUTABLE, err);
}
