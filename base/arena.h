/*
 * arena: memory of one lifetime.
 *
 * Everything that dies together (a command, an action, a report) is taken from one arena, and one
 * arena_close frees all of it. Nothing is freed singly. A `const T *` that a function gives is
 * borrowed: it lives as long as its arena. Under the sanitizers every block is a malloc of its own,
 * so that they see overruns. Not thread-safe: one arena, one thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena; /* opaque: a list of chunks */

/* A new empty arena, or NULL when there is no memory. Close with arena_close. */
struct arena *arena_open(void);

/* Frees everything taken from the arena, and the arena. NULL is allowed. */
void arena_close(struct arena *arena);

/* n zeroed bytes, aligned to 16, or NULL when there is no memory. n == 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t n);

/* count × size zeroed bytes; NULL also when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A copy of n bytes with a NUL behind them, or NULL. */
char *arena_copy(struct arena *arena, const void *bytes, size_t n);

/* A copy of a C string, or NULL. */
char *arena_string(struct arena *arena, const char *string);

/* A formatted string, or NULL. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * A larger block that begins with the first `used` bytes of `old` (which may be NULL when used is
 * 0): how arrays grow. *capacity, in elements, at least doubles, to hold `need`. NULL when there is
 * no memory; *capacity is then unchanged.
 */
void *arena_grow(struct arena *arena, const void *old, size_t used, size_t need, size_t size,
                 size_t *capacity);

/* The same for a block that nobody else points into, such as a growing text: a large one is freed
 * as a larger takes its place. */
void *arena_regrow(struct arena *arena, void *old, size_t used, size_t need, size_t size,
                   size_t *capacity);

/*
 * One more element at the end of a growing array. `array` (a pointer, NULL at first) holds `n`
 * elements and has room for `capacity` (both size_t). Gives the address of the new last element,
 * which the caller writes; NULL when there is no memory, and then nothing has changed.
 *
 *     struct digest *last = arena_push(arena, list->keys, list->n, list->capacity);
 *     if (!last)
 *         return error_memory(err);
 *     *last = key;
 */
#define arena_push(arena, array, n, capacity)                                                      \
    (arena_reserve((arena), &(array), (n), sizeof *(array), &(capacity)) ? &(array)[(n)++] : NULL)

/* Makes room for one more element, for arena_push; `array` is the address of a pointer. */
bool arena_reserve(struct arena *arena, void *array, size_t n, size_t size, size_t *capacity);

#ifdef HPO_FAULTS
/* Test builds only: the n-th allocation from now on fails (1 is the next); 0 switches it off. */
void arena_fail_at(long n, int persistent);
#endif

#endif
