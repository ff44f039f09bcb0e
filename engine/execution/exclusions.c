/* exclusions: from a source's node to the filter that the cache asks. Start at exclusions_find. */
#include "engine/execution/exclusions.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/content/filter.h"
#include "cache/store.h"
#include "engine/ignore/ignore.h"

#define HPOIGNORE ".hpoignore"

/* As people see them in docs/recipes.md. */
static const char usual[] = ".git\n.hpo\n__pycache__\n*.pyc\n.ipynb_checkpoints\n"
                            ".*.sw[nop]\n*~\n\\#*#\n.#*\n";
static const size_t longest = (size_t)1 << 20; /* a .hpoignore */

enum { OWN = 3 }; /* the store, out/, out/RECIPE */

/* Of one source. */
struct exclusions {
    struct exclusions *next;
    struct filter filter;
    struct ignore *ignore;
    const char *own[OWN]; /* paths in the source; NULL: it is not in there */
};

/* ---- the filter ---- */

static enum status leaves_out(const void *of, const char *path, bool folder, bool *out,
                              struct error *err)
{
    const struct exclusions *x = of;

    *out = strcmp(path, HPOIGNORE) == 0;
    for (int i = 0; i < OWN && !*out; i++)
        *out = x->own[i] && strcmp(path, x->own[i]) == 0;
    return *out ? OK : ignore_matches(x->ignore, path, folder, out, err);
}

/* The folders that lead to hpo's own are made by the first build: the next must not see them. */
static bool leaves_out_empty(const void *of, const char *path)
{
    const struct exclusions *x = of;
    const size_t n = strlen(path);

    for (int i = 0; i < OWN; i++)
        if (x->own[i] && strncmp(x->own[i], path, n) == 0 && x->own[i][n] == '/')
            return true;
    return false;
}

/* ---- the rules ---- */

static enum status add_file(struct text *rules, const char *folder, struct arena *arena,
                            struct error *err)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* some editors begin UTF-8 with it; so does git */
    const char *path = file_join(arena, folder, HPOIGNORE);
    char *bytes;
    size_t n;
    enum status s;

    if (!path)
        return error_memory(err);
    s = file_read(path, longest, arena, &bytes, &n, err);
    if (s == ERR_NOT_FOUND)
        return OK;
    if (s == OK && strlen(bytes) != n)
        s = error_set(err, ERR_INPUT, path, "expected a text of patterns, found a NUL in it");
    if (s != OK) {
        error_hint(err, "it says what hpo.source leaves out, in the syntax of a .gitignore");
        return s == ERR_SYSTEM ? ERR_INPUT : s;
    }
    text_add(rules, strncmp(bytes, mark, strlen(mark)) == 0 ? bytes + strlen(mark) : bytes);
    text_add(rules, "\n");
    return OK;
}

static enum status open_rules(struct build *b, const struct node *node, struct ignore **out,
                              struct error *err)
{
    struct text rules = text_in(b->arena);
    char *text;

    text_add(&rules, usual);
    TRY(add_file(&rules, node->source.path, b->arena, err));
    for (size_t i = 0; i < node->source.n_exclude; i++)
        text_printf(&rules, "%s\n", node->source.exclude[i]);
    TRY(text_finish(&rules, &text, NULL, err));
    return ignore_open(text, b->arena, out, err);
}

/* ---- hpo's own ---- */

/* A path without links, whatever of it is there already. */
static enum status resolve_path(struct build *b, const char *path, char **real, struct error *err)
{
    char *above = arena_string(b->arena, path), *slash;
    enum status s;

    if (!above)
        return error_memory(err);
    while ((s = file_absolute(above[0] ? above : "/", b->arena, real, err)) == ERR_NOT_FOUND &&
           (slash = strrchr(above, '/')))
        *slash = '\0';
    if (s != OK)
        return s;
    for (const char *rest = path + strlen(above); *rest;) {
        const size_t n = strcspn(rest, "/");
        if (n > 0 && strncmp(rest, ".", n) != 0) {
            const char *name = arena_copy(b->arena, rest, n);
            if (!name || !(*real = file_join(b->arena, *real, name)))
                return error_memory(err);
        }
        rest += n + (rest[n] == '/');
    }
    return OK;
}

static enum status find_own(struct build *b, char *own[OWN], struct error *err)
{
    char here[4096];
    const char *out = b->o->out;

    if (out[0] != '/' && !(out = getcwd(here, sizeof here) ? file_join(b->arena, here, out) : NULL))
        return error_memory(err);
    own[0] = arena_string(b->arena, store_folder(b->store));
    TRY(resolve_path(b, out, &own[1], err));
    if (!own[0] || !(out = file_join(b->arena, out, recipe_name(b->recipe))))
        return error_memory(err);
    return resolve_path(b, out, &own[2], err);
}

/* out/ itself may be a source, as where --out is the recipe's folder; the recipe's part of it may
 * not. */
static enum status place_own(struct build *b, const struct node *node, struct exclusions *x,
                             struct error *err)
{
    static const char *const what[OWN] = {"the store", NULL, "the folder where the targets go"};
    char *own[OWN] = {NULL}, *source = NULL;
    size_t n;

    TRY(file_absolute(node->source.path, b->arena, &source, err));
    TRY(find_own(b, own, err));
    assert(source && own[0] && own[1] && own[2]);
    n = strcmp(source, "/") == 0 ? 0 : strlen(source);
    for (int i = 0; i < OWN; i++) {
        if (strncmp(own[i], source, n) != 0)
            continue;
        if (own[i][n] == '/')
            x->own[i] = own[i] + n + 1;
        else if (own[i][n] == '\0' && what[i])
            return error_set(err, ERR_INPUT, source, "this is %s, which each build changes",
                             what[i]);
    }
    return OK;
}

/* ---- all of it ---- */

static enum status refuse_exclude(const struct node *node, struct error *err)
{
    (void)error_set(err, ERR_INPUT, "hpo.source.exclude",
                    "nothing can be left out of a file, and %s is one", node->source.path);
    error_hint(err, "without exclude: hpo.source \"PATH\"");
    return ERR_INPUT;
}

enum status exclusions_find(struct build *b, int node, const struct filter **out, struct error *err)
{
    const struct node *n = graph_node(b->graph, node);
    struct exclusions *x;
    struct stat st;

    *out = NULL;
    if (stat(n->source.path, &st) != 0)
        return OK; /* who reads it says so */
    if (!S_ISDIR(st.st_mode))
        return n->source.n_exclude > 0 ? refuse_exclude(n, err) : OK;
    if (!(x = arena_alloc(b->arena, sizeof *x)))
        return error_memory(err);
    *x = (struct exclusions){.filter = {x, leaves_out, leaves_out_empty}};
    TRY(place_own(b, n, x, err));
    TRY(open_rules(b, n, &x->ignore, err));
    x->next = b->exclusions;
    b->exclusions = x;
    *out = &x->filter;
    return OK;
}

void exclusions_close(struct build *b)
{
    for (struct exclusions *x = b->exclusions; x; x = x->next)
        ignore_close(x->ignore);
    b->exclusions = NULL;
}
