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

/* The losses of a step's queries, which come to the host with its norms. Ranks share the arrays. */
struct losses {
    double *of;        /* [micro-batches][most] */
    size_t *n_queries; /* [micro-batches] */
    size_t *n_labels;  /* of each, by which its mean is made */
    size_t most, n;
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
    double lr, loss_scale; /* loss_scale 0: there is none */
    struct update update;
};

/* By how many labels the loss of examples [from, to) of the order is divided. */
static size_t labels_of(const struct train *t, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++)
        n += t->loss_denominator == DENOMINATOR_LABELS ? t->data.order[i]->n_marked
                                                       : t->data.order[i]->n_labels;
    return n;
}

/* What the losses of a micro-batch are multiplied by: together they are the mean. */
static double share_of(const struct train *t, const struct losses *losses, size_t micro)
{
    double labels = 0;

    if (t->loss_mean == MEAN_RANK)
        labels = (double)losses->n_labels[micro] * (double)losses->n;
    else
        for (size_t i = 0; i < losses->n; i++)
            labels += (double)losses->n_labels[i];
    return labels > 0 ? 1 / labels : 0;
}

/* How a window falls into micro-batches. */
static void divide(const struct train *t, size_t from, size_t to, struct losses *losses)
{
    const size_t size = (size_t)t->batch_size;

    losses->n = 0;
    for (size_t i = from; i < to; i += size)
        losses->n_labels[losses->n++] = labels_of(t, i, to - i < size ? to : i + size);
}

/* Forward and backward over one micro-batch; it may have no example. */
static void micro_batch(struct train *t, size_t from, size_t to, size_t number,
                        struct losses *losses, size_t *tokens)
{
    const double scale = optimizer_loss_scale(&t->optimizer, &t->network);
    const bool there = number < losses->n;

    batch_fill(&t->batch, t->data.order + from, to - from);
    network_forward(&t->network, &t->batch);
    network_loss(&t->network, &t->batch, there ? scale * share_of(t, losses, number) : 0, true,
                 there ? losses->of + number * losses->most : NULL);
    network_backward(&t->network);
    if (there)
        losses->n_queries[number] = t->batch.n_queries;
    *tokens += t->batch.n_tokens;
}

/* The gradients of examples [from, to) of the order: a round of micro-batches after another, one
 * for each rank. */
static void gradients(struct train *t, size_t from, size_t to, struct losses *losses,
                      size_t *tokens)
{
    struct backend *be = t->network.be;
    const size_t size = (size_t)t->batch_size;

    divide(t, from, to, losses);
    for (size_t round = 0; round < losses->n; round += t->team.n) {
        const size_t left = losses->n - round, number = round + t->team.rank;
        const size_t begin = number < losses->n ? from + number * size : to;
        const size_t end = to - begin < size ? to : begin + size;
        if (t->accumulate > 1)
            be->ops->micro_batch(be, round == 0, left < t->team.n ? left : t->team.n);
        micro_batch(t, begin, end, number, losses, tokens);
        if (t->accumulate > 1)
            be->ops->add_gradients(be);
    }
}

/* The step's loss, once its losses have come: NaN without a label, as in the Trainer. */
static double loss_of(const struct train *t, const struct losses *losses)
{
    double loss = 0, means = 0, labels = 0;

    for (size_t i = 0; i < losses->n; i++) {
        const double sum = network_sum(losses->of + i * losses->most, losses->n_queries[i]);
        loss += sum;
        labels += (double)losses->n_labels[i];
        means += sum / (double)losses->n_labels[i] / (double)losses->n;
    }
    return t->loss_mean == MEAN_RANK ? means : loss / labels;
}

static enum status print_step(const struct step *step, double loss, struct error *err)
{
    struct arena *arena = arena_open();
    struct text line = text_in(arena);
    enum status s;

    if (!arena)
        return error_memory(err);
    text_add(&line, "{\"step\": ");
    text_add_integer(&line, step->number);
    text_add(&line, ", \"loss\": ");
    lines_number(&line, loss);
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

/* The losses of other ranks have come once these have; and they are read before the next step. */
static enum status log_step(const struct train *t, const struct progress *p,
                            const struct step *step, struct error *err)
{
    TRY(team_meet(&t->team, err));
    if (team_leads(&t->team))
        TRY(print_step(step, loss_of(t, &p->losses), err));
    return team_meet(&t->team, err);
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
    const struct ops *ops = t->network.be->ops;
    struct snapshot *shards;
    struct save save = {
        t->out,
        t->model,
        &t->network,
        {epochs, t->optimizer.updates, p->schedule.skipped, t->optimizer.loss_scale}};

    if (!team_leads(&t->team)) { /* whose snapshot takes what this rank has */
        TRY(ops->snapshot(t->network.be, &shards, err));
        ops->release(shards);
        return OK;
    }
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
    bool due = (epochs == t->until && !t->more) ||
               (t->named && seconds() - p->saved_at >= (double)t->checkpoint_seconds);

    p->stalled = 0;
    TRY(team_agree(&t->team, &due, sizeof due, err)); /* ranks have clocks of their own */
    if (!due)
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

static enum status end_checkpoint(const struct train *t, struct progress *p, struct error *err)
{
    const double from = seconds();
    enum status s;

    team_writes(&t->team);
    s = saver_finish(p->saver, err);
    team_works(&t->team);
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
    if (!team_leads(&t->team))
        return OK;
    if (p->saver && (s = end_checkpoint(t, p, err)) != OK) {
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
        if (team_leads(&t->team))
            TRY(interrupt_check(err));
        gradients(t, from, to, &p->losses, &p->tokens);
        settle(t, p);
        TRY(optimizer_step(&t->optimizer, &t->network, step.lr, &step.update, err));
        if (step.update.skipped)
            schedule_skip(&p->schedule);
        TRY(report(t, p, false, err));
        if (t->log_steps)
            TRY(log_step(t, p, &step, err));
    }
    return OK;
}

/* After `epochs` epochs: a checkpoint, and the evaluation while it is being written. */
static enum status end_epoch(struct train *t, struct progress *p, int64_t epochs, struct error *err)
{
    double loss;

    TRY(report(t, p, true, err)); /* the epoch before */
    TRY(checkpoint_epoch(t, p, epochs, err));
    TRY(evaluate_loss(&t->network, &t->team, &t->validation, (size_t)t->eval_batch_size, &t->batch,
                      t->arena, &loss, err));
    p->ended = (struct ended){epochs, loss, seconds() - p->started, p->tokens, p->saver != NULL};
    return report(t, p, epochs == t->until, err);
}

/* What is still being written when training has ended is waited for, and an epoch reported. */
static enum status end_run(struct train *t, struct progress *p, struct error *err)
{
    if (p->ended.epochs > 0)
        return report(t, p, true, err);
    return p->saver ? end_checkpoint(t, p, err) : OK;
}

/* Writes the checkpoint that is asked for. */
static enum status save(struct train *t, struct progress *p, const char *folder, struct error *err)
{
    struct text line = text_in(p->arena);

    if (!folder)
        return error_memory(err);
    TRY(begin_checkpoint(t, p, t->until, folder, err));
    if (!team_leads(&t->team))
        return OK;
    TRY(end_checkpoint(t, p, err));
    text_add(&line, "{\"saved\": ");
    json_write_string(&line, folder);
    text_add(&line, "}");
    return lines_report(&line, err);
}

/* The next word, which rank 0 reads. */
static enum status hear(const struct train *t, struct word *out, struct error *err)
{
    enum status s = OK;

    team_listens(&t->team);
    if (team_leads(&t->team))
        s = word_read(out, err);
    team_works(&t->team);
    TRY(s);
    return team_agree(&t->team, out, sizeof *out, err);
}

/* All epochs so far are reported: what now? */
static enum status obey(struct train *t, struct progress *p, struct error *err)
{
    struct word word;

    TRY(hear(t, &word, err));
    while (word.kind == WORD_KEEP) {
        TRY(save(t, p, arena_string(p->arena, word.folder), err));
        TRY(hear(t, &word, err));
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

/* Host memory for what a step fetches: rank 0's, in which all write. */
static enum status open_losses(const struct train *t, struct losses *out, struct arena *arena,
                               struct error *err)
{
    const size_t n = (size_t)t->accumulate;
    struct batch_limits micro = {.tokens = 0};

    TRY(batch_measure(&t->data, (size_t)t->batch_size, &micro, err));
    out->most = micro.queries;
    if (team_leads(&t->team)) {
        out->of = arena_array(arena, n * micro.queries, sizeof *out->of);
        out->n_queries = arena_array(arena, n, sizeof *out->n_queries);
    }
    out->n_labels = arena_array(arena, n, sizeof *out->n_labels);
    if (!out->n_labels || (team_leads(&t->team) && (!out->of || !out->n_queries)))
        return error_memory(err);
    TRY(team_agree(&t->team, &out->of, sizeof out->of, err));
    return team_agree(&t->team, &out->n_queries, sizeof out->n_queries, err);
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
    enum status s = p.arena ? open_losses(t, &p.losses, t->arena, err) : error_memory(err), end;

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
