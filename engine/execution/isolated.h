/* isolated: which results that a strict build uses were made with less hidden than it hides. Part
 * of a build: see build.h. */
#ifndef ENGINE_EXECUTION_ISOLATED_H
#define ENGINE_EXECUTION_ISOLATED_H

#include "engine/execution/build.h"

/* Says it in a line, once all targets are known as far as they will be. Nothing is looked at where
 * the build is not strict. */
enum status isolated_tell(struct build *b, struct error *err) MUST_CHECK;

#endif
