/* fetch: the table of fetchers; pins first, then the server. Start at fetch_identity. */
#include "engine/fetch/fetch.h"

#include <string.h>

#include "base/arena.h"
#include "engine/fetch/fetcher.h"
#include "engine/graph/pins.h"
#include "engine/options.h"
#include "engine/process/capture.h"

const struct fetcher *const fetchers_all[] = {&fetch_git, NULL};

void words_add(struct words *words, const char *word)
{
    char **last = arena_push(words->arena, words->list, words->n, words->capacity);
    char **end = arena_push(words->arena, words->list, words->n, words->capacity);

    if (!last || !end || !word) {
        words->failed = true;
        return;
    }
    words->n--;
    words->list[words->n - 1] = (char *)word; /* execve takes them so, and does not write */
    words->list[words->n] = NULL;
}

static enum status find(const struct fetch_context *c, const struct action *a,
                        const struct fetcher **out, struct error *err)
{
    *out = NULL;
    for (const struct fetcher *const *f = c->fetchers; *f; f++)
        if (strcmp((*f)->kind, a->kind) == 0) {
            *out = *f;
            return OK;
        }
    return error_set(err, ERR_INPUT, a->kind, "this hpo cannot fetch anything of this kind");
}

/* What the fetcher knows by itself, else the pin unless it is to move. */
static enum status known_to(const struct fetcher *f, const struct fetch_context *c,
                            const struct fetch *what, const char **identity, struct error *err)
{
    *identity = NULL;
    TRY(f->known(c, what, identity, err));
    if (!*identity && !c->options->update)
        *identity = pins_get(c->pins, f->pins, what->url, what->rev);
    return OK;
}

static enum status ask(const struct fetcher *f, const struct fetch_context *c,
                       const struct fetch *what, const char **identity, struct error *err)
{
    extern char **environ;
    struct words argv = {.arena = c->arena};
    struct command command = {.program = c->options->program, .env = environ, .folder = c->work};
    char *out;

    f->ask(c, what, &argv);
    if (argv.failed)
        return error_memory(err);
    command.argv = argv.list;
    TRY(capture_run(c->capture, &command, what->url, c->arena, &out, err));
    out[strcspn(out, "\n")] = '\0';
    *identity = out;
    return OK;
}

/* The user's, but for the place of temporary files. */
static void add_environment(struct words *env, const char *scratch)
{
    extern char **environ;

    for (char **entry = environ; *entry; entry++)
        if (strncmp(*entry, "TMPDIR=", 7) != 0)
            words_add(env, *entry);
    words_add(env, arena_printf(env->arena, "TMPDIR=%s", scratch));
}

enum status fetch_known(const struct fetch_context *c, const struct action *a,
                        const char **identity, struct error *err)
{
    const struct fetcher *f;

    TRY(find(c, a, &f, err));
    return known_to(f, c, a->fetch, identity, err);
}

enum status fetch_identity(const struct fetch_context *c, const struct action *a,
                           const char **identity, struct error *err)
{
    const struct fetch *what = a->fetch;
    const struct fetcher *f;

    TRY(find(c, a, &f, err));
    TRY(known_to(f, c, what, identity, err));
    if (*identity)
        return OK;
    if (!c->may_ask)
        return error_set(err, ERR_INPUT, "--cached-only", "%s of %s is not pinned in hpo.lock",
                         what->rev, what->url);
    TRY(ask(f, c, what, identity, err));
    TRY(pins_set(c->pins, f->pins, what->url, what->rev, *identity, err));
    if (c->may_pin)
        TRY(pins_save(c->pins, c->patience, err));
    *identity = pins_get(c->pins, f->pins, what->url, what->rev); /* another build may be first */
    return OK;
}

enum status fetch_command(const struct fetch_context *c, const struct action *a,
                          const char *identity, const char *into, const char *scratch,
                          struct arena *arena, struct command *out, struct error *err)
{
    struct words argv = {.arena = arena}, env = {.arena = arena};
    const struct fetcher *f;

    TRY(find(c, a, &f, err));
    f->take(c, a->fetch, identity, into, &argv);
    add_environment(&env, scratch);
    if (argv.failed || env.failed)
        return error_memory(err);
    out->program = c->options->program;
    out->argv = argv.list;
    out->env = env.list;
    return OK;
}
