/*
 * snapshot: what a build left for the next one like it, as a string of bytes: the graph that the
 * recipe described, what that graph depends on, and what each node came to.
 *
 * Format     Little-endian. A number is 4 bytes, a long one 8. A string is its length, its bytes
 *            and a NUL; length 2^32 - 1 is NULL, and nothing follows. A list is its length and its
 *            items. A digest is 32 bytes. A stamp is five long numbers; where there is none to
 *            believe it is only the first, -1.
 *
 *            "hpo snapshot 4\n", program, printed, files (path, digest), questions (name, answer),
 *            identities (strings), nodes, targets (name, node, path), landed (stamps)
 *
 *            A node is kind, name, where, what its kind has (see write_node), known, and what it
 *            came to: a source folder, executable, digest, stamp; an action key, tree, identity,
 *            marked. A node needs only nodes before it. A study has no place here: a graph with one
 *            is decided while it is built. Of variables that are passed it has the names alone.
 * Trust      Whoever keeps the bytes keeps their digest elsewhere, and compares it first. The
 *            parser is bounded all the same, and gives back only graphs that graph_add takes.
 */
#ifndef ENGINE_GRAPH_SNAPSHOT_H
#define ENGINE_GRAPH_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "cache/content/source.h"

struct graph;

#define SNAPSHOT_MAGIC "hpo snapshot 4\n"
#define SNAPSHOT_ABSENT UINT32_MAX /* the length of NULL */

/* What a node came to. */
struct past {
    bool known;
    bool folder, executable; /* of a source */
    bool still;              /* not stored: a source that looks as it did */
    bool marked;             /* an action whose result is known not to be reproducible */
    struct digest key;       /* of an action */
    struct digest digest;    /* of a source's content, or of an action's tree */
    struct stamp stamp;      /* of a source file; settled, or not to be believed */
    const char *identity;    /* of an action's tool, or of what it fetches */
};

struct snapshot_file {
    const char *path;
    struct digest digest;
};

struct snapshot {
    struct digest program; /* that wrote it */
    const char *printed;   /* by the recipe */
    struct snapshot_file *files;
    size_t n_files;
    struct pair *questions; /* what it asked of files beside it; answer or NULL */
    size_t n_questions;
    struct past *nodes;   /* by number: graph_size of them; as they were read */
    struct stamp *landed; /* of the files of the targets that were asked for, in their order */
    size_t n_landed;
};

/* False for a graph that is not known before a build ends. */
bool snapshot_suits(struct graph *graph);

/* What a node came to; asked for more than once. */
typedef struct past snapshot_past(const void *of, int node);

/* Takes the next bytes. */
typedef enum status snapshot_sink(void *to, const char *bytes, size_t n, struct error *err);

/*
 * Writes all of it into the sink, some kB at a time: there may be much. The graph must be one that
 * suits; s->nodes is not looked at. Errors are the sink's, and ERR_MEMORY.
 */
enum status snapshot_write(const struct snapshot *s, struct graph *graph, snapshot_past *past,
                           const void *of, snapshot_sink *sink, void *to,
                           struct error *err) MUST_CHECK;

/*
 * Reads n bytes, behind which stands a NUL, into *out and an empty graph, in whose arena the bytes
 * and all else live. ERR_CORRUPT: this is no snapshot; the graph is then of no use. ERR_MEMORY.
 */
enum status snapshot_parse(const char *bytes, size_t n, struct graph *graph, struct snapshot *out,
                           struct error *err) MUST_CHECK;

#endif
