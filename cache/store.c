/*
 * store: the folder, who has it open, and what is not durable yet. The invariant: whatever the
 * index says was committed after the blobs it names were made durable. Start at store_sync.
 */
#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/database.h"
#include "cache/index_file.h"
#include "cache/layout.h"
#include "cache/store_lock.h"

#ifdef HPO_SMALL
enum { FEW_BLOBS = 1 };
#else
enum { FEW_BLOBS = 16 }; /* up to here each is synced by itself, above one syncfs is cheaper */
#endif

enum { FOLDERS = 256 };

struct store {
    struct arena *arena;
    const char *folder, *work, *graphs, *live, *claims;
    unsigned flags;
    const struct watch *watch;
    int root, blobs, lock; /* descriptors, -1 before they are open */
    struct database *database;
    struct store *lender;   /* see store_borrow; or NULL */
    struct stats *stats;    /* of content/stats.c; NULL until it is needed */
    struct digest *pending; /* blobs that are not durable yet */
    size_t n_pending, pending_capacity;
    bool touched[FOLDERS]; /* folders of blobs/ with new names */
    bool blobs_touched;    /* blobs/ has a new folder */
    bool failed;
    enum status failure_status;
    struct error failure;
};

/* ---- opening ---- */

static enum status writable_hint(struct error *err)
{
    error_hint(err, "the store must be writable; choose another: --cache DIR");
    return ERR_SYSTEM;
}

static enum status make_folders(struct store *store, struct error *err)
{
    static const char *const names[] = {"blobs", "tmp", "work", "graphs", "live"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (layout_make_folder(store->root, store->root, names[i], store->folder, err) != OK)
            return writable_hint(err);
    return OK;
}

static enum status make_file(struct store *store, const char *name, int *fd, struct error *err)
{
    return layout_make_file(store->root, name, store->folder, fd, err) == OK ? OK
                                                                             : writable_hint(err);
}

/* A reader too opens the lock for writing, where it may: for an upgrade. */
static enum status open_lock(struct store *store, struct error *err)
{
    int fd;

    if (store_is_writable(store)) {
        TRY(make_file(store, "lock", &store->lock, err));
        TRY(make_file(store, "claims", &fd, err));
        close(fd);
    } else {
        store->lock = openat(store->root, "lock", O_RDWR | O_CLOEXEC);
        if (store->lock < 0)
            store->lock = openat(store->root, "lock", O_RDONLY | O_CLOEXEC);
        if (store->lock < 0)
            return error_system(err, store->folder, "open the store's lock");
    }
    return store_lock_enter(store->lock, store->folder, store->watch, err);
}

static struct index_place index_place(const struct store *store)
{
    return (struct index_place){
        .folder = store->folder,
        .root = store->root,
        .lock = store->lock,
        .write = store_is_writable(store),
        .watch = store->watch,
    };
}

enum status store_repair_index(struct store *store, struct error *err)
{
    const struct index_place place = index_place(store);

    return index_file_repair(&place, &store->database, err);
}

/* What killed processes left in tmp, when nobody else can be writing there. */
static enum status clean_temporary(struct store *store, struct error *err)
{
    struct arena *arena = arena_open();
    char *folder = arena ? file_join(arena, store->folder, "tmp") : NULL;
    char **names;
    size_t n;
    bool alone = false;
    int64_t user;
    enum status s = folder ? OK : error_memory(err);

    if (s == OK)
        s = store_be_alone(store, 0, &alone, &user, err);
    if (s == OK && alone)
        s = file_list(folder, arena, &names, &n, err);
    for (size_t i = 0; s == OK && alone && i < n; i++) {
        char *path = file_join(arena, folder, names[i]);
        s = path ? file_remove(path, err) : error_memory(err);
    }
    if (alone)
        store_share(store);
    arena_close(arena);
    return s;
}

static enum status name_paths(struct store *store, const char *folder, struct error *err)
{
    char absolute[PATH_MAX];

    if (!realpath(folder, absolute)) {
        const bool absent = errno == ENOENT || errno == ENOTDIR;
        enum status s = error_system(err, folder, "open the store");
        return absent ? ERR_NOT_FOUND : s;
    }
    store->folder = arena_string(store->arena, absolute);
    store->work = arena_printf(store->arena, "%s/work", absolute);
    store->graphs = arena_printf(store->arena, "%s/graphs", absolute);
    store->live = arena_printf(store->arena, "%s/live", absolute);
    store->claims = arena_printf(store->arena, "%s/claims", absolute);
    if (!store->folder || !store->work || !store->graphs || !store->live || !store->claims)
        return error_memory(err);
    if ((store->root = open(absolute, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return error_system(err, folder, "open the store");
    return OK;
}

static enum status open_parts(struct store *store, const char *folder, struct error *err)
{
    const bool write = store_is_writable(store);
    struct index_place place;
    int64_t version;

    if (write)
        TRY(file_make_folders(folder, err));
    TRY(name_paths(store, folder, err));
    TRY(layout_version(store->folder, store->arena, &version, err));
    if (version == 0 && !write)
        return error_set(err, ERR_NOT_FOUND, store->folder, "there is no store");
    TRY(layout_refuse_network(store->folder, store->arena, err));
    TRY(open_lock(store, err));
    if (write)
        TRY(make_folders(store, err));
    store->blobs = openat(store->root, "blobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->blobs < 0)
        return error_system(err, store->folder, "open the store's blobs");
    place = index_place(store);
    TRY(index_file_open(&place, (store->flags & STORE_REPAIR) != 0, &store->database, err));
    if (version < LAYOUT_VERSION && write)
        TRY(layout_write_version(store->root, store->folder, store->arena, err));
    return write ? clean_temporary(store, err) : OK;
}

enum status store_open(const char *folder, unsigned flags, const struct watch *watch,
                       struct store **out, struct error *err)
{
    struct arena *arena = arena_open();
    struct store *store = arena ? arena_alloc(arena, sizeof *store) : NULL;
    enum status s;

    if (!store) {
        arena_close(arena);
        return error_memory(err);
    }
    store->arena = arena;
    store->flags = flags;
    store->watch = watch;
    store->root = store->blobs = store->lock = -1;
    if ((s = open_parts(store, folder, err)) != OK) {
        store_close(store);
        return s;
    }
    *out = store;
    return OK;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    database_close(store->database);
    if (store->blobs >= 0)
        close(store->blobs);
    if (store->lock >= 0)
        close(store->lock); /* lets go of its locks */
    if (store->root >= 0)
        close(store->root);
    arena_close(store->arena);
}

const char *store_folder(const struct store *store)
{
    return store->folder;
}

const char *store_work(const struct store *store)
{
    return store->work;
}

const char *store_graphs(const struct store *store)
{
    return store->graphs;
}

const char *store_live(const struct store *store)
{
    return store->live;
}

void store_open_to_group(const struct store *store, const char *path, mode_t bits)
{
    layout_share(store->root, path, bits);
}

bool store_is_shared(const struct store *store)
{
    return layout_is_shared(store->root);
}

const char *store_claims(const struct store *store)
{
    return store->claims;
}

struct database *store_database(const struct store *store)
{
    return store->database;
}

struct arena *store_arena(const struct store *store)
{
    return store->arena;
}

struct stats **store_stats(struct store *store)
{
    return &store->stats;
}

void store_borrow(struct store *store, struct store *lender)
{
    store->lender = lender;
}

struct store *store_lender(const struct store *store)
{
    return store->lender;
}

bool store_is_writable(const struct store *store)
{
    return !(store->flags & STORE_READ);
}

const struct watch *store_watch(const struct store *store)
{
    return store->watch;
}

const char *store_damage(struct store *store)
{
    return database_damage(store->database);
}

bool store_rehashes(const struct store *store)
{
    return store->flags & STORE_REHASH;
}

int store_blobs(const struct store *store)
{
    return store->blobs;
}

enum status store_be_alone(struct store *store, int64_t wait_ms, bool *alone, int64_t *user,
                           struct error *err)
{
    return store_lock_be_alone(store->lock, store->folder, store->watch, wait_ms, alone, user, err);
}

void store_share(struct store *store)
{
    store_lock_share(store->lock);
}

/* ---- writing ---- */

static enum status may_write(struct store *store, struct error *err)
{
    if (store->flags & STORE_READ)
        return error_set(err, ERR_SYSTEM, store->folder, "the store is open for reading only");
    if (store->failed) {
        *err = store->failure;
        return store->failure_status;
    }
    return OK;
}

/*
 * A turnstile: who waits for the transaction holds the turn, so who has just ended one cannot begin
 * the next before him. Without it two builds would not share the store fairly.
 */
enum status store_write_begin(struct store *store, struct error *err)
{
    enum status s;

    TRY(may_write(store, err));
    if (database_is_writing(store->database))
        return database_begin(store->database, err);
    TRY(store_lock_take_turn(store->lock, store->folder, store->watch, err));
    s = database_begin(store->database, err);
    store_lock_give_turn(store->lock);
    return s;
}

enum status store_let_others(struct store *store, struct error *err)
{
    return database_is_writing(store->database) ? store_sync(store, err) : OK;
}

enum status store_temporary(struct store *store, struct arena *arena, char **path, int *fd,
                            struct error *err)
{
    TRY(may_write(store, err));
    if (!(*path = arena_printf(arena, "%s/tmp/XXXXXX", store->folder)))
        return error_memory(err);
    if ((*fd = mkostemp(*path, O_CLOEXEC)) < 0)
        return error_system(err, *path, "create");
    return OK;
}

void store_blob_name(const struct digest *digest, char name[BLOB_NAME_MAX])
{
    char hex[DIGEST_HEX + 1];

    digest_hex(digest, hex);
    name[0] = hex[0];
    name[1] = hex[1];
    name[2] = '/';
    memcpy(name + 3, hex + 2, sizeof hex - 2);
}

/* The blob's folder is made when the first blob comes; 256 empty ones would be no help. */
static enum status make_blob_folder(struct store *store, const char *name, struct error *err)
{
    const char folder[3] = {name[0], name[1], '\0'};

    TRY(layout_make_folder(store->root, store->blobs, folder, store->folder, err));
    store->blobs_touched = true;
    return OK;
}

static enum status sync_file(int folder, const char *name, const char *where, struct error *err)
{
    enum status s = OK;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_system(err, where, "open what is to be synced");
    if (fsync(fd) != 0)
        s = error_system(err, where, "sync");
    close(fd);
    return s;
}

static enum status note_pending(struct store *store, const struct digest *digest, struct error *err)
{
    struct digest *last =
        arena_push(store->arena, store->pending, store->n_pending, store->pending_capacity);

    if (!last)
        return error_memory(err);
    *last = *digest;
    store->touched[digest->bytes[0]] = true;
    return OK;
}

/* Whether a blob has come before, since the last sync, from us; the newest is the one that asks. */
static bool came_before(const struct store *store, const struct digest *digest)
{
    for (size_t i = 0; i + 1 < store->n_pending; i++)
        if (digest_equal(&store->pending[i], digest))
            return true;
    return false;
}

/* Renames without replacing; file systems that cannot (EINVAL) look first. */
static int rename_to_new(const char *path, int folder, const char *name)
{
    if (renameat2(AT_FDCWD, path, folder, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (faccessat(folder, name, F_OK, 0) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(AT_FDCWD, path, folder, name);
}

/* An empty folder that has the name is put out of the way. */
static int replace(const char *path, int folder, const char *name)
{
    const int rc = renameat(AT_FDCWD, path, folder, name);

    if (rc == 0 || errno != EISDIR || unlinkat(folder, name, AT_REMOVEDIR) != 0)
        return rc;
    return renameat(AT_FDCWD, path, folder, name);
}

static enum status not_moved(const struct store *store, const char *path, const char *name,
                             struct error *err)
{
    if (errno != EISDIR && errno != ENOTDIR && errno != ENOTEMPTY)
        return error_system(err, path, "move into the store");
    (void)error_set(err, ERR_SYSTEM, store->folder,
                    "something that is not hpo's has the name of a blob: blobs/%s", name);
    error_hint(err, "hpo cache gc removes it");
    return ERR_SYSTEM;
}

enum status store_adopt(struct store *store, const char *path, const struct digest *digest,
                        bool *moved, struct error *err)
{
    char name[BLOB_NAME_MAX];
    int rc;

    *moved = true;
    TRY(may_write(store, err));
    TRY(note_pending(store, digest, err)); /* before it has the name: this may fail */
    store_blob_name(digest, name);
    rc = rename_to_new(path, store->blobs, name);
    if (rc != 0 && errno == ENOENT) {
        TRY(make_blob_folder(store, name, err));
        rc = rename_to_new(path, store->blobs, name);
    }
    if (rc != 0 && errno == EEXIST && came_before(store, digest)) {
        store->n_pending--;
        return unlink(path) == 0 ? OK : error_system(err, path, "remove");
    }
    if (rc != 0 && errno == EEXIST) {
        TRY(sync_file(AT_FDCWD, path, path, err));
        rc = replace(path, store->blobs, name);
    }
    if (rc != 0)
        store->n_pending--;
    if (rc != 0 && errno == EXDEV) {
        *moved = false;
        return OK;
    }
    return rc == 0 ? OK : not_moved(store, path, name, err);
}

static enum status sync_one_by_one(struct store *store, struct error *err)
{
    for (size_t i = 0; i < store->n_pending; i++) {
        char name[BLOB_NAME_MAX];
        store_blob_name(&store->pending[i], name);
        TRY(sync_file(store->blobs, name, name, err));
    }
    for (int i = 0; i < FOLDERS; i++) {
        char name[3];
        (void)snprintf(name, sizeof name, "%02x", (unsigned)i);
        if (store->touched[i])
            TRY(sync_file(store->blobs, name, name, err));
    }
    return store->blobs_touched ? sync_file(store->blobs, ".", store->folder, err) : OK;
}

static enum status sync_blobs(struct store *store, struct error *err)
{
    if (store->n_pending == 0)
        return OK;
    if (store->n_pending <= FEW_BLOBS)
        TRY(sync_one_by_one(store, err));
    else if (syncfs(store->blobs) != 0)
        return error_system(err, store->folder, "sync the store");
    store->n_pending = 0;
    memset(store->touched, 0, sizeof store->touched);
    store->blobs_touched = false;
    return OK;
}

bool store_is_dirty(const struct store *store)
{
    return store->n_pending > 0 || database_is_writing(store->database) ||
           database_has_damage(store->database);
}

bool store_is_awaited(const struct store *store)
{
    return database_is_writing(store->database) && store_lock_is_awaited(store->lock);
}

enum status store_sync(struct store *store, struct error *err)
{
    enum status s;

    if (!store_is_dirty(store))
        return OK;
    TRY(may_write(store, err));
    s = sync_blobs(store, err);
    if (s == OK && database_has_damage(store->database))
        s = store_write_begin(store, err); /* drops it */
    if (s == OK)
        s = database_commit(store->database, err);
    if (s != OK) {
        store->failed = true;
        store->failure_status = s;
        store->failure = *err;
    }
    return s;
}
