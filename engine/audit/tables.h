/* tables: two tables of one study or comparison, without what is measured. */
#ifndef ENGINE_AUDIT_TABLES_H
#define ENGINE_AUDIT_TABLES_H

#include <stdbool.h>

#include "base/error.h"

struct arena;

/*
 * The first place where they differ, of what is neither a key nor measured, as a sentence:
 * "trials/3/metrics/0/loss was 0.5, and now is 0.1"; NULL: they are the same. Both are JSON; one
 * that is none differs.
 */
enum status tables_differ(const char *was, const char *is, struct arena *arena, const char **what,
                          struct error *err) MUST_CHECK;

/* Whether two tables are of one search: of one metric, and of the same parameters. One that is no
 * JSON counts as such. */
enum status tables_are_of_one_search(const char *was, const char *is, struct arena *arena,
                                     bool *one, struct error *err) MUST_CHECK;

#endif
