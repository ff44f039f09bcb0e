/*
 * listing: the text that a tree is: what lies in a folder, sorted. Its SHA-256 names the tree.
 *
 * Text       One line an entry, sorted strictly by the bytes of the path:
 *                KIND ' ' SIZE ' ' CONTENT ' ' PATH '\n'
 *            KIND  f  file                     CONTENT: the blob's digest, 64 hexadecimal digits
 *                  x  executable file          CONTENT: the same
 *                  l  symbolic link            CONTENT: the target, SIZE: its length in bytes
 *                  d  empty folder             CONTENT: "-", SIZE: 0
 *            SIZE is decimal without leading zeros, at most 2^62. PATH is relative to the tree, its
 *            components separated by '/'. Bytes below 0x21, 0x7f and '%' of PATH and of a target
 *            are written %XX with upper-case digits, other bytes as they are. At most
 *            LISTING_MAX bytes; a path at most TREE_PATH_MAX. The tree of nothing is the empty
 *            text. A text that is not exactly what listing_text writes is no tree (ERR_CORRUPT).
 * Paths      No component is empty, "." or ".."; no path is twice there or lies below an entry.
 * Links      A target is relative, goes up only at its beginning, and not above the tree. So no
 *            chain of links leads out of the tree. It may point to nothing.
 * Owners     Entries live in the arena that is given; so do the strings of a text that is read.
 *            Strings given to listing_make stay the caller's.
 */
#ifndef CACHE_CONTENT_LISTING_H
#define CACHE_CONTENT_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;

enum { LISTING_MAX = 1 << 30, TREE_PATH_MAX = 4000 };

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
    size_t text_n; /* bytes of its text */
};

/*
 * Sorts and checks entries, given in any order, sums them up, and names the tree. Paths and targets
 * are borrowed. ERR_FAILED, with the path in where: what the rules above exclude.
 */
enum status listing_make(const struct tree_entry *entries, size_t n, struct arena *arena,
                         struct tree *out, struct error *err) MUST_CHECK;

/* The text of a tree that listing_make or listing_parse has made. */
enum status listing_text(const struct tree *tree, struct arena *arena, char **text, size_t *n,
                         struct error *err) MUST_CHECK;

/* Reads a text, however hostile; *out.digest is that of the text. ERR_CORRUPT: "line N: …". */
enum status listing_parse(const char *text, size_t n, struct arena *arena, struct tree *out,
                          struct error *err) MUST_CHECK;

/* The entry with exactly this path, or NULL. */
const struct tree_entry *listing_find(const struct tree *tree, const char *path);

/* The first entry that lies below this folder, and how many do; "" is the whole tree. */
size_t listing_below(const struct tree *tree, const char *folder, size_t *first);

/*
 * Whether a link at path may have this target: it is relative, its ".." are at its beginning, and
 * not more than path has folders.
 */
bool listing_allows_link(const char *path, const char *target);

#endif
