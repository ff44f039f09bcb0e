/* tool: finds programs and says what they are. Start at tool_identity. */
#include "engine/process/tool.h"

#include <assert.h>
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
#include "engine/graph/packages.h"
#include "engine/options.h"
#include "engine/process/capture.h"
#include "engine/process/devices.h"
#include "engine/process/places.h"
#include "engine/process/python.h"

struct known {
    const char *name;            /* as an action calls it */
    const char *const *argv;     /* of its identity command, or NULL */
    const char *path, *identity; /* identity NULL: not asked yet */
    struct python *python;       /* an interpreter, for the variables of: */
    const struct action *action;
    const char *class; /* of the cards that the answer depends on: see is_of_cards; or NULL */
    struct known *next;
};

/* What a program needs around it to run. */
struct around {
    struct around *next;
    const char *path;
    struct places places;
};

struct tools {
    struct tools_context c;
    struct around *arounds;
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

static bool same_argv(const char *const *a, const char *const *b)
{
    if (!a || !b)
        return a == b;
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

static bool has_pair(const char *const *argv, const char *flag, const char *value)
{
    for (; argv && argv[0] && argv[1]; argv++)
        if (strcmp(argv[0], flag) == 0 && (!value || strcmp(argv[1], value) == 0))
            return true;
    return false;
}

/* Whether the answer depends on the card: in 32 bits all backends give the same. */
static bool is_of_cards(const char *name, const char *const *argv)
{
    return strcmp(name, "hpo-trainer") == 0 && has_pair(argv, "--backend", "cuda") &&
           has_pair(argv, "--precision", NULL);
}

static bool same_class(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The entry of an action's identity; it is made where there is none. */
static enum status find_known(struct tools *tools, const char *name, const char *path,
                              const struct action *action, struct known **out, struct error *err)
{
    const char *const *argv = (const char *const *)action->identity;
    const struct python_context context = {tools->c.options, tools->c.store, tools->c.arena};
    const char *class = is_of_cards(name, argv) ? action->resources.gpu : NULL;
    struct known *k;

    for (k = tools->identities; k; k = k->next)
        if (k->path == path && same_argv(k->argv, argv) && same_class(k->class, class) &&
            (!k->python || python_same(k->action, action)))
            break;
    *out = k;
    if (k)
        return OK;
    if (!(k = arena_alloc(tools->c.arena, sizeof *k)))
        return error_memory(err);
    *k = (struct known){.name = name, .argv = argv, .path = path, .action = action, .class = class};
    if (!argv && python_is(path))
        TRY(python_open(&context, path, action, &k->python, err));
    k->next = tools->identities;
    tools->identities = k;
    *out = k;
    return OK;
}

static bool is_ours(const struct known *k)
{
    return strcmp(k->name, "hpo-trainer") == 0;
}

static enum status digest_of_program(struct tools *tools, const char *path, char *hex,
                                     struct error *err)
{
    struct source source;

    TRY(source_digest(tools->c.store, path, NULL, tools->c.arena, &source, err));
    digest_hex(&source.digest, hex);
    return OK;
}

/* Under this the store remembers what our own program answers: its content and its arguments. */
static enum status name_answer(struct tools *tools, const struct known *k, struct digest *key,
                               struct error *err)
{
    struct text t = text_in(tools->c.arena);
    char hex[DIGEST_HEX + 1], *string;
    size_t n;

    assert(k->argv);
    TRY(digest_of_program(tools, k->path, hex, err));
    text_printf(&t, "identity 1\n%s\n", hex);
    for (size_t i = 0; k->argv[i]; i++) {
        json_write_string(&t, k->argv[i]);
        text_add(&t, "\n");
    }
    TRY(text_finish(&t, &string, &n, err));
    return digest_bytes(string, n, key, err);
}

/* The identities that are expected and not known, into entries; of cards each is asked alone. */
static enum status list_unknown(struct tools *tools, struct known ***entries, size_t *n,
                                struct error *err)
{
    size_t capacity = 0;

    *entries = NULL;
    *n = 0;
    for (struct known *k = tools->identities; k; k = k->next)
        if ((k->argv || k->python) && !k->identity && !is_of_cards(k->name, k->argv)) {
            struct known **last = arena_push(tools->c.arena, *entries, *n, capacity);
            if (!last)
                return error_memory(err);
            *last = k;
        }
    return OK;
}

/* What is asked for the identity of an entry, in the folder that all have. */
static void fill_question(struct tools *tools, const struct known *k, char *const *env,
                          struct question *q)
{
    *q = (struct question){.what = "identity",
                           .command = {.program = k->path,
                                       .argv = (char *const *)k->argv,
                                       .env = env,
                                       .folder = store_work(tools->c.store)}};
    if (k->python) {
        q->what = k->path;
        python_question(k->python, &q->command);
    }
}

/* Takes what one has answered, or its refusal. */
static enum status take_answer(struct known *k, const struct question *q, struct error *err)
{
    if (q->status == OK && k->python)
        return python_answer(k->python, q->answer, &k->identity, err);
    if (q->status == OK)
        k->identity = q->answer;
    else
        *err = q->error;
    if (q->status != OK && k->python)
        error_hint(err, "this Python was asked for its version and where it looks for modules");
    return q->status;
}

/* Asks all that are not known; a refusal is told to whoever wants to know that one. */
static enum status ask(struct tools *tools, struct known *wanted, struct error *err)
{
    struct arena *arena = tools->c.arena;
    const char *path = getenv("PATH");
    char *env[] = {"LANG=C.UTF-8", "TZ=UTC", NULL, NULL};
    struct question *questions;
    struct known **entries;
    enum status s = OK;
    size_t n;

    TRY(list_unknown(tools, &entries, &n, err));
    questions = arena_array(arena, n, sizeof *questions);
    env[2] = arena_printf(arena, "PATH=%s", path ? path : "/usr/bin:/bin");
    if (!questions || !env[2])
        return error_memory(err);
    TRY(store_let_others(tools->c.store, err));
    for (size_t i = 0; i < n; i++)
        fill_question(tools, entries[i], env, &questions[i]);
    TRY(capture_all(tools->c.capture, questions, n, arena, err));
    for (size_t i = 0; i < n; i++) {
        struct error refusal;
        const enum status answered = take_answer(entries[i], &questions[i], &refusal);
        if (answered == OK || entries[i] != wanted)
            continue;
        *err = refusal;
        s = answered;
    }
    return s;
}

/* Our own program's answer: from the store, or asked, and then the store's. */
static enum status recall_or_ask(struct tools *tools, struct known *k, struct error *err)
{
    struct digest key;
    enum status s;

    TRY(name_answer(tools, k, &key, err));
    s = history_journal_get(tools->c.store, &key, tools->c.arena, &k->identity, err);
    if (s != ERR_NOT_FOUND)
        return s;
    TRY(ask(tools, k, err));
    return store_is_writable(tools->c.store)
               ? history_journal_put(tools->c.store, &key, k->identity, 0, err)
               : OK;
}

/* Of 16 bits on cuda. Cards that differ would make one build's results hang on who got which. */
static enum status ask_cards(struct tools *tools, struct known *k, const char *where,
                             struct error *err)
{
    const char *identity;

    TRY(store_let_others(tools->c.store, err));
    TRY(devices_identity(tools->c.devices, k->path, k->argv, k->class, where, &identity, err));
    for (const struct known *other = tools->identities; other; other = other->next)
        if (other->identity && other->path == k->path && same_argv(other->argv, k->argv) &&
            strcmp(other->identity, identity) != 0) {
            (void)error_set(
                err, ERR_INPUT, where,
                "backend: results on \"%s\" are others than on \"%s\", which this build "
                "uses too",
                k->class ? k->class : "any card", other->class ? other->class : "any card");
            error_hint(err, "--gpus chooses cards of one class; a build has one");
            return ERR_INPUT;
        }
    k->identity = identity;
    return OK;
}

/* The program that says what the action's tool is; *path NULL: an input. */
static enum status find_program(struct tools *tools, const struct action *a, const char **name,
                                const char **path, struct error *err)
{
    *name = a->identity ? a->identity[0] : a->run[0];
    return tool_path(tools, *name, path, err);
}

enum status tool_expect(struct tools *tools, const struct node *node, struct error *err)
{
    const struct action *a = &node->action;
    const char *name, *path;
    struct error later;
    struct known *k;

    if (a->fetch || find_program(tools, a, &name, &path, &later) != OK || !path ||
        strcmp(name, "hpo-trainer") == 0)
        return OK;
    TRY(find_known(tools, name, path, a, &k, err));
    if (k->python && !k->identity && python_recall(k->python, &k->identity, &later) != OK)
        k->identity = NULL;
    return OK;
}

enum status tool_identity(struct tools *tools, const struct node *node, const char **identity,
                          struct error *err)
{
    const struct action *a = &node->action;
    char hex[DIGEST_HEX + 1];
    const char *name, *path;
    struct known *k = NULL;

    TRY(find_program(tools, a, &name, &path, err));
    if (!path) {
        *identity = "input"; /* its content is among the inputs */
        return OK;
    }
    TRY(find_known(tools, name, path, a, &k, err));
    assert(k);
    if (!k->identity && k->python)
        TRY(python_recall(k->python, &k->identity, err));
    if (!k->identity && is_of_cards(k->name, k->argv)) {
        TRY(ask_cards(tools, k, node->where, err));
    } else if (!k->identity && (k->argv || k->python)) {
        TRY(is_ours(k) ? recall_or_ask(tools, k, err) : ask(tools, k, err));
    } else if (!k->identity) {
        TRY(digest_of_program(tools, path, hex, err));
        if (!(k->identity = arena_printf(tools->c.arena, "digest %s", hex)))
            return error_memory(err);
    }
    *identity = k->identity;
    return OK;
}

static enum status add_around(struct tools *tools, const char *path, struct places *places,
                              struct error *err)
{
    struct around *a = tools->arounds;

    while (a && strcmp(a->path, path) != 0)
        a = a->next;
    if (!a) {
        if (!(a = arena_alloc(tools->c.arena, sizeof *a)))
            return error_memory(err);
        *a = (struct around){.next = tools->arounds,
                             .path = arena_string(tools->c.arena, path),
                             .places = {.arena = tools->c.arena}};
        if (!a->path)
            return error_memory(err);
        TRY(places_add_program(&a->places, path, err));
        places_finish(&a->places);
        tools->arounds = a;
    }
    return places_join(places, &a->places, err);
}

enum status tool_places(struct tools *tools, const struct action *a, struct places *places,
                        struct error *err)
{
    const char *path;
    struct known *k;

    TRY(tool_path(tools, a->run[0], &path, err));
    if (!path)
        return OK;
    TRY(add_around(tools, path, places, err));
    if (a->identity)
        return OK;
    TRY(find_known(tools, a->run[0], path, a, &k, err));
    return k->python ? python_places(k->python, places, err) : OK;
}

const char *tool_environment(const struct tools *tools, const char *description)
{
    const char *text = NULL;
    struct digest digest;

    if (!packages_digest(description, &digest))
        return NULL;
    for (const struct known *k = tools->identities; k && !text; k = k->next)
        text = k->python ? python_environment(k->python, &digest) : NULL;
    return text;
}
