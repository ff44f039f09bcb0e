/*
 * walk: what lies in a folder, by looking and not reading: kinds, times, targets of links.
 *
 * walk_in, any number of walk_add; then `found` has every file, link and empty folder, in the order
 * of the calls, and within one sorted by bytes. No link is followed below the place that is added.
 * What the filter leaves out is not looked into, and may be what else would be refused.
 */
#ifndef CACHE_CONTENT_WALK_H
#define CACHE_CONTENT_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"
#include "cache/content/listing.h"

struct arena;
struct filter;

struct walk_entry {
    enum tree_kind kind;
    const char *path;   /* as the entry of a tree */
    const char *full;   /* where it lies */
    const char *target; /* of a link, else NULL */
    struct stat st;
};

struct walk {
    struct arena *arena;
    struct walk_entry *found;
    size_t n, capacity;
    bool open; /* what the owner may not read, or a folder's names not change, is made so */
    const struct filter *filter; /* NULL: nothing is left out */
    size_t left_out;
};

struct walk walk_in(struct arena *arena);

/*
 * Adds the file, link or folder at full, under path; with path "" what lies in the folder full,
 * which may then be a link. An empty folder is an entry, except under "".
 * ERR_NOT_FOUND: it is not there. ERR_FAILED, with full in where: a socket, pipe or device.
 */
enum status walk_add(struct walk *walk, const char *full, const char *path,
                     struct error *err) MUST_CHECK;

#endif
