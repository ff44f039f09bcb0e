/*
 * tree: a folder in the store: a listing (see listing.h), kept as a blob, and the blobs it names.
 *
 * Taking moves an action's outputs into the store, placing puts them into another folder, picking
 * finds one file or folder of a tree without placing anything.
 * Owners     Entries and their strings live in the arena that is given.
 */
#ifndef CACHE_CONTENT_TREE_H
#define CACHE_CONTENT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "cache/content/listing.h"

struct arena;
struct store;

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

/* The tree with this digest; its files are not looked at. ERR_NOT_FOUND, ERR_CORRUPT: blob_read. */
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

/* Makes dest with the folders and links of a tree: what tree_place does before it places files. */
enum status tree_place_frame(const struct tree *tree, const char *dest,
                             struct error *err) MUST_CHECK;

#endif
