/*
 * safetensors: the file format of model weights.
 *
 * Format     u64 little-endian N (at most 100,000,000), N bytes of JSON that begin with '{' (spaces
 *            may follow it), then the data. The JSON maps each name to {"dtype", "shape",
 *            "data_offsets": [begin, end]}, and "__metadata__" to strings. Sorted by offset the
 *            tensors tile the data: the first begins at 0, each begins where the one before ends,
 *            the last ends with the file; each is as long as its shape and dtype say.
 * Reading    The file is mapped and everything above is checked before a byte is handed out. F32,
 *            F16 and BF16 become float; other dtypes may be there and are not read.
 * Writing    F32, names sorted, data aligned to 8. Bytes go to a temporary file beside the path;
 *            commit syncs it and renames it, so that there is the whole file or none.
 */
#ifndef TRAINER_MODEL_SAFETENSORS_H
#define TRAINER_MODEL_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct safetensors;        /* opaque: an open, mapped file */
struct safetensors_writer; /* opaque: file descriptor, first failure */

enum { SAFETENSORS_RANK_MAX = 8 };

struct safetensor {
    const char *name;
    const char *dtype; /* "F32" */
    size_t rank, shape[SAFETENSORS_RANK_MAX];
    size_t n; /* elements */
    const unsigned char *bytes;
};

/* ERR_NOT_FOUND: no such file. ERR_INPUT: not a valid one. Close with safetensors_close. */
enum status safetensors_open(const char *path, struct safetensors **out,
                             struct error *err) MUST_CHECK;
void safetensors_close(struct safetensors *file); /* NULL is allowed */

size_t safetensors_count(const struct safetensors *file);
const struct safetensor *safetensors_at(const struct safetensors *file, size_t i);
const struct safetensor *safetensors_find(const struct safetensors *file, const char *name);

/* Elements [first, first + n) as floats: *out is the buffer of n floats, or where the file itself
 * holds them, which saves a copy. ERR_INPUT: a dtype that is not read. */
enum status safetensors_floats(const struct safetensor *t, size_t first, size_t n, float *buffer,
                               const float **out, struct error *err) MUST_CHECK;

/* What a file will hold. The writer sorts the entries by name: then the data goes in that order. */
struct safetensors_entry {
    const char *name;
    size_t rank, shape[2];
    const void *tag; /* the caller's */
};

enum status safetensors_begin(const char *path, struct safetensors_entry *entries, size_t n,
                              struct safetensors_writer **out, struct error *err) MUST_CHECK;
/* Appends floats; a no-op after the first failure. */
void safetensors_put(struct safetensors_writer *w, const float *x, size_t n);
/* Finishes and names the file. Frees w on success and on failure. */
enum status safetensors_commit(struct safetensors_writer *w, struct error *err) MUST_CHECK;
void safetensors_abandon(struct safetensors_writer *w); /* NULL is allowed */

#endif
