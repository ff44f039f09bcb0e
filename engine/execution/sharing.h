/*
 * sharing: how much of what a build's studies needed was there already. A unit is trained where
 * this build did so first, once; every other use of one (by an earlier build, by another trial or
 * study of this one) is reused. Seconds are those that its training took.
 */
#ifndef ENGINE_EXECUTION_SHARING_H
#define ENGINE_EXECUTION_SHARING_H

#include "engine/execution/build.h"

struct sharing {
    int64_t trained, reused;
    double seconds; /* of the reused ones */
};

void sharing_count(struct build *b, struct sharing *out);

#endif
