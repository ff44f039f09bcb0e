/* provenance: lines of nodes, then the statement that names them. Start at provenance_make. */
#include "engine/execution/provenance.h"

#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/execution/lineage.h"
#include "engine/statement/envelope.h"
#include "engine/statement/keys.h"
#include "engine/statement/statement.h"

/* ---- isolation ---- */

enum isolation { HIDES_NOTHING, HIDES_FILES, HIDES_ALL };

static const char *const isolation_words[] = {"none", "landlock", "room"};

static enum isolation isolation_of(const struct measured *m)
{
    for (int i = HIDES_ALL; i > HIDES_NOTHING && m->isolation; i--)
        if (strcmp(m->isolation, isolation_words[i]) == 0)
            return (enum isolation)i;
    return HIDES_NOTHING;
}

/* ---- the nodes ---- */

struct summary {
    enum isolation weakest;
    int accepted, marked;
};

static void add_digest(struct text *t, const struct digest *digest)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(digest, hex);
    text_printf(t, "\"%s\"", hex);
}

static enum status add_node(const struct lineage_node *node, struct arena *arena, struct text *t,
                            struct summary *sum, struct error *err)
{
    struct measured took;

    text_add(t, "{\"name\": ");
    json_write_string(t, node->name);
    text_add(t, ", \"key\": ");
    add_digest(t, &node->key);
    if (node->tool) {
        text_add(t, ", \"tool\": ");
        json_write_string(t, node->tool);
    }
    if (!node->result.kind) {
        text_add(t, ", \"failed\": ");
        json_write_string(t, node->failure);
        text_add(t, "}\n");
        return OK;
    }
    TRY(measured_get(&node->result, arena, &took, err));
    if (node->result.has_tree) {
        text_add(t, ", \"outputs\": ");
        add_digest(t, &node->result.tree);
    }
    if (node->result.reports)
        text_printf(t, ", \"reports\": %s", node->result.reports);
    if (!node->fetched) {
        text_printf(t, ", \"isolation\": \"%s\"", isolation_words[isolation_of(&took)]);
        if (isolation_of(&took) < sum->weakest)
            sum->weakest = isolation_of(&took);
    }
    if (node->by_hand && !digest_equal(&node->result.key, &node->key)) {
        text_add(t, ", \"accepted_as\": ");
        add_digest(t, &node->result.key);
    } else if (node->by_hand) {
        text_add(t, ", \"accepted\": true");
    }
    if (node->result.marked)
        text_add(t, ", \"reproducible\": false");
    sum->accepted += node->by_hand;
    sum->marked += node->result.marked;
    text_add(t, "}\n");
    return OK;
}

static enum status add_nodes(const struct lineage *lineage, struct arena *arena, struct text *t,
                             struct summary *sum, struct error *err)
{
    for (size_t i = 0; i < lineage->n; i++)
        TRY(add_node(&lineage->nodes[i], arena, t, sum, err));
    return OK;
}

enum status provenance_nodes(const struct lineage *lineage, struct arena *arena,
                             struct digest *digest, struct error *err)
{
    struct summary ignored = {.weakest = HIDES_ALL};
    struct text t = text_in(arena);
    char *text;
    size_t n;

    TRY(add_nodes(lineage, arena, &t, &ignored, err));
    TRY(text_finish(&t, &text, &n, err));
    return digest_bytes(text, n, digest, err);
}

/* ---- the statement ---- */

struct writing {
    struct build *b;
    struct arena *arena;
    struct text *t;
    const struct lineage *lineage;
};

/* Paths below the recipe's folder are counted from there; of others the name alone is said. */
static const char *short_path(const struct build *b, const char *path)
{
    const char *folder = recipe_folder(b->recipe), *slash = strrchr(path, '/');
    const size_t n = strlen(folder);

    if (strncmp(path, folder, n) == 0 && path[n] == '/')
        return path + n + 1;
    return slash ? slash + 1 : path;
}

/* A comma, but before the first of a list. */
static void next_item(struct writing *w, bool *first)
{
    text_add(w->t, *first ? "" : ", ");
    *first = false;
}

/* The files of Lua that the recipe is made of, though one that it tried to require is not there. */
static struct recipe_origins origins(const struct writing *w)
{
    struct recipe_origins o;

    (void)recipe_origins(w->b->recipe, &o);
    return o;
}

/* A file of Lua, counted from the recipe's folder, however the recipe's path was typed. */
static const char *module_name(const struct recipe_origins *o, size_t i)
{
    const char *recipe = o->sources[0].chunk + 1, *slash = strrchr(recipe, '/');

    return o->sources[i].chunk + 1 + (slash ? slash + 1 - recipe : 0);
}

static enum status add_recipe(struct writing *w, bool *first, struct error *err)
{
    const struct recipe_origins o = origins(w);

    for (size_t i = 0; i < o.n_sources; i++) {
        struct digest digest;
        TRY(digest_bytes(o.sources[i].bytes, o.sources[i].n, &digest, err));
        next_item(w, first);
        statement_add_resource(w->t, module_name(&o, i), &digest);
    }
    return OK;
}

/* Which of the files are Lua that the recipe requires: who has the recipe has to have these. */
static void add_modules(struct writing *w)
{
    const struct recipe_origins o = origins(w);
    bool first = true;

    text_add(w->t, ", \"modules\": [");
    for (size_t i = 1; i < o.n_sources; i++) {
        next_item(w, &first);
        json_write_string(w->t, module_name(&o, i));
    }
    text_add(w->t, "]");
}

/* Whether one before it is the same: each trial has a node of its own for train.py. */
static bool is_said(const struct writing *w, size_t i)
{
    const struct content *c = &work_of(w->b, w->lineage->sources[i])->content;

    for (size_t k = 0; k < i; k++)
        if (strcmp(work_of(w->b, w->lineage->sources[k])->content.path, c->path) == 0 &&
            digest_equal(&work_of(w->b, w->lineage->sources[k])->content.source.digest,
                         &c->source.digest))
            return true;
    return false;
}

static void add_sources(struct writing *w, bool *first)
{
    struct build *b = w->b;

    for (size_t i = 0; i < w->lineage->n_sources; i++) {
        const struct content *c = &work_of(b, w->lineage->sources[i])->content;
        if (is_said(w, i))
            continue;
        next_item(w, first);
        statement_add_resource(w->t, short_path(b, c->path), &c->source.digest);
    }
}

/* The next node from i on that is fetched, and its commit; NULL: there is none. */
static const struct fetch *next_fetch(const struct writing *w, int *i, const char **commit)
{
    struct build *b = w->b;

    for (; *i < graph_size(b->graph); ++*i) {
        const struct node *n = graph_node(b->graph, *i);
        const struct work *k = (size_t)*i < b->n_work ? b->work[*i] : NULL;
        if (n->kind != NODE_ACTION || !n->action.fetch || !k || !k->keyed || !k->identity ||
            !lineage_find(w->lineage, &k->key))
            continue;
        *commit = k->identity;
        ++*i;
        return n->action.fetch;
    }
    return NULL;
}

/* "git+URL@COMMIT", as SLSA names a repository. */
static void add_fetched(struct writing *w, bool *first)
{
    const struct fetch *fetch;
    const char *commit, *uri;

    for (int i = 0; (fetch = next_fetch(w, &i, &commit));) {
        next_item(w, first);
        uri = arena_printf(w->arena, "git+%s@%s", fetch->url, commit);
        w->t->failed |= !uri;
        text_add(w->t, "{\"uri\": ");
        json_write_string(w->t, uri);
        text_add(w->t, ", \"digest\": {\"gitCommit\": ");
        json_write_string(w->t, commit);
        text_add(w->t, "}}");
    }
}

/* What moving names were then: who makes it all again from nothing begins there. */
static void add_pins(struct writing *w)
{
    const struct fetch *fetch;
    const char *commit;
    bool first = true;

    text_add(w->t, "\"pins\": [");
    for (int i = 0; (fetch = next_fetch(w, &i, &commit));) {
        next_item(w, &first);
        text_add(w->t, "{\"url\": ");
        json_write_string(w->t, fetch->url);
        text_add(w->t, ", \"rev\": ");
        json_write_string(w->t, fetch->rev);
        text_add(w->t, ", \"commit\": ");
        json_write_string(w->t, commit);
        text_add(w->t, "}");
    }
    text_add(w->t, "]");
}

/* Names of pieces of one kind. */
static void add_kind(struct writing *w, const char *name, enum tree_kind kind,
                     const struct piece *pieces, size_t n)
{
    bool first = true;

    text_printf(w->t, ", \"%s\": [", name);
    for (size_t i = 0; i < n; i++)
        if (pieces[i].kind == kind) {
            next_item(w, &first);
            json_write_string(w->t, pieces[i].path);
        }
    text_add(w->t, "]");
}

/* Symbolic links are no subjects: what lies there is one, or leads nowhere. */
static void add_links(struct writing *w, const struct piece *pieces, size_t n)
{
    bool first = true;

    text_add(w->t, ", \"links\": [");
    for (size_t i = 0; i < n; i++)
        if (pieces[i].kind == TREE_LINK) {
            next_item(w, &first);
            text_add(w->t, "{\"name\": ");
            json_write_string(w->t, pieces[i].path);
            text_add(w->t, ", \"target\": ");
            json_write_string(w->t, pieces[i].target);
            text_add(w->t, "}");
        }
    text_add(w->t, "]");
}

static void add_subjects(struct writing *w, const struct piece *pieces, size_t n)
{
    bool first = true;

    text_add(w->t, "\"subject\": [");
    for (size_t i = 0; i < n; i++)
        if (pieces[i].kind == TREE_FILE || pieces[i].kind == TREE_EXECUTABLE) {
            next_item(w, &first);
            statement_add_resource(w->t, pieces[i].path, &pieces[i].digest);
        }
    text_add(w->t, "]");
}

static enum status add_definition(struct writing *w, const struct target *target,
                                  const struct piece *pieces, size_t n, const struct summary *sum,
                                  struct error *err)
{
    struct build *b = w->b;
    bool first = true;

    text_add(w->t, "{\"buildType\": \"urn:hpo:build:1\", \"externalParameters\": {\"recipe\": ");
    json_write_string(w->t, short_path(b, b->recipe_path));
    text_add(w->t, ", \"target\": ");
    json_write_string(w->t, target->name);
    text_printf(w->t, ", \"set\": %s}, \"internalParameters\": {\"isolation\": \"%s\", ",
                b->arguments, isolation_words[sum->weakest]);
    text_printf(w->t, "\"nodes\": %zu, \"accepted\": %d, \"not_reproducible\": %d, ", w->lineage->n,
                sum->accepted, sum->marked);
    add_pins(w);
    add_links(w, pieces, n);
    add_kind(w, "executable", TREE_EXECUTABLE, pieces, n);
    add_kind(w, "empty_folders", TREE_FOLDER, pieces, n);
    add_modules(w);
    text_add(w->t, "}, \"resolvedDependencies\": [");
    TRY(add_recipe(w, &first, err));
    add_sources(w, &first);
    add_fetched(w, &first);
    text_add(w->t, "]}");
    return OK;
}

static enum status write_statement(struct writing *w, const struct target *target,
                                   const struct piece *pieces, size_t n, const struct provenance *p,
                                   const struct summary *sum, struct error *err)
{
    const char *file = arena_printf(w->arena, "%s" STATEMENT_NODES, target->name);
    struct digest nodes;

    if (!file)
        return error_memory(err);
    TRY(digest_bytes(p->nodes, p->n_nodes, &nodes, err));
    text_add(w->t, "{\"_type\": \"https://in-toto.io/Statement/v1\", ");
    add_subjects(w, pieces, n);
    text_add(w->t, ", \"predicateType\": \"https://slsa.dev/provenance/v1\", \"predicate\": "
                   "{\"buildDefinition\": ");
    TRY(add_definition(w, target, pieces, n, sum, err));
    text_add(w->t, ", \"runDetails\": {\"builder\": {\"id\": \"urn:hpo:local\", \"version\": "
                   "{\"hpo\": \"" HPO_VERSION "\"}}, \"byproducts\": [");
    statement_add_resource(w->t, file, &nodes);
    text_add(w->t, "]}}}");
    return OK;
}

enum status provenance_make(struct build *b, const struct own_key *key, const struct target *target,
                            const struct piece *pieces, size_t n, struct arena *arena,
                            struct provenance *out, struct error *err)
{
    struct text nodes = text_in(arena), statement = text_in(arena);
    struct summary sum = {.weakest = HIDES_ALL};
    struct lineage lineage;
    struct writing w = {b, arena, &statement, &lineage};
    char *payload;
    size_t n_payload;

    TRY(lineage_take(b, target, 1, arena, &lineage, err));
    TRY(add_nodes(&lineage, arena, &nodes, &sum, err));
    TRY(text_finish(&nodes, &out->nodes, &out->n_nodes, err));
    TRY(write_statement(&w, target, pieces, n, out, &sum, err));
    TRY(text_finish(&statement, &payload, &n_payload, err));
    return envelope_sign(key, payload, n_payload, arena, &out->statement, err);
}
