/* report: a line, cleaned, parsed once, written canonically. Start at report_read. */
#include "engine/execution/report.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

/* ---- what terminals are told ---- */

/* The bytes behind an escape sequence that begins at s: ECMA-48, 5.4 (CSI) and 5.6 (OSC). */
static const char *behind_escape(const char *s, const char *end)
{
    const char second = (char)(++s < end ? *s : '\0');

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

char *report_plain(const char *line, size_t *n, struct arena *arena)
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
        else if (*s == '\b')
            s++;
        else
            *to++ = *s++;
    }
    *to = '\0';
    *n = (size_t)(to - out);
    return out;
}

/* The same without blanks around it. */
static char *clean(const char *line, size_t *n, struct arena *arena)
{
    char *out = report_plain(line, n, arena), *end;

    if (!out)
        return NULL;
    end = out + *n;
    out += strspn(out, " \t");
    while (end > out && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    *n = (size_t)(end - out);
    return out;
}

/* ---- numbers ---- */

bool report_number(const char *text, double *x)
{
    static const char *const words[] = {"nan", "inf", "infinity"};
    const char *word = text + (*text == '-' || *text == '+');
    struct error ignored;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(word, words[i]) == 0) {
            *x = i == 0 ? NAN : *text == '-' ? -INFINITY : INFINITY;
            return true;
        }
    return text_parse_number(text, "", x, &ignored) == OK;
}

/* ---- the canonical text ---- */

static int by_name(const void *a, const void *b)
{
    const struct json_member *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* Top-level numbers and nulls, sorted by name; no name stands twice in parsed JSON. */
static enum status find_numbers(const struct json *object, struct arena *arena,
                                const struct json_member ***out, size_t *n, struct error *err)
{
    const struct json_member **found = arena_array(arena, object->n + 1, sizeof *found);

    *n = 0;
    if (!(*out = found))
        return error_memory(err);
    for (size_t i = 0; i < object->n; i++)
        if (object->members[i].value.kind == JSON_NUMBER ||
            object->members[i].value.kind == JSON_NULL)
            found[(*n)++] = &object->members[i];
    qsort(found, *n, sizeof *found, by_name);
    return OK;
}

static enum status take_numbers(const struct json_member *const *members, size_t n,
                                struct arena *arena, struct numbers *out, struct error *err)
{
    const char **names = arena_array(arena, n + 1, sizeof *names);
    double *values = arena_array(arena, n + 1, sizeof *values);

    if (!names || !values)
        return error_memory(err);
    for (size_t i = 0; i < n; i++) {
        names[i] = members[i]->name;
        values[i] = members[i]->value.kind == JSON_NUMBER ? members[i]->value.number : NAN;
    }
    *out = (struct numbers){n, names, values};
    return OK;
}

static enum status write_numbers(const struct json_member *const *members, size_t n,
                                 struct arena *arena, const char **out, struct error *err)
{
    struct text t = text_in(arena);

    text_add(&t, "{");
    for (size_t i = 0; i < n; i++) {
        const struct json *value = &members[i]->value;
        text_add(&t, i > 0 ? ", " : "");
        json_write_string(&t, members[i]->name);
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

/* Whether the line has `name`, which is a t in quotes, and a colon behind it. */
static bool speaks_of(const char *name, const char *line)
{
    for (const char *at = line; (at = strstr(at, name)) != NULL; at += 3)
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

static const char *string_member(const struct json *object, const char *name)
{
    const struct json *member = json_get(object, name);

    return member && member->kind == JSON_STRING ? member->string : NULL;
}

static enum more read_more(const struct json *more)
{
    if (!more || more->kind == JSON_NULL)
        return MORE_NOT;
    if (more->kind == JSON_BOOLEAN)
        return more->truth ? MORE : MORE_NOT;
    return more->kind == JSON_STRING && strcmp(more->string, "save") == 0 ? MORE_AND_SAVES
                                                                          : MORE_UNREADABLE;
}

/* {"saved": "t3"} */
static enum status read_saved(const char *line, size_t n, struct arena *arena, enum line_kind *kind,
                              struct report_line *out, struct error *err)
{
    struct json *object;
    enum status s = OK;
    char *text = clean(line, &n, arena);

    if (!text)
        return error_memory(err);
    *out = (struct report_line){.t = 0};
    if (!parse(text, n, arena, &object, &s))
        out->checkpoint = string_member(object, "saved");
    if (s == ERR_MEMORY)
        return error_memory(err);
    *kind = out->checkpoint ? LINE_SAVED : LINE_LOG;
    return OK;
}

/* An object with a number in it, by which a program may have meant to report. */
static enum status read_other(const char *line, size_t n, struct arena *arena, enum line_kind *kind,
                              const char **why, struct error *err)
{
    struct json *object;
    enum status s = OK;
    char *text;

    if (line[strspn(line, " \t")] != '{')
        return OK;
    if (!(text = clean(line, &n, arena)))
        return error_memory(err);
    if (!parse(text, n, arena, &object, &s))
        for (size_t i = 0; i < object->n; i++)
            if (object->members[i].value.kind == JSON_NUMBER)
                *kind = LINE_MAYBE;
    *why = "a report has \"t\": 1, 2, ..., too";
    return s == ERR_MEMORY ? error_memory(err) : OK;
}

/* A line that does not speak of "t". */
static enum status read_without_t(const char *line, size_t n, struct arena *arena,
                                  enum line_kind *kind, struct report_line *out, const char **why,
                                  struct error *err)
{
    if (strstr(line, "\"saved\""))
        return read_saved(line, n, arena, kind, out, err);
    if (!speaks_of("'t'", line))
        return read_other(line, n, arena, kind, why, err);
    *kind = LINE_ALMOST; /* a dict, as Python prints it */
    *why = "a report is JSON: its names stand in double quotes";
    return OK;
}

enum status report_read(const char *line, size_t n, struct arena *arena, enum line_kind *kind,
                        struct report_line *out, const char **why, struct error *err)
{
    struct json *object;
    const struct json_member **members;
    const struct json *t;
    size_t n_members;
    enum status s = OK;
    char *text;

    *kind = LINE_LOG;
    if (!speaks_of("\"t\"", line))
        return read_without_t(line, n, arena, kind, out, why, err);
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
    out->t = (int)t->number;
    out->checkpoint = string_member(object, "checkpoint");
    out->more = read_more(json_get(object, "more"));
    *kind = LINE_REPORT;
    TRY(find_numbers(object, arena, &members, &n_members, err));
    TRY(take_numbers(members, n_members, arena, &out->numbers, err));
    return write_numbers(members, n_members, arena, &out->text, err);
}

enum status report_copy(const struct report_line *report, struct arena *arena,
                        struct report_line *out, struct error *err)
{
    const size_t n = report->numbers.n;
    const char **names = arena_array(arena, n + 1, sizeof *names);
    double *values = arena_array(arena, n + 1, sizeof *values);

    *out = (struct report_line){
        .t = report->t, .text = arena_string(arena, report->text), .numbers = {n, names, values}};
    if (!names || !values || !out->text)
        return error_memory(err);
    for (size_t i = 0; i < n; i++) {
        values[i] = report->numbers.values[i];
        if (!(names[i] = arena_string(arena, report->numbers.names[i])))
            return error_memory(err);
    }
    return OK;
}
