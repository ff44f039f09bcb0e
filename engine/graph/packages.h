/*
 * packages: what a Python environment holds, as a text, and how two of them differ.
 *
 * Text       "python 3.11.2", then a line for each package: its kind, name, version and digest, "-"
 *            where there is none. Sorted by kind and name; what has both in common stays in the
 *            order of sys.path, for the first one is what an import finds. No path and no time is
 *            in it.
 * Kinds      dist (a distribution), conda (a package of conda, whose digest is its build), folder
 *            (a folder of modules, by content), pth (lines of a .pth file that are run).
 * In a key   stands "python 3.11.2 DIGEST", with the SHA-256 of the text, under which the journal
 *            of the store has it for `hpo why`.
 */
#ifndef ENGINE_GRAPH_PACKAGES_H
#define ENGINE_GRAPH_PACKAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;
struct text;

struct package {
    const char *kind, *name, *version, *digest; /* no spaces in them */
    size_t place;                               /* in the order in which they were added */
};

/* A list that grows in an arena; begins as {.arena = …}. */
struct packages {
    struct arena *arena;
    struct package *list;
    size_t n, capacity;
};

/* Strings are borrowed. version or digest NULL: "-". */
enum status packages_add(struct packages *p, const char *kind, const char *name,
                         const char *version, const char *digest, struct error *err) MUST_CHECK;

/* Sorts the list; *text and its digest; *identity is what stands in a key. All in p's arena. */
enum status packages_text(struct packages *p, const char *version, char **text,
                          struct digest *digest, const char **identity,
                          struct error *err) MUST_CHECK;

/* The digest of the text that the key with this description has; false: its tool is no Python. */
bool packages_digest(const char *description, struct digest *out);

/*
 * The packages in which the Pythons of two descriptions of keys differ, where the journal knows
 * what they hold: a line "  python: torch 1.13.0 → 2.1.0" for each. now: what the second holds, if
 * the journal may not know it; or NULL.
 */
enum status packages_explain(struct store *store, const char *was, const char *is, const char *now,
                             struct text *t, struct error *err) MUST_CHECK;

#endif
