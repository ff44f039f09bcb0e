/* output: out/RECIPE/TARGET. Part of a build: see engine/build.h. */
#ifndef ENGINE_OUTPUT_H
#define ENGINE_OUTPUT_H

#include "engine/build.h"

/* Puts every target into out/; *again says that the store had lost something, which now is wanted.
 */
enum status output_targets(struct build *b, bool *again, struct error *err) MUST_CHECK;

#endif
