/* words: files in memory. */
#include "engine/room/words.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"

enum { SHEET_MAX = 64 << 20 };

int words_write(const char *const *strings, size_t n)
{
    struct arena *arena = arena_open();
    struct text sheet = text_in(arena);
    struct error ignored;
    char *bytes;
    size_t size;
    int fd = -1, failed = ENOMEM;

    for (size_t i = 0; arena && i < n; i++)
        text_add_bytes(&sheet, strings[i], strlen(strings[i]) + 1);
    if (arena && text_finish(&sheet, &bytes, &size, &ignored) == OK) {
        fd = memfd_create("hpo", MFD_CLOEXEC);
        failed = errno;
    }
    if (fd >= 0 && file_write_all(fd, "", bytes, size, &ignored) != OK) {
        close(fd);
        fd = -1;
        failed = ENOSPC;
    }
    arena_close(arena);
    errno = failed;
    return fd;
}

enum status words_read(int sheet, struct arena *arena, char ***strings, size_t *n,
                       struct error *err)
{
    const off_t size = lseek(sheet, 0, SEEK_END);
    size_t at = 0, count = 0;
    char *bytes;

    if (size < 0 || size > SHEET_MAX)
        return error_set(err, ERR_SYSTEM, "", "a room was told %lld bytes", (long long)size);
    if (!(bytes = arena_alloc(arena, (size_t)size + 1)))
        return error_memory(err);
    while (at < (size_t)size) {
        const ssize_t got = pread(sheet, bytes + at, (size_t)size - at, (off_t)at);
        if (got <= 0)
            return error_system(err, "", "read what a room is told");
        at += (size_t)got;
    }
    for (size_t i = 0; i < at; i++)
        count += bytes[i] == '\0';
    if (!(*strings = arena_array(arena, count + 1, sizeof **strings)))
        return error_memory(err);
    *n = 0;
    for (char *s = bytes; *n < count; s += strlen(s) + 1)
        (*strings)[(*n)++] = s;
    return OK;
}
