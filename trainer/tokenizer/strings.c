/* strings: a hash table beside an array. */
#include "trainer/tokenizer/strings.h"

#include <string.h>

#include "base/arena.h"

#ifdef HPO_SMALL
enum { SLOTS = 2 };
#else
enum { SLOTS = 1024 };
#endif

struct strings strings_in(struct arena *arena)
{
    return (struct strings){.arena = arena};
}

static uint64_t hash_of(const unsigned char *bytes, size_t n)
{
    const uint64_t prime = 0x9e3779b97f4a7c15u;
    uint64_t h = n * prime, word;

    for (; n >= 8; n -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        h = (h ^ word) * prime;
        h ^= h >> 32;
    }
    for (word = 0; n > 0; n--)
        word = word << 8 | bytes[n - 1];
    h = (h ^ word) * prime;
    return h ^ h >> 32;
}

/* The slot that holds the string, or the free one where it would stand. */
static size_t find(const struct strings *s, uint64_t hash, const void *bytes, size_t n)
{
    size_t i = hash & (s->n_slots - 1);

    for (; s->slots[i]; i = (i + 1) & (s->n_slots - 1)) {
        const struct string *other = &s->items[s->slots[i] - 1];
        if (other->hash == hash && other->n == n && (n == 0 || memcmp(other->bytes, bytes, n) == 0))
            break;
    }
    return i;
}

static enum status widen(struct strings *s, struct error *err)
{
    const size_t n_slots = s->n_slots ? 2 * s->n_slots : SLOTS;
    uint32_t *slots = arena_array(s->arena, n_slots, sizeof *slots);

    if (!slots || s->n >= UINT32_MAX / 2)
        return error_memory(err);
    s->slots = slots;
    s->n_slots = n_slots;
    for (size_t k = 0; k < s->n; k++) {
        size_t i = s->items[k].hash & (n_slots - 1);
        while (slots[i])
            i = (i + 1) & (n_slots - 1);
        slots[i] = (uint32_t)k + 1;
    }
    return OK;
}

enum status strings_add(struct strings *s, const void *bytes, size_t n, uint32_t *number,
                        struct error *err)
{
    const uint64_t hash = hash_of(bytes, n);
    struct string *last;
    const char *copy;
    size_t i;

    if (2 * (s->n + 1) > s->n_slots)
        TRY(widen(s, err));
    i = find(s, hash, bytes, n);
    if (s->slots[i]) {
        *number = s->slots[i] - 1;
        return OK;
    }
    if (!(copy = arena_copy(s->arena, bytes, n)) ||
        !(last = arena_push(s->arena, s->items, s->n, s->room)))
        return error_memory(err);
    *last = (struct string){copy, n, hash};
    s->slots[i] = (uint32_t)s->n;
    *number = (uint32_t)s->n - 1;
    return OK;
}
