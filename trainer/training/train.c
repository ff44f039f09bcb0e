/* train: the loop. Start at train_run, then train_step. */
#include "trainer/training/train.h"

#include <time.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/interrupt.h"
#include "trainer/lines.h"
#include "trainer/model/evaluate.h"
#include "trainer/permutation.h"
#include "trainer/training/saver.h"
#include "trainer/training/word.h"

/* A finished epoch that is not reported yet, because its checkpoint is still being written. */
struct ended {
    int64_t epochs; /* done; 0: there is none */
    double loss, elapsed;
    size_t tokens;
    bool saved; /* it has a checkpoint */
};

/* The losses of a step's queries, which come to the host with its norms. */
struct losses {
    double *of;        /* [queries of all micro-batches] */
    size_t *n_queries; /* [micro-batches] */
    size_t n;
    size_t labels;
};

/* What one process keeps between epochs. */
struct progress {
    struct schedule schedule;
    struct arena *arena;
    double started; /* this epoch, in seconds */
    size_t tokens;  /* of this epoch, as given */
    struct losses losses;
    struct ended ended;
    struct saver *saver;    /* running, or NULL */
    const char *saved_as;   /* what the report calls its folder; NULL: it is OUT itself */
    double saved_at;        /* when it began, in seconds */
    double stalled;         /* seconds that training waited for it */
    const char *checkpoint; /* the last named one that is whole, a path, or NULL */
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
static void gradients(struct train *t, size_t from, size_t to, struct losses *losses,
                      size_t *tokens)
{
    struct backend *be = t->network.be;
    size_t queries = 0;
    double scale;

    losses->n = losses->labels = 0;
    for (size_t i = from; i < to; i++)
        losses->labels += t->loss_denominator == DENOMINATOR_LABELS ? t->data.order[i]->n_marked
                                                                    : t->data.order[i]->n_labels;
    scale = losses->labels > 0 ? 1 / (double)losses->labels : 0;
    scale *= optimizer_loss_scale(&t->optimizer, &t->network);
    for (size_t i = from; i < to; i += (size_t)t->batch_size) {
        const size_t left = to - i, size = (size_t)t->batch_size;
        batch_fill(&t->batch, t->data.order + i, left < size ? left : size);
        network_forward(&t->network, &t->batch);
        network_loss(&t->network, &t->batch, scale, true, losses->of + queries);
        network_backward(&t->network);
        if (t->accumulate > 1)
            be->ops->add_gradients(be, i == from);
        queries += losses->n_queries[losses->n++] = t->batch.n_queries;
        *tokens += t->batch.n_tokens;
    }
}

/* The step's loss, once its losses have come: NaN without a label, as in the Trainer. */
static double loss_of(const struct losses *losses)
{
    const double *at = losses->of;
    double loss = 0;

    for (size_t i = 0; i < losses->n; at += losses->n_queries[i++])
        loss += network_sum(at, losses->n_queries[i]);
    return loss / (double)losses->labels;
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

/* Begins to write OUT/NAME, or OUT for NULL: nothing changes the weights before the end of the next
 * step. */
static enum status begin_checkpoint(struct train *t, struct progress *p, int64_t epochs,
                                    const char *name, struct error *err)
{
    struct save save = {
        t->out,
        t->model,
        &t->network,
        {epochs, t->optimizer.updates, p->schedule.skipped, t->optimizer.loss_scale}};

    p->saved_as = name;
    if (name && !(save.folder = file_join(p->arena, t->out, name)))
        return error_memory(err);
    p->saved_at = seconds();
    return saver_start(&save, &p->saver, err);
}

/* Begins the checkpoint of an epoch, if one is due. */
static enum status checkpoint_epoch(struct train *t, struct progress *p, int64_t epochs,
                                    struct error *err)
{
    const char *name = arena_printf(p->arena, "t%lld", (long long)epochs);

    p->stalled = 0;
    if ((epochs != t->until || t->more) &&
        (!t->named || seconds() - p->saved_at < (double)t->checkpoint_seconds))
        return OK;
    if (!name)
        return error_memory(err);
    return begin_checkpoint(t, p, epochs, t->named ? name : NULL, err);
}

/* Before the weights change. */
static void settle(struct train *t, struct progress *p)
{
    const double from = seconds();

    t->network.be->ops->settle(t->network.be);
    p->stalled += seconds() - from;
}

static enum status end_checkpoint(struct progress *p, struct error *err)
{
    const double from = seconds();
    const enum status s = saver_finish(p->saver, err);

    p->saver = NULL;
    p->stalled += seconds() - from;
    return s;
}

static enum status print_report(const struct progress *p, const struct ended *e, const char *name,
                                bool more, struct error *err)
{
    struct text line = text_in(p->arena);

    text_add(&line, "{\"t\": ");
    text_add_integer(&line, e->epochs);
    text_add(&line, ", \"eval_loss\": ");
    lines_number(&line, e->loss);
    if (name)
        text_printf(&line, ", \"checkpoint\": \"%s\"", name);
    if (more)
        text_add(&line, ", \"more\": \"save\"");
    text_printf(&line, ", \"info\": {\"seconds\": %.3f, \"tokens_per_s\": %.0f", e->elapsed,
                (double)e->tokens / e->elapsed);
    if (e->saved)
        text_printf(&line, ", \"checkpoint_stall_s\": %.3f", p->stalled);
    text_add(&line, "}}");
    return lines_report(&line, err);
}

/*
 * Reports the epoch that has ended, if there is one, and drops the checkpoint before its own. What
 * is still being written is reported later, unless `now`. An epoch whose checkpoint fails is
 * reported without it.
 */
static enum status report(struct train *t, struct progress *p, bool now, struct error *err)
{
    const char *before = p->checkpoint;
    struct ended e = p->ended;
    struct error ignored;
    enum status s;

    if (e.epochs == 0 || (p->saver && !now && !saver_ended(p->saver)))
        return OK;
    p->ended.epochs = 0;
    if (p->saver && (s = end_checkpoint(p, err)) != OK) {
        e.saved = false;
        (void)print_report(p, &e, NULL, false,
                           &ignored); /* the first failure is the one to report */
        return s;
    }
    TRY(print_report(p, &e, e.saved ? p->saved_as : NULL, t->more && e.epochs == t->until, err));
    if (!e.saved || !p->saved_as)
        return OK;
    if (!(p->checkpoint = file_join(p->arena, t->out, p->saved_as)))
        return error_memory(err);
    return before ? file_remove(before, err) : OK;
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
        gradients(t, from, to, &p->losses, &p->tokens);
        settle(t, p);
        TRY(optimizer_step(&t->optimizer, &t->network, step.lr, &step.update, err));
        step.loss = loss_of(&p->losses);
        if (step.update.skipped)
            schedule_skip(&p->schedule);
        TRY(report(t, p, false, err));
        if (t->log_steps)
            TRY(log_step(&step, err));
    }
    return OK;
}

/* After `epochs` epochs: a checkpoint, and the evaluation while it is being written. */
static enum status end_epoch(struct train *t, struct progress *p, int64_t epochs, struct error *err)
{
    double loss;

    TRY(report(t, p, true, err)); /* the epoch before */
    TRY(checkpoint_epoch(t, p, epochs, err));
    TRY(evaluate_loss(&t->network, &t->validation, (size_t)t->eval_batch_size, &t->batch, &loss,
                      err));
    p->ended = (struct ended){epochs, loss, seconds() - p->started, p->tokens, p->saver != NULL};
    return report(t, p, epochs == t->until, err);
}

/* What is still being written when training has ended is waited for, and an epoch reported. */
static enum status end_run(struct train *t, struct progress *p, struct error *err)
{
    if (p->ended.epochs > 0)
        return report(t, p, true, err);
    return p->saver ? end_checkpoint(p, err) : OK;
}

/* Writes the checkpoint that is asked for. */
static enum status save(struct train *t, struct progress *p, const char *folder, struct error *err)
{
    struct text line = text_in(p->arena);

    if (!folder)
        return error_memory(err);
    TRY(begin_checkpoint(t, p, t->until, folder, err));
    TRY(end_checkpoint(p, err));
    text_add(&line, "{\"saved\": ");
    json_write_string(&line, folder);
    text_add(&line, "}");
    return lines_report(&line, err);
}

/* All epochs so far are reported: what now? */
static enum status obey(struct train *t, struct progress *p, struct error *err)
{
    struct word word;

    TRY(word_read(&word, err));
    while (word.kind == WORD_KEEP) {
        TRY(save(t, p, arena_string(p->arena, word.folder), err));
        TRY(word_read(&word, err));
    }
    switch (word.kind) {
    case WORD_UNTIL:
        if (word.until <= t->until || word.until > t->epochs)
            return error_set(err, ERR_INPUT, "standard input",
                             "until: expected from %lld to %lld, found %lld",
                             (long long)t->until + 1, (long long)t->epochs, (long long)word.until);
        t->until = word.until;
        return OK;
    case WORD_SAVE:
        return save(t, p, arena_printf(p->arena, "t%lld", (long long)t->until), err);
    case WORD_KEEP:
    case WORD_STOP:
        return OK;
    }
    return OK;
}

enum status train_measure(const struct dataset *data, int64_t batch_size,
                          const struct dataset *validation, int64_t eval_batch_size,
                          struct batch_limits *out, struct error *err)
{
    *out = (struct batch_limits){.tokens = 0};
    TRY(batch_measure(data, (size_t)batch_size, out, err));
    return batch_measure(validation, (size_t)eval_batch_size, out, err);
}

/* Host memory for what a step fetches. */
static enum status open_losses(const struct train *t, struct losses *out, struct arena *arena,
                               struct error *err)
{
    const size_t n = (size_t)t->accumulate;
    struct batch_limits window = {.tokens = 0};

    TRY(batch_measure(&t->data, n * (size_t)t->batch_size, &window, err));
    out->of = arena_array(arena, window.queries, sizeof *out->of);
    out->n_queries = arena_array(arena, n, sizeof *out->n_queries);
    return out->of && out->n_queries ? OK : error_memory(err);
}

enum status train_run(struct train *t, struct error *err)
{
    const int64_t window = t->batch_size * t->accumulate;
    struct progress p = {
        .schedule = {t->lr, t->epochs, ((int64_t)t->data.n + window - 1) / window, t->skipped},
        .arena = arena_open(),
        .saved_at = seconds(),
    };
    struct error ignored;
    enum status s = p.arena ? open_losses(t, &p.losses, p.arena, err) : error_memory(err), end;

    if (s == OK)
        s = optimizer_open(&t->optimizer, t->network.layout, p.arena, err);
    for (int64_t epoch = t->from; epoch < t->until && s == OK; epoch++) {
        p.started = seconds();
        p.tokens = 0;
        if ((s = train_epoch(t, &p, epoch, err)) == OK)
            s = end_epoch(t, &p, epoch + 1, err);
        if (s == OK && t->more && epoch + 1 == t->until)
            s = obey(t, &p, err);
    }
    end = end_run(t, &p, s == OK ? err : &ignored);
    arena_close(p.arena);
    return s == OK ? end : s;
}
