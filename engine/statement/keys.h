/*
 * keys: the user's own key, with which builds sign what they leave: $HPO_KEY_FILE, or hpo/key.pem
 * in $XDG_CONFIG_HOME (~/.config). A private key never leaves that file: it is in no store and no
 * log.
 */
#ifndef ENGINE_STATEMENT_KEYS_H
#define ENGINE_STATEMENT_KEYS_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct signer;
struct verifier;

struct own_key {
    const char *path;
    struct signer *signer; /* NULL: there is none */
    const char *public;    /* PEM */
    char id[DIGEST_HEX + 1];
};

/*
 * Reads it, where there is one that we may read. ERR_INPUT: it is no key, or others than its owner
 * may read it. Close with keys_close.
 */
enum status keys_open(struct arena *arena, struct own_key *out, struct error *err) MUST_CHECK;
void keys_close(struct own_key *key);

/* Makes it, mode 0600, where there is none yet; then as keys_open. *made: there was none. */
enum status keys_make(struct arena *arena, struct own_key *out, bool *made,
                      struct error *err) MUST_CHECK;

#endif
