/* statement: an envelope from anywhere, and the statement in it; whatever is no such thing is
 * refused. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "engine/statement/envelope.h"
#include "engine/statement/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena *arena = arena_open();
    struct envelope e;
    struct statement s;
    struct error err;

    if (!arena)
        abort();
    if (envelope_read((const char *)bytes, n, "input", arena, &e, &err) == OK)
        (void)!statement_read(&e, "input", arena, &s, &err);
    e = (struct envelope){.type = envelope_type, .payload = (const char *)bytes, .n = n};
    (void)!statement_read(&e, "input", arena, &s, &err); /* without its base64 */
    arena_close(arena);
    return 0;
}
