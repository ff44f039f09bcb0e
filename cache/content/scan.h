/*
 * scan: files read from end to end: their digests, and whether they stood still meanwhile.
 *
 * Several files are read by as many threads as there are cores; what is found, and which failure is
 * reported, does not depend on that.
 */
#ifndef CACHE_CONTENT_SCAN_H
#define CACHE_CONTENT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/error.h"

struct watch;

enum scan_outcome {
    SCAN_DONE,
    SCAN_ABSENT,
    SCAN_NOT_REGULAR,
    SCAN_CHANGED, /* its size or a time was another one after reading than before, thrice */
    SCAN_REFUSED, /* by the operating system */
};

struct scan {
    const char *path;     /* given */
    bool follow;          /* given: path itself may be a symbolic link */
    int64_t size;         /* given: how large it is thought to be, to share out the work */
    int64_t begun_ns;     /* found: just before the first byte was read, since 1970 */
    struct digest digest; /* found; where it changed, of what was read last */
    struct stat st;       /* found */
    enum scan_outcome outcome;
    int refusal; /* errno of SCAN_REFUSED */
};

/*
 * Scans n files; ends OK whatever their outcomes are. ERR_INTERRUPTED: the watch said so.
 * ERR_MEMORY, or the cryptographic library.
 */
enum status scan_files(struct scan *files, size_t n, const struct watch *watch,
                       struct error *err) MUST_CHECK;

/* The outcome of one file as a status, and a sentence whose place is its path; SCAN_DONE is OK. */
enum status scan_status(const struct scan *file, struct error *err) MUST_CHECK;

/* Scans a descriptor from where it stands to its end; the sum of its bytes only. */
enum status scan_descriptor(int fd, const char *where, const struct watch *watch,
                            struct digest *digest, int64_t *size, struct error *err) MUST_CHECK;

/* Nanoseconds since 1970, the nearest that can be said. */
int64_t scan_time_ns(const struct timespec *t);

#endif
