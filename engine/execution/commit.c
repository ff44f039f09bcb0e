/* commit: pins first, then the remote. Start at commit_find. */
#include "engine/execution/commit.h"

#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/clone/clone.h"
#include "engine/graph/pins.h"

const char *commit_location(struct build *b, const struct clone_spec *clone)
{
    const char *url = clone->url;

    if (strncmp(url, SHIPPED, strlen(SHIPPED)) == 0)
        return file_join(b->arena, b->o->share, url + strlen(SHIPPED));
    if (url[0] != '/' && !strchr(url, ':'))
        return file_join(b->arena, recipe_folder(b->recipe), url);
    return url;
}

/* Asks the remote, in a process of its own: an interrupt ends it. The user's keys and proxies go
 * along. */
static enum status resolve(struct build *b, const struct clone_spec *clone, const char **commit,
                           struct error *err)
{
    extern char **environ;
    char **argv = arena_array(b->arena, 2 * b->o->n_mirrors + 5, sizeof *argv), *out;
    struct command command = {
        .program = b->o->program, .argv = argv, .env = environ, .folder = store_work(b->store)};
    size_t n = 0;

    if (!argv)
        return error_memory(err);
    argv[n++] = "hpo";
    argv[n++] = "clone-resolve";
    for (size_t i = 0; i < b->o->n_mirrors; i++) {
        argv[n++] = "--mirror";
        argv[n++] = arena_printf(b->arena, "%s=%s", b->o->mirrors[i].from, b->o->mirrors[i].to);
        if (!argv[n - 1])
            return error_memory(err);
    }
    if (!(argv[n++] = (char *)commit_location(b, clone)))
        return error_memory(err);
    argv[n++] = (char *)clone->rev;
    TRY(capture_run(&b->capture, &command, clone->url, b->arena, &out, err));
    out[strcspn(out, "\n")] = '\0';
    *commit = out;
    return OK;
}

enum status commit_known(struct build *b, const struct clone_spec *clone, const char **commit,
                         struct error *err)
{
    const bool moves =
        strlen(clone->rev) != COMMIT_HEX || strspn(clone->rev, "0123456789abcdef") != COMMIT_HEX;
    struct clone_source shipped = {.url = commit_location(b, clone), .shipped = true};

    *commit = NULL;
    if (strncmp(clone->url, SHIPPED, strlen(SHIPPED)) == 0)
        /* It moves with the program alone, and is on this disk: no pin. */
        return clone_resolve(&shipped, clone->rev, b->arena, (char **)commit, err);
    if (!moves)
        *commit = clone->rev;
    else if (!b->o->update)
        *commit = pins_get(b->pins, "git", clone->url, clone->rev);
    return OK;
}

enum status commit_find(struct build *b, const struct clone_spec *clone, const char **commit,
                        struct error *err)
{
    TRY(commit_known(b, clone, commit, err));
    if (*commit)
        return OK;
    if (b->o->cached_only)
        return error_set(err, ERR_INPUT, "--cached-only", "%s of %s is not pinned in hpo.lock",
                         clone->rev, clone->url);
    TRY(resolve(b, clone, commit, err));
    TRY(pins_set(b->pins, "git", clone->url, clone->rev, *commit, err));
    if (!b->o->dry_run)
        TRY(pins_save(b->pins, err));
    *commit = pins_get(b->pins, "git", clone->url, clone->rev);
    return OK;
}
