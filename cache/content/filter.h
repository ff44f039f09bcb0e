/*
 * filter: what of a user's folder is no part of a source. The cache knows no patterns: it asks
 * whoever looks at sources, for each file, link and folder that a walk comes to, from the top down.
 *
 * Paths      are those below the source, without a slash at the end. The answer may depend on
 *            nothing but the path and whether it is a folder, so it is the same each time.
 */
#ifndef CACHE_CONTENT_FILTER_H
#define CACHE_CONTENT_FILTER_H

#include <stdbool.h>

#include "base/error.h"

struct filter {
    const void *of; /* handed to both */

    /* Whether it is left out; what lies in a folder that is left out is not asked for. */
    enum status (*leaves_out)(const void *of, const char *path, bool folder, bool *out,
                              struct error *err);

    /* Whether a folder in which nothing is left, or never was, is left out too. */
    bool (*leaves_out_empty)(const void *of, const char *path);
};

#endif
