/* local_folder: a task's folder, before its process starts. Start at local_fill_folder. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/content/tree.h"
#include "cache/store.h"
#include "engine/executor/entries.h"
#include "engine/executor/environment.h"
#include "engine/executor/local_state.h"
#include "engine/executor/variation.h"
#include "engine/graph/content.h"
#include "engine/graph/graph.h"

static bool is_lost(enum status s)
{
    return s == ERR_NOT_FOUND || s == ERR_CORRUPT;
}

static enum status put_inputs(struct local *l, struct child *c, const struct request *r,
                              enum start_outcome *outcome, size_t *lost, struct error *err)
{
    const struct action *a = r->action;

    for (size_t i = 0; i < a->n_inputs; i++) {
        struct content content = *r->inputs[i]; /* what is read of it lives as long as the task */
        const enum status s = workspace_put(&c->workspace, l->machine.store, &content,
                                            a->inputs[i].path, a->inputs[i].name, c->arena, err);
        if (is_lost(s) && r->inputs[i]->origin == FROM_STORE) {
            *outcome = START_LOST_INPUT;
            *lost = i;
            return OK;
        }
        TRY(s);
    }
    for (size_t i = 0; i < a->n_outputs; i++)
        TRY(workspace_expect(&c->workspace, a->outputs[i], err));
    return OK;
}

/* Where an audit has it so. */
static enum status list_otherwise(const struct local *l, struct child *c, const char *folder,
                                  struct error *err)
{
    const char *spare = file_join(c->arena, c->workspace.folder, "spare");
    bool ignored = false;

    if (!(l->machine.varies & VARY_ENTRIES))
        return OK;
    return spare ? entries_turn(folder, spare, c->arena, &ignored, err) : error_memory(err);
}

static enum status put_checkpoint(struct local *l, struct child *c, const struct request *r,
                                  const char **in, enum start_outcome *outcome, struct error *err)
{
    struct tree tree;
    enum status s;

    if (!(*in = file_join(c->arena, c->workspace.folder, "in")))
        return error_memory(err);
    if ((s = tree_read(l->machine.store, r->checkpoint, c->arena, &tree, err)) == OK)
        s = tree_place(l->machine.store, &tree, *in, err);
    if (s == OK)
        store_open_to_group(l->machine.store, *in, 02777);
    if (s == OK)
        s = list_otherwise(l, c, *in, err);
    if (!is_lost(s))
        return s;
    *outcome = START_LOST_CHECKPOINT;
    return OK;
}

static enum status write_params(const char *path, const char *params, struct error *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    enum status s;

    if (fd < 0)
        return error_system(err, path, "write");
    s = file_write_all(fd, path, params, strlen(params), err);
    close(fd);
    return s;
}

/* Everything that a task prints is also its log. */
static enum status open_log(struct child *c, struct error *err)
{
    c->log = open(c->task.log, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    return c->log < 0 ? error_system(err, c->task.log, "open") : OK;
}

enum status local_fill_folder(struct local *l, struct child *c, const struct request *r,
                              struct surroundings *s, enum start_outcome *outcome, size_t *lost,
                              struct error *err)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(r->key, hex);
    hex[16] = '\0';
    TRY(workspace_make(&c->workspace, l->machine.store, hex,
                       l->machine.keep_failed ? NULL : &l->leftovers, c->arena, err));
    c->task.folder = c->workspace.folder;
    c->task.name = c->workspace.name;
    c->task.dir = c->workspace.dir;
    c->task.log = c->workspace.log;
    TRY(put_inputs(l, c, r, outcome, lost, err));
    TRY(list_otherwise(l, c, c->workspace.dir, err));
    if (!r->trains || *outcome != START_STARTED)
        return OK;
    TRY(open_log(c, err));
    store_open_to_group(l->machine.store, c->task.log, 0666);
    if (!(c->task.out = file_join(c->arena, c->task.folder, "out")))
        return error_memory(err);
    TRY(file_make_folders(c->task.out, err));
    store_open_to_group(l->machine.store, c->task.out, 02777);
    if (r->checkpoint)
        TRY(put_checkpoint(l, c, r, &s->checkpoint, outcome, err));
    if (!r->action->params)
        return OK;
    if (!(s->params = file_join(c->arena, c->task.folder, "params.json")))
        return error_memory(err);
    TRY(write_params(s->params, r->action->params, err));
    store_open_to_group(l->machine.store, s->params, 0666);
    return OK;
}
