/* meaning: what differences come to: each study is decided again with the audited numbers. */
#ifndef ENGINE_AUDIT_MEANING_H
#define ENGINE_AUDIT_MEANING_H

#include "engine/execution/lineage.h"

struct text;

/* Lines: whether another trial would have won, and how many change their rank. */
void meaning_add(const struct lineage *was, const struct lineage *is, struct text *out);

#endif
