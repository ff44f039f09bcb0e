/*
 * input: standard input, a line of JSON at a time.
 *
 *     TRY(input_open(&in, err));
 *     while ((s = input_next(in, &value, err)) == OK && value)
 *         ... what a line needs comes from input_arena(in) ...
 *     input_close(in);
 *
 * Every line is a whole JSON value; the last may lack its line feed. Messages begin with "line 3".
 * Memory is bounded by the longest line and its value: both live until the next call.
 * Errors: ERR_INPUT, a line that is no JSON or longer than INPUT_LINE_MAX; ERR_SYSTEM; ERR_MEMORY.
 */
#ifndef TRAINER_INPUT_H
#define TRAINER_INPUT_H

#include "base/error.h"

struct arena;
struct input; /* opaque: a buffer, the line's arena */
struct json;

enum { INPUT_LINE_MAX = 1 << 30 };

enum status input_open(struct input **out, struct error *err) MUST_CHECK;

/* The next line's value, or NULL after the last. */
enum status input_next(struct input *in, struct json **value, struct error *err) MUST_CHECK;

/* Of the line that input_next gave last. */
struct arena *input_arena(const struct input *in);
const char *input_place(const struct input *in); /* "line 3" */

void input_close(struct input *in); /* NULL is allowed */

#endif
