/*
 * input: standard input, a line of JSON at a time.
 *
 *     struct input in = input_of(arena);
 *     while ((s = input_next(&in, one, &value, err)) == OK && value)
 *         ... one line's value, in the arena `one` ...
 *
 * Every line is a whole JSON value; the last may lack its line feed. Messages begin with "line 3".
 * Errors: ERR_INPUT, a line that is no JSON or longer than INPUT_LINE_MAX; ERR_SYSTEM; ERR_MEMORY.
 */
#ifndef TRAINER_INPUT_H
#define TRAINER_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct json;

enum { INPUT_LINE_MAX = 1 << 30, INPUT_PLACE_MAX = 32 };

struct input {
    struct arena *arena; /* of the buffer, for as long as lines are read */
    char *bytes;         /* private: start to end is read and not yet given */
    size_t start, end, room;
    bool ended;
    int64_t line; /* the number of the last line given, from 1 */
};

struct input input_of(struct arena *arena);

/* The next line's value in the arena `one`, or NULL behind the last. */
enum status input_next(struct input *in, struct arena *one, struct json **value,
                       struct error *err) MUST_CHECK;

/* "line 3", for messages about the last line. */
const char *input_place(const struct input *in, char place[INPUT_PLACE_MAX]);

#endif
