/* distributions: names, RECORDs, .pth files and editable installs. Start at distributions_read. */
#include "engine/process/distributions.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/graph/packages.h"
#include "engine/process/looks.h"

static const size_t longest = (size_t)256 << 20; /* a RECORD */

/* What a folder is read into. */
struct reading {
    const char *folder;
    struct arena *arena;
    struct packages *packages;
    struct roots *roots;
    struct looks *looks;
};

enum status roots_add(struct roots *roots, struct arena *arena, const char *label, const char *path,
                      enum root_kind kind, struct error *err)
{
    struct root *last = arena_push(arena, roots->list, roots->n, roots->capacity);

    if (!last)
        return error_memory(err);
    *last = (struct root){label, path, kind};
    return OK;
}

static bool ends_with(const char *bytes, size_t n, const char *end)
{
    const size_t n_end = strlen(end);

    return n >= n_end && memcmp(bytes + n - n_end, end, n_end) == 0;
}

static bool begins_with(const char *bytes, size_t n, const char *begin)
{
    return n >= strlen(begin) && memcmp(bytes, begin, strlen(begin)) == 0;
}

static char lower(char c)
{
    return (char)tolower((unsigned char)c);
}

const char *distributions_name(struct arena *arena, const char *name, size_t n)
{
    char *copy = arena_copy(arena, name, n), *to = copy;

    for (const char *c = copy; c && *c; c++)
        if (*c != '-' && *c != '_' && *c != '.' && !isspace((unsigned char)*c))
            *to++ = lower(*c);
        else if (to > copy && to[-1] != '-')
            *to++ = '-';
    if (to)
        *to = '\0';
    return copy;
}

/* A line has its parts between spaces. */
static void join_words(char *text)
{
    for (; *text; text++)
        if (isspace((unsigned char)*text))
            *text = '_';
}

/* Reads FOLDER/NAME, having looked at it; *bytes NULL: it is not there, which is known by the look
 * of the folder that it would be in. */
static enum status read_file(struct reading *r, const char *name, char **bytes, size_t *n,
                             struct error *err)
{
    const char *path = file_join(r->arena, r->folder, name);
    enum status s;
    bool there;

    *bytes = NULL;
    *n = 0;
    if (!path)
        return error_memory(err);
    if (access(path, F_OK) != 0)
        return OK;
    TRY(looks_at(r->looks, path, &there, err));
    s = file_read(path, longest, r->arena, bytes, n, err);
    if (s == ERR_NOT_FOUND) /* gone since */
        r->looks->unsettled = true;
    return s == ERR_NOT_FOUND ? OK : s;
}

/* A line: its length without an end of either kind. *at moves behind it. */
static bool next_line(const char **at, const char **line, size_t *n)
{
    if (!**at)
        return false;
    *line = *at;
    *n = strcspn(*at, "\n");
    *at += *n + ((*at)[*n] == '\n');
    if (*n > 0 && (*line)[*n - 1] == '\r')
        (*n)--;
    return true;
}

/* ---- .pth ---- */

static bool is_code(const char *line, size_t n)
{
    return begins_with(line, n, "import ") || begins_with(line, n, "import\t");
}

/* A folder that a .pth file names. One that is not there is on sys.path once it is made. */
static enum status add_path(struct reading *r, const char *line, size_t n, const char *label,
                            struct error *err)
{
    const char *path = arena_copy(r->arena, line, n);
    bool there;

    if (path && *path != '/')
        path = file_join(r->arena, r->folder, path);
    if (!path)
        return error_memory(err);
    return label ? roots_add(r->roots, r->arena, label, path, ROOT_ON_PATH, err)
                 : looks_at(r->looks, path, &there, err);
}

/* The folders that a .pth file names, relative to its own; *code: its other lines, or "". Without
 * a label they are looked at. */
static enum status read_pth(struct reading *r, const char *name, const char *label, bool *paths,
                            char **code, struct error *err)
{
    struct text t = text_in(r->arena);
    const char *at, *line;
    char *bytes;
    size_t n;

    *paths = false;
    TRY(read_file(r, name, &bytes, &n, err));
    for (at = bytes ? bytes : ""; next_line(&at, &line, &n);) {
        while (n > 0 && isspace((unsigned char)line[n - 1]))
            n--;
        if (n == 0 || *line == '#')
            continue;
        if (is_code(line, n)) {
            text_add_bytes(&t, line, n);
            text_add(&t, "\n");
            continue;
        }
        *paths = true;
        TRY(add_path(r, line, n, label, err));
    }
    return text_finish(&t, code, NULL, err);
}

static enum status add_pth(struct reading *r, const char *name, struct error *err)
{
    char *code, *label, *hex = arena_alloc(r->arena, DIGEST_HEX + 1);
    struct digest digest;
    bool paths;

    if (!hex)
        return error_memory(err);
    TRY(read_pth(r, name, NULL, &paths, &code, err));
    if (!*code)
        return OK;
    TRY(digest_bytes(code, strlen(code), &digest, err));
    digest_hex(&digest, hex);
    if (!(label = arena_string(r->arena, name)))
        return error_memory(err);
    join_words(label);
    return packages_add(r->packages, "pth", label, NULL, hex, err);
}

/* ---- editable installs ---- */

/* The folders and files that a finder of setuptools knows: MAPPING = {'name': '/path', ...}. */
static enum status read_finder(struct reading *r, const char *name, const char *label,
                               struct error *err)
{
    const char *at, *line;
    char *bytes;
    size_t n;

    TRY(read_file(r, name, &bytes, &n, err));
    for (at = bytes ? bytes : ""; next_line(&at, &line, &n);) {
        if (!begins_with(line, n, "MAPPING") && !begins_with(line, n, "NAMESPACES"))
            continue;
        for (const char *c = line; c + 1 < line + n; c++) {
            const char *end, *path;
            char *part;
            if ((*c != '\'' && *c != '"') || c[1] != '/')
                continue;
            end = memchr(c + 1, *c, (size_t)(line + n - c - 1));
            if (!end)
                break;
            path = arena_copy(r->arena, c + 1, (size_t)(end - c - 1));
            part = path ? arena_printf(r->arena, "%s/%s", label, strrchr(path, '/') + 1) : NULL;
            if (!part)
                return error_memory(err);
            join_words(part);
            TRY(roots_add(r->roots, r->arena, part, path, ROOT_MODULE, err));
            c = end;
        }
    }
    return OK;
}

/* *path: "file:///a%20b" → "/a b"; NULL: another kind of address. */
static enum status path_of_url(struct arena *arena, const char *url, char **path, struct error *err)
{
    static const char file[] = "file://", digits[] = "0123456789abcdef";
    char *to;

    *path = NULL;
    if (strncmp(url, file, sizeof file - 1) != 0)
        return OK;
    if (!(*path = to = arena_string(arena, url + sizeof file - 1)))
        return error_memory(err);
    for (const char *c = *path; *c; c++, to++) {
        const char *high = *c == '%' && c[1] ? strchr(digits, lower(c[1])) : NULL;
        const char *low = high && c[2] ? strchr(digits, lower(c[2])) : NULL;
        *to = *c;
        if (!low)
            continue;
        *to = (char)((high - digits) * 16 + (low - digits));
        c += 2;
    }
    *to = '\0';
    return OK;
}

/* An editable install whose hook is none that is known here: its project's folder. */
static enum status add_project(struct reading *r, const char *info, const char *label,
                               struct error *err)
{
    const char *name = arena_printf(r->arena, "%s/direct_url.json", info);
    const struct json *url, *editable;
    struct json *json;
    char *bytes, *path;
    enum status s;
    size_t n;

    if (!name)
        return error_memory(err);
    TRY(read_file(r, name, &bytes, &n, err));
    s = bytes ? json_parse(bytes, n, name, JSON_STRICT, r->arena, &json, err) : ERR_INPUT;
    if (s != OK)
        return s == ERR_INPUT ? OK : s;
    url = json_get(json, "url");
    editable = json_get(json_get(json, "dir_info"), "editable");
    if (!url || url->kind != JSON_STRING || !editable || !editable->truth)
        return OK;
    TRY(path_of_url(r->arena, url->string, &path, err));
    return path ? roots_add(r->roots, r->arena, label, path, ROOT_FOLDER, err) : OK;
}

/* ---- RECORD ---- */

struct lines {
    struct line {
        const char *text;
        size_t n;
    } * list;
    size_t n, capacity;
};

static int by_bytes(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    const int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);

    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

/* Whether what a line of RECORD names depends on where the environment lies. */
static bool is_placed(const char *path, size_t n)
{
    return begins_with(path, n, "../") || begins_with(path, n, "/") || ends_with(path, n, ".pth") ||
           begins_with(path, n, "__editable__") || ends_with(path, n, ".dist-info/direct_url.json");
}

/* What a line of an editable install leads to. *known: its modules are found. */
static enum status follow(struct reading *r, const char *path, size_t n, const char *label,
                          bool *known, struct error *err)
{
    const bool finder = begins_with(path, n, "__editable__") && ends_with(path, n, "_finder.py");
    const char *name;
    bool paths;
    char *code;

    if ((!finder && !ends_with(path, n, ".pth")) || memchr(path, '/', n))
        return OK;
    if (!(name = arena_copy(r->arena, path, n)))
        return error_memory(err);
    *known |= finder;
    if (finder)
        return read_finder(r, name, label, err);
    TRY(read_pth(r, name, label, &paths, &code, err));
    *known |= paths;
    return OK;
}

static enum status digest_lines(struct lines *lines, struct arena *arena, const char **hex,
                                struct error *err)
{
    char *text = arena_alloc(arena, DIGEST_HEX + 1);
    struct hasher *hasher;
    struct digest digest;
    enum status s;

    if (!text)
        return error_memory(err);
    TRY(hasher_open(&hasher, err));
    if (lines->n > 0)
        qsort(lines->list, lines->n, sizeof *lines->list, by_bytes);
    for (size_t i = 0; i < lines->n; i++) {
        hasher_add(hasher, lines->list[i].text, lines->list[i].n);
        hasher_add(hasher, "\n", 1);
    }
    s = hasher_finish(hasher, &digest, err);
    hasher_close(hasher);
    if (s == OK)
        digest_hex(&digest, text);
    *hex = text;
    return s;
}

/* *hex: of what RECORD says; NULL where there is none. */
static enum status read_record(struct reading *r, const char *info, const char *label,
                               const char **hex, struct error *err)
{
    const char *name = arena_printf(r->arena, "%s/RECORD", info), *at, *line;
    struct lines lines = {.n = 0};
    bool known = false;
    char *bytes;
    size_t n;

    *hex = NULL;
    if (!name)
        return error_memory(err);
    TRY(read_file(r, name, &bytes, &n, err));
    if (!bytes)
        return add_project(r, info, label, err);
    for (at = bytes; next_line(&at, &line, &n);) {
        const char *path = line + (*line == '"'), *comma = memchr(path, ',', n);
        const char *end = comma ? comma - (*line == '"' && comma[-1] == '"') : line + n;
        struct line *last;
        TRY(follow(r, path, (size_t)(end - path), label, &known, err));
        if (n == 0 || is_placed(path, (size_t)(end - path)))
            continue;
        if (!(last = arena_push(r->arena, lines.list, lines.n, lines.capacity)))
            return error_memory(err);
        *last = (struct line){line, n};
    }
    if (!known)
        TRY(add_project(r, info, label, err));
    return digest_lines(&lines, r->arena, hex, err);
}

/* ---- distributions ---- */

/* The version in PKG-INFO, for a folder that does not have it in its name. */
static enum status read_version(struct reading *r, const char *info, char **version,
                                struct error *err)
{
    static const char field[] = "Version:";
    const char *name = arena_printf(r->arena, "%s/PKG-INFO", info), *at, *line;
    char *bytes;
    size_t n;

    *version = NULL;
    if (!name)
        return error_memory(err);
    TRY(read_file(r, name, &bytes, &n, err));
    for (at = bytes ? bytes : ""; next_line(&at, &line, &n) && n > 0;) {
        if (!begins_with(line, n, field))
            continue;
        for (line += sizeof field - 1, n -= sizeof field - 1; n > 0 && *line == ' '; n--)
            line++;
        if (!(*version = arena_copy(r->arena, line, n)))
            return error_memory(err);
        join_words(*version);
        break;
    }
    return OK;
}

/* "scikit_learn-1.3.0" of the folder "scikit_learn-1.3.0.dist-info": n bytes are before the end. */
static enum status add_distribution(struct reading *r, const char *info, size_t n, bool egg,
                                    struct error *err)
{
    const char *path = file_join(r->arena, r->folder, info);
    const char *dash = memchr(info, '-', n), *name, *hex = NULL;
    char *version = NULL;
    bool there;

    name = distributions_name(r->arena, info, dash ? (size_t)(dash - info) : n);
    if (!path || !name)
        return error_memory(err);
    TRY(looks_at(r->looks, path, &there, err));
    if (dash) {
        size_t length = (size_t)(info + n - dash - 1);
        const char *py = egg ? memchr(dash + 1, '-', length) : NULL; /* foo-1.0-py3.11 */
        if (py)
            length = (size_t)(py - dash - 1);
        if (!(version = arena_copy(r->arena, dash + 1, length)))
            return error_memory(err);
        join_words(version);
    } else if (egg) {
        TRY(read_version(r, info, &version, err));
    }
    if (!egg)
        TRY(read_record(r, info, name, &hex, err));
    return packages_add(r->packages, "dist", name, version, hex, err);
}

bool distributions_are_in(const char *folder, char *const *names, size_t n)
{
    const char *slash = strrchr(folder, '/'), *last = slash ? slash + 1 : folder;

    if (strcmp(last, "site-packages") == 0 || strcmp(last, "dist-packages") == 0)
        return true;
    for (size_t i = 0; i < n; i++)
        if (ends_with(names[i], strlen(names[i]), ".dist-info"))
            return true;
    return false;
}

enum status distributions_read(const char *folder, char *const *names, size_t n,
                               struct packages *packages, struct roots *roots, struct looks *looks,
                               struct error *err)
{
    struct reading r = {folder, packages->arena, packages, roots, looks};

    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(names[i]);
        if (ends_with(names[i], length, ".dist-info"))
            TRY(add_distribution(&r, names[i], length - strlen(".dist-info"), false, err));
        else if (ends_with(names[i], length, ".egg-info"))
            TRY(add_distribution(&r, names[i], length - strlen(".egg-info"), true, err));
        else if (ends_with(names[i], length, ".pth"))
            TRY(add_pth(&r, names[i], err));
    }
    return OK;
}

/* ---- conda ---- */

/* NAME-VERSION-BUILD.json */
static enum status add_conda(struct packages *p, const char *file, struct error *err)
{
    char *name = arena_copy(p->arena, file, strlen(file) - strlen(".json")), *build, *version;

    if (!name)
        return error_memory(err);
    if ((build = strrchr(name, '-')))
        *build++ = '\0';
    if ((version = strrchr(name, '-')))
        *version++ = '\0';
    return packages_add(p, "conda", name, version, build, err);
}

enum status distributions_read_conda(const char *prefix, struct packages *packages,
                                     struct looks *looks, struct error *err)
{
    const char *folder = file_join(packages->arena, prefix, "conda-meta");
    char **names;
    enum status s;
    size_t n;
    bool there;

    if (!folder)
        return error_memory(err);
    TRY(looks_at(looks, folder, &there, err));
    if (!there)
        return OK;
    s = file_list(folder, packages->arena, &names, &n, err);
    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    for (size_t i = 0; i < n; i++)
        if (ends_with(names[i], strlen(names[i]), ".json") && !strchr(names[i], ' '))
            TRY(add_conda(packages, names[i], err));
    return OK;
}
