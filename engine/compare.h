/* compare: the rows of a comparison. Part of a build: see engine/build.h. */
#ifndef ENGINE_COMPARE_H
#define ENGINE_COMPARE_H

#include "engine/build.h"

/* {"rows": [...]} of a compare node. */
enum status compare_json(struct build *b, int node, char **json, struct error *err) MUST_CHECK;

#endif
