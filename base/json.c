/*
 * json: a recursive-descent reader bounded in depth and size, and a writer. The reader's whole
 * state is struct reader. Start at read_value.
 */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

enum { INDEX_FROM = 16, NUMBER_MAX = 512 };

struct reader {
    const char *start, *at, *end;
    const char *where;
    unsigned flags;
    int depth;
    struct arena *arena;
    struct error *err;
};

/* "where:line:column: expected X, found Y" at the reader's place. */
static enum status expected(const struct reader *r, const char *what)
{
    size_t line = 1, column = 1;
    char place[256];

    for (const char *p = r->start; p < r->at; p++) {
        column++;
        if (*p == '\n') {
            line++;
            column = 1;
        }
    }
    (void)snprintf(place, sizeof place, "%s:%zu:%zu", r->where, line, column);
    if (r->at >= r->end)
        return error_set(r->err, ERR_INPUT, place, "expected %s, found the end", what);
    if ((unsigned char)*r->at < 0x20 || (unsigned char)*r->at >= 0x7f)
        return error_set(r->err, ERR_INPUT, place, "expected %s, found byte 0x%02x", what,
                         (unsigned)(unsigned char)*r->at);
    return error_set(r->err, ERR_INPUT, place, "expected %s, found '%c'", what, *r->at);
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

static bool take(struct reader *r, const char *token)
{
    size_t n = strlen(token);

    if ((size_t)(r->end - r->at) < n || memcmp(r->at, token, n) != 0)
        return false;
    r->at += n;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum status read_hex4(struct reader *r, unsigned *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = r->at < r->end ? hex_digit(*r->at) : -1;
        if (digit < 0)
            return expected(r, "four hexadecimal digits");
        *code = *code << 4 | (unsigned)digit;
        r->at++;
    }
    return OK;
}

static char *put_utf8(char *out, unsigned code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 63));
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    }
    return out;
}

/* What follows a backslash. */
static enum status read_escape(struct reader *r, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    unsigned code, low;
    const char *found;

    if (r->at < r->end && *r->at && (found = strchr(from, *r->at)) != NULL) {
        *(*out)++ = to[found - from];
        r->at++;
        return OK;
    }
    if (!take(r, "u"))
        return expected(r, "an escape");
    TRY(read_hex4(r, &code));
    if (code >= 0xdc00 && code < 0xe000)
        return expected(r, "no lone surrogate before this");
    if (code >= 0xd800 && code < 0xdc00) {
        if (!take(r, "\\u"))
            return expected(r, "the second half of a surrogate pair");
        TRY(read_hex4(r, &low));
        if (low < 0xdc00 || low >= 0xe000)
            return expected(r, "a low surrogate before this");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = put_utf8(*out, code);
    return OK;
}

/* The opening quote is next. An escape is never shorter than what it stands for. */
static enum status read_string(struct reader *r, const char **string, size_t *n)
{
    const char *from = ++r->at, *close = from;
    char *bytes, *out;

    while (close < r->end && *close != '"')
        close += *close == '\\' && close + 1 < r->end ? 2 : 1;
    if (!(bytes = out = arena_alloc(r->arena, (size_t)(close - from) + 1)))
        return error_memory(r->err);
    for (;;) {
        const char *plain = r->at;
        while (r->at < r->end && *r->at != '"' && *r->at != '\\' && (unsigned char)*r->at >= 0x20)
            r->at++;
        memcpy(out, plain, (size_t)(r->at - plain));
        out += r->at - plain;
        if (take(r, "\""))
            break;
        if (!take(r, "\\"))
            return expected(r, "the end of a string");
        TRY(read_escape(r, &out));
    }
    *n = (size_t)(out - bytes);
    *string = bytes;
    if (text_is_utf8(bytes, *n))
        return OK;
    r->at = from;
    return expected(r, "well-formed UTF-8 in a string");
}

static bool take_digits(struct reader *r)
{
    const char *from = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > from;
}

static enum status read_number(struct reader *r, struct json *out)
{
    const char *from = r->at;
    char copy[NUMBER_MAX];
    bool whole = true;
    size_t n;

    (void)take(r, "-");
    if (!take(r, "0") && !take_digits(r))
        return expected(r, "a value");
    if (take(r, ".")) {
        whole = false;
        if (!take_digits(r))
            return expected(r, "a digit");
    }
    if (take(r, "e") || take(r, "E")) {
        whole = false;
        if (!take(r, "+"))
            (void)take(r, "-");
        if (!take_digits(r))
            return expected(r, "a digit");
    }
    n = (size_t)(r->at - from);
    if (n >= sizeof copy) {
        r->at = from;
        return expected(r, "a shorter number");
    }
    memcpy(copy, from, n);
    copy[n] = '\0';
    out->kind = JSON_NUMBER;
    out->number = strtod(copy, NULL);
    errno = 0;
    out->integer = whole ? strtoll(copy, NULL, 10) : 0;
    out->whole = whole && errno == 0;
    if (isfinite(out->number))
        return OK;
    r->at = from;
    return expected(r, "a number that a double can hold");
}

static size_t hash_name(const char *name)
{
    size_t h = 1469598103934665603u; /* FNV-1a; its value reaches no result */

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h ^ h >> 29;
}

/* The member's place in members, or n. */
static size_t find_member(const struct json *object, const char *name)
{
    if (object->index) {
        size_t mask = object->index_size - 1;
        for (size_t i = hash_name(name) & mask; object->index[i]; i = (i + 1) & mask)
            if (strcmp(object->members[object->index[i] - 1].name, name) == 0)
                return object->index[i] - 1;
        return object->n;
    }
    for (size_t i = 0; i < object->n; i++)
        if (strcmp(object->members[i].name, name) == 0)
            return i;
    return object->n;
}

/* Finds duplicate names, and leaves an index for json_get where the object is large. */
static enum status index_members(struct reader *r, struct json *object)
{
    size_t size = 4, mask;
    uint32_t *index;

    if (object->n < 2)
        return OK;
    while (size < 2 * object->n)
        size *= 2;
    if (object->n > UINT32_MAX / 4 || !(index = arena_array(r->arena, size, sizeof *index)))
        return error_memory(r->err);
    mask = size - 1;
    for (size_t m = 0; m < object->n; m++) {
        size_t i = hash_name(object->members[m].name) & mask;
        for (; index[i]; i = (i + 1) & mask)
            if (strcmp(object->members[index[i] - 1].name, object->members[m].name) == 0)
                return error_set(r->err, ERR_INPUT, r->where,
                                 "the name \"%.100s\" stands twice in one object",
                                 object->members[m].name);
        index[i] = (uint32_t)m + 1;
    }
    if (object->n >= INDEX_FROM) {
        object->index = index;
        object->index_size = size;
    }
    return OK;
}

static enum status read_value(struct reader *r, struct json *out);

static enum status read_array(struct reader *r, struct json *out)
{
    size_t capacity = 0;

    out->kind = JSON_ARRAY;
    skip_space(r);
    if (take(r, "]"))
        return OK;
    for (;;) {
        if (out->n == capacity &&
            !(out->items = arena_grow(r->arena, out->items, out->n, out->n + 1, sizeof *out->items,
                                      &capacity)))
            return error_memory(r->err);
        TRY(read_value(r, &out->items[out->n]));
        out->n++;
        skip_space(r);
        if (take(r, "]"))
            return OK;
        if (!take(r, ","))
            return expected(r, "',' or ']'");
    }
}

static enum status read_member(struct reader *r, struct json_member *m)
{
    size_t n;

    skip_space(r);
    if (r->at >= r->end || *r->at != '"')
        return expected(r, "a name in quotes");
    TRY(read_string(r, &m->name, &n));
    if (strlen(m->name) != n)
        return expected(r, "no NUL in the name before this");
    skip_space(r);
    if (!take(r, ":"))
        return expected(r, "':'");
    return read_value(r, &m->value);
}

static enum status read_object(struct reader *r, struct json *out)
{
    size_t capacity = 0;

    out->kind = JSON_OBJECT;
    skip_space(r);
    if (take(r, "}"))
        return OK;
    for (;;) {
        if (out->n == capacity &&
            !(out->members = arena_grow(r->arena, out->members, out->n, out->n + 1,
                                        sizeof *out->members, &capacity)))
            return error_memory(r->err);
        TRY(read_member(r, &out->members[out->n]));
        out->n++;
        skip_space(r);
        if (take(r, "}"))
            return index_members(r, out);
        if (!take(r, ","))
            return expected(r, "',' or '}'");
    }
}

static bool take_nonfinite(struct reader *r, struct json *out)
{
    out->kind = JSON_NUMBER;
    if (take(r, "NaN"))
        out->number = NAN;
    else if (take(r, "Infinity"))
        out->number = INFINITY;
    else if (take(r, "-Infinity"))
        out->number = -INFINITY;
    else
        return false;
    return true;
}

static enum status read_compound(struct reader *r, struct json *out)
{
    enum status s;

    if (++r->depth > JSON_DEPTH)
        return error_set(r->err, ERR_INPUT, r->where, "expected at most %d nested levels",
                         JSON_DEPTH);
    s = take(r, "[") ? read_array(r, out) : (r->at++, read_object(r, out));
    r->depth--;
    return s;
}

static enum status read_value(struct reader *r, struct json *out)
{
    *out = (struct json){.kind = JSON_NULL};
    skip_space(r);
    if (r->at >= r->end)
        return expected(r, "a value");
    if (*r->at == '[' || *r->at == '{')
        return read_compound(r, out);
    if (*r->at == '"') {
        out->kind = JSON_STRING;
        return read_string(r, &out->string, &out->n);
    }
    if (take(r, "null"))
        return OK;
    if (take(r, "true") || take(r, "false")) {
        out->kind = JSON_BOOLEAN;
        out->truth = r->at[-2] == 'u';
        return OK;
    }
    if ((r->flags & JSON_NONFINITE) && take_nonfinite(r, out))
        return OK;
    return read_number(r, out);
}

enum status json_parse(const char *bytes, size_t n, const char *where, unsigned flags,
                       struct arena *arena, struct json **out, struct error *err)
{
    struct reader r = {bytes, bytes, bytes + n, where, flags, 0, arena, err};

    if (!(*out = arena_alloc(arena, sizeof **out)))
        return error_memory(err);
    TRY(read_value(&r, *out));
    skip_space(&r);
    return r.at == r.end ? OK : expected(&r, "the end");
}

const struct json *json_get(const struct json *object, const char *name)
{
    size_t i;

    if (!object || object->kind != JSON_OBJECT)
        return NULL;
    i = find_member(object, name);
    return i < object->n ? &object->members[i].value : NULL;
}

const char *json_kind_name(const struct json *value)
{
    static const char *const names[] = {"null",     "a boolean", "a number",
                                        "a string", "a list",    "an object"};

    return value ? names[value->kind] : "nothing";
}

/* The member of this kind, or the message. */
static enum status want(const struct json *object, const char *where, const char *name,
                        enum json_kind kind, const struct json **out, struct error *err)
{
    struct json sample = {.kind = kind};
    const struct json *value = json_get(object, name);

    if (value && value->kind == kind) {
        *out = value;
        return OK;
    }
    (void)error_set(err, ERR_INPUT, where, "%s: expected %s, found %s", name,
                    json_kind_name(&sample), json_kind_name(value));
    return ERR_INPUT;
}

enum status json_want_string(const struct json *object, const char *where, const char *name,
                             const char **out, struct error *err)
{
    const struct json *value;

    TRY(want(object, where, name, JSON_STRING, &value, err));
    if (strlen(value->string) != value->n)
        return error_set(err, ERR_INPUT, where, "%s: expected a string without NUL", name);
    *out = value->string;
    return OK;
}

enum status json_want_number(const struct json *object, const char *where, const char *name,
                             double *out, struct error *err)
{
    const struct json *value;

    TRY(want(object, where, name, JSON_NUMBER, &value, err));
    *out = value->number;
    return OK;
}

enum status json_want_integer(const struct json *object, const char *where, const char *name,
                              int64_t low, int64_t high, int64_t *out, struct error *err)
{
    const struct json *value;

    TRY(want(object, where, name, JSON_NUMBER, &value, err));
    if (!value->whole || value->integer < low || value->integer > high) {
        char found[NUMBER_TEXT_MAX];
        (void)text_number(value->number, found);
        return error_set(err, ERR_INPUT, where,
                         "%s: expected a whole number from %lld to %lld, found %s", name,
                         (long long)low, (long long)high, found);
    }
    *out = value->integer;
    return OK;
}

enum status json_want_array(const struct json *object, const char *where, const char *name,
                            const struct json **out, struct error *err)
{
    return want(object, where, name, JSON_ARRAY, out, err);
}

enum status json_want_object(const struct json *object, const char *where, const char *name,
                             const struct json **out, struct error *err)
{
    return want(object, where, name, JSON_OBJECT, out, err);
}

void json_write_bytes(struct text *t, const char *bytes, size_t n)
{
    text_add(t, "\"");
    for (size_t i = 0, plain = 0; i <= n; i++) {
        unsigned char c = i < n ? (unsigned char)bytes[i] : '"';
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        text_add_bytes(t, bytes + plain, i - plain);
        plain = i + 1;
        if (i == n)
            break;
        if (c == '"' || c == '\\')
            text_printf(t, "\\%c", c);
        else if (c == '\n')
            text_add(t, "\\n");
        else if (c == '\t')
            text_add(t, "\\t");
        else if (c == '\r')
            text_add(t, "\\r");
        else
            text_printf(t, "\\u%04x", (unsigned)c);
    }
    text_add(t, "\"");
}

void json_write_string(struct text *t, const char *string)
{
    if (string)
        json_write_bytes(t, string, strlen(string));
    else
        text_add(t, "null");
}

void json_write_number(struct text *t, double x)
{
    if (isfinite(x))
        text_add_number(t, x);
    else
        text_add(t, "null");
}

void json_write(struct text *t, const struct json *value)
{
    switch (value->kind) {
    case JSON_NULL:
        text_add(t, "null");
        break;
    case JSON_BOOLEAN:
        text_add(t, value->truth ? "true" : "false");
        break;
    case JSON_NUMBER:
        if (value->whole)
            text_add_integer(t, value->integer);
        else
            json_write_number(t, value->number);
        break;
    case JSON_STRING:
        json_write_bytes(t, value->string, value->n);
        break;
    case JSON_ARRAY:
        text_add(t, "[");
        for (size_t i = 0; i < value->n; i++) {
            text_add(t, i ? ", " : "");
            json_write(t, &value->items[i]);
        }
        text_add(t, "]");
        break;
    case JSON_OBJECT:
        text_add(t, "{");
        for (size_t i = 0; i < value->n; i++) {
            text_add(t, i ? ", " : "");
            json_write_string(t, value->members[i].name);
            text_add(t, ": ");
            json_write(t, &value->members[i].value);
        }
        text_add(t, "}");
        break;
    }
}
