/*
 * tree: a text that is taken is exactly what is written again, has its own digest, and keeps its
 * promises: sorted, inside, nothing below an entry; every path is found, and can be picked or not.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/content/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void insist(int holds)
{
    if (!holds)
        abort();
}

static void check_entry(const struct tree *tree, size_t i, struct arena *arena)
{
    const struct tree_entry *e = &tree->entries[i];
    struct error err = {0};
    struct pick pick;
    size_t first;
    enum status s;

    insist(file_is_inner_path(e->path));
    insist(i == 0 || strcmp(tree->entries[i - 1].path, e->path) < 0);
    insist(listing_find(tree, e->path) == e);
    insist(listing_below(tree, e->path, &first) == 0);
    insist(e->kind != TREE_LINK || listing_allows_link(e->path, e->target));
    s = tree_pick(tree, e->path, arena, &pick, &err);
    insist(s == OK || s == ERR_NOT_FOUND || s == ERR_FAILED);
    insist((s == OK) == (err.text[0] == '\0'));
    insist(e->kind == TREE_LINK || s == OK);
    insist(s != OK || pick.folder || pick.entry.kind != TREE_LINK);
}

/* The folder that an entry lies in. */
static void check_folder(const struct tree *tree, const char *path, struct arena *arena)
{
    const char *slash = strrchr(path, '/');
    struct error err;
    struct pick pick;

    if (!slash)
        return;
    char *folder = arena_copy(arena, path, (size_t)(slash - path));
    insist(folder != NULL);
    if (tree_pick(tree, folder, arena, &pick, &err) == OK) /* unless a link leads out of it */
        insist(pick.folder && pick.tree.n > 0 && pick.tree.bytes <= tree->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    enum { PICKED_MAX = 20 }; /* each may copy a whole folder */
    struct error err = {0};
    struct arena *arena = arena_open();
    struct tree tree, again;
    char *text;
    size_t text_n;

    insist(arena != NULL);
    if (listing_parse((const char *)bytes, n, arena, &tree, &err) == OK) {
        insist(listing_text(&tree, arena, &text, &text_n, &err) == OK);
        insist(text_n == n && memcmp(text, bytes, n) == 0 && tree.text_n == n);
        insist(listing_make(tree.entries, tree.n, arena, &again, &err) == OK);
        insist(digest_equal(&tree.digest, &again.digest) && tree.bytes == again.bytes);
        for (size_t i = 0; i < tree.n && i < PICKED_MAX; i++) {
            check_entry(&tree, i, arena);
            check_folder(&tree, tree.entries[i].path, arena);
        }
    } else {
        insist(err.text[0] != '\0');
    }
    arena_close(arena);
    return 0;
}
