/* why_state: what `hpo why` says of the result behind a key. */
#ifndef ENGINE_COMMANDS_WHY_STATE_H
#define ENGINE_COMMANDS_WHY_STATE_H

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct board_job;
struct result;
struct store;
struct text;

/* r: the result, if there is one (it has a description then). job: what runs of it, or NULL. */
enum status why_add_state(struct store *store, const struct digest *key, const struct result *r,
                          const struct board_job *job, struct arena *arena, struct text *t,
                          struct error *err) MUST_CHECK;

#endif
