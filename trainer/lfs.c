/*
 * lfs: a pointer is known by its first line.
 *
 *     version https://git-lfs.github.com/spec/v1
 *     oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
 *     size 12345
 */
#include "trainer/lfs.h"

#include <string.h>

#include "base/file.h"

enum { POINTER_MAX = 1024 };

static const char first_line[] = "version https://git-lfs.github.com/spec/",
                  size_line[] = "\nsize ";

enum status lfs_refuse(const char *bytes, size_t n, const char *where, struct error *err)
{
    const char *size, *end = bytes + n;
    int digits = 0;

    if (n < sizeof first_line || n > POINTER_MAX ||
        memcmp(bytes, first_line, sizeof first_line - 1) != 0)
        return OK;
    if ((size = memmem(bytes, n, size_line, sizeof size_line - 1)) != NULL)
        size += sizeof size_line - 1;
    while (size && size + digits < end && size[digits] >= '0' && size[digits] <= '9')
        digits++;
    (void)error_set(err, ERR_INPUT, where, "this is a Git LFS pointer to %.*s bytes, not the file",
                    size ? digits : 4, size ? size : "some");
    error_hint(err, "git lfs pull, where it was cloned, brings the file");
    return ERR_INPUT;
}

enum status lfs_read(const char *path, size_t limit, struct arena *arena, char **bytes, size_t *n,
                     struct error *err)
{
    TRY(file_read(path, limit, arena, bytes, n, err));
    return lfs_refuse(*bytes, *n, path, err);
}
