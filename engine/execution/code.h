/*
 * code: whether two contents of a source are the same program but for comments and white space. The
 * digests of their tokens (engine/graph/tokens.h) are remembered in the store's journal, by the
 * digest of the content: of what a source was, nothing else is left.
 *
 * Of a folder the tokens count of each *.py in it, and of everything else the content.
 */
#ifndef ENGINE_EXECUTION_CODE_H
#define ENGINE_EXECUTION_CODE_H

#include "engine/execution/build.h"

struct key_field;

/* Remembers the tokens of a source's content, which its work has. */
enum status code_note(struct build *b, int node, struct error *err) MUST_CHECK;

/* Of the fields of an input in two descriptions. False also where it is not known. */
enum status code_is_same(struct build *b, const struct key_field *was, const struct key_field *is,
                         bool *same, struct error *err) MUST_CHECK;

#endif
