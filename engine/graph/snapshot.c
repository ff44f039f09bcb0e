/* snapshot: writes what snapshot.h describes, field by field. Each write_X has its read_X in
 * snapshot_parse.c. Start at write_all. */
#include "engine/graph/snapshot.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "engine/graph/graph.h"

#ifdef HPO_SMALL
enum { PIECE = 7 };
#else
enum { PIECE = 1 << 16 }; /* bytes that the sink gets at a time */
#endif

bool snapshot_suits(struct graph *graph)
{
    for (int i = 0; i < graph_size(graph); i++) {
        const enum node_kind kind = graph_node(graph, i)->kind;
        if (kind != NODE_SOURCE && kind != NODE_TEXT && kind != NODE_ACTION)
            return false;
    }
    return true;
}

static void write_number(struct text *t, uint32_t x)
{
    const unsigned char bytes[] = {(unsigned char)x, (unsigned char)(x >> 8),
                                   (unsigned char)(x >> 16), (unsigned char)(x >> 24)};

    text_add_bytes(t, bytes, sizeof bytes);
}

static void write_long(struct text *t, int64_t x)
{
    write_number(t, (uint32_t)((uint64_t)x & UINT32_MAX));
    write_number(t, (uint32_t)((uint64_t)x >> 32));
}

static void write_bytes(struct text *t, const char *bytes, size_t n)
{
    if (n >= SNAPSHOT_ABSENT)
        t->failed = true;
    write_number(t, (uint32_t)n);
    text_add_bytes(t, bytes, n);
    text_add_bytes(t, "", 1);
}

static void write_string(struct text *t, const char *string)
{
    if (string)
        write_bytes(t, string, strlen(string));
    else
        write_number(t, SNAPSHOT_ABSENT);
}

static void write_strings(struct text *t, const char *const *list, size_t n)
{
    write_number(t, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        write_string(t, list[i]);
}

static void write_pairs(struct text *t, const struct pair *pairs, size_t n)
{
    write_number(t, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        write_string(t, pairs[i].name);
        write_string(t, pairs[i].value);
    }
}

static void write_digest(struct text *t, const struct digest *digest)
{
    text_add_bytes(t, digest->bytes, sizeof digest->bytes);
}

static void write_stamp(struct text *t, const struct stamp *stamp)
{
    if (!stamp->settled || stamp->dev == -1) {
        write_long(t, -1);
        return;
    }
    write_long(t, stamp->dev);
    write_long(t, stamp->ino);
    write_long(t, stamp->size);
    write_long(t, stamp->mtime_ns);
    write_long(t, stamp->ctime_ns);
}

/* Which of the distinct identities is a node's, or their number where it is none of them. Nodes
 * that stand together mostly have the same: `last` is tried first. */
static uint32_t find_identity(const char *const *identities, uint32_t n, const char *identity,
                              uint32_t last)
{
    if (last < n && (identities[last] == identity || strcmp(identities[last], identity) == 0))
        return last;
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(identities[i], identity) == 0)
            return i;
    return n;
}

/* Writes the distinct identities, and leaves in `which` that of each node. */
static void write_identities(struct text *t, snapshot_past *past, const void *of, size_t n,
                             uint32_t *which)
{
    const char **identities = NULL;
    size_t count = 0, capacity = 0;
    uint32_t last = 0;

    for (size_t i = 0; i < n; i++) {
        const char *identity = past(of, (int)i).identity, **fresh;
        if (!identity)
            continue;
        last = find_identity(identities, (uint32_t)count, identity, last);
        if (last == count) {
            if (!(fresh = arena_push(t->arena, identities, count, capacity))) {
                t->failed = true;
                return;
            }
            *fresh = identity;
        }
        which[i] = last;
    }
    write_strings(t, identities, count);
}

static void write_fetch(struct text *t, const struct fetch *fetch)
{
    write_string(t, fetch->url);
    write_string(t, fetch->rev);
    write_strings(t, fetch->paths, fetch->n_paths);
}

static void write_action(struct text *t, const struct action *a)
{
    size_t n_identity = 0;
    int64_t timeout;

    write_string(t, a->kind);
    write_strings(t, a->run, a->n_run);
    write_number(t, (uint32_t)a->n_inputs);
    for (size_t i = 0; i < a->n_inputs; i++) {
        write_string(t, a->inputs[i].name);
        write_number(t, (uint32_t)a->inputs[i].node);
        write_string(t, a->inputs[i].path);
    }
    write_strings(t, a->outputs, a->n_outputs);
    write_pairs(t, a->env, a->n_env);
    write_strings(t, a->pass, a->n_pass);
    write_number(t, (uint32_t)a->resources.cpus);
    write_number(t, (uint32_t)a->resources.gpus);
    write_long(t, (uint64_t)a->resources.memory);
    write_string(t, a->resources.gpu);
    write_number(t, a->resources.share);
    write_pairs(t, a->resources.settings, a->resources.n_settings);
    memcpy(&timeout, &a->timeout, sizeof timeout);
    write_long(t, timeout);
    write_number(t, (uint32_t)a->retries);
    write_number(t, a->stateless | a->network << 1 | a->not_reproducible << 2);
    while (a->identity && a->identity[n_identity])
        n_identity++;
    write_strings(t, a->identity, n_identity); /* none is NULL: an argv has a program */
    write_string(t, a->params);
    write_number(t, a->fetch != NULL);
    if (a->fetch)
        write_fetch(t, a->fetch);
}

static void write_past(struct text *t, enum node_kind kind, const struct past *past,
                       uint32_t identity)
{
    write_number(t, past->known);
    if (!past->known || kind == NODE_TEXT)
        return;
    if (kind == NODE_SOURCE) {
        write_number(t, past->folder);
        write_number(t, past->executable);
        write_digest(t, &past->digest);
        write_stamp(t, &past->stamp);
    } else {
        write_digest(t, &past->key);
        write_digest(t, &past->digest);
        write_number(t, identity);
        write_number(t, past->marked);
    }
}

static void write_node(struct text *t, const struct node *node)
{
    write_number(t, node->kind);
    write_string(t, node->name);
    write_string(t, node->where);
    if (node->kind == NODE_SOURCE) {
        write_string(t, node->source.path);
        write_strings(t, node->source.exclude, node->source.n_exclude);
    } else if (node->kind == NODE_TEXT) {
        write_string(t, node->text.name);
        write_bytes(t, node->text.bytes, node->text.n);
    } else {
        write_action(t, &node->action);
    }
}

static void write_head(struct text *t, const struct snapshot *s)
{
    text_add(t, SNAPSHOT_MAGIC);
    write_digest(t, &s->program);
    write_string(t, s->printed);
    write_number(t, (uint32_t)s->n_files);
    for (size_t i = 0; i < s->n_files; i++) {
        write_string(t, s->files[i].path);
        write_digest(t, &s->files[i].digest);
    }
    write_pairs(t, s->questions, s->n_questions);
}

/* Where the bytes go, and those on their way. */
struct writer {
    snapshot_sink *sink;
    void *to;
    struct text t;
};

static enum status flush(struct writer *w, size_t least, struct error *err)
{
    enum status s;

    if (w->t.failed)
        return error_memory(err);
    if (w->t.n < least)
        return OK;
    s = w->sink(w->to, w->t.bytes, w->t.n, err);
    w->t.n = 0;
    return s;
}

static enum status write_all(struct writer *w, const struct snapshot *s, struct graph *graph,
                             snapshot_past *past, const void *of, struct error *err)
{
    const size_t n = (size_t)graph_size(graph);
    uint32_t *which = arena_array(w->t.arena, n + 1, sizeof *which);
    const struct target *targets;
    const size_t n_targets = graph_targets(graph, &targets);
    struct text *t = &w->t;

    if (!which)
        return error_memory(err);
    write_head(t, s);
    write_identities(t, past, of, n, which);
    write_number(t, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        const struct node *node = graph_node(graph, (int)i);
        const struct past came_to = past(of, (int)i);
        write_node(t, node);
        write_past(t, node->kind, &came_to, which[i]);
        TRY(flush(w, PIECE, err));
    }
    write_number(t, (uint32_t)n_targets);
    for (size_t i = 0; i < n_targets; i++) {
        write_string(t, targets[i].name);
        write_number(t, (uint32_t)targets[i].node);
        write_string(t, targets[i].path);
        TRY(flush(w, PIECE, err));
    }
    write_number(t, (uint32_t)s->n_landed);
    for (size_t i = 0; i < s->n_landed; i++) {
        write_stamp(t, &s->landed[i]);
        TRY(flush(w, PIECE, err));
    }
    return flush(w, 1, err);
}

enum status snapshot_write(const struct snapshot *s, struct graph *graph, snapshot_past *past,
                           const void *of, snapshot_sink *sink, void *to, struct error *err)
{
    struct arena *arena = arena_open();
    struct writer w = {sink, to, text_in(arena)};
    const enum status status = arena ? write_all(&w, s, graph, past, of, err) : error_memory(err);

    arena_close(arena);
    return status;
}
