/*
 * prior: what the store knows from past studies, for a searcher that begins with it
 * (hpo.history). It is gathered once, into a file beside the recipe, and read from there: so the
 * search is the same on every machine that has the recipe and the file. --update gathers anew.
 */
#ifndef ENGINE_EXECUTION_PRIOR_H
#define ENGINE_EXECUTION_PRIOR_H

#include "base/error.h"

struct build;

/*
 * *history is the text of the file of this study, in the build's arena, or NULL: it has none. A
 * build that only says what it would do writes nothing. ERR_INPUT: the file is no JSON.
 */
enum status prior_find(struct build *b, int node, const char **history,
                       struct error *err) MUST_CHECK;

#endif
