/*
 * strings: numbers for strings of bytes, 0, 1, 2, ... in the order in which each was first added.
 *
 * The strings are copied into the arena. Lengths and bytes are free; an empty string is a string.
 */
#ifndef TRAINER_TOKENIZER_STRINGS_H
#define TRAINER_TOKENIZER_STRINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;

struct string {
    const char *bytes; /* a NUL stands behind them */
    size_t n;
    uint64_t hash; /* private; reaches no result */
};

struct strings {
    struct arena *arena;
    struct string *items; /* by number */
    size_t n;
    size_t room;     /* private */
    uint32_t *slots; /* private: open addressing, number + 1, at most half full */
    size_t n_slots;  /* private */
};

struct strings strings_in(struct arena *arena);

/* The string's number; a new one is the old n. ERR_MEMORY. */
enum status strings_add(struct strings *s, const void *bytes, size_t n, uint32_t *number,
                        struct error *err) MUST_CHECK;

#endif
