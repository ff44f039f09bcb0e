/*
 * attest: an audit as a signed in-toto test-result (v0.1) for each target. What was tested is the
 * list of nodes that the target's statement names: TARGET.nodes.jsonl, by its digest.
 */
#ifndef ENGINE_AUDIT_ATTEST_H
#define ENGINE_AUDIT_ATTEST_H

#include "engine/audit/verdicts.h"

struct own_key;

/* A target that was audited. */
struct tested {
    const char *name;
    struct lineage lineage;
    struct digest nodes;
};

/* Writes FOLDER/TARGET.intoto.jsonl; nothing where only a part was asked for by name, and none of
 * it differs. recipe: the digest of its file. */
enum status attest_write(const struct own_key *key, const struct verdicts *v,
                         const struct tested *tested, const struct digest *recipe,
                         const char *folder, struct arena *arena, struct error *err) MUST_CHECK;

#endif
