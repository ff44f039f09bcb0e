/* tool: finds programs and says what they are. Start at tool_identity. */
#include "engine/process/tool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/content/source.h"
#include "cache/records/history.h"
#include "cache/store.h"
#include "engine/options.h"
#include "engine/process/capture.h"

struct known {
    const char *name;        /* as an action calls it */
    const char *const *argv; /* of its identity command, or NULL */
    const char *path, *identity;
    struct known *next;
};

struct tools {
    struct tools_context c;
    struct known *paths;      /* name → path */
    struct known *identities; /* path and argv → text */
};

enum status tools_open(const struct tools_context *context, struct tools **out, struct error *err)
{
    struct tools *tools = arena_alloc(context->arena, sizeof *tools);

    if (!tools)
        return error_memory(err);
    tools->c = *context;
    *out = tools;
    return OK;
}

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* *found: the first executable NAME in PATH, or NULL. */
static enum status search_path(struct arena *arena, const char *name, const char **found,
                               struct error *err)
{
    const char *path = getenv("PATH");

    for (path = path ? path : "/usr/local/bin:/usr/bin:/bin"; *path;) {
        size_t n = strcspn(path, ":");
        char *candidate = arena_printf(arena, "%.*s/%s", (int)n, path, name);
        if (!candidate)
            return error_memory(err);
        if (candidate[0] == '/' && n > 0 && is_program(candidate)) {
            *found = candidate;
            return OK;
        }
        path += n;
        path += *path == ':';
    }
    *found = NULL;
    return OK;
}

enum status tool_path(struct tools *tools, const char *name, const char **path, struct error *err)
{
    struct arena *arena = tools->c.arena;
    struct known *k;

    *path = NULL;
    if (strncmp(name, "./", 2) == 0)
        return OK;
    for (k = tools->paths; k; k = k->next)
        if (strcmp(k->name, name) == 0) {
            *path = k->path;
            return OK;
        }
    if (name[0] == '/')
        *path = is_program(name) ? name : NULL;
    else if (strchr(name, '/'))
        return error_set(
            err, ERR_INPUT, "",
            "run: expected an absolute path, an input or a program's name, found \"%s\"", name);
    else if ((strcmp(name, "hpo") == 0 || strcmp(name, "hpo-trainer") == 0) &&
             !(*path = file_join(arena, tools->c.options->bin, name)))
        return error_memory(err);
    if (name[0] != '/' && !(*path && is_program(*path)))
        TRY(search_path(arena, name, path, err));
    if (!*path) {
        (void)error_set(err, ERR_INPUT, "", "run: there is no program \"%s\"", name);
        error_hint(err, "it was looked for in PATH; a script of yours is hpo.source \"%s\"", name);
        return ERR_INPUT;
    }
    if (!(k = arena_alloc(arena, sizeof *k)))
        return error_memory(err);
    *k = (struct known){.name = name, .path = *path, .next = tools->paths};
    tools->paths = k;
    return OK;
}

static enum status run_identity(struct tools *tools, const char *path, const char *const *argv,
                                const char **out, struct error *err)
{
    struct arena *arena = tools->c.arena;
    char *env[] = {"LANG=C.UTF-8", "TZ=UTC", NULL, NULL};
    struct command command = {.program = path,
                              .argv = (char *const *)argv,
                              .env = env,
                              .folder = store_work(tools->c.store)};

    env[2] = arena_printf(arena, "PATH=%s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
    if (!env[2])
        return error_memory(err);
    return capture_run(tools->c.capture, &command, "identity", arena, (char **)out, err);
}

/* Remembered under the digest of the executable and its arguments. */
static enum status identity_of_command(struct tools *tools, const char *path,
                                       const char *const *argv, const char *executable,
                                       const char **out, struct error *err)
{
    struct arena *arena = tools->c.arena;
    struct text t = text_in(arena);
    struct digest key;
    char *string;
    size_t n;
    enum status s;

    text_printf(&t, "identity 1\n%s\n", executable);
    for (size_t i = 0; argv[i]; i++) {
        json_write_string(&t, argv[i]);
        text_add(&t, "\n");
    }
    TRY(text_finish(&t, &string, &n, err));
    TRY(digest_bytes(string, n, &key, err));
    s = history_journal_get(tools->c.store, &key, arena, out, err);
    if (s != ERR_NOT_FOUND)
        return s;
    TRY(run_identity(tools, path, argv, out, err));
    return store_is_writable(tools->c.store)
               ? history_journal_put(tools->c.store, &key, *out, 0, err)
               : OK;
}

static bool same_argv(const char *const *a, const char *const *b)
{
    if (!a || !b)
        return a == b;
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

enum status tool_identity(struct tools *tools, const struct node *node, const char **identity,
                          struct error *err)
{
    const char *const *argv = (const char *const *)node->action.identity;
    const char *name = argv ? argv[0] : node->action.run[0], *path;
    struct arena *arena = tools->c.arena;
    char hex[DIGEST_HEX + 1];
    struct source source;
    struct known *k;

    TRY(tool_path(tools, name, &path, err));
    if (!path) {
        *identity = "input"; /* its content is among the inputs */
        return OK;
    }
    for (k = tools->identities; k; k = k->next)
        if (k->path == path && same_argv(k->argv, argv))
            break;
    if (!k) {
        TRY(source_digest(tools->c.store, path, arena, &source, err));
        digest_hex(&source.digest, hex);
        if (!(k = arena_alloc(arena, sizeof *k)) ||
            !(k->identity = arena_printf(arena, "digest %s", hex)))
            return error_memory(err);
        if (argv)
            TRY(identity_of_command(tools, path, argv, hex, &k->identity, err));
        k->path = path;
        k->argv = argv;
        k->next = tools->identities;
        tools->identities = k;
    }
    *identity = k->identity;
    return OK;
}
