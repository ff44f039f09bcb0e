/*
 * tokens: a source that has a digest keeps it when blank lines and a comment come behind it, and
 * gets another one when a statement does.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "engine/graph/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static bool find(const char *source, size_t n, struct digest *out)
{
    struct error err;
    bool known;

    if (tokens_digest(source, n, &known, out, &err) != OK)
        abort();
    return known;
}

static bool is_same(const char *source, size_t n, const char *behind, const struct digest *digest,
                    struct arena *arena)
{
    const size_t n_behind = strlen(behind);
    char *longer = arena_alloc(arena, n + n_behind + 1);
    struct digest other;

    if (!longer)
        abort();
    memcpy(longer, source, n);
    memcpy(longer + n, behind, n_behind + 1);
    return find(longer, n + n_behind, &other) && digest_equal(&other, digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *source = (const char *)bytes;
    struct arena *arena = arena_open();
    struct digest digest;

    if (!arena)
        abort();
    if (find(source, n, &digest) &&
        (!is_same(source, n, "\n\n  # it's \"one\"\n", &digest, arena) ||
         is_same(source, n, "\n\npass\n", &digest, arena)))
        abort();
    arena_close(arena);
    return 0;
}
