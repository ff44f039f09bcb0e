/* forward: one padded batch → its loss, each row's last logits, and, where asked, all gradients. */
#include "trainer/model/network.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/lfs.h"
#include "trainer/lines.h"
#include "trainer/model/machine.h"
#include "trainer/model/model.h"
#include "trainer/model/safetensors.h"
#include "trainer/model/weights.h"

enum { BATCH_FILE_MAX = 1 << 30, ROWS_MAX = 1 << 16 };

struct options {
    const char *model, *batch, *gradients;
    struct machine machine;
};

/* Row i of a list of lists, NULL where the list is absent. */
static enum status row_of(const struct json *file, const char *where, const char *name, size_t i,
                          size_t n, const struct json **out, struct error *err)
{
    const struct json *list = json_get(file, name);

    *out = NULL;
    if (!list)
        return OK;
    if (list->kind != JSON_ARRAY || list->n != n)
        return error_set(err, ERR_INPUT, where, "%s: expected a list of %zu rows", name, n);
    *out = &list->items[i];
    return OK;
}

/* What would change the numbers in transformers, and does not here. */
static enum status refuse_unread(const struct json *file, const char *where, struct error *err)
{
    static const char *const names[] = {"position_ids", "token_type_ids", "inputs_embeds",
                                        "head_mask", "past_key_values"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_get(file, names[i]))
            return error_set(err, ERR_INPUT, where,
                             "%s: is not read: positions count the tokens that are not masked",
                             names[i]);
    return OK;
}

static enum status read_batch(const char *path, const struct batch_rules *rules,
                              struct arena *arena, struct dataset *out, struct error *err)
{
    const struct json *ids;
    struct json *file;
    char *bytes;
    size_t n;

    TRY(lfs_read(path, BATCH_FILE_MAX, arena, &bytes, &n, err));
    TRY(json_parse(bytes, n, path, JSON_STRICT, arena, &file, err));
    TRY(json_want_array(file, path, "input_ids", &ids, err));
    TRY(refuse_unread(file, path, err));
    if (ids->n < 1 || ids->n > ROWS_MAX)
        return error_set(err, ERR_INPUT, path, "input_ids: expected 1 to %d rows, found %zu",
                         ROWS_MAX, ids->n);
    out->n = ids->n;
    if (!(out->examples = arena_array(arena, ids->n, sizeof *out->examples)))
        return error_memory(err);
    for (size_t i = 0; i < ids->n; i++) {
        struct example_lists lists = {.ids = &ids->items[i]};
        char where[200];
        (void)snprintf(where, sizeof where, "%.160s: row %zu", path, i);
        TRY(row_of(file, path, "attention_mask", i, ids->n, &lists.mask, err));
        TRY(row_of(file, path, "labels", i, ids->n, &lists.labels, err));
        TRY(batch_example(&lists, rules, true, where, arena, &out->examples[i], err));
        if (out->examples[i].n == 0)
            return error_set(err, ERR_INPUT, where, "expected at least one unmasked token");
    }
    return batch_order(out, arena, err);
}

static enum status print(const struct dataset *data, const float *last, size_t vocab, double loss,
                         struct arena *arena, struct error *err)
{
    struct text line = text_in(arena);

    text_add(&line, "{\"loss\": ");
    lines_number(&line, loss);
    text_add(&line, ", \"last_logits\": [");
    for (size_t i = 0; i < data->n; i++) {
        text_add(&line, i ? ", [" : "[");
        for (size_t j = 0; j < vocab; j++) {
            text_add(&line, j ? ", " : "");
            lines_number(&line, (double)last[i * vocab + j]);
        }
        text_add(&line, "]");
    }
    text_add(&line, "]}");
    return lines_report(&line, err);
}

/* The logits at each row's last query: asked for before the loss overwrites them. */
static void fetch_last(const struct network *n, const struct dataset *data, float *last)
{
    const size_t vocab = n->layout->config.vocab;
    size_t query = 0;

    for (size_t i = 0; i < data->n; i++) {
        query += data->examples[i].n_queries;
        n->be->ops->fetch(n->be, last + i * vocab,
                          (const float *)n->logits.at + (query - 1) * n->logits.stride,
                          vocab * sizeof *last);
    }
}

static enum status write_gradients(const char *path, const struct network *n, struct arena *arena,
                                   struct error *err)
{
    const struct weights_parts gradients = {1, (const char *const[]){""},
                                            (const enum ops_part[]){OPS_GRADIENT}};
    struct safetensors_writer *w = NULL;
    struct snapshot *snapshot;
    enum status s;

    TRY(n->be->ops->sync(n->be, err));
    TRY(n->be->ops->snapshot(n->be, &snapshot, err));
    s = weights_put(path, n->be, snapshot, n->layout, &gradients, arena, &w, err);
    n->be->ops->release(snapshot);
    if (s == OK)
        return safetensors_commit(w, err);
    safetensors_abandon(w);
    return s;
}

static enum status run(struct network *n, const struct options *o, const struct dataset *data,
                       struct batch *batch, struct arena *arena, struct error *err)
{
    const size_t vocab = n->layout->config.vocab;
    float *last = arena_array(arena, data->n * vocab, sizeof *last);
    double *losses, scale;

    batch_fill(batch, data->order, data->n);
    losses = arena_array(arena, batch->n_queries, sizeof *losses);
    if (!last || !losses)
        return error_memory(err);
    network_forward(n, batch);
    fetch_last(n, data, last);
    scale = batch->n_labels ? 1 / (double)batch->n_labels : 0;
    network_loss(n, batch, scale, o->gradients != NULL, losses);
    if (o->gradients) {
        network_backward(n);
        TRY(write_gradients(o->gradients, n, arena, err));
    }
    TRY(n->be->ops->sync(n->be, err));
    return print(data, last, vocab, network_sum(losses, batch->n_queries) / (double)batch->n_labels,
                 arena, err);
}

static enum status with_machine(const struct options *o, struct backend *be, struct arena *arena,
                                struct error *err)
{
    struct network_plan plan = {.training = o->gradients != NULL,
                                .product = machine_product(&o->machine)};
    struct dataset data = {.n = 0};
    struct network network;
    struct batch_rules rules;
    struct model model;
    struct batch batch;

    TRY(model_read(o->model, arena, &model, err));
    rules = batch_rules(&model.layout->config);
    TRY(read_batch(o->batch, &rules, arena, &data, err));
    TRY(batch_measure(&data, data.n, &plan.limits, err));
    TRY(batch_open(&plan.limits, arena, &batch, err));
    TRY(network_open(be, model.layout, &plan, arena, &network, err));
    TRY(weights_read(o->model, be, model.layout, err));
    return run(&network, o, &data, &batch, arena, err);
}

enum status command_forward(int argc, char **argv, struct error *err)
{
    struct options o = {.machine = machine_default()};
    const struct flag flags[] = {
        {.name = "--model", .kind = FLAG_STRING, .out = &o.model, .required = true},
        {.name = "--batch", .kind = FLAG_STRING, .out = &o.batch, .required = true},
        {.name = "--gradients", .kind = FLAG_STRING, .out = &o.gradients},
        MACHINE_FLAGS(o.machine),
    };
    struct arena *arena;
    struct backend *be = NULL;
    enum status s;

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    if (!(arena = arena_open()))
        return error_memory(err);
    if ((s = machine_open(&o.machine, &be, err)) == OK)
        s = with_machine(&o, be, arena, err);
    backend_close(be);
    arena_close(arena);
    return s;
}
