/* shebang: a program that begins with "#!" runs in another program, which is in no key. */
#ifndef ENGINE_EXECUTION_SHEBANG_H
#define ENGINE_EXECUTION_SHEBANG_H

#include "engine/execution/build.h"

/* Warns of the first one of a build, once the inputs of the node are known. */
void shebang_warn(struct build *b, int node);

#endif
