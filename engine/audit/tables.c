/* tables: two values side by side. Start at tables_differ. */
#include "engine/audit/tables.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

/* Members that need not be the same: keys are compared by node, the rest is of one build. */
static const char *const measured[] = {"key",  "accepted",  "cached",  "seconds",     "started",
                                       "info", "runtime_s", "minutes", "gpu_minutes", "ratio"};

static bool is_measured(const char *name)
{
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++)
        if (strcmp(name, measured[i]) == 0)
            return true;
    return false;
}

/* ---- where it is ---- */

/* A path of two values that differ, from the inside out. */
struct place {
    struct arena *arena;
    bool all; /* names are the user's here: none of them says that it is measured */
    const struct json *was, *is;
    const char *path; /* NULL: no memory */
};

static void go_out(struct place *p, const char *name)
{
    if (p->path)
        p->path = arena_printf(p->arena, "%s%s%s", name, *p->path ? "/" : "", p->path);
}

static bool is_equal(const struct json *a, const struct json *b, struct place *p);

static bool are_equal_lists(const struct json *a, const struct json *b, struct place *p)
{
    for (size_t i = 0; i < a->n || i < b->n; i++) {
        const struct json *x = i < a->n ? &a->items[i] : NULL;
        const struct json *y = i < b->n ? &b->items[i] : NULL;
        char number[24];
        if (is_equal(x, y, p))
            continue;
        (void)snprintf(number, sizeof number, "%zu", i);
        go_out(p, number);
        return false;
    }
    return true;
}

/* The members of one in the other; `turned`: one is the second. */
static bool has_members(const struct json *one, const struct json *other, bool turned,
                        struct place *p)
{
    for (size_t i = 0; i < one->n; i++) {
        const char *name = one->members[i].name;
        const struct json *mine = &one->members[i].value, *theirs = json_get(other, name);
        const bool all = p->all;
        bool equal;
        if (!all && is_measured(name))
            continue;
        p->all |= strcmp(name, "params") == 0 || strcmp(name, "metrics") == 0;
        equal = is_equal(turned ? theirs : mine, turned ? mine : theirs, p);
        p->all = all;
        if (equal)
            continue;
        go_out(p, name);
        return false;
    }
    return true;
}

static bool is_equal(const struct json *a, const struct json *b, struct place *p)
{
    bool equal = a && b && a->kind == b->kind;

    if (equal && a->kind == JSON_ARRAY)
        return are_equal_lists(a, b, p);
    if (equal && a->kind == JSON_OBJECT)
        return has_members(a, b, false, p) && has_members(b, a, true, p);
    if (equal && a->kind == JSON_NUMBER)
        equal = a->number == b->number;
    if (equal && a->kind == JSON_BOOLEAN)
        equal = a->truth == b->truth;
    if (equal && a->kind == JSON_STRING)
        equal = a->n == b->n && memcmp(a->string, b->string, a->n) == 0;
    if (!equal)
        *p = (struct place){p->arena, p->all, a, b, ""};
    return equal;
}

/* ---- what is said ---- */

static void write_value(const struct json *value, struct text *out)
{
    if (!value)
        text_add(out, "nothing");
    else if (value->kind == JSON_ARRAY || value->kind == JSON_OBJECT)
        text_add(out, json_kind_name(value));
    else
        json_write(out, value);
}

static enum status tell(const struct place *p, const char **what, struct error *err)
{
    struct text t = text_in(p->arena);
    char *string;

    if (!p->path)
        return error_memory(err);
    text_printf(&t, "%s was ", p->path);
    write_value(p->was, &t);
    text_add(&t, ", and now is ");
    write_value(p->is, &t);
    TRY(text_finish(&t, &string, NULL, err));
    *what = string;
    return OK;
}

static bool is_same_member(const struct json *a, const struct json *b, const char *name,
                           struct place *p)
{
    return is_equal(json_get(a, name), json_get(b, name), p);
}

enum status tables_are_of_one_search(const char *was, const char *is, struct arena *arena,
                                     bool *one, struct error *err)
{
    struct place ignored = {.arena = arena, .all = true};
    const struct json *x, *y;
    struct json *a, *b;
    const enum status s =
        json_parse(was, strlen(was), "the table on record", JSON_STRICT, arena, &a, err);

    *one = s == ERR_INPUT; /* that it is none differs */
    TRY(*one ? OK : s);
    if (*one)
        return OK;
    TRY(json_parse(is, strlen(is), "the table", JSON_STRICT, arena, &b, err));
    x = json_get(a, "trials");
    y = json_get(b, "trials");
    *one = is_same_member(a, b, "metric", &ignored) && is_same_member(a, b, "mode", &ignored) &&
           is_same_member(a, b, "best_of", &ignored) && x && y && x->kind == JSON_ARRAY &&
           y->kind == JSON_ARRAY && x->n == y->n;
    for (size_t i = 0; *one && i < x->n; i++)
        *one = is_same_member(&x->items[i], &y->items[i], "params", &ignored);
    return OK;
}

enum status tables_differ(const char *was, const char *is, struct arena *arena, const char **what,
                          struct error *err)
{
    struct place p = {.arena = arena};
    struct json *a, *b;
    enum status s =
        json_parse(was, strlen(was), "the table on record", JSON_STRICT, arena, &a, err);

    *what = NULL;
    if (s == ERR_INPUT)
        return (*what = arena_string(arena, err->text)) ? OK : error_memory(err);
    TRY(s);
    TRY(json_parse(is, strlen(is), "the table", JSON_STRICT, arena, &b, err));
    return is_equal(a, b, &p) ? OK : tell(&p, what, err);
}
