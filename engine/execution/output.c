/*
 * output: out/RECIPE/TARGET. What lies there already and is right stays untouched; a wrong or
 * edited file is put right; nothing is ever read from out/. Start at output_targets.
 */
#include "engine/execution/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/content/source.h"
#include "engine/execution/compare.h"
#include "engine/execution/recall.h"
#include "engine/execution/resolve.h"

/* A target on its way to out/. */
struct landing {
    struct build *b;
    size_t i; /* of b->targets */
    const struct target *target;
    const char *folder;
    const char *dest; /* FOLDER/NAME */
    struct stat st;   /* of what lies there */
    bool there;       /* something does */
};

/* Whether dest holds exactly what the key says. */
static bool is_right(const struct landing *l, const struct content_key *key)
{
    struct source there;
    struct error ignored;

    if (!l->there || S_ISLNK(l->st.st_mode) ||
        source_digest(l->b->store, l->dest, l->b->arena, &there, &ignored) != OK)
        return false;
    if (there.folder != (key->kind == CONTENT_FOLDER) ||
        (!there.folder && there.executable != (key->kind == CONTENT_PROGRAM)) ||
        !digest_equal(&there.digest, &key->digest))
        return false;
    recall_note_landed(l->b, l->i, &there);
    return true;
}

/* An absolute path: the stat cache knows files by it. */
static char *absolute(struct build *b, const char *path)
{
    char here[4096];

    if (path[0] == '/')
        return arena_string(b->arena, path);
    return getcwd(here, sizeof here) ? file_join(b->arena, here, path) : NULL;
}

static bool is_target(struct build *b, const char *name)
{
    const struct target *targets;
    size_t n = graph_targets(b->graph, &targets);

    for (size_t i = 0; i < n; i++)
        if (strcmp(targets[i].name, name) == 0)
            return true;
    return false;
}

/* A name beside dest that no target has. NULL: no memory. */
static char *fresh_name(struct build *b, const char *dest)
{
    char *name = arena_printf(b->arena, "%s.new", dest);

    while (name && is_target(b, strrchr(name, '/') + 1))
        name = arena_printf(b->arena, "%s.new", name);
    return name;
}

/* Puts the content beside dest, then in its place. */
static enum status replace(struct build *b, struct content *c, const char *path, const char *dest,
                           struct error *err)
{
    char *fresh = fresh_name(b, dest);
    enum status s;

    if (!fresh)
        return error_memory(err);
    TRY(file_remove(fresh, err));
    if ((s = content_place(b->store, c, path, b->arena, fresh, err)) != OK) {
        struct error ignored;
        (void)!file_remove(fresh, &ignored);
        return s;
    }
    TRY(file_remove(dest, err));
    return rename(fresh, dest) == 0 ? OK : error_system(err, dest, "replace");
}

static enum status write_if_changed(struct build *b, const char *folder, const char *name,
                                    const char *text, struct error *err)
{
    char *path = file_join(b->arena, folder, name), *there;
    struct error ignored;
    size_t n;

    if (!path)
        return error_memory(err);
    if (file_read(path, 1 << 28, b->arena, &there, &n, &ignored) == OK && n == strlen(text) &&
        memcmp(there, text, n) == 0)
        return OK;
    return file_write(path, text, strlen(text), err);
}

/* table.json, .txt and .csv in the target's folder; the text also goes to standard output. */
static enum status output_table(struct build *b, const char *kind, const char *json,
                                const char *dest, struct error *err)
{
    char *text, *csv, *line = arena_printf(b->arena, "%s\n", json);
    struct stat st;

    if (!line)
        return error_memory(err);
    TRY(recipe_table(kind, json, b->arena, &text, &csv, err));
    if (lstat(dest, &st) == 0 && !S_ISDIR(st.st_mode))
        TRY(file_remove(dest, err));
    TRY(file_make_folders(dest, err));
    TRY(write_if_changed(b, dest, "table.json", line, err));
    TRY(write_if_changed(b, dest, "table.txt", text, err));
    TRY(write_if_changed(b, dest, "table.csv", csv, err));
    if (b->o->json)
        return OK;
    progress_clear(b->progress);
    TRY(progress_result(text, strlen(text), err));
    return progress_result("\n", 1, err);
}

/* The path that lands in out/: a single output is itself the target. *nothing: no outputs. */
static const char *landing_path(struct build *b, const struct target *t, bool *nothing)
{
    const struct node *node = graph_node(b->graph, t->node);

    *nothing = false;
    if (t->path || node->kind != NODE_ACTION || node->action.fetch)
        return t->path;
    *nothing = node->action.n_outputs == 0;
    return node->action.n_outputs == 1 ? node->action.outputs[0] : NULL;
}

static enum status output_content(const struct landing *l, bool *again, struct error *err)
{
    struct build *b = l->b;
    struct content *c = &work_of(b, l->target->node)->content;
    struct content_key key;
    bool nothing;
    const char *path = landing_path(b, l->target, &nothing);
    enum status s;

    if (nothing)
        return OK;
    s = content_key(b->store, c, path, b->arena, &key, err);
    if (s == OK && is_right(l, &key))
        return OK;
    recall_note_landed(b, l->i, NULL);
    if (s == OK)
        s = replace(b, c, path, l->dest, err);
    if ((s == ERR_NOT_FOUND || s == ERR_CORRUPT) && c->origin == FROM_STORE) {
        *again = true;
        return node_lost(b, l->target->node, -1, err);
    }
    if (s == ERR_INPUT)
        error_place(err, "target %s", l->target->name);
    return s;
}

static enum status output_target(struct landing *l, bool *again, struct error *err)
{
    struct build *b = l->b;
    const int node = l->target->node;
    struct text table = text_in(b->arena);
    char *json;

    if (!(l->dest = file_join(b->arena, l->folder, l->target->name)))
        return error_memory(err);
    switch (graph_node(b->graph, node)->kind) {
    case NODE_STUDY:
        TRY(study_table(work_of(b, node)->study, graph_label(b->graph, node), false, &table, err));
        TRY(text_finish(&table, &json, NULL, err));
        return output_table(b, "study", json, l->dest, err);
    case NODE_COMPARE:
        TRY(compare_json(b, node, &json, err));
        return output_table(b, "compare", json, l->dest, err);
    case NODE_SOURCE:
    case NODE_TEXT:
    case NODE_ACTION:
    case NODE_BEST:
    case NODE_AFTER:
        break;
    }
    return output_content(l, again, err);
}

/* Every target that is done; `at` is the folder. One look at each spares most of them the rest. */
static enum status output_done(struct build *b, const char *folder, int at, bool *again,
                               struct error *err)
{
    for (size_t i = 0; i < b->n_targets; i++) {
        struct landing l = {.b = b, .i = i, .target = &b->targets[i], .folder = folder};
        if (plan_state(b->plan, l.target->node) != PLAN_DONE)
            continue;
        l.there = fstatat(at, l.target->name, &l.st, AT_SYMLINK_NOFOLLOW) == 0;
        if (!l.there || !recall_landed(b, i, &l.st))
            TRY(output_target(&l, again, err));
    }
    return OK;
}

enum status output_targets(struct build *b, bool *again, struct error *err)
{
    char *out = absolute(b, b->o->out);
    char *folder = out ? file_join(b->arena, out, recipe_name(b->recipe)) : NULL;
    enum status s;
    int at;

    if (!b->recall.landed)
        b->recall.landed = arena_array(b->arena, b->n_targets + 1, sizeof *b->recall.landed);
    if (!folder || !b->recall.landed)
        return error_memory(err);
    *again = false;
    TRY(file_make_folders(folder, err));
    if (!b->recall.past) /* else few are looked up */
        TRY(source_preload(b->store, folder, err));
    if ((at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return error_system(err, folder, "open");
    /* Another build may put its results there, too: one after the other. */
    s = flock(at, LOCK_EX) == 0 ? OK : error_system(err, folder, "lock");
    if (s == OK)
        s = output_done(b, folder, at, again, err);
    close(at);
    return s;
}
