/* memory_file: bytes under a path, without a disk, for readers that open files. */
#ifndef TESTS_FUZZ_MEMORY_FILE_H
#define TESTS_FUZZ_MEMORY_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct memory_file {
    int fd;
    char path[32];
};

static inline struct memory_file memory_file_open(const uint8_t *bytes, size_t n)
{
    struct memory_file file = {.fd = memfd_create("input", MFD_CLOEXEC)};

    if (file.fd < 0 || write(file.fd, bytes, n) != (ssize_t)n)
        abort();
    (void)snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.fd);
    return file;
}

static inline void memory_file_close(struct memory_file *file)
{
    (void)close(file->fd);
}

#endif
