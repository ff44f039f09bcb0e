/* script: a program that begins with "#!" runs in another program, which is in no key. */
#ifndef ENGINE_EXECUTION_SCRIPT_H
#define ENGINE_EXECUTION_SCRIPT_H

#include "engine/execution/build.h"

/* Warns of the first one of a build, once the inputs of the node are known. */
void script_warn(struct build *b, int node);

#endif
