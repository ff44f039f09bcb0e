/* forward: one padded batch → its loss, each row's last logits, and, where asked, all gradients. */
#include "trainer/bloom/bloom.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/bloom/machine.h"
#include "trainer/bloom/model.h"
#include "trainer/bloom/safetensors.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/lfs.h"
#include "trainer/lines.h"

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

static enum status read_batch(const char *path, size_t vocab, struct arena *arena,
                              struct dataset *out, struct error *err)
{
    const struct json *ids;
    struct json *file;
    char *bytes;
    size_t n;

    TRY(lfs_read(path, BATCH_FILE_MAX, arena, &bytes, &n, err));
    TRY(json_parse(bytes, n, path, JSON_STRICT, arena, &file, err));
    TRY(json_want_array(file, path, "input_ids", &ids, err));
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
        TRY(batch_example(&lists, vocab, true, where, arena, &out->examples[i], err));
        if (out->examples[i].n == 0)
            return error_set(err, ERR_INPUT, where, "expected at least one unmasked token");
    }
    return batch_order(out, arena, err);
}

static enum status print(const struct bloom *b, const struct dataset *data, const float *last,
                         double loss, struct arena *arena, struct error *err)
{
    struct text line = text_in(arena);

    text_add(&line, "{\"loss\": ");
    lines_number(&line, loss);
    text_add(&line, ", \"last_logits\": [");
    for (size_t i = 0; i < data->n; i++) {
        text_add(&line, i ? ", [" : "[");
        for (size_t j = 0; j < b->layout->config.vocab; j++) {
            text_add(&line, j ? ", " : "");
            lines_number(&line, (double)last[i * b->layout->config.vocab + j]);
        }
        text_add(&line, "]");
    }
    text_add(&line, "]}");
    return lines_report(&line, err);
}

/* The logits at each row's last query, before the loss overwrites them. */
static void keep_last(const struct bloom *b, const struct dataset *data, float *last)
{
    size_t query = 0;

    for (size_t i = 0; i < data->n; i++) {
        query += data->examples[i].n_queries;
        for (size_t j = 0; j < b->layout->config.vocab; j++)
            last[i * b->layout->config.vocab + j] = b->logits[(query - 1) * b->vocab_stride + j];
    }
}

static enum status run(struct bloom *b, const struct options *o, const struct dataset *data,
                       struct batch *batch, struct arena *arena, struct error *err)
{
    float *last = arena_array(arena, data->n * b->layout->config.vocab, sizeof *last);
    double loss, scale;

    if (!last)
        return error_memory(err);
    batch_fill(batch, data->order, data->n);
    bloom_forward(b, batch);
    keep_last(b, data, last);
    scale = batch->n_labels ? 1 / (double)batch->n_labels : 0;
    loss = bloom_loss(b, batch, scale, o->gradients != NULL) / (double)batch->n_labels;
    if (o->gradients) {
        const char *const prefix = "";
        const struct slabs slabs = bloom_slabs(b);
        struct safetensors_writer *w;
        bloom_backward(b, batch, false);
        TRY(b->ops->sync(b->be, err));
        TRY(model_put_tensors(o->gradients, &slabs, 1, &prefix,
                              (const float *const[]){b->gradients}, arena, &w, err));
        TRY(safetensors_commit(w, err));
    }
    return print(b, data, last, loss, arena, err);
}

static enum status with_machine(const struct options *o, struct backend *be, const struct ops *ops,
                                struct arena *arena, struct error *err)
{
    struct bloom_plan plan = {.training = o->gradients != NULL, .precision = o->machine.precision};
    struct model model;
    struct dataset data = {.n = 0};
    struct batch batch;
    struct bloom b;

    TRY(model_read(o->model, arena, &model, err));
    TRY(read_batch(o->batch, model.layout->config.vocab, arena, &data, err));
    TRY(batch_measure(&data, data.n, &plan.limits, err));
    TRY(batch_open(&plan.limits, arena, &batch, err));
    TRY(bloom_open(be, ops, model.layout, &plan, arena, &b, err));
    TRY(model_read_weights(o->model, &(struct slabs){be, ops, model.layout}, b.weights, err));
    return run(&b, o, &data, &batch, arena, err);
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
    const struct ops *ops;
    enum status s;

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    if (!(arena = arena_open()))
        return error_memory(err);
    if ((s = machine_open(&o.machine, &be, &ops, err)) == OK)
        s = with_machine(&o, be, ops, arena, err);
    backend_close(be);
    arena_close(arena);
    return s;
}
