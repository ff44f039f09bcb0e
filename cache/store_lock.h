/*
 * store_lock: who has the store open, who is alone, and whose turn it is to write: locks on bytes
 * of one empty file.
 *
 * Bytes      Byte 0 is the turn: a process holds it while it waits for the write transaction, so
 *            that the one that has just ended a transaction cannot begin the next before it. Byte
 *            USERS + process id is held, shared, by a process that has the store open; one that
 *            wants to be alone locks all of these exclusively. So the place of a lock tells which
 *            process holds it.
 * Locks      They belong to the open file (F_OFD_…), not to the process: they end when it is
 *            closed, by SIGKILL too, and two stores open in one process exclude each other like two
 *            processes.
 */
#ifndef CACHE_STORE_LOCK_H
#define CACHE_STORE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* fd is the lock file; where is what messages call the store. Waits a minute for who is alone. */
enum status store_lock_enter(int fd, const char *where, struct error *err) MUST_CHECK;

/* As store_be_alone. What is held instead of the shared lock until store_lock_share. */
enum status store_lock_be_alone(int fd, const char *where, int64_t wait_ms, bool *alone,
                                int64_t *user, struct error *err) MUST_CHECK;
void store_lock_share(int fd);

enum status store_lock_take_turn(int fd, const char *where, struct error *err) MUST_CHECK;
void store_lock_give_turn(int fd);

#endif
