/* subjects: the files of a target as they are made now, against those that a statement has. */
#ifndef ENGINE_AUDIT_SUBJECTS_H
#define ENGINE_AUDIT_SUBJECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;
struct build;
struct signed_statement;
struct target;
struct text;

/*
 * Adds a line for each file, link, executable bit and empty folder that differs. Tables hold what
 * is measured, so their bytes are others each time: of one whose table.json lies beside the
 * statement the rest is compared; *unread says that it does not.
 */
enum status subjects_compare(struct build *b, const struct target *target,
                             const struct signed_statement *s, struct text *lines, bool *unread,
                             struct error *err) MUST_CHECK;

#endif
