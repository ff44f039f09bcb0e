/*
 * provenance: what a target's files come from, as an in-toto statement (v1) with SLSA provenance
 * (v1), signed with the user's own key. Part of a build: see build.h.
 *
 * Files      TARGET.nodes.jsonl    a line for each action and unit: name, key, digest of what it
 *                                  left, reports, isolation; the statement names it by its digest
 *            TARGET.intoto.jsonl   the statement in its envelope (DSSE)
 * Same       Equal targets of equal provenance have equal statements: no time and no run is in
 *            them.
 */
#ifndef ENGINE_EXECUTION_PROVENANCE_H
#define ENGINE_EXECUTION_PROVENANCE_H

#include "engine/execution/build.h"
#include "engine/execution/landing.h"

struct lineage;
struct own_key;

struct provenance {
    char *nodes, *statement; /* the two files */
    size_t n_nodes;
};

/* Of a target that is done, whose files are the pieces. Texts live in the arena. */
enum status provenance_make(struct build *b, const struct own_key *key, const struct target *target,
                            const struct piece *pieces, size_t n, struct arena *arena,
                            struct provenance *out, struct error *err) MUST_CHECK;

/* The digest that TARGET.nodes.jsonl has, or would have. */
enum status provenance_nodes(const struct lineage *lineage, struct arena *arena,
                             struct digest *digest, struct error *err) MUST_CHECK;

#endif
