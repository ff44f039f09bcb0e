/*
 * index_file: STORE/index.db from its making on: made, upgraded, repaired. What is in it and how it
 * is read and written: database.h.
 */
#ifndef CACHE_INDEX_FILE_H
#define CACHE_INDEX_FILE_H

#include <stdbool.h>

#include "base/error.h"

struct database;
struct watch;

/* The store that it belongs to. */
struct index_place {
    const char *folder;
    int root, lock; /* descriptors of the folder and of its lock file, which is held as a user */
    bool write;
    const struct watch *watch;
};

/*
 * Opens it, and makes or upgrades it where that is to be done. With repair a damaged one is made
 * anew. ERR_FAILED: another process is in the way. Else as database_open.
 */
enum status index_file_open(const struct index_place *place, bool repair, struct database **db,
                            struct error *err) MUST_CHECK;

/*
 * Makes it anew from its whole rows, if SQLite finds it damaged: *db is closed and opened. Who
 * calls is alone with the store.
 */
enum status index_file_repair(const struct index_place *place, struct database **db,
                              struct error *err) MUST_CHECK;

#endif
