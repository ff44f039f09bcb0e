/*
 * key: the canonical description of an action, field by field, and its SHA-256.
 *
 * A description is text, one field for each line: its name, a space, its value as canonical JSON.
 * It holds everything that can change the result and nothing else: no path, mirror, time limit,
 * retry, -j. It is stored beside the result, so `hpo why` compares fields and never needs a second
 * run.
 */
#ifndef ENGINE_GRAPH_KEY_H
#define ENGINE_GRAPH_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"
#include "engine/graph/graph.h"

struct arena;

/* What an input holds: one file, one program (an executable file), or a folder's tree. */
enum content_kind { CONTENT_FILE, CONTENT_PROGRAM, CONTENT_FOLDER };

struct content_key {
    enum content_kind kind;
    struct digest digest;
};

/*
 * Description and digest of an action whose inputs hold `contents` (in the order of its inputs) and
 * whose tool is `identity` (tool_identity; fetch_identity where it fetches). The text lives in the
 * arena.
 */
enum status key_of_action(const struct action *action, const struct content_key *contents,
                          const char *identity, struct arena *arena, char **description,
                          struct digest *key, struct error *err) MUST_CHECK;

/* One line of a description; both strings are parts of it. */
struct key_field {
    const char *name, *value;
    size_t n_name, n_value;
};

/* The field that begins at *at, which moves to the next; false at the end. */
bool key_next_field(const char **at, struct key_field *f);

/* The field of the same name in another description. */
bool key_find_field(const char *description, const struct key_field *wanted, struct key_field *f);

/* Whether the field is that of the input of this name. */
bool key_is_input(const struct key_field *f, const char *name);

/*
 * The fields in which two descriptions differ, one line each: "input.data: WAS → IS". Lists are
 * compared element by element. "" where they are equal.
 */
enum status key_difference(const char *was, const char *is, struct arena *arena, char **out,
                           struct error *err) MUST_CHECK;

#endif
