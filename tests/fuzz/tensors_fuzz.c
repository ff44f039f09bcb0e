/* tensors: two files that say they are of tensors, one the other with a byte changed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "engine/audit/tensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena *arena = arena_open();
    struct text out = text_in(arena);
    uint8_t *other = malloc(n + 1);

    if (!arena || !other)
        abort();
    if (n > 0)
        memcpy(other, bytes, n);
    if (n > 0)
        other[n - 1] ^= 1;
    tensors_compare(bytes, n, other, n, "input", arena, &out);
    free(other);
    arena_close(arena);
    return 0;
}
