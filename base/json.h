/*
 * json: read strictly (RFC 8259), write canonically.
 *
 * Reading    One call parses a whole document into an arena. Strict: no comments, no trailing
 *            commas, no duplicate names, well-formed UTF-8, at most JSON_DEPTH levels, nothing
 *            after the value. JSON_NONFINITE also takes the tokens NaN, Infinity and -Infinity, as
 *            Python writes them. json_want_* fetch a member of an object; their messages read
 *            "where: field: expected, found".
 * Writing    Into a struct text. Numbers as base/text writes them; NaN and infinities become null.
 *            Names are written in the order given: a caller sorts them where order could matter.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct text;

enum { JSON_DEPTH = 64 };

enum json_kind { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

enum json_flags { JSON_STRICT = 0, JSON_NONFINITE = 1 };

struct json_member;

struct json {
    enum json_kind kind;
    bool truth;         /* JSON_BOOLEAN */
    bool whole;         /* JSON_NUMBER: written without '.', 'e', and fits integer exactly */
    double number;      /* JSON_NUMBER; may be NaN or infinite only with JSON_NONFINITE */
    int64_t integer;    /* JSON_NUMBER with whole */
    const char *string; /* JSON_STRING: n bytes, NUL behind; may hold NULs of its own */
    size_t n;           /* bytes of the string, items of the array, members of the object */
    struct json *items; /* JSON_ARRAY */
    struct json_member *members; /* JSON_OBJECT, in the order of the text */
    const uint32_t *index;       /* private: open addressing over members, for large objects */
    size_t index_size;           /* private */
};

struct json_member {
    const char *name; /* NUL-terminated; names with a NUL inside are refused */
    struct json value;
};

/*
 * Parses all n bytes. where is the file's name for messages ("model/config.json"), which then say
 * the line and column. The tree and its strings live in the arena; bytes may go away. ERR_INPUT,
 * ERR_MEMORY.
 */
enum status json_parse(const char *bytes, size_t n, const char *where, unsigned flags,
                       struct arena *arena, struct json **out, struct error *err) MUST_CHECK;

/* The member's value; NULL: none, or object is no object. O(1) for large objects. */
const struct json *json_get(const struct json *object, const char *name);

/* "null", "a boolean", "a number", "a string", "a list", "an object". */
const char *json_kind_name(const struct json *value);

/* Required members: ERR_INPUT "where: name: expected ..., found ...". `where` is only borrowed. */
enum status json_want_string(const struct json *object, const char *where, const char *name,
                             const char **out, struct error *err) MUST_CHECK;
enum status json_want_number(const struct json *object, const char *where, const char *name,
                             double *out, struct error *err) MUST_CHECK;
enum status json_want_integer(const struct json *object, const char *where, const char *name,
                              int64_t low, int64_t high, int64_t *out,
                              struct error *err) MUST_CHECK;
enum status json_want_array(const struct json *object, const char *where, const char *name,
                            const struct json **out, struct error *err) MUST_CHECK;
enum status json_want_object(const struct json *object, const char *where, const char *name,
                             const struct json **out, struct error *err) MUST_CHECK;

/* One value into a text; a NULL string is null. */
void json_write_string(struct text *t, const char *string);
void json_write_bytes(struct text *t, const char *bytes, size_t n);
void json_write_number(struct text *t, double x);
void json_write(struct text *t, const struct json *value); /* a parsed tree, in its order */

#endif
