/*
 * inventory: every blob there is, and how often it is needed. For the walks over everything: gc,
 * verify, statistics.
 */
#ifndef CACHE_CONTENT_INVENTORY_H
#define CACHE_CONTENT_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;
struct tree;

struct inventory_blob {
    struct digest digest;
    int64_t size;
    size_t needs;       /* how many need it */
    bool in_index;      /* a row of the index, not a file */
    const char *damage; /* what verify has found, or NULL */
};

struct inventory {
    struct inventory_blob *blobs; /* sorted by digest */
    size_t n, capacity;
    const char **strays; /* paths below STORE/blobs that are not a blob's name; sorted */
    size_t n_strays, strays_capacity;
    int64_t needed_bytes; /* of the blobs that are needed */
};

/* Walks over the folders of blobs and the inline ones; nobody needs any of them yet. */
enum status inventory_read(struct store *store, struct arena *arena, struct inventory *out,
                           struct error *err) MUST_CHECK;

/* NULL: there is no such blob. */
struct inventory_blob *inventory_find(const struct inventory *inventory, const struct digest *d);

/* One more, or one less, that needs a blob. What is absent is passed over. */
void inventory_need(struct inventory *inventory, const struct digest *d, int change);

/* The same for a tree's listing and all its files. */
void inventory_need_tree(struct inventory *inventory, const struct tree *tree, int change);

#endif
