/*
 * store: the folder that holds everything the project keeps.
 *
 * Layout     STORE/version     "hpo store 3\n"; written last, so a folder that has it is whole
 *            STORE/index.db    SQLite (WAL, synchronous=FULL): rows, and blobs of up to 4 KB
 *            STORE/blobs/ab/…  the other blobs, 0444, under the SHA-256 of their bytes (see blob.h)
 *            STORE/tmp/        blobs being written; what a killed process left is removed by the
 *                              next one that opens the store alone
 *            STORE/work/       working folders of actions: the caller's; same file system, so that
 *                              outputs are moved and not copied
 *            STORE/graphs/     what the engine remembers of builds (see history.h, snapshots): the
 *                              caller's too; only spares work, and goes with each collection
 *            STORE/audits/     rooms of audits, each a store of its own: the caller's
 *            STORE/live/       builds that run now: the caller's; it may go with its last process
 *            STORE/claims      an empty file whose bytes the engine locks, one a key
 *            STORE/lock        an empty file whose bytes are locked by who has it open (see
 *                              store_lock.h)
 * Life       store_open … store_sync … store_close. A program opens a store once.
 * Promise    Nothing written is durable, and no row is seen by another process, before store_sync.
 *            It makes all blobs committed so far durable, then commits all rows put so far: so a
 *            row never names a blob that a power cut can take away. SIGKILL at any instant leaves
 *            the state of some store_sync, and at worst blobs that no row names.
 * Sharing    Any number of processes may write. Rows go into one open transaction, begun by the
 *            first write after a store_sync; others who want to write wait for its end, in turn.
 *            Therefore: call store_sync before waiting for long, and every 50 ms at the latest
 *            (taking large files does it by itself before it reads them).
 * Damage     Every file of it can lose or flip bits. Blobs have digests, rows guards and sums
 *            (schema.h), what is in graphs has its digest in a row, WAL frames have SQLite's sums.
 *            A damaged `version` is refused; claims and lock are empty. What is in work/ is the
 *            caller's to guard. A store open for writing drops damaged rows and says so
 *            (store_damage); one open for reading says ERR_CORRUPT.
 * Failing    A failed sync cannot be repeated (the kernel forgets what it could not write): from
 *            then on every store_sync returns the same error. What earlier ones stored stays.
 * Threads    A store and everything got from it belong to one thread.
 */
#ifndef CACHE_STORE_H
#define CACHE_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct database;
struct stats;
struct store; /* opaque */
struct watch;

enum store_flags {
    STORE_WRITE = 0,  /* make it where it is absent */
    STORE_READ = 1,   /* must exist; every write fails; for tables and logs of a store that is not
                        ours to change */
    STORE_REPAIR = 2, /* write, and make a damaged index anew of what is whole: for gc */
    STORE_REHASH = 4, /* what is remembered of sources is not trusted: each is read again */
};

/*
 * Opens the store in folder (".hpo"), and makes it, durably, where there is none.
 * ERR_INPUT: a store of a newer version, a folder with other things in it, or a network file
 * system. ERR_NOT_FOUND: absent, with STORE_READ. ERR_SYSTEM: it cannot be written or made.
 * ERR_CORRUPT: its index is not one. Waits while another process cleans the store. A store of an
 * older version is upgraded in place; ERR_FAILED: while another process has it open. watch (which
 * may be NULL) lives as long as the store.
 */
enum status store_open(const char *folder, unsigned flags, const struct watch *watch,
                       struct store **out, struct error *err) MUST_CHECK;

/* Drops what was not synced, and lets go. NULL is allowed. */
void store_close(struct store *store);

/*
 * From now on blobs that this store lacks are read from the lender, which outlives it; rows are
 * not. What is written lies here alone.
 */
void store_borrow(struct store *store, struct store *lender);

/* Makes everything written so far durable. Costs nothing where nothing was. */
enum status store_sync(struct store *store, struct error *err) MUST_CHECK;

/* True when there is something for store_sync to do. */
bool store_is_dirty(const struct store *store);

/* True when another process waits for it, to write. */
bool store_is_awaited(const struct store *store);

/*
 * What was found damaged and dropped since the last call: one sentence for people, NULL when there
 * are no more. What it held is looked for as if it had never been there.
 */
const char *store_damage(struct store *store);

/* Absolute paths; they live as long as the store. */
const char *store_folder(const struct store *store);
const char *store_work(const struct store *store);   /* "STORE/work" */
const char *store_graphs(const struct store *store); /* "STORE/graphs" */
const char *store_live(const struct store *store);   /* "STORE/live" */

/* Gives a file or folder that was just made below STORE/work the permissions of the store's folder,
 * of these bits: 0666, 0777 for a program, 02777 for a folder. */
void store_open_to_group(const struct store *store, const char *path, mode_t bits);

/* Whether its folder's group may write there. */
bool store_is_shared(const struct store *store);
const char *store_claims(const struct store *store); /* "STORE/claims" */

/*
 * Tries to be the only process that has the store open; *alone says whether that came about within
 * wait_ms. While it lasts, others wait in store_open. End it with store_share, which cannot fail.
 * *user becomes the process id of one that has it open, where that is known, else 0.
 */
enum status store_be_alone(struct store *store, int64_t wait_ms, bool *alone, int64_t *user,
                           struct error *err) MUST_CHECK;
void store_share(struct store *store);

/* A new file in STORE/tmp, open for reading and writing. Its path is in arena. */
enum status store_temporary(struct store *store, struct arena *arena, char **path, int *fd,
                            struct error *err) MUST_CHECK;

/* ---- for the modules of this room ---- */

struct database *store_database(const struct store *store);

/*
 * Makes the index anew from its whole rows where SQLite finds it damaged; store_damage says so. Who
 * calls is alone, and nothing is unsynced.
 */
enum status store_repair_index(struct store *store, struct error *err) MUST_CHECK;

struct arena *store_arena(const struct store *store);       /* lives as long as the store */
struct stats **store_stats(struct store *store);            /* where stats.c keeps its own */
const struct watch *store_watch(const struct store *store); /* may be NULL */
bool store_is_writable(const struct store *store);
struct store *store_lender(const struct store *store); /* NULL: there is none */
bool store_rehashes(const struct store *store);

/*
 * The first line of every write to the index: begins the transaction unless it is open.
 * ERR_SYSTEM: the store is read-only, or a sync has failed.
 */
enum status store_write_begin(struct store *store, struct error *err) MUST_CHECK;

/* Before long work: ends an open transaction (by a sync), so that others need not wait for it. */
enum status store_let_others(struct store *store, struct error *err) MUST_CHECK;

enum { BLOB_NAME_MAX = DIGEST_HEX + 2 }; /* "ab/cdef…" and its NUL */

/* The name of a blob below the folder that store_blobs has open. */
void store_blob_name(const struct digest *digest, char name[BLOB_NAME_MAX]);
int store_blobs(const struct store *store);

/*
 * Moves a finished file to its blob's name, replacing a file that has it, and remembers it for
 * store_sync. A name that stood before may be promised to a row already, so its successor is made
 * durable first; one that this store has put there since its last sync is the same, and stays.
 * *moved is false where path lies on another file system; nothing was done then.
 */
enum status store_adopt(struct store *store, const char *path, const struct digest *digest,
                        bool *moved, struct error *err) MUST_CHECK;

#endif
