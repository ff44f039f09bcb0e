/*
 * blob: the bytes of one file, kept under the SHA-256 of those bytes.
 *
 * Layout     More than BLOB_INLINE bytes: STORE/blobs/ab/cdef…, mode 0444, never written again once
 *            it has this name. Fewer: a row of the index; callers need not know.
 * Writing    blob_begin, any number of blob_write, then blob_commit or blob_abandon.
 *            Bytes go to a file in STORE/tmp; commit renames it to its digest. store_sync makes
 *            all commits before it durable at once; a result may name a blob only after that,
 *            which a row put after the commit does by itself. A crash at any point leaves either
 *            no blob or the whole blob; what a power cut may leave is caught by its digest, and a
 *            commit always replaces what has its name.
 * Taking     blob_take moves a file that exists (an action's output in STORE/work) into the store.
 * Trust      A blob is data from a disk: whatever hands out its bytes checks the digest, and says
 *            ERR_CORRUPT where they changed; the damaged blob is then gone, so that the next
 *            commit heals it. Only a blob above BLOB_LARGE is believed by size, inode and time of
 *            change, as they were when its bytes were last hashed.
 * Errors     blob_write never fails by itself: the writer remembers its first failure, and
 *            blob_commit returns it. Everything else returns at once. ERR_SYSTEM: disk full, …
 * Threads    One writer, one thread. Any number of processes may write the same blob.
 */
#ifndef CACHE_CONTENT_BLOB_H
#define CACHE_CONTENT_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct blob_writer; /* opaque: file descriptor, running digest, first failure */
struct store;

#ifdef HPO_SMALL
enum { BLOB_INLINE = 16, BLOB_LARGE = 64 };
#else
enum {
    BLOB_INLINE = 4096,            /* up to this many bytes a blob lives in the index */
    BLOB_LARGE = 64 * 1024 * 1024, /* above this it is believed by its looks */
};
#endif

/* Starts a blob. *out belongs to the caller until commit or abandon, which free it. */
enum status blob_begin(struct store *store, struct blob_writer **out, struct error *err) MUST_CHECK;

/* Appends n bytes; a no-op after the first failure. */
void blob_write(struct blob_writer *w, const void *bytes, size_t n);

/* Finishes the blob and names it. Frees w on success and on failure. */
enum status blob_commit(struct blob_writer *w, struct digest *out, struct error *err) MUST_CHECK;

/* Removes what was written. Frees w; NULL is allowed. Cannot fail. */
void blob_abandon(struct blob_writer *w);

/* The three calls in one, for bytes that are in memory. */
enum status blob_put(struct store *store, const void *bytes, size_t n, struct digest *out,
                     struct error *err) MUST_CHECK;

/* One file for blob_take. */
struct blob_file {
    const char *path;     /* given */
    struct digest digest; /* found */
    int64_t size;         /* found */
};

/*
 * Hashes a regular file and moves it into the store; path is then gone. A copy is made where it
 * cannot be moved (another file system), or where a process could still write to what was moved: it
 * has a second hard link, or is open or mapped for writing. The writer of the file must have ended.
 * ERR_NOT_FOUND: no such file. ERR_FAILED: not a regular file, or it changed meanwhile.
 */
enum status blob_take(struct store *store, const char *path, struct digest *digest, int64_t *size,
                      struct error *err) MUST_CHECK;

/* The same for n files; they are hashed by as many threads as there are cores. */
enum status blob_take_many(struct store *store, struct blob_file *files, size_t n,
                           struct error *err) MUST_CHECK;

/* Whether there is a blob of this name; its bytes are not read. */
enum status blob_exists(struct store *store, const struct digest *digest, bool *exists,
                        struct error *err) MUST_CHECK;

/*
 * Reads a whole blob of at most limit bytes into the arena, which owns it, and checks its digest.
 * A NUL stands behind the bytes. ERR_NOT_FOUND: no such blob. ERR_INPUT: larger than limit.
 * ERR_CORRUPT: the bytes changed.
 */
enum status blob_read(struct store *store, const struct digest *digest, size_t limit,
                      struct arena *arena, void **bytes, size_t *n, struct error *err) MUST_CHECK;

/*
 * Makes the file dest, which must not exist, of this blob, which has size bytes. A file of its own,
 * mode 0644 or 0755, reflinked where the file system can, else copied. ERR_NOT_FOUND, ERR_CORRUPT:
 * dest is not there.
 */
enum status blob_place(struct store *store, const struct digest *digest, int64_t size,
                       const char *dest, bool executable, struct error *err) MUST_CHECK;

/* Removes a blob; what is absent is fine. For gc, and for damaged ones. */
enum status blob_remove(struct store *store, const struct digest *digest,
                        struct error *err) MUST_CHECK;

#endif
