/*
 * arena: a list of chunks, the newest first; blocks are cut from the newest. The one place in the
 * project that calls malloc for ordinary memory. Start at arena_alloc.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ONE_BLOCK_A_CHUNK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_BLOCK_A_CHUNK 1
#endif
#endif
#ifndef ONE_BLOCK_A_CHUNK
#define ONE_BLOCK_A_CHUNK 0
#endif

/* The first chunk's size, and the largest: each is twice the one before, so that a small arena is
 * cheap. */
#ifdef HPO_SMALL
enum { FIRST_CHUNK = 64, LAST_CHUNK = 64 };
#else
enum { FIRST_CHUNK = 1024, LAST_CHUNK = 64 * 1024 };
#endif

enum { ALIGN = 16, LARGE = 64 * 1024 }; /* LARGE: surely a chunk of its own */

struct chunk {
    struct chunk *older;
    size_t used, size; /* of the bytes that follow the header */
};

struct arena {
    struct chunk *newest;
    size_t next; /* size of the next chunk */
};

static const size_t header = (sizeof(struct chunk) + ALIGN - 1) / ALIGN * ALIGN;

#ifdef HPO_FAULTS
static _Thread_local long fail_countdown;
static _Thread_local int fail_persistent;

void arena_fail_at(long n, int persistent)
{
    fail_countdown = n;
    fail_persistent = persistent;
}

static bool must_fail(void)
{
    if (fail_countdown == 0)
        return false;
    if (fail_countdown > 1) {
        fail_countdown--;
        return false;
    }
    if (!fail_persistent)
        fail_countdown = 0;
    return true;
}
#else
static bool must_fail(void)
{
    return false;
}
#endif

struct arena *arena_open(void)
{
    struct arena *arena = must_fail() ? NULL : calloc(1, sizeof *arena);

    if (arena)
        arena->next = FIRST_CHUNK;
    return arena;
}

void arena_close(struct arena *arena)
{
    if (!arena)
        return;
    for (struct chunk *c = arena->newest; c;) {
        struct chunk *older = c->older;
        free(c);
        c = older;
    }
    free(arena);
}

static size_t rounded(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

void *arena_alloc(struct arena *arena, size_t n)
{
    struct chunk *c = arena->newest;

    if (n > SIZE_MAX / 2 || must_fail())
        return NULL;
    if (!ONE_BLOCK_A_CHUNK)
        n = rounded(n);
    if (!c || ONE_BLOCK_A_CHUNK || c->size - c->used < n) {
        const bool alone = ONE_BLOCK_A_CHUNK || n > arena->next / 4;
        size_t size = alone ? n : arena->next;
        struct chunk *fresh = calloc(1, header + size);
        if (!fresh)
            return NULL;
        fresh->size = size;
        /* A large block goes behind the newest chunk, whose rest stays in use. */
        if (c && alone) {
            fresh->older = c->older;
            c->older = fresh;
        } else {
            fresh->older = c;
            arena->newest = fresh;
        }
        if (arena->next < LAST_CHUNK)
            arena->next *= 2;
        c = fresh;
    }
    c->used += n;
    return (char *)c + header + c->used - n;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t n;

    return __builtin_mul_overflow(count, size, &n) ? NULL : arena_alloc(arena, n);
}

char *arena_copy(struct arena *arena, const void *bytes, size_t n)
{
    char *copy = n < SIZE_MAX ? arena_alloc(arena, n + 1) : NULL;

    if (copy && n > 0)
        memcpy(copy, bytes, n);
    return copy;
}

char *arena_string(struct arena *arena, const char *string)
{
    return arena_copy(arena, string, strlen(string));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *string = NULL;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !(string = arena_alloc(arena, (size_t)n + 1)))
        return NULL;
    va_start(args, format);
    (void)vsnprintf(string, (size_t)n + 1, format, args);
    va_end(args);
    return string;
}

/* Whether the block of n bytes is the last of the newest chunk, and that has room for `larger`. */
static bool extend(struct arena *arena, const void *block, size_t n, size_t larger)
{
    struct chunk *c = arena->newest;

    if (ONE_BLOCK_A_CHUNK || !c || !block || larger > SIZE_MAX / 2 ||
        (const char *)block + rounded(n) != (const char *)c + header + c->used ||
        c->size - c->used < rounded(larger) - rounded(n))
        return false;
    c->used += rounded(larger) - rounded(n);
    return true;
}

void *arena_grow(struct arena *arena, const void *old, size_t used, size_t need, size_t size,
                 size_t *capacity)
{
    size_t larger = *capacity ? *capacity : 8, n;
    void *block;

    while (larger < need || larger <= *capacity) {
        if (larger > SIZE_MAX / 2)
            return NULL;
        larger *= 2;
    }
    if (__builtin_mul_overflow(larger, size, &n))
        return NULL;
    if (extend(arena, old, *capacity * size, n)) {
        *capacity = larger;
        return (void *)old; /* it is the caller's, who has it as a const here alone */
    }
    if (!(block = arena_alloc(arena, n)))
        return NULL;
    if (used > 0)
        memcpy(block, old, used * size);
    *capacity = larger;
    return block;
}

/* Frees a block that fills a chunk of its own; others stay. */
static void give_back(struct arena *arena, const void *block)
{
    for (struct chunk **at = &arena->newest; *at; at = &(*at)->older) {
        struct chunk *c = *at;
        if ((const char *)c + header == (const char *)block && c->used == c->size) {
            *at = c->older;
            free(c);
            return;
        }
    }
}

void *arena_regrow(struct arena *arena, void *old, size_t used, size_t need, size_t size,
                   size_t *capacity)
{
    const size_t before = *capacity;
    void *block = arena_grow(arena, old, used, need, size, capacity);

    if (block && block != old && before * size >= LARGE)
        give_back(arena, old);
    return block;
}

bool arena_reserve(struct arena *arena, void *array, size_t n, size_t size, size_t *capacity)
{
    void *old, *larger;

    if (n < *capacity)
        return true;
    memcpy(&old, array, sizeof old); /* a pointer of any type: all have one form here */
    if (!(larger = arena_grow(arena, old, n, n + 1, size, capacity)))
        return false;
    memcpy(array, &larger, sizeof larger);
    return true;
}
