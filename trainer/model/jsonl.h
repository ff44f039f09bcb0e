/*
 * jsonl: a file with a JSON value a line.
 *
 *     TRY(jsonl_open(path, arena, &file, err));
 *     while ((s = jsonl_next(&file, one, &value, err)) == OK && value)
 *         ... one line's value, in the arena `one`; file.where is "path:3" for messages ...
 *
 * Blank lines are skipped; the last line may lack its line feed.
 */
#ifndef TRAINER_MODEL_JSONL_H
#define TRAINER_MODEL_JSONL_H

#include <stddef.h>

#include "base/error.h"

struct arena;
struct json;

struct jsonl {
    const char *path, *at, *end; /* at: the line to read next */
    size_t line;                 /* the number of the last line given, from 1 */
    char where[256];
};

/* Reads the file into the arena. ERR_NOT_FOUND: no such file. */
enum status jsonl_open(const char *path, struct arena *arena, struct jsonl *out,
                       struct error *err) MUST_CHECK;

/* *value is NULL after the last line. ERR_INPUT: a line that is not JSON. */
enum status jsonl_next(struct jsonl *file, struct arena *one, struct json **value,
                       struct error *err) MUST_CHECK;

#endif
