/*
 * store_lock: who has the store open, who is alone, and whose turn it is to write: locks on bytes
 * of one empty file.
 *
 * Bytes      0 is the turn: held by who waits for the write transaction, so that who has just ended
 *            one cannot begin the next before him. 1 is held, shared, by who waits for the turn:
 *            who finds it so queues up too. USERS + process id is held, shared, by who has the
 *            store open; who wants to be alone locks all of these exclusively. So a lock that is
 *            in the way tells by its place which process holds it.
 * Locks      belong to the open file (F_OFD_…), not to the process: they end when it is closed, by
 *            SIGKILL too, and two stores open in one process exclude each other like two processes.
 */
#ifndef CACHE_STORE_LOCK_H
#define CACHE_STORE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct watch;

/*
 * fd is the lock file; where is what messages call the store. Waits a minute for who is alone. All
 * waiting here tells the watch, and ends with ERR_INTERRUPTED when it says so.
 */
enum status store_lock_enter(int fd, const char *where, const struct watch *watch,
                             struct error *err) MUST_CHECK;
void store_lock_leave(int fd); /* until store_lock_share */

/* As store_be_alone. What is held instead of the shared lock until store_lock_share. */
enum status store_lock_be_alone(int fd, const char *where, const struct watch *watch,
                                int64_t wait_ms, bool *alone, int64_t *user,
                                struct error *err) MUST_CHECK;
void store_lock_share(int fd);

enum status store_lock_take_turn(int fd, const char *where, const struct watch *watch,
                                 struct error *err) MUST_CHECK;
void store_lock_give_turn(int fd);

/* Whether another has the turn, so waits for the transaction of who asks. */
bool store_lock_is_awaited(int fd);

#endif
