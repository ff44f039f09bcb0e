/*
 * holder: what each result holds on to: its tree and its log. For gc, which asks what may go and
 * leaves to index.h how it goes.
 */
#ifndef CACHE_RESULTS_HOLDER_H
#define CACHE_RESULTS_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;

/* A result, or an outcome beside one. */
struct holder {
    struct digest key;
    bool kept; /* it has a tree in the store */
    struct digest tree;
    bool has_log;
    struct digest log;
    bool marked, unit;
    bool accepted; /* another key stands for it: see acceptance.h */
    int64_t used_day, bytes;
};

/* All of them, in the order in which they may go; those beside a result go with it. */
enum status holders_read(struct store *store, struct arena *arena, struct holder **holders,
                         size_t *n, struct error *err) MUST_CHECK;

/* The keys of units whose tree is kept though it is nobody's root, and that are not marked. */
enum status holders_unwanted(struct store *store, struct arena *arena, struct digest **keys,
                             size_t *n, struct error *err) MUST_CHECK;

/* The log of this key's results is lost: they have none any more. */
enum status holder_forget_log(struct store *store, const struct holder *holder,
                              struct error *err) MUST_CHECK;

#endif
