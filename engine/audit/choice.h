/* choice: which nodes of a record are made again. */
#ifndef ENGINE_AUDIT_CHOICE_H
#define ENGINE_AUDIT_CHOICE_H

#include "engine/execution/lineage.h"

struct choice {
    bool *chosen;        /* by node */
    struct digest *keys; /* of those, sorted */
    size_t n;
};

/* All nodes. */
enum status choice_all(const struct lineage *r, struct arena *arena, struct choice *out,
                       struct error *err) MUST_CHECK;

/* An action; of a unit its trial: so its runs are cut as those of the audit. */
enum status choice_one(const struct lineage *r, size_t node, struct arena *arena,
                       struct choice *out, struct error *err) MUST_CHECK;

/* Those that one of the names means, each unit with those before it. ERR_INPUT: a name means
 * nothing. */
enum status choice_named(const struct lineage *r, const char *const *names, size_t n,
                         struct arena *arena, struct choice *out, struct error *err) MUST_CHECK;

/* `most` actions and trials of those that are chosen, drawn by the nonce. */
enum status choice_draw(const struct lineage *r, int most, const void *nonce, size_t n_nonce,
                        struct arena *arena, struct choice *choice, struct error *err) MUST_CHECK;

#endif
