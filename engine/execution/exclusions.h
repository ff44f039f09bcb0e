/*
 * exclusions: what of a folder is no part of a source: what versions, editors and Python leave
 * there, what the folder's .hpoignore and the recipe's `exclude` name, and what is hpo's own: the
 * store and the folder where targets go. Part of a build: see build.h.
 *
 * Order      Of the patterns the last that matches decides: the usual ones, .hpoignore, `exclude`.
 *            So .hpoignore can take back a usual one. What is hpo's own, and .hpoignore itself, no
 *            pattern takes back: each build changes the first, and the second has done its work.
 * Time       A source's .hpoignore is read when the source is, once a build.
 */
#ifndef ENGINE_EXECUTION_EXCLUSIONS_H
#define ENGINE_EXECUTION_EXCLUSIONS_H

#include "engine/execution/build.h"

struct filter;

/*
 * The filter of a source's node, NULL where that is no folder. It lives until exclusions_close.
 * ERR_INPUT: its .hpoignore cannot be read, it is hpo's own folder, or a file with `exclude`.
 */
enum status exclusions_find(struct build *b, int node, const struct filter **out,
                            struct error *err) MUST_CHECK;

/* Of all sources. */
void exclusions_close(struct build *b);

#endif
