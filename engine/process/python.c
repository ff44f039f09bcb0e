/* python: the question to an interpreter, and the memory of its answer. Start at python_recall. */
#include "engine/process/python.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/records/history.h"
#include "cache/store.h"
#include "engine/graph/graph.h"
#include "engine/graph/packages.h"
#include "engine/options.h"
#include "engine/process/importable.h"
#include "engine/process/places.h"
#include "engine/process/python_path.h"

struct python {
    struct python_context c;
    const char *path;
    char **argv, **env;
    struct digest name;        /* of what is remembered of it */
    const struct roots *roots; /* folders whose content it holds, once that is known */
    const char *environment;   /* the text of what it holds, */
    struct digest digest;      /* and its digest */
    int64_t begun_ns;
};

/* Of the interpreter's options those that change where it looks for modules. */
static const char path_options[] = "EIPSs";

/* ---- which programs ---- */

static bool is_python_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    if (strncmp(name, "python", 6) != 0 && strncmp(name, "pypy", 4) != 0)
        return false;
    name += strncmp(name, "python", 6) == 0 ? 6 : 4;
    name += strspn(name, "0123456789.");
    return !*name || strcmp(name, "t") == 0 || strcmp(name, "d") == 0 || strcmp(name, "-dbg") == 0;
}

bool python_is(const char *path)
{
    char target[4096];
    ssize_t n;

    if (is_python_name(path))
        return true;
    n = readlink(path, target, sizeof target - 1);
    if (n <= 0)
        return false;
    target[n] = '\0';
    return is_python_name(target);
}

/* The path options in `run`, as letters; those of all words up to the script, -c or -m. */
static void find_options(const struct action *a, char letters[sizeof path_options])
{
    size_t n = 0;

    for (size_t i = 1; i < a->n_run && a->run[i][0] == '-' && a->run[i][1]; i++) {
        const char *c = a->run[i] + 1;
        for (; isalpha((unsigned char)*c) && !strchr("cmWX", *c); c++)
            if (strchr(path_options, *c) && !memchr(letters, *c, n))
                letters[n++] = *c;
        if (*c == 'c' || *c == 'm')
            break;
        i += (*c == 'W' || *c == 'X') && !c[1]; /* what follows belongs to it */
    }
    letters[n] = '\0';
}

bool python_same(const struct action *a, const struct action *b)
{
    char of_a[sizeof path_options], of_b[sizeof path_options];
    bool same = a->n_env == b->n_env && a->n_pass == b->n_pass;

    find_options(a, of_a);
    find_options(b, of_b);
    same = same && strcmp(of_a, of_b) == 0;
    for (size_t i = 0; same && i < a->n_env; i++)
        same = strcmp(a->env[i].name, b->env[i].name) == 0 &&
               strcmp(a->env[i].value, b->env[i].value) == 0;
    for (size_t i = 0; same && i < a->n_pass; i++)
        same = strcmp(a->pass[i], b->pass[i]) == 0;
    return same;
}

/* ---- the question ---- */

static bool is_given(const struct action *a, const char *name)
{
    for (size_t i = 0; i < a->n_env; i++)
        if (strcmp(a->env[i].name, name) == 0)
            return true;
    return false;
}

/* The variables of the action that could matter to a shim, and all that it declares. */
static enum status fill_env(struct python *p, const struct action *a, struct error *err)
{
    struct arena *arena = p->c.arena;
    const char *path = getenv("PATH");
    const struct pair ours[] = {{"PATH", path ? path : "/usr/local/bin:/usr/bin:/bin"},
                                {"HOME", store_work(p->c.store)},
                                {"LANG", "C.UTF-8"},
                                {"TZ", "UTC"}};
    const size_t n_ours = sizeof ours / sizeof *ours;
    size_t n = 0;

    if (!(p->env = arena_array(arena, n_ours + a->n_pass + a->n_env + 1, sizeof *p->env)))
        return error_memory(err);
    for (size_t i = 0; i < n_ours + a->n_pass + a->n_env; i++) {
        const size_t k = i - n_ours;
        const struct pair one = i < n_ours      ? ours[i]
                                : k < a->n_pass ? (struct pair){a->pass[k], getenv(a->pass[k])}
                                                : a->env[k - a->n_pass];
        if (!one.value || (i < n_ours && is_given(a, one.name)))
            continue;
        if (!(p->env[n++] = arena_printf(arena, "%s=%s", one.name, one.value)))
            return error_memory(err);
    }
    return OK;
}

static enum status fill_argv(struct python *p, const struct action *a, struct error *err)
{
    char letters[sizeof path_options];
    size_t n = 0;

    find_options(a, letters);
    if (!(p->argv = arena_array(p->c.arena, 5, sizeof *p->argv)))
        return error_memory(err);
    p->argv[n++] = (char *)a->run[0];
    if (*letters && !(p->argv[n++] = arena_printf(p->c.arena, "-%s", letters)))
        return error_memory(err);
    p->argv[n++] = "-c";
    p->argv[n] = (char *)python_path_question;
    return OK;
}

enum status python_open(const struct python_context *context, const char *path,
                        const struct action *action, struct python **out, struct error *err)
{
    struct python *p = arena_alloc(context->arena, sizeof *p);
    struct text t = text_in(context->arena);
    char *string;
    size_t n;

    if (!p)
        return error_memory(err);
    *p = (struct python){.c = *context, .path = path};
    TRY(fill_env(p, action, err));
    TRY(fill_argv(p, action, err));
    text_printf(&t, "python 2\n%s\n", path);
    for (char **word = p->argv; *word; word++)
        text_printf(&t, "%s\n", *word);
    for (char **word = p->env; *word; word++)
        text_printf(&t, "%s\n", *word);
    TRY(text_finish(&t, &string, &n, err));
    TRY(digest_bytes(string, n, &p->name, err));
    *out = p;
    return OK;
}

void python_question(struct python *p, struct command *command)
{
    p->begun_ns = looks_now();
    *command = (struct command){
        .program = p->path, .argv = p->argv, .env = p->env, .folder = store_work(p->c.store)};
}

/* ---- the identity ---- */

static enum status keep_roots(struct python *p, const struct roots *roots, struct error *err)
{
    struct roots *kept = arena_alloc(p->c.arena, sizeof *kept);

    if (!kept)
        return error_memory(err);
    *kept = *roots; /* whose list lives as long */
    p->roots = kept;
    return OK;
}

enum status python_places(const struct python *p, struct places *places, struct error *err)
{
    for (size_t i = 0; p->roots && i < p->roots->n; i++)
        TRY(places_add(places, p->roots->list[i].path, err));
    return OK;
}

/* Adds what the folders hold now; the text goes into the journal, where `hpo why` finds it. */
static enum status name_it(struct python *p, const char *version, struct packages *packages,
                           const struct roots *roots, const char **identity, struct error *err)
{
    const char *out = p->c.options->out, *hex;
    char here[4096], *text;

    if (out[0] != '/' &&
        !(out = getcwd(here, sizeof here) ? file_join(p->c.arena, here, out) : NULL))
        return error_memory(err);
    for (size_t i = 0; i < roots->n; i++) {
        const struct root *root = &roots->list[i];
        TRY((root->kind == ROOT_MODULE ? importable_module : importable_digest)(
            p->c.store, root->path, out, p->c.arena, &hex, err));
        TRY(packages_add(packages, "folder", root->label, NULL, hex, err));
    }
    TRY(packages_text(packages, version, &text, &p->digest, identity, err));
    p->environment = text;
    TRY(keep_roots(p, roots, err));
    return store_is_writable(p->c.store) ? history_journal_put(p->c.store, &p->digest, text, 0, err)
                                         : OK;
}

const char *python_environment(const struct python *p, const struct digest *digest)
{
    return p->environment && digest_equal(&p->digest, digest) ? p->environment : NULL;
}

/* ---- remembered: "version V", looks, "=KIND NAME VERSION DIGEST", "+LABEL PATH", "*…" ---- */

static enum status remember(struct python *p, const struct python_path *path, struct error *err)
{
    const struct packages *packages = path->packages;
    const struct roots *roots = &path->roots;
    struct text t = text_in(p->c.arena);
    char *text;

    if (!store_is_writable(p->c.store))
        return OK;
    text_printf(&t, "%s\n", path->version);
    if (!looks_write(&path->looks, &t))
        return OK;
    for (size_t i = 0; i < packages->n; i++)
        text_printf(&t, "=%s %s %s %s\n", packages->list[i].kind, packages->list[i].name,
                    packages->list[i].version, packages->list[i].digest);
    for (size_t i = 0; i < roots->n; i++) {
        if (strchr(roots->list[i].path, '\n'))
            return OK;
        text_printf(&t, "%c%s %s\n", roots->list[i].kind == ROOT_MODULE ? '*' : '+',
                    roots->list[i].label, roots->list[i].path);
    }
    TRY(text_finish(&t, &text, NULL, err));
    return history_journal_put(p->c.store, &p->name, text, 0, err);
}

/* The next word of a line, terminated; *at moves behind the space or the end of the line. */
static char *next_word(char **at, const char *ends)
{
    char *word = *at;
    const size_t n = strcspn(word, ends);

    *at += n + (word[n] != '\0');
    word[n] = '\0';
    return word;
}

/* Reads what remember wrote; *holds: and it is so still. */
static enum status read_memory(char *text, const char **version, struct packages *packages,
                               struct roots *roots, bool *holds, struct error *err)
{
    char *at = text;

    *holds = false;
    *version = next_word(&at, "\n");
    while (*at == '@' || *at == '!') {
        const char *line = at;
        if (!looks_hold(&line, packages->arena))
            return OK;
        at += line - at;
    }
    while (*at == '=') {
        const char *kind = (at++, next_word(&at, " \n")), *name = next_word(&at, " \n");
        const char *number = next_word(&at, " \n"), *digest = next_word(&at, "\n");
        TRY(packages_add(packages, kind, name, number, digest, err));
    }
    while (*at == '+' || *at == '*') {
        const enum root_kind kind = *at == '*' ? ROOT_MODULE : ROOT_FOLDER;
        const char *label = (at++, next_word(&at, " \n")), *path = next_word(&at, "\n");
        TRY(roots_add(roots, packages->arena, label, path, kind, err));
    }
    *holds = !*at;
    return OK;
}

enum status python_recall(struct python *p, const char **identity, struct error *err)
{
    struct packages packages = {.arena = p->c.arena};
    struct roots roots = {.n = 0};
    const char *text, *version;
    enum status s;
    bool holds;

    *identity = NULL;
    if (store_rehashes(p->c.store))
        return OK;
    s = history_journal_get(p->c.store, &p->name, p->c.arena, &text, err);
    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    TRY(read_memory((char *)text, &version, &packages, &roots, &holds, err));
    return holds ? name_it(p, version, &packages, &roots, identity, err) : OK;
}

/* ---- the answer ---- */

enum status python_answer(struct python *p, const char *answer, const char **identity,
                          struct error *err)
{
    struct packages packages = {.arena = p->c.arena};
    struct python_path path = {.packages = &packages,
                               .looks = {.arena = p->c.arena, .begun_ns = p->begun_ns}};

    TRY(python_path_read(p->path, store_work(p->c.store), answer, &path, err));
    TRY(remember(p, &path, err));
    return name_it(p, path.version, &packages, &path.roots, identity, err);
}
