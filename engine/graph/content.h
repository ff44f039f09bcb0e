/*
 * content: what a node came to: a user's file or folder, a text of the recipe, or a tree in the
 * store.
 *
 * content_key says what an input is in a key; content_place puts it into a working folder. Both
 * take the path that an edge picks, or NULL for the whole. Where content_place returns
 * ERR_NOT_FOUND or ERR_CORRUPT, the store has lost the content: its node must run again.
 */
#ifndef ENGINE_GRAPH_CONTENT_H
#define ENGINE_GRAPH_CONTENT_H

#include "base/error.h"
#include "cache/content/source.h"
#include "cache/content/tree.h"
#include "engine/graph/key.h"

struct arena;
struct store;

enum content_origin { FROM_SOURCE, FROM_TEXT, FROM_STORE };

struct content {
    enum content_origin origin;
    const char *path;     /* FROM_SOURCE: absolute */
    struct source source; /* FROM_SOURCE */
    const char *bytes;    /* FROM_TEXT */
    size_t n;
    const char *inside; /* the path of all this in what the rest describes; NULL: it is the whole */
    struct digest digest;    /* FROM_TEXT: of the bytes; FROM_STORE: of the tree */
    const struct tree *tree; /* FROM_STORE: once it was read; lives in the arena of that call */
};

/* Where `path` lies, counted from where `inside` is. NULL: no memory. */
const char *content_path(const struct content *c, const char *path, struct arena *arena);

/* ERR_INPUT: nothing lies under that path; the message lists what does. */
enum status content_key(struct store *store, struct content *c, const char *path,
                        struct arena *arena, struct content_key *out, struct error *err) MUST_CHECK;

/* What lies in it, where it is a folder; *tree becomes NULL for a file. Errors as content_key. */
enum status content_tree(struct store *store, struct content *c, const char *path,
                         struct arena *arena, const struct tree **tree,
                         struct error *err) MUST_CHECK;

/* Puts it at dest, which must not exist; dest's folder must. */
enum status content_place(struct store *store, struct content *c, const char *path,
                          struct arena *arena, const char *dest, struct error *err) MUST_CHECK;

#endif
