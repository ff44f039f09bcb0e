/* packages: the text of an environment, written and compared. Start at packages_text,
 * packages_explain. */
#include "engine/graph/packages.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cache/records/history.h"

static const char tool[] = "tool \"python ";

enum status packages_add(struct packages *p, const char *kind, const char *name,
                         const char *version, const char *digest, struct error *err)
{
    struct package *last = arena_push(p->arena, p->list, p->n, p->capacity);

    if (!last)
        return error_memory(err);
    *last = (struct package){kind, name, version ? version : "-", digest ? digest : "-", p->n - 1};
    return OK;
}

/* ---- written ---- */

static int by_name(const void *a, const void *b)
{
    const struct package *x = a, *y = b;
    int order = strcmp(x->kind, y->kind);

    if (order == 0)
        order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

enum status packages_text(struct packages *p, const char *version, char **text,
                          struct digest *digest, const char **identity, struct error *err)
{
    struct text t = text_in(p->arena);
    char hex[DIGEST_HEX + 1];
    size_t n;

    if (p->n > 0)
        qsort(p->list, p->n, sizeof *p->list, by_name);
    text_printf(&t, "python %s\n", version);
    for (size_t i = 0; i < p->n; i++)
        text_printf(&t, "%s %s %s %s\n", p->list[i].kind, p->list[i].name, p->list[i].version,
                    p->list[i].digest);
    TRY(text_finish(&t, text, &n, err));
    TRY(digest_bytes(*text, n, digest, err));
    digest_hex(digest, hex);
    *identity = arena_printf(p->arena, "python %s %s", version, hex);
    return *identity ? OK : error_memory(err);
}

/* ---- compared ---- */

/* A line of a text; its parts are not terminated. */
struct line {
    const char *text;
    size_t n, n_name; /* of "KIND NAME" */
};

static bool next_line(const char **at, struct line *line)
{
    const char *space;

    if (!**at)
        return false;
    line->text = *at;
    line->n = strcspn(*at, "\n");
    space = memchr(*at, ' ', line->n);
    space = space ? memchr(space + 1, ' ', line->n - (size_t)(space + 1 - *at)) : NULL;
    line->n_name = space ? (size_t)(space - *at) : line->n;
    *at += line->n + ((*at)[line->n] == '\n');
    return true;
}

/* The order of two lines by kind and name. */
static int compare_names(const struct line *a, const struct line *b)
{
    const size_t n = a->n_name < b->n_name ? a->n_name : b->n_name;
    const int order = memcmp(a->text, b->text, n);

    return order != 0 ? order : (a->n_name > b->n_name) - (a->n_name < b->n_name);
}

/* "torch", "conda mkl", "folder mine": of a distribution the name alone. */
static void add_name(struct text *t, const struct line *line)
{
    static const char dist[] = "dist ";
    const size_t skip = strncmp(line->text, dist, sizeof dist - 1) == 0 ? sizeof dist - 1 : 0;

    text_add(t, "  python: ");
    text_add_bytes(t, line->text + skip, line->n_name - skip);
}

/* The version behind the name: n bytes at *version. */
static size_t version_of(const struct line *line, const char **version)
{
    const size_t at = line->n_name < line->n ? line->n_name + 1 : line->n;

    *version = line->text + at;
    return line->n > at ? strcspn(*version, " \n") : 0;
}

static void add_change(struct text *t, const struct line *a, const struct line *b)
{
    const char *was, *is;
    const size_t n_was = version_of(a, &was), n_is = version_of(b, &is);
    const bool same = n_was == n_is && memcmp(was, is, n_was) == 0;

    add_name(t, b);
    if (!same)
        text_printf(t, " %.*s → %.*s\n", (int)n_was, was, (int)n_is, is);
    else if (n_is == 1 && *is == '-')
        text_add(t, ": other content\n");
    else
        text_printf(t, " %.*s: other content\n", (int)n_is, is);
}

static void add_alone(struct text *t, const struct line *line, const char *word)
{
    const char *version;
    const size_t n = version_of(line, &version);

    add_name(t, line);
    if (n != 1 || *version != '-')
        text_printf(t, " %.*s", (int)n, version);
    text_printf(t, " %s\n", word);
}

/* A line for each package in which two texts differ. */
static void add_difference(const char *was, const char *is, struct text *t)
{
    struct line a, b;
    const size_t n_was = strcspn(was, "\n"), n_is = strcspn(is, "\n");
    bool has_a, has_b;

    if (n_was != n_is || memcmp(was, is, n_is) != 0)
        text_printf(t, "  python: %.*s → %.*s\n", (int)n_was, was, (int)n_is, is);
    was += n_was + (was[n_was] == '\n');
    is += n_is + (is[n_is] == '\n');
    has_a = next_line(&was, &a);
    has_b = next_line(&is, &b);
    while (has_a || has_b) {
        const int order = !has_a ? 1 : !has_b ? -1 : compare_names(&a, &b);
        if (order < 0)
            add_alone(t, &a, "removed");
        else if (order > 0)
            add_alone(t, &b, "added");
        else if (a.n != b.n || memcmp(a.text, b.text, a.n) != 0)
            add_change(t, &a, &b);
        if (order <= 0)
            has_a = next_line(&was, &a);
        if (order >= 0)
            has_b = next_line(&is, &b);
    }
}

/* The digest in `tool "python VERSION DIGEST"`. */
bool packages_digest(const char *description, struct digest *out)
{
    const char *at = description, *end, *hex;
    char copy[DIGEST_HEX + 1];

    while (at && strncmp(at, tool, sizeof tool - 1) != 0)
        at = (at = strchr(at, '\n')) ? at + 1 : NULL;
    if (!at || !(end = strchr(at + sizeof tool - 1, '"')) ||
        end - at < DIGEST_HEX + (ptrdiff_t)sizeof tool)
        return false;
    hex = end - DIGEST_HEX;
    memcpy(copy, hex, DIGEST_HEX);
    copy[DIGEST_HEX] = '\0';
    return digest_parse(copy, out);
}

enum status packages_explain(struct store *store, const char *was, const char *is, const char *now,
                             struct text *t, struct error *err)
{
    const char *before, *after = now;
    struct digest a, b;
    enum status s;

    if (!packages_digest(was, &a) || !packages_digest(is, &b) || digest_equal(&a, &b))
        return OK;
    s = history_journal_get(store, &a, t->arena, &before, err);
    if (s == OK && !now)
        s = history_journal_get(store, &b, t->arena, &after, err);
    if (s == OK)
        add_difference(before, after, t);
    return s == ERR_NOT_FOUND ? OK : s;
}
