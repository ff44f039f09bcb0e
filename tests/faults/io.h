/*
 * io: makes the n-th call that changes a disk fail, and remembers what was synced.
 *
 * io.c defines write, rename, fsync and their like in the test program itself, where they come
 * before the C library's for every library that the program loads, SQLite's too. So what is tested
 * has no hooks. Not for threads: one at a time.
 */
#ifndef TESTS_FAULTS_IO_H
#define TESTS_FAULTS_IO_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The n-th call from now on (1 is the next) fails: writes with ENOSPC, the rest with EIO. With
 * persistent, all behind it too. 0 ends it.
 */
void io_fail_at(long n, bool persistent);

/* Whether a call has failed since io_fail_at. */
bool io_has_failed(void);

/* Forgets what was synced so far. */
void io_forget_syncs(void);

/*
 * The place among the syncs since then of the first fsync or fdatasync of a file whose path ends
 * so, or of a syncfs ("syncfs"): 0, 1, …; -1 where there was none.
 */
long io_find_sync(const char *path_end);

/* How many there were. */
size_t io_count_syncs(void);

#endif
