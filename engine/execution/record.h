/*
 * record: what `why`, `table` and gc will want to know of a build that ends. Part of a build: see
 * build.h.
 */
#ifndef ENGINE_EXECUTION_RECORD_H
#define ENGINE_EXECUTION_RECORD_H

#include "engine/execution/build.h"

/* Keys of nodes and units under their names, tables of studies, and whose checkpoints stay. */
enum status record_build(struct build *b, struct error *err) MUST_CHECK;

#endif
