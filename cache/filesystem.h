/* filesystem: what is known of file systems by the number that statfs gives them. */
#ifndef CACHE_FILESYSTEM_H
#define CACHE_FILESYSTEM_H

#include <stdint.h>

/* The name of a file system of either kind, or NULL for one that is not known. */
const char *filesystem_name(unsigned long f_type);

/* The name of a file system whose files other machines may write too, or NULL for any other. */
const char *filesystem_network(unsigned long f_type);

/*
 * A FUSE file system tells its kind only in /proc/self/mountinfo, whose text is given: the name of
 * the one on this device ("sshfs"), where other machines may write its files too, else NULL.
 */
const char *filesystem_network_fuse(const char *mountinfo, unsigned major, unsigned minor);

enum { FILESYSTEM_FUSE = 0x65735546 }; /* what statfs says of all of them */

/*
 * After this many nanoseconds a write to a file is sure to give it another time than one before.
 * 10 ms where times come from this machine's kernel in nanoseconds (ext4, xfs, btrfs, f2fs, zfs,
 * bcachefs, tmpfs, overlayfs): its clock for them moves each tick, 10 ms at the longest. Elsewhere
 * 60 s: FAT counts in 2 s, a server's clock may differ from ours.
 */
int64_t filesystem_tick_ns(unsigned long f_type);

#endif
