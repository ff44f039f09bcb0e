/* python: asks an interpreter, reads what it can import, remembers it. Start at python_answer. */
#include "engine/process/python.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/records/history.h"
#include "cache/store.h"
#include "engine/graph/graph.h"
#include "engine/graph/packages.h"
#include "engine/options.h"
#include "engine/process/distributions.h"
#include "engine/process/importable.h"
#include "engine/process/looks.h"

struct python {
    struct python_context c;
    const char *path;
    char **argv, **env;
    struct digest name; /* of what is remembered of it */
    int64_t begun_ns;
};

/* Says what it is in lines "WORD HEX": names may hold anything. Runs since Python 3.6; imports
 * nothing, for a module of the user's could have that name. */
static const char question[] =
    "import sys\n"
    "def say(word, text):\n"
    "    sys.stdout.write(word + ' ' + text.encode('utf-8', 'surrogateescape').hex() + '\\n')\n"
    "def version(v):\n"
    "    return '%d.%d.%d' % tuple(v[:3]) + ('' if v[3] == 'final' else v[3] + str(v[4]))\n"
    "sys.stdout.write('\\nhpo python 1\\n')\n"
    "text, own = version(sys.version_info) + getattr(sys, 'abiflags', ''), sys.implementation\n"
    "say('version', text if own.name == 'cpython' else text + '-' + own.name + "
    "version(own.version))\n"
    "say('executable', sys.executable or '')\n"
    "say('prefix', sys.prefix)\n"
    "say('base', getattr(sys, 'base_prefix', sys.prefix))\n"
    "say('library', getattr(sys.modules.get('encodings'), '__file__', '//').rsplit('/', 2)[0])\n"
    "for folder in sys.path:\n"
    "    say('path', folder)\n"
    "site = sys.modules.get('site')\n"
    "if site is not None and hasattr(site, 'getsitepackages'):\n"
    "    for folder in site.getsitepackages() + [getattr(site, 'USER_SITE', None) or '']:\n"
    "        say('site', folder)\n"
    "for name in 'sitecustomize', 'usercustomize':\n"
    "    say('custom', getattr(sys.modules.get(name), '__file__', None) or '')\n";

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
    p->argv[n] = (char *)question;
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
    text_printf(&t, "python 1\n%s\n", path);
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

/* Adds what the folders hold now; the text goes into the journal, where `hpo why` finds it. */
static enum status name_it(struct python *p, const char *version, struct packages *packages,
                           const struct roots *roots, const char **identity, struct error *err)
{
    const char *out = p->c.options->out, *hex;
    struct digest digest;
    char here[4096], *text;

    if (out[0] != '/' &&
        !(out = getcwd(here, sizeof here) ? file_join(p->c.arena, here, out) : NULL))
        return error_memory(err);
    for (size_t i = 0; i < roots->n; i++) {
        TRY(importable_digest(p->c.store, roots->list[i].path, out, p->c.arena, &hex, err));
        TRY(packages_add(packages, "folder", roots->list[i].label, NULL, hex, err));
    }
    TRY(packages_text(packages, version, &text, &digest, identity, err));
    return store_is_writable(p->c.store) ? history_journal_put(p->c.store, &digest, text, 0, err)
                                         : OK;
}

/* ---- remembered: "version V", looks, "=KIND NAME VERSION DIGEST", "+LABEL PATH" ---- */

static enum status remember(struct python *p, const char *version, const struct looks *looks,
                            const struct packages *packages, const struct roots *roots,
                            struct error *err)
{
    struct text t = text_in(p->c.arena);
    char *text;

    if (!store_is_writable(p->c.store))
        return OK;
    text_printf(&t, "%s\n", version);
    if (!looks_write(looks, &t))
        return OK;
    for (size_t i = 0; i < packages->n; i++)
        text_printf(&t, "=%s %s %s %s\n", packages->list[i].kind, packages->list[i].name,
                    packages->list[i].version, packages->list[i].digest);
    for (size_t i = 0; i < roots->n; i++) {
        if (strchr(roots->list[i].path, '\n'))
            return OK;
        text_printf(&t, "+%s %s\n", roots->list[i].label, roots->list[i].path);
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
    while (*at == '+') {
        const char *label = (at++, next_word(&at, " \n")), *path = next_word(&at, "\n");
        TRY(roots_add(roots, packages->arena, label, path, false, err));
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

/* What an interpreter says of itself. */
struct answer {
    const char *version, *executable, *prefix, *base, *library;
    const char **path, **site, **custom;
    size_t n_path, path_capacity, n_site, site_capacity, n_custom, custom_capacity;
};

/* What is written in hexadecimal digits, in their place. */
static char *decode(char *hex)
{
    static const char digits[] = "0123456789abcdef";
    char *to = hex;

    for (const char *c = hex; *c && c[1]; c += 2) {
        const char *high = strchr(digits, *c), *low = strchr(digits, c[1]);
        if (!high || !low)
            break;
        *to++ = (char)((high - digits) * 16 + (low - digits));
    }
    *to = '\0';
    return hex;
}

static enum status add_string(struct arena *arena, const char ***list, size_t *n, size_t *capacity,
                              const char *string, struct error *err)
{
    const char **last = arena_push(arena, *list, *n, *capacity);

    if (!last)
        return error_memory(err);
    *last = string;
    return OK;
}

/* Reads the lines behind the mark: what stands before it was said by others as Python began. */
static enum status read_answer(struct python *p, const char *text, struct answer *a,
                               struct error *err)
{
    static const char mark[] = "\nhpo python 1\n";
    struct arena *arena = p->c.arena;
    char *at = arena_string(arena, text);

    if (!at)
        return error_memory(err);
    *a = (struct answer){NULL};
    at = strstr(at, mark);
    for (at = at ? at + sizeof mark - 1 : NULL; at && *at;) {
        const char *word = next_word(&at, " ");
        const char *value = decode(next_word(&at, "\n"));
        if (strcmp(word, "version") == 0)
            a->version = value;
        else if (strcmp(word, "executable") == 0)
            a->executable = value;
        else if (strcmp(word, "prefix") == 0)
            a->prefix = value;
        else if (strcmp(word, "base") == 0)
            a->base = value;
        else if (strcmp(word, "library") == 0)
            a->library = value;
        else if (strcmp(word, "path") == 0)
            TRY(add_string(arena, &a->path, &a->n_path, &a->path_capacity, value, err));
        else if (strcmp(word, "site") == 0)
            TRY(add_string(arena, &a->site, &a->n_site, &a->site_capacity, value, err));
        else if (strcmp(word, "custom") == 0 && *value == '/')
            TRY(add_string(arena, &a->custom, &a->n_custom, &a->custom_capacity, value, err));
    }
    if (a->version && a->executable && a->prefix && a->base && a->library)
        return OK;
    (void)error_set(err, ERR_FAILED, p->path, "it is called like a Python and answers like none");
    error_hint(err, "identity = { ... } is a command that says which version of it this is");
    return ERR_FAILED;
}

/* ---- what was read ---- */

static bool is_below(const char *path, const char *folder)
{
    const size_t n = strlen(folder);

    return n > 0 && strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* A shim chooses by files: its own, and those in the folders above the action's. */
static enum status look_at_choices(struct python *p, const struct answer *a, struct looks *looks,
                                   struct error *err)
{
    static const char *const names[] = {".python-version", ".tool-versions", "mise.toml",
                                        ".mise.toml"};
    struct arena *arena = p->c.arena;
    char *folder = arena_string(arena, store_work(p->c.store)), *slash;
    const char *root = arena_string(arena, p->path), *path;
    struct stat shim, own;
    bool there;

    if (!folder || !root)
        return error_memory(err);
    if (stat(p->path, &shim) == 0 && stat(a->executable, &own) == 0 && shim.st_dev == own.st_dev &&
        shim.st_ino == own.st_ino)
        return OK;
    for (int i = 0; i < 2 && (slash = strrchr(root, '/')); i++)
        *slash = '\0';
    if (!(path = file_join(arena, root, "version"))) /* ROOT/shims/python3 → ROOT/version */
        return error_memory(err);
    TRY(looks_at(looks, path, &there, err));
    for (bool last = false; !last;) {
        slash = strrchr(folder, '/');
        last = !slash || slash == folder;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            if (!(path = file_join(arena, folder, names[i])))
                return error_memory(err);
            TRY(looks_at(looks, path, &there, err));
        }
        if (slash)
            *slash = '\0';
    }
    return OK;
}

static enum status look_at_interpreter(struct python *p, const struct answer *a,
                                       struct packages *packages, struct looks *looks,
                                       struct error *err)
{
    const char *cfg = file_join(p->c.arena, a->prefix, "pyvenv.cfg");
    bool there;

    if (!cfg)
        return error_memory(err);
    TRY(looks_at(looks, p->path, &there, err));
    TRY(looks_at(looks, a->executable, &there, err));
    TRY(looks_at(looks, cfg, &there, err));
    TRY(look_at_choices(p, a, looks, err));
    TRY(distributions_read_conda(a->prefix, packages, looks, err));
    return strcmp(a->base, a->prefix) == 0
               ? OK
               : distributions_read_conda(a->base, packages, looks, err);
}

/* The standard library is known by the version. */
static bool is_library(const struct answer *a, const char *path)
{
    const char *inside = path + strlen(a->library);

    return is_below(path, a->library) && !strstr(inside, "/site-packages") &&
           !strstr(inside, "/dist-packages");
}

/* The name of the distribution whose source this folder is, else its number. */
static const char *label_of(char *const *names, size_t n, size_t number, struct arena *arena)
{
    for (size_t i = 0; i < n; i++) {
        const char *end = strstr(names[i], ".egg-info");
        if (end && !end[strlen(".egg-info")])
            return distributions_name(arena, names[i], strcspn(names[i], "-."));
    }
    return arena_printf(arena, "path:%zu", number);
}

/* An entry of sys.path: distributions, or modules by content, which go into entries. */
static enum status read_entry(const char *path, struct packages *packages, struct roots *declared,
                              struct roots *entries, struct looks *looks, struct error *err)
{
    struct arena *arena = packages->arena;
    const char *label;
    struct stat st;
    char **names = NULL;
    size_t n = 0;
    bool there;

    TRY(looks_at(looks, path, &there, err));
    if (!there || stat(path, &st) != 0 || access(path, R_OK) != 0)
        return OK;
    if (S_ISDIR(st.st_mode)) {
        const enum status s = file_list(path, arena, &names, &n, err);
        if (s == ERR_NOT_FOUND)
            return OK;
        TRY(s);
        TRY(distributions_read(path, names, n, packages, declared, looks, err));
        if (distributions_are_in(path, names, n))
            return OK;
    }
    label = label_of(names, n, entries->n + 1, arena);
    return label ? roots_add(entries, arena, label, path, true, err) : error_memory(err);
}

/* The folders that distributions lead to, and those on sys.path, by the names of distributions
 * where those say so. */
static enum status join_roots(const struct roots *declared, const struct roots *entries,
                              struct arena *arena, struct roots *out, struct error *err)
{
    for (size_t i = 0; i < declared->n; i++)
        if (!declared->list[i].on_path)
            TRY(roots_add(out, arena, declared->list[i].label, declared->list[i].path, false, err));
    for (size_t i = 0; i < entries->n; i++) {
        const char *label = entries->list[i].label, *path = entries->list[i].path;
        for (size_t k = 0; k < declared->n; k++)
            if (declared->list[k].on_path && strcmp(declared->list[k].path, path) == 0)
                label = declared->list[k].label;
        TRY(roots_add(out, arena, label, path, true, err));
    }
    return OK;
}

static enum status read_path(struct python *p, const struct answer *a, struct packages *packages,
                             struct roots *roots, struct looks *looks, struct error *err)
{
    struct roots declared = {.n = 0}, entries = {.n = 0};
    const char *work = store_work(p->c.store);
    bool there;

    for (size_t i = 0; i < a->n_path; i++)
        if (a->path[i][0] == '/' && !is_below(a->path[i], work) && !is_library(a, a->path[i]))
            TRY(read_entry(a->path[i], packages, &declared, &entries, looks, err));
    for (size_t i = 0; i < a->n_site; i++) /* one that is made later is on sys.path then */
        if (a->site[i][0] == '/' && !is_below(a->site[i], work))
            TRY(looks_at(looks, a->site[i], &there, err));
    for (size_t i = 0; i < a->n_custom; i++) /* runs before each program does */
        TRY(roots_add(roots, p->c.arena, strrchr(a->custom[i], '/') + 1, a->custom[i], false, err));
    return join_roots(&declared, &entries, p->c.arena, roots, err);
}

enum status python_answer(struct python *p, const char *text, const char **identity,
                          struct error *err)
{
    struct looks looks = {.arena = p->c.arena, .begun_ns = p->begun_ns};
    struct packages packages = {.arena = p->c.arena};
    struct roots roots = {.n = 0};
    struct answer answer;

    TRY(read_answer(p, text, &answer, err));
    TRY(look_at_interpreter(p, &answer, &packages, &looks, err));
    TRY(read_path(p, &answer, &packages, &roots, &looks, err));
    TRY(remember(p, answer.version, &looks, &packages, &roots, err));
    return name_it(p, answer.version, &packages, &roots, identity, err);
}
