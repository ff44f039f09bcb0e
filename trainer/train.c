/* train: the loop. Start at train_run, then train_step. */
#include "trainer/train.h"

#include <time.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "trainer/evaluate.h"
#include "trainer/interrupt.h"
#include "trainer/lines.h"
#include "trainer/permutation.h"

/* What one process keeps between epochs. */
struct progress {
    struct schedule schedule;
    const char *checkpoint; /* the last named one, a path, or NULL */
    double checkpoint_at;   /* when, in seconds */
    double started;         /* this epoch, in seconds */
    size_t tokens;          /* of this epoch, as given */
};

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct step {
    int64_t number;
    double loss, lr, loss_scale; /* loss_scale 0: there is none */
    struct update update;
};

static enum status log_step(const struct step *step, struct error *err)
{
    struct arena *arena = arena_open();
    struct text line = text_in(arena);
    enum status s;

    if (!arena)
        return error_memory(err);
    text_add(&line, "{\"step\": ");
    text_add_integer(&line, step->number);
    text_add(&line, ", \"loss\": ");
    lines_number(&line, step->loss);
    text_add(&line, ", \"grad_norm\": ");
    lines_number(&line, step->update.norm);
    text_add(&line, ", \"learning_rate\": ");
    lines_number(&line, step->lr);
    if (step->loss_scale > 0) {
        text_add(&line, ", \"loss_scale\": ");
        lines_number(&line, step->loss_scale);
        text_add(&line, step->update.skipped ? ", \"skipped\": true" : ", \"skipped\": false");
    }
    text_add(&line, "}");
    s = lines_report(&line, err);
    arena_close(arena);
    return s;
}

/* Forward and backward over examples [from, to) of the order, in micro-batches. */
static double gradients(struct train *t, size_t from, size_t to, size_t *tokens)
{
    size_t labels = 0;
    double loss = 0, scale;

    for (size_t i = from; i < to; i++)
        labels += t->loss_denominator == DENOMINATOR_LABELS ? t->data.order[i]->n_marked
                                                            : t->data.order[i]->n_labels;
    scale = labels > 0 ? 1 / (double)labels : 0;
    for (size_t i = from; i < to; i += (size_t)t->batch_size) {
        const size_t left = to - i, size = (size_t)t->batch_size;
        batch_fill(&t->batch, t->data.order + i, left < size ? left : size);
        bloom_forward(&t->bloom, &t->batch);
        loss += bloom_loss(&t->bloom, &t->batch, scale, true);
        bloom_backward(&t->bloom, &t->batch, i > from);
        *tokens += t->batch.n_tokens;
    }
    return loss / (double)labels; /* NaN without a label, as in the Trainer */
}

/* The order of an epoch, into data.order. */
static enum status draw_order(struct train *t, int64_t epoch, struct error *err)
{
    struct arena *arena = arena_open();
    int64_t *order;
    enum status s;

    if (!arena)
        return error_memory(err);
    s = permutation_randperm((uint64_t)(t->seed + epoch), t->data.n, arena, &order, err);
    for (size_t i = 0; s == OK && i < t->data.n; i++)
        t->data.order[i] = &t->data.examples[order[i]];
    arena_close(arena);
    return s;
}

static enum status train_epoch(struct train *t, struct progress *p, int64_t epoch,
                               struct error *err)
{
    const size_t window = (size_t)(t->batch_size * t->accumulate);
    struct step step = {.number = epoch * p->schedule.steps_per_epoch};

    TRY(draw_order(t, epoch, err));
    for (size_t from = 0; from < t->data.n; from += window) {
        const size_t to = t->data.n - from < window ? t->data.n : from + window;
        step.lr = schedule_lr(&p->schedule, step.number++);
        step.loss_scale = t->optimizer.loss_scale.scale;
        TRY(interrupt_check(err));
        step.loss = gradients(t, from, to, &p->tokens);
        TRY(optimizer_step(&t->optimizer, &t->bloom, step.lr, &step.update, err));
        if (step.update.skipped)
            schedule_skip(&p->schedule);
        if (t->log_steps)
            TRY(log_step(&step, err));
    }
    return OK;
}

/* Writes OUT/tN or OUT, if one is due; *name is what the report calls it, or NULL. */
static enum status keep_checkpoint(struct train *t, struct progress *p, int64_t epochs,
                                   struct arena *arena, const char **name, struct error *err)
{
    const bool last = epochs == t->until;
    const struct position at = {epochs, t->optimizer.updates, p->schedule.skipped,
                                t->optimizer.loss_scale};
    const char *folder = t->out;

    *name = NULL;
    if (!last && (!t->named || seconds() - p->checkpoint_at < (double)t->checkpoint_seconds))
        return OK;
    if (t->named) {
        if (!(*name = arena_printf(arena, "t%lld", (long long)epochs)) ||
            !(folder = file_join(arena, t->out, *name)))
            return error_memory(err);
    }
    TRY(checkpoint_write(folder, t->model, &t->bloom, &at, err));
    p->checkpoint_at = seconds();
    return OK;
}

static enum status report(const struct progress *p, int64_t epochs, double loss, const char *name,
                          struct arena *arena, struct error *err)
{
    const double elapsed = seconds() - p->started;
    struct text line = text_in(arena);

    text_add(&line, "{\"t\": ");
    text_add_integer(&line, epochs);
    text_add(&line, ", \"eval_loss\": ");
    lines_number(&line, loss);
    if (name)
        text_printf(&line, ", \"checkpoint\": \"%s\"", name);
    text_printf(&line, ", \"info\": {\"seconds\": %.3f, \"tokens_per_s\": %.0f}}", elapsed,
                (double)p->tokens / elapsed);
    return lines_report(&line, err);
}

/* Evaluates after `epochs` epochs, keeps, reports, and drops the checkpoint before. */
static enum status end_epoch(struct train *t, struct progress *p, int64_t epochs,
                             struct arena *arena, struct error *err)
{
    const char *name, *before = p->checkpoint;
    double loss;

    TRY(evaluate_loss(&t->bloom, &t->validation, (size_t)t->eval_batch_size, &t->batch, &loss,
                      err));
    TRY(keep_checkpoint(t, p, epochs, arena, &name, err));
    TRY(report(p, epochs, loss, name, arena, err));
    if (!name)
        return OK;
    if (!(p->checkpoint = file_join(arena, t->out, name)))
        return error_memory(err);
    return before ? file_remove(before, err) : OK;
}

enum status train_measure(const struct dataset *data, int64_t batch_size,
                          const struct dataset *validation, int64_t eval_batch_size,
                          struct batch_limits *out, struct error *err)
{
    *out = (struct batch_limits){.tokens = 0};
    TRY(batch_measure(data, (size_t)batch_size, out, err));
    return batch_measure(validation, (size_t)eval_batch_size, out, err);
}

enum status train_run(struct train *t, struct error *err)
{
    const int64_t window = t->batch_size * t->accumulate;
    struct progress p = {
        .schedule = {t->lr, t->epochs, ((int64_t)t->data.n + window - 1) / window, t->skipped},
        .checkpoint_at = seconds(),
    };
    struct arena *arena = arena_open();
    enum status s = arena ? OK : error_memory(err);

    for (int64_t epoch = t->from; epoch < t->until && s == OK; epoch++) {
        p.started = seconds();
        p.tokens = 0;
        if ((s = train_epoch(t, &p, epoch, err)) == OK)
            s = end_epoch(t, &p, epoch + 1, arena, err);
    }
    arena_close(arena);
    return s;
}
