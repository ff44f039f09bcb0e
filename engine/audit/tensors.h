/*
 * tensors: two files in the format of safetensors (its README, "Format"): eight bytes of
 * length, a header in JSON, and the elements.
 */
#ifndef ENGINE_AUDIT_TENSORS_H
#define ENGINE_AUDIT_TENSORS_H

#include <stddef.h>

#include "base/error.h"

struct arena;
struct text;

/*
 * A line for each tensor in which the files differ, up to a few: how many elements, and the largest
 * difference in units in the last place. Nothing where one of them is no such file.
 */
void tensors_compare(const unsigned char *was, size_t n_was, const unsigned char *is, size_t n_is,
                     const char *path, struct arena *arena, struct text *out);

#endif
