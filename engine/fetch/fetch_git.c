/*
 * fetch_git: hpo.clone. The processes are the commands of engine/commands/clone.h. A repository
 * "hpo:NAME" is shipped with the program: it moves with the program alone and lies on this disk, so
 * it is looked up each time and never pinned.
 */
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/clone/clone.h"
#include "engine/fetch/fetcher.h"
#include "engine/options.h"

static const char shipped[] = "hpo:";

static bool is_shipped(const struct fetch *what)
{
    return strncmp(what->url, shipped, strlen(shipped)) == 0;
}

/* Where the repository is; NULL: no memory. */
static const char *location(const struct fetch_context *c, const struct fetch *what,
                            struct arena *arena)
{
    if (is_shipped(what))
        return file_join(arena, c->options->share, what->url + strlen(shipped));
    if (what->url[0] != '/' && !strchr(what->url, ':'))
        return file_join(arena, c->recipe, what->url);
    return what->url;
}

static enum status known(const struct fetch_context *c, const struct fetch *what,
                         const char **identity, struct error *err)
{
    struct clone_source source = {.url = location(c, what, c->arena), .shipped = true};

    if (!source.url)
        return error_memory(err);
    if (is_shipped(what))
        return clone_resolve(&source, what->rev, c->arena, (char **)identity, err);
    if (strlen(what->rev) == COMMIT_HEX && strspn(what->rev, "0123456789abcdef") == COMMIT_HEX)
        *identity = what->rev;
    return OK;
}

/* hpo COMMAND [--mirror FROM=TO]... [--shipped] URL */
static void begin(const struct fetch_context *c, const struct fetch *what, const char *command,
                  struct words *argv)
{
    words_add(argv, "hpo");
    words_add(argv, command);
    for (size_t i = 0; i < c->options->n_mirrors; i++) {
        const struct clone_mirror *mirror = &c->options->mirrors[i];
        words_add(argv, "--mirror");
        words_add(argv, arena_printf(argv->arena, "%s=%s", mirror->from, mirror->to));
    }
    if (is_shipped(what))
        words_add(argv, "--shipped");
    words_add(argv, location(c, what, argv->arena));
}

static void ask(const struct fetch_context *c, const struct fetch *what, struct words *argv)
{
    begin(c, what, "clone-resolve", argv);
    words_add(argv, what->rev);
}

static void take(const struct fetch_context *c, const struct fetch *what, const char *identity,
                 const char *into, struct words *argv)
{
    begin(c, what, "clone-tree", argv);
    words_add(argv, identity);
    words_add(argv, into);
    for (size_t i = 0; i < what->n_paths; i++)
        words_add(argv, what->paths[i]);
}

const struct fetcher fetch_git = {"clone", "git", known, ask, take};
