/*
 * fetch: actions that bring files from elsewhere instead of running a command, such as hpo.clone.
 *
 * Fetchers   The kind of such an action ("clone") names its fetcher, an entry of a table. A new one
 *            is a file with a struct fetcher, a line in the table of fetch.c, and a function in
 *            lua/sources.lua that calls core.fetch.
 * Identity   What a moving name (a branch, a tag) stands for: a commit. This machine knows it, or
 *            hpo.lock has a pin, or the server is asked, and its answer becomes the pin. With the
 *            paths it is all that the key has: never the URL, never a mirror.
 * Processes  Asking and fetching are done by processes of this program, so that an interrupt ends
 *            them. They get the environment of the user, whose keys and proxies they need. None of
 *            it reaches a result.
 * Outputs    All that the process leaves in its folder.
 */
#ifndef ENGINE_FETCH_FETCH_H
#define ENGINE_FETCH_FETCH_H

#include <stdbool.h>

#include "base/error.h"

struct action;
struct arena;
struct capture;
struct command;
struct fetcher;
struct options;
struct patience;
struct pins;

struct fetch_context {
    const struct fetcher *const *fetchers; /* NULL-terminated; fetchers_all, but in tests */
    const struct options *options;
    const char *recipe; /* its folder: where relative addresses begin */
    const char *work;   /* folder in which a server is asked */
    const struct capture *capture;
    struct pins *pins;
    const struct patience *patience; /* with who holds hpo.lock */
    bool may_ask;                    /* servers; else what is not known is refused: --cached-only */
    bool may_pin;                    /* hpo.lock is written */
    struct arena *arena;             /* identities live here */
};

extern const struct fetcher *const fetchers_all[];

/* The identity, where it is known without asking a server; *identity NULL: it is not. */
enum status fetch_known(const struct fetch_context *c, const struct action *a,
                        const char **identity, struct error *err) MUST_CHECK;

/*
 * The identity: what is known, else what the server says, which becomes the pin. ERR_INTERRUPTED;
 * ERR_INPUT and others as the fetcher says; ERR_INPUT: not known, and --cached-only.
 */
enum status fetch_identity(const struct fetch_context *c, const struct action *a,
                           const char **identity, struct error *err) MUST_CHECK;

/*
 * Fills program, argv and environment of the process that fetches the action's files into the
 * existing empty folder `into`; temporary files go to the folder `scratch`. They live in the arena.
 */
enum status fetch_command(const struct fetch_context *c, const struct action *a,
                          const char *identity, const char *into, const char *scratch,
                          struct arena *arena, struct command *out, struct error *err) MUST_CHECK;

#endif
