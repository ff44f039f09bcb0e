/*
 * target_name: under which name of out/RECIPE a target lies. A folder, or several files, are under
 * the target's own. One file keeps its extension, so that others know what it is: the target "plot"
 * whose output is "fig/plot.png" is "plot.png".
 *
 * Extension  What stands behind the last dot of a path's last name, where that is 1 to 8 letters or
 *            digits and something stands before the dot. Of what is packed, that of the content
 *            too: ".tar.gz", ".csv.zst".
 */
#ifndef ENGINE_GRAPH_TARGET_NAME_H
#define ENGINE_GRAPH_TARGET_NAME_H

#include "base/error.h"
#include "engine/graph/graph.h"

/* The end of the path that is its extension, with the dot; "" where it has none. */
const char *target_extension(const char *path);

/* The target's name, if it comes to one file: that of an hpo.after is known once it is decided. In
 * the graph's arena, or the target's own. NULL: no memory. */
const char *target_file_name(struct graph *graph, const struct target *target);

/*
 * Whether it comes to a file or a folder is known when it is there, so all names that a target may
 * have must be its alone: its own, and that of a file. ERR_INPUT with both targets.
 */
enum status target_names_check(struct graph *graph, struct error *err) MUST_CHECK;

#endif
