/*
 * tool: which program an action runs, and what it is in a key.
 *
 * Path       run[0]: an absolute path; an input ("./name"); "hpo" and "hpo-trainer" beside this
 *            program; else the first executable of that name in PATH.
 * Identity   The standard output of the action's `identity` command, run once for each content of
 *            its executable and remembered in the store; without one, the digest of the program's
 *            file.
 */
#ifndef ENGINE_PROCESS_TOOL_H
#define ENGINE_PROCESS_TOOL_H

#include "base/error.h"
#include "engine/graph/graph.h"

struct arena;
struct capture;
struct options;
struct store;

struct tools; /* opaque: what was found in this build */

struct tools_context {
    const struct options *options;
    struct store *store;
    const struct capture *capture;
    struct arena *arena;
};

enum status tools_open(const struct tools_context *context, struct tools **out,
                       struct error *err) MUST_CHECK;

/* The absolute path of a program; NULL for "./name", an input. ERR_INPUT: not found. */
enum status tool_path(struct tools *tools, const char *name, const char **path,
                      struct error *err) MUST_CHECK;

/* The text that stands for the action's tool in its key. */
enum status tool_identity(struct tools *tools, const struct node *node, const char **identity,
                          struct error *err) MUST_CHECK;

#endif
