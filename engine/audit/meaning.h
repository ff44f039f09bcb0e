/* meaning: what differences come to: each study is decided again with the audited numbers. */
#ifndef ENGINE_AUDIT_MEANING_H
#define ENGINE_AUDIT_MEANING_H

#include "engine/audit/record.h"

struct text;

/* Lines: whether another trial would have won, and how many change their rank. */
void meaning_add(const struct record *was, const struct record *is, struct text *out);

#endif
