/*
 * ignore: a repository of libgit2's that exists in memory only, for its rules.
 *
 * Alone      It has no folder, so no .gitignore and no info/exclude is looked for, and an empty
 *            configuration of its own. What is left is $XDG_CONFIG_HOME/git/ignore, which libgit2
 *            asks last, where none of the rules has matched: the first rule matches everything.
 */
#include "engine/ignore/ignore.h"

#include <git2.h>
#include <git2/sys/repository.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cache/content/listing.h"

struct ignore {
    git_repository *repository;
};

static enum status failed(const char *where, struct error *err)
{
    const git_error *last = git_error_last();

    if (last && last->klass == GIT_ERROR_NOMEMORY)
        return error_memory(err);
    return error_set(err, ERR_FAILED, where, "cannot match patterns: %s",
                     last && last->message ? last->message : "no reason given");
}

/* One by one: behind a backslash libgit2 takes the end of a line for a part of the pattern. */
static bool add_rules(git_repository *repository, char *rules)
{
    for (char *rest = rules, *line; (line = strsep(&rest, "\n"));)
        if (git_ignore_add_rule(repository, line) < 0)
            return false;
    return true;
}

static bool set_up(git_repository **repository, char *rules)
{
    git_config *empty = NULL;
    const bool fine = git_config_new(&empty) == 0 && git_repository_new(repository) == 0 &&
                      git_repository_set_config(*repository, empty) == 0 &&
                      git_ignore_clear_internal_rules(*repository) == 0 &&
                      git_ignore_add_rule(*repository, "!*") == 0 && add_rules(*repository, rules);

    git_config_free(empty);
    return fine;
}

enum status ignore_open(const char *rules, struct arena *arena, struct ignore **out,
                        struct error *err)
{
    struct ignore *ignore = arena_alloc(arena, sizeof *ignore);
    char *lines = arena_string(arena, rules);
    enum status s;

    *out = NULL;
    if (!ignore || !lines)
        return error_memory(err);
    *ignore = (struct ignore){.repository = NULL};
    if (git_libgit2_init() < 0)
        return failed("", err);
    if (!set_up(&ignore->repository, lines)) {
        s = failed("", err);
        ignore_close(ignore);
        return s;
    }
    *out = ignore;
    return OK;
}

enum status ignore_matches(const struct ignore *ignore, const char *path, bool folder, bool *out,
                           struct error *err)
{
    char slashed[TREE_PATH_MAX + 2];
    int ignored;

    *out = false;
    if (strlen(path) > TREE_PATH_MAX)
        return OK; /* a tree refuses it */
    (void)snprintf(slashed, sizeof slashed, "%s%s", path, folder ? "/" : "");
    if (git_ignore_path_is_ignored(&ignored, ignore->repository, slashed) < 0)
        return failed(path, err);
    *out = ignored != 0;
    return OK;
}

void ignore_close(struct ignore *ignore)
{
    if (!ignore)
        return;
    git_repository_free(ignore->repository);
    git_libgit2_shutdown();
}
