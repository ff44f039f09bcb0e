/* python_path: from an interpreter's answer to packages. Start at python_path_read. */
#include "engine/process/python_path.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/graph/packages.h"

const char python_path_question[] =
    "import sys\n"
    "if sys.version_info < (3, 6):\n"
    "    sys.exit('it is too old to be asked: identity = { ... } says what it is')\n"
    "def say(word, text):\n"
    "    sys.stdout.write(word + ' ' + text.encode('utf-8', 'surrogateescape').hex() + '\\n')\n"
    "def version(v):\n"
    "    return '%d.%d.%d' % tuple(v[:3]) + ('' if v[3] == 'final' else v[3] + str(v[4]))\n"
    "sys.stdout.write('\\nhpo python 1\\n')\n"
    "text, own = version(sys.version_info) + getattr(sys, 'abiflags', ''), sys.implementation\n"
    "if own.name != 'cpython':\n"
    "    text += '-' + own.name + version(own.version)\n"
    "say('version', text)\n"
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

/* ---- what it says ---- */

struct strings {
    const char **list;
    size_t n, capacity;
};

/* What an interpreter says of itself. */
struct answer {
    const char *version, *executable, *prefix, *base, *library;
    struct strings path;   /* sys.path */
    struct strings site;   /* folders that would be on it, were they there */
    struct strings custom; /* files of modules that run before each program does */
};

struct reading {
    const char *program, *work;
    struct arena *arena;
    struct answer answer;
    struct python_path *out;
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

/* One line: a word and what it says, decoded. Words that are not known say nothing. */
static enum status take_line(struct reading *r, const char *word, const char *value,
                             struct error *err)
{
    struct answer *a = &r->answer;
    const struct {
        const char *word, **one;
        struct strings *many;
    } words[] = {
        {"version", &a->version, NULL}, {"executable", &a->executable, NULL},
        {"prefix", &a->prefix, NULL},   {"base", &a->base, NULL},
        {"library", &a->library, NULL}, {"path", NULL, &a->path},
        {"site", NULL, &a->site},       {"custom", NULL, &a->custom},
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct strings *many = words[i].many;
        const char **last = words[i].one;
        if (strcmp(words[i].word, word) != 0 || (many && *value != '/'))
            continue;
        if (many && !(last = arena_push(r->arena, many->list, many->n, many->capacity)))
            return error_memory(err);
        *last = value;
    }
    return OK;
}

/* Reads the lines behind the mark: what stands before it was said by others as Python began. */
static enum status read_answer(struct reading *r, const char *text, struct error *err)
{
    static const char mark[] = "\nhpo python 1\n";
    char *at = arena_string(r->arena, text);
    const struct answer *a = &r->answer;

    if (!at)
        return error_memory(err);
    at = strstr(at, mark);
    for (at = at ? at + sizeof mark - 1 : NULL; at && *at;) {
        char *line = at, *value = line + strcspn(line, " \n");
        at = value + strcspn(value, "\n");
        at += *at != '\0';
        if (*value != ' ' || at[-1] != '\n')
            break;
        at[-1] = '\0';
        *value++ = '\0';
        TRY(take_line(r, line, decode(value), err));
    }
    if (a->version && a->executable && a->prefix && a->base && a->library)
        return OK;
    (void)error_set(err, ERR_FAILED, r->program,
                    "it is called like a Python and answers like none");
    error_hint(err, "identity = { ... } is a command that says which version of it this is");
    return ERR_FAILED;
}

/* ---- what lies there ---- */

/* Nothing is below a folder that is not known. */
static bool is_below(const char *path, const char *folder)
{
    return *folder && file_is_below(path, folder);
}

static enum status look_at(struct reading *r, const char *folder, const char *name,
                           struct error *err)
{
    const char *path = file_join(r->arena, folder, name);
    bool there;

    return path ? looks_at(&r->out->looks, path, &there, err) : error_memory(err);
}

/* A shim chooses by files: its own, and those in the folders above the action's. */
static enum status look_at_choices(struct reading *r, struct error *err)
{
    static const char *const names[] = {".python-version", ".tool-versions", "mise.toml",
                                        ".mise.toml"};
    char *root = arena_string(r->arena, r->program), *folder = arena_string(r->arena, r->work);
    struct stat shim, own;
    char *slash;

    if (!folder || !root)
        return error_memory(err);
    assert(r->answer.executable);
    if (stat(r->program, &shim) == 0 && stat(r->answer.executable, &own) == 0 &&
        shim.st_dev == own.st_dev && shim.st_ino == own.st_ino)
        return OK;
    for (int i = 0; i < 2 && (slash = strrchr(root, '/')); i++) /* ROOT/shims/python3 */
        *slash = '\0';
    TRY(look_at(r, root, "version", err));
    for (; (slash = strrchr(folder, '/')); *slash = '\0')
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            TRY(look_at(r, folder, names[i], err));
    return OK;
}

static enum status look_at_interpreter(struct reading *r, struct error *err)
{
    const struct answer *a = &r->answer;
    bool there;

    assert(a->executable && a->prefix && a->base);
    TRY(looks_at(&r->out->looks, r->program, &there, err));
    TRY(looks_at(&r->out->looks, a->executable, &there, err));
    TRY(look_at(r, a->prefix, "pyvenv.cfg", err));
    TRY(look_at_choices(r, err));
    TRY(distributions_read_conda(a->prefix, r->out->packages, &r->out->looks, err));
    return strcmp(a->base, a->prefix) == 0
               ? OK
               : distributions_read_conda(a->base, r->out->packages, &r->out->looks, err);
}

/* Whether an entry of sys.path is none of those that count. */
static bool is_passed_over(const struct reading *r, const char *path)
{
    const char *library = r->answer.library;

    assert(library);
    if (is_below(path, r->work))
        return true;
    return is_below(path, library) && !strstr(path + strlen(library), "/site-packages") &&
           !strstr(path + strlen(library), "/dist-packages");
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

/* A folder of such a name is none until an __init__ is in it, which the look of the folder above
 * does not tell. */
static enum status look_at_custom(struct reading *r, const char *path, char *const *names, size_t n,
                                  struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], "sitecustomize") == 0 || strcmp(names[i], "usercustomize") == 0)
            TRY(look_at(r, path, names[i], err));
    return OK;
}

/* An entry may be a folder in an archive: then it is the archive that counts. */
static const char *archive_of(struct arena *arena, const char *path)
{
    char *archive = arena_string(arena, path), *slash;
    struct stat st;

    while (archive && stat(archive, &st) != 0 && errno == ENOTDIR &&
           (slash = strrchr(archive, '/')))
        *slash = '\0';
    return archive;
}

/* An entry of sys.path: distributions, or modules by content, which go into entries. */
static enum status read_entry(struct reading *r, const char *path, struct roots *declared,
                              struct roots *entries, struct error *err)
{
    const char *label;
    struct stat st;
    char **names = NULL;
    size_t n = 0;
    bool there;

    if (!(path = archive_of(r->arena, path)))
        return error_memory(err);
    TRY(looks_at(&r->out->looks, path, &there, err));
    if (!there || stat(path, &st) != 0 || access(path, R_OK) != 0)
        return OK;
    if (S_ISDIR(st.st_mode)) {
        const enum status s = file_list(path, r->arena, &names, &n, err);
        if (s == ERR_NOT_FOUND)
            return OK;
        TRY(s);
        TRY(look_at_custom(r, path, names, n, err));
        TRY(distributions_read(path, names, n, r->out->packages, declared, &r->out->looks, err));
        if (distributions_are_in(path, names, n))
            return OK;
    }
    label = label_of(names, n, entries->n + 1, r->arena);
    return label ? roots_add(entries, r->arena, label, path, ROOT_FOLDER, err) : error_memory(err);
}

/* The folders that distributions lead to, and those on sys.path, by the names of distributions
 * where those say so. */
static enum status join_roots(struct reading *r, const struct roots *declared,
                              const struct roots *entries, struct error *err)
{
    struct roots *out = &r->out->roots;

    for (size_t i = 0; i < declared->n; i++)
        if (declared->list[i].kind != ROOT_ON_PATH)
            TRY(roots_add(out, r->arena, declared->list[i].label, declared->list[i].path,
                          declared->list[i].kind, err));
    for (size_t i = 0; i < entries->n; i++) {
        const char *label = entries->list[i].label, *path = entries->list[i].path;
        for (size_t k = 0; k < declared->n; k++)
            if (declared->list[k].kind == ROOT_ON_PATH && strcmp(declared->list[k].path, path) == 0)
                label = declared->list[k].label;
        TRY(roots_add(out, r->arena, label, path, ROOT_FOLDER, err));
    }
    return OK;
}

/* A sitecustomize: FOLDER/__init__.py is a package, all of which counts. */
static enum status add_custom(struct reading *r, const char *file, struct error *err)
{
    char *path = arena_string(r->arena, file), *slash;

    if (!path)
        return error_memory(err);
    slash = strrchr(path, '/');
    if (slash > path && strncmp(slash + 1, "__init__.", strlen("__init__.")) == 0)
        *slash = '\0';
    return roots_add(&r->out->roots, r->arena, strrchr(path, '/') + 1, path, ROOT_FOLDER, err);
}

static enum status read_folders(struct reading *r, struct error *err)
{
    const struct answer *a = &r->answer;
    struct roots declared = {.n = 0}, entries = {.n = 0};
    bool there;

    for (size_t i = 0; i < a->path.n; i++)
        if (!is_passed_over(r, a->path.list[i]))
            TRY(read_entry(r, a->path.list[i], &declared, &entries, err));
    for (size_t i = 0; i < a->site.n; i++) /* one that is made later is on sys.path then */
        if (!is_below(a->site.list[i], r->work))
            TRY(looks_at(&r->out->looks, a->site.list[i], &there, err));
    for (size_t i = 0; i < a->custom.n; i++)
        TRY(add_custom(r, a->custom.list[i], err));
    return join_roots(r, &declared, &entries, err);
}

enum status python_path_read(const char *program, const char *work, const char *answer,
                             struct python_path *out, struct error *err)
{
    struct reading r = {
        .program = program, .work = work, .arena = out->packages->arena, .out = out};

    TRY(read_answer(&r, answer, err));
    out->version = r.answer.version;
    TRY(look_at_interpreter(&r, err));
    return read_folders(&r, err);
}
