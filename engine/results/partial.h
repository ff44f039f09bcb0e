/*
 * partial: the checkpoint of a unit in the middle of a run. It is hashed by nobody and lies where
 * the trainer made it, in case that the run breaks off.
 *
 * Note       STORE/work/KEY.checkpoint, of the unit's key: the folder, and how every file in it
 *            looked (kind, size, inode, time of change) when the trainer named it. The files are
 *            durable before the note is, and the note before the row of the unit.
 * Taking     Whoever wants the unit's checkpoint later takes the folder, if it still looks the same
 *            and no living run has it: a run holds a lock of its task's folder (flock) while it
 *            lives.
 */
#ifndef ENGINE_RESULTS_PARTIAL_H
#define ENGINE_RESULTS_PARTIAL_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;

/*
 * The folder that a trainer names, a path below `out` (HPO_CHECKPOINT_OUT), which may be written as
 * an absolute one. ERR_FAILED: it is none, or lies behind a link or on another file system;
 * ERR_NOT_FOUND: it is not there.
 */
enum status partial_folder(const char *out, const char *name, struct arena *arena,
                           const char **folder, struct error *err) MUST_CHECK;

/* Notes the folder, durably. ERR_NOT_FOUND: its files come and go meanwhile. */
enum status partial_hold(struct store *store, const struct digest *key, const char *folder,
                         struct error *err) MUST_CHECK;

/* Removes the note; what is absent is fine. */
void partial_drop(struct store *store, const struct digest *key);

/*
 * The folder that was held for the unit; NULL: there is none that may be taken. *lock is then a
 * descriptor that keeps others away from it, to be closed by the caller; else -1.
 */
enum status partial_find(struct store *store, const struct digest *key, struct arena *arena,
                         const char **folder, int *lock, struct error *err) MUST_CHECK;

#endif
