/*
 * output: out/RECIPE/TARGET. What lies there already and is right stays untouched; a wrong or
 * edited file is put right; nothing is ever read from out/. Start at output_targets.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/source.h"
#include "engine/build.h"

/* Whether dest holds exactly what the key says. */
static bool is_right(struct build *b, const char *dest, const struct content_key *key)
{
    struct source there;
    struct error ignored;
    struct stat st;

    if (lstat(dest, &st) != 0 || S_ISLNK(st.st_mode) ||
        source_digest(b->store, dest, b->arena, &there, &ignored) != OK)
        return false;
    return there.folder == (key->kind == CONTENT_FOLDER) &&
           (there.folder || there.executable == (key->kind == CONTENT_PROGRAM)) &&
           digest_equal(&there.digest, &key->digest);
}

/* An absolute path: the stat cache knows files by it. */
static char *absolute(struct build *b, const char *path)
{
    char here[4096];

    if (path[0] == '/')
        return arena_string(b->arena, path);
    return getcwd(here, sizeof here) ? file_join(b->arena, here, path) : NULL;
}

/* Puts the content beside dest, then in its place. */
static enum status replace(struct build *b, struct content *c, const char *path, const char *dest,
                           struct error *err)
{
    char *fresh = arena_printf(b->arena, "%s.new", dest);
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

/* table.json, table.txt, table.csv in the target's folder; the text also goes to standard output.
 */
static enum status output_table(struct build *b, const char *kind, const char *json,
                                const char *dest, struct error *err)
{
    char *text, *csv, *line = arena_printf(b->arena, "%s\n", json);
    struct stat st;

    if (!line)
        return error_memory(err);
    TRY(recipe_table(kind, json, "text", b->arena, &text, err));
    TRY(recipe_table(kind, json, "csv", b->arena, &csv, err));
    if (lstat(dest, &st) == 0 && !S_ISDIR(st.st_mode))
        TRY(file_remove(dest, err));
    TRY(file_make_folders(dest, err));
    TRY(write_if_changed(b, dest, "table.json", line, err));
    TRY(write_if_changed(b, dest, "table.txt", text, err));
    TRY(write_if_changed(b, dest, "table.csv", csv, err));
    if (b->o->json)
        return OK;
    progress_flush(b->progress);
    TRY(progress_result(text, strlen(text), err));
    return progress_result("\n", 1, err);
}

/* The path that lands in out/: a single output is itself the target. *nothing: it has no outputs.
 */
static const char *landing(struct build *b, const struct target *t, bool *nothing)
{
    const struct node *node = graph_node(b->graph, t->node);

    *nothing = false;
    if (t->path || node->kind != NODE_ACTION || node->action.clone)
        return t->path;
    *nothing = node->action.n_outputs == 0;
    return node->action.n_outputs == 1 ? node->action.outputs[0] : NULL;
}

static enum status output_content(struct build *b, const struct target *t, const char *dest,
                                  bool *again, struct error *err)
{
    struct content *c = &work_of(b, t->node)->content;
    struct content_key key;
    bool nothing;
    const char *path = landing(b, t, &nothing);
    enum status s;

    if (nothing)
        return OK;
    s = content_key(b->store, c, path, b->arena, &key, err);
    if (s == OK && is_right(b, dest, &key))
        return OK;
    if (s == OK)
        s = replace(b, c, path, dest, err);
    if ((s == ERR_NOT_FOUND || s == ERR_CORRUPT) && c->origin == FROM_STORE) {
        *again = true;
        return node_lost(b, t->node, -1, err);
    }
    if (s == ERR_INPUT)
        error_place(err, "target %s", t->name);
    return s;
}

static enum status output_target(struct build *b, const struct target *t, const char *folder,
                                 bool *again, struct error *err)
{
    char *dest = file_join(b->arena, folder, t->name), *json;
    struct text table = text_in(b->arena);

    if (!dest)
        return error_memory(err);
    switch (graph_node(b->graph, t->node)->kind) {
    case NODE_STUDY:
        TRY(study_table(work_of(b, t->node)->study, graph_label(b->graph, t->node), false, &table,
                        err));
        TRY(text_finish(&table, &json, NULL, err));
        return output_table(b, "study", json, dest, err);
    case NODE_COMPARE:
        TRY(compare_json(b, t->node, &json, err));
        return output_table(b, "compare", json, dest, err);
    case NODE_SOURCE:
    case NODE_TEXT:
    case NODE_ACTION:
    case NODE_BEST:
        break;
    }
    return output_content(b, t, dest, again, err);
}

enum status output_targets(struct build *b, bool *again, struct error *err)
{
    char *out = absolute(b, b->o->out);
    char *folder = out ? file_join(b->arena, out, recipe_name(b->recipe)) : NULL;

    if (!folder)
        return error_memory(err);
    *again = false;
    TRY(file_make_folders(folder, err));
    TRY(source_preload(b->store, folder, err));
    for (size_t i = 0; i < b->n_targets; i++)
        if (work_of(b, b->targets[i].node)->state == WORK_DONE)
            TRY(output_target(b, &b->targets[i], folder, again, err));
    return OK;
}
