/*
 * output: out/RECIPE/TARGET: what each target is, as pieces that landing.c puts into place; nothing
 * is ever read from out/. Start at output_targets.
 */
#include "engine/execution/output.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/content/source.h"
#include "engine/execution/compare.h"
#include "engine/execution/landing.h"
#include "engine/execution/owner.h"
#include "engine/execution/provenance.h"
#include "engine/execution/recall.h"
#include "engine/execution/resolve.h"
#include "engine/graph/target_name.h"
#include "engine/statement/statement.h"

/* The targets on their way to out/. */
struct outputs {
    struct build *b;
    struct landing *to;
    int at; /* out/RECIPE, open and locked */
};

/* An absolute path: the stat cache knows files by it. */
static char *absolute(struct build *b, const char *path)
{
    char here[4096];

    if (path[0] == '/')
        return arena_string(b->arena, path);
    return getcwd(here, sizeof here) ? file_join(b->arena, here, path) : NULL;
}

/* ---- tables ---- */

static enum status text_piece(const char *target, const char *name, const char *text,
                              struct arena *arena, struct piece *out, struct error *err)
{
    struct content *content = arena_alloc(arena, sizeof *content);
    const char *path = file_join(arena, target, name);

    if (!content || !path)
        return error_memory(err);
    *content = (struct content){.origin = FROM_TEXT, .bytes = text, .n = strlen(text)};
    TRY(digest_bytes(text, content->n, &content->digest, err));
    *out = (struct piece){
        .path = path, .kind = TREE_FILE, .digest = content->digest, .content = content};
    return OK;
}

/* Of a study or a comparison its table; else *kind is NULL. */
static enum status make_table(struct build *b, const struct target *target, struct arena *arena,
                              const char **kind, const char **json, struct error *err)
{
    const enum node_kind of = graph_node(b->graph, target->node)->kind;
    struct text table = text_in(arena);
    char *text;

    *kind = of == NODE_STUDY ? "study" : of == NODE_COMPARE ? "compare" : NULL;
    *json = NULL;
    if (of == NODE_STUDY) {
        TRY(study_table(work_of(b, target->node)->study, graph_label(b->graph, target->node),
                        TABLE_MEASURED, &table, err));
        TRY(text_finish(&table, &text, NULL, err));
        *json = text;
    } else if (of == NODE_COMPARE) {
        TRY(compare_json(b, target->node, &text, err));
        *json = text;
    }
    return OK;
}

/* table.csv, table.json, table.txt in the target's folder; *text: the last. */
static enum status list_table(const char *target, const char *kind, const char *json,
                              struct arena *arena, struct piece **out, char **text,
                              struct error *err)
{
    char *csv, *line = arena_printf(arena, "%s\n", json);

    if (!line || !(*out = arena_array(arena, 3, sizeof **out)))
        return error_memory(err);
    TRY(recipe_table(kind, json, arena, text, &csv, err));
    TRY(text_piece(target, "table.csv", csv, arena, &(*out)[0], err));
    TRY(text_piece(target, "table.json", line, arena, &(*out)[1], err));
    return text_piece(target, "table.txt", *text, arena, &(*out)[2], err);
}

/* A study's table says of which it is; a comparison's only where others are printed, too. */
static enum status print_heading(const struct build *b, size_t i, struct error *err)
{
    int tables = 0;
    char *line;

    for (size_t k = 0; k < b->n_targets; k++) {
        enum node_kind kind = graph_node(b->graph, b->targets[k].node)->kind;
        tables += kind == NODE_STUDY || kind == NODE_COMPARE;
    }
    if (tables < 2 || graph_node(b->graph, b->targets[i].node)->kind != NODE_COMPARE)
        return OK;
    line = arena_printf(b->arena, "comparison %s\n", b->targets[i].name);
    return line ? progress_result(line, strlen(line), err) : error_memory(err);
}

/* ---- where it comes from ---- */

/* The one file NAME, or, where there is no text, nothing of that name that is hpo's. */
static enum status put_file(const struct outputs *o, const char *target, const char *ending,
                            const char *text, struct error *err)
{
    struct build *b = o->b;
    const char *name = arena_printf(b->arena, "%s%s", target, ending);
    struct stamp *stamp = arena_alloc(b->arena, sizeof *stamp);
    struct content *content = arena_alloc(b->arena, sizeof *content);
    struct piece *piece = arena_alloc(b->arena, sizeof *piece);

    if (!name || !stamp || !content || !piece)
        return error_memory(err);
    if (!text)
        return landing_put(o->to, name, NULL, 0, stamp, err);
    *content = (struct content){.origin = FROM_TEXT, .bytes = text, .n = strlen(text)};
    TRY(digest_bytes(text, content->n, &content->digest, err));
    *piece = (struct piece){
        .path = name, .kind = TREE_FILE, .digest = content->digest, .content = content};
    return landing_put(o->to, name, piece, 1, stamp, err);
}

/* The target's files, and beside them the statement. */
static enum status put(const struct outputs *o, size_t i, const struct piece *pieces, size_t n,
                       struct error *err)
{
    struct build *b = o->b;
    const struct target *t = &b->targets[i];
    struct provenance p = {.nodes = NULL};

    if (b->key && n > 0)
        TRY(provenance_make(b, b->key, t, pieces, n, b->arena, &p, err));
    TRY(landing_put(o->to, t->name, pieces, n, recall_landing(b, i), err));
    TRY(put_file(o, t->name, STATEMENT_NODES, p.nodes, err));
    return put_file(o, t->name, STATEMENT_FILE, p.statement, err);
}

/* ---- a table ---- */

/* The text also goes to standard output. */
static enum status output_table(const struct outputs *o, size_t i, const char *kind,
                                const char *json, struct error *err)
{
    struct build *b = o->b;
    struct piece *pieces;
    char *text;

    TRY(list_table(b->targets[i].name, kind, json, b->arena, &pieces, &text, err));
    TRY(put(o, i, pieces, 3, err));
    if (b->o->json)
        return OK;
    progress_clear(b->progress);
    TRY(print_heading(b, i, err));
    TRY(progress_result(text, strlen(text), err));
    return progress_result("\n", 1, err);
}

/* ---- what actions and sources came to ---- */

/* The path that lands in out/: a single output is itself the target. *nothing: it has no
 * outputs. */
static const char *landing_path(struct build *b, const struct target *t, bool *nothing)
{
    const struct node *node = graph_node(b->graph, t->node);

    *nothing = false;
    if (t->path || node->kind != NODE_ACTION || node->action.fetch)
        return t->path;
    *nothing = node->action.n_outputs == 0;
    return node->action.n_outputs == 1 ? node->action.outputs[0] : NULL;
}

/* The file, or what lies in the folder, sorted by path. */
static enum status list_pieces(struct build *b, const struct target *t, struct content *c,
                               const char *path, struct arena *arena, struct piece **out, size_t *n,
                               struct error *err)
{
    const char *target = t->name, *file = target_file_name(b->graph, t);
    const struct tree *tree;
    struct content_key key;

    if (!file)
        return error_memory(err);
    TRY(content_key(b->store, c, path, arena, &key, err));
    TRY(content_tree(b->store, c, path, arena, &tree, err));
    *n = tree && tree->n > 0 ? tree->n : 1;
    if (!(*out = arena_array(arena, *n, sizeof **out)))
        return error_memory(err);
    if (!tree || tree->n == 0) {
        **out = (struct piece){.path = tree ? target : file,
                               .kind = tree                          ? TREE_FOLDER
                                       : key.kind == CONTENT_PROGRAM ? TREE_EXECUTABLE
                                                                     : TREE_FILE,
                               .digest = key.digest,
                               .content = c,
                               .inside = path};
        return OK;
    }
    for (size_t i = 0; i < *n; i++) {
        const struct tree_entry *e = &tree->entries[i];
        struct piece *piece = &(*out)[i];
        *piece = (struct piece){.path = file_join(arena, target, e->path),
                                .kind = e->kind,
                                .digest = e->digest,
                                .target = e->target,
                                .content = c,
                                .inside = path ? file_join(arena, path, e->path) : e->path};
        if (!piece->path || !piece->inside)
            return error_memory(err);
    }
    return OK;
}

static enum status list_content(struct build *b, const struct target *target, const char *path,
                                struct arena *arena, struct piece **out, size_t *n,
                                struct error *err)
{
    struct content *content = arena_alloc(arena, sizeof *content);
    enum status s;

    if (!content)
        return error_memory(err);
    *content = work_of(b, target->node)->content; /* what is read of its tree goes with the arena */
    s = list_pieces(b, target, content, path, arena, out, n, err);
    if (s == ERR_INPUT)
        error_place(err, "target %s", target->name);
    return s;
}

enum status output_pieces(struct build *b, const struct target *target, struct arena *arena,
                          struct piece **out, size_t *n, const char **kind, const char **json,
                          struct error *err)
{
    bool nothing;
    const char *path = landing_path(b, target, &nothing);
    char *text;

    *out = NULL;
    TRY(make_table(b, target, arena, kind, json, err));
    *n = *kind ? 3 : 0;
    if (*kind)
        return list_table(target->name, *kind, *json, arena, out, &text, err);
    return nothing ? OK : list_content(b, target, path, arena, out, n, err);
}

static enum status put_content(const struct outputs *o, size_t i, const char *path,
                               struct error *err)
{
    struct piece *pieces = NULL;
    size_t n = 0;

    TRY(list_content(o->b, &o->b->targets[i], path, landing_arena(o->to), &pieces, &n, err));
    return put(o, i, pieces, n, err);
}

static enum status output_content(const struct outputs *o, size_t i, bool *again, struct error *err)
{
    struct build *b = o->b;
    const int node = b->targets[i].node;
    bool nothing;
    const char *path = landing_path(b, &b->targets[i], &nothing);
    enum status s = nothing ? OK : put_content(o, i, path, err);

    if ((s == ERR_NOT_FOUND || s == ERR_CORRUPT) &&
        work_of(b, node)->content.origin == FROM_STORE) {
        *again = true;
        return node_lost(b, node, -1, err);
    }
    return s;
}

/* Whether the store has what that node came to; where it has not, the node is wanted again. */
static enum status look_into(struct build *b, int node, const char *path, bool *again,
                             struct error *err)
{
    const struct work *w = work_of(b, node);
    struct content copy;
    const struct tree *ignored;
    enum status s;

    if (!w || plan_state(b->plan, node) != PLAN_DONE || w->content.origin != FROM_STORE)
        return OK;
    copy = w->content;
    s = content_tree(b->store, &copy, path, b->arena, &ignored, err);
    if (s != ERR_NOT_FOUND && s != ERR_CORRUPT)
        return s == ERR_INPUT ? OK : s; /* nothing lies under the path: the build says so */
    *again = true;
    return node_lost(b, node, -1, err);
}

enum status output_look(struct build *b, bool *again, struct error *err)
{
    *again = false;
    for (size_t i = 0; i < b->n_targets; i++) {
        bool nothing;
        const char *path = landing_path(b, &b->targets[i], &nothing);
        if (!nothing)
            TRY(look_into(b, b->targets[i].node, path, again, err));
    }
    for (int i = 0; i < graph_size(b->graph); i++) {
        const struct action *a = &graph_node(b->graph, i)->action;
        if (graph_node(b->graph, i)->kind != NODE_ACTION || plan_state(b->plan, i) != PLAN_READY)
            continue;
        for (size_t k = 0; k < a->n_inputs; k++)
            TRY(look_into(b, a->inputs[k].node, NULL, again, err));
    }
    return OK;
}

static enum status output_target(const struct outputs *o, size_t i, bool *again, struct error *err)
{
    const char *kind, *json;

    TRY(make_table(o->b, &o->b->targets[i], o->b->arena, &kind, &json, err));
    return kind ? output_table(o, i, kind, json, err) : output_content(o, i, again, err);
}

/* ---- all of them ---- */

/* Whether it is the file that the last build left, by its look. */
static bool looks_right(const struct outputs *o, size_t i)
{
    struct build *b = o->b;
    const char *name = b->recall.past ? target_file_name(b->graph, &b->targets[i]) : NULL;
    struct stat st;

    return name && fstatat(o->at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && recall_landed(b, i, &st);
}

/*
 * Every target that is done. One look at each spares most of them the rest. What is in the way of
 * one keeps no other from its place.
 */
static enum status output_done(const struct outputs *o, bool *again, struct error *err)
{
    struct build *b = o->b;
    enum status refused = OK;

    for (size_t i = 0; i < b->n_targets; i++) {
        struct error reason;
        enum status s = OK;
        if (plan_state(b->plan, b->targets[i].node) != PLAN_DONE)
            continue;
        if (!looks_right(o, i))
            s = output_target(o, i, again, &reason);
        if (s != OK && refused == OK)
            *err = reason;
        if (s != OK && s != ERR_INPUT)
            return s;
        if (refused == OK)
            refused = s;
    }
    return refused;
}

static enum status output_all(struct build *b, const char *folder, int at, bool *again,
                              struct error *err)
{
    struct outputs o = {.b = b, .at = at};
    struct error ignored;
    enum status s, closed;

    TRY(landing_open(b->store, folder, at, &o.to, err));
    s = output_done(&o, again, err);
    closed = landing_close(o.to, s == OK ? err : &ignored);
    recall_end_landing(b);
    return s == OK ? closed : s;
}

/* Beside a target lies its statement, and audits have a folder. */
static enum status check_names(const struct build *b, struct error *err)
{
    static const char *const endings[] = {STATEMENT_NODES, STATEMENT_FILE};

    for (size_t i = 0; b->key && i < b->n_targets; i++) {
        const char *name = b->targets[i].name;
        bool taken = strcmp(name, "audit") == 0;
        for (size_t k = 0; k < sizeof endings / sizeof *endings; k++) {
            const size_t n = strlen(name), ending = strlen(endings[k]);
            taken = taken || (n > ending && strcmp(name + n - ending, endings[k]) == 0);
        }
        if (taken)
            return error_set(err, ERR_INPUT, b->o->recipe,
                             "\"%s\" cannot be a target's name where there is a key: statements "
                             "have such names",
                             name);
    }
    return OK;
}

/* out/RECIPE, absolute. */
static enum status find_folder(struct build *b, char **folder, struct error *err)
{
    const char *name = recipe_name(b->recipe);
    char *out = absolute(b, b->o->out);

    if (!file_is_inner_path(name))
        return error_set(err, ERR_INPUT, b->o->recipe,
                         "its targets go to a folder of its name: \"%s\" can be none", name);
    for (size_t i = 0; i < b->n_targets; i++)
        if (strcmp(b->targets[i].name, OWNER_FOLDER) == 0)
            return error_set(err, ERR_INPUT, b->o->recipe,
                             "\"" OWNER_FOLDER "\" cannot be a target's name: hpo uses it");
    TRY(check_names(b, err));
    *folder = out ? file_join(b->arena, out, name) : NULL;
    return *folder ? OK : error_memory(err);
}

enum status output_refuse(struct build *b, struct error *err)
{
    char *folder;

    TRY(find_folder(b, &folder, err));
    return owner_refuse(folder, b->recipe_path, b->arena, err);
}

enum status output_targets(struct build *b, bool *again, struct error *err)
{
    char *folder = NULL;
    enum status s;
    int at;

    TRY(find_folder(b, &folder, err));
    assert(folder);
    if (!b->recall.past)
        TRY(target_names_check(b->graph, err)); /* of an hpo.after it is known by now */
    if (!b->recall.landed &&
        !(b->recall.landed = arena_array(b->arena, b->n_targets + 1, sizeof *b->recall.landed)))
        return error_memory(err);
    *again = false;
    TRY(file_make_folders(folder, err));
    if (!b->recall.past) /* else few are looked up */
        TRY(source_preload(b->store, folder, err));
    if ((at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return error_system(err, folder, "open");
    /* Another build may put its results there, too: one after the other. */
    s = lock_wait(at, folder, &b->patience, err);
    if (s == OK)
        s = owner_claim(folder, b->recipe_path, b->arena, err);
    if (s == OK)
        s = output_all(b, folder, at, again, err);
    close(at);
    return s;
}
