/*
 * tool: which program an action runs, and what it is in a key.
 *
 * Path       run[0]: an absolute path; an input ("./name"); "hpo" and "hpo-trainer" beside this
 *            program; else the first executable of that name in PATH.
 * Identity   The standard output of the action's `identity` command, asked once in each build, as
 *            it may depend on anything; those that are expected are asked side by side. Only that
 *            of hpo-trainer is remembered in the store, by the content of the program: it is a
 *            constant of the program and its arguments, except for 16 bits on cuda, which depend on
 *            the card (devices.h): a build has one of these. Without a command, of a Python what
 *            its imports can find (python.h), and of anything else the digest of the program's
 *            file.
 */
#ifndef ENGINE_PROCESS_TOOL_H
#define ENGINE_PROCESS_TOOL_H

#include "base/error.h"
#include "engine/graph/graph.h"

struct arena;
struct capture;
struct devices;
struct options;
struct places;
struct store;

struct tools; /* opaque: what was found in this build */

struct tools_context {
    const struct options *options;
    struct store *store;
    const struct capture *capture;
    struct devices *devices;
    struct arena *arena;
};

enum status tools_open(const struct tools_context *context, struct tools **out,
                       struct error *err) MUST_CHECK;

/* The absolute path of a program; NULL for "./name", an input. ERR_INPUT: not found. */
enum status tool_path(struct tools *tools, const char *name, const char **path,
                      struct error *err) MUST_CHECK;

/* This action's identity will be asked in this build. A mistake in it is said then. */
enum status tool_expect(struct tools *tools, const struct node *node, struct error *err) MUST_CHECK;

/* The text that stands for the action's tool in its key. */
enum status tool_identity(struct tools *tools, const struct node *node, const char **identity,
                          struct error *err) MUST_CHECK;

/* What an action's program needs of the machine, besides what all share. */
enum status tool_places(struct tools *tools, const struct action *action, struct places *places,
                        struct error *err) MUST_CHECK;

/* What the Python of such a key holds, as packages.h has it, if this build has asked it. */
const char *tool_environment(const struct tools *tools, const char *description);

#endif
