/* stated: the nodes that a signed statement lists, as if they had been read from a store. */
#ifndef ENGINE_AUDIT_STATED_H
#define ENGINE_AUDIT_STATED_H

#include "engine/execution/lineage.h"

struct signed_statement;

/* Reads TARGET.nodes.jsonl beside the statement. ERR_DIFFERS: it is not the file that the statement
 * names. ERR_INPUT: it is none of hpo's. */
enum status stated_lineage(const struct signed_statement *s, struct arena *arena,
                           struct lineage *out, struct error *err) MUST_CHECK;

#endif
