/*
 * layout: what lies in a store's folder (store.h has the list), and who may read and write it.
 *
 * Modes      Whatever the store makes has the mode of its folder (files without the x), whatever
 *            the umask of who makes it: so a store is shared by sharing its folder, with chmod and
 *            setgid, and no user locks another one out. SQLite gives its -wal and -shm the mode of
 *            index.db. Blobs are read-only besides.
 * Version    The file `version` is written last, and again when a store is upgraded. What the index
 *            says of itself (schema.h) is what counts; the file keeps older programs out.
 */
#ifndef CACHE_LAYOUT_H
#define CACHE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct arena;

enum { LAYOUT_VERSION = 3 };

/*
 * *version is what the file says, 0 where there is none and a store could begin in the folder.
 * ERR_INPUT: a newer version, no version at all, or a folder with other things in it.
 */
enum status layout_version(const char *folder, struct arena *arena, int64_t *version,
                           struct error *err) MUST_CHECK;

/* Everything that was written before becomes durable, and only then the version. */
enum status layout_write_version(int root, const char *folder, struct arena *arena,
                                 struct error *err) MUST_CHECK;

/* ERR_INPUT on a file system that other machines may write too. */
enum status layout_refuse_network(const char *folder, struct arena *arena,
                                  struct error *err) MUST_CHECK;

/* Makes a folder below `at`, with the mode of the store's; it may be there already. */
enum status layout_make_folder(int root, int at, const char *name, const char *where,
                               struct error *err) MUST_CHECK;

/* Opens a file of the store for reading and writing, and makes it where it is absent. */
enum status layout_make_file(int root, const char *name, const char *where, int *fd,
                             struct error *err) MUST_CHECK;

/* Gives what was made under this path the mode of the store, of these bits. */
void layout_share(int root, const char *path, mode_t bits);

/* Whether the store's group may write to it. */
bool layout_is_shared(int root);

/* Gives a file that is there the mode of the store, where that is ours to do. */
void layout_share_file(int root, const char *name);

#endif
