/* snapshot_parse: reads what snapshot.c writes, in the same order, and trusts none of it. Start at
 * snapshot_parse. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "engine/graph/graph.h"
#include "engine/graph/snapshot.h"

/* What is left of the bytes. The first failure empties it: what is read then are zeros. */
struct reader {
    const char *at, *end;
    struct arena *arena;
    enum status status;
    struct error *err;
};

static void fail(struct reader *r)
{
    if (r->status == OK)
        r->status = error_set(r->err, ERR_CORRUPT, "", "this is no snapshot");
    r->at = r->end;
}

/* The next n bytes, or NULL. */
static const char *take(struct reader *r, size_t n)
{
    const char *bytes = r->at;

    if ((size_t)(r->end - r->at) < n) {
        fail(r);
        return NULL;
    }
    r->at += n;
    return bytes;
}

static uint32_t read_number(struct reader *r)
{
    const unsigned char *b = (const unsigned char *)take(r, 4);

    return b ? b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24 : 0;
}

static int64_t read_long(struct reader *r)
{
    const uint64_t low = read_number(r);

    return (int64_t)(low | (uint64_t)read_number(r) << 32);
}

static bool read_truth(struct reader *r)
{
    const uint32_t x = read_number(r);

    if (x > 1)
        fail(r);
    return x == 1;
}

/* A number that an int holds, at least low. */
static int read_int(struct reader *r, int low)
{
    const int64_t x = (int32_t)read_number(r);

    if (x >= low)
        return (int)x;
    fail(r);
    return low;
}

/* The bytes of a string, in place; NULL where it is NULL, and after a failure. */
static const char *read_bytes(struct reader *r, size_t *n)
{
    const char *bytes;

    *n = read_number(r);
    if (*n == SNAPSHOT_ABSENT || !(bytes = take(r, *n)))
        return NULL;
    bytes = take(r, 1) ? bytes : NULL;
    if (bytes && bytes[*n] != '\0') {
        fail(r);
        return NULL;
    }
    return bytes;
}

static const char *read_optional(struct reader *r)
{
    size_t n;

    return read_bytes(r, &n);
}

/* "" after a failure: callers may look at it. */
static const char *read_string(struct reader *r)
{
    const char *string = read_optional(r);

    if (string)
        return string;
    fail(r);
    return "";
}

/* An array for a list whose items have at least 4 bytes each; one more than *n. */
static void *read_list(struct reader *r, size_t size, size_t *n)
{
    void *list;

    *n = read_number(r);
    if (*n > (size_t)(r->end - r->at) / 4) {
        fail(r);
        *n = 0;
    }
    if ((list = arena_array(r->arena, *n + 1, size)))
        return list;
    fail(r);
    r->status = error_memory(r->err);
    *n = 0;
    return NULL;
}

static const char **read_strings(struct reader *r, size_t *n)
{
    const char **list = read_list(r, sizeof *list, n);

    for (size_t i = 0; i < *n; i++)
        list[i] = read_string(r);
    return list;
}

static struct pair *read_pairs(struct reader *r, size_t *n)
{
    struct pair *pairs = read_list(r, sizeof *pairs, n);

    for (size_t i = 0; i < *n; i++) {
        pairs[i].name = read_string(r);
        pairs[i].value = read_optional(r);
    }
    return pairs;
}

static struct digest read_digest(struct reader *r)
{
    const char *bytes = take(r, DIGEST_BYTES);
    struct digest digest = {{0}};

    if (bytes)
        memcpy(digest.bytes, bytes, DIGEST_BYTES);
    return digest;
}

static struct stamp read_stamp(struct reader *r)
{
    struct stamp stamp = {.dev = read_long(r)};

    if (stamp.dev == -1)
        return stamp;
    stamp.ino = read_long(r);
    stamp.size = read_long(r);
    stamp.mtime_ns = read_long(r);
    stamp.ctime_ns = read_long(r);
    stamp.settled = r->status == OK;
    return stamp;
}

/* The number of a node before `end`. */
static int read_node_number(struct reader *r, int end)
{
    const int node = read_int(r, 0);

    if (node < end)
        return node;
    fail(r);
    return 0;
}

static struct fetch *read_fetch(struct reader *r)
{
    size_t one;
    struct fetch *fetch = arena_alloc(r->arena, sizeof *fetch);

    if (!fetch) {
        fail(r);
        r->status = error_memory(r->err);
        return NULL;
    }
    fetch->url = read_string(r);
    fetch->rev = read_string(r);
    fetch->paths = read_strings(r, &one);
    fetch->n_paths = one;
    return fetch;
}

static struct pair *read_variables(struct reader *r, size_t *n)
{
    struct pair *pairs = read_pairs(r, n);

    for (size_t i = 0; i < *n; i++)
        if (!pairs[i].value)
            fail(r);
    return pairs;
}

static void read_action(struct reader *r, int id, struct action *a)
{
    size_t n_identity;
    int64_t timeout;
    int flags;

    a->kind = read_string(r);
    a->run = read_strings(r, &a->n_run);
    a->inputs = read_list(r, sizeof *a->inputs, &a->n_inputs);
    for (size_t i = 0; i < a->n_inputs; i++) {
        a->inputs[i].name = read_string(r);
        a->inputs[i].node = read_node_number(r, id);
        a->inputs[i].path = read_optional(r);
    }
    a->outputs = read_strings(r, &a->n_outputs);
    a->env = read_variables(r, &a->n_env);
    a->pass = read_strings(r, &a->n_pass);
    a->resources.cpus = read_int(r, -1);
    a->resources.gpus = read_int(r, -1);
    a->resources.memory = (int64_t)read_long(r);
    if (a->resources.memory < 0)
        fail(r);
    a->resources.gpu = read_optional(r);
    a->resources.share = read_truth(r);
    a->resources.settings = read_variables(r, &a->resources.n_settings);
    timeout = read_long(r);
    memcpy(&a->timeout, &timeout, sizeof timeout);
    a->retries = read_int(r, -1);
    flags = read_int(r, 0);
    if (flags > 7)
        fail(r);
    a->stateless = flags & 1;
    a->network = flags & 2;
    a->not_reproducible = flags & 4;
    a->identity = read_strings(r, &n_identity);
    if (n_identity == 0)
        a->identity = NULL;
    a->params = read_optional(r);
    a->fetch = read_truth(r) ? read_fetch(r) : NULL;
    if (!a->fetch && a->n_run == 0)
        fail(r);
}

static void read_node(struct reader *r, int id, struct node *node)
{
    const uint32_t kind = read_number(r);

    node->name = read_optional(r);
    node->where = read_string(r);
    if (kind == NODE_SOURCE) {
        node->source.path = read_string(r);
        node->source.exclude = read_strings(r, &node->source.n_exclude);
    } else if (kind == NODE_TEXT) {
        node->text.name = read_string(r);
        if (!(node->text.bytes = read_bytes(r, &node->text.n)))
            fail(r);
    } else if (kind == NODE_ACTION) {
        read_action(r, id, &node->action);
    } else {
        fail(r);
    }
    node->kind = (enum node_kind)kind;
}

static void read_past(struct reader *r, enum node_kind kind, const char *const *identities,
                      size_t n_identities, struct past *past)
{
    past->known = read_truth(r);
    if (!past->known || kind == NODE_TEXT)
        return;
    if (kind == NODE_SOURCE) {
        past->folder = read_truth(r);
        past->executable = read_truth(r);
        past->digest = read_digest(r);
        past->stamp = read_stamp(r);
    } else {
        past->key = read_digest(r);
        past->digest = read_digest(r);
        const uint32_t identity = read_number(r);
        if (identity < n_identities)
            past->identity = identities[identity];
        else
            fail(r);
        past->marked = read_truth(r);
    }
}

/* Something that the graph refuses is damage too, unless there is no memory. */
static void check(struct reader *r, enum status s)
{
    if (s == OK)
        return;
    fail(r);
    if (s == ERR_MEMORY)
        r->status = error_memory(r->err);
}

static void read_nodes(struct reader *r, struct graph *graph, struct snapshot *out)
{
    size_t n_identities, n;
    const char **identities = read_strings(r, &n_identities);
    struct error refused;

    out->nodes = read_list(r, sizeof *out->nodes, &n);
    for (size_t i = 0; i < n && r->status == OK; i++) {
        struct node node = {.kind = NODE_TEXT};
        int id;
        read_node(r, (int)i, &node);
        read_past(r, node.kind, identities, n_identities, &out->nodes[i]);
        if (r->status == OK)
            check(r, graph_add(graph, &node, &id, &refused));
    }
}

static void read_targets(struct reader *r, struct graph *graph)
{
    struct error refused;
    const uint32_t n = read_number(r);

    for (uint32_t i = 0; i < n && r->status == OK; i++) {
        struct target target = {.name = read_string(r)};
        target.node = read_node_number(r, graph_size(graph));
        target.path = read_optional(r);
        if (r->status == OK)
            check(r, graph_add_target(graph, &target, &refused));
    }
}

enum status snapshot_parse(const char *bytes, size_t n, struct graph *graph, struct snapshot *out,
                           struct error *err)
{
    struct reader r = {bytes, bytes + n, graph_arena(graph), OK, err};
    const char *head = take(&r, strlen(SNAPSHOT_MAGIC));

    if (!head || memcmp(head, SNAPSHOT_MAGIC, strlen(SNAPSHOT_MAGIC)) != 0) {
        fail(&r);
        return r.status;
    }
    out->program = read_digest(&r);
    out->printed = read_string(&r);
    out->files = read_list(&r, sizeof *out->files, &out->n_files);
    for (size_t i = 0; i < out->n_files; i++) {
        out->files[i].path = read_string(&r);
        out->files[i].digest = read_digest(&r);
    }
    out->questions = read_pairs(&r, &out->n_questions);
    read_nodes(&r, graph, out);
    read_targets(&r, graph);
    out->landed = read_list(&r, sizeof *out->landed, &out->n_landed);
    for (size_t i = 0; i < out->n_landed; i++)
        out->landed[i] = read_stamp(&r);
    if (r.at != r.end)
        fail(&r);
    return r.status;
}
