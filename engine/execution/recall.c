/*
 * recall: begins a build where the last one like it ended. A recipe is a pure function of its files
 * and parameters, so its graph is taken from the snapshot of that build (see snapshot.h), and of a
 * node whose needs are as they were, what it came to. Only what is different is looked at: by the
 * ordinary path, which this spares work and never replaces. Whatever is doubtful is not recalled.
 * Start at recall_open; recall_source and recall_action are asked by want, recall_landed by output.
 */
#include "engine/execution/recall.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "engine/execution/build.h"
#include "engine/graph/snapshot.h"

/* Beyond this a snapshot is not worth its reading. */
static const size_t snapshot_limit = (size_t)1 << 30;

/* ---- open ---- */

/* Says which builds are alike: those that read the same graph and put it to the same place. */
static enum status name_snapshot(struct build *b, const char *folder, struct error *err)
{
    struct text t = text_in(b->arena);
    const char *parts[5];
    char *string, *out, hex[DIGEST_HEX + 1];
    size_t n;

    TRY(file_absolute(".", b->arena, &out, err));
    parts[0] = b->o->recipe; /* as typed: places in messages begin with it */
    parts[1] = b->recipe_path;
    parts[2] = folder;
    parts[3] = b->o->out[0] == '/' ? b->o->out : file_join(b->arena, out, b->o->out);
    parts[4] = b->arguments;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!parts[i])
            return error_memory(err);
        json_write_string(&t, parts[i]);
        text_add(&t, "\n");
    }
    for (size_t i = 0; i < b->o->n_words; i++) {
        json_write_string(&t, b->o->words[i]);
        text_add(&t, "\n");
    }
    TRY(text_finish(&t, &string, &n, err));
    TRY(digest_bytes(string, n, &b->recall.name, err));
    digest_hex(&b->recall.name, hex);
    b->recall.path = arena_printf(b->arena, "%s/graphs/%s", b->o->cache, hex);
    return b->recall.path ? OK : error_memory(err);
}

/* This very program, whatever lies by now where it was started. */
static enum status find_program(struct build *b, struct digest *program, struct error *err)
{
    struct source self;

    TRY(source_digest(b->store, "/proc/self/exe", NULL, b->arena, &self, err));
    *program = self.digest;
    return OK;
}

/* The graph and the rest, if the file is what the index says. */
static enum status read_snapshot(struct build *b, struct snapshot *past, struct error *err)
{
    struct snapshot_row row;
    struct digest digest;
    char *bytes;
    size_t n;

    TRY(history_snapshot_get(b->store, &b->recall.name, &row, err));
    TRY(index_revision(b->store, &b->recall.revision, err));
    if (row.revision != b->recall.revision)
        return error_set(err, ERR_NOT_FOUND, b->recall.path, "it is out of date");
    TRY(graph_open(&b->graph, err));
    TRY(file_read(b->recall.path, snapshot_limit, graph_arena(b->graph), &bytes, &n, err));
    TRY(digest_bytes(bytes, n, &digest, err));
    if (!digest_equal(&digest, &row.digest))
        return error_set(err, ERR_CORRUPT, b->recall.path, "it is not what the index says");
    b->recall.digest = digest;
    b->recall.run = row.run;
    b->recall.day = row.day;
    return snapshot_parse(bytes, n, b->graph, past, err);
}

/* Whether the recipe would describe this graph now: it is made of the same files, and its questions
 * have the same answers. */
static enum status check_recipe(struct build *b, const struct snapshot *past, bool *same,
                                struct error *err)
{
    struct digest digest;
    const char *answer;
    char *bytes;
    size_t n;

    *same = false;
    TRY(find_program(b, &digest, err));
    if (!digest_equal(&digest, &past->program))
        return OK;
    for (size_t i = 0; i < past->n_files; i++) {
        TRY(file_read(past->files[i].path, snapshot_limit, b->arena, &bytes, &n, err));
        TRY(digest_bytes(bytes, n, &digest, err));
        if (!digest_equal(&digest, &past->files[i].digest))
            return OK;
    }
    for (size_t i = 0; i < past->n_questions; i++) {
        const char *then = past->questions[i].value;
        TRY(recipe_answer(recipe_folder(b->recipe), past->questions[i].name, b->arena, &answer,
                          err));
        if (!then != !answer || (then && strcmp(then, answer) != 0))
            return OK;
    }
    *same = true;
    return OK;
}

/* Looks at every source once. False where one is absent: that is for the recipe to say. */
static bool look_at_sources(struct build *b, const struct snapshot *past)
{
    const char *folder = recipe_folder(b->recipe);
    const size_t n_folder = strlen(folder);
    int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool all = true;

    for (int i = 0; all && i < graph_size(b->graph); i++) {
        const struct node *node = graph_node(b->graph, i);
        struct past *p = &past->nodes[i];
        const char *path;
        struct stat st;
        if (node->kind != NODE_SOURCE)
            continue;
        path = node->source.path; /* a short way where there is one: most lie beside the recipe */
        if (at >= 0 && strncmp(path, folder, n_folder) == 0 && path[n_folder] == '/' &&
            path[n_folder + 1] != '/' && path[n_folder + 1] != '\0')
            path += n_folder + 1;
        all = fstatat(at, path, &st, 0) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
        p->still = all && p->known && !p->folder && p->stamp.settled && stamp_holds(&p->stamp, &st);
    }
    if (at >= 0)
        close(at);
    return all;
}

static bool may_recall(const struct options *o)
{
    return !o->rerun && !o->update && !o->rehash;
}

static enum status open_past(struct build *b, struct snapshot *past, bool *holds, struct error *err)
{
    struct recipe_options options = {.path = b->o->recipe};

    *holds = false;
    TRY(recipe_locate(&options, &b->recipe, err));
    TRY(name_snapshot(b, recipe_folder(b->recipe), err));
    b->recall.on = true;
    if (access(b->recall.path, R_OK) != 0)
        return OK;
    TRY(build_open_store(b, err));
    TRY(read_snapshot(b, past, err));
    TRY(check_recipe(b, past, holds, err));
    if (*holds)
        *holds = look_at_sources(b, past);
    return OK;
}

void recall_open(struct build *b)
{
    struct snapshot *past = arena_alloc(b->arena, sizeof *past);
    struct error doubt;
    bool holds;

    if (!past || !may_recall(b->o))
        return;
    if (open_past(b, past, &holds, &doubt) == OK && holds) {
        b->recall.past = past;
        return;
    }
    recipe_close(b->recipe);
    graph_close(b->graph);
    b->recipe = NULL;
    b->graph = NULL;
}

enum status recall_begin(struct build *b, struct error *err)
{
    return b->recall.past ? OK : index_revision(b->store, &b->recall.revision, err);
}

/* ---- nodes ---- */

static struct past *past_of(struct build *b, int node)
{
    struct past *p = b->recall.past ? &b->recall.past->nodes[node] : NULL;

    return p && p->known ? p : NULL;
}

bool recall_source(struct build *b, int node)
{
    struct past *p = past_of(b, node);
    struct work *w = work_of(b, node);

    if (!p || !p->still)
        return false;
    w->content = (struct content){.origin = FROM_SOURCE,
                                  .path = graph_node(b->graph, node)->source.path,
                                  .source = {.executable = p->executable,
                                             .size = p->stamp.size,
                                             .digest = p->digest,
                                             .stamps = &p->stamp}};
    w->recalled = true;
    return true;
}

/* Whether tool, or what is fetched, is what it was; an error is for the ordinary path to say. */
static bool same_identity(struct build *b, int node, const struct past *p, const char **identity)
{
    const struct node *n = graph_node(b->graph, node);
    struct error ignored;
    enum status s = n->action.fetch ? fetch_known(&b->fetch, &n->action, identity, &ignored)
                                    : tool_identity(b->tools, n, identity, &ignored);

    return s == OK && *identity && strcmp(*identity, p->identity) == 0;
}

bool recall_action(struct build *b, int node)
{
    struct past *p = past_of(b, node);
    struct work *w = work_of(b, node);
    const struct action *a = &graph_node(b->graph, node)->action;

    if (!p || w->force)
        return false;
    for (size_t i = 0; i < a->n_inputs; i++)
        if (!work_of(b, a->inputs[i].node)->same)
            return false;
    if (!same_identity(b, node, p, &w->identity))
        return false;
    w->key = p->key;
    w->keyed = true;
    if ((w->marked = p->marked))
        b->counts.marked++;
    w->content = (struct content){.origin = FROM_STORE, .digest = p->digest};
    w->cached = w->recalled = true;
    b->counts.cached++;
    return true;
}

/* Whether a node that is done has the content that it had. */
static bool has_same(struct build *b, int node, const struct past *p)
{
    const struct content *c = &work_of(b, node)->content;

    switch (graph_node(b->graph, node)->kind) {
    case NODE_TEXT:
        return true;
    case NODE_SOURCE:
        return c->source.folder == p->folder && c->source.executable == p->executable &&
               digest_equal(&c->source.digest, &p->digest);
    case NODE_ACTION:
        return digest_equal(&c->digest, &p->digest);
    case NODE_STUDY:
    case NODE_BEST:
    case NODE_TABLE:
    case NODE_AFTER:
    case NODE_COMPARE:
        break;
    }
    return false;
}

void recall_compare(struct build *b, int node)
{
    struct past *p = past_of(b, node);
    struct work *w = work_of(b, node);
    const enum node_kind kind = graph_node(b->graph, node)->kind;

    if (!b->recall.past)
        return;
    w->same = p && (w->recalled || has_same(b, node, p));
    if (w->recalled)
        return;
    /* What the next build could recall and this one could not is worth a new snapshot. */
    if (!w->same || kind == NODE_ACTION ||
        (kind == NODE_SOURCE && !p->folder && w->content.source.stamps->settled))
        b->recall.changed = true;
}

/* ---- out/ ---- */

bool recall_landed(struct build *b, size_t target, const struct stat *now)
{
    const struct snapshot *past = b->recall.past;

    if (!past || target >= past->n_landed || !work_of(b, b->targets[target].node)->same ||
        !past->landed[target].settled || !stamp_holds(&past->landed[target], now))
        return false;
    b->recall.landed[target] = past->landed[target];
    return true;
}

struct stamp *recall_landing(struct build *b, size_t target)
{
    return &b->recall.landed[target];
}

void recall_end_landing(struct build *b)
{
    const struct snapshot *past = b->recall.past;

    for (size_t i = 0; past && !b->recall.changed && i < b->n_targets; i++)
        b->recall.changed =
            b->recall.landed[i].settled && (i >= past->n_landed || !past->landed[i].settled ||
                                            !stamp_same(&b->recall.landed[i], &past->landed[i]));
}

/* ---- what the next build will recall ---- */

enum status recall_covers(struct build *b, const char *recipe, bool *covers, struct error *err)
{
    struct run *runs;
    size_t n, i = 0;

    *covers = false;
    if (!b->recall.past || b->recall.day != b->today)
        return OK;
    TRY(history_runs(b->store, recipe, 2, b->arena, &runs, &n, err));
    if (n > 0 && runs[0].id == b->run)
        i = 1;
    *covers = i < n && runs[i].id == b->recall.run;
    return OK;
}

static struct past past_from(const void *build, int node)
{
    const struct build *b = build;
    const struct work *w = (size_t)node < b->n_work ? b->work[node] : NULL;
    struct past p = {.known = w && plan_state(b->plan, node) == PLAN_DONE};

    if (!p.known)
        return p;
    switch (graph_node(b->graph, node)->kind) {
    case NODE_SOURCE:
        p.folder = w->content.source.folder;
        p.executable = w->content.source.executable;
        p.digest = w->content.source.digest;
        if (!p.folder)
            p.stamp = w->content.source.stamps[0];
        break;
    case NODE_ACTION:
        p.key = w->key;
        p.digest = w->content.digest;
        p.identity = w->identity;
        p.marked = w->marked;
        break;
    case NODE_TEXT:
    case NODE_STUDY:
    case NODE_BEST:
    case NODE_TABLE:
    case NODE_AFTER:
    case NODE_COMPARE:
        break;
    }
    return p;
}

/* What the recipe depends on; a recalled one as before. */
static enum status take_origins(struct build *b, struct snapshot *s, bool *whole, struct error *err)
{
    const struct snapshot *past = b->recall.past;
    struct recipe_origins o;

    *whole = true;
    if (past) {
        *s = *past;
        return OK;
    }
    *whole = recipe_origins(b->recipe, &o);
    s->printed = recipe_printed(b->recipe);
    s->questions = (struct pair *)o.questions;
    s->n_questions = o.n_questions;
    s->n_files = o.n_sources;
    if (!(s->files = arena_array(b->arena, o.n_sources + 1, sizeof *s->files)))
        return error_memory(err);
    for (size_t i = 0; i < o.n_sources; i++) {
        s->files[i].path = o.sources[i].chunk + 1;
        TRY(digest_bytes(o.sources[i].bytes, o.sources[i].n, &s->files[i].digest, err));
    }
    return find_program(b, &s->program, err);
}

/* The file that becomes the snapshot. */
struct fresh {
    const char *path;
    int fd;
    struct hasher *hasher;
};

static enum status add_bytes(void *to, const char *bytes, size_t n, struct error *err)
{
    struct fresh *f = to;

    hasher_add(f->hasher, bytes, n);
    return file_write_all(f->fd, f->path, bytes, n, err);
}

static enum status fill(struct build *b, const struct snapshot *s, struct fresh *f,
                        struct digest *digest, struct error *err)
{
    enum status status;

    TRY(hasher_open(&f->hasher, err));
    status = snapshot_write(s, b->graph, past_from, b, add_bytes, f, err);
    if (status == OK)
        status = hasher_finish(f->hasher, digest, err);
    hasher_close(f->hasher);
    return status;
}

/* Whole under its name or not there, but not durable: the index has its digest. */
static enum status put_file(struct build *b, const struct snapshot *s, struct digest *digest,
                            struct error *err)
{
    struct fresh f;
    char *path;
    enum status status;

    TRY(store_temporary(b->store, b->arena, &path, &f.fd, err));
    f.path = path;
    status = fill(b, s, &f, digest, err);
    (void)fchmod(f.fd,
                 0644); /* of a store that several people share; who cannot read it makes his */
    close(f.fd);
    if (status == OK && rename(path, b->recall.path) != 0)
        status = error_system(err, b->recall.path, "replace");
    if (status != OK)
        (void)unlink(path);
    return status;
}

static enum status write_snapshot(struct build *b, struct snapshot_row *row, bool *written,
                                  struct error *err)
{
    struct snapshot s = {.n_files = 0};

    TRY(take_origins(b, &s, written, err));
    if (!*written)
        return OK;
    s.landed = b->recall.landed;
    s.n_landed = b->n_targets;
    return put_file(b, &s, &row->digest, err);
}

enum status recall_save(struct build *b, struct error *err)
{
    struct snapshot_row row = {.name = b->recall.name, .run = b->run, .day = b->today};
    struct error ignored;
    bool written;

    if (!b->recall.on || b->failed || !snapshot_suits(b->graph))
        return OK;
    TRY(index_revision(b->store, &row.revision, err));
    if (row.revision != b->recall.revision) /* some answer that this build got is wrong by now */
        return OK;
    if (b->recall.past && !b->recall.changed) {
        row.digest = b->recall.digest;
    } else {
        /* It only spares work: a build that cannot leave one has lost nothing. */
        if (write_snapshot(b, &row, &written, &ignored) != OK || !written)
            return OK;
    }
    return history_snapshot_put(b->store, &row, err);
}
