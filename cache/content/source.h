/*
 * source: the digest of a user's file or folder, read again only where it may have changed.
 *
 * Rule       The index remembers of each file its stamp (see stamp.h), the moment just before it
 *            was hashed, and the digest, which is trusted while the stamp holds. A digest that
 *            cannot be trusted later is not remembered at all. The tick is 10 ms on local file
 *            systems, 60 s elsewhere. A store opened with STORE_REHASH reads every source, and
 *            remembers it anew.
 * Folders    are read in place, and become a tree (see tree.h) whose files are not in the store.
 *            What a filter leaves out is absent: from the digest, the tree, and all later looks.
 * Links      The path itself may be a symbolic link; inside a folder, the rules of trees hold.
 */
#ifndef CACHE_CONTENT_SOURCE_H
#define CACHE_CONTENT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "cache/content/stamp.h"
#include "cache/content/tree.h"

struct arena;
struct filter;
struct store;

struct source {
    bool folder;
    bool executable;             /* a file */
    int64_t size;                /* bytes of the file, or of all files of the folder */
    struct digest digest;        /* a file: of its bytes; a folder: of its tree's text */
    const struct tree *tree;     /* a folder */
    const struct stamp *stamps;  /* of the file, or of each entry of the tree */
    const struct filter *filter; /* of a folder: the one it was found with, or NULL */
};

/*
 * Loads what is remembered of all files below folder (an absolute path) in one go: for a build with
 * thousands of sources. Without it each file is looked up by itself.
 */
enum status source_preload(struct store *store, const char *folder, struct error *err) MUST_CHECK;

/*
 * Finds the digest of the file or folder at path (absolute). The filter (NULL: nothing is left out)
 * is for folders, and lives as long as *out. ERR_NOT_FOUND: it is not there. ERR_INPUT: all that is
 * in the folder is left out. ERR_INTERRUPTED: the store's watch said so. ERR_FAILED: it changes
 * while it is read, or is neither file nor folder, or a tree's rule. ERR_SYSTEM: it cannot be read.
 * An error of the filter.
 */
enum status source_digest(struct store *store, const char *path, const struct filter *filter,
                          struct arena *arena, struct source *out, struct error *err) MUST_CHECK;

/*
 * Whether the source is still what source_digest found: for the check after an action has read it.
 * A file whose stamp was not settled, or whose inode alone changed (a new link, another mode), is
 * read again. One written with the bytes it had before counts as changed: what was in it meanwhile
 * is not known. What is left out may change.
 */
enum status source_unchanged(struct store *store, const char *path, const struct source *source,
                             bool *unchanged, struct error *err) MUST_CHECK;

/*
 * Puts the source at dest, which must not exist: copies (or reflinks) of its files, modes 0644 and
 * 0755, whose digests are checked. ERR_FAILED: the source is not any more what source_digest found.
 */
enum status source_place(struct store *store, const char *path, const struct source *source,
                         const char *dest, struct error *err) MUST_CHECK;

/* The same for one file or folder of a folder source: what tree_pick found in its tree at sub. */
enum status source_place_pick(struct store *store, const char *path, const char *sub,
                              const struct pick *pick, const char *dest,
                              struct error *err) MUST_CHECK;

#endif
