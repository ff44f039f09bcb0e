/* index_file: the few times when one process alone may touch the index. Start at
 * index_file_open. */
#include "cache/index_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/database.h"
#include "cache/layout.h"
#include "cache/store_lock.h"

enum { UPGRADE_WAIT_MS = 60 * 1000, READ_WAIT_MS = 1000, LOOK_MS = 500, REPAIR_WAIT_MS = 1000 };

static enum status in_use(const struct index_place *place, int64_t user, const char *what,
                          struct error *err)
{
    (void)error_set(err, ERR_FAILED, place->folder,
                    user > 0 ? "%s: the store is in use by process %lld"
                             : "%s: the store is in use by another process",
                    what, (long long)user);
    error_hint(err, "try again when it has ended");
    return ERR_FAILED;
}

static enum status open_as(const struct index_place *place, const char *path,
                           enum database_mode mode, struct database **db, struct error *err)
{
    bool old;

    return database_open(path, mode, place->watch, db, &old, err);
}

static enum status make_file(const struct index_place *place, const char *name, struct error *err)
{
    int fd;

    TRY(layout_make_file(place->root, name, place->folder, &fd, err));
    close(fd);
    return OK;
}

/* Under the turn of writing, so that two first builds do not both make it. */
static enum status make(const struct index_place *place, const char *path, struct database **db,
                        struct error *err)
{
    enum status s;

    TRY(store_lock_take_turn(place->lock, place->folder, place->watch, err));
    s = make_file(place, "index.db", err);
    if (s == OK)
        s = open_as(place, path, DATABASE_MAKE, db, err);
    store_lock_give_turn(place->lock);
    return s;
}

/* ---- upgrading ---- */

static enum status upgrade_alone(const struct index_place *place, const char *path,
                                 struct arena *arena, struct database **db, struct error *err)
{
    TRY(open_as(place, path, DATABASE_UPGRADE, db, err));
    TRY(layout_write_version(place->root, place->folder, arena, err));
    if (place->write)
        return OK;
    database_close(*db); /* a reader goes on as one */
    *db = NULL;
    return open_as(place, path, DATABASE_READ, db, err);
}

static enum status is_old(const struct index_place *place, const char *path, bool *old,
                          struct error *err)
{
    struct database *db = NULL;
    enum status s = database_open(path, DATABASE_READ, place->watch, &db, old, err);

    if (s == ERR_NOT_FOUND && *old)
        return OK;
    *old = false;
    database_close(db);
    return s;
}

/* Another process has upgraded it: this one goes on as a user. */
static enum status enter_upgraded(const struct index_place *place, const char *path,
                                  struct database **db, struct error *err)
{
    TRY(store_lock_enter(place->lock, place->folder, place->watch, err));
    return open_as(place, path, place->write ? DATABASE_WRITE : DATABASE_READ, db, err);
}

static enum status upgrade_in_turn(const struct index_place *place, const char *path,
                                   struct arena *arena, struct database **db, struct error *err)
{
    enum status s = store_lock_take_turn(place->lock, place->folder, place->watch, err);

    if (s == OK) {
        s = upgrade_alone(place, path, arena, db, err);
        store_lock_give_turn(place->lock);
    }
    store_lock_share(place->lock);
    return s;
}

/*
 * Programs of the older version must not be at work meanwhile; they are waited for without the turn
 * of writing, which they need to come to their end. Who waits does not count as a user, or two
 * would wait for each other.
 */
static enum status upgrade(const struct index_place *place, const char *path, struct arena *arena,
                           struct database **db, struct error *err)
{
    const int64_t most_ms = place->write ? UPGRADE_WAIT_MS : READ_WAIT_MS;
    int64_t user = 0;

    if (place->lock < 0) {
        (void)error_set(err, ERR_FAILED, place->folder, "it is of an older version");
        error_hint(err, "someone who may write to it upgrades it with any command of this hpo");
        return ERR_FAILED;
    }
    store_lock_leave(place->lock);
    for (int64_t waited = 0; waited < most_ms; waited += LOOK_MS) {
        bool alone, old;
        TRY(store_lock_be_alone(place->lock, place->folder, place->watch, LOOK_MS, &alone, &user,
                                err));
        if (alone)
            return upgrade_in_turn(place, path, arena, db, err);
        TRY(is_old(place, path, &old, err));
        if (!old)
            return enter_upgraded(place, path, db, err);
    }
    return in_use(place, user, "it is of an older version and cannot be upgraded now", err);
}

/* ---- repairing ---- */

static enum status say(struct database *db, const struct salvage *salvage, struct error *err)
{
    char sentence[256];

    (void)snprintf(sentence, sizeof sentence,
                   salvage->rows_before > 0
                       ? "the store's index was damaged and has been made anew: %lld of %lld rows; "
                         "what is missing is made again when it is needed"
                       : "the store's index was damaged and has been made anew: %lld rows; what is "
                         "missing is made again when it is needed",
                   (long long)salvage->rows, (long long)salvage->rows_before);
    return database_say(db, sentence, err);
}

/* The new one beside the old, durable, then in its place. */
static enum status write_anew(const struct index_place *place, const char *path, const char *fresh,
                              struct salvage *salvage, struct error *err)
{
    struct database *db = NULL;
    enum status s;

    TRY(make_file(place, "index.db.new", err));
    s = open_as(place, fresh, DATABASE_MAKE, &db, err);
    if (s == OK)
        s = database_salvage(db, path, salvage, err);
    database_close(db); /* the last one: its -wal goes */
    if (s != OK)
        return s;
    (void)unlinkat(place->root, "index.db-wal", 0);
    (void)unlinkat(place->root, "index.db-shm", 0);
    if (renameat(place->root, "index.db.new", place->root, "index.db") != 0)
        return error_system(err, path, "replace");
    return file_sync_folder(place->folder, err);
}

/* Who calls is alone. */
static enum status rebuild(const struct index_place *place, const char *path, struct arena *arena,
                           struct database **db, struct error *err)
{
    char *fresh = arena_printf(arena, "%s.new", path);
    struct salvage salvage;

    if (!fresh)
        return error_memory(err);
    TRY(file_remove(fresh, err)); /* of one that was killed meanwhile */
    TRY(write_anew(place, path, fresh, &salvage, err));
    TRY(open_as(place, path, DATABASE_WRITE, db, err));
    return say(*db, &salvage, err);
}

static enum status rebuild_alone(const struct index_place *place, const char *path,
                                 struct arena *arena, struct database **db, struct error *err)
{
    bool alone;
    int64_t user;
    enum status s;

    TRY(store_lock_be_alone(place->lock, place->folder, place->watch, REPAIR_WAIT_MS, &alone, &user,
                            err));
    if (!alone)
        return in_use(place, user, "its index is damaged and cannot be repaired now", err);
    s = rebuild(place, path, arena, db, err);
    store_lock_share(place->lock);
    return s;
}

enum status index_file_repair(const struct index_place *place, struct database **db,
                              struct error *err)
{
    struct arena *arena;
    char *path;
    enum status s;

    if (database_is_sound(*db))
        return OK;
    arena = arena_open();
    path = arena ? file_join(arena, place->folder, "index.db") : NULL;
    database_close(*db);
    *db = NULL;
    s = path ? rebuild(place, path, arena, db, err) : error_memory(err);
    arena_close(arena);
    return s;
}

/* ---- opening ---- */

static enum status open_path(const struct index_place *place, const char *path, bool repair,
                             struct arena *arena, struct database **db, struct error *err)
{
    const enum database_mode mode = place->write ? DATABASE_WRITE : DATABASE_READ;
    bool old = false;
    enum status s = database_open(path, mode, place->watch, db, &old, err);

    if (s == ERR_NOT_FOUND && old)
        s = upgrade(place, path, arena, db, err);
    else if (s == ERR_NOT_FOUND && place->write)
        s = make(place, path, db, err);
    if (s == ERR_CORRUPT && repair)
        s = rebuild_alone(place, path, arena, db, err);
    return s;
}

enum status index_file_open(const struct index_place *place, bool repair, struct database **db,
                            struct error *err)
{
    struct arena *arena = arena_open();
    char *path = arena ? file_join(arena, place->folder, "index.db") : NULL;
    const bool shared = layout_is_shared(place->root);
    const mode_t before = shared ? umask(0) : 0; /* the group can open SQLite's files at once */
    enum status s;

    if (place->write)
        layout_share_file(place->root, "index.db");
    s = path ? open_path(place, path, repair, arena, db, err) : error_memory(err);
    if (shared)
        (void)umask(before);
    arena_close(arena);
    return s;
}
