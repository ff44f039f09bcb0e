/*
 * envelope: DSSE 1.0 (github.com/secure-systems-lab/dsse): a payload with signatures over
 * "DSSEv1 LENGTH TYPE LENGTH PAYLOAD", as one line of JSON.
 */
#ifndef ENGINE_STATEMENT_ENVELOPE_H
#define ENGINE_STATEMENT_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;
struct own_key;
struct verifier;

/* The type of payload that in-toto's statements have. */
extern const char envelope_type[];

struct envelope {
    const char *type;
    const char *payload; /* a NUL stands behind it */
    size_t n;
    const unsigned char **signatures;
    size_t *n_signature; /* bytes of each */
    const char **ids;    /* of the keys, as the signer says: a hint, no proof */
    size_t n_signatures;
};

/* A line, with its newline. */
enum status envelope_sign(const struct own_key *key, const char *payload, size_t n,
                          struct arena *arena, char **line, struct error *err) MUST_CHECK;

/* ERR_INPUT: it is no envelope. where: a file, for messages. */
enum status envelope_read(const char *line, size_t n, const char *where, struct arena *arena,
                          struct envelope *out, struct error *err) MUST_CHECK;

/* Whether one of the signatures is this key's. */
enum status envelope_check(const struct envelope *e, const struct verifier *key,
                           struct arena *arena, bool *signed_by, struct error *err) MUST_CHECK;

#endif
