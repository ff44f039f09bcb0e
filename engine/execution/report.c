/* report: a line, cleaned, parsed once, written canonically. Start at report_read. */
#include "engine/execution/report.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

/* ---- what terminals are told ---- */

/* The bytes behind an escape sequence that begins at s: ECMA-48, 5.4 (CSI) and 5.6 (OSC). */
static const char *behind_escape(const char *s, const char *end)
{
    const char second = ++s < end ? *s : '\0';

    if (second == '[') {
        for (s++; s < end && (*s < 0x40 || *s > 0x7e); s++)
            ;
    } else if (second == ']') {
        for (s++; s < end && *s != '\a' && *s != '\033'; s++)
            ;
        if (s < end && *s == '\033')
            s++;
    }
    return s < end ? s + 1 : end;
}

/* The line without escape sequences, a byte order mark, and blanks around it. NULL: no memory. */
static char *clean(const char *line, size_t *n, struct arena *arena)
{
    const char *end = line + *n;
    char *out = arena_alloc(arena, *n + 1), *to = out;

    if (!out)
        return NULL;
    for (const char *s = line; s < end;) {
        if (*s == '\033')
            s = behind_escape(s, end);
        else if (end - s >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0)
            s += 3;
        else if (to == out && (*s == ' ' || *s == '\t'))
            s++;
        else
            *to++ = *s++;
    }
    while (to > out && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    *to = '\0';
    *n = (size_t)(to - out);
    return out;
}

/* ---- the canonical text ---- */

static int by_name(const void *a, const void *b)
{
    const struct json_member *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* Top-level numbers and nulls, sorted by name; no name stands twice in parsed JSON. */
static enum status write_numbers(const struct json *object, struct arena *arena, const char **out,
                                 struct error *err)
{
    const struct json_member **numbers = arena_array(arena, object->n + 1, sizeof *numbers);
    struct text t = text_in(arena);
    size_t n = 0;

    if (!numbers)
        return error_memory(err);
    for (size_t i = 0; i < object->n; i++)
        if (object->members[i].value.kind == JSON_NUMBER ||
            object->members[i].value.kind == JSON_NULL)
            numbers[n++] = &object->members[i];
    qsort(numbers, n, sizeof *numbers, by_name);
    text_add(&t, "{");
    for (size_t i = 0; i < n; i++) {
        const struct json *value = &numbers[i]->value;
        text_add(&t, i > 0 ? ", " : "");
        json_write_string(&t, numbers[i]->name);
        text_add(&t, ": ");
        if (value->kind == JSON_NUMBER && isinf(value->number))
            text_add(&t, value->number < 0 ? "-Infinity" : "Infinity");
        else
            json_write(&t, value);
    }
    text_add(&t, "}");
    return text_finish(&t, (char **)out, NULL, err);
}

/* ---- reports ---- */

/* Whether the line has "t": anywhere. */
static bool speaks_of_t(const char *line)
{
    for (const char *at = line; (at = strstr(at, "\"t\"")) != NULL; at += 3)
        if (at[3 + strspn(at + 3, " \t")] == ':')
            return true;
    return false;
}

static const char *parse(const char *line, size_t n, struct arena *arena, struct json **object,
                         enum status *s)
{
    struct error refusal;

    if (line[0] != '{')
        return "a report begins its line";
    *s = json_parse(line, n, "", JSON_NONFINITE, arena, object, &refusal);
    if (*s == OK)
        return NULL;
    return arena_printf(arena, "a report is one object on one line, and here %s", refusal.text);
}

enum status report_read(const char *line, size_t n, struct arena *arena, enum line_kind *kind,
                        struct report_line *out, const char **why, struct error *err)
{
    struct json *object;
    const struct json *t, *checkpoint;
    enum status s = OK;
    char *text;

    *kind = LINE_LOG;
    if (!speaks_of_t(line))
        return OK;
    if (!(text = clean(line, &n, arena)))
        return error_memory(err);
    *kind = LINE_ALMOST;
    *why = parse(text, n, arena, &object, &s);
    if (s == ERR_MEMORY)
        return error_memory(err);
    if (*why)
        return OK;
    if (!(t = json_get(object, "t")) || t->kind != JSON_NUMBER || floor(t->number) != t->number ||
        t->number < INT_MIN || t->number > INT_MAX) {
        *why = "t is a whole number";
        return OK;
    }
    checkpoint = json_get(object, "checkpoint");
    out->t = (int)t->number;
    out->checkpoint = checkpoint && checkpoint->kind == JSON_STRING ? checkpoint->string : NULL;
    *kind = LINE_REPORT;
    return write_numbers(object, arena, &out->text, err);
}
