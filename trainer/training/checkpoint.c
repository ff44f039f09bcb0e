/* checkpoint: writing its files and reading them. Start at checkpoint_write. */
#include "trainer/training/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/lfs.h"
#include "trainer/model/model.h"
#include "trainer/model/network.h"
#include "trainer/model/safetensors.h"
#include "trainer/model/weights.h"

enum { STATE_MAX = 1 << 16 };

static const struct weights_parts weights_alone = {1, (const char *const[]){""},
                                                   (const enum ops_part[]){OPS_VALUE}};
static const struct weights_parts both_moments = {
    2, (const char *const[]){"exp_avg.", "exp_avg_sq."},
    (const enum ops_part[]){OPS_MOMENT1, OPS_MOMENT2}};

static enum status write_state(const char *folder, const struct position *at, struct arena *arena,
                               struct error *err)
{
    const char *path = file_join(arena, folder, "trainer_state.json");
    struct text t = text_in(arena);
    char *bytes;
    size_t n;

    if (!path)
        return error_memory(err);
    text_add(&t, "{\"epoch\": ");
    text_add_integer(&t, at->epoch);
    text_add(&t, ", \"updates\": ");
    text_add_integer(&t, at->updates);
    if (at->skipped > 0) {
        text_add(&t, ", \"skipped\": ");
        text_add_number(&t, at->skipped);
    }
    if (at->loss_scale.window > 0) {
        text_add(&t, ", \"loss_scale\": ");
        loss_scale_write(&t, &at->loss_scale);
    }
    text_add(&t, "}\n");
    TRY(text_finish(&t, &bytes, &n, err));
    return file_write(path, bytes, n, err);
}

/* What a checkpoint is written from. */
struct contents {
    const struct model *model;
    const struct network *network;
    struct snapshot *snapshot; /* NULL once it is released */
    const struct position *at; /* NULL: weights alone */
};

static void release(struct contents *c)
{
    if (c->snapshot)
        c->network->be->ops->release(c->snapshot);
    c->snapshot = NULL;
}

/* The two large files, not yet synced and renamed. The caller abandons what is open. */
static enum status put_parts(const char *folder, const struct contents *c, struct arena *arena,
                             struct safetensors_writer **weights,
                             struct safetensors_writer **moments, struct error *err)
{
    const char *model_path = file_join(arena, folder, "model.safetensors");
    const char *moments_path = file_join(arena, folder, "optimizer.safetensors");
    const struct backend *be = c->network->be;
    const struct layout *layout = c->network->layout;

    if (!model_path || !moments_path)
        return error_memory(err);
    TRY(weights_put(model_path, be, c->snapshot, layout, &weights_alone, arena, weights, err));
    if (!c->at)
        return OK;
    return weights_put(moments_path, be, c->snapshot, layout, &both_moments, arena, moments, err);
}

/* Syncs and renames what put_parts wrote. The disk writes both while the first is waited for. */
static enum status write_parts(const char *folder, struct contents *c, struct arena *arena,
                               struct error *err)
{
    struct safetensors_writer *weights = NULL, *moments = NULL;
    enum status s = put_parts(folder, c, arena, &weights, &moments, err);

    release(c);
    if (s == OK) {
        s = safetensors_commit(weights, err);
        weights = NULL;
    }
    if (s == OK && moments) {
        s = safetensors_commit(moments, err);
        moments = NULL;
    }
    safetensors_abandon(weights);
    safetensors_abandon(moments);
    return s;
}

static enum status write_files(const char *folder, struct contents *c, struct arena *arena,
                               struct error *err)
{
    TRY(model_write_config(c->model, folder, arena, err));
    TRY(model_write_companions(c->model, folder, arena, err));
    TRY(write_parts(folder, c, arena, err));
    return c->at ? write_state(folder, c->at, arena, err) : OK;
}

/* The folder that holds this one. */
static char *parent_of(struct arena *arena, const char *folder)
{
    const char *slash = strrchr(folder, '/');

    return slash ? arena_copy(arena, folder, (size_t)(slash - folder) + 1)
                 : arena_string(arena, ".");
}

/* Where a checkpoint is written before it is whole: beside its place. */
struct place {
    const char *folder, *part, *parent;
};

static enum status find_place(const char *folder, struct arena *arena, struct place *out,
                              struct error *err)
{
    size_t n = strlen(folder);

    while (n > 1 && folder[n - 1] == '/')
        n--;
    out->folder = arena_copy(arena, folder, n);
    out->part =
        out->folder ? arena_printf(arena, "%s.part-%ld", out->folder, (long)getpid()) : NULL;
    out->parent = out->folder ? parent_of(arena, out->folder) : NULL;
    return out->part && out->parent ? OK : error_memory(err);
}

static enum status write_whole(const char *folder, struct contents *c, struct arena *arena,
                               struct error *err)
{
    struct error ignored;
    struct place at;
    enum status s;

    TRY(find_place(folder, arena, &at, err));
    TRY(file_remove(at.part, err));
    if (mkdir(at.part, 0777) != 0)
        return error_system(err, at.part, "create");
    if ((s = write_files(at.part, c, arena, err)) != OK ||
        (s = file_sync_folder(at.part, err)) != OK) {
        (void)!file_remove(at.part, &ignored); /* the first failure is the one to report */
        return s;
    }
    if (rename(at.part, at.folder) == 0)
        return file_sync_folder(at.parent, err);
    s = error_system(err, at.folder, "rename a finished checkpoint into");
    error_hint(err, "it lies whole in %s", at.part);
    return s;
}

static enum status write_in_arena(const char *folder, struct contents *c, struct error *err)
{
    struct arena *arena = arena_open();
    enum status s = arena ? write_whole(folder, c, arena, err) : error_memory(err);

    release(c);
    arena_close(arena);
    return s;
}

enum status checkpoint_write_model(const char *folder, const struct model *model,
                                   const struct network *network, struct error *err)
{
    struct contents c = {.model = model, .network = network};

    TRY(network->be->ops->snapshot(network->be, &c.snapshot, err));
    return write_in_arena(folder, &c, err);
}

enum status checkpoint_write(const char *folder, const struct model *model,
                             const struct network *network, struct snapshot *snapshot,
                             const struct position *at, struct error *err)
{
    return write_in_arena(folder, &(struct contents){model, network, snapshot, at}, err);
}

static enum status read_state(const char *folder, struct position *at, struct arena *arena,
                              struct error *err)
{
    const char *path = file_join(arena, folder, "trainer_state.json");
    const struct json *scale;
    struct json *tree;
    char *bytes;
    size_t n;

    *at = (struct position){.epoch = 0};
    if (!path)
        return error_memory(err);
    TRY(lfs_read(path, STATE_MAX, arena, &bytes, &n, err));
    TRY(json_parse(bytes, n, path, JSON_STRICT, arena, &tree, err));
    TRY(json_want_integer(tree, path, "epoch", 0, INT32_MAX, &at->epoch, err));
    TRY(json_want_integer(tree, path, "updates", 0, INT64_MAX / 2, &at->updates, err));
    if (json_get(tree, "skipped"))
        TRY(json_want_number(tree, path, "skipped", &at->skipped, err));
    if (!(at->skipped >= 0 && at->skipped <= (double)at->epoch + 0.5)) /* a sum of rounded parts */
        return error_set(err, ERR_INPUT, path, "skipped: expected at most %lld epochs, found %g",
                         (long long)at->epoch, at->skipped);
    scale = json_get(tree, "loss_scale");
    return scale ? loss_scale_read(scale, path, &at->loss_scale, err) : OK;
}

enum status checkpoint_read_position(const char *folder, struct position *at, struct error *err)
{
    struct arena *arena = arena_open();
    enum status s = arena ? read_state(folder, at, arena, err) : error_memory(err);

    arena_close(arena);
    if (s == ERR_NOT_FOUND)
        error_hint(err,
                   "a checkpoint is what hpo-trainer train wrote; a bare model goes to --model");
    return s;
}

enum status checkpoint_read(const char *folder, const struct network *network, struct error *err)
{
    struct arena *arena = arena_open();
    const char *path = arena ? file_join(arena, folder, "optimizer.safetensors") : NULL;
    enum status s =
        path ? weights_read(folder, network->be, network->layout, err) : error_memory(err);

    if (s == OK)
        s = weights_take(path, network->be, network->layout, &both_moments, err);
    arena_close(arena);
    return s;
}

/* Tries with an empty folder what the checkpoint will do: the root of a file system, a symbolic
 * link, "." cannot be replaced. */
static enum status try_place(const char *what, const char *folder, struct arena *arena,
                             struct error *err)
{
    struct place at;
    enum status s;
    int failed;

    TRY(find_place(folder, arena, &at, err));
    if (mkdir(at.part, 0777) != 0)
        return error_system(err, at.part, "create");
    if (rename(at.part, at.folder) == 0)
        return OK;
    failed = errno;
    s = error_system(err, at.folder, "replace by an empty folder");
    (void)rmdir(at.part);
    if (failed != EBUSY && failed != ENOTDIR && failed != EINVAL && failed != EXDEV)
        return s;
    (void)error_set(err, ERR_INPUT, what, "\"%s\" cannot be replaced by a checkpoint: %s", folder,
                    strerror(failed));
    error_hint(err, "name a new folder, for example %s/model", folder);
    return ERR_INPUT;
}

enum status checkpoint_check_folder(const char *what, const char *folder, bool replaced,
                                    struct error *err)
{
    struct arena *arena = arena_open();
    char **names;
    size_t n = 0;
    enum status s = arena ? file_make_folders(folder, err) : error_memory(err);

    if (s == OK)
        s = file_list(folder, arena, &names, &n, err);
    if (s == OK && n > 0)
        s = error_set(err, ERR_INPUT, what, "expected an empty folder or none, found \"%s\"",
                      folder);
    if (s == OK && replaced)
        s = try_place(what, folder, arena, err);
    arena_close(arena);
    return s;
}
