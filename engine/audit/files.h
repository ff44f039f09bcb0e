/* files: where two trees differ, the one on record and the one that was made again. */
#ifndef ENGINE_AUDIT_FILES_H
#define ENGINE_AUDIT_FILES_H

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;
struct text;

/*
 * Lines: which file, at which byte, and of tensors what (tensors.h); up to a few files. Where the
 * files on record are not kept, or recorded is NULL, it says so. ERR_CORRUPT: those on record are
 * damaged.
 */
enum status files_compare(struct store *recorded, const struct digest *was, struct store *room,
                          const struct digest *is, struct arena *arena, struct text *out,
                          struct error *err) MUST_CHECK;

/* Reads each file of a tree on record. ERR_CORRUPT: one of them is damaged, and is named. */
enum status files_check(struct store *recorded, const struct digest *tree, struct store *room,
                        struct arena *arena, struct error *err) MUST_CHECK;

#endif
