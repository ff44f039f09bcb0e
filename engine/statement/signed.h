/* signed: a file with a statement, and whose keys have signed it. */
#ifndef ENGINE_STATEMENT_SIGNED_H
#define ENGINE_STATEMENT_SIGNED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/statement/statement.h"

struct arena;

/* A key that is trusted. */
struct trusted_key {
    const char *name; /* its file, or "your own key" */
    char id[DIGEST_HEX + 1];
};

struct signed_statement {
    struct statement statement;
    struct trusted_key by; /* the first key that has signed it */
    const char *folder;    /* in which its files lie: of an audit the one above */
};

/*
 * Reads one and checks its signature: with these keys (files of PEM), or, where there are none,
 * with the user's own. ERR_DIFFERS: none of them has signed it, or it was changed since, or it has
 * not the name of its target, TARGET.intoto.jsonl. ERR_INPUT: it cannot be read, or there is no
 * key.
 */
enum status signed_read(const char *path, const char *const *keys, size_t n_keys,
                        struct arena *arena, struct signed_statement *out,
                        struct error *err) MUST_CHECK;

#endif
