/*
 * tree: a folder as a sorted list of what lies in it; its name is the SHA-256 of the list's text.
 *
 * Text       One line an entry, sorted strictly by the bytes of the path:
 *                KIND ' ' SIZE ' ' CONTENT ' ' PATH '\n'
 *            KIND  f file   x executable file  CONTENT is the blob's digest, 64 hexadecimal digits
 *                  l symbolic link             CONTENT is the target, SIZE its length in bytes
 *                  d folder with nothing in it CONTENT is "-", SIZE 0
 *            SIZE is decimal without leading zeros, at most 2^62. PATH is relative to the tree, its
 *            components separated by '/'. Bytes below 0x21, 0x7f and '%' of PATH and of a target
 *            are written %XX with upper-case digits, other bytes as they are. At most
 *            TREE_TEXT_MAX bytes; a path at most TREE_PATH_MAX. The tree of nothing is the empty
 *            text. A text that is not exactly what tree_text writes is no tree (ERR_CORRUPT).
 * Paths      No component is empty, "." or ".."; no path is twice there or lies below an entry.
 * Links      A target is relative, goes up only at its beginning, and not above the tree. So no
 *            chain of links leads out, whatever follows them. It may point to nothing.
 * Owners     Entries and their strings live in the arena that is given.
 */
#ifndef CACHE_TREE_H
#define CACHE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;

enum { TREE_TEXT_MAX = 1 << 30, TREE_PATH_MAX = 4000 };

enum tree_kind {
    TREE_FILE = 'f',
    TREE_EXECUTABLE = 'x',
    TREE_LINK = 'l',
    TREE_FOLDER = 'd', /* an empty one; others show by what is in them */
};

struct tree_entry {
    enum tree_kind kind;
    const char *path;
    int64_t size;         /* bytes of the file, or of the link's target; 0 for a folder */
    struct digest digest; /* files only */
    const char *target;   /* links only, else NULL */
};

struct tree {
    struct digest digest; /* of its text */
    const struct tree_entry *entries;
    size_t n;
    int64_t bytes; /* of all files together */
};

/*
 * Takes the declared outputs of an action, moving files into the store: names are inner paths below
 * folder, each a file or a folder with all that is in it. The listing becomes a blob.
 * ERR_NOT_FOUND: the first name that is not there, in where. ERR_FAILED, with the path in where: a
 * socket, pipe or device, a link that leads out of the tree, a path too long.
 */
enum status tree_take(struct store *store, const char *folder, const char *const *names,
                      size_t n_names, struct arena *arena, struct tree *out,
                      struct error *err) MUST_CHECK;

/*
 * Makes a tree of entries in any order, whose blobs are in the store, and keeps its listing.
 * ERR_FAILED: two entries exclude each other, or a path or target is not allowed.
 */
enum status tree_make(struct store *store, const struct tree_entry *entries, size_t n,
                      struct arena *arena, struct tree *out, struct error *err) MUST_CHECK;

/* The tree with this digest. ERR_NOT_FOUND, ERR_CORRUPT as blob_read; its files are not looked at.
 */
enum status tree_read(struct store *store, const struct digest *digest, struct arena *arena,
                      struct tree *out, struct error *err) MUST_CHECK;

/* Whether every blob of the tree is there. *missing, where not NULL, is the first that is not. */
enum status tree_exists(struct store *store, const struct tree *tree, bool *exists,
                        const struct tree_entry **missing, struct error *err) MUST_CHECK;

/* What lies under one path of a tree. */
struct pick {
    bool folder;
    struct digest digest;    /* a file: its blob's; a folder: that of the text of its own tree */
    struct tree_entry entry; /* a file */
    struct tree tree;        /* a folder; paths are relative to it; its listing is not stored */
};

/*
 * Finds a path, following links. ERR_NOT_FOUND: there is none. ERR_FAILED: the folder has a link
 * that leads out of the folder, or links that lead in a circle.
 */
enum status tree_pick(const struct tree *tree, const char *path, struct arena *arena,
                      struct pick *out, struct error *err) MUST_CHECK;

/*
 * Puts a tree into the folder dest, which is made where it is absent and must have none of the
 * tree's paths. ERR_NOT_FOUND, ERR_CORRUPT: a blob is not there or damaged; part of the tree may
 * then lie in dest.
 */
enum status tree_place(struct store *store, const struct tree *tree, const char *dest,
                       struct error *err) MUST_CHECK;

/* ---- the text ---- */

/* Sorts and checks entries (ERR_FAILED), sums them up, and names them; writes nothing anywhere. */
enum status tree_of_entries(const struct tree_entry *entries, size_t n, struct arena *arena,
                            struct tree *out, struct error *err) MUST_CHECK;

/* The text of a tree that one of these functions made. */
enum status tree_text(const struct tree *tree, struct arena *arena, char **text, size_t *n,
                      struct error *err) MUST_CHECK;

/* Reads a text, however hostile. ERR_CORRUPT: "line N: expected …". */
enum status tree_parse(const char *text, size_t n, struct arena *arena, struct tree *out,
                       struct error *err) MUST_CHECK;

#endif
