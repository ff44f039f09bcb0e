/* tokens_digests: for tests/e2e/tokens_test.py, the digest of each file's tokens, or "-", a line
 * each. Its argument is a list of their names. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/graph/tokens.h"

static int print_one(const char *path)
{
    struct arena *arena = arena_open();
    char hex[DIGEST_HEX + 1] = "-", *bytes;
    struct digest digest;
    struct error err;
    bool known;
    size_t n;
    const int failed = !arena || file_read(path, 1 << 24, arena, &bytes, &n, &err) != OK ||
                       tokens_digest(bytes, n, &known, &digest, &err) != OK;

    if (!failed && known)
        digest_hex(&digest, hex);
    (void)printf("%s\n", hex);
    arena_close(arena);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = argc != 2;
    char path[4096];
    FILE *list = failed ? NULL : fopen(argv[1], "r");

    while (list && fgets(path, sizeof path, list)) {
        path[strcspn(path, "\n")] = '\0';
        failed |= print_one(path);
    }
    if (list)
        (void)fclose(list);
    return failed || !list;
}
