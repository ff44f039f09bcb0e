/* accept_text: what can be accepted, and what cannot, for people and for programs. */
#ifndef ENGINE_COMMANDS_ACCEPT_TEXT_H
#define ENGINE_COMMANDS_ACCEPT_TEXT_H

#include "engine/execution/accept.h"

/* Proposals that were chosen, in their order. */
struct chosen {
    const struct proposal **all;
    size_t n, refused;
};

/* Those that differ in the same fields are said together. */
enum status accept_write_text(struct build *b, const struct chosen *c, struct text *out,
                              struct error *err) MUST_CHECK;

/* {"accepted": [{"name", "key", "stands_for", "differs": [{"field", "was", "is"}]}], "refused": []}
 * in one line; each key by itself. */
enum status accept_write_json(struct build *b, const struct chosen *c, struct text *out,
                              struct error *err) MUST_CHECK;

#endif
