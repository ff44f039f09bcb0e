/*
 * fetcher: one kind of place that files come from. fetch.c has the table; its callers know fetch.h.
 */
#ifndef ENGINE_FETCH_FETCHER_H
#define ENGINE_FETCH_FETCHER_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/fetch/fetch.h"
#include "engine/graph/graph.h"

/* An argv or an environment that grows; the first failure stays. */
struct words {
    struct arena *arena;
    char **list; /* NULL at first, then NULL-terminated */
    size_t n, capacity;
    bool failed;
};

/* Appends the word, which the list only borrows. NULL: there was no memory for the word. */
void words_add(struct words *words, const char *word);

struct fetcher {
    const char *kind; /* of its actions, and so in their keys: "clone" */
    const char *pins; /* kind of its pins in hpo.lock: "git" */

    /* The identity that this machine knows without pin and server, or *identity NULL. */
    enum status (*known)(const struct fetch_context *c, const struct fetch *what,
                         const char **identity, struct error *err);

    /* argv of the process that asks the server, and prints the identity as a line. */
    void (*ask)(const struct fetch_context *c, const struct fetch *what, struct words *argv);

    /* argv of the process that writes the files into the empty folder `into`. */
    void (*take)(const struct fetch_context *c, const struct fetch *what, const char *identity,
                 const char *into, struct words *argv);
};

extern const struct fetcher fetch_git;

#endif
