/* difference: what two keys differ in, field by field. */
#ifndef ENGINE_EXECUTION_DIFFERENCE_H
#define ENGINE_EXECUTION_DIFFERENCE_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"
#include "cache/results/index.h"

struct arena;
struct build;
struct store;
struct text;

/*
 * The description behind a key: of a result, which *r then is, or of a template or a failed action.
 * NULL: unknown.
 */
enum status difference_describe(struct store *store, const struct digest *key, struct arena *arena,
                                const char **description, struct result *r,
                                struct error *err) MUST_CHECK;

/*
 * Adds the fields in which two descriptions differ, a line each. A unit's own fields name its
 * template by digest: what differs in the template is added.
 */
enum status difference_add(struct store *store, const char *was, const char *is,
                           struct arena *arena, struct text *t, struct error *err) MUST_CHECK;

/* The same, of a description that this build has made, which the store need not know. */
enum status difference_add_now(struct build *b, const char *was, const char *is, struct text *t,
                               struct error *err) MUST_CHECK;

#endif
