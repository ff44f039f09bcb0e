/* compare: the rows of a comparison. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_COMPARE_H
#define ENGINE_EXECUTION_COMPARE_H

#include "engine/execution/build.h"

/* {"rows": [...]} of a compare node. */
enum status compare_json(struct build *b, int node, char **json, struct error *err) MUST_CHECK;

#endif
